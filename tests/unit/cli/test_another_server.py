"""A command where something else listens in an engine's place."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Bascule
from tests.unit.cli.test_journal_cmd import journal as journal
from tests.unit.cli.test_journal_cmd import ready as ready


class Page(BaseHTTPRequestHandler):
    """Answers everything with a page, as some development server does."""

    status = 200

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(b"<html>hello</html>")

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(params=[200, 404])
def stranger(request: pytest.FixtureRequest, tmp_path: Path, ready: Bascule) -> Iterator[Bascule]:
    """Give commands of an installation whose engine ran once, and whose port is another's now."""

    class Answering(Page):
        status = request.param

    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        config = tmp_path / "bascule.toml"
        port = f"port = {server.server_port}"
        text = config.read_text(encoding="utf-8").replace("port = 8420", port)
        config.write_text(text, encoding="utf-8")
        token = tmp_path / "home" / "paper" / "operator.token"
        token.write_text("t" * 43, encoding="utf-8")
        token.chmod(0o600)
        yield ready
        server.shutdown()
        serving.join()


@pytest.mark.parametrize("command", ["status", "halt", "flatten --yes", "limits show", "send {}"])
def test_another_program_is_told_from_an_engine(stranger: Bascule, command: str) -> None:
    """Nothing was done, and whoever reads it knows that no engine heard it."""
    done = stranger(*command.split())
    assert done.code == 4
    assert "is no Bascule. Nothing was done." in done.err


def test_reads_fall_back_to_the_journal(stranger: Bascule) -> None:
    """As they do where nothing answers at all."""
    done = stranger("positions")
    assert (done.code, "its journal holds" in done.err) == (0, True)


@pytest.mark.parametrize("key", ["ключ", "a\nb"])
def test_a_key_that_no_header_can_bear_is_wrong_use(ready: Bascule, key: str) -> None:
    """It is told before anything is sent."""
    assert ready("send", "{}", "--key", key).code == 2
