"""The worst notional of all accounts together, in the portfolio's currency."""

from bascule.model.event import Verdict
from bascule.risk.proposal import Check, Proposal, by_others, cents, fitting, refuse, unvalued

CODE = "portfolio_notional_limit"


def run(proposal: Proposal) -> Verdict | None:
    """Refuse an entry with which the worst notional of all accounts would pass its limit.

    Each contract of each account counts with the larger of its two sides, every open entry as if
    filled; opposite positions of two accounts do not cancel out. ``used`` and ``limit`` are in the
    portfolio's currency.
    """
    limit = proposal.around.portfolio.max_notional
    if limit is None:
        return None
    price, rate = proposal.around.price, proposal.around.portfolio_rate
    elsewhere = proposal.around.elsewhere_value
    if price is None or rate is None:
        return unvalued(CODE, proposal, limit, "this order")
    if elsewhere is None:
        return unvalued(CODE, proposal, limit, "what another account holds")
    unit = price * proposal.listing.multiplier * rate
    worst = elsewhere + proposal.worst * unit
    if worst <= limit:
        return Verdict(CODE, True, worst, limit)
    before = elsewhere + proposal.held * unit
    return refuse(
        CODE,
        f"the worst notional of all accounts would be {cents(worst)}, {cents(elsewhere)} of it "
        f"beside {proposal.listing.symbol} on {proposal.spec.id}"
        f"{by_others(proposal.around.foreign_everywhere)}; the limit is {cents(limit)}",
        fitting(proposal, limit - before, unit),
        worst,
        limit,
        before,
    )


CHECK = Check(CODE, 865, "entry", run, needs=("all.max_notional",))
