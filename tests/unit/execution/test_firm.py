"""What the checks of a firm's rules see, read off the state."""

from decimal import Decimal as D
from typing import Any

import msgspec
import pytest

from bascule.execution.firm import FirmSurroundings, last_reset
from bascule.execution.placing import Draft
from bascule.execution.turn import Turn
from bascule.model.enums import AccountMode, InstrumentKind, OrdType, Side
from bascule.model.event import IntentRefused, OrderRefused, ReplaceRequested
from bascule.model.intent import Amount, ClosePosition, ModifyOrder, PlaceOrder
from bascule.model.ledger import DayResult, LedgerState
from bascule.model.programme import SERVER_GMT2_GMT3, Clock, Conduct, MaxSize, Permission, Programme
from bascule.model.values import DAY, HOUR, MINUTE, SECOND, Instant
from bascule.reference.releases import Calendar, News, Release
from bascule.risk.firm import Profits, Size
from tests.unit.execution.harness import ROOMY, START, Bench, only, protection

RESET = Clock("09:00", "UTC")
PROGRAMME = Programme(id="p", firm="Firm", conduct=Conduct(reset=RESET),
                      max_size=MaxSize(contracts=D(5), micros_per_mini=10))  # fmt: skip


def bench(*accounts: str, **more: Any) -> Bench:
    """Make a bench whose accounts are under a firm."""
    made = Bench(*accounts, route={"pyramiding": 9}, **more)
    for name, spec in made.settings.accounts.items():
        made.settings.accounts[name] = msgspec.structs.replace(
            spec, programme=PROGRAMME, firm="Firm", initial_balance=D(100_000)
        )
        made.money(100_000, name)
    return made


def around(made: Bench, symbol: str = "EURUSD", **changes: Any) -> FirmSurroundings:
    """Give what stands around an entry."""
    account = changes.pop("account", "a")
    turn = Turn(made.state, made.settings, made.market, Instant(made.at))
    words: dict[str, Any] = {
        "account": made.state.accounts[account], "spec": made.settings.accounts[account],
        "listing": made.settings.listings[account][symbol], "signal": "x", "strategy": "s",
        "leg": "e", "side": Side.BUY, "quantity": D(1),
    }  # fmt: skip
    return FirmSurroundings(turn, Draft(**(words | changes)), PROGRAMME)


def buy(made: Bench, quantity: Any = 1, symbol: str = "EURUSD", **more: Any) -> None:
    """Enter, and let it fill."""
    made.quote("1.1000", symbol=symbol)
    made.say(PlaceOrder(symbol=symbol, side=Side.BUY, quantity=Amount(D(str(quantity))), **more))
    made.settle()


def test_requests_and_fills_are_counted_from_the_firms_reset() -> None:
    """An order is one, its cancel another; what was before the reset is yesterday's."""
    made = bench()
    buy(made)
    buy(made, ord_type=OrdType.LIMIT, price=D("1.05"))
    assert (around(made).requests(), around(made).fills()) == (2, 1)
    made.say(ClosePosition(symbol="EURUSD"))
    made.settle()
    assert (around(made).requests(), around(made).fills()) == (4, 2)
    made.wait(HOUR + MINUTE)
    assert (around(made).requests(), around(made).fills()) == (0, 0)


def test_entries_that_wait_have_their_fills_before_them() -> None:
    """Two have filled, and four waiting entries take eight more: of ten a day none is left.

    Before, only what had filled was counted, and any number of entries could wait.
    """
    made = bench()
    for name, spec in made.settings.accounts.items():
        rules = msgspec.structs.replace(PROGRAMME, conduct=Conduct(max_executions_per_day=10))
        made.settings.accounts[name] = msgspec.structs.replace(spec, programme=rules)
    buy(made)
    made.say(ClosePosition(symbol="EURUSD"))
    made.settle()
    waits = {"ord_type": OrdType.LIMIT, "price": D("1.05")}
    for number in range(4):
        buy(made, D(number + 1) / 100, **waits)
    assert (around(made).fills(), around(made).fills_ahead()) == (2, 8)
    asked = PlaceOrder(symbol="EURUSD", side=Side.BUY, quantity=Amount(D("0.5")), **waits)
    assert only(made.say(asked), OrderRefused).code == "fills_per_day"


@pytest.mark.parametrize(
    ("clock", "hours"),
    [
        (Clock("08:00", "UTC"), 0),
        (Clock("09:00", "UTC"), 23),
        (Clock("07:59", "UTC"), 0),
        (None, 24),
    ],
)
def test_the_firms_day_began_at_its_last_reset(clock: Clock | None, hours: int) -> None:
    """The bench begins at 08:00; a reset at that very instant begins a new day."""
    assert (START - last_reset(clock, Instant(START))) // HOUR == hours


def test_of_two_clocks_the_earlier_counts() -> None:
    """Where nobody says when a server changes, the count is never too low."""
    october = Instant(1_793_059_200 * SECOND)  # 2026-10-26 20:00 UTC, between both changes
    clock = Clock("00:00", SERVER_GMT2_GMT3)
    began = last_reset(clock, october)
    assert began == min(
        last_reset(Clock("17:00", "America/New_York"), october),
        last_reset(Clock("00:00", "Europe/Athens"), october),
    )
    assert 0 <= october - began <= DAY


def test_the_size_counts_everything_at_its_worst() -> None:
    """Held and resting on the order's side here, the larger elsewhere, micros by their part."""
    symbols = ("ESZ2026", "MESZ2026", "EURUSD")
    made = bench(symbols=symbols, contract={"kind": InstrumentKind.FUTURE})
    fx = made.settings.listings["a"]["EURUSD"]
    made.settings.listings["a"]["EURUSD"] = msgspec.structs.replace(fx, kind=InstrumentKind.FX)
    buy(made, 2, "ESZ2026")
    buy(made, 1, "ESZ2026", ord_type=OrdType.LIMIT, price=D("1.05"))
    buy(made, 5, "MESZ2026")
    buy(made, 7, "EURUSD")
    assert around(made, "ESZ2026").size() == Size(D("3.5"), D(1), True)
    assert around(made, "ESZ2026", side=Side.SELL).size() == Size(D("0.5"), D(1), True)
    assert around(made, "MESZ2026").size() == Size(D("3.5"), D("0.1"), True)
    assert around(made, "EURUSD").size() == Size(D(7), D(1), False)


def test_the_firms_size_counts_a_changed_order_once() -> None:
    """Of five contracts one is left free: three that rest may be moved, and become four.

    Before, they counted as they were and as they would be, and could not even be moved.
    """
    made = bench(symbols=("ESZ2026",), contract={"kind": InstrumentKind.FUTURE})
    stop = protection("1.0")
    buy(made, 3, "ESZ2026", ord_type=OrdType.LIMIT, price=D("1.05"), protection=stop)
    change = ModifyOrder(symbol="ESZ2026", price=D("1.06"))
    assert only(made.say(change), ReplaceRequested)
    made.settle()
    for quantity, kind in ((5, IntentRefused), (4, ReplaceRequested)):
        change = ModifyOrder(symbol="ESZ2026", quantity=Amount(D(quantity)))
        assert only(made.say(change), kind)


def test_the_other_side_is_looked_for_by_what_is_traded() -> None:
    """A micro against its mini, on another account; the account's own is no other."""
    made = bench("a", "b", symbols=("ESZ2026", "MESZ2026", "NQZ2026"))
    route = made.settings.routes[0]
    made.settings.routes = (msgspec.structs.replace(route, legs=route.legs[1:]),)
    buy(made, 1, "MESZ2026")
    assert around(made, "ESZ2026", side=Side.SELL).opposite() == (
        "account b is long MESZ2026, or has orders that may make it so"
    )
    assert around(made, "ESZ2026").opposite() == ""
    assert around(made, "NQZ2026", side=Side.SELL).opposite() == ""
    assert around(made, "MESZ2026", side=Side.SELL, account="b").opposite() == ""
    here = around(made, "MESZ2026", side=Side.SELL, account="b").opposite_here()
    assert here == "1 MESZ2026 is long here, or may come to be"


def test_a_straddle_is_found_by_the_currency_that_moves() -> None:
    """Long EURUSD and long USDJPY bet on the dollar both ways; GBPUSD long bets as EURUSD does."""
    made = bench(symbols=("EURUSD", "USDJPY", "GBPUSD"))
    buy(made)
    dollar = ("USD",)
    assert "buy of EURUSD" in around(made, "USDJPY").straddles(dollar)
    assert around(made, "GBPUSD").straddles(dollar) == ""
    assert "buy of EURUSD" in around(made, "GBPUSD", side=Side.SELL).straddles(dollar)
    assert around(made, "USDJPY").straddles(("JPY",)) == ""


def test_a_contract_stands_to_releases_by_the_firms_rule() -> None:
    """Without a rule of the firm's, by the windows in which straddles are looked for."""
    made = bench()
    soon = Instant(made.at + 4 * MINUTE)
    release = Release(soon, soon, "CPI", "USD", "high")
    made.settings.news = News(Calendar((release,), Instant(START), Instant(START + DAY)))
    assert around(made).news().state == "inside"
    made.settings.news = None
    assert around(made).news().state == "unknown"


def test_holding_times_are_remembered_of_exits_that_no_stop_made() -> None:
    """From the last entry on; what protects leaves at its own hour and counts for nothing."""
    made = bench()
    buy(made)
    made.wait(90 * SECOND)
    made.say(ClosePosition(symbol="EURUSD"))
    made.settle()
    assert around(made).holding().durations == [90 * SECOND]
    buy(made, protection=protection("1.0900"))
    made.wait(SECOND)
    (stop,) = made.state.accounts["a"].orders
    made.venue.fill(stop, price="1.0900")
    made.settle()
    assert around(made).holding().durations == [90 * SECOND]


def test_an_exit_knows_when_its_entry_was() -> None:
    """A stop or an entry asks for nothing of that kind."""
    made = bench()
    buy(made)
    entered = made.at
    made.wait(MINUTE)
    assert around(made, leg="x", side=Side.SELL).holding().entered == entered
    assert around(made, leg="s", side=Side.SELL).holding().entered is None
    assert around(made).holding().entered is None


def test_profits_are_told_by_the_firms_days() -> None:
    """Today's and those of the other days; the last close for tiers. Before a ledger, nothing."""
    made = bench()
    account = made.state.accounts["a"]
    account.ledger = None
    assert around(made).profits() is None
    account.ledger = LedgerState(
        at=Instant(made.at), initial=D(100_000), balance=D(103_000), equity=D(103_000),
        eod=D(102_000),
    )  # fmt: skip
    account.results = {
        "2026-01-02": DayResult(D(2_000), True),
        "2026-01-05": DayResult(D(1_000), True),
    }
    assert around(made).profits() == Profits(D(1_000), D(2_000), D(102_000), D(2_000))
    made.at += DAY
    assert around(made).profits() == Profits(D(0), D(3_000), D(102_000), D(2_000))


def test_capital_behind_a_strategy_is_summed_over_the_firms_accounts() -> None:
    """Another firm's account, and one that follows nothing, are not counted."""
    made = bench("a", "b", "c")
    other = msgspec.structs.replace(made.settings.accounts["c"], firm="Other")
    made.settings.accounts["c"] = other
    assert around(made).allocated() == 200_000
    route = made.settings.routes[0]
    made.settings.routes = (msgspec.structs.replace(route, legs=route.legs[:1]),)
    assert around(made).allocated() == 100_000


@pytest.mark.parametrize(
    ("own", "firms", "refused"),
    [(1, 100, "max_order_size"), (100, 1, "programme_size"), (100, 100, "")],
)
def test_a_programme_tightens_the_users_limits_and_loosens_none(
    own: int, firms: int, refused: str
) -> None:
    """Both are held to; whichever is stricter refuses."""
    made = bench(limits=msgspec.structs.replace(ROOMY, max_order_qty=D(own)))
    rules = Programme(id="p", firm="Firm", max_size=MaxSize(lots=D(firms)))
    spec = made.settings.accounts["a"]
    made.settings.accounts["a"] = msgspec.structs.replace(spec, programme=rules)
    made.quote("1.1000")
    events = made.say(PlaceOrder(symbol="EURUSD", side=Side.BUY, quantity=Amount(D(2))))
    codes = [event.code for event in events if isinstance(event, OrderRefused)]
    assert codes == ([refused] if refused else [])


def test_a_live_account_opens_nothing_on_another_owners_signal() -> None:
    """The source is what counts; a close on it passes, and so does the owner's own entry.

    Before, another's source could change what the owner's own had placed.
    """
    made = Bench(mode=AccountMode.LIVE, route={"pyramiding": 9})
    asked = Instant(made.at - DAY)
    permission = Permission(
        policy="yes", asked=asked, expires=Instant(made.at + DAY), evidence="an email"
    )
    conduct = Conduct(copying_others="prohibited")
    made.settings.accounts["a"] = msgspec.structs.replace(
        made.settings.accounts["a"], firm="Firm", owner="me", others={"tips": "Bob"},
        programme=Programme(id="p", firm="Firm", conduct=conduct), permission=permission,
        initial_balance=D(100_000),
    )  # fmt: skip
    made.quote("1.1000")
    made.money(100_000)
    entry = PlaceOrder(symbol="EURUSD", side=Side.BUY, quantity=Amount(D(1)))
    refused = only(made.say(entry, source="tips"), OrderRefused)
    assert refused.code == "copies_others"
    assert refused.text == (
        "the signal came from source tips, whose signals are Bob's, and Firm's word on copying "
        'others is "prohibited" (p). Would pass: a signal of the account owner\'s own'
    )
    rests = msgspec.structs.replace(entry, ord_type=OrdType.LIMIT, price=D("1.05"), label="l")
    made.say(rests, source="mine")
    made.settle()
    change = ModifyOrder(symbol="EURUSD", label="l", quantity=Amount(D(5)))
    assert only(made.say(change, source="tips"), IntentRefused).code == "copies_others"
    assert only(made.say(change, source="mine"), ReplaceRequested)
    made.say(entry, source="mine")
    made.settle()
    assert made.net() == 1
    made.say(ClosePosition(symbol="EURUSD"), source="tips")
    made.settle()
    assert made.net() == 0
