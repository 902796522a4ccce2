"""Stops that follow the price: coalesced, never backwards, and right in the end."""

from decimal import Decimal as D
from itertools import pairwise
from typing import Any

import pytest
from msgspec.structs import replace

from bascule.model.enums import LevelUnit, OrdStatus, OrdType, Side
from bascule.model.event import (
    Event,
    OrderRefused,
    OrderRequested,
    ProtectionChanged,
    ReplaceRequested,
)
from bascule.model.intent import (
    Amount,
    BreakEven,
    Level,
    ModifyProtection,
    PlaceOrder,
    Protection,
    Trail,
)
from bascule.model.programme import Clock, Conduct, Programme
from bascule.model.values import HOUR, MILLISECOND, MINUTE, SECOND
from tests.unit.execution.harness import EURUSD, ROOMY, Bench, every, only

MS = MILLISECOND


def away(value: Any) -> Level:
    """A distance in price."""
    return Level(D(str(value)), LevelUnit.DISTANCE)


def guarded(bench: Bench, side: Side = Side.BUY, **more: Any) -> str:
    """Hold 10 lots at 1.1 with a trail of 0.01, and whatever else."""
    words: dict[str, Any] = {"trail": Trail(away("0.01")), **more}
    order = PlaceOrder(
        symbol=EURUSD,
        side=side,
        quantity=Amount(D(10)),
        protection=Protection(**words),
        reference_price=D("1.1"),
    )
    name = str(only(bench.say(order), OrderRequested).cl_ord_id)
    bench.settle()
    return name


def stop_at(bench: Bench) -> D | None:
    """Give the level of the one stop at the venue."""
    (stop,) = bench.working("s")
    return stop.stop_price


def ride(bench: Bench, prices: list[D], every_ns: int) -> list[Event]:
    """Feed prices one by one; the venue answers each change at once."""
    start = len(bench.events)
    for price in prices:
        bench.at += every_ns
        bench.quote(price)
        if bench.wire or bench.post:
            bench.settle()
    return bench.events[start:]


def rising(count: int, first: str = "1.1000") -> list[D]:
    """A price that goes up a tick every ten quotes, and back a tick now and then."""
    return [
        D(first) + D("0.0001") * (number // 10) - D("0.0001") * (number % 3 == 0)
        for number in range(count)
    ]


@pytest.mark.parametrize("changes", [True, False])
def test_ten_thousand_ticks_in_ten_seconds_make_at_most_twenty_changes(changes: bool) -> None:
    """Latest wins, half a second apart; after the last interval the level is exactly right."""
    bench = Bench(replace=changes)
    guarded(bench)
    events = ride(bench, rising(10_000), MS)
    asked = len(every(events, ReplaceRequested)) if changes else len(bench.venue.submits) - 2
    assert 15 <= asked <= 20
    assert len(every(events, ProtectionChanged)) <= 20
    bench.wait(500 * MS)
    bench.settle()
    assert stop_at(bench) == max(rising(10_000)) - D("0.01")


def test_a_short_trails_downwards() -> None:
    """The stop of a short lies above the lowest ask and only ever falls."""
    bench = Bench()
    guarded(bench, Side.SELL)
    levels = []
    for price in ("1.0990", "1.0950", "1.0980", "1.0900", "1.1000"):
        bench.wait(SECOND)
        bench.quote(D(price) - D("0.0010"), price)
        bench.settle()
        levels.append(stop_at(bench))
    assert levels == [D("1.1090"), D("1.1050"), D("1.1050"), D("1.1000"), D("1.1000")]


def test_a_trail_never_gives_back() -> None:
    """The price falls back: the stop stays."""
    bench = Bench()
    guarded(bench)
    ride(bench, [D("1.12"), D("1.115"), D("1.111")], SECOND)
    assert stop_at(bench) == D("1.11")


def test_a_trail_waits_for_its_trigger() -> None:
    """Nothing stands until the gain is there; then the stop is placed and follows."""
    bench = Bench()
    guarded(bench, trail=Trail(away("0.01"), trigger=away("0.02")))
    ride(bench, [D("1.1100"), D("1.1199")], SECOND)
    assert bench.working("s") == []
    ride(bench, [D("1.1200")], SECOND)
    assert stop_at(bench) == D("1.1100")


def test_a_trail_moves_in_its_own_steps() -> None:
    """With a step of ten pips a gain of nine moves nothing."""
    bench = Bench()
    guarded(bench, trail=Trail(away("0.01"), step=away("0.0010")))
    ride(bench, [D("1.1009")], SECOND)
    assert stop_at(bench) == D("1.09")
    ride(bench, [D("1.1010")], SECOND)
    assert stop_at(bench) == D("1.091")


def test_levels_lie_on_the_tick_away_from_the_market() -> None:
    """A peak between ticks leads to the tick below for a long."""
    bench = Bench()
    guarded(bench)
    ride(bench, [D("1.12345")], SECOND)
    assert stop_at(bench) == D("1.1134")


def test_break_even_moves_the_stop_once() -> None:
    """At the trigger the stop goes to the entry plus the offset, and is then left alone."""
    bench = Bench()
    even = BreakEven(away("0.01"), away("0.001"))
    name = guarded(bench, trail=None, stop_loss=Level(D("1.08")), break_even=even)
    ride(bench, [D("1.1099")], SECOND)
    assert stop_at(bench) == D("1.08")
    ride(bench, [D("1.1100"), D("1.2"), D("1.11")], SECOND)
    assert (stop_at(bench), bench.guard(name).moved) == (D("1.101"), True)
    assert len(every(bench.events, ProtectionChanged)) == 1


def test_break_even_never_loosens_a_stop() -> None:
    """A stop beyond the entry already stays there."""
    bench = Bench()
    even = BreakEven(away("0.01"))
    guarded(bench, trail=Trail(away("0.005")), break_even=even)
    ride(bench, [D("1.15"), D("1.12")], SECOND)
    assert stop_at(bench) == D("1.145")


def test_break_even_of_a_position_without_a_stop_places_one() -> None:
    """The stop comes into being at the trigger."""
    bench = Bench()
    guarded(bench, trail=None, break_even=BreakEven(away("0.01")))
    assert bench.working("s") == []
    ride(bench, [D("1.11")], SECOND)
    assert stop_at(bench) == D("1.1")


def test_a_peak_between_two_changes_is_not_lost_when_the_entry_completes() -> None:
    """The last part fills between two changes: the highest price still counts.

    Before, the peak was forgotten when the entry ended, and the stop trailed from a lower price.
    """
    bench = Bench()
    bench.venue.fills_markets = False
    name = guarded(bench)
    bench.venue.fill(name, 5)
    bench.settle()
    bench.wait(SECOND)
    bench.quote("1.12")
    bench.settle()
    bench.wait(100 * MS)
    bench.quote("1.13")
    bench.quote("1.12")
    bench.venue.fill(name, 5)
    bench.settle()
    bench.wait(SECOND)
    bench.settle()
    assert (stop_at(bench), bench.working("s")[0].leaves) == (D("1.12"), 10)


def test_a_stop_in_doubt_writes_no_event_a_tick() -> None:
    """While nobody knows where the stop is nothing is asked of it, and the journal stays quiet."""
    bench = Bench()
    bench.venue.times_out = lambda order: "before" if order.stop_price else ""
    name = guarded(bench)
    assert bench.orders("s")[0].status is OrdStatus.IN_DOUBT
    assert ride(bench, rising(1_000), MS) == []
    stop = bench.orders("s")[0].cl_ord_id
    bench.venue.times_out = lambda order: ""
    bench.look(absent=(stop,))
    bench.settle()
    bench.wait(SECOND)
    bench.settle()
    assert bench.guard(name).held == 10
    assert stop_at(bench) == max(rising(1_000)) - D("0.01")


def test_after_a_restart_a_trail_never_falls_behind_what_it_had() -> None:
    """The peak is gone with the memory; the stop stays and goes on from there."""
    bench = Bench()
    guarded(bench)
    ride(bench, [D("1.13")], SECOND)
    bench.begin()
    bench.look()
    ride(bench, [D("1.125")], SECOND)
    assert stop_at(bench) == D("1.12")
    ride(bench, [D("1.14")], SECOND)
    assert stop_at(bench) == D("1.13")


def test_peaks_of_what_is_closed_are_forgotten() -> None:
    """Memory does not grow with every position that once trailed."""
    bench = Bench()
    guarded(bench)
    ride(bench, [D("1.13")], SECOND)
    assert bench.market.peaks
    bench.venue.by_hand("a", Side.SELL, 10)
    bench.settle()
    bench.wait(SECOND)
    assert not bench.market.peaks
    assert not bench.state.accounts["a"].watched


# --- plain trailing stop orders -------------------------------------------------------------------


def trailing(bench: Bench, side: Side, protection: Protection | None = None) -> str:
    """Have a trailing stop entry of 0.01 working."""
    bench.quote("1.1")
    order = PlaceOrder(
        symbol=EURUSD,
        side=side,
        quantity=Amount(D(1)),
        ord_type=OrdType.TRAILING_STOP,
        trail=away("0.01"),
        protection=protection,
    )
    name = str(only(bench.say(order), OrderRequested).cl_ord_id)
    bench.settle()
    return name


@pytest.mark.parametrize("bracket", [None, Protection(stop_loss=away("0.02"))])
@pytest.mark.parametrize(
    ("side", "start", "path", "level"),
    [
        (Side.SELL, "1.0900", ["1.105", "1.12", "1.115"], "1.11"),
        (Side.BUY, "1.1100", ["1.095", "1.08", "1.085"], "1.09"),
    ],
)
def test_a_plain_trailing_stop_follows_and_never_turns_back(
    side: Side, start: str, path: list[str], level: str, bracket: Protection | None
) -> None:
    """A sell stop rises with the bid, a buy stop falls with the ask; one with a bracket too.

    Before, an entry that was to be protected stood where it had been placed.
    """
    bench = Bench()
    name = trailing(bench, side, bracket)
    assert bench.venue.orders[name].stop_price == D(start)
    ride(bench, [D(price) for price in path], SECOND)
    assert bench.venue.orders[name].stop_price == D(level)


def test_a_plain_trailing_stop_is_coalesced_too() -> None:
    """Ten thousand ticks in ten seconds: at most twenty changes, and the last level is right."""
    bench = Bench()
    name = trailing(bench, Side.SELL)
    events = ride(bench, rising(10_000), MS)
    assert 15 <= len(every(events, ReplaceRequested)) <= 20
    bench.wait(500 * MS)
    bench.settle()
    assert bench.venue.orders[name].stop_price == max(rising(10_000)) - D("0.01")


def test_a_plain_trailing_stop_stands_still_once_it_trades() -> None:
    """What has begun to fill is not moved."""
    bench = Bench()
    name = trailing(bench, Side.SELL)
    bench.venue.fill(name, "0.4")
    bench.settle()
    ride(bench, [D("1.15")], SECOND)
    assert bench.venue.orders[name].stop_price == D("1.09")


def test_a_change_of_the_stop_alone_leaves_the_trail_as_it_is() -> None:
    """A new trail is taken whole: of the old one neither trigger nor step is left."""
    bench = Bench()
    name = guarded(bench, trail=Trail(away("0.01"), trigger=away("0.02"), step=away("0.001")))
    trails = []
    for change in (Protection(stop_loss=Level(D("1.085"))), Protection(trail=Trail(away("0.03")))):
        bench.wait(SECOND)
        bench.say(ModifyProtection(symbol=EURUSD, protection=change))
        bench.settle()
        bracket = bench.guard(name).bracket
        trails.append((bracket.trail_distance, bracket.trail_trigger, bracket.trail_step))
    assert trails == [(D("0.01"), D("0.02"), D("0.001")), (D("0.03"), None, None)]


def test_a_natively_trailing_order_is_left_to_its_venue() -> None:
    """No change is asked for."""
    bench = Bench(native_trailing=True)
    trailing(bench, Side.SELL)
    assert not every(ride(bench, rising(100), SECOND), ReplaceRequested)


def test_a_trail_that_waits_for_a_gain_bounds_no_loss() -> None:
    """Until the gain is there no stop stands, so a limit on what one order may lose refuses it.

    Before, it passed as if the stop stood a trail's length away.
    """
    bench = Bench(limits=replace(ROOMY, max_order_loss=D(20_000)))
    asked = PlaceOrder(
        symbol=EURUSD,
        side=Side.BUY,
        quantity=Amount(D(10)),
        protection=Protection(trail=Trail(away("0.01"), trigger=away("0.02"))),
        reference_price=D("1.1"),
    )
    assert only(bench.say(asked), OrderRefused).code == "fat_finger"
    bare = Protection(trail=Trail(away("0.01")))
    assert only(bench.say(replace(asked, protection=bare)), OrderRequested)


def counted(cap: int) -> Bench:
    """Hold a trailing position under a firm that permits so many requests a day."""
    bench = Bench()
    rules = Programme(
        id="p", firm="Firm", conduct=Conduct(max_requests_per_day=cap, reset=Clock("12:00", "UTC"))
    )
    bench.settings.accounts["a"] = replace(bench.settings.accounts["a"], programme=rules)
    bench.quote("1.1")
    bench.money(100_000)
    guarded(bench)
    return bench


def climb(seconds: int, first: str) -> list[D]:
    """A price that goes up a tick a second."""
    return [D(first) + D("0.0001") * number for number in range(seconds)]


def test_a_trail_uses_up_no_firms_requests() -> None:
    """Of 300 a day 200 are there to use; it grows coarser, and ends with them, until the reset.

    Before, a trail alone asked 3,600 times an hour of a venue whose firm permits 2,000 a day.
    """
    bench = counted(300)
    moves = every(ride(bench, climb(3 * 3600, "1.1"), SECOND), ReplaceRequested)
    gaps = [two.at - one.at for one, two in pairwise(moves)]
    assert len(moves) < 200 and gaps[0] == SECOND and max(gaps[:150]) > MINUTE
    assert gaps == sorted(gaps)
    bench.at += HOUR
    assert len(every(ride(bench, climb(60, "3.1"), SECOND), ReplaceRequested)) > 15


def test_a_break_even_waits_for_no_trail() -> None:
    """It is a level of its own, and is asked for at once however seldom the trail may move."""
    bench = counted(120)
    ride(bench, climb(3600, "1.1"), SECOND)
    (guard,) = bench.state.accounts["a"].guards.values()
    even = Protection(break_even=BreakEven(away("0.4"), away("0.38")))
    bench.say(ModifyProtection(symbol=EURUSD, protection=even))
    bench.settle()
    ride(bench, climb(3, str(guard.entry_price + D("0.45"))), SECOND)
    assert stop_at(bench) == guard.entry_price + D("0.38")
