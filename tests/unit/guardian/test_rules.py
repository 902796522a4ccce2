"""What a sweep asks for, from what a venue shows."""

from decimal import Decimal

import pytest

from bascule.guardian import rules
from bascule.guardian.rules import Owned, Seen, plan
from bascule.model.account import Capabilities
from bascule.model.enums import OrdType, PositionMode, Side
from bascule.model.ids import ClOrdID, PositionId, SignalId, cl_ord_id, names_entry
from bascule.model.order import VenueOrder, VenuePosition
from bascule.model.values import SECOND, Instant
from tests.unit.guardian.house import FLIPS, GOLD, NETTING, OIL, FakeVenue, HandClock

VENUE = FakeVenue(HandClock().now)


def position(quantity: int | str, symbol: str = GOLD, **more: object) -> VenuePosition:
    """Make a position."""
    made: dict[str, object] = {
        "account": "alpha", "venue_symbol": symbol, "quantity": Decimal(quantity),
        "avg_price": Decimal(100),
    }  # fmt: skip
    return VenuePosition(**{**made, **more})  # type: ignore[arg-type]


def order(side: Side, kind: OrdType = OrdType.LIMIT, **more: object) -> VenueOrder:
    """Make a working order of one."""
    return VENUE.rest("alpha", side, str(more.pop("quantity", 1)), kind, **more)


def seen(*shown: VenueOrder | VenuePosition, complete: bool = True) -> Seen:
    """Make what a venue shows."""
    orders = tuple(one for one in shown if isinstance(one, VenueOrder))
    held = tuple(one for one in shown if isinstance(one, VenuePosition))
    return Seen(orders, held, complete, Instant(1))


def test_entries_go_and_the_stop_of_what_is_held_stays() -> None:
    """An entry is taken back at once; the stop that guards a position stands until it is gone."""
    entry, stop = order(Side.BUY), order(Side.SELL, OrdType.STOP)
    found = plan(seen(position(1), entry, stop), close=True)
    assert found.cancels == (entry,)
    assert [p.quantity for p in found.closes] == [1]
    assert plan(seen(stop), close=True).cancels == (stop,)


def test_a_target_goes_with_the_entries() -> None:
    """A limit order on the closing side could fill beside the close, and guards against nothing."""
    target = order(Side.SELL)
    assert plan(seen(position(1), target), close=True).cancels == (target,)


def test_what_the_venue_runs_itself_stays_with_its_position() -> None:
    """Native stops and targets end with the position, so they are left until it is gone."""
    child = order(Side.SELL, leg="t", parent=ClOrdID("a-1-1e"))
    assert plan(seen(position(1), child), close=True).cancels == ()
    assert plan(seen(child), close=True).cancels == (child,)


def test_a_stop_that_could_open_is_no_protection() -> None:
    """A stop order on the side of the position would add to it, so it is an entry."""
    more = order(Side.BUY, OrdType.STOP)
    assert plan(seen(position(1), more), close=True).cancels == (more,)
    other = order(Side.SELL, OrdType.STOP, symbol=OIL)
    assert plan(seen(position(1), other), close=True).cancels == (other,)


def test_cancel_leaves_whatever_reduces() -> None:
    """To cancel means entries: exits, targets and stops of what is held stay, and it is held."""
    entry, target, stop = order(Side.BUY), order(Side.SELL), order(Side.SELL, OrdType.STOP)
    found = plan(seen(position(1), entry, target, stop), close=False)
    assert (found.cancels, found.closes) == ((entry,), ())


@pytest.mark.parametrize("kind", [OrdType.LIMIT, OrdType.STOP])
@pytest.mark.parametrize("close", [False, True])
def test_an_entry_is_taken_back_though_it_stands_against_a_position(
    kind: OrdType, close: bool
) -> None:
    """A sell of five opens four where one is held, and all five where the venue hedges.

    Before, it was taken for what closes that position, and a cancel let it fill.
    """
    entry = order(Side.SELL, kind, quantity=5, cl_ord_id=ClOrdID("bayx-1a-2e"))
    stop = order(Side.SELL, OrdType.STOP, cl_ord_id=ClOrdID("bayx-19-2s"))
    assert plan(seen(position(1), entry, stop), close=close).cancels == (entry,)
    hedged = position(1, position_id=PositionId("p1"))
    assert plan(seen(hedged, entry, stop), close=close).cancels == (entry,)


@pytest.mark.parametrize(
    ("signal", "account", "leg", "is_entry"),
    [
        ("bayx-1a", 2, "e", True),
        ("bayx-1a.1", 2, "e12", True),
        ("bayx-1a", 14, "e", True),
        ("bayx-1a", 33, "e", True),
        ("bayx-1a", 2, "s", False),
        ("bayx-1a", 14, "s1", False),
        ("bayx-1a", 2, "te", False),
        ("bayx-1a", 2, "te1", False),
        ("bayx-1a", 2, "x1", False),
        ("bayx-1a", 2, "xz1e", False),
        ("bayx-1a", 2, "e:s", False),
    ],
)
def test_an_entry_is_known_by_its_name(signal: str, account: int, leg: str, is_entry: bool) -> None:
    """No stop, target or exit is ever taken for one, whatever it is numbered by."""
    assert names_entry(cl_ord_id(SignalId(signal), 0, account, leg)) is is_entry
    assert not names_entry(cl_ord_id(SignalId(signal), 0, account, leg, 1))
    assert not names_entry("g1k2j3h-1e")
    assert not names_entry("")


def test_a_position_with_a_close_under_way_gets_no_second_one() -> None:
    """One close for one proven state; the guardian's own orders are never taken back."""
    own = order(Side.SELL, OrdType.MARKET, cl_ord_id=ClOrdID("g1-1"))
    found = plan(seen(position(1), position(2, OIL), own), close=True, own={"g1-1"},
                 busy={(GOLD, "")})  # fmt: skip
    assert found.cancels == ()
    assert [p.venue_symbol for p in found.closes] == [OIL]


def test_a_stop_is_taken_away_where_it_keeps_the_close_from_working() -> None:
    """A venue that refuses closes because of the resting stop gets that out of the way."""
    stop = order(Side.SELL, OrdType.STOP)
    shown = seen(position(1), stop)
    assert plan(shown, close=True, stubborn={(GOLD, "")}).cancels == (stop,)


def test_on_a_hedging_account_a_stop_belongs_to_its_position() -> None:
    """The stop of one position is no protection of another, though both are of one symbol."""
    stop = order(Side.SELL, OrdType.STOP, position_id=PositionId("p2"))
    one = position(1, position_id=PositionId("p1"))
    two = position(1, position_id=PositionId("p2"))
    assert plan(seen(one, stop), close=True).cancels == (stop,)
    assert plan(seen(one, two, stop), close=True).cancels == ()
    assert [p.position_id for p in plan(seen(one, two), close=True).closes] == ["p1", "p2"]


def test_a_strategy_gives_up_its_own_share_only() -> None:
    """Of a net position the swept strategy's part is closed, and only its orders are taken back."""
    mine, theirs = order(Side.BUY, cl_ord_id=ClOrdID("m")), order(Side.BUY, cl_ord_id=ClOrdID("t"))
    owned = Owned(frozenset({"m"}), {(GOLD, ""): Decimal(2), (OIL, ""): Decimal(-1)})
    found = plan(seen(position(5), position(3, OIL), mine, theirs), close=True, only=owned)
    assert found.cancels == (mine,)
    assert [(p.venue_symbol, p.quantity) for p in found.closes] == [(GOLD, 2)]


def test_a_missing_page_is_never_clean() -> None:
    """Only a complete answer proves that there is nothing."""
    assert seen().clean
    assert not seen(complete=False).clean
    assert not seen(order(Side.BUY)).clean
    assert seen(position(0)).clean


@pytest.mark.parametrize(
    ("stop", "bare"),
    [
        (None, True),
        (order(Side.SELL, OrdType.STOP, quantity=2), False),
        (order(Side.SELL, OrdType.STOP, quantity=1), True),
        (order(Side.SELL, OrdType.LIMIT, quantity=2), True),
        (order(Side.BUY, OrdType.STOP, quantity=2), True),
        (order(Side.SELL, OrdType.TRAILING_STOP, quantity=2), False),
    ],
)
def test_a_position_is_guarded_in_full_or_not(stop: VenueOrder | None, bare: bool) -> None:
    """A stop at the venue guards as much as it closes; a limit order guards nothing."""
    shown = seen(position(2), *([stop] if stop else []))
    assert bool(rules.unguarded(shown)) is bare
    assert not rules.unguarded(seen(position(2, stop_loss=Decimal(90))))


def test_absence_is_proven_as_the_venue_states_and_no_sooner() -> None:
    """Two complete looks a second apart here; where a venue states no proof, never."""
    flight = rules.Flight(
        cl_ord_id=ClOrdID("g1-1"), key=(GOLD, ""), side=Side.SELL, quantity=Decimal(1),
        held=Decimal(1), asked_at=Instant(0),
    )  # fmt: skip

    def look(at: int, venue: Capabilities = NETTING) -> bool:
        return rules.proven_absent(flight, Instant(at), Instant(at), venue)

    assert not look(10 * SECOND)
    assert not look(10 * SECOND + 1)
    assert look(11 * SECOND)
    never = type(NETTING)(absence_proof="never", absence_after_ns=SECOND)
    assert not any(look(n * SECOND, never) for n in range(20, 90))


def test_where_a_close_too_many_would_open() -> None:
    """Netting without reduce-only can flip; an id or reduce-only holds a close to closing."""
    assert rules.can_flip(PositionMode.NETTING, FLIPS)
    assert not rules.can_flip(PositionMode.NETTING, NETTING)
    assert not rules.can_flip(PositionMode.HEDGING, FLIPS)
