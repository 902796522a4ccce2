"""The contract between the engine and a venue.

One request a method, no hidden retries, three outcomes: accepted, refused with proof, unknown.
A client object is one link to one venue and may serve several accounts.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol, runtime_checkable

from msgspec import Struct

from bascule.model.account import AccountSpec, Capabilities
from bascule.model.enums import PositionMode
from bascule.model.ids import AccountId, ClOrdID, VenueSymbol
from bascule.model.instrument import Listing, Quote
from bascule.model.order import (
    AccountSnapshot,
    CancelOrder,
    ExecutionReport,
    NewOrder,
    Outcome,
    ReplaceOrder,
    VenueOrder,
    VenuePosition,
)
from bascule.model.values import Instant


class LinkState(Struct, frozen=True):
    """The connection came up or went down."""

    up: bool
    reason: str
    at: Instant


VenueMessage = ExecutionReport | Quote | AccountSnapshot | LinkState
"""What a link tells by itself, in the order in which the venue told it."""

Sink = Callable[[VenueMessage], None]
"""Given by the engine; called on the loop's thread, returns at once, never raises."""

WireLog = Callable[[str, str, bytes], None]
"""(direction ``>`` or ``<``, subject such as a ClOrdID or an endpoint, payload with no secret)."""


class OrdersSnapshot(Struct, frozen=True):
    """Open orders as the venue shows them; ``complete`` is False when a page is missing."""

    orders: tuple[VenueOrder, ...]
    complete: bool
    at: Instant


class PositionsSnapshot(Struct, frozen=True):
    """Open positions as the venue shows them."""

    positions: tuple[VenuePosition, ...]
    complete: bool
    at: Instant


class FillsSnapshot(Struct, frozen=True):
    """Every fill since an instant, oldest first, as execution reports of type ``trade``."""

    fills: tuple[ExecutionReport, ...]
    complete: bool
    at: Instant


class KeyScope(Struct, frozen=True):
    """What the credentials may do. A key that can withdraw is refused before the first order."""

    trade: bool
    withdraw: bool
    note: str = ""


class VenueAccount(Struct, frozen=True):
    """What a venue says of an account when asked who it is."""

    login: str
    currency: str
    position_mode: PositionMode
    is_live: bool


class Venue(Protocol):
    """A link to a venue. All methods may raise ``VenueError``, the three commands never do."""

    capabilities: Capabilities

    async def connect(self) -> None:
        """Open the link and start the stream of messages into the sink."""

    async def disconnect(self) -> None:
        """Close the link; no message reaches the sink afterwards."""

    def submit(self, order: NewOrder) -> Awaitable[Outcome]:
        """Send one order, once.

        A venue that writes without waiting returns a future, and the order is on its way when
        this returns; any other is a coroutine function.
        """

    def submit_many(self, orders: Sequence[NewOrder]) -> Awaitable[Sequence[Outcome]]:
        """Send several orders in their order over one link; one outcome each, same order.

        This and what follows return a future, as ``submit`` does, where nothing is waited for.
        """

    def replace(self, request: ReplaceOrder) -> Awaitable[Outcome]:
        """Ask for new terms of a working order (or of a position's native stop and target)."""

    def cancel(self, request: CancelOrder) -> Awaitable[Outcome]:
        """Ask for a working order back."""

    async def order_status(self, account: AccountId, cl_ord_id: ClOrdID) -> VenueOrder | None:
        """Find one order by our id in open orders and history; None when the venue shows none."""

    async def open_orders(self, account: AccountId) -> OrdersSnapshot:
        """All working orders of an account."""

    async def positions(self, account: AccountId) -> PositionsSnapshot:
        """All open positions of an account."""

    async def fills_since(self, account: AccountId, since: Instant) -> FillsSnapshot:
        """All fills of an account at or after ``since``."""

    async def account(self, account: AccountId) -> AccountSnapshot:
        """Money in an account."""

    async def identity(self, account: AccountId) -> VenueAccount:
        """Who the account is at the venue, to compare with what the user configured."""

    async def instruments(self, account: AccountId) -> tuple[Listing, ...]:
        """The account's symbol records.

        ``Listing.symbol`` is the venue's own name here; the engine maps it to ours.
        """

    async def subscribe(self, account: AccountId, symbols: Sequence[VenueSymbol]) -> None:
        """Ask for quotes of these symbols on the stream."""

    async def key_scope(self) -> KeyScope:
        """What the credentials may do."""


@runtime_checkable
class HasCountdown(Protocol):
    """What a link also has where its manifest says that ``countdown`` is native.

    A venue whose countdown takes stops and targets away too has none in this sense.
    """

    async def arm_countdown(self, account: AccountId, seconds: int) -> None:
        """Have the venue cancel an account's entries unless this is asked again in time.

        Raises:
            VenueError: the venue did not take it.
        """


@runtime_checkable
class HasMassCancel(Protocol):
    """What a link also has where its capabilities name a ``mass_cancel``."""

    async def mass_cancel(
        self, account: AccountId, symbol: VenueSymbol | None, request_id: str
    ) -> Outcome:
        """Ask for every working order of an account back by one request, stops and targets too.

        ``symbol`` is None where the capability is ``all``, and named where it is ``symbol``.
        Accepted says that the venue took the request; what became of each order is told by the
        order's own report, and an order may be left working.
        """


@runtime_checkable
class CanHalt(Protocol):
    """What a link also has that stops trying by itself and asks for a person."""

    @property
    def halted(self) -> Mapping[str, tuple[str, str]]:
        """What waits for a person: by session, a stable code and a sentence."""

    def resume(self) -> None:
        """Try again with everything that waits."""


class VenueContext(Struct, frozen=True, kw_only=True):
    """What a venue's factory is given. ``secrets`` holds values by the names the config gave."""

    venue_id: str
    settings: Mapping[str, object]
    accounts: tuple[AccountSpec, ...]
    secrets: Mapping[str, str]
    sink: Sink
    wire_log: WireLog
    clock: Callable[[], int]


Factory = Callable[[VenueContext], Venue]
"""Each venue folder's ``__init__`` names its factory ``create``."""
