"""What others have working at the venue counts in every limit on size, as if it were of nobody."""

from decimal import Decimal as D
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from bascule.execution import inputs as inp
from bascule.execution.evolve import evolve
from bascule.execution.state import FOREIGN_ORDERS_MAX, dump, load
from bascule.model.account import RiskLimits
from bascule.model.enums import ExecType, OrdStatus, OrdType, Side
from bascule.model.event import (
    Event,
    ForeignOrderSeen,
    ForeignOrdersGone,
    LinkChanged,
    OrderRefused,
    OrderRequested,
    ReplaceRequested,
)
from bascule.model.ids import ClOrdID
from bascule.model.intent import Amount, ClosePosition, ModifyOrder, PlaceOrder
from bascule.model.order import ExecutionReport, VenueOrder
from bascule.model.values import SECOND, Currency, Instant
from bascule.risk.limits import LOOSEST
from tests.unit.execution.harness import EURUSD, ROOMY, Bench, every, only

SIX = replace(ROOMY, max_position_qty=D(6))


def bench(*accounts: str, limits: RiskLimits = SIX, **more: Any) -> Bench:
    """Give accounts with a price and money."""
    made = Bench(*accounts, limits=limits, route={"pyramiding": 9}, **more)
    made.quote("1.1000")
    for name in made.accounts:
        made.money(10_000_000, name)
    return made


def strange(made: Bench, quantity: Any = 5, number: str = "h1", **more: Any) -> VenueOrder:
    """Give an order of a hand's as its venue shows it: a buy limit far below the market."""
    words: dict[str, Any] = {
        "account": "a", "venue_order_id": number, "venue_symbol": "EURUSD.x", "side": Side.BUY,
        "ord_type": OrdType.LIMIT, "ord_status": OrdStatus.WORKING, "quantity": D(quantity),
        "cum_qty": D(0), "at": Instant(made.at), "price": D("1.0500"),
    }  # fmt: skip
    return VenueOrder(**{**words, **more})


def shows(made: Bench, *orders: VenueOrder, account: str = "a", **more: Any) -> list[Event]:
    """Look at a venue that shows these beside our own."""
    ours = [o for o in made.venue.orders.values() if o.live and o.new.account == account]
    shown = (*(made.venue.shown(order) for order in ours), *orders)
    return made.look(account, orders=shown, began=Instant(made.at), **more)


def fills(made: Bench, quantity: Any, number: str = "h1", **more: Any) -> list[Event]:
    """Have a hand's order trade, and tell it."""
    key = ("a", "EURUSD.x")
    made.venue.net[key] = made.venue.net.get(key, D(0)) + D(quantity)
    report = ExecutionReport(
        account="a", exec_id=made.venue.name("x"), exec_type=ExecType.TRADE, venue_order_id=number,
        venue_symbol="EURUSD.x", side=Side.BUY, at=Instant(made.at), last_qty=D(quantity),
        last_price=D("1.0500"), **more,
    )  # fmt: skip
    made.venue.fills.append(report)
    return made.feed(inp.ReportReceived(Instant(made.at), report))


def buy(quantity: Any = 1, **more: Any) -> PlaceOrder:
    """Ask for an entry."""
    words = {"symbol": EURUSD, "side": Side.BUY, "quantity": Amount(D(str(quantity)))}
    return PlaceOrder(**{**words, **more})


def refused(made: Bench, *intents: Any, **more: Any) -> OrderRefused:
    """Hold that an entry is refused."""
    return only(made.say(*intents, **more), OrderRefused)


def test_a_hands_buy_of_five_leaves_one_of_six() -> None:
    """It counts on its own side only, and the refusal says whose it is.

    Before, six more passed beside it, and eleven could be held.
    """
    made = bench()
    shows(made, strange(made))
    said = refused(made, buy(2))
    assert said.code == "position_limit"
    assert "5 held or open, with 5 that other hands have working, 2 asked" in said.text
    assert "a quantity of 1 or less" in said.text
    only(made.say(buy(1)), OrderRequested)
    only(made.say(buy(6, side=Side.SELL), strategy="other"), OrderRequested)


def test_a_look_that_began_before_it_was_told_does_not_lack_it() -> None:
    """The venue told of the order while it was being asked: that answer is of before."""
    made = bench()
    began = Instant(made.at)
    made.wait(SECOND)
    shown = strange(made)
    report = ExecutionReport(
        account=shown.account, exec_id="n1", exec_type=ExecType.NEW, at=Instant(made.at),
        venue_order_id=shown.venue_order_id, venue_symbol=shown.venue_symbol, side=shown.side,
        order_qty=shown.quantity, price=shown.price,
    )  # fmt: skip
    made.feed(inp.ReportReceived(Instant(made.at), report))
    assert not every(made.look(orders=(), began=began), ForeignOrdersGone)
    assert refused(made, buy(2)).code == "position_limit"
    made.wait(SECOND)
    only(shows(made), ForeignOrdersGone)


def test_it_counts_until_a_whole_look_lacks_it() -> None:
    """A page that is missing proves nothing; and what comes back counts anew."""
    made = bench()
    shows(made, strange(made))
    shows(made, complete=False)
    assert refused(made, buy(2)).code == "position_limit"
    gone = only(shows(made), ForeignOrdersGone)
    assert gone.venue_order_ids == ("h1",)
    assert not every(shows(made), ForeignOrdersGone)
    only(made.say(buy(2)), OrderRequested)
    shows(made, strange(made))
    assert refused(made, buy(1)).code == "position_limit"


def test_it_counts_by_its_latest_terms() -> None:
    """A hand that makes it smaller leaves more."""
    made = bench()
    shows(made, strange(made))
    shows(made, strange(made, 3))
    assert refused(made, buy(4)).code == "position_limit"
    only(made.say(buy(3)), OrderRequested)


def test_what_fills_counts_as_held_and_no_more_as_open() -> None:
    """Part by part, whether the report or the look tells it; the order is told once."""
    made = bench()
    shows(made, strange(made))
    for part in (2, 3):
        fills(made, part)
        assert refused(made, buy(2)).code == "position_limit"
        only(made.say(buy(1)), OrderRequested)
        made.settle()
        made.say(ClosePosition(symbol=EURUSD))
        made.settle()
        if part == 2:
            assert not every(shows(made, strange(made, cum_qty=D(2))), ForeignOrderSeen)
    assert not made.state.accounts["a"].foreign_orders
    assert made.book("manual").quantity == 5


def test_a_fill_that_is_younger_than_the_page_of_orders_counts_once() -> None:
    """Fills are asked for last: the order was shown whole, and had traded by then."""
    made = bench()
    shows(made, strange(made))
    fills(made, 5)
    assert not every(shows(made, strange(made)), ForeignOrderSeen)
    only(made.say(buy(1)), OrderRequested)


def test_a_fill_that_is_taken_back_is_open_again() -> None:
    """Its part counts on, as open and no more as held."""
    made = bench()
    shows(made, strange(made))
    fills(made, 2)
    fill = made.venue.fills[-1]
    bust = replace(fill, exec_id="b1", exec_type=ExecType.TRADE_CANCEL, ref_exec_id=fill.exec_id)
    made.feed(inp.ReportReceived(Instant(made.at), bust))
    assert made.net() == 0
    assert refused(made, buy(2)).code == "position_limit"
    assert made.state.accounts["a"].foreign_orders["h1"].filled == 0


def test_it_survives_a_restart() -> None:
    """The journal has it, and that a look no longer showed it."""
    made = bench()
    shows(made, strange(made))
    made.state = load(dump(made.state))
    made.begin()
    assert made.state.accounts["a"].foreign_orders["h1"].quantity == 5
    shows(made, strange(made))
    made.quote("1.1000")
    assert refused(made, buy(2)).code == "position_limit"
    shows(made)
    made.state = load(dump(made.state))
    made.begin()
    assert not made.state.accounts["a"].foreign_orders


def test_a_line_of_an_older_journal_counts_too() -> None:
    """It names neither our symbol nor what had filled; its contract is found by the venue's."""
    old = msgspec.json.encode(
        {
            "type": "foreign_order_seen", "at": 1, "account": "a", "venue_order_id": "h1",
            "venue_symbol": "EURUSD.x", "side": "buy", "quantity": "5",
        }
    )  # fmt: skip
    made = bench()
    event = msgspec.json.decode(old, type=ForeignOrderSeen)
    evolve(made.state, event)
    assert refused(made, buy(2)).code == "position_limit"


def test_it_is_an_open_order() -> None:
    """So is one that can only close what is held, as our own stops are."""
    made = bench(limits=replace(SIX, max_open_orders=2))
    stop = strange(made, 5, "h2", side=Side.SELL, reduce_only=True)
    shows(made, strange(made, "0.5"), stop)
    said = refused(made, buy(1))
    assert said.code == "max_open_orders"
    assert "already has 2 open orders, with 2 orders that other hands have working" in said.text
    shows(made, stop)
    only(made.say(buy(1)), OrderRequested)


@pytest.mark.parametrize("word", [{"reduce_only": True}, {"leg": "s", "parent": ClOrdID("?")}])
def test_one_that_can_only_close_takes_no_room(word: dict[str, Any]) -> None:
    """A hand's reduce-only order, and the stop or target of its position."""
    made = bench()
    shows(made, strange(made, side=Side.SELL, **word))
    only(made.say(buy(6, side=Side.SELL)), OrderRequested)


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"max_account_qty": D(6)}, "account_position_limit"),
        ({"max_notional": D(660_000)}, "notional_limit"),
        ({"max_margin": D(660_000)}, "margin_limit"),
    ],
)
@pytest.mark.parametrize("symbol", [EURUSD, "GBPUSD"])
def test_it_counts_in_all_that_the_account_may_have(
    limits: dict[str, D], code: str, symbol: str
) -> None:
    """In the order's own contract and in others; one without a quote is worth its own price."""
    made = bench(limits=replace(ROOMY, **limits), symbols=(EURUSD, "GBPUSD"))
    shows(made, strange(made, venue_symbol=f"{symbol}.x", price=D("1.1000")))
    said = refused(made, buy(2))
    assert said.code == code
    assert "with 1 order that other hands have working" in said.text
    only(made.say(buy(1)), OrderRequested)


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"max_position_qty": D(6)}, "portfolio_position_limit"),
        ({"max_notional": D(660_000)}, "portfolio_notional_limit"),
        ({"max_margin": D(660_000)}, "portfolio_margin_limit"),
    ],
)
def test_it_counts_in_what_all_accounts_may_have(limits: dict[str, D], code: str) -> None:
    """Whichever account it works on, until a look that lacks it."""
    made = bench("a", "b", limits=ROOMY)
    route = made.settings.routes[0]
    made.settings.routes = (replace(route, legs=route.legs[1:]),)
    made.settings.limits["all"] = replace(LOOSEST, **limits)
    made.settings.portfolio_currency = Currency("USD")
    made.begin()
    shows(made, strange(made))
    shows(made, account="b")
    made.quote("1.1000")
    said = refused(made, buy(2))
    assert said.code == code and said.account == "b"
    assert "with 1 order that other hands have working" in said.text
    only(made.say(buy(1)), OrderRequested)
    shows(made)
    only(made.say(buy(2)), OrderRequested)


def test_an_exit_is_never_stopped_by_it() -> None:
    """However much a hand has working beside it."""
    made = bench(limits=replace(SIX, max_open_orders=3))
    made.say(buy(2))
    made.settle()
    shows(made, *(strange(made, 50, f"h{n}", side=Side.SELL) for n in range(5)))
    out = only(made.say(ClosePosition(symbol=EURUSD)), OrderRequested)
    assert out.leg == "x" and out.reduce_only
    made.settle()
    assert made.net() == 0


def test_a_change_of_an_entry_meets_it() -> None:
    """An entry that grows is held to what the hand leaves; what it had counts once."""
    made = bench()
    made.say(buy(1, ord_type=OrdType.LIMIT, price=D("1.0500"), label="x"))
    made.settle()
    shows(made, strange(made, 3))
    said = made.say(ModifyOrder(label="x", quantity=Amount(D(4))))
    assert not every(said, ReplaceRequested)
    only(made.say(ModifyOrder(label="x", quantity=Amount(D(3)))), ReplaceRequested)


def test_one_that_turns_out_to_be_ours_counts_once() -> None:
    """Its number was not known when it was first shown."""
    made = bench()
    made.venue.times_out = lambda order: "after"
    name = only(made.say(buy(3, ord_type=OrdType.LIMIT, price=D("1.0500"))), OrderRequested)
    made.carry()
    made.post.clear()
    ours = made.venue.orders[name.cl_ord_id]
    made.look(orders=(strange(made, 3, ours.venue_id),))
    assert refused(made, buy(1)).code == "position_limit"
    shows(made)
    shows(made)
    only(made.say(buy(3)), OrderRequested)


def test_more_than_are_remembered_count() -> None:
    """The state keeps a thousand of them; the last look has them all."""
    made = bench(limits=replace(ROOMY, max_position_qty=D(FOREIGN_ORDERS_MAX + 6)))
    orders = [strange(made, 1, f"h{n}") for n in range(FOREIGN_ORDERS_MAX + 5)]
    shows(made, *orders)
    assert len(made.state.accounts["a"].foreign_orders) == FOREIGN_ORDERS_MAX
    assert refused(made, buy(2)).code == "position_limit"
    only(made.say(buy(1)), OrderRequested)


def test_an_account_that_is_away_keeps_what_it_showed_last() -> None:
    """Its link is down: what worked there is taken to work on."""
    made = bench()
    shows(made, strange(made))
    made.wait(SECOND)
    only(made.feed(inp.LinkReported(Instant(made.at), "a", False, "gone")), LinkChanged)
    assert refused(made, buy(1)).code == "account_not_ready"
    made.feed(inp.LinkReported(Instant(made.at), "a", True, "back"))
    shows(made, strange(made))
    assert refused(made, buy(2)).code == "position_limit"
