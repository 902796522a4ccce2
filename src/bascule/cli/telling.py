"""How commands put engine facts into lines: times, numbers, one line an event."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bascule.config.latch import CONDITIONS
from bascule.execution.story.words import ROLES, number
from bascule.model import event as ev
from bascule.model.enums import OrdStatus
from bascule.model.ids import of_guardian
from bascule.risk.limits import differences

_LAST_S = 253_402_300_799
"""The last second of the year 9999."""


def clock_time(at: int) -> str:
    """Write the time of day in UTC, to the millisecond."""
    return datetime.fromtimestamp(at / 1e9, UTC).strftime("%H:%M:%S.%f")[:-3]


def date_time(at: int) -> str:
    """Write day and time in UTC, to the second; the last that there is for any beyond it."""
    return datetime.fromtimestamp(min(at / 1e9, _LAST_S), UTC).strftime("%Y-%m-%d %H:%M:%S")


def numbers(*values: Decimal | None, places: int | None = None) -> list[str]:
    """Write numbers with thousands apart, '' for what is not known."""
    return [_number(value, places) for value in values]


def _number(value: Decimal | None, places: int | None) -> str:
    if value is None:
        return ""
    return number(value) if places is None else f"{value:,.{places}f}"


def latch_line(scope: str, said: Mapping[str, object]) -> str:
    """Say what the latch holds back on a scope, why, and what ends it."""
    ends = "that is over" if said.get("keeper") in CONDITIONS else "it is armed"
    return f"{scope}: {said.get('reason') or 'no reason given'}; no entry leaves until {ends}"


def event_line(event: ev.Event) -> str:
    """Say an event in a line; '' for those that a person does not follow one by one."""
    tell: Callable[[Any], str] | None = _LINES.get(type(event))
    return tell(event) if tell is not None else ""


def _line(word: str, where: str, what: str) -> str:
    return f"{word:<10} {where:<12} {what}"


def _accepted(event: ev.SignalAccepted) -> str:
    kinds = ", ".join(str(intent.__struct_config__.tag) for intent in event.intents)
    return _line("signal", event.signal, f"{event.strategy} from {event.source}: {kinds}")


def _refused(event: ev.SignalRefused) -> str:
    return _line("refused", event.signal, f"{event.text} ({event.code})")


def _duplicate(event: ev.SignalDuplicate) -> str:
    return _line("duplicate", event.signal, f"a resend of {event.duplicate_of}: nothing done")


def _intent_refused(event: ev.IntentRefused) -> str:
    return _line("refused", event.account or event.signal, f"{event.text} ({event.code})")


def _idle(event: ev.IntentIdle) -> str:
    return _line("no action", event.account, event.text)


def _requested(event: ev.OrderRequested) -> str:
    what = (
        f"{ROLES[event.leg]} {event.side.value} {number(event.quantity)} {event.venue_symbol} "
        f"({event.cl_ord_id})"
    )
    return _line("order", event.account, what)


def _order_refused(event: ev.OrderRefused) -> str:
    return _line("refused", event.account, f"{ROLES[event.leg]}: {event.text} ({event.code})")


def _filled(event: ev.OrderFilled) -> str:
    verb = "bought" if event.side.value == "buy" else "sold"
    left = "" if event.status is OrdStatus.FILLED else ", more to come"
    what = f"{verb} {number(event.quantity)} at {number(event.price)} ({event.cl_ord_id}){left}"
    return _line("fill", event.account, what)


def _ended(event: ev.OrderEnded) -> str:
    why = event.text or event.reason.replace("_", " ")
    return _line(event.status.value.replace("_", " "), event.account, f"{event.cl_ord_id}: {why}")


def _doubted(event: ev.OrderDoubted) -> str:
    return _line("in doubt", event.account, f"{event.cl_ord_id}: {event.cause}; not sent again")


def _link(event: ev.LinkChanged) -> str:
    state = "up" if event.up else "down"
    return _line("link", event.account, f"{state}{f', {event.reason}' if event.reason else ''}")


def _drift(event: ev.DriftFound) -> str:
    return _line("drift", event.account, event.text)


def _stop(event: ev.StopSet) -> str:
    return _line(event.mode.value, event.scope, f"by {event.by}: {event.reason}")


def _armed(event: ev.StopCleared) -> str:
    return _line("armed", event.scope, f"by {event.by}: {event.reason}")


def _limits(event: ev.LimitsChanged) -> str:
    before = event.before if event.before is not None else event.after
    changes = [
        f"{one.name} {one.before} -> {one.after}" for one in differences(before, event.after)
    ]
    since = f", from {date_time(event.effective_at)}" if event.effective_at > event.at else ""
    return _line("limits", event.scope, f"by {event.by}: {', '.join(changes) or 'taken'}{since}")


def _approved(event: ev.StrategyApproved) -> str:
    return _line("approved", f"strategy:{event.strategy}", f"by {event.by}: {event.reason}")


def _foreign(event: ev.ForeignFill) -> str:
    what = f"{event.side.value} {number(event.quantity)} {event.symbol} at {number(event.price)}"
    if of_guardian(event.client_id):
        return _line("guardian", event.account, what)
    return _line("by hand", event.account, f"{what}, not sent by Bascule")


def _breach(event: ev.LedgerBreached) -> str:
    return _line("paused" if event.soft else "FAILED", event.account, event.text)


def _guard(event: ev.GuardTripped) -> str:
    return _line(f"loss {event.action}", event.account, event.text)


def _idle_account(event: ev.AccountIdle) -> str:
    return _line("idle", event.account, event.text)


def _cash(event: ev.CashFlowRecorded) -> str:
    return _line(event.flow, event.account, f"{number(event.amount)} by {event.by}")


def _phase(event: ev.PhaseRecorded) -> str:
    return _line("phase", event.account, f"{event.phase} by {event.by}")


def _scale(event: ev.ScaleRecorded) -> str:
    what = f"sizes times {number(event.after)} from {date_time(event.effective_at)} UTC"
    return _line("scale", event.account, f"{what}, by {event.by}")


_LINES: dict[type, Callable[[Any], str]] = {
    ev.SignalAccepted: _accepted,
    ev.SignalRefused: _refused,
    ev.SignalDuplicate: _duplicate,
    ev.IntentRefused: _intent_refused,
    ev.IntentIdle: _idle,
    ev.OrderRequested: _requested,
    ev.OrderRefused: _order_refused,
    ev.OrderFilled: _filled,
    ev.OrderEnded: _ended,
    ev.OrderDoubted: _doubted,
    ev.LinkChanged: _link,
    ev.DriftFound: _drift,
    ev.StopSet: _stop,
    ev.StopCleared: _armed,
    ev.LimitsChanged: _limits,
    ev.StrategyApproved: _approved,
    ev.LedgerBreached: _breach,
    ev.GuardTripped: _guard,
    ev.AccountIdle: _idle_account,
    ev.CashFlowRecorded: _cash,
    ev.PhaseRecorded: _phase,
    ev.ScaleRecorded: _scale,
    ev.ForeignFill: _foreign,
}
