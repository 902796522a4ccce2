"""Amounts of money stay out of what is told outside."""

from decimal import Decimal

import pytest

from bascule.alerts.alert import AlertPlan, Shown
from bascule.alerts.masking import masked
from bascule.model.ids import AccountId

PLAN = AlertPlan(
    accounts={
        AccountId("euro"): Shown(currency="EUR", basis=Decimal(50_000)),
        AccountId("dollar"): Shown(currency="USD"),
    }
)


@pytest.mark.parametrize(
    ("said", "account", "told"),
    [
        ("lost 1,250.00 EUR today", "euro", "lost 2.50 % today"),
        ("lost EUR -500", "euro", "lost -1.00 %"),
        ("lost €500 and 100EUR", "euro", "lost 1.00 % and 0.20 %"),
        ("worth 12'500 EUR", "euro", "worth 25.00 %"),
        ("lost 1,250.00 EUR today", "dollar", "lost (an amount) today"),
        ("lost $40 or 40 USD", "dollar", "lost (an amount) or (an amount)"),
        ("lost 1,250.00 EUR today", "", "lost (an amount) today"),
        ("3 orders on EURUSD refused, 20 pips", "euro", "3 orders on EURUSD refused, 20 pips"),
    ],
)
def test_money_is_told_in_percent_or_not_at_all(said: str, account: str, told: str) -> None:
    """In each account's own currency, beside it or behind a sign, and nothing else is touched."""
    assert masked(said, PLAN, account) == told


def test_full_detail_leaves_a_text_as_it_is() -> None:
    """Whoever asks for everything is told everything."""
    plan = AlertPlan(detail="full", accounts=PLAN.accounts)
    assert masked("lost 1,250.00 EUR", plan, "euro") == "lost 1,250.00 EUR"


def test_without_any_account_dollars_are_masked_all_the_same() -> None:
    """There is always some word to look for."""
    assert masked("lost 40 USD", AlertPlan()) == "lost (an amount)"
    assert masked("12 orders", AlertPlan()) == "12 orders"
