"""A QuickFIX acceptor as an exchange that fills when it is told to, in a process of its own.

    python -m tests.venues.fix.quickfix_exchange acceptor PORT DIRECTORY

Each order is remembered and answered with New and a fill of two, unless ``quiet`` was said before.
Commands come on standard input: ``fill`` fills the rest of every order, ``tell`` answers those
that were taken quietly, ``state`` says what was counted, ``stop`` ends it.
"""

from collections import Counter
from typing import Any

import quickfix as fix

from tests.fix.quickfix_process import serve


class Exchange(fix.Application):  # type: ignore[misc]
    """Takes orders and fills them on command."""

    def __init__(self) -> None:
        super().__init__()
        self.session: Any = None
        self.orders: dict[str, Any] = {}
        self.seen: Counter[str] = Counter()
        self.filled: dict[str, int] = {}
        self.told: set[str] = set()
        self.quiet = False
        self.numbers = 0
        self.logons = 0

    def onCreate(self, session: Any) -> None:
        self.session = session

    def onLogon(self, session: Any) -> None:
        self.logons += 1

    def onLogout(self, session: Any) -> None: ...

    def toAdmin(self, message: Any, session: Any) -> None: ...

    def fromAdmin(self, message: Any, session: Any) -> None: ...

    def toApp(self, message: Any, session: Any) -> None: ...

    def fromApp(self, message: Any, session: Any) -> None:
        kind = message.getHeader().getField(35)
        if kind == "D":
            name = message.getField(11)
            self.seen[name] += 1
            self.orders[name] = {t: message.getField(t) for t in (38, 54, 55)}
            self.filled[name] = 0
            if not self.quiet:
                self.tell(name)
        elif kind == "H":
            self.status(message.getField(11), message.getField(790))

    def tell(self, name: str) -> None:
        """Tell that an order is new, and fill two of it."""
        self.told.add(name)
        self.report(name, "0", "0")
        self.fill(name, 2)

    def fill(self, name: str, size: int) -> None:
        """Fill some of an order."""
        size = min(size, int(self.orders[name][38]) - self.filled[name])
        if size:
            self.filled[name] += size
            done = self.filled[name] == int(self.orders[name][38])
            self.report(name, "F", "2" if done else "1", {31: "10.5", 32: str(size)})

    def status(self, name: str, question: str) -> None:
        """Answer a question."""
        if name in self.orders:
            done = self.filled[name] == int(self.orders[name][38])
            self.report(name, "I", "2" if done else "1", {790: question})

    def report(
        self, name: str, kind: str, status: str, further: dict[int, str] | None = None
    ) -> None:
        """Send an ExecutionReport."""
        self.numbers += 1
        total, done = int(self.orders[name][38]), self.filled[name]
        fields = {
            **self.orders[name],
            **{6: "10.5", 11: name, 14: str(done), 17: f"e{self.numbers}", 37: f"x-{name}"},
            **{39: status, 150: kind, 151: str(total - done)},
            **(further or {}),
        }
        message = fix.Message()
        message.getHeader().setField(35, "8")
        for tag, value in fields.items():
            message.setField(tag, value)
        fix.Session.sendToTarget(message, self.session)

    def state(self) -> dict[str, Any]:
        """Say what was counted."""
        return {"orders": self.seen, "filled": self.filled, "logons": self.logons}


def main() -> None:
    """Run until told to stop."""
    exchange = Exchange()

    def act(words: list[str]) -> None:
        match words:
            case ["quiet"]:
                exchange.quiet = True
            case ["tell"]:
                for name in set(exchange.orders) - exchange.told:
                    exchange.tell(name)
            case ["fill"]:
                for name in exchange.orders:
                    exchange.fill(name, 1000)

    serve(exchange, exchange.state, act)


if __name__ == "__main__":
    main()
