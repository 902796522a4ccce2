"""PlaceOrder: every order type, what a venue lacks, references, brackets, splits."""

from decimal import Decimal as D
from typing import Any

import pytest

from bascule.execution import inputs as inp
from bascule.model.account import SizingRule
from bascule.model.enums import (
    AccountMode,
    Direction,
    InstrumentKind,
    LevelUnit,
    OrdStatus,
    OrdType,
    QtyUnit,
    Side,
    StopMode,
    TimeInForce,
)
from bascule.model.event import (
    Event,
    IntentIdle,
    IntentRefused,
    OrderEnded,
    OrderRefused,
    OrderReleased,
    OrderRequested,
)
from bascule.model.instrument import Quote
from bascule.model.intent import (
    Amount,
    ClosePosition,
    Level,
    PlaceOrder,
    Protection,
    TakeProfit,
    TargetPosition,
    Trail,
)
from bascule.model.values import MINUTE, SECOND, Instant
from tests.unit.execution.harness import EURUSD, Bench, every, kinds, only, protection


def place(side: Side = Side.BUY, quantity: Any = 1, **more: Any) -> PlaceOrder:
    """An entry; market unless told otherwise."""
    return PlaceOrder(symbol=EURUSD, side=side, quantity=Amount(D(str(quantity))), **more)


def refused(events: list[Event]) -> str:
    """Give the code of the one refusal."""
    return str(only(events, IntentRefused).code)


@pytest.mark.parametrize(
    ("ord_type", "asked", "sent"),
    [
        (OrdType.MARKET, {}, (None, None)),
        (OrdType.LIMIT, {"price": D("1.09")}, (D("1.09"), None)),
        (OrdType.STOP, {"stop_price": D("1.12")}, (None, D("1.12"))),
        (
            OrdType.STOP_LIMIT,
            {"price": D("1.13"), "stop_price": D("1.12")},
            (D("1.13"), D("1.12")),
        ),
    ],
)
def test_each_order_type_is_sent_with_its_prices(
    ord_type: OrdType, asked: dict[str, D], sent: tuple[D | None, D | None]
) -> None:
    """Type, prices, side and quantity reach the venue as they were asked."""
    bench = Bench()
    name = only(bench.say(place(ord_type=ord_type, **asked)), OrderRequested).cl_ord_id
    bench.settle()
    new = bench.venue.orders[name].new
    assert (new.ord_type, new.side, new.quantity) == (ord_type, Side.BUY, 1)
    assert (new.price, new.stop_price) == sent


def test_a_market_order_carries_no_price() -> None:
    """A stray price in the signal is not sent along, and does not measure the entry."""
    bench = Bench()
    bench.quote("1.2", "1.3")
    event = only(
        bench.say(place(price=D("5"), stop_price=D("4"), protection=protection("1.1"))),
        OrderRequested,
    )
    assert (event.price, event.stop_price) == (None, None)
    assert event.reference == "the venue's quote"


@pytest.mark.parametrize(
    ("side", "ord_type", "prices", "sent"),
    [
        (Side.BUY, OrdType.LIMIT, {"price": D("1.09999")}, D("1.0999")),
        (Side.SELL, OrdType.LIMIT, {"price": D("1.10001")}, D("1.1001")),
        (Side.BUY, OrdType.STOP, {"stop_price": D("1.10001")}, D("1.1001")),
        (Side.SELL, OrdType.STOP, {"stop_price": D("1.09999")}, D("1.0999")),
    ],
)
def test_prices_go_on_tick_and_never_to_the_senders_harm(
    side: Side, ord_type: OrdType, prices: dict[str, D], sent: D
) -> None:
    """A limit is rounded to its passive side, a stop away from the market."""
    event = only(Bench().say(place(side, ord_type=ord_type, **prices)), OrderRequested)
    assert (event.price or event.stop_price) == sent


@pytest.mark.parametrize("ord_type", [OrdType.LIMIT, OrdType.STOP, OrdType.STOP_LIMIT])
def test_an_order_without_its_price_is_refused(ord_type: OrdType) -> None:
    """What has no price to work at is not sent."""
    assert refused(Bench().say(place(ord_type=ord_type))) == "price_missing"


def test_a_price_of_zero_is_refused() -> None:
    """No price at or below zero leaves."""
    bench = Bench()
    assert refused(bench.say(place(ord_type=OrdType.LIMIT, price=D(0)))) == "bad_price"


@pytest.mark.parametrize("tif", list(TimeInForce))
def test_a_time_in_force_is_sent_or_refused_by_name(tif: TimeInForce) -> None:
    """What the venue lacks is refused; what it has is sent as it is."""
    order = place(ord_type=OrdType.LIMIT, price=D(1), time_in_force=tif, expire_at=Instant(9))
    event = only(Bench().say(order), OrderRequested)
    assert (event.time_in_force, event.expire_at) == (tif, 9)
    lacking = Bench(time_in_force=tuple(t for t in TimeInForce if t is not tif))
    refusal = only(lacking.say(order), IntentRefused)
    assert refusal.code == "capability_absent"
    assert tif.value in refusal.text


def test_the_route_says_how_long_an_order_works_that_does_not_say_itself() -> None:
    """What names none takes the route's, targets too; what names its own keeps it.

    Before, the route's was read from the configuration and never used.
    """
    route = {"default_tif": TimeInForce.DAY}
    limit = {"ord_type": OrdType.LIMIT, "price": D(1)}
    target = TargetPosition(
        symbol=EURUSD, direction=Direction.LONG, quantity=Amount(D(1)), side=Side.BUY
    )
    for asked, sent in (
        (place(**limit), TimeInForce.DAY),
        (target, TimeInForce.DAY),
        (place(**limit, time_in_force=TimeInForce.GTC), TimeInForce.GTC),
    ):
        bench = Bench(route=route, time_in_force=(TimeInForce.DAY, TimeInForce.GTC))
        assert only(bench.say(asked), OrderRequested).time_in_force is sent


@pytest.mark.parametrize("ord_type", [OrdType.LIMIT, OrdType.STOP])
def test_an_order_type_that_the_venue_lacks_is_refused_by_name(ord_type: OrdType) -> None:
    """No other type is sent in its place."""
    bench = Bench(ord_types=(OrdType.MARKET,))
    refusal = only(bench.say(place(ord_type=ord_type, price=D(1), stop_price=D(2))), IntentRefused)
    assert refusal.code == "capability_absent"
    assert ord_type.value in refusal.text


def test_a_kind_that_the_venue_lacks_is_refused_by_name() -> None:
    """A venue for futures is sent no currency pair."""
    bench = Bench(kinds=(InstrumentKind.FUTURE,))
    assert "fx" in only(bench.say(place()), IntentRefused).text


# --- trailing stop orders -------------------------------------------------------------------------


def trailing(**more: Any) -> PlaceOrder:
    """Buy when the price has turned up by 0.01 from its low."""
    words = {"trail": Level(D("0.01"), LevelUnit.DISTANCE), **more}
    return place(ord_type=OrdType.TRAILING_STOP, **words)


def test_a_trailing_stop_goes_natively_where_the_venue_can() -> None:
    """The venue gets the distance and trails by itself."""
    bench = Bench(native_trailing=True)
    bench.quote("1.1")
    name = only(bench.say(trailing()), OrderRequested).cl_ord_id
    bench.settle()
    new = bench.venue.orders[name].new
    assert (new.ord_type, new.trail_distance) == (OrdType.TRAILING_STOP, D("0.01"))


def test_a_trailing_stop_is_run_with_a_stop_where_the_venue_cannot() -> None:
    """The engine sends a stop at the distance and moves it."""
    bench = Bench()
    bench.quote("1.0998", "1.1")
    event = only(bench.say(trailing()), OrderRequested)
    assert (event.ord_type, event.stop_price) == (OrdType.STOP, D("1.11"))


@pytest.mark.parametrize("lack", [{"ord_types": (OrdType.MARKET,)}, {"replace": False}])
def test_a_trailing_stop_needs_a_stop_that_can_be_moved(lack: dict[str, Any]) -> None:
    """Without stops, or without a way to move one, it is refused and nothing stands in for it.

    Before, a stop that nobody could move was sent to a venue that knows no stops.
    """
    bench = Bench(**lack)
    bench.quote("1.1")
    assert refused(bench.say(trailing())) == "capability_absent"


def test_a_trailing_stop_needs_a_trail_and_a_price() -> None:
    """Both are refused in words."""
    bench = Bench()
    assert refused(bench.say(place(ord_type=OrdType.TRAILING_STOP))) == "price_missing"
    assert refused(bench.say(trailing())) == "no_reference_price"


# --- references -----------------------------------------------------------------------------------


def test_the_reference_is_the_orders_price_then_the_quote_then_the_signals() -> None:
    """Which was used is said in the event."""
    bench = Bench(route={"pyramiding": 9})
    stop = Protection(stop_loss=Level(D(10), LevelUnit.PIPS))
    by_signal = only(bench.say(place(protection=stop, reference_price=D("1.2"))), OrderRequested)
    assert by_signal.bracket.stop_loss == D("1.199")
    assert by_signal.reference == "the price in the signal"
    bench.quote("1.2998", "1.3")
    by_quote = only(bench.say(place(protection=stop, reference_price=D("1.2"))), OrderRequested)
    assert by_quote.bracket.stop_loss == D("1.299")
    by_price = only(
        bench.say(place(ord_type=OrdType.LIMIT, price=D("1.1"), protection=stop)), OrderRequested
    )
    assert by_price.bracket.stop_loss == D("1.099")
    assert by_price.reference == "the order's own price"


def test_an_old_quote_measures_no_entry() -> None:
    """A minute-old quote is no price: without another the distance is refused.

    Before, a stop of 10 pips was taken from wherever the market stood when the feed died.
    """
    bench = Bench()
    bench.quote("1.3")
    bench.wait(MINUTE + 1)
    stop = Protection(stop_loss=Level(D(10), LevelUnit.PIPS))
    assert refused(bench.say(place(protection=stop))) == "no_reference_price"


@pytest.mark.parametrize(
    ("level", "stop"),
    [
        (Level(D("1.09")), D("1.09")),
        (Level(D("0.01"), LevelUnit.DISTANCE), D("1.09")),
        (Level(D(100), LevelUnit.TICKS), D("1.09")),
        (Level(D(100), LevelUnit.PIPS), D("1.09")),
        (Level(D(1), LevelUnit.PERCENT), D("1.089")),
    ],
)
def test_a_stop_in_each_unit(level: Level, stop: D) -> None:
    """Each unit leads to a price on tick, away from the entry."""
    events = Bench().say(place(protection=Protection(stop_loss=level), reference_price=D("1.1")))
    assert only(events, OrderRequested).bracket.stop_loss == stop


@pytest.mark.parametrize(
    ("side", "stop", "target", "code"),
    [
        (Side.BUY, "1.2", "1.3", "stop_wrong_side"),
        (Side.SELL, "1.0", "0.9", "stop_wrong_side"),
        (Side.BUY, "1.0", "1.05", "target_wrong_side"),
        (Side.SELL, "1.2", "1.15", "target_wrong_side"),
        (Side.BUY, "0", "1.2", "bad_level"),
    ],
)
def test_a_bracket_on_the_wrong_side_refuses_the_entry(
    side: Side, stop: str, target: str, code: str
) -> None:
    """A stop that would act at once, or a target that is a loss, opens nothing."""
    events = Bench().say(place(side, protection=protection(stop, target), reference_price=D("1.1")))
    assert refused(events) == code


@pytest.mark.parametrize("unit", [LevelUnit.CASH, LevelUnit.POINTS, LevelUnit.RATIO])
def test_a_level_without_a_meaning_here_refuses_the_entry(unit: LevelUnit) -> None:
    """An entry never goes out without the stop that was asked for."""
    events = Bench().say(
        place(protection=Protection(stop_loss=Level(D(1), unit)), reference_price=D("1.1"))
    )
    assert refused(events) in ("level_unit_unsupported", "no_stop")


def test_a_target_in_multiples_of_risk() -> None:
    """Twice the stop's distance; without a stop it is refused."""
    ratio = TakeProfit(Level(D(2), LevelUnit.RATIO))
    bench = Bench(route={"pyramiding": 3})
    asked = Protection(stop_loss=Level(D("1.09")), take_profits=(ratio,))
    event = only(bench.say(place(protection=asked, reference_price=D("1.1"))), OrderRequested)
    assert event.bracket.take_profits == ((D("1.12"), 1),)
    bare = Protection(take_profits=(ratio,))
    assert refused(bench.say(place(protection=bare, reference_price=D("1.1")))) == "no_stop"


# --- who runs the bracket -------------------------------------------------------------------------


def test_a_bracket_goes_natively_with_the_entry_where_the_venue_can() -> None:
    """Stop and target leave in one message with the entry; the engine places neither."""
    bench = Bench(native_bracket=True)
    events = bench.say(place(protection=protection("1.08", "1.12"), reference_price=D("1.1")))
    name = only(events, OrderRequested).cl_ord_id
    bench.settle()
    new = bench.venue.orders[name].new
    assert (new.stop_loss, new.take_profit) == (D("1.08"), D("1.12"))
    assert bench.orders() == []


@pytest.mark.parametrize(
    "asked",
    [
        protection("1.08", ("1.12", "0.5"), ("1.13", "0.5")),
        protection(
            None,
            trail=Trail(
                Level(D("0.01"), LevelUnit.DISTANCE), trigger=Level(D("0.02"), LevelUnit.DISTANCE)
            ),
        ),
    ],
)
def test_a_bracket_that_no_venue_holds_with_an_entry_is_run_by_the_engine(
    asked: Protection,
) -> None:
    """Several targets, and a stop that comes later, are the engine's even at such a venue.

    Before, a trail with a trigger was left to a venue that had been told nothing of it.
    """
    bench = Bench(native_bracket=True)
    event = only(bench.say(place(protection=asked, reference_price=D("1.1"))), OrderRequested)
    assert not event.bracket.native


@pytest.mark.parametrize(
    "asked",
    [
        protection("1.08"),
        protection(None, trail=Trail(Level(D("0.01"), LevelUnit.DISTANCE))),
    ],
)
def test_a_live_account_refuses_a_stop_that_would_live_only_in_the_engine(
    asked: Protection,
) -> None:
    """A trail is a stop too. With the route's word it passes."""
    order = place(protection=asked, reference_price=D("1.1"))
    assert refused(Bench(mode=AccountMode.LIVE).say(order)) == "stop_only_in_engine"
    knowing = Bench(mode=AccountMode.LIVE, route={"engine_stops": "allow"})
    assert only(knowing.say(order), OrderRequested)
    native = Bench(mode=AccountMode.LIVE, native_bracket=True)
    assert only(native.say(order), OrderRequested).bracket.native


@pytest.mark.parametrize(
    ("has", "asked"),
    [
        ((OrdType.MARKET, OrdType.LIMIT), protection("1.08")),
        ((OrdType.MARKET, OrdType.STOP), protection(None, "1.12")),
    ],
)
def test_an_entry_whose_bracket_the_venue_cannot_hold_is_refused(
    has: tuple[OrdType, ...], asked: Protection
) -> None:
    """Nothing is opened that could not be protected as asked.

    Before, the stop was refused by the venue after the entry had filled.
    """
    bench = Bench(ord_types=has)
    events = bench.say(place(protection=asked, reference_price=D("1.1")))
    assert refused(events) == "capability_absent"


def test_a_shadow_account_is_planned_and_checked_and_sends_nothing() -> None:
    """What would have gone is told, in words; nothing is requested."""
    bench = Bench(mode=AccountMode.SHADOW)
    event = only(bench.say(place()), OrderRefused)
    assert (event.code, event.quantity) == ("shadow_mode", 1)
    assert event.verdicts[-1].ok
    assert bench.wire == []


# --- sizing, routes' rules ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sizing", "asked", "lots"),
    [
        (SizingRule(quantity=D("0.3")), 5, D("0.3")),
        (SizingRule(method="multiplier", factor=D("0.5")), 5, D("2.5")),
        (SizingRule(method="signal"), D("1.239"), D("1.23")),
        (SizingRule(method="signal", max_qty=D(2)), 5, D(2)),
    ],
)
def test_the_routes_rule_sizes_the_entry(sizing: SizingRule, asked: Any, lots: D) -> None:
    """The quantity is the account's own, rounded down to a lot, and said in words."""
    event = only(Bench(sizing=sizing).say(place(quantity=asked)), OrderRequested)
    assert event.quantity == lots
    assert event.sizing


def test_risk_percent_sizes_from_the_stop() -> None:
    """One percent of 10,000 lost over 100 pips of 10 a lot is 0.1 lot."""
    bench = Bench(sizing=SizingRule(method="risk_percent", percent=D(1)))
    bench.money(10_000)
    events = bench.say(place(protection=protection("1.09"), reference_price=D("1.1")))
    assert only(events, OrderRequested).quantity == D("0.1")


def test_a_side_that_the_route_does_not_allow_is_refused() -> None:
    """A long-only route opens no short."""
    bench = Bench(route={"allowed_sides": (Side.BUY,)})
    assert refused(bench.say(place(Side.SELL))) == "side_not_allowed"


def test_pyramiding_holds_in_flight_and_after_fills() -> None:
    """Two entries may stack, whether they filled or are on their way; a third is refused."""
    bench = Bench(route={"pyramiding": 2})
    bench.say(place())
    bench.settle()
    bench.say(place())
    assert "2 of 2" in only(bench.say(place()), IntentRefused).text
    bench.settle()
    assert refused(bench.say(place())) == "pyramiding_limit"
    assert bench.book().quantity == 2


def test_an_entry_that_ended_without_a_fill_is_no_pyramid() -> None:
    """After a rejected addition the next is not refused for it.

    Before, each rejected order used up one of the strategy's entries until it was flat.
    """
    bench = Bench(route={"pyramiding": 2})
    bench.say(place())
    bench.settle()
    bench.venue.refuses = lambda order: "no_money"
    bench.say(place())
    bench.settle()
    bench.venue.refuses = lambda order: ""
    bench.say(place())
    bench.settle()
    assert (bench.book().quantity, bench.book().entries) == (2, 2)


def test_entries_that_still_work_count_after_the_book_went_flat() -> None:
    """A resting entry that a close left in place is an entry when the next one comes."""
    bench = Bench(route={"pyramiding": 2, "flat_cancels": False})
    bench.say(place())
    bench.say(place(ord_type=OrdType.LIMIT, price=D("1.0")))
    bench.settle()
    bench.say(ClosePosition(symbol=EURUSD))
    bench.settle()
    assert (bench.book().quantity, bench.book().entries) == (0, 1)
    bench.say(place())
    bench.settle()
    assert refused(bench.say(place())) == "pyramiding_limit"


@pytest.mark.parametrize("reduce_only", [True, False])
def test_an_entry_against_the_book_closes_then_opens(reduce_only: bool) -> None:
    """The entry waits until the close has filled; the stop of the old side is gone by then.

    Before, at a venue without reduce-only the entry went first and the trader ended flat.
    """
    bench = Bench(reduce_only=reduce_only)
    bench.say(place(protection=protection("1.08"), reference_price=D("1.1")))
    bench.settle()
    exit_, entry = every(
        bench.say(place(Side.SELL, protection=protection("1.12"), reference_price=D("1.1"))),
        OrderRequested,
    )
    assert (exit_.leg, entry.leg, entry.after) == ("x", "e", exit_.cl_ord_id)
    bench.settle()
    assert bench.book().quantity == -1
    assert [(o.new.side, o.quantity) for o in bench.working("s")] == [(Side.BUY, 1)]
    order = bench.venue.submits
    assert order.index(exit_.cl_ord_id) < order.index(entry.cl_ord_id)


def test_a_reversal_whose_close_fails_opens_nothing() -> None:
    """The close is refused by the venue: the entry that waited for it ends unsent, in words."""
    bench = Bench()
    bench.say(place())
    bench.settle()
    bench.venue.refuses = lambda order: "market_closed"
    entry = every(bench.say(place(Side.SELL)), OrderRequested)[1].cl_ord_id
    events = bench.settle()
    ended = next(e for e in every(events, OrderEnded) if e.cl_ord_id == entry)
    assert ended.status is OrdStatus.EXPIRED_UNSENT
    assert "still held" in ended.text
    assert (bench.book().quantity, bench.net()) == (1, 1)


def test_a_reversal_whose_close_our_own_checks_refuse_opens_nothing() -> None:
    """Under a freeze neither leaves, and both are explained."""
    bench = Bench()
    bench.say(place())
    bench.settle()
    bench.feed(inp.StopAsked(Instant(bench.at), "all", StopMode.FREEZE, "ada", "test"))
    events = bench.say(place(Side.SELL))
    assert only(events, OrderRefused).code == "halted"
    assert refused(events) == "not_closed_first"


def test_a_reversal_when_the_stop_filled_meanwhile_still_opens() -> None:
    """The close finds nothing left, since the stop was faster; the entry goes all the same."""
    bench = Bench(reduce_only=False)
    bench.say(place(protection=protection("1.08"), reference_price=D("1.1")))
    bench.settle()
    stop = bench.working("s")[0].new.cl_ord_id
    bench.say(place(Side.SELL))
    bench.venue.fill(stop)
    bench.settle()
    assert bench.book().quantity == -1
    assert bench.net() == bench.venue.net["a", "EURUSD.x"] == -1


def test_a_second_reversal_signal_in_flight_does_not_double() -> None:
    """An entry of the wanted side is on its way already: the pyramid is full."""
    bench = Bench()
    bench.say(place())
    bench.settle()
    bench.say(place(Side.SELL))
    assert refused(bench.say(place(Side.SELL))) == "pyramiding_limit"
    bench.settle()
    assert bench.book().quantity == -1


@pytest.mark.parametrize(
    ("rule", "code", "left"), [("refuse", "opposite_held", 1), ("close_only", "", 0)]
)
def test_a_route_may_refuse_or_only_close(rule: str, code: str, left: int) -> None:
    """Per route, an entry against the book is refused, or closes and opens nothing."""
    bench = Bench(route={"reverse": rule})
    bench.say(place())
    bench.settle()
    events = bench.say(place(Side.SELL))
    assert [event.code for event in every(events, IntentRefused)] == ([code] if code else [])
    bench.settle()
    assert bench.book().quantity == left


def test_close_then_open_in_one_batch_goes_in_order() -> None:
    """Intents of a batch are done in their order: the entry waits for the close before it.

    Before, the entry was refused as a pyramid on the position that was being closed.
    """
    bench = Bench()
    bench.say(place())
    bench.settle()
    events = bench.say(ClosePosition(symbol=EURUSD), place(quantity=2))
    exit_, entry = every(events, OrderRequested)
    assert (exit_.leg, entry.leg, entry.after) == ("x", "e", exit_.cl_ord_id)
    bench.settle()
    assert bench.book().quantity == 2


def test_a_part_is_released_once() -> None:
    """Two orders that wait on one another's end are each let go once.

    Before, the entry of a reversal was released twice when its close ended unsent, and a second
    send of one id reached the broker.
    """
    bench = Bench(reduce_only=False)
    bench.say(place(protection=protection("1.08"), reference_price=D("1.1")))
    bench.settle()
    stop = bench.working("s")[0].new.cl_ord_id
    entry = every(bench.say(place(Side.SELL)), OrderRequested)[1].cl_ord_id
    bench.venue.fill(stop)
    released = every(bench.settle(), OrderReleased)
    assert [event.cl_ord_id for event in released] == [entry]


# --- odds and ends --------------------------------------------------------------------------------


def test_a_reduce_only_order_is_a_partial_exit() -> None:
    """It closes what the book holds on the other side, and never opens."""
    bench = Bench()
    bench.say(place(quantity=3))
    bench.settle()
    bench.say(place(Side.SELL, 1, reduce_only=True))
    bench.settle()
    assert bench.book().quantity == 2
    idle = bench.say(place(Side.BUY, 1, reduce_only=True))
    assert only(idle, IntentIdle)
    bench.settle()
    assert bench.book().quantity == 2


def test_a_reduce_only_limit_is_refused_and_not_sold_at_the_market() -> None:
    """An exit at a price is not made a market exit.

    Before, "sell at 1.20, reduce only" sold at once at whatever the market paid.
    """
    bench = Bench()
    bench.say(place())
    bench.settle()
    order = place(Side.SELL, ord_type=OrdType.LIMIT, price=D("1.2"), reduce_only=True)
    assert refused(bench.say(order)) == "exit_must_be_market"
    assert bench.book().quantity == 1


def test_lots_of_a_venue_that_counts_units() -> None:
    """Half a lot of EURUSD is 50,000 units where the venue counts units."""
    bench = Bench(contract={"multiplier": D(1), "lot_step": D(1), "min_qty": D(1), "max_qty": D(0)})
    amount = Amount(D("0.5"), QtyUnit.LOTS)
    entry = PlaceOrder(symbol=EURUSD, side=Side.BUY, quantity=amount)
    assert only(bench.say(entry), OrderRequested).quantity == 50_000
    bench.settle()
    part = ClosePosition(symbol=EURUSD, quantity=Amount(D("0.2"), QtyUnit.LOTS))
    assert only(bench.say(part), OrderRequested).quantity == 20_000


def test_an_entry_in_flight_is_dropped_when_its_signal_goes_stale() -> None:
    """The event carries the moment after which the order must not leave."""
    bench = Bench(route={"max_age_ns": 10 * SECOND})
    event = only(bench.say(place(), fired_at=Instant(bench.at - SECOND)), OrderRequested)
    assert event.expires_unsent == bench.at + 9 * SECOND


def test_a_quote_of_another_symbol_measures_nothing() -> None:
    """Quotes are kept by symbol."""
    bench = Bench()
    other = Quote("GBPUSD.x", D(2), D(2), Instant(bench.at))
    bench.feed(inp.QuoteReceived(Instant(bench.at), "a", other))
    stop = Protection(stop_loss=Level(D(10), LevelUnit.PIPS))
    assert refused(bench.say(place(protection=stop))) == "no_reference_price"
    assert "order_requested" in kinds(bench.say(place()))
