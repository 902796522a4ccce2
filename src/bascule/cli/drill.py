"""A drill: a broker, an engine and a guardian of its own, and the key pressed under them.

It holds positions and working orders, freezes the engine in one run and kills it in another, and
asks the broker's own ledger, read by nobody's client, whether everything is closed. Nothing of the
user's accounts is touched: it has its own directory, ports and secrets.
"""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from bascule.cli.demo_broker import Broker
from bascule.cli.drill_house import HOUSES, House
from bascule.cli.guardian_remote import guardian_client
from bascule.cli.remote import request
from bascule.config.build import Config
from bascule.config.clock import SystemClock
from bascule.config.handover import GuardianFiles
from bascule.config.home import HOME
from bascule.guardian.press import press
from bascule.guardian.words import DrillView
from bascule.model.errors import BasculeError
from bascule.model.values import SECOND

How = Literal["frozen", "killed"]
"""What becomes of the engine before the key is pressed."""

WAYS: tuple[How, ...] = ("frozen", "killed") if hasattr(signal, "SIGSTOP") else ("killed",)
"""A process cannot be frozen on Windows."""
START_S = 120.0
OPEN_S = 60.0
FLAT_S = 60.0
POLL_S = 0.02
POSITIONS = 3
"""How many must be open at the venue before the key is pressed."""

_WORKING = "status in ('working', 'partially_filled')"
_STOP = {"protection": {"stop_loss": {"value": "1", "unit": "percent"}}}


class DrillFailed(BasculeError):
    """The drill could not be held; it says nothing about the kill switch."""

    code = "drill_failed"


class Run(Struct, frozen=True, kw_only=True):
    """One run: what stood open, and how long after the key it was gone. Times are nanoseconds.

    ``flat_ns`` is until the ledger was empty, ``told_ns`` until the guardian said so; None for
    never.
    """

    how: How
    positions: int
    orders: int
    flat_ns: int | None
    told_ns: int | None
    left: str = ""

    @property
    def passed(self) -> bool:
        """Whether everything was closed, and the guardian knew."""
        return self.flat_ns is not None and self.told_ns is not None and not self.left

    @property
    def words(self) -> str:
        """Say it."""
        stood = f"{self.positions} positions and {self.orders} orders"
        if self.flat_ns is None:
            return f"engine {self.how}: NOT FLAT, {stood} stood open; left: {self.left}"
        if not self.passed:
            return f"engine {self.how}: {self.left or 'the guardian never said flat'}"
        told = (self.told_ns or 0) / SECOND
        return (
            f"engine {self.how}: {stood} gone after {self.flat_ns / SECOND:.2f} s, told after "
            f"{told:.2f} s"
        )


def hold_drill(data: Path, say: Callable[[str], None], on: str = "paper") -> DrillView:
    """Hold a drill and record it.

    Args:
        data: the mode's own data directory; the drill's lies inside and is made anew each time.
        say: told what is being done.
        on: one of ``HOUSES``.

    Raises:
        DrillFailed: it could not be held; nothing is recorded.
    """
    files = GuardianFiles(data)
    runs: list[Run] = []
    for how in WAYS:
        directory = files.path / "drill"
        shutil.rmtree(directory, ignore_errors=True)
        say(f"engine {how}: starting a broker ({on}), an engine and a guardian of its own")
        runs.append(_hold(HOUSES[on](directory), directory, how))
        say(runs[-1].words)
    by = {run.how: run.flat_ns for run in runs}
    view = DrillView(
        at=SystemClock().now(),
        passed=all(run.passed for run in runs),
        frozen_ns=by.get("frozen"),
        killed_ns=by.get("killed"),
        text="; ".join(run.words for run in runs),
    )
    _record(files.drills, view)
    return view


def _record(path: Path, view: DrillView) -> None:
    with path.open("ab") as file:
        file.write(msgspec.json.encode(view) + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _hold(house: House, directory: Path, how: How) -> Run:
    data = house.config.data.path
    with Broker(house.launch, data / "broker"), _engine(house, directory) as engine:
        _open_something(house)
        positions, orders = _standing(house.ledger)
        if how == "killed":
            engine.kill()
        else:
            engine.send_signal(signal.SIGSTOP)
        return _press(house.config, how, house.ledger, positions, orders)


def _environment(environ: Mapping[str, str], directory: Path) -> dict[str, str]:
    """Leave out what is said of the user's own installation: a guardian has secrets in there."""
    kept = {name: value for name, value in environ.items() if not name.startswith("BASCULE_")}
    return {**kept, HOME: str(directory)}


@contextmanager
def _engine(house: House, directory: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run an engine, which starts its guardian, and end both at the end."""
    files = GuardianFiles(house.config.data.path)

    def started() -> bool:
        return engine.poll() is None and _guarded(files, waits=house.waits)

    with (directory / "engine.log").open("wb") as log:
        engine = subprocess.Popen(
            [sys.executable, "-m", "bascule", "run", "--config", str(house.config.file)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=_environment(os.environ, directory),
            cwd=directory,
            start_new_session=True,
        )
    try:
        _until(started, START_S, "the guardian's start")
        yield engine
    finally:
        with suppress(OSError):
            engine.kill()
        engine.wait()
        _end_guardian(files)


def _guarded(files: GuardianFiles, *, waits: bool) -> bool:
    """Whether the guardian is there, and logged on unless it ``waits`` with that."""
    client = guardian_client(files)
    if client is None:
        return False
    try:
        return all(account.link_up or waits for account in client.view().accounts)
    except BasculeError:
        return False


def _end_guardian(files: GuardianFiles) -> None:
    client = guardian_client(files)
    with suppress(BasculeError):
        if client is not None:
            client.end()
            _until(lambda: not client.answers(), START_S, "the guardian's end")


def _open_something(house: House) -> None:
    """Post entries until positions stand open and orders with them."""
    config, ledger = house.config, house.ledger
    sender = next(spec for spec in config.sources if spec.kind == "intents")
    source = sender.source(house.secrets.get)
    headers = {"authorization": f"Bearer {source.bearer}", "content-type": "application/json"}
    number = 0

    def post() -> bool:
        nonlocal number
        for intent in house.intents:
            number += 1
            body = msgspec.json.encode({**intent, **_STOP})
            with suppress(BasculeError):
                request(config.server.host, config.server.port, "POST", "/v1/intents", body,
                        {**headers, "idempotency-key": f"drill-{number}"})  # fmt: skip
        time.sleep(0.5)
        positions, orders = _standing(ledger)
        return positions >= POSITIONS and orders >= house.orders and _entries(ledger) > 0

    _until(post, OPEN_S, "positions and orders at the venue")


def _press(config: Config, how: How, ledger: Path, positions: int, orders: int) -> Run:
    """Press the key, and watch the ledger and the guardian."""
    began = time.monotonic_ns()
    press(["--data", str(config.data.path)])
    flat_ns = told_ns = None
    with suppress(DrillFailed):
        _until(lambda: _standing(ledger) == (0, 0), FLAT_S, "an empty ledger")
        flat_ns = time.monotonic_ns() - began
        files = GuardianFiles(config.data.path)
        _until(lambda: _said_flat(files), FLAT_S, "the guardian's word")
        told_ns = time.monotonic_ns() - began
    held, working = _standing(ledger)
    left = f"{held} positions, {working} orders" if held or working else ""
    return Run(how=how, positions=positions, orders=orders, flat_ns=flat_ns, told_ns=told_ns,
               left=left)  # fmt: skip


def _said_flat(files: GuardianFiles) -> bool:
    client = guardian_client(files)
    try:
        return client is not None and all(one.sweep == "flat" for one in client.view().accounts)
    except BasculeError:
        return False


def _standing(ledger: Path) -> tuple[int, int]:
    """Count what the broker's ledger has open: positions, and orders that work."""
    held = _rows(ledger, "select quantity from positions")
    working = _rows(ledger, f"select 1 from orders where {_WORKING}")
    return sum(1 for (quantity,) in held if Decimal(str(quantity))), len(working)


def _entries(ledger: Path) -> int:
    """Count working orders that an account sent, and not the broker for a position."""
    return len(_rows(ledger, f"select 1 from orders where {_WORKING} and origin = 'client'"))


def _rows(ledger: Path, query: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(f"file:{ledger}?mode=ro", uri=True, timeout=10)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def _until(condition: Callable[[], bool], patience_s: float, what: str) -> None:
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            raise DrillFailed(
                f"The drill waited {patience_s:.0f} s for {what}.",
                hint="What its processes wrote is in guardian/drill in the data directory.",
            )
        time.sleep(POLL_S)
