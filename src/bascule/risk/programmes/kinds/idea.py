"""Loss per idea: split positions and quick re-entries on one side are one idea."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from msgspec import Struct

from bascule.model.enums import Side
from bascule.model.values import SECOND, ZERO, Instant
from bascule.risk.programmes.written import Answer, money, part, when

_HUNDRED = Decimal(100)


class Leg(Struct, frozen=True):
    """One trade of an idea; ``net`` is its result, a loss negative. ``opened`` None: unknown."""

    side: Side
    symbol: str
    opened: Instant | None
    closed: Instant
    net: Decimal


def worst_idea(legs: Sequence[Leg], merge_s: int, *, concurrent: bool = False) -> Decimal:
    """Give the largest loss of one idea, unsigned; zero where none lost.

    Legs of one symbol and side belong together when they overlap or the next was opened (where
    that is not known: closed) within ``merge_s`` of the last close; ``concurrent`` says that all
    overlap.
    """
    ideas: dict[tuple[str, Side], list[tuple[Instant, Decimal]]] = {}
    for leg in sorted(legs, key=lambda leg: (_began(leg), leg.closed)):
        of_kind = ideas.setdefault((leg.symbol, leg.side), [])
        if of_kind and (concurrent or _began(leg) <= of_kind[-1][0] + merge_s * SECOND):
            until, net = of_kind[-1]
            of_kind[-1] = (max(until, leg.closed), net + leg.net)
        else:
            of_kind.append((leg.closed, leg.net))
    return max((-net for runs in ideas.values() for _, net in runs), default=ZERO).max(ZERO)


def _began(leg: Leg) -> Instant:
    return leg.closed if leg.opened is None else leg.opened


class _Leg(Struct, frozen=True):
    closed: datetime
    side: Side
    net: Decimal
    opened: datetime | None = None
    symbol: str = ""


class _Rule(Struct, frozen=True):
    max_loss_pct: Decimal | None = None
    merge_s: int | None = None


class _Question(Struct, frozen=True):
    initial: Decimal
    legs: tuple[Mapping[str, object], ...]
    rule: Mapping[str, object] | None = None
    max_loss_pct: Decimal | None = None
    merge_s: int | None = None
    concurrent: bool = False


_NAMES = {
    "merge_window_s": "merge_s",
    "window_s": "merge_s",
    "within_s": "merge_s",
    "reentry_s": "merge_s",
    "reentry_within_s": "merge_s",
    "reentry_window_s": "merge_s",
}
_LEG = {"open": "opened", "close": "closed", "pnl": "net"}
_MERGE_S = 300


def answer(given: Mapping[str, object], unread: list[str]) -> Answer:
    """Answer a written question: the loss of the worst idea among ``legs``."""
    asked = part(given, _Question, "input", unread, _NAMES)
    rule = part(asked.rule or {}, _Rule, "input.rule", unread, _NAMES)
    percent = rule.max_loss_pct if rule.max_loss_pct is not None else asked.max_loss_pct
    merge = rule.merge_s if rule.merge_s is not None else asked.merge_s
    legs = [part(leg, _Leg, "input.legs", unread, _LEG) for leg in asked.legs]
    loss = worst_idea(
        [
            Leg(
                leg.side,
                leg.symbol,
                None if leg.opened is None else when(leg.opened),
                when(leg.closed),
                leg.net,
            )
            for leg in legs
        ],
        _MERGE_S if merge is None else merge,
        concurrent=asked.concurrent,
    )
    limit = asked.initial * (percent if percent is not None else ZERO) / _HUNDRED
    return {"idea_loss": money(loss), "violation": loss > limit}
