"""The margin of all accounts together at its worst, in the portfolio's currency."""

from decimal import Decimal

from bascule.model.event import Verdict
from bascule.risk.proposal import Check, Proposal, by_others, cents, fitting, refuse, unvalued

CODE = "portfolio_margin_limit"


def run(proposal: Proposal) -> Verdict | None:
    """Refuse an entry with which all accounts together could use more margin than they may.

    Used is the higher of what the venues last said is used plus the portfolio's ``margin_percent``
    of all open entries, and that percentage of the worst notional of all accounts; and this order
    on top. ``used`` and ``limit`` are in the portfolio's currency.
    """
    together = proposal.around.portfolio
    limit = together.max_margin
    if limit is None:
        return None
    around = proposal.around
    price, rate, before = around.price, around.portfolio_rate, around.portfolio_margin
    if price is None or rate is None or before is None:
        return unvalued(CODE, proposal, limit, "what is held or on its way")
    share = (together.margin_percent or Decimal(100)) / 100
    unit = price * proposal.listing.multiplier * rate * share
    used = before + proposal.quantity * unit
    if used <= limit:
        return Verdict(CODE, True, used, limit)
    return refuse(
        CODE,
        f"all accounts could come to use {cents(used)} of margin ({cents(before)} before this "
        f"order{by_others(around.foreign_everywhere)}), the limit is {cents(limit)}",
        fitting(proposal, limit - before, unit),
        used,
        limit,
        before,
    )


CHECK = Check(CODE, 875, "entry", run, needs=("all.max_margin",))
