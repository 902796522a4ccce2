"""Reads TradersPost's JSON, which LEAN algorithms send as well.

Keys are case-sensitive, and unknown ones are ignored; but where `stopLoss` or `takeProfit` is not
there, an unknown key that plainly names a stop or a target is read as in free-form alerts, so that
no stop is lost. ``sentiment`` is the position wanted after the order: ``sell`` with ``flat`` closes
a long, ``sell`` with ``long`` reduces it, and neither can open a short.
"""

import re
from decimal import Decimal
from typing import Literal

from msgspec import Struct, structs

from bascule.model.enums import OrdType, Side
from bascule.model.values import ZERO
from bascule.signals import lenient_json
from bascule.signals.freshness import read_time
from bascule.signals.instruction import (
    Hints,
    Instruction,
    Measure,
    Parsed,
    Refuse,
    Rejection,
    Trailing,
)
from bascule.signals.json_fields import collect
from bascule.signals.json_measures import Guards, check_sides, guards
from bascule.signals.numbers import has_placeholder, is_unreadable, number, positive, shown
from bascule.signals.positions import State, long_of, read_fill, side_opening
from bascule.signals.words import POSITIONS, TIMES_IN_FORCE, boolean, fold

Message = dict[str, object]

ACTIONS = frozenset({"buy", "sell", "exit", "cancel", "add"})
"""The actions there are."""
KEYS = frozenset(
    {
        "ticker", "action", "sentiment", "quantity", "quantityType", "orderType", "limitPrice",
        "stopPrice", "price", "signalPrice", "takeProfit", "stopLoss", "trailAmount",
        "trailPercent", "timeInForce", "extendedHours", "cancel", "cancelOrderType", "cancelAfter",
        "ignoreTradingWindows", "delay", "time", "interval", "extras", "optionType",
        "intrinsicValue", "expiration", "strikeCount", "strikesAway", "strikePrice",
    }
)  # fmt: skip
"""The keys there are."""

_OPTION_KEYS = (
    "optionType", "intrinsicValue", "expiration", "strikeCount", "strikesAway", "strikePrice",
)  # fmt: skip
_ORDER_TYPES = {kind.value: kind for kind in OrdType}
_QUANTITY_TYPES = {
    "fixed_quantity": "units",
    **{
        name: name
        for name in (
            "dollar_amount", "amount_per_position", "risk_dollar_amount", "risk_per_position",
            "risk_percent", "percent_of_equity", "percent_of_position",
        )
    },
}  # fmt: skip
_SIZED_BY_STOP = frozenset({"risk_dollar_amount", "risk_per_position", "risk_percent"})
_STOP_TYPES = ("stop", "stop_limit", "trailing_stop")
CONTRACT = re.compile(r"[A-Z.]{1,6} [0-9]{6}(?P<kind>[CP])[0-9]{1,8}(?:\.[0-9]{1,3})?", re.ASCII)
"""The symbol of an option's contract: root, expiry, call or put, strike."""
_HUNDRED = Decimal(100)
_MAX_SYMBOL = 64
_UNSET: tuple[object, ...] = (None, "", {}, [])
_GUARDS = ("stopLoss", "takeProfit")
_DECIDING = {
    fold(key): key
    for key in (
        "sentiment", "quantity", "quantityType", "orderType", "limitPrice", "stopPrice",
        "trailAmount", "trailPercent", *_GUARDS,
    )
}  # fmt: skip


def parse(text: str, hints: Hints) -> Parsed:
    """Read one message. What is not a JSON object is refused."""
    read = lenient_json.decode(text)
    if isinstance(read, Rejection):
        return read
    if not isinstance(read.value, dict):
        return Rejection("malformed_json", "a JSON object is expected")
    try:
        instruction = _read(read.value, hints.auth or "url_path")
    except Refuse as refused:
        return refused.rejection
    return structs.replace(instruction, notes=(*read.repairs, *instruction.notes))


def _read(message: Message, auth: str) -> Instruction:
    action = _action(message)
    symbol = _ticker(message)
    if action == "cancel":
        read = Instruction(
            intent="cancel", symbol=symbol, scope="symbol", position_effect="unchanged", auth=auth
        )
        return _labelled(read, message)
    _check_spelling(message)
    wanted = _sentiment(message)
    if action in ("buy", "sell"):
        side = Side(action)
        fill = read_fill(side, wanted, None)
        if fill.intent == "open":
            return _entry(message, symbol, auth, side, "open")
        after: _After = "flat" if fill.intent == "close" else "less"
        exits = _exit(message, symbol, auth, after)
        return structs.replace(exits, side=side, closes=fill.closes)
    if action == "exit":
        if wanted not in (None, "flat"):
            raise Refuse("conflict", f"an exit that leaves the position {wanted}")
        return _exit(message, symbol, auth, "flat" if wanted == "flat" else "")
    if wanted == "flat":
        raise Refuse("conflict", "an addition that leaves the position flat")
    return _entry(message, symbol, auth, side_opening(wanted) if wanted else None, "add")


def _action(message: Message) -> str:
    raw = message.get("action")
    if raw is None or raw == "":
        raise Refuse("missing_field", "no action")
    if has_placeholder(raw):
        raise Refuse("unresolved_placeholder", f"action holds {shown(raw)}")
    action = raw.strip().lower() if isinstance(raw, str) else ""
    if action not in ACTIONS:
        raise Refuse("invalid_action", f"{shown(raw)} is none of {', '.join(sorted(ACTIONS))}")
    return action


def _check_spelling(message: Message) -> None:
    """Refuse a key that is one of those that decide, but for its spelling.

    TradersPost ignores it; but a sentiment or a quantity that is ignored makes another order.
    A stop or a target given as a number is read all the same, see `_with_others`.
    """
    for key, value in message.items():
        if key in KEYS or value in _UNSET:
            continue
        meant = _DECIDING.get(fold(key))
        scalar = not isinstance(value, dict | list)
        if meant is None or meant in message or (scalar and meant in _GUARDS):
            continue
        raise Refuse("unknown_field", f"{shown(key)} is written {meant}, in just these letters")


def _ticker(message: Message) -> str:
    raw = message.get("ticker")
    name = raw.strip() if isinstance(raw, str) else ""
    if has_placeholder(name):
        raise Refuse("unresolved_placeholder", f"ticker holds {shown(name)}")
    if not any(one.isalnum() for one in name) or len(name) > _MAX_SYMBOL:
        raise Refuse("missing_field", "no ticker")
    if not name.isascii() or not name.isprintable():
        raise Refuse("missing_field", f"no ticker: {shown(name)} cannot be one")
    return name


def _sentiment(message: Message) -> State | None:
    raw = message.get("sentiment")
    if raw is None or raw == "":
        return None
    if has_placeholder(raw):
        raise Refuse("unresolved_placeholder", f"sentiment holds {shown(raw)}")
    state = POSITIONS.get(raw.strip().lower()) if isinstance(raw, str) else None
    if state is None:
        raise Refuse("bad_enum", f"sentiment: {shown(raw)} is no position")
    return state


def _entry(
    message: Message, symbol: str, auth: str, side: Side | None, intent: Literal["open", "add"]
) -> Instruction:
    contract = CONTRACT.fullmatch(symbol)
    if contract and contract["kind"] == "P":
        raise Refuse("unsupported_field", "TradersPost turns the side of a put round; send an exit")
    kind, limit, stop = _order(message)
    guard, sl_type, sl_limit = _guards(message)
    trail = _own_trail(message, kind)
    if trail is not None and guard.trail is not None:
        raise Refuse("conflict", "a trailing order with a trailing stop of its own")
    guard = structs.replace(guard, trail=trail or guard.trail)
    if kind is OrdType.TRAILING_STOP and guard.trail is None:
        raise Refuse("missing_field", "a trailing_stop needs trailAmount or trailPercent")
    qty = _quantity(message)
    if qty is not None and qty.unit in _SIZED_BY_STOP and guard.sl is None and guard.trail is None:
        raise Refuse("missing_field", f"{qty.unit} without a stopLoss")
    ref = _reference(message)
    if side is not None:
        check_sides(side, limit or stop or ref, guard)
    read = Instruction(
        intent=intent,
        side=side,
        symbol=symbol,
        order_type=kind,
        qty=qty,
        limit=limit,
        stop=stop,
        ref_price=ref,
        sl=guard.sl,
        sl_limit=sl_limit,
        sl_type=sl_type,
        tp=guard.tp,
        trail=guard.trail,
        breakeven=guard.breakeven,
        position_effect=long_of(side) if side is not None else None,
        cancel_open_orders=_cancels(message, default=True if intent == "open" else None),
        reverse_closes_opposite=True if intent == "open" and kind is OrdType.MARKET else None,
        asset="option" if contract else "",
        auth=auth,
        unset=guard.unset,
        unreadable=guard.unreadable,
    )
    return _labelled(read, message)


_After = Literal["flat", "less", ""]
"""What an exit leaves, as its sentiment says: nothing, some, or as its quantity says."""


def _exit(message: Message, symbol: str, auth: str, after: _After) -> Instruction:
    """Read an exit. Prices, stops and targets that it does not need cannot block it."""
    qty = _exit_quantity(message)
    kind, limit, stop = _order(message, exits=True)
    trail = _own_trail(message, kind)
    if kind is OrdType.TRAILING_STOP and trail is None:
        raise Refuse("missing_field", "a trailing_stop needs trailAmount or trailPercent")
    if after == "less" and qty == "all":
        raise Refuse("conflict", "all of the position, and a sentiment that keeps some of it")
    reduces = after == "less" or (not after and qty not in (None, "all"))
    try:
        ref = _reference(message)
    except Refuse:
        ref = None
    read = Instruction(
        intent="reduce" if reduces else "close",
        symbol=symbol,
        order_type=kind,
        qty=qty if reduces else qty or "all",
        limit=limit,
        stop=stop,
        trail=trail,
        ref_price=ref,
        target=ZERO if after == "flat" else None,
        position_effect="reduce" if reduces else "flat",
        cancel_open_orders=_cancels(message, default=True),
        asset="option" if CONTRACT.fullmatch(symbol) else "",
        auth=auth,
    )
    return _labelled(read, message)


def _exit_quantity(message: Message) -> Measure | Literal["all"] | None:
    qty = _quantity(message)
    if qty is None:
        return None
    if qty.unit in _SIZED_BY_STOP:
        raise Refuse("conflict", f"{qty.unit} sizes entries, and this is an exit")
    if qty.unit == "percent_of_position" and qty.value >= _HUNDRED:
        if qty.value > _HUNDRED:
            raise Refuse("bad_number", f"quantity: {qty.value} % is more than the position")
        return "all"
    return qty


def _order(
    message: Message, *, exits: bool = False
) -> tuple[OrdType, Decimal | None, Decimal | None]:
    """Read the order type with its limit and its stop, which may be left to the market's price."""
    raw = message.get("orderType")
    kind = OrdType.MARKET
    if raw is not None and raw != "":
        stated = _ORDER_TYPES.get(raw.strip().lower()) if isinstance(raw, str) else None
        if stated is None:
            raise Refuse("bad_enum", f"orderType: {shown(raw)} is not an order type")
        kind = stated
    prices: list[Decimal | None] = []
    for key, takers in (
        ("limitPrice", (OrdType.LIMIT, OrdType.STOP_LIMIT)),
        ("stopPrice", (OrdType.STOP, OrdType.STOP_LIMIT)),
    ):
        price = _price(message, key) if kind in takers or not exits else None
        if price is not None and kind not in takers:
            raise Refuse("conflict", f"{key} on a {kind} order; set orderType")
        prices.append(price)
    return kind, prices[0], prices[1]


def _price(message: Message, key: str) -> Decimal | None:
    """Read a price; None when it is absent, empty or zero."""
    raw = message.get(key)
    if raw is None or (isinstance(raw, str) and not raw.strip()):
        return None
    value = number(raw, key)
    if value < 0:
        raise Refuse("bad_number", f"{key}: {value} is below zero")
    return value or None


def _reference(message: Message) -> Decimal | None:
    """Read the price that the sender saw."""
    seen, also = _price(message, "signalPrice"), _price(message, "price")
    if seen is not None and also is not None and seen != also:
        raise Refuse("conflict", f"signalPrice says {seen} and price says {also}")
    return seen if seen is not None else also


def _quantity(message: Message) -> Measure | None:
    raw, stated = message.get("quantity"), message.get("quantityType")
    absent = raw is None or (isinstance(raw, str) and not raw.strip())
    if stated is None or stated == "":
        return None if absent else Measure(positive(raw, "quantity"), "units")
    unit = _QUANTITY_TYPES.get(stated) if isinstance(stated, str) else None
    if unit is None:
        raise Refuse("bad_enum", f"quantityType: {shown(stated)} is none that is known")
    if absent:
        raise Refuse("missing_field", "quantityType without a quantity")
    return Measure(positive(raw, "quantity"), unit)


def _own_trail(message: Message, kind: OrdType) -> Trailing | None:
    """Read how far a trailing order stays behind."""
    given = [key for key in ("trailAmount", "trailPercent") if message.get(key) not in (None, "")]
    if not given:
        return None
    if len(given) > 1:
        raise Refuse("conflict", "trailAmount and trailPercent are both given")
    if kind is not OrdType.TRAILING_STOP:
        raise Refuse("conflict", f"{given[0]} on a {kind} order; set orderType, or use stopLoss")
    unit = "amount" if given[0] == "trailAmount" else "percent"
    return Trailing(unit, positive(message[given[0]], given[0]))


class _Stop(Struct, frozen=True):
    """What `stopLoss` says."""

    level: Measure | None = None
    trail: Trailing | None = None
    kind: str = ""
    limit: Decimal | None = None


def _guards(message: Message) -> tuple[Guards, str, Decimal | None]:
    """Read stop and target, with the stop's type and the limit of a stop-limit."""
    unset: list[str] = []
    unreadable: list[str] = []
    stop, tp = _Stop(), None
    raw = message.get("stopLoss")
    if isinstance(raw, dict):
        stop = _stop(raw)
    elif raw is not None:
        stop = _Stop(_scalar(raw, "stopLoss", "sl", unset, unreadable))
    raw = message.get("takeProfit")
    if isinstance(raw, dict):
        tp = _target(raw)
    elif raw is not None:
        tp = _scalar(raw, "takeProfit", "tp", unset, unreadable)
    read = Guards(stop.level, tp, stop.trail, None, tuple(unset), tuple(unreadable))
    return _with_others(message, read), stop.kind, stop.limit


def _scalar(
    raw: object, key: str, role: str, unset: list[str], unreadable: list[str]
) -> Measure | None:
    """Read a level given as a bare number, as some senders do: a price, or ``2%``."""
    if is_unreadable(raw):
        unset.append(role)
        if str(raw).strip():
            unreadable.append(role)
        return None
    unit = "price"
    if isinstance(raw, str) and raw.strip().endswith("%"):
        raw, unit = raw.strip()[:-1], "percent"
    value = number(raw, key)
    if value < 0:
        raise Refuse("bad_number", f"{key}: {value} is below zero")
    if not value:
        unset.append(role)
        return None
    return Measure(value, unit)


_STOP_VALUES = {"stopPrice": "price", "percent": "percent", "amount": "amount"}
_TRAIL_VALUES = {"trailAmount": "amount", "trailPrice": "amount", "trailPercent": "percent"}
_TARGET_VALUES = {"limitPrice": "price", "price": "price", "percent": "percent", "amount": "amount"}


def _stop(stop: dict[str, object]) -> _Stop:
    kind = stop.get("type")
    if kind is not None and kind not in _STOP_TYPES:
        raise Refuse("bad_enum", f"stopLoss.type: {shown(kind)} is none of {_STOP_TYPES}")
    level = _one_of(stop, "stopLoss", _STOP_VALUES)
    behind = _one_of(stop, "stopLoss", _TRAIL_VALUES)
    if level is not None and behind is not None:
        raise Refuse("conflict", "stopLoss has a level and a trailing distance")
    trails = kind == "trailing_stop" or (kind is None and behind is not None)
    if (behind if trails else level) is None:
        raise Refuse("missing_field", f"stopLoss of type {kind or 'stop'} without its value")
    if behind is not None:
        trail = Trailing(behind.unit, behind.value)
        return _Stop(trail=trail, kind=str(kind or ""))
    limit = _price(stop, "limitPrice") if kind == "stop_limit" else None
    return _Stop(level, None, str(kind or ""), limit)


def _target(target: dict[str, object]) -> Measure:
    read = _one_of(target, "takeProfit", _TARGET_VALUES)
    if read is None:
        raise Refuse("missing_field", "takeProfit without its value")
    return read


def _one_of(members: dict[str, object], key: str, units: dict[str, str]) -> Measure | None:
    given = [name for name in units if members.get(name) not in (None, "")]
    if len(given) > 1:
        raise Refuse("conflict", f"{key} has {given[0]} and {given[1]}")
    if not given:
        return None
    return Measure(positive(members[given[0]], f"{key}.{given[0]}"), units[given[0]])


_STOP_ROLES = ("sl", "trail", "trail_trigger", "unknown_stop")


def _with_others(message: Message, read: Guards) -> Guards:
    """Add the stop or target that only a key unknown to TradersPost names."""
    if read.sl is None and read.trail is None:
        _check_containers(message)
    others = {key: value for key, value in message.items() if key not in KEYS and _is_amount(value)}
    if not others:
        return read
    fields = collect(others)
    for role in list(fields):
        is_stop = role in _STOP_ROLES
        own = message.get("stopLoss" if is_stop else "takeProfit")
        if own is not None or not (is_stop or role.startswith("tp")):
            del fields[role]
    more = guards(fields)
    return Guards(
        read.sl or more.sl,
        read.tp or more.tp,
        read.trail or more.trail,
        None,
        read.unset + more.unset,
        read.unreadable + more.unreadable,
    )


_STOP_NAMES = frozenset({"sl", "stop", "stoploss", "stopprice", "trailingstop", "trailing"})


def _check_containers(message: Message) -> None:
    """Refuse an object that holds a stop under a name that TradersPost has not."""
    for key, value in message.items():
        if key in KEYS or not isinstance(value, dict | list) or not value:
            continue
        inner = value if isinstance(value, dict) else {}
        named = [key, *(f"{key}.{name}" for name in inner if fold(name) in _STOP_NAMES)]
        if "stop" in fold(key) or fold(key) in _STOP_NAMES or len(named) > 1:
            raise Refuse("unknown_field", f"{shown(named[-1])} names a stop; use stopLoss")


def _is_amount(value: object) -> bool:
    if isinstance(value, str):
        return has_placeholder(value) or value.strip()[:1].isdigit()
    return isinstance(value, Decimal) and value.is_finite() and value != 0


def _cancels(message: Message, *, default: bool | None) -> bool | None:
    raw = message.get("cancel")
    if raw is None:
        return default
    flag = boolean(raw)
    if flag is None:
        raise Refuse("bad_enum", f"cancel: {shown(raw)} is neither true nor false")
    return flag


def _labelled(read: Instruction, message: Message) -> Instruction:
    """Add time in force, delay, time and the option's contract that is to be looked up."""
    more: dict[str, object] = {}
    notes: list[str] = []
    raw = message.get("timeInForce")
    if raw is not None and raw != "":
        if not isinstance(raw, str) or raw.strip().lower() not in TIMES_IN_FORCE:
            raise Refuse("bad_enum", f"timeInForce: {shown(raw)} is none that is known")
        more["tif"] = TIMES_IN_FORCE[raw.strip().lower()]
    if (delay := _price(message, "delay")) is not None:
        more["delay_s"] = delay
    if message.get("time") not in (None, ""):
        more["fired_at"], note = read_time(message["time"])
        notes += [note] if note else []
    chosen = [key for key in _OPTION_KEYS if message.get(key) not in (None, "")]
    if chosen and read.intent != "cancel":
        look_up = f"the choice of an option's contract by {', '.join(chosen)}"
        more |= {"asset": "option", "conditions": (look_up,)}
    if message.get("cancelOrderType") not in (None, "", "all"):
        notes.append("cancelOrderType is not applied: every working entry is meant")
    return structs.replace(read, **more, notes=tuple(notes))
