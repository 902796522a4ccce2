"""A firm's own reckoning of one account: its days, references, floors and lines.

This is what the engine's ledger is held against, so it shares no code with it: clocks are read off
the zone database here, and floors follow from balance and equity at the venue alone.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import TypeAlias
from zoneinfo import ZoneInfo

from msgspec import Struct

from bascule.model.account import AccountSpec, RiskLimits
from bascule.model.programme import SERVER_GMT2_GMT3, Clock, DailyLoss, Limit, MaxLoss, Trail
from bascule.model.values import DAY, SECOND, Instant
from bascule.sim.core.distributions import Chances
from bascule.sim.core.firms import SERVER

_HUNDRED = Decimal(100)
_TO_NEW_YORK = timedelta(hours=7)
UNKNOWN_DAYS = (
    ("00:00", "UTC"),
    ("17:00", "America/New_York"),
    ("00:00", "Europe/Prague"),
    ("00:00", "Etc/GMT-3"),
)
"""When the days of firms usually begin: one of them is meant where nobody says which."""


_Clock: TypeAlias = tuple[str, str]


class Line(Struct, frozen=True):
    """How an account stands to one rule by the firm's own books.

    ``used`` counts what is open; ``closed`` does not, and is given where the firm counts closed
    results alone.
    """

    rule: str
    used: Decimal
    allowance: Decimal
    closed: Decimal | None = None

    @property
    def worst(self) -> Decimal:
        """The larger of the two: what is open becomes a result when it is closed."""
        return self.used if self.closed is None else max(self.used, self.closed)

    @property
    def is_passed(self) -> bool:
        """Whether more is used up than is allowed."""
        return self.worst > self.allowance


def meanings(clock: Clock | None) -> tuple[tuple[str, str], ...]:
    """Give the times and zones that a written clock may mean."""
    if clock is None:
        return UNKNOWN_DAYS
    if clock.tz != SERVER_GMT2_GMT3:
        return ((clock.time, clock.tz),)
    hour, minute = (int(part) for part in clock.time.split(":"))
    shifted = datetime(2000, 1, 2, hour, minute) - _TO_NEW_YORK
    return ((f"{shifted:%H:%M}", "America/New_York"), (clock.time, SERVER))


def strike_after(meaning: tuple[str, str], at: int) -> Instant:
    """Give when a zone's clock next shows a time, later than ``at``."""
    today = at // DAY
    return next(
        found for day in range(today - 2, today + 5) if (found := _strike(meaning, day)) > at
    )


@lru_cache(maxsize=4_096)
def _strike(meaning: tuple[str, str], day: int) -> Instant:
    """Give when a zone's clock shows a time on a date, told in days since 1970."""
    wall, name = meaning
    hour, minute = (int(part) for part in wall.split(":"))
    midnight = datetime(1970, 1, 1, tzinfo=ZoneInfo(name)) + timedelta(days=day)
    return Instant(int(midnight.replace(hour=hour, minute=minute).timestamp()) * SECOND)


class Office:
    """One firm's books of one account.

    ``day`` and ``close`` are what its clocks really mean; ``unsure``: the day that is written may
    mean another one too, and nobody has said which. ``others`` are the offices of all that was
    written may mean besides, which an engine has to heed as well.
    ``top`` is the equity or balance that a trailing floor follows, ``reference`` what today's loss
    is measured from. ``due`` is the next instant at which a clock strikes.
    """

    def __init__(
        self,
        daily: DailyLoss | None,
        whole: MaxLoss | None,
        day: tuple[str, str] | None,
        close: tuple[str, str] | None,
        initial: Decimal,
        began: Instant,
        *,
        unsure: bool = False,
    ) -> None:
        self.daily, self.whole = daily, whole
        self.day, self._close, self.unsure = day, close, unsure
        self.initial = self.balance = self.equity = initial
        self.reference = self.top = initial
        self.floor: Decimal | None = None
        self.others: list[Office] = []
        self.failed = False
        """Whether a line was crossed that ends the account for its firm."""
        self.due = self._next(began)
        self.struck: Instant | None = None
        """When today began; None until a clock has struck."""

    def all(self) -> list["Office"]:
        """Give this office and those of what else its rules may mean."""
        return [self, *self.others]

    def start(self, balance: Decimal) -> None:
        """Take over an account as it is: flat, and with so much closed."""
        for one in self.others:
            one.start(balance)
        self.balance = self.equity = balance
        if self.daily is not None and self.daily.reference != "initial":
            self.reference = balance
        self.top = max(self.initial, balance)
        self._lift()

    def ruled(self, daily: DailyLoss | None, whole: MaxLoss | None) -> None:
        """Go on under other rules of the same kinds: a floor that was reached stays."""
        for one in self.others:
            one.ruled(daily, whole)
        self.daily = daily if self.daily is not None else None
        self.whole = whole if self.whole is not None else None
        self._lift()

    def _next(self, at: int) -> Instant | None:
        clocks = [one for one in (self.day, self._close) if one is not None]
        return min((strike_after(one, at) for one in clocks), default=None)

    def day_ends(self, at: int) -> Instant | None:
        """Give when the firm's day ends; None for a firm without days."""
        return strike_after(self.day, at) if self.day is not None else None

    def day_began(self, at: int) -> int:
        """Give when the firm's day began; a day ago for a firm without days."""
        if self.day is None:
            return at - DAY
        found = strike_after(self.day, at - 2 * DAY)
        while (later := strike_after(self.day, found)) <= at:
            found = later
        return found

    def see(self, at: Instant, balance: Decimal, equity: Decimal) -> None:
        """Take note of the account's worth from an instant on."""
        for one in self.others:
            one.see(at, balance, equity)
        self.pass_to(at)
        self.balance, self.equity = balance, equity
        daily, whole = self.daily, self.whole
        if daily is not None and daily.reference == "day_peak_equity":
            self.reference = max(self.reference, equity)
        if whole is not None and whole.kind == "trailing" and self._close is None:
            self._follow()
        self._judge()

    def pass_to(self, at: int) -> None:
        """Let the clocks strike that are due by an instant, at the worth of before."""
        for one in self.others:
            one.pass_to(at)
        while self.due is not None and self.due <= at:
            now = self.due
            self.due = self._next(now)
            if self.day is not None and strike_after(self.day, now - 1) == now:
                self._begin_day(now)
            if self._close is not None and strike_after(self._close, now - 1) == now:
                self._follow()
            self._judge()

    def _judge(self) -> None:
        for line in self.lines():
            pauses = self.daily is not None and self.daily.on_breach == "pause"
            if line.worst >= line.allowance and not (line.rule == "daily_loss" and pauses):
                self.failed = True

    def _begin_day(self, at: Instant) -> None:
        daily = self.daily
        if daily is None:
            return
        self.struck = at
        kind = daily.reference
        if kind == "balance":
            self.reference = self.balance
        elif kind in ("equity", "day_peak_equity"):
            self.reference = self.equity
        elif kind == "initial":
            self.reference = self.initial
        else:
            self.reference = max(self.balance, self.equity)

    def _follow(self) -> None:
        assert self.whole is not None
        on = self.whole.trail.on if self.whole.trail is not None else "equity"
        self.top = max(self.top, self.balance if on == "balance" else self.equity)
        self._lift()

    def _lift(self) -> None:
        whole = self.whole
        if whole is None:
            return
        floor = self.top - self.allowed(whole.limit, self.top)
        if whole.kind == "static":
            floor = self.initial - self.allowed(whole.limit, self.initial)
        elif whole.lock is not None:
            floor = min(floor, self.initial + whole.lock.initial_plus)
        self.floor = floor if self.floor is None else max(self.floor, floor)

    def allowed(self, limit: Limit, reference: Decimal) -> Decimal:
        """Give the permitted loss in money."""
        if limit.pct is None:
            assert limit.amount is not None
            return limit.amount
        base = self.initial if limit.of == "initial" else reference
        return base * limit.pct / _HUNDRED

    def lines(self, equity: Decimal | None = None) -> list[Line]:
        """Say how much of each allowance is used up; ``equity``: if it were worth so much."""
        equity = self.equity if equity is None else equity
        found = []
        if self.daily is not None:
            allowance = self.allowed(self.daily.limit, self.reference)
            by_balance = self.daily.measured_on == "balance"
            closed = self.reference - self.balance if by_balance else None
            found.append(Line("daily_loss", self.reference - equity, allowance, closed))
        if self.whole is not None and self.floor is not None:
            base = self.initial if self.whole.kind == "static" else self.top
            allowance = self.allowed(self.whole.limit, base)
            found.append(Line("max_loss", allowance - (equity - self.floor), allowance))
        return found


def office_of(spec: AccountSpec, began: Instant, chances: Chances) -> Office | None:
    """Open a firm's office for an account, or its owner's; None where no rule limits its loss."""
    programme, limits = spec.programme, spec.limits
    if programme is None:
        daily, whole = own_rules(limits)
    else:
        daily, whole = programme.daily_loss, programme.max_loss
    if daily is None and whole is None:
        return None
    day = _meant(meanings(daily.reset), chances, f"day {spec.id}") if daily is not None else None
    days: tuple[_Clock | None, ...] = meanings(daily.reset) if daily is not None else (None,)
    trail = whole.trail if whole is not None and whole.kind == "trailing" else None
    close, closes = None, days
    if trail is not None and trail.when == "eod":
        close = day
        if trail.eod is not None or day is None:
            close = _meant(meanings(trail.eod), chances, f"close {spec.id}")
            closes = meanings(trail.eod) if trail.eod is not None else (None,)
    else:
        closes = (None,)
    initial = spec.initial_balance
    assert initial is not None
    office = Office(daily, whole, day, close, initial, began, unsure=len(days) > 1)
    # A close of which nobody knows the hour may be any moment.
    office.others = [
        Office(daily, whole, one, other, initial, began)
        for one in days
        for other in closes
        if (one, other) != (day, close)
    ]
    return office


def _meant(
    choices: tuple[tuple[str, str], ...], chances: Chances, what: str
) -> tuple[str, str]:  # fmt: skip
    return choices[chances.between(0, len(choices), what)]


def own_rules(limits: RiskLimits) -> tuple[DailyLoss | None, MaxLoss | None]:
    """Read an owner's own limits as the documentation says that they are read."""
    daily = whole = None
    if limits.max_daily_loss is not None or limits.max_daily_loss_percent is not None:
        limit = Limit(limits.max_daily_loss_percent, "reference", limits.max_daily_loss)
        daily = DailyLoss(limit, "higher", "equity", "at_or_below", "pause", Clock())
    if limits.max_drawdown is not None:
        limit = Limit(None, "reference", limits.max_drawdown)
        whole = MaxLoss(limit, "trailing", Trail("equity", "intraday"))
    return daily, whole
