"""The paper broker's wire: one JSON object a line, each with its ``type``, over TCP.

A client sends requests with ids of its own, as many as it likes without waiting; each is answered
by one reply with that id, in any order, and only when the ledger is on the disk. Between replies
the broker pushes reports, quotes, account snapshots and heartbeats. ``account`` in orders,
reports and snapshots is the login. Numbers are decimal strings, times UTC nanoseconds.
"""

from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Struct

from bascule.model.enums import PositionMode, Side
from bascule.model.instrument import Listing, Quote
from bascule.model.order import (
    AccountSnapshot,
    CancelOrder,
    ExecutionReport,
    NewOrder,
    ReplaceOrder,
    VenueOrder,
    VenuePosition,
)
from bascule.model.values import Currency, Instant
from bascule.venues.kit.faults import Fault, FaultState

Stored = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""What the ledger's integers can hold."""
VERSION = 1
LINE_MAX = 1 << 20
"""Bytes of the longest line that a client may send; a longer one ends the link."""
ANSWER_MAX = 64 << 20
"""Bytes of the longest line from the broker: some hundred thousand open orders."""
FILLS_MAX = 1000
"""Fills of one answer."""


class _Message(Struct, frozen=True, tag_field="type", omit_defaults=True):
    pass


class _Request(_Message, frozen=True):
    id: int


# --- what a client sends --------------------------------------------------------------------------


class Logon(_Request, frozen=True, tag="logon"):
    """Prove the right to one account on this link; several logons serve several accounts."""

    login: str
    token: str
    version: int = VERSION


class Submit(_Request, frozen=True, tag="submit"):
    """Send an order."""

    order: NewOrder


class Cancel(_Request, frozen=True, tag="cancel"):
    """Ask for an order back."""

    request: CancelOrder


class Replace(_Request, frozen=True, tag="replace"):
    """Ask for new terms."""

    request: ReplaceOrder


class OrderStatus(_Request, frozen=True, tag="order_status"):
    """Ask for one order, open or ended."""

    login: str
    cl_ord_id: str


class OpenOrders(_Request, frozen=True, tag="open_orders"):
    """Ask for the working orders."""

    login: str


class Positions(_Request, frozen=True, tag="positions"):
    """Ask for the open positions."""

    login: str


class FillsSince(_Request, frozen=True, tag="fills_since"):
    """Ask for the fills at or after an instant, at most ``FILLS_MAX`` of them.

    To go on: ``since`` the last fill's time, ``after`` its exec id.
    """

    login: str
    since: Stored
    after: Annotated[int, msgspec.Meta(ge=-1, le=2**63 - 1)] = -1


class AccountState(_Request, frozen=True, tag="account"):
    """Ask for the account's money."""

    login: str


class Identity(_Request, frozen=True, tag="identity"):
    """Ask what the account is."""

    login: str


class Instruments(_Request, frozen=True, tag="instruments"):
    """Ask for what is listed."""

    login: str


class Subscribe(_Request, frozen=True, tag="subscribe"):
    """Ask for quotes of these symbols on this link from now on."""

    login: str
    symbols: tuple[str, ...]


ClientMessage = (
    Logon | Submit | Cancel | Replace | OrderStatus | OpenOrders | Positions | FillsSince
    | AccountState | Identity | Instruments | Subscribe
)  # fmt: skip


# --- what an administrator sends, on a link of its own --------------------------------------------


class AdminLogon(_Request, frozen=True, tag="admin_logon"):
    """Prove the right to the commands below."""

    token: str


class PushQuotes(_Request, frozen=True, tag="push_quotes"):
    """Set prices, in order; ``at`` of each is replaced by the broker's clock."""

    quotes: tuple[Quote, ...]


class ArmFault(_Request, frozen=True, tag="arm_fault"):
    """Arm a fault, or arm it anew."""

    fault: Fault


class DisarmFaults(_Request, frozen=True, tag="disarm_faults"):
    """Disarm one fault, or all when no name is given."""

    name: str = ""


class ListFaults(_Request, frozen=True, tag="list_faults"):
    """Ask what is armed and how often it fired."""


class AdvanceClock(_Request, frozen=True, tag="advance_clock"):
    """Move a manual clock on; what falls due on the way happens at its own time."""

    seconds: float


class Deposit(_Request, frozen=True, tag="deposit"):
    """Put money in, or take it out with a negative amount, in account currency."""

    login: str
    amount: Decimal


class HandTrade(_Request, frozen=True, tag="hand_trade"):
    """Trade at the market outside any client."""

    login: str
    symbol: str
    side: Side
    quantity: Decimal


class HandClose(_Request, frozen=True, tag="hand_close"):
    """Close a position outside any client."""

    login: str
    symbol: str = ""
    position_id: str = ""


class Bust(_Request, frozen=True, tag="bust"):
    """Take a fill back."""

    login: str
    exec_id: str


class Correct(_Request, frozen=True, tag="correct"):
    """Correct a fill."""

    login: str
    exec_id: str
    quantity: Decimal
    price: Decimal


class SetHours(_Request, frozen=True, tag="set_hours"):
    """Change when an instrument trades, until the broker's next start."""

    symbol: str
    hours: str


class LedgerRows(_Request, frozen=True, tag="ledger_rows"):
    """Ask for raw rows of a ledger table after a row number."""

    table: str
    after: Stored = 0
    limit: Stored = 1000


class Disconnect(_Request, frozen=True, tag="disconnect"):
    """Cut every link that serves this login, without a word."""

    login: str


AdminMessage = (
    AdminLogon | PushQuotes | ArmFault | DisarmFaults | ListFaults | AdvanceClock | Deposit
    | HandTrade | HandClose | Bust | Correct | SetHours | LedgerRows | Disconnect
)  # fmt: skip


# --- what the broker sends ------------------------------------------------------------------------


class LoggedOn(_Request, frozen=True, tag="logged_on"):
    """The account is served on this link; a heartbeat comes at least this often."""

    login: str
    heartbeat_s: float


class Taken(_Request, frozen=True, tag="accepted"):
    """A command was taken."""

    venue_order_id: str
    at: Instant


class NotTaken(_Request, frozen=True, tag="refused"):
    """A request was refused, and nothing came of it. ``code`` is a stable word."""

    code: str
    text: str
    at: Instant


class OrderShown(_Request, frozen=True, tag="order"):
    """One order, or none."""

    order: VenueOrder | None
    at: Instant


class OrdersShown(_Request, frozen=True, tag="orders"):
    """Working orders; ``complete`` is false when some are missing."""

    orders: tuple[VenueOrder, ...]
    complete: bool
    at: Instant


class PositionsShown(_Request, frozen=True, tag="open_positions"):
    """Open positions."""

    positions: tuple[VenuePosition, ...]
    complete: bool
    at: Instant


class FillsShown(_Request, frozen=True, tag="fills"):
    """Fills, oldest first; ``complete`` is false when there are more to ask for."""

    fills: tuple[ExecutionReport, ...]
    complete: bool
    at: Instant


class MoneyShown(_Request, frozen=True, tag="money"):
    """The account's money."""

    snapshot: AccountSnapshot


class IdentityShown(_Request, frozen=True, tag="identified"):
    """What the account is."""

    login: str
    currency: Currency
    mode: PositionMode
    is_live: bool


class InstrumentsShown(_Request, frozen=True, tag="listings"):
    """What is listed."""

    listings: tuple[Listing, ...]


class Done(_Request, frozen=True, tag="done"):
    """Done; ``result`` is a number or an id where the command has one."""

    result: str = ""


class FaultsShown(_Request, frozen=True, tag="faults"):
    """What is armed."""

    faults: tuple[FaultState, ...]


class RowsShown(_Request, frozen=True, tag="rows"):
    """Raw rows, each with its ``rowid``."""

    rows: tuple[dict[str, str | int | None], ...]


class Report(_Message, frozen=True, tag="report"):
    """Pushed: one fact about one order."""

    report: ExecutionReport


class Price(_Message, frozen=True, tag="quote"):
    """Pushed: a new price of a symbol that was subscribed to."""

    quote: Quote


class Money(_Message, frozen=True, tag="snapshot"):
    """Pushed: the account's money changed."""

    snapshot: AccountSnapshot


class Heartbeat(_Message, frozen=True, tag="heartbeat"):
    """Pushed: the broker lives."""

    at: Instant


Reply = (
    LoggedOn | Taken | NotTaken | OrderShown | OrdersShown | PositionsShown | FillsShown
    | MoneyShown | IdentityShown | InstrumentsShown | Done | FaultsShown | RowsShown
)  # fmt: skip
BrokerMessage = Reply | Report | Price | Money | Heartbeat

_encoder = msgspec.json.Encoder()
decode_client = msgspec.json.Decoder(ClientMessage | AdminMessage).decode
"""Read one line from a client or an administrator. Raises msgspec.DecodeError."""
decode_broker = msgspec.json.Decoder(BrokerMessage).decode
"""Read one line from the broker. Raises msgspec.DecodeError."""


def encode(message: Struct) -> bytes:
    """Write one message as its line, newline included."""
    return _encoder.encode(message) + b"\n"


class Lines:
    """Cuts a byte stream into lines; keeps the unfinished one."""

    __slots__ = ("_limit", "_parts", "_size")

    def __init__(self, limit: int = LINE_MAX) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Give the lines that this data completes, without their newlines.

        Raises:
            ValueError: a line is longer than the limit.
        """
        self._parts.append(data)
        self._size += len(data)
        lines: list[bytes] = []
        if b"\n" in data:
            *lines, rest = b"".join(self._parts).split(b"\n")
            self._parts, self._size = [rest], len(rest)
        if self._size > self._limit:
            raise ValueError(f"a line is longer than {self._limit} bytes")
        return lines
