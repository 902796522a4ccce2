"""What can happen to the engine. Each input carries its own time; ``decide`` reads no clock."""

from decimal import Decimal
from typing import Literal

from msgspec import Struct

from bascule.model.enums import StopMode
from bascule.model.ids import AccountId, ClOrdID, StrategyId
from bascule.model.instrument import Quote
from bascule.model.intent import Signal
from bascule.model.order import (
    AccountSnapshot,
    ExecutionReport,
    Outcome,
    VenueOrder,
    VenuePosition,
)
from bascule.model.values import Instant


class SignalReceived(Struct, frozen=True):
    """An authenticated message was read."""

    at: Instant
    signal: Signal


class OrdersWritten(Struct, frozen=True):
    """The dispatcher wrote these orders to a venue; ``accounts`` runs parallel to ``orders``."""

    at: Instant
    accounts: tuple[AccountId, ...]
    orders: tuple[ClOrdID, ...]


class SubmitAnswered(Struct, frozen=True):
    """A submit has its outcome."""

    at: Instant
    account: AccountId
    cl_ord_id: ClOrdID
    outcome: Outcome


class ChangeAnswered(Struct, frozen=True):
    """A cancel or replace has its outcome."""

    at: Instant
    account: AccountId
    cl_ord_id: ClOrdID
    request_id: str
    outcome: Outcome


class NeverSent(Struct, frozen=True):
    """The dispatcher dropped an order before any byte of it left, and says why."""

    at: Instant
    account: AccountId
    cl_ord_id: ClOrdID
    why: str


class ReportReceived(Struct, frozen=True):
    """A venue told a fact about an order."""

    at: Instant
    report: ExecutionReport


class QuoteReceived(Struct, frozen=True):
    """A price moved. Quotes are not journaled; what they cause is."""

    at: Instant
    account: AccountId
    quote: Quote


class MoneyReceived(Struct, frozen=True):
    """A venue told an account's balance and equity."""

    at: Instant
    snapshot: AccountSnapshot


class LinkReported(Struct, frozen=True):
    """The connection of an account came up or went down."""

    at: Instant
    account: AccountId
    up: bool
    reason: str


class Ticked(Struct, frozen=True):
    """Time passed: deadlines are looked at."""

    at: Instant


class EngineBegan(Struct, frozen=True):
    """The engine took the journal. Everything requested without an outcome is now in doubt."""

    at: Instant
    pid: int
    version: str
    config_hash: str
    config: str
    new_epoch: str = ""
    epoch_reason: str = ""
    reduce_only: bool = False


class EngineEnded(Struct, frozen=True):
    """The engine is about to let go of the journal."""

    at: Instant
    reason: str


class Looked(Struct, frozen=True, kw_only=True):
    """Everything a venue shows of an account, taken in one look.

    ``lookups`` answers, for each order that was in doubt or had a change in flight, what the
    venue shows under its id (None: nothing). ``absent`` lists those for which the manifest's
    absence proof is complete. ``complete`` is False when any page was known to be missing.
    ``began`` is when the first question was asked: what was heard of an order since then is
    younger than this answer. ``positions_at`` is the venue's time of the positions; fills are
    asked for last, so one of them may be younger. ``adopt`` is set when a person takes over the
    positions that the look shows: who, and why.
    """

    at: Instant
    account: AccountId
    cause: str
    orders: tuple[VenueOrder, ...]
    positions: tuple[VenuePosition, ...]
    fills: tuple[ExecutionReport, ...]
    money: AccountSnapshot | None = None
    lookups: dict[ClOrdID, VenueOrder | None] = {}
    absent: tuple[ClOrdID, ...] = ()
    complete: bool = True
    began: Instant | None = None
    positions_at: Instant | None = None
    adopt: str = ""


class StopAsked(Struct, frozen=True):
    """Somebody halts, freezes or locks a scope."""

    at: Instant
    scope: str
    mode: StopMode
    by: str
    reason: str
    until: Instant | None = None


class GuardianTold(Struct, frozen=True, kw_only=True):
    """One line of the guardian's log. ``action`` to ``until`` are those of a command."""

    at: Instant
    seq: int
    done_at: Instant
    what: str
    facts: str
    line_hash: str
    action: str = ""
    scope: str = ""
    by: str = ""
    reason: str = ""
    until: Instant | None = None


class ArmAsked(Struct, frozen=True):
    """Somebody arms a scope again; ``typed`` is what they typed to confirm it.

    ``barred`` is why their second factor does not let them, a code and a sentence.
    """

    at: Instant
    scope: str
    by: str
    reason: str
    typed: str
    barred: tuple[str, str] | None = None


class SweepAsked(Struct, frozen=True):
    """Somebody cancels, or cancels and closes, everything in a scope."""

    at: Instant
    scope: str
    close: bool
    by: str
    reason: str


class ResolveAsked(Struct, frozen=True):
    """A person settles an order in doubt with their evidence."""

    at: Instant
    cl_ord_id: ClOrdID
    outcome: Literal["filled", "absent"]
    evidence: str
    by: str


class LimitsAccepted(Struct, frozen=True):
    """A person accepts the looser limits that the configuration proposes."""

    at: Instant
    by: str
    why: str


class StrategyApprovalGiven(Struct, frozen=True):
    """A person ends the probation of a strategy."""

    at: Instant
    strategy: StrategyId
    by: str
    reason: str


class CashFlowTold(Struct, frozen=True):
    """A person records cash that came in (positive) or went out, once the venue shows it."""

    at: Instant
    account: AccountId
    flow: str
    amount: Decimal
    by: str
    note: str = ""


class PhaseTold(Struct, frozen=True):
    """A person records that the firm began a new phase with the account."""

    at: Instant
    account: AccountId
    phase: str
    by: str
    note: str = ""


class ScaleTold(Struct, frozen=True):
    """A person records by which factor the firm lets the account size from now on."""

    at: Instant
    account: AccountId
    factor: Decimal
    by: str
    note: str = ""


Input = (
    SignalReceived
    | OrdersWritten
    | SubmitAnswered
    | ChangeAnswered
    | NeverSent
    | ReportReceived
    | QuoteReceived
    | MoneyReceived
    | LinkReported
    | Ticked
    | EngineBegan
    | EngineEnded
    | Looked
    | StopAsked
    | GuardianTold
    | ArmAsked
    | SweepAsked
    | ResolveAsked
    | LimitsAccepted
    | StrategyApprovalGiven
    | CashFlowTold
    | PhaseTold
    | ScaleTold
)
