"""The named values of one message, read strictly: a JSON object's members, or ``key=value`` pairs.

For the dialects that have a fixed table of names. A getter gives None (or an empty text) where a
value is absent, null or empty, and refuses what is there and cannot be read. Nothing is filled in.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Literal, TypeVar

from msgspec import structs

from bascule.model.enums import OrdType, Side
from bascule.model.values import Instant
from bascule.signals import lenient_json
from bascule.signals.freshness import read_time
from bascule.signals.instruction import Instruction, Measure, Refuse, Rejection
from bascule.signals.numbers import has_placeholder, is_unreadable, number, shown
from bascule.signals.words import TIMES_IN_FORCE, boolean, fold

_T = TypeVar("_T")

MAX_LEGS = 20
"""How many orders one message may hold."""

SIDES = {"buy": Side.BUY, "sell": Side.SELL}
"""The two words of an order's side, folded."""

HELD_SIDES = {"long": Side.BUY, "short": Side.SELL}
"""The side of the order that opens a position of that name."""

_MAX_LABEL = 128
_MAX_SYMBOL = 64
_STOP_WORDS = ("stop", "trail", "breakeven", "loss")
_HUNDRED = Decimal(100)


class Members:
    """The named values of a message.

    Args:
        values: the values by name. Names of ``key=value`` messages are in lower case.
        repairs: what it took to read the message, in words.
    """

    def __init__(self, values: Mapping[str, object], repairs: tuple[str, ...] = ()) -> None:
        self.values = values
        self.repairs = repairs

    def has(self, name: str) -> bool:
        """Tell whether a value was given: present, and neither null nor empty."""
        value = self.values.get(name)
        return value is not None and not (isinstance(value, str) and not value.strip())

    def named(self, *names: str) -> str:
        """Give the first of several names that was given; the last when none was."""
        return next((name for name in names if self.has(name)), names[-1])

    def only(self, allowed: Iterable[str], where: str = "the message") -> None:
        """Refuse any name but these.

        Raises:
            Refuse: ``unknown_field``.
        """
        known = frozenset(allowed)
        for name in self.values:
            if name not in known:
                raise Refuse("unknown_field", f"{where} has {shown(name)}, which is no field here")

    def lose_no_stop(self, known: Iterable[str]) -> None:
        """Refuse a name outside of these that says a stop: a stop is never lost silently.

        Raises:
            Refuse: ``unknown_field``.
        """
        for name in self.values.keys() - frozenset(known):
            folded = fold(name)
            says_stop = folded.startswith("sl") or folded.endswith("sl")
            says_stop = says_stop or any(word in folded for word in _STOP_WORDS)
            if says_stop and self.has(name) and self.values[name] not in (False, 0, "0", "false"):
                raise Refuse("unknown_field", f"{shown(name)} names a stop in a way not read here")

    def text(self, name: str) -> str:
        """Read a text, trimmed; a number counts as its digits.

        Raises:
            Refuse: ``unresolved_placeholder``, or ``bad_enum`` for what is no text.
        """
        if not self.has(name):
            return ""
        value = self.values[name]
        if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) < 40:
            value = format(value, "f")
        if not isinstance(value, str):
            raise Refuse("bad_enum", f"{name}: {shown(value)} is not text")
        if has_placeholder(value):
            raise Refuse("unresolved_placeholder", f"{name} holds {shown(value)}")
        return value.strip()

    def required(self, name: str) -> str:
        """Read a text that must be there.

        Raises:
            Refuse: ``missing_field``, and as `text`.
        """
        read = self.text(name)
        if not read:
            raise Refuse("missing_field", f"no {name}")
        return read

    def identity(self, name: str) -> str:
        """Read an id, whole, for one that is cut could be another's; as `label` otherwise."""
        value = self.values.get(name)
        return "" if has_placeholder(value) or isinstance(value, bool) else self.text(name)

    def label(self, name: str) -> str:
        """Read a name that only labels: a placeholder that was never filled is left out."""
        return self.identity(name)[:_MAX_LABEL]

    def symbol(self, name: str) -> str:
        """Read a symbol as sent.

        Raises:
            Refuse: ``missing_field`` where it names none, and as `text`.
        """
        return symbol(self.required(name))

    def number(self, name: str) -> Decimal | None:
        """Read a number of any sign.

        Raises:
            Refuse: ``bad_number`` or ``unresolved_placeholder``.
        """
        return number(self.values[name], name) if self.has(name) else None

    def price(self, name: str) -> Decimal | None:
        """Read a number above zero; zero says that there is none.

        Raises:
            Refuse: ``bad_number`` or ``unresolved_placeholder``.
        """
        read = self.number(name)
        if read is not None and read < 0:
            raise Refuse("bad_number", f"{name}: {read} is below zero")
        return read or None

    def positive(self, name: str) -> Decimal | None:
        """Read a number that may not be zero or less.

        Raises:
            Refuse: ``bad_number`` or ``unresolved_placeholder``.
        """
        read = self.number(name)
        if read is not None and read <= 0:
            raise Refuse("bad_number", f"{name}: {read} is not above zero")
        return read

    def whole(self, name: str) -> Decimal:
        """Read a count of contracts that must be there.

        Raises:
            Refuse: ``missing_field``; ``bad_number`` for a fraction; and as `positive`.
        """
        read = self.positive(name)
        if read is None:
            raise Refuse("missing_field", f"no {name}")
        if read != read.to_integral_value():
            raise Refuse("bad_number", f"{name}: {read} is no whole number of contracts")
        return read

    def flag(self, name: str) -> bool:
        """Read a flag; absent is false.

        Raises:
            Refuse: ``bad_enum`` for what is neither true nor false.
        """
        value = self.values.get(name)
        read = boolean("" if value is None else value)
        if read is None:
            raise Refuse("bad_enum", f"{name}: {shown(value)} is neither true nor false")
        return read

    def choice(self, name: str, table: Mapping[str, _T], error: str = "bad_enum") -> _T | None:
        """Look a word up, compared as `bascule.signals.words.fold` does; None when absent.

        Raises:
            Refuse: ``error`` for a word that the table has not; and as `text`.
        """
        word = self.text(name)
        if not word:
            return None
        if fold(word) not in table:
            raise Refuse(error, f"{name}: {shown(word)} is none of {', '.join(table)}")
        return table[fold(word)]

    def side(self, name: str, table: Mapping[str, Side] = SIDES) -> Side:
        """Read a side that must be there.

        Raises:
            Refuse: ``missing_field`` or ``invalid_action``; and as `text`.
        """
        read = self.choice(name, table, "invalid_action")
        if read is None:
            raise Refuse("missing_field", f"no {name}: it does not say which side")
        return read

    def inner(self, name: str) -> "Members | None":
        """Give the members of an object inside.

        Raises:
            Refuse: ``bad_enum`` for what is there and no object.
        """
        if not self.has(name):
            return None
        value = self.values[name]
        if not isinstance(value, dict):
            raise Refuse("bad_enum", f"{name}: an object is expected")
        return Members(value)

    def several(self, name: str) -> tuple["Members", ...]:
        """Give the objects of a list inside; none when it is absent.

        Raises:
            Refuse: ``bad_enum`` for anything else.
        """
        value = self.values.get(name)
        if value is None:
            return ()
        if not isinstance(value, list) or len(value) > MAX_LEGS:
            raise Refuse("bad_enum", f"{name}: a list of objects is expected")
        found: list[Members] = []
        for one in value:
            if not isinstance(one, dict):
                raise Refuse("bad_enum", f"{name}: a list of objects is expected")
            found.append(Members(one))
        return tuple(found)

    def time(self, name: str) -> tuple[Instant | None, tuple[str, ...]]:
        """Read when the signal was fired, and what is to be noted of it."""
        if not self.has(name):
            return None, ()
        at, note = read_time(self.values[name])
        return at, (note,) if note else ()

    def tif(self, name: str, allowed: Iterable[str] = ("day", "gtc")) -> str:
        """Read a time in force; empty when absent.

        Raises:
            Refuse: ``bad_enum``; and as `text`.
        """
        word = self.text(name)
        if not word:
            return ""
        read = TIMES_IN_FORCE.get(fold(word))
        if read is None or read not in frozenset(allowed):
            raise Refuse("bad_enum", f"{name}: {shown(word)} is not one of {', '.join(allowed)}")
        return read

    def level(self, name: str, unit: str = "price") -> Measure | None:
        """Read a stop or target; zero and "no number" are none, and ``5%`` is a percentage.

        Raises:
            Refuse: ``bad_number`` or ``unresolved_placeholder``.
        """
        if not self.has(name) or is_unreadable(self.values[name]):
            return None
        value = self.values[name]
        if isinstance(value, str) and value.strip().endswith("%"):
            value, unit = value.strip()[:-1], "percent"
        read = number(value, name)
        if read < 0 and unit != "percent":
            raise Refuse("bad_number", f"{name}: {read} is below zero")
        return Measure(read, unit) if read else None

    def holes(self, **fields: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Say which fields were named and hold no level, and which of them hold no number at all.

        Args:
            fields: the names that can give an instruction's field, as ``sl=("sl", "dollar_sl")``.

        Returns:
            What goes into an instruction's ``unset`` and ``unreadable``.
        """
        unset, unreadable = [], []
        for field, names in fields.items():
            named = [name for name in names if name in self.values]
            if named and not any(self.level(name) for name in named):
                unset.append(field)
                if any(self.has(name) and is_unreadable(self.values[name]) for name in named):
                    unreadable.append(field)
        return tuple(unset), tuple(unreadable)

    def credential(self, *names: str, outside: str, where: str) -> str:
        """Say where the credential sits: in one of these fields, or outside as the source vouches.

        Raises:
            Refuse: ``unauthenticated`` where neither is so.
        """
        if any(self.has(name) for name in names):
            return where
        if not outside:
            raise Refuse("unauthenticated", f"no {' or '.join(names)}: nothing says who sent it")
        return outside


def symbol(name: str) -> str:
    """Check that a text can be a symbol, and give it as it is.

    Raises:
        Refuse: ``missing_field``.
    """
    bare = name.rpartition(":")[2]
    if not any(one.isalnum() for one in bare):
        raise Refuse("missing_field", f"no symbol: {shown(name)} names none")
    if len(name) > _MAX_SYMBOL or not name.isascii() or not name.isprintable():
        raise Refuse("missing_field", f"no symbol: {shown(name)} cannot be one")
    return name


def read_object(text: str) -> Members:
    """Read a text that is one JSON object.

    Raises:
        Refuse: ``empty_body``, ``unknown_format``, ``malformed_json`` or ``conflict``.
    """
    read = _decode(text)
    if not isinstance(read.value, dict):
        raise Refuse("malformed_json", "a JSON object is expected")
    return Members(read.value, read.repairs)


def read_objects(text: str) -> tuple[Members, ...]:
    """Read a text that is one JSON object, or a list of them.

    Raises:
        Refuse: as `read_object`.
    """
    read = _decode(text)
    values = read.value if isinstance(read.value, list) else [read.value]
    if not 0 < len(values) <= MAX_LEGS or not all(isinstance(one, dict) for one in values):
        raise Refuse("malformed_json", f"a JSON object or a list of 1 to {MAX_LEGS} is expected")
    return tuple(Members(one, read.repairs) for one in values if isinstance(one, dict))


def _decode(text: str) -> lenient_json.Document:
    read = lenient_json.decode(text)
    if isinstance(read, Rejection):
        if read.error == "malformed_json" and not is_json(text):
            raise Refuse("unknown_format", "it is not JSON")
        raise Refuse(read.error, read.why)
    return read


def is_json(text: str) -> bool:
    """Tell whether a text means to be a JSON object or list."""
    return text.lstrip(" \t\r\n\ufeff")[:1] in ("{", "[")


def mentions(text: str, *names: str) -> bool:
    """Tell whether a JSON text has all of these as quoted words. Cheap, for ``detect``."""
    for name in names:
        if f'"{name}"' not in text:
            return False
    return is_json(text)


def read_pairs(pieces: Iterable[str]) -> Members:
    """Read ``key=value`` pieces; keys are put in lower case, empty pieces passed over.

    Raises:
        Refuse: ``malformed_command`` for a piece that is no pair, ``conflict`` for a key that is
            given twice with two values.
    """
    values: dict[str, object] = {}
    for piece in pieces:
        stripped = piece.strip(" \t\r\n\0\ufeff")
        if not stripped:
            continue
        key, equals, value = (part.strip() for part in stripped.partition("="))
        if not equals or not key.replace("_", "").isalnum() or "=" in value or "\n" in value:
            raise Refuse("malformed_command", f"{shown(stripped)} is not key=value")
        folded = key.lower()
        if values.setdefault(folded, value) != value:
            raise Refuse("conflict", f"{folded} is given twice, differently")
    if not values:
        raise Refuse("empty_body", "there is nothing in it")
    return Members(values)


def order_prices(
    kind: OrdType, limit: Decimal | None, stop: Decimal | None
) -> tuple[Decimal | None, Decimal | None]:
    """Hold the prices of an order to its type.

    Raises:
        Refuse: ``missing_field`` for one that it needs, ``conflict`` for one that it has no use
            for: one of the two would have to be wrong.
    """
    for price, needed, name in (
        (limit, kind in (OrdType.LIMIT, OrdType.STOP_LIMIT), "limit"),
        (stop, kind in (OrdType.STOP, OrdType.STOP_LIMIT), "stop"),
    ):
        if needed and price is None:
            raise Refuse("missing_field", f"a {kind} order without its {name} price")
        if price is not None and not needed:
            raise Refuse("conflict", f"a {kind} order has no {name} price")
    return limit, stop


def percent(value: str, name: str) -> Decimal:
    """Read the number before a percent sign: above 0 and at most 100.

    Raises:
        Refuse: ``bad_number`` or ``unresolved_placeholder``.
    """
    read = number(value, name)
    if not 0 < read <= _HUNDRED:
        raise Refuse("bad_number", f"{name}: {read} % is not above 0 and at most 100")
    return read


def exit_size(
    measure: Measure | None,
) -> tuple[Literal["close", "reduce"], Measure | Literal["all"]]:
    """Say whether an exit of that size closes or reduces; no size, and 100 %, are all."""
    if measure is None or (measure.unit == "percent_of_position" and measure.value == _HUNDRED):
        return "close", "all"
    return "reduce", measure


def noting(instruction: Instruction, notes: tuple[str, ...]) -> Instruction:
    """Add notes to an instruction, in front of its own."""
    if not notes:
        return instruction
    return structs.replace(instruction, notes=notes + instruction.notes)
