"""A live account under a firm needs the firm's permission for automated orders on record."""

from bascule.model.enums import AccountMode
from bascule.model.event import Verdict
from bascule.risk.policy import stance
from bascule.risk.proposal import Check, Proposal, refuse

CODE = "firm_policy"
_PASS = Verdict(CODE, True)


def run(proposal: Proposal) -> Verdict | None:
    """Refuse an entry that the firm has not permitted, or whose conditions the owner does not meet.

    The conditions are the firm's on servers and on watching, and the owner's name. A programme
    with a number that nobody found refuses too.
    """
    spec = proposal.spec
    if spec.mode is not AccountMode.LIVE or (spec.programme is None and not spec.firm):
        return None
    found = stance(spec, proposal.at)
    return _PASS if found.ok else refuse(CODE, found.text, found.passes)


CHECK = Check(CODE, 110, "entry", run, needs=("programme", "firm"))
