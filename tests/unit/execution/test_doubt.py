"""Orders in doubt: never sent again, ended by evidence alone; and what a restart makes of them."""

from decimal import Decimal as D
from typing import Any

import pytest
from msgspec.structs import replace

from bascule.execution import inputs as inp
from bascule.execution.effects import EFFECTS, Submit
from bascule.execution.state import dump, load
from bascule.model.enums import ENDED, ExecType, OrdStatus, OrdType, Side, StopMode
from bascule.model.event import (
    Event,
    OrderDoubted,
    OrderEnded,
    OrderRefused,
    OrderRequested,
    OrderResolved,
)
from bascule.model.intent import Amount, ClosePosition, PlaceOrder
from bascule.model.order import Accepted, Refused, Unknown
from bascule.model.values import Instant
from tests.unit.execution.harness import EURUSD, ROOMY, Bench, every, kinds, only, protection

S, X = OrdStatus, ExecType


def buy(quantity: Any = 1, **more: Any) -> PlaceOrder:
    """A market entry."""
    return PlaceOrder(symbol=EURUSD, side=Side.BUY, quantity=Amount(D(str(quantity))), **more)


def lost(bench: Bench, when: str = "after") -> str:
    """Send an entry whose answer is lost, before or after the venue took it; tell no report."""
    bench.venue.times_out = lambda order: when
    name = str(only(bench.say(buy()), OrderRequested).cl_ord_id)
    bench.carry()
    bench.post[:] = [m for m in bench.post if isinstance(m, inp.SubmitAnswered)]
    bench.settle()
    bench.venue.times_out = lambda order: ""
    return name


def submits(events: list[Event]) -> list[str]:
    """Name the orders that these events send."""
    effects = [EFFECTS[type(event)](event) for event in events if type(event) in EFFECTS]
    return [effect.cl_ord_id for effect in effects if isinstance(effect, Submit)]


def test_an_unknown_outcome_is_doubt_with_full_exposure() -> None:
    """Nobody knows: the order counts in every limit as if it were whole and working."""
    bench = Bench()
    name = lost(bench)
    assert bench.order(name).status is S.IN_DOUBT
    assert bench.book().open_buy == 1
    assert bench.state.accounts["a"].exposure[EURUSD].open_buy == 1
    assert bench.market.looks["a"] == "an order is in doubt"


def test_doubt_is_never_sent_again() -> None:
    """Hours, ticks, looks without evidence, a restart: nothing of it sends the order again."""
    bench = Bench()
    name = lost(bench, "before")
    seen: list[Event] = []
    for _ in range(20):
        seen += bench.wait(3_600 * 10**9)
        seen += bench.look()
        seen += bench.begin()
    assert bench.order(name).status is S.IN_DOUBT
    assert submits(seen) == []
    assert bench.venue.submits.count(name) == 1


def test_the_venues_own_word_ends_doubt() -> None:
    """A look that finds the order with its fill settles it; the fill counts once."""
    bench = Bench()
    name = lost(bench)
    bench.look()
    assert bench.order(name).status is S.FILLED
    assert (bench.book().quantity, bench.net()) == (1, 1)
    assert kinds(bench.look()) == []


def test_absence_that_is_proven_ends_doubt() -> None:
    """Only the proof that the manifest states ends it; the event says whose word that is."""
    bench = Bench()
    name = lost(bench, "before")
    assert kinds(bench.look()) == []
    ended = only(bench.look(absent=(name,)), OrderEnded)
    assert (ended.status, ended.reason) == (S.REJECTED, "absent")
    assert ended.evidence == "absence proof: test"
    assert bench.book().open_buy == 0


def test_absence_is_no_proof_against_an_order_that_the_venue_has_shown() -> None:
    """An order once seen working does not end because one look misses it."""
    bench = Bench()
    name = str(
        only(bench.say(buy(ord_type=OrdType.LIMIT, price=D("1.0"))), OrderRequested).cl_ord_id
    )
    bench.settle()
    bench.look(orders=(), lookups={name: None}, absent=(name,))
    assert bench.order(name).status is S.WORKING


def test_a_person_ends_doubt_with_their_evidence() -> None:
    """The decision is journaled with who and why; without doubt there is nothing to decide."""
    bench = Bench()
    name = lost(bench, "before")
    asked = inp.ResolveAsked(Instant(bench.at), name, "absent", "ticket 42", "ada")
    events = bench.feed(asked)
    assert (only(events, OrderResolved).by, only(events, OrderResolved).evidence) == (
        "ada",
        "ticket 42",
    )
    assert only(events, OrderEnded).evidence == "person: ada"
    assert bench.order(name).status is S.REJECTED
    assert not bench.feed(asked)


def test_a_person_cannot_invent_a_fill() -> None:
    """The word "filled" asks the venue for the fill; no position comes of the word alone."""
    bench = Bench()
    name = lost(bench)
    bench.feed(inp.ResolveAsked(Instant(bench.at), name, "filled", "seen on the screen", "ada"))
    assert bench.book().quantity == 0
    assert bench.market.looks["a"] == "an order was resolved as filled"
    bench.look()
    assert bench.book().quantity == 1


def test_an_order_wrongly_proven_absent_is_believed_again_when_it_is_shown() -> None:
    """The look that finds it working outweighs the proof: it counts, and can be canceled.

    Before, it worked at the venue and no limit, cancel or flatten knew of it.
    """
    bench = Bench()
    bench.venue.times_out = lambda order: "after"
    name = str(
        only(bench.say(buy(ord_type=OrdType.LIMIT, price=D("1.0"))), OrderRequested).cl_ord_id
    )
    bench.carry()
    bench.post[:] = [m for m in bench.post if isinstance(m, inp.SubmitAnswered)]
    bench.settle()
    bench.look(orders=(), lookups={name: None}, absent=(name,))
    assert bench.order(name).status is S.REJECTED
    bench.look()
    assert (bench.order(name).status, bench.book().open_buy) == (S.WORKING, 1)
    assert bench.order(name).venue_order_id == bench.venue.orders[name].venue_id
    assert kinds(bench.look()) == []


def test_a_look_that_began_before_the_end_wakes_nothing() -> None:
    """News that came while the venue was being asked is younger than the answer."""
    bench = Bench()
    name = str(
        only(bench.say(buy(ord_type=OrdType.LIMIT, price=D("1.0"))), OrderRequested).cl_ord_id
    )
    bench.settle()
    began = Instant(bench.at)
    shown = bench.venue.shown(bench.venue.orders[name])
    bench.wait(10**9)
    bench.report(name, X.CANCELED)
    assert kinds(bench.look(orders=(shown,), began=began)) == []
    assert bench.order(name).status is S.CANCELED


def test_doubt_of_the_same_side_counts_against_the_limit() -> None:
    """Where a limit of 1.5 holds and 1 is in doubt, another 1 is refused with the numbers."""
    limits = replace(ROOMY, max_position_qty=D("1.5"))
    bench = Bench(limits=limits, route={"pyramiding": 5})
    lost(bench)
    refused = only(bench.say(buy()), OrderRefused)
    assert refused.code == "position_limit"
    assert "1 held or open" in refused.text


@pytest.mark.parametrize("reduce_only", [True, False])
def test_an_exit_is_not_proven_while_doubt_may_have_sold_already(reduce_only: bool) -> None:
    """Long 1 with a sale in doubt: only a venue that enforces reduce-only makes a sale safe."""
    bench = Bench(reduce_only=reduce_only, route={"pyramiding": 5, "reverse": "close_only"})
    bench.say(buy(), strategy="long")
    bench.settle()
    bench.venue.times_out = lambda order: "before"
    bench.say(PlaceOrder(symbol=EURUSD, side=Side.SELL, quantity=Amount(D(1))), strategy="short")
    bench.settle()
    assert [order.status for order in bench.orders("e")] == [S.IN_DOUBT]
    bench.feed(inp.StopAsked(Instant(bench.at), "all", StopMode.HALT, "ada", "test"))
    events = bench.say(ClosePosition(symbol=EURUSD), strategy="long")
    if reduce_only:
        assert only(events, OrderRequested).reduce_only
    else:
        assert only(events, OrderRefused).code == "halted"


def test_an_exit_is_proven_for_what_doubt_cannot_have_sold() -> None:
    """Long 10, an exit of 3 and a sale of 4 in doubt: 3 may go under a halt, and not one more."""
    bench = Bench(reduce_only=False, route={"pyramiding": 5, "reverse": "close_only"})
    bench.say(buy(10), strategy="long")
    bench.settle()
    bench.venue.times_out = lambda order: "before"
    close = ClosePosition(symbol=EURUSD, quantity=Amount(D(3)))
    bench.say(close, strategy="long")
    bench.say(PlaceOrder(symbol=EURUSD, side=Side.SELL, quantity=Amount(D(4))), strategy="short")
    bench.settle()
    assert [order.status for order in bench.orders()] == [S.IN_DOUBT, S.IN_DOUBT]
    bench.feed(inp.StopAsked(Instant(bench.at), "all", StopMode.HALT, "ada", "test"))
    four = ClosePosition(symbol=EURUSD, quantity=Amount(D(4)))
    assert only(bench.say(four, strategy="long"), OrderRefused).code == "halted"
    assert only(bench.say(close, strategy="long"), OrderRequested).quantity == 3


# --- restart ------------------------------------------------------------------------------------


def test_after_a_restart_what_has_no_outcome_is_in_doubt() -> None:
    """Requested, and written: both may have left. Nothing is sent because of the start."""
    bench = Bench()
    first = str(only(bench.say(buy()), OrderRequested).cl_ord_id)
    second = str(only(bench.say(buy(), strategy="t"), OrderRequested).cl_ord_id)
    bench.feed(inp.OrdersWritten(Instant(bench.at), ("a",), (second,)))
    events = bench.begin()
    assert [event.cl_ord_id for event in every(events, OrderDoubted)] == [first, second]
    assert {bench.order(name).status for name in (first, second)} == {S.IN_DOUBT}
    assert submits(events) == []
    assert not bench.state.accounts["a"].reconciled


def test_after_a_restart_what_was_held_back_ends_unsent() -> None:
    """Later parts of a split never left; they end, and nobody sends them after all."""
    bench = Bench(limits=replace(ROOMY, max_order_qty=D(1), on_oversize="split"))
    names = [event.cl_ord_id for event in every(bench.say(buy(3)), OrderRequested)]
    bench.carry()
    events = bench.begin()
    ended = every(events, OrderEnded)
    assert [event.cl_ord_id for event in ended] == names[1:]
    assert {event.status for event in ended} == {S.EXPIRED_UNSENT}
    assert submits(events) == []
    bench.look()
    assert bench.book().quantity == 1
    assert bench.venue.submits == names[:1]


def test_after_a_restart_a_reversal_in_the_making_opens_nothing() -> None:
    """The entry that waited for its close ends unsent; the close is in doubt and looked up."""
    bench = Bench()
    bench.say(buy())
    bench.settle()
    bench.venue.times_out = lambda order: "after"
    bench.say(PlaceOrder(symbol=EURUSD, side=Side.SELL, quantity=Amount(D(1))))
    bench.carry()
    bench.post.clear()
    events = bench.begin()
    assert submits(events) == []
    assert [order.leg for order in bench.orders() if order.status is S.IN_DOUBT] == ["x"]
    bench.look()
    assert (bench.book().quantity, bench.orders()) == (0, [])


def test_after_a_restart_a_fill_found_by_the_first_look_is_protected() -> None:
    """An entry in doubt that filled gets its stop as soon as its venue has shown the fill."""
    bench = Bench()
    bench.say(buy(protection=protection("1.08"), reference_price=D("1.1")))
    bench.carry()
    bench.post.clear()
    bench.begin()
    requested = only(bench.look(), OrderRequested)
    assert (requested.leg, requested.quantity) == ("s", 1)


def test_an_absent_stop_is_no_refusal_of_the_venue() -> None:
    """Two restarts that lost the stop on its way do not close the position; it gets its stop."""
    bench = Bench()
    bench.say(buy(protection=protection("1.08"), reference_price=D("1.1")))
    bench.venue.times_out = lambda order: "before" if order.stop_price else ""
    bench.settle()
    for _ in range(3):
        stop = bench.orders("s")[0].cl_ord_id
        assert bench.order(stop).status is S.IN_DOUBT
        bench.look(absent=(stop,))
        bench.settle()
    assert not bench.orders("x")
    assert bench.book().quantity == 1


def test_a_restart_is_a_fold_of_the_journal() -> None:
    """The state after a restart is what its events say, and a snapshot of it is complete."""
    bench = Bench()
    lost(bench)
    bench.say(buy(protection=protection("1.08"), reference_price=D("1.1")), strategy="t")
    bench.begin()
    bench.look()
    blob = dump(bench.state)
    assert bench.replay() == blob
    assert dump(load(blob)) == blob


def test_a_refusal_with_proof_is_final_and_says_why() -> None:
    """The venue's reason and its own code are kept; nothing is sent again."""
    bench = Bench()
    name = str(only(bench.say(buy()), OrderRequested).cl_ord_id)
    refusal = Refused("insufficient_margin", "10019", "no money", Instant(bench.at))
    ended = only(bench.answered(name, refusal), OrderEnded)
    assert (ended.reason, ended.venue_code, ended.text, ended.evidence) == (
        "insufficient_margin",
        "10019",
        "no money",
        "outcome",
    )
    assert bench.order(name).status in ENDED


def test_a_late_answer_after_doubt_settles_it() -> None:
    """The answer to the send itself is evidence, whenever it comes."""
    bench = Bench()
    name = lost(bench)
    bench.answered(name, Accepted("v9", Instant(bench.at)))
    assert (bench.order(name).status, bench.order(name).venue_order_id) == (S.ACKNOWLEDGED, "v9")
    other = str(only(bench.say(buy(), strategy="t"), OrderRequested).cl_ord_id)
    bench.answered(other, Unknown("timeout", Instant(bench.at)))
    bench.answered(other, Refused("closed", "", "closed", Instant(bench.at)))
    assert bench.order(other).status is S.REJECTED
