"""What holds of a broker after any sequence of commands and prices."""

from collections import defaultdict
from decimal import Decimal
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from bascule.model.enums import ExecType, OrdType, PositionMode, Side, TimeInForce
from bascule.model.instrument import Quote
from bascule.model.order import ExecutionReport, Outcome
from bascule.model.values import SECOND, Instant
from tests.unit.venues.house import GOLD, LOGIN, House, account, gold

D = Decimal
PHASES = (Phase.explicit, Phase.generate, Phase.shrink)
LIMITS = (OrdType.LIMIT, OrdType.STOP_LIMIT)

_away = st.integers(1, 8)
_orders = st.fixed_dictionaries(
    {
        "side": st.sampled_from(Side),
        "size": st.integers(1, 6),
        "kind": st.sampled_from(("market", "market", "limit", "stop", "stop_limit", "trail")),
        "away": st.integers(-2, 6),
        "reduce": st.sampled_from((False, False, True)),
        "held": st.integers(0, 3),
        "time_in_force": st.sampled_from(
            (*[TimeInForce.GTC] * 5, TimeInForce.IOC, TimeInForce.FOK)
        ),
    },
    optional={"stop_loss": _away, "take_profit": _away},
)
_steps = st.one_of(
    st.tuples(st.just("order"), _orders),
    st.tuples(st.just("order"), _orders),
    st.tuples(st.just("quote"), st.tuples(st.integers(-9, 9), st.integers(0, 4))),
    st.tuples(st.just("quote"), st.tuples(st.integers(-9, 9), st.integers(0, 4))),
    st.tuples(st.just("quote"), st.tuples(st.integers(-9, 9), st.integers(0, 4))),
    st.tuples(st.just("cancel"), st.integers(1, 12)),
    st.tuples(
        st.just("replace"),
        st.fixed_dictionaries(
            {"number": st.integers(1, 12)},
            optional={
                "price": st.integers(-6, 6),
                "quantity": st.integers(1, 6),
                "stop_loss": st.integers(-8, 8),
                "take_profit": st.integers(-8, 8),
                "drop_stop_loss": st.booleans(),
            },
        ),
    ),
    st.tuples(st.just("wait"), st.integers(1, 4)),
    st.tuples(st.just("bust"), st.integers(0, 5)),
    st.tuples(st.just("hand"), st.sampled_from(Side)),
)


class Watched:
    """A house whose every report is checked as it comes."""

    def __init__(self, mode: PositionMode, *, slow: bool) -> None:
        delay = 10**9 if slow else 0
        self.house = House(
            gold(levels=2, slippage_ticks=1),
            account_terms=account(mode=mode, commission_per_lot=Decimal("0.3")),
            fill_delay_ns=delay,
            cancel_delay_ns=delay,
        )
        self.house.arm("partial_fills", probability=0.3, share=0.5)
        self.house.quote(100, 102)
        self.orders: dict[str, Any] = {}
        self.limits: dict[str, Decimal | None] = {}
        self.positions: dict[str, Decimal] = defaultdict(Decimal)
        self.cash = Decimal(0)
        self.legs: dict[str, Decimal] = defaultdict(Decimal)
        self.bought: dict[str, Decimal] = defaultdict(Decimal)
        self.exec_ids: set[str] = set()
        self.outcomes: list[Outcome] = []
        self.bid = 100

    def check(self) -> None:
        """Hold every report and the state after it to the promises."""
        for report in self.house.told():
            self._check_report(report)
        held = {key: held.quantity for key, held in self.house.books.positions.items()}
        assert held == {key: qty for key, qty in self.positions.items() if qty}
        self._check_money()
        for order in self.house.working:
            assert 0 <= order.cum_qty < order.quantity
            if order.leg:
                key = order.position_id or order.venue_symbol
                assert self.positions[key] * order.side.sign < 0, "a leg guards something"
                left = self.bought[order.parent or ""] - self.legs[order.parent or ""]
                assert order.quantity - order.cum_qty <= left, "a leg guards what is left"

    def _check_report(self, report: ExecutionReport) -> None:
        assert report.exec_id not in self.exec_ids
        self.exec_ids.add(report.exec_id)
        number = report.venue_order_id
        if report.exec_type in (ExecType.NEW, ExecType.REPLACED):
            self.limits[number] = report.price
            self.orders.setdefault(
                number, self.house.broker.floor.record.find(LOGIN, venue_order_id=number)
            )
        if report.exec_type not in (ExecType.TRADE, ExecType.TRADE_CANCEL):
            return
        key = report.position_id or report.venue_symbol
        signed = report.last_qty * report.side.sign
        if report.exec_type is ExecType.TRADE_CANCEL:
            signed = -signed
        else:
            self._check_trade(report, self.positions[key])
        self.positions[key] += signed
        self.cash -= signed * report.last_price

    def _check_trade(self, report: ExecutionReport, before: Decimal) -> None:
        order, limit = self.orders[report.venue_order_id], self.limits[report.venue_order_id]
        assert report.cum_qty is not None and report.order_qty is not None
        assert report.cum_qty <= report.order_qty
        if order.ord_type in LIMITS and limit is not None:
            assert (report.last_price - limit) * report.side.sign <= 0, "outside its limit"
        if order.guards:
            assert before * report.side.sign < 0, "it may only close"
            assert abs(before) >= report.last_qty, "it may not open"
        if report.parent:
            self.legs[report.parent] += report.last_qty
            assert self.legs[report.parent] <= self.bought[report.parent], "both legs filled"
        elif report.cl_ord_id:
            self.bought[report.cl_ord_id] += report.last_qty

    def _check_money(self) -> None:
        house = self.house
        posted = sum((posting.amount for posting in house.ledger.postings), Decimal(0))
        assert house.books.balance == posted
        costs = sum((p.amount for p in house.ledger.postings if p.kind != "realized"), Decimal(0))
        quote = house.broker.floor.quotes["GOLD"]
        worth = sum(
            (qty * (quote.bid if qty > 0 else quote.ask) for qty in self.positions.values()),
            Decimal(0),
        )
        equity = house.broker.answers.account(LOGIN, house.now).equity
        rounding = Decimal("0.01") * (len(self.exec_ids) + len(self.positions) + 1)
        assert abs(equity - (costs + self.cash + worth)) <= rounding

    def step(self, kind: str, what: Any) -> None:
        """Do one thing; refusals are fine, they are outcomes too."""
        house = self.house
        if kind == "order":
            self._order(**what)
        elif kind == "quote":
            move, size = what
            self.bid = max(self.bid + move, 30)
            house.broker.quote(
                Quote(GOLD, D(self.bid), D(self.bid + 2), house.now, D(size), D(size)), house.now
            )
        elif kind == "cancel":
            house.cancel(f"c{what}")
        elif kind == "replace":
            words = dict(what)
            for name in ("price", "stop_loss", "take_profit"):
                if name in words:
                    words[name] += self.bid
            house.replace(f"c{words.pop('number')}", **words)
        elif kind == "wait":
            house.now = Instant(house.now + what * SECOND)
            house.broker.advance(house.now)
        elif kind == "hand":
            house.broker.hand.trade(LOGIN, "GOLD", what, D(2), house.now)
        else:
            fills = house.broker.answers.fills_since(LOGIN, Instant(0))
            if what < len(fills):
                house.broker.hand.bust(LOGIN, fills[what].exec_id, house.now)

    def _order(
        self, *, side: Side, size: int, kind: str, away: int, reduce: bool, held: int, **words: Any
    ) -> None:
        house, positions = self.house, list(self.house.books.positions.values())
        if reduce and positions:
            position = positions[held % len(positions)]
            side = Side.SELL if position.quantity > 0 else Side.BUY
            size = min(size, int(abs(position.quantity)))
            words = {"time_in_force": words["time_in_force"], "reduce_only": True}
            if house.books.hedging:
                words["position_id"] = position.key
        entry = self.bid + 2 if side is Side.BUY else self.bid
        if kind == "limit":
            entry -= away * side.sign
            words["price"] = entry
        elif kind in ("stop", "stop_limit"):
            entry += away * side.sign
            words["stop_price"] = entry
            if kind == "stop_limit":
                words["price"] = entry + side.sign
        elif kind == "trail":
            words["trail_distance"] = abs(away) + 1
        for name, toward in (("stop_loss", -side.sign), ("take_profit", side.sign)):
            if name in words:
                words[name] = entry + words[name] * toward
        self.outcomes.append(house.send(house.order(side, size, **words)))


@settings(max_examples=150, phases=PHASES)
@given(
    mode=st.sampled_from(PositionMode),
    slow=st.booleans(),
    steps=st.lists(_steps, min_size=30, max_size=60),
)
def test_no_sequence_breaks_the_promises(
    mode: PositionMode, slow: bool, steps: list[tuple[str, Any]]
) -> None:
    """Position is the sum of fills, money adds up, limits hold, guards only close, OCO is one."""
    watched = Watched(mode, slow=slow)
    for kind, what in steps:
        watched.step(kind, what)
        watched.check()


@settings(max_examples=40, phases=PHASES)
@given(steps=st.lists(_steps, min_size=8, max_size=40), cut=st.integers(1, 30))
def test_a_restart_changes_nothing(steps: list[tuple[str, Any]], cut: int) -> None:
    """A broker that starts again on its ledger shows the same orders, positions and money."""
    watched = Watched(PositionMode.NETTING, slow=True)
    for kind, what in steps[:cut]:
        watched.step(kind, what)
    house = watched.house
    house.told()
    quote = house.broker.floor.quotes["GOLD"]
    before = (house.working, house.books.balance, dict(house.books.positions))
    house.open()
    house.broker.floor.quotes["GOLD"] = quote
    assert (house.working, house.books.balance, dict(house.books.positions)) == before
