from datetime import date

import pytest

from bascule.reference.calendars import business_days
from bascule.reference.contracts import products
from bascule.reference.expiry import RULES
from bascule.reference.localtime import local

KNOWN = {
    "ESZ2026": "2026-12-18",
    "ESM2024": "2024-06-21",
    "ESM2026": "2026-06-18",  # the third Friday is Juneteenth
    "ESM2027": "2027-06-17",  # Juneteenth is kept on the third Friday
    "6EZ2026": "2026-12-14",
    "6CZ2026": "2026-12-15",
    "VXZ2026": "2026-12-16",
    "VXH2025": "2025-03-18",  # 30 days later is Good Friday
    "ZCZ2026": "2026-12-14",
    "ZNZ2026": "2026-12-21",
    "ZFZ2026": "2026-12-31",
    "GCZ2026": "2026-12-29",
    "CLF2027": "2026-12-21",  # the 25th is Christmas Day
    "CLZ2026": "2026-11-20",
    "MCLF2027": "2026-12-18",
    "NGF2027": "2026-12-29",
    "QGF2027": "2026-12-28",
    "RBF2027": "2026-12-31",
    "BTCZ2026": "2026-12-24",  # the last Friday is Christmas Day
    "BRNG2027": "2026-12-30",  # not the business day before New Year's Day
    "BRNN2027": "2027-05-28",  # 31 May is a bank holiday in London
    "SR3Z2026": "2027-03-16",
    "FGBLZ2026": "2026-12-08",
    "CTZ2024": "2024-12-06",
    "KCZ2024": "2024-12-18",
    "CCZ2024": "2024-12-13",
    "GFX2026": "2026-11-19",
    "HEZ2026": "2026-12-14",
    "MHGZ2026": "2026-11-25",
    "NKDZ2026": "2026-12-10",
}


@pytest.mark.parametrize(("symbol", "last_day"), KNOWN.items())
def test_last_trading_day(symbol: str, last_day: str) -> None:
    """Each rule gives the known last trading day, also when a holiday moves it."""
    product = products()[symbol[:-5]]
    contract = product.by_symbol[symbol]
    assert local(contract.expires, product.last_zone).date() == date.fromisoformat(last_day)


def test_every_rule_of_the_table_is_known() -> None:
    """No product names a rule without code, and no rule is left that no product uses."""
    assert {product.rule for product in products().values()} == set(RULES)


def test_every_contract_expires_on_a_business_day_before_its_month_ends_plus_a_quarter() -> None:
    """Expiries lie on business days, in order, from three months before to four after the month."""
    for product in products().values():
        expiries = [c.expires for c in product.contracts.values()]
        assert expiries == sorted(expiries), product.root
        for contract in product.contracts.values():
            day = local(contract.expires, product.last_zone).date()
            months = (day.year - contract.year) * 12 + day.month - contract.month
            assert product.days.is_open(day), contract.symbol
            assert -3 < months < 4, contract.symbol


def test_counting_business_days_skips_weekends_and_holidays() -> None:
    """Counting goes strictly before or after, over Thanksgiving and the weekend."""
    us = business_days("us")
    assert us.before(date(2026, 11, 30), 1) == date(2026, 11, 27)
    assert us.before(date(2026, 11, 30), 2) == date(2026, 11, 25)
    assert us.before(date(2026, 11, 26), 0) == date(2026, 11, 26)
    assert us.last_of(2026, 12) == date(2026, 12, 31)
    assert us.nth_of(2027, 1, 1) == date(2027, 1, 4)
    assert us.at_or_after(date(2026, 12, 25)) == date(2026, 12, 28)


def test_calendars_together_are_closed_when_either_is() -> None:
    """``us uk`` is closed on Thanksgiving and on Easter Monday."""
    both = business_days("us uk")
    assert not both.is_open(date(2026, 11, 26))
    assert not both.is_open(date(2026, 4, 6))
    assert business_days("us").is_open(date(2026, 4, 6))
