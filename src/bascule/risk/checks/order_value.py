"""The notional of one order, in account currency."""

from bascule.model.event import Verdict
from bascule.model.values import ZERO
from bascule.risk.proposal import Check, Proposal, cents, fitting, refuse, unvalued

CODE = "order_value"


def run(proposal: Proposal) -> Verdict | None:
    """Refuse an entry that is worth more than one order may be.

    Its worth is quantity x multiplier x price, at the higher of its own price and the reference;
    one that is split counts as a whole.
    ``used`` and ``limit`` are in account currency.
    """
    limit = proposal.limits.max_order_value
    if limit is None:
        return None
    value, unit = proposal.around.value, proposal.around.unit_value
    if value is None or unit is None:
        return unvalued(CODE, proposal, limit, "this order")
    value += unit * (proposal.whole - proposal.quantity)
    if value <= limit:
        return Verdict(CODE, True, value, limit)
    currency = proposal.spec.currency
    return refuse(
        CODE,
        f"the order is worth {cents(value)} {currency}, and one order on account "
        f"{proposal.spec.id} may be worth {cents(limit)} {currency}",
        fitting(proposal, limit, unit),
        value,
        limit,
        ZERO,
    )


CHECK = Check(CODE, 850, "entry", run, needs=("max_order_value",))
