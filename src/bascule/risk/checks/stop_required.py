"""Where the user requires a stop, an entry must bring one."""

from bascule.model.event import Verdict
from bascule.risk.proposal import Check, Proposal

CODE = "stop_required"
_PASS = Verdict(CODE, True)


def run(proposal: Proposal) -> Verdict:
    """Refuse an entry without a stop loss on an account with ``require_stop``."""
    if proposal.has_stop_loss or not proposal.limits.require_stop:
        return _PASS
    return Verdict(
        CODE,
        False,
        None,
        None,
        f"account {proposal.spec.id} requires a stop loss with every entry, and this has none",
        "the same order with a stop loss",
    )


CHECK = Check(CODE, 500, "entry", run, moved_stop=True)
