"""``bascule reconcile``: one account or all, tried or done, and taking positions over."""

import msgspec
import pytest
from typer.testing import CliRunner

from bascule.api.actions import Done
from bascule.cli import operate_cmd, remote
from bascule.cli.main import app
from bascule.model.errors import BasculeError, UsageError


class Engine:
    """Answers as an engine would, and keeps what it was asked."""

    def __init__(self, status: str, down: str = "") -> None:
        self.status = status
        self.down = down
        self.asked: list[str] = []

    def post(self, path: str, body: object = None) -> bytes:
        """Take one request."""
        self.asked.append(path)
        if self.down and self.down in path:
            raise BasculeError(f"the link of {self.down} is down", code="link_down")
        return msgspec.json.encode(Done(self.status, "so it is"))


def ask(
    monkeypatch: pytest.MonkeyPatch, status: str, *words: str, down: str = ""
) -> tuple[int, list[str]]:
    """Run the command against an engine that answers with a status."""
    engine = Engine(status, down)
    monkeypatch.setattr(remote, "engine", lambda named: engine)
    monkeypatch.setattr(operate_cmd, "_accounts", lambda config: ["one", "two"])
    done = CliRunner().invoke(app, ["reconcile", *words])
    return done.exit_code, engine.asked


@pytest.mark.parametrize("words", [("one",), ("--account", "one")])
def test_one_account_is_looked_at(monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]) -> None:
    """By argument or option; a difference ends with 1."""
    assert ask(monkeypatch, "reconciled", *words) == (0, ["/v1/reconcile/one"])
    assert ask(monkeypatch, "drift", *words) == (1, ["/v1/reconcile/one"])


def test_all_accounts_where_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each in turn, tried only where that is asked for."""
    code, asked = ask(monkeypatch, "agrees", "--dry-run")
    assert code == 0
    assert asked == ["/v1/reconcile/one?which=preview", "/v1/reconcile/two?which=preview"]


def test_an_account_that_cannot_be_asked_keeps_no_other_from_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The rest is looked at all the same, and the command ends with 1."""
    code, asked = ask(monkeypatch, "reconciled", down="one")
    assert (code, asked) == (1, ["/v1/reconcile/one", "/v1/reconcile/two"])


def test_taking_over_needs_one_account_and_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who and why go along."""
    words = ("one", "--adopt", "--by", "ada", "--reason", "by hand")
    code, asked = ask(monkeypatch, "reconciled", *words)
    assert (code, asked) == (0, ["/v1/reconcile/one?which=adopt&by=ada&reason=by%20hand"])
    for lacking in (("--adopt", "--reason", "x"), ("one", "--adopt")):
        done = CliRunner().invoke(app, ["reconcile", *lacking])
        assert isinstance(done.exception, UsageError)


def test_two_accounts_at_once_are_wrong_use() -> None:
    """Neither is looked at: which one was meant is not known."""
    done = CliRunner().invoke(app, ["reconcile", "one", "--account", "two"])
    assert isinstance(done.exception, UsageError)
