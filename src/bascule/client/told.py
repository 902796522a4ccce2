"""What the client gives back, and how it fails.

Numbers are decimals, times UTC nanoseconds. What the engine's answers hold besides is left out.
"""

from decimal import Decimal
from typing import Any

from msgspec import Struct

from bascule.model.errors import BasculeError
from bascule.model.values import Instant


class Receipt(Struct, frozen=True):
    """The engine's answer to a signal, durable when it is told.

    ``status`` is ``accepted``, or ``duplicate``: a resend, and ``duplicate_of`` is the first
    one's signal. Where that one was refused, the client raises. ``signal`` is the engine's id, for
    `explain`; ``id`` is the idempotency id.
    """

    status: str
    signal: str = ""
    duplicate_of: str = ""
    code: str = ""
    text: str = ""
    next: str = ""
    id: str = ""


class ClientError(BasculeError):
    """What was asked for was not done, or nobody knows. ``next`` says what to do."""

    code = "client_error"

    @property
    def text(self) -> str:
        """What happened."""
        return self.message

    @property
    def next(self) -> str:
        """What to do."""
        return self.hint

    def __str__(self) -> str:
        return " ".join(part for part in (f"{self.message} ({self.code})", self.hint) if part)


class Refused(ClientError):
    """The engine's answer is no. ``status`` is HTTP's; ``receipt`` is there for a signal."""

    code = "refused"

    def __init__(
        self, text: str, *, code: str, next: str, status: int, receipt: Receipt | None = None
    ) -> None:
        super().__init__(text, code=code, hint=next)
        self.status = status
        self.receipt = receipt


class Unanswered(ClientError):
    """No answer came for as long as the client is patient.

    ``id`` is the signal's, empty for a question. The signal may or may not have been kept: the
    same call with ``id=`` finds out, and never does it twice.
    """

    code = "unanswered"

    def __init__(self, text: str, *, next: str, id: str = "") -> None:
        super().__init__(text, hint=next)
        self.id = id


class Event(Struct, frozen=True):
    """One event of the journal; ``seq`` is where to go on after. docs/journal.md has the kinds."""

    seq: int
    kind: str
    data: dict[str, Any]


class Account(Struct, frozen=True, kw_only=True):
    """One account: link, money as its venue last told it, in ``currency``."""

    id: str
    venue: str
    login: str
    mode: str
    currency: str
    link_up: bool = False
    reconciled: bool = False
    latched: bool = False
    balance: Decimal | None = None
    equity: Decimal | None = None
    free_margin: Decimal | None = None
    open_pnl: Decimal | None = None
    open_orders: int = 0
    positions: int = 0
    in_doubt: int = 0
    drift: tuple[str, ...] = ()
    stops: tuple[str, ...] = ()


class Position(Struct, frozen=True, kw_only=True):
    """A strategy's book on one account; ``quantity`` is signed, long positive.

    ``open_pnl`` is in the contract's ``currency``; None where no quote is known.
    """

    account: str
    strategy: str
    symbol: str
    quantity: Decimal
    avg_price: Decimal
    mark: Decimal | None = None
    currency: str = ""
    open_pnl: Decimal | None = None
    realized: Decimal | None = None
    exiting: Decimal = Decimal(0)


class Order(Struct, frozen=True, kw_only=True):
    """One order; ``quantity``, ``filled`` and ``remaining`` are unsigned."""

    cl_ord_id: str
    account: str
    strategy: str
    role: str
    symbol: str
    side: str
    quantity: Decimal
    filled: Decimal
    remaining: Decimal
    ord_type: str
    status: str
    signal: str
    requested_at: Instant
    avg_price: Decimal | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    label: str = ""
    ended: str = ""


class Quote(Struct, frozen=True):
    """The last quote of a contract on an account; ``age`` is in nanoseconds."""

    account: str
    symbol: str
    venue_symbol: str
    bid: Decimal
    ask: Decimal
    at: Instant
    age: int = 0

    @property
    def mid(self) -> Decimal:
        """Half-way between bid and ask."""
        return (self.bid + self.ask) / 2
