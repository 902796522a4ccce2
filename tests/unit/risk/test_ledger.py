"""Whatever comes in whatever order, no limit on quantity is ever passed at the venue.

The venue of this test takes, loses, delays and fills as hypothesis says, and judges by its own
ledger: what an account holds there plus every order that the venue may still fill, all of it, on
one side. What the engine believes plays no part in the judgement.
"""

from decimal import Decimal as D
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from bascule.execution.foreign import NOBODY
from bascule.execution.totals import Resting, Sum, Totals
from bascule.model.enums import OrdStatus, OrdType, Side
from bascule.model.intent import Amount, CancelOrders, ClosePosition, ModifyOrder, PlaceOrder
from bascule.model.order import NewOrder
from bascule.model.values import SECOND
from bascule.risk.limits import LOOSEST
from tests.unit.execution.harness import EURUSD, ROOMY, Bench, protection

LARGEST = D(3)
"""The largest order."""
ROOM = D(100)
"""A limit that is in nobody's way."""
LOTS = st.sampled_from([D("0.5"), D("2.5"), D(3), D("3.01"), D(6)])
SIDES = st.sampled_from(list(Side))
STRATEGIES = st.sampled_from(["s", "t"])


class Ledger(RuleBasedStateMachine):
    """Signals, fills, lost answers and looks, in any order."""

    @initialize(
        reduce_only=st.booleans(),
        replaces=st.booleans(),
        splits=st.booleans(),
        tight=st.sampled_from(["book", "account", "together"]),
    )
    def begin(self, reduce_only: bool, replaces: bool, splits: bool, tight: str) -> None:
        """Start with two accounts at one venue, and one limit on positions that is tight."""
        self.book = D(4) if tight == "book" else ROOM
        self.most = D(5) if tight == "account" else ROOM
        self.together = D(7) if tight == "together" else ROOM
        limits = replace(
            ROOMY,
            max_order_qty=LARGEST,
            on_oversize="split" if splits else "reject",
            max_position_qty=self.most,
            max_book_qty=self.book,
            self_match="allow",
        )
        self.bench = Bench(
            "a", "b", limits=limits, route={"pyramiding": 1_000},
            reduce_only=reduce_only, replace=replaces, absence_proof="snapshots",
        )  # fmt: skip
        self.bench.settings.limits["all"] = replace(LOOSEST, max_position_qty=self.together)
        self.bench.begin()
        for name in self.bench.accounts:
            self.bench.look(name)
        self.bench.venue.fills_markets = False
        self.lost = ""
        self.bench.venue.times_out = self._loses

    def _loses(self, order: NewOrder) -> str:
        lost, self.lost = self.lost, ""
        return lost

    # --- what may happen --------------------------------------------------------------------------

    @rule(
        side=SIDES,
        lots=LOTS,
        strategy=STRATEGIES,
        rests=st.booleans(),
        stops=st.booleans(),
        times=st.integers(1, 3),
    )
    def enter(
        self, side: Side, lots: D, strategy: str, rests: bool, stops: bool, times: int
    ) -> None:
        """Signals ask for an entry, now or at a price, with or without a stop, and again."""
        away = D("0.05") * side.sign
        words: dict[str, Any] = {"ord_type": OrdType.LIMIT, "price": D("1.1")} if rests else {}
        if stops:
            words["protection"] = protection(D("1.1") - away)
        intent = PlaceOrder(symbol=EURUSD, side=side, quantity=Amount(lots), label="e", **words)
        for _ in range(times):
            self.bench.say(intent, strategy=strategy)

    @rule(strategy=STRATEGIES, part=st.sampled_from([None, D("0.5")]))
    def close(self, strategy: str, part: D | None) -> None:
        """A signal closes, all or half."""
        self.bench.say(ClosePosition(symbol=EURUSD, fraction=part), strategy=strategy)

    @rule(strategy=STRATEGIES)
    def cancel(self, strategy: str) -> None:
        """A signal asks its entries back."""
        self.bench.say(CancelOrders(symbol=EURUSD), strategy=strategy)

    @rule(strategy=STRATEGIES, lots=LOTS)
    def change(self, strategy: str, lots: D) -> None:
        """A signal asks for another size of its one working entry."""
        self.bench.say(ModifyOrder(symbol=EURUSD, quantity=Amount(lots)), strategy=strategy)

    @rule(how=st.sampled_from(["", "", "before", "after"]))
    def carry(self, how: str) -> None:
        """What was asked for goes out; the answer to the next order may be lost on either way."""
        self.lost = how
        self.bench.carry()

    @precondition(lambda self: self.bench.post)
    @rule(index=st.integers(0, 30))
    def hear(self, index: int) -> None:
        """Something that the venue said arrives, in any order."""
        self.bench.deliver(index % len(self.bench.post))

    @rule(index=st.integers(0, 30), share=st.sampled_from([D("0.01"), D("0.5"), D(100)]))
    def fill(self, index: int, share: D) -> None:
        """The venue fills a working order, in part or all of it."""
        live = [name for name, order in self.bench.venue.orders.items() if order.live]
        if live:
            name = live[index % len(live)]
            left = self.bench.venue.orders[name].leaves
            self.bench.venue.fill(name, min(share, left))

    @rule(account=st.sampled_from(["a", "b"]), ns=st.sampled_from([SECOND, 60 * SECOND]))
    def look(self, account: str, ns: int) -> None:
        """Time passes, and the engine looks at all that the venue shows."""
        self.bench.wait(ns)
        while self.bench.post:
            self.bench.deliver()
        self.bench.look(account)

    @rule()
    def restart(self) -> None:
        """The process dies; what it had asked for and not sent is lost, what it had sent is not."""
        self.bench.post.clear()
        self.bench.begin()
        for name in self.bench.accounts:
            self.bench.look(name)

    # --- what must hold ---------------------------------------------------------------------------

    @invariant()
    def no_limit_is_passed_at_the_venue(self) -> None:
        """Each account within its limit and all of them within theirs, if everything fills."""
        if not hasattr(self, "bench"):
            return
        for side in Side:
            worst = [self._worst(name, side) for name in self.bench.accounts]
            assert max(worst) <= self.most, (side, worst)
            assert sum(worst) <= self.together, (side, worst)
            for name in self.bench.accounts:
                for strategy in ("s", "t"):
                    assert self._entries(name, side, strategy) <= self.book

    def _worst(self, account: str, side: Side) -> D:
        """What an account holds on a side, and what its entries there may still add.

        An order that the venue has not seen is one that the engine may yet send.
        """
        held = self.bench.venue.net.get((account, f"{EURUSD}.x"), D(0)) * side.sign
        known = self.bench.state.accounts[account]
        open_there = D(0)
        for name, order in self.bench.venue.orders.items():
            ours = known.order(name)
            if order.live and order.new.account == account and order.new.side is side:
                assert ours is not None
                open_there += order.leaves if ours.leg == "e" else D(0)
        unseen = sum(
            (
                order.quantity
                for name, order in known.orders.items()
                if name not in self.bench.venue.orders
                and order.leg == "e"
                and order.side is side
                and order.status is OrdStatus.NEW_REQUESTED
            ),
            D(0),
        )
        return max(held, D(0)) + open_there + unseen

    def _entries(self, account: str, side: Side, strategy: str) -> D:
        """What one strategy's entries at the venue may still add."""
        known = self.bench.state.accounts[account]
        return sum(
            (
                order.leaves
                for name, order in self.bench.venue.orders.items()
                if order.new.account == account
                and order.new.side is side
                and (ours := known.order(name)) is not None
                and (ours.leg, ours.strategy) == ("e", strategy)
            ),
            D(0),
        )

    @invariant()
    def sums_over_accounts_are_what_summing_all_anew_gives(self) -> None:
        """However few accounts and orders were looked at again after each event."""
        if not hasattr(self, "bench"):
            return
        bench = self.bench
        kept, anew = bench.market.totals, Totals()
        for totals in (kept, anew):
            settings = bench.settings
            totals.refresh(bench.state, settings.accounts, settings.listings, lambda _: NOBODY)
        assert kept.margins == anew.margins
        for symbol, one in kept.sums.items():
            other = anew.sums.get(symbol, Sum(one.quote))
            for name in ("buy", "sell", "worst", "waiting"):
                assert getattr(one, name) == getattr(other, name), name
            for name in ("buyers", "sellers"):
                assert _accounts(getattr(one, name)) == _accounts(getattr(other, name)), name
            for name in ("bids", "asks"):
                assert _orders(getattr(one, name)) == _orders(getattr(other, name)), name
        assert set(anew.sums) <= set(kept.sums)

    @invariant()
    def no_order_is_larger_than_one_may_be(self) -> None:
        """Entries at the venue keep to the largest order."""
        if hasattr(self, "bench"):
            entries = [order for order in self.bench.venue.orders.values()]
            known = self.bench.state.accounts
            for order in entries:
                ours = known[order.new.account].order(order.new.cl_ord_id)
                assert ours is None or ours.leg != "e" or order.quantity <= LARGEST


def _accounts(side: dict[str, dict[str, None]]) -> dict[str, set[str]]:
    """Give who stands on one side, by venue, leaving out venues where nobody does."""
    return {venue: set(names) for venue, names in side.items() if names}


def _orders(side: dict[str, Resting]) -> dict[str, dict[str, tuple[str, D]]]:
    """Give what rests on one side, by venue, leaving out venues where nothing does."""
    return {venue: resting.orders for venue, resting in side.items() if resting.orders}


TestLedger = Ledger.TestCase
TestLedger.settings = settings(
    max_examples=150,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
