"""The journal as the FIX intake reads it: what is durable, in order, in a thread."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import apsw

from bascule.api.reading import events_after
from bascule.engine.owner import Owner
from bascule.journal.chain import decode
from bascule.journal.follower import Follower
from bascule.model.errors import JournalError
from bascule.model.event import Event
from bascule.signals.intake.fix_book import KINDS

BATCH = 5_000


class JournalFeed:
    """The port by which FIX sessions read along.

    Args:
        owner: tells when more is durable.
        journal: the file that holds it.
    """

    def __init__(self, owner: Owner, journal: Path) -> None:
        self._owner = owner
        self._journal = journal

    def follow(self, news: Callable[[], None]) -> Callable[[], None]:
        """Have ``news`` called whenever more is durable; gives the way to leave."""

        def tell(_events: Sequence[Event]) -> None:
            news()

        return self._owner.follow(tell)

    async def read(self, after_seq: int, upto: int = 0) -> tuple[Sequence[Event], int]:
        """Give the next events that a book folds, and how far was read.

        Raises:
            JournalError: the journal cannot be read now.
        """
        return await asyncio.to_thread(self._read, after_seq, upto)

    def _read(self, after_seq: int, upto: int) -> tuple[Sequence[Event], int]:
        limit = min(BATCH, upto - after_seq) if upto else BATCH
        try:
            with Follower(self._journal) as follower:
                rows, reached = events_after(follower, after_seq, KINDS, limit)
        except apsw.Error as error:
            raise JournalError(f"{self._journal} cannot be read now: {error}.") from error
        return [decode(row.seq, row.data) for row in rows], reached
