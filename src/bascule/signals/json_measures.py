"""Reads sizes, prices, stops and targets out of collected JSON fields.

A number is taken as the key that names it says: ``sl_pips`` in pips, ``sl`` as a price, ``"2%"`` as
a percentage. What names no unit and cannot be a price is given back as ``account_setting``. A
size is never made up, and a stop is either read, reported as unset, or the message is refused.
"""

from decimal import Decimal

from msgspec import Struct

from bascule.model.enums import LevelUnit, Side
from bascule.signals.instruction import Measure, MoveToEntry, Refuse, Target, Trailing
from bascule.signals.json_fields import Fields, Found, named, text
from bascule.signals.numbers import has_placeholder, is_unreadable, number, positive, shown
from bascule.signals.words import boolean, fold

_FAR = 10
"""A stop or target more than this many times the price, or less than this part of it, is none."""
_HUNDRED = Decimal(100)

_QTY_UNITS = {
    "": "", "fixed": "units", "fixedquantity": "units", "contracts": "units",
    "contract": "units", "units": "units", "shares": "units", "base": "base", "coins": "base",
    "lots": "lots", "lot": "lots", "quote": "quote", "usd": "quote", "usdt": "quote",
    "cash": "quote", "dollaramount": "quote", "dollars": "quote", "percent": "percent",
    "percentage": "percent", "pct": "percent", "percentofequity": "percent_of_equity",
    "percentofbalance": "percent_of_balance", "percentofposition": "percent_of_position",
}  # fmt: skip
_PERCENTAGES = frozenset(
    {"percent", "percent_of_equity", "percent_of_balance", "percent_of_position"}
)
_OF_SOMETHING = _PERCENTAGES | {""}


class Sizes(Struct, frozen=True):
    """How much is asked for; each None where the message says nothing of it."""

    qty: Measure | None = None
    volume: Measure | None = None
    risk: Measure | None = None


class Guards(Struct, frozen=True):
    """Stops and targets.

    ``unset`` names those that hold no number, ``unreadable`` those of them where the sender meant
    one (``NaN``).
    """

    sl: Measure | None = None
    tp: Measure | tuple[Target, ...] | None = None
    trail: Trailing | None = None
    breakeven: MoveToEntry | None = None
    unset: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()


_NO_GUARDS = Guards()
_GUARDING = frozenset(
    {
        "sl",
        "trail",
        "trail_trigger",
        "unknown_stop",
        "hidden_stop",
        "tp",
        *(f"tp{place}" for place in range(2, 10)),
    }
)


def price(fields: Fields, role: str) -> Decimal | None:
    """Read a price. Absent, null, empty and zero all say that there is none.

    Raises:
        Refuse: ``bad_number`` or ``unresolved_placeholder``.
    """
    for found in fields.get(role, ()):
        if found.value is None or (isinstance(found.value, str) and not found.value.strip()):
            continue
        value = number(found.value, found.key)
        if value < 0:
            raise Refuse("bad_number", f"{found.key}: {value} is below zero")
        if value:
            return value
    return None


def signed_number(fields: Fields, role: str) -> Decimal | None:
    """Read a number of a role that may be signed or zero; None when there is none.

    Raises:
        Refuse: ``bad_number``, ``unresolved_placeholder`` or ``conflict``.
    """
    read: Decimal | None = None
    for found in fields.get(role, ()):
        if found.value is None or (isinstance(found.value, str) and not found.value.strip()):
            continue
        value = number(found.value, found.key)
        if read is not None and value != read:
            raise Refuse("conflict", f"{found.key} says {value}, and another field says {read}")
        read = value
    return read


def sizes(fields: Fields, reduces: bool) -> Sizes:
    """Read how much is asked for.

    Args:
        fields: what was collected.
        reduces: the message takes a position back, so that a percentage is one of the position.

    Raises:
        Refuse: ``bad_number``, ``unresolved_placeholder``, ``bad_enum`` or ``conflict``.
    """
    qty = _quantity(fields, reduces)
    volume: Measure | None = None
    found = fields.get("volume")
    if found is not None:
        lots = [one for one in found if one.unit == "lots" and one.value is not None]
        if lots:
            volume = Measure(_same(lots), "lots")
        elif qty is None and not _is_bar(fields):
            volumes = [one for one in found if one.value is not None]
            qty = Measure(_same(volumes), "units") if volumes else None
    return Sizes(qty, volume, _risk(fields))


def _is_bar(fields: Fields) -> bool:
    return "ohlc" in fields or any(fold(one.key) == "close" for one in fields.get("price", ()))


def _same(found: list[Found]) -> Decimal:
    value = positive(found[0].value, found[0].key)
    for other in found[1:]:
        if other.depth == found[0].depth and positive(other.value, other.key) != value:
            raise Refuse(
                "conflict",
                f"{found[0].key} says {value} and {other.key} says {shown(other.value)}",
            )
    return value


def _quantity(fields: Fields, reduces: bool) -> Measure | None:
    found = [one for one in fields.get("qty", ()) if one.value is not None]
    if not found:
        return None
    first = found[0]
    unit = first.unit
    if any(one.unit != unit for one in found if one.depth == first.depth):
        raise Refuse("conflict", f"{first.key} and another field give sizes in different units")
    if not unit:
        unit = _stated_unit(fields)
    if reduces and len(found) == 1 and first.value == "all":
        return Measure(_HUNDRED, "percent_of_position")
    if isinstance(first.value, str) and first.value.strip().endswith("%"):
        if len(found) > 1 or unit not in _OF_SOMETHING:
            raise Refuse("conflict", f"{first.key} is a percentage, and another field says not")
        value = positive(first.value.strip()[:-1], first.key)
        unit = unit if unit in _PERCENTAGES else "percent"
    else:
        value = _same(found)
        unit = unit or "units"
    if unit == "percent" and reduces:
        unit = "percent_of_position"
    return Measure(value, unit)


def _stated_unit(fields: Fields) -> str:
    if "qty_unit" not in fields:
        return ""
    stated = text(fields, "qty_unit")
    if fold(stated) not in _QTY_UNITS:
        raise Refuse("bad_enum", f"a size in {shown(stated)}")
    return _QTY_UNITS[fold(stated)]


def _risk(fields: Fields) -> Measure | None:
    found = named(fields, "risk")
    if found is None:
        return None
    if isinstance(found.value, str) and found.value.strip().endswith("%"):
        return Measure(positive(found.value.strip()[:-1], found.key), "percent_equity")
    value = number(found.value, found.key)
    if value < 0:
        raise Refuse("bad_number", f"{found.key}: {value} is below zero")
    return Measure(value, found.unit) if value else None


def guards(fields: Fields) -> Guards:
    """Read stops, targets, trailing and break-even.

    Raises:
        Refuse: ``bad_number``, ``unresolved_placeholder``, ``conflict``; or ``unknown_field`` for
            a field that names a stop in a way that Bascule does not read.
    """
    if fields.keys().isdisjoint(_GUARDING):
        return _NO_GUARDS
    read = "sl" in fields or "trail" in fields
    hidden = [] if read else fields.get("hidden_stop", [])
    for found in (*fields.get("unknown_stop", ()), *hidden):
        if _is_amount(found.value):
            raise Refuse(
                "unknown_field",
                f"{found.key} names a stop that Bascule cannot read; use sl, or sl_pips, "
                "sl_points, sl_ticks, sl_percent",
            )
    unset: list[str] = []
    unreadable: list[str] = []
    sl = _level(fields, "sl", unset, unreadable)
    tp = _targets(fields, unset, unreadable)
    trail = _level(fields, "trail", unset, unreadable)
    trigger = price(fields, "trail_trigger")
    if trigger is not None and "trail" not in fields:
        raise Refuse("missing_field", "a trailing stop without its distance")
    return Guards(
        sl,
        tp,
        Trailing(trail.unit, trail.value, trigger) if trail is not None else None,
        _breakeven(fields, tp),
        tuple(unset),
        tuple(unreadable),
    )


def _is_amount(value: object) -> bool:
    if isinstance(value, bool) or value is None:
        return False
    if isinstance(value, Decimal):
        return not value.is_finite() or value != 0
    if isinstance(value, dict):
        return any(_is_amount(inner) for inner in value.values())
    if isinstance(value, list):
        return any(_is_amount(inner) for inner in value)
    return isinstance(value, str) and (has_placeholder(value) or value.strip()[:1].isdigit())


def _level(fields: Fields, role: str, unset: list[str], unreadable: list[str]) -> Measure | None:
    read: Measure | None = None
    nothing = False
    for found in fields.get(role, ()):
        value = found.value
        if value is None or value is False:
            continue
        if is_unreadable(value):
            nothing = True
            if str(value).strip() and role not in unreadable:
                unreadable.append(role)
            continue
        level = _one_level(found)
        if level is None:
            nothing = True
        elif read is not None and level != read:
            raise Refuse("conflict", f"{found.key} gives a second, different {role}")
        else:
            read = level
    if read is not None:
        if role in unreadable:
            unreadable.remove(role)
    elif nothing:
        unset.append(role)
    return read


def _one_level(found: Found) -> Measure | None:
    value, unit = found.value, found.unit
    if isinstance(value, str) and value.strip().endswith("%"):
        if unit not in ("price", "percent", "account_setting"):
            raise Refuse("bad_number", f"{found.key}: {shown(value)} is a percentage")
        value, unit = value.strip()[:-1], "percent"
    size = number(value, found.key)
    if size < 0:
        raise Refuse("bad_number", f"{found.key}: {size} is below zero")
    if not size:
        return None
    if unit == "cash":
        return Measure(size, "amount", LevelUnit.CASH)
    return Measure(size, unit)


def _targets(
    fields: Fields, unset: list[str], unreadable: list[str]
) -> Measure | tuple[Target, ...] | None:
    first = _level(fields, "tp", unset, unreadable)
    several = [(1, first)] if first is not None else []
    for place in range(2, 10):
        if (
            f"tp{place}" in fields
            and (level := _level(fields, f"tp{place}", [], unreadable)) is not None
        ):
            several.append((place, level))
    portions = {place: _portion(fields, place) for place, _ in several}
    given = {place: share for place, share in portions.items() if share is not None}
    if not several or (len(several) == 1 and first is not None and not given):
        return first
    if sum(given.values(), Decimal(0)) > _HUNDRED:
        raise Refuse("conflict", "the targets take more than the whole position")
    if len(given) == len(several) - 1 and several[-1][0] not in given:
        given[several[-1][0]] = _plain(_HUNDRED - sum(given.values(), Decimal(0)))
    return tuple(Target(level.value, level.unit, given.get(place)) for place, level in several)


def _portion(fields: Fields, place: int) -> Decimal | None:
    found = named(fields, f"tp{place}_portion")
    if found is None:
        return None
    share = positive(found.value, found.key)
    if found.unit == "ratio":
        share *= _HUNDRED
    if share > _HUNDRED:
        raise Refuse("bad_number", f"{found.key} is more than the whole position")
    return _plain(share)


def _plain(value: Decimal) -> Decimal:
    return value.normalize() + 0 if value else Decimal(0)


def _breakeven(fields: Fields, tp: Measure | tuple[Target, ...] | None) -> MoveToEntry | None:
    found = named(fields, "breakeven_after")
    if found is None or boolean(found.value) is not True or tp is None:
        return None
    first = tp[0] if isinstance(tp, tuple) else tp
    return MoveToEntry(first.value, unit=first.unit)


def check_sides(side: Side, reference: Decimal | None, read: Guards) -> None:
    """Refuse a stop or target on the wrong side of the price, or nowhere near it.

    Such a number is no price: a sender that means pips must say so, or the position would have a
    stop that can never trigger.

    Raises:
        Refuse: ``conflict``.
    """
    if reference is None:
        return
    levels = [("sl", read.sl)] if read.sl is not None else []
    targets: tuple[Measure | Target, ...] = (
        read.tp if isinstance(read.tp, tuple) else (read.tp,) if read.tp is not None else ()
    )
    prices = [(name, one.value) for name, one in levels if one.unit == "price"]
    prices += [("tp", one.value) for one in targets if one.unit == "price"]
    for name, level in prices:
        below = level < reference
        wrong = below is not (name == "sl") if side is Side.BUY else below is (name == "sl")
        if wrong or level == reference:
            raise Refuse(
                "conflict",
                f"{name} {level} is on the wrong side of {reference} for a {side.value}",
            )
        if level * _FAR < reference or level > reference * _FAR:
            raise Refuse(
                "conflict",
                f"{name} {level} is no price near {reference}; if it is a distance, name it "
                f"{name}_pips, {name}_points, {name}_ticks or {name}_percent",
            )
