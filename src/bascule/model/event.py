"""Every fact the journal can hold. State is a fold of these and of nothing else.

Evolution rule: add fields with defaults, never repurpose or remove one, never reuse a tag. Each
event is a JSON object with its tag in ``kind``; numbers are decimal strings, times UTC ns.
``at`` is when the engine decided it.
"""

from decimal import Decimal

from msgspec import Struct

from bascule.model.account import RiskLimits
from bascule.model.enums import OrdStatus, OrdType, Side, StopMode, TimeInForce
from bascule.model.fact import Fact as _Event
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
from bascule.model.intent import Intent
from bascule.model.ledger_event import AccountIdle as AccountIdle
from bascule.model.ledger_event import CashFlowRecorded as CashFlowRecorded
from bascule.model.ledger_event import GuardTripped as GuardTripped
from bascule.model.ledger_event import LedgerBreached as LedgerBreached
from bascule.model.ledger_event import LedgerMoved as LedgerMoved
from bascule.model.ledger_event import PhaseRecorded as PhaseRecorded
from bascule.model.ledger_event import ScaleRecorded as ScaleRecorded
from bascule.model.order import AccountSnapshot, ExecutionReport
from bascule.model.values import ZERO, Currency, Instant


class Verdict(Struct, frozen=True, array_like=True, omit_defaults=True):
    """What one check said of one order: ``[code, ok, used, limit, text, passes, room]``.

    ``used`` and ``limit`` are in the check's own unit (its docs line says which); ``text`` is the
    sentence of a refusal and ``passes`` what would have passed; ``room`` is what was left for
    this order before it, in the same unit. A check that was passed may say in ``text`` what it
    measured from.
    """

    code: str
    ok: bool
    used: Decimal | None = None
    limit: Decimal | None = None
    text: str = ""
    passes: str = ""
    room: Decimal | None = None


class Bracket(Struct, frozen=True, omit_defaults=True):
    """Protection of an entry in absolute prices; ``native`` when the venue holds it itself.

    ``trail`` keeps its distance in price units. ``take_profits`` are (price, portion).
    """

    stop_loss: Decimal | None = None
    take_profits: tuple[tuple[Decimal, Decimal], ...] = ()
    trail_distance: Decimal | None = None
    trail_trigger: Decimal | None = None
    trail_step: Decimal | None = None
    break_even_trigger: Decimal | None = None
    break_even_offset: Decimal = ZERO
    native: bool = False

    @property
    def follows_price(self) -> bool:
        """Whether its stop moves by itself: a trail, or a break-even."""
        return self.trail_distance is not None or self.break_even_trigger is not None


# --- the installation ---------------------------------------------------------------------------


class EpochStarted(_Event, frozen=True, tag="epoch_started"):
    """A new installation epoch: first start, or a restored backup. ``reduce_only`` until armed."""

    epoch: str
    reason: str
    reduce_only: bool = False


class EngineStarted(_Event, frozen=True, tag="engine_started"):
    """The engine took the journal; whatever was requested and has no outcome is now in doubt."""

    pid: int
    version: str
    config_hash: str
    config: str


class EngineStopped(_Event, frozen=True, tag="engine_stopped"):
    """The engine let go of the journal in good order."""

    reason: str


class AccountOpened(_Event, frozen=True, tag="account_opened"):
    """An account was first seen and got its number, which its ClOrdIDs carry for ever."""

    account: AccountId
    number: int
    venue: str
    login: str
    mode: str


# --- signals ------------------------------------------------------------------------------------


class SignalAccepted(_Event, frozen=True, tag="signal_accepted"):
    """A signal was taken in and its intents are being acted on. ``raw`` holds no secret."""

    signal: SignalId
    source: str
    dialect: str
    strategy: StrategyId
    key: str
    body_hash: str
    received_at: Instant
    raw: str
    intents: tuple[Intent, ...]
    fired_at: Instant | None = None
    notes: tuple[str, ...] = ()


class SignalRefused(_Event, frozen=True, tag="signal_refused"):
    """A signal was taken in and will not be acted on: why, and what to do next."""

    signal: SignalId
    source: str
    dialect: str
    received_at: Instant
    raw: str
    code: str
    text: str
    strategy: StrategyId = StrategyId("")
    key: str = ""
    body_hash: str = ""
    fired_at: Instant | None = None


class SignalDuplicate(_Event, frozen=True, tag="signal_duplicate"):
    """A resend of a signal that was already answered; ``code`` says why, where it was refused."""

    signal: SignalId
    source: str
    received_at: Instant
    duplicate_of: SignalId
    code: str = ""


class IntentRefused(_Event, frozen=True, tag="intent_refused"):
    """An intent became no order for one account (or for any, when ``account`` is empty)."""

    signal: SignalId
    intent: int
    code: str
    text: str
    account: AccountId = AccountId("")
    symbol: str = ""


class IntentIdle(_Event, frozen=True, tag="intent_idle"):
    """There was nothing to do: the target is already met, or nothing is held."""

    signal: SignalId
    intent: int
    account: AccountId
    text: str
    symbol: str = ""


# --- orders -------------------------------------------------------------------------------------


class OrderRequested(_Event, frozen=True, tag="order_requested"):
    """An order passed every check and is to be sent. From here on it counts in every limit.

    ``leg``: e entry, x exit, s stop loss, t take profit. ``parent`` is the entry it protects.
    ``sizing`` says in words how the quantity came about. ``not_before`` is a stagger.
    ``expires_unsent`` is when it must no longer leave. ``after``: held until that order has ended
    (a later child of a split, an exit that waits for its stop to be taken back, an entry that
    waits for the other side to be closed). ``target`` is the sender's own position once this has
    filled, where the account sizes by itself and the signal told it. ``value`` is its notional in
    account currency when it was judged, where a limit counts that.
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
    attempt: int = 0
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
    label: str = ""
    comment: str = ""
    sizing: str = ""
    reference: str = ""
    not_before: Instant | None = None
    expires_unsent: Instant | None = None
    target: Decimal | None = None
    value: Decimal | None = None
    verdicts: tuple[Verdict, ...] = ()


class OrderReleased(_Event, frozen=True, tag="order_released"):
    """An order that waited for another (``after``) may go now, for what is still to be done."""

    account: AccountId
    cl_ord_id: ClOrdID
    quantity: Decimal


class OrderRefused(_Event, frozen=True, tag="order_refused"):
    """A check refused an order; nothing was sent. The verdicts end with the one that refused."""

    cl_ord_id: ClOrdID
    signal: SignalId
    intent: int
    account: AccountId
    strategy: StrategyId
    leg: str
    symbol: Symbol
    side: Side
    quantity: Decimal
    code: str
    text: str
    verdicts: tuple[Verdict, ...] = ()
    sizing: str = ""
    parent: ClOrdID | None = None


class OrdersSent(_Event, frozen=True, tag="orders_sent"):
    """These orders were written to the venue. It informs; recovery never relies on it.

    ``accounts`` runs parallel to ``orders``; ``account`` is set when it is the same for all.
    """

    orders: tuple[ClOrdID, ...]
    accounts: tuple[AccountId, ...]
    account: AccountId = AccountId("")


class OrderAcknowledged(_Event, frozen=True, tag="order_acknowledged"):
    """The venue took the order. ``status`` is where the table moved it."""

    account: AccountId
    cl_ord_id: ClOrdID
    status: OrdStatus
    venue_order_id: VenueOrderId | None = None
    evidence: str = ""


class OrderFilled(_Event, frozen=True, tag="order_filled"):
    """One fill, counted once by its exec id; unsigned, and a positive commission is a cost."""

    account: AccountId
    cl_ord_id: ClOrdID
    exec_id: ExecID
    side: Side
    quantity: Decimal
    price: Decimal
    status: OrdStatus
    traded_at: Instant
    commission: Decimal = ZERO
    currency: Currency = Currency("")
    position_id: PositionId | None = None
    note: str = ""


class FillBusted(_Event, frozen=True, tag="fill_busted"):
    """The venue took a fill back."""

    account: AccountId
    cl_ord_id: ClOrdID
    exec_id: ExecID
    ref_exec_id: ExecID
    status: OrdStatus


class FillCorrected(_Event, frozen=True, tag="fill_corrected"):
    """The venue corrected a fill's quantity or price."""

    account: AccountId
    cl_ord_id: ClOrdID
    exec_id: ExecID
    ref_exec_id: ExecID
    quantity: Decimal
    price: Decimal
    status: OrdStatus


class OrderEnded(_Event, frozen=True, tag="order_ended"):
    """An order will trade no more: canceled, rejected, expired or expired unsent.

    ``evidence`` says whose word that is: a report, an outcome, an absence proof or a person.
    ``signal`` is who asked for an order back that had not left yet.
    """

    account: AccountId
    cl_ord_id: ClOrdID
    status: OrdStatus
    reason: str
    text: str = ""
    venue_code: str = ""
    evidence: str = ""
    signal: SignalId | None = None


class OrderDoubted(_Event, frozen=True, tag="order_doubted"):
    """The outcome of a send is unknown; full exposure stays until evidence ends it."""

    account: AccountId
    cl_ord_id: ClOrdID
    cause: str


class OrderResolved(_Event, frozen=True, tag="order_resolved"):
    """A person settled an order in doubt, with their evidence."""

    account: AccountId
    cl_ord_id: ClOrdID
    outcome: str
    evidence: str
    by: str


class CancelRequested(_Event, frozen=True, tag="cancel_requested"):
    """A cancel is to be sent. The order may still fill."""

    account: AccountId
    cl_ord_id: ClOrdID
    request_id: str
    reason: str
    signal: SignalId | None = None


class ReplaceRequested(_Event, frozen=True, tag="replace_requested"):
    """New terms are to be sent; old and new both count until one is proven.

    ``value`` is the notional that they add, in account currency, where a limit counts it.
    """

    account: AccountId
    cl_ord_id: ClOrdID
    request_id: str
    reason: str
    quantity: Decimal | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    drop_stop_loss: bool = False
    drop_take_profit: bool = False
    signal: SignalId | None = None
    value: Decimal | None = None


class OrderReplaced(_Event, frozen=True, tag="order_replaced"):
    """The venue confirmed new terms; None leaves a term as it was."""

    account: AccountId
    cl_ord_id: ClOrdID
    request_id: str
    status: OrdStatus
    quantity: Decimal | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    venue_order_id: VenueOrderId | None = None


class ChangeRejected(_Event, frozen=True, tag="change_rejected"):
    """The venue refused a cancel or replace, or its outcome is unknown; the order stands."""

    account: AccountId
    cl_ord_id: ClOrdID
    request_id: str
    reason: str
    unknown: bool = False


class ReportIgnored(_Event, frozen=True, tag="report_ignored"):
    """A report that is a duplicate, late, or would move an order backwards: kept, not applied."""

    account: AccountId
    why: str
    report: ExecutionReport
    cl_ord_id: ClOrdID | None = None


class ChildReported(_Event, frozen=True, tag="child_reported"):
    """The venue runs an order of its own for one of ours: a native stop or target."""

    account: AccountId
    cl_ord_id: ClOrdID
    parent: ClOrdID
    leg: str
    signal: SignalId
    strategy: StrategyId
    symbol: Symbol
    venue_symbol: VenueSymbol
    venue_order_id: VenueOrderId
    side: Side
    quantity: Decimal
    position_id: PositionId | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None


class ForeignOrderSeen(_Event, frozen=True, tag="foreign_order_seen"):
    """An order at the venue that is none of ours: flagged and counted, never touched.

    It is told again once a look shows it with other terms. ``symbol`` is what it trades by our
    name, ``filled`` what of it had traded by then; one that ``reduces`` can only close.
    """

    account: AccountId
    venue_order_id: VenueOrderId
    venue_symbol: VenueSymbol
    side: Side
    quantity: Decimal
    note: str = ""
    price: Decimal | None = None
    stop_price: Decimal | None = None
    symbol: Symbol = Symbol("")
    filled: Decimal = ZERO
    reduces: bool = False


class ForeignOrdersGone(_Event, frozen=True, tag="foreign_orders_gone"):
    """Orders that are none of ours, and that a whole look at their venue showed no more."""

    account: AccountId
    venue_order_ids: tuple[VenueOrderId, ...]


class ForeignFill(_Event, frozen=True, tag="foreign_fill"):
    """A fill of no order of the engine's: a hand's trade, a swap close, what the guardian closed.

    It goes to the manual book. ``client_id`` is the name that its sender gave the order; empty
    where the venue tells none. ``undoes`` names the fill that its venue took back by it.
    """

    account: AccountId
    exec_id: ExecID
    venue_order_id: VenueOrderId
    symbol: Symbol
    side: Side
    quantity: Decimal
    price: Decimal
    traded_at: Instant
    position_id: PositionId | None = None
    commission: Decimal = ZERO
    client_id: str = ""
    undoes: ExecID | None = None


class BookClosing(_Event, frozen=True, tag="book_closing"):
    """Everything in a strategy's book is being closed: an entry that still fills is closed too.

    ``side`` is set when only what was bought, or only what was sold, is being closed.
    """

    account: AccountId
    strategy: StrategyId
    symbol: Symbol
    signal: SignalId
    side: Side | None = None


class ProtectionChanged(_Event, frozen=True, tag="protection_changed"):
    """What guards an entry changed: by a signal, a trail, or break-even."""

    account: AccountId
    cl_ord_id: ClOrdID
    bracket: Bracket
    reason: str
    signal: SignalId | None = None


# --- accounts, stops, reconciliation --------------------------------------------------------------


class AccountMarked(_Event, frozen=True, tag="account_marked"):
    """The venue's own word on an account's money."""

    account: AccountId
    snapshot: AccountSnapshot


class LinkChanged(_Event, frozen=True, tag="link_changed"):
    """A connection to a venue came up or went down for an account."""

    account: AccountId
    up: bool
    reason: str = ""


class ReconcilePassed(_Event, frozen=True, tag="reconcile_passed"):
    """Orders, positions and fills agree with the venue; entries may leave."""

    account: AccountId
    orders: int
    positions: int
    fills: int
    applied: int = 0
    cause: str = ""


class DriftFound(_Event, frozen=True, tag="drift_found"):
    """Our net position and the venue's differ after all known fills; the account is halted."""

    account: AccountId
    symbol: Symbol
    ours: Decimal
    theirs: Decimal
    text: str


class PositionAdopted(_Event, frozen=True, tag="position_adopted"):
    """The manual book took a difference that a person, or a first start, explains."""

    account: AccountId
    symbol: Symbol
    quantity: Decimal
    price: Decimal
    reason: str
    position_id: PositionId | None = None


class StopSet(_Event, frozen=True, tag="stop_set"):
    """A halt, freeze or lock is in force: ``scope`` is ``all``, ``account:x``, ``strategy:x``...

    A freeze and a lock of one scope stand side by side. ``code`` names what set it where that was a
    rule of our own, such as ``runaway_rate``; ``loosens`` marks the lock that is left once a person
    has lifted the freeze.
    """

    scope: str
    mode: StopMode
    by: str
    reason: str
    until: Instant | None = None
    code: str = ""
    loosens: bool = False


class StopCleared(_Event, frozen=True, tag="stop_cleared"):
    """A scope was armed again."""

    scope: str
    by: str
    reason: str


class GuardianActed(_Event, frozen=True, tag="guardian_acted"):
    """One line of the guardian's own log: what it did at ``done_at``, ``facts`` as JSON.

    ``line_hash`` is the line's own hash, by which its log can be held against the journal.
    """

    seq: int
    done_at: Instant
    what: str
    facts: str
    line_hash: str


class ArmRefused(_Event, frozen=True, tag="arm_refused"):
    """Somebody or something asked to arm and may not."""

    scope: str
    by: str
    code: str
    text: str


# --- limits and approvals -------------------------------------------------------------------------


class LimitsChanged(_Event, frozen=True, tag="limits_changed"):
    """The limits of a scope (``account:x``, ``strategy:x``, ``venue:x``, ``all``) change.

    ``before`` is what is in force now, None at the first start; ``after`` is in force from
    ``effective_at`` on. What is tighter is in force at once, what is looser later.
    """

    scope: str
    before: RiskLimits | None
    after: RiskLimits
    by: str
    why: str
    effective_at: Instant


class StrategyApproved(_Event, frozen=True, tag="strategy_approved"):
    """A person ended the probation of a strategy."""

    strategy: StrategyId
    by: str
    reason: str


Event = (
    EpochStarted
    | EngineStarted
    | EngineStopped
    | AccountOpened
    | SignalAccepted
    | SignalRefused
    | SignalDuplicate
    | IntentRefused
    | IntentIdle
    | OrderRequested
    | OrderReleased
    | OrderRefused
    | OrdersSent
    | OrderAcknowledged
    | OrderFilled
    | FillBusted
    | FillCorrected
    | OrderEnded
    | OrderDoubted
    | OrderResolved
    | CancelRequested
    | ReplaceRequested
    | OrderReplaced
    | ChangeRejected
    | ReportIgnored
    | ChildReported
    | ForeignOrderSeen
    | ForeignOrdersGone
    | ForeignFill
    | BookClosing
    | ProtectionChanged
    | AccountMarked
    | LinkChanged
    | ReconcilePassed
    | DriftFound
    | PositionAdopted
    | StopSet
    | StopCleared
    | ArmRefused
    | LedgerMoved
    | LedgerBreached
    | GuardTripped
    | AccountIdle
    | CashFlowRecorded
    | PhaseRecorded
    | ScaleRecorded
    | GuardianActed
    | LimitsChanged
    | StrategyApproved
)
"""Any journaled fact, told apart on the wire by its ``kind`` field."""
