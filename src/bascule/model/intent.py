"""What a signal asks for. A batch is ordered, and all of it is done or all of it is explained."""

from decimal import Decimal
from typing import Literal

from msgspec import Struct

from bascule.model.enums import Direction, LevelUnit, OrdType, QtyUnit, Side, TimeInForce
from bascule.model.values import ONE, Instant


class Amount(Struct, frozen=True):
    """A quantity as asked for, always with its unit."""

    value: Decimal
    unit: QtyUnit = QtyUnit.UNITS


class Level(Struct, frozen=True):
    """A price level or a distance, always with its unit."""

    value: Decimal
    unit: LevelUnit = LevelUnit.PRICE


class TakeProfit(Struct, frozen=True):
    """One target for a share of the position (``portion`` 1 is all)."""

    level: Level
    portion: Decimal = ONE


class Trail(Struct, frozen=True):
    """A trailing stop: how far behind, from which gain on, and in which steps."""

    distance: Level
    trigger: Level | None = None
    step: Level | None = None


class BreakEven(Struct, frozen=True):
    """Move the stop to the entry (plus ``offset``) once the gain reaches ``trigger``."""

    trigger: Level
    offset: Level | None = None


class Protection(Struct, frozen=True):
    """Everything that guards a position."""

    stop_loss: Level | None = None
    take_profits: tuple[TakeProfit, ...] = ()
    trail: Trail | None = None
    break_even: BreakEven | None = None


class _Intent(Struct, frozen=True, tag_field="intent", kw_only=True, omit_defaults=True):
    """Common to all intents.

    ``label`` is the sender's own name for the order (TradingView's order id or a comment);
    ``reference_price`` is the price the sender saw, never a limit.
    """

    symbol: str = ""
    label: str = ""
    reference_price: Decimal | None = None


class PlaceOrder(_Intent, frozen=True, tag="place_order"):
    """Open or add: an order on one side. ``reduce_only`` turns it into a partial exit.

    ``time_in_force`` None is the route's default; ``expire_at`` goes with ``gtd``.
    """

    side: Side
    quantity: Amount | None = None
    ord_type: OrdType = OrdType.MARKET
    price: Decimal | None = None
    stop_price: Decimal | None = None
    trail: Level | None = None
    time_in_force: TimeInForce | None = None
    expire_at: Instant | None = None
    protection: Protection | None = None
    reduce_only: bool = False


class TargetPosition(_Intent, frozen=True, tag="target_position"):
    """Be long, short or flat by this much. Repeats harmlessly, and heals a missed alert.

    ``quantity`` is unsigned; None means "as the route sizes it". ``order_quantity`` is what the
    sender's own order was, which in a reversal closes as well; routes that follow the sender's size
    read it where ``quantity`` is not told. ``may_open`` False makes it a reduction or close only: a
    `sell` that leaves the strategy long or flat can never open a short.
    """

    direction: Direction
    quantity: Amount | None = None
    order_quantity: Amount | None = None
    may_open: bool = True
    side: Side | None = None
    protection: Protection | None = None


class ClosePosition(_Intent, frozen=True, tag="close_position"):
    """Close what the strategy's book holds: all, a quantity, or a fraction.

    ``side`` names what to close (``buy`` closes nothing but a long book's opposite is refused):
    long, short, or whichever is held when None.
    """

    held: Direction | None = None
    quantity: Amount | None = None
    fraction: Decimal | None = None


class CancelOrders(_Intent, frozen=True, tag="cancel_orders"):
    """Cancel the strategy's working entries: of a symbol (or all), of a side, or one by label.

    With ``exits`` an exit that was asked for under the label is taken back too.
    """

    side: Side | None = None
    exits: bool = False


class ModifyOrder(_Intent, frozen=True, tag="modify_order"):
    """Change price, stop price or total quantity of the working order with this label."""

    side: Side | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    quantity: Amount | None = None


class ModifyProtection(_Intent, frozen=True, tag="modify_protection"):
    """Change stop, target, trail or break-even of what the strategy's book holds."""

    protection: Protection
    held: Direction | None = None


class Flatten(_Intent, frozen=True, tag="flatten"):
    """Cancel entries and close everything the strategy owns (of a symbol, or all)."""


class StopTrading(_Intent, frozen=True, tag="stop_trading"):
    """Halt at once: nothing that adds risk passes in ``scope`` until a person arms it again.

    There is no intent that arms; a signal that asks for it is refused (``arm_not_remote``).
    """

    scope: Literal["strategy", "all"] = "strategy"


Intent = (
    PlaceOrder
    | TargetPosition
    | ClosePosition
    | CancelOrders
    | ModifyOrder
    | ModifyProtection
    | Flatten
    | StopTrading
)
"""One instruction, told apart on the wire by its ``intent`` field."""


class Signal(Struct, frozen=True, kw_only=True):
    """One authenticated message and what was read from it.

    ``raw`` is the body with secrets struck out. ``key`` is the idempotency key and ``body_hash``
    what tells a resend (same) from a conflict (other). ``refused`` carries a code and a sentence
    when the message was read but must not be acted on; ``intents`` is then empty.
    """

    source: str
    dialect: str
    received_at: Instant
    body_hash: str
    raw: str
    key: str = ""
    fired_at: Instant | None = None
    strategy: str = ""
    intents: tuple[Intent, ...] = ()
    refused_code: str = ""
    refused_text: str = ""
    notes: tuple[str, ...] = ()
    max_age: int = 0
    """Nanoseconds after which it is stale; 0 for the engine's default."""


class Receipt(Struct, frozen=True, omit_defaults=True):
    """What the engine answers for a signal, once that answer is durable.

    ``status``: ``accepted``, ``duplicate`` (answers with the first result; ``duplicate_of``),
    ``conflict`` (same key, other body), ``refused`` (``code`` and ``text`` say why),
    ``overloaded`` (nothing was kept: send again), or ``unknown`` (the journal failed meanwhile:
    nothing of it was sent to a venue, and it may have been kept or not).
    """

    signal: str
    status: str
    duplicate_of: str = ""
    code: str = ""
    text: str = ""
