"""Random firms: programmes of every kind of rule, and the accounts that are under them.

Drawn from a generator of their own, so that a scenario without a programme is what it was before
there were any.
"""

from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from bascule.execution.turn import Settings
from bascule.model.account import AccountSpec, RiskLimits
from bascule.model.enums import AccountMode
from bascule.model.programme import (
    SERVER_GMT2_GMT3,
    Clock,
    Conduct,
    Consistency,
    DailyLoss,
    FlatRule,
    Guard,
    HoldTime,
    IdeaRule,
    Limit,
    Lock,
    MaxLoss,
    MaxSize,
    NewsRule,
    Permission,
    Programme,
    StopLossRule,
    Trail,
)
from bascule.model.values import DAY, MINUTE, SECOND, Currency, Instant
from bascule.reference.releases import Calendar, News, Release
from bascule.sim.core.distributions import (
    FIRM,
    FOREIGN_MONEY,
    LIVE,
    OTHERS,
    OWN_LOSS,
    PORTFOLIO,
    UNDER_FIRM,
    Dice,
)
from bascule.sim.core.world import INITIAL, USD

_ZONES = (
    "UTC",
    "America/New_York",
    "Europe/Prague",
    "Asia/Tokyo",
    "Australia/Sydney",
    SERVER_GMT2_GMT3,
)
SERVER = "Europe/Athens"
_TARGETS = ("USD", "EUR")


def programme_of(dice: Dice, began: Instant) -> Programme:
    """Draw a firm's rules for an account of 100,000; its days end soon after ``began``."""
    has = {name: dice.random() < chance for name, chance in FIRM.items()}
    if not has["daily_loss"] and not has["max_loss"]:
        has["daily_loss"] = True
    reset = _clock(dice, began)
    return Programme(
        id=f"firm/{dice.randrange(1_000)}",
        firm="Firm",
        phase="evaluation",
        daily_loss=_daily(dice, reset) if has["daily_loss"] else None,
        max_loss=_whole(dice, began) if has["max_loss"] else None,
        consistency=Consistency(Decimal(dice.choice((5, 30))), "net", "le")
        if has["consistency"]
        else None,
        news=NewsRule(20, 20, dice.choice(("open", "open_or_close", "flat")), _TARGETS[:1])
        if has["news"]
        else None,
        flat=_flat(dice, began) if has["flat"] else None,
        max_size=MaxSize(lots=Decimal(dice.choice((2, 4, 8)))) if has["max_size"] else None,
        hold_time=_hold(dice) if has["hold_time"] else None,
        stop_loss=StopLossRule(max_risk_pct=dice.choice((None, Decimal(1))))
        if has["stop_loss"]
        else None,
        idea=IdeaRule(Decimal(dice.choice(("0.3", "1"))), merge_s=dice.choice((0, 60)))
        if has["idea"]
        else None,
        conduct=_conduct(dice, has["conduct"]),
        guard=Guard(
            block_at=Decimal(dice.choice((50, 75))),
            flatten_at=Decimal(dice.choice((80, 90))),
            pretrade_buffer_pct=Decimal(dice.choice((0, 10))),
            request_reserve=3,
            flat_before_news=dice.random() < 0.3,
            refuse_past_useful=dice.random() < 0.7,
        ),
    )


def _clock(dice: Dice, began: Instant) -> Clock:
    """Draw a clock that strikes within minutes, or at a usual hour."""
    name = dice.choice(_ZONES)
    if dice.random() < 0.25:
        return Clock(dice.choice(("00:00", "17:00", "22:00", "02:30")), name)
    return Clock(_wall(began + dice.randint(1, 3) * MINUTE, name), name)


@lru_cache(maxsize=4_096)
def _wall(at: int, name: str) -> str:
    zone = ZoneInfo(SERVER if name == SERVER_GMT2_GMT3 else name)
    return f"{datetime.fromtimestamp(at // SECOND, zone):%H:%M}"


def _limit(dice: Dice, *percents: str) -> Limit:
    if dice.random() < 0.3:
        return Limit(amount=Decimal(dice.choice((400, 1_500, 3_000))))
    return Limit(pct=Decimal(dice.choice(percents)), of=dice.choice(("initial", "reference")))


def _daily(dice: Dice, reset: Clock) -> DailyLoss:
    return DailyLoss(
        limit=_limit(dice, "0.5", "1", "2", "4"),
        reference=dice.choice(("balance", "equity", "higher", "initial", "day_peak_equity")),
        measured_on="balance" if dice.random() < 0.1 else "equity",
        trigger=dice.choice(("below", "at_or_below")),
        on_breach=dice.choice(("pause", "fail")),
        reset=None if dice.random() < 0.1 else reset,
    )


def _whole(dice: Dice, began: Instant) -> MaxLoss:
    trails = dice.random() < 0.7
    at_close = dice.random() < 0.4
    trail = Trail(
        on=dice.choice(("equity", "balance")),
        when="eod" if at_close else "intraday",
        eod=_clock(dice, began) if at_close and dice.random() < 0.5 else None,
    )
    return MaxLoss(
        limit=_limit(dice, "1", "2", "4"),
        kind="trailing" if trails else "static",
        trail=trail if trails else None,
        lock=Lock(Decimal(dice.choice((0, 100)))) if trails and dice.random() < 0.5 else None,
        measured_on="equity",
        trigger=dice.choice(("below", "at_or_below")),
        on_breach="fail",
    )


def _flat(dice: Dice, began: Instant) -> FlatRule:
    """Nothing held from minutes after the start, for a quarter of an hour."""
    name = dice.choice(("UTC", "America/New_York", "Europe/Prague"))
    due = began + dice.randint(1, 4) * MINUTE
    return FlatRule(
        overnight="prohibited",
        weekend="allowed",
        time=_wall(due, name),
        reopen=_wall(due + 15 * MINUTE, name),
        tz=name,
        buffer_min=dice.choice((0, 0, 1)),
    )


def _hold(dice: Dice) -> HoldTime:
    if dice.random() < 0.5:
        return HoldTime(min_hold_s=Decimal(dice.choice((10, 60))))
    return HoldTime(min_share_over_pct=Decimal(50), over_s=Decimal(dice.choice((5, 30))))


def _conduct(dice: Dice, strict: bool) -> Conduct:
    if not strict:
        return Conduct(same_account_hedge="allowed", cross_account_hedge="allowed")
    return Conduct(
        max_requests_per_day=dice.choice((None, 8, 20)),
        max_executions_per_day=dice.choice((None, 4, 10)),
        same_account_hedge=dice.choice(("allowed", "prohibited")),
        cross_account_hedge=dice.choice(("allowed", "prohibited", "unknown")),
        max_allocation=dice.choice((None, Decimal(50_000))),
    )


def news_of(dice: Dice, began: Instant) -> News:
    """Draw a calendar with releases in the minutes after ``began``; sometimes there is none."""
    if dice.random() < 0.1:
        return News(fault="it could not be read")
    releases = []
    for number in range(dice.randint(1, 2)):
        at = Instant(began + dice.randint(5, 200) * SECOND)
        currency = dice.choice(_TARGETS)
        releases.append(Release(at, at, f"Release {number}", currency, "high"))
    releases.sort(key=lambda one: one.at)
    return News(Calendar(tuple(releases), began, Instant(began + 2 * DAY)))


class Opening(Struct, frozen=True):
    """How an account begins at its venue: its balance, and its commission for one lot."""

    balance: Decimal
    per_lot: Decimal


def regulated(settings: Settings, dice: Dice, began: Instant) -> Settings:
    """Put accounts under firms and under limits on their loss, and some scenarios under more."""
    accounts = {name: _under(dice, spec, began) for name, spec in settings.accounts.items()}
    portfolio = {}
    if dice.random() < PORTFOLIO:
        portfolio["all"] = RiskLimits(
            max_position_qty=dice.choice((None, Decimal(4), Decimal(8))),
            max_notional=dice.choice((None, Decimal(500_000))),
            max_margin=dice.choice((None, Decimal(10_000))),
            margin_percent=Decimal(2),
        )
    return replace(
        settings,
        accounts=accounts,
        news=news_of(dice, began),
        limits=portfolio,
        portfolio_currency=USD,
    )


def opening_of(dice: Dice) -> Opening:
    """Draw how an account begins: it may have traded before."""
    balance = dice.choice((INITIAL, INITIAL, Decimal(98_900), Decimal(101_200)))
    return Opening(balance, Decimal(dice.choice(("0", "2.5", "7"))))


def _under(dice: Dice, spec: AccountSpec, began: Instant) -> AccountSpec:
    limits = spec.limits
    if limits.probation_signals and dice.random() < 0.5:
        limits = replace(limits, probation="approval")
    if dice.random() < UNDER_FIRM:
        return _live(dice, replace(spec, limits=limits, programme=programme_of(dice, began)), began)
    if dice.random() < OWN_LOSS:
        kind = dice.choice(("max_daily_loss", "max_drawdown", "max_daily_loss_percent"))
        amount = Decimal(1) if kind.endswith("percent") else Decimal(dice.choice((500, 1_500)))
        limits = replace(limits, **{kind: amount})
    elif dice.random() < FOREIGN_MONEY:
        limits = replace(limits, max_order_value=INITIAL)
        return replace(spec, limits=limits, currency=Currency("EUR"))
    return replace(spec, limits=limits)


def _live(dice: Dice, spec: AccountSpec, began: Instant) -> AccountSpec:
    if spec.mode is not AccountMode.PAPER or dice.random() >= LIVE:
        return spec
    asked = Instant(began - DAY)
    permission = Permission(
        policy=dice.choice(("yes", "no")),
        asked=asked,
        expires=Instant(began + DAY),
        evidence="a letter",
        answered_by="Firm",
        how="letter",
    )
    return replace(
        spec,
        mode=AccountMode.LIVE,
        owner="ada",
        permission=permission if dice.random() < 0.8 else None,
        others={"sim": "bob"} if dice.random() < OTHERS else {},
    )
