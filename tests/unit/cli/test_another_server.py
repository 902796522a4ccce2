"""A command where something else listens in an engine's place."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import msgspec
import pytest

from bascule.config.proof import proof, proves
from tests.unit.cli.conftest import Bascule
from tests.unit.cli.test_journal_cmd import journal as journal
from tests.unit.cli.test_journal_cmd import ready as ready

TOKEN = "t" * 43


class Page(BaseHTTPRequestHandler):
    """Answers everything with a page, as some development server does; keeps what it is sent."""

    status = 200
    page = b"<html>hello</html>"
    heard: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        """Answer."""
        self.heard.append(f"{self.path} {self.headers}")
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(self.page)

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def taken(tmp_path: Path, page: type[Page]) -> Iterator[None]:
    """Have the port of an installation, whose engine ran once, be another's now."""
    page.heard.clear()
    with HTTPServer(("127.0.0.1", 0), page) as server:
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        config = tmp_path / "bascule.toml"
        port = f"port = {server.server_port}"
        text = config.read_text(encoding="utf-8").replace("port = 8420", port)
        config.write_text(text, encoding="utf-8")
        token = tmp_path / "home" / "paper" / "operator.token"
        token.write_text(TOKEN, encoding="utf-8")
        token.chmod(0o600)
        yield
        server.shutdown()
        serving.join()


@pytest.fixture(params=[200, 404])
def stranger(request: pytest.FixtureRequest, tmp_path: Path, ready: Bascule) -> Iterator[Bascule]:
    """Give commands of an installation whose port belongs to another program."""

    class Answering(Page):
        status = request.param

    with taken(tmp_path, Answering):
        yield ready


class Pretender(Page):
    """Answers as an engine might that it has seen, without knowing the token."""

    page = msgspec.json.encode({"proof": proof("a guess", 8420, "x"), "status": "accepted"})


@pytest.mark.parametrize("command", ["status", "halt", "flatten --yes", "limits show", "send {}"])
def test_who_cannot_prove_to_be_the_engine_is_shown_no_token(
    tmp_path: Path, ready: Bascule, command: str
) -> None:
    """Neither the operator's nor a source's goes to whoever took a dead engine's port."""
    with taken(tmp_path, Pretender):
        done = ready(*command.split())
    assert (done.code, "not_proven" in done.err) == (4, True), done.err
    assert "Nothing was done" in done.err
    assert Pretender.heard and all(one.startswith("/proof?of=") for one in Pretender.heard)
    assert "Bearer" not in "".join(Pretender.heard) and TOKEN not in "".join(Pretender.heard)


class Older(Page):
    """Answers as engines did before there was a proof: whatever bears no token gets the same."""

    status = 401
    page = msgspec.json.encode(
        {
            "code": "unauthenticated",
            "text": "The request bears no operator token, or another one.",
            "next": "Send it as `Authorization: Bearer TOKEN`.",
        }
    )


@pytest.mark.parametrize(
    ("page", "told"),
    [(Older, "updated while its engine ran"), (Pretender, "the engine of another data directory")],
)
@pytest.mark.parametrize("command", ["status", "halt", "send {}"])
def test_it_says_whom_it_met_and_what_to_do(
    tmp_path: Path, ready: Bascule, command: str, page: type[Page], told: str
) -> None:
    """An old engine, which cannot prove itself at all, is told from one with another token.

    Before, both were told the same, and what to do stood among guesses.
    """
    with taken(tmp_path, page):
        done = ready(*command.split())
    assert (done.code, "not_proven" in done.err) == (4, True), done.err
    assert told in " ".join(done.err.split())
    assert "Bearer" not in "".join(page.heard)


def test_the_proof_is_the_same_in_every_version() -> None:
    """An update leaves the old engine running, and its commands are new: nothing here may change.

    The value was computed with OpenSSL, not with this code.
    """
    given = "195cd77ccce30ec25442f7b1d5bbb5cd335666af62c82d28122fa6d9523df16e"
    assert proof("token", 8420, "question") == given
    assert proves(given, "token", 8420, "question")
    assert not proves(given, "token", 8421, "question")


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
