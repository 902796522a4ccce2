"""Each check of a firm's rules at its boundaries, and the laws that hold for all of them."""

from decimal import Decimal as D
from typing import Any

import pytest

from bascule.model.enums import AccountMode, OrdType
from bascule.model.programme import (
    Conduct,
    Consistency,
    FlatRule,
    Guard,
    HoldTime,
    IdeaRule,
    MaxSize,
    NewsRule,
    Programme,
    SizeTier,
    StopLossRule,
)
from bascule.model.values import MINUTE, SECOND, Instant
from bascule.risk.chain import CHECKS, judge
from bascule.risk.checks import (
    allocation,
    consistency,
    copying,
    fills_per_day,
    flat_window,
    hedging,
    min_hold,
    news,
    news_straddle,
    programme_size,
    requests_per_day,
    risk_per_idea,
    stop_attached,
)
from bascule.risk.firm import FlatSpan, NewsStanding, Profits, Size
from tests.unit.risk.firm_bench import NOON, proposal, spec

FIRM_CHECKS = (
    allocation, consistency, copying, fills_per_day, flat_window, hedging, min_hold, news,
    news_straddle, programme_size, requests_per_day, risk_per_idea, stop_attached,
)  # fmt: skip
INSIDE = NewsStanding("inside", "CPI (USD) at 12:00", Instant(NOON + MINUTE), ("USD",))
UNKNOWN = NewsStanding("unknown", "the calendar of releases is stale, read 72 hours ago")
SPAN = FlatSpan(NOON, Instant(NOON + 30 * MINUTE), Instant(NOON + 60 * MINUTE), "flat by 12:30")


def firm(**rules: Any) -> Programme:
    """Make a programme of one rule."""
    return Programme(id="p", firm="Firm", **rules)


def test_an_account_without_a_programme_is_asked_nothing() -> None:
    """It pays nothing either: but for hedges against others, no check looks around it."""
    bare = proposal(around=None)
    alone = [check for check in FIRM_CHECKS if check is not hedging]
    assert [check.run(bare) for check in alone] == [None] * len(alone)


def test_an_account_without_a_programme_makes_no_hedge_for_another() -> None:
    """The firm of the account on the other side forbids it."""
    assert hedging.run(proposal()) is None
    refused = hedging.run(proposal(opposed="account b is short ES"))
    assert refused is not None
    assert not refused.ok


def test_a_programme_without_a_rule_is_not_held_to_it() -> None:
    """Only hedges and straddles are looked for under every firm."""
    told = {check.__name__.rpartition(".")[2]: check.run(proposal(firm())) for check in FIRM_CHECKS}
    asked = {name for name, verdict in told.items() if verdict is not None}
    assert asked == {"hedging", "news_straddle"}
    assert all(verdict is None or verdict.ok for verdict in told.values())


EVERYTHING = firm(
    news=NewsRule(60, 60, "flat"), flat=FlatRule(), stop_loss=StopLossRule(max_risk_pct=D(0)),
    max_size=MaxSize(contracts=D(1)), hold_time=HoldTime(min_hold_s=D(600)),
    consistency=Consistency(max_best_day_pct=D(10)), idea=IdeaRule(D("0.1")),
    conduct=Conduct(max_requests_per_day=1, max_executions_per_day=1,
                    same_account_hedge="prohibited", max_allocation=D(1)),
    guard=Guard(refuse_past_useful=True),
)  # fmt: skip
AGAINST: dict[str, Any] = {
    "standing": INSIDE, "straddle": "x", "span": SPAN, "other": "x", "here": "x", "sent": 99,
    "filled": 99, "sized": Size(D(99), D(1), True), "days": Profits(D(9), D(1)), "entered": NOON,
    "durations": [SECOND] * 10, "capital": D(9), "copied": "source x, whose signals are y's",
}  # fmt: skip


def test_an_order_that_is_proven_to_reduce_is_refused_by_none() -> None:
    """Whatever the firm's rules say, and with all of them broken at once."""
    account = spec(EVERYTHING, others={"x": "y"})
    exit_ = proposal(
        account=account, firm=AGAINST, reducing=True, closing=True, has_stop_loss=False
    )
    verdicts = {verdict.code: verdict for verdict in judge(exit_)}
    codes = {check.CODE for check in FIRM_CHECKS}
    assert all(verdicts[code].ok for code in codes & set(verdicts))
    assert "min_hold" in verdicts
    added = proposal(account=account, firm=AGAINST)
    refused = [c for c in FIRM_CHECKS if not (c.run(added) or _OK).ok]
    assert len(refused) == len(FIRM_CHECKS) - 2, "an entry is refused by all but what only tells"


class _OK:
    ok = True


def test_every_check_of_a_firm_stands_in_the_chain() -> None:
    """Policy comes right after the stops in force."""
    codes = [check.code for check in CHECKS]
    assert codes.index("firm_policy") == codes.index("halted") + 1
    assert {check.CODE for check in FIRM_CHECKS} <= set(codes)


# --- news ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", ["open", "open_or_close", "flat", "profit_removed"])
def test_nothing_is_opened_inside_a_window(scope: Any) -> None:
    """Also where the firm only strikes the profit."""
    verdict = news.run(proposal(firm(news=NewsRule(120, 120, scope)), firm={"standing": INSIDE}))
    assert verdict is not None
    assert not verdict.ok
    assert "CPI (USD)" in verdict.text
    assert verdict.passes == "the same order after 2024-10-04 12:01:00 UTC"


def test_outside_a_window_anything_goes() -> None:
    """The window's own arithmetic is tested where it is made."""
    verdict = news.run(proposal(firm(news=NewsRule(120, 120))))
    assert verdict is not None
    assert verdict.ok


@pytest.mark.parametrize(("kind", "ok"), [(OrdType.MARKET, True), (OrdType.STOP, False)])
def test_where_only_brackets_are_forbidden_a_market_order_passes(kind: OrdType, ok: bool) -> None:
    """A pending entry is half of a bracket round the release."""
    programme = firm(news=NewsRule(120, 120, "no_bracket_orders"))
    verdict = news.run(proposal(programme, firm={"standing": INSIDE}, ord_type=kind))
    assert verdict is not None
    assert verdict.ok is ok


def test_without_a_fresh_calendar_nothing_is_opened() -> None:
    """Unless nobody knows that the firm restricts anything."""
    known = news.run(proposal(firm(news=NewsRule(120, 120)), firm={"standing": UNKNOWN}))
    assumed = firm(news=NewsRule(300, 300, "open", assumed=True))
    unsure = news.run(proposal(assumed, firm={"standing": UNKNOWN}))
    assert known is not None
    assert unsure is not None
    assert (known.ok, unsure.ok) == (False, True)
    assert "stale" in known.text
    assert "stale" in unsure.text


@pytest.mark.parametrize(
    ("standing", "against", "ok"),
    [(INSIDE, "account b sells", False), (INSIDE, "", True), (UNKNOWN, "account b sells", True),
     (NewsStanding("clear"), "account b sells", True)],
)  # fmt: skip
def test_two_sides_of_one_release_are_refused(
    standing: NewsStanding, against: str, ok: bool
) -> None:
    """Only near a release, and only with an own order against it."""
    verdict = news_straddle.run(proposal(firm(), firm={"standing": standing, "straddle": against}))
    assert verdict is not None
    assert verdict.ok is ok


def test_nothing_is_opened_in_a_flat_span() -> None:
    """The refusal names the hour that is due and the one from which it would pass."""
    verdict = flat_window.run(proposal(firm(flat=FlatRule()), firm={"span": SPAN}))
    assert verdict is not None
    assert not verdict.ok
    assert "12:30 UTC" in verdict.text
    assert verdict.passes == "the same order from 2024-10-04 13:00 UTC on"
    free = flat_window.run(proposal(firm(flat=FlatRule())))
    assert free is not None
    assert free.ok


# --- whose signals ------------------------------------------------------------------------------

COPIED = {"copied": "source tips, whose signals are Bob's"}


@pytest.mark.parametrize(
    ("word", "mode", "others", "ok"),
    [
        ("prohibited", AccountMode.LIVE, True, False),
        ("unknown", AccountMode.LIVE, True, False),
        ("allowed", AccountMode.LIVE, True, True),
        ("prohibited", AccountMode.PAPER, True, None),
        ("prohibited", AccountMode.SHADOW, True, None),
        ("prohibited", AccountMode.LIVE, False, None),
    ],
)
def test_another_owners_signals_open_nothing_live(
    word: Any, mode: AccountMode, others: bool, ok: bool | None
) -> None:
    """Unless the firm permits it; what nobody knows is no permission, and paper is free."""
    programme = firm(conduct=Conduct(copying_others=word))
    account = spec(programme, mode=mode, others={"tips": "Bob"} if others else {})
    verdict = copying.run(proposal(account=account, firm=COPIED))
    assert (verdict and verdict.ok) is ok
    if ok is False:
        assert verdict is not None and "source tips, whose signals are Bob's" in verdict.text
        assert f'"{word}"' in verdict.text
    own = copying.run(proposal(account=account))
    assert own is None or own.ok


# --- stops and sizes ----------------------------------------------------------------------------


def test_a_stop_must_come_with_the_entry() -> None:
    """And its loss must fit: 50 pips on one lot are 500, two percent of 25,000."""
    rule = firm(stop_loss=StopLossRule(max_risk_pct=D("0.5")))
    bare = stop_attached.run(proposal(rule, has_stop_loss=False))
    good = stop_attached.run(proposal(rule))
    over = stop_attached.run(proposal(rule, quantity=D("1.01")))
    assert bare is not None
    assert good is not None
    assert over is not None
    assert (bare.ok, good.ok, over.ok) == (False, True, False)
    assert (good.used, good.limit) == (500, 500)
    assert over.passes == "a quantity of 1 or less, or a nearer stop"


def test_a_loss_that_cannot_be_measured_does_not_fit() -> None:
    """Without a price there is no distance to the stop."""
    verdict = stop_attached.run(
        proposal(firm(stop_loss=StopLossRule(max_risk_pct=D(2))), loss=None)
    )
    assert verdict is not None
    assert not verdict.ok


def test_slippage_makes_the_loss_larger() -> None:
    """By the owner's factor."""
    rule = firm(stop_loss=StopLossRule(max_risk_pct=D(1)), guard=Guard(slippage_factor=D("1.5")))
    verdict = stop_attached.run(proposal(rule))
    assert verdict is not None
    assert verdict.used == 750


@pytest.mark.parametrize(
    ("held", "quantity", "ok"), [(0, 4, True), (0, 5, False), (3, 1, True), (3, 2, False)]
)
def test_one_contract_of_the_firms_size_is_left_free(held: int, quantity: int, ok: bool) -> None:
    """Of five, four may be held: held, open and new together."""
    rule = firm(max_size=MaxSize(contracts=D(5)))
    sized = {"sized": Size(D(held), D(1), True)}
    verdict = programme_size.run(proposal(rule, firm=sized, quantity=D(quantity)))
    assert verdict is not None
    assert verdict.ok is ok
    assert verdict.limit == 4


def test_the_firms_last_contract_stays_usable() -> None:
    """Where one is all that is permitted, one may be held."""
    rule = firm(max_size=MaxSize(contracts=D(1)))
    verdict = programme_size.run(proposal(rule))
    assert verdict is not None
    assert verdict.ok


def test_micros_count_as_their_part_of_a_contract() -> None:
    """Ten of them are one; a refusal says how many would fit."""
    rule = firm(max_size=MaxSize(contracts=D(5), micros_per_mini=10))
    sized = {"sized": Size(D(3), D("0.1"), True)}
    fits = programme_size.run(proposal(rule, firm=sized, quantity=D(10)))
    over = programme_size.run(proposal(rule, firm=sized, quantity=D(11)))
    assert fits is not None
    assert over is not None
    assert (fits.ok, over.ok) == (True, False)
    assert over.passes == "a quantity of 10 or less"


@pytest.mark.parametrize(("profit", "limit"), [(None, 1), (1499, 1), (1500, 2), (2000, 4)])
def test_tiers_go_by_the_last_close(profit: int | None, limit: int) -> None:
    """Two contracts, three from 1,500, five from 2,000, one of each left free."""
    tiers = (SizeTier(None, D(2)), SizeTier(D(1500), D(3)), SizeTier(D(2000), D(5)))
    days = None if profit is None else Profits(eod_profit=D(profit))
    verdict = programme_size.run(proposal(firm(max_size=MaxSize(tiers=tiers)), firm={"days": days}))
    assert verdict is not None
    assert verdict.limit == limit


def test_lots_are_limited_at_once_and_in_one_order() -> None:
    """A tenth of the lots at once is left free."""
    rule = firm(max_size=MaxSize(lots=D(40), lots_per_order=D(20)))
    sized = {"sized": Size(D(20), D(1), False)}
    fits = programme_size.run(proposal(rule, firm=sized, quantity=D(16)))
    over = programme_size.run(proposal(rule, firm=sized, quantity=D("16.01")))
    large = programme_size.run(proposal(rule, firm={"sized": Size(D(0), D(1), False)},
                                        quantity=D("20.01")))  # fmt: skip
    assert fits is not None
    assert over is not None
    assert large is not None
    assert (fits.ok, over.ok, large.ok) == (True, False, False)
    assert "in one order" in large.text


# --- counts -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sent", "ok"), [(0, True), (1899, True), (1900, False), (2500, False)])
def test_ordinary_requests_stop_at_1900_of_2000(sent: int, ok: bool) -> None:
    """The rest is for closing and for stops."""
    rule = firm(conduct=Conduct(max_requests_per_day=2000))
    verdict = requests_per_day.run(proposal(rule, firm={"sent": sent}))
    assert verdict is not None
    assert verdict.ok is ok
    assert verdict.limit == 1900


@pytest.mark.parametrize(
    ("filled", "ahead", "ok"),
    [(0, 0, True), (48, 0, True), (49, 0, False), (60, 0, False), (40, 8, True), (40, 9, False)],
)
def test_an_entry_must_leave_a_fill_for_each_exit(filled: int, ahead: int, ok: bool) -> None:
    """Fifty a day are twenty-five trades, those that are under way among them."""
    rule = firm(conduct=Conduct(max_executions_per_day=50))
    verdict = fills_per_day.run(proposal(rule, firm={"filled": filled, "ahead": ahead}))
    assert verdict is not None
    assert verdict.ok is ok


# --- conduct ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cross", "same", "other", "here", "ok"),
    [
        ("prohibited", "unknown", "b is short", "", False),
        ("unknown", "unknown", "b is short", "", False),
        ("allowed", "unknown", "b is short", "", True),
        ("prohibited", "prohibited", "", "short here", False),
        ("prohibited", "unknown", "", "short here", True),
        ("prohibited", "prohibited", "", "", True),
    ],
)
def test_hedges_are_refused_where_the_firm_forbids_them(
    cross: Any, same: Any, other: str, here: str, ok: bool
) -> None:
    """What nobody knows is forbidden across accounts, and allowed within one."""
    rule = firm(conduct=Conduct(cross_account_hedge=cross, same_account_hedge=same))
    verdict = hedging.run(proposal(rule, firm={"other": other, "here": here}))
    assert verdict is not None
    assert verdict.ok is ok


def exit_after(seconds: int, rule: HoldTime, **changes: Any) -> Any:
    """Judge an exit so many seconds after the entry."""
    entered = Instant(NOON - seconds * SECOND)
    words = {"closing": True, "firm": {"entered": entered}} | changes
    return min_hold.run(proposal(firm(hold_time=rule), **words))


@pytest.mark.parametrize(("seconds", "told"), [(119, True), (120, False)])
def test_a_fast_exit_that_reduces_is_told_of_and_passes(seconds: int, told: bool) -> None:
    """A protective exit is never delayed, nor any other that is proven to reduce."""
    verdict = exit_after(seconds, HoldTime(min_hold_s=D(120)), reducing=True)
    assert verdict.ok
    assert bool(verdict.text) is told


def test_a_fast_exit_without_proof_is_refused_where_the_firm_says_so_of_each_trade() -> None:
    """A share of trades says nothing of one of them."""
    each = exit_after(119, HoldTime(min_hold_s=D(120)))
    share = exit_after(9, HoldTime(min_share_over_pct=D(50), over_s=D(10)))
    assert not each.ok
    assert each.passes == "the same exit 1 seconds later"
    assert share.ok


def test_an_exit_of_what_was_not_entered_here_says_nothing() -> None:
    """A stop, or a position that was taken over."""
    rule = firm(hold_time=HoldTime(min_hold_s=D(120)))
    assert min_hold.run(proposal(rule, closing=True)) is None


@pytest.mark.parametrize(
    ("fast", "slow", "ok"), [(9, 0, True), (5, 5, False), (4, 6, True), (10, 0, False)]
)
def test_a_strategy_that_leaves_too_fast_may_enter_no_more(fast: int, slow: int, ok: bool) -> None:
    """More than half must be held over ten seconds; fewer than ten trades say nothing."""
    rule = firm(hold_time=HoldTime(min_share_over_pct=D(50), over_s=D(10)))
    durations = [9 * SECOND] * fast + [11 * SECOND] * slow
    verdict = min_hold.run(proposal(rule, firm={"durations": durations}))
    assert verdict is not None
    assert verdict.ok is ok


DAYS = {"days": Profits(today=D(2400), others=D(2400))}


@pytest.mark.parametrize("block", [True, False])
def test_profit_that_counts_no_more_is_told_of_or_refused(block: bool) -> None:
    """With other days at 2,400 and 50 percent, today's useful profit is 2,400."""
    rule = firm(consistency=Consistency(max_best_day_pct=D(50)),
                guard=Guard(refuse_past_useful=block))  # fmt: skip
    verdict = consistency.run(proposal(rule, firm=DAYS))
    assert verdict is not None
    assert verdict.ok is not block
    assert (verdict.used, verdict.limit) == (2400, 2400)
    assert "2400 of it counts" in verdict.text


@pytest.mark.parametrize(
    "days", [None, Profits(today=D(900)), Profits(D(900), D(-100)), Profits(D(2399), D(2400))]
)
def test_profit_that_still_counts_says_nothing(days: Profits | None) -> None:
    """Nor does a first day, which there is nothing to compare with."""
    rule = firm(consistency=Consistency(max_best_day_pct=D(50)),
                guard=Guard(refuse_past_useful=True))  # fmt: skip
    verdict = consistency.run(proposal(rule, firm={"days": days}))
    assert verdict is None or (verdict.ok and not verdict.text)


@pytest.mark.parametrize(("capital", "told"), [(300_000, False), (300_001, True)])
def test_too_much_capital_behind_one_strategy_is_told(capital: int, told: bool) -> None:
    """It refuses nothing: the accounts are there already."""
    rule = firm(conduct=Conduct(max_allocation=D(300_000)))
    verdict = allocation.run(proposal(rule, firm={"capital": D(capital)}))
    assert verdict is not None
    assert verdict.ok
    assert bool(verdict.text) is told
