"""What people and the process itself ask for: start, stop, halt, arm, sweep, resolve."""

from bascule.execution import inputs as inp
from bascule.execution.aftermath import aftermath
from bascule.execution.guards import tend
from bascule.execution.learning import learn
from bascule.execution.limits import propose
from bascule.execution.order_table import Fact
from bascule.execution.stops import lift, set_stop
from bascule.execution.sweeping import announce, clear
from bascule.execution.turn import Turn
from bascule.model.enums import OrdStatus
from bascule.model.event import (
    AccountOpened,
    ArmRefused,
    EngineStarted,
    EngineStopped,
    EpochStarted,
    LinkChanged,
    OrderResolved,
)
from bascule.model.ids import StrategyId

_OPERATOR = "operator"


def begin(turn: Turn, given: inp.EngineBegan) -> None:
    """Take the journal: name the epoch, number the accounts, and doubt what has no outcome.

    Nothing is submitted here or because of this: an order that was requested and has no outcome
    is in doubt until the venue is asked; one that was still held back never left.
    """
    if given.new_epoch:
        turn.emit(
            EpochStarted(
                at=turn.at,
                epoch=given.new_epoch,
                reason=given.epoch_reason,
                reduce_only=given.reduce_only,
            )
        )
    turn.emit(
        EngineStarted(
            at=turn.at,
            pid=given.pid,
            version=given.version,
            config_hash=given.config_hash,
            config=given.config,
        )
    )
    for spec in turn.settings.accounts.values():
        known = turn.state.accounts.get(spec.id)
        described = (spec.venue, spec.login, spec.mode.value)
        if known is None or (known.venue, known.login, known.mode) != described:
            turn.emit(
                AccountOpened(
                    at=turn.at,
                    account=spec.id,
                    number=len(turn.state.accounts) + 1 if known is None else known.number,
                    venue=spec.venue,
                    login=spec.login,
                    mode=spec.mode.value,
                )
            )
    propose(turn)
    for account in turn.state.accounts.values():
        for order in list(account.orders.values()):
            if order.waiting:
                learn(
                    turn,
                    account,
                    order,
                    Fact.UNSENT,
                    reason="restart",
                    text="it was still held back when the engine stopped",
                )
            elif order.status in (OrdStatus.NEW_REQUESTED, OrdStatus.SUBMITTED):
                learn(turn, account, order, Fact.DOUBT, reason="restart")


def end(turn: Turn, given: inp.EngineEnded) -> None:
    """Let go of the journal."""
    turn.emit(EngineStopped(at=turn.at, reason=given.reason))


def link(turn: Turn, given: inp.LinkReported) -> None:
    """A connection came up (and wants a look) or went down."""
    account = turn.state.accounts.get(given.account)
    if account is None:
        return
    if account.link_up != given.up:
        turn.emit(LinkChanged(at=turn.at, account=account.id, up=given.up, reason=given.reason))
    if given.up:
        turn.market.totals.forget()
        turn.market.looks.setdefault(account.id, given.reason or "connected")


def stop(turn: Turn, given: inp.StopAsked) -> None:
    """Put a stop in force; a stricter one that already stands is kept."""
    set_stop(turn, given.scope, given.mode, given.by, given.reason, given.until)


def arm(turn: Turn, given: inp.ArmAsked) -> None:
    """Lift a stop: with its scope typed out and the second factor, and not before its hour."""
    known = turn.state.stops.get(given.scope)
    restored = given.scope == "all" and turn.state.reduce_only
    code, text = "", ""
    wanted = given.scope.split(":", 1)[-1]
    if known is None and not restored:
        code, text = "not_stopped", f"no stop on {given.scope} is in force"
    elif given.typed != wanted:
        code, text = "arm_not_confirmed", f"type {wanted!r} to confirm; nothing was armed"
    elif given.barred is not None:
        code, text = given.barred
    elif known is not None and known.until is not None and turn.at < known.until:
        code, text = "locked", f"{given.scope} is locked; it cannot be armed before its time"
    if code:
        turn.emit(ArmRefused(at=turn.at, scope=given.scope, by=given.by, code=code, text=text))
        return
    lift(turn, given.scope, given.by, given.reason)
    # A freeze held back stops and targets too: what filled meanwhile is protected now.
    for account in turn.accounts():
        for guard in list(account.guards.values()):
            tend(turn, account, guard)


def sweep(turn: Turn, given: inp.SweepAsked) -> None:
    """Cancel every working entry in a scope and, where asked, close every book in it."""
    word = "flatten" if given.close else "cancel"
    name = announce(turn, _OPERATOR, f"{word} {given.scope} by {given.by}: {given.reason}")
    kind, _, wanted = given.scope.partition(":")
    for account in turn.accounts():
        spec = turn.settings.accounts[account.id]
        inside = {
            "all": True,
            "account": account.id == wanted,
            "venue": spec.venue == wanted,
            "firm": spec.firm == wanted,
            "strategy": True,
        }.get(kind, False)
        if inside:
            clear(
                turn,
                account,
                name,
                given.reason or "sweep",
                close=given.close,
                sizing="flattened by hand",
                strategy=StrategyId(wanted) if kind == "strategy" else None,
            )


def resolve(turn: Turn, given: inp.ResolveAsked) -> None:
    """Settle an order in doubt by a person's word.

    ``absent`` ends it. ``filled`` records the word and asks the venue for the fill: a fill is
    only ever counted from the venue's own report, so the position cannot be invented here.
    """
    for account in turn.state.accounts.values():
        order = account.orders.get(given.cl_ord_id)
        if order is None or order.status is not OrdStatus.IN_DOUBT:
            continue
        turn.emit(
            OrderResolved(
                at=turn.at,
                account=account.id,
                cl_ord_id=order.cl_ord_id,
                outcome=given.outcome,
                evidence=given.evidence,
                by=given.by,
            )
        )
        if given.outcome == "absent":
            learn(
                turn,
                account,
                order,
                Fact.ABSENT,
                reason="resolved_by_hand",
                text=given.evidence,
                evidence=f"person: {given.by}",
            )
            aftermath(turn, account, order)
        turn.market.looks[account.id] = f"an order was resolved as {given.outcome}"
        return
