"""The stream of events: what the journal holds, sent as server-sent events, resumable by sequence.

Each stream has a follower of its own. It sleeps until the engine has made something durable, then
reads in a thread; a slow listener holds nobody up but itself.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from litestar.response import ServerSentEventMessage

from bascule.api.reading import events_after
from bascule.engine.owner import Owner
from bascule.journal.follower import Follower
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
        self, after_seq: int, kinds: frozenset[str] | None
    ) -> AsyncIterator[ServerSentEventMessage]:
        """Give events after a sequence for as long as the listener stays.

        Args:
            after_seq: the last sequence that the listener has.
            kinds: which events; None for all.
        """
        news = asyncio.Event()

        def tell(_events: Sequence[Event]) -> None:
            news.set()

        self._open.add(news)
        leave = self._owner.follow(tell)
        follower = await asyncio.to_thread(Follower, self._journal)
        reached = after_seq
        try:
            while not self._closing:
                news.clear()
                while True:
                    before = reached
                    rows, reached = await asyncio.to_thread(
                        events_after, follower, reached, kinds, BATCH
                    )
                    for row in rows:
                        yield ServerSentEventMessage(data=row.data, event=row.kind, id=str(row.seq))
                    if reached == before:
                        break
                try:
                    await asyncio.wait_for(news.wait(), BEAT_S)
                except TimeoutError:
                    yield ServerSentEventMessage(comment="still here")
        finally:
            leave()
            self._open.discard(news)
            follower.close()
