"""Reads the order type and the prices that go with it out of collected JSON fields.

``price`` is what the sender saw, unless the order type makes it the limit or the trigger. An
``entry`` without an order type stays an entry: the user's profile says what it means. A ``limit``
or ``stop_price`` that could be two things is refused.
"""

from decimal import Decimal

from msgspec import Struct

from bascule.model.enums import OrdType
from bascule.signals.instruction import Refuse
from bascule.signals.json_fields import Fields, named, text
from bascule.signals.json_measures import price
from bascule.signals.numbers import shown
from bascule.signals.words import ORDER_TYPES, fold

_SAYING_MORE = frozenset(
    {"order_type", "type", "limit", "bare_limit", "trigger", "entry", "metrics"}
)
"""The roles without which an order is a market order, whatever else is said."""


class Prices(Struct, frozen=True, gc=False):
    """The order type and its prices; ``protects`` when the type's name says it only protects."""

    kind: OrdType | None
    limit: Decimal | None = None
    stop: Decimal | None = None
    entry: Decimal | None = None
    ref: Decimal | None = None
    protects: bool = False

    @property
    def reference(self) -> Decimal | None:
        """The price that the trade is to be about at, as far as the message says."""
        return self.limit or self.stop or self.entry or self.ref


def order_type(fields: Fields) -> tuple[OrdType | None, bool]:
    """Read the order type, and whether its name says that the order only protects.

    Raises:
        Refuse: ``bad_enum`` for a type that is none.
    """
    stated = text(fields, "order_type") if "order_type" in fields else ""
    if stated:
        known = ORDER_TYPES.get(fold(stated))
        if known is None:
            raise Refuse("bad_enum", f"{shown(stated)} is not an order type")
        return known
    if "type" not in fields:
        return None, False
    return ORDER_TYPES.get(fold(text(fields, "type")), (None, False))


def read_prices(fields: Fields) -> Prices:
    """Read the order type and its prices for an order that is to be placed.

    Raises:
        Refuse: ``bad_number``, ``unresolved_placeholder``, ``bad_enum``, ``conflict``, and
            ``missing_field`` for a limit or stop order without its price.
    """
    if fields.keys().isdisjoint(_SAYING_MORE):
        return Prices(OrdType.MARKET, ref=price(fields, "price"))
    kind, protects = order_type(fields)
    if kind in (OrdType.LIMIT, OrdType.STOP_LIMIT, OrdType.STOP):
        return _pending(fields, kind, protects)
    limit, trigger = price(fields, "limit"), price(fields, "trigger")
    if price(fields, "bare_limit") is not None:
        raise Refuse(
            "conflict", "limit may be the order's price or a target; use limit_price or take_profit"
        )
    ref, entry = price(fields, "price"), price(fields, "entry")
    if kind is None and limit is not None:
        stop_limit = OrdType.LIMIT if trigger is None else OrdType.STOP_LIMIT
        return Prices(stop_limit, limit, trigger, ref=ref)
    if "metrics" in fields and trigger is not None:
        return Prices(OrdType.STOP, stop=trigger, ref=ref)
    if trigger is not None and kind is not OrdType.TRAILING_STOP:
        key = named(fields, "trigger")
        raise Refuse(
            "conflict",
            f"{key.key if key else 'stop_price'} without a stop order; set order_type to stop, or "
            "name it stop_loss",
        )
    if kind is None and entry is None:
        kind = OrdType.MARKET
    return Prices(kind, entry=entry, ref=ref)


def _pending(fields: Fields, kind: OrdType, protects: bool) -> Prices:
    limit = price(fields, "limit") or price(fields, "bare_limit")
    trigger = price(fields, "trigger")
    ref, entry = price(fields, "price"), price(fields, "entry")
    named_price = ref or entry
    left_over = ref if ref is not named_price or limit is not None else None
    if kind is OrdType.LIMIT:
        limit = limit or named_price
        if trigger is not None and not protects:
            raise Refuse("conflict", "a trigger price on a limit order")
        return Prices(_priced(kind, limit, "limit"), limit, ref=left_over, protects=protects)
    if trigger is None:
        trigger = _bare_stop(fields, named_price if kind is OrdType.STOP else None)
    if kind is OrdType.STOP:
        if limit is not None:
            raise Refuse("conflict", "a limit price on a stop order; set order_type to stop_limit")
        used = trigger is not None
        trigger = trigger or named_price
        left_over = ref if used else None
        return Prices(_priced(kind, trigger, "stop"), stop=trigger, ref=left_over,
                      protects=protects)  # fmt: skip
    limit = limit or named_price
    _priced(kind, trigger, "stop")
    return Prices(_priced(kind, limit, "limit"), limit, trigger, ref=left_over, protects=protects)


def _bare_stop(fields: Fields, other: Decimal | None) -> Decimal | None:
    """Take a field called ``stop`` as the trigger of a stop order that has no other price."""
    bare = [found for found in fields.get("sl", ()) if fold(found.key) == "stop"]
    if not bare:
        return None
    if other is not None:
        raise Refuse(
            "conflict", "stop may be the trigger or the stop loss; use stop_price and stop_loss"
        )
    trigger = price({"sl": bare}, "sl")
    fields["sl"] = [found for found in fields["sl"] if found not in bare]
    return trigger


def _priced(kind: OrdType, level: Decimal | None, name: str) -> OrdType:
    if level is None:
        raise Refuse("missing_field", f"a {kind.value} order without its {name} price")
    return kind
