"""How fast the kill switch is: to the shut gate, and to a flat ledger.

    python bench/kill.py [COMMANDS] [SWEEPS]      defaults 300 and 5; bounded, loopback only

A guardian in a process of its own, on the paper broker. The gate: from the command over HTTP to its
answer, which comes when the latch is on the disk; and from the start of the key's program, which
writes the latch itself. The sweep: three accounts with twenty positions each (netting, hedging, and
netting without reduce-only), from the command to the broker's ledger being empty, and to the
guardian's word, which waits for the longest send time-out (1 s here).
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from common import percentile, table

from bascule.cli.guardian_remote import GuardianClient, guardian_client
from bascule.config.handover import GuardianFiles
from bascule.guardian.words import Action, Command
from bascule.model.enums import Side
from bascule.venues.paper.control import PaperProcess
from tests.crash.engine_main import LOGINS
from tests.crash.storm import broker_settings

SYMBOLS = 20
KEYS = 30
GATE_P99_MS, FLAT_S, KEY_MS = 50.0, 2.0, 150.0
"""What is aimed at."""
ROOT = Path(__file__).resolve().parent.parent


def settings(directory: Path) -> dict[str, object]:
    """Give a broker of three accounts and twenty instruments."""
    found = broker_settings(directory / "broker.db", [])
    one = found["instruments"][0]
    named = [
        {**one, "venue_symbol": f"S{number:02}", "touch_size": "0"} for number in range(SYMBOLS)
    ]
    accounts = [
        {key: value for key, value in account.items() if key != "token_env"}
        for account in found["accounts"]
    ]
    return {**found, "instruments": named, "accounts": accounts, "fill_delay_ms": 0}


def start_guardian(
    data: Path, broker: PaperProcess
) -> tuple["subprocess.Popen[bytes]", GuardianClient]:
    """Start a guardian and wait until it is connected."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.crash.guardian_main", str(data), str(broker.port)],
        cwd=ROOT,
        env={**os.environ, **{f"STORM_{login.upper()}": broker.token for login in LOGINS}},
    )
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        client = guardian_client(GuardianFiles(data))
        if (
            client is not None
            and client.answers()
            and all(a.link_up for a in client.view().accounts)
        ):
            return process, client
        time.sleep(0.02)
    process.kill()
    raise SystemExit("the guardian did not come up")


def give(client: GuardianClient, action: Action) -> float:
    """Give a command; how many milliseconds until its answer."""
    typed = "all" if action == "arm" else ""
    command = Command(action=action, by="bench", reason="bench", typed=typed, via="cli")
    began = time.perf_counter()
    result = client.command(command)
    took = (time.perf_counter() - began) * 1_000
    assert result.status == "done", result
    return took


def gates(client: GuardianClient, count: int) -> list[float]:
    """Shut and open the gate so often; the milliseconds to each shut gate."""
    took = []
    for _ in range(count):
        took.append(give(client, "halt"))
        give(client, "arm")
    return sorted(took)


def keys(data: Path, client: GuardianClient, count: int) -> list[float]:
    """Start the key's program so often; the milliseconds from there to the latch on the disk."""
    program = Path(sys.executable).with_name("bascule-kill")
    took = []
    for _ in range(count):
        began = time.time_ns()
        subprocess.run([program, "--data", data], stdout=subprocess.DEVNULL, check=True)
        took.append(((data / "latch" / "freeze.key.all").stat().st_mtime_ns - began) / 1e6)
        give(client, "arm")
    return sorted(took)


def sweep(client: GuardianClient, broker: PaperProcess) -> tuple[float, float]:
    """Open everything, flatten it; seconds to the empty ledger, and to the word."""
    control = broker.control()
    for login in LOGINS:
        for number in range(SYMBOLS):
            control.trade(login, f"S{number:02}", Side.BUY if number % 2 else Side.SELL, "0.1")
    standing = [row for row in control.rows("positions") if float(row["quantity"] or 0)]
    assert len(standing) == SYMBOLS * len(LOGINS), len(standing)
    began = time.perf_counter()
    give(client, "flatten")
    while [row for row in control.rows("positions") if float(row["quantity"] or 0)]:
        time.sleep(0.002)
    flat = time.perf_counter() - began
    while not all(one.sweep == "flat" for one in client.view().accounts):
        time.sleep(0.01)
    told = time.perf_counter() - began
    give(client, "arm")
    control.close()
    return flat, told


def main() -> int:
    """Measure and print; 1 when what is aimed at is missed."""
    commands = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    sweeps = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with tempfile.TemporaryDirectory(prefix="bascule-kill-") as directory:
        data = Path(directory) / "data"
        data.mkdir()
        with PaperProcess(settings(Path(directory)), Path(directory)) as broker:
            process, client = start_guardian(data, broker)
            try:
                shut = gates(client, commands)
                pressed = keys(data, client, KEYS)
                swept = [sweep(client, broker) for _ in range(sweeps)]
            finally:
                process.terminate()
                process.wait(20)
    p99 = percentile(shut, 0.99)
    slowest = max(flat for flat, _ in swept)
    rows = [
        ["command to shut gate, ms", f"{shut[len(shut) // 2]:.1f}", f"{p99:.1f}",
         f"{shut[-1]:.1f}", f"p99 {GATE_P99_MS:.0f}"],
        ["start of the key's program to latch, ms", f"{pressed[KEYS // 2]:.0f}", "",
         f"{pressed[-1]:.0f}", f"max {KEY_MS:.0f}"],
        ["command to empty ledger, s", f"{sorted(f for f, _ in swept)[sweeps // 2]:.2f}", "",
         f"{slowest:.2f}", f"max {FLAT_S:.0f}"],
        ["command to the word flat, s", f"{sorted(t for _, t in swept)[sweeps // 2]:.2f}", "",
         f"{max(t for _, t in swept):.2f}", ""],
    ]  # fmt: skip
    table("Kill switch", ("what", "median", "p99", "slowest", "aim"), rows)
    met = p99 <= GATE_P99_MS and slowest <= FLAT_S and pressed[-1] <= KEY_MS
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
