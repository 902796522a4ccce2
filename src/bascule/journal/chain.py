"""Rows and their hash chain: how an event becomes a row, and what vouches for its place.

Each row's hash is

    SHA-256( previous row's hash, 32 bytes
             | seq, 8 bytes, big-endian
             | kind, UTF-8, and one zero byte
             | data, UTF-8, exactly as stored )

and the row before the first has the hash of 32 zero bytes. The other columns are copies of what
``data`` says, so that they can be searched; the chain does not cover them and ``verify`` compares
them with ``data`` instead.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any, NamedTuple, get_args

import msgspec

from bascule.journal.store import Head, Row, Value
from bascule.model.errors import JournalCorrupt
from bascule.model.event import Event, OrdersSent, ReportIgnored, SignalDuplicate
from bascule.model.values import Instant

GENESIS = Head(0, bytes(32))
"""The head of an empty journal."""

_encode = msgspec.json.Encoder().encode
_decode: Callable[[str], Event] = msgspec.json.Decoder(Event).decode


def root_signal(cl_ord_id: str) -> str:
    """Give the signal that an order descends from: its id's part before account and leg."""
    return cl_ord_id.rpartition("-")[0].partition(".")[0]


def _of_order(event: Any) -> str:
    return root_signal(event.cl_ord_id)


def _of_report(event: ReportIgnored) -> str:
    return root_signal(event.cl_ord_id or event.report.cl_ord_id or "")


def _of_orders(event: OrdersSent) -> str:
    """Give the signal that all orders of one send descend from, or '' where they differ."""
    roots = {root_signal(order) for order in event.orders}
    return roots.pop() if len(roots) == 1 else ""


def _of_duplicate(event: SignalDuplicate) -> str:
    return event.duplicate_of


_ROOTS: dict[type[Any], Callable[[Any], str]] = {
    ReportIgnored: _of_report,
    OrdersSent: _of_orders,
    SignalDuplicate: _of_duplicate,
}


class _Layout(NamedTuple):
    """What the columns of one event class are taken from."""

    kind: str
    kind_bytes: bytes
    has_account: bool
    has_signal: bool
    root: Callable[[Any], str] | None


def _layout(event: type[msgspec.Struct]) -> _Layout:
    fields = event.__struct_fields__
    kind = str(event.__struct_config__.tag)
    root = _ROOTS.get(event, _of_order if "cl_ord_id" in fields else None)
    return _Layout(kind, kind.encode() + b"\0", "account" in fields, "signal" in fields, root)


_LAYOUTS = {event: _layout(event) for event in get_args(Event)}


def digest(previous: bytes, seq: int, kind: str, data: bytes) -> bytes:
    """Give the chain hash of one row."""
    return sha256(b"".join((previous, seq.to_bytes(8, "big"), kind.encode(), b"\0", data))).digest()


def encode(events: Sequence[Event], head: Head, into: list[Value]) -> Head:
    """Append the rows of ``events`` to ``into``, flat, chained onto ``head``.

    Returns:
        the head after them.
    """
    seq, last = head
    extend = into.extend
    event: Any
    for event in events:
        kind, kind_bytes, has_account, has_signal, root_of = _LAYOUTS[type(event)]
        body = _encode(event)
        seq += 1
        last = sha256(last + seq.to_bytes(8, "big") + kind_bytes + body).digest()
        signal = (event.signal or "") if has_signal else ""
        cause = ""
        if root_of and (root := root_of(event)):
            cause = "" if signal == root else signal
            signal = root
        account = event.account if has_account else ""
        extend((seq, event.at, kind, signal, cause, account, body.decode(), last))
    return Head(seq, last)


def decode(seq: int, data: str) -> Event:
    """Read one stored event.

    Raises:
        JournalCorrupt: it is no event that this version knows.
    """
    try:
        return _decode(data)
    except msgspec.DecodeError as error:
        raise JournalCorrupt(
            f"Journal row {seq} cannot be read as an event: {error}.",
            code="journal_row_unreadable",
            hint="If a newer Bascule wrote this journal, start that version. Otherwise keep the"
            " file as it is and restore a backup.",
        ) from error


def check_link(previous: Head, row: Row) -> Head:
    """Hold one row to the chain.

    Returns:
        the head after it.

    Raises:
        JournalCorrupt: a row is missing before it, or it is not what was written.
    """
    seq = previous.seq + 1
    if row.seq != seq:
        raise JournalCorrupt(
            f"Journal row {seq} is missing: row {row.seq} follows row {previous.seq}.",
            code="journal_row_missing",
            hint=KEEP,
        )
    is_text = type(row.kind) is str and type(row.data) is str
    if not is_text or digest(previous.hash, seq, row.kind, row.data.encode()) != row.hash:
        raise JournalCorrupt(
            f"Journal row {seq} is not what was written: its hash does not follow from row"
            f" {previous.seq}.",
            code="journal_chain_broken",
            hint=KEEP,
        )
    return Head(seq, row.hash)


def check_columns(row: Row) -> Event:
    """Hold the searchable columns of a row to its data, and give the event.

    Raises:
        JournalCorrupt: the row cannot be read, or a column is not what ``data`` says.
    """
    event = decode(row.seq, row.data)
    expected: list[Value] = []
    encode([event], Head(row.seq - 1, b""), expected)
    for name, there, meant in zip(Row._fields[1:6], row[1:6], expected[1:6], strict=True):
        if there != meant:
            raise JournalCorrupt(
                f"Journal row {row.seq} has {name} {there!r} and its data says {meant!r}.",
                code="journal_column_wrong",
                hint=KEEP,
            )
    return event


KEEP = "Nothing was changed. Keep the file as it is, run a full verification, and restore a backup."
"""What to do about a journal that is not what was written."""


def row_of(values: Sequence[Any]) -> Row:
    """Give the columns of one row their names."""
    seq, at, kind, signal, cause, account, data, hash_ = values
    return Row(seq, Instant(at), kind, signal, cause, account, data, hash_)
