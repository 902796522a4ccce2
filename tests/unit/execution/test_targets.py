"""TargetPosition with TradingView's semantics, by the sender's size and by the account's own."""

from decimal import Decimal as D
from typing import Any

import pytest
from msgspec.structs import replace

from bascule.execution import inputs as inp
from bascule.model.account import SizingRule
from bascule.model.enums import Direction, InstrumentKind, OrdType, QtyUnit, Side
from bascule.model.event import IntentIdle, IntentRefused, OrderRequested
from bascule.model.intent import (
    Amount,
    CancelOrders,
    ClosePosition,
    ModifyOrder,
    PlaceOrder,
    TargetPosition,
)
from bascule.model.values import DAY, Instant
from bascule.signals.reading import Reader
from tests.unit.execution.harness import EURUSD, Bench, every, only

OWN = SizingRule(quantity=D("0.8"))
"""An account that sizes by itself: 0.8 lots an entry."""


def amount(value: Any) -> Amount | None:
    """Give an amount in units, or nothing."""
    return None if value is None else Amount(D(str(value)))


def target(direction: str, quantity: Any = None, **more: Any) -> TargetPosition:
    """Be there."""
    return TargetPosition(
        symbol=EURUSD, direction=Direction(direction), quantity=amount(quantity), **more
    )


def alert(action: str, contracts: Any, position: str, size: Any) -> TargetPosition:
    """What a strategy's alert says: action, order size, market position and its size after it.

    As the dialects read it: an order whose side differs from the position it leaves behind can
    only have reduced, so it may not open.
    """
    side, direction = Side(action), Direction(position)
    leads = Direction.LONG if side is Side.BUY else Direction.SHORT
    return TargetPosition(
        symbol=EURUSD,
        direction=direction,
        quantity=amount(size),
        order_quantity=amount(contracts),
        side=side,
        may_open=direction is leads,
    )


def played(bench: Bench, *steps: TargetPosition) -> list[D]:
    """Send each and settle; give the book after each."""
    held = []
    for step in steps:
        bench.say(step)
        bench.settle()
        bench.wait(10**9)
        held.append(bench.book().quantity)
    return held


def test_a_sell_that_leaves_a_long_is_a_reduction() -> None:
    """Ten long, a sell of four leaves six: four are sold and nothing is opened short."""
    bench = Bench()
    assert played(bench, alert("buy", 10, "long", 10), alert("sell", 4, "long", 6)) == [10, 6]


def test_a_sell_that_leaves_nothing_is_a_close() -> None:
    """Flat closes all, whatever size the signal names."""
    bench = Bench()
    assert played(bench, alert("buy", 10, "long", 10), alert("sell", 10, "flat", 0)) == [10, 0]


@pytest.mark.parametrize("sizing", [SizingRule(method="signal"), OWN])
@pytest.mark.parametrize("step", [("sell", 4, "long", 6), ("sell", 10, "flat", 0)])
def test_neither_opens_a_short_from_a_book_that_holds_nothing(
    sizing: SizingRule, step: tuple[str, Any, str, Any]
) -> None:
    """Bascule was started in the middle of a trade: the exits of it find nothing and stay idle."""
    bench = Bench(sizing=sizing)
    events = bench.say(alert(*step))
    assert only(events, IntentIdle)
    assert not every(events, OrderRequested)


@pytest.mark.parametrize("sizing", [SizingRule(method="signal"), OWN])
@pytest.mark.parametrize(
    ("step", "left"), [(("sell", 4, "long", 6), "idle"), (("sell", 10, "flat", 0), "closed")]
)
def test_neither_adds_to_a_short(
    sizing: SizingRule, step: tuple[str, Any, str, Any], left: str
) -> None:
    """A book that stands short while the sender reduces a long is left alone, or closed by flat."""
    bench = Bench(sizing=sizing)
    played(bench, alert("sell", 10, "short", 10))
    before = bench.book().quantity
    assert before < 0
    assert played(bench, alert(*step)) == [before if left == "idle" else 0]


@pytest.mark.parametrize("sizing", [SizingRule(method="signal"), OWN])
@pytest.mark.parametrize(
    "step",
    [
        ("buy", 10, "long", 10),
        ("sell", 10, "short", 10),
        ("sell", 10, "flat", 0),
        ("buy", 3, "long", 13),
        ("sell", 4, "long", 6),
    ],
)
def test_a_repeat_is_idle(sizing: SizingRule, step: tuple[str, Any, str, Any]) -> None:
    """The same alert again, keyless and minutes later, changes nothing.

    Before, an account that sizes by itself halved its position again with each repeat of a
    partial exit, and added again with each repeat of an addition.
    """
    bench = Bench(sizing=sizing, route={"pyramiding": 9})
    if step[:2] != ("buy", 10):
        played(bench, alert("buy", 10, "long", 10))
    once = played(bench, alert(*step))
    assert played(bench, alert(*step), alert(*step)) == once * 2


def test_a_repeat_while_the_first_is_in_flight_is_idle() -> None:
    """Orders on their way count as done for the target."""
    bench = Bench()
    bench.say(alert("buy", 10, "long", 10))
    events = bench.say(alert("buy", 10, "long", 10))
    assert only(events, IntentIdle)
    bench.settle()
    bench.say(alert("sell", 10, "short", 10))
    assert only(bench.say(alert("sell", 10, "short", 10)), IntentIdle)
    bench.settle()
    assert bench.book().quantity == -10


@pytest.mark.parametrize(
    ("steps", "held"),
    [
        ([("sell", 4, "long", 6)], 0),
        ([("buy", 5, "long", 15)], 15),
        ([("buy", 10, "long", 10), ("buy", 2, "long", 17)], 17),
        ([("buy", 10, "long", 10), ("sell", 2, "long", 3)], 3),
        ([("buy", 10, "long", 10), ("sell", 1, "short", 1)], -1),
        ([("sell", 10, "short", 10), ("buy", 1, "long", 1)], 1),
    ],
)
def test_a_missed_alert_is_healed_by_the_next(
    steps: list[tuple[str, Any, str, Any]], held: int
) -> None:
    """The account that follows the sender's size is where the sender says it is."""
    bench = Bench(route={"pyramiding": 9})
    assert played(bench, *(alert(*step) for step in steps))[-1] == held


def test_a_reversal_closes_then_opens() -> None:
    """One signal: an exit of all, and an entry that waits for it."""
    bench = Bench()
    played(bench, alert("buy", 10, "long", 10))
    exit_, entry = every(bench.say(alert("sell", 17, "short", 7)), OrderRequested)
    assert (exit_.leg, exit_.quantity, entry.leg, entry.quantity) == ("x", 10, "e", 7)
    assert entry.after == exit_.cl_ord_id
    bench.settle()
    assert bench.book().quantity == -7


@pytest.mark.parametrize("told", [True, False])
def test_a_reversal_after_a_missed_entry_never_opens_the_order_of_both(told: bool) -> None:
    """What is to be held is opened, or nothing where the message does not say it.

    Before, a reversal of 3Commas counted in contracts opened its close as well.
    """
    size = '"market_position_size": "3", ' if told else ""
    text = (
        '{"secret": "S", "bot_uuid": "B", "tv_instrument": "EURUSD", "action": "sell", "order": '
        '{"amount": "10", "currency_type": "contracts"}, "strategy_info": {"market_position": '
        f'"short", {size}"prev_market_position": "long", "prev_market_position_size": "7"}}}}'
    )
    bench = Bench()
    signal = Reader(source="x", auth="url_path").read(text, Instant(bench.at))
    assert signal.intents, signal.refused_text
    events = bench.say(*signal.intents)
    bench.settle()
    assert bench.net() == (-3 if told else 0)
    assert told or only(events, IntentRefused).code == "target_unsized"


def turned(order: Any, **more: Any) -> TargetPosition:
    """A reversal to short that tells its order, and not the position that it leaves."""
    return target("short", order_quantity=amount(order), side=Side.SELL, **more)


@pytest.mark.parametrize(
    ("sizing", "order", "left"),
    [
        (SizingRule(method="signal"), 17, -7),
        (SizingRule(method="signal", max_qty=D(10)), 37, -10),
        (SizingRule(method="multiplier", factor=D(3)), 17, -21),
        (OWN, 17, D("-0.8")),
        (OWN, 10, D("-0.8")),
        (OWN, None, D("-0.8")),
    ],
)
def test_a_reversal_that_tells_its_order_alone_opens_what_that_leaves(
    sizing: SizingRule, order: Any, left: Any
) -> None:
    """Ten long, a sell of 17: ten are closed and seven opened, as the sender's own order did.

    Before, the long was closed and the short refused, for lack of a size.
    """
    bench = Bench(sizing=sizing)
    assert played(bench, alert("buy", 10, "long", 10), turned(order))[-1] == left
    assert not every(bench.say(turned(order)), OrderRequested), "a repeat is idle"


@pytest.mark.parametrize("order", [None, 10, 4])
@pytest.mark.parametrize("held", [10, 0])
def test_a_reversal_whose_new_size_nothing_tells_is_refused_whole(order: Any, held: int) -> None:
    """Neither half of it is done, and the refusal says what to send."""
    bench = Bench()
    if held:
        played(bench, alert("buy", held, "long", held))
    events = bench.say(turned(order))
    code = "target_unsized" if held or order else "no_signal_quantity"
    refusal = only(events, IntentRefused)
    assert refusal.code == code
    assert not every(events, OrderRequested) and bench.book().quantity == held
    assert order is None or "market_position_size" in refusal.text


def test_a_share_of_the_account_is_of_what_a_reversal_opens() -> None:
    """Such a size is reckoned for the new position; nothing of what is closed is in it."""
    bench = Bench()
    played(bench, alert("buy", 1, "long", 1))
    bench.quote("1.1")
    bench.money(1_000_000)
    asked = target("short", order_quantity=Amount(D(50), QtyUnit.EQUITY_PERCENT), side=Side.SELL)
    assert D(-5) < played(bench, asked)[-1] <= D(-4)


@pytest.mark.parametrize(
    ("route", "left"),
    [
        ({"reverse": "close_only"}, 0),
        ({"reverse": "refuse"}, 10),
        ({"allowed_sides": (Side.BUY,)}, 0),
    ],
)
def test_where_a_route_opens_nothing_no_size_is_asked_for(route: dict[str, Any], left: int) -> None:
    """What it would do with the size told is done without it."""
    for order in (17, None):
        bench = Bench(route=route)
        assert played(bench, alert("buy", 10, "long", 10), turned(order))[-1] == left


def test_a_multiplier_follows_to_the_lot() -> None:
    """A third of a lot times three is one lot: the difference is not divided and multiplied again.

    Before, a target of 1 at a multiplier of 3 came out at 2.99.
    """
    bench = Bench(sizing=SizingRule(method="multiplier", factor=D(3)), route={"pyramiding": 9})
    assert played(bench, alert("buy", 1, "long", 1), alert("buy", 1, "long", 2)) == [3, 6]
    assert played(bench, alert("sell", 1, "long", 1)) == [3]


def test_a_multiplier_whose_target_is_less_than_a_lot_is_flat() -> None:
    """Rounding is down only: what is left of the sender's position is no lot here."""
    bench = Bench(sizing=SizingRule(method="multiplier", factor=D("0.001")))
    assert played(bench, alert("buy", 20, "long", 20), alert("sell", 15, "long", 5)) == [
        D("0.02"),
        0,
    ]


def test_a_route_maximum_holds_for_the_target() -> None:
    """A repeat does not stack up to the sender's size what one order may not."""
    bench = Bench(sizing=SizingRule(method="signal", max_qty=D(4)), route={"pyramiding": 9})
    step = alert("buy", 10, "long", 10)
    assert played(bench, step, step, step) == [4, 4, 4]


def test_a_target_in_a_unit_that_is_no_position_is_refused() -> None:
    """A percent of equity is no place to be."""
    bench = Bench()
    asked = TargetPosition(
        symbol=EURUSD,
        direction=Direction.LONG,
        quantity=Amount(D(5), QtyUnit.EQUITY_PERCENT),
    )
    assert only(bench.say(asked), IntentRefused).code == "quantity_unit_unsupported"


# --- accounts that size by themselves -------------------------------------------------------------


def test_own_size_enters_once_reduces_by_share_and_closes() -> None:
    """0.8 lots for the sender's 10; a half goes when the sender halves; the rest with flat."""
    bench = Bench(sizing=OWN)
    steps = (
        alert("buy", 10, "long", 10),
        alert("sell", 5, "long", 5),
        alert("sell", 2.5, "long", 2.5),
        alert("sell", 2.5, "flat", 0),
    )
    assert played(bench, *steps) == [D("0.8"), D("0.4"), D("0.2"), 0]


def test_own_size_makes_up_for_a_missed_partial_exit() -> None:
    """The sender went 10, 5 (missed), 2: the account keeps a fifth, as the sender did."""
    bench = Bench(sizing=OWN)
    steps = alert("buy", 10, "long", 10), alert("sell", 3, "long", 2)
    assert played(bench, *steps) == [D("0.8"), D("0.16")]


def test_own_size_reduces_where_an_addition_follows_a_missed_exit() -> None:
    """The sender went 10, 2 (missed), 5: half of what it had is left, though it has just bought."""
    bench = Bench(sizing=OWN, route={"pyramiding": 9})
    assert played(bench, alert("buy", 10, "long", 10), alert("buy", 3, "long", 5)) == [
        D("0.8"),
        D("0.4"),
    ]


def test_own_size_adds_once_for_an_addition_that_is_told_twice() -> None:
    """The sender is where it was when it was last followed."""
    bench = Bench(sizing=OWN, route={"pyramiding": 9})
    again = alert("buy", 5, "long", 15)
    steps = played(bench, alert("buy", 10, "long", 10), again, again)
    assert steps == [D("0.8"), D("1.6"), D("1.6")]


def test_own_size_opens_nothing_for_a_target_that_may_not_open() -> None:
    """Whatever it names: nothing is held that it could leave as it is, or reduce."""
    bench = Bench(sizing=OWN)
    assert only(bench.say(target("long", may_open=False)), IntentIdle)
    assert not bench.orders()


def test_own_size_retries_what_its_venue_refused() -> None:
    """A repeat of a partial exit that was refused is no repeat: nothing was followed yet."""
    bench = Bench(sizing=OWN)
    played(bench, alert("buy", 10, "long", 10))
    bench.venue.refuses = lambda order: "busy"
    assert played(bench, alert("sell", 5, "long", 5)) == [D("0.8")]
    bench.venue.refuses = lambda order: ""
    assert played(bench, alert("sell", 5, "long", 5)) == [D("0.4")]


def test_own_size_adds_its_own_size() -> None:
    """Each of the sender's additions is one of the account's, up to the route's pyramid."""
    bench = Bench(sizing=OWN, route={"pyramiding": 2})
    steps = (
        alert("buy", 10, "long", 10),
        alert("buy", 1, "long", 11),
        alert("buy", 1, "long", 12),
    )
    assert played(bench, *steps) == [D("0.8"), D("1.6"), D("1.6")]


def test_own_size_cannot_read_a_partial_exit_without_sizes() -> None:
    """Nothing is guessed; the refusal says so."""
    bench = Bench(sizing=OWN)
    bench.say(PlaceOrder(symbol=EURUSD, side=Side.BUY))
    bench.settle()
    events = bench.say(alert("sell", None, "long", None))
    assert only(events, IntentRefused).code == "partial_exit_unsized"


def test_own_size_refuses_a_share_below_a_lot() -> None:
    """A tenth of a hundredth is no order; the words give the numbers."""
    bench = Bench(sizing=SizingRule(quantity=D("0.01")))
    played(bench, alert("buy", 10, "long", 10))
    refusal = only(bench.say(alert("sell", 1, "long", 9)), IntentRefused)
    assert refusal.code == "below_min_lot"
    assert "0.001" in refusal.text


def test_own_size_without_any_quantity_goes_by_direction() -> None:
    """Long, long again, short, flat: entered, idle, reversed, closed."""
    bench = Bench(sizing=OWN)
    steps = target("long"), target("long"), target("short"), target("flat")
    assert played(bench, *steps) == [D("0.8"), D("0.8"), D("-0.8"), 0]


# --- around it ------------------------------------------------------------------------------------


def test_flat_cancels_what_would_still_enter() -> None:
    """A resting entry is taken back with the close, unless the route keeps those."""
    for keeps in (False, True):
        bench = Bench(route={"flat_cancels": not keeps, "pyramiding": 9})
        bench.say(
            PlaceOrder(
                symbol=EURUSD,
                side=Side.BUY,
                quantity=Amount(D(1)),
                ord_type=OrdType.LIMIT,
                price=D(1),
            )
        )
        bench.settle()
        played(bench, target("flat"))
        assert bool(bench.working("e")) is keeps


def test_a_target_of_nothing_is_flat_whatever_side_it_names() -> None:
    """What would still enter is taken back."""
    bench = Bench()
    bench.say(replace(_front("buy", 5), symbol=EURUSD, ord_type=OrdType.LIMIT, price=D(1)))
    bench.settle()
    bench.say(target("long", 0))
    bench.settle()
    assert not bench.orders()


def test_flat_closes_what_an_entry_in_flight_still_fills() -> None:
    """The entry was on its way when flat came; its fill is sold at once."""
    bench = Bench()
    bench.venue.fills_markets = False
    name = only(bench.say(alert("buy", 10, "long", 10)), OrderRequested).cl_ord_id
    bench.carry()
    bench.say(target("flat"))
    bench.venue.fill(name, 4)
    bench.venue.fills_markets = True
    bench.settle()
    assert bench.book().quantity == 0
    assert bench.venue.net["a", "EURUSD.x"] == 0


def test_a_resting_entry_that_a_route_keeps_is_not_closed_when_it_fills() -> None:
    """What the user chose to leave working is an entry like any, long after the close.

    Before, it was closed at once: each fill cost the trader a spread.
    """
    bench = Bench(route={"flat_cancels": False, "pyramiding": 9})
    entry = PlaceOrder(
        symbol=EURUSD,
        side=Side.BUY,
        quantity=Amount(D(1)),
        ord_type=OrdType.LIMIT,
        price=D(1),
    )
    name = only(bench.say(entry), OrderRequested).cl_ord_id
    bench.settle()
    played(bench, target("flat"))
    bench.venue.fill(name)
    bench.settle()
    assert bench.book().quantity == 1


def test_an_entry_asked_back_that_fills_after_the_close_is_closed() -> None:
    """The cancel lost the race: the trader asked to be flat, and is."""
    bench = Bench()
    entry = PlaceOrder(
        symbol=EURUSD,
        side=Side.BUY,
        quantity=Amount(D(1)),
        ord_type=OrdType.LIMIT,
        price=D(1),
    )
    name = only(bench.say(entry), OrderRequested).cl_ord_id
    bench.settle()
    bench.say(target("flat"))
    bench.venue.fill(name)
    bench.settle()
    assert bench.book().quantity == 0
    assert bench.venue.net["a", "EURUSD.x"] == 0


def test_flat_closes_the_contract_held_when_the_front_month_cannot_be_entered() -> None:
    """A root in an exit means the contract held, even where the next one is not listed here.

    Before, "flat ES1!" was looked up as an entry first and refused, and the old month stayed open.
    """
    bench = Bench(symbols=("ESH2026",), contract={"kind": InstrumentKind.FUTURE})
    root = {"symbol": "ES1!", "quantity": Amount(D(2))}
    bench.say(TargetPosition(direction=Direction.LONG, **root))
    bench.settle()
    assert bench.book(symbol="ESH2026").quantity == 2
    bench.wait(72 * DAY)
    front = bench.say(TargetPosition(direction=Direction.LONG, **root), strategy="other")
    assert only(front, IntentRefused).code == "unknown_symbol"
    bench.say(TargetPosition(direction=Direction.FLAT, symbol="ES1!"))
    bench.settle()
    assert bench.book(symbol="ESH2026").quantity == 0


def _front(side: str, quantity: int) -> PlaceOrder:
    return PlaceOrder(symbol="ES1!", side=Side(side), quantity=Amount(D(quantity)))


def _aim(direction: str, quantity: int) -> TargetPosition:
    return TargetPosition(
        symbol="ES1!", direction=Direction(direction), quantity=Amount(D(quantity))
    )


@pytest.mark.parametrize(
    ("intent", "old", "new"),
    [
        (_aim("long", 2), 2, 0),
        (_aim("long", 3), 3, 0),
        (_aim("long", 1), 1, 0),
        (_aim("short", 1), 0, -1),
        (_front("buy", 1), 3, 0),
        (_front("sell", 1), 0, -1),
    ],
)
def test_a_strategy_that_holds_the_old_month_never_comes_to_stand_in_two(
    intent: TargetPosition | PlaceOrder, old: int, new: int
) -> None:
    """Two ESH2026 are held and ES1! has rolled to ESM2026: what adds or repeats stays with them.

    Before, a repeated target bought the same again in the new month, and a reversal left the old
    long beside the new short.
    """
    bench = Bench(
        symbols=("ESH2026", "ESM2026"),
        contract={"kind": InstrumentKind.FUTURE},
        route={"pyramiding": 2},
    )
    bench.say(_aim("long", 2))
    bench.settle()
    bench.wait(72 * DAY)
    bench.say(intent)
    bench.settle()
    assert bench.venue.net["a", "ESH2026.x"] == old
    assert bench.venue.net.get(("a", "ESM2026.x"), D(0)) == new


@pytest.mark.parametrize(
    "intent", [CancelOrders(symbol="ES1!"), ClosePosition(symbol="ES1!"), _aim("flat", 1)]
)
def test_an_entry_that_rests_in_the_old_month_is_found_by_the_continuous_name(
    intent: CancelOrders | ClosePosition | TargetPosition,
) -> None:
    """Before, the new month was meant after the roll, and the old order went on resting."""
    bench = Bench(
        symbols=("ESH2026", "ESM2026", "MESH2026"),
        contract={"kind": InstrumentKind.FUTURE},
    )
    bench.say(TargetPosition(direction=Direction.LONG, symbol="MES1!", quantity=Amount(D(1))))
    bench.say(replace(_front("buy", 1), ord_type=OrdType.LIMIT, price=D(1)))
    bench.settle()
    bench.wait(72 * DAY)
    assert bench.book(symbol="ESH2026").open_buy == 1
    bench.say(intent)
    bench.settle()
    assert bench.book(symbol="ESH2026").open_buy == 0


def test_what_is_left_of_an_expired_month_is_in_nobodys_way() -> None:
    """The venue settles it; a target goes to the front month, as an entry does."""
    bench = Bench(symbols=("ESH2026", "ESM2026"), contract={"kind": InstrumentKind.FUTURE})
    bench.say(_aim("long", 2))
    bench.settle()
    bench.wait(80 * DAY)
    bench.say(_aim("long", 1))
    bench.settle()
    assert bench.venue.net["a", "ESM2026.x"] == 1


def test_a_reversal_whose_new_month_is_not_listed_closes_the_old_one() -> None:
    """Nothing is opened, and what stood against the target does not stay."""
    bench = Bench(symbols=("ESH2026",), contract={"kind": InstrumentKind.FUTURE})
    bench.say(_aim("long", 2))
    bench.settle()
    bench.wait(72 * DAY)
    assert only(bench.say(_aim("short", 1)), IntentRefused).code == "unknown_symbol"
    bench.settle()
    assert bench.venue.net["a", "ESH2026.x"] == 0


def test_a_smaller_target_over_an_open_entry_names_no_exit() -> None:
    """Five are on their way and three are wanted: nothing is held that could be closed yet."""
    bench = Bench()
    bench.venue.fills_markets = False
    for quantity in (5, 3):
        events = bench.say(target("long", quantity))
        bench.settle()
    assert "nothing of EURUSD is held yet" in only(events, IntentIdle).text


@pytest.mark.parametrize("factor", [D(2), D("0.5")])
def test_whatever_the_sender_counts_is_scaled_and_not_only_its_entries(factor: D) -> None:
    """A target that repeats changes nothing, half of a position is half, and so is a new total.

    Before, entries alone were: a target of two was four, then two; or one, then ever nearer to two.
    """
    made = Bench(route={"pyramiding": 9})
    made.feed(inp.ScaleTold(Instant(made.at), "a", factor, "me"))
    made.wait(DAY)
    for _ in range(3):
        made.say(target("long", 2))
        made.settle()
        assert made.net() == 2 * factor
    made.say(ClosePosition(symbol=EURUSD, quantity=Amount(D(1))))
    made.settle()
    assert made.net() == factor
    made.say(
        PlaceOrder(
            symbol=EURUSD, side=Side.BUY, quantity=amount(2), ord_type=OrdType.LIMIT, price=D(1)
        )
    )
    made.settle()
    made.say(ModifyOrder(symbol=EURUSD, quantity=Amount(D(3))))
    made.settle()
    assert made.book().open_buy == 3 * factor
