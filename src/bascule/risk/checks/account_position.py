"""The worst quantity of all contracts of an account together."""

from bascule.model.event import Verdict
from bascule.model.values import ONE, text
from bascule.risk.proposal import Check, Proposal, by_others, fitting, refuse

CODE = "account_position_limit"


def run(proposal: Proposal) -> Verdict | None:
    """Refuse an entry with which the account would hold more lots or contracts than it may.

    Each contract counts with the larger of its two sides, held and open together; this order's
    contract with what it would become. ``used`` and ``limit`` are in the venue's unit, whatever the
    contract.
    """
    limit = proposal.limits.max_account_qty
    if limit is None:
        return None
    others = proposal.around.others_quantity
    worst = others + proposal.worst
    if worst <= limit:
        return Verdict(CODE, True, worst, limit)
    before = others + proposal.held
    return refuse(
        CODE,
        f"account {proposal.spec.id} could come to hold {text(worst)} in all its contracts "
        f"together ({text(others)} in others than {proposal.listing.symbol}"
        f"{by_others(proposal.foreign_orders)}), the limit is "
        f"{text(limit)}",
        fitting(proposal, limit - before, ONE),
        worst,
        limit,
        before,
    )


CHECK = Check(CODE, 810, "entry", run, needs=("max_account_qty",))
