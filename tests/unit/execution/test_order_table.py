"""The order table: every pair of status and fact, by rule and through the core itself."""

from collections.abc import Callable
from decimal import Decimal as D

import msgspec
import pytest

from bascule.execution import inputs as inp
from bascule.execution.order_table import TABLE, Fact, Ignore, step
from bascule.execution.state import dump
from bascule.model.enums import ENDED, ExecType, OrdStatus, OrdType, Side
from bascule.model.event import Event, OrderFilled, OrderRequested, ReportIgnored
from bascule.model.ids import ClOrdID
from bascule.model.intent import Amount, PlaceOrder
from bascule.model.order import Accepted, Refused, Unknown, VenueOrder
from bascule.model.values import Instant
from tests.unit.execution.harness import EURUSD, Bench, every, only

S, F = OrdStatus, Fact

RANK = {
    S.NEW_REQUESTED: 0,
    S.SUBMITTED: 1,
    S.IN_DOUBT: 1,
    S.ACKNOWLEDGED: 2,
    S.WORKING: 3,
    S.PARTIALLY_FILLED: 4,
}
"""How far a live order has come, as far as its venue has proven it."""
LEADS_TO = {
    F.SENT: S.SUBMITTED,
    F.ACCEPTED: S.ACKNOWLEDGED,
    F.NEW: S.WORKING,
    F.FOUND: S.WORKING,
    F.PARTIAL: S.PARTIALLY_FILLED,
    F.FULL: S.FILLED,
    F.CANCELED: S.CANCELED,
    F.REJECTED: S.REJECTED,
    F.EXPIRED: S.EXPIRED,
    F.DOUBT: S.IN_DOUBT,
    F.UNSENT: S.EXPIRED_UNSENT,
    F.ABSENT: S.REJECTED,
}
UNSPOKEN = {S.NEW_REQUESTED, S.SUBMITTED, S.IN_DOUBT, S.EXPIRED_UNSENT}
"""Where the venue has said nothing of the order yet."""
CELLS = [(status, fact) for status in S for fact in F]


def moves_to(status: OrdStatus, fact: Fact) -> OrdStatus | None:
    """Derive a cell from the rules alone; None where the fact must change nothing."""
    if fact is F.FULL:
        return S.FILLED
    if fact is F.PARTIAL:
        # The fill that won a race leaves the order ended; one after a refusal disproves it.
        return status if status in ENDED - {S.REJECTED, S.EXPIRED_UNSENT} else S.PARTIALLY_FILLED
    if fact is F.SENT:
        if status is S.EXPIRED_UNSENT:
            return S.IN_DOUBT
        return S.SUBMITTED if status is S.NEW_REQUESTED else None
    if fact is F.DOUBT:
        return S.IN_DOUBT if status in UNSPOKEN - {S.IN_DOUBT} else None
    if fact is F.UNSENT:
        return S.EXPIRED_UNSENT if status is S.NEW_REQUESTED else None
    if fact is F.ABSENT:
        return S.REJECTED if status in UNSPOKEN - {S.EXPIRED_UNSENT} else None
    if status is S.EXPIRED_UNSENT:
        return LEADS_TO[fact]
    if fact is F.FOUND:
        return None if status in (S.FILLED, S.WORKING, S.PARTIALLY_FILLED) else S.WORKING
    if status in ENDED:
        return None
    if fact in (F.ACCEPTED, F.NEW):
        ahead = RANK[LEADS_TO[fact]] > RANK[status]
        return LEADS_TO[fact] if ahead else None
    if fact is F.REJECTED and status is S.PARTIALLY_FILLED:
        return S.CANCELED
    return LEADS_TO[fact]


def test_every_pair_has_a_cell() -> None:
    """No status meets a fact that the table has no answer for."""
    assert set(TABLE) == set(CELLS)


@pytest.mark.parametrize(("status", "fact"), CELLS, ids=lambda one: one.value)
def test_a_cell_is_what_the_rules_say(status: OrdStatus, fact: Fact) -> None:
    """Each cell follows from the rules of FIX 4.4's matrices A.1 to D, restated above."""
    wanted = moves_to(status, fact)
    found = step(status, fact)
    assert found is wanted if wanted is not None else isinstance(found, Ignore)


def test_doubt_ends_only_by_evidence() -> None:
    """From IN_DOUBT nothing but the venue's word or proof of absence leads anywhere."""
    ends = {fact for fact in F if isinstance(step(S.IN_DOUBT, fact), OrdStatus)}
    assert ends == {
        F.ACCEPTED,
        F.NEW,
        F.FOUND,
        F.PARTIAL,
        F.FULL,
        F.CANCELED,
        F.REJECTED,
        F.EXPIRED,
        F.ABSENT,
    }


def test_a_filled_order_takes_nothing_but_fills() -> None:
    """FIX A.1.a: after Filled only an overfill counts; Filled outranks every later word."""
    moved = {fact for fact in F if isinstance(step(S.FILLED, fact), OrdStatus)}
    assert moved == {F.PARTIAL, F.FULL}
    assert step(S.FILLED, F.PARTIAL) is S.FILLED


def test_a_report_never_wakes_an_ended_order() -> None:
    """Late acknowledgements are backwards; only a look, which speaks of now, may wake."""
    for status in ENDED - {S.EXPIRED_UNSENT}:
        for fact in (F.ACCEPTED, F.NEW, F.DOUBT, F.UNSENT, F.ABSENT):
            assert isinstance(step(status, fact), Ignore), (status, fact)


# --- the same table, walked through the core ------------------------------------------------------


def placed(bench: Bench) -> ClOrdID:
    """Request a limit order of 10 lots."""
    events = bench.say(
        PlaceOrder(
            symbol=EURUSD,
            side=Side.BUY,
            quantity=Amount(D(10)),
            ord_type=OrdType.LIMIT,
            price=D("1.1"),
        )
    )
    return only(events, OrderRequested).cl_ord_id


def written(bench: Bench, name: ClOrdID) -> list[Event]:
    """The dispatcher wrote it to the venue."""
    return bench.feed(inp.OrdersWritten(Instant(bench.at), ("a",), (name,)))


def accepted(bench: Bench, name: ClOrdID) -> list[Event]:
    """The venue took it."""
    return bench.answered(name, Accepted("v1", Instant(bench.at)))


def doubted(bench: Bench, name: ClOrdID) -> list[Event]:
    """Nobody knows whether the venue took it."""
    return bench.answered(name, Unknown("timeout", Instant(bench.at)))


def unsent(bench: Bench, name: ClOrdID) -> list[Event]:
    """The dispatcher dropped it."""
    return bench.feed(inp.NeverSent(Instant(bench.at), "a", name, "the latch is closed"))


def look(bench: Bench, name: ClOrdID, shown: bool) -> list[Event]:
    """A look shows it working, or proves that it is absent."""
    order = bench.order(name)
    found = VenueOrder(
        account="a",
        venue_order_id="v1",
        venue_symbol=order.venue_symbol,
        side=order.side,
        ord_type=order.ord_type,
        ord_status=S.PARTIALLY_FILLED if order.cum_qty else S.WORKING,
        quantity=order.quantity,
        cum_qty=order.cum_qty,
        at=Instant(bench.at),
        cl_ord_id=name,
        price=order.price,
    )
    return bench.feed(
        inp.Looked(
            at=Instant(bench.at),
            account="a",
            cause="test",
            orders=(found,) if shown else (),
            positions=(),
            fills=(),
            lookups={} if shown else {name: None},
            absent=() if shown else (name,),
            complete=False,
        )
    )


def full(bench: Bench, name: ClOrdID) -> list[Event]:
    """Fill what is left, or as much again."""
    order = bench.order(name)
    rest = order.quantity - order.cum_qty
    return bench.traded(name, rest if rest > 0 else 10)


TELL: dict[Fact, Callable[[Bench, ClOrdID], list[Event]]] = {
    F.SENT: written,
    F.ACCEPTED: accepted,
    F.NEW: lambda bench, name: bench.report(name, ExecType.NEW),
    F.FOUND: lambda bench, name: look(bench, name, True),
    F.PARTIAL: lambda bench, name: bench.traded(name, 1),
    F.FULL: full,
    F.CANCELED: lambda bench, name: bench.report(name, ExecType.CANCELED),
    F.REJECTED: lambda bench, name: bench.report(name, ExecType.REJECTED),
    F.EXPIRED: lambda bench, name: bench.report(name, ExecType.EXPIRED),
    F.DOUBT: doubted,
    F.UNSENT: unsent,
    F.ABSENT: lambda bench, name: look(bench, name, False),
}
WAY: dict[OrdStatus, tuple[Fact, ...]] = {
    S.NEW_REQUESTED: (),
    S.SUBMITTED: (F.SENT,),
    S.ACKNOWLEDGED: (F.SENT, F.ACCEPTED),
    S.WORKING: (F.SENT, F.ACCEPTED, F.NEW),
    S.PARTIALLY_FILLED: (F.SENT, F.ACCEPTED, F.NEW, F.PARTIAL),
    S.FILLED: (F.SENT, F.ACCEPTED, F.NEW, F.FULL),
    S.CANCELED: (F.SENT, F.ACCEPTED, F.NEW, F.CANCELED),
    S.REJECTED: (F.SENT, F.REJECTED),
    S.EXPIRED: (F.SENT, F.ACCEPTED, F.NEW, F.EXPIRED),
    S.EXPIRED_UNSENT: (F.UNSENT,),
    S.IN_DOUBT: (F.SENT, F.DOUBT),
}


@pytest.mark.parametrize(("status", "fact"), CELLS, ids=lambda one: one.value)
def test_the_core_does_what_the_cell_says(status: OrdStatus, fact: Fact) -> None:
    """An order brought to a status by real inputs and told a fact stands where its cell says.

    What is ignored changes neither the order nor any sum, and is journaled where a report told
    it; a fill always counts.
    """
    bench = Bench()
    name = placed(bench)
    for earlier in WAY[status]:
        TELL[earlier](bench, name)
    assert bench.order(name).status is status
    before = dump(bench.state)
    filled = bench.order(name).cum_qty
    events = TELL[fact](bench, name)
    order = bench.order(name)
    wanted = step(status, fact)
    if isinstance(wanted, OrdStatus):
        assert order.status is wanted
    else:
        assert order.status is status
        assert unmoved(dump(bench.state), before)
        told = fact in (F.NEW, F.CANCELED, F.REJECTED, F.EXPIRED)
        kept = bool(every(events, ReportIgnored))
        assert kept == (told and wanted is not Ignore.DUPLICATE)
    counted = sum((event.quantity for event in every(events, OrderFilled)), D(0))
    assert order.cum_qty == filled + counted
    assert bool(counted) == (fact in (F.PARTIAL, F.FULL))
    assert (name in bench.state.accounts["a"].orders) == (order.status not in ENDED)
    assert bench.replay() == dump(bench.state)


def unmoved(now: bytes, before: bytes) -> bool:
    """Whether two states differ in nothing but when the venue last spoke, and its order id."""
    return _timeless(now) == _timeless(before)


def _timeless(blob: bytes) -> object:
    tree = msgspec.json.decode(blob)
    tree.pop("clock", None)
    for account in tree["accounts"].values():
        account.pop("by_venue_id")
        for kept in ("orders", "ended"):
            for order in account[kept].values():
                order.pop("venue_order_id", None)
                order.pop("heard_at", None)
    return tree


def test_a_refusal_of_an_id_that_the_venue_knows_is_doubt() -> None:
    """A venue that says "duplicate" has the order, or had it: it is looked up, not rejected."""
    bench = Bench()
    name = placed(bench)
    written(bench, name)
    bench.answered(name, Refused("duplicate_cl_ord_id", "D", "seen before", Instant(bench.at)))
    assert bench.order(name).status is S.IN_DOUBT
