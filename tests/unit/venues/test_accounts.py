"""Positions, money, conversion, margin, and what the house does by hand."""

from decimal import Decimal

import pytest

from bascule.model.enums import ExecType, InstrumentKind, OrdStatus, Side
from bascule.model.errors import UsageError
from bascule.venues.kit.accounts import Rates
from bascule.venues.kit.terms import InstrumentTerms
from tests.unit.venues.house import LOGIN, House, account, gold, hedging, kinds, reason, trades


def priced(**terms: object) -> House:
    """A house whose gold is 100 bid, 102 asked."""
    house = House(gold(**terms))
    house.quote(100, 102)
    return house


def postings(house: House) -> list[tuple[str, Decimal]]:
    """Give (kind, amount) of everything posted."""
    house.told()
    return [(posting.kind, posting.amount) for posting in house.ledger.postings]


def test_netting_averages_and_realizes_on_the_way_out() -> None:
    """Adding averages the price; closing posts the gain of what was closed."""
    house = priced()
    house.buy(2)
    house.quote(106, 108)
    house.buy(2)
    assert house.books.positions["GOLD"].avg_price == 105
    house.quote(109, 111)
    house.sell(3)
    assert postings(house)[1:] == [("realized", Decimal(12))]
    assert house.held() == 1


def test_netting_turns_over_in_one_trade() -> None:
    """A sell through flat closes at the old price and opens at the new."""
    house = priced()
    house.buy(2)
    house.quote(110, 112)
    house.sell(5)
    assert postings(house)[1:] == [("realized", Decimal(16))]
    held = house.books.positions["GOLD"]
    assert (held.quantity, held.avg_price) == (-3, 110)


def test_commission_is_a_posting_and_in_the_report() -> None:
    """Commission is charged per unit on each side."""
    house = House(account_terms=account(commission_per_lot=Decimal("1.25")))
    house.quote(100, 102)
    told = house.buy(2)
    assert (told[-1].commission, told[-1].currency) == (Decimal("2.50"), "USD")
    assert house.books.balance == Decimal("999997.50")


def test_swap_is_charged_at_rollover_on_open_positions() -> None:
    """A long pays or gets its night's swap once a night."""
    house = priced(swap_long=Decimal("-0.5"))
    house.buy(4)
    house.wait(14 * 3600)
    house.wait(24 * 3600)
    assert postings(house)[1:] == [("swap", Decimal(-2)), ("swap", Decimal(-2))]
    (held,) = house.broker.answers.positions(LOGIN, house.now).positions
    assert held.swap == -4


def test_equity_marks_at_the_closing_side() -> None:
    """A long is worth the bid, a short the ask."""
    house = priced()
    house.buy(2)
    house.quote(110, 112)
    seen = house.broker.answers.account(LOGIN, house.now)
    assert (seen.balance, seen.equity) == (1_000_000, 1_000_016)
    assert seen.margin_used == Decimal("6.80")
    assert seen.free_margin == seen.equity - seen.margin_used


def test_hedged_margin_counts_the_larger_side() -> None:
    """A long and a short of one symbol need the margin of the larger."""
    house = House(gold(margin_per_unit=Decimal(10)), account_terms=hedging())
    house.quote(100, 102)
    house.buy(5)
    house.sell(3)
    assert house.broker.answers.account(LOGIN, house.now).margin_used == 50


def test_order_beyond_the_free_margin_is_refused_but_a_close_is_not() -> None:
    """Margin stands in the way of opening only."""
    house = House(gold(margin_per_unit=Decimal(10)), account_terms=account(balance=Decimal(100)))
    house.quote(100, 102)
    house.buy(9)
    assert reason(house.send(house.order(Side.BUY, 1))) == "not_enough_margin"
    assert trades(house.sell(9, reduce_only=True)) == [("9", "100")]


def test_stop_out_closes_the_worst_position_first() -> None:
    """At the stop-out level the house closes, worst first, until the level is passed."""
    house = House(
        gold(margin_per_unit=Decimal(10)),
        gold(venue_symbol="SILVER", margin_per_unit=Decimal(10)),
        account_terms=account(balance=Decimal(100)),
    )
    house.quote(100, 102)
    house.quote(100, 102, symbol="SILVER")
    house.buy(4, stop_loss=50)
    house.buy(4, venue_symbol="SILVER")
    told = house.quote(85, 87)
    assert kinds(told) == [ExecType.NEW, ExecType.TRADE, ExecType.CANCELED]
    assert (told[1].cl_ord_id, told[1].reason, told[1].last_qty) == (None, "stop_out", 4)
    assert (house.held(), house.held("SILVER")) == (0, 4)


def test_stop_out_closes_what_trades_while_the_worst_position_cannot() -> None:
    """A closed market neither keeps the house from closing elsewhere nor gets orders in vain."""
    house = House(
        gold(margin_per_unit=Decimal(10), hours="mon 08:00-09:00"),
        gold(venue_symbol="SILVER", margin_per_unit=Decimal(10)),
        account_terms=account(balance=Decimal(100)),
    )
    house.quote(100, 102)
    house.quote(100, 102, symbol="SILVER")
    house.buy(4)
    house.buy(4, venue_symbol="SILVER")
    house.wait(3600)
    told = house.quote(85, 87)
    assert [(one.venue_symbol, one.exec_type) for one in told] == [
        ("SILVER", ExecType.NEW),
        ("SILVER", ExecType.TRADE),
    ]
    house.quote(40, 42)
    assert (house.told(), house.held(), house.held("SILVER")) == ([], 4, 0)


# --- conversion -----------------------------------------------------------------------------------


def fx(symbol: str, base: str, quote: str) -> InstrumentTerms:
    """A currency pair."""
    return gold(
        venue_symbol=symbol,
        base=base,
        quote=quote,
        kind=InstrumentKind.FX,
        tick_size=Decimal("0.01"),
        multiplier=Decimal(1000),
    )


def test_profit_in_another_currency_is_converted_at_the_pairs_mid() -> None:
    """A yen profit becomes dollars through the listed pair, the other way round."""
    house = House(fx("USDJPY", "USD", "JPY"))
    house.quote("150.00", "150.00", symbol="USDJPY")
    house.buy(1, venue_symbol="USDJPY")
    house.quote("160.00", "160.00", symbol="USDJPY")
    house.sell(1, venue_symbol="USDJPY")
    assert house.books.balance == 1_000_000 + Decimal("62.50")


def test_static_rate_serves_where_no_pair_is_listed() -> None:
    """A rate from the settings converts."""
    house = House(gold(quote="EUR"), rates={"EURUSD": Decimal("1.10")})
    house.quote(100, 100)
    house.buy(1)
    house.quote(110, 110)
    house.sell(1)
    assert house.books.balance == 1_000_011


def test_missing_rate_refuses_the_order() -> None:
    """No rate is ever taken to be one."""
    house = House(gold(quote="CHF"))
    house.quote(100, 100)
    assert reason(house.send(house.order(Side.BUY, 1))) == "no_conversion_rate"


@pytest.mark.parametrize(
    ("source", "target", "rate"),
    [
        ("EUR", "USD", Decimal("1.25")),
        ("USD", "EUR", Decimal("0.8")),
        ("EUR", "JPY", Decimal("187.50")),
        ("GBP", "GBP", Decimal(1)),
        ("GBP", "USD", None),
    ],
)
def test_rates_are_direct_inverse_or_crossed(
    source: str, target: str, rate: Decimal | None
) -> None:
    """One crossing over another currency is allowed, and nothing is made up."""
    rates = Rates((), {"EURUSD": Decimal("1.25"), "USDJPY": Decimal(150)}, {})
    assert rates.rate(source, target) == rate


# --- by hand --------------------------------------------------------------------------------------


def test_deposit_and_withdrawal_change_the_balance() -> None:
    """Money in and out is posted; more than is free cannot be taken."""
    house = priced()
    assert house.broker.hand.deposit(LOGIN, Decimal(50), house.now) == 1_000_050
    assert house.broker.hand.deposit(LOGIN, Decimal(-100), house.now) == 999_950
    with pytest.raises(UsageError, match="is free"):
        house.broker.hand.deposit(LOGIN, Decimal(-10_000_000), house.now)
    assert [kind for kind, _ in postings(house)] == ["deposit", "deposit", "withdrawal"]


def test_trade_by_hand_is_told_without_a_client_id() -> None:
    """A foreign trade shows in reports, fills and position."""
    house = priced()
    house.broker.hand.trade(LOGIN, "GOLD", Side.SELL, Decimal(2), house.now)
    told = house.told()
    assert kinds(told) == [ExecType.NEW, ExecType.TRADE]
    assert {report.cl_ord_id for report in told} == {None}
    assert told[1].reason == "hand"
    assert house.held() == -2


def test_close_by_hand_takes_the_position_and_its_guards() -> None:
    """The owner closes on the broker's screen; stop and target go with the position."""
    house = priced()
    house.buy(3, stop_loss=90)
    house.broker.hand.close(LOGIN, "GOLD", "", house.now)
    assert house.held() == 0
    assert house.working == []
    with pytest.raises(UsageError, match="no such position"):
        house.broker.hand.close(LOGIN, "GOLD", "", house.now)


def test_hedged_position_is_closed_by_hand_by_its_id() -> None:
    """Only the named one goes."""
    house = House(account_terms=hedging())
    house.quote(100, 102)
    house.buy(3)
    house.buy(2)
    house.broker.hand.close(LOGIN, "", "2", house.now)
    assert (house.held("1"), house.held("2")) == (3, 0)


def test_bust_takes_position_and_money_back() -> None:
    """After a bust the account is worth what it would be without the fill."""
    house = House(account_terms=account(commission_per_lot=Decimal(1)))
    house.quote(100, 100)
    fill = house.buy(2)[-1]
    house.quote(110, 110)
    house.broker.hand.bust(LOGIN, fill.exec_id, house.now)
    (told,) = house.told()
    assert (told.exec_type, told.ref_exec_id) == (ExecType.TRADE_CANCEL, fill.exec_id)
    assert (told.ord_status, told.cum_qty) == (OrdStatus.CANCELED, 0)
    assert told.exec_id != fill.exec_id
    assert house.held() == 0
    assert house.books.balance == 1_000_000
    assert house.broker.answers.fills_since(LOGIN, 0) == ()
    with pytest.raises(UsageError, match="no live fill"):
        house.broker.hand.bust(LOGIN, fill.exec_id, house.now)


def test_bust_of_one_fill_of_a_working_order_leaves_it_working() -> None:
    """The order keeps its other fills; the busted quantity is not asked for again by a fill."""
    house = House(gold(levels=1))
    house.quote(100, 102, size=2)
    fill = house.buy(5, price=102)[-1]
    house.broker.hand.bust(LOGIN, fill.exec_id, house.now)
    (told,) = house.told()
    assert told.ord_status is OrdStatus.WORKING
    assert told.leaves_qty == 5


def test_correction_changes_quantity_and_price() -> None:
    """A corrected fill keeps its id; position and equity follow."""
    house = House(account_terms=account())
    house.quote(100, 100)
    fill = house.buy(4)[-1]
    house.broker.hand.correct(LOGIN, fill.exec_id, Decimal(3), Decimal(90), house.now)
    (told,) = house.told()
    assert (told.exec_type, told.last_qty, told.last_price) == (ExecType.TRADE_CORRECT, 3, 90)
    assert house.held() == 3
    assert house.broker.answers.account(LOGIN, house.now).equity == 1_000_030
    (seen,) = house.broker.answers.fills_since(LOGIN, 0)
    assert (seen.exec_id, seen.last_qty, seen.last_price) == (fill.exec_id, 3, 90)


def test_bust_of_an_entry_takes_its_stop_away() -> None:
    """A position that never was needs no guard."""
    house = priced()
    fill = house.buy(2, stop_loss=90)[1]
    house.broker.hand.bust(LOGIN, fill.exec_id, house.now)
    assert house.working == []
