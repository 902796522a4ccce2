"""The largest loss of the whole account: static or trailing, by the firm and by the owner."""

from bascule.model.event import Verdict
from bascule.risk.proposal import Check, Proposal
from bascule.risk.room import NEEDS, verdict

CODE = "max_drawdown"


def run(proposal: Proposal) -> Verdict | None:
    """Refuse an entry once a share of the account's allowed loss is used up.

    Used is the allowed loss less what equity is above the floor; the floor is that of the account's
    programme, or follows from ``max_drawdown`` and ``max_drawdown_percent`` below the highest
    equity where that is higher. Entries stop at ``loss_block_percent`` of it, sooner on old
    prices. ``used`` and ``limit`` are in account currency.
    """
    return verdict(CODE, proposal, "max_loss", "the drawdown", "daily_loss")


CHECK = Check(CODE, 894, "entry", run, needs=NEEDS, moved_stop=True)
