"""Behind the boundary no error is a traceback, and every one has an exit code."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from bascule.cli import main, operate_cmd
from bascule.cli.exits import Exit, exit_code
from bascule.model import errors
from tests.unit.cli.conftest import Bascule

HEAVY = ("pydantic", "pydantic_settings", "msgspec", "apsw", "litestar", "uvicorn", "aiohttp",
         "keyring", "pyrage", "rich", "structlog", "asyncio", "bascule.engine", "bascule.config",
         "bascule.journal", "bascule.signals", "bascule.venues", "bascule.execution")  # fmt: skip


def test_help_loads_nothing_that_a_command_needs() -> None:
    """Every command starts fast: what it needs is imported when it runs."""
    code = (
        "import sys\nfrom bascule.cli.main import app\n"
        "try:\n    app(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print('LOADED', *[name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert "journal" in done.stdout
    assert done.stdout.splitlines()[-1] == "LOADED"


def test_the_module_is_the_command() -> None:
    """``python -m bascule`` answers as ``bascule`` does."""
    done = subprocess.run(
        [sys.executable, "-m", "bascule", "--version"],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout.startswith("bascule ")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UsageError, 2),
        (errors.ConfigError, 3),
        (errors.SecretError, 3),
        (errors.JournalCorrupt, 5),
        (errors.JournalLocked, 5),
        (errors.JournalUnwritable, 5),
        (errors.VenueTransient, 6),
        (errors.VenueTerminal, 6),
        (errors.InvariantBroken, 70),
    ],
)
def test_each_error_has_its_exit_code(error: type[errors.BasculeError], code: int) -> None:
    """Scripts can tell who must act by the exit code alone."""
    assert exit_code(error("x")) == code


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> list[Exception]:
    """Add a command that raises what it is told to."""
    raised: list[Exception] = []

    def fail() -> None:
        raise raised[0]

    app = main.App(pretty_exceptions_enable=False)
    app.callback()(main.options)
    app.command("fail")(fail)
    monkeypatch.setattr(main, "app", app)
    monkeypatch.setattr("tests.unit.cli.conftest.app", app)
    return raised


def test_an_error_is_told_with_what_to_do(bascule: Bascule, failing: list[Exception]) -> None:
    """What happened, what to do and the stable code go to standard error, and no traceback."""
    failing.append(errors.ConfigError("The roof is open.", code="roof", hint="Close it."))
    done = bascule("fail")
    assert done == (3, "", "Error: The roof is open.\nTo do: Close it.\nCode:  roof\n")


def test_an_unexpected_error_is_a_sentence_and_a_file(
    bascule: Bascule, failing: list[Exception], tmp_path: Path
) -> None:
    """The traceback is kept in a file that the sentence names, and printed nowhere."""
    failing.append(ZeroDivisionError("by us"))
    done = bascule("fail")
    log = tmp_path / "home" / "crash.log"
    assert done.code == Exit.OUR_FAULT
    assert "Traceback" not in done.out + done.err
    assert "ZeroDivisionError" in done.err
    assert str(log) in done.err
    assert "ZeroDivisionError: by us" in log.read_text(encoding="utf-8")


def test_a_file_that_the_machine_refuses_is_no_fault_of_ours(
    bascule: Bascule, failing: list[Exception], tmp_path: Path
) -> None:
    """It is told which file, why, and what to do; a system error about no file stays our fault."""
    failing.append(PermissionError(13, "Permission denied", "/there/it.toml"))
    done = bascule("fail")
    assert done.code == Exit.CONFIGURATION
    assert done.err.startswith("Error: /there/it.toml cannot be used: Permission denied.\nTo do: ")
    assert done.err.endswith("Code:  file_unusable\n")
    assert not (tmp_path / "home" / "crash.log").exists()
    failing[0] = ConnectionResetError(104, "Connection reset by peer")
    assert bascule("fail").code == Exit.OUR_FAULT


@pytest.mark.parametrize("arguments", [["check"], ["init", "--yes"], ["demo"]])
def test_a_user_without_a_home_directory_is_told_so(
    bascule: Bascule, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    """No command ends in a traceback where there is no place of this user's own."""
    monkeypatch.setenv("BASCULE_HOME", "~nobody-of-this-name/data")
    done = bascule(*arguments)
    assert done.code == Exit.CONFIGURATION
    assert "no home directory; set BASCULE_HOME" in done.err


def test_an_error_is_told_to_a_user_without_a_home_directory(
    bascule: Bascule, failing: list[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is nowhere to keep the full text of our own fault; the sentence is printed anyhow."""
    monkeypatch.setenv("BASCULE_HOME", "~nobody-of-this-name")
    failing.append(ZeroDivisionError("by us"))
    done = bascule("fail")
    assert done.code == Exit.OUR_FAULT
    assert "could not be kept in ~nobody-of-this-name: this user has no home" in done.err


@pytest.mark.parametrize("why", [KeyError("uid not found: 54321"), OSError(), ImportError("pwd")])
def test_a_user_without_a_name_may_stop_too(
    monkeypatch: pytest.MonkeyPatch, why: Exception
) -> None:
    """A container's user often has a number and no name: a stop is not held up by that."""

    def getuser() -> str:
        raise why

    monkeypatch.setattr("getpass.getuser", getuser)
    assert operate_cmd.user() == "operator"


def test_what_an_encoding_lacks_is_no_error() -> None:
    """A pipe on Windows has a code page of its own, and an alert may say anything."""
    done = subprocess.run(
        [sys.executable, "-m", "bascule", "parse"],
        input='{"ticker": "EURUSD", "action": "buy", "comment": "вниз"}'.encode(),
        env={**os.environ, "PYTHONIOENCODING": "cp1252"},
        capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    assert b'"comment": "????"' in done.stdout


@pytest.mark.parametrize("encoded", [True, False])
def test_words_that_are_no_text_are_wrong_use(
    bascule: Bascule, failing: list[Exception], monkeypatch: pytest.MonkeyPatch, encoded: bool
) -> None:
    """Bytes of another encoding on the command line are told; else it is our fault."""
    monkeypatch.setattr(sys, "argv", ["bascule", "halt", "x" if encoded else "\udcff"])
    failing.append(UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates not allowed"))
    assert bascule("fail").code == (Exit.OUR_FAULT if encoded else Exit.USAGE)


@pytest.mark.parametrize(("command", "code"), [("arm", 2), ("flatten", 3), ("parse", 1)])
def test_a_closed_standard_input_is_an_empty_one(
    bascule: Bascule, monkeypatch: pytest.MonkeyPatch, command: str, code: int
) -> None:
    """A launcher may close it: then nobody is asked, and the command goes its way."""
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(SystemExit) as ended:
        main.app([command])
    assert sys.stdin is not None
    sys.stdin.close()
    assert ended.value.code == code


@pytest.mark.parametrize("error", [errors.UsageError("x"), ZeroDivisionError("by us")])
def test_debug_lets_an_error_through(failing: list[Exception], error: Exception) -> None:
    """With --debug the traceback is shown, whatever the error."""
    failing.append(error)
    with pytest.raises(type(error)):
        main.app(["--debug", "fail"])


def test_an_error_that_cannot_be_kept_is_still_told(
    bascule: Bascule, failing: list[Exception], tmp_path: Path
) -> None:
    """A data directory that cannot be written does not hide the error."""
    (tmp_path / "home").write_text("in the way", encoding="utf-8")
    failing.append(ZeroDivisionError("by us"))
    done = bascule("fail")
    assert done.code == Exit.OUR_FAULT
    assert "could not be kept" in done.err


@pytest.mark.parametrize("arguments", [["nonsense"], ["parse", "--nonsense"], ["secrets", "set"]])
def test_wrong_use_ends_with_2(bascule: Bascule, arguments: list[str]) -> None:
    """An unknown command or option, or a missing argument, is told on standard error."""
    done = bascule(*arguments)
    assert done.code == Exit.USAGE
    assert "Usage: " in done.err


def test_interrupting_ends_with_130(bascule: Bascule, failing: list[Exception]) -> None:
    """Ctrl-C is no error."""
    failing.append(KeyboardInterrupt())  # type: ignore[arg-type]
    assert bascule("fail").code == Exit.INTERRUPTED


def test_every_command_is_explained() -> None:
    """Each command has a help text, and so has each command of a group."""
    commands = dict(typer.main.get_command(main.app).commands)  # type: ignore[attr-defined]
    assert {"init", "check", "secrets", "parse", "size", "calc", "journal"} <= set(commands)
    for name in ("secrets", "journal"):
        commands |= {f"{name} {key}": one for key, one in commands[name].commands.items()}
    assert [name for name, command in commands.items() if not command.help] == []
