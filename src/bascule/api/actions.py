"""What an operator may do, and what is answered: what was done, and to what."""

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from bascule.api.scopes import accounts_within, check_scope
from bascule.config.durations import LOCK_MAX
from bascule.model import event as ev
from bascule.model.enums import OrdStatus, StopMode
from bascule.model.errors import UsageError
from bascule.model.ids import ClOrdID
from bascule.model.values import Instant

if TYPE_CHECKING:
    # Commands read these structs too, and they start without an engine.
    from bascule.config.second_factor import SecondFactor
    from bascule.engine.runtime import Runtime

_TEXT_MAX = 500


class StopRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Ask for a stop. With ``until`` (UTC nanoseconds) a halt becomes a lock."""

    scope: str
    reason: str
    by: str
    until: Instant | None = None


class ArmRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Ask to lift a stop; ``typed`` is the scope's name as the person typed it.

    ``code`` is the second factor's, where one is set up.
    """

    scope: str
    reason: str
    by: str
    typed: str = ""
    code: str = ""


class SweepRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Ask to cancel, or to cancel and close. With ``preview`` nothing is done."""

    scope: str
    reason: str
    by: str
    preview: bool = False


class ResolveRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Settle an order in doubt by a person's word; ``evidence`` is what they saw, and where."""

    order: str
    outcome: Literal["filled", "absent"]
    evidence: str
    by: str


class Done(Struct, frozen=True, omit_defaults=True):
    """What was done, in one sentence, and what to do next."""

    status: str
    text: str
    next: str = ""


class Touched(Struct, frozen=True, omit_defaults=True):
    """One order or position that a sweep acts on; quantity is unsigned."""

    account: str
    strategy: str
    symbol: str
    side: str
    quantity: Decimal
    what: str
    order: str = ""


class Swept(Struct, frozen=True, omit_defaults=True):
    """What a sweep touches: ``canceled`` entries, ``closed`` positions, ``refused`` exits.

    ``signal`` is the sweep's own id: `bascule explain` tells what came of it.
    """

    status: str
    text: str
    canceled: list[Touched]
    closed: list[Touched]
    refused: list[Touched]
    signal: str = ""


def said(by: str, reason: str, *, called: str = "reason") -> None:
    """Hold an operator to a name and a reason, by what it is ``called``: the journal keeps both.

    Raises:
        UsageError: one is empty or too long.
    """
    for word, given in (("by", by), (called, reason)):
        if not given.strip() or len(given) > _TEXT_MAX:
            raise UsageError(
                f"{word!r} must hold 1 to {_TEXT_MAX} characters. Nothing was done.",
                code="bad_request",
                hint="Say who asks, and why: both are journaled.",
            )


async def halt(runtime: "Runtime", asked: StopRequest, mode: StopMode) -> Done:
    """Put a stop in force.

    Raises:
        UsageError: the scope is not known, or a lock's time has passed or is too far ahead.
    """
    scope = check_scope(runtime, asked.scope)
    said(asked.by, asked.reason)
    if asked.until is not None:
        if asked.until <= runtime.clock.now():
            raise UsageError(
                "'until' has passed already. Nothing was done.",
                code="bad_request",
                hint="Give a time to come, in UTC nanoseconds.",
            )
        if asked.until > runtime.clock.now() + LOCK_MAX:
            raise UsageError(
                "'until' is more than 366 days ahead. Nothing was done.",
                code="bad_request",
                hint="Nobody can lift a lock before its time; a halt stands until it is armed.",
            )
        mode = StopMode.LOCK
    await runtime.halt(scope, by=asked.by, reason=asked.reason, mode=mode, until=asked.until)
    standing = runtime.state.stops.get(scope)
    stands = standing.mode.value if standing is not None else mode.value
    what = "nothing leaves" if stands == "freeze" else "nothing that adds risk leaves"
    exits = "" if stands == "freeze" else "; exits and protection still pass"
    then = "" if standing is None or standing.until is None else "when its time has passed, "
    return Done(
        "stopped",
        f"{stands} on {scope} is in force: {what}{exits}",
        f"{then}bascule arm --scope {scope}",
    )


async def arm(runtime: "Runtime", asked: ArmRequest, factor: "SecondFactor | None") -> Done:
    """Lift a stop.

    Raises:
        UsageError: it may not be lifted; the engine has journaled the refusal.
        SecretError: the second factor cannot be judged; nothing was armed.
    """
    scope = check_scope(runtime, asked.scope)
    said(asked.by, asked.reason)
    barred = None
    # A code counts once, so it is not used up on what would be refused anyway.
    if factor is not None and asked.typed == scope.split(":", 1)[-1]:
        barred = await asyncio.to_thread(factor.refusal, asked.code, runtime.clock.now())
    refused = await runtime.arm(
        scope, by=asked.by, reason=asked.reason, typed=asked.typed, barred=barred
    )
    if refused is not None:
        raise UsageError(f"Not armed: {refused.text}.", code=refused.code)
    left = [name for name in runtime.state.stops if name != scope]
    still = f"; still stopped: {', '.join(left)}" if left else ""
    lock = runtime.state.stops.get(scope)
    if lock is not None:
        return Done("armed", f"the freeze on {scope} is lifted, and its lock goes on{still}")
    return Done("armed", f"{scope} is armed{still}")


async def sweep(runtime: "Runtime", asked: SweepRequest, *, close: bool) -> Swept:
    """Cancel working entries in a scope and, with ``close``, close every book in it.

    Raises:
        UsageError: the scope is not known.
    """
    scope = check_scope(runtime, asked.scope)
    said(asked.by, asked.reason)
    if asked.preview:
        return _preview(runtime, scope, close=close)
    events = await runtime.sweep(scope, close=close, by=asked.by, reason=asked.reason)
    return _swept(runtime, events, close=close)


def _preview(runtime: "Runtime", scope: str, *, close: bool) -> Swept:
    kind, _, name = scope.partition(":")
    only = name if kind == "strategy" else ""
    canceled: list[Touched] = []
    closed: list[Touched] = []
    for account, _spec in accounts_within(runtime.state, runtime.settings, scope):
        canceled += [
            Touched(
                account.id, order.strategy, order.symbol, order.side.value, order.leaves,
                f"cancel, {order.status.value}", order.cl_ord_id,
            )
            for order in account.orders.values()
            if order.leg == "e" and (not only or order.strategy == only)
        ]  # fmt: skip
        for book in account.books.values():
            if close and book.quantity and (not only or book.strategy == only):
                side = "sell" if book.quantity > 0 else "buy"
                left = abs(book.quantity) - book.exiting
                if left > 0:
                    closed.append(
                        Touched(account.id, book.strategy, book.symbol, side, left, "close")
                    )
    text = _sentence("Would", canceled, closed, [], close=close)
    return Swept("preview", text, canceled, closed, [])


def _swept(runtime: "Runtime", events: list[ev.Event], *, close: bool) -> Swept:
    canceled: list[Touched] = []
    closed: list[Touched] = []
    refused: list[Touched] = []
    signal = ""
    for event in events:
        if isinstance(event, ev.SignalAccepted):
            signal = event.signal
        elif isinstance(event, ev.CancelRequested):
            account = runtime.state.accounts[event.account]
            order = account.order(event.cl_ord_id)
            if order is not None:
                canceled.append(
                    Touched(
                        event.account, order.strategy, order.symbol, order.side.value,
                        order.quantity - order.cum_qty, "cancel asked", event.cl_ord_id,
                    )
                )  # fmt: skip
        elif isinstance(event, ev.OrderRequested | ev.OrderRefused):
            asked = isinstance(event, ev.OrderRequested)
            (closed if asked else refused).append(
                Touched(
                    event.account, event.strategy, event.symbol, event.side.value, event.quantity,
                    "close asked" if isinstance(event, ev.OrderRequested) else event.text,
                    event.cl_ord_id,
                )
            )  # fmt: skip
    text = _sentence("Asked to", canceled, closed, refused, close=close)
    return Swept("asked", text, canceled, closed, refused, signal)


def _sentence(
    verb: str,
    canceled: list[Touched],
    closed: list[Touched],
    refused: list[Touched],
    *,
    close: bool,
) -> str:
    if not (canceled or closed or refused):
        return "There is nothing to cancel" + (" and nothing to close" if close else "")
    parts = [f"cancel {_count(canceled, 'entry', 'entries')}"]
    if close:
        parts.append(f"close {_count(closed, 'position', 'positions')}")
    text = f"{verb} {' and '.join(parts)}"
    if refused:
        text += f"; {_count(refused, 'exit was', 'exits were')} refused: {refused[0].what}"
    return text


def _count(things: list[Touched], one: str, many: str) -> str:
    return f"{len(things)} {one if len(things) == 1 else many}"


async def resolve(runtime: "Runtime", asked: ResolveRequest) -> Done:
    """Settle an order in doubt by a person's word.

    Raises:
        UsageError: there is no such order, or it is not in doubt.
    """
    said(asked.by, asked.evidence, called="evidence")
    name = ClOrdID(asked.order)
    order = next(
        (found for one in runtime.state.accounts.values() if (found := one.order(name))), None
    )
    if order is None:
        raise UsageError(
            f"There is no order {asked.order!r}. Nothing was done.",
            code="unknown_order",
            hint="`bascule orders --all` lists them.",
        )
    if order.status is not OrdStatus.IN_DOUBT:
        raise UsageError(
            f"{asked.order} is {order.status.value} and not in doubt. Nothing was done.",
            code="not_in_doubt",
            hint="Only an order whose outcome nobody knows is settled by hand.",
        )
    await runtime.resolve(name, asked.outcome, evidence=asked.evidence, by=asked.by)
    if asked.outcome == "absent":
        return Done("resolved", f"{name} counts as never taken by the venue, on {asked.by}'s word")
    return Done(
        "resolved",
        f"{asked.by}'s word is journaled; the venue is being asked for the fill of {name}",
        "A fill is only counted from the venue's own report: see `bascule orders`.",
    )
