"""The engine as a process of its own, for tests that kill it.

    python engine_main.py DATA_DIR BROKER_PORT HTTP_PORT

Everything in it is what ships: runtime, journal, intake and the paper venue's client.
"""

import asyncio
import os
import sys
from decimal import Decimal
from pathlib import Path

import uvicorn

from bascule.engine.clock import SystemClock
from bascule.engine.runtime import Runtime, Setup, VenueSetup
from bascule.model.account import (
    AccountSpec,
    Pacing,
    RiskLimits,
    Route,
    RouteLeg,
    SizingRule,
    SymbolMap,
)
from bascule.model.enums import AccountMode, PositionMode
from bascule.model.ids import AccountId, RouteId, StrategyId, VenueId
from bascule.model.values import Currency
from bascule.signals.intake.http import HttpIntake
from bascule.signals.intake.source import Rate, Source

PATH_TOKEN = "storm-token-of-no-value"
LOGINS = ("alpha", "beta", "gamma")


def setup(directory: Path, broker_port: int) -> Setup:
    """Three accounts: native brackets, hedging, and one whose stops the engine runs itself."""
    limits = RiskLimits(
        max_position_qty=Decimal(50),
        max_open_orders=500,
        orders_per_second=500,
        orders_per_minute=20_000,
        orders_per_hour=500_000,
        orders_per_day=5_000_000,
        runaway_per_minute=20_000,
        runaway_submits=10_000,
        runaway_rejects=10_000,
        duplicate_window_ns=0,
    )
    specs = tuple(
        AccountSpec(
            id=AccountId(login),
            venue=VenueId("broker" if login != "gamma" else "plain"),
            login=login,
            mode=AccountMode.PAPER,
            currency=Currency("USD"),
            position_mode=PositionMode.HEDGING if login == "beta" else PositionMode.NETTING,
            limits=limits,
            symbols=SymbolMap(suffix=".x"),
            pacing=Pacing(requests_per_second=500, burst=500, reserve=50),
        )
        for login in LOGINS
    )
    sizing = SizingRule(method="fixed", quantity=Decimal("0.3"))
    route = Route(
        id=RouteId("storm"),
        strategy=StrategyId("*"),
        legs=tuple(RouteLeg(account=spec.id, sizing=sizing) for spec in specs),
        pyramiding=20,
    )
    secrets = {login: os.environ[f"STORM_{login.upper()}"] for login in LOGINS}
    plain = {"native_bracket": False, "native_trailing": False, "reduce_only": False}
    return Setup(
        data_dir=directory,
        mode=AccountMode.PAPER,
        accounts=specs,
        routes=(route,),
        venues=(
            VenueSetup(
                id=VenueId("broker"),
                kind="paper",
                settings={"port": broker_port, "timeout_s": 1},
                secrets=secrets,
            ),
            VenueSetup(
                id=VenueId("plain"),
                kind="paper",
                settings={"port": broker_port, "timeout_s": 1, **plain},
                secrets=secrets,
            ),
        ),
        config_text="storm",
        config_hash="storm",
    )


async def main() -> None:
    """Serve until killed."""
    clock = SystemClock()
    runtime = await Runtime.start(setup(Path(sys.argv[1]), int(sys.argv[2])), clock)
    many = Rate(per_minute=10**6, burst=10**6)
    source = Source(name="storm", path_token=PATH_TOKEN, rate=many, dialect="tradingview_json")
    intake = HttpIntake([source], runtime, clock=clock.now)
    config = uvicorn.Config(
        intake, port=int(sys.argv[3]), log_level="critical", lifespan="off", access_log=False
    )
    server = uvicorn.Server(config)
    serving = asyncio.ensure_future(server.serve())
    done, _ = await asyncio.wait({serving, runtime.fatal}, return_when="FIRST_COMPLETED")
    if runtime.fatal in done:
        sys.stderr.write(f"fatal: {runtime.fatal.result()!r}\n")
        os._exit(70)
    await runtime.stop("asked to")


if __name__ == "__main__":
    try:
        import uvloop

        uvloop.run(main())
    except ImportError:
        asyncio.run(main())
