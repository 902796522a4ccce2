"""How each kind of order meets the market, and how long it lives."""

from decimal import Decimal

import pytest

from bascule.model.enums import ExecType, OrdStatus, OrdType, Side, TimeInForce
from bascule.model.values import HOUR, SECOND, Instant
from tests.unit.venues.house import START, House, gold, kinds, reason, trades

NEW, TRADE, EXPIRED = ExecType.NEW, ExecType.TRADE, ExecType.EXPIRED


def priced(**terms: object) -> House:
    """A house whose gold is 100 bid, 102 asked."""
    house = House(gold(**terms))
    house.quote(100, 102)
    return house


def test_market_orders_fill_at_the_touch_of_their_side() -> None:
    """A buy pays the ask, a sell gets the bid, each once and in full."""
    house = priced()
    assert trades(house.buy(3)) == [("3", "102")]
    assert trades(house.sell(1)) == [("1", "100")]
    assert house.held() == 2


def test_reports_carry_the_running_totals() -> None:
    """The report of a fill says what has traded, what is left, and under which ids."""
    house = priced()
    told = house.buy(3)
    assert kinds(told) == [NEW, TRADE]
    fill = told[1]
    assert (fill.cl_ord_id, fill.cum_qty, fill.leaves_qty) == ("c1", 3, 0)
    assert fill.ord_status is OrdStatus.FILLED
    assert fill.venue_order_id == told[0].venue_order_id
    assert len({report.exec_id for report in told}) == 2


def test_market_order_walks_the_book_and_waits_for_more() -> None:
    """What the levels cannot give is filled at the next price, not at an invented one."""
    house = House(gold(levels=2))
    house.quote(100, 102, size=4)
    assert trades(house.buy(10)) == [("4", "102"), ("4", "103")]
    assert trades(house.quote(109, 110, size=4)) == [("2", "110")]


def test_what_was_taken_stays_taken_until_the_next_price() -> None:
    """Two orders share the size at the touch."""
    house = House(gold(levels=1))
    house.quote(100, 102, size=4)
    assert trades(house.buy(3)) == [("3", "102")]
    assert trades(house.buy(3)) == [("1", "102")]
    assert trades(house.quote(100, 102, size=4)) == [("2", "102")]


def test_limit_rests_and_fills_at_its_price() -> None:
    """A resting limit is met when the other side reaches it, and trades at its own price."""
    house = priced()
    assert kinds(house.buy(2, price=99)) == [NEW]
    assert house.quote(98, 100) == []
    assert trades(house.quote(96, 98)) == [("2", "99")]


def test_marketable_limit_takes_the_better_price() -> None:
    """A limit through the market trades at the touch."""
    house = priced()
    assert trades(house.buy(2, price=105)) == [("2", "102")]


def test_limit_never_walks_past_its_price() -> None:
    """Levels beyond the limit are left; the remainder rests."""
    house = House(gold())
    house.quote(100, 102, size=1)
    assert trades(house.buy(5, price=103)) == [("1", "102"), ("1", "103")]
    (shown,) = house.working
    assert (shown.quantity, shown.cum_qty, shown.ord_status) == (5, 2, OrdStatus.PARTIALLY_FILLED)
    assert trades(house.quote(99, 101, size=1)) == [("1", "103"), ("1", "103"), ("1", "103")]


@pytest.mark.parametrize(
    ("side", "stop", "before", "reached", "paid"),
    [
        (Side.BUY, 110, (107, 109), (108, 110), "110"),
        (Side.SELL, 90, (91, 93), (90, 92), "90"),
        (Side.BUY, 110, (107, 109), (118, 120), "120"),
        (Side.SELL, 90, (91, 93), (80, 82), "80"),
    ],
)
def test_stop_triggers_on_its_own_side_and_pays_the_gap(
    side: Side, stop: int, before: tuple[int, int], reached: tuple[int, int], paid: str
) -> None:
    """A buy stop looks at the ask, a sell stop at the bid; past its level it fills worse."""
    house = priced()
    house.send(house.order(side, 1, stop_price=stop))
    house.told()
    assert house.quote(*before) == []
    told = house.quote(*reached)
    assert kinds(told) == [ExecType.TRIGGERED, TRADE]
    assert trades(told) == [("1", paid)]


def test_stop_limit_waits_at_its_limit_after_the_trigger() -> None:
    """A gap over the limit triggers the order and leaves it resting."""
    house = priced()
    house.buy(1, stop_price=110, price=112)
    assert kinds(house.quote(118, 120)) == [ExecType.TRIGGERED]
    assert trades(house.quote(110, 112)) == [("1", "112")]


def test_trailing_stop_follows_and_never_turns_back() -> None:
    """It keeps its distance below the best bid and sells when the bid comes back to it."""
    house = priced()
    house.buy(1)
    house.sell(1, trail_distance=5)
    house.quote(110, 112)
    house.quote(106, 108)
    assert house.working[0].stop_price == 105
    told = house.quote(105, 107)
    assert kinds(told) == [ExecType.TRIGGERED, TRADE]
    assert trades(told) == [("1", "105")]


def test_buy_trailing_stop_follows_the_ask_down() -> None:
    """A short's trail stands above the lowest ask."""
    house = priced()
    house.sell(1)
    house.buy(1, trail_distance=5)
    house.quote(88, 90)
    house.quote(91, 93)
    assert house.working[0].stop_price == 95
    assert trades(house.quote(93, 95)) == [("1", "95")]


def test_slippage_is_adverse_and_bounded() -> None:
    """A market order slips by up to the stated ticks, against whoever sent it; a limit never."""
    house = priced(slippage_ticks=3)
    paid = [int(trades(house.buy(1))[0][1]) for _ in range(40)]
    got = [int(trades(house.sell(1))[0][1]) for _ in range(40)]
    assert set(paid) == {102, 103, 104, 105}
    assert set(got) == {100, 99, 98, 97}
    assert {trades(house.buy(1, price=102))[0][1] for _ in range(20)} == {"102"}


def test_ioc_takes_what_is_there_and_expires() -> None:
    """The remainder of an IOC does not rest."""
    house = House(gold(levels=1))
    house.quote(100, 102, size=4)
    told = house.buy(10, price=102, time_in_force=TimeInForce.IOC)
    assert kinds(told) == [NEW, TRADE, EXPIRED]
    assert (told[-1].cum_qty, told[-1].leaves_qty) == (4, 0)
    assert house.working == []


def test_fok_is_all_or_nothing() -> None:
    """A FOK that cannot be filled whole trades nothing at all."""
    house = House(gold(levels=1))
    house.quote(100, 102, size=4)
    assert kinds(house.buy(5, time_in_force=TimeInForce.FOK)) == [NEW, EXPIRED]
    assert trades(house.buy(4, time_in_force=TimeInForce.FOK)) == [("4", "102")]


def test_day_order_ends_at_rollover() -> None:
    """A day order lives until the broker's day ends at 22:00 UTC; a GTC lives on."""
    house = priced()
    house.buy(1, price=90, time_in_force=TimeInForce.DAY)
    house.buy(1, price=90)
    assert house.wait(14 * 3600 - 1) == []
    told = house.wait(1)
    assert kinds(told) == [EXPIRED]
    assert told[0].reason == "end_of_day"
    assert told[0].at == START + 14 * HOUR
    assert len(house.working) == 1


def test_gtd_order_ends_at_its_time() -> None:
    """A GTD order expires at its instant, and not for a broker that was asleep then."""
    house = priced()
    house.buy(1, price=90, time_in_force=TimeInForce.GTD, expire_at=Instant(START + 10 * SECOND))
    told = house.wait(3600)
    assert kinds(told) == [EXPIRED]
    assert told[0].at == START + 10 * SECOND


def test_fill_delay_fills_at_the_later_price() -> None:
    """An accepted market order meets the market that is there when it gets to it."""
    house = House(gold(), fill_delay_ns=2 * SECOND)
    house.quote(100, 102)
    assert kinds(house.buy(1)) == [NEW]
    assert house.quote(105, 107) == []
    assert trades(house.wait(2)) == [("1", "107")]


def test_closed_market_keeps_orders_and_refuses_market_orders() -> None:
    """Outside its hours an instrument takes resting orders and fills none."""
    house = priced(hours="mon-fri 09:00-17:00")
    assert reason(house.send(house.order(Side.BUY, 1))) == "market_closed"
    assert kinds(house.buy(1, price=105)) == [NEW]
    house.wait(3600)
    assert trades(house.quote(100, 102)) == [("1", "102")]


def test_ioc_in_a_closed_market_expires() -> None:
    """An immediate order cannot wait for the opening."""
    house = priced(hours="never")
    told = house.buy(1, price=105, time_in_force=TimeInForce.IOC)
    assert kinds(told) == [NEW, EXPIRED]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"venue_symbol": "SILVER"}, "unknown_symbol"),
        ({"account": "nobody"}, "unknown_account"),
        ({"cl_ord_id": "x" * 37}, "bad_cl_ord_id"),
        ({"quantity": Decimal("1.5")}, "off_lot"),
        ({"quantity": Decimal(0)}, "below_min_qty"),
        ({"quantity": Decimal(1001)}, "above_max_qty"),
        ({"quantity": Decimal("NaN")}, "bad_number"),
        ({"quantity": Decimal("1E+999999")}, "bad_number"),
        ({"price": "99.5"}, "off_tick"),
        ({"price": -5}, "off_tick"),
        ({"price": 99, "stop_loss": 100}, "bad_bracket"),
        ({"stop_loss": 103}, "bad_bracket"),
        ({"take_profit": 101}, "bad_bracket"),
        ({"stop_price": 104}, "stop_too_close"),
        ({"trail_distance": 2}, "stop_too_close"),
        ({"stop_loss": 100}, "stop_too_close"),
        ({"trail_distance": 0}, "bad_trail"),
        ({"ord_type": OrdType.LIMIT}, "bad_price"),
        ({"ord_type": OrdType.STOP}, "bad_stop_price"),
        ({"price": 99, "ord_type": OrdType.MARKET}, "bad_price"),
        ({"time_in_force": TimeInForce.GTD}, "bad_expiry"),
        ({"time_in_force": TimeInForce.GTD, "expire_at": START}, "bad_expiry"),
        ({"reduce_only": True}, "reduce_only_would_open"),
        ({"position_id": "7"}, "unknown_position"),
        ({"quantity": Decimal(1000), "price": 99999}, "not_enough_margin"),
    ],
)
def test_orders_that_cannot_be_are_refused_by_name(words: dict[str, object], why: str) -> None:
    """Each thing that is wrong with an order has its own stable reason, and nothing trades."""
    house = priced(min_stop_distance=Decimal(5))
    outcome = house.send(house.order(Side.BUY, 1, **words))
    assert reason(outcome) == why
    assert house.told() == []
    assert house.working == []


def test_refused_order_is_kept_and_its_id_is_used() -> None:
    """A refusal is on record, and the same id is refused as a duplicate from then on."""
    house = priced()
    bad = house.order(Side.BUY, "1.5")
    assert reason(house.send(bad)) == "off_lot"
    assert reason(house.send(bad)) == "duplicate_cl_ord_id"
    house.told()
    shown = house.broker.answers.order_status("P1", "c1", house.now)
    assert shown is not None
    assert (shown.ord_status, shown.reason) == (OrdStatus.REJECTED, "off_lot")
    assert reason(house.send(bad)) == "duplicate_cl_ord_id"


def test_an_id_stays_used_after_its_order_has_ended() -> None:
    """A ClOrdID is unique for ever, in the same breath and later."""
    house = priced()
    order = house.order(Side.BUY, 1)
    house.send(order)
    assert reason(house.send(order)) == "duplicate_cl_ord_id"
    house.told()
    assert reason(house.send(order)) == "duplicate_cl_ord_id"
    assert house.held() == 1


def test_no_price_means_no_order() -> None:
    """An instrument without a quote cannot be traded or margined."""
    house = House(gold())
    assert reason(house.send(house.order(Side.BUY, 1, price=5))) == "no_quote"


@pytest.mark.parametrize("change", [{"tradable": False}, {"expiry": START}])
def test_expired_or_barred_instruments_are_refused(change: dict[str, object]) -> None:
    """What does not trade takes no orders."""
    house = priced(**change)
    assert reason(house.send(house.order(Side.BUY, 1))) == "not_tradable"


def test_a_working_order_does_not_trade_past_the_expiry() -> None:
    """A contract that has expired stops trading, also for orders that came before."""
    house = priced(expiry=Instant(START + 10 * SECOND))
    house.buy(1)
    house.sell(1, stop_price=90)
    house.wait(10)
    assert house.quote(80, 82) == []
    assert house.held() == 1


def test_a_stop_that_is_already_reached_triggers_at_once() -> None:
    """Without a smallest distance a protective stop behind the market is not refused."""
    house = priced()
    house.buy(1)
    told = house.sell(1, stop_price=101)
    assert kinds(told) == [NEW, ExecType.TRIGGERED, TRADE]


# --- cancel and replace ---------------------------------------------------------------------------


def test_cancel_ends_a_working_order() -> None:
    """The reply says that the cancel was taken, the report that it is done, by its request."""
    house = priced()
    house.buy(1, price=90)
    assert reason(house.cancel("c1")) == ""
    (told,) = house.told()
    assert (told.exec_type, told.request_id) == (ExecType.CANCELED, "cancel-1")
    assert reason(house.cancel("c1")) == "order_ended"
    assert reason(house.cancel("nope")) == "unknown_order"


def test_fill_wins_the_race_against_a_slow_cancel() -> None:
    """A fill before the cancel takes effect counts, and the cancel is rejected."""
    house = House(gold(), cancel_delay_ns=SECOND)
    house.quote(100, 102)
    house.buy(1, price=99)
    assert reason(house.cancel("c1")) == ""
    assert reason(house.cancel("c1")) == "cancel_pending"
    told = house.quote(97, 99)
    assert kinds(told) == [TRADE, ExecType.CANCEL_REJECTED]
    assert (told[1].request_id, told[1].reason) == ("cancel-1", "too_late_to_cancel")
    assert house.wait(5) == []
    assert house.held() == 1


def test_slow_cancel_wins_when_nothing_fills() -> None:
    """A cancel takes effect after its delay."""
    house = House(gold(), cancel_delay_ns=SECOND)
    house.quote(100, 102)
    house.buy(1, price=99)
    house.cancel("c1")
    assert len(house.working) == 1
    assert kinds(house.wait(1)) == [ExecType.CANCELED]


def test_partial_fill_then_cancel_leaves_what_was_traded() -> None:
    """The canceled report says how much had traded."""
    house = House(gold(levels=1))
    house.quote(100, 102, size=2)
    house.buy(5, price=102)
    house.cancel("c1")
    (told,) = house.told()
    assert (told.exec_type, told.cum_qty, told.leaves_qty) == (ExecType.CANCELED, 2, 0)


def test_replace_changes_price_and_quantity() -> None:
    """New terms are confirmed, and a price through the market trades at the touch."""
    house = priced()
    house.buy(2, price=90)
    assert reason(house.replace("c1", price=95, quantity=3)) == ""
    (told,) = house.told()
    assert (told.exec_type, told.price, told.order_qty) == (ExecType.REPLACED, 95, 3)
    house.replace("c1", price=110)
    assert trades(house.told()) == [("3", "102")]


def test_replace_to_what_has_traded_fills_the_order() -> None:
    """Reducing an order to its filled quantity ends it as filled; below it, it is refused."""
    house = House(gold(levels=1))
    house.quote(100, 102, size=2)
    house.buy(5, price=102)
    assert reason(house.replace("c1", quantity=1)) == "below_filled"
    assert reason(house.replace("c1", quantity=2)) == ""
    (told,) = house.told()
    assert (told.exec_type, told.ord_status) == (ExecType.REPLACED, OrdStatus.FILLED)
    assert house.working == []


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"price": Decimal("90.5")}, "off_tick"),
        ({"quantity": Decimal("1.5")}, "off_lot"),
        ({"stop_price": 80}, "bad_stop_price"),
        ({"quantity": Decimal("Infinity")}, "bad_number"),
        ({"stop_loss": 95}, "bad_bracket"),
    ],
)
def test_bad_new_terms_are_refused_and_change_nothing(words: dict[str, object], why: str) -> None:
    """A refused replace leaves the order as it was."""
    house = priced()
    house.buy(1, price=90)
    before = house.working
    assert reason(house.replace("c1", **words)) == why
    assert house.working == before


def test_replace_of_an_ended_order_is_refused() -> None:
    """There is nothing to change on an order that has ended."""
    house = priced()
    house.buy(1)
    assert reason(house.replace("c1", price=90)) == "order_ended"
    assert reason(house.replace("c9", price=90)) == "unknown_order"


def test_replaced_stop_moves_its_trigger() -> None:
    """The new stop price counts from the confirmation on."""
    house = priced()
    house.sell(1, stop_price=90)
    house.replace("c1", stop_price=95)
    house.told()
    assert trades(house.quote(94, 96)) == [("1", "94")]
