"""The folds that count: messages, fills, repeats, rejects, submits in a row, limits, approvals.

What counts orders themselves (exposure, entries of a day) is with the orders. Everything here is
read by the risk layer, and counts at the request: what was asked for counts though it may never
leave.
"""

from decimal import Decimal

from bascule.execution.fold_ideas import stretched
from bascule.execution.state import (
    HOLDS_MAX,
    REPEATS_MAX,
    STRATEGIES_MAX,
    SUBMITS_MAX,
    AccountState,
    Holds,
    LastPrice,
    LimitsInForce,
    Order,
    Rejects,
    Repeats,
    State,
    StrategyState,
    Submits,
)
from bascule.model import event as ev
from bascule.model.enums import OrdStatus
from bascule.model.ids import StrategyId, Symbol
from bascule.model.values import Instant
from bascule.risk.rates import Tally

_STRATEGY = "strategy:"


def strategy_of(state: State, strategy: StrategyId) -> StrategyState:
    """Give what is counted of a strategy, made on first use."""
    found = state.strategies.get(strategy)
    if found is None:
        found = state.strategies[strategy] = StrategyState()
        if len(state.strategies) > STRATEGIES_MAX:
            # The one forgotten is new again when it next trades: on probation, where there is one.
            del state.strategies[next(iter(state.strategies))]
    return found


def _message(state: State, account: AccountState, strategy: StrategyId, at: Instant) -> None:
    account.messages.record(at)
    strategy_of(state, strategy).messages.record(at)
    venue = state.venues.get(account.venue)
    if venue is None:
        venue = state.venues[account.venue] = Tally()
    venue.record(at)


def requested(state: State, account: AccountState, event: ev.OrderRequested) -> None:
    """An order: one message, and for an entry one more of its strategy's signals."""
    _message(state, account, event.strategy, event.at)
    _submitted(account, event)
    if event.leg != "e":
        return
    if event.value is not None:
        account.values.record(event.at, event.value)
    strategy = strategy_of(state, event.strategy)
    if strategy.last != event.signal:
        strategy.last = event.signal
        strategy.signals += 1
    key = repeat_key(event.strategy, event.symbol, event.side)
    known = account.repeats.get(key)
    if known is None:
        account.repeats[key] = Repeats(event.signal, [event.at])
        if len(account.repeats) > REPEATS_MAX:
            del account.repeats[next(iter(account.repeats))]
    elif known.signal != event.signal:
        known.signal = event.signal
        known.times.append(event.at)
        del known.times[:-REPEATS_MAX]


def repeat_key(strategy: str, symbol: str, side: str) -> str:
    """Name what a strategy repeats: one contract on one side."""
    return f"{strategy}|{symbol}|{side}"


def submit_key(order: Order | ev.OrderRequested) -> str:
    """Name one leg of one intent of a signal; the ids of its attempts differ."""
    return f"{order.signal}.{order.intent}.{order.leg}{order.label if order.leg in 'st' else ''}"


def _submitted(account: AccountState, event: ev.OrderRequested) -> None:
    """Count one more submit of a leg; what is asked for at one instant is parts of one."""
    if event.after is not None and event.leg == "e":
        return
    key = submit_key(event)
    known = account.submits.get(key)
    if known is None:
        account.submits[key] = Submits(1, event.at)
        if len(account.submits) > SUBMITS_MAX:
            del account.submits[next(iter(account.submits))]
    elif known.at != event.at:
        known.count += 1
        known.at = event.at


def changed(
    state: State, account: AccountState, event: ev.CancelRequested | ev.ReplaceRequested
) -> None:
    """A cancel or change: one message."""
    order = account.order(event.cl_ord_id)
    if order is not None:
        _message(state, account, order.strategy, event.at)
    if isinstance(event, ev.ReplaceRequested) and event.value is not None:
        account.values.record(event.at, event.value)


def taken(account: AccountState, event: ev.OrderAcknowledged | ev.OrderFilled) -> None:
    """The venue has an order: neither rejects nor submits go on in a row."""
    account.rejects = None
    order = account.order(event.cl_ord_id)
    if order is not None:
        account.submits.pop(submit_key(order), None)


def filled(account: AccountState, event: ev.OrderFilled) -> None:
    """One fill more, and what it traded at."""
    taken(account, event)
    account.fills.record(event.at)
    order = account.order(event.cl_ord_id)
    if order is not None:
        at = min(event.traded_at, event.at)
        _traded(account, order.symbol, event.price, at)
        _held(account, order, at)
        stretched(account, order.symbol, at, event.side, event.commission)


def _traded(account: AccountState, symbol: Symbol, price: Decimal, at: Instant) -> None:
    """Note what a contract traded at last: a fill told late says nothing of the price now."""
    known = account.prices.get(symbol)
    if known is None or at >= known.at:
        account.prices[symbol] = LastPrice(price, at)


def _held(account: AccountState, order: Order, at: Instant) -> None:
    """Note when an entry filled, and how long after the last one an exit did that is no stop."""
    holds = account.holds.get(order.strategy)
    if holds is None:
        holds = account.holds[order.strategy] = Holds()
    entered = holds.entered.get(order.symbol)
    if order.leg == "e":
        holds.entered.pop(order.symbol, None)
        holds.entered[order.symbol] = at
        if len(holds.entered) > HOLDS_MAX:
            del holds.entered[next(iter(holds.entered))]
    elif order.leg in "xt" and entered is not None and len(order.fills) == 1:
        holds.durations.append(max(at - entered, 0))
        del holds.durations[:-HOLDS_MAX]


def foreign_filled(account: AccountState, event: ev.ForeignFill) -> None:
    """A fill of no order of ours tells a price too."""
    at = min(event.traded_at, event.at)
    _traded(account, event.symbol, event.price, at)
    stretched(account, event.symbol, at, event.side, event.commission)


def ended(account: AccountState, event: ev.OrderEnded) -> None:
    """A reject counts with those before it that had the same reason."""
    if event.status is not OrdStatus.REJECTED:
        return
    reason = event.venue_code or event.reason
    known = account.rejects
    if known is not None and known.reason == reason:
        known.count += 1
    else:
        account.rejects = Rejects(reason, 1)


def armed(state: State, event: ev.StopCleared) -> None:
    """What a person arms again has its repeats, rejects and submits forgotten."""
    for account in state.accounts.values():
        if event.scope.startswith(_STRATEGY):
            prefix = f"{event.scope.removeprefix(_STRATEGY)}|"
            for key in [key for key in account.repeats if key.startswith(prefix)]:
                del account.repeats[key]
        elif event.scope in ("all", f"account:{account.id}"):
            account.rejects = None
            account.submits.clear()


def limits_changed(state: State, event: ev.LimitsChanged) -> None:
    """The limits of a scope are others: now, or from a stated instant on."""
    state.limit_changes += 1
    known = state.limits.get(event.scope)
    if known is None or event.effective_at <= event.at:
        state.limits[event.scope] = LimitsInForce(event.after)
    else:
        state.limits[event.scope] = LimitsInForce(
            known.at(event.at), event.after, event.effective_at
        )


def approved(state: State, event: ev.StrategyApproved) -> None:
    """The strategy is on probation no more."""
    strategy_of(state, event.strategy).approved = True
