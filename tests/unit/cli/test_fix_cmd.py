"""``bascule fix decode``: a log in, names and problems out."""

import json
from pathlib import Path

from bascule.fixwire.store import FileStore
from tests.unit.cli.conftest import Bascule
from tests.unit.config.samples import FIX_SOURCE

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


def test_a_log_without_a_sound_message_sends_nothing_and_says_so(
    bascule: Bascule, tmp_path: Path
) -> None:
    """It ends with 1, not by a fault of ours."""
    log = tmp_path / "fix.log"
    log.write_text(ORDER + "10=000|\n")
    done = bascule("fix", "replay", str(log), "--side", "DESK", "--to-port", "1")
    assert done.code == 1
    assert "Not sent, since they are not sound: 1 of 1." in done.err


def test_nothing_found_and_nothing_readable_are_told(bascule: Bascule, tmp_path: Path) -> None:
    """Text without a message ends with 1; a missing file and an unknown version say so."""
    done = bascule("fix", "decode", stdin="hello\n")
    assert (done.code, "no FIX message" in done.err) == (1, True)
    missing = bascule("fix", "decode", str(tmp_path / "none.log"))
    assert (missing.code != 0, "cannot be read" in missing.err) == (True, True)
    unknown = bascule("fix", "decode", "--app-version", "FIX.9.9", stdin=HEARTBEAT)
    assert (unknown.code != 0, "no FIX version" in unknown.err) == (True, True)


ORDER = "8=FIX.4.4|9=0|35=D|34=2|49=DESK|52=20261121-13:30:00|56=BASCULE|11=a1|38=1|40=1|54=1|"
ORDER += "55=ES|60=20261121-13:30:00|"


def _store(home: Path) -> Path:
    return home / "home" / "paper" / "fix" / "FIX.4.4-BASCULE-DESK.fix"


def _used(path: Path) -> None:
    """Leave a store behind that has sent two messages and expects the fifth."""
    store = FileStore(path)
    store.reset(1_795_000_000_000_000_000)
    store.sent(b"")
    store.sent(_sound(ORDER).replace("|", "\x01").encode())
    store.expect(5)
    store.commit()
    store.close()


def test_session_shows_numbers_and_sets_them_after_the_name_is_typed(
    bascule: Bascule, tmp_path: Path
) -> None:
    """Numbers go forward only, under the typed name, and while nobody uses the session."""
    (tmp_path / "bascule.toml").write_text(FIX_SOURCE)
    (never,) = json.loads(bascule("fix", "session", "--json").out)
    assert (never["next_in"], never["next_out"], never["state"]) == (1, 1, "never used")
    _used(_store(tmp_path))
    words = "fix", "session", "desk", "--set-next-in", "9", "--set-next-out", "7", "--json"
    assert "Nothing was changed" in bascule(*words, stdin="dsk\n").err
    done = bascule(*words, stdin="desk\n")
    (now,) = json.loads(done.out)
    assert (now["next_in"], now["next_out"], now["state"]) == (9, 7, "not in use")
    back = bascule("fix", "session", "desk", "--set-next-out", "3", stdin="desk\n")
    assert "never used twice" in back.err
    held = FileStore(_store(tmp_path))
    assert json.loads(bascule("fix", "session", "--json").out)[0]["state"].startswith("in use")
    assert bascule("fix", "session", "desk", "--set-next-in", "20", stdin="desk\n").code != 0
    held.close()
    assert "There are: desk" in bascule("fix", "session", "other").err


def test_tail_shows_what_a_store_holds_with_names(bascule: Bascule, tmp_path: Path) -> None:
    """Way, number and fields; administrative messages are only counted."""
    (tmp_path / "bascule.toml").write_text(FIX_SOURCE)
    _used(_store(tmp_path))
    done = bascule("fix", "tail", "desk", "--no-follow")
    assert done.out.startswith("> 2  FIX.4.4 NewOrderSingle (D)")
    assert "55 Symbol" in done.out
    assert bascule("fix", "tail", "desk", "--no-follow", "--last", "0").out == ""


def test_replay_reads_one_side_of_a_log_as_an_intake_would(
    bascule: Bascule, tmp_path: Path
) -> None:
    """An order becomes an intent; what would be refused is told, and ends with 1."""
    log = tmp_path / "fix.log"
    other = _sound(ORDER.replace("49=DESK", "49=YOU"))
    log.write_text(f"{_sound(ORDER)}\n{other}\n")
    done = bascule("fix", "replay", str(log), "--side", "DESK", "--json")
    told = json.loads(done.out)
    assert (done.code, told["cl_ord_id"], told["problems"]) == (0, "a1", [])
    assert told["intents"][0]["intent"] == "place_order"
    log.write_text(_sound(ORDER.replace("40=1", "40=P")))
    refused = bascule("fix", "replay", str(log), "--side", "DESK")
    assert (refused.code, "unsupported_term" in refused.out) == (1, True)
    assert bascule("fix", "replay", str(log), "--side", "NOBODY").code == 1
