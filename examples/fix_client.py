"""A FIX client of Bascule, with QuickFIX: sends orders, and prints what it hears of them.

    pip install quickfix-tls            # or quickfix; neither is a part of Bascule
    export FIX_PASSWORD=...             # the source's password
    python examples/fix_client.py --port 9878 --sender DESK --target BASCULE

It reads commands, one a line:

    buy EURUSD 0.1                      a market order; `sell` likewise
    buy EURUSD 0.1 1.0950               a limit order
    buy EURUSD 0.1 1.0950 1.0900 1.1100 with a stop loss and a target
    replace a2 0.2 1.0960               other terms for the order a2
    cancel a2
    status a2
    quit

and prints one JSON object for each message that comes. Its numbers are on disk under --store, so
that after any break both sides go on where they were and every report arrives once. [Orders over
FIX](../docs/fix-intake.md) describes what Bascule answers.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import quickfix as fix

NAMES = {
    1: "account", 6: "average", 11: "order", 14: "filled", 17: "exec_id", 31: "price",
    32: "quantity", 37: "order_id", 39: "status", 41: "original", 58: "text", 102: "reason",
    150: "kind", 151: "leaves", 583: "link",
}  # fmt: skip


class Client(fix.Application):  # type: ignore[misc]
    """One session. QuickFIX calls the ``on``, ``to`` and ``from`` methods on its own threads."""

    def __init__(self, username: str, password: str, begin_string: str) -> None:
        super().__init__()
        self._username = username
        self._password = password
        self._begin_string = begin_string
        self._session: Any = None
        self._seen: set[str] = set()

    def onCreate(self, session: Any) -> None:
        """Take the session."""
        self._session = session

    def onLogon(self, session: Any) -> None:
        """Tell of it."""
        say(event="logon")

    def onLogout(self, session: Any) -> None:
        """Tell of it."""
        say(event="logout")

    def toAdmin(self, message: Any, session: Any) -> None:
        """Put the password into our Logon."""
        if message.getHeader().getField(35) != "A":
            return
        if self._begin_string == "FIX.4.2":
            message.setField(95, str(len(self._password)))
            message.setField(96, self._password)
            return
        if self._username:
            message.setField(553, self._username)
        message.setField(554, self._password)

    def fromAdmin(self, message: Any, session: Any) -> None:
        """Tell what the session layer says: a Logout's reason, a Reject."""
        if message.getHeader().getField(35) in ("3", "5") and message.isSetField(58):
            say(event="session", text=message.getField(58))

    def toApp(self, message: Any, session: Any) -> None:
        """Let every message out as it is."""

    def fromApp(self, message: Any, session: Any) -> None:
        """Print a report, a reject, or whatever else comes."""
        told = {
            name: message.getField(tag) for tag, name in NAMES.items() if message.isSetField(tag)
        }
        header = message.getHeader()
        again = any(header.isSetField(tag) and header.getField(tag) == "Y" for tag in (43, 97))
        exec_id = told.get("exec_id", "0")
        if again and exec_id in self._seen:
            return  # a report may come twice: after a reset, marked as a possible resend
        if exec_id != "0":
            self._seen.add(exec_id)
        say(event=header.getField(35), again=again, **told)

    def send(self, kind: str, fields: dict[int, str]) -> None:
        """Send a message; while the session is down QuickFIX keeps it for a resend."""
        message = fix.Message()
        message.getHeader().setField(35, kind)
        at = time.time()
        stamp = time.strftime("%Y%m%d-%H:%M:%S", time.gmtime(at)) + f".{int(at % 1 * 1000):03d}"
        stamped = {} if kind == "H" else {60: stamp}
        for tag, value in (stamped | fields).items():
            message.setField(tag, value)
        fix.Session.sendToTarget(message, self._session)

    def order(self, name: str, side: str, symbol: str, quantity: str, *prices: str) -> None:
        """Send an order; ``prices`` are limit, stop loss and target."""
        fields = {11: name, 21: "1", 38: quantity, 54: side, 55: symbol, 59: "1"}
        fields |= {40: "2", 44: prices[0]} if prices else {40: "1"}
        fields |= dict(zip((9701, 9702), prices[1:], strict=False))
        self.send("D", fields)


def say(**told: object) -> None:
    """Print one JSON object."""
    print(json.dumps(told), flush=True)


def main() -> None:
    """Run until ``quit`` or the end of the input."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--sender", default="DESK", help="our CompID: the source's `target`")
    parser.add_argument("--target", default="BASCULE", help="Bascule's: the source's `sender`")
    parser.add_argument("--begin-string", default="FIX.4.4", choices=("FIX.4.2", "FIX.4.4"))
    parser.add_argument("--username", default="")
    parser.add_argument("--prefix", default="a", help="what our ClOrdIDs begin with")
    parser.add_argument("--reset", action="store_true", help="begin at 1 with each Logon")
    parser.add_argument("--store", type=Path, default=Path(tempfile.gettempdir()) / "fix-client")
    args = parser.parse_args()

    client = Client(args.username, os.environ["FIX_PASSWORD"], args.begin_string)
    args.store.mkdir(parents=True, exist_ok=True)
    config = args.store / "client.cfg"
    config.write_text(
        f"[DEFAULT]\nConnectionType=initiator\nStartTime=00:00:00\nEndTime=00:00:00\n"
        f"HeartBtInt=10\nReconnectInterval=1\nSocketConnectHost=127.0.0.1\n"
        f"SocketConnectPort={args.port}\nUseDataDictionary=N\nFileStorePath={args.store}\n"
        f"[SESSION]\nBeginString={args.begin_string}\nSenderCompID={args.sender}\n"
        f"TargetCompID={args.target}\nResetOnLogon={'Y' if args.reset else 'N'}\n"
    )
    settings = fix.SessionSettings(str(config))
    engine = fix.SocketInitiator(client, fix.FileStoreFactory(settings), settings)
    engine.start()
    terms: dict[str, dict[int, str]] = {}
    count = 0
    for line in sys.stdin:
        match line.split():
            case [("buy" | "sell") as way, symbol, quantity, *prices]:
                count += 1
                name, side = f"{args.prefix}{count}", "1" if way == "buy" else "2"
                terms[name] = {38: quantity, 54: side, 55: symbol}
                client.order(name, side, symbol, quantity, *prices)
            case ["replace", original, quantity, price]:
                count += 1
                name = f"{args.prefix}{count}"
                terms[name] = terms[original] | {38: quantity}
                own = {11: name, 41: original, 21: "1", 40: "2", 44: price, 59: "1"}
                client.send("G", terms[name] | own)
            case ["cancel", original]:
                count += 1
                client.send("F", terms[original] | {11: f"{args.prefix}{count}", 41: original})
            case ["status", name]:
                client.send("H", {11: name, 54: terms[name][54], 55: terms[name][55]})
            case ["quit"]:
                break
            case words:
                say(event="error", text=f"no command: {' '.join(words)}")
    engine.stop()


if __name__ == "__main__":
    main()
