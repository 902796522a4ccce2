"""NinjaTrader's order instruction files: 13 fields between semicolons, one instruction a line.

``PLACE;account;instrument;action;qty;type;limit;stop;tif;oco;order id;strategy;strategy id``.
A line with any other number of fields is refused. Not affiliated with NinjaTrader; checked
2026-11-21 against its public help pages; verify.
"""

from bascule.model.enums import OrdType
from bascule.signals.instruction import Hints, Instruction, Measure, Parsed, Refuse
from bascule.signals.members import MAX_LEGS, Members, order_prices
from bascule.signals.positions import long_of

NAME = "ninjatrader_oif"
JSON_MARKS = ()

_FIELDS = (
    "command", "account", "instrument", "action", "qty", "order_type", "limit_price", "stop_price",
    "tif", "oco_id", "order_id", "strategy", "strategy_id",
)  # fmt: skip
_COMMANDS = frozenset(
    {
        "place", "cancel", "cancelallorders", "change", "closeposition", "closestrategy",
        "flatteneverything", "reverseposition",
    }
)  # fmt: skip
_TYPES = {
    "market": OrdType.MARKET,
    "limit": OrdType.LIMIT,
    "stop": OrdType.STOP,
    "stopmarket": OrdType.STOP,
    "stoplimit": OrdType.STOP_LIMIT,
}
_PADDING = " \t\r\n\0\ufeff"


def detect(text: str) -> int:
    """Claim a text whose first field is one of the commands."""
    first, semicolon, _ = text.lstrip(_PADDING).partition(";")
    return 90 if semicolon and first.strip().lower() in _COMMANDS else 0


def parse(text: str, hints: Hints) -> Parsed:
    """Read a file: one instruction, or several as a batch."""
    try:
        lines = [line for line in text.strip(_PADDING).splitlines() if line.strip()]
        if not lines:
            raise Refuse("empty_body", "there is nothing in it")
        if len(lines) > MAX_LEGS:
            raise Refuse("malformed_command", f"more than {MAX_LEGS} instructions")
        legs = tuple(_line(line, hints.auth) for line in lines)
        return legs if len(legs) > 1 else legs[0]
    except Refuse as refused:
        return refused.rejection


def _line(line: str, auth: str) -> Instruction:
    parts = [part.strip() for part in line.split(";")]
    command = parts[0].lower()
    if command not in _COMMANDS:
        raise Refuse("invalid_action", f"{parts[0][:40]!r} is not a command of NinjaTrader")
    if len(parts) != len(_FIELDS):
        raise Refuse("malformed_command", f"{len(parts)} fields; an instruction has {len(_FIELDS)}")
    members = Members(dict(zip(_FIELDS, parts, strict=True)))
    match command:
        case "place" | "reverseposition":
            return _order(members, auth, reverses=command == "reverseposition")
        case "change":
            return _change(members, auth)
        case "cancel":
            return Instruction(
                intent="cancel", client_order_id=members.required("order_id"), scope="order",
                strategy_id=members.text("strategy_id"), position_effect="unchanged", auth=auth,
            )  # fmt: skip
        case "cancelallorders":
            return Instruction(
                intent="cancel", scope="all_accounts", position_effect="unchanged", auth=auth,
                account=members.text("account"),
            )  # fmt: skip
        case "flatteneverything":
            return Instruction(
                intent="flatten_all", scope="all_accounts", cancel_open_orders=True,
                position_effect="flat", auth=auth,
            )  # fmt: skip
    return _close(members, auth, command)


def _close(members: Members, auth: str, command: str) -> Instruction:
    if command == "closestrategy":
        symbol, strategy = "", members.required("strategy_id")
    else:
        symbol, strategy = members.symbol("instrument"), members.text("strategy_id")
    return Instruction(
        intent="close",
        symbol=symbol,
        order_type=OrdType.MARKET,
        qty="all",
        cancel_open_orders=True,
        position_effect="flat",
        account=members.text("account"),
        auth=auth,
        strategy_id=strategy,
        conditions=(f"the ATM strategy {members.text('strategy_id')!r}; close its instrument",)
        if command == "closestrategy"
        else (),
    )


def _change(members: Members, auth: str) -> Instruction:
    order = members.required("order_id")
    limit, stop = members.price("limit_price"), members.price("stop_price")
    changed = members.price("qty") is not None
    if limit is None and stop is None and not changed:
        raise Refuse("missing_field", "a change of nothing: no quantity, limit or stop")
    return Instruction(
        intent="modify",
        qty=Measure(members.whole("qty"), "units") if changed else None,
        limit=limit,
        stop=stop,
        position_effect="unchanged",
        auth=auth,
        strategy_id=members.text("strategy_id"),
        client_order_id=order,
    )


def _order(members: Members, auth: str, *, reverses: bool) -> Instruction:
    account, instrument = members.required("account"), members.symbol("instrument")
    side = members.side("action")
    qty = members.whole("qty")
    kind = members.choice("order_type", _TYPES)
    tif = members.tif("tif")
    if kind is None or not tif:
        raise Refuse("missing_field", f"no {'order type' if kind is None else 'time in force'}")
    limit, stop = order_prices(kind, members.price("limit_price"), members.price("stop_price"))
    return Instruction(
        intent="reverse" if reverses else "open",
        side=side,
        symbol=instrument,
        order_type=kind,
        qty=Measure(qty, "units"),
        limit=limit,
        stop=stop,
        target=qty * side.sign if reverses else None,
        position_effect=long_of(side),
        tif=tif,
        account=account,
        auth=auth,
        strategy_id=members.text("strategy_id"),
        atm_template=members.text("strategy"),
        client_order_id=members.text("order_id"),
        conditions=_conditions(members),
    )


def _conditions(members: Members) -> tuple[str, ...]:
    asked: list[str] = []
    if members.has("oco_id"):
        asked.append(f"the OCO group {members.text('oco_id')!r} across messages")
    if members.has("strategy"):
        asked.append(f"the ATM template {members.text('strategy')!r}, which holds its stops")
    return tuple(asked)
