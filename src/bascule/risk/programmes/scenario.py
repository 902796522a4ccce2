"""A written ledger scenario: an account, a programme's money rules and events; what they lead to.

    {"start": ..., "account": {"currency", "initial"}, "rules": {...}, "events": [...]}

An event says what moved (``mark``, ``open``, ``close``, ``swap``, ``cashflow``, ``snapshot``).
``state_after``, where an event has it, is the venue's own word to two places: it is taken where
it differs from what the event adds up to.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Literal

import msgspec
from msgspec import Struct

from bascule.model.errors import UsageError
from bascule.model.ledger import LedgerState
from bascule.model.programme import CashFlow, DailyLoss, MaxLoss, Programme
from bascule.model.values import DAY, ONE, ZERO, Instant
from bascule.risk.programmes.ledger import (
    Broke,
    Flowed,
    GuardReached,
    Happened,
    LedgerEvent,
    Levels,
    Moved,
    open_ledger,
    rooms,
    step,
    today,
)
from bascule.risk.programmes.written import (
    MALFORMED,
    Answer,
    checked,
    money,
    number,
    one_of,
    part,
    stamp,
    when,
)

_NO_RULE = (None, "none")
_PERCENT = "_at_used_pct"
_SPAN_MAX = 20 * 366 * DAY
"""Each day between two events is a reset to process."""
_OF = {"initial": "initial", "start": "initial", "reference": "reference", "balance": "reference",
       "high": "reference", "unknown": "unknown"}  # fmt: skip
_TYPES = ("mark", "open", "close", "fill", "commission", "swap", "cashflow", "snapshot", "restart")
_BOOKED = ("floating", "balance")
_FLOWS = ("deposit", "withdrawal", "payout", "fee", "refund")
_EVENT = {"floating": "float", "currency": "ccy", "rate": "fx", "profit": "gross"}
_ABOUT = frozenset({"symbol", "side", "lots", "qty", "quantity", "price", "ticket", "position"})
"""What an event may say of its trade; the account's money is told by the other fields."""
_ACCOUNT = {
    "high_water_mark": "high",
    "high_water": "high",
    "hwm": "high",
    "peak": "high",
    "reference": "daily_reference",
}


class _Account(Struct, frozen=True):
    initial: Decimal
    currency: str = ""
    balance: Decimal | None = None
    equity: Decimal | None = None
    high: Decimal | None = None
    daily_reference: Decimal | None = None


class _Rules(Struct, frozen=True):
    daily_loss: Mapping[str, object] | str | None = None
    max_loss: Mapping[str, object] | str | None = None
    cashflow: Mapping[str, object] | None = None
    guard: Mapping[str, object] | None = None


class _Scenario(Struct, frozen=True):
    start: datetime
    account: Mapping[str, object]
    rules: Mapping[str, object]
    events: tuple[Mapping[str, object], ...]


class _Event(Struct, frozen=True):
    t: datetime
    type: str
    float: Decimal | None = None
    gross: Decimal = ZERO
    commission: Decimal = ZERO
    swap: Decimal = ZERO
    amount: Decimal = ZERO
    booked: str = "floating"
    kind: str = ""
    ccy: str = ""
    fx: Decimal | None = None
    balance: Decimal | None = None
    equity: Decimal | None = None
    state_after: Mapping[str, object] | None = None


class _After(Struct, frozen=True):
    balance: Decimal
    equity: Decimal


def answer_ledger(scenario: Mapping[str, object], unread: list[str]) -> Answer:
    """Replay a written scenario and tell what its ``expected`` would say.

    Raises:
        UsageError: ``malformed_scenario``, with the field that is missing or wrong.
    """
    asked = part(scenario, _Scenario, "", unread)
    account = part(asked.account, _Account, "account", unread, _ACCOUNT)
    rules, levels = read_rules(asked.rules, unread)
    guarded = "guard" in asked.rules
    state = open_ledger(
        rules,
        when(asked.start),
        account.initial,
        account.balance,
        account.equity,
        high=account.high,
        reference=account.daily_reference,
    )
    replayed = _Replay(rules, levels, state)
    for index, written in enumerate(asked.events):
        told = {key: value for key, value in written.items() if key not in _ABOUT}
        event = part(told, _Event, f"events[{index}]", unread, _EVENT)
        if not replayed.take(index, event, account.currency, unread):
            break
    out: Answer = {
        "breach": replayed.breach,
        "soft_breaches": replayed.soft,
        "final": _final(rules, replayed.state),
        "trace": replayed.trace,
    }
    return {**out, "guard": replayed.guard} if guarded else out


def read_rules(written: Mapping[str, object], unread: list[str]) -> tuple[Programme, Levels]:
    """Read the money rules of a scenario, and the shares at which a guard acts.

    Raises:
        UsageError: a rule lacks a number, or a clock does not exist.
    """
    rules = part(written, _Rules, "rules", unread)
    programme = Programme(
        id="scenario",
        daily_loss=_daily(rules.daily_loss, unread),
        max_loss=_max(rules.max_loss, unread),
        cashflow=part(rules.cashflow or {}, CashFlow, "rules.cashflow", unread),
    )
    shares = []
    for name, percent in (rules.guard or {}).items():
        if name.endswith(_PERCENT):
            shares.append((name.removesuffix(_PERCENT), number(percent, f"rules.guard.{name}")))
        else:
            unread.append(f"rules.guard.{name}")
    shares.sort(key=lambda share: share[1])
    watched: Literal["daily_loss", "max_loss"] = (
        "max_loss" if programme.daily_loss is None else "daily_loss"
    )
    return programme, Levels(tuple(shares), (watched,))


def _daily(written: Mapping[str, object] | str | None, unread: list[str]) -> DailyLoss | None:
    if not isinstance(written, Mapping):
        _no_rule(written, "daily_loss")
        return None
    rule = part(_limited(written), DailyLoss, "rules.daily_loss", unread)
    _stated(rule.limit.pct, rule.limit.amount, "daily_loss")
    if rule.reset is not None:
        checked(rule.reset)
    return rule


def _max(written: Mapping[str, object] | str | None, unread: list[str]) -> MaxLoss | None:
    if not isinstance(written, Mapping):
        _no_rule(written, "max_loss")
        return None
    known = _lock(written.get("lock"))
    rule = part({**_limited(written), "lock": known}, MaxLoss, "rules.max_loss", unread)
    _stated(rule.limit.pct, rule.limit.amount, "max_loss")
    if rule.trail is not None and rule.trail.eod is not None:
        checked(rule.trail.eod)
    return rule


def _lock(written: object) -> object:
    """Give a lock in our words.

    One that nobody found is none: the floor goes on rising, which is the stricter reading.
    """
    if not isinstance(written, Mapping):
        if written in (*_NO_RULE, "unknown"):
            return None
        raise UsageError(
            f'rules.max_loss.lock: {written!r} is neither {{"initial_plus": ...}} nor none.',
            code=MALFORMED,
        )
    return None if written.get("initial_plus") in (None, "unknown") else written


def _limited(written: Mapping[str, object]) -> Mapping[str, object]:
    """Give a rule whose limit says what it is a percent of in our words."""
    limit = written.get("limit")
    if not isinstance(limit, Mapping):
        return written
    of = one_of(str(limit.get("of") or "unknown"), _OF, "limit.of")
    return {**written, "limit": {**limit, "of": _OF[of]}}


def _no_rule(written: object, name: str) -> None:
    if written not in _NO_RULE:
        raise UsageError(f"rules.{name}: {written!r} is neither a rule nor none.", code=MALFORMED)


def _stated(percent: Decimal | None, amount: Decimal | None, name: str) -> None:
    if percent is None and amount is None:
        raise UsageError(
            f"rules.{name}.limit: needs pct or amount; without one nothing can be tested.",
            code=MALFORMED,
        )


class _Replay:
    """A scenario on its way: the ledger, and what is told of it."""

    def __init__(self, rules: Programme, levels: Levels, state: LedgerState) -> None:
        self.rules = rules
        self.levels = levels
        self.state = state
        self.breach: Answer | None = None
        self.soft: list[Answer] = []
        self.trace: list[Answer] = []
        self.guard: list[Answer] = []

    def take(self, index: int, event: _Event, currency: str, unread: list[str]) -> bool:
        """Take one event; says whether the account lives on."""
        at = when(event.t)
        if at < self.state.at:
            raise UsageError(f"events[{index}]: is earlier than what is before it.", code=MALFORMED)
        if at - self.state.at > _SPAN_MAX:
            raise UsageError(
                f"events[{index}]: is more than 20 years after what is before it.", code=MALFORMED
            )
        if event.type == "restart":
            # All that is kept through a restart is what the state writes.
            kept = msgspec.json.encode(self.state)
            self.state = msgspec.json.decode(kept, type=LedgerState)
        moved = _moved(index, event, at, self.state, currency, unread)
        self.state, happened = step(self.rules, self.state, moved, self.levels)
        for one in happened:
            self._tell(index, one)
        if self.breach is None or self.breach["at"] == "event":
            told = {"i": index, "t": stamp(at), **_figures(self.rules, self.state)}
            self.trace.append(told)
        return self.breach is None

    def _tell(self, index: int, one: Happened) -> None:
        where: Answer = {}
        if isinstance(one, Broke | GuardReached):
            where = {"at": "reset"} if one.by_reset else {"at": "event", "i": index}
        if isinstance(one, Broke):
            told: Answer = {
                "rules": list(one.rules),
                **where,
                "t": stamp(one.at),
                "equity": money(one.equity),
                "floors": {rule: money(floor) for rule, floor in one.floors.items()},
            }
            if one.soft:
                self.soft.append(told)
            else:
                self.breach = told
        elif isinstance(one, GuardReached):
            if one.by_reset:
                where["t"] = stamp(one.at)
            self.guard.append(
                {
                    "action": one.action,
                    **where,
                    "used": money(one.used),
                    "threshold": money(one.threshold),
                }
            )


def _moved(
    index: int, event: _Event, at: Instant, state: LedgerState, currency: str, unread: list[str]
) -> LedgerEvent:
    where = f"events[{index}]"
    one_of(event.type, _TYPES, f"{where}.type")
    if event.type == "cashflow":
        one_of(event.kind, _FLOWS, f"{where}.kind")
    if event.type == "swap":
        one_of(event.booked, _BOOKED, f"{where}.booked")
    after = None
    if event.state_after is not None:
        after = part(event.state_after, _After, f"{where}.state_after", unread)
    try:
        balance, equity = _added_up(index, event, state, currency)
    except UsageError:
        if after is None:
            raise
        balance, equity = after.balance, after.equity
    # The venue writes two places: where they agree, the unrounded figure is what is compared.
    if after is not None and money(balance) != money(after.balance):
        balance = after.balance
    if after is not None and money(equity) != money(after.equity):
        equity = after.equity
    if event.type == "cashflow":
        return Flowed(at=at, kind=event.kind, amount=event.amount, balance=balance, equity=equity)
    return Moved(at=at, balance=balance, equity=equity, opened=event.type == "open")


def _added_up(
    index: int, event: _Event, state: LedgerState, currency: str
) -> tuple[Decimal, Decimal]:
    """Give balance and equity after an event, from what the event itself says."""
    fx = event.fx if event.fx is not None else ONE
    if event.fx is None and event.ccy and currency and event.ccy != currency:
        raise UsageError(
            f"events[{index}]: {event.ccy} has no fx rate to {currency}; a missing rate is not 1.",
            code="missing_fx_rate",
        )
    floating = state.equity - state.balance
    balance = state.balance
    if event.type == "mark":
        if event.float is None:
            raise UsageError(f"events[{index}]: a mark needs its float.", code=MALFORMED)
        floating = event.float * fx
    elif event.type in ("open", "close", "fill", "commission"):
        balance += (event.gross + event.commission + event.swap) * fx + event.amount * fx
        if event.float is not None:
            floating = event.float * fx
        elif event.type == "close":
            floating = ZERO
    elif event.type == "swap" and event.booked == "floating":
        floating += event.amount * fx
    elif event.type in ("swap", "cashflow"):
        balance += event.amount * fx
    elif event.type == "snapshot" and event.balance is not None and event.equity is not None:
        return event.balance, event.equity
    elif event.type != "restart":
        raise UsageError(
            f"events[{index}]: a snapshot needs its balance and its equity.",
            code=MALFORMED,
        )
    return balance, balance + floating


def _figures(rules: Programme, state: LedgerState) -> Answer:
    out: Answer = {"balance": money(state.balance), "equity": money(state.equity)}
    for room in rooms(rules, state):
        if room.rule == "daily_loss":
            out["daily_reference"] = money(today(rules, state).reference)
            out["daily_floor"] = money(room.floor)
            out["daily_remaining"] = money(room.room)
        else:
            out["max_loss_floor"] = money(room.floor)
            out["max_loss_remaining"] = money(room.room)
    return out


def _final(rules: Programme, state: LedgerState) -> Answer:
    out = _figures(rules, state)
    nearest = min((room.room for room in rooms(rules, state)), default=None)
    if nearest is not None:
        out["effective_remaining"] = money(nearest)
    if rules.daily_loss is not None:
        out["daily_paused"] = state.paused
    return out
