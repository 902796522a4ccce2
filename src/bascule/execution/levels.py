"""From levels as asked (pips, percent, ratio ...) to absolute prices on tick."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from msgspec import Struct

from bascule.model.enums import InstrumentKind, LevelUnit, Side
from bascule.model.event import Bracket
from bascule.model.instrument import Listing
from bascule.model.intent import Level, Protection
from bascule.model.values import ZERO, nearest_to

_HUNDRED = Decimal(100)
_POINT_KINDS = (InstrumentKind.FUTURE, InstrumentKind.CFD, InstrumentKind.EQUITY)


class LevelRefused(Struct, frozen=True):
    """Why a level has no price: a stable code and a sentence."""

    code: str
    text: str


def distance(
    level: Level,
    listing: Listing,
    reference: Decimal | None,
    *,
    risk: Decimal | None = None,
    cash_per_point: Decimal | None = None,
) -> Decimal | LevelRefused:
    """Turn a relative level into price units, unsigned.

    Args:
        level: any unit but ``price``.
        listing: for its tick and pip.
        reference: the entry price, for percents.
        risk: the stop's distance, for ratios.
        cash_per_point: account currency gained by the whole position a price unit, for cash.
    """
    value = abs(level.value)
    match level.unit:
        case LevelUnit.DISTANCE:
            return value
        case LevelUnit.TICKS:
            return value * listing.tick_size
        case LevelUnit.PIPS if listing.pip_size:
            return value * listing.pip_size
        case LevelUnit.POINTS if listing.kind in _POINT_KINDS:
            return value
        case LevelUnit.PERCENT if reference is not None:
            return reference * value / _HUNDRED
        case LevelUnit.PERCENT:
            return LevelRefused("no_reference_price", "a percent needs a price to be taken of")
        case LevelUnit.RATIO if risk is not None:
            return value * risk
        case LevelUnit.RATIO:
            return LevelRefused("no_stop", "a target in multiples of risk needs a stop")
        case LevelUnit.CASH if cash_per_point:
            return value / cash_per_point
    return LevelRefused(
        "level_unit_unsupported",
        f"a level in {level.unit.value} has no meaning for {listing.symbol} here; "
        "give a price, ticks, a distance or a percent",
    )


def stop_price(
    level: Level,
    side: Side,
    listing: Listing,
    reference: Decimal | None,
    cash_per_point: Decimal | None = None,
    *,
    held: bool = False,
) -> Decimal | LevelRefused:
    """Give the stop of an entry on ``side``, rounded away from the entry.

    A stop on the wrong side of a known reference is refused: it would act at once. For a position
    already ``held`` it may lie beyond the entry, to keep a gain.
    """
    if level.unit is LevelUnit.PRICE:
        price = level.value
    else:
        if reference is None:
            return LevelRefused(
                "no_reference_price", "a stop given as a distance needs an entry price"
            )
        away = distance(level, listing, reference, cash_per_point=cash_per_point)
        if isinstance(away, LevelRefused):
            return away
        price = reference - away * side.sign
    rounding = ROUND_FLOOR if side is Side.BUY else ROUND_CEILING
    price = (price / listing.tick_size).to_integral_value(rounding) * listing.tick_size
    if price <= 0:
        return LevelRefused("bad_level", "the stop would be at or below zero")
    if not held and reference is not None and (reference - price) * side.sign <= 0:
        return LevelRefused(
            "stop_wrong_side",
            f"a {side.value} at {reference} cannot have its stop at {price}",
        )
    return price


def target_price(
    level: Level,
    side: Side,
    listing: Listing,
    reference: Decimal | None,
    risk: Decimal | None,
    cash_per_point: Decimal | None = None,
) -> Decimal | LevelRefused:
    """Give a target of an entry on ``side``, on the nearest tick and on the winning side."""
    if level.unit is LevelUnit.PRICE:
        price = level.value
    else:
        if reference is None:
            return LevelRefused(
                "no_reference_price", "a target given as a distance needs an entry price"
            )
        away = distance(level, listing, reference, risk=risk, cash_per_point=cash_per_point)
        if isinstance(away, LevelRefused):
            return away
        price = reference + away * side.sign
    price = nearest_to(price, listing.tick_size)
    if reference is not None and (price - reference) * side.sign <= 0:
        return LevelRefused(
            "target_wrong_side",
            f"a {side.value} at {reference} cannot have its target at {price}",
        )
    return price


def bracket_of(
    protection: Protection | None,
    side: Side,
    listing: Listing,
    reference: Decimal | None,
    cash_per_point: Decimal | None = None,
    *,
    held: bool = False,
) -> Bracket | LevelRefused | None:
    """Turn a protection into absolute prices; None when there is nothing to protect with.

    A level that cannot be read refuses the whole: an entry never goes out without a stop that
    was asked for.
    """
    if protection is None:
        return None
    stop: Decimal | None = None
    if protection.stop_loss is not None:
        found = stop_price(
            protection.stop_loss, side, listing, reference, cash_per_point, held=held
        )
        if isinstance(found, LevelRefused):
            return found
        stop = found
    trail = _trail(protection, listing, reference)
    if isinstance(trail, LevelRefused):
        return trail
    if (
        not held
        and stop is None
        and trail[0] is not None
        and trail[1] is None
        and reference is not None
    ):
        rounding = ROUND_FLOOR if side is Side.BUY else ROUND_CEILING
        raw = (reference - trail[0] * side.sign) / listing.tick_size
        stop = raw.to_integral_value(rounding) * listing.tick_size
    risk = abs(reference - stop) if reference is not None and stop is not None else None
    targets: list[tuple[Decimal, Decimal]] = []
    for take_profit in protection.take_profits:
        price = target_price(take_profit.level, side, listing, reference, risk, cash_per_point)
        if isinstance(price, LevelRefused):
            return price
        targets.append((price, take_profit.portion))
    even_trigger, even_offset = None, ZERO
    if protection.break_even is not None:
        trigger = distance(protection.break_even.trigger, listing, reference, risk=risk)
        if isinstance(trigger, LevelRefused):
            return trigger
        even_trigger = trigger
        if protection.break_even.offset is not None:
            offset = distance(protection.break_even.offset, listing, reference, risk=risk)
            if isinstance(offset, LevelRefused):
                return offset
            even_offset = offset
    if stop is None and not targets and trail[0] is None and even_trigger is None:
        return None
    return Bracket(
        stop_loss=stop,
        take_profits=tuple(targets),
        trail_distance=trail[0],
        trail_trigger=trail[1],
        trail_step=trail[2],
        break_even_trigger=even_trigger,
        break_even_offset=even_offset,
    )


def _trail(
    protection: Protection, listing: Listing, reference: Decimal | None
) -> tuple[Decimal | None, Decimal | None, Decimal | None] | LevelRefused:
    trail = protection.trail
    if trail is None:
        return None, None, None
    found: list[Decimal | None] = []
    for level in (trail.distance, trail.trigger, trail.step):
        if level is None:
            found.append(None)
            continue
        value = distance(level, listing, reference)
        if isinstance(value, LevelRefused):
            return value
        found.append(max(value, listing.tick_size))
    return found[0], found[1], found[2]
