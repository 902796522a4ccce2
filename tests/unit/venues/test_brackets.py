"""Native stops and targets: children of an entry that guard what it opened and nothing else."""

from decimal import Decimal

import pytest

from bascule.model.enums import ExecType, OrdStatus, OrdType, Side
from tests.unit.venues.house import (
    GOLD,
    LOGIN,
    House,
    account,
    gold,
    hedging,
    kinds,
    reason,
    trades,
)

NEW, TRADE, REPLACED, CANCELED = (
    ExecType.NEW, ExecType.TRADE, ExecType.REPLACED, ExecType.CANCELED
)  # fmt: skip


def priced(**terms: object) -> House:
    """A house whose gold is 100 bid, 102 asked."""
    house = House(gold(**terms))
    house.quote(100, 102)
    return house


def test_filled_entry_gets_its_children() -> None:
    """Stop and target are orders of the venue's own, with the entry as parent and no ClOrdID."""
    house = priced()
    told = house.buy(3, stop_loss=90, take_profit=120)
    assert kinds(told) == [NEW, TRADE, NEW, NEW]
    stop, target = told[2:]
    assert (stop.parent, stop.leg, stop.cl_ord_id, stop.side) == ("c1", "s", None, Side.SELL)
    assert (stop.stop_price, stop.order_qty) == (90, 3)
    assert (target.parent, target.leg, target.price) == ("c1", "t", 120)
    assert stop.venue_order_id != target.venue_order_id
    assert [order.ord_type for order in house.working] == [OrdType.STOP, OrdType.LIMIT]


def test_unfilled_entry_has_no_children() -> None:
    """Nothing guards what is not there."""
    house = priced()
    assert kinds(house.buy(3, price=95, stop_loss=90)) == [NEW]


def test_children_grow_with_each_partial_fill() -> None:
    """After every fill the stop covers exactly what has been opened."""
    house = House(gold(levels=1))
    house.quote(100, 102, size=2)
    house.buy(5, price=102, stop_loss=90, take_profit=120)
    assert [order.quantity for order in house.working if order.leg] == [2, 2]
    told = house.quote(100, 102, size=2)
    assert kinds(told) == [TRADE, REPLACED, REPLACED]
    assert [order.quantity for order in house.working if order.leg] == [4, 4]


def test_one_leg_filled_takes_the_other_away() -> None:
    """The stop trades and the target is canceled, or the other way round."""
    for bid, left in ((90, "t"), (120, "s")):
        house = priced()
        house.buy(3, stop_loss=90, take_profit=120)
        told = house.quote(bid, bid + 2)
        assert trades(told) == [("3", str(bid))]
        assert told[-1].exec_type is CANCELED
        assert told[-1].leg == left
        assert house.held() == 0
        assert house.working == []


def test_partly_filled_leg_shrinks_the_other() -> None:
    """What one leg has closed, the other no longer covers."""
    house = House(gold(levels=1))
    house.quote(100, 102)
    house.buy(5, stop_loss=90, take_profit=120)
    told = house.quote(120, 122, size=2)
    assert kinds(told) == [TRADE, REPLACED]
    assert (told[1].leg, told[1].leaves_qty) == ("s", 3)
    assert trades(house.quote(90, 92)) == [("3", "90")]
    assert house.held() == 0


def test_closing_by_other_means_takes_the_children_away() -> None:
    """Once the position is gone, its stop and target are canceled."""
    house = priced()
    house.buy(3, stop_loss=90, take_profit=120)
    told = house.sell(3)
    assert kinds(told) == [NEW, TRADE, CANCELED, CANCELED]
    assert {report.reason for report in told[2:]} == {"position_closed"}


def test_child_closes_no_more_than_is_held() -> None:
    """A stop for three that finds one left sells one."""
    house = priced()
    house.buy(3, stop_loss=90)
    house.sell(2)
    told = house.quote(90, 92)
    assert trades(told) == [("1", "90")]
    assert house.held() == 0
    assert house.working == []


def test_flipping_entry_guards_only_what_it_opened() -> None:
    """An entry of three against a short of one opens two, and the stop covers two."""
    house = priced()
    house.sell(1, stop_loss=110)
    house.buy(3, stop_loss=90)
    assert [(order.leg, order.side, order.quantity) for order in house.working] == [
        ("s", Side.SELL, 2)
    ]


def test_stop_that_is_reached_at_the_fill_works_at_once() -> None:
    """A bracket moved past the market by slippage does not wait for the next price."""
    house = priced(slippage_ticks=0)
    house.buy(1, price=102, take_profit=103)
    house.quote(103, 105)
    assert house.held() == 0


def test_levels_of_a_filled_entry_are_changed_through_the_entry() -> None:
    """The replace names the entry; the report answers it, the children report their own terms."""
    house = priced()
    house.buy(3, stop_loss=90, take_profit=120)
    assert reason(house.replace("c1", stop_loss=95, take_profit=130)) == ""
    told = house.told()
    assert kinds(told) == [REPLACED, REPLACED, REPLACED]
    assert [(report.leg, report.request_id) for report in told] == [
        ("s", ""), ("t", ""), ("", "replace-1")
    ]  # fmt: skip
    assert (told[2].stop_loss, told[2].take_profit) == (95, 130)
    assert trades(house.quote(95, 97)) == [("3", "95")]


def test_a_level_can_be_added_to_a_filled_entry() -> None:
    """A position without a stop gets one of its whole size."""
    house = priced()
    house.buy(3)
    assert reason(house.replace("c1", stop_loss=95)) == ""
    assert kinds(house.told()) == [NEW, REPLACED]
    assert trades(house.quote(94, 96)) == [("3", "94")]


def test_a_level_can_be_dropped() -> None:
    """Dropping the stop leaves the target."""
    house = priced()
    house.buy(3, stop_loss=90, take_profit=120)
    house.replace("c1", drop_stop_loss=True)
    assert kinds(house.told()) == [CANCELED, REPLACED]
    assert [order.leg for order in house.working] == ["t"]


def test_levels_of_a_waiting_entry_are_changed_before_it_fills() -> None:
    """The children come with the new levels."""
    house = priced()
    house.buy(3, price=95, stop_loss=90)
    house.replace("c1", stop_loss=85)
    house.told()
    told = house.quote(93, 95)
    assert told[-1].stop_price == 85


def test_a_child_is_changed_by_its_own_id() -> None:
    """A stop's own order takes a new stop price too."""
    house = priced()
    stop = house.buy(3, stop_loss=90)[-1].venue_order_id
    assert reason(house.replace("c1", venue_order_id=stop, stop_price=96)) == ""
    house.told()
    assert trades(house.quote(96, 98)) == [("3", "96")]


def test_a_canceled_child_leaves_the_other() -> None:
    """The stop is taken back by its own id; the target stays."""
    house = priced()
    stop = house.buy(3, stop_loss=90, take_profit=120)[2].venue_order_id
    assert reason(house.cancel(venue_order_id=stop)) == ""
    assert [order.leg for order in house.working] == ["t"]


@pytest.mark.parametrize(
    ("words", "why"),
    [({"stop_loss": 101}, "bad_bracket"), ({"take_profit": 99}, "bad_bracket")],
)
def test_levels_on_the_wrong_side_of_the_price_are_refused(
    words: dict[str, object], why: str
) -> None:
    """A long's stop stands below the bid, its target above."""
    house = priced()
    house.buy(3, stop_loss=90)
    assert reason(house.replace("c1", **words)) == why


def test_levels_of_a_closed_position_are_refused() -> None:
    """There is nothing left to guard."""
    house = priced()
    house.buy(3)
    house.sell(3)
    assert reason(house.replace("c1", stop_loss=90)) == "order_ended"


def test_positions_show_their_levels() -> None:
    """A position is shown with the stop and target that guard it."""
    house = priced()
    house.buy(3, stop_loss=90, take_profit=120)
    (held,) = house.broker.answers.positions(LOGIN, house.now).positions
    assert (held.stop_loss, held.take_profit) == (90, 120)


# --- hedging --------------------------------------------------------------------------------------


def test_hedging_keeps_positions_apart() -> None:
    """Each entry is a position of its own, with the entry's order id as its id."""
    house = House(account_terms=hedging())
    house.quote(100, 102)
    first = house.buy(3)[-1]
    second = house.sell(1)[-1]
    assert (first.position_id, second.position_id) == ("1", "2")
    shown = house.broker.answers.positions(LOGIN, house.now).positions
    assert [(held.position_id, held.quantity) for held in shown] == [("1", 3), ("2", -1)]


def test_hedging_close_addresses_its_position() -> None:
    """A close by position id reduces that one and cannot open."""
    house = House(account_terms=hedging())
    house.quote(100, 102)
    house.buy(3)
    house.buy(1)
    assert reason(house.send(house.order(Side.SELL, 4, position_id="1"))) == (
        "reduce_only_would_open"
    )
    assert reason(house.send(house.order(Side.BUY, 1, position_id="1"))) == (
        "reduce_only_would_open"
    )
    assert reason(house.send(house.order(Side.SELL, 1, reduce_only=True))) == (
        "position_id_required"
    )
    house.sell(2, position_id="1")
    assert (house.held("1"), house.held("2")) == (1, 1)


def test_hedging_partial_close_shrinks_its_children() -> None:
    """The stop of a position is never larger than the position."""
    house = House(account_terms=hedging())
    house.quote(100, 102)
    house.buy(3, stop_loss=90, take_profit=120)
    told = house.sell(2, position_id="1")
    assert [(r.leg, r.leaves_qty) for r in told if r.exec_type is REPLACED] == [("s", 1), ("t", 1)]
    house.sell(1, position_id="1")
    assert house.working == []


def test_hedging_levels_are_changed_by_position() -> None:
    """A replace may name the position instead of an order."""
    house = House(account_terms=hedging())
    house.quote(100, 102)
    house.buy(3, stop_loss=90)
    house.replace("", position_id="1", stop_loss=97)
    house.told()
    assert trades(house.quote(97, 99)) == [("3", "97")]


def test_two_hedged_brackets_do_not_touch_each_other() -> None:
    """A stop that fills for one position leaves the other and its stop."""
    house = House(account_terms=hedging())
    house.quote(100, 102)
    house.buy(3, stop_loss=90)
    house.buy(2, stop_loss=80)
    assert trades(house.quote(90, 92)) == [("3", "90")]
    assert [(order.position_id, order.quantity) for order in house.working] == [("3", 2)]


# --- reduce only, and accounts without the native things ------------------------------------------


def test_reduce_only_closes_and_never_opens() -> None:
    """It may be as large as the position and no larger, and a flat position cancels it."""
    house = priced()
    house.buy(3)
    too_large = house.order(Side.SELL, 4, reduce_only=True)
    assert reason(house.send(too_large)) == "reduce_only_would_open"
    house.sell(3, price=110, reduce_only=True)
    told = house.sell(3)
    assert (told[-1].exec_type, told[-1].reason) == (CANCELED, "position_closed")
    assert house.held() == 0


def test_two_resting_exits_close_the_position_once() -> None:
    """Of a reduce-only stop and target, run as an OCO by a client, only one position's worth."""
    house = priced()
    house.buy(3)
    house.sell(3, price=110, reduce_only=True)
    house.sell(3, stop_price=90, reduce_only=True)
    told = house.quote(110, 112)
    assert trades(told) == [("3", "110")]
    assert told[-1].exec_type is CANCELED
    assert house.working == []


@pytest.mark.parametrize(
    ("without", "words", "why"),
    [
        ("native_bracket", {"stop_loss": Decimal(90)}, "bracket_unsupported"),
        ("native_trailing", {"trail_distance": 5}, "trailing_unsupported"),
        ("reduce_only", {"reduce_only": True}, "reduce_only_unsupported"),
    ],
)
def test_an_account_without_a_feature_refuses_it(
    without: str, words: dict[str, object], why: str
) -> None:
    """What is switched off is refused by name, so that a client must do it itself."""
    house = House(account_terms=account(**{without: False}))
    house.quote(100, 102)
    assert reason(house.send(house.order(Side.BUY, 1, **words))) == why


def test_levels_cannot_be_added_where_there_are_no_brackets() -> None:
    """A replace cannot bring in what the account has not."""
    house = House(account_terms=account(native_bracket=False))
    house.quote(100, 102)
    house.buy(1)
    assert reason(house.replace("c1", stop_loss=90)) == "bracket_unsupported"


def test_ended_entry_keeps_its_changed_levels() -> None:
    """The entry is shown filled, with the levels it was given last."""
    house = priced()
    house.buy(3, stop_loss=90)
    house.replace("c1", stop_loss=95)
    house.replace("c1", take_profit=120)
    house.told()
    shown = house.broker.answers.order_status(LOGIN, "c1", house.now)
    assert shown is not None
    assert (shown.ord_status, shown.stop_loss, shown.take_profit) == (OrdStatus.FILLED, 95, 120)
    assert house.held(GOLD) == 3
