"""The worst position in one contract over all accounts."""

from bascule.model.event import Verdict
from bascule.model.values import ONE, text
from bascule.risk.limits import quantity
from bascule.risk.proposal import Check, Proposal, by_others, fitting, refuse

CODE = "portfolio_position_limit"


def run(proposal: Proposal) -> Verdict | None:
    """Refuse an entry whose worst case over all accounts passes the portfolio's position limit.

    Every account counts with what it holds on the order's side and with its entries on that side
    that are working, in flight or in doubt. ``used`` and ``limit`` are in the unit of the order's
    own account; others are converted by their contract's multiplier. As long as the venue of one
    that has the contract has not listed it since the start, that is not known, and none passes.
    """
    limit = quantity(proposal.around.portfolio, "max_position_qty", proposal.listing.symbol)
    if limit is None:
        return None
    elsewhere = proposal.around.elsewhere_quantity
    if elsewhere is None:
        return refuse(
            CODE,
            f"another account has {proposal.listing.symbol}, and its venue has not listed it since "
            "the start, so nobody knows how much that is",
            "the same order once that account is connected",
            limit=limit,
        )
    before = proposal.held + elsewhere
    worst = before + proposal.quantity
    if worst <= limit:
        return Verdict(CODE, True, worst, limit)
    return refuse(
        CODE,
        f"the worst case over all accounts is {text(worst)} {proposal.side.value} "
        f"{proposal.listing.symbol} ({text(elsewhere)} on other accounts, {text(proposal.held)} "
        f"on {proposal.spec.id}{by_others(proposal.around.foreign_everywhere)}, "
        f"{text(proposal.quantity)} asked), the limit is {text(limit)}",
        fitting(proposal, limit - before, ONE),
        worst,
        limit,
        before,
    )


CHECK = Check(
    CODE, 820, "entry", run, needs=("all.max_position_qty", "all.max_position_qty_by_symbol")
)
