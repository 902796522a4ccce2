"""The worst notional of an account: all that it holds and all that may still fill."""

from bascule.model.event import Verdict
from bascule.risk.proposal import Check, Proposal, by_others, cents, fitting, refuse, unvalued

CODE = "notional_limit"


def run(proposal: Proposal) -> Verdict | None:
    """Refuse an entry with which the account's worst notional would pass its limit.

    Each contract counts with the larger of its two sides, every open entry as if filled, at its
    last price. ``used`` and ``limit`` are in account currency.
    """
    limit = proposal.limits.max_notional
    if limit is None:
        return None
    others, unit = proposal.around.others_value, proposal.around.unit_value
    if others is None:
        return unvalued(CODE, proposal, limit, "another contract that is held or on its way")
    if unit is None:
        return unvalued(CODE, proposal, limit, "this order")
    worst = others + proposal.worst * unit
    if worst <= limit:
        return Verdict(CODE, True, worst, limit)
    currency = proposal.spec.currency
    before = others + proposal.held * unit
    return refuse(
        CODE,
        f"the worst notional of account {proposal.spec.id} would be {cents(worst)} {currency} "
        f"({cents(others)} in other contracts, this order {cents(proposal.quantity * unit)}"
        f"{by_others(proposal.foreign_orders)}), the limit is {cents(limit)}",
        fitting(proposal, limit - before, unit),
        worst,
        limit,
        before,
    )


CHECK = Check(CODE, 860, "entry", run, needs=("max_notional",))
