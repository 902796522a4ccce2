"""A strategy that does the same again and again is stopped until a person arms it."""

from decimal import Decimal

from bascule.model.event import Verdict
from bascule.model.values import SECOND, text
from bascule.risk.proposal import Check, Proposal, refuse

CODE = "repeated_execution"


def run(proposal: Proposal) -> Verdict | None:
    """Refuse an entry when its strategy has entered the contract on that side too often.

    Each signal counts once, however many orders it became, since the strategy was last armed and
    within the window. The refusal puts a halt on the strategy, on all of its accounts, which only
    a person lifts. ``used`` and ``limit`` count signals, this one among them.
    """
    limit = proposal.limits.repeated_executions
    if limit is None:
        return None
    before = proposal.around.repeats
    used = before + 1
    if used <= limit:
        return Verdict(CODE, True, Decimal(used), Decimal(limit))
    span = text(Decimal(proposal.limits.repeated_window_ns) / SECOND)
    return refuse(
        CODE,
        f"{proposal.strategy} has sent {before} {proposal.side.value} entries in "
        f"{proposal.listing.symbol} on account {proposal.spec.id} within {span} s, the limit is "
        f"{limit}; the strategy is halted",
        f"an entry after `bascule arm --scope strategy:{proposal.strategy}`",
        used,
        limit,
        before,
    )


CHECK = Check(CODE, 1150, "entry", run, needs=("repeated_executions",))
