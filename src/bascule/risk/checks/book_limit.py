"""The worst position of one strategy in one contract on one account."""

from bascule.model.enums import Side
from bascule.model.event import Verdict
from bascule.model.values import ONE, ZERO, text
from bascule.risk.limits import quantity
from bascule.risk.proposal import Check, Proposal, fitting, refuse

CODE = "book_limit"


def run(proposal: Proposal) -> Verdict | None:
    """Refuse an entry whose worst case passes the limit of the strategy's own book.

    The worst case counts what the book holds on the order's side, its own entries on that side
    that are working, in flight or in doubt, and this order. It is ``used``; like ``limit`` it is
    unsigned and in the venue's unit.
    """
    limit = quantity(proposal.limits, "max_book_qty", proposal.listing.symbol)
    if limit is None:
        return None
    held = proposal.book if proposal.side is Side.BUY else -proposal.book
    before = max(held, ZERO) + proposal.around.book_open
    worst = before + proposal.quantity
    if worst <= limit:
        return Verdict(CODE, True, worst, limit)
    return refuse(
        CODE,
        f"the worst case of {proposal.strategy} is {text(worst)} {proposal.side.value} "
        f"{proposal.listing.symbol} on account {proposal.spec.id} ({text(before)} held or open, "
        f"{text(proposal.quantity)} asked), the limit of a book is {text(limit)}",
        fitting(proposal, limit - before, ONE),
        worst,
        limit,
        before,
    )


CHECK = Check(CODE, 750, "entry", run, needs=("max_book_qty", "max_book_qty_by_symbol"))
