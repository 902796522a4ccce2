"""The fold of ideas: since when a contract is held on one side of an account, and what it made.

A firm that limits what one idea may lose counts the parts of a position, and what follows it on the
same side soon after, as one. How soon is the firm's to say, so that stretches are kept apart here.
"""

from decimal import Decimal

from bascule.execution.state import RUNS_MAX, AccountState, Exposure, Run
from bascule.model.enums import Side
from bascule.model.ids import Symbol
from bascule.model.values import DAY, ZERO, Instant

_NOTHING = Exposure()
MERGED_MAX = DAY
"""What has been flat for longer belongs to no idea any more."""


def idea_key(symbol: str, side: str) -> str:
    """Name what an idea is of: one contract on one side."""
    return f"{symbol}|{side}"


def earned(account: AccountState, symbol: Symbol, side: Side, made: Decimal) -> None:
    """Add what closing a part of a side made, in price units times quantity."""
    runs = account.ideas.get(idea_key(symbol, side))
    if runs:
        runs[-1].made += made


def stretched(
    account: AccountState, symbol: Symbol, at: Instant, traded: Side | None, paid: Decimal
) -> None:
    """Begin and end stretches after a trade.

    Args:
        account: what traded, moved already.
        symbol: the contract.
        at: when.
        traded: the trade's side; None where it was no trade.
        paid: its commission, a cost is positive.
    """
    exposure = account.exposure.get(symbol, _NOTHING)
    closed = None
    for side, held in ((Side.BUY, exposure.long), (Side.SELL, exposure.short)):
        key = idea_key(symbol, side)
        runs = account.ideas.get(key)
        if runs is not None and runs[-1].closed is None:
            if traded is not None and traded is not side:
                closed = runs[-1]
            if not held:
                runs[-1].closed = at
        elif held:
            _begin(account, key, at)
    if traded is not None and paid:
        runs = account.ideas.get(idea_key(symbol, traded))
        run = closed if closed is not None else runs[-1] if runs else None
        if run is not None:
            run.paid += paid


def _begin(account: AccountState, key: str, at: Instant) -> None:
    """Begin a stretch; forget those that are long over, and join the oldest of too many."""
    known = account.ideas.get(key, [])
    runs = [run for run in known if run.closed is None or run.closed >= at - MERGED_MAX]
    while len(runs) >= RUNS_MAX:
        first, second, *rest = runs
        joined = Run(first.opened, second.closed, first.made + second.made)
        joined.paid = first.paid + second.paid
        runs = [joined, *rest]
    runs.append(Run(at))
    account.ideas[key] = runs


def lost(runs: list[Run], at: Instant, within: int, unit: Decimal) -> Decimal:
    """Give what the idea that an entry at an instant would belong to has lost so far, unsigned.

    Args:
        runs: the stretches of its contract and side, in order.
        at: when the entry would be made.
        within: how soon after the last close it still belongs to it, in nanoseconds.
        unit: the money of a price unit times a unit of quantity.
    """
    made = paid = ZERO
    begins = at
    for run in reversed(runs):
        if run.closed is not None and begins - run.closed > within:
            break
        made += run.made
        paid += run.paid
        begins = run.opened
    return max(paid - made * unit, ZERO)
