"""The contract's session must be open: not closed, not in its daily break."""

from bascule.model.event import Verdict
from bascule.risk.proposal import Check, Proposal

CODE = "session_closed"
_PASS = Verdict(CODE, True)
_WORDS = {"break": "in its break"}


def run(proposal: Proposal) -> Verdict:
    """Refuse an entry outside the session of its contract."""
    session = proposal.around.session
    if session == "open":
        return _PASS
    return Verdict(
        CODE,
        False,
        None,
        None,
        f"the session of {proposal.listing.symbol} is {_WORDS.get(session, session)}",
        "the same order when the session is open",
    )


CHECK = Check(CODE, 400, "unproven", run)
