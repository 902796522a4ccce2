"""One FIX client's session, step by step: what is taken, and what is told."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from bascule.fix.message import Message
from bascule.fixwire.store import FileStore
from bascule.model.errors import JournalError
from bascule.model.event import Event, SignalRefused
from bascule.model.ids import SignalId
from bascule.model.intent import Receipt, Signal
from bascule.model.values import Instant
from bascule.signals.intake.fix import FixClient
from tests.fix.desk import session

NOW = 1_795_262_400_000_000_000
ORDER = Message(
    b"D",
    [(11, b"a1"), (55, b"EURUSD"), (54, b"1"), (38, b"1"), (40, b"1"), (60, b"20261121-12:00:00")],
)


class Door:
    """An engine that answers when it is told to."""

    def __init__(self) -> None:
        self.asked: list[asyncio.Future[Receipt]] = []

    def submit(self, signal: Signal) -> Awaitable[Receipt]:
        """Take a signal."""
        self.asked.append(asyncio.get_running_loop().create_future())
        return self.asked[-1]


class Journal:
    """A journal of one event; each read is what the test put there."""

    def __init__(self, *reads: tuple[Sequence[Event], int] | JournalError) -> None:
        self._reads = list(reads)

    def follow(self, news: Callable[[], None]) -> Callable[[], None]:
        """Tell of nothing."""
        return lambda: None

    async def read(self, after_seq: int, upto: int = 0) -> tuple[Sequence[Event], int]:
        """Give the next of what was put there, then nothing new."""
        found = self._reads.pop(0) if self._reads else ((), after_seq)
        if isinstance(found, JournalError):
            raise found
        return found


class Wire:
    """A link without a connection: what is sent is kept."""

    def __init__(self, store: FileStore) -> None:
        self.session: Any = SimpleNamespace(store=store)
        self.sent: list[Message] = []
        self.taken = store.taken

    def send(self, message: Message, *, hold: bool = False) -> None:
        """Keep it."""
        self.sent.append(message)

    def mark(self, number: int) -> None:
        """Remember nothing."""


def client_of(directory: Path, door: Door, journal: Journal) -> tuple[FixClient, Any, FileStore]:
    """A client of orders on a store of its own."""
    store = FileStore(directory / "a.fix")
    client = FixClient(session("a", 1), door, journal, lambda: NOW)
    wire: Any = Wire(store)
    client.link = wire
    return client, wire, store


async def test_an_answer_from_before_a_reset_takes_no_message_of_after_it(tmp_path: Path) -> None:
    """Their numbers are the same; a crash would lose the later order without a trace."""
    door = Door()
    client, wire, store = client_of(tmp_path, door, Journal())
    store.reset(1)
    store.keep(500, b"before")
    client.received(wire, ORDER, 500, False)
    client.settled(wire)
    working = [asyncio.create_task(one) for one in (client.serve(), client.land())]
    while not door.asked:
        await asyncio.sleep(0)
    store.reset(2)
    store.keep(2, b"after")
    door.asked[0].set_result(Receipt("e-1", "accepted"))
    for _ in range(10):
        await asyncio.sleep(0)
    assert (2, b"after") in store.kept()
    for one in working:
        one.cancel()
        with suppress(asyncio.CancelledError):
            await one
    store.close()


async def test_a_message_of_which_nobody_knows_whether_it_was_kept_is_not_taken(
    tmp_path: Path,
) -> None:
    """It is neither refused nor left out: the next start hands it on again, under the same id."""
    door = Door()
    client, wire, store = client_of(tmp_path, door, Journal())
    store.reset(1)
    store.keep(2, b"an order")
    client.received(wire, ORDER, 2, False)
    client.settled(wire)
    working = [asyncio.create_task(one) for one in (client.serve(), client.land())]
    while not door.asked:
        await asyncio.sleep(0)
    door.asked[0].set_result(Receipt("", "unknown", code="outcome_unknown"))
    async with asyncio.timeout(3):
        await working[1]
    assert store.kept() == [(2, b"an order")]
    assert wire.sent == []
    working[0].cancel()
    with suppress(asyncio.CancelledError):
        await working[0]
    store.close()


async def test_what_was_read_before_a_read_that_failed_is_told(tmp_path: Path) -> None:
    """It must not wait for the next event, which may come tomorrow."""
    refused = SignalRefused(
        at=Instant(NOW), signal=SignalId("e-1"), source="a", dialect="fix", strategy="fx",
        received_at=Instant(NOW), body_hash="", raw="35=D|11=a1|55=EURUSD|54=1|38=1|40=1",
        key="", code="stale", text="it is too old",
    )  # fmt: skip
    journal = Journal(((refused,), 1), JournalError("It cannot be read now."))
    client, wire, store = client_of(tmp_path, Door(), journal)
    with suppress(JournalError):
        await client._catch_up()
    await client._catch_up()
    assert [one.get(150) for one in wire.sent] == [b"8"]
    store.close()
