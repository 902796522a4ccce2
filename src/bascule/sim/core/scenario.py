"""A scenario as plain data: what is set up, which faults there are, and what happens when."""

from decimal import Decimal
from itertools import accumulate
from typing import Any, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from bascule.execution.turn import Settings
from bascule.model.enums import Direction, LevelUnit, OrdType, QtyUnit, Side, TimeInForce
from bascule.model.ids import AccountId
from bascule.model.intent import (
    Amount,
    BreakEven,
    CancelOrders,
    ClosePosition,
    Flatten,
    Intent,
    Level,
    ModifyOrder,
    ModifyProtection,
    PlaceOrder,
    Protection,
    Signal,
    StopTrading,
    TakeProfit,
    TargetPosition,
    Trail,
)
from bascule.model.values import SECOND, Instant
from bascule.sim.core.distributions import (
    ELSEWHEN,
    INSISTS,
    INTENTS,
    LATER_STEPS,
    LEANINGS,
    LOSSES,
    NOBODYS,
    PLAIN,
    QUIET,
    RESIZES,
    STEP_FAULTS,
    STEPS,
    STEPS_RANGE,
    TELLS,
    Dice,
    faults_of,
    gap,
)
from bascule.sim.core.firms import Opening, opening_of, regulated
from bascule.sim.core.stories import PAIR, Story, Teller, plan_story, said
from bascule.sim.core.world import ELSEWHERE, START, STRATEGIES, SYMBOLS, TICK, settings_of

_STEPS = tuple(STEPS)
_STEP_WEIGHTS = tuple(accumulate(STEPS.values()))
_INTENTS = tuple(INTENTS)
LATER_NUMBERS = 1_000
"""From here on steps are numbered that the second generator has drawn."""
RESIZE_NUMBERS = 2_000
INSIST_NUMBERS = 3_000
STORY_NUMBERS = 4_000
_HALTS = ("halt", "latch", "freeze_scope", "lock")


class Step(Struct, frozen=True):
    """One thing that happens: when, what, and with what; ``number`` names it for ever."""

    number: int
    at: int
    kind: str
    what: Any = None


class Scenario(Struct, frozen=True):
    """Everything that a run starts from."""

    seed: int
    began: Instant
    settings: Settings
    openings: dict[AccountId, Opening]
    faults: dict[str, float]
    steps: tuple[Step, ...]

    def without(self, *numbers: int) -> "Scenario":
        """Give the scenario less some steps."""
        gone = set(numbers)
        return replace(self, steps=tuple(s for s in self.steps if s.number not in gone))

    def healthier(self, fault: str) -> "Scenario":
        """Give the scenario less a fault."""
        left = {name: chance for name, chance in self.faults.items() if name != fault}
        return replace(self, faults=left)


class _Mood(NamedTuple):
    """What the senders of one scenario are like; each leans another way. ``weights`` add up."""

    prices: dict[str, Decimal]
    weights: tuple[float, ...]
    strategies: tuple[str, ...]
    symbols: tuple[str, ...]
    buys: float

    def side(self, dice: Dice) -> Side:
        return Side.BUY if dice.random() < self.buys else Side.SELL


def _mood(dice: Dice) -> _Mood:
    return _Mood(
        prices=dict(SYMBOLS),
        weights=_weights(dice),
        strategies=STRATEGIES if dice.random() < 0.6 else STRATEGIES[:1],
        symbols=("EURUSD", "EURUSD", "GBPUSD") if dice.random() < 0.6 else ("EURUSD",),
        buys=dice.choice((0.5, 0.5, 0.9, 0.1)),
    )


def _weights(dice: Dice) -> tuple[float, ...]:
    drawn = {name: weight * dice.choice(LEANINGS) for name, weight in INTENTS.items()}
    if not drawn["market"] and not drawn["limit"]:
        drawn["market"] = INTENTS["market"]
    return tuple(accumulate(drawn.values()))


def scenario_of(seed: int, *, tells: bool = True) -> Scenario:
    """Draw the scenario of a seed; ``tells``: with its story, if it has one."""
    dice, later = Dice(seed), Dice(f"{seed}/firms")
    began = later.choice(ELSEWHERE) if later.random() < ELSEWHEN else START
    settings = regulated(settings_of(dice), later, began)
    faults = faults_of(dice, later)
    mood = _mood(dice)
    steps = []
    at: int = began + 2 * SECOND
    befalls = {name: faults[name] for name in STEP_FAULTS if name in faults}
    for number in range(dice.randint(*STEPS_RANGE)):
        at += gap(dice)
        steps.append(_step(dice, number, at, befalls, mood))
    steps = _with_more(later, steps, faults)
    steps = _with_resize(Dice(f"{seed}/resize"), steps, mood)
    insisting = Dice(f"{seed}/insist")
    if insisting.random() < INSISTS:
        faults |= LOSSES
        steps = _with_more_entries(insisting, steps, mood)
    telling = Dice(f"{seed}/story")
    if telling.random() < TELLS and tells:
        story = plan_story(telling, settings, began)
        settings = story.settings
        if telling.random() < PLAIN:
            faults = {name: chance for name, chance in faults.items() if name not in NOBODYS}
            steps = [step for step in steps if step.kind not in NOBODYS]
        steps = _with_story(telling, steps, story)
    if "reuse_order_id" in faults:
        # A venue that gives its numbers out again names its client's orders in each fill.
        faults.pop("unnamed_fill", None)
    if "no_exec_id" in faults:
        for name in ("bust", "correct"):
            faults.pop(name, None)
        steps = [step for step in steps if step.kind not in ("bust", "correct")]
    openings = {name: opening_of(later) for name in settings.accounts}
    return Scenario(seed, began, settings, openings, faults, tuple(steps))


def _with_more(later: Dice, steps: list[Step], faults: dict[str, float]) -> list[Step]:
    """Add the steps that are drawn from the second generator: fees, words on money, faults."""
    first, last = steps[0].at, steps[-1].at
    kinds = ["fee"] * later.choice((0, 0, 1, 2)) + ["money"] * later.randrange(6)
    for name in LATER_STEPS:
        chance = faults.get(name, 0.0)
        kinds += [name] * sum(later.random() < chance for _ in steps)
    more = [
        Step(LATER_NUMBERS + number, later.randint(first, last), kind, later.random())
        for number, kind in enumerate(kinds)
    ]
    return sorted([*steps, *more], key=lambda step: (step.at, step.number))


def _with_resize(dice: Dice, steps: list[Step], mood: _Mood) -> list[Step]:
    """Add an entry that rests, and a signal that makes it smaller and adds another at once."""
    if dice.random() >= RESIZES:
        return steps
    at = dice.randint(steps[0].at, steps[-1].at)
    side, price = mood.side(dice), SYMBOLS["EURUSD"]
    guard = Protection(stop_loss=Level(price - 500 * TICK * side.sign))

    def entry(ord_type: OrdType, quantity: int, away: int) -> PlaceOrder:
        return PlaceOrder(
            symbol="EURUSD",
            reference_price=price,
            label="resized",
            side=side,
            quantity=Amount(Decimal(quantity)),
            ord_type=ord_type,
            price=price - away * TICK * side.sign if away else None,
            protection=guard,
        )

    size = dice.choice((2, 3, 4))
    asked: list[tuple[Intent, ...]] = [
        (entry(OrdType.LIMIT, size, 300),),
        (
            ModifyOrder(symbol="EURUSD", label="resized", quantity=Amount(Decimal("0.5"))),
            entry(OrdType.LIMIT, dice.choice((1, 2, 3)), 310),
        ),
    ]
    more = [
        Step(
            RESIZE_NUMBERS + number,
            at + number * dice.randint(SECOND, 3 * SECOND),
            "signal",
            said(mood.strategies[0], f"resize{number}", intents),
        )
        for number, intents in enumerate(asked)
    ]
    return sorted([*steps, *more], key=lambda step: (step.at, step.number))


def _with_more_entries(dice: Dice, steps: list[Step], mood: _Mood) -> list[Step]:
    """Add entries on one side, a second or two apart, past the time-out of the first."""
    at = dice.randint(steps[0].at, steps[-1].at)
    side, price = mood.side(dice), SYMBOLS["EURUSD"]
    more = []
    for number in range(9):
        at += dice.randint(SECOND // 2, 2 * SECOND)
        entry = PlaceOrder(
            symbol="EURUSD",
            reference_price=price,
            side=side,
            quantity=Amount(Decimal(1 + number % 2)),
            protection=Protection(stop_loss=Level(price - 500 * TICK * side.sign)),
        )
        signal = said(STRATEGIES[number % 2], f"insist{number}", (entry,))
        more.append(Step(INSIST_NUMBERS + number, at, "signal", signal))
    return sorted([*steps, *more], key=lambda step: (step.at, step.number))


def _with_story(dice: Dice, steps: list[Step], story: Story) -> list[Step]:
    """Add a story, from any instant on: what it leaves may be there at the end."""
    if dice.random() < QUIET or story.plot == "limits":
        steps = [step for step in steps if step.kind not in _HALTS]
    first = steps[0].at + 2 * SECOND
    at = dice.randint(first, max(first, steps[-1].at))
    marks = [
        (step.at, step.what[1]) for step in steps if step.kind == "mark" and step.what[0] == PAIR
    ]
    told = Teller(dice, story, at, marks).tell()
    more = [
        Step(STORY_NUMBERS + number, one.at, one.kind, one.what) for number, one in enumerate(told)
    ]
    return sorted([*steps, *more], key=lambda step: (step.at, step.number))


def _step(dice: Dice, number: int, at: int, faults: dict[str, float], mood: _Mood) -> Step:
    for name, chance in faults.items():
        if dice.random() < chance:
            return Step(number, at, name, dice.random())
    kind = dice.weighed(_STEPS, _STEP_WEIGHTS)
    if kind == "mark":
        symbol = dice.choice(tuple(SYMBOLS))
        mood.prices[symbol] += TICK * dice.choice((-60, -25, -8, -3, -1, 1, 3, 8, 25, 60))
        return Step(number, at, kind, (symbol, mood.prices[symbol]))
    if kind == "signal":
        return Step(number, at, kind, _signal(dice, number, mood))
    return Step(number, at, kind, dice.random())


def _signal(dice: Dice, number: int, mood: _Mood) -> Signal:
    count = dice.choice((1, 1, 1, 1, 1, 2, 3))
    intents = tuple(_intent(dice, mood) for _ in range(count))
    odd = dice.random()
    return Signal(
        source="sim",
        dialect="native",
        received_at=Instant(0),
        body_hash=f"body{number}",
        raw="",
        key=f"key{number}" if dice.random() < 0.9 else "",
        fired_at=Instant(-90 * SECOND) if odd < 0.02 else None,
        strategy="nobody" if 0.02 < odd < 0.03 else dice.choice(mood.strategies),
        intents=() if 0.03 < odd < 0.05 else intents,
        refused_code="unknown_format" if 0.03 < odd < 0.04 else "",
        refused_text="nothing could be read" if 0.03 < odd < 0.04 else "",
    )


def _intent(dice: Dice, mood: _Mood) -> Intent:
    symbol = dice.choice(mood.symbols)
    price = mood.prices[symbol]
    kind = dice.weighed(_INTENTS, mood.weights)
    if kind in ("market", "limit", "stop", "trailing", "target"):
        return _entry(dice, kind, symbol, price, mood.side(dice))
    if kind == "nonsense":
        return _nonsense(dice)
    return _change(dice, kind, symbol, price)


def _entry(dice: Dice, kind: str, symbol: str, price: Decimal, side: Side) -> Intent:
    amount = _amount(dice)
    protection = _protection(dice, price, side)
    if kind == "target":
        return TargetPosition(
            symbol=symbol,
            reference_price=price,
            direction=dice.choice(
                (Direction.LONG if side is Side.BUY else Direction.SHORT,) * 2 + (Direction.FLAT,)
            ),
            quantity=amount if dice.random() < 0.7 else None,
            order_quantity=_amount(dice) if dice.random() < 0.3 else None,
            may_open=dice.random() < 0.8,
            protection=protection,
        )
    away = TICK * dice.choice((2, 10, 40)) * (-1 if kind == "limit" else 1) * side.sign
    level = price + away
    both = kind == "stop" and dice.random() < 0.3
    types = {
        "market": OrdType.MARKET,
        "limit": OrdType.LIMIT,
        "stop": OrdType.STOP_LIMIT if both else OrdType.STOP,
        "trailing": OrdType.TRAILING_STOP,
    }
    return PlaceOrder(
        symbol=symbol,
        reference_price=price,
        label=dice.choice(("", "one", "two")),
        side=side,
        quantity=amount,
        ord_type=types[kind],
        price=level if kind == "limit" or both else None,
        stop_price=level if kind == "stop" else None,
        trail=Level(Decimal(10), LevelUnit.TICKS) if kind == "trailing" else None,
        time_in_force=dice.choice(
            (TimeInForce.GTC, TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC)
        ),
        protection=protection,
        reduce_only=kind == "market" and dice.random() < 0.1,
    )


def _nonsense(dice: Dice) -> Intent:
    """Ask for what must be refused: a closed or untradable contract, a level, a size, a name."""
    kind = dice.randrange(6)
    symbol = ("USDJPY", "AUDUSD", "XYZABC", "EURUSD", "EURUSD", "EURUSD")[kind]
    amount = Amount(Decimal("0.001")) if kind == 3 else Amount(Decimal(1))
    wrong = Protection(stop_loss=Level(Decimal("1.9")))
    return PlaceOrder(
        symbol=symbol,
        reference_price=Decimal(1),
        side=Side.BUY,
        quantity=amount,
        ord_type=OrdType.LIMIT if kind == 5 else OrdType.MARKET,
        protection=wrong if kind == 4 else None,
    )


def _change(dice: Dice, kind: str, symbol: str, price: Decimal) -> Intent:
    label = dice.choice(("", "", "one", "two"))
    if kind == "close":
        part = dice.random()
        return ClosePosition(
            symbol=symbol,
            held=dice.choice((None, None, Direction.LONG, Direction.SHORT)),
            quantity=_amount(dice) if part < 0.2 else None,
            fraction=Decimal("0.5") if part > 0.85 else None,
        )
    if kind == "cancel":
        return CancelOrders(
            symbol=symbol if dice.random() < 0.7 else "",
            label=label,
            side=dice.choice((None, None, Side.BUY, Side.SELL)),
        )
    if kind == "modify":
        move = TICK * dice.choice((-30, -5, 5, 30))
        return ModifyOrder(
            symbol=symbol,
            label=label,
            price=price + move if dice.random() < 0.6 else None,
            stop_price=price + move if dice.random() < 0.3 else None,
            quantity=_amount(dice) if dice.random() < 0.6 else None,
        )
    if kind == "protection":
        side = dice.choice((Side.BUY, Side.SELL))
        wanted = _protection(dice, price, side) or Protection(stop_loss=Level(price - 50 * TICK))
        held = Direction.LONG if side is Side.BUY else Direction.SHORT
        return ModifyProtection(
            symbol=symbol, protection=wanted, held=held if dice.random() < 0.7 else None
        )
    if kind == "flatten":
        return Flatten(symbol=symbol if dice.random() < 0.5 else "")
    return StopTrading(scope=dice.choice(("strategy", "all")))


def _amount(dice: Dice) -> Amount:
    if dice.random() < 0.05:
        return Amount(Decimal(dice.choice((1, 2))), QtyUnit.LOTS)
    return Amount(Decimal(dice.choice(("0.5", "1", "2", "3", "5"))))


def _protection(dice: Dice, price: Decimal, side: Side) -> Protection | None:
    if dice.random() < 0.35:
        return None
    away = TICK * dice.choice((5, 30, 100)) * side.sign
    stop = Level(price - away) if dice.random() < 0.9 else None
    targets: tuple[TakeProfit, ...] = ()
    kind = dice.random()
    if kind < 0.4:
        targets = (TakeProfit(Level(price + 2 * away)),)
    elif kind < 0.55:
        half = Decimal("0.5")
        targets = (TakeProfit(Level(price + away), half), TakeProfit(Level(price + 3 * away), half))
    trail = Trail(Level(Decimal(20), LevelUnit.TICKS)) if dice.random() < 0.12 else None
    even = BreakEven(Level(Decimal(10), LevelUnit.TICKS)) if dice.random() < 0.12 else None
    if stop is None and not targets and trail is None and even is None:
        return None
    return Protection(stop_loss=stop, take_profits=targets, trail=trail, break_even=even)
