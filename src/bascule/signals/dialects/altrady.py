"""Altrady's signal bots in JSON: open, increase, reduce, close, reverse, and the bot's switches.

Not affiliated with Altrady; checked 2026-11-21 against its public support pages; verify.
"""

from decimal import Decimal

from msgspec import structs

from bascule.model.enums import OrdType, Side
from bascule.signals.instruction import (
    Hints,
    Instruction,
    IntentWord,
    Measure,
    Parsed,
    Refuse,
    Target,
)
from bascule.signals.json_measures import Guards, check_sides
from bascule.signals.members import (
    HELD_SIDES,
    Members,
    exit_size,
    mentions,
    noting,
    order_prices,
    percent,
    read_object,
)
from bascule.signals.positions import long_of, short_of

NAME = "altrady"
JSON_MARKS = ("api_key",)

_TYPES = {"market": OrdType.MARKET, "limit": OrdType.LIMIT}
_ENTRIES: dict[str, IntentWord] = {"open": "open", "increase": "add", "reverse": "reverse"}
_SHARES = ("position_percentage", "reduce_percentage", "close_percentage", "percentage")
_KNOWN = ("stop_loss", "take_profit", "order_type")
_STOP_KEYS = ("stop_price", "stop_percentage", "price", "price_percentage", "order_type")


def detect(text: str) -> int:
    """Claim JSON with a pair of keys and an action or a side of its own."""
    if not mentions(text, "api_key", "api_secret"):
        return 0
    return 80 if '"action"' in text or '"side"' in text else 0


def parse(text: str, hints: Hints) -> Parsed:
    """Read one signal."""
    try:
        members = read_object(text)
        auth = members.credential("api_secret", outside=hints.auth, where="body_secret")
        read = _read(members)
        read = structs.replace(read, auth=auth, signal_id=members.identity("signal_id"))
        return noting(read, members.repairs)
    except Refuse as refused:
        return refused.rejection


def _read(members: Members) -> Instruction:
    action = members.text("action").lower() or "open"
    if members.flag("test"):
        return Instruction(intent="notify", event="test")
    match action:
        case "start_bot" | "start_and_open":
            return Instruction(intent="control", control="start")
        case "stop_bot":
            return Instruction(intent="control", control="halt")
        case "stop_and_close":
            return Instruction(intent="flatten_all", control="halt", position_effect="flat")
    exchange, name = members.text("exchange"), members.symbol("symbol")
    if action in _ENTRIES:
        read = _entry(members, _ENTRIES[action])
    elif action in ("close", "reduce"):
        read = _exit(members, action == "reduce")
    else:
        raise Refuse("invalid_action", f"action: {action[:40]!r} is none of Altrady's")
    return structs.replace(read, exchange=exchange, symbol=name)


def _entry(members: Members, intent: IntentWord) -> Instruction:
    side = members.side("side", HELD_SIDES)
    members.lose_no_stop(_KNOWN)
    kind = members.choice("order_type", _TYPES) or OrdType.MARKET
    price = members.price("signal_price")
    limit, _ = order_prices(kind, price if kind is OrdType.LIMIT else None, None)
    sl, tp = _stop(members), _targets(members)
    check_sides(side, price, Guards(sl, tp))
    return Instruction(
        intent=intent,
        side=side,
        order_type=kind,
        qty=_amount(members),
        limit=limit,
        ref_price=price if limit is None else None,
        sl=sl,
        tp=tp,
        closes=short_of(side) if intent == "reverse" else None,
        position_effect=long_of(side),
        leverage=members.price("leverage"),
        conditions=("further entries (dca_orders)",) if members.several("dca_orders") else (),
    )


def _exit(members: Members, reduces: bool) -> Instruction:
    opened: Side | None = members.choice("side", HELD_SIDES, "invalid_action")
    share = members.text(members.named(*_SHARES)).removesuffix("%")
    qty = _amount(members)
    if share:
        if qty is not None:
            raise Refuse("conflict", "an amount and a share are both given")
        qty = Measure(percent(share, "percentage"), "percent_of_position")
    verb, size = exit_size(qty)
    if reduces and qty is None:
        raise Refuse("missing_field", "a reduction that does not say how much")
    return Instruction(
        intent=verb,
        side=opened.opposite if opened is not None else None,
        order_type=OrdType.MARKET,
        qty=size,
        closes=long_of(opened) if opened is not None else None,
        position_effect="flat" if verb == "close" else "reduce",
    )


def _amount(members: Members) -> Measure | None:
    quote, base = members.price("quote_amount"), members.price("base_amount")
    if quote is not None and base is not None:
        raise Refuse("conflict", "quote_amount and base_amount are both given")
    if quote is not None:
        return Measure(quote, "quote")
    return Measure(base, "base") if base is not None else None


def _stop(members: Members) -> Measure | None:
    stop = members.inner("stop_loss")
    if stop is None:
        return None
    stop.lose_no_stop(_STOP_KEYS)
    level = _level(stop, ("stop_price", "price"), ("stop_percentage", "price_percentage"))
    if level is None:
        raise Refuse("missing_field", "stop_loss without its price or percentage")
    return level


def _targets(members: Members) -> Measure | tuple[Target, ...] | None:
    given = members.values.get("take_profit")
    steps = (Members(given),) if isinstance(given, dict) else members.several("take_profit")
    targets: list[Target] = []
    for step in steps:
        level = _level(step, ("price",), ("price_percentage",))
        if level is None:
            raise Refuse("missing_field", "a target without its price or percentage")
        targets.append(Target(level.value, level.unit, step.positive("position_percentage")))
    if sum((one.portion_pct or 0 for one in targets), Decimal(0)) > 100:
        raise Refuse("conflict", "the targets take more than the whole position")
    if len(targets) == 1 and targets[0].portion_pct in (None, 100):
        return Measure(targets[0].value, targets[0].unit)
    return tuple(targets) or None


def _level(members: Members, prices: tuple[str, ...], shares: tuple[str, ...]) -> Measure | None:
    price = members.price(members.named(*prices))
    share = members.price(members.named(*shares))
    if price is not None and share is not None:
        raise Refuse("conflict", "a level is given as a price and as a percentage")
    if price is not None:
        return Measure(price, "price")
    return Measure(share, "percent") if share is not None else None
