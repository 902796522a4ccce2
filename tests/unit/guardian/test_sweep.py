"""One account's sweep against a venue that answers as it is told."""

from decimal import Decimal

import msgspec

from bascule.config.guardian_log import Fact, Line
from bascule.guardian.sweep import BACKOFF_NS, CANCEL_AGAIN_NS, STUBBORN, Ids, Sweeper
from bascule.model.account import AccountSpec, Capabilities, Pacing
from bascule.model.enums import ExecType, OrdStatus, OrdType, PositionMode, Side
from bascule.model.errors import VenueTransient
from bascule.model.ids import AccountId, ClOrdID
from bascule.model.instrument import Listing
from bascule.model.order import NewOrder, VenueOrder
from bascule.model.values import SECOND
from tests.unit.guardian.house import FLIPS, GOLD, NETTING, OIL, START, FakeVenue, HandClock, spec


class Bench:
    """A sweeper, its venue and its time."""

    def __init__(self, capabilities: Capabilities = NETTING, of: AccountSpec | None = None) -> None:
        self.clock = HandClock()
        self.venue = FakeVenue(self.clock.now, capabilities)
        self.log: list[tuple[str, dict[str, Fact]]] = []
        self.sweeper = self.new(of or spec(), START)

    def new(self, of: AccountSpec, started_at: int) -> Sweeper:
        """Make a sweeper, as a guardian that starts then would."""
        ids = Ids(started_at)  # type: ignore[arg-type]
        return Sweeper(of, self.venue, self.clock, ids, self.record)  # type: ignore[arg-type]

    def record(self, lines: object) -> None:
        """Keep what would be logged."""
        self.log += [(kind, dict(facts)) for kind, facts in lines]  # type: ignore[attr-defined]

    async def steps(self, count: int, apart_ns: int = SECOND, *, close: bool = True) -> None:
        """Make passes."""
        for _ in range(count):
            await self.sweeper.step(close=close)
            self.clock.move(apart_ns)


async def test_everything_is_closed_once_and_stops_go_last() -> None:
    """Closes and cancels leave in the first pass, the stop in the one that finds nothing held."""
    bench = Bench()
    bench.venue.hold("alpha", GOLD, 2)
    bench.venue.hold("alpha", OIL, -3)
    entry = bench.venue.rest("alpha", Side.BUY, 1)
    stop = bench.venue.rest("alpha", Side.SELL, 2, OrdType.STOP)
    await bench.steps(1)
    sent = {(o.venue_symbol, o.side, o.quantity, o.reduce_only) for o in bench.venue.seen}
    assert sent == {(GOLD, Side.SELL, 2, True), (OIL, Side.BUY, 3, True)}
    assert bench.venue.canceled == [entry.venue_order_id]
    await bench.steps(1)
    assert bench.venue.canceled == [entry.venue_order_id, stop.venue_order_id]
    await bench.steps(3)
    assert len(bench.venue.seen) == 2
    assert bench.sweeper.unsettled == 0
    assert (await bench.sweeper.look()).clean


async def test_a_close_whose_outcome_is_unknown_is_looked_up_and_never_repeated() -> None:
    """The venue took it and only the answer was lost: one order, whatever the looks show first."""
    bench = Bench(FLIPS)
    bench.venue.hold("alpha", GOLD, 2)
    bench.venue.answer = lambda order: "mute"
    await bench.steps(1)
    bench.venue.stale = 0
    await bench.steps(4)
    assert len(bench.venue.seen) == 1
    assert bench.venue.net == {}


async def test_a_close_that_is_proven_absent_is_made_anew_under_another_id() -> None:
    """It never arrived: after the venue's own absence proof a second one goes, and no sooner."""
    bench = Bench()
    bench.venue.hold("alpha", GOLD, 2)
    bench.venue.answer = lambda order: "lose" if len(bench.venue.seen) == 1 else "fill"
    await bench.steps(2, SECOND // 2)
    assert len(bench.venue.seen) == 1
    await bench.steps(6, SECOND // 2)
    assert len(bench.venue.seen) == 2
    assert len({order.cl_ord_id for order in bench.venue.seen}) == 2
    assert bench.venue.net == {}


async def test_a_close_that_arrives_late_is_not_followed_by_a_second() -> None:
    """Its link broke behind it, and the venue takes it up seconds later: looks till then are void.

    Where a close too many would open the other side, a second one would have done so.
    """
    bench = Bench(msgspec.structs.replace(FLIPS, submit_timeout_ns=5 * SECOND))
    bench.venue.hold("alpha", GOLD, 2)
    bench.venue.answer = lambda order: "lose"
    await bench.steps(4)
    bench.venue.fill(bench.venue.seen[0])
    bench.venue.answer = lambda order: "fill"
    await bench.steps(8)
    assert bench.venue.net == {}
    assert len(bench.venue.seen) == 1


async def test_an_answer_that_this_process_slept_over_proves_no_second_absence() -> None:
    """A look counts from when it was asked for: its answer may be as old as that."""
    bench = Bench()
    bench.venue.hold("alpha", GOLD, 2)
    bench.venue.answer = lambda order: "lose"
    await bench.steps(2, SECOND // 2)
    asked = bench.venue.order_status

    async def slept(account: AccountId, name: ClOrdID) -> VenueOrder | None:
        found = await asked(account, name)
        bench.clock.move(3_600 * SECOND)
        return found

    bench.venue.order_status = slept  # type: ignore[method-assign]
    await bench.steps(1)
    assert len(bench.venue.seen) == 1
    await bench.steps(1)
    assert len(bench.venue.seen) == 2


async def test_a_venue_that_lists_nothing_is_flattened_all_the_same() -> None:
    """The largest order of a symbol is good to know, and no close waits for it."""
    bench = Bench()
    bench.venue.hold("alpha", GOLD, 2)
    asked: list[str] = []

    async def silent(account: AccountId) -> tuple[Listing, ...]:
        asked.append(account)
        raise VenueTransient("it gives no answer in time")

    bench.venue.instruments = silent  # type: ignore[method-assign]
    await bench.steps(1)
    assert bench.venue.net == {}
    bench.venue.hold("alpha", GOLD, 1)
    await bench.steps(1)
    assert bench.venue.net == {}
    assert len(asked) == 1


async def test_a_close_that_is_refused_has_the_sizes_asked_for_again() -> None:
    """It may have been too large: with the sizes known, the next one is not."""
    bench = Bench()
    bench.venue.hold("alpha", GOLD, 9)
    bench.venue.max_qty = Decimal(5)
    known = bench.venue.instruments

    async def silent(account: AccountId) -> tuple[Listing, ...]:
        bench.venue.instruments = known  # type: ignore[method-assign]
        raise VenueTransient("it gives no answer in time")

    bench.venue.instruments = silent  # type: ignore[method-assign]
    bench.venue.answer = lambda order: "refuse" if order.quantity > 5 else "fill"
    await bench.steps(4)
    assert bench.venue.net == {}
    assert [order.quantity for order in bench.venue.seen] == [9, 5, 4]


async def test_without_a_proof_of_absence_a_person_is_called() -> None:
    """Where nothing proves that a lost close does not live, none is sent again, and it is said."""
    bench = Bench(msgspec.structs.replace(NETTING, absence_proof="never"))
    bench.venue.hold("alpha", GOLD, 2)
    bench.venue.answer = lambda order: "lose"
    await bench.steps(20)
    assert len(bench.venue.seen) == 1
    assert "cannot prove" in bench.sweeper.trouble
    assert bench.sweeper.unsettled == 1


async def test_a_refused_close_is_made_anew_after_a_pause() -> None:
    """A refusal is proof: the next close has another id and waits longer each time."""
    bench = Bench()
    bench.venue.hold("alpha", GOLD, 2)
    bench.venue.answer = lambda order: "refuse" if len(bench.venue.seen) < 3 else "fill"
    await bench.steps(2, BACKOFF_NS // 4)
    assert len(bench.venue.seen) == 1
    await bench.steps(4, BACKOFF_NS * 2)
    assert bench.venue.net == {}
    assert len({order.cl_ord_id for order in bench.venue.seen}) == len(bench.venue.seen) == 3
    states = {line.order: line.state for line in bench.sweeper.lines}
    assert sorted(states.values()) == ["done", "refused", "refused"]


async def test_a_stop_in_the_way_of_refused_closes_is_taken_back() -> None:
    """After two refusals the stop that guards the position is taken out of the close's way."""
    bench = Bench()
    bench.venue.hold("alpha", GOLD, 2)
    stop = bench.venue.rest("alpha", Side.SELL, 2, OrdType.STOP)
    bench.venue.answer = lambda o: (
        "refuse" if stop.venue_order_id in bench.venue.working else "fill"
    )
    await bench.steps(5, BACKOFF_NS * 4)
    assert bench.venue.net == {}
    assert bench.venue.working == []


async def test_closes_that_never_arrive_leave_the_stop_where_it_is() -> None:
    """Lost is not refused: what guards the position is not in the way of what never came."""
    bench = Bench()
    bench.venue.hold("alpha", GOLD, 2)
    stop = bench.venue.rest("alpha", Side.SELL, 2, OrdType.STOP)
    bench.venue.answer = lambda order: "lose"
    await bench.steps(20, SECOND)
    assert len(bench.venue.seen) > STUBBORN
    assert bench.venue.working == [stop.venue_order_id]


async def test_an_old_snapshot_after_a_fill_opens_no_other_side() -> None:
    """Where a close too many would flip, a position that looks untouched by a fill is doubted."""
    bench = Bench(FLIPS)
    bench.venue.hold("alpha", GOLD, 2)
    await bench.steps(1)
    bench.venue._last = tuple(msgspec.structs.replace(p) for p in (await _as_it_was(bench.venue)))
    bench.venue.stale = 1
    await bench.steps(3)
    assert len(bench.venue.seen) == 1
    assert bench.venue.net == {}


async def _as_it_was(venue: FakeVenue) -> tuple[object, ...]:
    venue.held[("alpha", GOLD, "")] += 2
    shown = (await venue.positions("alpha")).positions  # type: ignore[arg-type]
    venue.held[("alpha", GOLD, "")] -= 2
    return shown


async def test_an_end_that_is_told_while_the_venue_is_asked_makes_no_second_close() -> None:
    """The positions may be older than the report that came with them: the next pass judges."""
    bench = Bench()
    bench.venue.hold("alpha", GOLD, 2)
    bench.venue.answer = lambda order: "rest"
    await bench.steps(1)
    (order,) = bench.venue.seen

    def told_meanwhile() -> None:
        bench.sweeper.heard(bench.venue.report(order, ExecType.TRADE, OrdStatus.FILLED))

    bench.venue.on_look = told_meanwhile
    await bench.steps(1)
    assert len(bench.venue.seen) == 1


async def test_a_position_that_is_gone_when_the_pace_lets_its_close_go_is_left_alone() -> None:
    """It was looked at before the wait; where a close would open the other side, it is again."""
    slow = Pacing(requests_per_second=0.1, burst=1, reserve=0)
    bench = Bench(FLIPS, msgspec.structs.replace(spec(), pacing=slow))
    bench.venue.hold("alpha", GOLD, 2)
    bench.venue.hold("alpha", OIL, 1)

    def stopped_out(order: NewOrder) -> str:
        bench.venue.hold("alpha", OIL, 0)
        return "fill"

    bench.venue.answer = stopped_out
    await bench.steps(1)
    assert [order.venue_symbol for order in bench.venue.seen] == [GOLD]
    await bench.steps(3)
    assert bench.venue.net == {}


async def test_a_position_that_still_stands_is_closed_however_slow_the_pace() -> None:
    """Being looked at again costs no turn."""
    slow = Pacing(requests_per_second=0.1, burst=1, reserve=0)
    bench = Bench(FLIPS, msgspec.structs.replace(spec(), pacing=slow))
    bench.venue.hold("alpha", GOLD, 2)
    bench.venue.hold("alpha", OIL, 1)
    await bench.steps(1)
    assert bench.venue.net == {}


async def test_where_closes_can_flip_racing_exits_are_taken_back_first() -> None:
    """On a netting account without reduce-only the close waits one pass for the exit's cancel."""
    bench = Bench(FLIPS)
    bench.venue.hold("alpha", GOLD, 2)
    bench.venue.hold("alpha", OIL, 1)
    bench.venue.rest("alpha", Side.SELL, 2)
    await bench.steps(1, 1)
    assert [o.venue_symbol for o in bench.venue.seen] == [OIL]
    assert not bench.venue.seen[0].reduce_only
    await bench.steps(1, 1)
    assert [o.venue_symbol for o in bench.venue.seen] == [OIL, GOLD]
    assert bench.venue.net == {}


async def test_an_order_that_will_not_be_canceled_holds_up_no_close() -> None:
    """It is asked back again each second, and the position is closed all the same."""
    bench = Bench(FLIPS)
    bench.venue.may_cancel = False
    bench.venue.hold("alpha", GOLD, 2)
    bench.venue.rest("alpha", Side.BUY, 1)
    await bench.steps(4, CANCEL_AGAIN_NS // 2)
    assert bench.venue.net == {}
    assert len(bench.venue.canceled) == 2


async def test_hedging_positions_are_closed_by_their_ids() -> None:
    """Each position has a close of its own that names it."""
    bench = Bench(of=spec(mode=PositionMode.HEDGING))
    bench.venue.hold("alpha", GOLD, 2, "p1")
    bench.venue.hold("alpha", GOLD, -1, "p2")
    await bench.steps(2)
    assert {(o.position_id, o.side) for o in bench.venue.seen} == {
        ("p1", Side.SELL),
        ("p2", Side.BUY),
    }
    assert bench.venue.net == {}


async def test_a_position_larger_than_an_order_may_be_goes_in_parts() -> None:
    """One part at a time, each for what the venue shows after the last."""
    bench = Bench()
    bench.venue.max_qty = Decimal(4)
    bench.venue.hold("alpha", GOLD, 10)
    await bench.steps(4)
    assert [order.quantity for order in bench.venue.seen] == [4, 4, 2]


async def test_many_positions_go_as_fast_as_the_account_may() -> None:
    """Closes beyond the burst wait for their turn, and all of them go."""
    bench = Bench(of=spec(burst=5))
    for number in range(12):
        bench.venue.hold("alpha", f"S{number}", 1)
    await bench.steps(1)
    assert len(bench.venue.seen) == 12


async def test_a_guardian_that_starts_anew_looks_up_what_the_last_one_sent() -> None:
    """A close that was logged and has no end is a close under way, not a reason for another."""
    bench = Bench(FLIPS)
    bench.venue.hold("alpha", GOLD, 2)
    bench.venue.answer = lambda order: "rest"
    await bench.steps(1)
    lines = [
        Line(seq=n, at=START, kind=kind, facts=facts, prev="")
        for n, (kind, facts) in enumerate(bench.log)
    ]
    bench.sweeper = bench.new(spec(), START + SECOND)
    bench.sweeper.remember(lines)
    await bench.steps(3)
    assert len(bench.venue.seen) == 1
    bench.venue.fill(bench.venue.seen[0])
    await bench.steps(2)
    assert bench.sweeper.unsettled == 0
    assert len(bench.venue.seen) == 1


async def test_what_leaves_was_logged_before() -> None:
    """The log has a close before the venue has it: a restart must know of it."""
    bench = Bench()
    bench.venue.hold("alpha", GOLD, 2)
    logged_at_send: list[int] = []

    def answer(order: NewOrder) -> str:
        logged_at_send.append(len(bench.log))
        return "fill"

    bench.venue.answer = answer
    await bench.steps(1)
    assert logged_at_send == [1]
    assert bench.log[0][0] == "close_sent"


async def test_an_account_is_left_alone_by_another_accounts_sweep() -> None:
    """Orders and positions of another account at the same venue stand as they are."""
    bench = Bench()
    bench.venue.hold("beta", GOLD, 1)
    bench.venue.rest("beta", Side.BUY, 1)
    await bench.steps(2)
    assert bench.venue.seen == []
    assert bench.venue.canceled == []


def test_ids_are_never_an_engines() -> None:
    """An engine's epoch has four characters; the guardian's has more and begins with g."""
    ids = Ids(START)
    one, two = ids.next(), ids.next()
    epoch, _, number = one.partition("-")
    assert epoch.startswith("g")
    assert len(epoch) > 4
    assert (number, two.partition("-")[2]) == ("1", "2")
    assert len(one) <= 20
