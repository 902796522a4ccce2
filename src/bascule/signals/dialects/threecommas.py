"""3Commas signal bots in JSON: the strategy type with its positions, and the custom type.

A ``buy`` or ``sell`` is read with the strategy's positions before and after it; ``enter_long`` and
the like say it themselves. Percentages of stop and target are signed from the entry. Not affiliated
with 3Commas; checked 2026-11-21 against its public help pages; verify.
"""

from decimal import Decimal
from typing import Literal

from msgspec import structs

from bascule.model.enums import OrdType, Side
from bascule.signals.instruction import (
    Hints,
    Instruction,
    Measure,
    Parsed,
    Refuse,
    Target,
)
from bascule.signals.json_measures import Guards, check_sides
from bascule.signals.members import (
    SIDES,
    Members,
    exit_size,
    mentions,
    noting,
    order_prices,
    read_object,
    symbol,
)
from bascule.signals.positions import long_of, read_fill, short_of, side_closing, side_opening
from bascule.signals.words import POSITIONS, fold

NAME = "3commas"
JSON_MARKS = ("bot_uuid", "tv_instrument", "message_type")

_UNITS = {
    "base": "base",
    "quote": "quote",
    "contracts": "contracts",
    "marginpercent": "margin_percent",
    "positionpercent": "percent_of_position",
}
_COUNTED = ("base", "contracts")
"""Units of an order in which the strategy's position is told too."""
_TYPES = {"market": OrdType.MARKET, "limit": OrdType.LIMIT}
_Held = Literal["long", "short"]
_CUSTOM: dict[str, tuple[bool, _Held]] = {
    "enterlong": (True, "long"),
    "entershort": (True, "short"),
    "exitlong": (False, "long"),
    "exitshort": (False, "short"),
}
_DEALS = {
    "closeatmarketprice": "close",
    "closeatmarketpriceall": "flatten_all",
    "stopbot": "halt",
    "startbot": "start",
}
_KNOWN = (
    "stop_loss", "take_profit", "strategy_info", "order", "trigger_price", "max_lag", "timestamp",
)  # fmt: skip
_STOP_KEYS = ("enabled", "order_type", "trigger_price_percent", "trigger_price", "price")


def detect(text: str) -> int:
    """Claim JSON that names a bot of 3Commas."""
    if mentions(text, "bot_uuid"):
        return 85
    if mentions(text, "tv_instrument", "max_lag"):
        return 75
    return 70 if mentions(text, "message_type", "bot_id") else 0


def parse(text: str, hints: Hints) -> Parsed:
    """Read one signal."""
    try:
        members = read_object(text)
        auth = members.credential("secret", "email_token", outside=hints.auth, where="body_secret")
        read = _deal(members) if members.has("message_type") else _signal(members)
        fired_at, notes = members.time("timestamp")
        read = structs.replace(
            read,
            auth=auth,
            fired_at=fired_at,
            max_lag_s=members.price("max_lag"),
            notes=read.notes + notes,
        )
        return noting(read, members.repairs)
    except Refuse as refused:
        return refused.rejection


def _signal(members: Members) -> Instruction:
    action = members.required("action")
    word = fold(action)
    if word not in _CUSTOM and word not in SIDES:
        raise Refuse("invalid_action", f"action: {action[:40]!r} is not one of 3Commas")
    name = members.symbol("tv_instrument")
    if members.has("tv_exchange"):
        name = symbol(f"{members.text('tv_exchange')}:{name}")
    if word in SIDES:
        return _strategy(members, SIDES[word], name)
    enters, held = _CUSTOM[word]
    if enters:
        return _entry(members, Instruction(intent="open", side=side_opening(held), symbol=name))
    return _exit(members, Instruction(intent="close", side=side_closing(held), symbol=name))


def _strategy(members: Members, side: Side, name: str) -> Instruction:
    told = members.inner("strategy_info")
    if told is None:
        raise Refuse("missing_field", "no strategy_info: an action alone may be exit or entry")
    now = told.choice("market_position", POSITIONS)
    before = told.choice("prev_market_position", POSITIONS)
    if now is None:
        raise Refuse("missing_field", "strategy_info without market_position")
    size = told.number("market_position_size")
    if size is not None:
        size = abs(size)
    fill = read_fill(side, now, before)
    read = Instruction(
        intent=fill.intent,
        side=side,
        symbol=name,
        target=_target(members, now, size),
        target_size=size or None,
    )
    if fill.intent not in ("close", "reduce"):
        return _entry(members, read)
    exits = _exit(members, read)
    return structs.replace(exits, intent=fill.intent, position_effect=fill.effect)


def _target(members: Members, now: str, size: Decimal | None) -> Decimal | None:
    """Give the signed position after the fill, where it is counted as the order is."""
    if now == "flat":
        return Decimal(0)
    order = members.inner("order")
    if not size or order is None or fold(order.text("currency_type")) not in _COUNTED:
        return None
    if fold(order.text("order_type")) == "limit":
        return None
    return size if now == "long" else -size


def _entry(members: Members, read: Instruction) -> Instruction:
    assert read.side is not None
    members.lose_no_stop(_KNOWN)
    seen = members.price("trigger_price")
    kind, limit, qty = _order(members)
    sl, tp = _stop(members), _targets(members)
    check_sides(read.side, limit if limit is not None else seen, Guards(sl, tp))
    return structs.replace(
        read,
        order_type=kind,
        qty=qty,
        limit=limit,
        ref_price=seen,
        sl=sl,
        tp=tp,
        position_effect=long_of(read.side),
    )


def _exit(members: Members, read: Instruction) -> Instruction:
    """Read an exit; the price that was seen, which it does not need, cannot block it."""
    assert read.side is not None
    kind, limit, qty = _order(members)
    verb, size = exit_size(qty)
    try:
        seen = members.price("trigger_price")
    except Refuse:
        seen = None
    return structs.replace(
        read,
        intent=verb,
        order_type=kind,
        qty=size,
        limit=limit,
        ref_price=seen,
        closes=short_of(read.side),
        position_effect="flat" if verb == "close" else "reduce",
    )


def _order(members: Members) -> tuple[OrdType, Decimal | None, Measure | None]:
    order = members.inner("order")
    if order is None:
        return OrdType.MARKET, None, None
    kind = order.choice("order_type", _TYPES) or OrdType.MARKET
    limit = order.price("price") if kind is OrdType.LIMIT else None
    order_prices(kind, limit, None)
    amount = order.positive("amount")
    if amount is None:
        return kind, limit, None
    unit = order.choice("currency_type", _UNITS)
    if unit is None:
        raise Refuse("missing_field", "an amount without its currency_type")
    return kind, limit, Measure(amount, unit)


def _stop(members: Members) -> Measure | None:
    stop = members.inner("stop_loss")
    if stop is None or (stop.has("enabled") and not stop.flag("enabled")):
        return None
    stop.lose_no_stop(_STOP_KEYS)
    percent, price = stop.number("trigger_price_percent"), stop.price("trigger_price")
    if (percent is None) is (price is None):
        raise Refuse("missing_field", "stop_loss: one of trigger_price_percent, trigger_price")
    if percent is not None:
        if not percent:
            raise Refuse("bad_number", "stop_loss: a trigger of 0 %")
        return Measure(percent, "percent")
    assert price is not None
    return Measure(price, "price")


def _targets(members: Members) -> Measure | tuple[Target, ...] | None:
    profit = members.inner("take_profit")
    if profit is None or (profit.has("enabled") and not profit.flag("enabled")):
        return None
    steps: list[Target] = []
    for step in profit.several("steps"):
        percent, price = step.number("price_percent"), step.price("price")
        if (percent is None) is (price is None):
            raise Refuse("missing_field", "take_profit: one of price_percent, price in each step")
        share = step.positive("volume_percent")
        if percent is not None:
            steps.append(Target(percent, "percent", share))
        elif price is not None:
            steps.append(Target(price, "price", share))
    if not steps:
        raise Refuse("missing_field", "take_profit is enabled and has no steps")
    if sum((one.portion_pct or 0 for one in steps), Decimal(0)) > 100:
        raise Refuse("conflict", "the targets take more than the whole position")
    if len(steps) == 1 and steps[0].portion_pct in (None, 100):
        return Measure(steps[0].value, steps[0].unit)
    return tuple(steps)


def _deal(members: Members) -> Instruction:
    """Read a message to a DCA bot. What it would open only the bot knows."""
    action = members.choice("action", _DEALS, "invalid_action")
    delay = members.price("delay_seconds")
    if action == "close":
        return Instruction(
            intent="close", symbol=members.symbol("pair"), order_type=OrdType.MARKET, qty="all",
            position_effect="flat", delay_s=delay,
        )  # fmt: skip
    if action == "flatten_all":
        return Instruction(intent="flatten_all", position_effect="flat", delay_s=delay)
    if action == "halt":
        return Instruction(intent="control", control="halt")
    if action == "start":
        return Instruction(intent="control", control="start")
    raise Refuse("missing_field", "a start of a deal: its side is set in the bot, not said here")
