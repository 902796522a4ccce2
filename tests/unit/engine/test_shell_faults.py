"""The shell at unlucky moments: a bug, a full disk, a venue that is silent for days."""

import asyncio
import threading
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from bascule.engine import looks, owner
from bascule.engine.runtime import Runtime
from bascule.journal.sqlite import SqliteStore
from bascule.model.account import Pacing
from bascule.model.enums import Side
from bascule.model.errors import InvariantBroken, JournalUnwritable, VenueTransient
from bascule.model.ids import AccountId
from bascule.model.intent import ClosePosition
from bascule.model.order import Accepted, NewOrder, Outcome
from bascule.model.values import SECOND, Instant
from bascule.venues.kit.contract import OrdersSnapshot
from tests.unit.engine.fakes import HandClock, Installation
from tests.waiting import PATIENCE_S, until

ONE, TWO = AccountId("one"), AccountId("two")


def broken(*_: object) -> list[object]:
    """Stand in for a decision with a bug."""
    raise InvariantBroken("a bug")


def refuse(*_: object) -> None:
    """Stand in for a disk that is full."""
    raise JournalUnwritable("the disk is full")


async def test_an_entry_that_waits_long_keeps_no_exit_waiting(tmp_path: Path) -> None:
    """An exit goes as soon as the pace lets it, whatever a staggered entry waits for."""
    pace = Pacing(requests_per_second=4, burst=1, reserve=0)
    clock = HandClock()
    place = Installation(tmp_path, stagger_ns=50 * SECOND, pacing=pace, clock=clock)

    def of_two() -> list[NewOrder]:
        return [order for order in place.venue.seen if order.account == TWO]

    async with place.running() as runtime:
        await runtime.submit(place.signal(runtime))
        clock.move(50 * SECOND)
        runtime.dispatcher._timers[TWO].cancel()
        runtime.dispatcher._wake(TWO)
        await until(of_two, "the first entry")
        place.venue.fill(of_two()[0], "x-1")
        clock.move(SECOND)
        await runtime.submit(place.signal(runtime))
        for _ in range(2):
            half = ClosePosition(symbol="BTCUSD", fraction=Decimal("0.5"))
            await runtime.submit(place.signal(runtime, half))
        clock.move(SECOND)
        await until(lambda: len(of_two()) == 3, "both exits", patience_s=40)
        assert [order.side for order in of_two()[1:]] == [Side.SELL, Side.SELL]


async def test_a_decision_that_breaks_ends_the_engine_whoever_asked_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """State and journal part, so nothing more is decided: neither the venue's word nor a signal."""
    place = Installation(tmp_path)
    async with place.running() as runtime:
        await runtime.submit(place.signal(runtime))
        await until(lambda: len(place.venue.seen) == 2, "orders")
        with monkeypatch.context() as patch:
            patch.setattr(owner, "decide", broken)
            with pytest.raises(InvariantBroken):
                place.venue.fill(place.venue.seen[0], "x-1")
        assert isinstance(runtime.fatal.result(), InvariantBroken)
        assert (await runtime.submit(place.signal(runtime))).status == "overloaded"
    async with place.running() as runtime:
        monkeypatch.setattr(owner, "decide", broken)
        with pytest.raises(InvariantBroken):
            await runtime.submit(place.signal(runtime))
        assert isinstance(runtime.fatal.result(), InvariantBroken)


async def test_a_venue_that_leaves_out_an_outcome_ends_the_engine(tmp_path: Path) -> None:
    """One outcome an order is the contract; with a future as with a coroutine, less is our bug."""

    def one_less(orders: Sequence[NewOrder]) -> asyncio.Future[Sequence[Outcome]]:
        answer: asyncio.Future[Sequence[Outcome]] = asyncio.get_running_loop().create_future()
        answer.set_result([Accepted(None, Instant(0)) for _ in orders[1:]])
        return answer

    place = Installation(tmp_path, tune=lambda venue: setattr(venue, "submit_many", one_less))
    async with place.running() as runtime:
        await runtime.submit(place.signal(runtime))
        async with asyncio.timeout(PATIENCE_S):
            assert isinstance(await asyncio.shield(runtime.fatal), ValueError)


async def test_a_disk_that_fails_at_the_end_keeps_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine that cannot write its last event ends all the same, and says why."""
    place = Installation(tmp_path)
    runtime = await Runtime.start(place.setup())
    await until(lambda: all(a.reconciled for a in runtime.state.accounts.values()), "reconciled")
    monkeypatch.setattr(runtime._journal._store, "append", refuse)
    async with asyncio.timeout(PATIENCE_S):
        await runtime.stop("test ended")
    assert isinstance(runtime.fatal.result(), JournalUnwritable)


async def test_a_sender_that_waits_for_a_full_disk_is_told_what_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of it was sent; whether it was kept nobody knows. What comes later is not kept."""
    full = threading.Event()

    def refuse_later(*_: object) -> None:
        full.wait(PATIENCE_S)
        refuse()

    place = Installation(tmp_path)
    async with place.running() as runtime:
        await runtime.owner.durable()
        monkeypatch.setattr(runtime._journal._store, "append", refuse_later)
        monkeypatch.setattr(runtime._journal._writer, "_took_ns", SECOND)  # not on the loop
        waiting = [runtime.submit(place.signal(runtime)) for _ in range(3)]
        await asyncio.sleep(0.05)  # all of them are with the writer
        full.set()
        async with asyncio.timeout(30):
            told = await asyncio.gather(*waiting)
        assert {(receipt.status, receipt.code) for receipt in told} == {
            ("unknown", "outcome_unknown")
        }
        assert (await runtime.submit(place.signal(runtime))).status == "overloaded"
        assert isinstance(runtime.fatal.result(), JournalUnwritable)
        assert place.venue.seen == []


async def test_a_signal_that_meets_a_stalled_disk_is_told_that_it_was_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What never reached the writer is not in the journal, whatever the disk does later."""
    place = Installation(tmp_path)
    async with place.running() as runtime:
        monkeypatch.setattr("bascule.journal.journal.BACKLOG_MAX", -1)
        receipt = await runtime.submit(place.signal(runtime))
        assert (receipt.status, receipt.code) == ("overloaded", "stopping")


async def test_a_venue_that_cannot_be_left_keeps_no_engine_from_ending(tmp_path: Path) -> None:
    """The last event is written and the journal let go, so that the next start takes it."""

    async def stuck() -> None:
        raise VenueTransient("its own record could not be written")

    place = Installation(tmp_path)
    async with place.running() as runtime:
        place.venue.disconnect = stuck  # type: ignore[method-assign]
    assert runtime.state.accounts[ONE].reconciled
    async with place.running() as second:
        assert second.restart.replayed == 0


async def test_a_disk_that_fails_at_the_start_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start that cannot write its first event fails, where it would have waited for ever."""
    monkeypatch.setattr(SqliteStore, "append", refuse)
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(JournalUnwritable):
            await Runtime.start(Installation(tmp_path).setup())


async def test_a_venue_that_is_silent_for_days_fills_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look's cause tells of the last failure, not of all of them."""
    monkeypatch.setattr(looks, "RETRY_S", 0.001)
    monkeypatch.setattr(looks, "HINT_DELAY_S", 0.001)
    asked: list[str] = []

    async def silent(account: AccountId) -> OrdersSnapshot:
        asked.append(runtime.looker._causes.get(account, ""))
        raise VenueTransient("it does not answer")

    place = Installation(tmp_path)
    async with place.running() as runtime:
        monkeypatch.setattr(place.venue, "open_orders", silent)
        runtime.looker.want(ONE, "asked for")
        await until(lambda: len(asked) > 10, "ten looks")
        said = "asked for, again after: it does not answer"
        await until(lambda: runtime.looker._causes.get(ONE) == said, "no more than that")


async def test_a_snapshot_holds_no_more_than_what_was_appended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the gate has decided in the very step of a commit is not folded twice at a restart."""
    monkeypatch.setattr(owner, "SNAPSHOT_EVERY", 1)
    place = Installation(tmp_path)
    taken: list[int] = []
    async with place.running() as runtime:
        keep = runtime._journal.write_snapshot

        def look(seq: int, state: bytes) -> None:
            taken.append(len(runtime.owner._events))
            keep(seq, state)

        monkeypatch.setattr(runtime._journal, "write_snapshot", look)
        runtime.latch.set("all", by="somebody", reason="what is let out ends unsent, at once")
        for _ in range(20):
            await asyncio.sleep(0.01)
            await runtime.submit(place.signal(runtime))
    assert len(taken) > 5
    assert not any(taken)
