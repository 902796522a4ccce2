"""The commands that bridges to MetaTrader share, and what becomes of each with its fields.

The words are PineConnector's; PineTunnel and TheConnector take the same list in other spellings.
An entry needs a size, a working order its price, a change the new stop or target: what is missing
is refused, never filled in.
"""

import re
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from bascule.model.enums import OrdType, Side
from bascule.signals.command_fields import (
    Fields,
    Size,
    guards_of,
    label_of,
    level,
    portion_of,
    size_of,
    spread_of,
)
from bascule.signals.instruction import (
    Effect,
    Held,
    Instruction,
    IntentWord,
    Measure,
    Pending,
    Refuse,
)
from bascule.signals.json_measures import Guards, check_sides
from bascule.signals.numbers import shown
from bascule.signals.positions import long_of, side_closing, side_opening


class Command(Struct, frozen=True, gc=False, kw_only=True):
    """What one command asks for.

    ``part`` says how a partial close counts. ``chart`` commands repeat themselves, or name any
    chart, in the place of the symbol.
    """

    intent: IntentWord
    side: Side | None = None
    order_type: OrdType | None = None
    closes: Held | None = None
    effect: Effect | None = None
    target: Held | Pending | None = None
    scope: str = ""
    control: Literal["", "halt", "resume"] = ""
    part: Literal["", "percent", "lots"] = ""


_MARKET = OrdType.MARKET
_HELD: tuple[Literal["long", "short"], ...] = ("long", "short")
_WORDS = {Side.BUY: "buy long bull bullish", Side.SELL: "sell short bear bearish"}
_PENDINGS: tuple[tuple[Pending, Side, OrdType], ...] = (
    ("buystop", Side.BUY, OrdType.STOP),
    ("buylimit", Side.BUY, OrdType.LIMIT),
    ("sellstop", Side.SELL, OrdType.STOP),
    ("selllimit", Side.SELL, OrdType.LIMIT),
)


def opening(side: Side, order_type: OrdType = _MARKET) -> Command:
    """Give the command that opens a position with an order of that side."""
    return Command(intent="open", side=side, order_type=order_type, effect=long_of(side))


def closing(held: Held) -> Command:
    """Give the command that closes what is held on a side, or on both."""
    side = side_closing(held) if held != "both" else None
    return Command(intent="close", side=side, order_type=_MARKET, closes=held, effect="flat")


def close_and_open(closes: Held, held: Literal["long", "short"]) -> Command:
    """Give the command that closes one side (or both) and opens another, or the same anew."""
    return Command(
        intent="reopen" if closes == held else "reverse",
        side=side_opening(held),
        order_type=_MARKET,
        closes=closes,
        effect=held,
    )


def _table() -> dict[str, Command]:
    table = {word: opening(side) for side, words in _WORDS.items() for word in words.split()}
    for order, side, kind in _PENDINGS:
        table[order] = opening(side, kind)
        table[f"cancel{long_of(side)}{order}"] = Command(
            intent="replace_pending", side=side, order_type=kind, effect=long_of(side)
        )
        table[f"newsltp{order}"] = Command(intent="modify", target=order, effect="unchanged")
    for held in _HELD:
        table[f"close{held}"] = closing(held)
        table[f"cancel{held}"] = Command(
            intent="cancel", scope=f"pending_{held}", effect="unchanged"
        )
        table[f"newsltp{held}"] = Command(intent="modify", target=held, effect="unchanged")
        for ending, part in (("pct", "percent"), ("vol", "lots")):
            table[f"close{held}{ending}"] = Command(
                intent="reduce",
                side=side_closing(held),
                order_type=_MARKET,
                closes=held,
                effect="reduce",
                part="percent" if part == "percent" else "lots",
            )
        for short, name, closes in _CLOSES:
            table[f"close{name}open{held}"] = close_and_open(closes, held)
            table[f"{short}+o{held[0]}"] = close_and_open(closes, held)
    return table | _OTHERS


_CLOSES: tuple[tuple[str, str, Held], ...] = (
    ("cl", "long", "long"),
    ("cs", "short", "short"),
    ("cls", "longshort", "both"),
)
_OTHERS = {
    "closelongshort": closing("both"),
    "closelongbuy": close_and_open("long", "long"),
    "closeshortsell": close_and_open("short", "short"),
    "breakeven": Command(intent="modify", effect="unchanged"),
    "closeall": Command(intent="flatten_all", effect="flat"),
    "closealleaoff": Command(intent="flatten_all", control="halt", effect="flat"),
    "eaoff": Command(intent="control", control="halt"),
    "eaon": Command(intent="control", control="resume"),
}

COMMANDS: dict[str, Command] = _table()
"""PineConnector's commands, in lower case."""


def instruct(
    command: Command, symbol: str, fields: Fields, *, auth: str, sized: bool = True
) -> Instruction:
    """Make the instruction that a command asks for.

    Args:
        command: the command.
        symbol: what it is about; ignored by commands that are about everything.
        fields: its fields, by role.
        auth: where the credential sits.
        sized: an entry without a size is refused; else the route sizes it.

    Raises:
        Refuse: as the fields demand, see `bascule.signals.command_fields`.
    """
    if command.intent in ("control", "flatten_all"):
        return Instruction(
            intent=command.intent, control=command.control, position_effect=command.effect,
            auth=auth,
        )  # fmt: skip
    match command.intent:
        case "close" | "reduce":
            return _exit(command, symbol, fields, auth)
        case "modify":
            return _modify(command, symbol, fields, auth)
        case "cancel":
            comment, notes = label_of(fields)
            return Instruction(
                intent="cancel", symbol=symbol, scope=command.scope, comment=comment,
                position_effect=command.effect, auth=auth, notes=notes,
            )  # fmt: skip
    return _entry(command, symbol, fields, auth, sized)


def _entry(command: Command, symbol: str, fields: Fields, auth: str, sized: bool) -> Instruction:
    size, guards = size_of(fields), guards_of(fields)
    _check_entry(command, fields, size, guards, sized)
    limit, stop, entry = _order_price(command, fields)
    assert command.side is not None
    check_sides(command.side, limit or stop, guards)
    comment, notes = label_of(fields)
    return Instruction(
        intent=command.intent,
        side=command.side,
        symbol=symbol,
        order_type=command.order_type,
        closes=command.closes,
        qty=size.qty,
        volume=size.volume,
        risk=size.risk,
        limit=limit,
        stop=stop,
        entry=entry,
        sl=guards.sl,
        tp=guards.tp,
        trail=guards.trail,
        breakeven=guards.breakeven,
        max_spread_pips=spread_of(fields),
        position_effect=command.effect,
        comment=comment,
        auth=auth,
        unset=guards.unset,
        unreadable=guards.unreadable,
        conditions=_conditions(fields),
        notes=(*notes, *_notes_on(size)),
    )


def _check_entry(command: Command, fields: Fields, size: Size, guards: Guards, sized: bool) -> None:
    if sized and not size.given:
        raise Refuse("missing_field", "an entry without its size")
    if "portion" in fields:
        raise Refuse("conflict", "a share of the position on an entry")
    if size.risk is not None and guards.sl is None and "sl" not in guards.unreadable:
        raise Refuse("missing_field", "a size by the loss at the stop, without a stop")
    if command.order_type is _MARKET and "entry" in fields:
        raise Refuse("conflict", f"{fields['entry'].key} on a market order")


def _order_price(
    command: Command, fields: Fields
) -> tuple[Decimal | None, Decimal | None, Measure | None]:
    """Give the limit, the stop or the entry of a working order: a price names which it is."""
    if command.order_type is _MARKET:
        return None, None, None
    price = level(fields, "entry")
    if price is None:
        raise Refuse("missing_field", f"a {command.order_type} order without its price")
    if price.unit != "price":
        return None, None, price
    if command.order_type is OrdType.LIMIT:
        return price.value, None, None
    return None, price.value, None


def _conditions(fields: Fields) -> tuple[str, ...]:
    if "account_filter" not in fields:
        return ()
    given = fields["account_filter"]
    return (f"{given.key}={shown(given.value)}, a floor under the sender's own account",)


def _notes_on(size: Size) -> tuple[str, ...]:
    if size.risk is None or not size.risk.unit.startswith("percent"):
        return ()
    return ("a percentage at risk is taken of the basis that the route names",)


def _exit(command: Command, symbol: str, fields: Fields, auth: str) -> Instruction:
    """Read a close. Stops and targets, which it does not need, cannot block it."""
    qty: Measure | Literal["all"] | None = "all"
    volume: Measure | None = None
    if command.part == "percent":
        qty = portion_of(fields)
    elif command.part == "lots":
        qty, volume = None, _lots(fields)
    else:
        for role in ("portion", "qty", "volume"):
            if role in fields and fields[role].unit != "account_setting":
                raise Refuse("conflict", f"{fields[role].key} on a command that closes everything")
    comment, notes = label_of(fields)
    return Instruction(
        intent=command.intent, side=command.side, symbol=symbol, order_type=_MARKET, qty=qty,
        volume=volume, closes=command.closes, position_effect=command.effect, comment=comment,
        auth=auth, notes=notes,
    )  # fmt: skip


def _lots(fields: Fields) -> Measure:
    size = size_of(fields)
    if size.volume is None or size.volume.unit not in ("account_setting", "lots"):
        raise Refuse("missing_field", "a close by volume without its volume (risk=)")
    return Measure(size.volume.value, "lots")


def _modify(command: Command, symbol: str, fields: Fields, auth: str) -> Instruction:
    guards = guards_of(fields)
    if guards.unset:
        raise Refuse("bad_number", f"{fields[guards.unset[0]].key}: a level is expected")
    sl: Measure | Literal["breakeven"] | None = guards.sl
    if command.target is None:
        if guards.sl is not None or guards.tp is not None:
            raise Refuse("conflict", "breakeven with a stop or a target of its own")
        sl = "breakeven"
    elif guards.sl is None and guards.tp is None:
        raise Refuse("missing_field", "a change of stop or target without the new one")
    comment, notes = label_of(fields)
    return Instruction(
        intent="modify",
        symbol=symbol,
        target=command.target,
        sl=sl,
        tp=guards.tp,
        trail=guards.trail,
        breakeven=guards.breakeven,
        position_effect=command.effect,
        comment=comment,
        auth=auth,
        notes=notes,
    )


_QUOTED = re.compile(r'[^,="]*=\s*"')


def lines_of(text: str) -> list[str]:
    """Split a text into its commands. A line that ends with a comma goes on in the next."""
    lines: list[str] = []
    for line in text.strip("\ufeff\0 \t\r\n").splitlines():
        line = line.strip()
        if not line:
            continue
        if lines and lines[-1].endswith(","):
            lines[-1] += line
        else:
            lines.append(line)
    return lines


def parts_of(line: str) -> list[str]:
    """Split a command at its commas, but not at those between quotes.

    Raises:
        Refuse: ``malformed_command`` when a quotation is not closed or runs on.
    """
    parts: list[str] = []
    start = 0
    while True:
        quote = _QUOTED.match(line, start)
        closed = line.find('"', quote.end()) if quote else start
        if closed < 0:
            raise Refuse("malformed_command", "a quotation is not closed")
        end = line.find(",", closed)
        end = len(line) if end < 0 else end
        if quote and line[closed + 1 : end].strip():
            raise Refuse("malformed_command", "text after a quotation")
        parts.append(line[start:end].strip())
        if end == len(line):
            return parts
        start = end + 1


def pairs_of(parts: list[str]) -> list[tuple[str, object]]:
    """Split fields at their first equals sign.

    Raises:
        Refuse: ``malformed_command`` for a field that has none.
    """
    pairs: list[tuple[str, object]] = []
    for part in parts:
        key, equals, value = part.partition("=")
        if not equals or not key.strip():
            what = repr(part[:40]) if part else "an empty field"
            raise Refuse("malformed_command", f"{what} is not key=value")
        pairs.append((key.strip(), value.strip()))
    return pairs
