"""What must be done at a venue because an event is durable. Nothing else ever asks a venue."""

from msgspec import Struct

from bascule.model.event import CancelRequested, Event, OrderReleased, OrderRequested
from bascule.model.event import ReplaceRequested as Replace
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
    request: Replace


Effect = Submit | Cancel | Change


def effect_of(event: Event) -> Effect | None:
    """Name the effect of one durable event, if it has one."""
    if isinstance(event, OrderRequested):
        return None if event.after is not None else Submit(event.account, event.cl_ord_id)
    if isinstance(event, OrderReleased):
        return Submit(event.account, event.cl_ord_id)
    if isinstance(event, CancelRequested):
        return Cancel(event.account, event.cl_ord_id, event.request_id)
    if isinstance(event, Replace):
        return Change(event.account, event.cl_ord_id, event)
    return None
