"""Our process killed in the middle of trading: no number is used twice, and none is skipped."""

import asyncio
import random
import sys

from bascule.fix.replay import stored
from bascule.fixwire.store import FileStore
from tests.fix.quickfix_process import ROOT, QuickFix
from tests.fix.test_interop import until
from tests.ports import free_port

KILLS = 4


async def test_killed_again_and_again(tmp_path):
    """After each kill the session goes on with the numbers that the peer expects."""
    port, path = free_port(), tmp_path / "ours.fix"
    chance = random.Random(7)
    async with QuickFix.run("acceptor", port, tmp_path / "qf") as other:
        for _ in range(KILLS):
            before = (await other.state())["orders"]
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.fix.our_side", str(port), str(path)),
                cwd=ROOT,
                stderr=asyncio.subprocess.PIPE,
            )
            await until(lambda at=before: _has_orders(other, at + 50))
            await asyncio.sleep(chance.uniform(0, 0.2))
            process.kill()
            _, said = await process.communicate()
            assert b"too_low" not in said
        state = await other.state()
    store = FileStore(path)
    names = [stored(data).get_text(11) for _, data in store.messages(1, store.next_out)]
    numbers = [number for number, _ in store.messages(1, store.next_out)]
    store.close()
    assert [f"n{number}" for number in numbers] == names
    assert state["orders_twice"] == 0
    assert state["in"] <= store.next_out
    assert store.next_in <= state["out"]
    assert state["logons"] == KILLS


async def _has_orders(other, count):
    return (await other.state())["orders"] >= count
