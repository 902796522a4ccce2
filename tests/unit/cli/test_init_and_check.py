"""``bascule init`` and ``bascule check``."""

import json
from pathlib import Path

import pytest

from bascule.api.status import StatusView
from bascule.cli import remote
from bascule.model.values import Instant
from tests.ports import free_port
from tests.unit.cli.conftest import Bascule


def test_a_new_paper_configuration_is_ready_at_once(bascule: Bascule, tmp_path: Path) -> None:
    """``init --yes`` writes a file that a check finds in order, secrets included."""
    assert bascule("init", "--yes").code == 0
    done = bascule("check", "--config-only", "--json")
    told = json.loads(done.out)
    assert done.code == 0
    assert told["ok"] is True
    assert told["problems"] == told["notes"] == []
    assert told["config"] == str(tmp_path / "bascule.toml")
    assert told["data"] == str(tmp_path / "home" / "paper")


def test_an_existing_file_is_never_overwritten(bascule: Bascule, tmp_path: Path) -> None:
    """Neither the configuration nor a secret changes when init is run again."""
    (tmp_path / "bascule.toml").write_text("mine", encoding="utf-8")
    done = bascule("init", "--yes")
    assert done.code == 2
    assert "config_exists" in done.err
    assert (tmp_path / "bascule.toml").read_text(encoding="utf-8") == "mine"


def test_without_a_person_nothing_is_asked(bascule: Bascule, tmp_path: Path) -> None:
    """A script that forgot --yes is told so, and nothing is written."""
    done = bascule("init")
    assert (done.code, list(tmp_path.iterdir())) == (2, [])
    assert "nobody_to_ask" in done.err


def test_the_chosen_accounts_are_written(bascule: Bascule, tmp_path: Path) -> None:
    """Mode and accounts can be given instead of asked for."""
    assert bascule("init", "x.toml", "--mode", "paper", "--accounts", "futures").code == 0
    text = (tmp_path / "x.toml").read_text(encoding="utf-8")
    assert "[accounts.futures]" in text
    assert "[accounts.fx_pro]" not in text


def test_a_live_configuration_says_what_is_left_to_do(bascule: Bascule) -> None:
    """The check of a fresh live file names the line to fill in and lists the kinds of venue."""
    assert bascule("init", "--yes", "--mode", "live").code == 0
    done = bascule("check", "--config-only")
    assert done.code == 3
    assert "venues.my_venue.kind" in done.err
    assert "allowed: fix, paper" in done.err


def test_a_missing_secret_is_a_problem_with_its_cure(bascule: Bascule) -> None:
    """The check tells each missing secret and goes on to check the rest."""
    bascule("init", "--yes")
    bascule("secrets", "delete", "paper_token")
    done = bascule("check", "--json")
    problems = json.loads(done.out)["problems"]
    assert done.code == 3
    assert [problem["code"] for problem in problems] == ["secret_missing"]
    assert "bascule secrets set paper_token --mode paper" in problems[0]["to_do"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("port = 8421", "port = 8421\nprot = 1", "prot"),
        ("port = 8421", 'port = "x"', "port"),
        ("port = 8421\n", "", "port"),
    ],
)
def test_a_venue_checks_its_own_settings(
    bascule: Bascule, tmp_path: Path, old: str, new: str, words: str
) -> None:
    """What a venue does not know, or lacks, is found without connecting to it."""
    bascule("init", "--yes")
    file = tmp_path / "bascule.toml"
    file.write_text(file.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    done = bascule("check", "--config-only", "--json")
    (problem,) = json.loads(done.out)["problems"]
    assert done.code == 3
    assert words in problem["what"]


def test_a_directory_of_another_mode_is_a_problem(bascule: Bascule, tmp_path: Path) -> None:
    """The check says it before `run` refuses it, and claims no directory itself."""
    bascule("init", "--yes")
    mark = tmp_path / "home" / "paper" / "mode"
    assert bascule("check", "--config-only").code == 0
    assert not mark.exists()
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.write_text("live\n", encoding="utf-8")
    done = bascule("check", "--config-only", "--json")
    (problem,) = json.loads(done.out)["problems"]
    assert (done.code, problem["code"]) == (3, "mode_mixed")
    assert "mode_mixed" in bascule("run").err


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "No such file"), ("", "cannot be read"), (b"\xff", "not UTF-8")],
)
def test_a_calendar_that_cannot_be_read_is_a_problem(
    bascule: Bascule, tmp_path: Path, content: str | bytes | None, words: str
) -> None:
    """An engine would start without it, and hold entries back for want of it."""
    bascule("init", "--yes")
    file = tmp_path / "bascule.toml"
    text = file.read_text(encoding="utf-8") + '\n[news]\nsource = "news.csv"\n'
    file.write_text(text, encoding="utf-8")
    if content is not None:
        written = content.encode() if isinstance(content, str) else content
        (tmp_path / "news.csv").write_bytes(written)
    done = bascule("check", "--config-only", "--json")
    (problem,) = json.loads(done.out)["problems"]
    assert (done.code, problem["code"]) == (3, "calendar_unread")
    assert "news.csv" in problem["what"] and words in problem["what"]


def test_a_folder_that_any_user_may_write_in_is_a_problem(bascule: Bascule, tmp_path: Path) -> None:
    """The check says it before `run` refuses it, and makes no folder."""
    bascule("init", "--yes")
    file = tmp_path / "bascule.toml"
    file.write_text(
        file.read_text(encoding="utf-8")
        + '\n[sources.nt]\nkind = "files"\nfolder = "in"\ndialect = "ninjatrader_oif"\n',
        encoding="utf-8",
    )
    assert json.loads(bascule("check", "--config-only", "--json").out)["problems"] == []
    assert not (tmp_path / "in").exists()
    (tmp_path / "in").mkdir()
    (tmp_path / "in").chmod(0o777)
    (problem,) = json.loads(bascule("check", "--config-only", "--json").out)["problems"]
    assert problem["code"] == "folder_open"


def test_a_weak_secret_is_a_problem(bascule: Bascule) -> None:
    """A path token that strangers could guess is refused before anything starts."""
    bascule("init", "--yes")
    bascule("secrets", "set", "tradingview_path", stdin="short\n")
    done = bascule("check", "--json")
    (problem,) = json.loads(done.out)["problems"]
    assert "path token" in problem["what"]
    assert "short" not in done.out.replace("too short", "")


def test_what_may_not_be_meant_is_a_note(bascule: Bascule, tmp_path: Path) -> None:
    """Accounts without a route, sources without a listener and missing limits are told."""
    bascule("init", "--yes")
    file = tmp_path / "bascule.toml"
    text = file.read_text(encoding="utf-8").split("# One contract")[0]
    text = text.replace('["tradingview", "scripts"]', '["scripts"]')
    text = text.replace("max_order_qty = 10", "max_open_orders = 10")
    file.write_text(text, encoding="utf-8")
    notes = json.loads(bascule("check", "--json").out)["notes"]
    assert [note.split(":")[0] for note in notes] == [
        "Account futures follows no route",
        "No route listens to source tradingview",
        "Account fx_pro has no max_order_qty",
    ]


def test_a_limit_by_symbol_that_names_nothing_is_told_of_each_scope(
    bascule: Bascule, tmp_path: Path
) -> None:
    """GOLD is XAUUSD here: neither a strategy's table nor the portfolio's holds it back."""
    bascule("init", "--yes")
    file = tmp_path / "bascule.toml"
    tables = """
[strategies.Gold.limits]
max_position_qty_by_symbol = { GOLD = 1, XAUUSD = 1 }
[portfolio]
max_position_qty_by_symbol = { GOLD = 1, MES = 1 }
"""
    file.write_text(file.read_text(encoding="utf-8") + tables, encoding="utf-8")
    notes = json.loads(bascule("check", "--json").out)["notes"]
    assert [note.split(" is no symbol")[0] for note in notes if "limits nothing" in note] == [
        "Strategy Gold: GOLD in max_position_qty_by_symbol",
        "All accounts: GOLD in max_position_qty_by_symbol",
    ]


def test_without_a_configuration_the_way_to_one_is_told(bascule: Bascule) -> None:
    """The error lists where it was looked for, and both ways to begin."""
    done = bascule("check")
    assert done.code == 3
    assert "bascule init" in done.err
    assert "bascule demo" in done.err


def test_the_demonstration_stands_in_where_there_is_no_configuration(
    bascule: Bascule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a demo, commands are about it; a named file that is missing is never replaced by it."""
    (tmp_path / "home" / "demo" / "paper").mkdir(parents=True)
    done = bascule("check", "--json")
    assert json.loads(done.out)["data"] == str(tmp_path / "home" / "demo" / "paper")
    assert "about the demonstration" in done.err
    assert "config_not_found" in bascule("check", "--config", "none.toml").err
    monkeypatch.setenv("BASCULE_CONFIG", "none.toml")
    assert "config_not_found" in bascule("check").err


def test_a_person_is_asked_for_mode_and_accounts(bascule: Bascule, tmp_path: Path) -> None:
    """A word that is no mode is asked for again; the defaults are offered."""
    done = bascule("init", stdin="real\nlive\nmain,second\n", typed=True)
    assert done.code == 0
    assert "Write one of paper, shadow, live." in done.err
    text = (tmp_path / "bascule.toml").read_text(encoding="utf-8")
    assert 'mode = "live"' in text
    assert "[accounts.main]" in text
    assert "[accounts.second]" in text


def test_the_guardians_own_secrets_are_asked_for(bascule: Bascule, tmp_path: Path) -> None:
    """The kill switch must not find out in an emergency that its key is missing."""
    bascule("init", "--yes", "--mode", "paper")
    file = tmp_path / "bascule.toml"
    own = '\n[guardian.secrets.paper]\n"1001" = "guardian_key"\n'
    file.write_text(file.read_text(encoding="utf-8") + own, encoding="utf-8")
    done = bascule("check", "--config-only", "--json")
    assert any("guardian_key" in one["what"] for one in json.loads(done.out)["problems"])


def test_a_place_that_cannot_be_written_is_told(bascule: Bascule, tmp_path: Path) -> None:
    """It is no fault of ours, and nothing is left there."""
    (tmp_path / "file").write_text("")
    done = bascule("init", str(tmp_path / "file" / "bascule.toml"), "--yes")
    assert (done.code, "file_unusable" in done.err) == (3, True)


def test_a_broker_with_a_wrong_key_is_not_started(bascule: Bascule, tmp_path: Path) -> None:
    """The broker reads the venue's table as the engine does, and names the keys there are."""
    bascule("init", "--yes")
    config = tmp_path / "bascule.toml"
    config.write_text(config.read_text(encoding="utf-8").replace("port = 8421", "prt = 8421"))
    done = bascule("paper-broker")
    assert done.code == 3
    assert "[venues.paper] may have the keys kind, secrets, port, host" in done.err
    assert "`prt`" in done.err


@pytest.mark.parametrize("key", ["max_open_orders = 50", "initial_balance = 100000", "port = 8420"])
def test_true_is_no_number(bascule: Bascule, tmp_path: Path, key: str) -> None:
    """``max_open_orders = true`` would be read as 1, and hold all but one order back."""
    bascule("init", "--yes")
    config = tmp_path / "bascule.toml"
    name = key.split()[0]
    text = config.read_text(encoding="utf-8").replace(key, f"{name} = true", 1)
    config.write_text(text, encoding="utf-8")
    done = bascule("check", "--config-only")
    assert (done.code, f"{name}\n    true is yes or no" in done.err) == (3, True)


def test_a_locked_store_is_told_once(bascule: Bascule, tmp_path: Path) -> None:
    """It is one trouble, however many secrets are in it; the engine's start says it once, too."""
    bascule("init", "--yes")
    (tmp_path / "home" / "keys" / "paper.key").unlink()
    problems = json.loads(bascule("check", "--config-only", "--json").out)["problems"]
    assert [problem["code"] for problem in problems].count("secret_file_locked") == 1
    config = tmp_path / "bascule.toml"
    text = config.read_text(encoding="utf-8").replace("port = 8420", f"port = {free_port()}")
    config.write_text(text, encoding="utf-8")
    assert bascule("run").err.count("is not at") == 1


@pytest.mark.parametrize(
    ("symbol", "told"),
    [("US500", False), ("MES", False), ("MESZ2026", False), ("US5000", True), ("MES1!", True)],
)
def test_a_limit_that_holds_for_nothing_is_a_note(
    bascule: Bascule, tmp_path: Path, symbol: str, told: bool
) -> None:
    """A misspelt symbol would be a limit that never stops anything."""
    bascule("init", "--yes")
    config = tmp_path / "bascule.toml"
    text = config.read_text(encoding="utf-8").replace("{ US500 = 200 }", f'{{ "{symbol}" = 200 }}')
    config.write_text(text, encoding="utf-8")
    notes = json.loads(bascule("check", "--config-only", "--json").out)["notes"]
    assert any(f"{symbol} in max_order_qty_by_symbol is no symbol" in one for one in notes) is told


def test_a_file_saved_with_a_byte_order_mark_is_read(bascule: Bascule, tmp_path: Path) -> None:
    """Some editors on Windows put one in front of every text."""
    bascule("init", "--yes")
    config = tmp_path / "bascule.toml"
    config.write_text(config.read_text(encoding="utf-8"), encoding="utf-8-sig")
    assert bascule("check", "--config-only").code == 0


def test_an_account_without_a_secret_is_told_where_to_name_it(
    bascule: Bascule, tmp_path: Path
) -> None:
    """Broker, check and engine say the same of it."""
    bascule("init", "--yes")
    config = tmp_path / "bascule.toml"
    text = config.read_text(encoding="utf-8").replace('secret = "paper_token"\n', "", 1)
    config.write_text(text, encoding="utf-8")
    done = bascule("paper-broker")
    assert (done.code, "login 1001" in done.err) == (3, True)
    assert "bascule secrets set NAME" in done.err


def test_beside_an_engine_latency_is_not_measured_and_that_is_told(
    bascule: Bascule, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A venue may allow one link, so none is made; who asked for a figure learns why it lacks."""

    class Engine:
        """One that has no account."""

        def read(self, kind: type[StatusView], path: str) -> StatusView:
            """Give its status."""
            return StatusView(
                mode="paper", version="", epoch="", head=0, started_at=Instant(0), uptime=0,
                ready=True, accounts=[], stops=[], latch={}, in_doubt=[], open_orders=0,
                signals=0, refused_signals=0,
            )  # fmt: skip

    monkeypatch.setattr(remote, "engine_of", lambda config: Engine())
    bascule("init", "--yes")
    done = bascule("check", "--latency")
    assert (done.code, "measured only while no engine runs" in done.err) == (0, True)
