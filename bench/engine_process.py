"""Bascule's engine, its intake and journal as shipped, with its venue links at the sink.

    python bench/engine_process.py SINK_PORT DIRECTORY [ACCOUNTS]     prints "ready PORT"

Alerts go to ``POST /hooks/bench/{token}`` as TradingView sends them. One strategy fans out to
ACCOUNTS accounts over one venue connection.
"""

import asyncio
import sys
from decimal import Decimal
from pathlib import Path

from sink_venue import SinkVenue

from bascule.cli.http_server import Server, server_config
from bascule.engine.clock import SystemClock
from bascule.engine.memory import settle
from bascule.engine.runtime import Runtime, Setup, VenueSetup
from bascule.model.account import AccountSpec, Pacing, RiskLimits, Route, RouteLeg, SizingRule
from bascule.model.enums import AccountMode
from bascule.model.ids import AccountId, RouteId, StrategyId, VenueId
from bascule.model.values import Currency
from bascule.signals.intake.http import HttpIntake
from bascule.signals.intake.source import Rate, Source

TOKEN = "bench-token-of-no-value"
PAPER_TOKEN = "paper-token-of-no-value"
_MANY = 10**9


def setup(directory: Path, port: int, accounts: int, *, paper: bool = False) -> Setup:
    """Describe an installation whose limits are real checks with room for any load.

    Its venue is the recording sink at ``port``, or with ``paper`` a paper broker.
    """
    limits = RiskLimits(
        max_order_qty=Decimal(100),
        max_position_qty=Decimal(_MANY),
        max_open_orders=_MANY,
        orders_per_second=_MANY,
        orders_per_minute=_MANY,
        orders_per_hour=_MANY,
        orders_per_day=_MANY,
        runaway_per_minute=_MANY,
        duplicate_window_ns=1,
    )
    specs = tuple(
        AccountSpec(
            id=AccountId(f"acct-{number:03d}"),
            venue=VenueId("sink"),
            login=f"{number}",
            mode=AccountMode.PAPER,
            currency=Currency("USDT"),
            limits=limits,
            pacing=Pacing(requests_per_second=1e9, burst=_MANY, reserve=10),
        )
        for number in range(accounts)
    )
    sizing = SizingRule(method="multiplier", factor=Decimal("0.5"))
    route = Route(
        id=RouteId("bench"),
        strategy=StrategyId("*"),
        legs=tuple(RouteLeg(account=spec.id, sizing=sizing) for spec in specs),
        pyramiding=_MANY,
    )
    return Setup(
        data_dir=directory,
        mode=AccountMode.PAPER,
        accounts=specs,
        routes=(route,),
        venues=(
            VenueSetup(
                id=VenueId("sink"),
                kind="paper" if paper else "sink",
                settings={"port": port, "timeout_s": 60} if paper else {"port": port},
                secrets={spec.login: PAPER_TOKEN for spec in specs},
            ),
        ),
        config_text="bench",
        config_hash="bench",
        links={} if paper else {VenueId("sink"): SinkVenue},
    )


async def main() -> None:
    """Serve until ended."""
    directory = Path(sys.argv[2])
    accounts = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    clock = SystemClock()
    runtime = await Runtime.start(setup(directory, int(sys.argv[1]), accounts), clock)
    while not all(account.reconciled for account in runtime.state.accounts.values()):
        await asyncio.sleep(0.01)
    source = Source(
        name="bench", path_token=TOKEN, rate=Rate(per_minute=_MANY, burst=_MANY), strategy="ma"
    )
    intake = HttpIntake([source], runtime, clock=clock.now)
    config = server_config(intake, lifespan=False)
    config.port = 0
    server = Server(config)
    settle()
    serving = asyncio.ensure_future(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    print("ready", server.servers[0].sockets[0].getsockname()[1], flush=True)
    await serving
    await runtime.stop("bench ended")


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
