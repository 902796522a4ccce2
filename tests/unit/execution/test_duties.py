"""What a firm's rules make the engine do by itself, and what it must not do twice."""

from datetime import datetime
from decimal import Decimal as D
from itertools import accumulate
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from bascule.execution.duties import RETRY_NS, STEADY
from bascule.model.enums import AccountMode, OrdType, PositionMode, Side
from bascule.model.event import OrderRefused, SignalAccepted
from bascule.model.intent import Amount, ClosePosition, PlaceOrder
from bascule.model.programme import FlatRule, Guard, NewsRule, Programme
from bascule.model.values import HOUR, MINUTE, SECOND, Instant
from bascule.reference.releases import Calendar, News, Release
from tests.unit.execution.harness import START, Bench, protection

NEW_YORK = "America/New_York"
TOPSTEP = FlatRule(overnight="prohibited", weekend="prohibited", time="15:10", reopen="17:00",
                   tz="America/Chicago", buffer_min=30)  # fmt: skip
RELEASE = Instant(START + HOUR)
NEWS = News(
    Calendar(
        (Release(RELEASE, RELEASE, "CPI", "USD", "high"),),
        read_at=Instant(START),
        covers=Instant(START + 24 * HOUR),
    )
)


def bench(*accounts: str, rules: dict[str, Any] | None = None, **more: Any) -> Bench:
    """Make a bench whose accounts are under a programme."""
    made = Bench(*accounts, ready=False, **more)
    programme = Programme(id="p", firm="Firm", **(rules or {"flat": TOPSTEP}))
    for name, spec in made.settings.accounts.items():
        made.settings.accounts[name] = msgspec.structs.replace(
            spec, programme=programme, firm="Firm", initial_balance=D(100_000)
        )
    for name in made.accounts:
        made.look(name)
        made.money(100_000, name)
    return made


def at(made: Bench, text: str, tz: str = "America/Chicago") -> list[Any]:
    """Let time pass until a wall clock of Monday shows ``text``."""
    moment = datetime.fromisoformat(f"2026-01-05T{text}").replace(tzinfo=ZoneInfo(tz))
    return made.wait(int(moment.timestamp()) * SECOND - made.at)


def entry(**more: Any) -> PlaceOrder:
    """Ask for one lot."""
    return PlaceOrder(symbol="EURUSD", side=Side.BUY, quantity=Amount(D(1)), **more)


def opened(made: Bench, **more: Any) -> Bench:
    """Hold one lot on each account."""
    made.say(entry(**more))
    made.settle()
    return made


def net(made: Bench, account: str = "a") -> D:
    """Give what the venue says the account holds."""
    return made.venue.net.get((account, "EURUSD.x"), D(0))


def sweeps(made: Bench) -> list[SignalAccepted]:
    """Give what the engine did by itself."""
    return [
        event
        for event in made.events
        if isinstance(event, SignalAccepted) and event.source == "programme"
    ]


def test_the_engine_makes_an_account_flat_before_the_flat_time() -> None:
    """Thirty minutes before 15:10 in Chicago, and not a second earlier."""
    made = opened(bench())
    at(made, "14:39:59")
    made.settle()
    assert net(made) == 1
    at(made, "14:40:00")
    made.settle()
    assert net(made) == 0
    (told,) = sweeps(made)
    assert told.raw == (
        "Firm on a: the firm wants accounts flat by 15:10 America/Chicago; EURUSD is cleared"
    )


def test_stops_stay_until_the_close_is_on_its_way() -> None:
    """What protected the position is gone once it is, and not before."""
    made = opened(bench(), protection=protection("1.0900"))
    assert [order.leg for order in made.state.accounts["a"].orders.values()] == ["s"]
    at(made, "14:40:00")
    made.settle()
    assert net(made) == 0
    assert not made.state.accounts["a"].orders


def test_entries_are_asked_back_with_it() -> None:
    """A resting order would open what may not be held."""
    made = bench()
    made.say(entry(ord_type=OrdType.LIMIT, price=D("1.0500")))
    made.settle()
    at(made, "14:40:00")
    made.settle()
    assert not made.state.accounts["a"].orders
    assert net(made) == 0


def test_nothing_is_opened_from_then_until_the_market_opens_again() -> None:
    """The refusal says from when on it would pass."""
    made = bench()
    at(made, "15:00:00")
    (refused,) = [one for one in made.say(entry()) if isinstance(one, OrderRefused)]
    assert refused.code == "flat_window"
    at(made, "17:00:00")
    assert not [one for one in made.say(entry()) if isinstance(one, OrderRefused)]


def test_what_is_under_way_is_not_done_twice() -> None:
    """Many looks while the close is on its way make one sweep."""
    made = opened(bench())
    at(made, "14:40:00")
    for _ in range(100):
        made.wait(SECOND)
    assert len(sweeps(made)) == 1
    made.settle()
    made.wait(MINUTE)
    assert len(sweeps(made)) == 1


def test_a_close_that_the_venue_refused_is_tried_again() -> None:
    """After a while, for as long as something is held."""
    made = opened(bench())
    made.venue.refuses = lambda order: "busy"
    at(made, "14:40:00")
    made.settle()
    assert net(made) == 1
    made.venue.refuses = lambda order: ""
    made.wait(RETRY_NS)
    made.settle()
    assert net(made) == 0
    assert len(sweeps(made)) == 2


def test_what_the_venue_goes_on_refusing_is_tried_ever_more_seldom() -> None:
    """A market that is closed refuses all night, and the firm counts what is asked of it.

    Before, it was asked each half a minute, and each time a person was told: 2,880 times a day.
    """
    made = opened(bench())
    made.venue.refuses = lambda order: "closed"
    at(made, "14:40:00")
    made.settle()
    for _ in range(3600):
        made.wait(SECOND)
        made.settle()
    pauses = [RETRY_NS] * STEADY + [RETRY_NS * 2**times for times in range(1, 6)]
    assert [one.received_at - sweeps(made)[0].at for one in sweeps(made)] == [
        0, *accumulate(pauses)
    ]  # fmt: skip
    made.venue.refuses = lambda order: ""
    at(made, "15:49:00")
    made.settle()
    assert net(made) == 0


def test_what_comes_after_a_close_that_came_about_waits_for_nothing() -> None:
    """A hand trades where nothing may be held, again and again: it is closed at the next look."""
    made = opened(bench())
    at(made, "14:40:00")
    made.settle()
    for _ in range(5):
        made.wait(SECOND)
        made.venue.by_hand("a", Side.BUY, 1)
        made.settle()
        made.wait(SECOND)
        made.settle()
        assert net(made) == 0


def test_a_contract_that_cannot_be_closed_holds_up_no_other() -> None:
    """Less than can be traded of one stands; another whose hour has come is closed in time."""
    made = opened(bench(symbols=("EURUSD", "GBPUSD")))
    made.venue.by_hand("a", Side.SELL, "0.995")
    made.settle()
    at(made, "14:40:00")
    made.settle()
    for _ in range(600):
        made.wait(SECOND)
        made.settle()
    made.venue.by_hand("a", Side.BUY, 1, "GBPUSD")
    made.settle()
    made.wait(SECOND)
    made.settle()
    assert made.venue.net["a", "GBPUSD.x"] == 0


def test_only_the_account_under_the_rule_is_cleared() -> None:
    """Another firm's account goes on."""
    made = bench("a", "b")
    made.settings.accounts["b"] = msgspec.structs.replace(
        made.settings.accounts["b"], programme=None
    )
    opened(made)
    at(made, "14:40:00")
    made.settle()
    assert (net(made, "a"), net(made, "b")) == (0, 1)


def test_what_was_opened_by_hand_is_closed_too() -> None:
    """The firm counts it like any other position."""
    made = bench()
    made.venue.by_hand("a", Side.SELL, 2)
    made.settle()
    at(made, "14:40:00")
    made.settle()
    assert net(made) == 0


def test_positions_on_both_sides_are_closed_each() -> None:
    """A hedge nets to nothing, and is held all the same."""
    made = bench(position_mode=PositionMode.HEDGING, reduce_only=False)
    made.venue.by_hand("a", Side.BUY, 1)
    made.venue.by_hand("a", Side.SELL, 1)
    made.settle()
    assert net(made) == 0
    at(made, "14:40:00")
    made.settle()
    assert not any(made.venue.lots.values())
    assert len(sweeps(made)) == 1


def test_nothing_is_done_before_the_account_agrees_with_its_venue() -> None:
    """After a restart within the span it is done as soon as a look has passed."""
    made = opened(bench())
    at(made, "14:39:00")
    made.begin()
    at(made, "14:45:00")
    made.settle()
    assert net(made) == 1
    made.look()
    made.wait(SECOND)
    made.settle()
    assert net(made) == 0


def test_a_shadow_account_is_left_alone() -> None:
    """Nothing is ever sent for it."""
    made = bench(mode=AccountMode.SHADOW)
    made.venue.by_hand("a", Side.BUY, 1)
    made.settle()
    at(made, "14:40:00")
    assert not sweeps(made)


def test_an_account_without_a_programme_costs_nothing() -> None:
    """It is not even looked at."""
    made = opened(Bench())
    made.wait(HOUR)
    assert made.market.duties == {}


# --- news ---------------------------------------------------------------------------------------


def newsy(scope: Any, **guard: Any) -> Bench:
    """Hold a lot, and rest an entry, an hour before a release."""
    rules = {"news": NewsRule(120, 120, scope), "guard": Guard(**guard)}
    made = bench(rules=rules, route={"pyramiding": 5})
    made.settings.news = NEWS
    opened(made)
    made.quote("1.1000")
    made.say(entry(ord_type=OrdType.LIMIT, price=D("1.0500")))
    made.settle()
    return made


@pytest.mark.parametrize(
    ("scope", "guard", "held"),
    [("open_or_close", {}, 1), ("flat", {}, 0), ("open_or_close", {"flat_before_news": True}, 0)],
)
def test_no_entry_rests_over_a_release(scope: Any, guard: dict[str, Any], held: int) -> None:
    """What is held goes too where the firm wants that, or the owner chose it."""
    made = newsy(scope, **guard)
    made.wait(HOUR - 151 * SECOND)
    made.settle()
    assert len(made.state.accounts["a"].orders) == 1
    made.wait(SECOND)
    made.settle()
    assert not made.state.accounts["a"].orders
    assert net(made) == held
    assert sweeps(made)[0].raw.endswith("EURUSD is cleared")


def test_a_release_of_another_currency_touches_nothing() -> None:
    """EURUSD does not move with the yen."""
    made = newsy("flat")
    jpy = Release(RELEASE, RELEASE, "Rate", "JPY", "high")
    made.settings.news = News(Calendar((jpy,), Instant(START), Instant(START + 24 * HOUR)))
    made.wait(HOUR)
    made.settle()
    assert net(made) == 1


def test_a_stale_calendar_blocks_entries_and_closes_nothing() -> None:
    """What nobody knows is no reason to take a position away."""
    made = newsy("flat")
    made.settings.news = None
    made.wait(HOUR)
    made.settle()
    assert net(made) == 1
    (refused,) = [one for one in made.say(entry()) if isinstance(one, OrderRefused)]
    assert refused.code == "news_blackout"


def test_inside_a_window_nothing_is_opened_and_an_exit_passes() -> None:
    """An exit that reduces meets none of a firm's rules."""
    made = newsy("open_or_close")
    made.wait(HOUR - 60 * SECOND)
    made.settle()
    (refused,) = [one for one in made.say(entry()) if isinstance(one, OrderRefused)]
    assert refused.code == "news_blackout"
    made.say(ClosePosition(symbol="EURUSD"))
    made.settle()
    assert net(made) == 0


# --- what the checks see ------------------------------------------------------------------------


def refusals(events: list[Any]) -> list[str]:
    """Give the codes with which orders were refused."""
    return [event.code for event in events if isinstance(event, OrderRefused)]


def test_the_two_sides_of_a_hedge_on_two_accounts_are_refused() -> None:
    """One account is long; the other may not go short, and may go long."""
    made = bench("a", "b", rules={"flat": None})
    made.settings.routes = tuple(
        msgspec.structs.replace(
            made.settings.routes[0], id=name, strategy=name,
            legs=(made.settings.routes[0].legs[number],),
        )
        for number, name in enumerate(("a", "b"))
    )  # fmt: skip
    made.say(entry(), strategy="a")
    made.settle()
    short = PlaceOrder(symbol="EURUSD", side=Side.SELL, quantity=Amount(D(1)))
    assert refusals(made.say(short, strategy="b")) == ["hedging"]
    own = made.settings.accounts["b"]
    made.settings.accounts["b"] = msgspec.structs.replace(own, programme=None, firm="")
    assert refusals(made.say(short, strategy="b")) == ["hedging"]
    made.settings.accounts["b"] = own
    assert refusals(made.say(entry(), strategy="b")) == []


def test_a_live_account_under_a_firm_without_permission_opens_nothing() -> None:
    """Its exits pass: positions that are there can be closed."""
    made = opened(bench(rules={"flat": None}, native_bracket=True, route={"pyramiding": 9}))
    paper = made.settings.accounts["a"]
    made.settings.accounts["a"] = msgspec.structs.replace(paper, mode=AccountMode.LIVE)
    assert refusals(made.say(entry())) == ["firm_policy"]
    assert net(made) == 1
    assert refusals(made.say(ClosePosition(symbol="EURUSD"))) == []
    made.settle()
    assert net(made) == 0
