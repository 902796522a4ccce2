"""A programme: a firm's rules for one account in one phase, as data.

Amounts are in the account's currency, percents are percents (5 is 5 %), spans say their unit in
their name. A rule that is None does not exist; a rule or number that nobody found is named in
``Programme.missing``, and a value that nobody found is ``unknown`` and gets the stricter reading.
"""

from decimal import Decimal
from typing import Literal

from msgspec import Struct

from bascule.model.values import ONE, ZERO, Instant

SOURCE = "programme"
"""The source of the signals that tell of what a firm's rules made the engine do."""
SERVER_GMT2_GMT3 = "server_gmt2_gmt3"
"""A server clock of which nobody says whether it changes with the US or with the EU."""

MeasuredOn = Literal["equity", "balance", "unknown"]
Trigger = Literal["below", "at_or_below", "unknown"]
OnBreach = Literal["fail", "pause", "unknown"]
TriState = Literal["allowed", "prohibited", "flat", "restricted", "unknown"]
NewsScope = Literal["open", "open_or_close", "flat", "profit_removed", "no_bracket_orders"]


class Clock(Struct, frozen=True):
    """A time of day on the wall of a zone: ``HH:MM`` and an IANA name (or ``server_gmt2_gmt3``)."""

    time: str = "00:00"
    tz: str = "UTC"


class Limit(Struct, frozen=True):
    """A permitted loss: an amount, or a percent of the start or of the reference.

    ``of`` unknown takes the smaller of both.
    """

    pct: Decimal | None = None
    of: Literal["initial", "reference", "unknown"] = "unknown"
    amount: Decimal | None = None


class DailyLoss(Struct, frozen=True):
    """The loss permitted in one of the firm's days, measured from a reference.

    ``reference`` unknown is the higher of balance and equity; ``reset`` None: nobody says when.
    """

    limit: Limit
    reference: Literal["balance", "equity", "higher", "initial", "day_peak_equity", "unknown"] = (
        "unknown"
    )
    measured_on: MeasuredOn = "unknown"
    trigger: Trigger = "unknown"
    on_breach: OnBreach = "unknown"
    reset: Clock | None = None


class Trail(Struct, frozen=True):
    """What a trailing floor follows, and when: at once, or at the close of a session."""

    on: Literal["equity", "balance", "unknown"] = "unknown"
    when: Literal["intraday", "eod", "unknown"] = "unknown"
    eod: Clock | None = None


class Lock(Struct, frozen=True):
    """A trailing floor stops at the start plus this much."""

    initial_plus: Decimal = ZERO


class MaxLoss(Struct, frozen=True):
    """The floor of the whole account. ``lock`` None: it never stops (nor does an unknown one)."""

    limit: Limit
    kind: Literal["static", "trailing", "unknown"] = "unknown"
    trail: Trail | None = None
    lock: Lock | None = None
    measured_on: MeasuredOn = "unknown"
    trigger: Trigger = "unknown"
    on_breach: OnBreach = "unknown"


class CashFlow(Struct, frozen=True):
    """What a deposit, withdrawal or payout does to the day's reference and to the floor.

    ``set_initial`` fixes the floor at the start for good, with the first payout.
    """

    daily_reference: Literal["shift", "keep", "unknown"] = "unknown"
    max_loss_floor: Literal["keep", "shift", "set_initial", "unknown"] = "unknown"


class ProfitTarget(Struct, frozen=True):
    """Profit at which the phase is passed: an amount, or a percent of the start."""

    pct: Decimal | None = None
    amount: Decimal | None = None
    on: Literal["balance", "equity"] = "balance"
    require_flat: bool = True


class MinDays(Struct, frozen=True):
    """Days that count before the phase is passed or a payout asked for; ``clock`` is their line."""

    count: int
    counts: Literal["day_with_open", "profitable_day", "qualifying_day", "any", "unknown"] = (
        "unknown"
    )
    min_profit_pct: Decimal | None = None
    min_profit_amount: Decimal | None = None
    per_days: int | None = None
    clock: Clock = Clock()


class Consistency(Struct, frozen=True):
    """How much of the profit one day may make, as a share or as the score form.

    ``of`` is what the best day is compared with: the net of all days, the positive days alone,
    or the target. ``lt`` fails at equality too. With ``pass_at`` the score
    ``100 x (1 - best / sum of positive days)`` is what counts.
    """

    max_best_day_pct: Decimal | None = None
    of: Literal["net", "sum_positive", "target", "unknown"] = "unknown"
    compare: Literal["le", "lt", "unknown"] = "unknown"
    pass_at: Decimal | None = None
    review_at: Decimal | None = None
    effect: str = ""


class NewsRule(Struct, frozen=True):
    """What is forbidden around a release, ends of the window included.

    ``targets`` are currencies, symbols or names of releases; empty means every listed instrument.
    ``assumed``: nobody said what the rule is, so that this is a stricter reading of ours. Unless
    ``only_targets``, each heavy release counts as a target: calendars name releases differently.
    """

    before_s: int
    after_s: int
    scope: NewsScope = "open_or_close"
    targets: tuple[str, ...] = ()
    effect: Literal["", "profit_removed"] = ""
    assumed: bool = False
    only_targets: bool = False


class FlatRule(Struct, frozen=True):
    """When nothing may be held: each day from ``time``, or from ``friday_time`` over the weekend.

    ``reopen`` ends the daily span (midnight where it is empty), ``half_day_time`` replaces
    ``time`` on the days of ``half_days`` (ISO dates). ``break_longer_than_min``: nor over any
    break of the market that is longer than this. ``no_entry_min``: so many minutes before a close
    that lasts as long or longer nothing may be opened.
    """

    overnight: TriState = "unknown"
    weekend: TriState = "unknown"
    time: str = ""
    friday_time: str = ""
    reopen: str = ""
    tz: str = "UTC"
    half_day_time: str = ""
    half_days: dict[str, str] = {}
    break_longer_than_min: int | None = None
    buffer_min: int = 0
    no_entry_min: int = 0


class SizeTier(Struct, frozen=True):
    """From this end-of-day profit or balance on, so many contracts; ``start`` None has no floor."""

    start: Decimal | None
    contracts: Decimal


class MaxSize(Struct, frozen=True):
    """How much may be open and working at once on a side."""

    contracts: Decimal | None = None
    lots: Decimal | None = None
    lots_per_order: Decimal | None = None
    micros_per_mini: int | None = None
    tiers_on: Literal["last_eod_profit", "last_eod_balance"] = "last_eod_profit"
    tiers: tuple[SizeTier, ...] = ()
    half_until_eod_balance: Decimal | None = None


class HoldTime(Struct, frozen=True):
    """How long trades must be held: each one, or a share of them."""

    min_hold_s: Decimal | None = None
    min_share_over_pct: Decimal | None = None
    max_share_under_pct: Decimal | None = None
    over_s: Decimal | None = None
    compare: Literal["gt", "ge"] = "gt"


class StopLossRule(Struct, frozen=True):
    """A stop must be set, so soon after the entry, and risk at most so much of the start."""

    required: bool = True
    within_s: int | None = None
    max_risk_pct: Decimal | None = None


class IdeaRule(Struct, frozen=True):
    """What one idea may lose: legs of one side that overlap, or follow within ``merge_s``."""

    max_loss_pct: Decimal
    merge_s: int = 0


class Inactivity(Struct, frozen=True):
    """Days without a trade after which the firm closes the account."""

    days: int
    warn_days: int = 5


class Conduct(Struct, frozen=True):
    """Counts, hedges and copies. A day's counts start again at ``reset`` (else the daily loss's).

    ``same_strategy_many_accounts`` and ``copying`` speak of the owner's own accounts at this firm,
    in the firm's words; ``copying_others`` of signals that are somebody else's. ``max_allocation``
    sums the initial balances under one strategy.
    """

    max_requests_per_day: int | None = None
    max_executions_per_day: int | None = None
    reset: Clock | None = None
    same_account_hedge: Literal["allowed", "prohibited", "unknown"] = "unknown"
    cross_account_hedge: Literal["allowed", "prohibited", "unknown"] = "unknown"
    same_strategy_many_accounts: str = "unknown"
    copying: str = "unknown"
    copying_others: Literal["allowed", "prohibited", "unknown"] = "unknown"
    max_allocation: Decimal | None = None


class Automation(Struct, frozen=True):
    """The firm's word on automated orders, and what the owner holds as evidence of it.

    ``evidence`` names the record (``email``, ``terms``); ``as_of`` is its ISO date. ``vps`` is the
    firm's word on rented servers, ``attended`` whether somebody must watch, and
    ``same_strategy_elsewhere`` whether the strategy may run at another firm too.
    """

    permitted: Literal["yes", "no", "silent", "unknown"] = "unknown"
    conditions: tuple[str, ...] = ()
    evidence: str = ""
    as_of: str = ""
    vps: Literal["allowed", "prohibited", "unknown"] = "unknown"
    attended: bool = False
    same_strategy_elsewhere: Literal["allowed", "prohibited", "unknown"] = "unknown"


class Permission(Struct, frozen=True, kw_only=True):
    """What a firm answered when it was asked about automated orders on one account.

    ``asked`` and ``expires`` are instants; ``expires`` is at most 180 days after ``asked``.
    ``evidence`` is the answer itself, or the name of the file that holds it.
    """

    policy: Literal["yes", "no", "silent", "unknown"]
    asked: Instant
    expires: Instant
    evidence: str = ""
    answered_by: str = ""
    how: str = ""
    phase: str = ""
    disclosed_on: str = ""


class Scaling(Struct, frozen=True):
    """How far the account may grow by the firm's plan; display, until the owner confirms a step."""

    multiplier: Decimal
    cap: Decimal | None = None


class Guard(Struct, frozen=True):
    """Shares of an allowance at which Bascule acts before the firm does, in percent.

    ``reset_buffer_pct`` is how far equity must stay above tomorrow's floor as a reset nears.
    ``size_below`` contracts, or ``size_below_pct`` of a limit in lots, are left of the firm's size.
    ``slippage_factor`` multiplies the loss at a stop before it is held against what is left.
    ``request_reserve`` of a day's requests is kept for closing and for stops. ``flat_before_news``
    closes what is held before a release, ``refuse_past_useful`` ends a day at its useful profit.
    """

    block_at: Decimal = Decimal(75)
    flatten_at: Decimal = Decimal(90)
    reset_buffer_pct: Decimal = Decimal(10)
    pretrade_buffer_pct: Decimal = Decimal(10)
    size_below: Decimal = ONE
    size_below_pct: Decimal = Decimal(10)
    slippage_factor: Decimal = ONE
    request_reserve: int = 100
    flat_before_news: bool = False
    refuse_past_useful: bool = False


class Programme(Struct, frozen=True, kw_only=True):
    """A firm's rules as they hold for one account now.

    ``missing`` names what nobody found (``daily_loss``, ``max_loss.limit.amount``): a live
    account does not trade on it until the owner has filled it in.
    """

    id: str
    firm: str = ""
    title: str = ""
    phase: str = ""
    daily_loss: DailyLoss | None = None
    max_loss: MaxLoss | None = None
    cashflow: CashFlow = CashFlow()
    target: ProfitTarget | None = None
    min_days: MinDays | None = None
    consistency: Consistency | None = None
    news: NewsRule | None = None
    flat: FlatRule | None = None
    max_size: MaxSize | None = None
    hold_time: HoldTime | None = None
    stop_loss: StopLossRule | None = None
    idea: IdeaRule | None = None
    inactivity: Inactivity | None = None
    conduct: Conduct = Conduct()
    automation: Automation = Automation()
    scaling: Scaling | None = None
    guard: Guard = Guard()
    missing: tuple[str, ...] = ()
