"""The worst position that this order and everything still open could lead to."""

from bascule.model.event import Verdict
from bascule.model.values import ONE, text
from bascule.risk.limits import quantity
from bascule.risk.proposal import Check, Proposal, fitting, refuse

CODE = "position_limit"


def run(proposal: Proposal) -> Verdict | None:
    """Refuse an entry whose worst case passes the position limit.

    The worst case counts what the account's books hold on the order's side (whatever stands
    against it may be closed first), every entry on that side that is working, in flight or in
    doubt, what others have working there, and this order, each as if filled in full. It is
    ``used``; like ``limit`` it is unsigned and in the venue's unit.
    """
    limit = quantity(proposal.limits, "max_position_qty", proposal.listing.symbol)
    if limit is None:
        return None
    before = proposal.held
    worst = before + proposal.quantity
    if worst <= limit:
        return Verdict(CODE, True, worst, limit)
    return refuse(
        CODE,
        f"the worst case is {text(worst)} {proposal.side.value} on account {proposal.spec.id} "
        f"({text(before)} held or open{proposal.with_others}, {text(proposal.quantity)} asked), "
        f"the limit "
        f"{text(limit)}",
        fitting(proposal, limit - before, ONE),
        worst,
        limit,
        before,
    )


CHECK = Check(CODE, 800, "entry", run, needs=("max_position_qty", "max_position_qty_by_symbol"))
