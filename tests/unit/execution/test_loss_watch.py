"""The loss watch through decide: what blocks, what flattens, what is journaled and what is not."""

from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bascule.execution import inputs as inp
from bascule.execution.loss import loss_of
from bascule.execution.state import dump
from bascule.execution.turn import Turn
from bascule.model.account import RiskLimits
from bascule.model.enums import OrdType, PositionMode, Side, StopMode
from bascule.model.event import (
    ArmRefused,
    CashFlowRecorded,
    Event,
    GuardTripped,
    LedgerBreached,
    LedgerMoved,
    OrderRefused,
    OrderRequested,
    StopSet,
)
from bascule.model.intent import Amount, ClosePosition, PlaceOrder
from bascule.model.ledger import LedgerState
from bascule.model.programme import CashFlow, Clock, DailyLoss, Limit, MaxLoss, Programme, Trail
from bascule.model.values import DAY, HOUR, MILLISECOND, MINUTE, SECOND, Instant
from bascule.risk.loss import Loss
from tests.unit.execution.harness import EURUSD, ROOMY, Bench, every, listing, only, protection

DAILY = DailyLoss(
    Limit(pct=D(5), of="initial"), "balance", "equity", "below", "fail", Clock("00:00", "UTC")
)
WHOLE = MaxLoss(Limit(pct=D(10), of="initial"), "static", None, None, "equity", "below", "fail")
RULES = Programme(id="firm", daily_loss=DAILY, max_loss=WHOLE)
MIDNIGHT = Instant(1_767_657_600 * SECOND)
"""2026-01-06, 00:00 UTC."""


def buy(quantity: Any = 1, stop: Any = "1.0990", **more: Any) -> PlaceOrder:
    """A market entry with a stop ten pips away."""
    guard = protection(stop) if stop is not None else None
    words = {"symbol": EURUSD, "side": Side.BUY, "quantity": Amount(D(str(quantity)))}
    return PlaceOrder(**{**words, "protection": guard, **more})


def bench(
    rules: Programme | None = RULES, *, held: Any = 10, limits: RiskLimits = ROOMY, **more: Any
) -> Bench:
    """Make an account of 100,000; ten lots long at 1.1000 move 100 dollars a pip."""
    made = Bench(limits=limits, route={"pyramiding": 50}, **more)
    spec = made.settings.accounts["a"]
    made.settings.accounts["a"] = replace(spec, programme=rules, initial_balance=D(100_000))
    made.venue.price = D("1.1000")
    made.quote("1.1000")
    made.money(100_000)
    if held:
        made.say(buy(held))
        made.settle()
        assert made.net() == D(str(held))
    return made


def ledger(made: Bench) -> LedgerState:
    """Give the ledger as the journal has it."""
    known = made.state.accounts["a"].ledger
    assert known is not None
    return known


def loss(made: Bench) -> Loss:
    """Give the loss as the checks see it."""
    turn = Turn(made.state, made.settings, made.market, Instant(made.at))
    found = loss_of(turn, made.state.accounts["a"], made.settings.accounts["a"])
    assert found is not None
    return found


def refused(events: list[Event]) -> str:
    """Give the code of the one refusal."""
    return str(only(events, OrderRefused).code)


# --- marks ----------------------------------------------------------------------------------------


def test_marks_move_equity_and_write_nothing() -> None:
    """Between two words of the venue equity follows the price; no mark is journaled."""
    made = bench()
    before = len(made.events)
    for price in ("1.0999", "1.0995", "1.0985"):
        made.quote(price)
    assert len(made.events) == before
    assert loss(made).equity == 98_500


def test_a_closed_loss_counts_before_the_venue_tells_it() -> None:
    """What was realised since the snapshot is in the balance, less its commission."""
    made = bench()
    made.quote("1.0990")
    made.venue.price = D("1.0990")
    made.say(ClosePosition(symbol=EURUSD))
    made.settle()
    assert (made.net(), loss(made).equity) == (0, 99_000)
    made.money(99_000)
    assert (loss(made).equity, ledger(made).balance) == (99_000, 99_000)


def overtaken(price: str, balance: int, equity: Any = None) -> Bench:
    """Close ten lots at a price; the venue's money is heard before the report of the fill."""
    made = bench()
    made.at += SECOND
    made.venue.at = Instant(made.at)
    made.quote(price)
    made.venue.price = D(price)
    made.say(ClosePosition(symbol=EURUSD))
    made.carry()
    late = [one for one in made.post if isinstance(one, inp.ReportReceived)]
    made.post = [one for one in made.post if one not in late]
    made.settle()
    made.at += 50 * MILLISECOND
    made.money(balance, equity=equity)
    made.post = list(late)
    return made


def test_a_loss_that_the_venues_money_shows_is_not_counted_again_with_its_fill() -> None:
    """Neither while the report is under way, prices going on, nor once it is there."""
    made = overtaken("1.0970", 97_000)
    made.at += 10 * MILLISECOND
    made.quote("1.0970")
    assert loss(made).equity == 97_000
    made.settle()
    assert (made.net(), loss(made).equity, ledger(made).balance) == (0, 97_000, 97_000)
    assert not every(made.events, LedgerBreached)
    made.money(97_000)
    assert loss(made).equity == 97_000


def test_a_gain_that_the_venues_money_shows_is_not_counted_again_with_its_fill() -> None:
    """The balance is not told higher than the venue's, nor the equity lower."""
    made = overtaken("1.1030", 103_000)
    made.settle()
    assert (made.net(), loss(made).equity, ledger(made).balance) == (0, 103_000, 103_000)


def test_a_loss_that_the_venues_money_does_not_show_counts_whatever_its_time() -> None:
    """A fill of an older time than the money, which the money knows nothing of, is a loss still."""
    made = overtaken("1.0970", 100_000, 97_000)
    made.settle()
    assert (made.net(), loss(made).equity) == (0, 97_000)


def test_a_gain_of_an_older_time_waits_for_the_venues_money() -> None:
    """What may be in it already makes no room; the venue's next word does."""
    made = overtaken("1.1030", 100_000, 103_000)
    made.settle()
    assert loss(made).equity == 100_000
    made.money(103_000)
    assert loss(made).equity == 103_000


def test_of_two_sources_the_stricter_counts() -> None:
    """A venue whose equity is lower than ours (a swap) lowers ours; a higher one does not."""
    made = bench()
    made.money(100_000, equity=99_800)
    assert loss(made).equity == 99_800
    made.quote("1.0999")
    assert loss(made).equity == 99_700
    made.money(100_000, equity=100_500)
    assert loss(made).equity == 99_900


def test_a_venue_that_spoke_after_the_last_price_is_believed() -> None:
    """With no price since, its equity is taken as it is; the next price counts again."""
    made = bench()
    made.at += SECOND
    made.money(100_000, equity=101_500)
    assert loss(made).equity == 101_500
    made.at += 20 * SECOND
    assert loss(made).mark_age == 20 * SECOND
    made.quote("1.1001")
    assert loss(made).equity == 100_100


def test_a_missing_rate_is_never_one() -> None:
    """A loss in yen without a rate is not known, and no entry passes beside it."""
    made = bench(held=0)
    made.settings.listings["a"]["CADJPY"] = listing("CADJPY", quote="JPY")
    made.settings.symbols["a"]["CADJPY.x"] = "CADJPY"
    made.quote("160", symbol="CADJPY")
    made.venue.by_hand("a", Side.BUY, 1, "CADJPY")
    made.settle()
    assert "cannot be valued" in loss(made).unknown
    assert refused(made.say(buy())) in ("daily_loss", "missing_fx_rate")


def test_old_prices_widen_the_buffer_and_then_halt_entries() -> None:
    """After five seconds half the share blocks, after thirty nothing passes."""
    made = bench(held=1)
    made.quote("1.0975")  # 250 of 5,000
    made.wait(6 * SECOND)
    assert loss(made).blocks_at == D("37.5")
    made.wait(25 * SECOND)
    assert "31 s old" in loss(made).unknown
    assert refused(made.say(buy(stop="1.0970"))) == "daily_loss"
    made.quote("1.0975")
    assert every(made.say(buy(stop="1.0970")), OrderRequested)


# --- acting ---------------------------------------------------------------------------------------


def test_a_share_of_the_allowance_blocks_entries_and_lets_exits_pass() -> None:
    """At 75 % of 5,000 new risk is refused with its numbers; closing goes on."""
    made = bench()
    assert not every(made.quote("1.0963"), GuardTripped)
    tripped = only(made.quote("1.0962"), GuardTripped)
    assert (tripped.action, tripped.used, tripped.threshold) == ("block", 3_800, 3_750)
    verdict = only(made.say(buy(stop="1.0960")), OrderRefused).verdicts[-1]
    assert (verdict.code, verdict.used, verdict.limit) == ("daily_loss", 3_800, 3_750)
    assert "1200 are left" in verdict.text
    assert every(made.say(ClosePosition(symbol=EURUSD)), OrderRequested)


@pytest.mark.parametrize("owner", [False, True])
@pytest.mark.parametrize(("pips", "did"), [(21, {"block"}), (31, {"block", "flatten"})])
def test_the_smaller_share_acts_whoever_has_set_it(owner: bool, pips: int, did: set[str]) -> None:
    """The programme's guard or the owner's limits say 40 % and 60 % of 5,000, the other more."""
    shares = {"loss_block_percent": D(40), "loss_flatten_percent": D(60)}
    guard = replace(RULES.guard, block_at=D(40), flatten_at=D(60))
    rules = RULES if owner else replace(RULES, guard=guard)
    made = bench(rules, limits=replace(ROOMY, **shares) if owner else ROOMY)
    tripped = every(made.quote(D("1.1") - pips * D("0.0001")), GuardTripped)
    assert {event.action for event in tripped} == did


def test_the_account_is_closed_and_locked_before_the_firms_line() -> None:
    """At 90 % entries are asked back, the position is closed, and nobody arms before midnight."""
    made = bench()
    events = made.quote("1.0955")
    assert [one.action for one in every(events, GuardTripped)] == ["block", "flatten"]
    stop = only(events, StopSet)
    assert (stop.scope, stop.mode, stop.until, stop.code) == (
        "account:a", StopMode.LOCK, MIDNIGHT, "loss_limit"
    )  # fmt: skip
    made.venue.price = D("1.0955")
    made.settle()
    assert made.net() == 0
    assert refused(made.say(buy(stop="1.0950"))) == "halted"
    asked = inp.ArmAsked(Instant(made.at), "account:a", "me", "now", "a")
    assert only(made.feed(asked), ArmRefused).code == "locked"
    assert not ledger(made).failed


@pytest.mark.parametrize("first", ["freeze", "lock"])
def test_a_freeze_over_a_lock_is_lifted_alone(first: str) -> None:
    """Whichever came first, lifting the freeze leaves the lock, under which the rest is closed."""
    made = bench()
    freeze = inp.StopAsked(Instant(made.at), "account:a", StopMode.FREEZE, "ada", "wait")
    made.venue.refuses = lambda order: "busy" if order.stop_price is None else ""
    if first == "freeze":
        made.feed(freeze)
    made.quote("1.0955")
    made.settle()
    if first == "lock":
        made.feed(freeze)
    made.venue.refuses = lambda order: ""
    made.wait(60 * SECOND)
    made.settle()
    assert made.net() != 0, "nothing leaves under a freeze"
    assert made.state.stops["account:a"].by == "ada"
    asked = inp.ArmAsked(Instant(made.at), "account:a", "ada", "now", "a")
    left = only(made.feed(asked), StopSet)
    assert (left.mode, left.until, left.code) == (StopMode.LOCK, MIDNIGHT, "loss_limit")
    made.wait(60 * SECOND)
    made.settle()
    assert made.net() == 0
    asked = inp.ArmAsked(Instant(made.at), "account:a", "ada", "now", "a")
    assert only(made.feed(asked), ArmRefused).code == "locked"


def test_what_the_venue_does_not_close_is_closed_again() -> None:
    """Refused closes are tried again, at growing intervals, while the lock holds."""
    made = bench()
    made.venue.refuses = lambda order: "busy" if order.stop_price is None else ""
    made.quote("1.0955")
    made.settle()
    first = len(made.venue.submits)
    made.wait(4 * SECOND)
    made.settle()
    assert len(made.venue.submits) == first
    made.wait(2 * SECOND)
    made.settle()
    assert len(made.venue.submits) > first
    made.venue.refuses = lambda order: ""
    made.wait(11 * SECOND)
    made.settle()
    assert made.net() == 0


def test_a_gap_through_the_line_is_said_and_locks() -> None:
    """A breach is journaled with its floors, closes and locks, and a failed account stays shut."""
    made = bench()
    events = made.quote("1.0940")
    broke = only(events, LedgerBreached)
    assert (broke.rules, broke.soft, broke.floors) == (
        ("daily_loss",),
        False,
        {"daily_loss": 95_000},
    )
    assert only(events, StopSet).mode is StopMode.LOCK
    made.venue.price = D("1.0940")
    made.settle()
    made.money(94_000)
    made.at = MIDNIGHT + HOUR
    made.wait(SECOND)
    made.feed(inp.ArmAsked(Instant(made.at), "account:a", "me", "now", "a"))
    made.quote("1.0940")
    refusal = only(made.say(buy(stop="1.0935")), OrderRefused)
    assert (refusal.code, "crossed the firm's line" in refusal.text) == ("daily_loss", True)
    made.feed(inp.PhaseTold(Instant(made.at), "a", "phase2", "me"))
    assert not ledger(made).failed


def test_a_soft_line_pauses_until_the_reset() -> None:
    """A rule that pauses holds the account for the day and no longer."""
    made = bench(replace(RULES, daily_loss=replace(DAILY, on_breach="pause")))
    assert only(made.quote("1.0940"), LedgerBreached).soft
    made.venue.price = D("1.0940")
    made.settle()
    made.money(94_000)
    assert ledger(made).paused
    made.at = MIDNIGHT
    made.wait(SECOND)
    assert not ledger(made).paused
    assert ledger(made).days[0].reference == 94_000


def test_a_coming_reset_that_would_break_the_floor_is_met_flat() -> None:
    """Profit banked by day and a loss carried to midnight: the position is closed before it."""
    made = bench()
    made.at += SECOND
    made.money(104_000)
    made.quote("1.0956")  # equity 99,600; the floor is 95,000 today and 99,000 from midnight on
    made.at = MIDNIGHT - 11 * MINUTE
    made.quote("1.0956")
    assert not every(made.wait(SECOND), GuardTripped)
    made.at = MIDNIGHT - 9 * MINUTE
    tripped = only(made.quote("1.0952"), GuardTripped)
    assert (tripped.action, tripped.rule) == ("reset", "daily_loss")
    made.venue.price = D("1.0952")
    made.settle()
    assert made.net() == 0
    assert not every(made.events, LedgerBreached)
    assert not every(made.events, StopSet)


def test_the_users_own_limit_acts_without_a_firm() -> None:
    """A plain daily loss blocks and flattens; a drawdown is measured from the highest equity."""
    made = bench(None, limits=replace(ROOMY, max_daily_loss=D(1_000), max_drawdown_percent=D(3)))
    made.quote("1.1010")
    assert loss(made).room("max_loss").floor == D(101_000) * D("0.97")  # type: ignore[union-attr]
    made.quote("1.0992")
    assert refused(made.say(buy(stop=None))) == "daily_loss"
    assert only(made.quote("1.0991"), GuardTripped).action == "flatten"


def test_the_users_limit_tightens_the_firms_and_never_loosens_it() -> None:
    """Of the firm's allowance and one's own the smaller counts; the firm's floor stays known."""
    made = bench(limits=replace(ROOMY, max_daily_loss=D(2_000), max_drawdown=D(50_000)))
    rooms = {room.rule: room for room in loss(made).rooms}
    assert (rooms["daily_loss"].allowance, rooms["daily_loss"].floor) == (2_000, 98_000)
    assert (rooms["max_loss"].allowance, rooms["max_loss"].floor) == (10_000, 90_000)


# --- before a trade -------------------------------------------------------------------------------


def test_all_stops_together_must_fit_above_the_floor() -> None:
    """5,000 of room less 10 % is 4,500: beside 1,000 at risk 36 lots at ten pips are too many."""
    made = bench(held=10)
    refusal = only(made.say(buy(36)), OrderRefused)
    assert refusal.code == "worst_loss"
    assert (refusal.verdicts[-1].used, refusal.verdicts[-1].limit) == (4_600, 4_500)
    assert "35 or less" in refusal.text
    assert every(made.say(buy(35)), OrderRequested)


@pytest.mark.parametrize("stop", [None, "1.0990"])
def test_what_has_no_stop_has_no_bound(stop: str | None) -> None:
    """Neither an order without a stop passes, nor one beside a position that has none."""
    made = bench(held=0)
    if stop is not None:
        made.venue.by_hand("a", Side.BUY, 1)
        made.settle()
    refusal = only(made.say(buy(stop=stop)), OrderRefused)
    assert (refusal.code, "stop" in refusal.text) == ("worst_loss", True)


def test_before_the_venue_has_spoken_nothing_passes() -> None:
    """A restart knows the ledger, and waits for the account's money."""
    made = bench(held=0)
    made.begin()
    made.look()
    made.quote("1.1")
    assert refused(made.say(buy())) == "daily_loss"
    made.money(100_000)
    assert every(made.say(buy()), OrderRequested)


# --- what lasts -----------------------------------------------------------------------------------


def test_a_high_is_journaled_at_most_once_a_second() -> None:
    """A trailing floor follows each price at once, and the journal hears of it now and then."""
    trail = replace(WHOLE, kind="trailing", trail=Trail("equity", "intraday"))
    made = bench(replace(RULES, max_loss=trail))
    before = len(every(made.events, LedgerMoved))
    for pip in range(1, 31):
        made.at += 100 * MILLISECOND
        made.quote(D("1.1000") + pip * D("0.0001"))
    written = len(every(made.events, LedgerMoved)) - before
    assert 3 <= written <= 4
    room = loss(made).room("max_loss")
    assert room is not None and room.floor == 93_000
    made.wait(2 * SECOND)
    assert ledger(made).floor == 93_000


def test_resets_while_nobody_was_there_are_made_up_for() -> None:
    """After three days the ledger has passed each midnight with the state before it."""
    made = bench(held=0)
    made.money(103_000)
    made.at += 3 * DAY
    made.begin()
    made.look()
    made.money(103_000)
    assert ledger(made).days[0].reference == 103_000
    assert ledger(made).due == MIDNIGHT + 3 * DAY


def test_a_day_of_which_nobody_knows_the_beginning_has_them_all() -> None:
    """Of the usual resets the one with the higher floor counts, and the day ends with the last."""
    made = bench(replace(RULES, daily_loss=replace(DAILY, reset=None)), held=0)
    made.at = MIDNIGHT - 4 * HOUR
    made.money(103_000)
    assert len(ledger(made).days) == 4
    made.at = MIDNIGHT - 2 * HOUR  # 22:00 UTC: New York has closed, and GMT+3 has its midnight
    made.wait(SECOND)
    assert (loss(made).rooms[0].floor, loss(made).reset) == (98_000, MIDNIGHT + 22 * HOUR)


def test_replay_gives_the_ledger_again() -> None:
    """Every state is a fold of the journal, the ledger too."""
    made = bench()
    made.quote("1.0955")
    made.venue.price = D("1.0955")
    made.settle()
    made.money(95_500)
    made.at = MIDNIGHT
    made.wait(SECOND)
    assert made.replay() == dump(made.state)
    assert made.state.accounts["a"].results["2026-01-05"].profit == -4_500


def test_a_payout_is_no_loss_of_the_day() -> None:
    """Recorded once the balance shows it, it moves what the programme moves and no result."""
    flow = CashFlow("shift", "keep")
    made = bench(replace(RULES, cashflow=flow), held=0)
    made.money(108_000)
    made.money(105_000)
    told = inp.CashFlowTold(Instant(made.at), "a", "payout", D(-3_000), "me")
    assert only(made.feed(told), CashFlowRecorded).amount == -3_000
    known = ledger(made)
    assert (known.days[0].reference, known.floor) == (97_000, 90_000)
    assert made.state.accounts["a"].results["2026-01-05"].profit == 8_000


def test_changed_rules_keep_the_higher_floor() -> None:
    """A programme edited under way cannot lower a floor; a new phase begins anew."""
    made = bench(held=0)
    looser = replace(RULES, max_loss=replace(WHOLE, limit=Limit(pct=D(20), of="initial")))
    spec = made.settings.accounts["a"]
    made.settings.accounts["a"] = replace(spec, programme=looser)
    made.money(100_000)
    assert ledger(made).floor == 90_000
    made.feed(inp.PhaseTold(Instant(made.at), "a", "funded", "me"))
    assert ledger(made).floor == 80_000


def test_an_account_without_limits_pays_nothing() -> None:
    """No watch is kept, nothing is journaled, and the checks have nothing to say."""
    made = bench(None)
    made.quote("1.0000")
    made.wait(SECOND)
    assert not made.market.watches
    assert not every(made.events, LedgerMoved)


def test_a_step_of_the_scaling_plan_waits_for_the_reset() -> None:
    """A larger factor multiplies sizes from the firm's midnight on, a smaller one at once."""
    made = bench(held=0)
    made.feed(inp.ScaleTold(Instant(made.at), "a", D("1.5"), "me"))
    assert only(made.say(buy(1)), OrderRequested).quantity == 1
    made.settle()
    made.at = MIDNIGHT
    made.wait(SECOND)
    made.quote("1.1000")
    requested = only(made.say(buy(1)), OrderRequested)
    assert (requested.quantity, "scaled by 1.5" in requested.sizing) == (D("1.5"), True)
    made.settle()
    made.feed(inp.ScaleTold(Instant(made.at), "a", D(1), "me"))
    assert only(made.say(buy(2)), OrderRequested).quantity == 2
    assert made.replay() == dump(made.state)


def test_waiting_entries_count_at_their_stops() -> None:
    """A resting entry's loss is from its own price to its stop, and one in doubt counts in full."""
    made = bench(held=0)
    resting = buy(30, "1.0960", ord_type=OrdType.LIMIT, price=D("1.0970"))
    made.say(resting)
    made.settle()
    made.venue.times_out = lambda order: "before"
    made.say(buy(10))
    made.settle()
    made.venue.times_out = lambda order: ""
    refusal = only(made.say(buy(6)), OrderRefused)
    assert (refusal.code, refusal.verdicts[-1].used) == ("worst_loss", 4_600)
    assert refusal.verdicts[-1].passes == "a quantity of 5 or less, or a nearer stop"


def test_the_first_word_after_a_fill_is_kept() -> None:
    """Margin and equity of before it would size and limit what comes next."""
    made = bench(held=0)
    made.wait(SECOND)
    made.say(buy(10))
    made.settle()
    assert made.state.accounts["a"].money.at < made.state.accounts["a"].last_fill_at
    made.at += SECOND
    made.money(100_000)
    assert made.state.accounts["a"].money.at == made.at
    told = made.at
    made.at += SECOND
    made.money(100_000, equity=99_950)
    assert made.state.accounts["a"].money.at == told, "a ripple is no event"
    made.money(100_000, equity=99_800)
    assert made.state.accounts["a"].money.equity == 99_800


ROOMY_RULES = Programme(
    id="roomy",
    daily_loss=replace(DAILY, limit=Limit(amount=D(10_000_000))),
    max_loss=replace(WHOLE, limit=Limit(amount=D(10_000_000))),
)
STEPS = st.lists(
    st.tuples(st.sampled_from("pppbsctm"), st.integers(-40, 40), st.integers(1, 5)), max_size=30
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_local_equity_is_what_every_price_has_made(
    steps: list[tuple[str, int, int]],
) -> None:
    """Whatever is bought, sold, closed and told in between, equity is the sum of all moves held."""
    made = bench(ROOMY_RULES, held=0)
    price, true = D("1.1000"), D(100_000)
    for kind, pips, quantity in steps:
        made.at += SECOND
        made.venue.at = Instant(made.at)
        if kind == "p":
            moved = pips * D("0.0001")
            true += made.net() * moved * 100_000
            price += moved
            made.venue.price = price
            made.quote(price)
        elif kind in "bs":
            side = Side.BUY if kind == "b" else Side.SELL
            stop = price - D("0.0500") * side.sign
            made.say(buy(quantity, stop, side=side))
            made.settle()
        elif kind == "c":
            made.say(ClosePosition(symbol=EURUSD))
            made.settle()
        elif kind == "t":
            made.venue.by_hand("a", Side.BUY if pips > 0 else Side.SELL, quantity)
            made.settle()
        else:
            made.money(true - _floating(made, price), equity=true)
        made.quote(price)
        # An average price may have no end; money does not care for its 20th place.
        assert abs(loss(made).equity - true) < D("0.000000001"), (kind, pips, quantity)
    assert made.replay() == dump(made.state)


def _floating(made: Bench, price: D) -> D:
    """Give the open result of all books."""
    books = made.state.accounts["a"].books.values()
    return sum(((price - b.avg_price) * b.quantity * 100_000 for b in books), D(0))


def test_another_limit_of_the_owner_leaves_the_firms_day_as_it_is() -> None:
    """Of four possible clocks two have begun a new day at 110,000; the floor stays at 105,000.

    Before, every clock took over the first one's reference: the floor fell to 95,000.
    """
    unknown = replace(DAILY, reference="equity", reset=Clock("00:00", "unknown"))
    made = bench(Programme(id="firm", daily_loss=unknown))
    while made.at < MIDNIGHT - 2 * HOUR + MINUTE:
        made.wait(30 * MINUTE)
        made.quote("1.1100")
    made.wait(SECOND)
    made.quote("1.1090")
    before = [room.floor for room in loss(made).rooms]
    assert before == [105_000]
    made.limit("a", replace(ROOMY, max_drawdown=D(50_000)))
    made.wait(SECOND)
    assert [room.floor for room in loss(made).rooms][:1] == before


def test_a_pause_of_the_firm_outlasts_another_limit_of_the_owner() -> None:
    """The day is over for the account until the reset, whatever the owner changes meanwhile."""
    made = bench(Programme(id="firm", daily_loss=replace(DAILY, on_breach="pause")))
    made.quote("1.0940")
    made.settle()
    assert loss(made).paused
    made.limit("a", replace(ROOMY, max_drawdown=D(50_000)))
    made.wait(SECOND)
    assert loss(made).paused


def test_a_close_that_failed_is_tried_again_under_a_longer_lock_of_another() -> None:
    """A person's lock stands where the watch's own would; the account is closed all the same.

    Before, the watch tried once and then took the lock for none of its own.
    """
    made = bench()
    week = Instant(made.at + 7 * DAY)
    made.feed(inp.StopAsked(Instant(made.at), "account:a", StopMode.LOCK, "ada", "away", week))
    made.venue.refuses = lambda order: "busy" if order.ord_type is OrdType.MARKET else ""
    made.quote("1.0950")
    made.settle()
    assert (every(made.events, GuardTripped)[-1].action, made.net()) == ("flatten", 10)
    made.venue.refuses = lambda order: ""
    for _ in range(6):
        made.wait(SECOND)
        made.quote("1.0950")
        made.settle()
    assert made.net() == 0


def test_a_lock_of_a_person_closes_nothing_on_an_account_that_failed_long_ago() -> None:
    """What a hand holds there days later is not the watch's to close."""
    made = bench()
    made.quote("1.0900")
    made.settle()
    assert (made.net(), bool(ledger(made).failed)) == (0, True)
    made.wait(2 * DAY)
    made.feed(inp.ArmAsked(Instant(made.at), "account:a", "ada", "over", "a"))
    made.venue.by_hand("a", Side.BUY, 1)
    made.settle()
    later = Instant(made.at + DAY)
    made.feed(inp.StopAsked(Instant(made.at), "account:a", StopMode.LOCK, "ada", "away", later))
    for _ in range(20):
        made.wait(SECOND)
        made.quote("1.0900")
        made.settle()
    assert made.net() == 1


def test_positions_that_add_up_to_nothing_are_closed_too() -> None:
    """A spread of 15 pips costs ten lots on either side 1,500: more than the day has."""
    made = bench(
        None,
        held=0,
        position_mode=PositionMode.HEDGING,
        limits=replace(ROOMY, max_daily_loss=D(1000)),
        reduce_only=False,
    )
    made.say(buy(10, None), buy(10, None, side=Side.SELL))
    made.settle()
    assert (made.book().quantity, len(made.book().lots)) == (0, 2)
    made.quote("1.0995", "1.1010")
    made.settle()
    assert every(made.events, StopSet)
    assert not made.book().lots and not any(made.venue.lots.values())
