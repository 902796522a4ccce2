"""``bascule limits`` and ``bascule approve``, and where a start and a check tell of limits."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from bascule.api.actions import Done
from bascule.api.limiting import LimitsView, ScopeView
from bascule.cli import remote
from bascule.cli.check_cmd import limit_notes
from bascule.cli.main import app
from bascule.cli.run_cmd import limit_lines
from bascule.model.errors import BasculeError
from bascule.model.ids import AccountId
from bascule.risk.limits import Difference
from tests.unit.api.house import house

VIEW = LimitsView(
    [
        ScopeView("account:one", {"max_order_qty": "3"}),
        ScopeView(
            "all", {"max_notional": "5000"}, (Difference("max_notional", "5000", "none", True),)
        ),
    ]
)


class Engine:
    """Answers as a running engine does, and keeps what it was asked."""

    def __init__(self, view: LimitsView, refuses: str = "") -> None:
        self.view = view
        self.refuses = refuses
        self.asked: list[tuple[str, Any]] = []

    def get(self, path: str) -> bytes:
        assert path == "/v1/limits"
        return msgspec.json.encode(self.view)

    def post(self, path: str, body: Any) -> bytes:
        self.asked.append((path, body))
        if self.refuses:
            raise BasculeError("no", code=self.refuses)
        return msgspec.json.encode(Done("done", "It was done", "look"))


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Stand in for the running engine."""
    made = Engine(VIEW)
    monkeypatch.setattr(remote, "engine", lambda config: made)
    return made


def run(*words: str) -> tuple[int, str]:
    """Run a command; give its exit code and what it printed."""
    found = CliRunner().invoke(app, list(words))
    return found.exit_code, found.output


def test_show_lists_what_is_in_force(engine: Engine) -> None:
    """A row a limit; as JSON the engine's own answer."""
    code, text = run("limits", "show")
    assert code == 0 and "max_order_qty" in text and "account:one" in text and "5000" in text
    assert json.loads(run("limits", "show", "--json")[1])["scopes"][0]["scope"] == "account:one"
    engine.view = LimitsView([])
    assert "default" in run("limits", "show")[1]


def test_diff_ends_with_one_where_something_waits(engine: Engine) -> None:
    """It says whom it waits for, or from when it is in force."""
    code, text = run("limits", "diff")
    assert code == 1 and "waits for you" in text and "max_notional" in text
    later = replace(VIEW.scopes[1], effective_at=1_767_657_600_000_000_000)
    engine.view = LimitsView([later])
    assert "2026-01-06" in run("limits", "diff")[1]
    engine.view = LimitsView([])
    code, text = run("limits", "diff")
    assert code == 0 and "is in force" in text


def test_accept_and_approve_ask_the_engine(engine: Engine) -> None:
    """Who, why and the code go along; the answer is shown with what to do next."""
    code, text = run(
        "limits", "accept", "--by", "anna", "--reason", "more room", "--code", "123456"
    )
    assert code == 0 and "It was done." in text and "Next: look" in text
    code, _ = run("approve", "my strategy", "--by", "anna", "--json")
    assert code == 0
    assert engine.asked == [
        ("/v1/limits/accept", {"by": "anna", "reason": "more room", "code": "123456"}),
        ("/v1/approve", {"strategy": "my strategy", "by": "anna", "reason": "by hand", "code": ""}),
    ]


def test_a_needed_code_is_not_asked_for_without_a_terminal(engine: Engine) -> None:
    """A script gets the refusal."""
    engine.refuses = "arm_needs_code"
    found = CliRunner().invoke(app, ["limits", "accept"])
    assert isinstance(found.exception, BasculeError) and found.exception.code == "arm_needs_code"
    assert len(engine.asked) == 1


async def test_a_start_and_a_check_tell_how_the_file_differs(tmp_path: Path) -> None:
    """What is tighter is in force, what is looser waits; a check reads it off the journal."""
    data = SimpleNamespace(journal=tmp_path / "journal.db")
    async with house(tmp_path) as api:
        one = api.runtime.settings.accounts[AccountId("one")]
        wider = replace(one, limits=replace(one.limits, max_open_orders=200, orders_per_day=10))
        config: Any = SimpleNamespace(accounts=(wider,), limits={}, data=data)
        running: Any = SimpleNamespace(runtime=api.runtime)
        assert limit_lines(running) == []
        api.runtime.settings.accounts[AccountId("one")] = wider
        api.runtime._begin()
        await api.runtime.owner.durable()
        tighter, looser = limit_lines(running)
        assert tighter == "account:one: orders_per_day 5000 -> 10 (tighter, so in force now)"
        assert looser == (
            "account:one: max_open_orders 100 -> 200 "
            "(looser, so not in force: `bascule limits accept`)"
        )
    assert limit_notes(config) == [f"Limits of {looser}"]
    narrower = replace(wider, limits=replace(wider.limits, orders_per_day=9))
    config.accounts = (narrower,)
    assert limit_notes(config) == [
        "Limits of account:one: orders_per_day 10 -> 9 (tighter, so in force with the next start)",
        f"Limits of {looser}",
    ]
    nowhere: Any = SimpleNamespace(
        accounts=(wider,), limits={}, data=SimpleNamespace(journal=tmp_path / "none.db")
    )
    assert limit_notes(nowhere) == []
