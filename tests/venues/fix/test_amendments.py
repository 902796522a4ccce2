"""Fills that are taken back and corrected, in any order, told again, and across restarts."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import astuple
from msgspec.structs import replace as changed

from bascule.execution import inputs as inp
from bascule.fix.message import Message
from bascule.model.enums import ExecType, OrdType, Side
from bascule.model.event import ForeignFill, OrderFilled
from bascule.model.ids import AccountId, ClOrdID, VenueSymbol
from bascule.model.order import ExecutionReport, NewOrder
from bascule.model.values import Instant
from bascule.venues.fix import mapping
from bascule.venues.fix.blotter import _ADD, Blotter
from bascule.venues.fix.instruments import Names
from bascule.venues.fix.intake import Intake
from bascule.venues.fix.orders import Orders
from bascule.venues.fix.positions import Net
from bascule.venues.fix.profile import load
from tests.unit.execution.harness import EURUSD, Bench, every
from tests.unit.execution.test_reports import working

E = ExecType
A = AccountId("a")
NOW = Instant(1_800_000_000_000_000_000)
FOREIGN = "X9"
TAGS = {
    "id": 37, "name": 11, "exec": 17, "ref": 19, "kind": 150, "at": 39, "side": 54, "symbol": 55,
    "qty": 38, "cum": 14, "leaves": 151, "last": 32, "px": 31,
}  # fmt: skip


def report(**words: Any) -> Message:
    """Write a report; what every report has is filled in."""
    given = {"id": "X1", "exec": "0", "at": 1, "side": 1, "symbol": f"{EURUSD}.x", "qty": 10}
    fields = sorted((TAGS[key], str(value).encode()) for key, value in {**given, **words}.items())
    return Message(b"8", fields)


class Desk:
    """What a FIX venue keeps, over any number of starts; a start that follows a crash keeps less.

    What was written down and committed is what the next start finds.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "b.sqlite"
        self._start()

    def _start(self) -> None:
        self.orders = Orders()
        self.blotter = Blotter(self._path)
        for known in self.blotter.orders():
            self.orders.add(known)
        self.intake = Intake(self.orders, self.blotter, load("generic"), {"A1": A})

    def sent(self, name: str, symbol: str = f"{EURUSD}.x") -> None:
        """Have an order of ten under way, and written down."""
        self.orders.new(
            NewOrder(
                account=A,
                cl_ord_id=ClOrdID(name),
                venue_symbol=VenueSymbol(symbol),
                side=Side.BUY,
                quantity=Decimal(10),
                ord_type=OrdType.LIMIT,
                price=Decimal("1.1"),
            )
        )
        self.commit()

    def commit(self) -> None:
        """Write down what there is."""
        self.blotter.keep_orders(self.orders.dirty.values())
        self.orders.dirty.clear()
        self.blotter.commit()

    def restart(self) -> None:
        """Stop, and start again."""
        self.commit()
        self.crash()

    def crash(self) -> None:
        """Lose what was not committed, and start again."""
        self.blotter._db.close()
        self._start()

    def hear(self, message: Message, source: str = "trade") -> list[ExecutionReport]:
        """Take a message; give what is told on."""
        (told,) = mapping.execution_reports(message, load("generic"), Names(()), NOW)
        return self.intake.take(told, source).reports

    def held(self) -> Decimal:
        """Give the sum of all positions."""
        return sum((net.quantity for net in self.blotter.sums(A).values()), Decimal(0))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A venue's memory."""
    made = Desk(tmp_path)
    yield made
    made.blotter.close()


# --- sums ---------------------------------------------------------------------------------------


class Model:
    """Every live fill in the order in which it was first told, reckoned anew each time."""

    def __init__(self) -> None:
        self.fills: dict[str, tuple[str, Decimal, Decimal] | None] = {}
        self.names: dict[str, str] = {}

    def take(self, kind: ExecType, exec_id: str, ref: str, what: tuple[Any, ...]) -> None:
        """Take in what a message says, unless one of its id did before."""
        if kind is E.TRADE:
            if exec_id not in self.fills:
                self.fills[exec_id] = what
                self.names[exec_id] = exec_id
            return
        name = self.names.get(ref)
        if name is None or exec_id in self.names or self.fills[name] is None:
            return
        self.names[exec_id] = name
        symbol = self.fills[name][0]  # type: ignore[index]
        self.fills[name] = (symbol, *what[1:]) if kind is E.TRADE_CORRECT else None

    def sums(self) -> dict[str, Net]:
        """Add up."""
        sums: dict[str, Net] = {}
        for fill in filter(None, self.fills.values()):
            sums.setdefault(fill[0], Net()).add(*fill[1:])
        return sums


ORDER, ONE = st.integers(0, 1), st.integers(0, 2)
QUANTITY, PRICE = st.integers(1, 9), st.integers(90, 110)
REF = st.one_of(ONE.map("f{}".format), ONE.map("c{}".format))
SAID = st.one_of(
    st.tuples(st.just(E.TRADE), ORDER, ONE.map("f{}".format), st.just(""), QUANTITY, PRICE),
    st.tuples(st.just(E.TRADE_CANCEL), ORDER, ONE.map("b{}".format), REF, st.just(0), st.just(0)),
    st.tuples(st.just(E.TRADE_CORRECT), ORDER, ONE.map("c{}".format), REF, QUANTITY, PRICE),
)
CODES = {E.TRADE: "F", E.TRADE_CANCEL: "H", E.TRADE_CORRECT: "G"}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.one_of(SAID, st.sampled_from(["look", "restart", "commit", "crash"])), max_size=40)
)
def test_kept_sums_are_what_adding_up_anew_gives(steps: list[Any]) -> None:
    """In any order of fills, repeats, busts, corrections, looks, restarts and crashes.

    After a crash the session gives again all that was not written down, in its order.
    """
    with TemporaryDirectory() as folder:
        desk, model = Desk(Path(folder)), Model()
        written: list[Message] = []
        for step in steps:
            match step:
                case "look":
                    desk.blotter.sums(A)
                case "restart":
                    desk.restart()
                    written.clear()
                case "commit":
                    desk.commit()
                    written.clear()
                case "crash":
                    desk.crash()
                    for message in written:
                        desk.hear(message)
                case (kind, order, exec_id, ref, quantity, price):
                    symbol, buys = "S", order < 1
                    message = report(
                        id=f"X{order}", name=f"n{order}", kind=CODES[kind], ref=f"{order}{ref}",
                        exec=f"{order}{exec_id}", side=1 if buys else 2, symbol=symbol,
                        last=quantity, px=price,
                    )  # fmt: skip
                    desk.hear(message)
                    written.append(message)
                    what = symbol, Decimal(quantity if buys else -quantity), Decimal(price)
                    model.take(kind, f"{order}{exec_id}", f"{order}{ref}", what)
        due = {name: net for name, net in model.sums().items() if net != Net()}
        for _ in range(2):
            kept = {name: net for name, net in desk.blotter.sums(A).items() if net != Net()}
            assert kept == due
            desk.restart()
        desk.blotter.close()


def test_sums_that_lack_a_fill_are_made_anew(desk: Desk) -> None:
    """A record of before they were kept has none; one that an older Bascule wrote to has old ones.

    They are read where they are of all fills, since adding up a year's takes seconds.
    """
    words = {"name": "n1", "kind": "F", "last": 2, "px": 100}
    desk.hear(report(exec="e1", **words))
    desk.restart()
    desk.blotter._run("UPDATE sums SET quantity = '7'")
    desk.crash()
    assert desk.held() == 7
    row = desk.blotter.fill("X1", "e1")
    assert row is not None
    desk.blotter._run(_ADD, [*map(str, astuple(changed(row, key="e2")))])
    desk.crash()
    assert desk.held() == 4
    desk.hear(report(name="n1", kind="H", exec="e3", ref="e1"))
    desk.restart()
    assert desk.held() == 0


# --- from the wire to the books -----------------------------------------------------------------


class House(Desk):
    """A venue's memory, and an engine that is told what it tells."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.bench = Bench()
        self.name = working(self.bench)
        self.sent(self.name)
        self._said: list[tuple[Message, str]] = []

    def say(self, source: str = "trade", **words: Any) -> list[ExecutionReport]:
        """Have the counterparty say something, which the engine is told."""
        self._said.append((report(**words), source))
        return self._tell(*self._said[-1])

    def _tell(self, message: Message, source: str) -> list[ExecutionReport]:
        told = self.hear(message, source)
        for one in told:
            self.bench.feed(inp.ReportReceived(Instant(self.bench.at), one))
        return told

    def ours(self, **words: Any) -> list[ExecutionReport]:
        """Have it say something of our order."""
        return self.say(**{"name": self.name, **words})

    def again(self) -> None:
        """Have it say everything once more, over the drop copy, and then the last first."""
        for message, _ in (*self._said, *reversed(self._said)):
            self._tell(message, "drop_copy")

    def look(self) -> list[Any]:
        """Have the engine look at what is kept."""
        self.bench.venue.net[A, f"{EURUSD}.x"] = self.held()
        return self.bench.look(fills=self.intake.fills(A, Instant(0)))

    def agree(self, quantity: int, price: str = "0") -> None:
        """Hold the order, the books and the sums against each other; and no look changes them."""
        for _ in range(2):
            assert self.held() == self.bench.net() == quantity
            if quantity and Decimal(price):
                (net,) = (net for net in self.blotter.sums(A).values() if net.quantity)
                assert net.average == Decimal(price)
            assert not every(self.look(), ForeignFill | OrderFilled)  # type: ignore[arg-type]
            assert not self.bench.state.accounts[A].drift


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A venue's memory, and an engine."""
    made = House(tmp_path)
    yield made
    made.blotter.close()


FILL = {"kind": "F", "at": 2, "exec": "e1", "last": 10, "px": "1.1", "cum": 10, "leaves": 0}
BUST = {"kind": "H", "at": 0, "exec": "e9", "ref": "e1", "cum": 0, "leaves": 10}
STARTS = pytest.mark.parametrize("start", ["none", "restart", "crash"])


def begin(house: House, start: str) -> None:
    """Start the venue anew, or not, and have it told everything again, or what it lost."""
    if start != "none":
        getattr(house, start)()
    house.again()


@STARTS
@pytest.mark.parametrize("said", [{}, {"last": 10, "px": "1.1"}])
def test_a_bust_counts_once(house: House, start: str, said: dict[str, Any]) -> None:
    """Whether or not it says again how much it was, after a restart, a crash and a resend."""
    house.ours(**FILL)
    house.agree(10, "1.1")
    house.ours(**{**BUST, **said})
    house.agree(0)
    begin(house, start)
    house.agree(0)
    assert house.bench.order(house.name).cum_qty == 0


@STARTS
@pytest.mark.parametrize("chained", [True, False])
def test_corrections_count_once_each(house: House, start: str, chained: bool) -> None:
    """Each names the fill, or the correction before it; an older one that comes again is known.

    Before, the engine ignored the second and the bust behind it, and a restart of the venue took
    the first one for new when the drop copy told it late.
    """
    house.ours(**FILL)
    first = {"kind": "G", "at": 1, "exec": "e2", "ref": "e1", "cum": 8, "leaves": 2}
    house.ours(**first, last=8, px="1.2")
    house.agree(8, "1.2")
    begin(house, start)
    house.agree(8, "1.2")
    second = {"kind": "G", "at": 1, "exec": "e3", "ref": "e2" if chained else "e1", "cum": 7}
    house.ours(**second, leaves=3, last=7, px="1.3")
    house.agree(7, "1.3")
    begin(house, start)
    house.agree(7, "1.3")
    house.ours(**{**BUST, "ref": "e3" if chained else "e1"})
    house.agree(0)
    begin(house, start)
    house.agree(0)


def test_a_correction_that_the_engine_was_not_told_is_read_off_the_record(house: House) -> None:
    """The process died between the two records; a later bust still finds what it takes back."""
    house.ours(**FILL)
    house.hear(report(name=house.name, kind="G", exec="e2", ref="e1", last=8, px="1.2", cum=8))
    house.look()
    house.agree(8, "1.2")
    house.ours(**BUST)
    house.agree(0)


def test_a_hands_fill_is_corrected_and_taken_back(house: House) -> None:
    """What was not sent from here moves the manual book alone, and no entry is held back."""
    hands = {"id": "X5", "name": "hand-1"}
    house.say(**{**hands, **FILL})
    house.agree(10, "1.1")
    house.say(**hands, kind="G", exec="e2", ref="e1", last=8, px="1.2", cum=8, leaves=0, at=2)
    house.agree(8, "1.2")
    begin(house, "restart")
    house.agree(8, "1.2")
    house.say(**{**hands, **BUST})
    house.agree(0)
    begin(house, "restart")
    house.agree(0)


def test_a_bust_under_the_orders_new_number(house: House) -> None:
    """Some give an order another OrderID when it is replaced, and name its old fills by that."""
    house.ours(**{**FILL, "last": 4, "cum": 4, "leaves": 6, "at": 1})
    house.ours(kind="5", at="1", id="X2", cum=4, leaves=6, exec="e5")
    house.ours(**{**BUST, "id": "X2"})
    house.agree(0)


def test_a_report_of_several_fills_is_taken_back_whole(house: House) -> None:
    """Its ExecID names all of them; before, the first alone was taken back."""
    several = [(1362, b"2"), (1363, b"p1"), (1364, b"1.1"), (1365, b"4"), (1363, b"p2")]
    fields = [*report(name=house.name, **FILL).fields, *several, (1364, b"1.1"), (1365, b"6")]
    profile, names = load("generic"), Names(())
    for told in mapping.execution_reports(Message(b"8", fields), profile, names, NOW):
        for one in house.intake.take(told, "trade").reports:
            house.bench.feed(inp.ReportReceived(Instant(house.bench.at), one))
    house.agree(10, "1.1")
    house.ours(kind="G", exec="e2", ref="e1", last=9, px="1.2", cum=9, leaves=1, at=1)
    house.agree(9, "1.2")
    house.ours(**BUST)
    house.agree(0)


def test_a_bust_that_names_no_fill_takes_nothing_back(house: House) -> None:
    """Where fills bear no ids it could mean any; the order's next total tells."""
    house.ours(**{**FILL, "exec": ""})
    house.ours(**{**BUST, "ref": ""})
    house.agree(10, "1.1")


def test_an_order_that_seemed_foreign_is_ours_after_a_restart_too(house: House) -> None:
    """The drop copy names it otherwise and comes first; both are kept, and ours goes first.

    Before, what the drop copy told after a restart was counted on the other, so that the total of
    ours exceeded its fills: the looks were incomplete for good, or the fill was made up anew.
    """
    part = {"kind": "F", "at": 1, "px": "1.1"}
    house.say("drop_copy", name="theirs", exec="e1", last=2, cum=2, leaves=8, **part)
    house.ours(kind="0", at=0, exec="e0", cum=2, leaves=8)
    known, other = (house.orders.named(A, name) for name in (house.name, "theirs"))
    assert known is not None and other is not None
    for one in (known, other):
        house.orders.dirty.clear()
        house.orders.touch(one)
        house.commit()
    house.restart()
    house.say("drop_copy", name="theirs", exec="e2", last=3, cum=5, leaves=5, **part)
    assert house.orders.named(A, house.name).cum_qty == 5  # type: ignore[union-attr]
    house.agree(5)
