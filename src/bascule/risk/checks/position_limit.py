"""The worst position that this order and everything still open could lead to."""

from bascule.model.enums import Side
from bascule.model.event import Verdict
from bascule.model.values import ZERO, text
from bascule.risk.proposal import Check, Proposal

CODE = "position_limit"
_PASS = Verdict(CODE, True)


def run(proposal: Proposal) -> Verdict:
    """Refuse an entry whose worst case passes the position limit.

    The worst case counts what the account's books hold on the order's side (whatever stands
    against it may be closed first), every entry on that side that is working, in flight or in
    doubt, and this order, each as if filled in full. It is ``used``; like ``limit`` it is unsigned
    and in the venue's unit.
    """
    limits = proposal.limits
    limit = limits.max_position_qty_by_symbol.get(proposal.listing.symbol, limits.max_position_qty)
    if limit is None:
        return _PASS
    if proposal.side is Side.BUY:
        before = proposal.long + proposal.open_buy
    else:
        before = proposal.short + proposal.open_sell
    worst = before + proposal.quantity
    if worst <= limit:
        return Verdict(CODE, True, worst, limit)
    room = max(limit - before, ZERO)
    return Verdict(
        CODE,
        False,
        worst,
        limit,
        f"the worst case is {text(worst)} {proposal.side.value} on account {proposal.spec.id} "
        f"({text(before)} held or open, {text(proposal.quantity)} asked), the limit "
        f"{text(limit)}",
        f"a quantity of {text(room)} or less" if room else "an exit first",
    )


CHECK = Check(CODE, 800, "entry", run)
