"""A programme's money rules as a ledger: references, high-water marks and floors, step by step.

``step`` is the whole of it: a state and one event give the next state and what happened. All that
must outlive a restart is in ``LedgerState``. Amounts are in account currency and never rounded.
"""

from decimal import Decimal
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from bascule.model.ledger import Day, LedgerState, Rule
from bascule.model.programme import Clock, DailyLoss, Limit, MaxLoss, Programme, Trigger
from bascule.model.values import ZERO, Instant
from bascule.risk.programmes.clock import UNKNOWN, candidates, day_of, next_instant

HUNDRED = Decimal(100)
_NO_TOP = Decimal("Infinity")
RESET = "reset"
"""The guard's action before a boundary; it is forgotten with the boundary."""
OVER = "over"
"""Stands among the guards as long as a floor is crossed that pauses the account."""


class Moved(Struct, frozen=True, kw_only=True):
    """Balance and equity are now these: a mark, a fill, a commission, a swap, a venue's word.

    ``opened``: a trade was opened, so the day counts as a trading day.
    """

    at: Instant
    balance: Decimal
    equity: Decimal
    opened: bool = False


class Flowed(Struct, frozen=True, kw_only=True):
    """Cash came in (positive) or went out; ``balance`` and ``equity`` are after it.

    Where the balance had told it before, ``balance`` is what it was: the amount is taken back out
    of the day's profit. ``kind`` is ``deposit``, ``withdrawal``, ``payout``, ``fee`` or ``refund``.
    """

    at: Instant
    kind: str
    amount: Decimal
    balance: Decimal
    equity: Decimal


class Passed(Struct, frozen=True):
    """Time went by, and nothing else."""

    at: Instant


LedgerEvent: TypeAlias = Moved | Flowed | Passed


class WasReset(Struct, frozen=True):
    """The firm's day began anew; ``floor`` is the day's, None without a daily rule."""

    at: Instant
    reference: Decimal
    floor: Decimal


class Broke(Struct, frozen=True):
    """A line was crossed. ``soft``: the account is held until the reset, else it has failed.

    ``floors`` are those crossed; ``by_reset``: the new floor broke it, not the event.
    """

    at: Instant
    rules: tuple[Rule, ...]
    equity: Decimal
    floors: dict[Rule, Decimal]
    by_reset: bool
    soft: bool


class Locked(Struct, frozen=True):
    """The trailing floor reached its lock and rises no more."""

    at: Instant
    floor: Decimal


class GuardReached(Struct, frozen=True):
    """So much of an allowance is used that Bascule acts: ``action`` is ``block`` or ``flatten``."""

    at: Instant
    action: str
    rule: Rule
    used: Decimal
    threshold: Decimal
    by_reset: bool


Happened: TypeAlias = WasReset | Broke | Locked | GuardReached


class Caps(Struct, frozen=True):
    """The owner's own limits, where they are tighter than the firm's."""

    daily_loss: Limit | None = None
    max_loss: Limit | None = None


NO_CAPS = Caps()


class Levels(Struct, frozen=True):
    """Shares of an allowance, in percent, by action; ``rules`` are those that are watched."""

    at: tuple[tuple[str, Decimal], ...] = ()
    rules: tuple[Rule, ...] = ("daily_loss",)
    caps: Caps = NO_CAPS


NO_LEVELS = Levels()


class Room(Struct, frozen=True):
    """How a rule stands: ``used`` of ``allowance``, and what is left down to ``floor``."""

    rule: Rule
    floor: Decimal
    allowance: Decimal
    room: Decimal

    @property
    def used(self) -> Decimal:
        """What is used up; for the day this is reference less equity."""
        return self.allowance - self.room


def open_ledger(
    rules: Programme,
    at: Instant,
    initial: Decimal,
    balance: Decimal | None = None,
    equity: Decimal | None = None,
    *,
    high: Decimal | None = None,
    reference: Decimal | None = None,
) -> LedgerState:
    """Begin a ledger: the day's reference and the high are those of this moment.

    Args:
        rules: the programme.
        at: now.
        initial: what the phase began with.
        balance: closed results; ``initial`` where not given.
        equity: with open profit and loss; ``balance`` where not given.
        high: what the floor has trailed so far, where the firm tells it.
        reference: what the day's loss is measured from, where the firm tells it.
    """
    balance = initial if balance is None else balance
    equity = balance if equity is None else equity
    state = LedgerState(
        at=at,
        initial=initial,
        balance=balance,
        equity=equity,
        high=initial if high is None else high,
        eod=balance,
    )
    if rules.daily_loss is not None:
        count = len(candidates(rules.daily_loss.reset)) or 1
        measured = _reference(rules.daily_loss, state) if reference is None else reference
        state = replace(state, days=(Day(measured, at),) * count)
    if rules.max_loss is not None:
        state = _raise_floor(
            rules.max_loss, _raise_high(rules.max_loss, state, at_close=not _eod_clocks(rules))
        )
    return replace(state, due=_next_due(rules, at))


def step(
    rules: Programme, state: LedgerState, event: LedgerEvent, levels: Levels = NO_LEVELS
) -> tuple[LedgerState, tuple[Happened, ...]]:
    """Process every boundary up to the event, then the event.

    A boundary uses the state just before it, and the new floors are tested at once. Where one
    fails the account, the event is not applied: the returned state is that of the breach.
    """
    out: list[Happened] = []
    while state.due is not None and state.due <= event.at:
        state = _cross(rules, state, state.due, levels, out)
        if state.failed and out and isinstance(out[-1], Broke):
            return state, tuple(out)
    if isinstance(event, Flowed):
        state = _flow(rules, state, event)
    elif isinstance(event, Moved):
        state = _move(rules, state, event)
    state = replace(state, at=max(state.at, event.at))
    if not isinstance(event, Passed):
        if rules.max_loss is not None and not state.fixed:
            high = _raise_high(rules.max_loss, state, at_close=not _eod_clocks(rules))
            state = _locking(rules.max_loss, state, _raise_floor(rules.max_loss, high), out)
        state = _test(rules, state, levels, out, by_reset=False)
    return state, tuple(out)


def unseen(rules: Programme, state: LedgerState, since: Instant) -> LedgerState:
    """Measure what began unseen by what is known first, where that is higher than what was last.

    Nobody knows what an account was worth at a boundary over which no process ran.

    Args:
        rules: the programme.
        state: as it stands after the boundaries and the first event behind them.
        since: the first of those boundaries.
    """
    if rules.daily_loss is not None:
        first = _reference(rules.daily_loss, state)
        days = tuple(
            replace(day, reference=max(day.reference, first)) if day.since >= since else day
            for day in state.days
        )
        state = replace(state, days=days)
    struck = any(next_instant(one, Instant(since - 1)) <= state.at for one in _eod_clocks(rules))
    if rules.max_loss is None or state.fixed or not struck:
        return state
    return _raise_floor(rules.max_loss, _raise_high(rules.max_loss, state, at_close=True))


def rooms(rules: Programme, state: LedgerState, caps: Caps = NO_CAPS) -> tuple[Room, ...]:
    """Say how each money rule stands, by the owner's own limit where that is the tighter.

    With two candidate clocks the higher floor counts.
    """
    out = []
    if rules.daily_loss is not None and state.days:
        reference = today(rules, state).reference
        allowance = _allowance(rules.daily_loss.limit, state.initial, reference)
        if allowance is not None:
            floor = reference - allowance
            out.append(_room("daily_loss", state, floor, allowance, reference, caps.daily_loss))
    if rules.max_loss is not None and state.floor is not None:
        limit = _limit(rules.max_loss, state.initial, state.high)
        if limit is not None:
            high = max(state.high, state.initial)
            out.append(_room("max_loss", state, state.floor, limit, high, caps.max_loss))
    return tuple(out)


def _room(
    rule: Rule,
    state: LedgerState,
    floor: Decimal,
    allowance: Decimal,
    measured_from: Decimal,
    cap: Limit | None,
) -> Room:
    own = None if cap is None else _allowance(cap, state.initial, measured_from)
    if own is not None and measured_from - own > floor:
        floor, allowance = measured_from - own, own
    return Room(rule, floor, allowance, state.equity - floor)


def today(rules: Programme, state: LedgerState) -> Day:
    """Give the day that counts: of two candidates, the one with the higher floor."""
    rule = rules.daily_loss
    if rule is None or len(state.days) == 1:
        return state.days[0]
    return max(state.days, key=lambda day: _floor(rule, state, day) or ZERO)


def calm(rules: Programme, state: LedgerState, levels: Levels) -> tuple[Decimal, Decimal] | None:
    """Give equities (above the first, up to the second) that change nothing but the equity.

    As long as the balance is the same and no boundary is due; None where there is no such span.
    """
    edges = [
        floor
        for day in state.days
        if rules.daily_loss is not None and (floor := _floor(rules.daily_loss, state, day))
    ]
    tops = [state.high] if _follows_equity(rules) else []
    if state.floor is not None:
        edges.append(state.floor)
    if rules.daily_loss is not None and rules.daily_loss.reference == "day_peak_equity":
        tops += [day.reference for day in state.days]
    for room in rooms(rules, state, levels.caps):
        for action, percent in levels.at:
            reached = room.floor + room.allowance * (1 - percent / HUNDRED)
            (tops if action in state.guards else edges).append(reached)
    low, high = max(edges, default=ZERO), min(tops, default=_NO_TOP)
    return (low, high) if low < high else None


def _follows_equity(rules: Programme) -> bool:
    """Whether a mark alone can raise the high."""
    rule = rules.max_loss
    if rule is None or _eod_clocks(rules):
        return False
    return rule.kind == "static" or rule.trail is None or rule.trail.on != "balance"


def tomorrow(rules: Programme, state: LedgerState) -> Decimal | None:
    """Give the floor that the next reset would set from balance and equity as they stand."""
    rule = rules.daily_loss
    if rule is None or rule.reset is None:
        return None
    return _floor(rule, state, Day(_reference(rule, state), state.at))


def day_clock(rules: Programme) -> Clock:
    """Give the clock by which the programme's days are counted; of two candidates the first."""
    stated = rules.min_days.clock if rules.min_days is not None else None
    if stated is None and rules.daily_loss is not None:
        stated = rules.daily_loss.reset
    if stated is None and rules.max_loss is not None and rules.max_loss.trail is not None:
        stated = rules.max_loss.trail.eod
    return candidates(stated or Clock())[0]


def next_reset(rules: Programme, after: Instant) -> Instant | None:
    """Give when the firm's day is surely over: the last of its candidates' next resets."""
    rule = rules.daily_loss
    if rule is None:
        return None
    return max(next_instant(clock, after) for clock in candidates(rule.reset or UNKNOWN))


# --- boundaries -----------------------------------------------------------------------------------


def _eod_clocks(rules: Programme) -> tuple[Clock, ...]:
    """When a trailing floor moves at a close: by its own clock, else with the day's reset."""
    rule = rules.max_loss
    if rule is None or rule.kind == "static" or rule.trail is None or rule.trail.when != "eod":
        return ()
    own = rule.trail.eod
    if own is None and rules.daily_loss is not None:
        own = rules.daily_loss.reset
    return candidates(own)


def _day_clocks(rules: Programme) -> tuple[Clock, ...]:
    return candidates(rules.daily_loss.reset) if rules.daily_loss is not None else ()


def _next_due(rules: Programme, after: Instant) -> Instant | None:
    clocks = {*_day_clocks(rules), *_eod_clocks(rules)}
    return min((next_instant(clock, after) for clock in clocks), default=None)


def _strikes(clock: Clock, at: Instant) -> bool:
    return next_instant(clock, Instant(at - 1)) == at


def _cross(
    rules: Programme, state: LedgerState, at: Instant, levels: Levels, out: list[Happened]
) -> LedgerState:
    before = state
    state = replace(state, at=at, due=_next_due(rules, at), eod=state.balance)
    rule = rules.daily_loss
    struck = tuple(_strikes(clock, at) for clock in _day_clocks(rules))
    if rule is not None and any(struck):
        fresh = Day(_reference(rule, state), at)
        days = zip(state.days, struck, strict=True)
        kept = (OVER,) if OVER in state.guards else ()
        state = replace(state, days=tuple(fresh if new else old for old, new in days), guards=kept)
        day = today(rules, state)
        out.append(WasReset(at, day.reference, _floor(rule, state, day) or ZERO))
    if (
        rules.max_loss is not None
        and not state.fixed
        and any(_strikes(clock, at) for clock in _eod_clocks(rules))
    ):
        high = _raise_high(rules.max_loss, state, at_close=True)
        state = _locking(rules.max_loss, before, _raise_floor(rules.max_loss, high), out)
    state = replace(state, guards=tuple(one for one in state.guards if one != RESET))
    return _test(rules, state, levels, out, by_reset=True)


# --- events ---------------------------------------------------------------------------------------


def _move(rules: Programme, state: LedgerState, event: Moved) -> LedgerState:
    state = _book(rules, state, event.at, event.balance - state.balance, opened=event.opened)
    return _peak(rules, replace(state, balance=event.balance, equity=event.equity))


def _book(
    rules: Programme, state: LedgerState, at: Instant, made: Decimal, *, opened: bool = False
) -> LedgerState:
    """Count a closed result, or an opening, to the firm's day."""
    if not made and not opened:
        return state
    # A clock that was set back over a restart begins no day that is over.
    day = day_of(max(at, state.at), day_clock(rules)).isoformat()
    if day != state.day:
        return replace(state, day=day, profit=made, traded=opened)
    return replace(state, profit=state.profit + made, traded=state.traded or opened)


def _peak(rules: Programme, state: LedgerState) -> LedgerState:
    """Let the day's reference rise with equity, where that is the rule."""
    rule = rules.daily_loss
    if rule is None or rule.reference != "day_peak_equity":
        return state
    days = tuple(
        day if day.reference >= state.equity else replace(day, reference=state.equity)
        for day in state.days
    )
    return replace(state, days=days)


def _flow(rules: Programme, state: LedgerState, event: Flowed) -> LedgerState:
    """Move what the firm moves with the cash; unknown keeps for cash out, raises for cash in."""
    amount = event.amount
    state = _book(rules, state, event.at, event.balance - state.balance - amount)
    state = replace(state, balance=event.balance, equity=event.equity)
    if _shifts(rules.cashflow.daily_reference, amount):
        days = tuple(replace(day, reference=day.reference + amount) for day in state.days)
        state = replace(state, days=days)
    treatment, floor = rules.cashflow.max_loss_floor, state.floor
    if floor is not None and not state.fixed:
        if treatment == "set_initial":
            if event.kind == "payout":
                state = replace(state, floor=state.initial, fixed=True)
        elif _shifts(treatment, amount):
            state = replace(
                state,
                high=state.high + amount,
                floor=floor + amount,
                shifted=state.shifted + amount,
            )
    return _peak(rules, state)


def _shifts(treatment: str, amount: Decimal) -> bool:
    return treatment == "shift" or (treatment == "unknown" and amount > 0)


# --- floors ---------------------------------------------------------------------------------------


def _reference(rule: DailyLoss, state: LedgerState) -> Decimal:
    if rule.reference == "balance":
        return state.balance
    if rule.reference == "initial":
        return state.initial
    if rule.reference in ("equity", "day_peak_equity"):
        return state.equity
    return max(state.balance, state.equity)


def _allowance(limit: Limit, initial: Decimal, reference: Decimal) -> Decimal | None:
    """Give the permitted loss: the smaller where two readings are left; None when not found."""
    found = [] if limit.amount is None else [limit.amount]
    if limit.pct is not None:
        bases = {"initial": (initial,), "reference": (reference,)}
        found += [base * limit.pct / HUNDRED for base in bases.get(limit.of, (initial, reference))]
    return min(found, default=None)


def _floor(rule: DailyLoss, state: LedgerState, day: Day) -> Decimal | None:
    allowance = _allowance(rule.limit, state.initial, day.reference)
    return None if allowance is None else day.reference - allowance


def _limit(rule: MaxLoss, initial: Decimal, high: Decimal) -> Decimal | None:
    return _allowance(rule.limit, initial, initial if rule.kind == "static" else high)


def _raise_high(rule: MaxLoss, state: LedgerState, *, at_close: bool) -> LedgerState:
    """Raise the high-water mark by what the trail follows, if it follows it now.

    A trail at the close of which nobody knows the hour follows at once: that is stricter.
    """
    trail = rule.trail if rule.kind != "static" else None
    if not at_close and trail is not None and trail.when == "eod":
        return state
    on = trail.on if trail is not None else "unknown"
    seen = {"balance": state.balance, "equity": state.equity}.get(
        on, max(state.balance, state.equity)
    )
    return replace(state, high=seen) if seen > state.high else state


def _raise_floor(rule: MaxLoss, state: LedgerState) -> LedgerState:
    """Set the floor by the high; it never falls."""
    if rule.kind == "static":
        limit = _limit(rule, state.initial, state.initial)
        if limit is None:
            return state
        return replace(state, floor=state.initial - limit + state.shifted)
    limit = _limit(rule, state.initial, state.high)
    if limit is None:
        return state
    floor, locked = state.high - limit, state.locked
    if rule.lock is not None:
        # Cash that left before the lock was reached does not lower it: that is the stricter.
        moved = state.shifted if state.locked else max(state.shifted, ZERO)
        stops = state.initial + rule.lock.initial_plus + moved
        locked = locked or floor >= stops
        floor = min(floor, stops)
    if state.floor is not None:
        floor = max(floor, state.floor)
    return replace(state, floor=floor, locked=locked)


def _locking(
    rule: MaxLoss, before: LedgerState, state: LedgerState, out: list[Happened]
) -> LedgerState:
    if state.locked and not before.locked and state.floor is not None:
        out.append(Locked(state.at, state.floor))
    return state


# --- tests ----------------------------------------------------------------------------------------


def _crossed(trigger: Trigger, measured: Decimal, floor: Decimal) -> bool:
    return measured < floor if trigger == "below" else measured <= floor


def _test(
    rules: Programme, state: LedgerState, levels: Levels, out: list[Happened], *, by_reset: bool
) -> LedgerState:
    """Hold the state against its floors, then against the guard's shares of the allowance."""
    if state.failed:
        return state
    hard: dict[Rule, Decimal] = {}
    daily, whole = rules.daily_loss, rules.max_loss
    if daily is not None:
        over = [_over(daily, state, day) for day in state.days]
        broken = [floor for floor in over if floor is not None]
        if broken and daily.on_breach == "pause":
            if not state.paused:
                crossed: dict[Rule, Decimal] = {"daily_loss": max(broken)}
                out.append(Broke(state.at, ("daily_loss",), state.equity, crossed, by_reset, True))
            days = zip(state.days, over, strict=True)
            state = replace(
                state,
                days=tuple(d if f is None else replace(d, paused=True) for d, f in days),
            )
        elif broken:
            hard["daily_loss"] = max(broken)
    if whole is not None and state.floor is not None:
        measured = state.balance if whole.measured_on == "balance" else state.equity
        is_over = _crossed(whole.trigger, measured, state.floor)
        if is_over and whole.on_breach != "pause":
            hard["max_loss"] = state.floor
        elif is_over and OVER not in state.guards:
            crossed = {"max_loss": state.floor}
            out.append(Broke(state.at, ("max_loss",), state.equity, crossed, by_reset, True))
            state = replace(state, guards=(*state.guards, OVER))
        elif not is_over and OVER in state.guards:
            state = replace(state, guards=tuple(one for one in state.guards if one != OVER))
    if hard:
        out.append(Broke(state.at, tuple(hard), state.equity, hard, by_reset, False))
        return replace(state, failed=tuple(hard))
    return _guard(rules, state, levels, out, by_reset=by_reset)


def _over(rule: DailyLoss, state: LedgerState, day: Day) -> Decimal | None:
    """Give the day's floor if it is crossed."""
    floor = _floor(rule, state, day)
    measured = state.balance if rule.measured_on == "balance" else state.equity
    return floor if floor is not None and _crossed(rule.trigger, measured, floor) else None


def _guard(
    rules: Programme, state: LedgerState, levels: Levels, out: list[Happened], *, by_reset: bool
) -> LedgerState:
    if not levels.at:
        return state
    if not _day_clocks(rules):
        state = _ease(rules, state, levels)
    for room in rooms(rules, state, levels.caps):
        if room.rule not in levels.rules:
            continue
        for action, percent in levels.at:
            threshold = room.allowance * percent / HUNDRED
            if action not in state.guards and room.used >= threshold:
                out.append(
                    GuardReached(state.at, action, room.rule, room.used, threshold, by_reset)
                )
                state = replace(state, guards=(*state.guards, action))
    return state


def _ease(rules: Programme, state: LedgerState, levels: Levels) -> LedgerState:
    """Without a reset, an action may come again once its share is no longer used up."""
    used = {
        room.used * HUNDRED / room.allowance
        for room in rooms(rules, state, levels.caps)
        if room.allowance
    }
    worst = max(used, default=ZERO)
    over = {name for name, percent in levels.at if worst < percent}
    return replace(state, guards=tuple(name for name in state.guards if name not in over))
