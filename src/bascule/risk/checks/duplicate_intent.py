"""The same account, symbol, side and size again from another signal within a short while."""

from decimal import Decimal

from bascule.model.event import Verdict
from bascule.model.values import MILLISECOND, text
from bascule.risk.proposal import Check, Proposal

CODE = "duplicate_intent"
_PASS = Verdict(CODE, True)


def run(proposal: Proposal) -> Verdict:
    """Refuse an entry that repeats another signal's entry within the account's window.

    ``used`` and ``limit`` are milliseconds: the age of the earlier entry, and the window.
    """
    window = proposal.limits.duplicate_window_ns
    earlier = proposal.last_same_signal
    if not earlier or earlier == proposal.signal:
        return _PASS
    age = proposal.at - proposal.last_same_at
    if age >= window:
        return _PASS
    return Verdict(
        CODE,
        False,
        Decimal(age // MILLISECOND),
        Decimal(window // MILLISECOND),
        f"signal {earlier} asked for the same {proposal.side.value} of {text(proposal.quantity)} "
        f"{proposal.listing.symbol} on account {proposal.spec.id} {age // MILLISECOND} ms ago",
        f"the same order {window // MILLISECOND} ms after the first, or another size",
    )


CHECK = Check(CODE, 1100, "entry", run)
