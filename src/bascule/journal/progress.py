"""The progress record: by which another process tells a living engine from a stalled one.

The engine has it written each second through the writer and its fsync, so a stalled loop, a
stalled writer and a stalled disk all stop it. It stands outside the chain, in ``progress.json``
beside the journal, and is replaced as a whole. It also tells at start whether the journal is
shorter than it once was.
"""

import os
import sys
from pathlib import Path
from typing import Protocol

import msgspec

from bascule.model.errors import JournalCorrupt, JournalUnwritable
from bascule.model.values import Instant


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """One record. ``seq`` and ``hash`` (hex) are a head that was durable when it was written.

    ``started`` is the start time of process ``pid`` in whatever form the engine and its watcher
    agree on, so that a reused process id is not taken for the engine.
    """

    at: Instant
    pid: int
    started: str
    seq: int
    hash: str


class ProgressRecord(Protocol):
    """Where the last record is kept: ``ProgressFile``, or a simulator's."""

    def write(self, record: bytes) -> None:
        """Replace the record, durably; raises ``JournalUnwritable``."""

    def read(self) -> Progress | None:
        """Give the last record, or None when there is none."""


class ProgressFile:
    """``progress.json``, replaced as a whole."""

    def __init__(self, journal: Path) -> None:
        self._path = journal.with_name("progress.json")
        self._new = journal.with_name("progress.json.new")

    def write(self, record: bytes) -> None:
        """Replace the record, fsynced.

        Raises:
            JournalUnwritable: the disk did not take it.
        """
        try:
            with self._new.open("wb") as file:
                file.write(record)
                file.flush()
                os.fsync(file.fileno())
            os.replace(self._new, self._path)
        except OSError as error:
            if sys.platform == "win32" and isinstance(error, PermissionError):
                return  # a reader has it open at this moment; the next second brings another
            raise JournalUnwritable(
                f"Bascule could not write {self._path}: {error.strerror}.",
                hint="Free disk space or mend the disk, then start again.",
            ) from error

    def read(self) -> Progress | None:
        """Give the last record, or None when there is none.

        Raises:
            JournalCorrupt: the file is not a progress record.
        """
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            return msgspec.json.decode(content, type=Progress)
        except msgspec.DecodeError as error:
            raise JournalCorrupt(
                f"{self._path} is not a progress record: {error}.",
                code="progress_unreadable",
                hint="Run `bascule journal verify`: it checks the events and says what to do.",
            ) from error
