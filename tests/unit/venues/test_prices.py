"""Random walks, replays, files of prices, and the way through a bar."""

import random
from decimal import Decimal

import pytest

from bascule.model.enums import ExecType, Side
from bascule.model.errors import ConfigError, UsageError
from bascule.model.ids import VenueSymbol
from bascule.model.instrument import Quote
from bascule.model.values import SECOND, Duration, Instant
from bascule.venues.kit.prices import Bar, RandomWalk, Replay, read_rows
from tests.unit.venues.house import GOLD, START, House, gold, hedging, trades


def through(house: House, first: int, high: int, low: int, last: int) -> list[tuple[str, str]]:
    """Trade through a bar of gold; gives the trades."""
    bar = Bar(GOLD, house.now, Decimal(first), Decimal(high), Decimal(low), Decimal(last))
    house.broker.bar(bar, house.now)
    return trades(house.told())


def flat_gold(**changes: object) -> House:
    """A house whose gold has no spread and stands at 100."""
    house = House(gold(spread_ticks=0, **changes))
    house.quote(100, 100)
    return house


def test_long_with_stop_and_target_in_the_bar_is_stopped() -> None:
    """Low comes first for a long, at the stop's own level."""
    house = flat_gold()
    house.buy(2, stop_loss=95, take_profit=110)
    assert through(house, 100, 112, 90, 105) == [("2", "95")]


def test_short_with_stop_and_target_in_the_bar_is_stopped() -> None:
    """High comes first for a short."""
    house = flat_gold()
    house.sell(2, stop_loss=105, take_profit=90)
    assert through(house, 100, 112, 88, 95) == [("2", "105")]


def test_an_exit_pair_of_the_clients_own_counts_as_well() -> None:
    """A reduce-only stop and limit, run as an OCO outside, meet the worse way too."""
    house = flat_gold()
    house.buy(2)
    house.sell(2, stop_price=95, reduce_only=True)
    house.sell(2, price=110, reduce_only=True)
    assert through(house, 100, 112, 90, 111) == [("2", "95")]


def test_the_larger_loss_decides_between_long_and_short() -> None:
    """With both sides in one bar, the way that costs more is taken."""
    house = House(gold(spread_ticks=0), account_terms=hedging())
    house.quote(100, 100)
    house.buy(1, stop_loss=95, take_profit=105)
    house.sell(5, stop_loss=105, take_profit=95)
    assert through(house, 100, 106, 94, 100) == [("1", "105"), ("5", "105")]


def test_a_gap_at_the_open_fills_at_the_open() -> None:
    """Between bars the price jumps; a stop that is jumped over fills at the open."""
    house = flat_gold()
    house.buy(2, stop_loss=95)
    assert through(house, 90, 92, 88, 91) == [("2", "90")]


def test_entry_and_exit_within_one_bar() -> None:
    """An entry that fills on the way is guarded for the rest of the bar."""
    house = flat_gold()
    house.buy(2, price=98, stop_loss=95, take_profit=110)
    assert through(house, 100, 104, 94, 103) == [("2", "98"), ("2", "95")]


def test_levels_outside_the_bar_are_not_met() -> None:
    """Nothing fills that the bar did not reach."""
    house = flat_gold()
    house.buy(2, stop_loss=80, take_profit=120)
    assert through(house, 100, 112, 90, 105) == []


def test_bar_meets_buys_on_the_ask() -> None:
    """A buy stop is met when the bid is a spread below it."""
    house = House(gold(spread_ticks=2))
    house.quote(100, 102)
    house.buy(1, stop_price=110)
    assert through(house, 100, 107, 99, 105) == []
    assert through(house, 105, 109, 104, 106) == [("1", "110")]


def test_bar_of_an_unlisted_symbol_is_refused() -> None:
    """Prices of nothing that is listed are a mistake."""
    house = flat_gold()
    bar = Bar(VenueSymbol("X"), START, Decimal(1), Decimal(1), Decimal(1), Decimal(1))
    with pytest.raises(UsageError, match="not listed"):
        house.broker.bar(bar, START)


@pytest.mark.parametrize(("bid", "ask"), [("0", "1"), ("5", "4"), ("NaN", "1"), ("1", "1E+99")])
def test_quotes_that_cannot_be_are_refused(bid: str, ask: str) -> None:
    """A crossed, zero or impossible quote never reaches the market."""
    house = flat_gold()
    with pytest.raises(UsageError):
        house.quote(bid, ask)
    assert trades(house.buy(1)) == [("1", "100")]


# --- feeds ----------------------------------------------------------------------------------------


def walk(seed: int, *, volatility: float = 3.0) -> list[Quote]:
    """Give 200 steps of a walk of gold that starts at 50."""
    first = {GOLD: Quote(GOLD, Decimal(50), Decimal(52), START)}
    feed = RandomWalk(
        [gold(volatility_ticks=volatility)], random.Random(seed), Duration(SECOND), START, first
    )
    steps: list[Quote] = []
    for number in range(1, 201):
        steps += [q for q in feed.due(Instant(START + number * SECOND)) if isinstance(q, Quote)]
    return steps


def test_the_same_seed_walks_the_same_way() -> None:
    """A walk is a function of its seed."""
    assert walk(7) == walk(7)
    assert walk(7) != walk(8)


def test_walk_stays_on_tick_positive_and_keeps_its_spread() -> None:
    """Every step is a quote that could be."""
    for quote in walk(3, volatility=20.0):
        assert quote.bid >= 1
        assert quote.ask - quote.bid == 2
        assert quote.bid == int(quote.bid)


def test_walk_without_volatility_stands_still() -> None:
    """Zero volatility is a constant price."""
    assert {quote.bid for quote in walk(1, volatility=0.0)} == {50}


def test_walk_skips_what_it_slept_through() -> None:
    """A pause gives one step, not all that were missed."""
    first = {GOLD: Quote(GOLD, Decimal(50), Decimal(52), START)}
    feed = RandomWalk([gold()], random.Random(1), Duration(SECOND), START, first)
    assert feed.due(START) == ()
    assert len(feed.due(Instant(START + 100 * SECOND))) == 1
    assert feed.next_at() == START + 101 * SECOND


def test_instrument_without_a_price_does_not_walk() -> None:
    """There is nowhere to walk from."""
    feed = RandomWalk([gold()], random.Random(1), Duration(SECOND), START, {})
    assert feed.next_at() is None


TICKS = """time,symbol,bid,ask,bid_size,ask_size
2026-01-05T08:00:00+00:00,GOLD,100,102,5,6
1767600001000000000,GOLD,101,103,,
"""
BARS = """time,symbol,open,high,low,close
2026-01-05T08:01:00Z,GOLD,100,110,95,105
"""


def test_ticks_are_read_with_their_sizes() -> None:
    """Times may be ISO or nanoseconds; a missing size is "not stated"."""
    first, second = read_rows(TICKS.splitlines())
    assert first == Quote(GOLD, Decimal(100), Decimal(102), START, Decimal(5), Decimal(6))
    assert second == Quote(GOLD, Decimal(101), Decimal(103), Instant(START + SECOND))


def test_bars_are_read() -> None:
    """A bar's time is its end."""
    (bar,) = read_rows(BARS.splitlines())
    assert bar == Bar(
        GOLD, Instant(START + 60 * SECOND), Decimal(100), Decimal(110), Decimal(95), Decimal(105)
    )


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("a,b\n1,2\n", "header"),
        ("time,symbol,bid,ask\n1,GOLD,5,4\n", "line 2"),
        ("time,symbol,bid,ask\nyesterday,GOLD,4,5\n", "line 2"),
        ("time,symbol,bid,ask\n2026-01-05T08:00:00,GOLD,4,5\n", "line 2"),
        ("time,symbol,open,high,low,close\n1,GOLD,5,4,3,5\n", "line 2"),
        ("time,symbol,bid,ask\n1,GOLD\n", "line 2"),
    ],
)
def test_bad_price_files_name_the_line(text: str, match: str) -> None:
    """What cannot be read is refused with its place."""
    with pytest.raises(ConfigError, match=match):
        read_rows(text.splitlines())


def test_replay_keeps_distances_and_speed() -> None:
    """Rows come at their own distances, divided by the speed, each once."""
    rows = read_rows(TICKS.splitlines())
    feed = Replay(rows, START, speed=2.0)
    assert feed.due(START) == rows[:1]
    assert feed.next_at() == START + SECOND // 2
    assert feed.due(Instant(START + SECOND)) == rows[1:]
    assert feed.next_at() is None
    assert feed.due(Instant(START + 9 * SECOND)) == []


def test_slipped_stop_pays_more_than_its_level() -> None:
    """In a bar a stop fills at its level plus slippage, never better."""
    house = flat_gold(slippage_ticks=3)
    house.buy(1)
    house.sell(1, stop_price=95)
    ((_, price),) = through(house, 100, 101, 90, 95)
    assert 92 <= int(price) <= 95
    assert house.reports[-1].exec_type is ExecType.TRADE
    assert house.reports[-1].side is Side.SELL
