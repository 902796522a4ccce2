"""What waits for the commit, in the order in which it leaves, and what goes wrong on the way out.

What arrives together is committed together, and only then does a single byte of it leave. A
failed commit raises and ends the process.
"""

import asyncio
import os
from collections.abc import Callable, Sequence

from msgspec import Struct

from bascule.model.order import ExecutionReport
from bascule.venues.kit.broker import Broker
from bascule.venues.kit.faults import Faults
from bascule.venues.kit.ledger_sqlite import SqliteLedger
from bascule.venues.paper import protocol as wire
from bascule.venues.paper.emulator_link import Link

CRASHED = 70
"""Exit code of a crash that was asked for."""

FAULTS = {
    "disconnect_after_submit": "takes and commits an order, then cuts the link instead of replying",
    "drop_reply": "takes a command and never replies; reports are pushed all the same",
    "delay_reply": "replies to a command `seconds` later, wall time",
    "garbled_reply": "replies to a command with a line that cannot be read",
    "reports_before_reply": "pushes the reports of a command before its reply",
    "crash_after_commit": "ends the process when a command is durable and before its reply",
    "drop_report": "never pushes a report; fills_since still has a fill",
    "duplicate_report": "pushes a report twice",
    "late_report": "pushes a report `seconds` later, wall time",
    "out_of_order_reports": "pushes a report after the next one, or alone after `seconds`",
}


class Outbox:
    """Gathers messages while a turn of the loop lasts; commits and sends them at its end.

    ``before_commit`` and ``after_send`` are called around each commit.
    """

    def __init__(
        self,
        broker: Broker,
        ledger: SqliteLedger,
        faults: Faults,
        links: dict[Link, None],
        *,
        before_commit: Callable[[], None],
        after_send: Callable[[], None],
    ) -> None:
        self._broker = broker
        self._ledger = ledger
        self._faults = faults
        self._links = links
        self._before_commit = before_commit
        self._after_send = after_send
        self._lines: list[tuple[Link, bytes]] = []
        self._later: list[tuple[Link, bytes, float]] = []
        self._held: dict[str, bytes] = {}
        self._settling = False
        self._crash = False

    def send(self, link: Link, message: Struct) -> None:
        """Have a message leave after the commit."""
        self._lines.append((link, wire.encode(message)))

    def spread(self, message: Struct, links: Sequence[Link]) -> None:
        """Have one message leave to several links."""
        if links:
            line = wire.encode(message)
            self._lines += [(link, line) for link in links]

    def settle(self) -> None:
        """Commit and send at the end of this turn of the loop."""
        if not self._settling:
            self._settling = True
            asyncio.get_running_loop().call_soon(self._commit)

    def _commit(self) -> None:
        self._settling = False
        self.gather()
        self._broker.flush()
        if self._ledger.pending:
            self._before_commit()
            self._ledger.commit()
        if self._crash:
            os._exit(CRASHED)
        lines, self._lines = self._lines, []
        batches: dict[Link, list[bytes]] = {}
        for link, line in lines:
            batches.setdefault(link, []).append(line)
        for link, batch in batches.items():
            link.write(b"".join(batch))
        loop = asyncio.get_running_loop()
        for link, line, wait in self._later:
            loop.call_later(wait, link.write, line)
        self._later = []
        self._after_send()

    # --- replies --------------------------------------------------------------------------------

    def mark(self) -> int:
        """Give the place after all that has happened so far, for a reply to stand at."""
        self.gather()
        return len(self._lines)

    def reply(
        self, link: Link, data: bytes, place: int, *, op: str, login: str, delay_s: float
    ) -> str:
        """Put a command's reply in its place before the command's reports.

        Gives the name of the fault that befell it, if any.
        """
        struck = self._faults.fires
        self.gather()
        if struck("crash_after_commit", login):
            self._crash = True
            return "crash_after_commit"
        if op == "submit" and struck("disconnect_after_submit", login):
            link.cut()
            return "disconnect_after_submit"
        if struck("drop_reply", login):
            return "drop_reply"
        late = struck("delay_reply", login)
        wait = late.seconds if late is not None else delay_s
        if wait:
            self._later.append((link, data, wait))
            return "delay_reply" if late is not None else ""
        garbled = struck("garbled_reply", login) is not None
        early = struck("reports_before_reply", login) is not None
        line = data[: len(data) // 2] + b"\n" if garbled else data
        self._lines.insert(len(self._lines) if early else place, (link, line))
        return "garbled_reply" if garbled else "reports_before_reply" if early else ""

    # --- reports --------------------------------------------------------------------------------

    def gather(self) -> None:
        """Take the broker's reports over, with whatever goes wrong on their way."""
        for report in self._broker.take_reports():
            self._push(report)

    def _push(self, report: ExecutionReport) -> None:
        login, symbol = str(report.account), str(report.venue_symbol)
        if self._faults.fires("drop_report", login, symbol):
            return
        line = wire.encode(wire.Report(report))
        late = self._faults.fires("late_report", login, symbol)
        if late is not None:
            self._later += [(link, line, late.seconds) for link in self._served(login)]
            return
        swapped = self._faults.fires("out_of_order_reports", login, symbol)
        if swapped is not None and login not in self._held:
            self._held[login] = line
            asyncio.get_running_loop().call_later(swapped.seconds, self._release, login)
            return
        twice = self._faults.fires("duplicate_report", login, symbol) is not None
        for link in self._served(login):
            self._lines += [(link, line)] * (1 + twice)
        self._release(login)

    def _release(self, login: str) -> None:
        line = self._held.pop(login, None)
        if line is not None:
            self._lines += [(link, line) for link in self._served(login)]
            self.settle()

    def _served(self, login: str) -> list[Link]:
        return [link for link in self._links if login in link.logins]
