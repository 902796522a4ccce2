"""The largest single order of the user's own setting; a split has been made before this check."""

from bascule.model.event import Verdict
from bascule.model.values import text
from bascule.risk.proposal import Check, Proposal

CODE = "max_order_size"
_PASS = Verdict(CODE, True)


def run(proposal: Proposal) -> Verdict:
    """Refuse an entry larger than the account allows in one order.

    ``used`` and ``limit`` are quantities in the venue's unit.
    """
    limits = proposal.limits
    limit = limits.max_order_qty_by_symbol.get(proposal.listing.symbol, limits.max_order_qty)
    if limit is None:
        return _PASS
    if proposal.quantity <= limit:
        return Verdict(CODE, True, proposal.quantity, limit)
    return Verdict(
        CODE,
        False,
        proposal.quantity,
        limit,
        f"{text(proposal.quantity)} is more than the largest order of {text(limit)} that account "
        f"{proposal.spec.id} allows",
        f'a quantity of {text(limit)} or less, or on_oversize = "split"',
    )


CHECK = Check(CODE, 700, "entry", run)
