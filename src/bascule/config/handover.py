"""The files by which engine and guardian speak, so that neither needs the other to be alive.

They lie in ``guardian/`` beside the journal. Each has one writer and is replaced as a whole, but
for the guardian's log, which only grows (``guardian_log``).

    progress.json   guardian   each second: that it is there
    endpoint.json   guardian   where it listens
    token           guardian   what its callers must bear
    stops.json      guardian   the stops in force, across its restarts
    log.jsonl       guardian   what it did; the engine takes it into its journal
    drills.jsonl    guardian   what drills found
    floors.json     engine     the loss line of each account
    ended.json      engine     that it was told to end, and has not died
    books.json      engine     which strategy owns which order and position
"""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from bascule.config.files import FILES, Files
from bascule.model.values import Instant

_T = TypeVar("_T")


class GuardianFiles(Struct, frozen=True):
    """Where everything of one mode's guardian is; ``mode`` is the mode's own data directory."""

    mode: Path

    @property
    def path(self) -> Path:
        """The guardian's directory."""
        return self.mode / "guardian"

    @property
    def progress(self) -> Path:
        """That it is there."""
        return self.path / "progress.json"

    @property
    def endpoint(self) -> Path:
        """Where it listens."""
        return self.path / "endpoint.json"

    @property
    def token(self) -> Path:
        """What its callers must bear."""
        return self.path / "token"

    @property
    def stops(self) -> Path:
        """The stops in force."""
        return self.path / "stops.json"

    @property
    def log(self) -> Path:
        """What it did."""
        return self.path / "log.jsonl"

    @property
    def drills(self) -> Path:
        """What drills found."""
        return self.path / "drills.jsonl"

    @property
    def lock(self) -> Path:
        """Held by the one guardian that runs."""
        return self.path / "lock"

    @property
    def output(self) -> Path:
        """What a guardian that nobody watches writes."""
        return self.path / "guardian.log"

    @property
    def floors(self) -> Path:
        """The loss line of each account."""
        return self.path / "floors.json"

    @property
    def books(self) -> Path:
        """Which strategy owns what."""
        return self.path / "books.json"

    @property
    def engine_ended(self) -> Path:
        """That the engine was told to end."""
        return self.path / "ended.json"

    @property
    def engine_progress(self) -> Path:
        """The engine's own record."""
        return self.mode / "progress.json"


class Heartbeat(Struct, frozen=True, kw_only=True):
    """That a process was there at ``at``. ``started`` is its start as ``process`` tells it.

    The engine's record has more, which only the journal reads.
    """

    at: Instant
    pid: int
    started: str


class GuardianEndpoint(Struct, frozen=True):
    """Where the guardian listens, on loopback only."""

    host: str
    port: int
    pid: int


class Floor(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The loss line of an account: at an equity of ``level`` or less it is flattened and locked.

    ``level`` is in the account's currency. While the engine lives, which acts at that level itself,
    ``late`` counts in its place where it is given: lower, and still above what the firm ends the
    account for. ``until`` is when it may be armed again (a firm's next reset); None locks nothing.
    ``rule`` says in words which rule it comes from.
    """

    level: Decimal
    late: Decimal | None = None
    until: Instant | None = None
    rule: str = ""
    at: Instant = Instant(0)


class OwnedBook(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one strategy holds of one symbol of an account; ``quantity`` is signed."""

    strategy: str
    venue_symbol: str
    quantity: Decimal
    position_id: str = ""


class Ownership(Struct, frozen=True, kw_only=True):
    """Who owns what in one account. ``orders`` is from our order id to the strategy."""

    orders: dict[str, str]
    books: tuple[OwnedBook, ...]


class Books(Struct, frozen=True, kw_only=True):
    """Who owns what in every account, as the engine knew it at ``at``."""

    at: Instant
    accounts: dict[str, Ownership]


def write_floors(path: Path, floors: Mapping[str, Floor], files: Files = FILES) -> None:
    """Keep the loss line of each account for the guardian, by account.

    Raises:
        OSError: the disk did not take it; the old lines stand.
    """
    replace_file(path, msgspec.json.encode(dict(floors)), files=files)


def read_floors(path: Path, files: Files = FILES) -> dict[str, Floor]:
    """Give the loss line of each account; none where there is no file that can be read."""
    return read_file(path, dict[str, Floor], files) or {}


def replace_file(path: Path, content: bytes, *, durable: bool = True, files: Files = FILES) -> None:
    """Replace a file as a whole, for its owner only.

    Raises:
        OSError: the disk did not take it; the old file stands.
    """
    files.make_folder(path.parent)
    files.replace(path, content, durable=durable)


def read_file(path: Path, kind: type[_T], files: Files = FILES) -> _T | None:
    """Read what the other process wrote; None where there is nothing of that kind."""
    try:
        return msgspec.json.decode(files.read(path), type=kind)
    except (OSError, msgspec.DecodeError):
        return None
