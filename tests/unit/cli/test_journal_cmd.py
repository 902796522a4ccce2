"""``bascule journal``: on a journal file, without an engine."""

import json
import sqlite3
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from bascule.journal import Journal
from bascule.model.enums import Side, StopMode
from bascule.model.event import (
    AccountOpened,
    EpochStarted,
    ForeignOrderSeen,
    StopCleared,
    StopSet,
)
from bascule.model.ids import AccountId, VenueId, VenueOrderId, VenueSymbol
from bascule.model.values import SECOND, Instant
from tests.unit.cli.conftest import Bascule

AT = Instant(1_795_262_400_000_000_000)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Give a journal of four events at the configuration's place."""
    path = tmp_path / "home" / "paper" / "journal.db"
    path.parent.mkdir(parents=True)

    def call_soon(callback: Callable[..., object], *arguments: object) -> None:
        callback(*arguments)

    held = Journal.open(
        path, clock=lambda: AT, call_soon=call_soon, on_durable=lambda seq: None,
        on_fatal=lambda error: None,
    )  # fmt: skip
    held.append(
        [
            EpochStarted(at=AT, epoch="abcd", reason="first start"),
            StopSet(at=AT, scope="all", mode=StopMode.HALT, by="me", reason="lunch"),
            StopCleared(at=Instant(AT + SECOND), scope="all", by="me", reason="back"),
            StopSet(at=AT, scope="account:fx", mode=StopMode.FREEZE, by="me", reason="x" * 200),
        ]
    )
    held.close()
    return path


@pytest.fixture
def foreign(ready: Bascule, journal: Path) -> Bascule:
    """Give a journal in which an order was seen at a venue that Bascule did not send."""
    held = Journal.open(
        journal, clock=lambda: AT, call_soon=lambda call, *given: call(*given),
        on_durable=lambda seq: None, on_fatal=lambda error: None,
    )  # fmt: skip
    account = AccountId("fx_pro")
    held.append(
        [
            AccountOpened(
                at=AT, account=account, number=1, venue=VenueId("demo"), login="1", mode="paper"
            ),
            ForeignOrderSeen(
                at=AT, account=account, venue_order_id=VenueOrderId("V77"),
                venue_symbol=VenueSymbol("EURUSD.x"), side=Side.SELL, quantity=Decimal(3),
                price=Decimal("1.25"),
            ),
        ]
    )  # fmt: skip
    held.close()
    return ready


@pytest.fixture
def ready(bascule: Bascule, journal: Path) -> Bascule:
    """Give a directory with a configuration and a journal."""
    bascule("init", "--yes")
    return bascule


def events(text: str) -> list[int]:
    """Give the numbers of the events that were printed as JSON lines."""
    return [json.loads(line)["seq"] for line in text.splitlines()]


def test_events_are_shown_for_people(ready: Bascule) -> None:
    """A table has number, UTC time, kind and data, cut where it is long."""
    out = ready("journal", "show").out
    assert "2026-11-21T12:00:01Z" in out
    assert "stop_cleared" in out
    assert "x" * 100 not in out


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ((), [1, 2, 3, 4]),
        (("--limit", "2"), [3, 4]),
        (("--limit", "0"), [1, 2, 3, 4]),
        (("--after", "3"), [4]),
        (("--kind", "stop_set"), [2, 4]),
        (("--kind", "stop_set", "--limit", "1"), [4]),
        (("--account", "fx"), []),
        (("--signal", "abcd-1"), []),
    ],
)
def test_events_are_chosen(ready: Bascule, options: tuple[str, ...], shown: list[int]) -> None:
    """Options narrow the events; the newest are kept, the oldest come first."""
    assert events(ready("journal", "show", "--json", *options).out) == shown


def test_a_journal_can_be_named_without_a_configuration(bascule: Bascule, journal: Path) -> None:
    """A copy on another machine is read by its path."""
    assert events(bascule("journal", "show", "--json", "--journal", str(journal)).out)[-1] == 4
    assert bascule("journal", "verify", "--journal", str(journal)).code == 0


def test_a_whole_journal_is_verified(ready: Bascule) -> None:
    """The answer has the head's hash, by which two copies are compared."""
    done = ready("journal", "verify", "--json")
    told = json.loads(done.out)
    assert (done.code, told["ok"], told["events"], told["problem"]) == (0, True, 4, None)
    assert len(told["hash"]) == 64
    assert told["hash"] in ready("journal", "verify").out


def test_a_changed_journal_is_found(ready: Bascule, journal: Path) -> None:
    """One altered letter ends with 5 and names the row."""
    with sqlite3.connect(journal) as connection:
        connection.execute("UPDATE events SET data = replace(data, 'lunch', 'lurch')")
    connection.close()
    done = ready("journal", "verify", "--json")
    told = json.loads(done.out)
    assert (done.code, told["ok"], told["bad_seq"]) == (5, False, 2)
    assert "restore a backup" in ready("journal", "verify").err


def test_a_row_that_is_no_event_is_told_and_not_shown(ready: Bascule, journal: Path) -> None:
    """Whoever reads lines of JSON gets none that is not, and learns which row is damaged."""
    with sqlite3.connect(journal) as connection:
        connection.execute("UPDATE events SET data = 'lunch' WHERE seq = 2")
    connection.close()
    done = ready("journal", "show", "--json")
    assert (done.code, events(done.out)) == (5, [1])
    assert "Journal row 2 is not what was written" in done.err
    assert ready("journal", "show").code == 0


def test_what_is_not_there_is_said_to_be_not_there(ready: Bascule) -> None:
    """A table with nothing under its columns tells nobody that a name was misspelt."""
    assert ready("journal", "show", "--kind", "stop_sett").out.startswith("No such events; ")
    assert ready("journal", "show", "--kind", "stop_sett", "--json").out == ""


@pytest.mark.parametrize("words", ["--limit -1", "--after -1", "--after 99999999999999999999999"])
def test_numbers_have_their_bounds(ready: Bascule, words: str) -> None:
    """A number that counts nothing is wrong use."""
    assert ready("journal", "show", *words.split()).code == 2


def test_a_missing_journal_ends_with_5(bascule: Bascule) -> None:
    """Nothing is made where nothing was."""
    bascule("init", "--yes")
    done = bascule("journal", "verify")
    assert done.code == 5
    assert "journal_missing" in done.err


def test_an_unreadable_progress_record_does_not_hide_the_events(
    ready: Bascule, journal: Path
) -> None:
    """They are verified all the same, and what is to be done is not to restore a backup."""
    record = journal.with_name("progress.json")
    record.write_text('{"at": 1')
    code, _, told = ready("journal", "verify")
    assert code == 5
    assert "progress.json is not a progress record" in told
    assert "Events 1 to 4 are as they were written." in told
    assert "restore" not in told
    record.unlink()
    assert ready("journal", "verify").code == 0


def test_a_journal_that_was_there_is_not_called_a_first_start(
    ready: Bascule, journal: Path
) -> None:
    """Where the progress record tells of events, a file without any has lost them."""
    record = {"at": AT, "pid": 1, "started": "x", "seq": 4, "hash": "00"}
    journal.with_name("progress.json").write_text(json.dumps(record))
    journal.unlink()
    code, _, told = ready("journal", "verify")
    assert code == 5
    assert "There is no journal any more, and event 4 was durable." in told
    assert "Start the engine once" not in told
    assert "Events 1 to" not in told


def test_a_backup_that_is_not_there_is_not_asked_about(ready: Bascule) -> None:
    """Nobody is asked whether to put nothing in the journal's place."""
    done = ready("journal", "restore", "nothing.db")
    assert (done.code, "Put " in done.err) == (2, False)


def test_a_journal_that_cannot_be_read_is_not_said_to_be_missing(
    bascule: Bascule, tmp_path: Path
) -> None:
    """What is there and closed to this user, as a directory in its place is, is told apart."""
    bascule("init", "--yes")
    done = bascule("journal", "verify", "--journal", str(tmp_path))
    assert done.code == 5
    assert "journal_unreadable" in done.err


def test_a_backup_is_a_journal_and_is_put_back(ready: Bascule, tmp_path: Path) -> None:
    """A copy verifies by itself, is never written over, and takes the journal's place."""
    copy = tmp_path / "copy.db"
    assert ready("journal", "backup", str(copy)).code == 0
    assert json.loads(ready("journal", "verify", "--json", "--journal", str(copy)).out)["ok"]
    assert "backup_exists" in ready("journal", "backup", str(copy)).err
    assert ready("journal", "restore", str(copy)).code == 1
    done = ready("journal", "restore", str(copy), "--yes")
    assert (done.code, ready("journal", "verify").code) == (0, 0)
    assert "only reduces until you arm it" in done.out


def test_two_names_of_a_journal_are_one_too_many(ready: Bascule, journal: Path) -> None:
    """--config and --journal together are wrong use."""
    options = ("--config", "bascule.toml", "--journal", str(journal))
    assert ready("journal", "show", *options).code == 2


def test_a_backup_beside_the_journal_is_not_held_to_its_progress_record(
    ready: Bascule, journal: Path
) -> None:
    """It may well be older. Before, it was said to have lost events, and not to be used."""
    copy = journal.with_name("copy.db")
    assert ready("journal", "backup", str(copy)).code == 0
    record = {"at": AT, "pid": 1, "started": "x", "seq": 9, "hash": "00"}
    journal.with_name("progress.json").write_text(json.dumps(record))
    assert ready("journal", "verify", "--journal", str(copy)).code == 0
    assert ready("journal", "verify").code == 5
