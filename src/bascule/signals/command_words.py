"""Commands of ``k=v`` words, as Autoview and ProfitView write them: one a line, or between ``|``.

A message is its commands in their order, all of them or none. ``c=order`` cancels, ``c=position``
closes, ``b=`` alone opens. Ranges, which their own tools roll dice for, are refused.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

from msgspec import structs

from bascule.model.enums import OrdType, Side
from bascule.signals.instruction import (
    Held,
    Instruction,
    Measure,
    Parsed,
    Refuse,
    Trailing,
)
from bascule.signals.members import MAX_LEGS, Members, percent, read_pairs
from bascule.signals.numbers import has_placeholder, number, shown
from bascule.signals.positions import long_of, short_of, side_closing

KEYS = {
    name: name
    for name in (
        "e", "s", "a", "b", "c", "q", "p", "fp", "t", "l", "sl", "tp", "ts", "ro", "d", "u",
        "delay",
    )
}  # fmt: skip
"""The words of a command: exchange, symbol, account, book side, cancel or close, quantity, price
(an offset), fixed price, type, leverage, stop, target, trailing stop, reduce only, disabled, unit,
delay."""

MAX_DELAY = 5
"""The longest pause between commands that is taken, in seconds: after it the price is another."""

_HELD: dict[str, Literal["long", "short"]] = {
    "long": "long", "buy": "long", "short": "short", "sell": "short",
}  # fmt: skip
_BOOK = {"long": Side.BUY, "buy": Side.BUY, "short": Side.SELL, "sell": Side.SELL}
_TYPES = {
    "market": (OrdType.MARKET, ""),
    "limit": (OrdType.LIMIT, ""),
    "post": (OrdType.LIMIT, ""),
    "ioc": (OrdType.LIMIT, "ioc"),
    "fok": (OrdType.LIMIT, "fok"),
}
_BRACKET = frozenset({"sl", "tp", "ts"})
_CANCELS = frozenset({"e", "s", "a", "b", "c", "t", "delay", "d"})
_CLOSES = _CANCELS | {"q", "p", "fp", "sl", "ro", "u", "l"}
_PADDING = " \t\r\n\0\ufeff"


def read_alert(text: str, keys: Mapping[str, str], auth: str) -> Parsed:
    """Read a whole alert.

    Args:
        text: the message.
        keys: the words that the dialect knows, and which of `KEYS` each is.
        auth: how the sender is authenticated outside the body.

    Returns:
        One instruction, or a ``batch`` of them.

    Raises:
        Refuse: whatever a dialect refuses.
    """
    commands = [part for line in text.strip(_PADDING).splitlines() for part in line.split("|")]
    commands = [command.strip() for command in commands if command.strip()]
    if not commands:
        raise Refuse("empty_body", "there is nothing in it")
    if len(commands) > MAX_LEGS:
        raise Refuse("malformed_command", f"more than {MAX_LEGS} commands")
    legs: list[Instruction] = []
    named: list[Members] = []
    for place, command in enumerate(commands):
        if "=" not in command:
            legs.append(_label(command, place))
            continue
        words = _words(command, keys)
        named.append(words)
        legs += _command(words)
    if not named:
        raise Refuse("invalid_action", "a label without any command")
    return _whole(legs, named, auth)


def _whole(legs: list[Instruction], named: list[Members], auth: str) -> Instruction:
    account, exchange = _one(named, "a"), _one(named, "e")
    if len(legs) == 1 and legs[0].intent != "delay":
        only = legs[0]
        if only.intent == "label":
            return Instruction(intent="notify", event=only.text, auth=auth)
        qty = "all" if only.intent == "close" else only.qty
        return structs.replace(only, qty=qty, account=account, exchange=exchange, auth=auth)
    notes = [note for leg in legs for note in leg.notes]
    notes += [
        f"the pause of {leg.seconds} s is not kept: the orders are done in their order"
        for leg in legs
        if leg.intent == "delay"
    ]
    return Instruction(
        intent="batch",
        legs=tuple(structs.replace(leg, notes=()) for leg in legs),
        account=account,
        exchange=exchange,
        auth=auth,
        notes=tuple(dict.fromkeys(notes)),
    )


def _one(named: list[Members], name: str) -> str:
    """Give what all commands name alike: orders for two places are two alerts."""
    said = {one.text(name) for one in named if one.has(name)}
    if len(said) > 1:
        raise Refuse("conflict", f"the commands name more than one {name}; send an alert for each")
    return said.pop() if said else ""


def _label(command: str, place: int) -> Instruction:
    if place:
        raise Refuse("malformed_command", f"{shown(command)} is not k=v words")
    if has_placeholder(command):
        raise Refuse("unresolved_placeholder", f"the label holds {shown(command)}")
    return Instruction(intent="label", text=command[:80])


def _words(command: str, keys: Mapping[str, str]) -> Members:
    """Read one command; what stands behind an ampersand may only be stop, target or trail."""
    first, *more = command.split("&")
    main = _named(first, keys)
    for part in more:
        bracket = _named(part, keys)
        for name, value in bracket.items():
            if name not in _BRACKET:
                raise Refuse("conflict", f"{shown(name)} behind &: only sl, tp and ts go there")
            if f"&{name}" in main:
                raise Refuse("conflict", f"{name} is given twice")
            main[f"&{name}"] = value
    return Members(main)


def _named(part: str, keys: Mapping[str, str]) -> dict[str, object]:
    found: dict[str, object] = {}
    for word, value in read_pairs(part.split()).values.items():
        name = keys.get(word)
        if name is None:
            raise Refuse("unknown_field", f"{shown(word)} is no word of a command here")
        if name in found:
            raise Refuse("conflict", f"{shown(word)} is given twice")
        if value == "":
            raise Refuse("malformed_command", f"{shown(word)} has no value")
        found[name] = value
    return found


def _command(words: Members) -> list[Instruction]:
    legs: list[Instruction] = []
    if words.has("delay"):
        legs.append(Instruction(intent="delay", seconds=_delay(words)))
    if words.values.keys() <= {"delay"}:
        return legs
    if words.flag("d"):
        return [*legs, Instruction(intent="label", text="disabled")]
    what = words.choice("c", {"order": "order", "position": "position"})
    if what is None:
        return [*legs, _entry(words)]
    _only(words, _CANCELS if what == "order" else _CLOSES, what)
    return [*legs, _cancel(words) if what == "order" else _close(words)]


def _only(words: Members, allowed: frozenset[str], what: str) -> None:
    for name in words.values:
        if name not in allowed:
            raise Refuse("conflict", f"{name} on c={what}, which has no use for it")


def _delay(words: Members) -> Decimal:
    seconds = words.number("delay")
    if seconds is None or not 0 <= seconds <= MAX_DELAY:
        raise Refuse("bad_number", f"delay: {seconds} s; at most {MAX_DELAY} s are taken")
    return seconds


def _cancel(words: Members) -> Instruction:
    held = words.choice("b", _HELD)
    if words.has("t") and words.text("t").lower() != "open":
        raise Refuse("bad_enum", "t on c=order: only t=open is read, for more would be canceled")
    symbol = words.symbol("s") if words.has("s") else ""
    scope = f"pending_{held}" if held else "symbol" if symbol else "open_orders"
    return Instruction(
        intent="cancel",
        symbol=symbol,
        scope=scope,
        position_effect="unchanged" if symbol else None,
    )


def _close(words: Members) -> Instruction:
    held: Held | None = words.choice("b", _HELD)
    limit, stop = _price(words), _offset(words, "sl")
    kind, tif = _type(words, limit, stop)
    qty = _size(words, "percent_of_position")
    if qty is not None and qty.unit == "percent_of_position" and qty.value == 100:
        qty = None
    return Instruction(
        intent="close" if qty is None else "reduce",
        side=side_closing(held) if held in ("long", "short") else None,
        symbol=words.symbol("s") if words.has("s") else "",
        order_type=kind,
        qty=qty,
        limit=limit,
        stop=stop,
        closes=held or "both",
        reduce_only=True if words.flag("ro") else None,
        position_effect="flat" if qty is None else "reduce",
        tif=tif,
    )


def _type(
    words: Members, limit: Decimal | Measure | None, stop: Measure | None
) -> tuple[OrdType, str]:
    """Read the type of an exit: its prices say it where the word does not."""
    stated = words.choice("t", _TYPES)
    if stop is not None:
        if stated is not None and stated[0] is OrdType.MARKET and limit is not None:
            raise Refuse("conflict", "t=market with a price")
        return (OrdType.STOP if limit is None else OrdType.STOP_LIMIT), ""
    if stated is None:
        return (OrdType.MARKET if limit is None else OrdType.LIMIT), ""
    _hold(stated[0], limit)
    return stated


def _hold(kind: OrdType, limit: Decimal | Measure | None) -> None:
    if kind is OrdType.MARKET and limit is not None:
        raise Refuse("conflict", "t=market with a price")
    if kind is OrdType.LIMIT and limit is None:
        raise Refuse("missing_field", "a limit order without its price (p or fp)")


def _entry(words: Members) -> Instruction:
    side = words.side("b", _BOOK)
    for name in sorted(_BRACKET):
        if words.has(name):
            raise Refuse("conflict", f"{name} on an entry: join it with &, as in & {name}=...")
    limit = _price(words)
    stated = words.choice("t", _TYPES)
    if stated is None:
        if limit is None:
            raise Refuse("missing_field", "no t: it does not say at what price to enter")
        stated = (OrdType.LIMIT, "")
    kind, tif = stated
    _hold(kind, limit)
    size = _size(words, "percent")
    if size is None:
        raise Refuse("missing_field", "no q: an entry needs its size")
    reduces = words.flag("ro")
    sl, tp, trail = (_offset(words, f"&{name}") for name in ("sl", "tp", "ts"))
    if reduces and (sl is not None or trail is not None):
        raise Refuse("conflict", "a stop joined to a reduce-only order")
    return Instruction(
        intent="reduce" if reduces else "open",
        side=side,
        symbol=words.symbol("s") if words.has("s") else "",
        order_type=kind,
        qty=size,
        limit=limit,
        sl=sl,
        tp=tp,
        trail=Trailing(trail.unit, value=trail.value) if trail is not None else None,
        closes=short_of(side) if reduces else None,
        reduce_only=True if reduces else None,
        position_effect="reduce" if reduces else long_of(side),
        tif=tif,
        leverage=words.price("l"),
        notes=_not_kept(words),
    )


def _not_kept(words: Members) -> tuple[str, ...]:
    return ("post-only is not kept",) if words.text("t").lower() == "post" else ()


def _price(words: Members) -> Decimal | Measure | None:
    """Read the order's price: ``fp`` is a price, ``p`` how far from the market."""
    fixed, offset = words.price("fp"), _offset(words, "p", "amount")
    if fixed is not None and offset is not None:
        raise Refuse("conflict", "p and fp are both given")
    return fixed if fixed is not None else offset


def _offset(words: Members, name: str, unit: str = "account_setting") -> Measure | None:
    """Read a distance: a percentage, or a number whose unit the sender's own settings give."""
    written = words.text(name)
    if not written:
        return None
    if written.endswith("%"):
        return Measure(number(written[:-1], name), "percent")
    return Measure(number(written, name), unit)


def _size(words: Members, of: str) -> Measure | None:
    written = words.text("q")
    unit = words.choice("u", {"currency": "quote"})
    if not written:
        if unit is not None:
            raise Refuse("missing_field", "u without q")
        return None
    if written.endswith("%"):
        if unit is not None:
            raise Refuse("conflict", "q is a percentage, and u says a currency")
        return Measure(percent(written[:-1], "q"), of)
    size = words.positive("q")
    assert size is not None
    return Measure(size, unit or "units")
