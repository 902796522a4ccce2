"""Each fill once: however many a day brings, and whosever it is that the venue takes back."""

from decimal import Decimal as D

import pytest

from bascule.execution import fold_orders
from bascule.execution import inputs as inp
from bascule.execution.state import LOOK_BACK_NS, dump, load
from bascule.model.enums import ExecType, Side
from bascule.model.event import FillBusted, FillCorrected, ForeignFill, ReportIgnored
from bascule.model.order import ExecutionReport
from bascule.model.values import HOUR, Instant
from tests.unit.execution.harness import EURUSD, Bench, every, kinds, only
from tests.unit.execution.test_reports import working

X = ExecType
LEAST = 50


@pytest.fixture
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few exec ids are enough to be forgotten, where their age allows it."""
    monkeypatch.setattr(fold_orders, "EXEC_IDS_MIN", LEAST)


def hand(bench: Bench, side: Side, quantity: int) -> ExecutionReport:
    """Have a hand trade, as the venue tells it."""
    fill = bench.venue.by_hand("a", side, quantity, told=False)
    bench.feed(inp.ReportReceived(Instant(bench.at), fill))
    return fill


def by_hand(bench: Bench, count: int) -> None:
    """Have a hand trade so often, one unit each."""
    for number in range(count):
        hand(bench, Side.BUY if number % 2 == 0 else Side.SELL, 1)


def amended(bench: Bench, fill: ExecutionReport, kind: ExecType, exec_id: str, quantity: int,
            price: str = "1.1", ref: str = "") -> list[object]:  # fmt: skip
    """Tell that a hand's fill was taken back, or corrected."""
    told = ExecutionReport(
        account=fill.account,
        exec_id=exec_id,
        exec_type=kind,
        venue_order_id=fill.venue_order_id,
        venue_symbol=fill.venue_symbol,
        side=fill.side,
        at=Instant(bench.at),
        last_qty=D(quantity),
        last_price=D(price),
        ref_exec_id=ref or fill.exec_id,
    )
    return list(bench.feed(inp.ReportReceived(Instant(bench.at), told)))


@pytest.mark.usefixtures("little")
def test_more_fills_than_are_kept_count_once_when_all_are_shown_again() -> None:
    """A start asks for a day's fills; before, each was taken for a hand's and counted again.

    One fill more than was kept pushed the next one out of memory, that one the next, and so on.
    """
    bench = Bench()
    by_hand(bench, LEAST + 1)
    assert bench.net() == 1
    assert not every(bench.look(), ForeignFill)
    assert not every(bench.look(), ReportIgnored)
    assert bench.net() == 1


@pytest.mark.usefixtures("little")
def test_what_no_look_asks_for_any_more_is_forgotten() -> None:
    """Memory holds what the look-back covers, and as many as are kept in any case."""
    bench = Bench()
    known = bench.state.accounts["a"]
    for _ in range(5 * 24):
        by_hand(bench, 2 * LEAST)
        bench.look(fills=())
        bench.wait(HOUR)
        assert len(known.exec_ids) <= (LOOK_BACK_NS // HOUR + 3) * 2 * LEAST
        assert sum(hour.count for hour in known.exec_hours) == len(known.exec_ids)
        assert known.hand_fills.keys() <= known.exec_ids.keys()
    oldest = bench.venue.fills[-len(known.exec_ids)]
    assert oldest.at >= known.fills_from(Instant(bench.at)) - HOUR
    assert oldest.exec_id in known.exec_ids


@pytest.mark.usefixtures("little")
def test_a_venue_whose_clock_runs_ahead_is_believed_for_a_day() -> None:
    """Its fills are asked for by its own clock; one that says the year 2099 blocks nothing."""
    bench = Bench()
    known = bench.state.accounts["a"]
    bench.venue.by_hand("a", Side.BUY, 1, told=False)
    odd = bench.venue.fills[-1]
    words = {field: getattr(odd, field) for field in odd.__struct_fields__}
    wrong = ExecutionReport(**{**words, "at": Instant(4_070_908_800_000_000_000)})
    bench.feed(inp.ReportReceived(Instant(bench.at), wrong))
    for _ in range(4 * 24):
        by_hand(bench, 2 * LEAST)
        bench.look(fills=())
        bench.wait(HOUR)
    assert wrong.exec_id not in known.exec_ids


def test_a_state_of_before_there_were_hours_is_read() -> None:
    """Its exec ids count as those of the hour in which the next one comes."""
    bench = Bench()
    by_hand(bench, 3)
    known = bench.state.accounts["a"]
    known.exec_hours.clear()
    by_hand(bench, 1)
    assert [hour.count for hour in known.exec_hours] == [4]
    assert dump(load(dump(bench.state))) == dump(bench.state)


@pytest.mark.parametrize("quantity", [5, 0])
def test_a_hands_fill_that_is_taken_back_is_undone_once(quantity: int) -> None:
    """Also where the venue does not say again how much it was, and tells it under two ids."""
    bench = Bench()
    fill = hand(bench, Side.BUY, 5)
    assert bench.net() == 5
    only(amended(bench, fill, X.TRADE_CANCEL, "b1", quantity), ForeignFill)
    assert bench.net() == 0
    assert kinds(amended(bench, fill, X.TRADE_CANCEL, "b1", 5)) == ["report_ignored"]
    assert kinds(amended(bench, fill, X.TRADE_CANCEL, "b2", 5)) == ["report_ignored"]
    assert bench.net() == 0
    assert bench.replay() == dump(bench.state)


def test_a_hands_fill_that_is_corrected_counts_as_corrected() -> None:
    """Before, it was passed over: entries were refused over the difference until a person came."""
    bench = Bench()
    fill = hand(bench, Side.BUY, 5)
    mark = f"{fill.exec_id}~4x1.2"
    amended(bench, fill, X.TRADE_CORRECT, mark, 4, "1.2")
    assert (bench.net(), bench.book("manual").avg_price) == (4, D("1.2"))
    amended(bench, fill, X.TRADE_CORRECT, mark, 4, "1.2")
    assert bench.net() == 4
    amended(bench, fill, X.TRADE_CORRECT, f"{fill.exec_id}~3x1.2", 3, "1.2")
    assert bench.net() == 3
    amended(bench, fill, X.TRADE_CANCEL, "b1", 3)
    assert bench.net() == 0
    assert bench.replay() == dump(bench.state)


def test_a_hands_correction_that_was_lost_is_read_off_the_history() -> None:
    """A look shows the fill as it now stands, once."""
    bench = Bench()
    fill = hand(bench, Side.BUY, 5)
    words = {field: getattr(fill, field) for field in fill.__struct_fields__}
    bench.venue.fills[-1] = ExecutionReport(**{**words, "last_qty": D(4)})
    bench.venue.net["a", f"{EURUSD}.x"] = D(4)
    assert len(every(bench.look(), ForeignFill)) == 2
    assert bench.net() == 4
    assert not every(bench.look(), ForeignFill)


def test_one_fill_corrected_twice_and_then_taken_back() -> None:
    """A venue that always names the fill itself, and marks what it became, is followed.

    Before, the second correction and the bust found nothing to correct, and the books stayed wrong.
    """
    bench = Bench()
    name = working(bench)
    bench.traded(name, 10, exec_id="f1")
    for quantity in (8, 7, 10):
        words = {"ref_exec_id": "f1", "last_qty": D(quantity), "last_price": D("1.1")}
        again = [
            bench.report(name, X.TRADE_CORRECT, exec_id=f"f1~{quantity}x1.1", **words)
            for _ in range(2)
        ]
        assert [len(every(events, FillCorrected)) for events in again] == [1, 0]
        assert (bench.order(name).cum_qty, bench.book().quantity) == (quantity, quantity)
    only(bench.report(name, X.TRADE_CANCEL, exec_id="f1~busted", ref_exec_id="f1"), FillBusted)
    assert (bench.order(name).cum_qty, bench.book().quantity, bench.net()) == (0, 0, 0)


def forgotten() -> tuple[Bench, ExecutionReport]:
    """Hold 10 of an order that is known no more; gives its fill as the venue has it."""
    bench = Bench()
    name = working(bench)
    bench.traded(name, 10, exec_id="f1")
    known = bench.state.accounts["a"]
    del known.ended[name]
    known.by_venue_id.clear()
    fill = bench.venue.by_hand("a", Side.BUY, 10, told=False)
    assert fill is not None
    return bench, fill


def test_the_bust_of_a_fill_whose_order_is_forgotten() -> None:
    """Its position is gone at the venue, so it is here; the report alone says how much it was."""
    bench, fill = forgotten()
    for times in (1, 0):
        told = amended(bench, fill, X.TRADE_CANCEL, f"b{times}", 10, ref="f1")
        assert len(every(told, ForeignFill)) == times
        assert bench.net() == 0


def test_a_correction_of_a_fill_whose_order_is_forgotten_is_kept_and_changes_nothing() -> None:
    """It says how much the fill is, and not how much was counted: a look at positions tells."""
    bench, fill = forgotten()
    assert kinds(amended(bench, fill, X.TRADE_CORRECT, "c1", 8, ref="f1")) == ["report_ignored"]
    assert bench.net() == 10


@pytest.mark.parametrize("kind", [X.TRADE_CANCEL, X.TRADE_CORRECT])
def test_what_amends_a_fill_is_of_the_order_that_had_it(kind: ExecType) -> None:
    """A fill's own id tells which that was, though its number is another order's by now.

    Before, it was passed over, and the position stayed wrong until entries were halted over it.
    """
    bench = Bench(route={"pyramiding": 9})
    old = working(bench)
    bench.traded(old, 10, exec_id="f1")
    number = bench.order(old).venue_order_id
    new = working(bench, 20)
    bench.report(new, X.REPLACED, venue_order_id=number)
    words = {"cl_ord_id": None, "venue_order_id": number, "last_qty": D(8), "last_price": D("1.1")}
    bench.report(new, kind, exec_id="c1", ref_exec_id="f1", **words)
    left = 0 if kind is X.TRADE_CANCEL else 8
    assert (bench.order(old).cum_qty, bench.order(new).cum_qty, bench.net()) == (left, 0, left)
