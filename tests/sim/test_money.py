"""The truth about money that the core simulation is held against is itself held to something."""

from datetime import UTC, datetime
from decimal import Decimal as D
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bascule.model.account import AccountSpec
from bascule.model.enums import AccountMode
from bascule.model.ids import AccountId, PositionId, VenueId, VenueSymbol
from bascule.model.programme import (
    SERVER_GMT2_GMT3,
    Clock,
    DailyLoss,
    Limit,
    Lock,
    MaxLoss,
    Programme,
    Trail,
)
from bascule.model.values import MINUTE, SECOND, Currency, Instant
from bascule.sim.core import bank as bank_module
from bascule.sim.core import office as office_module
from bascule.sim.core.bank import Bank
from bascule.sim.core.distributions import Chances
from bascule.sim.core.office import Office, meanings, office_of, strike_after
from bascule.sim.core.world import CONTRACT, ELSEWHERE, START, TICK

EUR = VenueSymbol("EURUSD.x")
ACCOUNT = AccountId("a")
ONE = (EUR, PositionId(""))


def at(text: str, zone: str = "UTC") -> Instant:
    """Read a wall clock."""
    shown = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
    return Instant(int(shown.timestamp()) * SECOND)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(("", "p1", "p2")), st.integers(-5, 5).filter(bool), st.integers(1, 99)
        )
    ),
    st.integers(1, 99),
)
def test_what_an_account_is_worth_is_what_went_in_less_what_went_out(
    trades: list[tuple[str, int, int]], last: int
) -> None:
    """However positions are averaged, closed and turned: money in, and what is left at the end."""
    price = {EUR: D(last) / 100}
    bank = Bank(price)
    bank.open(ACCOUNT, D(100_000), D(7))
    cash, lots = D(100_000), {"": D(0), "p1": D(0), "p2": D(0)}
    for position, quantity, cents in trades:
        fee = abs(quantity) * D(7)
        bank.traded(ACCOUNT, (EUR, PositionId(position)), D(quantity), D(cents) / 100, fee)
        cash -= quantity * D(cents) / 100 * CONTRACT + fee
        lots[position] += quantity
    for lot in lots.values():
        cash += lot * (price[EUR] + (TICK if lot < 0 else 0)) * CONTRACT
    assert abs(bank.worth(ACCOUNT)[1] - cash) < D("0.0000001")


def test_a_fee_and_an_open_loss_are_both_lost() -> None:
    """The balance knows of the fee alone."""
    price = {EUR: D("1.1000")}
    bank = Bank(price)
    bank.open(ACCOUNT, D(1_000), D(0))
    bank.traded(ACCOUNT, ONE, D(1), D("1.1010"))
    bank.charge(ACCOUNT, D(25))
    assert bank.worth(ACCOUNT) == (975, 875)
    assert list(bank.holders(EUR)) == [ACCOUNT]


@pytest.mark.parametrize(
    ("clock", "after", "strikes"),
    [
        (("00:00", "Europe/Prague"), at("2026-03-28T23:00:00"), at("2026-03-29T22:00:00")),
        (("00:00", "Europe/Prague"), at("2026-03-28T22:59:59"), at("2026-03-28T23:00:00")),
        (("17:00", "America/New_York"), at("2026-10-31T21:00:00"), at("2026-11-01T22:00:00")),
        (("02:30", "UTC"), at("2026-01-05T02:30:00"), at("2026-01-06T02:30:00")),
        (("09:00", "Asia/Tokyo"), at("2026-01-05T00:00:00"), at("2026-01-06T00:00:00")),
    ],
)
def test_a_clock_strikes_by_its_own_wall(
    clock: tuple[str, str], after: Instant, strikes: Instant
) -> None:
    """Days of 23 and 25 hours among them; never at the instant itself."""
    assert strike_after(clock, after) == strikes


def test_what_nobody_says_may_mean_more_than_one_thing() -> None:
    """A server's clock changes with the US or with the EU; an unknown day is any of the usual."""
    assert meanings(Clock("00:00", SERVER_GMT2_GMT3)) == (
        ("17:00", "America/New_York"),
        ("00:00", "Europe/Athens"),
    )
    assert len(meanings(None)) == 4
    assert meanings(Clock("17:00", "UTC")) == (("17:00", "UTC"),)


def test_a_day_is_measured_from_what_the_account_was_worth_as_it_began() -> None:
    """And its loss is forgotten with it."""
    daily = DailyLoss(Limit(D(5), "initial"), "higher", "equity", "below", "pause", Clock())
    office = Office(daily, None, ("00:00", "UTC"), None, D(100_000), at("2026-01-05T08:00:00"))
    office.start(D(100_000))
    office.see(at("2026-01-05T09:00:00"), D(98_000), D(97_000))
    (line,) = office.lines()
    assert (line.used, line.allowance) == (3_000, 5_000)
    office.see(at("2026-01-06T00:00:01"), D(98_000), D(96_000))
    (line,) = office.lines()
    assert (line.used, office.reference) == (2_000, 98_000)
    assert office.day_began(at("2026-01-06T12:00:00")) == at("2026-01-06T00:00:00")
    assert not office.failed
    office.see(at("2026-01-06T00:00:02"), D(98_000), D(90_000))
    assert not office.failed, "this rule pauses"


def test_a_trailing_floor_follows_and_stops_at_its_lock() -> None:
    """It rises with the peak, never falls, and goes no further than the start."""
    whole = MaxLoss(
        Limit(amount=D(2_000)), "trailing", Trail("equity", "intraday"), Lock(D(0)), "equity"
    )
    office = Office(None, whole, None, None, D(100_000), START)
    office.start(D(100_000))
    floors = []
    for equity in (101_000, 99_500, 105_000, 100_500):
        office.see(Instant(START + SECOND), D(100_000), D(equity))
        floors.append(office.floor)
    assert floors == [99_000, 99_000, 100_000, 100_000]
    office.see(Instant(START + 2 * SECOND), D(100_000), D(99_999))
    assert office.failed


def test_a_floor_of_the_close_moves_at_the_close_alone() -> None:
    """By what the account was worth then, whatever it had been in between."""
    whole = MaxLoss(Limit(amount=D(2_000)), "trailing", Trail("equity", "eod"), None, "equity")
    close = ("17:00", "America/New_York")
    office = Office(None, whole, None, close, D(100_000), at("2026-01-05T21:00:00"))
    office.start(D(100_000))
    office.see(at("2026-01-05T21:30:00"), D(100_000), D(103_000))
    office.see(at("2026-01-05T21:59:59"), D(100_000), D(101_000))
    assert office.floor == 98_000
    office.see(at("2026-01-05T22:00:01"), D(100_000), D(100_100))
    assert office.floor == 99_000


def test_where_closed_results_count_an_open_gain_hides_none() -> None:
    """And what is open is lost too, once it is closed."""
    daily = DailyLoss(Limit(D(1), "initial"), "balance", "balance", "below", "fail", Clock())
    office = Office(daily, None, ("00:00", "UTC"), None, D(100_000), at("2026-01-05T08:00:00"))
    office.start(D(100_000))
    office.see(at("2026-01-05T09:00:00"), D(98_900), D(100_100))
    (line,) = office.lines()
    assert line.is_passed
    assert (line.used, line.worst) == (-100, 1_100)
    office.see(at("2026-01-05T09:00:01"), D(100_000), D(99_500))
    (line,) = office.lines()
    assert not line.is_passed
    assert (line.used, line.worst) == (500, 500)


def test_a_close_of_which_nobody_knows_the_hour_may_be_any_moment() -> None:
    """The firm means one hour, and an engine has to heed them all."""
    whole = MaxLoss(Limit(amount=D(2_000)), "trailing", Trail("equity", "eod"), None, "equity")
    spec = AccountSpec(
        id=ACCOUNT, venue=VenueId("v"), login="1", mode=AccountMode.PAPER, currency=Currency("USD"),
        programme=Programme(id="firm", max_loss=whole), initial_balance=D(100_000),
    )  # fmt: skip
    office = office_of(spec, START, Chances(1, {}))
    assert office is not None
    office.start(D(100_000))
    office.see(Instant(START + SECOND), D(100_000), D(101_500))
    assert [one.floor for one in office.all()] == [98_000, 99_500]


def test_the_truth_shares_no_code_with_what_it_judges() -> None:
    """Neither the bank nor the office imports the engine's reckoning of money or of days."""
    for module in (bank_module, office_module):
        text = Path(str(module.__file__)).read_text(encoding="utf-8")
        for part in ("risk.programmes", "execution", "reference.localtime"):
            assert f"bascule.{part}" not in text


def test_scenarios_begin_where_days_and_clocks_change() -> None:
    """Within four minutes of each start a wall clock somewhere strikes a usual hour, or jumps."""
    zones = [ZoneInfo(name) for name in ("America/New_York", "Europe/Prague")]
    for start in ELSEWHERE:
        assert start % MINUTE == 0
        before = datetime.fromtimestamp(start // SECOND, UTC)
        after = datetime.fromtimestamp((start + 4 * MINUTE) // SECOND, UTC)
        jumps = [before.astimezone(z).utcoffset() != after.astimezone(z).utcoffset() for z in zones]
        hours = [before.astimezone(z).hour != after.astimezone(z).hour for z in zones]
        assert any(jumps) or any(hours)
