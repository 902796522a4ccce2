"""CrossTrade's alerts for NinjaTrader: ``key=value;`` pairs with a command, or the same as JSON.

Strict: a key that is not in the table is refused, so that a separator smuggled in by a value is
noticed. Not affiliated with CrossTrade; checked 2026-11-21 against public pages; verify.
"""

import re
from decimal import Decimal

from msgspec import Struct

from bascule.model.enums import OrdType, Side
from bascule.signals.instruction import (
    Effect,
    Held,
    Hints,
    Instruction,
    IntentWord,
    Measure,
    Parsed,
    Refuse,
)
from bascule.signals.json_measures import Guards, check_sides
from bascule.signals.members import (
    Members,
    exit_size,
    is_json,
    noting,
    order_prices,
    percent,
    read_object,
    read_pairs,
)
from bascule.signals.positions import long_of, read_fill
from bascule.signals.words import POSITIONS

NAME = "crosstrade"
JSON_MARKS = ("command",)

_TYPES = {
    "market": OrdType.MARKET,
    "limit": OrdType.LIMIT,
    "stopmarket": OrdType.STOP,
    "stop": OrdType.STOP,
    "stoplimit": OrdType.STOP_LIMIT,
}
_COMMANDS = frozenset(
    {
        "place", "flatplace", "cancelreplace", "reverse", "reverseposition", "change", "cancel",
        "cancelorders", "cancelallorders", "closeposition", "closestrategy", "flatten",
        "flatteneverything",
    }
)  # fmt: skip
_FIELDS = (
    "key", "command", "account", "instrument", "action", "qty", "order_type", "limit_price",
    "stop_price", "tif", "oco_id", "order_id", "strategy", "strategy_id", "strategy_tag",
    "take_profit", "stop_loss", "stop_loss_limit", "stop_loss_stop", "flatten_first", "append_atm",
    "require_market_position", "max_positions", "sync_strategy", "market_position",
    "prev_market_position", "out_of_sync", "delay", "comment",
)  # fmt: skip
_BRACKET = ("take_profit", "stop_loss", "stop_loss_limit", "stop_loss_stop")
_SYNC = ("market_position", "prev_market_position", "out_of_sync")
_TEXT_MARK = re.compile(r"(?:^|[;\s])command\s*=", re.IGNORECASE)
_JSON_MARK = re.compile(rf'"command"\s*:\s*"(?:{"|".join(sorted(_COMMANDS))})"', re.IGNORECASE)


def detect(text: str) -> int:
    """Claim ``command=`` among pairs that end with semicolons, or JSON with such a command."""
    if is_json(text):
        named = '"account"' in text or '"instrument"' in text
        return 70 if '"command"' in text and named and _JSON_MARK.search(text) else 0
    return 85 if "=" in text and ";" in text and _TEXT_MARK.search(text) else 0


def parse(text: str, hints: Hints) -> Parsed:
    """Read one alert."""
    try:
        if is_json(text):
            read = read_object(text)
            values = {name.lower(): value for name, value in read.values.items()}
            members, auth = Members(values, read.repairs), hints.auth
            if members.has("key"):
                auth = "body_key"
        else:
            members = read_pairs(text.split(";"))
            auth = members.credential("key", outside=hints.auth, where="body_key")
        members.only(_FIELDS)
        return noting(_read(members, auth), members.repairs)
    except Refuse as refused:
        return refused.rejection


def _read(members: Members, auth: str) -> Instruction:
    command = members.required("command").lower()
    if command not in _COMMANDS:
        raise Refuse("invalid_action", f"{command!r} is not a command of CrossTrade")
    match command:
        case "flatteneverything":
            return Instruction(
                intent="flatten_all", scope="all_accounts", cancel_open_orders=True,
                position_effect="flat", auth=auth,
            )  # fmt: skip
        case "cancelallorders" if not members.has("account"):
            return _cancel(members, auth, "all_accounts")
        case "cancelallorders" | "cancelorders":
            return _cancel(members, auth, "symbol" if members.has("instrument") else "account")
        case "cancel":
            members.required("order_id")
            return _cancel(members, auth, "order")
        case "change":
            return _change(members, auth)
        case "flatten" | "closeposition" | "closestrategy":
            return _close(members, auth, command)
    return _order(members, auth, command)


def _cancel(members: Members, auth: str, scope: str) -> Instruction:
    return Instruction(
        intent="cancel",
        symbol=members.symbol("instrument") if members.has("instrument") else "",
        account=members.text("account"),
        client_order_id=members.text("order_id") if scope == "order" else "",
        scope=scope,
        position_effect="unchanged",
        auth=auth,
    )


def _change(members: Members, auth: str) -> Instruction:
    order = members.required("order_id")
    for name in _BRACKET:
        if members.has(name):
            raise Refuse("unsupported_field", f"{name} on a change, which changes the order alone")
    limit, stop = members.price("limit_price"), members.price("stop_price")
    given = members.price("qty")
    qty = Measure(members.whole("qty"), "units") if given is not None else None
    if limit is None and stop is None and qty is None:
        raise Refuse("missing_field", "a change of nothing: no qty, limit_price or stop_price")
    return Instruction(
        intent="modify",
        symbol=members.symbol("instrument") if members.has("instrument") else "",
        qty=qty,
        limit=limit,
        stop=stop,
        position_effect="unchanged",
        account=members.text("account"),
        auth=auth,
        client_order_id=order,
    )


def _close(members: Members, auth: str, command: str) -> Instruction:
    """Read a close. It needs neither side nor prices, so these cannot block it."""
    if command == "closestrategy":
        members.required("strategy_id")
    elif command == "flatten" and not members.has("instrument"):
        return Instruction(
            intent="flatten_all", scope="account", cancel_open_orders=True,
            position_effect="flat", account=members.required("account"), auth=auth,
        )  # fmt: skip
    else:
        members.required("instrument")
    verb, qty = exit_size(_part(members) if command == "closeposition" else None)
    return Instruction(
        intent=verb,
        symbol=members.symbol("instrument") if members.has("instrument") else "",
        order_type=OrdType.MARKET,
        qty=qty,
        cancel_open_orders=True if verb == "close" else None,
        position_effect="flat" if verb == "close" else "reduce",
        account=members.text("account"),
        auth=auth,
        strategy_id=members.text("strategy_id"),
    )


def _part(members: Members) -> Measure | None:
    written = members.text("qty")
    if not written:
        return None
    if written.endswith("%"):
        return Measure(percent(written[:-1], "qty"), "percent_of_position")
    return Measure(members.whole("qty"), "units")


class _Meaning(Struct, frozen=True):
    intent: IntentWord
    effect: Effect
    closes: Held | None = None
    target: Decimal | None = None


def _order(members: Members, auth: str, command: str) -> Instruction:
    account, instrument = members.required("account"), members.symbol("instrument")
    if command == "reverse" and not members.has("action"):
        raise Refuse("missing_field", "no action: it does not say which side to turn to")
    side = members.side("action")
    qty = members.whole("qty")
    kind = members.choice("order_type", _TYPES)
    if kind is None:
        raise Refuse("missing_field", "no order_type")
    limit, stop = order_prices(kind, members.price("limit_price"), members.price("stop_price"))
    sl, sl_limit = _stop_loss(members)
    tp = members.price("take_profit")
    guards = Guards(sl, Measure(tp, "price") if tp is not None else None)
    check_sides(side, limit if limit is not None else stop, guards)
    meaning = _meaning(members, command, side, qty)
    exits = meaning.intent in ("close", "reduce")
    return Instruction(
        intent=meaning.intent,
        side=side,
        symbol=instrument,
        order_type=kind,
        qty=Measure(qty, "units"),
        limit=limit,
        stop=stop,
        sl=None if exits else sl,
        sl_limit=None if exits else sl_limit,
        tp=None if exits else guards.tp,
        target=meaning.target,
        closes=meaning.closes,
        position_effect=meaning.effect,
        tif=members.tif("tif"),
        account="" if "," in account else account,
        accounts=tuple(one.strip() for one in account.split(",")) if "," in account else (),
        auth=auth,
        strategy=members.label("strategy_tag"),
        strategy_id=members.text("strategy_id"),
        atm_template=members.text("strategy"),
        comment=members.label("comment"),
        client_order_id=members.text("order_id"),
        delay_s=members.price("delay"),
        sync=_sync(members),
        conditions=_conditions(members),
    )


def _stop_loss(members: Members) -> tuple[Measure | None, Decimal | None]:
    stop, limit = members.price("stop_loss"), members.price("stop_loss_limit")
    trigger = members.price("stop_loss_stop")
    if stop is not None and (limit is not None or trigger is not None):
        raise Refuse("conflict", "stop_loss and stop_loss_limit are both given")
    if trigger is not None and limit is None:
        raise Refuse("missing_field", "stop_loss_stop without stop_loss_limit")
    level = next((one for one in (stop, trigger, limit) if one is not None), None)
    return (Measure(level, "price") if level is not None else None), limit


def _meaning(members: Members, command: str, side: Side, qty: Decimal) -> _Meaning:
    opens: Effect = long_of(side)
    now = members.choice("market_position", POSITIONS)
    before = members.choice("prev_market_position", POSITIONS)
    if members.flag("sync_strategy") and now is None:
        raise Refuse("missing_field", "sync_strategy without market_position")
    if command == "cancelreplace":
        return _Meaning("replace_pending", opens)
    if command in ("reverse", "reverseposition"):
        return _Meaning("reverse", opens, target=qty * side.sign)
    if command == "flatplace" or members.flag("flatten_first"):
        return _Meaning("reopen", opens, closes="both")
    if now is None:
        return _Meaning("open", opens)
    fill = read_fill(side, now, before)
    if fill.intent in ("close", "reduce"):
        flat = Decimal(0) if fill.intent == "close" else None
        return _Meaning(fill.intent, fill.effect, closes=fill.closes, target=flat)
    return _Meaning(fill.intent, fill.effect)


def _sync(members: Members) -> dict[str, str] | None:
    told = {name: members.text(name).lower() for name in _SYNC if members.has(name)}
    return told or None


def _conditions(members: Members) -> tuple[str, ...]:
    asked = [
        f"{name}={members.text(name)}"
        for name in ("require_market_position", "max_positions", "oco_id")
        if members.has(name)
    ]
    if members.has("strategy"):
        asked.append(f"the ATM template {members.text('strategy')!r}, which holds its stops")
    return tuple(asked)
