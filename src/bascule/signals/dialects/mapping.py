"""A format of the user's own, described in ``[sources.NAME.mapping]``: see docs/signals.md.

It reads only what a source's map names, and is never found by content. What the map asks for and
the message lacks is refused; a size that nothing gives stays away, and the route sizes the order.
"""

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple, get_args

from msgspec import Struct, structs

from bascule.model.enums import OrdType, Side
from bascule.signals.instruction import (
    Held,
    Hints,
    Instruction,
    Measure,
    Parsed,
    Refuse,
    Trailing,
)
from bascule.signals.json_measures import Guards, check_sides
from bascule.signals.members import (
    SIDES,
    Members,
    exit_size,
    noting,
    order_prices,
    percent,
    read_object,
)
from bascule.signals.message_map import (
    LEVELS,
    LONGEST_TEXT,
    SIZES,
    ActionWord,
    Condition,
    MessageMap,
    OrderWord,
    Rule,
    TimeWord,
)
from bascule.signals.numbers import has_placeholder, is_unreadable, shown
from bascule.signals.positions import long_of, side_closing
from bascule.signals.strike import STRUCK
from bascule.signals.words import fold

NAME = "mapping"
JSON_MARKS = ()

_HELD: dict[str, Held] = {
    "close": "both", "close_long": "long", "close_short": "short",
    "reduce": "both", "reduce_long": "long", "reduce_short": "short",
}  # fmt: skip
_TYPES = {fold(word): OrdType(word) for word in get_args(OrderWord)}
_LABELS = ("strategy", "comment", "order_id", "signal_id", "fired_at")
_SIZED = ("symbol", "qty", "order_type", "limit", "stop", "tif", *_LABELS)
_GUARDS = ("sl", "tp", "trail")
_ENTRY = (*_SIZED, *_GUARDS, "ref_price", "entry")


def detect(text: str) -> int:
    """Claim nothing: a format of the user's own is named in the source's settings."""
    return 0


def parse(text: str, hints: Hints) -> Parsed:
    """Read one message by the source's map."""
    if hints.mapping is None:
        return Refuse(
            "unknown_format", "this dialect needs the mapping of a source; name the source"
        ).rejection
    try:
        message = _take_apart(text, hints.mapping)
        return noting(_read(message, hints.auth), message.repairs)
    except Refuse as refused:
        return refused.rejection


class _Size(Struct, frozen=True):
    """How much is asked for: at most one of the two is set."""

    qty: Measure | None = None
    risk: Measure | None = None


class _Message(NamedTuple):
    """A message taken apart, with the map that says what its parts mean."""

    told: MessageMap
    document: object
    groups: dict[str, str | None]
    repairs: tuple[str, ...]

    def at(self, place: Rule | Condition) -> object:
        """Give what stands at a place; None where there is nothing.

        Raises:
            Refuse: ``bad_enum`` for a path that goes through what is no object and no list, or
                that leads to a struck-out credential.
        """
        found = self.groups.get(place.group) if place.group else _walk(self.document, place.path)
        if found == STRUCK:
            raise Refuse("bad_enum", f"{place.place} is named like a credential and is struck out")
        return found

    def members(self, words: Iterable[str]) -> Members:
        """Read the values of some words, and of no others.

        Raises:
            Refuse: ``missing_field`` for a required value, ``bad_enum`` for one that no table has.
        """
        rules = {word: self.told.rules[word] for word in words if word in self.told.rules}
        read = Members({word: self._value(word, rule) for word, rule in rules.items()})
        for word, rule in rules.items():
            if rule.required and not read.has(word):
                raise Refuse("missing_field", f"no {word}: nothing stands at {rule.place}")
        return read

    def _value(self, word: str, rule: Rule) -> object:
        if rule.value is not None:
            return rule.value
        found = self.at(rule)
        said = _word(found)
        if not rule.values or not said or has_placeholder(found):
            return found
        if said not in rule.values:
            raise _unknown(word, found, rule.values)
        return rule.values[said]


def _take_apart(text: str, told: MessageMap) -> _Message:
    if not told.pattern:
        read = read_object(text)
        return _Message(told, read.values, {}, read.repairs)
    line = text.strip("\ufeff\0 \t\r\n")
    if not line:
        raise Refuse("empty_body", "there is nothing in it")
    if len(line) > LONGEST_TEXT:
        raise Refuse("malformed_command", f"a text by a pattern has {LONGEST_TEXT} characters")
    match = re.fullmatch(told.pattern, line)
    if match is None:
        raise Refuse("unknown_format", f"{shown(line)} is not as the mapping's pattern says")
    return _Message(told, None, match.groupdict(), ())


def _walk(document: object, path: tuple[str, ...]) -> object:
    found = document
    for place, part in enumerate(path):
        if found is None:
            return None
        if isinstance(found, list):
            if not part.isdecimal():
                raise Refuse("bad_enum", f"{'.'.join(path[:place])} is a list, not an object")
            found = found[int(part)] if int(part) < len(found) else None
        elif isinstance(found, dict):
            found = found.get(part)
        else:
            raise Refuse("bad_enum", f"{'.'.join(path[:place])} is neither an object nor a list")
    return found


def _word(value: object) -> str:
    """Write a value as tables of words have it: trimmed, in lower case, numbers by their digits."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        small = value.is_finite() and abs(value.adjusted()) < 40
        return format(value.normalize(), "f") if small else ""
    return str(value).strip().lower()


def _read(message: _Message, auth: str) -> Instruction:
    for condition in message.told.only_if:
        said = message.at(condition)
        if _word(said) not in condition.one_of:
            allowed = ", ".join(condition.one_of)
            raise Refuse(
                "not_an_order", f"{condition.place} is {shown(said)}; an order has {allowed}"
            )
    action = message.members(("action",)).required("action").lower()
    if action in SIDES:
        return _entry(message, SIDES[action], auth)
    if action in _HELD:
        return _exit(message, action, auth)
    match action:
        case "open":
            return _entry(message, message.members(("side",)).side("side"), auth)
        case "target":
            return _target(message, auth)
        case "modify":
            return _modify(message, auth)
        case "cancel" | "cancel_all":
            about = _symbol(message) if action == "cancel" else ""
            return Instruction(
                intent="cancel", symbol=about, position_effect="unchanged", auth=auth,
                scope="symbol" if about else "open_orders",
            )  # fmt: skip
        case "flatten_all":
            return Instruction(intent="flatten_all", position_effect="flat", auth=auth)
        case "halt":
            return Instruction(intent="control", control="halt", auth=auth)
        case "ignore":
            return Instruction(intent="notify", auth=auth)
    raise _unknown("action", action, get_args(ActionWord))


def _unknown(word: str, found: object, allowed: Iterable[str]) -> Refuse:
    code = "invalid_action" if word in ("action", "side") else "bad_enum"
    return Refuse(code, f"{word}: {shown(found)} is none of {', '.join(allowed)}")


def _symbol(message: _Message) -> str:
    return message.members(("symbol",)).symbol("symbol")


def _entry(message: _Message, side: Side, auth: str) -> Instruction:
    members = message.members(_ENTRY)
    kind, limit, stop = _order(members)
    guards = _guards(members, message.told)
    ref, entry = members.price("ref_price"), members.price("entry")
    reference = next((one for one in (limit, stop, entry, ref) if one is not None), None)
    check_sides(side, reference, guards)
    size = _size(members, message.told)
    return _labelled(
        members,
        Instruction(
            intent="open",
            side=side,
            symbol=members.symbol("symbol"),
            order_type=None if entry is not None and kind is OrdType.MARKET else kind,
            qty=size.qty,
            risk=size.risk,
            limit=limit,
            stop=stop,
            entry=entry,
            ref_price=ref,
            sl=guards.sl,
            tp=guards.tp,
            trail=guards.trail,
            position_effect=long_of(side),
            tif=members.tif("tif", get_args(TimeWord)),
            auth=auth,
            unset=guards.unset,
            unreadable=guards.unreadable,
        ),
    )


def _exit(message: _Message, action: str, auth: str) -> Instruction:
    """Read an exit. Stops and prices seen, which it does not need, cannot block it."""
    members = message.members(_SIZED)
    kind, limit, stop = _order(members)
    size = _size(members, message.told)
    if size.risk is not None:
        raise Refuse("unsupported_unit", "an exit cannot be sized by what is lost at a stop")
    held = _HELD[action]
    verb, qty = exit_size(size.qty)
    unsaid = size.qty is None and action.startswith("reduce")
    reduces = unsaid or verb == "reduce"
    return _labelled(
        members,
        Instruction(
            intent="reduce" if reduces else "close",
            side=side_closing(held) if held in ("long", "short") else None,
            symbol=members.symbol("symbol"),
            order_type=kind,
            qty=None if unsaid else qty,
            limit=limit,
            stop=stop,
            closes=held,
            position_effect="reduce" if reduces else "flat",
            tif=members.tif("tif", get_args(TimeWord)),
            auth=auth,
        ),
    )


def _target(message: _Message, auth: str) -> Instruction:
    members = message.members(("target", *_ENTRY))
    target = members.number("target")
    if target is None:
        raise Refuse("missing_field", "no target: it does not say which position is wanted")
    kind, limit, stop = _order(members)
    side = None if not target else Side.BUY if target > 0 else Side.SELL
    guards = _guards(members, message.told) if side is not None else Guards()
    ref = members.price("ref_price")
    if side is not None:
        check_sides(side, ref, guards)
    return _labelled(
        members,
        Instruction(
            intent="target_position",
            side=side,
            symbol=members.symbol("symbol"),
            order_type=kind,
            limit=limit,
            stop=stop,
            ref_price=ref,
            sl=guards.sl,
            tp=guards.tp,
            trail=guards.trail,
            target=target,
            position_effect=long_of(side) if side is not None else "flat",
            auth=auth,
            unset=guards.unset,
            unreadable=guards.unreadable,
        ),
    )


def _modify(message: _Message, auth: str) -> Instruction:
    members = message.members(("symbol", *_GUARDS, *_LABELS))
    guards = _guards(members, message.told)
    if guards.sl is None and guards.tp is None and guards.trail is None:
        raise Refuse("missing_field", "a change without the new stop, target or trail")
    return _labelled(
        members,
        Instruction(
            intent="modify",
            symbol=members.symbol("symbol"),
            sl=guards.sl,
            tp=guards.tp,
            trail=guards.trail,
            position_effect="unchanged",
            auth=auth,
            unset=guards.unset,
            unreadable=guards.unreadable,
        ),
    )


def _order(members: Members) -> tuple[OrdType, Decimal | None, Decimal | None]:
    """Read an order's type and prices; where no type is given, the prices tell it."""
    limit, stop = members.price("limit"), members.price("stop")
    kind = members.choice("order_type", _TYPES)
    if kind is not None:
        return kind, *order_prices(kind, limit, stop)
    if stop is None:
        return (OrdType.MARKET if limit is None else OrdType.LIMIT), limit, stop
    return (OrdType.STOP if limit is None else OrdType.STOP_LIMIT), limit, stop


def _size(members: Members, told: MessageMap) -> _Size:
    read = members.positive("qty")
    if read is None:
        return _Size()
    unit = told.rules["qty"].unit
    field, word = SIZES[unit]
    if unit.endswith("_percent"):
        read = percent(str(read), "qty")
    return _Size(**{field: Measure(read, word)})


def _guards(members: Members, told: MessageMap) -> Guards:
    sl, tp = _level(members, "sl", told), _level(members, "tp", told)
    trail = _level(members, "trail", told)
    named = {"sl": sl, "tp": tp, "trail": trail}
    unset = tuple(
        word
        for word, read in named.items()
        if read is None and members.values.get(word) is not None
    )
    return Guards(
        sl=sl,
        tp=tp,
        trail=Trailing(_trail_unit(trail.unit), value=trail.value) if trail is not None else None,
        unset=unset,
        unreadable=tuple(word for word in unset if _holds_no_number(members, word)),
    )


def _level(members: Members, word: str, told: MessageMap) -> Measure | None:
    """Read a stop or target; zero, and what says "no number", are none."""
    if not members.has(word) or is_unreadable(members.values[word]):
        return None
    read = members.price(word)
    unit = told.rules[word].unit
    return Measure(read, unit, means=LEVELS[unit]) if read is not None else None


def _holds_no_number(members: Members, word: str) -> bool:
    return members.has(word) and is_unreadable(members.values[word])


def _trail_unit(unit: str) -> str:
    return "amount" if unit == "distance" else unit


def _labelled(members: Members, read: Instruction) -> Instruction:
    """Add the names and the time that the message gives the order."""
    fired_at, notes = members.time("fired_at")
    return structs.replace(
        read,
        strategy=members.text("strategy"),
        comment=members.label("comment"),
        order_id=members.text("order_id"),
        signal_id=members.text("signal_id"),
        fired_at=fired_at,
        notes=notes,
    )
