"""Full verification: every row of a journal against the chain, its columns and its data.

The start of an engine checks what it replays, from the last snapshot on. This reads all of it, may
run while the engine does, and changes nothing.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import apsw

from bascule.journal.chain import GENESIS, check_columns, check_link
from bascule.journal.follower import ROWS_MAX, Follower
from bascule.journal.progress import Progress, ProgressFile
from bascule.journal.store import Head, Row, Snapshot
from bascule.model.errors import JournalCorrupt, JournalError

_RESTORE = "keep the file as it is and restore a backup."
_MOVE_AWAY = (
    "this record told which event was the last; see that the newest one is what you expect, move "
    "the record away, then start."
)


class VerifyReport(NamedTuple):
    """What a full verification found.

    ``head`` is the last row that is vouched for; ``kinds`` counts the rows up to it. ``problem``
    is '' when all is well, and else a sentence about the first thing found; ``bad_seq`` is the
    row that it speaks of, 0 when it is of none. ``to_do`` says what to do about it.
    """

    head: Head
    kinds: dict[str, int]
    problem: str = ""
    bad_seq: int = 0
    to_do: str = _RESTORE

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.problem


def verify(path: str | Path, *, with_progress: bool = True) -> VerifyReport:
    """Check a whole journal: each row's hash, sequence, data and columns, then SQLite's own check.

    Args:
        path: the journal file.
        with_progress: whether the progress record beside it must agree; not so for a copy.

    Raises:
        JournalError: there is no journal, or a newer Bascule wrote it.
        JournalCorrupt: the file is no journal at all.
    """
    # Read before the rows, since an engine that runs meanwhile moves it on.
    last, unread = _last(Path(path)) if with_progress else (None, "")
    kinds: Counter[str] = Counter()
    head = GENESIS
    try:
        opened = Follower(path)
    except JournalError as error:
        if error.code != "journal_missing" or last is None or last.seq == 0:
            raise
        gone = f"There is no journal any more, and event {last.seq} was durable."
        return VerifyReport(head, {}, gone)
    with opened as follower:
        try:
            for row in _rows(follower):
                after = check_link(head, row)
                check_columns(row)
                kinds[row.kind] += 1
                head = after
            problem = (
                follower.damage() or _snapshots(follower.snapshots()) or _behind(last, follower)
            )
        except JournalCorrupt as error:
            return VerifyReport(head, dict(kinds), error.message, head.seq + 1)
        except (apsw.Error, UnicodeDecodeError) as error:
            problem = f"SQLite cannot read what follows event {head.seq}: {error}."
            return VerifyReport(head, dict(kinds), problem, head.seq + 1)
    if unread and not problem:
        return VerifyReport(head, dict(kinds), unread, to_do=_MOVE_AWAY)
    return VerifyReport(head, dict(kinds), problem)


def _last(path: Path) -> tuple[Progress | None, str]:
    """Give the progress record, or why it cannot be read: the events are checked all the same."""
    try:
        return ProgressFile(path).read(), ""
    except JournalCorrupt as error:
        return None, error.message


def _rows(follower: Follower) -> Iterator[Row]:
    """Give all rows; where SQLite cannot read many at once, one by one up to the bad one."""
    seq, limit = 0, ROWS_MAX
    while True:
        try:
            rows = follower.rows(seq, limit)
        except (apsw.Error, UnicodeDecodeError):
            if limit == 1:
                raise
            limit = 1
            continue
        if not rows:
            return
        yield from rows
        seq = rows[-1].seq


def _snapshots(kept: Iterable[Snapshot]) -> str:
    for snapshot in kept:
        if not snapshot.whole:
            return f"The snapshot at event {snapshot.seq} is not what was written."
    return ""


def _behind(last: Progress | None, follower: Follower) -> str:
    if last is None or last.seq == 0:
        return ""
    rows = follower.rows(last.seq - 1, 1)
    if not rows:
        return f"The journal ends at event {follower.head().seq} and event {last.seq} was durable."
    if rows[0].hash.hex() != last.hash:
        return f"Event {last.seq} is not the one that was durable here."
    return ""
