"""An engine with FIX sessions on a venue in memory, and QuickFIX clients as real processes."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from bascule.cli.fix_feed import JournalFeed
from bascule.engine.runtime import Runtime, Setup
from bascule.model.account import RouteLeg, SizingRule
from bascule.model.enums import ExecType
from bascule.model.ids import ClOrdID, ExecID, VenueId, VenueOrderId
from bascule.model.order import Accepted, ExecutionReport, Outcome, ReplaceOrder
from bascule.signals.intake.fix import FixIntake
from bascule.signals.intake.fix_terms import FixRole, FixTerms, FixVersion
from bascule.signals.intake.source import Rate, Source
from bascule.venues.kit.contract import VenueContext
from tests.unit.api.house import Market, setup_of
from tests.waiting import PATIENCE_S

ROOT = Path(__file__).parents[2]
PASSWORD = "desk-password-of-the-test"


class Floor(Market):
    """The market of the house, which also replaces, and fills what rests when it is told to."""

    async def replace(self, request: ReplaceOrder) -> Outcome:
        order = self._working[request.cl_ord_id]
        quantity = request.quantity or order.quantity
        price = request.price or order.price
        self._working[request.cl_ord_id] = replace(order, quantity=quantity, price=price)
        self._count += 1
        self.context.sink(
            ExecutionReport(
                account=order.account,
                exec_id=ExecID(f"R{self._count}"),
                exec_type=ExecType.REPLACED,
                venue_order_id=request.venue_order_id or VenueOrderId(""),
                venue_symbol=order.venue_symbol,
                side=order.side,
                at=self.now(),
                cl_ord_id=order.cl_ord_id,
                request_id=request.request_id,
                order_qty=quantity,
                price=price,
            )
        )
        return Accepted(request.venue_order_id, self.now())

    def go_on_from(self, before: "Floor") -> None:
        """Be the venue that an earlier engine traded at."""
        self.held, self.fills, self._count = before.held, before.fills, before._count

    def fill(self) -> None:
        """Fill everything that rests."""
        for cl_ord_id in list(self._working):
            self._fill(self._working.pop(ClOrdID(cl_ord_id)), VenueOrderId(f"V{cl_ord_id}"))


def desk_setup(directory: Path, floors: list[Floor], most: str, before: Floor | None) -> Setup:
    """Two accounts that follow: one takes what is asked for, the other twice that."""

    def link(context: VenueContext) -> Floor:
        floors.append(Floor(context))
        if before is not None:
            floors[-1].go_on_from(before)
        return floors[-1]

    setup = setup_of(directory, [])
    accounts = tuple(
        replace(spec, limits=replace(spec.limits, max_order_qty=Decimal(most)))
        for spec in setup.accounts
    )
    legs = tuple(
        RouteLeg(account=spec.id, sizing=SizingRule(method="multiplier", factor=Decimal(factor)))
        for spec, factor in zip(accounts, (1, 2), strict=True)
    )
    routes = tuple(replace(route, legs=legs, pyramiding=10) for route in setup.routes)
    return replace(setup, accounts=accounts, routes=routes, links={VenueId("memory"): link})


def session(
    name: str,
    port: int,
    *,
    role: FixRole = "orders",
    version: FixVersion = "FIX.4.4",
    terms: dict[str, Any] | None = None,
    **more: Any,
) -> Source:
    """A source of kind fix whose client is called as it is, in capitals."""
    made = FixTerms(
        version=version,
        host="127.0.0.1",
        port=port,
        sender="BASCULE",
        target=name.upper(),
        role=role,
        username="",
        password=PASSWORD,
        accounts=("one", "two") if role == "drop_copy" else (),
        **(terms or {}),
    )
    strategy = "fx" if role == "orders" else ""
    return Source(name=name, fix=made, strategy=strategy, rate=Rate(6_000, 500), **more)


class Desk:
    """A running engine with its sessions."""

    def __init__(self, runtime: Runtime, floor: Floor, intake: FixIntake) -> None:
        self.runtime = runtime
        self.floor = floor
        self.intake = intake


@asynccontextmanager
async def desk(
    directory: Path, *sources: Source, most: str = "1", before: Floor | None = None
) -> AsyncIterator[Desk]:
    """Start an engine and its sessions, and end both in good order."""
    floors: list[Floor] = []
    runtime = await Runtime.start(desk_setup(directory, floors, most, before))
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not all(one.reconciled for one in runtime.state.accounts.values()):
                await asyncio.sleep(0.01)
        intake = FixIntake(
            sources,
            runtime,
            JournalFeed(runtime.owner, directory / "journal.db"),
            directory=directory / "fix",
            clock=runtime.clock.now,
            on_unauthenticated=lambda source, peer, why: None,
        )
        await intake.start()
        serving = asyncio.create_task(intake.run())
        try:
            yield Desk(runtime, floors[0], intake)
        finally:
            serving.cancel()
            with suppress(asyncio.CancelledError):
                await serving
    finally:
        await runtime.stop("the test is over")


class Client:
    """``examples/fix_client.py`` in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.told: list[dict[str, Any]] = []
        self._news = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            if line.startswith(b"{"):
                self.told.append(json.loads(line))
                self._news.set()

    def say(self, command: str) -> None:
        """Give it a command."""
        assert self._process.stdin is not None
        self._process.stdin.write(command.encode() + b"\n")

    async def hears(self, count: int = 1, /, **fields: str) -> dict[str, Any]:
        """Wait until it was told this, so many times; gives the last one."""
        await self.until(lambda: len(self.heard(**fields)) >= count)
        return self.heard(**fields)[-1]

    def heard(self, **fields: str) -> list[dict[str, Any]]:
        """Give what it was told that has these fields."""
        return [one for one in self.told if all(one.get(k) == v for k, v in fields.items())]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something about what it was told is so."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not condition():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            told = "\n".join(map(str, self.told))
            raise AssertionError(f"it was not told so, but this:\n{told}") from None

    async def close(self) -> None:
        """End it."""
        if self._process.returncode is None:
            self.say("quit")
            await self._process.wait()
        self._reading.cancel()


@asynccontextmanager
async def client(
    name: str, port: int, store: Path, *words: str, password: str = PASSWORD
) -> AsyncIterator[Client]:
    """Start a client of a session, and end it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(ROOT / "examples/fix_client.py"), "--port", str(port),
        "--sender", name.upper(), "--store", str(store), *words,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "FIX_PASSWORD": password},
    )  # fmt: skip
    started = Client(process)
    try:
        yield started
    finally:
        await started.close()
