"""The key's program: light, and sufficient without anybody's answer."""

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bascule.config.latch import Entry, Latch
from bascule.config.proof import proof
from bascule.guardian.press import press
from tests.waiting import PATIENCE_S

LOADED = """
import sys
before = set(sys.modules)
from bascule.guardian.press import press
code = press(["--data", sys.argv[1]])
new = {name.partition(".")[0] for name in set(sys.modules) - before}
print(code, *sorted(new - sys.stdlib_module_names))
print(*sorted(name for name in sys.modules if name.startswith("bascule.")))
"""


def latched(place: Path) -> tuple[Entry, ...]:
    """Give what is latched."""
    return Latch(place / "latch").entries()


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give whoever answers here the time that a busy machine may take."""
    monkeypatch.setattr("bascule.guardian.press.POKE_S", PATIENCE_S)


@pytest.fixture
def guardian(tmp_path: Path) -> tuple[Path, list[bytes]]:
    """A port that answers one poke as a guardian would, and what was said to it."""
    return tmp_path, listening(tmp_path, knows="the-token")


def listening(place: Path, *, knows: str) -> list[bytes]:
    """Listen in a guardian's place, knowing a token; gives what is said there."""
    listener = socket.create_server(("127.0.0.1", 0))
    said: list[bytes] = []
    host, port = listener.getsockname()

    def answer() -> None:
        with listener:
            link, _ = listener.accept()
        with link:
            said.append(link.recv(4_096))
            asked = said[0].split(b"?of=")[1].split(b" ")[0].decode()
            body = json.dumps({"proof": proof(knows, port, asked)}, separators=(",", ":"))
            link.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode())
            link.sendall(body.encode())
            said.append(link.recv(4_096))
            link.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    folder = place / "guardian"
    folder.mkdir()
    threading.Thread(target=answer, daemon=True).start()
    (folder / "endpoint.json").write_text(json.dumps({"host": host, "port": port, "pid": 1}))
    (folder / "token").write_text("the-token\n")
    return said


def test_it_shuts_the_gate_and_pokes(guardian: tuple[Path, list[bytes]]) -> None:
    """The latch is on the disk before anybody is asked, and the guardian is told to look."""
    place, said = guardian
    assert press(["--data", str(place)]) == 0
    assert latched(place) == (Entry("freeze", "key", "all"),)
    assert b"the-token" not in said[0]
    assert said[1].startswith(b"POST /poke HTTP/1.1")
    assert b"Bearer the-token" in said[1]


def test_whoever_took_a_dead_guardians_port_is_shown_no_token(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The gate is shut all the same, and nobody believes that a guardian heard it."""
    said = listening(tmp_path, knows="a guess")
    assert press(["--data", str(tmp_path)]) == 1
    assert latched(tmp_path) == (Entry("freeze", "key", "all"),)
    assert b"the-token" not in b"".join(said)
    assert "no guardian answers" in capsys.readouterr().err


def test_the_gate_shuts_without_a_guardian(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody answers: the gate is shut all the same, and it says so."""
    assert press(["--data", str(tmp_path), "--scope", "account:alpha", "--halt"]) == 1
    assert latched(tmp_path) == (Entry("halt", "key", "account:alpha"),)
    assert "no guardian answers" in capsys.readouterr().err


def test_it_finds_every_guardian_of_this_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a directory it acts everywhere that a guardian was started; what is gone is not."""
    monkeypatch.setenv("BASCULE_HOME", str(tmp_path))
    notes = tmp_path / "guardians"
    notes.mkdir()
    for name in ("one", "two", "gone"):
        (notes / f"{name}.json").write_text(json.dumps({"data": str(tmp_path / name)}))
    (notes / "half.json").write_text("{")
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    assert press([]) == 1
    assert latched(tmp_path / "one") == latched(tmp_path / "two") != ()
    assert not (tmp_path / "gone").exists()


@pytest.mark.parametrize("words", [["--scope", "alpha"], ["--scope"], ["--what"], []])
def test_what_it_does_not_understand_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    """A wrong word or nothing to shut ends with 2 and shuts nothing."""
    monkeypatch.setenv("BASCULE_HOME", str(tmp_path))
    assert press(words) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_gate_that_cannot_be_shut_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever pressed must not believe that it is shut."""
    (tmp_path / "latch").write_text("no directory")
    assert press(["--data", str(tmp_path)]) == 2
    assert "NOT SHUT" in capsys.readouterr().err


def test_it_loads_the_standard_library_and_the_latch_only(tmp_path: Path) -> None:
    """Of ours nothing but the latch and its files: it must act within 150 ms of the key."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED, str(tmp_path)],
        capture_output=True, text=True, timeout=PATIENCE_S, check=True,
    )  # fmt: skip
    *_, counted, ours = done.stdout.splitlines()
    assert counted.split() == ["1", "bascule"]
    assert ours.split() == [
        "bascule.config", "bascule.config.files", "bascule.config.latch", "bascule.guardian",
        "bascule.guardian.press",
    ]  # fmt: skip


def test_it_needs_no_terminal(tmp_path: Path) -> None:
    """A key daemon may start it with every stream closed."""
    code = "import sys; sys.stdout = sys.stderr = None; import bascule.guardian.press as p;"
    code += f"sys.exit(p.press(['--data', {str(tmp_path)!r}]))"
    done = subprocess.run([sys.executable, "-c", code], timeout=PATIENCE_S, check=False)
    assert done.returncode == 1
    assert latched(tmp_path)
    assert os.path.isdir(tmp_path / "latch")
