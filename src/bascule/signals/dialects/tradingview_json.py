"""Free-form JSON alerts, as people write them for TradingView: no fixed names, no fixed nesting.

Read by what the keys say (`bascule.signals.json_fields`) and, where a strategy's positions are
given, by what the fill means (`bascule.signals.positions`). Indicator data is no order.
Not affiliated with TradingView; read from public samples of 2026-11, see docs/signals.md.
"""

from decimal import Decimal

from msgspec import Struct, structs

from bascule.model.enums import OrdType, Side
from bascule.signals import lenient_json
from bascule.signals.instruction import (
    Held,
    Hints,
    Instruction,
    IntentWord,
    Measure,
    Parsed,
    Refuse,
    Rejection,
)
from bascule.signals.json_fields import Fields, Found, collect, named, text
from bascule.signals.json_labels import label, symbol, symbol_or_empty
from bascule.signals.json_measures import (
    Sizes,
    check_sides,
    guards,
    price,
    signed_number,
    sizes,
)
from bascule.signals.json_prices import Prices, order_type, read_prices
from bascule.signals.json_words import Asked, read_action
from bascule.signals.numbers import has_placeholder, number, shown
from bascule.signals.positions import (
    State,
    long_of,
    read_fill,
    short_of,
    side_closing,
    side_opening,
    signed,
)
from bascule.signals.words import POSITIONS, boolean, fold

NAME = "tradingview_json"

_MAX_LEGS = 20
_REPORTED = frozenset(
    {
        "open", "opened", "closed", "filled", "executed", "partiallyfilled", "rejected",
        "canceled", "cancelled", "done", "expired",
    }
)  # fmt: skip
_AUTH = {"token": "body_token", "key": "body_key", "apikey": "body_key", "authkey": "body_key"}
_METRICS = {
    "qty": "qty", "price": "price", "entry.limit": "limit", "entry.stop": "trigger",
    "exit.limit": "tp", "exit.stop": "sl",
}  # fmt: skip


def detect(text: str) -> int:
    """Claim any JSON object or list, weakly: a dialect with its own marks knows better."""
    return 20 if text.lstrip(" \t\r\n\ufeff")[:1] in ("{", "[") else 0


def parse(text: str, hints: Hints) -> Parsed:
    """Read one alert, or a list of alerts as a batch."""
    read = lenient_json.decode(text)
    if isinstance(read, Rejection):
        if read.error == "malformed_json" and not detect(text):
            return Rejection("unknown_format", "it is not JSON")
        return read
    try:
        if isinstance(read.value, list):
            return _batch(read.value, read.repairs, hints)
        if not isinstance(read.value, dict):
            raise Refuse("malformed_json", "a JSON object is expected, not a bare value")
        return _noting(_read(read.value, hints), read.repairs)
    except Refuse as refused:
        return refused.rejection


def _batch(values: list[object], repairs: tuple[str, ...], hints: Hints) -> Parsed:
    if not values or len(values) > _MAX_LEGS:
        raise Refuse("malformed_json", f"a list holds 1 to {_MAX_LEGS} orders")
    legs: list[Instruction] = []
    for value in values:
        if not isinstance(value, dict):
            raise Refuse("malformed_json", "a list may hold objects only, one order each")
        legs.append(_read(value, hints))
    legs[0] = _noting(legs[0], repairs)
    return tuple(legs)


def _noting(instruction: Instruction, repairs: tuple[str, ...]) -> Instruction:
    if not repairs:
        return instruction
    return structs.replace(instruction, notes=repairs + instruction.notes)


class _Position(Struct, frozen=True):
    """The strategy's position after and before the fill, as the message tells it."""

    now: State | None
    before: State | None
    target: Decimal | None


class _Message(Struct, frozen=True):
    """What the parts of the reading share."""

    fields: Fields
    auth: str
    position: _Position
    asked: Asked


def _read(document: dict[str, object], hints: Hints) -> Instruction:
    fields = collect(document)
    auth = _auth(fields, hints)
    if not auth and len(document) == 2 and "symbol" in fields and "action" in fields:
        raise Refuse(
            "unauthenticated",
            "a bare symbol and action: nothing in it or around it says who sent it",
        )
    if _is_report(fields):
        return _report(fields, auth)
    asked = read_action(fields)
    if "metrics" in fields:
        _unfold_metrics(fields)
    if asked.verb == "notify":
        return _notice(fields, asked, auth)
    message = _Message(fields, auth, _position(fields), asked)
    instruction = _instruct(message)
    return label(instruction, fields, _identity(fields, asked))


def _instruct(message: _Message) -> Instruction:
    asked = message.asked
    match asked.verb:
        case "open":
            return _fill(message)
        case "close" | "reduce":
            return _exit(message, asked)
        case "add" | "reverse":
            assert asked.side is not None
            return _entry(message, "add" if asked.verb == "add" else "reverse", asked.side)
        case "flatten_all":
            return Instruction(intent="flatten_all", position_effect="flat", auth=message.auth)
        case "cancel":
            return _cancel(message)
        case "modify" | "breakeven":
            return _modify(message)
        case "halt":
            return Instruction(intent="control", control="halt", auth=message.auth)
        case "resume":
            return Instruction(intent="control", control="resume", auth=message.auth)
    return _without_action(message)


def _auth(fields: Fields, hints: Hints) -> str:
    """Say where the credential sits. A message that calls itself unauthenticated is believed."""
    if "auth" in fields and text(fields, "auth").upper() == "NONE":
        raise Refuse("unauthenticated", "the message says of itself that it is not authenticated")
    empty = False
    for found in fields.get("credential", ()):
        if isinstance(found.value, str) and found.value.strip():
            return _AUTH.get(fold(found.key), "body_secret")
        empty = True
    if empty and not hints.auth:
        raise Refuse("unauthenticated", "the credential in the body is empty")
    return hints.auth


def _identity(fields: Fields, asked: Asked) -> tuple[str, ...]:
    """Name what tells this fill from the strategy's other fills at the same instant."""
    roles = ("before", "before_size", "now", "now_size", "target", "qty")
    return (asked.word, *[text(fields, role) if role in fields else "" for role in roles])


def _is_report(fields: Fields) -> bool:
    if "report" in fields and ("ticket" in fields or "status" in fields):
        return True
    return "status" in fields and fold(text(fields, "status")) in _REPORTED


def _report(fields: Fields, auth: str) -> Instruction:
    """A fill or trade report must not become an order: it is read for the record only."""
    size, asked = Sizes(), Asked()
    try:
        asked = read_action(fields)
        size = sizes(fields, False)
    except Refuse as refused:
        return _notice(fields, asked, auth, refused.rejection.why)
    noticed = _notice(fields, asked, auth)
    return structs.replace(noticed, side=asked.side, qty=size.qty, volume=size.volume)


def _notice(fields: Fields, asked: Asked, auth: str, note: str = "") -> Instruction:
    try:
        about = symbol_or_empty(fields)
    except Refuse:
        about = ""
    container = named(fields, "report")
    event = str(container.value) if container is not None else text(fields, "event")
    return Instruction(
        intent="notify",
        symbol=about,
        event=event or text(fields, "status") or asked.word,
        auth=auth,
        notes=(note,) if note else (),
    )


def _unfold_metrics(fields: Fields) -> None:
    """File a list of ``{"name": ..., "value": ...}`` under roles; 0 means unset there."""
    found = named(fields, "metrics")
    if found is None or not isinstance(found.value, list):
        return
    for item in found.value:
        if not isinstance(item, dict):
            raise Refuse("malformed_json", "metrics may hold name and value objects only")
        name, value = str(item.get("name")), item.get("value")
        role = _METRICS.get(name.strip().lower())
        if role is not None and value is not None and number(value, name):
            fields.setdefault(role, []).append(Found(name, value, _metric_unit(role)))


def _metric_unit(role: str) -> str:
    return "price" if role in ("sl", "tp") else ""


_UNTOLD = _Position(None, None, None)
_TELLING = frozenset({"target", "now", "now_size", "before"})


def _position(fields: Fields) -> _Position:
    if fields.keys().isdisjoint(_TELLING):
        return _UNTOLD
    worded: State | None = None
    sized: list[Found] = []
    for found in fields.get("target", ()):
        state = POSITIONS.get(fold(found.value)) if isinstance(found.value, str) else None
        if state is None:
            sized.append(found)
        else:
            worded = worded or state
    now = _state(fields, "now") or worded
    size = signed_number({"target": sized}, "target")
    target, told = signed(size, signed_number(fields, "now_size"), now)
    return _Position(told, _state(fields, "before"), target)


def _state(fields: Fields, role: str) -> State | None:
    for found in fields.get(role, ()):
        if found.value is None or (isinstance(found.value, str) and not found.value.strip()):
            continue
        if has_placeholder(found.value):
            raise Refuse("unresolved_placeholder", f"{found.key} holds {shown(found.value)}")
        state = POSITIONS.get(fold(str(found.value)))
        if state is None:
            raise Refuse("bad_enum", f"{found.key}: {shown(found.value)} is no position")
        return state
    return None


def _without_action(message: _Message) -> Instruction:
    position = message.position
    if position.now == "flat":
        held: Held | None = position.before if position.before in ("long", "short") else None
        return _exit(message, Asked("close", held=held))
    if position.now is None or position.target is None:
        raise Refuse("missing_field", "no action and no side: it does not say what to do")
    return _entry(message, "target_position", side_opening(position.now))


def _fill(message: _Message) -> Instruction:
    side = message.asked.side
    assert side is not None
    fill = read_fill(side, message.position.now, message.position.before)
    if fill.intent in ("close", "reduce"):
        verb = "close" if fill.intent == "close" else "reduce"
        return _exit(message, Asked(verb, side, fill.closes))
    flag = named(message.fields, "reduce_only")
    if flag is not None and boolean(flag.value) is not False:
        if boolean(flag.value) is None:
            raise Refuse("bad_enum", f"{flag.key}: {shown(flag.value)} is neither true nor false")
        exits = _exit(message, Asked("reduce", side, short_of(side)))
        return structs.replace(exits, reduce_only=True)
    return _entry(message, fill.intent, side)


def _entry(message: _Message, intent: IntentWord, side: Side) -> Instruction:
    fields, position = message.fields, message.position
    name = symbol(fields)
    prices = read_prices(fields)
    size = sizes(fields, False)
    guard = guards(fields)
    if prices.kind is OrdType.TRAILING_STOP and guard.trail is None:
        raise Refuse("missing_field", "a trailing stop order without its distance")
    check_sides(side, prices.reference, guard)
    target = position.target
    if target is None and intent == "reverse":
        target = _reversed(fields, side, size.qty)
    return Instruction(
        intent=intent,
        side=side,
        symbol=name,
        order_type=prices.kind,
        qty=size.qty,
        volume=size.volume,
        risk=size.risk,
        limit=prices.limit,
        stop=prices.stop,
        entry=prices.entry,
        ref_price=prices.ref,
        sl=guard.sl,
        tp=guard.tp,
        trail=guard.trail,
        breakeven=guard.breakeven,
        target=target,
        position_effect=None if prices.protects else long_of(side),
        reduce_only=True if prices.protects else None,
        auth=message.auth,
        unset=guard.unset,
        unreadable=guard.unreadable,
    )


def _reversed(fields: Fields, side: Side, qty: Measure | None) -> Decimal | None:
    """Work out the new position: a strategy's reversing order closes the old one and opens it."""
    before = signed_number(fields, "before_size")
    if qty is None or qty.unit != "units" or before is None:
        return None
    size = qty.value - abs(before)
    if size <= 0:
        raise Refuse("conflict", f"an order of {qty.value} cannot reverse a position of {before}")
    return size * side.sign


def _exit(message: _Message, asked: Asked) -> Instruction:
    """Read a close or a partial exit. Prices that it does not need cannot block it."""
    fields, position = message.fields, message.position
    if fold(asked.word) == "flatten" and not symbol_or_empty(fields):
        return Instruction(intent="flatten_all", position_effect="flat", auth=message.auth)
    name = symbol(fields)
    size = sizes(fields, True)
    prices = _exit_prices(fields)
    held, side, target = asked.held, asked.side, position.target
    if held is None and position.now in ("long", "short"):
        held = position.now
    if held in ("long", "short") and position.now not in (None, "flat", held):
        # The exit of one side beside a position on the other, as the legs of a reversal have it.
        target = None
    if side is None and held in ("long", "short"):
        side = side_closing(held)
    given = size.qty or size.volume
    flat = position.now == "flat"
    whole = given is not None and given.unit == "percent_of_position" and given.value == 100
    reduces = asked.verb == "reduce" or (
        not flat and ((given is not None and not whole) or target is not None)
    )
    everything = not reduces and (given is None or whole)
    told = reduces and not fields.keys().isdisjoint(("sl", "trail"))
    return Instruction(
        intent="reduce" if reduces else "close",
        side=side,
        symbol=name,
        order_type=prices.kind,
        qty="all" if everything else size.qty,
        volume=size.volume,
        limit=prices.limit,
        stop=prices.stop,
        ref_price=prices.ref,
        closes=held,
        target=target,
        position_effect="reduce" if reduces else "flat",
        auth=message.auth,
        notes=("a stop beside an exit is not applied: change it by a modify",) if told else (),
    )


def _exit_prices(fields: Fields) -> Prices:
    kind, _ = order_type(fields)
    if kind in (OrdType.LIMIT, OrdType.STOP, OrdType.STOP_LIMIT):
        return read_prices(fields)
    if "metrics" in fields and ("tp" in fields or "sl" in fields):
        raise Refuse("conflict", "an exit at exit.limit or exit.stop; state order_type and price")
    try:
        return Prices(OrdType.MARKET, ref=price(fields, "price"))
    except Refuse:
        return Prices(OrdType.MARKET)


def _cancel(message: _Message) -> Instruction:
    name = symbol_or_empty(message.fields)
    return Instruction(
        intent="cancel",
        symbol=name,
        side=message.asked.side,
        scope="symbol" if name else "open_orders",
        position_effect="unchanged",
        auth=message.auth,
    )


def _modify(message: _Message) -> Instruction:
    fields = message.fields
    name = symbol(fields)
    guard = guards(fields)
    for role in ("limit", "trigger"):
        if (found := named(fields, role)) is not None and price(fields, role) is not None:
            raise Refuse(
                "conflict",
                f"{found.key} in a change may be an order's price or the new stop or target; name "
                "it stop_loss or take_profit",
            )
    breakeven = message.asked.verb == "breakeven"
    if not breakeven and guard.sl is None and guard.tp is None and guard.trail is None:
        raise Refuse("missing_field", "a change of stop or target without the new one")
    return Instruction(
        intent="modify",
        symbol=name,
        target=message.asked.held,
        sl="breakeven" if breakeven else guard.sl,
        tp=None if breakeven else guard.tp,
        trail=None if breakeven else guard.trail,
        position_effect="unchanged",
        auth=message.auth,
        unset=guard.unset,
        unreadable=guard.unreadable,
    )
