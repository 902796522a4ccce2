"""Turns the stops and targets of an instruction into the model's `Protection`."""

from decimal import Decimal

from bascule.model.enums import LevelUnit, Side
from bascule.model.intent import BreakEven, Level, Protection, TakeProfit, Trail
from bascule.model.values import ONE, ZERO
from bascule.signals.instruction import Instruction, Measure, Refuse, Trailing
from bascule.signals.profile import Profile

_UNITS = {
    "price": LevelUnit.PRICE, "pips": LevelUnit.PIPS, "points": LevelUnit.POINTS,
    "ticks": LevelUnit.TICKS, "percent": LevelUnit.PERCENT, "ratio": LevelUnit.RATIO,
    "amount": LevelUnit.DISTANCE,
}  # fmt: skip
_HUNDRED = Decimal(100)


def protection_of(instruction: Instruction, profile: Profile) -> Protection | None:
    """Map stops and targets; None when the instruction has none.

    Raises:
        Refuse: ``stop_unreadable``, ``unit_not_set``, ``unsupported_unit``, ``conflict`` for a
            signed percentage on the wrong side, ``missing_field`` for targets without shares.
    """
    _refuse_unreadable(instruction, profile)
    sl, side = instruction.sl, instruction.side
    break_even = _break_even(instruction)
    stop = None
    if sl == "breakeven":
        break_even = BreakEven(Level(ZERO, LevelUnit.DISTANCE))
    elif sl is not None:
        if sl.unit == "ratio":
            raise Refuse("unsupported_unit", "a stop in multiples of itself")
        stop = _level(sl, profile.stop, "stop", side, favourable=False)
    targets = _targets(instruction, profile)
    trail = _trail(instruction.trail, profile) if instruction.trail is not None else None
    if stop is None and not targets and trail is None and break_even is None:
        return None
    return Protection(stop, targets, trail, break_even)


def _refuse_unreadable(instruction: Instruction, profile: Profile) -> None:
    guards = [name for name in instruction.unreadable if name in ("sl", "trail")]
    if guards and profile.unreadable_stop == "refuse":
        raise Refuse(
            "stop_unreadable",
            f"{guards[0]} was named and holds no number; an entry does not go out without the "
            "stop that its sender meant",
        )


def _targets(instruction: Instruction, profile: Profile) -> tuple[TakeProfit, ...]:
    tp, side = instruction.tp, instruction.side
    if tp is None:
        return ()
    if isinstance(tp, Measure):
        return (TakeProfit(_level(tp, profile.target, "target", side, favourable=True)),)
    levels = [
        _level(Measure(one.value, one.unit), profile.target, "target", side, favourable=True)
        for one in tp
    ]
    shares = [one.portion_pct for one in tp]
    if any(share is None for share in shares):
        return _split(levels, profile)
    return tuple(
        TakeProfit(level, share / _HUNDRED)
        for level, share in zip(levels, shares, strict=True)
        if share is not None
    )


def _split(levels: list[Level], profile: Profile) -> tuple[TakeProfit, ...]:
    match profile.split_targets:
        case "first":
            return (TakeProfit(levels[0]),)
        case "last":
            return (TakeProfit(levels[-1]),)
        case "equal":
            share = ONE / len(levels)
            return tuple(TakeProfit(level, share) for level in levels)
    raise Refuse(
        "unit_not_set",
        f"{len(levels)} targets without their shares; set profile.split_targets for this source",
    )


def _break_even(instruction: Instruction) -> BreakEven | None:
    rule = instruction.breakeven
    if rule is None:
        return None
    unit = _UNITS.get(rule.unit)
    if unit is None:
        raise Refuse("unsupported_unit", f"a break-even trigger in {rule.unit}")
    offset_unit = LevelUnit.DISTANCE if unit is LevelUnit.PRICE else unit
    offset = Level(rule.offset, offset_unit) if rule.offset is not None else None
    return BreakEven(Level(rule.trigger, unit), offset)


def _trail(trail: Trailing, profile: Profile) -> Trail:
    distance = trail.value if trail.value is not None else trail.distance
    if distance is None:
        raise Refuse("unsupported_unit", "a trailing stop by average true range")

    def level(value: Decimal | None) -> Level | None:
        if value is None:
            return None
        return _level(Measure(value, trail.unit), profile.trail, "trail", None, favourable=False)

    behind = level(distance)
    assert behind is not None
    return Trail(behind, level(trail.trigger), level(trail.step))


def _level(
    measure: Measure, unset: LevelUnit | None, setting: str, side: Side | None, *, favourable: bool
) -> Level:
    unit = measure.means or _UNITS.get(measure.unit)
    if measure.unit == "account_setting" or measure.unsure:
        if unset is None:
            raise Refuse(
                "unit_not_set",
                f"the {setting} has no unit of its own; set profile.{setting} for this source",
            )
        unit = unset
    if unit is None:
        raise Refuse("unsupported_unit", f"a {setting} in {measure.unit}")
    if measure.value >= 0:
        return Level(measure.value, unit)
    gains = measure.value > 0 if side is Side.BUY else measure.value < 0
    if unit is LevelUnit.PERCENT and side is not None and gains is favourable:
        return Level(-measure.value, unit)
    raise Refuse("conflict", f"the {setting} {measure.value} is on the wrong side of the entry")
