"""Bascule's own JSON: the model's intents word for word, nothing to interpret. See docs/signals.md.

Either one intent, with the signal's own fields beside it, or a batch:

    {"intent": "place_order", "symbol": "ESZ2026", "side": "buy", "id": "42", "strategy": "s1"}
    {"signal": {"id": "42", "strategy": "s1"}, "intents": [{"intent": "flatten"}]}

Strict: an unknown field is refused with the names of those allowed, a number is a JSON number or a
string of one, and nothing is repaired.
"""

import re
from decimal import Decimal
from typing import cast, get_args

import msgspec
from msgspec import Struct, inspect

from bascule.model.enums import LevelUnit, OrdType, TimeInForce
from bascule.model.intent import (
    Amount,
    ClosePosition,
    Intent,
    ModifyProtection,
    PlaceOrder,
    Protection,
    TargetPosition,
)
from bascule.model.values import ONE, SECOND, ZERO, Instant
from bascule.signals import lenient_json
from bascule.signals.freshness import read_time
from bascule.signals.instruction import Direct, Hints, Parsed, Refuse, Rejection
from bascule.signals.numbers import has_placeholder, number, positive, shown

NAME = "native"
JSON_MARKS = ("intent", "intents")

_INTENTS: dict[str, type[Struct]] = {
    str(struct.__struct_config__.tag): struct for struct in get_args(Intent)
}
_MARK = re.compile(r'"(?:intents"\s*:\s*\[|intent"\s*:\s*"(?:' + "|".join(_INTENTS) + r')")')
_SIGNAL_FIELDS = ("id", "strategy", "fired_at", "max_age")
_CREDENTIALS = frozenset({"secret", "passphrase", "password", "token", "key"})
_MAX_INTENTS = 50
_MAX_TEXT = 256


class _Field(Struct, frozen=True):
    """What the reader must know of a field: a number, a moment, or another struct's members."""

    number: bool = False
    moment: bool = False
    struct: type[Struct] | None = None


def _plan_of(struct: type[Struct], plans: dict[type[Struct], dict[str, _Field]]) -> None:
    if struct in plans:
        return
    plans[struct] = plan = {}
    for field in cast(inspect.StructType, inspect.type_info(struct)).fields:
        types = field.type.types if isinstance(field.type, inspect.UnionType) else (field.type,)
        plan[field.encode_name] = _Field()
        for one in types:
            inner = one.item_type if isinstance(one, inspect.VarTupleType) else one
            if isinstance(inner, inspect.StructType):
                plan[field.encode_name] = _Field(struct=inner.cls)
                _plan_of(inner.cls, plans)
            elif isinstance(inner, inspect.DecimalType):
                plan[field.encode_name] = _Field(number=True)
            elif isinstance(inner, inspect.IntType):
                plan[field.encode_name] = _Field(moment=True)


_PLANS: dict[type[Struct], dict[str, _Field]] = {}
for _struct in _INTENTS.values():
    _plan_of(_struct, _PLANS)


def detect(text: str) -> int:
    """Claim a JSON object that names one of the model's intents."""
    return 95 if text.lstrip(" \t\r\n\ufeff")[:1] == "{" and _MARK.search(text) else 0


def parse(text: str, hints: Hints) -> Parsed:
    """Read one document; ``hints`` make no difference here."""
    read = lenient_json.decode(text)
    if isinstance(read, Rejection):
        return read
    if read.repairs:
        text = f"{read.fault}; this format is not repaired (another would have: {read.repairs[0]})"
        return Rejection("malformed_json", text)
    if not isinstance(read.value, dict):
        return Rejection("malformed_json", "a JSON object is expected")
    try:
        return _document(read.value)
    except Refuse as refused:
        return refused.rejection


def _document(document: dict[str, object]) -> Direct:
    members = {key: value for key, value in document.items() if key not in _CREDENTIALS}
    if "intents" in members or "signal" in members:
        _only(members, ("signal", "intents"), "the document")
        signal = members.get("signal", {})
        asked = members.get("intents")
        if not isinstance(signal, dict):
            raise Refuse("bad_enum", "signal: an object is expected")
        if not isinstance(asked, list) or not 0 < len(asked) <= _MAX_INTENTS:
            raise Refuse("missing_field", f"intents: a list of 1 to {_MAX_INTENTS} is expected")
        signal = {key: value for key, value in signal.items() if key not in _CREDENTIALS}
        _only(signal, _SIGNAL_FIELDS, "signal")
        intents = tuple(_intent(one, f"intents[{place}]", ()) for place, one in enumerate(asked))
        return _direct(signal, intents)
    intent = _intent(members, "the document", _SIGNAL_FIELDS)
    return _direct(members, (intent,))


def _direct(signal: dict[str, object], intents: tuple[Intent, ...]) -> Direct:
    notes: tuple[str, ...] = ()
    fired_at: Instant | None = None
    if signal.get("fired_at") is not None:
        fired_at, note = read_time(signal["fired_at"])
        if fired_at is None:
            raise Refuse("bad_enum", f"fired_at: {shown(signal['fired_at'])} is not a time")
        notes = (note,) if note else ()
    max_age = 0
    if signal.get("max_age") is not None:
        max_age = int(positive(signal["max_age"], "max_age") * SECOND)
    return Direct(
        intents=intents,
        strategy=_text(signal, "strategy"),
        signal_id=_text(signal, "id"),
        fired_at=fired_at,
        max_age=max_age,
        notes=notes,
    )


def _text(members: dict[str, object], name: str) -> str:
    value = members.get(name, "")
    if isinstance(value, Decimal) and value.is_finite():
        value = format(value, "f")
    if not isinstance(value, str) or len(value) > _MAX_TEXT:
        raise Refuse("bad_enum", f"{name}: text of at most {_MAX_TEXT} characters is expected")
    if has_placeholder(value):
        raise Refuse("unresolved_placeholder", f"{name} holds {shown(value)}")
    return value


def _only(members: dict[str, object], allowed: tuple[str, ...], where: str) -> None:
    for key in members:
        if key not in allowed:
            raise Refuse(
                "unknown_field",
                f"{where} has {shown(key)}; allowed here: {', '.join(allowed)}",
            )


def _intent(value: object, where: str, beside: tuple[str, ...]) -> Intent:
    if not isinstance(value, dict):
        raise Refuse("malformed_json", f"{where}: an object is expected")
    word = value.get("intent")
    struct = _INTENTS.get(word) if isinstance(word, str) else None
    if struct is None:
        raise Refuse(
            "invalid_action", f"{where}: intent must be one of {', '.join(sorted(_INTENTS))}"
        )
    _only(value, ("intent", *_PLANS[struct], *beside), f"{word}")
    members = {key: one for key, one in value.items() if key in _PLANS[struct]}
    try:
        intent = msgspec.convert(_prepared(members, struct, word or ""), struct)
    except msgspec.ValidationError as error:
        complaint = str(error).replace("`$.", "`").replace("`$`", f"`{word}`")
        code = "missing_field" if "missing required" in complaint else "bad_enum"
        raise Refuse(code, f"{word}: {complaint}") from None
    read = cast(Intent, intent)
    _check(read)
    return read


def _prepared(members: dict[str, object], struct: type[Struct], where: str) -> dict[str, object]:
    """Read numbers strictly and check the names of nested members, before types are checked."""
    plan = _PLANS[struct]
    ready: dict[str, object] = {}
    for key, value in members.items():
        field, path = plan[key], f"{where}.{key}"
        if value is None:
            continue
        if field.number:
            value = number(value, path)
        elif field.moment:
            moment, _ = read_time(value)
            if moment is None:
                raise Refuse("bad_enum", f"{path}: {shown(value)} is not a time")
            value = moment
        elif field.struct is not None and isinstance(value, dict):
            value = _nested(value, field.struct, path)
        elif field.struct is not None and isinstance(value, list):
            value = [
                _nested(one, field.struct, path) if isinstance(one, dict) else one for one in value
            ]
        elif has_placeholder(value):
            raise Refuse("unresolved_placeholder", f"{path} holds {shown(value)}")
        ready[key] = value
    return ready


def _nested(members: dict[str, object], struct: type[Struct], where: str) -> dict[str, object]:
    _only(members, tuple(_PLANS[struct]), where)
    return _prepared(members, struct, where)


def _check(intent: Intent) -> None:
    """Hold an intent to what its fields must be together."""
    if not intent.symbol.strip() and isinstance(
        intent, PlaceOrder | TargetPosition | ClosePosition | ModifyProtection
    ):
        raise Refuse("missing_field", "symbol")
    for name in ("reference_price", "price", "stop_price"):
        _above_zero(getattr(intent, name, None), name)
    for name in ("quantity", "order_quantity"):
        amount = getattr(intent, name, None)
        if isinstance(amount, Amount):
            _above_zero(amount.value, f"{name}.value")
    if isinstance(intent, PlaceOrder):
        _check_order(intent)
    if isinstance(intent, ClosePosition) and intent.fraction is not None:
        if intent.quantity is not None:
            raise Refuse("conflict", "close_position has both a quantity and a fraction")
        _share(intent.fraction, "fraction")
    protection = getattr(intent, "protection", None)
    if isinstance(protection, Protection):
        _check_protection(protection)


def _check_order(order: PlaceOrder) -> None:
    needs_price = order.ord_type in (OrdType.LIMIT, OrdType.STOP_LIMIT)
    needs_stop = order.ord_type in (OrdType.STOP, OrdType.STOP_LIMIT)
    for value, needed, name in (
        (order.price, needs_price, "price"),
        (order.stop_price, needs_stop, "stop_price"),
        (order.trail, order.ord_type is OrdType.TRAILING_STOP, "trail"),
    ):
        if needed and value is None:
            raise Refuse("missing_field", f"a {order.ord_type} order needs {name}")
        if value is not None and not needed:
            raise Refuse("conflict", f"a {order.ord_type} order has no {name}")
    dated = order.time_in_force is TimeInForce.GTD
    if dated and order.expire_at is None:
        raise Refuse("missing_field", "a gtd order needs expire_at")
    if order.expire_at is not None and not dated:
        raise Refuse("conflict", "only a gtd order has expire_at")
    if order.reduce_only and order.quantity is None:
        raise Refuse("missing_field", "a reduce_only order needs its quantity")


def _check_protection(protection: Protection) -> None:
    if protection.stop_loss is not None:
        _above_zero(protection.stop_loss.value, "protection.stop_loss.value")
        if protection.stop_loss.unit is LevelUnit.RATIO:
            raise Refuse("unsupported_unit", "a stop in multiples of itself")
    total = ZERO
    for target in protection.take_profits:
        _above_zero(target.level.value, "protection.take_profits.level.value")
        _share(target.portion, "protection.take_profits.portion")
        total += target.portion
    if total > ONE:
        raise Refuse("conflict", "protection.take_profits take more than the whole position")
    trail = protection.trail
    if trail is not None:
        _above_zero(trail.distance.value, "protection.trail.distance.value")


def _share(value: Decimal, name: str) -> None:
    if not ZERO < value <= ONE:
        raise Refuse("bad_number", f"{name}: {value} is not above 0 and at most 1")


def _above_zero(value: Decimal | None, name: str) -> None:
    if value is not None and value <= ZERO:
        raise Refuse("bad_number", f"{name}: {value} is not above zero")
