"""No two own orders on either side of one release."""

from bascule.model.event import Verdict
from bascule.risk.proposal import Check, Proposal, refuse

CODE = "news_straddle"
_PASS = Verdict(CODE, True)


def run(proposal: Proposal) -> Verdict | None:
    """Refuse an entry near a release while an own order or position stands against it.

    Held are all own accounts against each other, by contract and by the currencies that the
    release moves: whichever way it goes, one of the two would win.
    """
    if proposal.spec.programme is None:
        return None
    firm = proposal.around.firm
    found = firm.news()
    if found.state != "inside":
        return _PASS
    against = firm.straddles(found.currencies)
    if not against:
        return _PASS
    return refuse(
        CODE,
        f"{found.text} is near, and {against}: two sides of one release is what firms forbid as a "
        "straddle",
        "the same order once the other side is gone, or after the release",
    )


CHECK = Check(CODE, 440, "entry", run, needs=("programme",))
