"""Looking at an account now: what it brings, what it would bring, and taking over positions."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from bascule.api.actions import Done
from bascule.api.views import foreign_words
from bascule.execution.turn import Suspect
from bascule.model import event as ev
from bascule.model.enums import OrdStatus
from bascule.model.errors import UsageError
from bascule.model.ids import AccountId, Symbol, of_guardian
from bascule.model.values import text

if TYPE_CHECKING:
    from bascule.engine.runtime import Runtime

_SHOWN_MAX = 50
_LACKS = "the venue's answer lacked a page, so what it does not show proves nothing"


async def reconcile(runtime: "Runtime", account: str) -> Done:
    """Look at an account now, and say what the look found.

    Raises:
        UsageError: there is no such account, or its link is down.
        VenueError: the venue could not be asked.
    """
    name = _askable(runtime, account)
    whole = await runtime.reconcile(name, "asked for by the operator")
    return _found(runtime, name, whole)


async def preview(runtime: "Runtime", account: str) -> Done:
    """Say what a look at an account would change, and change nothing.

    Raises:
        UsageError: there is no such account, or its link is down.
        VenueError: the venue could not be asked.
    """
    name = _askable(runtime, account)
    events, differences, whole = await runtime.preview(name)
    changes = [words for event in events if (words := said(event))] + _differing(differences)
    unsettled = ([] if whole else [_LACKS]) + doubtful(runtime, name)
    lines = changes + unsettled
    if not lines:
        return Done("agrees", f"{account} agrees with its venue; a look would change nothing")
    more = f"; and {len(lines) - _SHOWN_MAX} more" if len(lines) > _SHOWN_MAX else ""
    told = f"a look at {account} would find: {'; '.join(lines[:_SHOWN_MAX])}{more}"
    if not changes:
        return Done("looked", told, "Nothing was changed, and nothing would be.")
    return Done("would_change", told, "Nothing was changed. The same without --dry-run does it.")


async def adopt(runtime: "Runtime", account: str, by: str, reason: str) -> Done:
    """Take over the positions that the venue shows, on a person's word; journaled.

    Raises:
        UsageError: there is no such account, its link is down, or nobody says who and why.
        VenueError: the venue could not be asked.
    """
    if not by.strip() or not reason.strip():
        raise UsageError(
            "Taking over positions needs who and why. Nothing was done.",
            code="reason_missing",
            hint="Give --by and --reason: both are journaled.",
        )
    name = _askable(runtime, account)
    word = f"{by.strip()}: {reason.strip()}"
    whole = await runtime.reconcile(name, "positions are taken over", adopt=word)
    return _found(runtime, name, whole)


def _askable(runtime: "Runtime", account: str) -> AccountId:
    if account not in runtime.settings.accounts:
        known = ", ".join(runtime.settings.accounts)
        raise UsageError(
            f"There is no account {account!r}. Nothing was done.",
            code="unknown_account",
            hint=f"Known here: {known}.",
        )
    name = AccountId(account)
    known_state = runtime.state.accounts.get(name)
    if known_state is None or not known_state.link_up:
        raise UsageError(
            f"The link of {account} is down, so its venue cannot be asked. Nothing was done.",
            code="link_down",
            hint="Bascule keeps trying to connect, and reconciles by itself once it is up.",
        )
    return name


def _found(runtime: "Runtime", name: AccountId, whole: bool) -> Done:
    after = runtime.state.accounts[name]
    if after.drift:
        return Done(
            "drift",
            "; ".join(after.drift.values()),
            "Compare the venue's own screen with `bascule positions`; entries are refused until "
            f"they agree. If the venue is right: `bascule reconcile {name} --adopt --reason ...`.",
        )
    lines = [] if whole else [_LACKS]
    lines += _differing(runtime.market.suspects.get(name, {})) + doubtful(runtime, name)
    if lines or not after.reconciled:
        told = "; ".join(lines) or "nothing is certain yet"
        return Done(
            "looked",
            f"{name}: {told}",
            "Another look follows by itself; `bascule status` shows it.",
        )
    return Done("reconciled", f"{name} agrees with its venue: orders, positions and fills")


def _differing(differences: Mapping[Symbol, Suspect]) -> list[str]:
    """Tell each position that a look showed otherwise; a second one makes it drift."""
    return [
        f"{symbol}: the venue holds {text(one.theirs)}, the journal {text(one.ours)}"
        for symbol, one in differences.items()
    ]


def doubtful(runtime: "Runtime", name: AccountId) -> list[str]:
    """Tell each order whose fate the venue has not shown."""
    orders = runtime.state.accounts[name].orders.values()
    return [f"{one.cl_ord_id} is in doubt" for one in orders if one.status is OrdStatus.IN_DOUBT]


def said(event: ev.Event) -> str:
    """Tell an event that a look causes in words; empty for what is no news."""
    match event:
        case ev.OrderFilled():
            return (
                f"{event.cl_ord_id} filled {text(event.quantity)} at {text(event.price)} and "
                "nobody heard of it"
            )
        case ev.ForeignFill():
            whose = "the guardian's" if of_guardian(event.client_id) else "a hand's"
            return (
                f"{whose} {event.side.value} of {text(event.quantity)} {event.symbol} at "
                f"{text(event.price)}"
            )
        case ev.FillCorrected() | ev.FillBusted():
            return f"a fill of {event.cl_ord_id} was corrected or taken back"
        case ev.OrderEnded():
            return f"{event.cl_ord_id} has ended: {event.status.value} ({event.reason})"
        case ev.OrderAcknowledged():
            return f"{event.cl_ord_id} is {event.status.value} at the venue"
        case ev.OrderReplaced():
            return f"{event.cl_ord_id} has other terms at the venue"
        case ev.ForeignOrderSeen():
            return f"an order that Bascule did not send: {foreign_words(event)}"
        case ev.DriftFound():
            return event.text
        case ev.OrderRequested():
            what = f"{event.side.value} {text(event.quantity)} {event.venue_symbol}"
            return f"then {event.cl_ord_id} would be sent: {what}"
        case ev.CancelRequested():
            return f"then {event.cl_ord_id} would be asked back"
        case ev.ReplaceRequested():
            return f"then {event.cl_ord_id} would be changed"
    return ""
