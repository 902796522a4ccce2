"""Fold one journaled fact into the state. Cannot refuse, and cannot fail on a valid journal.

The fold changes the state in place: one thread owns it, and a copy a event would cost more than
deciding. Recovery, the console and the simulator all come through here.
"""

from collections.abc import Callable

from msgspec.structs import replace

from bascule.execution import fold_counts as counts
from bascule.execution import fold_orders as orders
from bascule.execution.fold_ideas import stretched
from bascule.execution.positions import adopt, foreign_fill
from bascule.execution.state import (
    FOREIGN_ORDERS_MAX,
    RESULTS_MAX,
    SIGNAL_KEYS_MAX,
    AccountState,
    ForeignOrder,
    SignalKey,
    State,
    Stop,
    body_key,
)
from bascule.model import event as ev
from bascule.model.enums import StopMode
from bascule.model.ledger import DayResult, Scale
from bascule.model.values import ZERO

_Fold = Callable[[State, ev.Event], None]


def evolve(state: State, event: ev.Event) -> None:
    """Apply one journaled fact to the state, in place."""
    if event.at > state.clock:
        state.clock = event.at
    _FOLDS[type(event)](state, event)  # type: ignore[operator]


# --- the installation ---------------------------------------------------------------------------


def _epoch_started(state: State, event: ev.EpochStarted) -> None:
    state.epoch = event.epoch
    state.signals = 0
    state.refused_signals = 0
    state.reduce_only = event.reduce_only


def _engine_started(state: State, event: ev.EngineStarted) -> None:
    state.version = event.version
    for account in state.accounts.values():
        account.reconciled = False
        account.link_up = False
        orders.set_back(account, event.at)


def _nothing(state: State, event: ev.Event) -> None:
    """Some facts are for people to read and change no state."""


def _account_opened(state: State, event: ev.AccountOpened) -> None:
    known = state.accounts.get(event.account)
    if known is not None:
        known.venue, known.login, known.mode = event.venue, event.login, event.mode
        return
    state.accounts[event.account] = AccountState(
        id=event.account,
        number=event.number,
        venue=event.venue,
        login=event.login,
        mode=event.mode,
        opened_at=event.at,
    )


# --- signals ------------------------------------------------------------------------------------


def _remember_key(state: State, event: ev.SignalAccepted | ev.SignalRefused) -> None:
    # A conflict must not displace the signal that first used the key; a body seen again after
    # its window must.
    if event.key and event.key in state.keys:
        return
    name = event.key
    if not name:
        if event.fired_at is None:
            return
        name = body_key(event.source, event.body_hash)
        state.keys.pop(name, None)
    code = event.code if isinstance(event, ev.SignalRefused) else ""
    state.keys[name] = SignalKey(event.signal, event.body_hash, event.received_at, code)
    if len(state.keys) > SIGNAL_KEYS_MAX:
        del state.keys[next(iter(state.keys))]


def _signal_accepted(state: State, event: ev.SignalAccepted) -> None:
    state.signals += 1
    _remember_key(state, event)


def _signal_refused(state: State, event: ev.SignalRefused) -> None:
    state.signals += 1
    state.refused_signals += 1
    _remember_key(state, event)


def _signal_duplicate(state: State, event: ev.SignalDuplicate) -> None:
    state.signals += 1


# --- accounts, stops, reconciliation --------------------------------------------------------------


def _account_marked(state: State, event: ev.AccountMarked) -> None:
    state.accounts[event.account].money = event.snapshot


def _link_changed(state: State, event: ev.LinkChanged) -> None:
    account = state.accounts[event.account]
    account.link_up = event.up
    if not event.up:
        account.reconciled = False


def _reconcile_passed(state: State, event: ev.ReconcilePassed) -> None:
    account = state.accounts[event.account]
    account.reconciled = account.known = True
    account.agreed_at = event.at
    account.drift.clear()


def _drift_found(state: State, event: ev.DriftFound) -> None:
    state.accounts[event.account].drift[event.symbol] = event.text


def _position_adopted(state: State, event: ev.PositionAdopted) -> None:
    account = state.accounts[event.account]
    adopt(account, event)
    stretched(account, event.symbol, event.at, None, ZERO)


def _foreign_order(state: State, event: ev.ForeignOrderSeen) -> None:
    account = state.accounts[event.account]
    account.foreign_orders[event.venue_order_id] = ForeignOrder(
        event.venue_symbol,
        event.side,
        event.quantity,
        event.price,
        event.stop_price,
        event.symbol,
        event.filled,
        event.reduces,
        event.at,
    )
    if len(account.foreign_orders) > FOREIGN_ORDERS_MAX:
        del account.foreign_orders[next(iter(account.foreign_orders))]


def _foreign_gone(state: State, event: ev.ForeignOrdersGone) -> None:
    account = state.accounts[event.account]
    for number in event.venue_order_ids:
        account.foreign_orders.pop(number, None)


def _ledger_moved(state: State, event: ev.LedgerMoved) -> None:
    account, ledger = state.accounts[event.account], event.ledger
    account.ledger = ledger
    if ledger.day:
        account.results[ledger.day] = DayResult(ledger.profit, ledger.traded)
        if len(account.results) > RESULTS_MAX:
            del account.results[next(iter(account.results))]


def _idle(state: State, event: ev.AccountIdle) -> None:
    state.accounts[event.account].idle_told = event.at


def _phase_recorded(state: State, event: ev.PhaseRecorded) -> None:
    account = state.accounts[event.account]
    account.ledger = account.scale = None
    account.results.clear()


def _scale_recorded(state: State, event: ev.ScaleRecorded) -> None:
    account = state.accounts[event.account]
    account.scale = Scale(event.before, event.after, event.effective_at)


def _foreign_fill(state: State, event: ev.ForeignFill) -> None:
    account = state.accounts[event.account]
    foreign_fill(account, event)
    counts.foreign_filled(account, event)
    orders.uncounted(account, event)
    if event.traded_at > account.last_fill_at:
        account.last_fill_at = event.traded_at
    order = account.foreign_orders.get(event.venue_order_id)
    if order is not None:
        order.filled += -event.quantity if event.undoes else event.quantity
        order.at = event.at
        if order.filled >= order.quantity:
            del account.foreign_orders[event.venue_order_id]


def _stop_set(state: State, event: ev.StopSet) -> None:
    known = state.stops.get(event.scope)
    stop = Stop(event.mode, event.by, event.reason, event.at, event.until, event.code)
    if known is not None and not event.loosens:
        if stop.mode is StopMode.FREEZE:
            stop = replace(stop, under=known if known.mode is StopMode.LOCK else known.under)
        elif stop.mode is StopMode.LOCK and known.mode is StopMode.FREEZE:
            stop = replace(known, under=stop)
    state.stops[event.scope] = stop


def _guardian_acted(state: State, event: ev.GuardianActed) -> None:
    state.guardian_at = max(state.guardian_at, event.done_at)
    state.guardian_seq = event.seq


def _stop_cleared(state: State, event: ev.StopCleared) -> None:
    state.stops.pop(event.scope, None)
    if event.scope == "all":
        state.reduce_only = False
    for account in state.accounts.values():
        for guard in account.guards.values():
            guard.unsent = 0  # what was held back may go at once
    counts.armed(state, event)


def _on_account(
    fold: Callable[[AccountState, ev.Event], None],
) -> _Fold:
    def folded(state: State, event: ev.Event) -> None:
        fold(state.accounts[event.account], event)  # type: ignore[union-attr]

    return folded


def _requested(state: State, event: ev.OrderRequested) -> None:
    state.requests += 1
    account = state.accounts[event.account]
    orders.requested(account, event, state.requests)
    counts.requested(state, account, event)


def _acknowledged(state: State, event: ev.OrderAcknowledged) -> None:
    account = state.accounts[event.account]
    orders.acknowledged(account, event)
    counts.taken(account, event)


def _filled(state: State, event: ev.OrderFilled) -> None:
    account = state.accounts[event.account]
    orders.filled(account, event)
    counts.filled(account, event)


def _ended(state: State, event: ev.OrderEnded) -> None:
    account = state.accounts[event.account]
    orders.ended(account, event)
    counts.ended(account, event)


def _cancel_requested(state: State, event: ev.CancelRequested) -> None:
    account = state.accounts[event.account]
    orders.cancel_requested(account, event)
    counts.changed(state, account, event)


def _replace_requested(state: State, event: ev.ReplaceRequested) -> None:
    account = state.accounts[event.account]
    orders.replace_requested(account, event)
    counts.changed(state, account, event)


def _book_closing(state: State, event: ev.BookClosing) -> None:
    orders.book_closing(state.accounts[event.account], event, state.requests)


_FOLDS: dict[type, object] = {
    ev.EpochStarted: _epoch_started,
    ev.EngineStarted: _engine_started,
    ev.EngineStopped: _nothing,
    ev.AccountOpened: _account_opened,
    ev.SignalAccepted: _signal_accepted,
    ev.SignalRefused: _signal_refused,
    ev.SignalDuplicate: _signal_duplicate,
    ev.IntentRefused: _nothing,
    ev.IntentIdle: _nothing,
    ev.OrderRefused: _on_account(orders.refused),  # type: ignore[arg-type]
    ev.ArmRefused: _nothing,
    ev.GuardianActed: _guardian_acted,
    ev.ReportIgnored: _on_account(orders.uncounted),  # type: ignore[arg-type]
    ev.OrderRequested: _requested,
    ev.AccountMarked: _account_marked,
    ev.LinkChanged: _link_changed,
    ev.ReconcilePassed: _reconcile_passed,
    ev.DriftFound: _drift_found,
    ev.PositionAdopted: _position_adopted,
    ev.ForeignOrderSeen: _foreign_order,
    ev.ForeignOrdersGone: _foreign_gone,
    ev.ForeignFill: _foreign_fill,
    ev.StopSet: _stop_set,
    ev.StopCleared: _stop_cleared,
    ev.LedgerMoved: _ledger_moved,
    ev.LedgerBreached: _nothing,
    ev.GuardTripped: _nothing,
    ev.AccountIdle: _idle,
    ev.CashFlowRecorded: _nothing,
    ev.PhaseRecorded: _phase_recorded,
    ev.ScaleRecorded: _scale_recorded,
    ev.LimitsChanged: counts.limits_changed,
    ev.StrategyApproved: counts.approved,
    ev.BookClosing: _book_closing,
    ev.OrdersSent: orders.sent,
    ev.OrderReleased: _on_account(orders.released),  # type: ignore[arg-type]
    ev.OrderAcknowledged: _acknowledged,
    ev.OrderFilled: _filled,
    ev.FillBusted: _on_account(orders.busted),  # type: ignore[arg-type]
    ev.FillCorrected: _on_account(orders.corrected),  # type: ignore[arg-type]
    ev.OrderEnded: _ended,
    ev.OrderDoubted: _on_account(orders.doubted),  # type: ignore[arg-type]
    ev.OrderResolved: _nothing,
    ev.CancelRequested: _cancel_requested,
    ev.ReplaceRequested: _replace_requested,
    ev.OrderReplaced: _on_account(orders.replaced),  # type: ignore[arg-type]
    ev.ChangeRejected: _on_account(orders.change_rejected),  # type: ignore[arg-type]
    ev.ChildReported: _on_account(orders.child_reported),  # type: ignore[arg-type]
    ev.ProtectionChanged: _on_account(orders.protection_changed),  # type: ignore[arg-type]
}
