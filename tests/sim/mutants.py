"""Planted bugs: each patches one rule out of the engine, and the simulator must notice.

A mutant names its tier and its bound: the number of seeds within which that tier must catch it.
They live here, never in what is shipped. What a mutant patches is the production code, but for
the two that are about the shell around it, which the core tier only models: those patch the model,
and the shell tier has them again on the real thing.
"""

from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from bascule.engine.lanes import Lanes
from bascule.engine.look_rules import LookMemory
from bascule.engine.pacing import TokenBucket
from bascule.execution import (
    fold_orders,
    guards,
    loss,
    loss_watch,
    operators,
    order_table,
    placing,
    plan_entry,
    plan_exit,
    planner,
    planning,
    reconcile,
    reports,
)
from bascule.execution.effects import Submit
from bascule.execution.foreign import NOBODY
from bascule.execution.order_table import Fact
from bascule.execution.state import Order
from bascule.execution.stops import stop_in_force
from bascule.execution.turn import Turn
from bascule.model.enums import ENDED, OrdStatus
from bascule.model.event import IntentRefused, StopCleared, Verdict
from bascule.model.order import Accepted, Unknown
from bascule.model.values import SECOND, ZERO, Instant
from bascule.risk import chain
from bascule.risk.programmes import ledger
from bascule.sim.core.host import Host
from bascule.sim.core.world import TICK
from tests.sim.planting import Mutant, Patch
from tests.sim.story_mutants import STORY_MUTANTS


def _ack_before_fsync() -> list[Patch]:
    def submit(self: Host, signal: Any) -> None:
        before = len(self._replies)
        original(self, signal)
        for _, receipt, said in self._replies[before:]:
            self.watch.acknowledged(receipt, said)

    original = Host.submit
    return [(Host, "submit", submit)]


def _send_before_fsync() -> list[Patch]:
    def sync(self: Host) -> None:
        if self.disk.durable < len(self.disk.rows) and not self.disk.syncing:
            self.release(self.disk.durable, len(self.disk.rows))
        original(self)

    original = Host._sync
    return [(Host, "_sync", sync)]


def _retry_on_timeout() -> list[Patch]:
    def feed(self: Host, given: Any) -> Any:
        events = original(self, given)
        unknown = isinstance(getattr(given, "outcome", None), Unknown)
        if unknown and self.alive and not hasattr(given, "request_id"):
            self._lanes.enqueue([Submit(given.account, given.cl_ord_id)], self.clock.now)
            self._pump()
        return events

    original = Host.feed
    return [(Host, "feed", feed), (Lanes, "_ready", _ready_again)]


def _ready_again(self: Lanes, effect: Any, order: Order, now: Instant) -> Any:
    from bascule.engine.lanes import new_order

    return new_order(order, self._settings)


def _recovery_resends() -> list[Patch]:
    def start(self: Host) -> None:
        original(self)
        for account in self.state.accounts.values():
            for name in account.orders:
                self._lanes.enqueue([Submit(account.id, name)], self.clock.now)
        self._mine(SECOND, self._pump)

    original = Host.start
    return [(Host, "start", start), (Lanes, "_ready", _ready_again)]


def _recovery_forgets_doubt() -> list[Patch]:
    def learn(turn: Any, account: Any, order: Any, fact: Fact, **more: Any) -> None:
        if more.get("reason") != "restart":
            original(turn, account, order, fact, **more)

    original = reports.learn
    return [(operators, "learn", learn)]


def entered_twice() -> list[Patch]:
    """Under another name, so that nothing but the cause tells that it is the same."""

    def place(turn: Any, draft: Any) -> Any:
        name = original(turn, draft)
        if name is not None and draft.leg == "e" and draft.after is None:
            original(turn, replace(draft, attempt=1))
        return name

    original = placing.place
    return [(plan_entry, "place", place)]


def _timeout_means_rejected() -> list[Patch]:
    def outcome(turn: Any, account: Any, name: Any, answer: Any) -> None:
        if isinstance(answer, Unknown):
            order = turn.state.accounts[account].order(name)
            if order is not None:
                reports.learn(
                    turn, turn.state.accounts[account], order, Fact.REJECTED, reason="timeout"
                )
                return
        original(turn, account, name, answer)

    from bascule.execution import decide

    original = reports.on_submit_outcome
    return [(decide, "on_submit_outcome", outcome)]


def _drop_doubt_from_exposure() -> list[Patch]:
    plain = Order.leaves.fget  # type: ignore[attr-defined]

    def leaves(self: Order) -> Decimal:
        return ZERO if self.status is OrdStatus.IN_DOUBT else plain(self)

    return [(Order, "leaves", property(leaves))]


def _replace_counts_new_only() -> list[Patch]:
    def leaves(self: Order) -> Decimal:
        if self.status in ENDED:
            return ZERO
        total = self.quantity if self.pending_qty is None else self.pending_qty
        return max(total - self.cum_qty, ZERO)

    return [(Order, "leaves", property(leaves))]


def _skip_latch() -> list[Patch]:
    def stop(self: Lanes, spec: Any, strategy: str) -> Any:
        return stop_in_force(self._state, spec, strategy)

    return [(Lanes, "_stop", stop)]


def _fill_dedupe_by_price() -> list[Patch]:
    def trade(turn: Any, account: Any, order: Any, report: Any, *rest: Any) -> None:
        if order is not None and any(
            fill.price == report.last_price for fill in order.fills.values()
        ):
            return
        original(turn, account, order, report, *rest)

    original = reports._on_trade
    return [(reports, "_on_trade", trade)]


def _no_fill_dedupe() -> list[Patch]:
    def trade(turn: Any, account: Any, order: Any, report: Any, *rest: Any) -> None:
        account.exec_ids.pop(report.exec_id, None)
        if order is not None:
            order.fills.pop(report.exec_id, None)
        original(turn, account, order, report, *rest)

    original = reports._on_trade
    return [(reports, "_on_trade", trade)]


def fill_at_another_price() -> list[Patch]:
    """Count each fill a tick beside its price."""

    def trade(turn: Any, account: Any, order: Any, report: Any, *rest: Any) -> None:
        told = replace(report, last_price=report.last_price + TICK)
        original(turn, account, order, told, *rest)

    original = reports._on_trade
    return [(reports, "_on_trade", trade)]


def _late_fill_dropped() -> list[Patch]:
    def trade(turn: Any, account: Any, order: Any, report: Any, *rest: Any) -> None:
        if order is None or order.live:
            original(turn, account, order, report, *rest)

    original = reports._on_trade
    return [(reports, "_on_trade", trade)]


def _overfill_dropped() -> list[Patch]:
    def trade(turn: Any, account: Any, order: Any, report: Any, *rest: Any) -> None:
        if order is not None and order.cum_qty + report.last_qty > order.quantity:
            return
        original(turn, account, order, report, *rest)

    original = reports._on_trade
    return [(reports, "_on_trade", trade)]


def _foreign_fill_dropped() -> list[Patch]:
    return [(reports, "_foreign_trade", _nothing)]


def _nothing(*args: Any, **more: Any) -> None:
    """Do nothing at all."""


def _bust_ignored() -> list[Patch]:
    return [(reports, "_on_correction", _nothing)]


def _cells(**cells: Any) -> list[Patch]:
    return [(order_table, "TABLE", {**order_table.TABLE, **cells.pop("cells")})]


def _backwards() -> list[Patch]:
    return _cells(
        cells={
            (status, Fact.NEW): OrdStatus.WORKING
            for status in (OrdStatus.FILLED, OrdStatus.CANCELED, OrdStatus.EXPIRED)
        }
    )


def _nothing_asked_after() -> list[Patch]:
    from bascule.sim.core import host

    return [(host, "to_ask_after", lambda account, shown: [])]


def _cancels_starve() -> list[Patch]:
    def take(self: TokenBucket, now: int, *, entry: bool) -> bool:
        return entry and original(self, now, entry=entry)

    original = TokenBucket.take
    wait = (TokenBucket, "wait_ns", lambda self, *, entry: SECOND)
    return [(TokenBucket, "take", take), wait]


def _forget_sibling() -> list[Patch]:
    def requested(account: Any, event: Any) -> None:
        original(account, event)
        order = account.orders.get(event.cl_ord_id)
        guard = account.guards.get(order.parent) if order is not None else None
        if guard is not None and event.cl_ord_id in guard.children:
            guard.children.remove(event.cl_ord_id)

    from bascule.execution import evolve
    from bascule.model import event as ev

    original = fold_orders.cancel_requested
    folds = {**evolve._FOLDS, ev.CancelRequested: evolve._on_account(requested)}
    return [(evolve, "_FOLDS", folds)]


def _cancel_accepted_is_canceled() -> list[Patch]:
    def outcome(turn: Any, account: Any, name: Any, request: Any, answer: Any) -> None:
        order = turn.state.accounts[account].order(name)
        if isinstance(answer, Accepted) and order is not None and order.pending == "cancel":
            reports.learn(turn, turn.state.accounts[account], order, Fact.CANCELED, reason="asked")
        original(turn, account, name, request, answer)

    from bascule.execution import decide

    original = reports.on_change_outcome
    return [(decide, "on_change_outcome", outcome)]


def _absent_at_once() -> list[Patch]:
    def absent(self: Any, account: Any, capabilities: Any, lookups: Any, *times: Any) -> Any:
        return tuple(name for name, shown in lookups.items() if shown is None)

    return [(LookMemory, "absent", absent)]


def _not_open_means_absent() -> list[Patch]:
    """An order in doubt may have filled, too, where the venue shows it no more."""

    def look(turn: Any, given: Any) -> None:
        account = turn.state.accounts[given.account]
        shown = {order.cl_ord_id for order in given.orders}
        for order in list(account.orders.values()):
            since = turn.at - order.doubted_at
            unseen = order.cl_ord_id not in shown and since > 5 * SECOND
            if order.status is OrdStatus.IN_DOUBT and unseen:
                reports.learn(turn, account, order, Fact.ABSENT, reason="absent")
        original(turn, given)

    from bascule.execution import decide
    from bascule.execution import inputs as inp

    original = reconcile.on_look
    return [(decide, "_DECIDERS", {**decide._DECIDERS, inp.Looked: look})]


def _partial_look_counts() -> list[Patch]:
    def look(turn: Any, given: Any) -> None:
        original(turn, replace(given, complete=True))

    from bascule.execution import decide
    from bascule.execution import inputs as inp

    original = reconcile.on_look
    return [(decide, "_DECIDERS", {**decide._DECIDERS, inp.Looked: look})]


def _look_beats_news() -> list[Patch]:
    return [(reconcile, "_heard_since", lambda order, look: False)]


def _short_look_back() -> list[Patch]:
    def since(self: Any, account: Any, now: Instant) -> Instant:
        return Instant(now - 3 * SECOND)

    return [(LookMemory, "fills_from", since)]


def _exits_ignore_each_other() -> list[Patch]:
    def remaining(book: Any) -> Decimal:
        return book.quantity if book is not None else ZERO

    return [(module, "remaining", remaining) for module in (planning, plan_exit)]


def _exit_races_its_stop() -> list[Patch]:
    return [(plan_exit, "exits_are_safe", lambda *args: True)]


def _stop_not_resized() -> list[Patch]:
    def move(duty: Any, child: Any, level: Any, quantity: Any) -> None:
        original(duty, child, level, None if child.leg == "s" else quantity)

    original = guards._move
    return [(guards, "_move", move)]


def _stop_forgotten() -> list[Patch]:
    def tend(duty: Any, wanted: Decimal) -> None:
        if not duty.guard.made.get("s"):
            original(duty, wanted)

    original = guards._tend_stop
    return [(guards, "_tend_stop", tend)]


def _exit_waits_for_ever() -> list[Patch]:
    return [(guards, "_leaving", lambda duty: ZERO)]


def _resend_acted_on() -> list[Patch]:
    return [(planner, "_answer_resend", lambda turn, name, signal: False)]


def _without(code: str) -> list[Patch]:
    """Take a check out of the chain."""
    left = {
        name: tuple(check for check in getattr(chain, name) if check.code != code)
        for name in ("CHECKS", "_CLOSING", "_REDUCING")
    }
    return [(chain, name, checks) for name, checks in left.items()]


def _limit_on_held_only() -> list[Patch]:
    def run(proposal: Any) -> Verdict:
        return original.run(replace(proposal, open_buy=ZERO, open_sell=ZERO))

    original = next(check for check in chain.CHECKS if check.code == "position_limit")
    changed = replace(original, run=run)
    checks = tuple(changed if check is original else check for check in chain.CHECKS)
    return [(chain, "CHECKS", checks)]


def _stale_sent() -> list[Patch]:
    def ready(self: Lanes, effect: Any, order: Order, now: Instant) -> Any:
        return original(self, effect, order, Instant(0))

    original = Lanes._ready
    return [(Lanes, "_ready", ready)]


def _refused_in_silence() -> list[Patch]:
    return [(placing, "_refuse", _nothing)]


def _refused_without_reason() -> list[Patch]:
    def emit(self: Turn, event: Any) -> None:
        original(self, replace(event, text="") if isinstance(event, IntentRefused) else event)

    original = Turn.emit
    return [(Turn, "emit", emit)]


def _state_beside_the_journal() -> list[Patch]:
    def aftermath(turn: Any, account: Any, order: Any) -> None:
        account.last_fill_at = turn.at
        original(turn, account, order)

    original = reports.aftermath
    return [(reports, "aftermath", aftermath)]


def _reset_in_the_wrong_zone() -> list[Patch]:
    def strike(clock: Any, after: Instant) -> Instant:
        return original(replace(clock, tz="UTC"), after)

    original = ledger.next_instant
    return [(ledger, "next_instant", strike)]


def _locked_for_a_day() -> list[Patch]:
    """A lock lasts from now for a day, whatever the firm's hour is."""
    return [(loss_watch, "next_reset", lambda rules, after: None)]


def _commission_left_out() -> list[Patch]:
    def count(turn: Any, watch: Any, name: str, book: Any, made: Decimal) -> Any:
        before = watch.counted.get(name, loss._NOTHING)
        free = replace(before, commission=book.commission)
        watch.counted[name] = free
        return original(turn, watch, name, book, made)

    original = loss._count
    return [(loss, "_count", count)]


def _open_loss_left_out() -> list[Patch]:
    def by_prices(turn: Any, account: Any, watch: Any, told: Any) -> Any:
        marked = original(turn, account, watch, told)
        return replace(marked, equity=marked.balance)

    original = loss._by_prices
    return [(loss, "_by_prices", by_prices)]


def _fees_forgotten() -> list[Patch]:
    """The venue's word on money is believed once, and never again."""

    def take(turn: Any, account: Any, watch: Any, *rest: Any) -> None:
        if watch.snapshot is None:
            original(turn, account, watch, *rest)

    original = loss.take_snapshot
    return [(loss_watch, "take_snapshot", take)]


def _lock_lifted_at_restart() -> list[Patch]:
    def begin(turn: Any, given: Any) -> None:
        original(turn, given)
        for scope, stop in list(turn.state.stops.items()):
            if stop.code == loss_watch.CODE:
                turn.emit(StopCleared(at=turn.at, scope=scope, by="restart", reason="restart"))

    from bascule.execution import decide
    from bascule.execution import inputs as inp

    original = operators.begin
    return [(decide, "_DECIDERS", {**decide._DECIDERS, inp.EngineBegan: begin})]


def _peak_forgotten_at_restart() -> list[Patch]:
    """A restart opens the books anew: the floor trails from the start again."""

    def watch_of(turn: Any, account: Any, spec: Any) -> Any:
        fresh = account.id not in turn.market.watches
        watch = plain(turn, account, spec)
        ledger = watch.ledger if fresh and watch is not None else None
        if ledger is not None and ledger.floor is not None and ledger.high > ledger.balance:
            floor = ledger.floor - (ledger.high - ledger.balance)
            watch.ledger = replace(ledger, high=ledger.balance, floor=floor, locked=False)
        return watch

    plain = loss.watch_of
    return [(module, "watch_of", watch_of) for module in (loss, loss_watch)]


def _no_loss_check() -> list[Patch]:
    codes = ("daily_loss", "max_drawdown", "worst_loss")
    left = tuple(check for check in chain.CHECKS if check.code not in codes)
    return [(chain, "CHECKS", left)]


def _loss_closes_nothing() -> list[Patch]:
    return [(loss_watch, "_lock", _nothing)]


def _loss_seen_at_looks_only() -> list[Patch]:
    return [(loss_watch, "_on_quote", _nothing), (loss_watch, "watch_all", _nothing)]


def _loss_counted_twice() -> list[Patch]:
    def apart(watch: Any, snapshot: Any, ours: Any, known: Any) -> Decimal:
        return min(snapshot.equity - ours.equity, ZERO)

    return [(loss, "_apart", apart), (loss, "_compare_costs", lambda *args: True)]


MUTANTS = (
    Mutant("ack_before_fsync", "a sender's 2xx before the disk has it", _ack_before_fsync),
    Mutant("send_before_fsync", "an order leaves before the disk has it", _send_before_fsync),
    Mutant("retry_on_timeout", "a time-out sends the order again", _retry_on_timeout),
    Mutant("entered_twice", "an entry goes out under two names", entered_twice),
    Mutant("timeout_means_rejected", "a time-out ends the order", _timeout_means_rejected),
    Mutant("recovery_resends", "a restart sends what has no outcome", _recovery_resends),
    Mutant("recovery_forgets_doubt", "a restart doubts nothing", _recovery_forgets_doubt),
    Mutant("drop_doubt_from_exposure", "doubt counts nothing", _drop_doubt_from_exposure),
    Mutant("replace_counts_new_only", "a replace counts its new size", _replace_counts_new_only),
    Mutant("skip_latch", "the latch is not read before a send", _skip_latch),
    Mutant("fill_dedupe_by_price", "a second fill at a price is dropped", _fill_dedupe_by_price),
    Mutant("no_fill_dedupe", "a fill told twice counts twice", _no_fill_dedupe),
    Mutant("other_price", "a fill counts at another price", fill_at_another_price),
    Mutant("late_fill_dropped", "a fill after the end is dropped", _late_fill_dropped),
    Mutant("overfill_dropped", "a fill beyond the size is dropped", _overfill_dropped),
    Mutant("foreign_fill_dropped", "a hand's fill is dropped", _foreign_fill_dropped),
    Mutant("bust_ignored", "a fill taken back stays", _bust_ignored),
    Mutant("late_report_backwards", "a late report wakes an ended order", _backwards),
    Mutant("nothing_asked_after", "a look asks after no order by its id", _nothing_asked_after),
    Mutant("cancels_starve", "entries use up the pace of cancels", _cancels_starve),
    Mutant("forget_sibling", "a stop is forgotten once its cancel is asked", _forget_sibling),
    Mutant("cancel_taken_is_done", "a cancel taken is a cancel done", _cancel_accepted_is_canceled),
    Mutant("absent_at_once", "one look that lacks it proves absence", _absent_at_once),
    Mutant("not_open_is_absent", "what is not open never lived", _not_open_means_absent),
    Mutant("partial_look_counts", "a look that lacks a page counts", _partial_look_counts),
    Mutant("look_beats_news", "an old look beats younger news", _look_beats_news),
    Mutant("short_look_back", "looks ask for the last three seconds", _short_look_back),
    Mutant("exits_ignore_each_other", "exits under way count nothing", _exits_ignore_each_other),
    Mutant("exit_races_its_stop", "an exit does not wait for its stop", _exit_races_its_stop),
    Mutant("stop_not_resized", "a stop does not follow its fills", _stop_not_resized),
    Mutant("stop_forgotten", "a stop that ended is not made anew", _stop_forgotten),
    Mutant("exit_waits_for_ever", "a stop comes back under a waiting exit", _exit_waits_for_ever),
    Mutant("resend_acted_on", "a resend is a new signal", _resend_acted_on),
    Mutant("halt_lets_pass", "the check of stops is missing", lambda: _without("halted")),
    Mutant("no_order_size", "no check of order size", lambda: _without("max_order_size")),
    Mutant("no_instruments", "no check of instruments", lambda: _without("instrument_not_allowed")),
    Mutant("no_book_limit", "no limit of a book", lambda: _without("book_limit")),
    Mutant(
        "hands_count_nowhere",
        "what a hand has working takes no room of any limit",
        lambda: [(Turn, "foreign", lambda self, account: NOBODY)],
    ),
    Mutant("no_account_limit", "no sum of contracts", lambda: _without("account_position_limit")),
    Mutant("limit_on_held_only", "open orders count in no limit", _limit_on_held_only),
    Mutant("stale_sent", "an order that went stale in its queue is sent", _stale_sent),
    Mutant("refused_in_silence", "an order is refused and nobody is told", _refused_in_silence),
    Mutant("no_reason", "an intent is refused, and nobody says why", _refused_without_reason),
    Mutant("state_beside_journal", "a decision changes state by itself", _state_beside_the_journal),
    Mutant("reset_in_wrong_zone", "a firm's day ends by UTC", _reset_in_the_wrong_zone),
    Mutant("locked_for_a_day", "a lock lasts a day, not to the firm's hour", _locked_for_a_day),
    Mutant("commission_left_out", "commissions are no loss", _commission_left_out),
    Mutant("open_loss_left_out", "a loss counts once it is closed", _open_loss_left_out),
    Mutant("fees_forgotten", "the venue's money is read once", _fees_forgotten),
    Mutant(
        "lock_lifted_at_restart", "a restart lifts the loss watch's lock", _lock_lifted_at_restart
    ),
    Mutant("peak_forgotten", "a restart forgets the floor's peak", _peak_forgotten_at_restart),
    Mutant("loss_closes_nothing", "the line that flattens is passed over", _loss_closes_nothing),
    Mutant("loss_seen_at_looks", "no price moves the loss", _loss_seen_at_looks_only),
    Mutant("loss_counted_twice", "a move counts with the venue's word too", _loss_counted_twice),
    Mutant("no_loss_check", "no check of losses", _no_loss_check),
    Mutant("no_news_check", "no check of releases", lambda: _without("news_blackout")),
    Mutant("no_flat_check", "no check of flat hours", lambda: _without("flat_window")),
    Mutant("no_firm_size", "no check of a firm's size", lambda: _without("programme_size")),
    Mutant(
        "no_portfolio_limit", "no limit over accounts", lambda: _without("portfolio_position_limit")
    ),
    Mutant(
        "requests_uncounted", "no count of a day's requests", lambda: _without("requests_per_day")
    ),
    *STORY_MUTANTS,
)
