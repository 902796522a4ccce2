"""Limits in force through decide: tighter at once, looser after a person and a reset; and latches.

Also what stands around an order as the state has it: references, budgets, sums over all accounts.
"""

from decimal import Decimal as D
from typing import Any

import pytest
from msgspec.structs import replace

from bascule.execution import inputs as inp
from bascule.execution.evolve import evolve
from bascule.execution.limits import next_reset, pending
from bascule.execution.state import dump
from bascule.execution.turn import Turn
from bascule.model.account import AccountSpec, RiskLimits
from bascule.model.enums import AccountMode, ExecType, OrdType, Side, StopMode
from bascule.model.event import (
    IntentRefused,
    LimitsChanged,
    OrderRefused,
    OrderRequested,
    ReplaceRequested,
    StopSet,
)
from bascule.model.instrument import Quote
from bascule.model.intent import Amount, ClosePosition, ModifyOrder, PlaceOrder
from bascule.model.order import NewOrder, Refused
from bascule.model.programme import Clock, DailyLoss, Limit, Programme
from bascule.model.values import DAY, HOUR, MINUTE, SECOND, Instant
from bascule.risk.limits import LOOSEST
from tests.unit.execution.harness import EURUSD, ROOMY, Bench, every, listing, only, protection


def buy(quantity: Any = 1, **more: Any) -> PlaceOrder:
    """Ask for a buy of EURUSD."""
    words = {"symbol": EURUSD, "side": Side.BUY, "quantity": Amount(D(str(quantity)))}
    return PlaceOrder(**{**words, **more})


def sell(quantity: Any = 1, **more: Any) -> PlaceOrder:
    """Ask for a sell of EURUSD."""
    return buy(quantity, side=Side.SELL, **more)


def refused(events: list[Any]) -> str:
    """Give the code of the one refusal."""
    return str(only(events, OrderRefused).code)


def spec_of(bench: Bench, **changes: Any) -> None:
    """Change the configuration of account ``a``, as an edited file does."""
    bench.settings.accounts["a"] = replace(bench.settings.accounts["a"], **changes)


def limited(**limits: Any) -> RiskLimits:
    """Give limits in nobody's way but for these."""
    return replace(ROOMY, **limits)


def many(strategies: int = 1) -> dict[str, Any]:
    """Let a book take any number of entries."""
    return {"pyramiding": 1_000 * strategies}


# --- the journal of limits ------------------------------------------------------------------------


def test_the_first_start_takes_the_file_as_it_is() -> None:
    """There was nothing before; the change is journaled with who and why."""
    bench = Bench(limits=limited(max_order_qty=D(5)))
    change = only(bench.events, LimitsChanged)
    assert (change.scope, change.before, change.by) == ("account:a", None, "configuration")
    assert change.after.max_order_qty == D(5) and change.effective_at == change.at
    assert not pending(bench.state, bench.settings, bench.at)


def test_a_tighter_file_holds_at_once() -> None:
    """A restart with it journals before and after, and the next order meets it."""
    bench = Bench(limits=limited(max_order_qty=D(5)))
    spec_of(bench, limits=limited(max_order_qty=D(3)))
    change = only(bench.begin(), LimitsChanged)
    assert change.before is not None and change.before.max_order_qty == D(5)
    assert (change.after.max_order_qty, change.effective_at) == (D(3), change.at)
    bench.look()
    assert refused(bench.say(buy(4))) == "max_order_size"
    assert not pending(bench.state, bench.settings, bench.at)


def test_a_looser_file_waits_for_a_person_and_the_reset() -> None:
    """Neither a restart nor time alone puts it in force; the acceptance does, at midnight UTC."""
    bench = Bench(limits=limited(max_order_qty=D(3)))
    spec_of(bench, limits=limited(max_order_qty=D(5)))
    assert not every(bench.begin(), LimitsChanged)
    bench.look()
    [waiting] = pending(bench.state, bench.settings, bench.at)
    assert waiting.since is None and [one.looser for one in waiting.changes] == [True]
    assert refused(bench.say(buy(4))) == "max_order_size"
    bench.wait(2 * DAY)
    assert refused(bench.say(buy(4))) == "max_order_size"

    change = only(bench.feed(inp.LimitsAccepted(Instant(bench.at), "anna", "ok")), LimitsChanged)
    assert (change.by, change.why) == ("anna", "ok")
    assert change.effective_at == (bench.at // DAY + 1) * DAY
    [waiting] = pending(bench.state, bench.settings, bench.at)
    assert waiting.since == change.effective_at
    assert not bench.feed(inp.LimitsAccepted(Instant(bench.at), "anna", "again"))
    bench.wait(change.effective_at - bench.at - 1)
    assert refused(bench.say(buy(4))) == "max_order_size"
    bench.wait(1)
    assert only(bench.say(buy(4)), OrderRequested).quantity == D(4)
    assert not pending(bench.state, bench.settings, bench.at)
    assert bench.replay() == dump(bench.state)


def test_a_mixed_change_is_split() -> None:
    """What is tighter of it holds now, what is looser waits; neither undoes the other."""
    bench = Bench(limits=limited(max_order_qty=D(5), max_position_qty=D(20)))
    spec_of(bench, limits=limited(max_order_qty=D(9), max_position_qty=D(10)))
    change = only(bench.begin(), LimitsChanged)
    assert (change.after.max_order_qty, change.after.max_position_qty) == (D(5), D(10))
    [waiting] = pending(bench.state, bench.settings, bench.at)
    assert [one.name for one in waiting.changes] == ["max_order_qty"]


def test_a_file_that_is_looser_than_what_was_accepted_waits_for_a_person_again() -> None:
    """What was accepted comes all the same, at its reset; the rest of the way is not yet agreed."""
    bench = Bench(limits=limited(max_order_qty=D(3)))
    for size in (9, 12):
        spec_of(bench, limits=limited(max_order_qty=D(size)))
        bench.begin()
        [waiting] = pending(bench.state, bench.settings, bench.at)
        assert waiting.since is None
        told = bench.feed(inp.LimitsAccepted(Instant(bench.at), "anna", "ok"))
        assert only(told, LimitsChanged).after.max_order_qty == size


def test_of_two_accepted_changes_each_is_in_force_from_its_own_reset() -> None:
    """The account's from tomorrow, and its strategy's from the day after."""
    bench = Bench(limits=limited(max_order_qty=D(1)), route={"pyramiding": 9})
    for scope, now, then, days in (("account:a", 1, 5, 1), ("strategy:s", 3, 10, 2)):
        for size, since in ((now, bench.at), (then, bench.at + days * DAY)):
            change = LimitsChanged(
                at=bench.at,
                scope=scope,
                before=None,
                after=limited(max_order_qty=D(size)),
                by="anna",
                why="ok",
                effective_at=Instant(since),
            )
            evolve(bench.state, change)
    for most in (1, 3, 5):
        assert refused(bench.say(buy(most + 1))) == "max_order_size"
        assert every(bench.say(buy(most)), OrderRequested)
        bench.wait(DAY)


def test_of_two_clocks_that_a_server_may_have_the_later_loosens() -> None:
    """In March the United States have changed theirs and Europe has not: 21:00 and 22:00 UTC."""
    bench = Bench()
    noon = Instant(1_773_144_000 * SECOND)
    clock = Clock("00:00", "server_gmt2_gmt3")
    daily = DailyLoss(Limit(pct=D(5)), "balance", "equity", "below", "fail", clock)
    spec_of(bench, programme=Programme(id="firm", daily_loss=daily))
    turn = Turn(bench.state, bench.settings, bench.market, noon)
    assert next_reset(turn, "account:a") == noon + 10 * HOUR


def test_what_was_accepted_is_held_to_a_tighter_file_too() -> None:
    """The file of today says less than what was accepted yesterday: the less is what comes."""
    bench = Bench(limits=limited(max_order_qty=D(3)))
    spec_of(bench, limits=limited(max_order_qty=D(9)))
    bench.begin()
    bench.feed(inp.LimitsAccepted(Instant(bench.at), "anna", "ok"))
    spec_of(bench, limits=limited(max_order_qty=D(5)))
    bench.begin()
    known = bench.state.limits["account:a"]
    assert known.at(bench.at).max_order_qty == D(3)
    assert known.at(bench.at + DAY).max_order_qty == D(5)
    spec_of(bench, limits=limited(max_order_qty=D(2)))
    bench.begin()
    assert bench.state.limits["account:a"].at(bench.at + DAY).max_order_qty == D(2)


def test_a_table_that_is_gone_loosens_nothing_by_itself() -> None:
    """A strategy's limits stay in force when its table is deleted, until that is accepted."""
    bench = Bench(limits=ROOMY)
    bench.settings.limits["strategy:s"] = replace(LOOSEST, max_order_qty=D(2))
    bench.begin()
    bench.look()
    assert refused(bench.say(buy(3))) == "max_order_size"
    bench.settings.limits.clear()
    bench.begin()
    bench.look()
    assert refused(bench.say(buy(3))) == "max_order_size"
    bench.feed(inp.LimitsAccepted(Instant(bench.at), "anna", "ok"))
    bench.wait(DAY)
    assert only(bench.say(buy(3)), OrderRequested)


def test_looser_limits_wait_for_the_programmes_own_reset() -> None:
    """A firm's day that ends at 17:00 in New York is what they wait for."""
    reset = DailyLoss(limit=Limit(amount=D(1)), reset=Clock("17:00", "America/New_York"))
    bench = Bench(limits=limited(max_order_qty=D(3)))
    spec_of(bench, limits=ROOMY, programme=Programme(id="p", daily_loss=reset))
    bench.begin()
    change = only(bench.feed(inp.LimitsAccepted(Instant(bench.at), "anna", "ok")), LimitsChanged)
    assert (change.effective_at - bench.at) == 14 * HOUR, "08:00 UTC to 22:00 UTC in January"


@pytest.mark.parametrize("theirs", [D(2), D(9)])
def test_a_strategy_may_tighten_and_never_loosen(theirs: D) -> None:
    """The tighter of its own limit and the account's holds, for its orders alone."""
    bench = Bench(limits=limited(max_order_qty=D(5)), route=many())
    bench.settings.limits["strategy:s"] = replace(LOOSEST, max_order_qty=theirs)
    bench.begin()
    bench.look()
    most = min(theirs, D(5))
    assert only(bench.say(buy(most)), OrderRequested)
    assert refused(bench.say(buy(most + D("0.01")))) == "max_order_size"
    assert only(bench.say(buy(5), strategy="other"), OrderRequested)
    assert refused(bench.say(buy("5.01"), strategy="other")) == "max_order_size"


# --- latches, probation, runaway ------------------------------------------------------------------


def test_a_repeated_execution_halts_the_strategy_until_it_is_armed() -> None:
    """On all of its accounts; exits pass; arming begins the count anew."""
    limits = limited(repeated_executions=2, repeated_window_ns=10 * MINUTE)
    bench = Bench("a", "b", limits=limits, route=many())
    for _ in range(2):
        assert len(every(bench.say(buy()), OrderRequested)) == 2
        bench.settle()
        bench.wait(SECOND)
    events = bench.say(buy())
    assert [one.code for one in every(events, OrderRefused)] == ["repeated_execution", "halted"]
    stop = only(events, StopSet)
    assert (stop.scope, stop.mode, stop.code) == ("strategy:s", StopMode.HALT, "repeated_execution")
    bench.wait(HOUR)
    assert {one.code for one in every(bench.say(buy()), OrderRefused)} == {"halted"}
    assert len(every(bench.say(buy(), strategy="other"), OrderRequested)) == 2
    assert len(every(bench.say(ClosePosition(symbol=EURUSD)), OrderRequested)) == 2
    bench.settle()
    bench.feed(inp.ArmAsked(Instant(bench.at), "strategy:s", "anna", "looked", "s"))
    assert len(every(bench.say(buy()), OrderRequested)) == 2
    assert bench.replay() == dump(bench.state)


def test_repeats_leave_the_window_and_are_counted_by_side() -> None:
    """Slow enough is fine, and a sell does not count with buys."""
    bench = Bench(limits=limited(repeated_executions=1, repeated_window_ns=MINUTE), route=many())
    assert only(bench.say(buy()), OrderRequested)
    bench.settle()
    bench.wait(MINUTE - 1)
    bench.say(ClosePosition(symbol=EURUSD))
    bench.settle()
    assert only(bench.say(sell()), OrderRequested)
    bench.settle()
    bench.say(ClosePosition(symbol=EURUSD))
    bench.settle()
    bench.wait(1)
    assert only(bench.say(buy()), OrderRequested)


def test_the_parts_of_a_split_are_one_execution() -> None:
    """One signal counts once, however many orders it becomes."""
    limits = limited(repeated_executions=1, max_order_qty=D(1), on_oversize="split")
    bench = Bench(limits=limits)
    assert len(every(bench.say(buy(3)), OrderRequested)) == 3


def test_a_new_strategy_trades_the_smallest_order() -> None:
    """Its first signals are cut to it and say so; then it trades as its route says."""
    bench = Bench(limits=limited(probation_signals=2), route=many())
    for number in (1, 2):
        order = only(bench.say(buy(3)), OrderRequested)
        assert order.quantity == D("0.01")
        assert f"signal {number} of 2 on probation" in order.sizing
        bench.settle()
    assert only(bench.say(buy(3)), OrderRequested).quantity == D(3)
    assert only(bench.say(buy("0.01"), strategy="new"), OrderRequested).sizing.count("cut") == 0


@pytest.mark.parametrize("how", ["min_size", "approval"])
def test_an_approval_ends_probation(how: Any) -> None:
    """Before it an entry is small or none; after it any."""
    bench = Bench(limits=limited(probation_signals=5, probation=how), route=many())
    events = bench.say(buy(3))
    if how == "approval":
        assert refused(events) == "probation"
    else:
        assert only(events, OrderRequested).quantity == D("0.01")
    bench.settle()
    bench.feed(inp.StrategyApprovalGiven(Instant(bench.at), "s", "anna", "seen it work"))
    assert only(bench.say(buy(3)), OrderRequested).quantity == D(3)
    assert bench.replay() == dump(bench.state)


def test_more_entries_a_minute_than_are_usual_halt_the_account() -> None:
    """The one above the floor is the last; exits pass."""
    bench = Bench(limits=limited(runaway_per_minute=5), route=many())
    for _ in range(5):
        assert not every(bench.say(buy("0.01")), StopSet)
        bench.wait(SECOND)
    bench.settle()
    stop = only(bench.say(buy("0.01")), StopSet)
    assert (stop.scope, stop.code, stop.mode) == ("account:a", "runaway_rate", StopMode.HALT)
    assert "6 entries within a minute" in stop.reason
    assert refused(bench.say(buy("0.01"))) == "halted"
    bench.settle()
    assert only(bench.say(ClosePosition(symbol=EURUSD)), OrderRequested)


def test_a_rate_that_is_usual_is_no_runaway() -> None:
    """Above the floor, but within so many times the trailing hour."""
    bench = Bench(limits=limited(runaway_per_minute=2, runaway_factor=2), route=many())
    for _ in range(120):
        assert not every(bench.say(buy("0.01")), StopSet)
        bench.wait(30 * SECOND)
    # 120 entries within the hour are 2 a minute, and 4 are twice that.
    for _ in range(3):
        assert not every(bench.say(buy("0.01")), StopSet)
    assert only(bench.say(buy("0.01")), StopSet).code == "runaway_rate"


def rejects(bench: Bench, reason: str, code: str = "") -> None:
    """Have the venue refuse every order."""

    def refuse(order: NewOrder) -> Refused:
        return Refused(reason, code, "no", Instant(bench.at))

    bench.venue.submit = refuse  # type: ignore[method-assign,assignment]


def test_rejects_in_a_row_for_one_reason_halt_the_account() -> None:
    """So many are let be, one more halts; another reason, or one that is taken, begins anew."""
    bench = Bench(limits=limited(runaway_rejects=3), route=many())
    taken = bench.venue.submit
    for reason in ("a", "b", "b", "b", "a"):
        rejects(bench, reason)
        bench.say(buy())
        assert not every(bench.settle(), StopSet)
    bench.venue.submit = taken  # type: ignore[method-assign]
    bench.say(buy())
    assert not every(bench.settle(), StopSet)
    rejects(bench, "", code="10019")
    for _ in range(3):
        bench.say(buy())
        assert not every(bench.settle(), StopSet)
    bench.say(buy())
    stop = only(bench.settle(), StopSet)
    assert (stop.scope, stop.code) == ("account:a", "runaway_rejects")
    assert "4 orders in a row" in stop.reason and "10019" in stop.reason
    bench.feed(inp.ArmAsked(Instant(bench.at), "account:a", "anna", "paid in", "a"))
    bench.say(buy())
    assert not every(bench.settle(), StopSet)
    assert bench.replay() == dump(bench.state)


def test_a_leg_that_the_venue_never_takes_is_a_runaway() -> None:
    """A stop is refused, then the close in its stead again and again: the account is halted."""
    bench = Bench(limits=limited(runaway_submits=3, runaway_rejects=1_000), route=many())
    bench.say(buy(1, protection=protection("1.05")))
    entry = bench.venue.submit

    def only_entries(order: NewOrder) -> Any:
        if order.side is Side.SELL:
            return Refused("no", "", "no", Instant(bench.at))
        return entry(order)

    bench.venue.submit = only_entries  # type: ignore[method-assign,assignment]
    stops: list[StopSet] = []
    for _ in range(12):
        stops += every(bench.settle(), StopSet)
        stops += every(bench.wait(10 * MINUTE), StopSet)
    assert [(stop.scope, stop.code) for stop in stops] == [("account:a", "runaway_submits")]
    assert "4 times" in stops[0].reason
    closes = [one for one in every(bench.events, OrderRequested) if one.leg == "x"]
    assert len(closes) > 4, "closing goes on under the halt"


# --- what stands around an order ------------------------------------------------------------------


def test_references_come_in_their_order() -> None:
    """Quote, fill, signal, none; each only while it is fresh, and the verdict says which."""
    bench = Bench(limits=limited(price_collar_percent=D(5)), route=many())

    def source(**more: Any) -> str:
        order = only(bench.say(buy("0.01", **more)), OrderRequested)
        said = next(one.text for one in order.verdicts if one.code == "price_collar")
        return said.rpartition(",")[0].removeprefix("measured from ")

    assert source(reference_price=D("1.1")) == "the price in the signal"
    bench.settle()
    assert source() == "the last fill"
    bench.quote("1.0999", "1.1001")
    assert source(reference_price=D("1.1")) == "the venue's quote"
    bench.wait(MINUTE)
    assert source(reference_price=D("1.1")) == "the venue's quote"
    bench.wait(1)
    assert source(reference_price=D("1.1")) == "the price in the signal"


def test_a_live_entry_without_any_reference_is_refused() -> None:
    """Its own limit price is none, also where the signal repeats it; the route may let it go."""
    limit = {"ord_type": OrdType.LIMIT, "price": D("1.1"), "reference_price": D("1.1")}
    bench = Bench(mode=AccountMode.LIVE)
    assert refused(bench.say(buy(1, **limit))) == "price_collar"
    assert only(bench.say(buy(1, **{**limit, "reference_price": D("1.2")})), OrderRequested)
    lenient = Bench(mode=AccountMode.LIVE, route={"unpriced_max_qty": D("0.5")})
    assert refused(lenient.say(buy(1, **limit))) == "price_collar"
    assert only(lenient.say(buy("0.5", **limit)), OrderRequested)


def test_a_price_of_a_clock_that_runs_ahead_grows_old_all_the_same() -> None:
    """Its venue says that it is of in two minutes; a minute later it is a minute old.

    Before, no limit on a quote's age and no halved allowance came to bear for three minutes.
    """
    bench = Bench(limits=limited(max_quote_age_ns=SECOND), route=many())
    ahead = Quote("EURUSD.x", D("1.1"), D("1.1"), Instant(bench.at + 2 * MINUTE))
    bench.feed(inp.QuoteReceived(Instant(bench.at), "a", ahead))
    assert every(bench.say(buy("0.01")), OrderRequested)
    bench.wait(MINUTE)
    assert refused(bench.say(buy("0.02"))) == "stale_quote"


def test_money_is_converted_by_a_fresh_quote_of_any_account_and_never_taken_as_one() -> None:
    """A contract in yen on an account in dollars: refused without a rate, valued with one."""
    limits = limited(max_order_value=D(1_000_000))
    bench = Bench(symbols=("EURJPY", "USDJPY"), limits=limits, route=many())
    bench.settings.listings["a"]["EURJPY"] = listing("EURJPY", quote="JPY")
    bench.settings.listings["a"]["USDJPY"] = listing("USDJPY", quote="JPY", base="USD")
    order = buy(1, symbol="EURJPY")
    bench.quote(180, symbol="EURJPY")
    assert refused(bench.say(order)) == "missing_fx_rate"
    bench.quote(150, symbol="USDJPY")
    requested = only(bench.say(order), OrderRequested)
    used = next(one.used for one in requested.verdicts if one.code == "order_value")
    assert used is not None and round(used) == 120_000
    bench.wait(5 * MINUTE + 1)
    assert refused(bench.say(buy(2, symbol="EURJPY"))) == "missing_fx_rate"


def test_a_short_while_counts_what_was_sent_whatever_became_of_it() -> None:
    """A canceled and an unsent entry count as well; later they do not."""
    bench = Bench(limits=limited(short_interval_value=D(250_000)), route=many())
    bench.quote("1.1")
    assert only(bench.say(buy(1)), OrderRequested).value == D(110_000)
    bench.say(buy(1))
    assert refused(bench.say(buy(1))) == "short_interval"
    bench.wait(MINUTE)
    bench.quote("1.1")
    assert only(bench.say(buy(2)), OrderRequested)


def test_what_an_order_grows_by_counts_within_the_short_while_too() -> None:
    """Small orders that are each made ten times as large are worth as much as large ones.

    Before, nothing of a change was counted: three lots went where one and a third were allowed.
    """
    bench = Bench(limits=limited(short_interval_value=D(150_000)), route=many())
    bench.quote("1.1")
    terms = {"ord_type": OrdType.LIMIT, "price": D("1.09")}
    taken = []
    for number in range(3):
        bench.wait(SECOND)
        bench.say(buy("0.1", label=f"l{number}", **terms))
        bench.settle()
        grown = ModifyOrder(symbol=EURUSD, label=f"l{number}", quantity=Amount(D(1)))
        taken.append(bool(every(bench.say(grown), ReplaceRequested)))
        bench.settle()
    assert taken == [True, False, False]
    assert sum(order.quantity for order in bench.orders("e")) == D("1.2")
    assert bench.replay() == dump(bench.state)


def test_message_budgets_of_account_strategy_and_venue() -> None:
    """Whichever is used up refuses entries; exits go on, and cancels count."""
    bench = Bench("a", "b", limits=ROOMY, route=many())
    bench.settings.limits["venue:v"] = replace(LOOSEST, messages_per_day=6, message_reserve=2)
    bench.settings.limits["strategy:s"] = replace(LOOSEST, messages_per_day=3)
    bench.begin()
    for name in bench.accounts:
        bench.look(name)
    first = bench.say(buy("0.01"))
    assert len(every(first, OrderRequested)) == 2
    bench.settle()
    events = bench.say(buy("0.01"))
    assert [one.account for one in every(events, OrderRequested)] == ["a"]
    assert "strategy s has sent 3 messages" in only(events, OrderRefused).text
    bench.settle()
    events = bench.say(buy("0.01"), strategy="other")
    assert [one.account for one in every(events, OrderRequested)] == ["a"]
    assert "venue v has sent 4 messages" in only(events, OrderRefused).text
    assert len(every(bench.say(ClosePosition(symbol=EURUSD)), OrderRequested)) == 2
    bench.wait(DAY + MINUTE)
    assert len(every(bench.say(buy("0.01")), OrderRequested)) == 2


def test_a_position_limit_over_all_accounts_counts_each_at_its_worst() -> None:
    """Working orders of one account leave less to the next, within one signal too."""
    bench = Bench("a", "b", "c", limits=ROOMY, route=many())
    bench.settings.limits["all"] = replace(LOOSEST, max_position_qty=D(5))
    bench.begin()
    for name in bench.accounts:
        bench.look(name)
    events = bench.say(buy(2, ord_type=OrdType.LIMIT, price=D("1.0")))
    assert [one.account for one in every(events, OrderRequested)] == ["a", "b"]
    verdict = only(events, OrderRefused).verdicts[-1]
    assert (verdict.code, verdict.used, verdict.room) == ("portfolio_position_limit", D(6), D(1))
    bench.settle()
    over = every(bench.say(buy("1.01"), strategy="x"), OrderRefused)
    assert [one.code for one in over] == ["portfolio_position_limit"] * 3
    # The other side has a room of its own.
    dear = {"ord_type": OrdType.LIMIT, "price": D("1.5")}
    assert len(every(bench.say(sell("1.5", **dear), strategy="y"), OrderRequested)) == 3


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"max_position_qty": D(12)}, "portfolio_position_limit"),
        ({"max_notional": D(1_300_000)}, "portfolio_notional_limit"),
        ({"max_margin": D(1_300_000)}, "portfolio_margin_limit"),
    ],
)
def test_an_account_that_is_not_connected_since_the_start_counts(
    limits: dict[str, D], code: str
) -> None:
    """Two accounts hold five lots each; after a restart one's venue is down, and five do not fit.

    Before, what it holds counted nothing until it had listed its contracts again.
    """
    bench = Bench("a", "b", limits=ROOMY, route=many())
    bench.settings.portfolio_currency = "USD"
    bench.settings.limits["all"] = replace(LOOSEST, **limits)
    bench.begin()
    for name in bench.accounts:
        bench.look(name)
        bench.money(1_000_000, name)
    bench.quote("1.1")
    bench.say(buy(5))
    bench.settle()
    listed = bench.settings.listings.pop("b")
    bench.begin()
    bench.look("a")
    bench.quote("1.1")
    assert only(bench.say(buy("0.5")), OrderRefused).code == code
    bench.settings.listings["b"] = listed
    bench.feed(inp.LinkReported(Instant(bench.at), "b", True, "connected"))
    bench.look("b")
    bench.quote("1.1")
    assert len(every(bench.say(buy("0.5")), OrderRequested)) == 2


def test_an_account_that_is_not_connected_is_stood_against_all_the_same() -> None:
    """Its position and its resting orders are at the venue, whether it can be asked or not."""
    bench = Bench("a", "b", limits=limited(opposite_positions="refuse"), route=many())
    bench.settings.routes = tuple(
        replace(bench.settings.routes[0], id=leg.account, strategy=leg.account, legs=(leg,))
        for leg in bench.settings.routes[0].legs
    )
    bench.quote("1.1")
    bench.say(sell(5), strategy="b")
    bench.settle()
    del bench.settings.listings["b"]
    bench.begin()
    bench.look("a")
    bench.quote("1.1")
    assert refused(bench.say(buy(1), strategy="a")) == "opposite_position"


def test_notional_over_all_accounts_is_in_the_portfolios_currency() -> None:
    """Accounts in several currencies add up in one; a missing price refuses."""
    bench = Bench("a", "b", limits=ROOMY, route=many())
    bench.settings.limits["all"] = replace(LOOSEST, max_notional=D(350_000))
    bench.settings.portfolio_currency = "USD"
    bench.begin()
    for name in bench.accounts:
        bench.look(name)
    assert {one.code for one in every(bench.say(buy(1)), OrderRefused)} == {
        "portfolio_notional_limit"
    }
    bench.quote("1.1")
    assert len(every(bench.say(buy(1)), OrderRequested)) == 2
    bench.settle()
    events = bench.say(buy(1))
    assert len(every(events, OrderRequested)) == 1
    assert only(events, OrderRefused).code == "portfolio_notional_limit"
    assert len(every(bench.say(ClosePosition(symbol=EURUSD)), OrderRequested)) == 2


def test_an_order_that_reaches_another_accounts_order_is_refused() -> None:
    """At its price and beyond; once it has ended, or where it is allowed, it is not."""
    bench = Bench("a", "b", limits=ROOMY, route=many())
    bench.quote("1.0999", "1.1001")
    legs = bench.settings.routes[0].legs
    only_a, only_b = (replace(bench.settings.routes[0], legs=(leg,), strategy=leg.account,
                              id=leg.account) for leg in legs)  # fmt: skip
    bench.settings.routes = (only_a, only_b)
    resting = only(bench.say(sell(1, ord_type=OrdType.LIMIT, price=D("1.2")), strategy="a"),
                   OrderRequested)  # fmt: skip
    bench.settle()

    def limit(price: str) -> PlaceOrder:
        return buy("0.01", ord_type=OrdType.LIMIT, price=D(price))

    assert only(bench.say(buy("0.01"), strategy="b"), OrderRequested)
    assert only(bench.say(limit("1.1999"), strategy="b"), OrderRequested)
    refusal = only(bench.say(limit("1.2"), strategy="b"), OrderRefused)
    assert refusal.code == "self_match" and "at 1.2 rests on account a" in refusal.text
    assert only(bench.say(limit("1.2"), strategy="a"), OrderRequested), (
        "its own account is no other"
    )
    bench.quote("1.1999", "1.2")
    assert refused(bench.say(buy("0.02"), strategy="b")) == "self_match"
    bench.wait(MINUTE + 1)
    assert refused(bench.say(buy("0.03"), strategy="b")) == "self_match"
    bench.report(resting.cl_ord_id, ExecType.CANCELED)
    assert only(bench.say(buy("0.03"), strategy="b"), OrderRequested)


def test_an_opposite_position_on_another_account_is_refused_where_the_user_says_so() -> None:
    """Held or on its way; the same account's own is no other."""
    bench = Bench("a", "b", limits=limited(opposite_positions="refuse"), route=many())
    legs = bench.settings.routes[0].legs
    bench.settings.routes = tuple(
        replace(bench.settings.routes[0], legs=(leg,), strategy=leg.account, id=leg.account)
        for leg in legs
    )
    assert only(bench.say(buy(1), strategy="a"), OrderRequested)
    refusal = only(bench.say(sell(1), strategy="b"), OrderRefused)
    assert refusal.code == "opposite_position" and "account a is long" in refusal.text
    assert only(bench.say(buy(1), strategy="b"), OrderRequested)
    bench.settle()
    for name in ("a", "b"):
        bench.say(ClosePosition(symbol=EURUSD), strategy=name)
        bench.settle()
    assert only(bench.say(sell(1), strategy="b"), OrderRequested)


def test_margin_counts_the_venues_word_and_what_is_on_its_way() -> None:
    """It is refused before the venue told of any money at all."""
    bench = Bench(limits=limited(max_margin=D(3_300), margin_percent=D(1)), route=many())
    bench.quote("1.1")
    assert refused(bench.say(buy(1))) == "margin_limit"
    bench.money(100_000)
    assert only(bench.say(buy(1, ord_type=OrdType.LIMIT, price=D("1.1"))), OrderRequested)
    bench.settle()
    assert refused(bench.say(buy("2.01"))) == "margin_limit"
    assert only(bench.say(buy(2)), OrderRequested)


def test_a_changed_order_counts_once_in_its_book() -> None:
    """Five working become ten where ten are allowed, and not eleven."""
    bench = Bench(limits=limited(max_book_qty=D(10)))
    bench.say(buy(5, ord_type=OrdType.LIMIT, price=D("1.0"), label="x"))
    bench.settle()
    over = bench.say(ModifyOrder(symbol=EURUSD, label="x", quantity=Amount(D("10.01"))))
    assert only(over, IntentRefused).code == "book_limit"
    assert not every(
        bench.say(ModifyOrder(symbol=EURUSD, label="x", quantity=Amount(D(10)))), IntentRefused
    )


def test_specs_are_frozen() -> None:
    """What a configuration says of an account cannot be changed under the checks' feet."""
    with pytest.raises(AttributeError):
        Bench().settings.accounts["a"].limits = ROOMY  # type: ignore[misc]
    assert AccountSpec.__struct_config__.frozen


@pytest.mark.parametrize(
    ("limits", "code"),
    [({"max_order_loss": D(150)}, "fat_finger"), ({"max_order_value": D(150_000)}, "order_value")],
)
def test_a_split_entry_is_measured_as_a_whole(limits: dict[str, D], code: str) -> None:
    """Five lots lose 500 at their stop, in five orders as in one.

    Before, each part was held to the limit by itself, and all five went.
    """
    bench = Bench(limits=limited(max_order_qty=D(1), on_oversize="split", **limits), route=many())
    bench.quote("1.1")
    events = bench.say(buy(5, protection=protection("1.0990")))
    assert refused(events) == code
    assert not every(events, OrderRequested)
    assert every(bench.say(buy(1, protection=protection("1.0990"))), OrderRequested)
