"""QuickFIX as the other side of an interop test, in a process of its own.

    python -m tests.fix.quickfix_side initiator|acceptor PORT DIRECTORY [KEY=VALUE ...]

It answers each order with a fill, and counts what it gets by id. Commands come on standard input,
one a line: ``send N`` orders, ``state``, ``logout``, ``stop``; ``state`` answers with JSON.
"""

import threading
import time
from collections import Counter
from typing import Any

import quickfix as fix

from tests.fix.quickfix_process import serve


class Side(fix.Application):  # type: ignore[misc]
    """Fills orders and counts."""

    def __init__(self) -> None:
        super().__init__()
        self.session: Any = None
        self.up = threading.Event()
        self.logons = 0
        self.orders: Counter[str] = Counter()
        self.fills: Counter[str] = Counter()
        self.rejects = 0
        self.sent = 0

    def onCreate(self, session: Any) -> None:
        self.session = session

    def onLogon(self, session: Any) -> None:
        self.logons += 1
        self.up.set()

    def onLogout(self, session: Any) -> None:
        self.up.clear()

    def toAdmin(self, message: Any, session: Any) -> None: ...

    def fromAdmin(self, message: Any, session: Any) -> None:
        self.rejects += message.getHeader().getField(35) == "3"

    def toApp(self, message: Any, session: Any) -> None: ...

    def fromApp(self, message: Any, session: Any) -> None:
        name = message.getField(11)
        if message.getHeader().getField(35) == "8":
            self.fills[name] += 1
            return
        self.orders[name] += 1
        report = fix.Message()
        report.getHeader().setField(35, "8")
        for tag, value in (
            *((6, "10.5"), (11, name), (14, "1"), (17, f"e-{name}"), (31, "10.5"), (32, "1")),
            *((37, f"o-{name}"), (39, "2"), (54, "1"), (55, "ES"), (150, "F"), (151, "0")),
        ):
            report.setField(tag, value)
        fix.Session.sendToTarget(report, session)

    def send(self, count: int) -> None:
        """Send orders, whether the session is up or not: QuickFIX keeps them for a resend."""
        for _ in range(count):
            self.sent += 1
            order = fix.Message()
            order.getHeader().setField(35, "D")
            at = time.strftime("%Y%m%d-%H:%M:%S", time.gmtime())
            for tag, value in (
                *((11, f"q{self.sent}"), (21, "1"), (38, "1"), (40, "1"), (54, "1"), (55, "ES")),
                (60, at),
            ):
                order.setField(tag, value)
            fix.Session.sendToTarget(order, self.session)
            if self.sent % 20 == 0:
                time.sleep(0.02)

    def state(self) -> dict[str, Any]:
        """Say what was counted, and the numbers."""
        session = fix.Session.lookupSession(self.session)
        return {
            "up": self.up.is_set(),
            "logons": self.logons,
            "orders": len(self.orders),
            "orders_twice": sum(count > 1 for count in self.orders.values()),
            "fills": len(self.fills),
            "fills_twice": sum(count > 1 for count in self.fills.values()),
            "rejects": self.rejects,
            "out": session.getExpectedSenderNum(),
            "in": session.getExpectedTargetNum(),
        }


def main() -> None:
    """Run until told to stop."""
    side = Side()

    def act(words: list[str]) -> None:
        match words:
            case ["send", count]:
                threading.Thread(target=side.send, args=(int(count),), daemon=True).start()
            case ["logout"]:
                fix.Session.lookupSession(side.session).logout()

    serve(side, side.state, act)


if __name__ == "__main__":
    main()
