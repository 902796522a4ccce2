"""The largest single order of the user's own setting; a split has been made before this check."""

from bascule.model.event import Verdict
from bascule.model.values import ZERO, text
from bascule.risk.limits import quantity
from bascule.risk.proposal import Check, Proposal, refuse

CODE = "max_order_size"


def run(proposal: Proposal) -> Verdict | None:
    """Refuse an entry larger than the account allows in one order.

    ``used`` and ``limit`` are quantities in the venue's unit.
    """
    limit = quantity(proposal.limits, "max_order_qty", proposal.listing.symbol)
    if limit is None:
        return None
    if proposal.quantity <= limit:
        return Verdict(CODE, True, proposal.quantity, limit)
    return refuse(
        CODE,
        f"{text(proposal.quantity)} is more than the largest order of {text(limit)} that account "
        f"{proposal.spec.id} allows",
        f'a quantity of {text(limit)} or less, or on_oversize = "split"',
        proposal.quantity,
        limit,
        ZERO,
    )


CHECK = Check(CODE, 700, "entry", run, needs=("max_order_qty", "max_order_qty_by_symbol"))
