"""Size limits: contracts or lots at once, tiers by the last end of day, halves, micros.

What counts is the worst case on a side: open, working and new together. An order that only
reduces is always allowed.
"""

from collections.abc import Mapping
from decimal import ROUND_FLOOR, Decimal

from msgspec import Struct

from bascule.model.enums import Side
from bascule.model.errors import UsageError
from bascule.model.programme import MaxSize, SizeTier
from bascule.model.values import ZERO
from bascule.risk.programmes.written import MALFORMED, Answer, money, number, one_of, part

_TWO = Decimal(2)
_NO_FLOOR = ("-inf", "-Infinity", "")
_ON_BALANCE = ("last_eod_balance", "eod_balance", "balance")
_ON_PROFIT = ("last_eod_profit", "eod_profit", "profit", "")


def cap(rule: MaxSize, *, eod_profit: Decimal, eod_balance: Decimal) -> Decimal | None:
    """Give how many contracts may be held; None without a limit. Both values are end-of-day."""
    limit = rule.contracts
    if rule.tiers:
        value = eod_profit if rule.tiers_on == "last_eod_profit" else eod_balance
        met = [tier for tier in rule.tiers if tier.start is None or value >= tier.start]
        tiered = (
            max(met, key=lambda tier: (tier.start is not None, tier.start or ZERO)).contracts
            if met
            else ZERO
        )
        limit = tiered if limit is None else min(limit, tiered)
    half_until = rule.half_until_eod_balance
    if limit is not None and half_until is not None and eod_balance < half_until:
        limit = (limit / _TWO).to_integral_value(ROUND_FLOOR)
    return limit


def as_minis(minis: Decimal, micros: Decimal, micros_per_mini: int | None) -> Decimal:
    """Count minis and micros together; one for one where nobody says how many make a mini."""
    return minis + micros / Decimal(micros_per_mini or 1)


def by_account(table: Mapping[Decimal, Decimal], size: Decimal) -> Decimal | None:
    """Give the lots of an account size: those of the largest listed size that it reaches."""
    reached = [listed for listed in table if listed <= size]
    return table[max(reached)] if reached else None


class _Tier(Struct, frozen=True):
    start: object
    contracts: Decimal


class _Question(Struct, frozen=True):
    max_contracts: Decimal | None = None
    max_lots: Decimal | None = None
    rule: Mapping[str, object] | None = None
    tiers: tuple[Mapping[str, object], ...] = ()
    tiers_on: str = ""
    last_eod_profit: Decimal | None = None
    last_eod_balance: Decimal | None = None
    initial: Decimal | None = None
    half_until_eod_balance: Decimal | None = None
    lots_by_account: dict[str, Decimal] = {}
    account_size: Decimal | None = None
    micros_per_mini: int | None = None
    open: Decimal = ZERO
    working: Decimal = ZERO
    open_long: Decimal = ZERO
    open_short: Decimal = ZERO
    working_buy: Decimal = ZERO
    working_sell: Decimal = ZERO
    side: Side = Side.BUY
    order: Decimal | Mapping[str, object] | None = None
    open_micros: Decimal = ZERO
    working_micros: Decimal = ZERO
    order_micros: Decimal | None = None
    reduces: bool = False


_NAMES = {
    "contracts": "max_contracts",
    "lots": "max_lots",
    "cap": "max_contracts",
    "eod_profit": "last_eod_profit",
    "eod_balance": "last_eod_balance",
    "account": "account_size",
    "size": "account_size",
    "new": "order",
    "open_contracts": "open",
    "open_minis": "open",
    "minis": "open",
    "micros": "open_micros",
    "new_micros": "order_micros",
    "reduce_only": "reduces",
    "reducing": "reduces",
}


class _Order(Struct, frozen=True):
    quantity: Decimal
    side: Side = Side.BUY
    reduces: bool = False


_ORDER = {
    "qty": "quantity",
    "contracts": "quantity",
    "lots": "quantity",
    "size": "quantity",
    "reduce_only": "reduces",
}
_RULE_NAMES = {**_NAMES, "half_until": "half_until_eod_balance"}


def answer(given: Mapping[str, object], unread: list[str]) -> Answer:
    """Answer a written question: the size allowed now, or whether one more order fits."""
    asked = part(_flattened(given), _Question, "input", unread, _RULE_NAMES)
    if asked.lots_by_account:
        return _by_account(asked)
    limit = _limit(asked, unread)
    if asked.order is None and asked.order_micros is None:
        return {"contracts": int(limit)} if asked.max_lots is None else {"lots": money(limit)}
    if isinstance(asked.order, Mapping):
        order = part(asked.order, _Order, "input.order", unread, _ORDER)
    else:
        order = _Order(asked.order or ZERO, asked.side, asked.reduces)
    return _fits(asked, order, limit)


def _fits(asked: _Question, order: _Order, limit: Decimal) -> Answer:
    """Count the order's side at its worst: what is open, works and is new."""
    held, against, working = asked.open_long, asked.open_short, asked.working_buy
    if order.side is Side.SELL:
        held, against, working = asked.open_short, asked.open_long, asked.working_sell
    ratio = asked.micros_per_mini
    minis = asked.open + asked.working + held + working
    before = as_minis(minis, asked.open_micros + asked.working_micros, ratio)
    worst = before + as_minis(order.quantity, asked.order_micros or ZERO, ratio)
    # What stands against the order is closed first, and all that works on its side may do so too.
    closes = bool(against) and order.quantity <= against - working
    return {
        "allowed": order.reduces or closes or worst <= limit,
        "worst": money(worst),
        "limit": money(limit),
        "room": money(max(limit - before, ZERO)),
    }


def _flattened(given: Mapping[str, object]) -> Mapping[str, object]:
    """Take the rule's own fields as those of the question."""
    rule = given.get("rule")
    if not isinstance(rule, Mapping):
        return given
    return {**rule, **{key: value for key, value in given.items() if key != "rule"}}


def _limit(asked: _Question, unread: list[str]) -> Decimal:
    tiers = tuple(
        _tier(part(tier, _Tier, "input.tiers", unread, {"from": "start"})) for tier in asked.tiers
    )
    initial = asked.initial if asked.initial is not None else ZERO
    balance, profit = asked.last_eod_balance, asked.last_eod_profit
    if balance is None:
        balance = initial + (profit or ZERO)
    if profit is None:
        profit = balance - initial
    one_of(asked.tiers_on, (*_ON_BALANCE, *_ON_PROFIT), "input.tiers_on")
    on_balance = asked.tiers_on in _ON_BALANCE
    rule = MaxSize(
        contracts=asked.max_contracts if asked.max_lots is None else asked.max_lots,
        tiers_on="last_eod_balance" if on_balance else "last_eod_profit",
        tiers=tiers,
        half_until_eod_balance=asked.half_until_eod_balance,
    )
    limit = cap(rule, eod_profit=profit, eod_balance=balance)
    if limit is None:
        raise UsageError("input: there is no size limit in it.", code=MALFORMED)
    return limit


def _tier(written: _Tier) -> SizeTier:
    if written.start is None or written.start in _NO_FLOOR:
        return SizeTier(None, written.contracts)
    return SizeTier(number(written.start, "input.tiers.from"), written.contracts)


def _by_account(asked: _Question) -> Answer:
    if asked.account_size is None:
        raise UsageError("input: lots by account size need `account_size`.", code=MALFORMED)
    table = {
        number(size, "input.lots_by_account"): lots for size, lots in asked.lots_by_account.items()
    }
    lots = by_account(table, asked.account_size)
    return {"lots": None if lots is None else money(lots)}
