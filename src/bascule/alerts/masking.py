"""Keeps amounts of money out of free text, for engine and guardian alike."""

import re
from decimal import Decimal
from functools import cache

from bascule.alerts.alert import AlertPlan, Shown
from bascule.model.ids import AccountId


def masked(said: str, plan: AlertPlan, account: str = "") -> str:
    """Write free text so that no amount of money is in it, unless all detail is wanted.

    Args:
        said: the text.
        plan: says how much may be told, and what percent are of.
        account: whose money it speaks of; '' where that is not known.
    """
    if plan.detail == "full":
        return said
    basis = plan.accounts.get(AccountId(account), Shown(currency="")).basis

    def percent(found: re.Match[str]) -> str:
        amount = Decimal(re.sub("[,']", "", next(part for part in found.groups() if part)))
        return f"{amount / basis * 100:.2f} %" if basis else "(an amount)"

    return _money(frozenset(one.currency for one in plan.accounts.values())).sub(percent, said)


@cache
def _money(currencies: frozenset[str]) -> re.Pattern[str]:
    """Find an amount: a number beside one of these currencies, or behind a sign of money."""
    word = "|".join(map(re.escape, sorted(one for one in currencies if one))) or "USD"
    number = r"-?\d[\d,']*(?:\.\d+)?"
    return re.compile(rf"({number})\s?(?:{word})\b|\b(?:{word})\s?({number})|[$€£]({number})")
