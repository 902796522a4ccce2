"""Reconciliation as a property: any venue's history, any prefix of our journal, any look-back.

The history comes from a run of the simulator with all its faults; the journal is cut anywhere,
also where orders that left are not in it (a restored backup). Then the venue is looked at.
"""

from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bascule.engine.look_rules import LookMemory, to_ask_after
from bascule.execution import inputs as inp
from bascule.execution.decide import decide
from bascule.execution.evolve import evolve
from bascule.execution.state import State
from bascule.execution.turn import Market
from bascule.model import event as ev
from bascule.model.enums import OrdStatus
from bascule.model.ids import AccountId
from bascule.model.values import MINUTE, SECOND, Instant
from bascule.sim.core.scenario import scenario_of
from bascule.sim.core.simulation import Simulation

EVIDENCE = (
    ev.OrderFilled,
    ev.ForeignFill,
    ev.FillBusted,
    ev.FillCorrected,
    ev.OrderAcknowledged,
    ev.OrderEnded,
    ev.OrderReplaced,
    ev.ChildReported,
    ev.ForeignOrderSeen,
    ev.PositionAdopted,
    ev.ReportIgnored,
)
UNTOLD = ("bust", "correct", "stale_positions", "hide_order", "unnamed_fill", "reuse_order_id")
"""Faults after which evidence alone cannot bring both sides together in one look."""
AMOUNTS = st.floats(min_value=0, max_value=1, allow_nan=False)


class Desk:
    """An engine that starts on a cut journal, and the venue as its run left it."""

    def __init__(self, seed: int, played: float, kept: float) -> None:
        scenario = scenario_of(seed, tells=False)
        for fault in UNTOLD:
            scenario = scenario.healthier(fault)
        amended = [step.number for step in scenario.steps if step.kind in ("bust", "correct")]
        scenario = scenario.without(*amended)
        self.run = Simulation(scenario)
        self.run.play(int(played * len(scenario.steps)))
        # What was on its way arrives, or never will.
        self.run.host.alive = False
        self.run.clock.run_until(self.run.clock.now + MINUTE)
        rows = self.run.host.disk.rows
        self.rows = rows[: max(int(kept * len(rows)), 1)]
        self.settings = scenario.settings
        self.state, self.market = State(), Market()
        self.memory = LookMemory()
        for event in self.rows:
            evolve(self.state, event)
        self.at = self.run.clock.now
        epoch = "" if self.state.epoch else "new1"
        self.feed(inp.EngineBegan(Instant(self.at), 1, "0", "", "", epoch, epoch))
        for name in self.settings.accounts:
            self.feed(inp.LinkReported(Instant(self.at), name, True, "connected"))

    def feed(self, given: inp.Input) -> list[Any]:
        """Decide one input."""
        return decide(self.state, self.settings, self.market, given)

    def look(self, name: AccountId, **changes: Any) -> list[Any]:
        """Look at an account as the engine would, a while after the look before."""
        self.at += 6 * SECOND
        venue, account = self.run.venue, self.state.accounts[name]
        venue.at = Instant(self.at)
        orders = venue.open_orders(name)
        lookups = {
            order.cl_ord_id: venue.status(name, order.cl_ord_id)
            for order in to_ask_after(account, orders)
        }
        began, now = Instant(self.at - SECOND), Instant(self.at)
        able = self.settings.capabilities[name]
        words: dict[str, Any] = {
            "orders": orders,
            "positions": venue.positions(name),
            "fills": venue.fills_since(name, self.memory.fills_from(account, now)),
            "lookups": lookups,
            "absent": self.memory.absent(account, able, lookups, began, now),
            "began": began,
            "positions_at": now,
        }
        return self.feed(inp.Looked(at=now, account=name, cause="test", **{**words, **changes}))

    def nets(self, name: AccountId) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
        """Give our net positions and the venue's, by our symbol, those that are not zero."""
        exposure = self.state.accounts[name].exposure
        ours = {symbol: one.net for symbol, one in exposure.items() if one.net}
        theirs = {
            self.settings.symbols[name][symbol]: net
            for (owner, symbol), net in self.run.venue.net.items()
            if owner == name and net
        }
        return ours, theirs


def told(events: list[Any]) -> list[Any]:
    """Keep what is evidence of the venue, and not our own next step."""
    return [event for event in events if isinstance(event, EVIDENCE)]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 1_000_000), played=AMOUNTS, kept=AMOUNTS)
def test_one_whole_look_brings_both_sides_together(seed: int, played: float, kept: float) -> None:
    """Positions agree at once, and no entry is sent because of it; the next look has no news."""
    desk = Desk(seed, played, kept)
    for name in desk.settings.accounts:
        events = desk.look(name)
        ours, theirs = desk.nets(name)
        assert ours == theirs
        assert not [e for e in events if isinstance(e, ev.OrderRequested) and e.leg == "e"]
        assert not [e for e in events if isinstance(e, ev.DriftFound)]
        again = [e for e in told(desk.look(name)) if not absent(e)]
        assert again == []


def absent(event: Any) -> bool:
    """Whether an order ended since its absence is proven by now: each look may complete a proof."""
    return isinstance(event, ev.OrderEnded) and event.reason in ("absent", "not_needed")


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 1_000_000), played=AMOUNTS, kept=AMOUNTS)
def test_every_fill_is_counted_once(seed: int, played: float, kept: float) -> None:
    """By its id, however often looks show it: in the journal's prefix, or by a look."""
    desk = Desk(seed, played, kept)
    for name in desk.settings.accounts:
        seen = [*desk.rows, *desk.look(name), *desk.look(name), *desk.look(name)]
        counted = [
            event.exec_id
            for event in seen
            if isinstance(event, ev.OrderFilled | ev.ForeignFill) and event.account == name
        ]
        before = {
            event.report.exec_id
            for event in seen
            if isinstance(event, ev.ReportIgnored) and event.account == name
        }
        assert len(counted) == len(set(counted))
        ledger = {t.shown_id for t in desk.run.venue.trades.values() if t.account == name}
        assert (
            set(counted)
            <= ledger
            <= set(counted) | before | set(desk.state.accounts[name].exec_ids)
        )


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1_000_000), played=AMOUNTS, page=AMOUNTS)
def test_a_look_that_lacks_a_page_ends_nothing(seed: int, played: float, page: float) -> None:
    """It adds what it shows; that it does not show something proves nothing."""
    desk = Desk(seed, played, 1.0)
    for name in desk.settings.accounts:
        venue = desk.run.venue
        orders = venue.open_orders(name)
        fills = venue.fills_since(name, Instant(0))
        events = desk.look(
            name,
            complete=False,
            orders=orders[: int(page * len(orders))],
            fills=fills[: int(page * len(fills))],
            lookups={},
            absent=(),
        )
        ended = [e for e in events if isinstance(e, ev.OrderEnded) and e.reason != "not_needed"]
        assert ended == []
        assert not [e for e in events if isinstance(e, ev.ReconcilePassed | ev.DriftFound)]
        desk.look(name)
        ours, theirs = desk.nets(name)
        assert ours == theirs


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1_000_000), played=AMOUNTS, kept=AMOUNTS)
def test_absence_is_proven_as_the_manifest_states(seed: int, played: float, kept: float) -> None:
    """Never where it says never; else after so many looks, so far apart, that lack the order."""
    desk = Desk(seed, played, kept)
    for name, able in desk.settings.capabilities.items():
        account = desk.state.accounts[name]
        doubted = [
            order.cl_ord_id
            for order in account.orders.values()
            if order.status is OrdStatus.IN_DOUBT
            and (name, order.cl_ord_id) not in desk.run.venue.by_name
        ]
        for count in range(1, able.absence_snapshots + 3):
            desk.look(name)
            left = [one for one in doubted if account.orders.get(one) is not None]
            if able.absence_proof == "never" or count <= able.absence_snapshots - 1:
                assert left == doubted
        if able.absence_proof != "never":
            assert [one for one in doubted if one in account.orders] == []
