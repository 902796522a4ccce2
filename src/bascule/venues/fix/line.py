"""One FIX session of a venue, kept connected; what it brings is given on only when it is durable.

A message that came in is kept in the session's store until the venue says that it has written down
what it means: a crash in between gives it again at the next start, and a fill is known by its id.
Orders, cancels and replaces are never sent a second time, whatever the counterparty asks for.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, Protocol

from bascule.fix.actions import Refused
from bascule.fix.config import SessionConfig
from bascule.fix.message import SECRET_TAGS, Message
from bascule.fix.session import Session
from bascule.fixwire.initiator import Address, Initiator
from bascule.fixwire.link import Application, Link
from bascule.fixwire.store import FileStore
from bascule.venues.fix.requests import ORDERS


class Mark(NamedTuple):
    """How far a session's messages were given: the last number, and when its numbers began."""

    number: int
    began: int


class Owner(Protocol):
    """Who a line belongs to. Every call comes on the loop, about what is durable."""

    def line_up(self, line: "Line", reset: bool) -> None:
        """Take in that messages may be sent; after a reset, what was not told is gone."""

    def line_down(self, line: "Line", text: str) -> None:
        """Take in that the session ended."""

    def line_heard(self, line: "Line", message: Message) -> None:
        """Take an application message."""

    def line_refused(self, line: "Line", refused: Refused) -> None:
        """Take in that a message was rejected at session level."""

    def line_halted(self, line: "Line", code: str, text: str) -> None:
        """Take in that a person is needed."""

    def line_asked_again(self, line: "Line", message: Message) -> None:
        """Take in that the counterparty asked for a command again, which is not sent twice."""

    def line_settled(self, line: "Line", mark: Mark) -> None:
        """Take in that messages up to ``mark`` were all given."""

    def line_note(self, line: "Line", code: str, text: str) -> None:
        """Take what should be in the log."""


WireLog = Callable[[str, str, bytes], None]


class Line(Application):
    """One session in the initiator's role.

    Args:
        name: what the session is for: ``trade``, ``quote`` or ``drop_copy``.
        config: who speaks with whom.
        path: of the store.
        address: where the counterparty is.
        owner: who is told.
        wire_log: gets every application message, with no secret.
        now: the clock.
    """

    def __init__(
        self,
        name: str,
        config: SessionConfig,
        path: Path,
        address: Address,
        owner: Owner,
        wire_log: WireLog,
        now: Callable[[], int],
    ) -> None:
        self.name = name
        self.config = config
        self.up = False
        self.why_halted: tuple[str, str] | None = None
        self._path = path
        self._address = address
        self._owner = owner
        self._wire_log = wire_log
        self._now = now
        self._queue: deque[Callable[[], None]] = deque()
        self._last = Mark(0, 0)
        self._created = 0
        self._link: Link | None = None
        self._initiator: Initiator | None = None
        self._worker: ThreadPoolExecutor | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def next_out(self) -> int:
        """The number that the next message gets."""
        return self._link.session.store.next_out if self._link is not None else 0

    def open(self) -> None:
        """Take hold of the store and begin to connect; the loop must be running.

        Raises:
            StoreError: another process has the session, or its memory is damaged.
        """
        store = FileStore(self._path)
        self.why_halted = None
        self._worker = ThreadPoolExecutor(1)
        session = Session(
            self.config,
            store,
            # A counterparty's own tags must not cost a fill: what is read is checked when read.
            lambda message: None,
            self._may_resend,
        )
        self._link = Link(session, store, self, self._worker, log=self._note, now=self._now)
        self._initiator = Initiator(self._link, self._address, log=self._note, now=self._now)
        self._created = store.created_ns
        self._link.start()
        self._task = asyncio.get_running_loop().create_task(self._initiator.run())

    async def close(self) -> None:
        """Log out, and let go of the store.

        Raises:
            StoreError: what was written last could not be synced; the store is let go.
        """
        if self._initiator is None or self._task is None or self._link is None:
            return
        self._initiator.stop()
        await asyncio.wait([self._task], timeout=self.config.logout_timeout / 1e9 + 2)
        if not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task])
        try:
            await self._link.close()
        finally:
            if self._worker is not None:
                self._worker.shutdown()
            self._initiator = self._task = self._link = self._worker = None
            self.up = False

    def _may_resend(self, message: Message) -> bool:
        if message.msg_type not in ORDERS:
            return True
        self._owner.line_asked_again(self, message)
        return False

    def resume(self) -> None:
        """Try again, on a person's word, if the session waits for one."""
        if self._initiator is not None and self.why_halted is not None:
            self.why_halted = None
            self._initiator.go_on()

    def send(self, message: Message, subject: str) -> None:
        """Send a message; it leaves with the next commit.

        Raises:
            NotLoggedOn: the session is not up; nothing was numbered or sent.
            StoreError: the store has failed; nothing was sent.
        """
        assert self._link is not None
        self._link.send(message)
        self._wire_log(">", subject, written(message))

    def taken(self, mark: Mark) -> None:
        """Say that messages up to ``mark`` need no second delivery.

        After a reset its number is another message's, which is still to be told.
        """
        if self._link is not None and mark.began == self._link.session.store.created_ns:
            self._link.taken(mark.number)

    # --- Application ----------------------------------------------------------------------------

    def received(self, link: Link, message: Message, number: int, again: bool) -> None:
        """Keep a message until it is durable."""
        mark = Mark(number, self._created)
        self._queue.append(lambda: self._hear(message, mark))

    def _hear(self, message: Message, mark: Mark) -> None:
        subject = message.get_text(11) or message.get_text(37) or message.msg_type.decode("latin-1")
        self._wire_log("<", subject, written(message))
        self._last = mark
        self._owner.line_heard(self, message)

    def refused(self, link: Link, refused: Refused) -> None:
        """Keep a session reject until it is durable."""
        self._queue.append(lambda: self._owner.line_refused(self, refused))

    def logged_on(self, link: Link, reset: bool) -> None:
        """Keep the logon until it is durable. Numbers also begin anew with the session's hours."""
        created, self._created = self._created, link.session.store.created_ns
        anew = reset or created != self._created
        self._queue.append(lambda: self._go_up(anew))

    def _go_up(self, reset: bool) -> None:
        self.up = True
        self._owner.line_up(self, reset)

    def logged_out(self, link: Link, text: str) -> None:
        """Tell that the session ended, after all that came before it."""
        self._queue.append(lambda: self._go_down(text))
        asyncio.get_running_loop().call_soon(self._drain)

    def _go_down(self, text: str) -> None:
        self.up = False
        self._owner.line_down(self, text)

    def halted(self, link: Link, code: str, text: str) -> None:
        """Remember why a person is needed."""
        self.why_halted = (code, text)
        self._owner.line_halted(self, code, text)

    def settled(self, link: Link) -> None:
        """Give on what is durable now."""
        self._drain()

    def _drain(self) -> None:
        if not self._queue:
            return
        while self._queue:
            self._queue.popleft()()  # were one to break, the others are given next time
        if self._last.number:
            self._owner.line_settled(self, self._last)

    def _note(self, session: str, code: str, text: str) -> None:
        self._owner.line_note(self, code, text)


def written(message: Message) -> bytes:
    """Give a message as text for the wire log: fields parted by bars, secrets struck out."""
    fields = [(35, message.msg_type), *message.fields]
    return b"|".join(
        b"%d=%b" % (tag, b"***" if tag in SECRET_TAGS else value) for tag, value in fields
    )
