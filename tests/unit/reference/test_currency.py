from decimal import Decimal

from bascule.model.ids import VenueSymbol
from bascule.model.instrument import Quote
from bascule.model.values import ONE, SECOND, Instant
from bascule.reference import NoRate, Rate, rate

NOW = Instant(1_000 * SECOND)
MINUTE = 60 * SECOND


def quotes(**pairs: tuple[str, str, int]) -> dict[str, Quote]:
    """Make quotes from (bid, ask, age in seconds)."""
    return {
        name: Quote(VenueSymbol(name), Decimal(bid), Decimal(ask), Instant(NOW - age * SECOND))
        for name, (bid, ask, age) in pairs.items()
    }


def test_same_currency_is_one() -> None:
    """A currency in itself needs no quote."""
    assert rate("USD", "USD", {}, NOW, MINUTE) == Rate(ONE, "same currency", NOW)


def test_direct_takes_the_ask() -> None:
    """A loss in euros costs dollars at the ask, the larger side."""
    found = rate("EUR", "USD", quotes(EURUSD=("1.0900", "1.0902", 1)), NOW, MINUTE)
    assert isinstance(found, Rate)
    assert (found.value, found.via) == (Decimal("1.0902"), "EURUSD")


def test_inverse_takes_one_over_the_bid() -> None:
    """A loss in yen costs dollars at the bid, again the larger side."""
    found = rate("JPY", "USD", quotes(USDJPY=("155.20", "155.22", 1)), NOW, MINUTE)
    assert isinstance(found, Rate)
    assert found.value == 1 / Decimal("155.20")


def test_a_cross_goes_through_one_pivot() -> None:
    """Francs become pounds through the dollar, each leg at its larger side, as old as the older."""
    known = quotes(USDCHF=("0.8800", "0.8802", 5), GBPUSD=("1.2500", "1.2502", 9))
    found = rate("CHF", "GBP", known, NOW, MINUTE)
    assert isinstance(found, Rate)
    assert found.value == (1 / Decimal("0.8800")) * (1 / Decimal("1.2500"))
    assert found.at == NOW - 9 * SECOND
    assert found.via == "USDCHF inverse, GBPUSD inverse"


def test_a_missing_rate_is_never_one() -> None:
    """Without a quote there is no rate, and the answer says so."""
    found = rate("SEK", "USD", quotes(EURUSD=("1.09", "1.09", 1)), NOW, MINUTE)
    assert isinstance(found, NoRate)
    assert found.code == "missing_fx_rate"
    assert "SEK to USD" in found.text


def test_a_stale_rate_is_no_rate() -> None:
    """A quote older than allowed is named and not used; a fresh cross still is."""
    old = quotes(EURUSD=("1.09", "1.09", 61))
    found = rate("EUR", "USD", old, NOW, MINUTE)
    assert isinstance(found, NoRate)
    assert "older than 60 s: EURUSD" in found.text
    assert isinstance(rate("EUR", "USD", old, NOW, 61 * SECOND), Rate)
    crossed = old | quotes(EURGBP=("0.86", "0.86", 1), GBPUSD=("1.26", "1.26", 1))
    assert isinstance(rate("EUR", "USD", crossed, NOW, MINUTE), Rate)


def test_a_quote_without_a_price_is_not_used() -> None:
    """An empty side of the book is no rate."""
    assert isinstance(rate("EUR", "USD", quotes(EURUSD=("0", "0", 1)), NOW, MINUTE), NoRate)
    assert isinstance(rate("JPY", "USD", quotes(USDJPY=("0", "150", 1)), NOW, MINUTE), NoRate)
