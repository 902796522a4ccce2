"""``bascule fix decode``: a log in, names and problems out."""

import json
from pathlib import Path

from tests.unit.cli.conftest import Bascule

HEARTBEAT = "8=FIX.4.4|9=55|35=0|34=2|49=A|52=20260520-13:30:00|56=B|112=T1|10=187|"


def _sound(text: str) -> str:
    body = text[text.index("35=") :]
    wire = f"8=FIX.4.4|9={len(body)}|{body}"
    return f"{wire}10={sum(wire.replace('|', chr(1)).encode()) % 256:03}|"


def test_a_sound_message_is_shown_with_names(bascule: Bascule) -> None:
    """Type, fields and values are named, and the command ends with 0."""
    done = bascule("fix", "decode", stdin="12:00 IN " + _sound(HEARTBEAT[:-7]) + "\n")
    assert done.code == 0
    assert "FIX.4.4 Heartbeat (0)" in done.out
    assert "112 TestReqID" in done.out
    assert "wrong" not in done.out


def test_what_is_wrong_is_said_and_ends_with_1(bascule: Bascule, tmp_path: Path) -> None:
    """A wrong sum and a missing field are named, one line of JSON a message."""
    log = tmp_path / "fix.log"
    log.write_text(f"{HEARTBEAT}\n{_sound('35=1|34=3|49=A|52=20260520-13:30:00|56=B|')}\n")
    done = bascule("fix", "decode", str(log), "--json")
    first, second = map(json.loads, done.out.splitlines())
    assert done.code == 1
    assert any("CheckSum says 187" in problem for problem in first["problems"])
    assert second["problems"] == ["Required tag missing (112 TestReqID), reason 1"]
    assert second["name"] == "TestRequest"


def test_own_tags_come_from_a_file(bascule: Bascule, tmp_path: Path) -> None:
    """A counterparty's tag is refused without its file and named with it."""
    message = _sound("35=0|34=2|49=A|52=20260520-13:30:00|56=B|5001=A|")
    overlay = tmp_path / "desk.toml"
    overlay.write_text('[fields]\n5001 = "DeskFlag CHAR A=ALPHA"\n[messages]\n0 = "5001"\n')
    assert bascule("fix", "decode", stdin=message).code == 1
    done = bascule("fix", "decode", "--overlay", str(overlay), stdin=message)
    assert (done.code, "DeskFlag" in done.out, "ALPHA" in done.out) == (0, True, True)


def test_nothing_found_and_nothing_readable_are_told(bascule: Bascule, tmp_path: Path) -> None:
    """Text without a message ends with 1; a missing file and an unknown version say so."""
    done = bascule("fix", "decode", stdin="hello\n")
    assert (done.code, "no FIX message" in done.err) == (1, True)
    missing = bascule("fix", "decode", str(tmp_path / "none.log"))
    assert (missing.code != 0, "cannot be read" in missing.err) == (True, True)
    unknown = bascule("fix", "decode", "--app-version", "FIX.9.9", stdin=HEARTBEAT)
    assert (unknown.code != 0, "no FIX version" in unknown.err) == (True, True)
