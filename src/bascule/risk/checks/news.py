"""No entry near a release that the account's firm restricts."""

from bascule.model.enums import OrdType
from bascule.model.event import Verdict
from bascule.reference.localtime import local
from bascule.risk.proposal import Check, Proposal, refuse

CODE = "news_blackout"
_PASS = Verdict(CODE, True)


def run(proposal: Proposal) -> Verdict | None:
    """Refuse an entry inside a window round a release, ends included.

    Where a programme restricts entries by pending orders alone, a market order passes. Without a
    calendar that is fresh and reaches far enough nobody knows, and the entry is refused; unless
    nobody knows either whether the firm restricts anything.
    """
    programme = proposal.spec.programme
    rule = programme.news if programme is not None else None
    if programme is None or rule is None:
        return None
    if rule.scope == "no_bracket_orders" and proposal.ord_type is OrdType.MARKET:
        return _PASS
    found = proposal.around.firm.news()
    if found.state == "clear":
        return _PASS
    if found.state == "unknown":
        if rule.assumed:
            return Verdict(CODE, True, text=f"not held to a calendar: {found.text}")
        return refuse(
            CODE,
            f"{programme.firm} restricts trading round releases, and {found.text}",
            "the same order once a calendar of releases is read; exits pass meanwhile",
        )
    assert found.until is not None
    return refuse(
        CODE,
        f"{found.text}: {programme.firm} restricts entries {rule.before_s} seconds before to "
        f"{rule.after_s} seconds after it",
        f"the same order after {local(found.until, 'UTC'):%Y-%m-%d %H:%M:%S} UTC",
    )


CHECK = Check(CODE, 430, "entry", run, needs=("programme",))
