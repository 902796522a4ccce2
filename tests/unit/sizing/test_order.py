from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from bascule.model.account import SizingRule
from bascule.model.enums import InstrumentKind, QtyUnit, Side
from bascule.model.ids import AccountId, Symbol, VenueSymbol
from bascule.model.instrument import Listing
from bascule.model.intent import Amount
from bascule.model.order import AccountSnapshot
from bascule.model.values import Currency, Instant
from bascule.sizing import Sized, SizeRefused, size_order

D = Decimal
EURUSD = Listing(
    symbol=Symbol("EURUSD"),
    venue_symbol=VenueSymbol("EURUSD.pro"),
    kind=InstrumentKind.FX,
    quote=Currency("USD"),
    tick_size=D("0.00001"),
    multiplier=D(100_000),
    lot_step=D("0.01"),
    min_qty=D("0.01"),
    max_qty=D(50),
    pip_size=D("0.0001"),
)
COIN = replace(EURUSD, kind=InstrumentKind.PERPETUAL, multiplier=D(1), base=Currency("BTC"))
MONEY = AccountSnapshot(
    account=AccountId("a"),
    currency=Currency("USD"),
    balance=D(100_000),
    equity=D(80_000),
    margin_used=D(0),
    free_margin=D(80_000),
    at=Instant(0),
)


def ask(
    rule: SizingRule, amount: Amount | None = None, listing: Listing = EURUSD, **changes: Any
) -> Sized | SizeRefused:
    """Size a long at 1.25 with a stop 20 pips below."""
    given: dict[str, Any] = {
        "side": Side.BUY,
        "entry": D("1.25"),
        "stop": D("1.248"),
        "account_money": MONEY,
        "initial": D(50_000),
        "quote_to_account": D(1),
        "held": D(0),
    }
    return size_order(rule, listing, signal_amount=amount, **{**given, **changes})


def lots(found: Sized | SizeRefused) -> Decimal:
    """Give the lots of a size that is no refusal."""
    assert isinstance(found, Sized), found
    return found.lots


def code(found: Sized | SizeRefused) -> str:
    """Give the code of a refusal."""
    assert isinstance(found, SizeRefused), found
    assert found.text.endswith((".", "%"))
    return found.code


SIGNAL = SizingRule(method="signal")
UNITS = [
    (QtyUnit.UNITS, "1.239", "1.23"),
    (QtyUnit.LOTS, "1.239", "1.23"),
    (QtyUnit.CURRENCY, "250000", "2.00"),
    (QtyUnit.RISK_CURRENCY, "500", "2.50"),
    (QtyUnit.RISK_PERCENT, "1", "4.00"),
    (QtyUnit.EQUITY_PERCENT, "100", "0.64"),
    (QtyUnit.BALANCE_PERCENT, "100", "0.80"),
    (QtyUnit.POSITION_PERCENT, "50", "1.50"),
]


@pytest.mark.parametrize(("unit", "value", "expected"), UNITS)
def test_every_unit_that_a_signal_may_send(unit: QtyUnit, value: str, expected: str) -> None:
    """Each unit becomes lots by its own meaning, rounded down."""
    found = ask(SIGNAL, Amount(D(value), unit), held=D("-3"))
    assert lots(found) == D(expected)
    doubled = SizingRule(method="multiplier", factor=D(2))
    assert lots(ask(doubled, Amount(D(value), unit), held=D(3))) >= 2 * D(expected)


def test_no_unit_is_left_out() -> None:
    """The table above covers the vocabulary."""
    assert {unit for unit, _, _ in UNITS} == set(QtyUnit)


def test_fixed_ignores_what_the_signal_asks() -> None:
    """A fixed rule gives its own quantity and says so."""
    found = ask(SizingRule(quantity=D("1.005")), Amount(D(9)))
    assert lots(found) == D("1.00")
    assert isinstance(found, Sized)
    assert found.words == "1 lot: the route's fixed quantity, rounded down from 1.005"


def test_multiplier_of_the_signals_quantity() -> None:
    """The signal's own quantity times the factor."""
    found = ask(SizingRule(method="multiplier", factor=D("0.5")), Amount(D(3)))
    assert isinstance(found, Sized)
    assert (found.lots, found.words) == (D("1.5"), "1.5 lots: the signal's 3 x 0.5")


BASES = [("initial", "2.50"), ("balance", "5.00"), ("equity", "4.00"), ("lower", "4.00")]


@pytest.mark.parametrize(("basis", "expected"), BASES)
def test_risk_percent_of_each_basis(basis: Any, expected: str) -> None:
    """One percent of the basis is lost at the stop."""
    rule = SizingRule(method="risk_percent", percent=D(1), basis=basis)
    assert lots(ask(rule)) == D(expected)


def test_risk_counts_slippage_and_commission() -> None:
    """Ticks of slippage and the commission of a round turn make the size smaller."""
    rule = SizingRule(
        method="risk_percent",
        percent=D(1),
        slippage_ticks=D(40),
        commission_per_lot=D(10),
    )
    found = ask(rule)
    assert isinstance(found, Sized)
    assert found.loss_per_lot == D(250)
    assert found.words == (
        "1% of 80,000 USD equity = 800.00; (20 + 4 slippage) pips x 10 + 10 = 250 a lot; 3.2 lots"
    )


def test_only_the_routes_own_maximum_cuts_what_was_asked_for() -> None:
    """It is named; the venue's decides later whether the order is refused or split."""
    assert lots(ask(SizingRule(quantity=D(80)))) == 80
    assert lots(ask(SIGNAL, Amount(D(80)))) == 80
    capped = ask(SizingRule(quantity=D(80), max_qty=D(3)))
    assert isinstance(capped, Sized)
    assert capped.words.endswith("capped by the route's maximum, from 80")
    assert lots(ask(SizingRule(method="risk_percent", percent=D(1), max_qty=D(2)))) == 2


def test_fx_lots_become_units_where_the_venue_counts_units() -> None:
    """A standard lot is 100,000 base units, also at a venue that counts single ones."""
    by_unit = replace(EURUSD, multiplier=D(1), lot_step=D(1), min_qty=D(1), max_qty=D(10_000_000))
    assert lots(ask(SIGNAL, Amount(D("0.5"), QtyUnit.LOTS), by_unit)) == 50_000


REFUSALS: list[tuple[SizingRule, Amount | None, dict[str, Any], str]] = [
    (SIGNAL, None, {}, "no_signal_quantity"),
    (SizingRule(), None, {}, "no_quantity"),
    (SIGNAL, Amount(D(-1)), {}, "no_quantity"),
    (SIGNAL, Amount(D(0), QtyUnit.CURRENCY), {}, "no_quantity"),
    (SIGNAL, Amount(D("0.009")), {}, "below_min_lot"),
    (SIGNAL, Amount(D(1), QtyUnit.LOTS), {"listing": COIN}, "lots_undefined"),
    (SIGNAL, Amount(D(1), QtyUnit.CURRENCY), {"entry": None}, "no_price"),
    (SIGNAL, Amount(D(1), QtyUnit.RISK_CURRENCY), {"entry": None}, "no_price"),
    (SIGNAL, Amount(D(9), QtyUnit.RISK_CURRENCY), {"stop": None}, "no_stop"),
    (SIGNAL, Amount(D(9), QtyUnit.RISK_CURRENCY), {"account_money": None}, "no_account_money"),
    (SIGNAL, Amount(D(1), QtyUnit.RISK_PERCENT), {"account_money": None}, "no_account_money"),
    (SIGNAL, Amount(D(1), QtyUnit.RISK_PERCENT), {"quote_to_account": None}, "missing_fx_rate"),
    (SIGNAL, Amount(D(1), QtyUnit.RISK_PERCENT), {"stop": D(2)}, "stop_wrong_side"),
    (SIGNAL, Amount(D(1), QtyUnit.EQUITY_PERCENT), {"quote_to_account": None}, "missing_fx_rate"),
    (SIGNAL, Amount(D(1), QtyUnit.EQUITY_PERCENT), {"account_money": None}, "no_account_money"),
    (SIGNAL, Amount(D(1), QtyUnit.POSITION_PERCENT), {}, "nothing_held"),
    (
        SizingRule(method="risk_percent", percent=D(1), basis="initial"),
        None,
        {"initial": None},
        "missing_basis",
    ),
]


@pytest.mark.parametrize(("rule", "amount", "changes", "expected"), REFUSALS)
def test_refusals_by_name(
    rule: SizingRule, amount: Amount | None, changes: dict[str, Any], expected: str
) -> None:
    """What cannot be sized is refused by a stable name and a sentence, never by a guess."""
    assert code(ask(rule, amount, **changes)) == expected


def test_an_account_without_equity_sizes_nothing() -> None:
    """A wiped account is refused for risk and for shares of equity."""
    wiped = replace(MONEY, equity=D(0))
    for unit in (QtyUnit.RISK_PERCENT, QtyUnit.EQUITY_PERCENT):
        found = ask(SIGNAL, Amount(D(1), unit), account_money=wiped)
        assert code(found) == "not_positive_equity"


def test_coins_are_counted_by_name() -> None:
    """A quantity of coins is told in the coin."""
    found = ask(SIGNAL, Amount(D("0.5")), COIN)
    assert isinstance(found, Sized)
    assert found.words == "0.5 BTC: the signal's 0.5"
