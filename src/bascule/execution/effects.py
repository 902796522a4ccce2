"""What must be done at a venue because an event is durable. Nothing else ever asks a venue."""

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from bascule.model.event import CancelRequested, OrderReleased, OrderRequested, ReplaceRequested
from bascule.model.ids import AccountId, ClOrdID


class Submit(Struct, frozen=True):
    """Send an order."""

    account: AccountId
    cl_ord_id: ClOrdID


class Cancel(Struct, frozen=True):
    """Ask for an order back."""

    account: AccountId
    cl_ord_id: ClOrdID
    request_id: str


class Change(Struct, frozen=True):
    """Ask for other terms."""

    account: AccountId
    cl_ord_id: ClOrdID
    request: ReplaceRequested


Effect = Submit | Cancel | Change


def _requested(event: OrderRequested) -> Effect | None:
    return None if event.after is not None else Submit(event.account, event.cl_ord_id)


def _released(event: OrderReleased) -> Effect:
    return Submit(event.account, event.cl_ord_id)


def _cancel(event: CancelRequested) -> Effect:
    return Cancel(event.account, event.cl_ord_id, event.request_id)


def _replace(event: ReplaceRequested) -> Effect:
    return Change(event.account, event.cl_ord_id, event)


EFFECTS: dict[type, Callable[[Any], Effect | None]] = {
    OrderRequested: _requested,
    OrderReleased: _released,
    CancelRequested: _cancel,
    ReplaceRequested: _replace,
}
"""The events that have an effect, and what it is. An event not named here has none."""
