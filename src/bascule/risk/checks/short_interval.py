"""How much notional may be sent within a short while, whatever became of it."""

from decimal import Decimal

from bascule.model.event import Verdict
from bascule.model.values import SECOND, text
from bascule.risk.proposal import Check, Proposal, cents, fitting, refuse, unvalued

CODE = "short_interval"


def run(proposal: Proposal) -> Verdict | None:
    """Refuse an entry with which the notional sent within the interval would pass its limit.

    Every entry that was requested counts in full, filled or not: the limit holds when positions
    and reports lag behind. ``used`` and ``limit`` are in account currency.
    """
    limit = proposal.limits.short_interval_value
    if limit is None:
        return None
    value = proposal.around.value
    if value is None:
        return unvalued(CODE, proposal, limit, "this order")
    before = proposal.around.value_lately
    used = before + value
    if used <= limit:
        return Verdict(CODE, True, used, limit)
    span = text(Decimal(proposal.limits.short_interval_ns) / SECOND)
    currency = proposal.spec.currency
    return refuse(
        CODE,
        f"account {proposal.spec.id} has sent entries worth {cents(before)} {currency} within "
        f"{span} s, and this one is worth {cents(value)}; the limit is {cents(limit)}",
        f"the same order later, or {fitting(proposal, limit - before, proposal.around.unit_value)}",
        used,
        limit,
        before,
    )


CHECK = Check(CODE, 940, "entry", run, needs=("short_interval_value",))
