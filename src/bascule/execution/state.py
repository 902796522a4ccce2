"""What the journal adds up to. Mutable, owned by one thread, changed by ``evolve`` alone.

The structs are plain data, so that a snapshot is one encode and a replayed state can be compared
with a lived one byte by byte. Every container that grows with time states its bound.
"""

from decimal import Decimal

import msgspec
from msgspec import Struct, field

from bascule.model.account import RiskLimits
from bascule.model.enums import ENDED, OrdStatus, OrdType, Side, StopMode, TimeInForce
from bascule.model.event import Bracket
from bascule.model.ids import (
    AccountId,
    ClOrdID,
    ExecID,
    PositionId,
    SignalId,
    StrategyId,
    Symbol,
    VenueOrderId,
    VenueSymbol,
)
from bascule.model.ledger import DayResult, LedgerState, Scale
from bascule.model.order import AccountSnapshot
from bascule.model.values import HOUR, ZERO, Instant
from bascule.risk.rates import RateWindow, Tally, ValueWindow

ENDED_ORDERS_MAX = 2_000
"""Ended orders kept an account, so that a late report still finds its order."""
EXEC_IDS_MIN = 20_000
"""Exec ids of fills kept an account, however old they are; all that a look may bring are."""
LOOK_BACK_NS = 24 * HOUR
"""How far the first look of a run goes back behind the last agreement with the venue."""
FOREIGN_ORDERS_MAX = 1_000
"""Working orders of others remembered an account."""
UNDONE = ClOrdID("~")
"""Whose a fill of no order of ours is, once its venue took it back."""
RESULTS_MAX = 400
"""The firm's days whose result is remembered."""
SIGNAL_KEYS_MAX = 100_000
SAME_ENTRIES_MAX = 1_000
REPEATS_MAX = 1_000
SUBMITS_MAX = 1_000
STRATEGIES_MAX = 10_000
HOLDS_MAX = 100
RUNS_MAX = 20
"""Exits and contracts remembered of a strategy, to tell how long it holds."""


KNOWN = (OrdStatus.ACKNOWLEDGED, OrdStatus.WORKING, OrdStatus.PARTIALLY_FILLED)
"""Where a live order stands that its venue has taken: only such a one can be changed."""


class Execution(Struct, array_like=True):
    """One counted fill of an order."""

    quantity: Decimal
    price: Decimal


class ExecHour(Struct, array_like=True):
    """How many exec ids one hour of the clock brought, and the youngest fill of them."""

    hour: int
    count: int
    last: Instant


class Order(Struct, kw_only=True, omit_defaults=True):
    """An order of ours (or a venue's native child of one) from request to end.

    ``pending`` is ``cancel`` or ``replace`` while one is in flight; the terms asked for stand in
    ``pending_*`` until the venue has answered. ``asked_back`` stays set once a cancel was asked
    for. ``waiting`` holds an order back until the one named in ``after`` has ended. ``number``
    counts all requests of the installation, ``changes`` this order's cancel and replace requests;
    ``changed_at`` is the last of them, ``heard_at`` the last news from the venue, ``doubted_at``
    when it was last put in doubt. ``refusals`` counts the changes that were refused in a row.
    """

    cl_ord_id: ClOrdID
    signal: SignalId
    intent: int
    account: AccountId
    strategy: StrategyId
    leg: str
    symbol: Symbol
    venue_symbol: VenueSymbol
    side: Side
    quantity: Decimal
    ord_type: OrdType
    requested_at: Instant
    number: int = 0
    status: OrdStatus = OrdStatus.NEW_REQUESTED
    price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_distance: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    expire_at: Instant | None = None
    reduce_only: bool = False
    position_id: PositionId | None = None
    bracket: Bracket | None = None
    parent: ClOrdID | None = None
    after: ClOrdID | None = None
    waiting: bool = False
    label: str = ""
    comment: str = ""
    attempt: int = 0
    not_before: Instant | None = None
    expires_unsent: Instant | None = None
    venue_order_id: VenueOrderId | None = None
    native_child: bool = False
    cum_qty: Decimal = ZERO
    notional: Decimal = ZERO
    fills: dict[ExecID, Execution] = field(default_factory=dict)
    pending: str = ""
    pending_id: str = ""
    pending_qty: Decimal | None = None
    pending_price: Decimal | None = None
    pending_stop: Decimal | None = None
    asked_back: bool = False
    changes: int = 0
    refusals: int = 0
    changed_at: Instant = Instant(0)
    heard_at: Instant = Instant(0)
    doubt: str = ""
    doubted_at: Instant = Instant(0)
    end_reason: str = ""

    @property
    def live(self) -> bool:
        """Whether it may still trade, as far as evidence goes."""
        return self.status not in ENDED

    @property
    def leaves(self) -> Decimal:
        """What may still fill at the worst: a replace in flight counts the larger of both."""
        if self.status in ENDED:
            return ZERO
        total = self.quantity
        if self.pending_qty is not None and self.pending_qty > total:
            total = self.pending_qty
        left = total - self.cum_qty
        return left if left > 0 else ZERO

    @property
    def replace_under(self) -> str:
        """Name the replace that was in flight when a cancel was asked for; else empty."""
        asked = (self.pending_qty, self.pending_price, self.pending_stop)
        if self.pending != "cancel" or asked == (None, None, None):
            return ""
        return f"{self.cl_ord_id}.r{self.changes - 1}"

    @property
    def avg_price(self) -> Decimal | None:
        """Average fill price, or None before the first fill."""
        return self.notional / self.cum_qty if self.cum_qty else None


class Book(Struct, omit_defaults=True):
    """A strategy's own share of an account's position in one contract.

    ``quantity`` is signed. ``lots`` keeps it by position id where the venue hedges. ``open_buy``
    and ``open_sell`` are what entries may still add (unsigned, at the worst), ``exiting`` what
    exits in flight may still take away, ``exiting_buy`` the part of it that buys. ``entries``
    counts entry orders since it was last flat, but for those that ended without a fill. ``target``
    is the sender's own position as last acted on, where the account sizes by itself. ``closing`` is
    the last signal that closed everything: an entry with a number up to ``closed_to`` (on
    ``closing_side``, where that is set) that still fills is closed at once. ``astray`` (unsigned)
    is what closes have opened beyond flat, which nobody asked for: two of them filled, or the
    opening of what they closed is yet to be told.
    """

    strategy: StrategyId
    symbol: Symbol
    venue_symbol: VenueSymbol
    quantity: Decimal = ZERO
    avg_price: Decimal = ZERO
    realized: Decimal = ZERO
    commission: Decimal = ZERO
    open_buy: Decimal = ZERO
    open_sell: Decimal = ZERO
    exiting: Decimal = ZERO
    exiting_buy: Decimal = ZERO
    entries: int = 0
    target: Decimal | None = None
    closing: SignalId | None = None
    closing_side: Side | None = None
    closed_to: int = 0
    astray: Decimal = ZERO
    lots: dict[PositionId, Decimal] = field(default_factory=dict)

    def leaving(self, side: Side) -> Decimal:
        """How much of what is held on a side exits in flight take away, unsigned.

        One that was meant for the other side, before the book crossed over, takes nothing of it.
        """
        return self.exiting - self.exiting_buy if side is Side.BUY else self.exiting_buy


class Guard(Struct, omit_defaults=True):
    """What protects one filled entry: its bracket, and how much of the fill is still held.

    ``slot`` is the entry's own among the children of a split. ``children`` are the stop and
    target orders, engine-run or native, live ones only; ``made`` and ``taken`` are by leg and
    label. ``refused`` counts, by leg and label, the orders in a row that the venue refused or
    ended at once; ``tried_at`` is when a close was last tried instead. ``denied`` holds the codes
    with which our own checks refused an order, by its id (a close: ``x``), so that it is said
    once. ``unsent`` counts the orders in a row that a latch held back, the last at ``unsent_at``.
    ``moved`` is set once break-even acted, ``opposed`` once other strategies stood against what it
    holds.
    """

    cl_ord_id: ClOrdID
    signal: SignalId
    strategy: StrategyId
    symbol: Symbol
    venue_symbol: VenueSymbol
    side: Side
    bracket: Bracket
    intent: int = 0
    slot: str = ""
    entry_price: Decimal = ZERO
    filled: Decimal = ZERO
    held: Decimal = ZERO
    taken: dict[str, Decimal] = field(default_factory=dict)
    children: list[ClOrdID] = field(default_factory=list)
    made: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    denied: dict[str, str] = field(default_factory=dict)
    tried_at: Instant = Instant(0)
    unsent: int = 0
    unsent_at: Instant = Instant(0)
    moved: bool = False
    position_id: PositionId | None = None
    entry_done: bool = False
    opposed: bool = False


class Stop(Struct, frozen=True):
    """A halt, freeze or lock in force; ``under`` is the lock that a freeze stands on."""

    mode: StopMode
    by: str
    reason: str
    at: Instant
    until: Instant | None = None
    code: str = ""
    under: "Stop | None" = None


class Exposure(Struct):
    """An account's position in one contract, and what open entries may still do to it.

    ``long`` and ``short`` (both unsigned) are the sums of its books on either side.
    """

    long: Decimal = ZERO
    short: Decimal = ZERO
    open_buy: Decimal = ZERO
    open_sell: Decimal = ZERO

    @property
    def net(self) -> Decimal:
        """The account's signed position."""
        return self.long - self.short


class LastSame(Struct, array_like=True):
    """The last entry of one symbol, side and size: which signal, and when."""

    signal: SignalId
    at: Instant


class LastPrice(Struct, array_like=True):
    """What a contract last traded at for an account, and when."""

    price: Decimal
    at: Instant


class Holds(Struct, array_like=True):
    """How long a strategy holds on an account, in nanoseconds.

    ``entered`` is its last entry in each contract, ``durations`` how long after one its last exits
    came that no stop made.
    """

    entered: dict[Symbol, Instant] = field(default_factory=dict)
    durations: list[int] = field(default_factory=list)


class Run(Struct, array_like=True):
    """One stretch in which an account held a contract on one side: an idea, or a part of one.

    ``closed`` is None while it is held. ``made`` is realised, in price units times quantity, and
    ``paid`` what it cost in commission.
    """

    opened: Instant
    closed: Instant | None = None
    made: Decimal = ZERO
    paid: Decimal = ZERO


class Repeats(Struct, array_like=True):
    """When a strategy entered one contract on one side, once a signal; since it was last armed."""

    signal: SignalId
    times: list[Instant]


class Submits(Struct, array_like=True):
    """How often one leg of one intent was requested in a row without the venue taking it."""

    count: int
    at: Instant


class Rejects(Struct, array_like=True):
    """How many orders in a row the venue rejected for one reason."""

    reason: str
    count: int


class LimitsInForce(Struct, omit_defaults=True):
    """The limits of a scope: those of ``now``, and from ``since`` on those of ``then``."""

    now: RiskLimits
    then: RiskLimits | None = None
    since: Instant = Instant(0)

    def at(self, instant: int) -> RiskLimits:
        """Give what is in force at an instant."""
        return self.then if self.then is not None and instant >= self.since else self.now


class StrategyState(Struct, omit_defaults=True):
    """What is counted of a strategy over all accounts: ``signals`` that became entries."""

    signals: int = 0
    last: SignalId = SignalId("")
    approved: bool = False
    messages: Tally = field(default_factory=Tally)


class ForeignOrder(Struct, array_like=True):
    """A working order that is none of ours, by the terms that its venue last showed.

    ``filled`` has its fills since then as well; one that ``reduces`` can only close what is held.
    ``at`` is when it was last heard of.
    """

    venue_symbol: VenueSymbol
    side: Side
    quantity: Decimal
    price: Decimal | None = None
    stop_price: Decimal | None = None
    symbol: Symbol = Symbol("")
    filled: Decimal = ZERO
    reduces: bool = False
    at: Instant = Instant(0)


class AccountState(Struct, kw_only=True):
    """Everything known of one account.

    ``waiters`` lists, by the order waited for, the orders held back for it. ``watched`` lists, by
    venue symbol, the trailing orders and the guards that follow the price. ``known`` is set by the
    first reconciliation, which takes over whatever the account held before; ``agreed_at`` is when
    it last agreed with its venue after something had changed. ``exec_ids`` names the order of each
    fill that is counted, empty for none of ours, oldest first; ``exec_hours`` tells their ages, and
    ``hand_fills`` what was counted of those that are none of ours. ``rates`` and ``values`` count
    entries, ``messages`` what was asked of the venue, ``fills`` what traded, at ``prices``;
    ``holds`` says how long each strategy held, ``ideas`` by contract and side what was held in one
    stretch; ``opened_at`` is when the account was first seen, ``idle_told`` when it was last said
    that nothing trades here. ``ledger`` is what its money rules remember, and
    ``results`` its results by the firm's days (ISO dates); ``scale`` multiplies its sizes.
    """

    id: AccountId
    number: int
    venue: str
    login: str
    mode: str
    orders: dict[ClOrdID, Order] = field(default_factory=dict)
    ended: dict[ClOrdID, Order] = field(default_factory=dict)
    by_venue_id: dict[VenueOrderId, ClOrdID] = field(default_factory=dict)
    exec_ids: dict[ExecID, ClOrdID] = field(default_factory=dict)
    books: dict[str, Book] = field(default_factory=dict)
    guards: dict[ClOrdID, Guard] = field(default_factory=dict)
    waiters: dict[ClOrdID, list[ClOrdID]] = field(default_factory=dict)
    watched: dict[VenueSymbol, list[ClOrdID]] = field(default_factory=dict)
    exposure: dict[Symbol, Exposure] = field(default_factory=dict)
    foreign_orders: dict[VenueOrderId, ForeignOrder] = field(default_factory=dict)
    rates: RateWindow = field(default_factory=RateWindow)
    values: ValueWindow = field(default_factory=ValueWindow)
    messages: Tally = field(default_factory=Tally)
    fills: Tally = field(default_factory=Tally)
    prices: dict[Symbol, LastPrice] = field(default_factory=dict)
    repeats: dict[str, Repeats] = field(default_factory=dict)
    submits: dict[str, Submits] = field(default_factory=dict)
    rejects: Rejects | None = None
    holds: dict[StrategyId, Holds] = field(default_factory=dict)
    same: dict[str, LastSame] = field(default_factory=dict)
    money: AccountSnapshot | None = None
    link_up: bool = False
    known: bool = False
    reconciled: bool = False
    drift: dict[Symbol, str] = field(default_factory=dict)
    last_fill_at: Instant = Instant(0)
    ledger: LedgerState | None = None
    results: dict[str, DayResult] = field(default_factory=dict)
    scale: Scale | None = None
    exec_hours: list[ExecHour] = field(default_factory=list)
    hand_fills: dict[ExecID, Execution] = field(default_factory=dict)
    agreed_at: Instant = Instant(0)
    ideas: dict[str, list[Run]] = field(default_factory=dict)
    opened_at: Instant = Instant(0)
    idle_told: Instant = Instant(0)

    def fills_from(self, now: Instant) -> Instant:
        """Say from when on the first look of a run asks for fills, however long it was down."""
        agreed = self.agreed_at or self.last_fill_at or now
        return Instant(max(0, min(agreed, now) - LOOK_BACK_NS))

    def order(self, cl_ord_id: ClOrdID) -> Order | None:
        """Find an order, live or ended."""
        return self.orders.get(cl_ord_id) or self.ended.get(cl_ord_id)

    def book(self, strategy: StrategyId, symbol: Symbol) -> Book | None:
        """Find a strategy's book of a contract."""
        return self.books.get(f"{strategy}|{symbol}")

    def books_of(self, strategy: StrategyId) -> list[Book]:
        """All books of a strategy on this account."""
        return [book for book in self.books.values() if book.strategy == strategy]


class SignalKey(Struct, array_like=True):
    """What an idempotency key was first used for; ``code`` is of the refusal, if it was refused."""

    signal: SignalId
    body_hash: str
    at: Instant
    code: str = ""


def body_key(source: str, body_hash: str) -> str:
    """Name a message that bears a time and no key, by its bytes."""
    return f"{source}/body/{body_hash}"


class State(Struct, kw_only=True):
    """The whole of it. ``clock`` is the instant of the last event.

    ``venues`` counts what was asked of each; ``limits`` are by scope, and ``limit_changes`` counts
    their changes. ``guardian_at`` is of the latest line of the guardian's log that was taken in,
    ``guardian_seq`` of the last. ``version`` is the Bascule that folded it.
    """

    epoch: str = ""
    reduce_only: bool = False
    signals: int = 0
    requests: int = 0
    refused_signals: int = 0
    clock: Instant = Instant(0)
    accounts: dict[AccountId, AccountState] = field(default_factory=dict)
    keys: dict[str, SignalKey] = field(default_factory=dict)
    stops: dict[str, Stop] = field(default_factory=dict)
    strategies: dict[StrategyId, StrategyState] = field(default_factory=dict)
    venues: dict[str, Tally] = field(default_factory=dict)
    limits: dict[str, LimitsInForce] = field(default_factory=dict)
    limit_changes: int = 0
    guardian_at: Instant = Instant(0)
    guardian_seq: int = 0
    version: str = ""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(State)


def dump(state: State) -> bytes:
    """Write a state for a snapshot. The order of dicts is kept: it is part of the state."""
    return _encoder.encode(state)


def load(blob: bytes) -> State:
    """Read a state back."""
    return _decoder.decode(blob)


def load_own(blob: bytes, version: str) -> State | None:
    """Read a snapshot's state, or None where it is another version's.

    One that folds otherwise leaves out what this one knows, and what it adds is not read.
    """
    try:
        state = load(blob)
    except msgspec.DecodeError:
        return None
    return state if state.version == version else None
