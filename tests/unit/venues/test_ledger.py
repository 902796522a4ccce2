"""The ledger: the same in memory and on disk, durable when it says so, and readable by anybody."""

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from bascule.model.enums import OrdStatus, Side
from bascule.model.errors import JournalCorrupt, JournalLocked, JournalUnwritable
from bascule.model.values import Instant
from bascule.venues.kit.ledger import Ledger, MemoryLedger, Request
from bascule.venues.kit.ledger_sqlite import SqliteLedger
from tests.unit.venues.house import LOGIN, START, House, account, gold, hedging

Make = Callable[[], Ledger]


@pytest.fixture(params=["memory", "sqlite"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Ledger:
    """Each kind of ledger."""
    return MemoryLedger() if request.param == "memory" else SqliteLedger(tmp_path / "l.sqlite")


def traded(ledger: Ledger) -> House:
    """A house with a filled bracket, a partly filled order, and a waiting one."""
    house = House(
        gold(levels=1),
        account_terms=account(commission_per_lot=Decimal("0.5")),
        ledger=ledger,
    )
    house.quote(100, 102, size=5)
    house.buy(3, stop_loss=90, take_profit=120)
    house.buy(4, price=102)
    house.sell(1, stop_price=80)
    return house


def test_orders_are_found_by_either_id(ledger: Ledger) -> None:
    """Open or ended, by the client's id or the broker's; another login sees nothing."""
    traded(ledger)
    ended = ledger.order(LOGIN, cl_ord_id="c1")
    assert ended is not None
    assert (ended.status, ended.cum_qty, ended.stop_loss) == (OrdStatus.FILLED, 3, 90)
    assert ledger.order(LOGIN, venue_order_id=ended.venue_order_id) == ended
    assert ledger.order("P2", cl_ord_id="c1") is None
    assert ledger.order(LOGIN, cl_ord_id="c9") is None
    assert ledger.order(LOGIN, cl_ord_id="") is None


def test_fills_come_oldest_first_from_an_instant_on(ledger: Ledger) -> None:
    """The instant itself counts."""
    house = traded(ledger)
    house.wait(1)
    house.quote(100, 102, size=5)
    fills = ledger.fills_since(LOGIN, Instant(0))
    assert [(fill.cl_ord_id, fill.quantity) for fill in fills] == [("c1", 3), ("c2", 2), ("c2", 2)]
    assert ledger.fills_since(LOGIN, house.now) == fills[2:]
    assert ledger.fill(LOGIN, fills[0].exec_id) == fills[0]
    assert ledger.fill("P2", fills[0].exec_id) is None


def test_fills_are_read_by_the_page(ledger: Ledger) -> None:
    """Going on behind the last one leaves none out and shows none twice, also in one instant."""
    house = traded(ledger)
    house.quote(100, 102, size=5)
    house.wait(1)
    house.quote(100, 102, size=5)
    house.buy(1)
    whole = ledger.fills_since(LOGIN, Instant(0))
    assert len(whole) == 4
    since, after, pages = Instant(0), -1, []
    while page := ledger.fills_since(LOGIN, since, after=after, limit=1):
        pages += page
        since, after = page[-1].at, int(page[-1].exec_id)
    assert pages == whole


def test_what_is_kept_is_enough_to_go_on(ledger: Ledger) -> None:
    """Open orders with all their terms, positions, balances and numbers come back."""
    house = traded(ledger)
    kept = ledger.load()
    assert [order.cl_ord_id for order in kept.orders] == ["", "", "c2", "c3"]
    assert [(order.leg, order.parent, order.quantity) for order in kept.orders[:2]] == [
        ("s", "c1", 3), ("t", "c1", 3)
    ]  # fmt: skip
    assert kept.orders[2].cum_qty == 2
    assert [(held.quantity, held.key) for held in kept.positions] == [(5, "GOLD")]
    assert kept.balances == {LOGIN: house.books.balance}
    assert kept.marks == house.broker.floor.record.marks


def test_a_new_broker_on_the_ledger_goes_on(ledger: Ledger) -> None:
    """Waiting orders still fill, ids are not used again, and no second deposit is made."""
    house = traded(ledger)
    house.open()
    house.quote(120, 122)
    assert house.held() == 2
    assert [order.cl_ord_id for order in house.working] == ["c2", "c3"]
    order = house.order(Side.BUY, 1, cl_ord_id="c1")
    assert house.send(order).reason == "duplicate_cl_ord_id"
    numbers = [report.exec_id for report in house.reports]
    assert len(set(numbers)) == len(numbers)


def test_hedged_positions_are_kept_by_id(ledger: Ledger) -> None:
    """A closed position is gone, an open one comes back under its id."""
    house = House(account_terms=hedging(), ledger=ledger)
    house.quote(100, 102)
    house.buy(1)
    house.buy(2)
    house.sell(1, position_id="1")
    assert [(held.key, held.quantity) for held in ledger.load().positions] == [("2", 2)]


@pytest.mark.parametrize(("awake", "asleep", "nights"), [(14, 48, 3), (1, 14, 1), (1, 12, 0)])
def test_a_rollover_that_was_slept_through_is_made_up_for(
    ledger: Ledger, awake: int, asleep: int, nights: int
) -> None:
    """Swap and the end of day orders come at their own times after a restart, from the first."""
    house = House(gold(swap_long=Decimal(-1)), ledger=ledger)
    house.quote(100, 102)
    house.buy(2)
    house.wait(awake * 3600)
    house.now = Instant(house.now + asleep * 3600 * 10**9)
    house.open()
    house.wait(0)
    assert house.books.balance == 1_000_000 - nights * 2


def test_a_busted_fill_is_shown_no_more(ledger: Ledger) -> None:
    """It stays on record as busted."""
    house = traded(ledger)
    fill = ledger.fills_since(LOGIN, Instant(0))[0]
    house.broker.hand.bust(LOGIN, fill.exec_id, house.now)
    house.told()
    assert fill.exec_id not in [f.exec_id for f in ledger.fills_since(LOGIN, Instant(0))]
    kept = ledger.fill(LOGIN, fill.exec_id)
    assert kept is not None
    assert kept.state == "busted"


# --- on disk --------------------------------------------------------------------------------------


def test_only_what_was_committed_survives(tmp_path: Path) -> None:
    """Another reader sees a commit whole, and nothing before it."""
    path = tmp_path / "l.sqlite"
    ledger = SqliteLedger(path)
    assert not ledger.pending
    ledger.request(Request(at=START, login=LOGIN, op="submit", outcome="accepted", cl_ord_id="a"))
    traded(ledger)
    assert ledger.pending
    with closing(sqlite3.connect(path)) as seen:
        assert seen.execute("SELECT count(*) FROM orders").fetchone() == (0,)
        ledger.commit()
        assert not ledger.pending
        assert seen.execute("SELECT count(*) FROM orders").fetchone() == (5,)
        row = seen.execute("SELECT seq, op, outcome, cl_ord_id FROM requests").fetchone()
        assert row == (1, "submit", "accepted", "a")
    ledger.close()


def test_requests_are_numbered_on_across_restarts(tmp_path: Path) -> None:
    """No request takes the place of another."""
    path = tmp_path / "l.sqlite"
    for _ in range(2):
        ledger = SqliteLedger(path)
        ledger.request(Request(at=START, login=LOGIN, op="cancel", outcome="refused"))
        ledger.close()
    ledger = SqliteLedger(path)
    assert [row["seq"] for row in ledger.rows("requests", 0, 10)] == [1, 2]
    ledger.close()


def test_rows_are_paged_and_tables_are_named(tmp_path: Path) -> None:
    """Raw rows come a page at a time; an unknown table is an error."""
    ledger = SqliteLedger(tmp_path / "l.sqlite")
    traded(ledger)
    first = ledger.rows("fills", 0, 1)
    rest = ledger.rows("fills", int(first[0]["rowid"] or 0), 10)
    assert [row["quantity"] for row in first + rest] == ["3", "2"]
    assert ledger.rows("fills", 99, 10) == []
    with pytest.raises(KeyError):
        ledger.rows("sqlite_master", 0, 1)
    ledger.close()


def test_two_brokers_cannot_share_a_file(tmp_path: Path) -> None:
    """The second is refused while the first lives, and may have it afterwards."""
    path = tmp_path / "l.sqlite"
    first = SqliteLedger(path)
    with pytest.raises(JournalLocked, match="in use"):
        SqliteLedger(path)
    first.close()
    SqliteLedger(path).close()


def test_a_file_of_another_version_is_refused(tmp_path: Path) -> None:
    """It is never read as if it were ours."""
    path = tmp_path / "l.sqlite"
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA user_version = 99")
    with pytest.raises(JournalCorrupt, match="version 99"):
        SqliteLedger(path)


def test_what_is_no_ledger_is_refused(tmp_path: Path) -> None:
    """Another file is not written over, and a folder that cannot be is told."""
    path = tmp_path / "notes.txt"
    path.write_text("these are notes, and no ledger, of more than a hundred bytes" * 20)
    with pytest.raises(JournalCorrupt, match="no ledger"):
        SqliteLedger(path)
    with pytest.raises(JournalUnwritable, match="cannot be opened"):
        SqliteLedger(path / "below" / "l.sqlite")


def test_the_disk_is_asked_to_sync_every_commit(tmp_path: Path) -> None:
    """WAL with synchronous FULL."""
    ledger = SqliteLedger(tmp_path / "l.sqlite")
    assert ledger.durability() == ("wal", "full")
    ledger.close()


def test_both_ledgers_hold_the_same(tmp_path: Path) -> None:
    """What one keeps, the other keeps, to the last field."""
    memory, disk = MemoryLedger(), SqliteLedger(tmp_path / "l.sqlite")
    random.seed(1)
    for kept in (memory, disk):
        traded(kept)
    assert memory.load() == disk.load()
    assert memory.fills_since(LOGIN, Instant(0)) == disk.fills_since(LOGIN, Instant(0))
    disk.close()
