"""From levels as asked (pips, percent, ratio ...) to absolute prices on tick."""

from decimal import Decimal

from msgspec import Struct

from bascule.model.account import Capabilities
from bascule.model.enums import InstrumentKind, LevelUnit, OrdType, Side
from bascule.model.event import Bracket
from bascule.model.instrument import Listing
from bascule.model.intent import Level, Protection
from bascule.model.values import ZERO, ceil_to, floor_to, nearest_to

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
    price = away_from(price, side, listing.tick_size)
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
    trail = _trail(protection, listing, reference)
    if isinstance(trail, LevelRefused):
        return trail
    behind, trigger, step = trail
    stop: Decimal | LevelRefused | None = None
    if protection.stop_loss is not None:
        stop = stop_price(protection.stop_loss, side, listing, reference, cash_per_point, held=held)
    elif not held and behind is not None and trigger is None and reference is not None:
        stop = away_from(reference - behind * side.sign, side, listing.tick_size)
    if isinstance(stop, LevelRefused):
        return stop
    risk = abs(reference - stop) if reference is not None and stop is not None else None
    targets = _targets(protection, side, listing, reference, risk, cash_per_point)
    if isinstance(targets, LevelRefused):
        return targets
    even = _break_even(protection, listing, reference, risk)
    if isinstance(even, LevelRefused):
        return even
    if stop is None and not targets and behind is None and even[0] is None:
        return None
    return Bracket(
        stop_loss=stop,
        take_profits=targets,
        trail_distance=behind,
        trail_trigger=trigger,
        trail_step=step,
        break_even_trigger=even[0],
        break_even_offset=even[1],
    )


def lacks_orders(bracket: Bracket, capabilities: Capabilities) -> str:
    """Name the orders that an engine needs for a bracket and its venue lacks; empty for none."""
    stops = bracket.stop_loss is not None or bracket.follows_price
    if stops and OrdType.STOP not in capabilities.ord_types:
        return "stop"
    if bracket.take_profits and OrdType.LIMIT not in capabilities.ord_types:
        return "limit"
    return ""


def away_from(price: Decimal, side: Side, tick: Decimal) -> Decimal:
    """Put the stop of a position on ``side`` on a tick, away from the market."""
    return floor_to(price, tick) if side is Side.BUY else ceil_to(price, tick)


def _targets(
    protection: Protection,
    side: Side,
    listing: Listing,
    reference: Decimal | None,
    risk: Decimal | None,
    cash_per_point: Decimal | None,
) -> tuple[tuple[Decimal, Decimal], ...] | LevelRefused:
    targets: list[tuple[Decimal, Decimal]] = []
    for take_profit in protection.take_profits:
        price = target_price(take_profit.level, side, listing, reference, risk, cash_per_point)
        if isinstance(price, LevelRefused):
            return price
        targets.append((price, take_profit.portion))
    return tuple(targets)


def _break_even(
    protection: Protection, listing: Listing, reference: Decimal | None, risk: Decimal | None
) -> tuple[Decimal | None, Decimal] | LevelRefused:
    even = protection.break_even
    if even is None:
        return None, ZERO
    trigger = distance(even.trigger, listing, reference, risk=risk)
    if isinstance(trigger, LevelRefused) or even.offset is None:
        return trigger if isinstance(trigger, LevelRefused) else (trigger, ZERO)
    offset = distance(even.offset, listing, reference, risk=risk)
    return offset if isinstance(offset, LevelRefused) else (trigger, offset)


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
