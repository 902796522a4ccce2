"""Alertatron's functions: ``Keys(SYMBOL) { market(position=0.25); ... } #bot``, in their order.

``position=`` is a target and ``amount=`` the size of an order; ``@`` marks a price and ``%`` a
distance from the market. Not affiliated with Alertatron; checked 2026-11-21 against its public
documents; verify.
"""

import re
from collections.abc import Callable
from decimal import Decimal

from bascule.model.enums import OrdType, Side
from bascule.signals.command_words import MAX_DELAY
from bascule.signals.instruction import Hints, Instruction, Measure, Parsed, Refuse
from bascule.signals.members import MAX_LEGS, Members, read_pairs, symbol
from bascule.signals.numbers import has_placeholder, number, positive, shown
from bascule.signals.positions import long_of, short_of

NAME = "alertatron"
JSON_MARKS = ()

_BLOCK = re.compile(
    r"\s*(?P<keys>[A-Za-z0-9_. -]{1,64}?)\s*\(\s*(?P<symbol>[^(){}\s]+)\s*\)\s*\{(?P<body>[^{}]*)\}"
)
_CALL = re.compile(r"\s*(?P<name>[A-Za-z]+)\s*\((?P<args>[^()]*)\)\s*(?:;|\Z)")
_TAIL = re.compile(r"(?:\s*#[A-Za-z0-9_-]+)*\s*")
_AMOUNT = re.compile(r"(?P<number>[^%a-z]+)(?P<suffix>%[%abp]?)?")
_AMOUNTS = {
    "%": "percent_of_balance",
    "%b": "percent_of_balance",
    "%%": "percent_of_available",
    "%a": "percent_of_available",
    "%p": "percent_of_position",
}
_ORDER = ("side", "amount", "position", "offset", "reduceonly", "postonly", "trigger", "tag")
_BRACKET = ("side", "amount", "position", "tp", "sl", "reduceonly", "trigger", "tag")
_WAIT = re.compile(r"(?P<number>[0-9.]+)(?P<unit>s|m|h)?")
_PADDING = " \t\r\n\0\ufeff"


def detect(text: str) -> int:
    """Claim a name with a symbol in round brackets and functions in braces."""
    return 90 if "{" in text and "(" in text and _BLOCK.match(text.lstrip(_PADDING)) else 0


def parse(text: str, hints: Hints) -> Parsed:
    """Read one alert: all of its blocks, as one batch."""
    try:
        rest = text.strip(_PADDING)
        if not rest:
            raise Refuse("empty_body", "there is nothing in it")
        if has_placeholder(rest):
            raise Refuse("unresolved_placeholder", "a placeholder that nothing filled")
        return _blocks(rest, hints.auth)
    except Refuse as refused:
        return refused.rejection


def _blocks(rest: str, auth: str) -> Instruction:
    legs: list[Instruction] = []
    about = ("", "")
    while not _TAIL.fullmatch(rest):
        match = _BLOCK.match(rest)
        if match is None:
            raise Refuse("malformed_command", f"{shown(rest)} is not Keys(SYMBOL) {{ ... }}")
        found = match["keys"].strip(), symbol(match["symbol"])
        if legs and found != about:
            raise Refuse("conflict", "one alert is about two markets; send two alerts")
        about = found
        legs += _calls(match["body"])
        rest = rest[match.end() :]
        rest = rest[_tail_end(rest) :]
    if not legs or len(legs) > MAX_LEGS:
        raise Refuse("malformed_command", f"an alert holds 1 to {MAX_LEGS} functions")
    pauses = any(leg.intent == "delay" for leg in legs)
    return Instruction(
        intent="batch",
        symbol=about[1],
        account=about[0],
        legs=tuple(legs),
        auth=auth,
        notes=("wait is not kept: the orders are done in their order",) if pauses else (),
    )


def _tail_end(rest: str) -> int:
    match = _TAIL.match(rest)
    return match.end() if match is not None else 0


def _calls(body: str) -> list[Instruction]:
    legs: list[Instruction] = []
    body = body.strip()
    while body:
        match = _CALL.match(body)
        if match is None:
            raise Refuse("malformed_command", f"{shown(body)} is not function(arguments);")
        legs.append(_call(match["name"], match["args"]))
        body = body[match.end() :].strip()
    return legs


def _call(name: str, written: str) -> Instruction:
    if name.lower() == "wait":
        return _wait(written)
    function = _FUNCTIONS.get(name.lower())
    if function is None:
        raise Refuse("invalid_action", f"{name[:40]!r} is no function that is read here")
    if not written.strip():
        raise Refuse("missing_field", f"{name} without arguments")
    return function(read_pairs(written.split(",")))


def _wait(written: str) -> Instruction:
    match = _WAIT.fullmatch(written.strip().removeprefix("time=").strip())
    if match is None:
        raise Refuse("bad_number", f"wait: {shown(written)} is no time")
    seconds = positive(match["number"], "wait") * {"s": 1, "m": 60, "h": 3600}[match["unit"] or "s"]
    if seconds > MAX_DELAY:
        raise Refuse("bad_number", f"wait: {seconds} s; at most {MAX_DELAY} s are taken")
    return Instruction(intent="delay", seconds=seconds)


def _cancel(args: Members) -> Instruction:
    args.only(("which", "tag"), "cancel")
    which = args.required("which").lower()
    if which == "all":
        return Instruction(intent="cancel", scope="symbol")
    if which == "tagged":
        return Instruction(intent="cancel", scope="order", client_order_id=args.required("tag"))
    if which in ("buys", "sells"):
        held = "long" if which == "buys" else "short"
        return Instruction(intent="cancel", scope=f"pending_{held}")
    raise Refuse("bad_enum", f"which={which[:40]} is none of all, tagged, buys, sells")


def _market(args: Members) -> Instruction:
    if args.has("offset"):
        raise Refuse("conflict", "a market order has no offset")
    return _order(args, OrdType.MARKET, None)


def _limit(args: Members) -> Instruction:
    return _order(args, OrdType.LIMIT, _required_offset(args))


def _stop(args: Members) -> Instruction:
    """Read a stop. Unless it says otherwise it only reduces, as Alertatron's do."""
    offset = _required_offset(args)
    if args.has("position"):
        if args.number("position"):
            raise Refuse("conflict", "a stop to another position than 0")
        args.only(_ORDER, "stopOrder")
        level = offset if isinstance(offset, Measure) else Measure(offset, "price")
        return Instruction(intent="bracket", sl=level, target=Decimal(0), reduce_only=True)
    return _order(args, OrdType.STOP, offset, reduces=True)


def _order(
    args: Members, kind: OrdType, offset: Decimal | Measure | None, *, reduces: bool = False
) -> Instruction:
    args.only(_ORDER, "the order")
    if args.has("amount") and args.has("position"):
        raise Refuse("conflict", "amount and position are both given")
    limit = offset if kind is OrdType.LIMIT else None
    stop = offset if kind is OrdType.STOP else None
    tag = args.text("tag")
    notes = ("post-only is not kept",) if args.flag("postonly") else ()
    if args.has("position"):
        return Instruction(
            intent="target_position", order_type=kind, limit=limit,
            target=_position(args), order_id=tag, notes=notes,
        )  # fmt: skip
    side = args.side("side")
    if args.has("reduceonly"):
        reduces = args.flag("reduceonly")
    return Instruction(
        intent="reduce" if reduces else "open",
        side=side,
        order_type=kind,
        qty=_amount(args),
        limit=limit,
        stop=stop,
        closes=short_of(side) if reduces else None,
        reduce_only=True if reduces else None,
        position_effect="reduce" if reduces else long_of(side),
        order_id=tag,
        notes=notes,
    )


def _bracket(args: Members) -> Instruction:
    args.only(_BRACKET, "stopOrTakeProfit")
    tp, sl = _level(args, "tp"), _level(args, "sl")
    if tp is None or sl is None:
        raise Refuse("missing_field", "stopOrTakeProfit needs tp and sl")
    whole = args.has("position") and not args.has("amount")
    target = _position(args) if args.has("position") else None
    side: Side | None = args.side("side") if args.has("side") or not whole else None
    return Instruction(
        intent="bracket",
        side=side,
        qty=_amount(args) if args.has("amount") else None,
        sl=sl,
        tp=tp,
        target=target,
        reduce_only=True if not args.has("reduceonly") or args.flag("reduceonly") else None,
        conditions=() if whole and not target else ("a bracket for a part of the position",),
    )


def _position(args: Members) -> Decimal:
    position = args.number("position")
    if position is None:
        raise Refuse("missing_field", "no position")
    return position


def _amount(args: Members) -> Measure:
    written = args.required("amount")
    match = _AMOUNT.fullmatch(written.lower())
    if match is None:
        raise Refuse("bad_number", f"amount={written[:40]} is no amount")
    size = positive(match["number"], "amount")
    if not match["suffix"]:
        return Measure(size, "units")
    unit = _AMOUNTS[match["suffix"]]
    if unit == "percent_of_position" and size > 100:
        raise Refuse("bad_number", f"amount: {size} % of the position is more than all")
    return Measure(size, unit)


def _required_offset(args: Members) -> Decimal | Measure:
    level = _level(args, "offset")
    if level is None:
        raise Refuse("missing_field", "no offset: an order needs its price")
    return level.value if level.unit == "price" else level


def _level(args: Members, name: str) -> Measure | None:
    written = args.text(name)
    if not written:
        return None
    if written.startswith("@"):
        return Measure(positive(written[1:], name), "price")
    if written.endswith("%"):
        return Measure(number(written[:-1], name), "percent")
    return Measure(positive(written, name), "amount")


_FUNCTIONS: dict[str, Callable[[Members], Instruction]] = {
    "market": _market,
    "limit": _limit,
    "stoporder": _stop,
    "stopmarket": _stop,
    "stopmarketorder": _stop,
    "stoportakeprofit": _bracket,
    "cancel": _cancel,
}
