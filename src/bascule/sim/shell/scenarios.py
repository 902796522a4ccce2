"""The canonical scenarios of the crash schedule: each a story that a crash may cut anywhere."""

from bascule.model.enums import Side
from bascule.sim.shell.script import Script, ScriptWorld

_TWO = ("alpha", "gamma")
_ALL = ("alpha", "beta", "gamma")
_BURST = 3


async def _submit(world: ScriptWorld) -> None:
    world.alert("buy")
    await world.wait(1)


async def _partial(world: ScriptWorld) -> None:
    world.arm("partial_fills", times=2, share=0.34)
    world.alert("buy", order_type="limit", limit="1.10010")
    await world.wait(4)


async def _modify(world: ScriptWorld) -> None:
    world.alert("buy", sl="1.09000", tp="1.11000")
    await world.wait(1)
    world.alert("modify", sl="1.09500")
    await world.wait(1)


async def _cancel(world: ScriptWorld) -> None:
    world.alert("buy", order_type="limit", limit="1.09000")
    await world.wait(1)
    world.alert("cancel")
    await world.wait(1)


async def _race(world: ScriptWorld) -> None:
    world.arm("fill_during_cancel", times=1)
    await _cancel(world)


async def _bracket(world: ScriptWorld) -> None:
    world.alert("buy", sl="1.09000", tp="1.11000")
    await world.wait(2)
    world.price("1.11050")
    await world.wait(2)


async def _reject(world: ScriptWorld) -> None:
    world.arm("reject_submit", times=1)
    world.alert("buy")
    await world.wait(1)


async def _doubt_found(world: ScriptWorld) -> None:
    world.arm("drop_reply", times=1)
    world.arm("drop_report", times=2)
    world.alert("buy", order_type="limit", limit="1.09000")
    await world.wait(2)


async def _doubt_absent(world: ScriptWorld) -> None:
    world.arm("drop_request", times=1)
    world.alert("buy")
    await world.wait(2)


async def _burst(world: ScriptWorld) -> None:
    for _ in range(_BURST):
        world.alert("buy")
    world.kill_on(b'"type":"submit"', nth=2 * _BURST + 1)
    await world.wait(1)


async def _gap(world: ScriptWorld) -> None:
    world.alert("buy", order_type="limit", limit="1.09990")
    await world.wait(1)
    world.net.partitioned = True
    world.net.cut(world.actor)
    world.price("1.09900")
    world.hand_trade(Side.SELL, "0.1")
    await world.wait(1.5)
    world.net.partitioned = False
    await world.wait(1)


async def _reconcile(world: ScriptWorld) -> None:
    world.alert("buy")
    world.alert("buy", order_type="limit", limit="1.09000")
    await world.wait(1)
    world.kill_on(b'"type":"positions"')
    world.kill()
    await world.wait(2)


async def _first_start(world: ScriptWorld) -> None:
    world.alert("buy")
    await world.wait(1)
    world.stop()
    await world.wait(2)


SCENARIOS = (
    Script("submit", "a market order fills", _submit, ("order_filled",)),
    Script("partial", "a limit order fills in parts", _partial, ("order_filled",)),
    Script("modify", "the stop of a position is moved", _modify, ("order_replaced",)),
    Script("cancel", "a resting entry is canceled", _cancel, ("order_ended",)),
    Script(
        "cancel_fill_race", "an entry fills while it is canceled", _race,
        ("cancel_requested", "order_filled"),
    ),
    Script(
        "bracket", "a target is hit: at the broker, and by the engine's own watch", _bracket,
        ("order_filled",), logins=_TWO,
    ),
    Script("reject", "the broker refuses", _reject, ("order_ended",)),
    Script("doubt_found", "no answer, and the order is there", _doubt_found, ("order_doubted",)),
    Script("doubt_absent", "no answer, and it is not there", _doubt_absent, ("order_doubted",)),
    Script(
        "burst", "the engine is killed within a burst", _burst, ("order_filled",),
        logins=_ALL, entries=_BURST,
    ),
    Script(
        "reconnect_gap", "a fill and a hand's trade while the link is down", _gap,
        ("order_filled", "foreign_fill"),
    ),
    Script(
        "restart_in_reconcile", "a start is killed as it looks at the venue", _reconcile,
        ("order_filled",), entries=2,
    ),
    Script(
        "first_start", "the first start of all, an order, a stop in good order, a start",
        _first_start, ("engine_stopped",), boots=True,
    ),
)  # fmt: skip
"""The twelve of the design, and the first start of all."""
BY_NAME = {script.name: script for script in SCENARIOS}
