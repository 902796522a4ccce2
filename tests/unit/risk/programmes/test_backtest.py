from decimal import Decimal

from bascule.model.event import (
    AccountMarked,
    CashFlowRecorded,
    Event,
    LinkChanged,
)
from bascule.model.order import AccountSnapshot
from bascule.model.programme import CashFlow, Clock, DailyLoss, Limit, Programme
from bascule.model.values import HOUR, Instant
from bascule.risk.programmes.backtest import backtest
from bascule.risk.programmes.ledger import Levels

START = Instant(1_767_603_600_000_000_000)
"""2026-01-05, 09:00 UTC."""
RULES = Programme(
    id="firm",
    daily_loss=DailyLoss(
        Limit(pct=Decimal(5), of="initial"), "balance", "equity", "below", "fail", Clock()
    ),
    cashflow=CashFlow("shift", "keep"),
)
LEVELS = Levels((("block", Decimal(75)), ("flatten", Decimal(90))))


def marked(hour: int, balance: int, equity: int, account: str = "a") -> Event:
    """Tell an account's money, so many hours after the start."""
    at = Instant(START + hour * HOUR)
    snapshot = AccountSnapshot(
        account=account,
        currency="USD",
        balance=Decimal(balance),
        equity=Decimal(equity),
        margin_used=Decimal(0),
        free_margin=Decimal(0),
        at=at,
    )
    return AccountMarked(at=at, account=account, snapshot=snapshot)


def test_the_past_shows_where_it_would_have_tripped() -> None:
    """Block, flatten and the line itself, with their times; nothing is looked at after the end."""
    past = [
        marked(0, 100_000, 100_000),
        marked(1, 100_000, 90_000, "b"),
        LinkChanged(at=START, account="a", up=True),
        marked(1, 100_000, 96_200),
        marked(2, 100_000, 95_400),
        marked(3, 100_000, 94_000),
        marked(4, 100_000, 99_000),
    ]
    found = backtest(RULES, LEVELS, "a", past)
    assert [(trip.what, (trip.at - START) // HOUR) for trip in found.trips] == [
        ("block", 1), ("flatten", 2), ("fail", 3)
    ]  # fmt: skip
    assert (found.marks, found.ended, found.worst["daily_loss"]) == (4, START + 3 * HOUR, 120)


def test_cash_in_the_past_is_no_loss() -> None:
    """A payout that was recorded moves the reference, and the day's result is not touched."""
    payout = CashFlowRecorded(
        at=Instant(START + 2 * HOUR), account="a", flow="payout", amount=Decimal(-3_000), by="me"
    )
    past = [
        marked(0, 100_000, 100_000),
        marked(1, 97_000, 97_000),
        payout,
        marked(3, 96_000, 96_000),
    ]
    found = backtest(RULES, LEVELS, "a", past)
    assert found.trips == ()
    assert found.ledger is not None
    assert (found.ledger.days[0].reference, found.ledger.profit) == (97_000, -1_000)


def test_a_journal_without_money_says_so() -> None:
    """Nothing was told of the account: nothing is known."""
    found = backtest(RULES, LEVELS, "a", [payout_first()])
    assert (found.marks, found.since, found.worst) == (0, None, {})


def payout_first() -> Event:
    """Record cash before anything was marked."""
    return CashFlowRecorded(at=START, account="a", flow="fee", amount=Decimal(-1), by="me")
