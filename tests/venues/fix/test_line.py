"""One session's line to its venue, with neither a socket nor a disk."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bascule.fix.message import Message
from bascule.fixwire.initiator import Address
from bascule.venues.fix.line import Line, Mark


class Told:
    """Who a line belongs to; every message is kept, and one of type ``!`` breaks it."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.settled: list[Mark] = []

    def line_heard(self, line: Line, message: Message) -> None:
        """Keep it."""
        self.heard.append(message.msg_type)
        if message.msg_type == b"!":
            raise ZeroDivisionError("our bug")

    def line_settled(self, line: Line, mark: Mark) -> None:
        """Keep how far."""
        self.settled.append(mark)


@pytest.fixture
def told() -> Told:
    """Somebody to tell."""
    return Told()


@pytest.fixture
def line(told: Told, tmp_path: Path) -> Line:
    """A line that was never opened."""
    owner: Any = told
    address = Address(host="localhost", port=1)
    config: Any = None
    return Line("trade", config, tmp_path / "x", address, owner, lambda *_: None, lambda: 0)


def bring(line: Line, *kinds: bytes) -> None:
    """Have messages arrive in one turn."""
    link: Any = None
    for number, kind in enumerate(kinds, 1):
        line.received(link, Message.of(kind), number, False)


def test_a_message_type_that_is_no_text_costs_no_other_message(line: Line, told: Told) -> None:
    """A counterparty may send any byte; what came with it is a fill, perhaps."""
    bring(line, b"\xff", b"8")
    line.settled(None)  # type: ignore[arg-type]
    assert told.heard == [b"\xff", b"8"]
    assert [mark.number for mark in told.settled] == [2]


def test_a_message_that_breaks_us_costs_no_other_message(line: Line, told: Told) -> None:
    """What came behind it is given on with what comes next."""
    bring(line, b"!", b"8")
    with pytest.raises(ZeroDivisionError):
        line.settled(None)  # type: ignore[arg-type]
    line.settled(None)  # type: ignore[arg-type]
    assert told.heard == [b"!", b"8"]
    assert [mark.number for mark in told.settled] == [2]


class Taking:
    """A link that keeps what is said to be taken."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.session = SimpleNamespace(store=SimpleNamespace(created_ns=0))

    def taken(self, number: int) -> None:
        """Keep it."""
        self.numbers.append(number)


def test_what_was_told_before_a_reset_takes_nothing_of_after_it(line: Line, told: Told) -> None:
    """The numbers begin anew, and a fill with a lower one may be kept and not written down yet."""
    link: Any = Taking()
    line._link = link
    bring(line, *[b"8"] * 5)
    line.settled(link)
    before = told.settled[-1]
    link.session.store.created_ns = 7
    line.logged_on(link, False)
    line.received(link, Message.of(b"8"), 2, False)
    line.taken(before)
    assert link.numbers == []
    line._owner.line_up = lambda line, reset: None  # type: ignore[method-assign]
    line.settled(link)
    line.taken(told.settled[-1])
    assert link.numbers == [2]
