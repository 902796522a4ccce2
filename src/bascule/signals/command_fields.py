"""Reads the ``key=value`` fields of commands, as bridges to MetaTrader write them.

A key says what its number is: ``sl_pips`` in pips, ``sl_price`` a price. A bare ``risk=``, ``sl=``,
``tp=`` or ``price=`` has the unit that the sender's own terminal gives it, and is read as
``account_setting``: only the source's profile can say more. Each dialect has its own table of keys;
a key outside of it is refused, for it may have been a stop.
"""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal

from msgspec import Struct

from bascule.signals.instruction import Measure, MoveToEntry, Refuse, Target, Trailing
from bascule.signals.json_measures import Guards
from bascule.signals.numbers import has_placeholder, is_unreadable, number, positive, shown
from bascule.signals.words import fold

Keys = Mapping[str, tuple[str, str]]
"""The folded keys of a dialect: the role that each plays, and the unit that it names."""


class Given(Struct, frozen=True, gc=False):
    """One field as it was given: text, or a JSON value."""

    key: str
    value: object
    unit: str


Fields = Mapping[str, Given]
"""What was given, by role."""

_HUNDRED = Decimal(100)
_MAX_LABEL = 128
_MAX_FIELDS = 60
_TARGET = re.compile(r"tp([1-9])", re.ASCII)
_TARGET_SHARE = re.compile(r"tp([1-9])(?:size|pct|portion)", re.ASCII)
_SIZES = ("volume", "qty", "risk")
_SYMBOL = re.compile(r"[A-Za-z0-9._:/!#&+$@^\-]{1,64}", re.ASCII)

MT_KEYS: Keys = {
    "risk": ("volume", "account_setting"),
    "vollots": ("volume", "lots"),
    "voldollar": ("risk", "amount"),
    "volpctballoss": ("risk", "percent_balance"),
    "volpcteqloss": ("risk", "percent_equity"),
    "volpctbalmargin": ("volume", "percent_of_balance_margin"),
    "partialclosepct": ("portion", "percent_of_position"),
    "sl": ("sl", "account_setting"),
    "slpips": ("sl", "pips"),
    "slprice": ("sl", "price"),
    "slpct": ("sl", "percent"),
    "tp": ("tp", "account_setting"),
    "tppips": ("tp", "pips"),
    "tpprice": ("tp", "price"),
    "tppct": ("tp", "percent"),
    "price": ("entry", "account_setting"),
    "pending": ("entry", "account_setting"),
    "entryprice": ("entry", "price"),
    "entrypips": ("entry", "pips"),
    "entrypct": ("entry", "percent"),
    "betrigger": ("be_trigger", "pips"),
    "beoffset": ("be_offset", "pips"),
    "trailtrig": ("trail_trigger", "pips"),
    "traildist": ("trail_distance", "pips"),
    "trailstep": ("trail_step", "pips"),
    "atrtimeframe": ("atr_timeframe", ""),
    "atrperiod": ("atr_period", ""),
    "atrmultiplier": ("atr_multiplier", ""),
    "atrshift": ("atr_shift", ""),
    "atrtrigger": ("atr_trigger", "pips"),
    "spread": ("spread", "pips"),
    "accfilter": ("account_filter", ""),
    "comment": ("comment", ""),
    "secret": ("secret", ""),
}
"""The keys of PineConnector, which the others of its family share."""


def collect(pairs: Iterable[tuple[str, object]], keys: Keys) -> dict[str, Given]:
    """Sort fields by the role that their keys play.

    Raises:
        Refuse: ``unknown_field`` for a key that the dialect has not, ``conflict`` for two fields
            of one role or two sizes, ``malformed_command`` for a field without a value.
    """
    fields: dict[str, Given] = {}
    for count, (key, value) in enumerate(pairs):
        if count == _MAX_FIELDS:
            raise Refuse("malformed_command", f"more than {_MAX_FIELDS} fields")
        role, unit = _role(key, keys)
        if isinstance(value, str) and not value.strip() and role not in ("comment", "secret"):
            raise Refuse("malformed_command", f"{shown(key)} has no value")
        if role in fields:
            raise Refuse("conflict", f"{shown(fields[role].key)} and {shown(key)} are both given")
        fields[role] = Given(key, value, unit)
    sizes = [fields[role].key for role in _SIZES if role in fields]
    if len(sizes) > 1:
        raise Refuse("conflict", f"two sizes: {shown(sizes[0])} and {shown(sizes[1])}")
    if "tp" in fields and "tp1" in fields:
        raise Refuse("conflict", "tp and tp1 are both given")
    return fields


def _role(key: str, keys: Keys) -> tuple[str, str]:
    folded = fold(key)
    if folded in keys:
        return keys[folded]
    if "tp" in keys:
        if match := _TARGET.fullmatch(folded):
            return folded, keys["tp"][1]
        if match := _TARGET_SHARE.fullmatch(folded):
            return f"tp{match[1]}_share", "percent"
    raise Refuse("unknown_field", f"{shown(key)} is none of the fields of this format")


def symbol_of(raw: str, known: Iterable[str] = ()) -> str:
    """Read a symbol that stands in its own place.

    Args:
        raw: the field.
        known: words, in lower case, that cannot be one: the commands.

    Raises:
        Refuse: ``missing_field`` when it names none, ``malformed_command`` when it is a command or
            no symbol, ``unresolved_placeholder``.
    """
    name = raw.strip()
    if not name:
        raise Refuse("missing_field", "no symbol")
    if has_placeholder(name):
        raise Refuse("unresolved_placeholder", f"the symbol is {shown(name)}")
    if "=" in name:
        raise Refuse("missing_field", f"no symbol: {shown(name)} stands in its place")
    if name.lower() in known:
        raise Refuse("malformed_command", f"no symbol: {shown(name)} is a second command")
    if not _SYMBOL.fullmatch(name) or not any(one.isalpha() for one in name):
        raise Refuse("malformed_command", f"{shown(name)} is no symbol")
    return name


class Size(Struct, frozen=True):
    """How much is asked for: at most one of the three is set."""

    volume: Measure | None = None
    qty: Measure | None = None
    risk: Measure | None = None

    @property
    def given(self) -> bool:
        """Tell whether a size was given at all."""
        return self != _NO_SIZE


_NO_SIZE = Size()


def size_of(fields: Fields) -> Size:
    """Read the size of an entry.

    Raises:
        Refuse: ``bad_number`` or ``unresolved_placeholder``.
    """
    for role in _SIZES:
        if role in fields:
            given = fields[role]
            value = positive(given.value, given.key)
            if given.unit.startswith("percent") and value > _HUNDRED:
                raise Refuse("bad_number", f"{given.key}: {value} % is more than all")
            return Size(**{role: Measure(value, given.unit)})
    return _NO_SIZE


def portion_of(fields: Fields) -> Measure | None:
    """Read the share of a position that a partial close is about; None when it is not given.

    Raises:
        Refuse: ``bad_number``, ``conflict`` or ``unresolved_placeholder``.
    """
    given = [fields[role] for role in ("portion", "volume") if role in fields]
    if len(given) > 1:
        raise Refuse("conflict", f"two sizes: {shown(given[0].key)} and {shown(given[1].key)}")
    if not given:
        return None
    if given[0].unit not in ("account_setting", "percent_of_position"):
        raise Refuse("conflict", f"{shown(given[0].key)} on a close by percentage")
    value = positive(given[0].value, given[0].key)
    if value > _HUNDRED:
        raise Refuse("bad_number", f"{given[0].key}: {value} % is more than the position")
    return Measure(value, "percent_of_position")


def level(fields: Fields, role: str) -> Measure | None:
    """Read a price or a distance; None when it is absent, zero or no number.

    Raises:
        Refuse: ``bad_number`` or ``unresolved_placeholder``.
    """
    given = fields.get(role)
    if given is None or is_unreadable(given.value):
        return None
    value, unit = given.value, given.unit
    if isinstance(value, str) and value.strip().endswith("%"):
        if unit not in ("account_setting", "points", "percent"):
            raise Refuse("bad_number", f"{given.key}: {shown(value)} is a percentage")
        value, unit = value.strip()[:-1], "percent"
    read = number(value, given.key)
    if read < 0:
        raise Refuse("bad_number", f"{given.key}: {read} is below zero")
    return Measure(read, unit) if read else None


def guards_of(fields: Fields) -> Guards:
    """Read the stop, the targets, trailing and break-even of an entry or a modify.

    Raises:
        Refuse: ``bad_number``, ``conflict``, ``missing_field`` or ``unresolved_placeholder``.
    """
    sl, tp = level(fields, "sl"), _targets(fields)
    named = {"sl": sl is None, "tp": tp is None}
    unset = tuple(role for role, nothing in named.items() if nothing and role in fields)
    unreadable = tuple(role for role in unset if is_unreadable(fields[role].value))
    return Guards(sl, tp, _trailing(fields), _break_even(fields), unset, unreadable)


def _targets(fields: Fields) -> Measure | tuple[Target, ...] | None:
    targets: list[Target] = []
    total = Decimal(0)
    for place in "123456789":
        target = level(fields, f"tp{place}")
        share = fields.get(f"tp{place}_share")
        if target is None:
            if share is not None:
                raise Refuse("missing_field", f"{shown(share.key)} without its target")
            continue
        portion = positive(share.value, share.key) if share is not None else None
        total += portion or 0
        targets.append(Target(target.value, target.unit, portion))
    if total > _HUNDRED:
        raise Refuse("conflict", "the targets take more than the whole position")
    return tuple(targets) or level(fields, "tp")


def _trailing(fields: Fields) -> Trailing | None:
    trigger, distance, step = (
        _count(fields, f"trail_{part}") for part in ("trigger", "distance", "step")
    )
    timeframe, period, multiplier, shift, atr_trigger = (
        _count(fields, f"atr_{part}")
        for part in ("timeframe", "period", "multiplier", "shift", "trigger")
    )
    by_pips = [one for one in (trigger, distance, step) if one is not None]
    by_range = [one for one in (timeframe, period, multiplier, shift, atr_trigger) if one]
    if not by_pips and not by_range:
        return None
    if by_pips and by_range:
        raise Refuse("conflict", "a trailing stop by pips and one by average true range")
    if by_range:
        if timeframe is None or period is None:
            raise Refuse("missing_field", "atrtimeframe and atrperiod go together")
        return Trailing(
            "pips", trigger=atr_trigger, atr_timeframe=timeframe, atr_period=period,
            atr_multiplier=multiplier, atr_shift=shift,
        )  # fmt: skip
    if not distance:
        raise Refuse("missing_field", "a trailing stop without its distance")
    return Trailing("pips", trigger=trigger, distance=distance, step=step)


def _break_even(fields: Fields) -> MoveToEntry | None:
    trigger, offset = _count(fields, "be_trigger"), _count(fields, "be_offset")
    if trigger:
        return MoveToEntry(trigger, offset)
    if offset:
        raise Refuse("missing_field", "a break-even offset without its trigger")
    return None


def _count(fields: Fields, role: str) -> Decimal | None:
    """Read a number that is zero or more; None when it is absent."""
    given = fields.get(role)
    if given is None:
        return None
    read = number(given.value, given.key)
    if read < 0:
        raise Refuse("bad_number", f"{given.key}: {read} is below zero")
    return read


def spread_of(fields: Fields) -> Decimal | None:
    """Read the widest spread at which an entry is wanted, in pips; None or zero for no limit.

    Raises:
        Refuse: ``bad_number`` or ``unresolved_placeholder``.
    """
    return _count(fields, "spread") or None


def label_of(fields: Fields, role: str = "comment") -> tuple[str, tuple[str, ...]]:
    """Read a label without its quotes, and say so when it had to be left out.

    An ``id`` is read whole, for one that is cut could be another's.
    """
    given = fields.get(role)
    if given is None or given.value is None:
        return "", ()
    value = given.value
    text = format(value, "f") if isinstance(value, Decimal) else str(value)
    text = text.strip().strip('"').strip()
    if has_placeholder(text):
        return "", (f"{given.key} holds {shown(text)}, which nothing filled; it was left out",)
    return text if role == "id" else text[:_MAX_LABEL], ()


def auth_of(fields: Fields, outside: str) -> str:
    """Say where the credential sits: in the body, or outside it as the source vouches.

    Raises:
        Refuse: ``unauthenticated`` when the credential in the body is empty and nothing else
            vouches for the message.
    """
    given = fields.get("secret")
    if given is None:
        return outside
    if isinstance(given.value, str) and given.value.strip():
        return "body_secret"
    if not outside:
        raise Refuse("unauthenticated", "the credential in the body is empty")
    return outside
