"""What the tests of the journal share: samples of every event, a held journal, faulty disks."""

import os
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, get_args

import apsw
import msgspec
from hypothesis import strategies as st
from msgspec import inspect

from bascule.journal.journal import Journal
from bascule.journal.writer import InlineWriter, WriterThread
from bascule.model.errors import JournalError
from bascule.model.event import EpochStarted, Event, LinkChanged

KINDS: tuple[type[Any], ...] = get_args(Event)
ROOT = Path(__file__).parents[3]

_TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
_SCALARS: dict[type, st.SearchStrategy[Any]] = {
    inspect.IntType: st.integers(-(2**63), 2**63 - 1),
    inspect.StrType: _TEXT,
    inspect.BoolType: st.booleans(),
    inspect.NoneType: st.none(),
    inspect.DecimalType: st.decimals(allow_nan=False, allow_infinity=False),
}


def values_of(kind: inspect.Type) -> st.SearchStrategy[Any]:
    """Build values of a type as msgspec sees it."""
    match kind:
        case inspect.StructType():
            fields = {field.name: values_of(field.type) for field in kind.fields}
            return st.builds(kind.cls, **fields)
        case inspect.UnionType():
            return st.one_of([values_of(one) for one in kind.types])
        case inspect.VarTupleType():
            return st.lists(values_of(kind.item_type), max_size=2).map(tuple)
        case inspect.TupleType():
            return st.tuples(*map(values_of, kind.item_types))
        case inspect.DictType():
            return st.dictionaries(values_of(kind.key_type), values_of(kind.value_type), max_size=2)
        case inspect.LiteralType():
            return st.sampled_from(kind.values)
        case inspect.EnumType():
            return st.sampled_from(list(kind.cls))
    return _SCALARS[type(kind)]


def samples(kind: type[Any]) -> st.SearchStrategy[Any]:
    """Build events of one kind with every field drawn."""
    return values_of(inspect.type_info(kind))


def link(number: int) -> LinkChanged:
    """Make a small event that can be told from its neighbours."""
    return LinkChanged(at=number, account=f"a{number}", up=bool(number % 2), reason="x" * 40)


def links(first: int, count: int) -> list[Event]:
    """Make ``count`` events, told apart by their ``at``."""
    return [link(number) for number in range(first, first + count)]


class Held:
    """A journal and what it reported; its callbacks run at once, on whatever thread calls."""

    def __init__(self, path: Path, *, vfs: str | None = None, threaded: bool = True) -> None:
        self.durable: list[int] = []
        self.fatal: list[JournalError] = []
        self.due: list[Callable[[], None]] = []
        self.at = 1_000
        self.journal = Journal.open(
            path,
            clock=self.clock,
            call_soon=lambda callback, *args: callback(*args),
            on_durable=self.durable.append,
            on_fatal=self.fatal.append,
            vfs=vfs,
            writer=WriterThread if threaded else partial(InlineWriter, schedule=self.due.append),
        )

    def __enter__(self) -> "Held":
        return self

    def __exit__(self, *_: object) -> None:
        self.journal.close()

    def clock(self) -> Any:
        """Give a time that moves on by one."""
        self.at += 1
        return self.at

    def commit(self) -> None:
        """Let an inline writer do its due commits."""
        while self.due:
            self.due.pop(0)()


def fill(path: Path, events: int = 10) -> None:
    """Make a journal with an epoch and some events, and close it in good order."""
    with Held(path) as held:
        held.journal.append([EpochStarted(at=0, epoch="a1", reason="first start")])
        held.journal.append(links(1, events - 1))


def replayed(path: Path) -> list[tuple[int, Event]]:
    """Open a journal, read all of it, and let go."""
    with Held(path) as held:
        return list(held.journal.replay())


def rewrite(path: Path, sql: str, *values: object) -> None:
    """Change a journal file behind the journal's back."""
    connection = apsw.Connection(str(path))
    connection.execute(sql, values)
    connection.close()


def child(mode: str, *args: object, **options: Any) -> subprocess.Popen[str]:
    """Start ``child.py`` in a process of its own."""
    return subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("child.py")), mode, *map(str, args)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])},
        **options,
    )


class FaultyDisk(apsw.VFS):
    """A VFS that fails the ``fail_at``-th write or sync from now on, once, with ``error``."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.count = 0
        self.fail_at = 0
        self.error: type[apsw.Error] = apsw.IOError
        self.images: dict[str, bytes] = {}
        super().__init__(name, "")

    def xOpen(self, name: Any, flags: list[int]) -> "FaultyFile":
        return FaultyFile(self, name, flags)

    def xDelete(self, name: str, sync_directory: bool) -> None:
        super().xDelete(name, sync_directory)
        self.images.pop(Path(name).name, None)

    def step(self) -> None:
        """Count one write or sync, and fail it when it is the one."""
        self.count += 1
        if self.count == self.fail_at:
            raise self.error("as asked")


class FaultyFile(apsw.VFSFile):
    """A file of a faulty disk; it remembers what would survive a loss of power."""

    def __init__(self, disk: FaultyDisk, name: Any, flags: list[int]) -> None:
        self._disk = disk
        self._path = name.filename() if isinstance(name, apsw.URIFilename) else name
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        self._disk.step()
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:
        self._disk.step()
        super().xSync(flags)
        if self._path:
            self._disk.images[Path(self._path).name] = super().xRead(self.xFileSize(), 0)


def as_json(event: Event) -> str:
    """Give the text that an event is stored as."""
    return msgspec.json.encode(event).decode()


ONE = Decimal(1)
