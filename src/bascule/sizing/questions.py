"""Questions to the calculators as plain data: ``{"kind": ..., "input": {...}}``."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import fields

from bascule.model.enums import InstrumentKind, Side
from bascule.model.errors import UsageError
from bascule.model.ids import Symbol, VenueSymbol
from bascule.model.instrument import Listing
from bascule.model.values import ONE, ZERO, Currency, text
from bascule.reference.localtime import parse_time
from bascule.sizing import calculators as calc
from bascule.sizing.atr import Bar, average_true_range, next_atr
from bascule.sizing.case import HUNDRED, SizeRefused, SizingCase
from bascule.sizing.shares import share_by_room
from bascule.sizing.size import size
from bascule.sizing.written import lots_text, money, read, six_places, three_places

Answer = dict[str, object]
T = TypeVar("T", bound=Struct)
Attempt = Callable[[Mapping[str, object], list[str]], Answer | None]


class _SplitSignal(Struct, frozen=True):
    symbol: str
    pip_value_usd: Decimal
    stop_pips: Decimal | None = None
    commission: Decimal = ZERO


class _SplitAccount(Struct, frozen=True):
    id: str
    equity: Decimal
    pct: Decimal
    step: Decimal
    min_lot: Decimal | None = None
    max_lot: Decimal = ZERO
    multiplier: Decimal = ONE
    daily_remaining: Decimal | None = None
    max_loss_remaining: Decimal | None = None
    max_lots: Decimal | None = None
    open_lots: Decimal = ZERO


class _Split(Struct, frozen=True):
    signal: _SplitSignal
    accounts: tuple[_SplitAccount, ...]


class _Share(Struct, frozen=True):
    budget: Decimal
    rooms: dict[str, Decimal]


class _Room(Struct, frozen=True):
    id: str
    room: Decimal


class _ShareAccounts(Struct, frozen=True):
    budget: Decimal
    accounts: tuple[_Room, ...]


class _R(Struct, frozen=True):
    entry: Decimal
    stop: Decimal
    exit: Decimal
    side: Side


class _NetR(Struct, frozen=True):
    net_result: Decimal
    risk: Decimal


class _Expectancy(Struct, frozen=True):
    win_rate: Decimal
    avg_win_r: Decimal
    avg_loss_r: Decimal = ONE


class _Recovery(Struct, frozen=True):
    drawdown_pct: Decimal


class _Streak(Struct, frozen=True):
    risk_pct: Decimal
    losses: int


class _StreakChance(Struct, frozen=True):
    loss_rate: Decimal
    run: int
    trades: int


class _Losses(Struct, frozen=True):
    remaining: Decimal
    risk_per_trade: Decimal
    cost_per_trade: Decimal = ZERO


class _Ruin(Struct, frozen=True):
    win_rate: Decimal
    payoff: Decimal
    units: Decimal


class _Odds(Struct, frozen=True):
    win_rate: Decimal
    room_units: Decimal
    target_units: Decimal


class _Roi(Struct, frozen=True):
    fee: Decimal
    payouts: tuple[Decimal, ...] = ()
    vps_per_month: Decimal = ZERO
    months: Decimal = ZERO
    split_pct: Decimal = HUNDRED
    fee_refund: Decimal = ZERO


class _ExpectedValue(Struct, frozen=True):
    pass_probability: Decimal
    expected_payout: Decimal
    cost: Decimal


class _Target(Struct, frozen=True):
    target: Decimal
    risk_per_trade: Decimal
    expectancy_r: Decimal


class _Buffer(Struct, frozen=True):
    own_pct: Decimal = HUNDRED
    firm_daily: Decimal | None = None
    firm_contracts: int | None = None
    own_contracts_less: int = 0
    firm_cutoff: str | None = None
    buffer_min: int = 0


class _AtrBars(Struct, frozen=True):
    n: int
    bars: tuple[Bar, ...]


class _AtrNext(Struct, frozen=True):
    n: int
    previous: Decimal
    true_range: Decimal


def answer_question(asked: Mapping[str, object], unread: list[str]) -> Answer:
    """Answer one question; fields that no rule reads are added to ``unread``.

    Raises:
        UsageError: the kind is unknown, its fields are not there, or they make no sense.
    """
    kind, data = asked.get("kind"), asked.get("input")
    attempts = QUESTIONS.get(str(kind))
    if attempts is None:
        raise UsageError(f"There is no calculator {kind!r}; there are {', '.join(QUESTIONS)}.")
    if not isinstance(data, Mapping):
        raise UsageError(f"A {kind} question needs an input with named fields.")
    for attempt in attempts:
        answer = attempt(data, unread)
        if answer is not None:
            return answer
    raise UsageError(f"A {kind} question cannot be answered from {', '.join(data)}.")


def _from(form: type[T], answer: Callable[[T], Answer]) -> Attempt:
    """Answer when the input has every field that the form requires, else leave it to the next."""
    required = {entry.name for entry in fields(form) if entry.required}

    def attempt(data: Mapping[str, object], unread: list[str]) -> Answer | None:
        if not required <= data.keys():
            return None
        return answer(read(data, form, "input", unread))

    return attempt


def _split(asked: _Split) -> Answer:
    lots: dict[str, str | None] = {}
    refused: dict[str, str] = {}
    for account in asked.accounts:
        outcome = size(_split_case(asked.signal, account))
        if isinstance(outcome, SizeRefused):
            lots[account.id], refused[account.id] = None, outcome.code
        else:
            lots[account.id] = lots_text(outcome.lots, account.step)
    return {"lots": lots, "refused": refused}


def _split_case(signal: _SplitSignal, account: _SplitAccount) -> SizingCase:
    """Size in pips: the stop lies at zero, the entry as many pips away as the signal says."""
    listing = Listing(
        symbol=Symbol(signal.symbol),
        venue_symbol=VenueSymbol(signal.symbol),
        kind=InstrumentKind.FX,
        quote=Currency("USD"),
        tick_size=ZERO,
        multiplier=signal.pip_value_usd,
        lot_step=account.step,
        min_qty=account.step if account.min_lot is None else account.min_lot,
        max_qty=account.max_lot,
    )
    return SizingCase(
        listing=listing,
        side=Side.BUY,
        entry=signal.stop_pips or ZERO,
        stop=None if signal.stop_pips is None else ZERO,
        equity=account.equity,
        cash=account.equity * account.pct / HUNDRED,
        phase=account.multiplier,
        daily_remaining=account.daily_remaining,
        daily_share=ONE,
        max_loss_remaining=account.max_loss_remaining,
        max_loss_share=ONE,
        quote_to_account=ONE,
        commission=signal.commission,
        firm_cap=account.max_lots,
        open_lots=account.open_lots,
    )


def _share(asked: _Share) -> Answer:
    shares = share_by_room(asked.budget, asked.rooms)
    return {"shares": {account: money(share) for account, share in shares.items()}}


def _share_accounts(asked: _ShareAccounts) -> Answer:
    return _share(_Share(asked.budget, {account.id: account.room for account in asked.accounts}))


def _r(asked: _R) -> Answer:
    return {"r": money(calc.r_multiple(asked.entry, asked.stop, asked.exit, asked.side))}


def _net_r(asked: _NetR) -> Answer:
    return {"r": money(calc.result_in_r(asked.net_result, asked.risk))}


def _expectancy(asked: _Expectancy) -> Answer:
    value = calc.expectancy(asked.win_rate, asked.avg_win_r, asked.avg_loss_r)
    return {"expectancy_r": three_places(value)}


def _recovery(asked: _Recovery) -> Answer:
    return {"gain_pct": money(calc.recovery(asked.drawdown_pct))}


def _streak(asked: _Streak) -> Answer:
    return {"drawdown_pct": money(calc.streak_drawdown(asked.risk_pct, asked.losses))}


def _streak_chance(asked: _StreakChance) -> Answer:
    chance = calc.streak_chance(asked.loss_rate, asked.run, asked.trades)
    return {"probability": six_places(chance)}


def _losses(asked: _Losses) -> Answer:
    return {
        "count": calc.losses_that_fit(asked.remaining, asked.risk_per_trade, asked.cost_per_trade)
    }


def _ruin(asked: _Ruin) -> Answer:
    return {"probability": six_places(calc.ruin(asked.win_rate, asked.payoff, asked.units))}


def _odds(asked: _Odds) -> Answer:
    odds = calc.challenge_odds(asked.win_rate, asked.room_units, asked.target_units)
    return {"probability": six_places(odds)}


def _roi(asked: _Roi) -> Answer:
    result = calc.challenge_return(
        asked.fee,
        asked.payouts,
        split=asked.split_pct,
        running_per_month=asked.vps_per_month,
        months=asked.months,
        refund=asked.fee_refund,
    )
    return {
        "cost": money(result.cost),
        "received": money(result.received),
        "roi_pct": money(result.percent),
    }


def _expected_value(asked: _ExpectedValue) -> Answer:
    value = calc.expected_value(asked.pass_probability, asked.expected_payout, asked.cost)
    return {"expected_value": money(value)}


def _target(asked: _Target) -> Answer:
    return {"trades": calc.trades_to_target(asked.target, asked.risk_per_trade, asked.expectancy_r)}


def _buffer(asked: _Buffer) -> Answer:
    answer: Answer = {}
    if asked.firm_daily is not None:
        answer["own_daily"] = money(calc.inside(asked.firm_daily, asked.own_pct))
    if asked.firm_contracts is not None:
        answer["own_contracts"] = max(asked.firm_contracts - asked.own_contracts_less, 0)
    if asked.firm_cutoff is not None:
        try:
            cutoff = parse_time(asked.firm_cutoff)
        except ValueError as error:
            raise UsageError(f"input.firm_cutoff: {asked.firm_cutoff!r} is no HH:MM.") from error
        answer["own_cutoff"] = f"{calc.earlier(cutoff, asked.buffer_min):%H:%M}"
    return answer


def _atr_bars(asked: _AtrBars) -> Answer:
    return {"atr": text(average_true_range(asked.bars, asked.n))}


def _atr_next(asked: _AtrNext) -> Answer:
    return {"atr": text(next_atr(asked.previous, asked.true_range, asked.n))}


QUESTIONS: dict[str, tuple[Attempt, ...]] = {
    "split": (
        _from(_Split, _split),
        _from(_Share, _share),
        _from(_ShareAccounts, _share_accounts),
    ),
    "r": (_from(_R, _r), _from(_NetR, _net_r)),
    "expectancy": (_from(_Expectancy, _expectancy),),
    "recovery": (_from(_Recovery, _recovery),),
    "streak": (_from(_Streak, _streak), _from(_StreakChance, _streak_chance)),
    "losses_to_limit": (_from(_Losses, _losses),),
    "ruin": (_from(_Ruin, _ruin),),
    "odds": (_from(_Odds, _odds),),
    "roi": (_from(_Roi, _roi), _from(_ExpectedValue, _expected_value)),
    "target": (_from(_Target, _target),),
    "buffer": (_from(_Buffer, _buffer),),
    "atr": (_from(_AtrBars, _atr_bars), _from(_AtrNext, _atr_next)),
}
"""The calculators by kind, each with the forms of input that it answers."""
