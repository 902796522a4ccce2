"""From a signal to its routes, accounts and intents."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from bascule.execution.loss_watch import before_signal
from bascule.execution.plan_change import plan_cancel, plan_modify, plan_protection
from bascule.execution.plan_entry import plan_place
from bascule.execution.plan_exit import plan_close, plan_flatten
from bascule.execution.plan_target import plan_target
from bascule.execution.planning import Plan
from bascule.execution.state import body_key
from bascule.execution.stops import set_stop
from bascule.execution.turn import Turn
from bascule.model.account import Route, RouteLeg
from bascule.model.enums import Direction, OrdStatus, StopMode
from bascule.model.event import (
    IntentIdle,
    IntentRefused,
    OrderEnded,
    OrderRefused,
    OrderRequested,
    SignalAccepted,
    SignalDuplicate,
    SignalRefused,
)
from bascule.model.ids import AccountId, RouteId, SignalId, StrategyId, signal_id
from bascule.model.intent import (
    CancelOrders,
    ClosePosition,
    Flatten,
    Intent,
    ModifyOrder,
    ModifyProtection,
    PlaceOrder,
    Signal,
    StopTrading,
    TargetPosition,
)
from bascule.model.values import SECOND, Instant

RESEND_WINDOW = 25 * SECOND
"""How long a byte-identical message that bears a time and no key counts as a resend."""

_Why = tuple[str, str]
"""Code and sentence of a refusal."""

_PLANNERS: dict[type, Callable[[Plan, Any], None]] = {
    PlaceOrder: plan_place,
    TargetPosition: plan_target,
    ClosePosition: plan_close,
    CancelOrders: plan_cancel,
    ModifyOrder: plan_modify,
    ModifyProtection: plan_protection,
    Flatten: plan_flatten,
}


def plan_signal(turn: Turn, signal: Signal) -> None:
    """Take in one signal: answer a resend, refuse what must be, plan the rest."""
    name = signal_id(turn.state.epoch, turn.state.signals + 1)
    if _answer_resend(turn, name, signal):
        return
    strategy = StrategyId(signal.strategy or signal.source)
    routes = [route for route in turn.settings.routes if _follows(route, strategy, signal.source)]
    max_age = _max_age(turn, signal, routes)
    fired = signal.fired_at if signal.fired_at is not None else signal.received_at
    # A sender's clock that runs ahead must not make its signals live longer.
    fired = min(fired, turn.at)
    refusal = (
        _nothing_to_do(turn, signal)
        or _nobody_follows(signal, strategy, routes)
        or _too_old(turn, signal, turn.at - fired, max_age)
    )
    if refusal is not None:
        _refuse(turn, name, signal, *refusal)
        return
    _accept(turn, name, signal, strategy)
    if turn.market.watches:
        # After the answer, which is the first event of a signal's decision.
        before_signal(turn)
    deadline = Instant(max(fired + max_age, turn.at))
    for index, intent in enumerate(signal.intents):
        if isinstance(intent, StopTrading):
            scope = "all" if intent.scope == "all" else f"strategy:{strategy}"
            set_stop(turn, scope, StopMode.HALT, f"signal {name}", "asked for by a signal")
            continue
        served: dict[AccountId, RouteId] = {}
        for route in routes:
            _run_route(turn, name, index, intent, strategy, route, deadline, served)


def _stops_only(signal: Signal) -> bool:
    """Whether it asks for nothing but a halt, which needs no route and is never too old."""
    return all(isinstance(intent, StopTrading) for intent in signal.intents)


def _nothing_to_do(turn: Turn, signal: Signal) -> _Why | None:
    if signal.refused_code:
        return signal.refused_code, signal.refused_text
    if not signal.intents:
        return "no_intent", "the message asks for nothing"
    count, limit = len(signal.intents), turn.settings.max_intents
    if count > limit:
        return "too_many_intents", f"{count} intents in one signal; the limit is {limit}"
    return None


def _nobody_follows(signal: Signal, strategy: StrategyId, routes: Sequence[Route]) -> _Why | None:
    if routes or _stops_only(signal):
        return None
    return (
        "no_route",
        f"no route follows strategy {strategy!r} from source {signal.source!r}; add one "
        "under [routes], or correct the strategy's name in the alert",
    )


def _too_old(turn: Turn, signal: Signal, age: int, max_age: int) -> _Why | None:
    if age <= max_age or _stops_only(signal):
        return None
    return (
        "stale",
        f"the signal is {age / SECOND:.1f} s old and the limit is {max_age / SECOND:.0f} s; it "
        "was not executed",
    )


def _accept(turn: Turn, name: SignalId, signal: Signal, strategy: StrategyId) -> None:
    turn.emit(
        SignalAccepted(
            at=turn.at,
            signal=name,
            source=signal.source,
            dialect=signal.dialect,
            strategy=strategy,
            key=signal.key,
            body_hash=signal.body_hash,
            received_at=signal.received_at,
            raw=signal.raw,
            intents=signal.intents,
            fired_at=signal.fired_at,
            notes=signal.notes,
        )
    )


def _answer_resend(turn: Turn, name: SignalId, signal: Signal) -> bool:
    """Answer a signal that was answered before: the same again, or a conflict over its key."""
    if signal.key:
        known = turn.state.keys.get(signal.key)
    elif signal.fired_at is not None:
        known = turn.state.keys.get(body_key(signal.source, signal.body_hash))
        if known is not None and signal.received_at - known.at > RESEND_WINDOW:
            known = None
    else:
        known = None
    if known is None:
        return False
    if known.body_hash == signal.body_hash:
        turn.emit(
            SignalDuplicate(
                at=turn.at,
                signal=name,
                source=signal.source,
                received_at=signal.received_at,
                duplicate_of=known.signal,
                code=known.code,
            )
        )
    else:
        _refuse(
            turn,
            name,
            signal,
            "key_conflict",
            f"signal {known.signal} already used this key with another body; nothing was done. "
            "Send a new key, or the same body",
        )
    return True


def _follows(route: Route, strategy: StrategyId, source: str) -> bool:
    return (route.strategy == "*" or route.strategy == strategy) and (
        "*" in route.sources or source in route.sources
    )


def _max_age(turn: Turn, signal: Signal, routes: Iterable[Route]) -> int:
    """The strictest of what the signal, its source, its routes and the engine allow."""
    ages = [route.max_age_ns for route in routes]
    ages += (signal.max_age, turn.settings.max_signal_age_ns)
    return min(age for age in ages if age > 0)


def _refuse(turn: Turn, name: SignalId, signal: Signal, code: str, sentence: str) -> None:
    turn.emit(
        SignalRefused(
            at=turn.at,
            signal=name,
            source=signal.source,
            dialect=signal.dialect,
            received_at=signal.received_at,
            raw=signal.raw,
            code=code,
            text=sentence,
            strategy=StrategyId(signal.strategy),
            key=signal.key,
            body_hash=signal.body_hash,
            fired_at=signal.fired_at,
        )
    )


def _run_route(
    turn: Turn,
    name: SignalId,
    index: int,
    intent: Intent,
    strategy: StrategyId,
    route: Route,
    deadline: Instant,
    served: dict[AccountId, RouteId],
) -> None:
    """Plan an intent on each account of a route, but once an account whatever routes name it."""
    start = len(turn.events)
    for leg in route.legs:
        first = served.setdefault(leg.account, route.id)
        if first != route.id:
            turn.emit(
                IntentIdle(
                    at=turn.at,
                    signal=name,
                    intent=index,
                    account=leg.account,
                    text=f"route {first} acts on this account already, so route {route.id} does "
                    "not",
                )
            )
            continue
        plan_leg(turn, name, index, intent, strategy, route, leg, deadline)
    if route.on_refusal == "all" and _opens(intent):
        _withdraw_if_any_refused(turn, name, index, start, route)


def plan_leg(
    turn: Turn,
    name: SignalId,
    index: int,
    intent: Intent,
    strategy: StrategyId,
    route: Route,
    leg: RouteLeg,
    deadline: Instant | None = None,
) -> None:
    """Plan one intent on one account of a route."""
    account = turn.state.accounts.get(leg.account)
    spec = turn.settings.accounts.get(leg.account)
    if account is None or spec is None:
        turn.emit(
            IntentRefused(
                at=turn.at,
                signal=name,
                intent=index,
                code="unknown_account",
                text=f"route {route.id} names account {leg.account}, which is not configured",
                account=leg.account,
            )
        )
        return
    plan = Plan(
        turn=turn,
        signal=name,
        intent=index,
        strategy=strategy,
        route=route,
        leg=leg,
        account=account,
        spec=spec,
        capabilities=turn.settings.capabilities[leg.account],
        not_before=Instant(turn.at + leg.stagger_ns) if leg.stagger_ns else None,
        expires_unsent=deadline,
    )
    _PLANNERS[type(intent)](plan, intent)


def _opens(intent: Intent) -> bool:
    if isinstance(intent, TargetPosition):
        return intent.may_open and intent.direction is not Direction.FLAT
    return isinstance(intent, PlaceOrder) and not intent.reduce_only


def _withdraw_if_any_refused(
    turn: Turn, name: SignalId, index: int, start: int, route: Route
) -> None:
    """With on_refusal "all", one account's refusal takes the entries of the others back.

    Nothing has left yet: effects come only after this decision is durable. The close of a reversal
    stands: no check of one account may keep another in a position that the sender has left.
    """
    fresh = turn.events[start:]
    refused = [event for event in fresh if isinstance(event, IntentRefused | OrderRefused)]
    if not refused:
        return
    for event in fresh:
        if isinstance(event, OrderRequested) and event.leg == "e":
            turn.emit(
                OrderEnded(
                    at=turn.at,
                    account=event.account,
                    cl_ord_id=event.cl_ord_id,
                    status=OrdStatus.EXPIRED_UNSENT,
                    reason="route_all_or_none",
                    text=f"account {refused[0].account} refused, and route {route.id} enters on "
                    "all accounts or none; what the signal closes is closed all the same",
                )
            )
