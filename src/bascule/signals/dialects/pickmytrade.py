"""PickMyTrade's JSON alerts: ``data`` says buy, sell or close; numbers often come as strings.

Stop and target can each be said in three ways, of which 0 is none. Not affiliated with PickMyTrade;
checked 2026-11-21 against its public pages; verify.
"""

import re
from decimal import Decimal

from msgspec import structs

from bascule.model.enums import OrdType
from bascule.signals.instruction import (
    Hints,
    Instruction,
    Measure,
    MoveToEntry,
    Parsed,
    Refuse,
    Trailing,
)
from bascule.signals.json_measures import Guards, check_sides
from bascule.signals.members import SIDES, Members, mentions, noting, order_prices, read_object
from bascule.signals.numbers import shown
from bascule.signals.positions import long_of
from bascule.signals.words import fold

NAME = "pickmytrade"
JSON_MARKS = ("data",)

_MARK = re.compile(r'"data"\s*:\s*"(?:buy|sell|close|\{\{strategy\.order\.action\}\})"', re.I)
_OWN = ("dollar_sl", "dollar_tp", "percentage_sl", "reverse_order_close", "risk_percentage")
_TYPES = {
    "mkt": OrdType.MARKET,
    "market": OrdType.MARKET,
    "lmt": OrdType.LIMIT,
    "limit": OrdType.LIMIT,
    "stp": OrdType.STOP,
    "stop": OrdType.STOP,
}
_GUARDS = (
    "sl", "percentage_sl", "dollar_sl", "update_sl", "trail", "trail_stop", "trail_trigger",
    "trail_freq", "breakeven", "breakeven_offset",
)  # fmt: skip


def detect(text: str) -> int:
    """Claim JSON whose ``data`` is an action."""
    if not mentions(text, "data") or not _MARK.search(text):
        return 0
    return 75 if '"token"' in text or any(f'"{name}"' in text for name in _OWN) else 40


def parse(text: str, hints: Hints) -> Parsed:
    """Read one alert."""
    try:
        members = read_object(text)
        return noting(_read(members, hints), members.repairs)
    except Refuse as refused:
        return refused.rejection


def _read(members: Members, hints: Hints) -> Instruction:
    accounts = members.several("multiple_accounts")
    if any(one.has("token") for one in accounts):
        auth = "body_token"
    else:
        auth = members.credential("token", outside=hints.auth, where="body_token")
    fired_at, notes = members.time("date")
    action = members.required("data")
    symbol = members.symbol("symbol")
    if fold(action) == "close":
        read = Instruction(
            intent="close", symbol=symbol, order_type=OrdType.MARKET, qty="all",
            cancel_open_orders=True, position_effect="flat",
        )  # fmt: skip
    elif fold(action) in SIDES:
        read = _entry(members, symbol)
    else:
        raise Refuse("invalid_action", f"data: {action[:40]!r} is none of buy, sell, close")
    return structs.replace(
        read,
        auth=auth,
        accounts=tuple(name for one in accounts if (name := one.text("account_id"))),
        strategy=members.label("strategy_name"),
        fired_at=fired_at,
        notes=notes + _not_applied(accounts),
    )


def _not_applied(accounts: tuple[Members, ...]) -> tuple[str, ...]:
    """Note what single accounts would do of their own: the route sizes them."""
    sized = any(
        one.values.get(name) not in (None, "", "0", "1", 0, 1)
        for one in accounts
        for name in ("risk_percentage", "quantity_multiplier")
    )
    return ("the sizes of single accounts are not applied: the route has them",) if sized else ()


def _entry(members: Members, symbol: str) -> Instruction:
    side = members.side("data")
    qty, risk = _size(members)
    kind = members.choice("order_type", _TYPES) or OrdType.MARKET
    price = members.price("price")
    limit, stop = order_prices(
        kind, price if kind is OrdType.LIMIT else None, price if kind is OrdType.STOP else None
    )
    members.lose_no_stop(_GUARDS)
    _refuse_other_ways(members)
    sl, tp = _level(members, "sl"), _level(members, "tp")
    unset, unreadable = members.holes(sl=_ways("sl"), tp=_ways("tp"))
    check_sides(side, price, Guards(sl, tp))
    if risk is not None and sl is None:
        raise Refuse("missing_field", "risk_percentage needs a stop")
    reverses = members.flag("reverse_order_close")
    adds = members.flag(members.named("pyramid", "duplicate_position_allow"))
    return Instruction(
        intent="open",
        side=side,
        symbol=symbol,
        order_type=kind,
        qty=qty,
        risk=risk,
        limit=limit,
        stop=stop,
        ref_price=price if kind is OrdType.MARKET else None,
        sl=sl,
        tp=tp,
        trail=_trail(members),
        breakeven=_break_even(members),
        closes="both" if reverses and not adds else None,
        reverse_closes_opposite=reverses if members.has("reverse_order_close") else None,
        position_effect=long_of(side),
        unset=unset,
        unreadable=unreadable,
        conditions=("same_direction_ignore",) if members.flag("same_direction_ignore") else (),
    )


def _size(members: Members) -> tuple[Measure | None, Measure | None]:
    """Read contracts or a risk; with a risk, the sender gives 0 contracts."""
    risk = members.price("risk_percentage")
    at_risk = Measure(risk, "percent_equity") if risk is not None else None
    if at_risk is not None and not members.number("quantity"):
        return None, at_risk
    return Measure(members.whole("quantity"), "units"), at_risk


def _ways(what: str) -> tuple[str, str, str]:
    return what, f"percentage_{what}", f"dollar_{what}"


def _refuse_other_ways(members: Members) -> None:
    known = {*_ways("sl"), *_ways("tp")}
    for name in members.values:
        if name.startswith(("dollar_", "percentage_")) and name not in known:
            raise Refuse("unknown_field", f"{shown(name)} is neither a stop nor a target here")


def _level(members: Members, what: str) -> Measure | None:
    """Read a stop or target out of the three ways to say it.

    A dollar amount may be one of price or one of money: the profile must say which.
    """
    dollars = members.level(f"dollar_{what}", "amount")
    found = [
        one
        for one in (
            members.level(what),
            members.level(f"percentage_{what}", "percent"),
            Measure(dollars.value, "amount", unsure=True) if dollars is not None else None,
        )
        if one is not None
    ]
    if len(found) > 1:
        raise Refuse("conflict", f"{what} is given in {len(found)} ways; only one may be above 0")
    if found and found[0].value < 0:
        raise Refuse("bad_number", f"{what}: {found[0].value} is below zero")
    return found[0] if found else None


def _trail(members: Members) -> Trailing | None:
    on = members.price("trail")
    distance, trigger = members.price("trail_stop"), members.price("trail_trigger")
    step = members.price("trail_freq")
    if on is None and distance is None and trigger is None:
        return None
    if distance is None:
        raise Refuse("missing_field", "a trailing stop without trail_stop")
    return Trailing("account_setting", trigger=trigger, distance=distance, step=step)


def _break_even(members: Members) -> MoveToEntry | None:
    trigger: Decimal | None = members.price("breakeven")
    offset = members.price("breakeven_offset")
    if trigger is None:
        if offset is not None:
            raise Refuse("missing_field", "breakeven_offset without breakeven")
        return None
    return MoveToEntry(trigger, offset, "account_setting")
