"""Turns an instruction into the model's intents. The table of it is in docs/signals.md.

One rule for all senders: what the message and the source's profile do not say is refused, never
filled in. A size that nothing gives stays None on an entry (the route sizes it); a partial exit
without a size is refused.
"""

from decimal import Decimal
from typing import get_args

from msgspec import structs

from bascule.model.enums import Direction, OrdType, QtyUnit, Side, TimeInForce
from bascule.model.intent import (
    Amount,
    CancelOrders,
    ClosePosition,
    Flatten,
    Intent,
    ModifyOrder,
    ModifyProtection,
    PlaceOrder,
    Protection,
    StopTrading,
    TargetPosition,
)
from bascule.model.values import ONE
from bascule.signals.instruction import (
    Instruction,
    Measure,
    Pending,
    Refuse,
    Rejection,
)
from bascule.signals.profile import Profile
from bascule.signals.protection import protection_of

_QTY = {
    "units": QtyUnit.UNITS, "base": QtyUnit.UNITS, "contracts": QtyUnit.UNITS,
    "lots": QtyUnit.LOTS, "quote": QtyUnit.CURRENCY,
    "percent_of_equity": QtyUnit.EQUITY_PERCENT, "percent_of_balance": QtyUnit.BALANCE_PERCENT,
    "percent_of_position": QtyUnit.POSITION_PERCENT,
    "dollar_amount": QtyUnit.CURRENCY, "amount_per_position": QtyUnit.CURRENCY,
    "risk_dollar_amount": QtyUnit.RISK_CURRENCY, "risk_per_position": QtyUnit.RISK_CURRENCY,
    "risk_percent": QtyUnit.RISK_PERCENT,
}  # fmt: skip
_RISK = {
    "percent_equity": QtyUnit.RISK_PERCENT, "percent_balance": QtyUnit.RISK_PERCENT,
    "amount": QtyUnit.RISK_CURRENCY,
}  # fmt: skip
LONGEST_DELAY = Decimal(5)
"""Seconds that a sender may ask to wait and Bascule does not: longer is another order."""
_MONTHS = "FGHJKMNQUVXZ"
_HUNDRED = Decimal(100)


def to_intents(
    instructions: tuple[Instruction, ...], profile: Profile
) -> tuple[Intent, ...] | Rejection:
    """Map a message's instructions, all of them or none.

    Returns:
        The intents in their order, or the rejection of the first that cannot be acted on.
    """
    intents: list[Intent] = []
    for place, instruction in enumerate(instructions):
        try:
            intents += _map(instruction, profile)
        except Refuse as refused:
            if len(instructions) == 1:
                return refused.rejection
            error, why = refused.rejection.error, refused.rejection.why
            return Rejection(error, f"order {place + 1} of {len(instructions)}: {why}")
    if not intents:
        return Rejection("not_an_order", "it asks for nothing")
    return tuple(intents)


def _map(instruction: Instruction, profile: Profile) -> list[Intent]:
    _refuse_what_cannot_be_kept(instruction)
    match instruction.intent:
        case "open" | "add":
            return _entry(instruction, profile)
        case "target_position":
            return [_target(instruction, profile, may_open=True)]
        case "reverse":
            return _reversal(instruction, profile)
        case "reopen":
            return [_close_of(instruction), _order(instruction, profile)]
        case "close" | "reduce":
            return _exit(instruction, profile)
        case "cancel":
            return [_cancel(instruction)]
        case "modify" | "bracket":
            return _modify(instruction, profile)
        case "replace_pending":
            symbol = symbol_of(instruction)
            return [
                CancelOrders(
                    symbol=symbol, side=instruction.side, label=instruction.client_order_id
                ),
                _order(instruction, profile),
            ]
        case "flatten_all":
            stops: list[Intent] = [StopTrading()] if instruction.control == "halt" else []
            return [*stops, Flatten()]
        case "control":
            return _control(instruction)
        case "batch":
            return [intent for leg in _legs(instruction) for intent in _map(leg, profile)]
        case "label" | "delay":
            return []
        case "notify":
            raise Refuse("not_an_order", "it reports what happened and asks for nothing")
    raise Refuse("unsupported_field", f"Bascule has no way to {instruction.intent}")


def _legs(batch: Instruction) -> list[Instruction]:
    """Give the legs of a batch, each with the symbol that the batch is about."""
    return [leg if leg.symbol else structs.replace(leg, symbol=batch.symbol) for leg in batch.legs]


def _refuse_what_cannot_be_kept(instruction: Instruction) -> None:
    if instruction.auth == "exchange_keys_in_body":
        raise Refuse(
            "keys_in_body",
            "the message carries an exchange's API keys; revoke them, and send a webhook secret",
        )
    if instruction.conditions:
        raise Refuse("unsupported_field", f"Bascule cannot keep {instruction.conditions[0]}")
    delay = instruction.delay_s
    if delay is not None and delay > LONGEST_DELAY:
        raise Refuse(
            "unsupported_field", f"Bascule does not wait {delay} s; send the order when it is due"
        )


def _control(instruction: Instruction) -> list[Intent]:
    if instruction.control == "halt":
        cancels: list[Intent] = [CancelOrders()] if instruction.cancel_open_orders else []
        return [StopTrading(), *cancels]
    raise Refuse(
        "arm_not_remote",
        "a message may stop trading and never start it; arm with `bascule arm`",
    )


def _entry(instruction: Instruction, profile: Profile) -> list[Intent]:
    before = _cancels_before(instruction)
    if isinstance(instruction.target, Decimal) and not instruction.reduce_only:
        return [*before, _target(instruction, profile, may_open=True)]
    order = _order(instruction, profile)
    if not instruction.reverse_closes_opposite:
        return [*before, order]
    held = Direction.SHORT if order.side is Side.BUY else Direction.LONG
    closes = None if instruction.closes == "both" else held
    return [*before, ClosePosition(symbol=order.symbol, held=closes), order]


def _cancels_before(instruction: Instruction) -> list[Intent]:
    """Take back the symbol's working entries first, where the sender says so."""
    if not instruction.cancel_open_orders:
        return []
    return [CancelOrders(symbol=symbol_of(instruction))]


def _order(instruction: Instruction, profile: Profile) -> PlaceOrder:
    side = _side(instruction)
    kind = instruction.order_type or OrdType.MARKET
    price = _absolute(instruction.limit, profile)
    stop_price = _absolute(instruction.stop, profile)
    entry = _absolute(instruction.entry, profile)
    reference = instruction.ref_price
    if kind is OrdType.LIMIT:
        price = price if price is not None else entry
    elif kind is OrdType.STOP:
        stop_price = stop_price if stop_price is not None else entry
    elif entry is not None:
        if instruction.order_type is None and profile.bare_entry == "limit":
            kind, price = OrdType.LIMIT, entry
        else:
            reference = reference if reference is not None else entry
    if kind in (OrdType.LIMIT, OrdType.STOP_LIMIT) and price is None:
        raise Refuse("missing_field", f"a {kind.value} order without its limit price")
    if kind in (OrdType.STOP, OrdType.STOP_LIMIT) and stop_price is None:
        raise Refuse("missing_field", f"a {kind.value} order without its stop price")
    protection = protection_of(instruction, profile)
    trail = None
    if kind is OrdType.TRAILING_STOP:
        if protection is None or protection.trail is None:
            raise Refuse("missing_field", "a trailing stop order without its distance")
        trail = protection.trail.distance
        protection = _without_trail(protection)
    return PlaceOrder(
        symbol=symbol_of(instruction),
        label=instruction.order_id or instruction.client_order_id or instruction.comment,
        reference_price=reference,
        side=side,
        quantity=_amount(instruction, profile),
        ord_type=kind,
        price=price,
        stop_price=stop_price,
        trail=trail,
        time_in_force=_time_in_force(instruction),
        protection=None if instruction.reduce_only else protection,
        reduce_only=bool(instruction.reduce_only),
    )


def _without_trail(protection: Protection) -> Protection | None:
    """Give what guards the position besides the trail, which is the order's own."""
    left = structs.replace(protection, trail=None)
    return left if left != Protection() else None


def _target(instruction: Instruction, profile: Profile, *, may_open: bool) -> TargetPosition:
    target = instruction.target
    direction = _direction(target, instruction.side)
    if may_open and instruction.order_type not in (None, OrdType.MARKET):
        raise Refuse(
            "unsupported_field",
            f"a target position is reached by market orders, not by a {instruction.order_type}",
        )
    quantity = order = None
    # An order's size says something beside the position that it leaves only: a reversal's closes
    # as well, and a size that cannot be read must not stand in the way of being flat.
    if isinstance(target, Decimal) and target:
        quantity = Amount(abs(target))
    if quantity is not None or instruction.intent == "reverse":
        order = _amount(instruction, profile)
    return TargetPosition(
        symbol=symbol_of(instruction),
        label=instruction.order_id or instruction.comment,
        reference_price=instruction.ref_price,
        direction=direction,
        quantity=quantity,
        order_quantity=order,
        may_open=may_open,
        side=instruction.side,
        protection=protection_of(instruction, profile) if may_open else None,
    )


def _direction(target: object, side: Side | None) -> Direction:
    if isinstance(target, Decimal):
        if not target:
            return Direction.FLAT
        return Direction.LONG if target > 0 else Direction.SHORT
    if side is None:
        raise Refuse("missing_field", "no side")
    return Direction.LONG if side is Side.BUY else Direction.SHORT


def _reversal(instruction: Instruction, profile: Profile) -> list[Intent]:
    """A strategy's reversal is a target; one that names what it closes is a close and an entry."""
    if instruction.closes is not None and not isinstance(instruction.target, Decimal):
        return [_close_of(instruction), _order(instruction, profile)]
    return [_target(instruction, profile, may_open=True)]


def _exit(instruction: Instruction, profile: Profile) -> list[Intent]:
    before = _cancels_before(instruction)
    if instruction.order_type not in (None, OrdType.MARKET):
        return [*before, _exit_order(instruction, profile)]
    if isinstance(instruction.target, Decimal):
        return [*before, _target(instruction, profile, may_open=False)]
    return [*before, _close_of(instruction, profile)]


def _exit_order(instruction: Instruction, profile: Profile) -> PlaceOrder:
    if instruction.side is None or instruction.qty in (None, "all"):
        raise Refuse(
            "missing_field", f"a {instruction.order_type} exit needs its side and its quantity"
        )
    order = _order(instruction, profile)
    return PlaceOrder(
        symbol=order.symbol, label=order.label, reference_price=order.reference_price,
        side=order.side, quantity=order.quantity, ord_type=order.ord_type, price=order.price,
        stop_price=order.stop_price, trail=order.trail, time_in_force=order.time_in_force,
        reduce_only=True,
    )  # fmt: skip


def _close_of(instruction: Instruction, profile: Profile | None = None) -> ClosePosition:
    """Close the side that is named; with a profile, by the size that the instruction gives."""
    held = Direction(instruction.closes) if instruction.closes in ("long", "short") else None
    quantity: Amount | None = None
    fraction: Decimal | None = None
    if profile is not None and (instruction.qty not in (None, "all") or instruction.volume):
        asked = _amount(instruction, profile)
        assert asked is not None
        if asked.unit is QtyUnit.POSITION_PERCENT:
            fraction = asked.value / _HUNDRED
            if fraction > ONE:
                raise Refuse("bad_number", f"{asked.value} % of the position is more than all")
        else:
            quantity = asked
    elif profile is not None and instruction.intent == "reduce":
        raise Refuse(
            "missing_quantity", "a partial exit that does not say how much; send the quantity, or "
            "the position that is to be left",
        )  # fmt: skip
    return ClosePosition(
        symbol=symbol_of(instruction),
        label=instruction.order_id or instruction.comment,
        reference_price=instruction.ref_price,
        held=held,
        quantity=quantity,
        fraction=fraction,
    )


def _cancel(instruction: Instruction) -> CancelOrders:
    sides = {"pending_long": Side.BUY, "pending_short": Side.SELL}
    return CancelOrders(
        symbol=instruction.symbol,
        label=instruction.client_order_id or instruction.order_id,
        side=sides.get(instruction.scope, instruction.side),
    )


def _modify(instruction: Instruction, profile: Profile) -> list[Intent]:
    label = instruction.client_order_id or instruction.order_id
    price = _absolute(instruction.limit, profile)
    stop_price = _absolute(instruction.stop, profile)
    if price is not None or stop_price is not None or instruction.qty not in (None, "all"):
        quantity = _amount(instruction, profile)
        # NinjaTrader and others name the order to change, and no instrument.
        symbol = symbol_of(instruction) if instruction.symbol or not label else ""
        return [
            ModifyOrder(
                symbol=symbol, label=label, side=instruction.side, price=price,
                stop_price=stop_price, quantity=quantity,
            )
        ]  # fmt: skip
    symbol, held = symbol_of(instruction), instruction.target
    if held in get_args(Pending):
        raise Refuse(
            "unsupported_field",
            "the stop of a working order is not changed; cancel the order and place it anew",
        )
    protection = protection_of(instruction, profile)
    if protection is None:
        raise Refuse("missing_field", "a change that says nothing to change")
    about = Direction(held) if isinstance(held, str) and held != "both" else None
    return [ModifyProtection(symbol=symbol, protection=protection, held=about)]


def _side(instruction: Instruction) -> Side:
    if instruction.side is None:
        raise Refuse("missing_field", "no side")
    return instruction.side


def symbol_of(instruction: Instruction) -> str:
    """Give the symbol to act on: as sent, but a continuous future with a month is its contract.

    Raises:
        Refuse: ``missing_field``, or ``bad_enum`` for a contract month that is not ``YYYYMM``.
    """
    symbol = instruction.symbol
    if not symbol:
        raise Refuse("missing_field", "no symbol")
    month = instruction.contract_month
    if not month or not symbol.endswith("!"):
        return symbol
    if len(month) != 6 or not month.isdecimal() or not 1 <= int(month[4:]) <= 12:
        raise Refuse("bad_enum", f"a contract month is YYYYMM, not {month[:20]!r}")
    root = symbol.rstrip("!").rstrip("0123456789")
    return f"{root}{_MONTHS[int(month[4:]) - 1]}{month[:4]}"


def _amount(instruction: Instruction, profile: Profile) -> Amount | None:
    given = [
        amount
        for amount in (
            _quantity(instruction.qty, profile) if isinstance(instruction.qty, Measure) else None,
            _quantity(instruction.volume, profile) if instruction.volume is not None else None,
            _risk(instruction.risk, profile) if instruction.risk is not None else None,
        )
        if amount is not None
    ]
    if len(given) > 1:
        raise Refuse("conflict", "it gives a size in two ways; Bascule does not choose")
    return given[0] if given else None


def _quantity(measure: Measure, profile: Profile) -> Amount:
    unit = _QTY.get(measure.unit)
    if measure.unit == "account_setting":
        unit = _from_profile(profile.volume, "volume")
    elif measure.unit == "percent":
        unit = _from_profile(profile.percent, "percent")
    elif measure.unit == "base_units":
        return _in_lots(measure.value, profile)
    elif measure.unit == "portfolio_ratio":
        return Amount(measure.value * _HUNDRED, QtyUnit.EQUITY_PERCENT)
    if unit is None:
        raise Refuse("unsupported_unit", f"a size in {measure.unit}")
    return Amount(measure.value, unit)


def _in_lots(units: Decimal, profile: Profile) -> Amount:
    if profile.lot_size is None:
        raise Refuse(
            "unit_not_set",
            "the size counts units of the base currency; set profile.lot_size for this source",
        )
    return Amount(units / profile.lot_size, QtyUnit.LOTS)


def _risk(measure: Measure, profile: Profile) -> Amount:
    if measure.unit == "account_setting":
        return Amount(measure.value, _from_profile(profile.volume, "volume"))
    unit = _RISK.get(measure.unit)
    if unit is None:
        raise Refuse("unsupported_unit", f"a risk in {measure.unit}")
    return Amount(measure.value, unit)


def _from_profile(unit: QtyUnit | None, setting: str) -> QtyUnit:
    if unit is None:
        raise Refuse(
            "unit_not_set",
            f"the size has no unit of its own; set profile.{setting} for this source",
        )
    return unit


def _absolute(level: Decimal | Measure | None, profile: Profile) -> Decimal | None:
    if not isinstance(level, Measure):
        return level
    if level.unit == "price" or (level.unit == "account_setting" and profile.entry == "price"):
        return level.value
    if level.unit == "account_setting":
        raise Refuse(
            "unit_not_set", "the entry has no unit of its own; set profile.entry for this source"
        )
    raise Refuse("unsupported_unit", f"an order price in {level.unit} from the market")


def _time_in_force(instruction: Instruction) -> TimeInForce | None:
    if not instruction.tif:
        return None
    if instruction.tif in ("day", "gtc", "ioc", "fok"):
        return TimeInForce(instruction.tif)
    raise Refuse("unsupported_field", f"time in force {instruction.tif}")
