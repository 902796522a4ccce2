"""How an event becomes a row, and what vouches for the row's place."""

from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bascule.journal.chain import (
    GENESIS,
    check_columns,
    check_link,
    decode,
    encode,
    root_signal,
    row_of,
)
from bascule.journal.store import COLUMNS, Head, Row
from bascule.model.enums import ExecType, Side
from bascule.model.errors import JournalCorrupt
from bascule.model.event import (
    CancelRequested,
    Event,
    OrderDoubted,
    OrdersSent,
    ReportIgnored,
    SignalDuplicate,
    StopCleared,
)
from bascule.model.ids import cl_ord_id, signal_id
from bascule.model.order import ExecutionReport
from tests.unit.journal.support import KINDS, ONE, link, samples


def _rows_of(events: list[Event], head: Head = GENESIS) -> list[Row]:
    flat: list[Any] = []
    encode(events, head, flat)
    width = len(COLUMNS)
    return [row_of(flat[at : at + width]) for at in range(0, len(flat), width)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_round_trips(kind: type[Any]) -> None:
    """An event of any kind, with any field set, is read back as it was."""

    @settings(max_examples=10)
    @given(samples(kind))
    def holds(event: Event) -> None:
        (row,) = _rows_of([event])
        assert decode(1, row.data) == event
        assert check_columns(row) == event
        assert check_link(GENESIS, row) == Head(1, row.hash)

    holds()


def test_hash_is_the_documented_one() -> None:
    """The chain can be checked by anybody who has SHA-256 and the rows."""
    previous = bytes(32)
    for row in _rows_of([link(1), link(2), StopCleared(at=3, scope="all", by="é", reason="")]):
        text = row.kind.encode() + b"\0" + row.data.encode()
        previous = sha256(previous + row.seq.to_bytes(8, "big") + text).digest()
        assert previous == row.hash


@given(
    number=st.integers(0, 10**9),
    intent=st.integers(0, 50),
    account=st.integers(0, 2_000),
    leg=st.sampled_from(["e", "x", "s", "t2"]),
    attempt=st.integers(0, 3),
)
def test_an_order_id_tells_its_signal(
    number: int, intent: int, account: int, leg: str, attempt: int
) -> None:
    """Whatever the intent, account, leg and attempt, the id leads back to the root signal."""
    signal = signal_id("a1", number)
    assert signal == root_signal(cl_ord_id(signal, intent, account, leg, attempt))


def _report(order: str | None) -> ExecutionReport:
    return ExecutionReport(
        account="a",
        exec_id="1",
        exec_type=ExecType.NEW,
        venue_order_id="v",
        venue_symbol="X",
        side=Side.BUY,
        at=1,
        cl_ord_id=order,
        last_qty=ONE,
    )


@pytest.mark.parametrize(
    ("event", "signal", "cause"),
    [
        (SignalDuplicate(at=1, signal="a1-9", source="s", received_at=1, duplicate_of="a1-4"),
         "a1-4", "a1-9"),
        (OrderDoubted(at=1, account="a", cl_ord_id="a1-4.1-3e", cause="timeout"), "a1-4", ""),
        (CancelRequested(at=1, account="a", cl_ord_id="a1-4-3e", request_id="r", reason="",
                         signal="a1-9"), "a1-4", "a1-9"),
        (CancelRequested(at=1, account="a", cl_ord_id="a1-4-3e", request_id="r", reason="",
                         signal="a1-4"), "a1-4", ""),
        (CancelRequested(at=1, account="a", cl_ord_id="a1-4-3e", request_id="r", reason=""),
         "a1-4", ""),
        (ReportIgnored(at=1, account="a", why="late", report=_report("a1-4-3e")), "a1-4", ""),
        (ReportIgnored(at=1, account="a", why="late", report=_report(None)), "", ""),
        (OrdersSent(at=1, accounts=("a", "b"), orders=("a1-4-3e", "a1-4-4e")), "a1-4", ""),
        (OrdersSent(at=1, accounts=("a", "a"), orders=("a1-4-3e", "a1-5-3e")), "", ""),
        (link(1), "", ""),
    ],
)  # fmt: skip
def test_rows_are_found_by_their_root_signal(event: Event, signal: str, cause: str) -> None:
    """``signal`` is whose order it is, ``cause`` the other signal that asked for the change."""
    (row,) = _rows_of([event])
    assert (row.signal, row.cause) == (signal, cause)


def test_a_row_that_is_no_event_is_refused() -> None:
    """What cannot be read stops a replay with the row's number."""
    with pytest.raises(JournalCorrupt, match="row 7 cannot be read"):
        decode(7, '{"kind":"from_the_future"}')
