"""An account that does not trade is told of before its firm closes it, and nothing is traded."""

from decimal import Decimal as D

from msgspec.structs import replace

from bascule.execution.duties import has_duties
from bascule.execution.state import dump
from bascule.model.enums import AccountMode, Side
from bascule.model.event import AccountIdle, OrderRequested
from bascule.model.intent import Amount, PlaceOrder
from bascule.model.programme import Inactivity, Programme
from bascule.model.values import DAY, HOUR, SECOND
from tests.unit.execution.harness import EURUSD, START, Bench, every, only


def bench(mode: AccountMode = AccountMode.PAPER, *, ready: bool = True) -> Bench:
    """An account whose firm closes it after 30 days without a trade."""
    made = Bench(mode=mode, ready=ready)
    programme = Programme(id="p", firm="Firm", inactivity=Inactivity(30))
    spec = made.settings.accounts["a"]
    made.settings.accounts["a"] = replace(spec, programme=programme, firm="Firm")
    return made


def test_it_is_told_five_days_before_and_daily_until_something_trades() -> None:
    """Counted from when the account was first seen, then from its last fill."""
    made = bench()
    assert has_duties(made.settings)
    assert not every(made.wait(25 * DAY - SECOND), AccountIdle)
    told = only(made.wait(SECOND), AccountIdle)
    assert (told.last_trade, told.closes_at) == (START, START + 30 * DAY)
    assert told.text == (
        "nothing has traded since 2026-01-05: the firm closes the account on 2026-02-04 08:00 UTC "
        "unless something does"
    )
    assert not every(made.wait(23 * HOUR), AccountIdle)
    assert every(made.wait(HOUR), AccountIdle)
    made.quote("1.1")
    made.money(100_000)
    made.say(PlaceOrder(symbol=EURUSD, side=Side.BUY, quantity=Amount(D(1))))
    made.settle()
    assert made.net() == 1
    assert not every(made.wait(DAY), AccountIdle)
    assert made.replay() == dump(made.state)


def test_nothing_is_traded_to_begin_the_days_anew() -> None:
    """After the last day it is said that the account is closed by the firm's rule."""
    made = bench()
    for _ in range(31):
        made.wait(DAY)
    assert not every(made.events, OrderRequested)
    last = every(made.events, AccountIdle)[-1]
    assert last.text.startswith("nothing has traded for 30 days: by the firm's rule")
    assert len(every(made.events, AccountIdle)) == 7


def test_a_shadow_account_and_one_that_does_not_agree_are_told_of_too() -> None:
    """The firm's days run on whatever the link does."""
    assert every(bench(AccountMode.SHADOW).wait(26 * DAY), AccountIdle)
    assert every(bench(ready=False).wait(26 * DAY), AccountIdle)


def test_a_restart_tells_it_once_a_day_still() -> None:
    """When it was last told is folded from the journal."""
    made = bench()
    assert every(made.wait(25 * DAY), AccountIdle)
    made.begin()
    assert not every(made.wait(HOUR), AccountIdle)
    assert every(made.wait(23 * HOUR), AccountIdle)
