"""Between the engine's words and the paper broker's: an account id here is a login there. Pure."""

from collections.abc import Mapping
from typing import TypeVar

from msgspec.structs import replace

from bascule.model.ids import AccountId, VenueOrderId
from bascule.model.order import (
    Accepted,
    AccountSnapshot,
    CancelOrder,
    ExecutionReport,
    NewOrder,
    Outcome,
    Refused,
    ReplaceOrder,
    VenueOrder,
    VenuePosition,
)
from bascule.venues.paper.protocol import NotTaken, Taken

_Held = TypeVar(
    "_Held",
    NewOrder, CancelOrder, ReplaceOrder,
    ExecutionReport, AccountSnapshot, VenueOrder, VenuePosition,
)  # fmt: skip


def renamed(thing: _Held, names: Mapping[AccountId, AccountId]) -> _Held:
    """Give the same thing under the other side's name of its account.

    Raises:
        KeyError: the account is not on this link.
    """
    return replace(thing, account=names[thing.account])


def outcome(reply: Taken | NotTaken) -> Outcome:
    """Give the outcome that a reply proves."""
    if isinstance(reply, Taken):
        return Accepted(VenueOrderId(reply.venue_order_id), reply.at)
    return Refused(reply.code, reply.code, reply.text, reply.at)
