"""When a venue is looked at, what it is asked, and what its silence proves."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from bascule.engine.look_rules import (
    DUE_NS,
    IDLE_NS,
    LOOKUPS_MAX,
    OVERLAP_NS,
    LookMemory,
    patience,
    to_ask_after,
)
from bascule.execution.inputs import Looked
from bascule.execution.state import LOOK_BACK_NS, AccountState, Order
from bascule.model.account import Capabilities
from bascule.model.enums import ExecType, OrdStatus, OrdType, Side
from bascule.model.ids import (
    AccountId,
    ClOrdID,
    ExecID,
    SignalId,
    StrategyId,
    Symbol,
    VenueOrderId,
    VenueSymbol,
)
from bascule.model.order import ExecutionReport, VenueOrder
from bascule.model.values import HOUR, SECOND, Instant

NOW = Instant(1_767_600_000 * SECOND)
NAME = ClOrdID("bayx-1-1e")
PROVES = Capabilities(
    absence_proof="snapshots",
    absence_snapshots=2,
    absence_after_ns=5 * SECOND,
    submit_timeout_ns=3 * SECOND,
)


def order(**words: Any) -> Order:
    """Give a limit order that works at the venue."""
    given: dict[str, Any] = {
        "cl_ord_id": NAME,
        "signal": SignalId("bayx-1"),
        "intent": 0,
        "account": AccountId("a"),
        "strategy": StrategyId("s"),
        "leg": "e",
        "symbol": Symbol("EURUSD"),
        "venue_symbol": VenueSymbol("EURUSD.x"),
        "side": Side.BUY,
        "quantity": Decimal(1),
        "ord_type": OrdType.LIMIT,
        "requested_at": NOW,
        "status": OrdStatus.WORKING,
        "venue_order_id": VenueOrderId("7"),
    }
    return Order(**{**given, **words})


def account(*orders: Order, **words: Any) -> AccountState:
    """Give an account with these orders."""
    live = {one.cl_ord_id: one for one in orders}
    return AccountState(
        id=AccountId("a"), number=1, venue="v", login="a", mode="paper", orders=live, **words
    )


def shown(name: ClOrdID | None, number: str = "7", side: Side = Side.BUY) -> VenueOrder:
    """Give an order as the venue shows it."""
    return VenueOrder(
        account=AccountId("a"),
        venue_order_id=VenueOrderId(number),
        venue_symbol=VenueSymbol("EURUSD.x"),
        side=side,
        ord_type=OrdType.LIMIT,
        ord_status=OrdStatus.WORKING,
        quantity=Decimal(1),
        cum_qty=Decimal(0),
        at=NOW,
        cl_ord_id=name,
    )


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({}, IDLE_NS),
        ({"pending": "cancel"}, DUE_NS),
        ({"status": OrdStatus.SUBMITTED}, DUE_NS),
        ({"status": OrdStatus.NEW_REQUESTED, "waiting": True}, IDLE_NS),
        ({"leg": "x", "waiting": True}, DUE_NS),
        ({"ord_type": OrdType.MARKET}, DUE_NS),
        ({"status": OrdStatus.IN_DOUBT}, PROVES.absence_after_ns),
    ],
)
def test_a_look_is_due_the_sooner_the_less_is_known(words: dict[str, Any], expected: int) -> None:
    """In doubt first, then whatever news is overdue of, else once a minute."""
    assert patience(account(order(**words)), PROVES) == expected


def test_positions_that_differ_are_looked_at_again_soon_until_they_are_drift() -> None:
    """A person settles drift, and may take hours: that one waits for the timer."""
    one, two = Symbol("EURUSD"), Symbol("GBPUSD")
    known = account(drift={one: "told"})
    assert patience(known, PROVES, [one]) == IDLE_NS
    assert patience(known, PROVES, [one, two]) == DUE_NS


def test_what_the_venue_does_not_show_is_asked_after() -> None:
    """By our name, or by all that a number stands for; what has not left is not asked after."""
    known = account(order())
    assert to_ask_after(known, [shown(NAME)]) == []
    assert to_ask_after(known, [shown(None)]) == []
    for others in ([], [shown(None, "8")], [shown(None, side=Side.SELL)], [shown(ClOrdID("x"))]):
        assert [one.cl_ord_id for one in to_ask_after(known, others)] == [NAME]
    for words in ({"native_child": True}, {"waiting": True}, {"status": OrdStatus.NEW_REQUESTED}):
        assert to_ask_after(account(order(**words)), []) == []


def test_whose_number_a_bracket_bears_by_now_is_asked_after() -> None:
    """It ended unheard, and the venue gave its number to the stop of another entry, as large.

    Before, that stop was taken for it: its cancel stayed in flight, and nobody asked any more.
    """
    known = account(order(pending="cancel"))
    child = replace(shown(None), parent=ClOrdID("bayx-2-1e"), leg="s", ord_type=OrdType.STOP)
    assert [one.cl_ord_id for one in to_ask_after(known, [child])] == [NAME]


def test_orders_that_are_too_many_for_one_look_take_turns() -> None:
    """Each is asked after in one of every three looks, though the venue never shows any."""
    names = [ClOrdID(f"bayx-{n}-1e") for n in range(3 * LOOKUPS_MAX - 1)]
    memory, known = LookMemory(), account(*(order(cl_ord_id=name) for name in names))
    looks = [[o.cl_ord_id for o in memory.in_turn(known.id, [*known.orders.values()])]
             for _ in range(6)]  # fmt: skip
    for three in (looks[:3], looks[3:]):
        assert all(len(look) == LOOKUPS_MAX for look in three)
        assert {name for look in three for name in look} == set(names)


def test_who_was_never_asked_after_comes_before_who_was() -> None:
    """A new order does not wait behind those that have been asked after in vain already."""
    memory, old = LookMemory(), [order(cl_ord_id=ClOrdID(f"old{n}")) for n in range(LOOKUPS_MAX)]
    new = order(cl_ord_id=ClOrdID("new"))
    assert memory.in_turn(AccountId("a"), old) == old
    assert memory.in_turn(AccountId("a"), [*old, new])[0] is new
    assert memory.in_turn(AccountId("a"), [*old, new])[0] is old[-1], "the one left out before"
    assert memory.in_turn(AccountId("b"), old) == old, "each account has turns of its own"


def test_turns_do_not_keep_doubt_from_ending() -> None:
    """Of more orders in doubt than one look takes, each is proven absent in the end."""
    orders = [
        order(cl_ord_id=ClOrdID(f"n{n}"), status=OrdStatus.IN_DOUBT, doubt="timeout")
        for n in range(LOOKUPS_MAX + 1)
    ]
    memory, known, proven = LookMemory(), account(*orders), set[ClOrdID]()
    for look in range(6):
        now = Instant(NOW + (look + 1) * 5 * SECOND)
        asked = memory.in_turn(known.id, to_ask_after(known, []))
        proven |= {*memory.absent(known, PROVES, {o.cl_ord_id: None for o in asked}, now, now)}
    assert proven == known.orders.keys()


def test_fills_are_asked_for_from_before_what_is_known() -> None:
    """The first look goes a day behind the last agreement, a later one a minute behind the last."""
    memory, hour_ago = LookMemory(), Instant(NOW - HOUR)
    assert memory.fills_from(account(), NOW) == NOW - LOOK_BACK_NS
    assert memory.fills_from(account(agreed_at=hour_ago), NOW) == hour_ago - LOOK_BACK_NS
    memory.looked(account(), look())
    assert memory.fills_from(account(agreed_at=hour_ago), NOW) == NOW - OVERLAP_NS
    assert (OVERLAP_NS, LOOK_BACK_NS) == (60 * SECOND, 24 * HOUR)


def test_a_fill_that_a_look_left_open_is_asked_for_again() -> None:
    """It may be of an order in doubt; by the next look it would lie behind what is asked for."""
    memory, known, then = LookMemory(), account(), Instant(NOW - HOUR)
    memory.looked(known, look(fill("x1", then), fill("", then)))
    assert memory.fills_from(known, NOW) == then
    known.exec_ids["x1"] = known.exec_ids[f"~7.{then}.1"] = NAME
    memory.looked(known, look(fill("x1", then), fill("", then)))
    assert memory.fills_from(known, NOW) == NOW - OVERLAP_NS


def look(*fills: ExecutionReport) -> Looked:
    """Give a whole look that began now, and found some fills."""
    return Looked(
        at=NOW,
        account=AccountId("a"),
        cause="test",
        orders=(),
        positions=(),
        fills=fills,
        began=NOW,
    )


def fill(exec_id: str, at: Instant) -> ExecutionReport:
    """Give a fill of 1 from the venue's history."""
    return ExecutionReport(
        account=AccountId("a"),
        exec_id=ExecID(exec_id),
        exec_type=ExecType.TRADE,
        venue_order_id=VenueOrderId("7"),
        venue_symbol=VenueSymbol("EURUSD.x"),
        side=Side.BUY,
        at=at,
        last_qty=Decimal(1),
        cum_qty=Decimal(1),
    )


def absences(able: Capabilities, times: list[int], doubt: str = "") -> list[bool]:
    """Look at these seconds at a venue that lacks the order; say when its absence was proven."""
    memory = LookMemory()
    known = account(order(status=OrdStatus.IN_DOUBT, doubt=doubt))
    return [
        memory.absent(known, able, {NAME: None}, at, at) == (NAME,)
        for at in (Instant(NOW + seconds * SECOND) for seconds in times)
    ]


def test_absence_is_proven_by_so_many_looks_so_far_apart() -> None:
    """The first counts a send time-out after the doubt, the next after the manifest's time."""
    assert absences(PROVES, [0, 2, 3, 7, 8]) == [False, False, False, False, True]
    assert absences(PROVES, [0, 4, 5], doubt="timeout") == [False, False, True]


def test_a_venue_whose_silence_proves_nothing_never_ends_a_doubt() -> None:
    """However often it is asked."""
    able = Capabilities(absence_proof="never", absence_snapshots=1, absence_after_ns=0)
    assert not any(absences(able, list(range(0, 600, 10)), doubt="timeout"))


def test_a_look_counts_from_when_it_began() -> None:
    """A process that stood still reads an old answer, and then that a send has timed out."""
    able = Capabilities(absence_proof="snapshots", absence_snapshots=2, absence_after_ns=5 * SECOND)
    doubted = order(status=OrdStatus.IN_DOUBT, doubt="timeout", doubted_at=Instant(NOW + SECOND))
    memory, known = LookMemory(), account(doubted)

    def look(began: int, now: int) -> tuple[ClOrdID, ...]:
        times = Instant(NOW + began * SECOND), Instant(NOW + now * SECOND)
        return memory.absent(known, able, {NAME: None}, *times)

    assert look(0, 6) == ()
    assert look(6, 7) == ()
    assert look(8, 20) == ()
    assert look(12, 21) == (NAME,)


def test_an_order_that_was_shown_once_begins_anew() -> None:
    """A look that shows it takes back what earlier ones seemed to prove."""
    memory, known = LookMemory(), account(order(status=OrdStatus.IN_DOUBT, doubt="timeout"))

    def look(at: int, found: VenueOrder | None) -> tuple[ClOrdID, ...]:
        then = Instant(NOW + at * SECOND)
        return memory.absent(known, PROVES, {NAME: found}, then, then)

    assert look(0, None) == ()
    assert look(5, shown(NAME)) == ()
    assert look(10, None) == ()
    assert look(15, None) == (NAME,)
