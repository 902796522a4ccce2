"""The guardian's process: one a directory, with its own port and token, and no engine in it."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from bascule.config import process
from bascule.config.lockfile import LockFile
from bascule.guardian.server import Server, bind, own_token
from bascule.guardian.service import Guardian
from bascule.guardian.serving import run_guardian
from bascule.model.errors import ConfigError
from tests.unit.guardian.house import Place
from tests.waiting import PATIENCE_S

LOADED = """
import sys
import bascule.cli.main, bascule.cli.guardian_cmd, bascule.cli.guardian_setup
import bascule.cli.guardian_faces, bascule.guardian.serving, bascule.config.load
import bascule.venues.paper
from tests.waiting import PATIENCE_S
kept = ("bascule.engine", "bascule.execution", "bascule.journal", "bascule.api")
print(*sorted(name for name in sys.modules if name.startswith(kept)))
"""
TOKEN = "a-token-of-no-value"


@asynccontextmanager
async def served(place: Place) -> AsyncIterator[tuple[Server, aiohttp.ClientSession]]:
    """Serve a guardian, and speak with it."""
    async with place.running() as guardian:
        server = Server(guardian, TOKEN)
        listener = bind(0)
        endpoint = await server.start(listener)
        base = f"http://{endpoint.host}:{endpoint.port}"
        try:
            async with aiohttp.ClientSession(base) as session:
                yield server, session
        finally:
            await server.stop()
            listener.close()


def bearer(token: str = TOKEN) -> dict[str, str]:
    """Give the header that proves who asks."""
    return {"Authorization": f"Bearer {token}"}


def test_nothing_of_the_engine_is_in_it() -> None:
    """Whatever the process loads, none of it is the engine's, the API's or the journal's."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == ""


async def test_its_port_takes_commands(tmp_path: Path) -> None:
    """A command, what it shows, and the report."""
    async with served(Place(tmp_path)) as (_, session):
        command = {"action": "halt", "scope": "account:alpha", "by": "me", "reason": "why"}
        async with session.post("/command", json=command, headers=bearer()) as answer:
            assert (await answer.json())["status"] == "done"
        async with session.get("/view", headers=bearer()) as answer:
            assert [stop["by"] for stop in (await answer.json())["stops"]] == ["me"]
        async with session.get("/report", headers=bearer()) as answer:
            assert await answer.json() == []


@pytest.mark.parametrize("header", [{}, bearer("wrong"), {"Authorization": f"Basic {TOKEN}"}])
async def test_without_its_token_nobody_is_answered(tmp_path: Path, header: dict[str, str]) -> None:
    """Each path, with a wrong token or none: the same answer, and nothing is done."""
    place = Place(tmp_path)
    async with served(place) as (server, session):
        for method, path in (
            ("POST", "/command"), ("GET", "/view"), ("GET", "/report"), ("POST", "/poke"),
            ("POST", "/end"),
        ):  # fmt: skip
            async with session.request(
                method, path, json={"action": "halt"}, headers=header
            ) as got:
                assert got.status == 401
        assert place.guardian.view().stops == ()
        assert not server.ended.is_set()


@pytest.mark.parametrize("body", [b"", b"{", b'{"action":"explode"}', b'{"scope":"all"}'])
async def test_what_is_no_command_is_said(tmp_path: Path, body: bytes) -> None:
    """It is answered with why, and nothing is done."""
    async with (
        served(Place(tmp_path)) as (_, session),
        session.post("/command", data=body, headers=bearer()) as answer,
    ):
        assert answer.status == 400
        assert (await answer.json())["code"] == "usage"


async def test_nobody_outside_pulls_an_automatic_trigger(tmp_path: Path) -> None:
    """A caller that claims to be automatic is a caller like any."""
    async with served(Place(tmp_path)) as (_, session):
        command = {"action": "freeze", "by": "me", "reason": "", "via": "auto"}
        await session.post("/command", json=command, headers=bearer())
        command = {"action": "flatten", "by": "me", "reason": "", "via": "auto"}
        await session.post("/command", json=command, headers=bearer())
        async with session.get("/view", headers=bearer()) as answer:
            assert [stop["action"] for stop in (await answer.json())["stops"]] == ["flatten"]


async def test_it_ends_when_asked(tmp_path: Path) -> None:
    """And its port's note goes with it."""
    place = Place(tmp_path)
    async with served(place) as (server, session):
        assert json.loads(place.files.endpoint.read_text())["pid"] == os.getpid()
        async with session.post("/end", headers=bearer()) as answer:
            assert answer.status == 200
        assert server.ended.is_set()
    assert not place.files.endpoint.exists()


def test_a_taken_port_is_no_reason_not_to_start() -> None:
    """It takes any other: a kill switch must start."""
    first = bind(0)
    second = bind(first.getsockname()[1])
    assert second.getsockname()[1] not in (0, first.getsockname()[1])
    first.close()
    second.close()


def test_its_token_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    """The same at each start; nobody else may read it."""
    path = tmp_path / "guardian" / "token"
    made = own_token(path)
    assert own_token(path) == made
    assert len(made) >= 32
    assert path.stat().st_mode & 0o077 == 0 or sys.platform == "win32"


def test_one_directory_has_one_guardian(tmp_path: Path) -> None:
    """A second one is refused with the first one's process id, and touches nothing."""
    place = Place(tmp_path)
    lock = LockFile(place.files.lock)
    assert lock.take()
    with pytest.raises(ConfigError, match=f"process {os.getpid()}") as refused:
        run_guardian(place.setup(), 0)
    assert refused.value.code == "guardian_running"
    assert not place.files.log.exists()
    lock.release()
    again = LockFile(place.files.lock)
    assert again.take()
    again.release()


async def test_it_ends_when_its_data_is_gone(tmp_path: Path) -> None:
    """There is nothing left to guard then, and nobody to tell it to end."""
    from bascule.guardian.serving import _Alone

    place = Place(tmp_path / "data")
    (tmp_path / "data").mkdir()
    ended = asyncio.Event()
    guardian = Guardian(place.setup(), place.clock, place.processes)
    await guardian.close()
    for file in sorted((tmp_path / "data").rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    (tmp_path / "data").rmdir()
    await asyncio.wait_for(_Alone(ended, 0.0)(guardian), PATIENCE_S)
    assert ended.is_set()


def test_a_process_is_known_by_its_start() -> None:
    """Its own start is the same each time; another's differs, and one that has ended has none."""
    mine = process.started(os.getpid())
    assert mine
    assert process.started(os.getpid()) == mine
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    start = process.started(child.pid)
    assert start not in ("", mine)
    assert process.runs(child.pid, start)
    assert not process.kill(child.pid, mine)
    assert process.kill(child.pid, start)
    while process.runs(child.pid, start):
        pass  # it has ended once the system says so, asked for by its parent or not
    assert process.started(child.pid) == ""
    assert not process.kill(child.pid, start)
    assert child.stdin is not None
    child.stdin.close()
    child.wait()
    assert process.started(0) == process.started(-1) == ""
