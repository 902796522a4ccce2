"""Engine and guardian: each finds out that the other is gone; the journal has the whole story."""

import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from bascule.config import process
from bascule.config.guardian_log import Fact, GuardianLog
from bascule.config.handover import Books, GuardianFiles, Heartbeat, read_file, replace_file
from bascule.config.latch import Entry, Latch
from bascule.engine.guardian_watch import GONE_NS, floor_of
from bascule.engine.runtime import Runtime
from bascule.journal.chain import decode
from bascule.model.enums import StopMode
from bascule.model.event import GuardianActed
from bascule.model.values import HOUR, SECOND, Instant
from bascule.risk.loss import Loss
from bascule.risk.programmes.ledger import Room
from tests.unit.engine.fakes import Installation
from tests.waiting import until

AT = Instant(1_700_000_000 * SECOND)


def beat(place: Installation, age_ns: int = 0, started: str = "") -> None:
    """Have a guardian say that it was there so long ago."""
    from bascule.config.clock import SystemClock

    pid = os.getpid()
    at = Instant(SystemClock().now() - age_ns)
    record = Heartbeat(at=at, pid=pid, started=started or process.started(pid))
    replace_file(GuardianFiles(place.directory).progress, msgspec.json.encode(record))


def did(place: Installation, kind: str, at: Instant = AT, **facts: Fact) -> None:
    """Have the guardian's log tell of something."""
    log = GuardianLog(GuardianFiles(place.directory).log)
    log.append(at, [(kind, facts)])


def command(place: Installation, action: str, scope: str = "all", at: Instant = AT) -> None:
    """Have the guardian's log tell of a command."""
    did(place, "command", at, action=action, scope=scope, by="me", reason="enough", until=None)


@asynccontextmanager
async def live(place: Installation) -> AsyncIterator[Runtime]:
    """Run an engine whose entries wait for a guardian."""
    setup = msgspec.structs.replace(place.setup(), needs_guardian=True)
    setattr(place, "setup", lambda: setup)  # noqa: B010 - a method of this one place only
    async with place.running() as runtime:
        yield runtime


def unguarded(place: Installation) -> bool:
    """Whether entries are held for want of a guardian."""
    return Entry("halt", "unguarded", "all") in Latch(place.directory / "latch").entries()


async def test_without_a_guardian_no_live_entry_leaves(tmp_path: Path) -> None:
    """The signal is taken and journaled, and its order never reaches the venue."""
    place = Installation(tmp_path)
    async with live(place) as runtime:
        assert unguarded(place)
        await runtime.submit(place.signal(runtime))
        await until(lambda: not any(a.orders for a in runtime.state.accounts.values()), "the end")
        assert place.venue.seen == []


async def test_entries_leave_while_a_guardian_is_there(tmp_path: Path) -> None:
    """It comes and entries leave; it goes and they are held again; arming changes nothing of it."""
    place = Installation(tmp_path)
    async with live(place) as runtime:
        beat(place)
        runtime.guardian.look()
        assert not unguarded(place)
        await runtime.submit(place.signal(runtime))
        await until(lambda: len(place.venue.seen) == 2, "entries")
        beat(place, age_ns=GONE_NS + SECOND)
        runtime.guardian.look()
        await runtime.halt("all", by="t", reason="r", mode=StopMode.HALT)
        assert await runtime.arm("all", by="t", reason="r", typed="all") is None
        assert unguarded(place)


async def test_a_latch_that_cannot_be_taken_away_holds_and_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody reads it at that moment, on a system where it then cannot go: it goes later."""
    place = Installation(tmp_path)
    async with live(place) as runtime:

        def held(*_: object) -> None:
            raise PermissionError(13, "it is used by another process")

        with monkeypatch.context() as patch:
            patch.setattr(runtime.latch, "release", held)
            beat(place)
            runtime.guardian.look()
            assert unguarded(place)
        runtime.guardian.look()
        assert not unguarded(place)


async def test_a_record_of_another_process_is_no_guardian(tmp_path: Path) -> None:
    """A fresh record whose process has ended does not count."""
    place = Installation(tmp_path)
    async with live(place) as runtime:
        beat(place, started="another start")
        runtime.guardian.look()
        assert unguarded(place)


async def test_on_paper_nobody_waits_for_a_guardian(tmp_path: Path) -> None:
    """A paper engine trades without one."""
    place = Installation(tmp_path)
    async with place.running() as runtime:
        await runtime.submit(place.signal(runtime))
        await until(lambda: len(place.venue.seen) == 2, "entries")


async def test_what_it_did_while_the_engine_was_dead_is_in_force_at_the_start(
    tmp_path: Path,
) -> None:
    """Its log is journaled line by line before anything can leave, and only once."""
    place = Installation(tmp_path)
    command(place, "flatten")
    did(place, "flat", account="one", closes=2)
    for _ in range(2):
        async with place.running() as runtime:
            stop = runtime.state.stops["all"]
            assert (stop.mode, stop.by, stop.reason) == (StopMode.FREEZE, "me", "enough")
    journal = sqlite3.connect(tmp_path / "journal.db")
    rows = journal.execute("select seq, data from events order by seq").fetchall()
    journal.close()
    told = [event for row in rows if isinstance(event := decode(*row), GuardianActed)]
    assert [(one.seq, one.what, one.done_at) for one in told] == [
        (1, "command", AT),
        (2, "flat", AT),
    ]
    assert msgspec.json.decode(told[1].facts) == {"account": "one", "closes": 2}


async def test_what_it_does_while_the_engine_runs_is_taken_in_and_lifted(tmp_path: Path) -> None:
    """A stop of the guardian's holds here within a second, and goes when it is armed there."""
    place = Installation(tmp_path)
    async with place.running() as runtime:
        command(place, "halt", "account:one")
        await until(lambda: "account:one" in runtime.state.stops, "the stop")
        assert runtime.state.stops["account:one"].mode is StopMode.HALT
        did(place, "armed", Instant(AT + 1), scope="account:one", by="me", reason="over")
        await until(lambda: not runtime.state.stops, "the arming")


async def test_what_it_does_behind_a_clock_that_was_set_back_is_taken_in_once(
    tmp_path: Path,
) -> None:
    """A guardian of a later start may tell of earlier hours; its lines' numbers go on."""
    place = Installation(tmp_path)
    earlier = Instant(AT - HOUR)
    async with place.running() as runtime:
        command(place, "halt")
        did(place, "armed", scope="all", by="me")
        runtime.guardian.take_in()
        assert runtime.state.stops == {}
        command(place, "freeze", at=earlier)
        runtime.guardian.take_in()
        assert runtime.state.stops["all"].mode is StopMode.FREEZE
    async with place.running() as second:
        assert second.state.stops["all"].mode is StopMode.FREEZE


async def test_a_log_that_begins_anew_is_taken_in(tmp_path: Path) -> None:
    """One that was broken is moved away: the next one's numbers begin at 1, and its hours go on."""
    place = Installation(tmp_path)
    async with place.running() as runtime:
        for _ in range(3):
            did(place, "told", account="one")
        runtime.guardian.take_in()
        GuardianFiles(place.directory).log.unlink()
        command(place, "freeze", at=Instant(AT + 1))
        runtime.guardian.take_in()
        assert runtime.state.stops["all"].mode is StopMode.FREEZE


async def test_one_strategys_flatten_is_carried_out_by_the_engine(tmp_path: Path) -> None:
    """It knows its books: both accounts' positions of that strategy are closed, under a halt."""
    place = Installation(tmp_path)
    async with place.running() as runtime:
        await runtime.submit(place.signal(runtime))
        await until(lambda: len(place.venue.seen) == 2, "entries")
        for order in list(place.venue.seen):
            place.venue.fill(order, f"x-{order.account}")
        command(place, "flatten", "strategy:s")
        await until(lambda: len(place.venue.seen) == 4, "the exits")
        assert {(o.side.value, o.quantity) for o in place.venue.seen[2:]} == {("sell", Decimal(1))}
        assert runtime.state.stops["strategy:s"].mode is StopMode.HALT


async def test_what_the_guardian_holds_is_armed_at_the_guardian(tmp_path: Path) -> None:
    """The engine names the command that does, and its own arming changes nothing."""
    place = Installation(tmp_path)
    async with place.running() as runtime:
        command(place, "halt")
        latch = Latch(tmp_path / "latch")
        latch.set("all", by="me", reason="enough", keeper="guardian")
        await until(lambda: runtime.state.stops, "the stop")
        refused = await runtime.arm("all", by="t", reason="r", typed="all")
        assert refused is not None
        assert refused.code == "guardian_holds"
        assert "bascule kill arm --scope all" in refused.text
        assert latch.entries()


async def test_a_latch_that_somebody_else_wrote_can_be_lifted(tmp_path: Path) -> None:
    """It becomes a stop like any, so that the journal tells who lifted it, and why."""
    place = Installation(tmp_path)
    async with place.running() as runtime:
        Latch(tmp_path / "latch").set("all", by="key", reason="pressed", keeper="key")
        assert await runtime.arm("all", by="t", reason="r", typed="all") is None
        assert Latch(tmp_path / "latch").entries() == ()


async def test_it_says_farewell_when_it_is_told_to_end(tmp_path: Path) -> None:
    """By its own id and start, so that its end is not taken for its death."""
    place = Installation(tmp_path)
    beat(place)
    async with place.running() as runtime:
        runtime.guardian.farewell()
    said = read_file(GuardianFiles(tmp_path).engine_ended, Heartbeat)
    assert said is not None
    assert (said.pid, said.started) == (os.getpid(), process.started(os.getpid()))


async def test_it_leaves_who_owns_what(tmp_path: Path) -> None:
    """The guardian can close one strategy's share without the engine."""
    place = Installation(tmp_path)
    beat(place)
    async with place.running() as runtime:
        await runtime.submit(place.signal(runtime))
        await until(lambda: len(place.venue.seen) == 2, "entries")
        place.venue.fill(place.venue.seen[0], "x-1")
        files = GuardianFiles(tmp_path)

        def owned() -> bool:
            books = read_file(files.books, Books)
            one = books.accounts.get("one") if books is not None else None
            return one is not None and bool(one.books)

        await until(owned, "the books")
        books = read_file(files.books, Books)
        assert books is not None
        (held,) = books.accounts["one"].books
        assert (held.strategy, held.venue_symbol, held.quantity) == ("s", "BTCUSD", 1)
        assert set(books.accounts["two"].orders.values()) == {"s"}

        # An engine that ends before the venue listed anything leaves the last word as it is.
        runtime.settings.listings.clear()
        runtime.guardian._hand_over_books()
        left = read_file(files.books, Books)
        assert left is not None
        assert left.accounts == books.accounts


async def test_a_broken_log_is_told_and_stops_nothing(tmp_path: Path) -> None:
    """The engine runs on; the latch and the guardian itself hold what is stopped."""
    place = Installation(tmp_path)
    command(place, "halt")
    log = GuardianFiles(tmp_path).log
    log.write_bytes(log.read_bytes().replace(b"enough", b"plenty"))
    async with place.running() as runtime:
        assert runtime.state.stops == {}


def test_the_guardians_line_is_where_the_engine_closes_and_lower_while_that_lives() -> None:
    """Of several rules the one that is met first; half the rest is left to a living engine."""
    rooms = (
        Room("daily_loss", Decimal(9_000), Decimal(1_000), Decimal(900)),
        Room("max_loss", Decimal(8_500), Decimal(2_000), Decimal(1_400)),
    )
    loss = Loss(Decimal(9_900), rooms, Decimal(75), Decimal(90), reset=Instant(77))
    floor = floor_of(loss)
    assert (floor.level, floor.late) == (Decimal(9_100), Decimal(9_050))
    assert (floor.until, floor.rule) == (77, "daily_loss")
