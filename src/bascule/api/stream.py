"""The stream of events: what the journal holds, sent as server-sent events, resumable by sequence.

Each stream has a follower of its own. It sleeps until the engine has made something durable, then
reads in a thread; a slow listener holds nobody up but itself.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
from litestar.response import ServerSentEventMessage

from bascule.api.quoted import SAMPLE_S, Samples
from bascule.api.reading import events_after
from bascule.engine.owner import Owner
from bascule.journal.follower import Follower
from bascule.journal.store import Row
from bascule.model.errors import UsageError
from bascule.model.event import Event

STREAMS_MAX = 32
BATCH = 500
BEAT_S = 15.0

STREAMED = frozenset(
    {
        "signal_accepted",
        "signal_refused",
        "signal_duplicate",
        "intent_refused",
        "intent_idle",
        "order_requested",
        "order_refused",
        "orders_sent",
        "order_acknowledged",
        "order_filled",
        "order_ended",
        "order_doubted",
        "order_resolved",
        "order_replaced",
        "change_rejected",
        "child_reported",
        "fill_busted",
        "fill_corrected",
        "foreign_fill",
        "drift_found",
        "reconcile_passed",
        "limits_changed",
        "strategy_approved",
        "link_changed",
        "stop_set",
        "stop_cleared",
        "arm_refused",
    }
)
"""What a stream tells unless it is asked for other kinds."""


class Streams:
    """Every open stream of one engine; ``close`` ends them all."""

    def __init__(self, owner: Owner, journal: Path) -> None:
        self._owner = owner
        self._journal = journal
        self._open: set[asyncio.Event] = set()
        self._closing = False

    def close(self) -> None:
        """End every stream soon; new ones are refused."""
        self._closing = True
        for news in self._open:
            news.set()

    def check_room(self) -> None:
        """Refuse a stream that would be one too many.

        Raises:
            UsageError: so many are open already.
        """
        if self._closing or len(self._open) >= STREAMS_MAX:
            raise UsageError(
                f"{len(self._open)} event streams are open, and no more are served.",
                code="too_many_streams",
                hint="Close one, then connect again.",
            )

    async def follow(
        self, after_seq: int, kinds: frozenset[str] | None, samples: Samples | None = None
    ) -> AsyncIterator[ServerSentEventMessage]:
        """Give events after a sequence for as long as the listener stays.

        Args:
            after_seq: the last sequence that the listener has.
            kinds: which events; None for all.
            samples: quotes to tell besides, without an id; closed at the end.
        """
        news = asyncio.Event()

        def tell(_events: Sequence[Event]) -> None:
            news.set()

        self._open.add(news)
        leave = self._owner.follow(tell)
        reader = _Reader(self._journal)
        reached = after_seq
        loop = asyncio.get_running_loop()
        pause = SAMPLE_S if samples is not None else BEAT_S
        beat_at = loop.time() + BEAT_S
        try:
            # An id without data moves the listener's place and is no event to it: whoever loses
            # the connection before the first event goes on from here.
            yield ServerSentEventMessage(comment="from here", id=str(reached))
            while not self._closing:
                news.clear()
                while True:
                    before = reached
                    rows, reached = await reader.read(reached, kinds)
                    for row in rows:
                        yield ServerSentEventMessage(data=row.data, event=row.kind, id=str(row.seq))
                    if reached == before:
                        break
                for quote in samples.take() if samples is not None else ():
                    yield ServerSentEventMessage(data=msgspec.json.encode(quote), event="quote")
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await news.wait()
                if loop.time() >= beat_at:
                    beat_at = loop.time() + BEAT_S
                    yield ServerSentEventMessage(comment="still here", id=str(reached))
        finally:
            leave()
            if samples is not None:
                samples.close()
            self._open.discard(news)
            reader.close()


class _Reader:
    """A follower that is used in threads, one at a time, and let go of when no thread has it."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._follower: Follower | None = None
        self._reading: asyncio.Future[tuple[list[Row], int]] | None = None

    async def read(self, after_seq: int, kinds: frozenset[str] | None) -> tuple[list[Row], int]:
        """Give the next rows, and how far was read."""
        loop = asyncio.get_running_loop()
        self._reading = loop.run_in_executor(None, self._read, after_seq, kinds)
        # A listener that hangs up cancels its stream, and a thread cannot be cancelled.
        return await asyncio.shield(self._reading)

    def _read(self, after_seq: int, kinds: frozenset[str] | None) -> tuple[list[Row], int]:
        if self._follower is None:
            self._follower = Follower(self._journal)
        return events_after(self._follower, after_seq, kinds, BATCH)

    def close(self) -> None:
        """Let go of the journal, as soon as the thread that reads it is done."""
        if self._reading is not None and not self._reading.done():
            self._reading.add_done_callback(lambda _: self._close())
        else:
            self._close()

    def _close(self) -> None:
        if self._follower is not None:
            self._follower.close()
