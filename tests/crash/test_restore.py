"""An old backup put back with ``bascule journal restore``: what the venue did since is found."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bascule.engine.clock import SystemClock
from bascule.engine.runtime import Runtime
from bascule.journal.backup import backup
from bascule.model.ids import AccountId, Symbol
from bascule.signals.reading import Reader
from tests.crash.engine_main import LOGINS, setup
from tests.crash.storm import START_PRICE, SYMBOL, Storm

WAIT_S = 120.0
READER = Reader(source="storm", dialect="tradingview_json")


async def _until(condition: Callable[[], Any], what: str) -> None:
    """Wait until something is so."""
    for _ in range(int(WAIT_S / 0.05)):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"waited {WAIT_S:.0f} s for {what}")


class House:
    """A broker process, and engines of this process that come and go beside it."""

    def __init__(self, directory: Path) -> None:
        self.storm = Storm(directory, seed=1)
        self.storm.start_broker()
        self.journal = self.storm.data / "journal.db"
        self.sent = 0

    async def start(self) -> Runtime:
        """Start an engine, and wait until it has looked at every account."""
        runtime = await Runtime.start(setup(self.storm.data, self.storm.broker_port), SystemClock())
        await _until(
            lambda: all(
                (known := runtime.state.accounts.get(AccountId(login))) is not None
                and known.reconciled
                for login in LOGINS
            ),
            "every account to be reconciled",
        )
        return runtime

    async def alert(self, runtime: Runtime, action: str, **fields: str) -> str:
        """Deliver an alert; gives its signal's id."""
        self.sent += 1
        told = {"ticker": SYMBOL, "signal_id": f"r{self.sent}", "strategy": "ma", "action": action}
        text = json.dumps(told | {"price": str(START_PRICE)} | fields)
        receipt = await runtime.submit(READER.read(text, SystemClock().now()))
        assert receipt.status == "accepted", receipt
        return receipt.signal

    def held(self, login: str) -> Decimal:
        """Give what the broker's ledger says that an account holds."""
        rows = self.storm.rows(
            self.storm.ledger, f"select quantity from positions where login='{login}'"
        )
        return sum((Decimal(str(row[0])) for row in rows), Decimal(0))

    def submits(self) -> int:
        """Count the orders that ever reached the broker."""
        query = "select count(*) from requests where op='submit'"
        return int(self.storm.rows(self.storm.ledger, query)[0][0])

    def agrees(self, runtime: Runtime) -> bool:
        """Tell whether the engine holds what the broker says."""
        for login in LOGINS:
            exposure = runtime.state.accounts[AccountId(login)].exposure.get(Symbol(SYMBOL))
            if (exposure.net if exposure is not None else Decimal(0)) != self.held(login):
                return False
        return True

    async def bought(self, runtime: Runtime, quantity: str) -> None:
        """Wait until every account holds so much, there and here."""
        await _until(
            lambda: (
                all(self.held(login) == Decimal(quantity) for login in LOGINS)
                and self.agrees(runtime)
            ),
            f"{quantity} lots on every account",
        )


async def test_a_restored_backup_reduces_only_until_it_is_armed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new epoch, the venue's history taken over, no entry before arming, exits all along."""
    for login in LOGINS:
        monkeypatch.setenv(f"STORM_{login.upper()}", f"token-{login}")
    tmp_path.joinpath("engine").mkdir()
    house = House(tmp_path)
    try:
        first = await house.start()
        await house.alert(first, "buy")
        await house.bought(first, "0.3")
        await first.owner.durable()
        backup(house.journal, tmp_path / "old.db")
        await house.alert(first, "buy")  # what the backup does not know
        await house.bought(first, "0.6")
        before = first.state.epoch
        await first.stop("for the restore")
        _restore(tmp_path / "old.db", house.journal)
        await _reduces_until_armed(house, before)
    finally:
        house.storm.stop()


async def _reduces_until_armed(house: House, before: str) -> None:
    again = await house.start()
    assert again.state.epoch not in ("", before)
    assert again.state.reduce_only
    await _until(lambda: house.agrees(again), "the history of the venue to be taken over")
    sent = house.submits()
    refused = await house.alert(again, "buy")
    await asyncio.sleep(0.3)
    assert house.submits() == sent
    told = "select count(*) from events where kind in ('order_refused', 'intent_refused')"
    assert house.storm.journal(f"{told} and signal = '{refused}'")[0][0] > 0
    await house.alert(again, "close")
    await _until(
        lambda: all(house.held(login) < Decimal("0.6") for login in LOGINS), "exits to go through"
    )
    await _until(lambda: house.agrees(again), "the exits to be told")
    assert (await again.arm("all", by="me", reason="checked", typed="no")) is not None
    assert again.state.reduce_only
    assert (await again.arm("all", by="me", reason="checked", typed="all")) is None
    assert not again.state.reduce_only
    sent = house.submits()
    await house.alert(again, "buy")
    await _until(lambda: house.submits() >= sent + len(LOGINS), "entries to leave again")
    await _until(lambda: house.agrees(again), "the entries to fill")
    await again.stop("the end")


def _restore(copy: Path, journal: Path) -> None:
    """Put a backup back, as a person does."""
    done = subprocess.run(
        [sys.executable, "-m", "bascule", "journal", "restore", str(copy), "--yes",
         "--journal", str(journal)],
        capture_output=True, text=True, timeout=WAIT_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
