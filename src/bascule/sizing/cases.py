"""Answer one written sizing case as plain data. Numbers come and go as text.

A field that no rule reads is named under ``unread`` in the answer, so that a misspelt limit is
never silently ignored. Cases with a ``kind`` are questions to a calculator; see ``questions``.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from bascule.model.enums import InstrumentKind, Side
from bascule.model.errors import UsageError
from bascule.model.ids import Symbol, VenueSymbol
from bascule.model.instrument import Listing
from bascule.model.values import ONE, ZERO, Currency
from bascule.sizing.atr import atr_stop
from bascule.sizing.case import (
    HUNDRED,
    BasisName,
    MarginRule,
    SizeRefused,
    SizingCase,
    basis_amount,
)
from bascule.sizing.questions import answer_question
from bascule.sizing.size import size
from bascule.sizing.written import lots_text, money, read, six_places

_SPELLINGS = {
    "initial_balance": "initial",
    "start_balance": "initial",
    "cash": "amount",
    "phase_multiplier": "multiplier",
    "max_remaining": "max_loss_remaining",
    "total_remaining": "max_loss_remaining",
    "firm_cap": "max_lots",
    "slippage_price": "slippage",
    "round_turn_commission": "commission_per_lot_round_turn",
    "age_seconds": "age_s",
    "max_age_seconds": "max_age_s",
}
_REMARKS = frozenset({"id", "title", "tags", "why", "expected"})
_BASES: dict[str, BasisName] = {
    "initial": "initial",
    "balance": "balance",
    "equity": "equity",
    "lower": "lower",
    "min": "lower",
    "room": "room",
}
"""How a written basis begins: ``lower_of_balance_and_equity`` is ``lower``."""
_KINDS = {"fx": InstrumentKind.FX, "futures": InstrumentKind.FUTURE, "stock": InstrumentKind.EQUITY}


class _Account(Struct, frozen=True):
    balance: Decimal
    equity: Decimal
    currency: str = ""
    free_margin: Decimal | None = None
    initial: Decimal | None = None
    room: Decimal | None = None


class _Risk(Struct, frozen=True):
    basis: str = "lower"
    pct: Decimal = ZERO
    amount: Decimal | None = None
    multiplier: Decimal = ONE
    room: Decimal | None = None
    daily_remaining: Decimal | None = None
    max_loss_remaining: Decimal | None = None
    share: Decimal = ONE
    daily_share: Decimal | None = None
    max_loss_share: Decimal | None = None


class _Instrument(Struct, frozen=True):
    symbol: str
    kind: str
    lot_step: Decimal
    min_lot: Decimal
    max_lot: Decimal = ZERO
    min_stop_distance: Decimal = ZERO
    contract_size: Decimal | None = None
    tick_size: Decimal = ZERO
    tick_value: Decimal | None = None


class _Fx(Struct, frozen=True):
    quote_to_account: Decimal | None = None
    base_to_account: Decimal | None = None
    age_s: Decimal = ZERO
    max_age_s: Decimal | None = None


class _Costs(Struct, frozen=True):
    slippage: Decimal = ZERO
    slippage_ticks: Decimal = ZERO
    commission_per_lot_round_turn: Decimal = ZERO
    commission_per_lot_per_side: Decimal = ZERO


class _Limits(Struct, frozen=True):
    max_lots: Decimal | None = None
    open_lots: Decimal = ZERO


class _Margin(Struct, frozen=True):
    leverage: Decimal = ONE
    per_contract: Decimal | None = None
    max_use_pct: Decimal = HUNDRED
    on_shortfall: Literal["refuse", "shrink"] = "refuse"


class _Atr(Struct, frozen=True):
    value: Decimal
    k: Decimal = ONE


class _Case(Struct, frozen=True):
    account: Mapping[str, object]
    risk: Mapping[str, object]
    instrument: Mapping[str, object]
    side: Side
    entry: Decimal
    stop: Decimal | None = None
    deviation: Decimal = ZERO
    fx: Mapping[str, object] | None = None
    costs: Mapping[str, object] | None = None
    limits: Mapping[str, object] | None = None
    margin: Mapping[str, object] | None = None
    atr: Mapping[str, object] | None = None


def answer_case(case: Mapping[str, object]) -> dict[str, object]:
    """Answer one case: the size with its risk, or the refusal with its numbers.

    Args:
        case: as JSON reads it: account, risk, instrument, side, entry, stop, fx, costs, limits,
            margin, atr; or ``kind`` and ``input`` for a calculator. A case may use the whole of
            a remaining room unless it states a share.

    Returns:
        ``lots``, ``risk_cash``, ``loss_per_lot``, ``risk_actual`` (and ``margin`` where the case
        has one); or ``refused`` with the ``raw`` lots or the margin ``needed`` and ``available``.

    Raises:
        UsageError: the case lacks a field or holds a value that cannot be read.
    """
    asked = {key: value for key, value in case.items() if key not in _REMARKS}
    unread: list[str] = []
    if "kind" in asked:
        answer = answer_question(asked, unread)
    else:
        answer = _sized(read(asked, _Case, "", unread), unread)
    return answer | {"unread": unread} if unread else answer


def _sized(case: _Case, unread: list[str]) -> dict[str, object]:
    sizing = _sizing_case(case, unread)
    outcome = size(sizing)
    if isinstance(outcome, SizeRefused):
        answer: dict[str, object] = {"refused": outcome.code}
        if outcome.raw is not None:
            answer["raw"] = six_places(outcome.raw)
        if outcome.needed is not None and outcome.available is not None:
            answer |= {"needed": money(outcome.needed), "available": money(outcome.available)}
        return answer
    cash = {
        "risk_cash": outcome.risk_cash,
        "loss_per_lot": outcome.loss_per_lot,
        "risk_actual": outcome.risk_actual,
        "margin": outcome.margin,
    }
    lots = lots_text(outcome.lots, sizing.listing.lot_step)
    return {
        "lots": lots,
        **{name: money(value) for name, value in cash.items() if value is not None},
    }


def _sizing_case(case: _Case, unread: list[str]) -> SizingCase:
    account = read(case.account, _Account, "account", unread, _SPELLINGS)
    risk = read(case.risk, _Risk, "risk", unread, _SPELLINGS)
    instrument = read(case.instrument, _Instrument, "instrument", unread)
    fx = read(case.fx or {}, _Fx, "fx", unread, _SPELLINGS)
    costs = read(case.costs or {}, _Costs, "costs", unread, _SPELLINGS)
    limits = read(case.limits or {}, _Limits, "limits", unread, _SPELLINGS)
    listing = _listing(instrument)
    stale = fx.max_age_s is not None and fx.age_s > fx.max_age_s
    worst = case.entry + case.deviation * case.side.sign
    stop = case.stop
    if stop is None and case.atr is not None:
        atr = read(case.atr, _Atr, "atr", unread)
        stop = atr_stop(worst, case.side, atr.value, atr.k, listing.tick_size)
    return SizingCase(
        listing=listing,
        side=case.side,
        entry=worst,
        stop=stop,
        equity=account.equity,
        cash=_budget(account, risk),
        currency=Currency(account.currency),
        phase=risk.multiplier,
        daily_remaining=risk.daily_remaining,
        daily_share=risk.share if risk.daily_share is None else risk.daily_share,
        max_loss_remaining=risk.max_loss_remaining,
        max_loss_share=risk.share if risk.max_loss_share is None else risk.max_loss_share,
        quote_to_account=None if stale else fx.quote_to_account,
        base_to_account=fx.base_to_account,
        slippage=costs.slippage + costs.slippage_ticks * listing.tick_size,
        commission=costs.commission_per_lot_round_turn + 2 * costs.commission_per_lot_per_side,
        firm_cap=limits.max_lots,
        open_lots=limits.open_lots,
        free_margin=account.equity if account.free_margin is None else account.free_margin,
        margin=_margin(case, unread),
    )


def _budget(account: _Account, risk: _Risk) -> Decimal:
    if risk.amount is not None:
        return risk.amount
    name = next((basis for start, basis in _BASES.items() if risk.basis.startswith(start)), None)
    if name is None:
        raise UsageError(f"risk.basis: {risk.basis!r} is none of {', '.join(_BASES)}.")
    room = risk.room if risk.room is not None else account.room
    basis = basis_amount(
        name,
        balance=account.balance,
        equity=account.equity,
        initial=account.initial,
        room=room if room is not None else risk.max_loss_remaining,
    )
    if basis is None:
        raise UsageError(f"risk: the basis is {name} and the case does not state it.")
    return basis * risk.pct / HUNDRED


def _listing(instrument: _Instrument) -> Listing:
    multiplier = instrument.contract_size
    if instrument.tick_value is not None and (multiplier is None or instrument.kind == "futures"):
        if not instrument.tick_size:
            raise UsageError("instrument: a tick_value needs a tick_size.")
        multiplier = instrument.tick_value / instrument.tick_size
    if multiplier is None:
        raise UsageError("instrument: needs a contract_size, or tick_size and tick_value.")
    return Listing(
        symbol=Symbol(instrument.symbol),
        venue_symbol=VenueSymbol(instrument.symbol),
        kind=_KINDS.get(instrument.kind, InstrumentKind.CFD),
        quote=Currency("the quote currency"),
        tick_size=instrument.tick_size,
        multiplier=multiplier,
        lot_step=instrument.lot_step,
        min_qty=instrument.min_lot,
        max_qty=instrument.max_lot,
        min_stop_distance=instrument.min_stop_distance,
    )


def _margin(case: _Case, unread: list[str]) -> MarginRule | None:
    if case.margin is None:
        return None
    margin = read(case.margin, _Margin, "margin", unread)
    return MarginRule(
        leverage=margin.leverage,
        per_contract=margin.per_contract,
        max_use=margin.max_use_pct,
        on_shortfall=margin.on_shortfall,
    )
