"""For tests, drills and the demo: starts a paper broker of one's own, and administers it.

``Control`` blocks while it waits for an answer; it is for scripts, never for the engine's loop.
"""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from msgspec import Struct

from bascule.model.enums import Side
from bascule.model.errors import BasculeError, UsageError, VenueTransient
from bascule.model.ids import VenueSymbol
from bascule.model.instrument import Quote
from bascule.model.values import ZERO, Instant
from bascule.venues.kit.faults import Fault, FaultState
from bascule.venues.paper import protocol as wire

_Shown = TypeVar("_Shown", bound=Struct)
_ADMIN_ENV = "PAPER_ADMIN_TOKEN"
PATIENCE_S = 60.0
"""A broker on a busy machine starts, answers and ends well within it."""


class Control:
    """An administrator's link. Every method raises UsageError for what the broker refuses.

    Raises:
        VenueTransient: the broker cannot be reached or does not answer.
    """

    def __init__(
        self, port: int, token: str, *, host: str = "127.0.0.1", timeout_s: float = PATIENCE_S
    ) -> None:
        try:
            self._socket = socket.create_connection((host, port), timeout_s)
        except OSError as error:
            raise VenueTransient(f"no paper broker answers on {host}:{port} ({error})") from None
        self._lines = wire.Lines(wire.ANSWER_MAX)
        self._read: list[bytes] = []
        self._requests = 0
        try:
            self._ask(wire.Done, wire.AdminLogon, token)
        except BasculeError:
            self.close()
            raise

    def close(self) -> None:
        """End the link."""
        self._socket.close()

    def quote(
        self, symbol: str, bid: Decimal | str, ask: Decimal | str, *, size: Decimal | str = ZERO
    ) -> None:
        """Set a price; ``size`` is the quantity at each level, zero for the instrument's own."""
        price = Quote(
            VenueSymbol(symbol), Decimal(bid), Decimal(ask), Instant(0), Decimal(size),
            Decimal(size),
        )  # fmt: skip
        self._ask(wire.Done, wire.PushQuotes, (price,))

    def arm(self, name: str, **how: Any) -> None:
        """Arm a fault; the words are those of ``Fault``."""
        self._ask(wire.Done, wire.ArmFault, Fault(name=name, **how))

    def disarm(self, name: str = "") -> None:
        """Disarm one fault, or all."""
        self._ask(wire.Done, wire.DisarmFaults, name)

    def faults(self) -> dict[str, FaultState]:
        """Give what is armed and how often it fired, by name."""
        shown = self._ask(wire.FaultsShown, wire.ListFaults)
        return {state.fault.name: state for state in shown.faults}

    def advance(self, seconds: float) -> Instant:
        """Move a manual clock on; gives the new time."""
        return Instant(int(self._ask(wire.Done, wire.AdvanceClock, seconds).result))

    def deposit(self, login: str, amount: Decimal | str) -> Decimal:
        """Put money in, or take it out with a negative amount; gives the new balance."""
        return Decimal(self._ask(wire.Done, wire.Deposit, login, Decimal(amount)).result)

    def trade(self, login: str, symbol: str, side: Side, quantity: Decimal | str) -> str:
        """Trade at the market outside any client; gives the venue order id."""
        size = Decimal(quantity)
        return self._ask(wire.Done, wire.HandTrade, login, symbol, side, size).result

    def close_position(self, login: str, symbol: str = "", position_id: str = "") -> str:
        """Close a position outside any client; gives the venue order id."""
        return self._ask(wire.Done, wire.HandClose, login, symbol, position_id).result

    def bust(self, login: str, exec_id: str) -> None:
        """Take a fill back."""
        self._ask(wire.Done, wire.Bust, login, exec_id)

    def correct(
        self, login: str, exec_id: str, quantity: Decimal | str, price: Decimal | str
    ) -> None:
        """Correct a fill."""
        self._ask(wire.Done, wire.Correct, login, exec_id, Decimal(quantity), Decimal(price))

    def hours(self, symbol: str, hours: str) -> None:
        """Change when an instrument trades: ``always``, ``never``, or windows."""
        self._ask(wire.Done, wire.SetHours, symbol, hours)

    def rows(self, table: str) -> list[dict[str, str | int | None]]:
        """Give every row of a ledger table, oldest first, committed or about to be."""
        rows: list[dict[str, str | int | None]] = []
        after = 0
        while page := self._ask(wire.RowsShown, wire.LedgerRows, table, after).rows:
            rows += page
            after = int(page[-1]["rowid"] or 0)
        return rows

    def disconnect(self, login: str) -> None:
        """Cut every link that serves a login."""
        self._ask(wire.Done, wire.Disconnect, login)

    def _ask(self, shown: type[_Shown], asked: type[Struct], *words: object) -> _Shown:
        self._requests += 1
        try:
            self._socket.sendall(wire.encode(asked(self._requests, *words)))
            while True:
                while self._read:
                    said = wire.decode_broker(self._read.pop(0))
                    if isinstance(said, wire.NotTaken):
                        raise UsageError(f"the paper broker refused: {said.text}", code=said.code)
                    if isinstance(said, shown):
                        return said
                data = self._socket.recv(1 << 16)
                if not data:
                    raise ConnectionError("it closed the link")
                self._read += self._lines.feed(data)
        except OSError as error:
            raise VenueTransient(f"the paper broker does not answer ({error})") from None


class PaperProcess:
    """A paper broker as a child process, on a free port, with its ledger in ``directory``.

    ``settings`` are the broker's own, less ``ledger``, ``port`` and the tokens, which are made
    here: ``token`` serves every account and the administrator. As a context manager it ends the
    process on the way out. ``start`` after ``kill`` or ``stop`` goes on from the same ledger.
    """

    def __init__(self, settings: Mapping[str, Any], directory: Path) -> None:
        self.directory = directory
        self.ledger = directory / "paper.sqlite"
        self.token = secrets.token_hex(16)
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None
        accounts: Sequence[Mapping[str, Any]] = settings["accounts"]
        self._settings = {
            **settings,
            "accounts": [{**account, "token_env": _ADMIN_ENV} for account in accounts],
            "ledger": str(self.ledger),
            "admin_token_env": _ADMIN_ENV,
        }

    def __enter__(self) -> "PaperProcess":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self, *, timeout_s: float = PATIENCE_S) -> int:
        """Start it and wait until it listens; gives the port, the same at every start.

        Raises:
            VenueTransient: it ended, or did not listen in time.
        """
        ready, config = self.directory / "paper.port", self.directory / "paper.json"
        ready.unlink(missing_ok=True)
        config.write_text(json.dumps(self._settings, default=str), encoding="utf-8")
        command = [
            sys.executable, "-m", "bascule.venues.paper.emulator", "--config", str(config),
            "--ready-file", str(ready), "--port", str(self.port),
        ]  # fmt: skip
        self.process = subprocess.Popen(
            command, env={**os.environ, _ADMIN_ENV: self.token}, stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + timeout_s
        while not ready.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise VenueTransient("the paper broker did not start; its own words are above")
            time.sleep(0.005)
        self.port = int(ready.read_text(encoding="ascii"))
        return self.port

    def control(self) -> Control:
        """Open an administrator's link."""
        return Control(self.port, self.token)

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        self._end(force=True)

    def stop(self) -> None:
        """End it in good order."""
        self._end(force=False)

    def wait(self, timeout_s: float = PATIENCE_S) -> int:
        """Wait for it to end by itself; gives the exit code.

        Raises:
            subprocess.TimeoutExpired: it lives on.
        """
        assert self.process is not None
        return self.process.wait(timeout_s)

    def _end(self, *, force: bool) -> None:
        process = self.process
        if process is None:
            return
        if process.poll() is None:
            process.kill() if force else process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
