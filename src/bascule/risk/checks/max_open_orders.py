"""How many orders an account may have open at once, in-flight and in-doubt ones included."""

from decimal import Decimal

from bascule.model.event import Verdict
from bascule.risk.proposal import Check, Proposal, by_others

CODE = "max_open_orders"


def run(proposal: Proposal) -> Verdict:
    """Refuse an entry when the account's open orders have reached their limit.

    ``used`` and ``limit`` count orders, this one and those that others have working among them.
    """
    limit = proposal.limits.max_open_orders
    used = proposal.open_orders + 1
    if used <= limit:
        return Verdict(CODE, True, Decimal(used), Decimal(limit))
    return Verdict(
        CODE,
        False,
        Decimal(used),
        Decimal(limit),
        f"account {proposal.spec.id} already has {proposal.open_orders} open orders"
        f"{by_others(proposal.foreign_orders)}, the limit is {limit}",
        "the same order after an open one has filled or was canceled",
    )


CHECK = Check(CODE, 1000, "entry", run)
