"""Backups: a verified copy of a journal while the engine runs, and the way back.

A copy holds the events and snapshots and nothing else: no wire log, no configuration, no secret.
"""

import os
import sys
from contextlib import suppress
from pathlib import Path

import apsw

from bascule.journal.follower import Follower
from bascule.journal.journal import EPOCH_DUE
from bascule.journal.lock import Lock
from bascule.journal.sqlite import SqliteStore
from bascule.journal.verify import VerifyReport, verify
from bascule.model.errors import JournalCorrupt, JournalError, JournalUnwritable, UsageError


def backup(path: str | Path, target: str | Path) -> VerifyReport:
    """Copy a journal as it is at this moment, verify the copy, and only then give it its name.

    Args:
        path: the journal; an engine may be writing it.
        target: where the copy goes; it must not exist.

    Returns:
        what the verification of the copy said, ``head`` being where it ends.

    Raises:
        UsageError: the target exists.
        JournalError: there is no journal, or a newer Bascule wrote it.
        JournalCorrupt: the copy is not whole; it was removed.
        JournalUnwritable: the copy could not be written; what there was of it was removed.
    """
    target = Path(target)
    _must_not_exist(target)
    part = target.with_name(target.name + ".part")
    try:
        with suppress(FileNotFoundError):
            part.unlink()
        with Follower(path) as follower:
            follower.copy_to(part)
        report = _verified(part)
        _sync(part)
        os.replace(part, target)
        _sync(target.parent)
    except (OSError, apsw.Error, JournalError) as error:
        with suppress(OSError):
            part.unlink()
        if isinstance(error, JournalError):
            raise
        raise JournalUnwritable(
            f"The backup to {target} failed: {error}. The journal itself is untouched.",
            hint="Check space and rights there, then back up again.",
        ) from error
    return report


def restore(source: str | Path, path: str | Path) -> VerifyReport:
    """Put a backup in the place of a journal; the next engine begins a new epoch, reduce-only.

    What is there now is kept beside it, in ``<name>.replaced-<n>``. A restore that was cut short
    is run again.

    Raises:
        JournalLocked: an engine is running.
        JournalCorrupt: the backup is not whole; nothing was changed.
        JournalUnwritable: a file could not be written.
        JournalError: the backup is no journal, or a newer Bascule wrote it.
        UsageError: the backup is what an earlier restore was cut short in.
    """
    path = Path(path)
    new = path.with_name(path.name + ".restored")
    _must_be_another(Path(source), new)
    lock = Lock(path)
    try:
        report = _verified(Path(source))
        _copy_with_epoch_due(Path(source), new)
        aside = _free_name(path)
        aside.mkdir()
        _move_aside(path, aside, ("", "-wal", "-shm"))
        os.replace(new, path)
        # The record goes last, and what is before it onto the disk first, since until then it
        # makes an engine refuse what a restore cut short has left.
        _sync(path.parent)
        _move_aside(path.with_name("progress.json"), aside, ("",))
        _sync(path.parent)
    except (OSError, apsw.Error) as error:
        raise JournalUnwritable(
            f"The restore of {path} was cut short: {error}.",
            hint="Mend that and restore again before anything is started.",
        ) from error
    finally:
        with suppress(OSError):  # of one that was cut short: room that the journal may need
            _remove(new)
        lock.release()
    return report


def _must_not_exist(target: Path) -> None:
    if target.exists():
        raise UsageError(
            f"{target} exists already. Nothing was written.",
            code="backup_exists",
            hint="Name a file that is not there yet.",
        )


def _must_be_another(source: Path, new: Path) -> None:
    if source.resolve() == new.resolve():
        raise UsageError(
            f"{source} is what a restore that was cut short has left. Nothing was changed.",
            hint="Restore the backup itself again.",
        )


def _verified(path: Path) -> VerifyReport:
    report = verify(path, with_progress=False)
    if not report.ok:
        raise JournalCorrupt(
            f"The copy {path} is not whole: {report.problem}",
            hint="Verify the journal, and keep the older backups.",
        )
    return report


def _copy_with_epoch_due(source: Path, new: Path) -> None:
    _remove(new)
    # Not the file alone: of a journal that was never closed the newest events are beside it.
    with Follower(source) as follower:
        follower.copy_to(new)
    store = SqliteStore.open(new)
    store.set_meta(EPOCH_DUE, "restored")
    store.close()
    if os.path.exists(f"{new}-wal"):
        raise JournalUnwritable(
            f"{new} could not be completed. The journal itself is untouched.",
            hint="Check the disk, then restore again.",
        )


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            os.unlink(f"{path}{suffix}")


def _free_name(path: Path) -> Path:
    number = 1
    while (name := path.with_name(f"{path.name}.replaced-{number}")).exists():
        number += 1
    return name


def _move_aside(path: Path, aside: Path, suffixes: tuple[str, ...]) -> None:
    for suffix in suffixes:
        with suppress(FileNotFoundError):
            os.replace(f"{path}{suffix}", aside / f"{path.name}{suffix}")


def _sync(path: Path) -> None:
    """Sync a file, or where the system can, a directory."""
    if sys.platform == "win32" and path.is_dir():
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
