"""Every row of FIX's order state changes, as reports of 4.4 and of 4.2, read into the contract."""

from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest

from bascule.fix.message import BadField, Message
from bascule.model.enums import ExecType, OrdStatus, OrdType, Side
from bascule.model.ids import AccountId, ClOrdID, VenueSymbol
from bascule.model.order import Accepted, NewOrder, Outcome, Refused, ReplaceOrder, Unknown
from bascule.model.values import Instant
from bascule.venues.fix import mapping
from bascule.venues.fix.blotter import Blotter
from bascule.venues.fix.instruments import Names
from bascule.venues.fix.intake import Heard, Intake
from bascule.venues.fix.mapping import Book
from bascule.venues.fix.orders import Change, Orders
from bascule.venues.fix.profile import load

MAIN, NAME, NOW = AccountId("main"), ClOrdID("o1"), Instant(1_800_000_000_000_000_000)
TAGS = {
    "id": 37, "name": 11, "orig": 41, "exec": 17, "ref": 19, "trans": 20, "kind": 150, "at": 39,
    "qty": 38, "cum": 14, "leaves": 151, "last": 32, "px": 31, "price": 44, "why": 103,
    "restated": 378, "tif": 59, "text": 58,
}  # fmt: skip
E = ExecType


class Row(NamedTuple):
    """One report as it comes: words of ``TAGS``; and the kinds of report that are told on."""

    said: str
    told: list[ExecType]


def report(words: str, number: int) -> Message:
    """Write a report from ``name=value`` words; what every report has is filled in."""
    given = dict(word.split("=") for word in words.split())
    fields = {37: "X1", 11: "o1", 17: f"e{number}", 54: "1", 55: "ES", 38: "10", 14: "0", 6: "0"}
    fields |= {151: "10", 40: "2"}
    fields |= {TAGS[key]: value for key, value in given.items()}
    return Message(b"8", [(tag, value.encode()) for tag, value in fields.items()])


def refusal(replace: bool, request: str, code: str = "0", status: str = "2") -> Message:
    """Write an OrderCancelReject."""
    fields = {37: "X1", 11: request, 41: "o1", 39: status, 434: "2" if replace else "1", 102: code}
    return Message(b"9", [(tag, value.encode()) for tag, value in fields.items()])


class Desk:
    """An order of ten that was sent, and all that is told of it."""

    def __init__(self, folder: Path) -> None:
        self.profile = load("generic")
        self.names = Names(())
        self.orders = Orders()
        self.blotter = Blotter(folder / "b.sqlite")
        self.intake = Intake(self.orders, self.blotter, self.profile, {"A1": MAIN})
        self.outcomes: dict[str, Outcome] = {}
        self.kinds: list[ExecType] = []
        self.filled = Decimal(0)
        self.known = self.orders.new(
            NewOrder(
                account=MAIN,
                cl_ord_id=NAME,
                venue_symbol=VenueSymbol("ES"),
                side=Side.BUY,
                quantity=Decimal(10),
                ord_type=OrdType.LIMIT,
                price=Decimal(100),
            )
        )
        self._count = 0

    def ask(self, name: str, replace: bool) -> None:
        """Have a cancel or replace under way."""
        wanted = ReplaceOrder(
            account=MAIN,
            cl_ord_id=NAME,
            venue_order_id=None,
            venue_symbol=VenueSymbol("ES"),
            request_id=name,
        )
        self.orders.begin(self.known, Change(name, NAME, wanted if replace else None))

    def hear(self, message: Message) -> list[ExecType]:
        """Take a message; give the kinds that are told on."""
        if message.msg_type == b"9":
            return self._heard(self.intake.refuse(mapping.change_refused(message), NOW))
        kinds = []
        for told in mapping.execution_reports(message, self.profile, self.names, NOW):
            if not told.answer:
                kinds += self._heard(self.intake.take(told, "trade"))
        return kinds

    def _heard(self, heard: Heard) -> list[ExecType]:
        for name, outcome in heard.outcomes:
            self.outcomes.setdefault(name, outcome)
        for one in heard.reports:
            self.filled += one.last_qty if one.exec_type is E.TRADE else 0
        return [one.exec_type for one in heard.reports]

    def kept(self) -> Decimal:
        """Give how much the fills that were written down add up to."""
        return sum((f.quantity for f in self.blotter.fills(MAIN, Instant(0))), Decimal(0))

    def play(self, rows: list[Row]) -> None:
        """Take reports, each told on as its row says."""
        for row in rows:
            self._count += 1
            assert self.hear(report(row.said, self._count)) == row.told, row.said


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """An order of ten, under way."""
    return Desk(tmp_path)


NEW = Row("kind=0 at=0", [E.NEW])
MATRIX: dict[str, tuple[list[Row], str]] = {
    "A fill in parts, 4.4": (
        [
            Row("kind=A at=A", [E.PENDING_NEW]),
            NEW,
            Row("kind=F at=1 last=4 px=100 cum=4 leaves=6", [E.TRADE]),
            Row("kind=F at=2 last=6 px=100 cum=10 leaves=0", [E.TRADE]),
        ],
        "10 ended",
    ),
    "A fill in parts, 4.2": (
        [
            Row("trans=0 kind=0 at=0", [E.NEW]),
            Row("trans=0 kind=1 at=1 last=4 px=100 cum=4 leaves=6", [E.TRADE]),
            Row("trans=0 kind=2 at=2 last=6 px=100 cum=10 leaves=0", [E.TRADE]),
        ],
        "10 ended",
    ),
    "A the day ends": ([NEW, Row("kind=3 at=3 leaves=0 tif=0", [E.EXPIRED])], "0 ended"),
    "A the day ends for an order of several": ([NEW, Row("kind=3 at=3 tif=1", [])], "0 live"),
    "A expired": ([NEW, Row("kind=C at=C leaves=0", [E.EXPIRED])], "0 ended"),
    "A2 rejected at once": ([Row("kind=8 at=8 why=3 leaves=0", [E.REJECTED])], "0 ended"),
    "A2 rejected after new": ([NEW, Row("kind=8 at=8 why=0", [E.REJECTED])], "0 ended"),
    "A3 IOC": (
        [
            NEW,
            Row("kind=F at=1 last=4 px=100 cum=4 leaves=6", [E.TRADE]),
            Row("kind=4 at=4 cum=4 leaves=0", [E.CANCELED]),
        ],
        "4 ended",
    ),
    "E1 cancelled unasked": ([NEW, Row("kind=4 at=4 leaves=0", [E.CANCELED])], "0 ended"),
    "E1 cancelled unasked, as restated": (
        [NEW, Row("kind=C at=4 leaves=0", [E.EXPIRED])],
        "0 ended",
    ),
    "E1 made smaller": ([NEW, Row("kind=D at=0 qty=7 leaves=7 restated=5", [E.REPLACED])], "0 7"),
    "E1 renewed for the day": ([NEW, Row("kind=D at=0 restated=1", [])], "0 10"),
    "E1 still on its way": (
        [Row("kind=D at=A restated=9002", [E.PENDING_NEW]), NEW],
        "0 live",
    ),
    "E2 bust, 4.4": (
        [
            NEW,
            Row("kind=F at=2 last=10 px=100 cum=10 leaves=0", [E.TRADE]),
            Row("kind=H at=0 ref=e2 cum=0 leaves=10", [E.TRADE_CANCEL]),
        ],
        "0 live",
    ),
    "E2 bust, 4.2": (
        [
            NEW,
            Row("trans=0 kind=2 at=2 last=10 px=100 cum=10 leaves=0", [E.TRADE]),
            Row("trans=1 kind=1 at=0 ref=e2 cum=0 leaves=10", [E.TRADE_CANCEL]),
        ],
        "0 live",
    ),
    "E2 corrected": (
        [
            NEW,
            Row("kind=F at=2 last=10 px=100 cum=10 leaves=0", [E.TRADE]),
            Row("kind=G at=1 ref=e2 last=8 px=101 cum=8 leaves=2", [E.TRADE_CORRECT]),
        ],
        "8 live",
    ),
    "E2 bust of an unknown fill": ([NEW, Row("kind=H at=0 ref=e77", [])], "0 live"),
    "E3 suspended, then triggered": (
        [NEW, Row("kind=9 at=9", []), Row("kind=L at=0", [E.TRIGGERED])],
        "0 live",
    ),
    "E3 stopped and calculated": ([NEW, Row("kind=7 at=7", []), Row("kind=B at=B", [])], "0 live"),
    "F status, 4.4": ([NEW, Row("kind=I at=1 cum=4 exec=0", [])], "0 live"),
    "F status, 4.2": ([NEW, Row("trans=3 kind=1 at=1 last=4 px=100 cum=4 exec=0", [])], "0 live"),
    "a fill twice": (
        [
            NEW,
            Row("kind=F at=1 last=4 px=100 cum=4 leaves=6 exec=same", [E.TRADE]),
            Row("kind=F at=1 last=4 px=100 cum=4 leaves=6 exec=same", []),
        ],
        "4 live",
    ),
    "a fill of nothing": ([NEW, Row("kind=F at=1 last=0 px=100 cum=0", [])], "0 live"),
}


@pytest.mark.parametrize("name", MATRIX)
def test_without_a_change(name: str, desk: Desk) -> None:
    """Rows A, E and F of the matrices."""
    rows, after = MATRIX[name]
    desk.play(rows)
    total, word = after.split()
    assert (desk.known.cum_qty, desk.kept()) == (Decimal(total), Decimal(total))
    if word in ("ended", "live"):
        assert desk.known.ended is (word == "ended")
    else:
        assert desk.known.quantity == Decimal(word)


CANCELS: dict[str, tuple[list[Row | Message], type[Outcome], str]] = {
    "B1": (
        [
            Row("kind=6 at=6 name=c orig=o1", [E.PENDING_CANCEL]),
            Row("kind=4 at=4 name=c orig=o1 leaves=0", [E.CANCELED]),
        ],
        Accepted,
        "0 ended c",
    ),
    "B2": (
        [
            Row("kind=6 at=6 name=c orig=o1", [E.PENDING_CANCEL]),
            Row("kind=F at=6 last=4 px=100 cum=4 leaves=6", [E.TRADE]),
            Row("kind=4 at=4 name=c orig=o1 cum=4 leaves=0", [E.CANCELED]),
        ],
        Accepted,
        "4 ended c",
    ),
    "B3": (
        [
            Row("kind=F at=6 last=10 px=100 cum=10 leaves=0", [E.TRADE]),
            refusal(False, "c"),
        ],
        Refused,
        "10 ended o1",
    ),
    "B4": ([refusal(False, "c", "2", "0")], Refused, "0 live o1"),
    "B5": ([refusal(False, "c", "1", "8")], Refused, "0 live o1"),
    "B6": ([refusal(False, "c", "3", "6")], Refused, "0 live o1"),
}


@pytest.mark.parametrize("name", CANCELS)
def test_cancel(name: str, desk: Desk) -> None:
    """Rows B: what becomes of a cancel, and of the fills that race it."""
    rows, outcome, after = CANCELS[name]
    desk.play([NEW])
    desk.ask("c", replace=False)
    _play_mixed(desk, rows)
    assert isinstance(desk.outcomes["c"], outcome)
    total, word, current = after.split()
    assert (desk.filled, desk.known.current) == (Decimal(total), current)
    if word == "ended":
        assert desk.known.ended


REPLACES: dict[str, tuple[list[Row | Message], type[Outcome], str]] = {
    "C1 unfilled": (
        [
            Row("kind=E at=E name=r orig=o1", [E.PENDING_REPLACE]),
            Row("kind=5 at=0 name=r orig=o1 qty=12 leaves=12", [E.REPLACED]),
        ],
        Accepted,
        "0 12 r",
    ),
    "C1 in 4.2's words": (
        [Row("trans=0 kind=5 at=5 name=r orig=o1 qty=12 leaves=12", [E.REPLACED])],
        Accepted,
        "0 12 r",
    ),
    "C1 a filled order revived": (
        [
            Row("kind=F at=2 last=10 px=100 cum=10 leaves=0", [E.TRADE]),
            Row("kind=5 at=1 name=r orig=o1 qty=12 cum=10 leaves=2", [E.REPLACED]),
        ],
        Accepted,
        "10 12 r",
    ),
    "C2": (
        [
            Row("kind=E at=E name=r orig=o1", [E.PENDING_REPLACE]),
            Row("kind=F at=E last=4 px=100 cum=4 leaves=6", [E.TRADE]),
            Row("kind=5 at=1 name=r orig=o1 qty=12 cum=4 leaves=8", [E.REPLACED]),
        ],
        Accepted,
        "4 12 r",
    ),
    "C3": (
        [
            Row("kind=F at=E last=10 px=100 cum=10 leaves=0", [E.TRADE]),
            refusal(True, "r"),
        ],
        Refused,
        "10 10 o1",
    ),
    "C4": (
        [
            Row("kind=F at=1 last=4 px=100 cum=4 leaves=6", [E.TRADE]),
            Row("kind=5 at=2 name=r orig=o1 qty=4 cum=4 leaves=0", [E.REPLACED]),
        ],
        Accepted,
        "4 4 r",
    ),
    "C5": ([refusal(True, "r", "2", "0")], Refused, "0 10 o1"),
}


@pytest.mark.parametrize("name", REPLACES)
def test_replace(name: str, desk: Desk) -> None:
    """Rows C: what becomes of a replace, of the terms and of the order's id."""
    rows, outcome, after = REPLACES[name]
    desk.play([NEW])
    desk.ask("r", replace=True)
    _play_mixed(desk, rows)
    assert isinstance(desk.outcomes["r"], outcome)
    total, quantity, current = after.split()
    found = (desk.filled, desk.known.quantity, desk.known.current)
    assert found == (Decimal(total), Decimal(quantity), current)


def _play_mixed(desk: Desk, rows: list[Row | Message]) -> None:
    kinds = (E.CANCEL_REJECTED, E.REPLACE_REJECTED)
    desk._count = 10
    for row in rows:
        if isinstance(row, Row):
            desk.play([row])
        else:
            (kind,) = desk.hear(row)
            assert kind in kinds


def test_chained_replaces(desk: Desk) -> None:
    """Row D1: the second replace is refused when the first is; the order keeps its id."""
    desk.play([NEW])
    desk.ask("r1", replace=True)
    desk.ask("r2", replace=True)
    desk.hear(refusal(True, "r1", "2", "0"))
    desk.hear(refusal(True, "r2", "1", "0"))
    assert desk.known.current == "o1"
    assert all(isinstance(desk.outcomes[name], Refused) for name in ("r1", "r2"))


def test_cancel_during_replace(desk: Desk) -> None:
    """Row D2: the cancel may win, and the replace is refused after; either order is taken."""
    desk.play([NEW])
    desk.ask("r", replace=True)
    desk.ask("c", replace=False)
    desk._count = 20
    desk.play([Row("kind=4 at=4 name=c orig=o1 leaves=0", [E.CANCELED])])
    assert desk.hear(refusal(True, "r", "0", "4")) == [E.REPLACE_REJECTED]
    assert (desk.known.ended, desk.known.current) == (True, "c")


def test_a_pending_cancel_hides_a_complete_fill(desk: Desk) -> None:
    """A fill under a pending change leaves open whether the order is done."""
    message = report("kind=F at=6 last=10 px=100 cum=10 leaves=0", 1)
    (told,) = mapping.execution_reports(message, desk.profile, desk.names, NOW)
    assert (told.kind, told.status) == (E.TRADE, None)
    shown = report("kind=I at=6 cum=10 leaves=0", 2)
    (told,) = mapping.execution_reports(shown, desk.profile, desk.names, NOW)
    assert told.status is OrdStatus.FILLED


def test_a_used_id_harms_no_order(desk: Desk) -> None:
    """A reject of a second order under an id leaves the first as it was."""
    desk.play([NEW, Row("kind=8 at=8 why=6 id=NONE leaves=0", [])])
    assert not desk.known.ended
    assert isinstance(desk.outcomes[NAME], Accepted)


def test_a_duplicate_first_order_is_doubt(desk: Desk) -> None:
    """A reject as duplicate of an order that nobody acknowledged proves no absence."""
    desk.hear(report("kind=8 at=8 why=6 id=NONE leaves=0", 1))
    outcome = desk.outcomes[NAME]
    assert isinstance(outcome, Refused)
    assert outcome.reason == "duplicate_cl_ord_id"
    assert not isinstance(outcome, Unknown)


def test_several_fills_in_one_report(desk: Desk) -> None:
    """Fills that come as a group are each counted, with their own quantity and price."""
    message = report("kind=F at=1 last=7 px=100 cum=7 leaves=3", 1)
    group = [(1362, b"2"), (1363, b"f1"), (1364, b"100"), (1365, b"3")]
    group += [(1363, b"f2"), (1364, b"101"), (1365, b"4")]
    message = Message(b"8", [*message.fields, *group])
    assert desk.hear(message) == [E.TRADE, E.TRADE]
    prices = [(f.quantity, f.price) for f in desk.blotter.fills(MAIN, Instant(0))]
    assert prices == [(3, 100), (4, 101)]


@pytest.mark.parametrize(
    ("words", "error"),
    [("kind=Z at=0", ValueError), ("kind=0 at=Z", ValueError), ("kind=F at=1 last=x", BadField)],
)
def test_what_cannot_be_read(words: str, error: type[Exception], desk: Desk) -> None:
    """A report that FIX does not know is an error, never a guess."""
    with pytest.raises(error):
        mapping.execution_reports(report(words, 1), desk.profile, desk.names, NOW)


@pytest.mark.parametrize("tag", [6, 38, 44, 60, 99, 151, 911, 1102])
@pytest.mark.parametrize("value", [b"", b"1E-5", b"none"])
def test_a_field_that_the_fill_does_not_rest_on_costs_no_fill(
    tag: int, value: bytes, desk: Desk
) -> None:
    """Some send a field empty that has nothing to say; before, the fill was passed over."""
    said = report("kind=F at=1 last=4 px=100 cum=4 leaves=6", 1)
    fields = [field for field in said.fields if field[0] != tag]
    assert desk.hear(Message(b"8", [*fields, (tag, value)])) == [E.TRADE]
    assert desk.kept() == 4


def test_every_status_and_type_has_a_row() -> None:
    """Every OrdStatus and ExecType of the standard is in the tables."""
    assert set(mapping.STATUSES) == {bytes([c]) for c in b"0123456789ABCDE"}
    assert set(mapping.EXEC_TYPES) == {bytes([c]) for c in b"0123456789ABCDEFGHIL"}


def test_quotes_from_snapshot_and_change() -> None:
    """A snapshot gives both sides, a change only one, and a deleted side gives no quote."""
    book = Book(Names(()))
    snapshot = [(55, b"1"), (268, b"2"), (269, b"0"), (270, b"10"), (269, b"1"), (270, b"11")]
    (quote,) = book.take(Message(b"W", snapshot), NOW)
    assert (quote.bid, quote.ask) == (10, 11)
    entry = [(279, b"0"), (269, b"1"), (278, b"7"), (55, b"1"), (270, b"12"), (271, b"5")]
    (quote,) = book.take(Message(b"X", [(268, b"1"), *entry]), NOW)
    assert (quote.bid, quote.ask, quote.ask_size) == (10, 12, 5)
    gone = [(279, b"2"), (278, b"7"), (55, b"1"), (269, b"1")]
    assert book.take(Message(b"X", [(268, b"1"), *gone]), NOW) == []


@pytest.mark.parametrize(("profile", "levels"), [("ctrader", (90, 120)), ("generic", (None, None))])
def test_levels_of_a_position(profile: str, levels: tuple[object, object]) -> None:
    """A position's own stop and target are read where the profile knows their tags, else never."""
    said = {710: "q1", 721: "77", 727: "1", 728: "0", 55: "1", 730: "100", 1000: "120", 1002: "90"}
    fields = [(tag, value.encode()) for tag, value in said.items()]
    fields += [(702, b"1"), (704, b"5"), (705, b"0")]
    told = mapping.position(Message(b"AP", fields), load(profile), Names(()))
    assert (told.quantity, told.position_id) == (5, "77")
    assert (told.stop_loss, told.take_profit) == levels
