"""Facts about an account's money rules; part of ``event``, where the rule of evolution stands."""

from decimal import Decimal

from bascule.model.fact import Fact
from bascule.model.ids import AccountId
from bascule.model.ledger import LedgerState
from bascule.model.values import Instant


class LedgerMoved(Fact, frozen=True, tag="ledger_moved"):
    """What an account's money rules remember changed: a reset, a high, a floor, a result.

    Marks alone are not journaled. ``cause`` says in a word or two what it was.
    """

    account: AccountId
    ledger: LedgerState
    cause: str


class LedgerBreached(Fact, frozen=True, tag="ledger_breached"):
    """A line of the firm (or of the user) was crossed; the account is locked and flattened.

    ``soft``: the rule pauses the account until the reset; else it has failed. ``floors`` are
    those crossed, in account currency.
    """

    account: AccountId
    rules: tuple[str, ...]
    soft: bool
    equity: Decimal
    floors: dict[str, Decimal]
    text: str


class GuardTripped(Fact, frozen=True, tag="guard_tripped"):
    """So much of an allowance is used that Bascule acts before the firm does.

    ``action`` is ``block`` (no new risk), ``flatten`` (closed and locked) or ``reset`` (closed,
    since the next reset would leave too little). ``used`` and ``threshold`` are in account
    currency.
    """

    account: AccountId
    action: str
    rule: str
    used: Decimal
    threshold: Decimal
    text: str


class AccountIdle(Fact, frozen=True, tag="account_idle"):
    """Nothing has traded on an account for so long that its firm will close it soon, or has.

    ``last_trade`` is the last fill, or when the account was first seen; ``closes_at`` is when the
    firm's days without a trade are over.
    """

    account: AccountId
    last_trade: Instant
    closes_at: Instant
    text: str


class CashFlowRecorded(Fact, frozen=True, tag="cash_flow_recorded"):
    """A person recorded cash that came in (positive) or went out, which is no trading result.

    ``flow`` is ``deposit``, ``withdrawal``, ``payout``, ``fee`` or ``refund``.
    """

    account: AccountId
    flow: str
    amount: Decimal
    by: str
    note: str = ""


class PhaseRecorded(Fact, frozen=True, tag="phase_recorded"):
    """A person recorded that the firm began a new phase: the ledger begins anew."""

    account: AccountId
    phase: str
    by: str
    note: str = ""


class ScaleRecorded(Fact, frozen=True, tag="scale_recorded"):
    """A person recorded that the firm scaled the account: sizes are multiplied by ``after``.

    A larger factor is in force from ``effective_at``, the next reset, on; a smaller one at once.
    """

    account: AccountId
    before: Decimal
    after: Decimal
    effective_at: Instant
    by: str
    note: str = ""
