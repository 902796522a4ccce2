"""Stories: short runs of steps with a plot, told beside what a scenario draws step by step.

Steps drawn one by one seldom come in the order in which faults hide: two strategies against each
other at one venue, a stop that is moved and then hit, a limit changed in the middle of a day. A
story is drawn from a generator of its own and sets its account up as its plot needs it, so a
scenario without one is what it was before there were any.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from itertools import accumulate
from typing import Any, NamedTuple

from msgspec.structs import replace

from bascule.execution.turn import Settings
from bascule.model.account import AccountSpec, RiskLimits, SizingRule
from bascule.model.enums import (
    AccountMode,
    Direction,
    LevelUnit,
    OrdType,
    PositionMode,
    Side,
)
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
    TakeProfit,
    TargetPosition,
    Trail,
)
from bascule.model.programme import Conduct, Programme
from bascule.model.values import MILLISECOND, SECOND, ZERO, Instant
from bascule.sim.core.distributions import (
    BESIDE,
    DAYS,
    FIRST_MOST,
    NATIVE,
    NETS,
    ONE_SIDED,
    OPPOSED,
    ROOMY,
    SCALES,
    STORIES,
    UNWATCHED,
    Dice,
)
from bascule.sim.core.firms import programme_of
from bascule.sim.core.world import CONTRACT, STRATEGIES, SYMBOLS, TICK, USD

PAIR = "EURUSD"
"""The contract that all stories are about."""
_PLOTS = tuple(STORIES)
_PLOT_WEIGHTS = tuple(accumulate(STORIES.values()))
_TURNS = tuple(OPPOSED)
_TURN_WEIGHTS = tuple(accumulate(OPPOSED.values()))


class Told(NamedTuple):
    """One step of a story: when, what, and with what."""

    at: int
    kind: str
    what: Any


class Story(NamedTuple):
    """A plot, the settings that it needs, and where in the scenario it begins."""

    plot: str
    settings: Settings
    account: AccountId


def said(strategy: str, key: str, intents: tuple[Intent, ...]) -> Signal:
    """Make a signal that asks for this."""
    return Signal(
        source="sim",
        dialect="native",
        received_at=Instant(0),
        body_hash=key,
        raw="",
        key=key,
        strategy=strategy,
        intents=intents,
    )


def plan_story(dice: Dice, settings: Settings, began: Instant) -> Story:
    """Draw what a story is about, and set an account up for it."""
    plot = dice.weighed(_PLOTS, _PLOT_WEIGHTS)
    followed = [{leg.account for leg in route.legs} for route in settings.routes]
    shared = [name for name in settings.accounts if all(name in one for one in followed)]
    name = dice.choice(shared or tuple(settings.accounts))
    spec = settings.accounts[name]
    able = settings.capabilities[name]
    spec = replace(
        spec,
        mode=AccountMode.PAPER if spec.mode is AccountMode.SHADOW else spec.mode,
        position_mode=PositionMode.NETTING if dice.random() < NETS else PositionMode.HEDGING,
    )
    if plot == "limits":
        programme = _of_days(dice, programme_of(dice, began)) if dice.random() < DAYS else None
        spec = replace(spec, programme=programme, currency=USD)
    elif dice.random() < UNWATCHED:
        spec = replace(spec, programme=None)
    if dice.random() < ROOMY or plot == "limits":
        spec = replace(spec, limits=_roomy(dice, spec))
    if plot == "limits":
        most = dice.choice(FIRST_MOST)
        spec = replace(spec, limits=replace(spec.limits, max_position_qty=most))
    able = replace(able, native_bracket=dice.random() < NATIVE)
    follows = dice.random() < ROOMY or plot in ("scaled", "limits")
    sides = (dice.choice(tuple(Side)),) if dice.random() < ONE_SIDED else tuple(Side)
    routes = tuple(
        replace(
            route,
            pyramiding=9 if plot in ("limits", "opposed") else dice.choice((1, 3, 9)),
            allowed_sides=tuple(Side) if plot == "limits" else sides,
            legs=tuple(
                replace(leg, sizing=_follower(dice)) if follows else leg for leg in route.legs
            ),
        )
        for route in settings.routes
    )
    amended = replace(
        settings,
        accounts={**settings.accounts, name: spec},
        capabilities={**settings.capabilities, name: able},
        routes=routes,
    )
    return Story(plot, amended, name)


def _of_days(dice: Dice, programme: Programme) -> Programme:
    """Leave of a firm's rules those on losses, and of some that on a day's alone."""
    both = programme.daily_loss is None or programme.max_loss is None or dice.random() < 0.3
    return replace(
        programme,
        max_loss=programme.max_loss if both else None,
        consistency=None,
        news=None,
        flat=None,
        max_size=None,
        hold_time=None,
        stop_loss=None,
        idea=None,
        conduct=Conduct(same_account_hedge="allowed", cross_account_hedge="allowed"),
    )


def _roomy(dice: Dice, spec: AccountSpec) -> RiskLimits:
    limits = spec.limits if spec.programme is None else RiskLimits()
    return RiskLimits(
        max_position_qty=dice.choice((None, Decimal(12))),
        duplicate_window_ns=0,
        self_match=dice.choice(("refuse", "allow")),
        max_daily_loss=limits.max_daily_loss,
        max_daily_loss_percent=limits.max_daily_loss_percent,
        max_drawdown=limits.max_drawdown,
    )


def _follower(dice: Dice) -> SizingRule:
    if dice.random() < 0.7:
        return SizingRule(method="signal")
    return SizingRule(method="multiplier", factor=Decimal(dice.choice(("0.5", "2"))))


class Teller:
    """Tells one story from an instant on; ``marks`` are the prices that others set, in order."""

    def __init__(
        self, dice: Dice, story: Story, at: int, marks: Iterable[tuple[int, Decimal]]
    ) -> None:
        self.dice = dice
        self.story = story
        self.at = at
        self.steps: list[Told] = []
        self._marks = list(marks)
        self._said = 0

    def tell(self) -> list[Told]:
        """Tell all of it."""
        _TELLERS[self.story.plot](self)
        return self.steps

    # --- what a story is made of ----------------------------------------------------------------

    def wait(self, least: int = 200 * MILLISECOND, most: int = 2 * SECOND) -> None:
        """Let a while pass."""
        self.at += self.dice.randint(least, most)

    def price(self) -> Decimal:
        """Give the bid as it stands."""
        price = SYMBOLS[PAIR]
        for at, told in self._marks:
            if at <= self.at:
                price = told
        return price

    def mark(self, price: Decimal) -> None:
        """Move the price."""
        self._marks.append((self.at, price))
        self._marks.sort(key=lambda one: one[0])
        self.steps.append(Told(self.at, "mark", (PAIR, price)))

    def say(self, strategy: str, *intents: Intent) -> None:
        """Have a strategy ask for something."""
        self._said += 1
        self.steps.append(
            Told(self.at, "signal", said(strategy, f"story{self._said}", tuple(intents)))
        )

    def do(self, kind: str, what: object = 0.0) -> None:
        """Have something else happen."""
        self.steps.append(Told(self.at, kind, what))

    def size(self) -> Amount:
        """Draw a size."""
        return Amount(Decimal(self.dice.choice((1, 1, 2, 3))))

    def guard(self, side: Side, price: Decimal) -> Protection:
        """Draw what is to protect an entry on a side."""
        dice = self.dice
        away = TICK * dice.choice((10, 40, 150)) * side.sign
        kind = dice.random()
        targets: tuple[TakeProfit, ...] = ()
        if kind < 0.35:
            targets = (TakeProfit(Level(price + 2 * away)),)
        elif kind < 0.45:
            half = Decimal("0.5")
            targets = (
                TakeProfit(Level(price + away), half),
                TakeProfit(Level(price + 3 * away), half),
            )
        ticks = LevelUnit.TICKS
        trail = Trail(Level(Decimal(12), ticks)) if dice.random() < 0.2 else None
        even = BreakEven(Level(Decimal(6), ticks)) if dice.random() < 0.15 else None
        return Protection(Level(price - away), targets, trail, even)

    def entry(self, side: Side, *, guarded: bool = True) -> PlaceOrder:
        """Make an entry at the market."""
        price = self.price()
        return PlaceOrder(
            symbol=PAIR,
            reference_price=price,
            side=side,
            quantity=self.size(),
            protection=self.guard(side, price) if guarded else None,
        )


def _held(side: Side) -> Direction:
    return Direction.LONG if side is Side.BUY else Direction.SHORT


def _opposed(teller: Teller) -> None:
    """Two strategies take a side each, and then things happen to the one or the other."""
    dice = teller.dice
    first = dice.choice(tuple(Side))
    second = first if dice.random() < BESIDE else first.opposite
    sides = {STRATEGIES[0]: first, STRATEGIES[1]: second}
    for name, side in sides.items():
        teller.say(name, teller.entry(side, guarded=dice.random() < 0.9))
        if dice.random() < 0.7:
            teller.wait()
    for _ in range(dice.randint(0, 5)):
        teller.wait()
        name = dice.choice(STRATEGIES)
        _happens(teller, dice.weighed(_TURNS, _TURN_WEIGHTS), name, sides)


def _happens(teller: Teller, kind: str, name: str, sides: dict[str, Side]) -> None:
    dice, side, price = teller.dice, sides[name], teller.price()
    if kind in ("mark", "hit"):
        ticks = (-4, -1, 1, 4) if kind == "mark" else (-65, -25, -10, 10, 25, 65)
        teller.mark(price + TICK * dice.choice(ticks))
    elif kind in ("protect", "beyond"):
        level = price + TICK * side.sign * (dice.choice((1, 15)) if kind == "beyond" else -10)
        wanted = Protection(stop_loss=Level(level))
        if kind == "protect" and dice.random() < 0.5:
            wanted = teller.guard(side, price)
        held = dice.choice((None, _held(side)))
        teller.say(name, ModifyProtection(symbol=PAIR, protection=wanted, held=held))
    elif kind == "part":
        part = Decimal(dice.choice(("0.25", "0.5", "0.75")))
        teller.say(name, ClosePosition(symbol=PAIR, fraction=part))
    elif kind == "close":
        closes: tuple[Intent, ...] = (ClosePosition(symbol=PAIR), Flatten(symbol=PAIR))
        teller.say(name, dice.choice(closes))
    elif kind == "turn":
        sides[name] = side.opposite
        if dice.random() < 0.5:
            teller.say(name, teller.entry(side.opposite))
        else:
            teller.say(name, _target(teller, side.opposite, teller.size()))
    elif kind == "add":
        teller.say(name, teller.entry(side))
    elif kind == "cancel":
        teller.say(name, CancelOrders(symbol=PAIR))
    else:
        teller.do("sweep", dice.random())


def _target(teller: Teller, side: Side, amount: Amount) -> TargetPosition:
    price = teller.price()
    return TargetPosition(
        symbol=PAIR,
        reference_price=price,
        direction=_held(side),
        quantity=amount,
        protection=teller.guard(side, price),
    )


def _resting(teller: Teller) -> None:
    """An entry with a bracket rests; it is moved, trails, is changed, and is met or taken back."""
    dice = teller.dice
    for number in range(dice.choice((1, 1, 2))):
        name, side, price = dice.choice(STRATEGIES), dice.choice(tuple(Side)), teller.price()
        kind = dice.choice((OrdType.LIMIT, OrdType.STOP, OrdType.STOP_LIMIT, *[_TRAILS] * 3))
        away = TICK * dice.choice((6, 15)) * side.sign
        level = price - away if kind is OrdType.LIMIT else price + away
        label = f"rest{number}"
        teller.say(
            name,
            PlaceOrder(
                symbol=PAIR,
                label=label,
                reference_price=price,
                side=side,
                quantity=teller.size(),
                ord_type=kind,
                price=level if kind in (OrdType.LIMIT, OrdType.STOP_LIMIT) else None,
                stop_price=level if kind in (OrdType.STOP, OrdType.STOP_LIMIT) else None,
                trail=Level(Decimal(10), LevelUnit.TICKS) if kind is _TRAILS else None,
                protection=teller.guard(side, level),
            ),
        )
        teller.wait()
        _while_it_rests(teller, name, label, side, level)


_TRAILS = OrdType.TRAILING_STOP


def _while_it_rests(
    teller: Teller, name: str, label: str, side: Side, level: Decimal
) -> None:  # fmt: skip
    dice = teller.dice
    for _ in range(dice.randint(1, 4)):
        what = dice.random()
        if what < 0.5:
            # Away from it, as a rule: a trail is to follow.
            teller.mark(teller.price() - TICK * side.sign * dice.choice((2, 5, 12)))
        elif what < 0.65:
            wanted = teller.guard(side, level)
            teller.say(name, ModifyProtection(symbol=PAIR, protection=wanted))
        elif what < 0.8:
            move = TICK * dice.choice((-3, 3))
            change = ModifyOrder(symbol=PAIR, label=label, price=level + move)
            teller.say(name, change)
        else:
            teller.say(name, ModifyOrder(symbol=PAIR, label=label, quantity=teller.size()))
        teller.wait(700 * MILLISECOND, 2 * SECOND)
    if dice.random() < 0.25:
        teller.say(name, CancelOrders(symbol=PAIR, label=label))
        teller.wait()
    for _ in range(2):
        teller.mark(teller.price() + TICK * side.sign * dice.choice((15, 30)))
        teller.wait()


def _scaled(teller: Teller) -> None:
    """A person records another scale; targets repeat, and parts are closed."""
    dice = teller.dice
    name, side = dice.choice(STRATEGIES), dice.choice(tuple(Side))
    amount = teller.size()
    for number in range(dice.randint(3, 6)):
        if number in (0, 3) and dice.random() < 0.85:
            teller.do("scale", (teller.story.account, dice.choice(SCALES)))
            teller.wait()
        what = dice.random()
        if what < 0.6:
            if dice.random() < 0.3:
                amount = teller.size()
            teller.say(name, _target(teller, side, amount))
        elif what < 0.75:
            teller.say(name, ClosePosition(symbol=PAIR, quantity=Amount(Decimal(1))))
        elif what < 0.9:
            teller.say(name, teller.entry(side))
        else:
            exit_side = side.opposite
            teller.say(
                name,
                PlaceOrder(
                    symbol=PAIR, side=exit_side, quantity=Amount(Decimal(1)), reduce_only=True
                ),
            )
        teller.wait()


def _limits(teller: Teller) -> None:
    """An owner's limits are changed by a restart, in the middle of a day that has lost already."""
    dice, story = teller.dice, teller.story
    name, side = dice.choice(STRATEGIES), dice.choice(tuple(Side))
    lost = _ticks_to_block(story.settings.accounts[story.account])

    def enter(away: int) -> None:
        price = teller.price()
        stop = Protection(stop_loss=Level(price - TICK * side.sign * away))
        teller.say(
            name,
            PlaceOrder(
                symbol=PAIR,
                reference_price=price,
                side=side,
                quantity=Amount(_LOTS),
                protection=stop,
            ),
        )
        teller.wait()

    enter(lost + 3)
    if lost:
        teller.mark(teller.price() - TICK * side.sign * lost)
        teller.wait()
        if dice.random() < 0.7:
            teller.say(name, ClosePosition(symbol=PAIR))
            teller.wait()
    for _ in range(dice.choice((1, 1, 2))):
        watched = story.settings.accounts[story.account].programme is not None
        changes = _changes(dice, losses=watched)
        teller.do("reconfigure", (story.account, changes, dice.random() < 0.5))
        teller.wait(10 * SECOND, 13 * SECOND)
        if dice.random() < 0.5:
            teller.do("accept")
            teller.wait(SECOND, dice.choice((2, 2, 60)) * SECOND)
        for _ in range(dice.randint(1, 3)):
            enter(6)


_LOTS = Decimal(3)


def _ticks_to_block(spec: AccountSpec) -> int:
    """Give by how many ticks so many lots lose what blocks entries for a day; 0 for no such line.

    A percent is of an account of 100,000, and the spread is lost as well.
    """
    programme = spec.programme
    if programme is None or programme.daily_loss is None:
        return 0
    limit = programme.daily_loss.limit
    allowed = limit.amount if limit.amount is not None else (limit.pct or ZERO) * 1_000
    share = (min(programme.guard.block_at, spec.limits.loss_block_percent) + 2) / 100
    return int(allowed * share / (_LOTS * TICK * CONTRACT))


def _changes(dice: Dice, *, losses: bool) -> dict[str, Any]:
    """Draw which of an owner's limits the new configuration has otherwise.

    ``losses``: those on losses too, under a firm's own.
    """
    found: dict[str, Any] = {}
    if dice.random() < 0.7:
        found["max_position_qty"] = dice.choice((Decimal(2), Decimal(15), Decimal(15), None))
    if dice.random() < 0.25:
        found["max_order_qty"] = dice.choice((Decimal(1), Decimal(3), Decimal(20), None))
    if dice.random() < 0.3:
        block = dice.choice((40, 60, 75))
        found["loss_block_percent"] = Decimal(block)
        found["loss_flatten_percent"] = Decimal(block + dice.choice((5, 15)))
    if losses and dice.random() < 0.7:
        # So far off that they bind nothing themselves: what they must not do is move a firm's line.
        kind = dice.choice(("max_drawdown", "max_daily_loss", "max_daily_loss"))
        found[kind] = dice.choice((Decimal(50_000), Decimal(60_000), None))
    return found


def _guarded(teller: Teller) -> None:
    """The guardian stops a scope, and lifts it again; the engine hears of it by its log."""
    dice = teller.dice
    account = teller.story.account
    side = dice.choice(tuple(Side))
    teller.say(STRATEGIES[0], teller.entry(side))
    for _ in range(dice.choice((1, 2, 3))):
        teller.wait()
        scope = dice.choice(("all", f"account:{account}", "strategy:alpha", "strategy:alpha"))
        action = dice.choice(("halt", "cancel", "flatten", "lock", "freeze"))
        if dice.random() < 0.4:
            teller.do("lock", dice.random())
        until = dice.choice((0, 3, 8)) if action == "lock" else 0
        teller.do("guardian", (scope, action, until * SECOND))
        teller.wait()
        teller.say(dice.choice(STRATEGIES), teller.entry(side))
        teller.mark(teller.price() + TICK * dice.choice((-20, -3, 3, 20)))
        teller.wait(SECOND, 6 * SECOND)
        teller.do("guardian", (scope, "armed", 0))
        teller.wait()
        teller.say(dice.choice(STRATEGIES), teller.entry(side.opposite))


def _routed(teller: Teller) -> None:
    """Entries on all accounts of a route, reversals, and more entries than it stacks."""
    dice = teller.dice
    name, side = dice.choice(STRATEGIES), dice.choice(tuple(Side))
    for _ in range(dice.randint(3, 6)):
        what = dice.random()
        if what < 0.35:
            side = side.opposite
        intents: list[Intent] = [teller.entry(side, guarded=dice.random() < 0.6)]
        if what > 0.85:
            intents.append(ClosePosition(symbol=PAIR, fraction=Decimal("0.5")))
        teller.say(name, *intents)
        teller.wait()


_TELLERS: dict[str, Callable[[Teller], None]] = {
    "opposed": _opposed,
    "resting": _resting,
    "scaled": _scaled,
    "limits": _limits,
    "guarded": _guarded,
    "routed": _routed,
}
