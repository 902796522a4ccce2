"""What keeps `bascule run` from starting, and what ends it: a sentence, never a traceback."""

import asyncio
import json
import logging
import socket
from pathlib import Path

import pytest
import structlog

from bascule.cli.common import configured, secrets_of
from bascule.cli.logs import Steady, log_to
from bascule.cli.run_cmd import report_lines
from bascule.cli.serving import Running, bind, run_engine, url_of
from bascule.config.build import Config
from bascule.journal.follower import Follower
from bascule.journal.lock import Lock
from bascule.model.errors import BasculeError, ConfigError, InvariantBroken, JournalUnwritable
from tests.ports import free_port
from tests.waiting import PATIENCE_S

from .conftest import Bascule, Done


@pytest.fixture
def config(bascule: Bascule) -> Config:
    """Give a paper configuration on a free port, with its secrets."""
    bascule("init", "--yes")
    file = Path("bascule.toml")
    file.write_text(file.read_text().replace("port = 8420", f"port = {free_port()}"))
    return configured(None)


def _refused(done: Done, code: int, word: str) -> str:
    assert done.code == code, done.err
    assert f"Code:  {word}" in done.err
    assert "To do:" in done.err
    assert "Traceback" not in done.err
    return done.err


def test_a_port_in_use_is_named(bascule: Bascule, config: Config) -> None:
    """The address stands in the sentence, and nothing was journaled."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", config.server.port))
        other.listen()
        said = _refused(bascule("run"), 3, "port_in_use")
    assert f"127.0.0.1:{config.server.port} is in use" in said
    assert not config.data.journal.exists()


def test_an_address_of_another_machine_cannot_be_served() -> None:
    """A host that is not ours is refused with a code of its own."""
    with pytest.raises(ConfigError) as raised:
        bind("192.0.2.1", free_port())
    assert raised.value.code == "address_unusable"


def test_a_journal_that_another_engine_holds_is_named(bascule: Bascule, config: Config) -> None:
    """The process that holds it stands in the sentence."""
    config.data.prepare()
    lock = Lock(config.data.journal)
    try:
        assert "is in use by process" in _refused(bascule("run"), 5, "journal_locked")
    finally:
        lock.release()


def test_a_data_directory_that_cannot_be_made_is_named(bascule: Bascule, config: Config) -> None:
    """A file where the directory should be ends it before anything is taken."""
    home = config.data.root
    for path in sorted(home.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    home.rmdir()
    home.write_text("a file")
    assert str(home) in _refused(bascule("run"), 3, "data_directory")


def test_every_missing_secret_is_named_at_once(bascule: Bascule, config: Config) -> None:
    """Both are listed, and nothing was started."""
    for name in ("paper_token", "scripts_token"):
        bascule("secrets", "delete", name)
    said = _refused(bascule("run"), 3, "secret_missing")
    assert "paper_token" in said
    assert "scripts_token" in said
    assert not config.data.journal.exists()


def test_without_a_configuration_it_says_where_it_looked(bascule: Bascule) -> None:
    """`run` never falls back to the demonstration."""
    assert "bascule init" in _refused(bascule("run"), 3, "config_not_found")


@pytest.mark.parametrize("error", [JournalUnwritable("the disk is full"), InvariantBroken("a bug")])
def test_a_broken_engine_ends_the_process_with_its_own_words(
    config: Config, error: BasculeError
) -> None:
    """The gate is shut, the error comes out as it was, the port and the journal are let go."""
    gates = []

    async def fail(running: Running) -> None:
        await running.served.settled()
        running.runtime._on_broken(error)
        gates.append(running.runtime.dispatcher.stopped)
        await asyncio.Event().wait()

    with pytest.raises(type(error)) as raised:
        run_engine(config, secrets_of(config), fail)
    assert raised.value is error
    assert gates == [True]
    bind(config.server.host, config.server.port).close()
    Lock(config.data.journal).release()
    assert not config.data.endpoint.exists()


def test_told_to_end_it_journals_that_it_stopped(config: Config) -> None:
    """The last event is the engine's own farewell, and the report was ready by then."""
    lines = []

    async def end(running: Running) -> None:
        await running.served.settled()
        lines.extend(report_lines(running, reveal=False))
        running.ended.set()

    run_engine(config, secrets_of(config), end)
    with Follower(config.data.journal) as follower:
        assert follower.rows()[-1].kind == "engine_stopped"
    assert lines[0].startswith("Bascule ")
    shown = "\n".join(lines)
    assert f"Serving http://127.0.0.1:{config.server.port}" in shown
    assert secrets_of(config).get("tradingview_path") not in shown


FILES = """
[sources.nt]
kind = "files"
folder = "in"
dialect = "ninjatrader_oif"
"""


def test_a_folder_is_watched_and_each_line_answered(bascule: Bascule, config: Config) -> None:
    """A file that is put there while the engine runs has its answers beside it."""
    file = Path("bascule.toml")
    file.write_text(file.read_text() + FILES)
    config = configured(None)
    lines = []

    async def put(running: Running) -> None:
        lines.extend(report_lines(running, reveal=False))
        Path("in/oif1.txt").write_text("PLACE;Sim101;ES 12-26;BUY;1;MARKET;;;DAY;;;;\n")
        async with asyncio.timeout(PATIENCE_S):
            while not Path("in/done/oif1.txt.result.json").exists():
                await asyncio.sleep(0.05)
        running.ended.set()

    run_engine(config, secrets_of(config), put)
    told = json.loads(Path("in/done/oif1.txt.result.json").read_text())
    assert told["lines"][0]["answer"]["signal"]
    assert any(line.split() == ["files", "nt", str(Path("in").resolve())] for line in lines)
    with Follower(config.data.journal) as follower:
        kinds = [row.kind for row in follower.rows()]
    assert {"signal_accepted", "signal_refused"} & set(kinds)
    assert kinds[-1] == "engine_stopped"
    assert "Put a file into" in bascule("send", "--source", "nt", "{}").err


def test_a_folder_that_cannot_be_used_starts_nothing(bascule: Bascule, config: Config) -> None:
    """It is told before a journal is begun."""
    file = Path("bascule.toml")
    file.write_text(file.read_text() + FILES)
    Path("in").write_text("a file")
    assert "source 'nt'" in _refused(bascule("run"), 3, "folder_unusable")
    assert not config.data.journal.exists()


def test_a_log_that_cannot_be_written_ends_nothing(tmp_path: Path) -> None:
    """Lines to a closed stream are dropped and counted, as those of a service manager's pipe."""
    with (tmp_path / "log").open("w") as file:
        log_to(file)
        structlog.get_logger().warning("kept")
        assert "kept" in (tmp_path / "log").read_text()
    structlog.get_logger().warning("dropped")
    logging.getLogger("library").warning("dropped too")
    steady = Steady(file)
    assert (steady.write("x"), steady.dropped) == (0, 1)


def test_a_listener_on_every_interface_is_asked_here() -> None:
    """URLs name an address that can be opened, in either family."""
    assert url_of("0.0.0.0", 1) == "http://127.0.0.1:1"
    assert url_of("::", 1) == url_of("::1", 1) == "http://[::1]:1"
    assert url_of("10.0.0.7", 1) == "http://10.0.0.7:1"
