"""The shell keeps the laws: durable first, sent once, nothing past a stop, nothing at recovery."""

import asyncio
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from bascule import __version__
from bascule.api.reading import folded_state
from bascule.engine import owner
from bascule.engine.runtime import Runtime
from bascule.journal.backup import backup, restore
from bascule.journal.sqlite import SqliteStore
from bascule.journal.store import Snapshot
from bascule.model.account import Pacing
from bascule.model.enums import OrdStatus, Side, StopMode
from bascule.model.errors import InvariantBroken, JournalLocked, JournalUnwritable
from bascule.model.ids import AccountId, ClOrdID, VenueOrderId
from bascule.model.intent import CancelOrders, ClosePosition, PlaceOrder
from bascule.model.order import Accepted, NewOrder, Outcome, Refused
from bascule.model.values import SECOND, Instant
from bascule.venues.kit.contract import FillsSnapshot, LinkState
from tests.unit.engine.fakes import HandClock, Installation, unknown
from tests.waiting import PATIENCE_S, until

ONE = AccountId("one")


def journal(directory: Path, query: str) -> list[tuple[object, ...]]:
    """Read the journal as a stranger would.

    By the library that the engine uses: another one in this process would not see its locks, and
    cut off the memory that both share.
    """
    path = str(directory / "journal.db")
    with closing(apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        return connection.execute(query).fetchall()


async def test_an_order_is_on_disk_before_it_reaches_the_venue(tmp_path: Path) -> None:
    """At the moment of sending, another process can read that the order was requested."""
    there: list[int] = []

    def look(order: NewOrder) -> None:
        found = journal(
            tmp_path,
            "select count(*) from events where kind='order_requested' and "
            f"json_extract(data, '$.cl_ord_id')='{order.cl_ord_id}'",
        )
        there.append(int(str(found[0][0])))

    place = Installation(tmp_path, tune=lambda venue: setattr(venue, "on_submit", look))
    async with place.running() as runtime:
        for _ in range(5):
            await runtime.submit(place.signal(runtime))
        await until(lambda: len(there) == 10, "ten orders")
    assert there == [1] * 10


async def test_a_signal_is_on_disk_before_it_is_acknowledged(tmp_path: Path) -> None:
    """A receipt is given only when another process can read the signal."""
    place = Installation(tmp_path)
    async with place.running() as runtime:
        receipt = await runtime.submit(place.signal(runtime))
        assert receipt.status == "accepted"
        query = f"select kind from events where signal='{receipt.signal}' limit 1"
        assert journal(tmp_path, query) == [("signal_accepted",)]


async def test_a_resend_is_answered_with_the_first_result(tmp_path: Path) -> None:
    """The same key and body again makes nothing; another body under the key is a conflict."""
    place = Installation(tmp_path)
    async with place.running() as runtime:
        first = place.signal(runtime)
        receipt = await runtime.submit(first)
        again = await runtime.submit(first)
        other = place.signal(runtime, key=first.key)
        conflict = await runtime.submit(other)
        await until(lambda: len(place.venue.seen) == 2, "the first signal's orders")
        assert again.status == "duplicate"
        assert again.duplicate_of == receipt.signal
        assert conflict.status == "conflict"
        assert len(place.venue.seen) == 2


async def test_a_resend_of_a_refused_signal_is_answered_with_the_refusal(tmp_path: Path) -> None:
    """The code is the first one's, also after a restart."""
    place = Installation(tmp_path)
    async with place.running() as runtime:
        old = place.signal(runtime, fired_at=Instant(1))
        first = await runtime.submit(old)
        again = await runtime.submit(old)
    async with place.running() as runtime:
        later = await runtime.submit(old)
    assert (first.status, first.code) == ("refused", "stale")
    for one in (again, later):
        assert (one.status, one.duplicate_of, one.code) == ("duplicate", first.signal, "stale")
        assert one.text == f"{first.signal} was refused, and nothing was done"


async def test_an_order_was_sent_before_its_venue_spoke_of_it(tmp_path: Path) -> None:
    """A fill that is read in the very step of the write is decided after the write is noted."""

    def fill_at_once(orders: Sequence[NewOrder]) -> asyncio.Future[Sequence[Outcome]]:
        for number, order in enumerate(orders):
            place.venue.fill(order, f"fill-{number}")
        outcomes: asyncio.Future[Sequence[Outcome]] = asyncio.get_running_loop().create_future()
        accepted = [Accepted(VenueOrderId(f"v-{o.cl_ord_id}"), Instant(0)) for o in orders]
        outcomes.set_result(accepted)
        return outcomes

    place = Installation(tmp_path, tune=lambda venue: setattr(venue, "submit_many", fill_at_once))
    async with place.running() as runtime:
        await runtime.submit(place.signal(runtime))
        await until(lambda: len(place.venue.fills) == 2, "two fills")
        await runtime.owner.durable()
        query = "select kind from events where kind in ('orders_sent', 'order_filled') order by seq"
        assert journal(tmp_path, query) == [("orders_sent",), ("order_filled",), ("order_filled",)]


async def test_an_unknown_outcome_is_looked_up_and_never_sent_again(tmp_path: Path) -> None:
    """A time-out leaves the order in doubt; the venue's book then shows that it took it."""

    def take_silently(order: NewOrder) -> Outcome:
        place.venue.show(order)
        return unknown(order)

    place = Installation(tmp_path, tune=lambda venue: setattr(venue, "answer", take_silently))
    async with place.running() as runtime:
        await runtime.submit(place.signal(runtime))
        account = runtime.state.accounts[ONE]
        await until(
            lambda: [o.status for o in account.orders.values()] == [OrdStatus.WORKING],
            "the look to find it",
        )
        assert len(place.venue.seen) == 2
    doubted = journal(tmp_path, "select count(*) from events where kind='order_doubted'")
    assert doubted == [(2,)]


async def test_absence_is_proven_by_snapshots_before_doubt_ends(tmp_path: Path) -> None:
    """An order that the venue never shows ends as absent, with the proof named, and only then."""
    place = Installation(tmp_path, tune=lambda venue: setattr(venue, "answer", unknown))
    async with place.running() as runtime:
        await runtime.submit(place.signal(runtime))
        account = runtime.state.accounts[ONE]
        await until(lambda: not account.orders, "the absence proof")
        ended = next(iter(account.ended.values()))
        assert ended.status is OrdStatus.REJECTED
        assert len(place.venue.seen) == 2
    row = journal(tmp_path, "select data from events where kind='order_ended' limit 1")
    assert "absence proof" in str(row[0][0])


async def test_a_fill_that_nobody_told_is_found_by_a_look(tmp_path: Path) -> None:
    """Fills are taken from the venue's history once, and positions agree afterwards."""
    place = Installation(tmp_path)
    async with place.running() as runtime:
        await runtime.submit(place.signal(runtime))
        await until(lambda: len(place.venue.seen) == 2, "both orders")
        for order in place.venue.seen:
            place.venue.fill(order, f"x-{order.account}", tell=False)
        await runtime.reconcile(ONE)
        await runtime.reconcile(ONE)
        book = next(iter(runtime.state.accounts[ONE].books.values()))
        assert book.quantity == 1
        assert not runtime.state.accounts[ONE].drift


async def test_recovery_submits_nothing_and_doubts_what_has_no_outcome(tmp_path: Path) -> None:
    """An order without an outcome at the crash is in doubt, found at the venue, not sent again."""
    place = Installation(tmp_path)
    hang: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    runtime = await Runtime.start(place.setup())
    await until(lambda: all(a.reconciled for a in runtime.state.accounts.values()), "reconciled")

    async def never(order: NewOrder) -> Outcome:
        place.venue.seen.append(order)
        place.venue.show(order)
        return await hang

    place.venue.submit = never  # type: ignore[method-assign]

    async def never_many(orders: list[NewOrder]) -> list[Outcome]:
        return [await never(order) for order in orders]

    place.venue.submit_many = never_many  # type: ignore[assignment]
    await runtime.submit(place.signal(runtime))
    await until(lambda: place.venue.seen, "the send")
    for task in [*runtime._tasks, *runtime.dispatcher._tasks]:
        task.cancel()
    runtime.owner.stopped = True
    runtime._journal.close()
    sent = len(place.venue.seen)

    async with place.running() as second:
        assert second.restart.in_doubt
        account = second.state.accounts[ONE]
        await until(
            lambda: all(o.status is OrdStatus.WORKING for o in account.orders.values()),
            "the look to settle it",
        )
        assert len(place.venue.seen) == sent


async def test_a_stagger_waits_and_a_halt_meanwhile_keeps_it_home(tmp_path: Path) -> None:
    """An entry that waits for its turn does not leave once a stop covers it."""
    clock = HandClock()
    place = Installation(tmp_path, stagger_ns=SECOND // 5, clock=clock)
    async with place.running() as runtime:
        await runtime.submit(place.signal(runtime))
        await until(lambda: place.venue.seen, "the first account")
        await runtime.halt("strategy:s", by="t", reason="test", mode=StopMode.HALT)
        clock.move(SECOND)
        two = runtime.state.accounts[AccountId("two")]
        await until(lambda: not two.orders, "the held order's end")
        assert [order.account for order in place.venue.seen] == ["one"]
        ended = next(iter(two.ended.values()))
        assert ended.status is OrdStatus.EXPIRED_UNSENT
        assert "halt on strategy:s" in ended.end_reason


async def test_a_halt_refuses_entries_and_lets_exits_pass(tmp_path: Path) -> None:
    """Under a halt a close goes out and an entry is refused with the stop's words."""
    place = Installation(tmp_path)
    async with place.running() as runtime:
        await runtime.submit(place.signal(runtime))
        await until(lambda: len(place.venue.seen) == 2, "entries")
        for order in list(place.venue.seen):
            place.venue.fill(order, f"x-{order.account}")
        await runtime.halt("all", by="t", reason="news", mode=StopMode.HALT)
        await runtime.submit(place.signal(runtime))
        await runtime.submit(place.signal(runtime, ClosePosition(symbol="BTCUSD")))
        await until(lambda: len(place.venue.seen) == 4, "the exits")
        assert {order.side for order in place.venue.seen[2:]} == {Side.SELL}
        assert all(order.reduce_only for order in place.venue.seen[2:])
        assert (tmp_path / "latch" / "halt.engine.all").exists()
        refused = await runtime.arm("all", by="t", reason="over", typed="everything")
        assert refused is not None and refused.code == "arm_not_confirmed"
        assert await runtime.arm("all", by="t", reason="over", typed="all") is None
        assert not (tmp_path / "latch").exists()


async def test_a_latch_written_by_somebody_else_holds_entries_back(tmp_path: Path) -> None:
    """The dispatcher obeys the file even when the engine's state knows of no stop."""
    place = Installation(tmp_path)
    async with place.running() as runtime:
        (tmp_path / "latch").mkdir()
        (tmp_path / "latch" / "what is this").write_text("this is no JSON")
        await runtime.submit(place.signal(runtime))
        await until(
            lambda: not any(a.orders for a in runtime.state.accounts.values()), "both to end"
        )
        assert place.venue.seen == []


async def test_a_freeze_lets_nothing_leave(tmp_path: Path) -> None:
    """Under a freeze neither exits nor cancels reach the venue."""
    place = Installation(tmp_path)
    async with place.running() as runtime:
        await runtime.submit(place.signal(runtime))
        await until(lambda: len(place.venue.seen) == 2, "entries")
        place.venue.fill(place.venue.seen[0], "x-1")
        await runtime.halt("all", by="t", reason="broker trouble", mode=StopMode.FREEZE)
        await runtime.submit(place.signal(runtime, ClosePosition(symbol="BTCUSD")))
        await runtime.submit(place.signal(runtime, CancelOrders(symbol="BTCUSD")))
        await asyncio.sleep(0.05)
        assert len(place.venue.seen) == 2
        assert place.venue.cancels == []


async def test_a_signal_that_goes_stale_in_the_queue_never_leaves(tmp_path: Path) -> None:
    """An order that waits for pacing longer than its signal is fresh ends unsent."""
    slow = Pacing(requests_per_second=2, burst=1, reserve=0)
    clock = HandClock()
    place = Installation(tmp_path, pacing=slow, max_age_ns=SECOND // 4, clock=clock)
    async with place.running() as runtime:
        for _ in range(3):
            await runtime.submit(place.signal(runtime))
        one = runtime.state.accounts[ONE]

        def later() -> bool:
            clock.move(SECOND)
            return sum(o.status is OrdStatus.EXPIRED_UNSENT for o in one.ended.values()) == 2

        await until(later, "two to go stale")
        assert sum(order.account == "one" for order in place.venue.seen) == 1


async def test_an_order_canceled_before_it_left_is_never_sent(tmp_path: Path) -> None:
    """A cancel that overtakes a waiting order ends it here, and the venue hears of neither."""
    clock = HandClock()
    place = Installation(tmp_path, stagger_ns=SECOND // 3, clock=clock)
    async with place.running() as runtime:
        await runtime.submit(place.signal(runtime))
        await runtime.submit(place.signal(runtime, CancelOrders(symbol="BTCUSD")))
        two = runtime.state.accounts[AccountId("two")]
        await until(lambda: not two.orders, "the unsent order's end")
        await until(lambda: place.venue.cancels, "the sent order's cancel")
        clock.move(SECOND)
        await asyncio.sleep(0.4)
        assert [order.account for order in place.venue.seen] == ["one"]
        assert [cancel.account for cancel in place.venue.cancels] == ["one"]


async def test_cancels_and_exits_have_a_reserve_of_the_pace(tmp_path: Path) -> None:
    """When entries have used their share, an exit still goes at once."""
    tight = Pacing(requests_per_second=0.5, burst=4, reserve=2)
    place = Installation(tmp_path, pacing=tight, clock=HandClock())
    async with place.running() as runtime:
        for _ in range(4):
            await runtime.submit(place.signal(runtime))
        await until(lambda: len(place.venue.seen) >= 4, "the entries that may go")
        sent = [order for order in place.venue.seen if order.account == "one"]
        assert len(sent) == 2
        place.venue.fill(sent[0], "x-1")
        await runtime.submit(place.signal(runtime, ClosePosition(symbol="BTCUSD")))
        await until(lambda: any(o.side is Side.SELL for o in place.venue.seen), "the exit")


async def test_a_refusal_with_proof_ends_the_order(tmp_path: Path) -> None:
    """The venue's reason and code are kept word for word."""

    def refuse(order: NewOrder) -> Outcome:
        return Refused("no_margin", "E-77", "not enough margin", Instant(1))

    place = Installation(tmp_path, tune=lambda venue: setattr(venue, "answer", refuse))
    async with place.running() as runtime:
        await runtime.submit(place.signal(runtime))
        one = runtime.state.accounts[ONE]
        await until(lambda: one.ended, "the refusal")
    row = journal(tmp_path, "select data from events where kind='order_ended' limit 1")
    assert "no_margin" in str(row[0][0]) and "E-77" in str(row[0][0])


@pytest.mark.parametrize("wrong", ["withdraw", "live", "hedging"])
async def test_an_account_that_is_not_what_was_configured_never_trades(
    tmp_path: Path, wrong: str
) -> None:
    """A key that can withdraw, a live account or another position mode is refused."""

    def tune(venue: object) -> None:
        from bascule.model.enums import PositionMode
        from bascule.venues.kit.contract import KeyScope

        if wrong == "withdraw":
            venue.scope = KeyScope(True, True)  # type: ignore[attr-defined]
        elif wrong == "live":
            venue.live = True  # type: ignore[attr-defined]
        else:
            venue.mode = PositionMode.HEDGING  # type: ignore[attr-defined]

    place = Installation(tmp_path, tune=tune, settle=False)
    async with place.running() as runtime:
        await asyncio.sleep(0.05)
        await runtime.submit(place.signal(runtime))
        assert place.venue.seen == []
        assert not runtime.state.accounts[ONE].reconciled


async def test_a_journal_that_fails_ends_the_engine_with_the_gate_shut(tmp_path: Path) -> None:
    """After a failed write nothing is acknowledged and nothing is sent, and nobody waits."""
    place = Installation(tmp_path)
    runtime = await Runtime.start(place.setup())
    await until(lambda: all(a.reconciled for a in runtime.state.accounts.values()), "reconciled")

    def fail(values: list[object]) -> None:
        raise JournalUnwritable("the disk is full")

    await runtime.owner.durable()  # so that it is this signal that cannot be written
    runtime._journal._store.append = fail  # type: ignore[method-assign,assignment]
    reply = runtime.submit(place.signal(runtime))
    error = await asyncio.wait_for(asyncio.shield(runtime.fatal), PATIENCE_S)
    assert isinstance(error, JournalUnwritable)
    assert place.venue.seen == []
    assert (await reply).status in ("unknown", "overloaded")
    later = await runtime.submit(place.signal(runtime))
    assert later.status == "overloaded"
    await runtime.stop("test ended")


async def test_more_than_may_wait_for_the_disk_is_turned_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sender is told at once, nothing of it is kept, and what was taken is kept in full."""
    monkeypatch.setattr(owner, "BACKLOG_MAX", 20)
    place = Installation(tmp_path)
    async with place.running() as runtime:
        disk, store = threading.Event(), runtime._journal._store
        append = store.append

        def stalled(values: list[object]) -> None:
            disk.wait(0.01 if slow else PATIENCE_S)
            append(values)  # type: ignore[arg-type]

        slow = True
        await runtime.owner.durable()
        monkeypatch.setattr(store, "append", stalled)
        # The first slow commit stops the loop as long as it takes; later ones no more.
        assert (await runtime.submit(place.signal(runtime))).status == "accepted"
        slow = False
        replies = []
        for _ in range(40):
            replies.append(runtime.submit(place.signal(runtime)))
            await asyncio.sleep(0)
        turned_away = [one.result().status for one in replies if one.done()]
        assert set(turned_away) == {"overloaded"}
        assert 0 < len(turned_away) < 40
        disk.set()
        answers = [one.status for one in await asyncio.gather(*replies)]
        assert answers.count("accepted") == 40 - len(turned_away)
        kept = journal(tmp_path, "select count(*) from events where kind = 'signal_accepted'")
        assert kept == [(41 - len(turned_away),)]


async def test_a_venue_that_breaks_the_contract_ends_the_engine(tmp_path: Path) -> None:
    """A command that raises is our bug: the process is told to end."""

    def broken(order: NewOrder) -> Outcome:
        raise InvariantBroken("a bug")

    place = Installation(tmp_path, tune=lambda venue: setattr(venue, "answer", broken))
    async with place.running() as runtime:
        await runtime.submit(place.signal(runtime))
        error = await asyncio.wait_for(asyncio.shield(runtime.fatal), PATIENCE_S)
        assert isinstance(error, InvariantBroken)


async def test_two_engines_never_share_a_journal(tmp_path: Path) -> None:
    """The second start is refused and names the first."""
    place = Installation(tmp_path)
    async with place.running():
        with pytest.raises(JournalLocked):
            await Runtime.start(Installation(tmp_path).setup())


async def test_a_restart_replays_to_the_same_state(tmp_path: Path) -> None:
    """Snapshot or not, the state after a restart is the state before it."""
    place = Installation(tmp_path)
    async with place.running() as runtime:
        await runtime.submit(place.signal(runtime))
        await until(lambda: len(place.venue.seen) == 2, "orders")
        place.venue.fill(place.venue.seen[0], "x-1")
        await runtime.owner.durable()
        books = {k: b.quantity for k, b in runtime.state.accounts[ONE].books.items()}
        orders = set(runtime.state.accounts[AccountId("two")].orders)
    async with place.running() as second:
        assert second.restart.snapshot > 0
        assert {k: b.quantity for k, b in second.state.accounts[ONE].books.items()} == books
        assert set(second.state.accounts[AccountId("two")].orders) == orders


async def test_a_person_settles_doubt_with_evidence(tmp_path: Path) -> None:
    """``absent`` by a person's word ends the order, journaled with who and why."""

    def tune(venue: object) -> None:
        import msgspec

        venue.answer = unknown  # type: ignore[attr-defined]
        venue.capabilities = msgspec.structs.replace(  # type: ignore[attr-defined]
            venue.capabilities,  # type: ignore[attr-defined]
            absence_proof="never",
        )

    place = Installation(tmp_path, tune=tune)
    async with place.running() as runtime:
        await runtime.submit(place.signal(runtime))
        one = runtime.state.accounts[ONE]
        await until(
            lambda: any(o.status is OrdStatus.IN_DOUBT for o in one.orders.values()), "doubt"
        )
        name = ClOrdID(next(iter(one.orders)))
        await asyncio.sleep(0.3)
        assert name in one.orders
        await runtime.resolve(name, "absent", evidence="not in the platform", by="anna")
        assert name not in one.orders
    row = journal(tmp_path, "select data from events where kind='order_resolved'")
    assert "anna" in str(row[0][0]) and "not in the platform" in str(row[0][0])


async def test_a_limit_order_keeps_its_terms_to_the_venue(tmp_path: Path) -> None:
    """What the plan decided is what the venue is asked for."""
    from decimal import Decimal

    from bascule.model.enums import OrdType

    place = Installation(tmp_path)
    async with place.running() as runtime:
        intent = PlaceOrder(
            symbol="BTCUSD", side=Side.SELL, ord_type=OrdType.LIMIT, price=Decimal("101.27")
        )
        await runtime.submit(place.signal(runtime, intent))
        await until(lambda: len(place.venue.seen) == 2, "orders")
        order = place.venue.seen[0]
        assert (order.ord_type, order.price) == (OrdType.LIMIT, Decimal("101.3"))
        assert order.quantity == 1


async def test_a_look_during_which_the_link_was_lost_reconciles_nothing(tmp_path: Path) -> None:
    """What happened while nobody listened may not be in it; the look after the next link tells.

    Before, the account counted as reconciled from then on, and entries left before that look.
    """
    place = Installation(tmp_path)
    async with place.running() as runtime:
        account, asked, lost = runtime.state.accounts[ONE], asyncio.Event(), asyncio.Event()
        real = place.venue.fills_since

        async def slow(account: AccountId, since: Instant) -> FillsSnapshot:
            asked.set()
            await lost.wait()
            return await real(account, since)

        place.venue.fills_since = slow  # type: ignore[method-assign]
        look = asyncio.create_task(runtime.reconcile(ONE))
        await asked.wait()
        place.venue.context.sink(LinkState(False, "cut", runtime.clock.now()))
        lost.set()
        assert not await look
        assert (account.link_up, account.reconciled) == (False, False)
        place.venue.context.sink(LinkState(True, "back", runtime.clock.now()))
        await until(lambda: account.reconciled, "the look after it")


@pytest.mark.parametrize("other", [b'"version":"0.0.9"', b'"version":7'])
async def test_a_snapshot_of_another_version_is_not_taken_over(
    tmp_path: Path, other: bytes
) -> None:
    """What that version did not fold is in the journal all the same; so everything is replayed.

    Before, what an upgrade adds to the state lacked all that lay before the snapshot, and one that
    could not be read ended the start without a word on what to do.
    """
    place = Installation(tmp_path)
    async with place.running() as runtime:
        await runtime.submit(place.signal(runtime))
    store = SqliteStore.open(tmp_path / "journal.db")
    kept = store.snapshots()[0]
    own = f'"version":"{__version__}"'.encode()
    state = kept.state.replace(own, other).replace(b'"requests":2', b'"requests":0')
    assert own not in state
    store.save_snapshot(Snapshot.taken(kept.seq, state, kept.at))
    store.close()
    assert folded_state(tmp_path / "journal.db").requests == 2
    async with place.running() as runtime:
        assert (runtime.restart.snapshot, runtime.state.requests) == (0, 2)
    async with place.running() as runtime:
        assert runtime.restart.snapshot > kept.seq


async def test_a_restored_journal_without_events_reduces_only_too(tmp_path: Path) -> None:
    """Its backup was made before the first start; what has traded since is not in it."""
    place, path = Installation(tmp_path), tmp_path / "journal.db"
    SqliteStore.open(path).close()
    backup(path, tmp_path / "copy.db")
    async with place.running() as runtime:
        assert not runtime.state.reduce_only
    restore(tmp_path / "copy.db", path)
    async with place.running() as runtime:
        assert runtime.state.reduce_only


async def test_a_start_that_had_much_to_replay_leaves_less_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events since the last snapshot count, and not those of this run alone.

    Before, an engine that never ended orderly replayed more with each start.
    """
    place = Installation(tmp_path)
    async with place.running() as runtime:
        await runtime.submit(place.signal(runtime))
        monkeypatch.setattr(runtime.owner, "snapshot", lambda: None)
    monkeypatch.setattr(owner, "SNAPSHOT_EVERY", 10)
    async with place.running() as runtime:
        assert runtime.restart.snapshot == 0
        monkeypatch.setattr(runtime.owner, "snapshot", lambda: None)
    async with place.running() as runtime:
        assert runtime.restart.snapshot > 0
