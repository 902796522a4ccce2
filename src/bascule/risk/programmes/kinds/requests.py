"""Requests a day: a count on the firm's clock, with a part kept for closing and stops."""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from bascule.model.programme import Clock
from bascule.model.values import Instant
from bascule.risk.programmes.clock import candidates, next_instant
from bascule.risk.programmes.written import Answer, checked, one_of, part, when

KEPT = 100
"""Requests that ordinary traffic leaves for closing and stops, unless the owner says otherwise."""
_PROTECTS = frozenset({"close", "exit", "stop", "cancel", "flatten", "reduce", "protect", "sl"})
_ORDINARY = frozenset(
    {"", "open", "entry", "new", "order", "place", "submit", "modify", "replace", "change", "query"}
)


class Count(Struct, frozen=True):
    """How many were sent since the last reset; ``due`` is the next one."""

    used: int = 0
    due: Instant | None = None


def counted(count: Count, reset: Clock, at: Instant, number: int = 1) -> Count:
    """Count requests sent at an instant; one exactly on the reset opens the new day."""
    used, due = count.used, count.due
    if due is None or at >= due:
        used = 0 if due is not None else used
        # Of two candidate clocks the later one ends the day: the count is never too low.
        due = max(next_instant(clock, at) for clock in candidates(reset))
    return Count(used + number, due)


def allowed(used: int, cap: int, number: int, *, protects: bool, kept: int = KEPT) -> bool:
    """Tell whether so many more may be sent; what protects may use what is kept."""
    return used + number <= (cap if protects else cap - kept)


class _Send(Struct, frozen=True):
    t: datetime
    n: int = 1
    kind: str = ""


class _Question(Struct, frozen=True):
    cap: int
    reset: Clock = Clock()
    sends: tuple[Mapping[str, object], ...] = ()
    used: int = 0
    kept: int | None = None
    ordinary_cap: int | None = None


_NAMES = {
    "reserve": "kept",
    "ordinary_stop": "ordinary_cap",
    "ordinary_limit": "ordinary_cap",
    "stop_ordinary_at": "ordinary_cap",
    "soft_cap": "ordinary_cap",
    "soft": "ordinary_cap",
    "used_before": "used",
    "requests": "sends",
    "fills": "sends",
    "executions": "sends",
}
_SEND = {"purpose": "kind", "type": "kind", "count": "n"}


def answer(given: Mapping[str, object], unread: list[str]) -> Answer:
    """Answer a written question: ``sends`` of ``n`` requests under a ``cap``.

    Where a part is kept, a send that does not fit is refused and not counted.
    """
    asked = part(given, _Question, "input", unread, _NAMES)
    reset = checked(asked.reset)
    kept = asked.kept
    if asked.ordinary_cap is not None:
        kept = asked.cap - asked.ordinary_cap
    count = Count(asked.used)
    verdicts = []
    for one in asked.sends:
        send = part(one, _Send, "input.sends", unread, _SEND)
        words = set(send.kind.lower().replace("-", "_").split("_"))
        if not words & (_PROTECTS | _ORDINARY):
            one_of(send.kind, _PROTECTS | _ORDINARY, "input.sends.kind")
        after = counted(count, reset, when(send.t), send.n)
        if kept is not None:
            protects = bool(_PROTECTS & words)
            fits = allowed(after.used - send.n, asked.cap, send.n, protects=protects, kept=kept)
            verdicts.append(fits)
            after = after if fits else Count(after.used - send.n, after.due)
        count = after
    out: Answer = {"used_after": count.used}
    if kept is not None:
        out["allowed"] = verdicts
    return out
