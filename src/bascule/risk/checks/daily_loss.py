"""The day's loss, open losses included: by the firm's rule, and by the owner's limit."""

from bascule.model.event import Verdict
from bascule.risk.proposal import Check, Proposal
from bascule.risk.room import NEEDS, verdict

CODE = "daily_loss"


def run(proposal: Proposal) -> Verdict | None:
    """Refuse an entry once a share of the day's allowed loss is used up.

    Used is the day's reference less equity; the reference, the allowance and the reset are those
    of the account's programme, or ``max_daily_loss`` and ``max_daily_loss_percent`` where they are
    tighter. Entries stop at ``loss_block_percent`` of it; at half of that once a price of what is
    held is older than 5 s, and altogether once it is older than 30 s or missing. ``used`` and
    ``limit`` are in account currency.
    """
    return verdict(CODE, proposal, "daily_loss", "the day's loss")


CHECK = Check(CODE, 892, "entry", run, needs=NEEDS, moved_stop=True)
