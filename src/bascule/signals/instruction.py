"""What a message asks for, in the sender's own terms: the vocabulary that all dialects share.

An `Instruction` keeps the units in which the sender spoke, ``account_setting`` included (a number
that has no unit until the user's profile gives it one). It is not yet something to act on: that is
`bascule.signals.intents`. Every word is listed in docs/signals.md.
"""

from decimal import Decimal
from typing import Literal

from msgspec import Struct

from bascule.model.enums import LevelUnit, OrdType, Side
from bascule.model.intent import Intent
from bascule.model.values import Instant
from bascule.signals.message_map import MessageMap

IntentWord = Literal[
    "open", "close", "reduce", "reverse", "reopen", "add", "cancel", "modify", "replace_pending",
    "target_position", "bracket", "flatten_all", "control", "notify", "batch", "close_if_larger",
    "label", "delay",
]  # fmt: skip
"""What an instruction is about. ``label`` and ``delay`` occur only as legs of a ``batch``."""

Effect = Literal["long", "short", "flat", "reduce", "unchanged"]
"""What becomes of the position."""

Held = Literal["long", "short", "both"]
"""Which side of a position is meant."""

Pending = Literal["buystop", "buylimit", "sellstop", "selllimit"]
"""Which working orders a ``modify`` means."""


class Hints(Struct, frozen=True):
    """What is known of a message besides its text.

    ``auth`` says how the sender was authenticated when the message itself does not show it
    (``url_path``, ``header_secret``, ``hmac``...); empty when nobody vouches for the message.
    ``mapping`` is the user's own description of the format, for the dialect of that name.
    """

    auth: str = ""
    mapping: MessageMap | None = None


class Measure(Struct, frozen=True):
    """A number with the unit in which the sender gave it.

    ``means`` narrows a loose unit for the second stage and is never printed: an ``amount`` is a
    distance in price units unless it says ``cash``. ``unsure`` marks a unit that the sender's own
    documents leave open; the source's profile must say it, as for ``account_setting``.
    """

    value: Decimal
    unit: str
    means: LevelUnit | None = None
    unsure: bool = False


class Target(Struct, frozen=True):
    """One of several profit targets. ``portion_pct`` is None where the sender gave none."""

    value: Decimal
    unit: str = "price"
    portion_pct: Decimal | None = None


class Trailing(Struct, frozen=True):
    """A trailing stop. ``value`` alone, or ``distance`` with a trigger, or by average true range.

    All numbers but the ``atr_*`` are in ``unit``.
    """

    unit: str
    value: Decimal | None = None
    trigger: Decimal | None = None
    distance: Decimal | None = None
    step: Decimal | None = None
    atr_timeframe: Decimal | None = None
    atr_period: Decimal | None = None
    atr_multiplier: Decimal | None = None
    atr_shift: Decimal | None = None


class MoveToEntry(Struct, frozen=True):
    """A break-even rule; both numbers are in ``unit``. A ``price`` trigger is absolute."""

    trigger: Decimal
    offset: Decimal | None = None
    unit: str = "pips"


class Instruction(Struct, frozen=True, kw_only=True):
    """One instruction, as read. Which fields go with which intent is in docs/signals.md.

    ``qty`` is ``"all"`` where the sender said so or a close gave no size; it is never made up.
    ``target`` is the signed position wanted afterwards, or what a ``modify`` means: the held side,
    or the working orders.
    ``unset`` names fields that were there and hold no number; they print as null. ``unreadable``
    names those of them where a number was meant (``NaN``), which an entry does not survive.
    ``identity`` is what tells this fill from another at the same instant, for the key.
    ``conditions`` are what the sender makes the order depend on and Bascule cannot keep: such an
    instruction is read, and refused when it is mapped.
    """

    intent: IntentWord
    side: Side | None = None
    symbol: str = ""
    order_type: OrdType | None = None
    qty: Measure | Literal["all"] | None = None
    volume: Measure | None = None
    risk: Measure | None = None
    limit: Decimal | Measure | None = None
    stop: Decimal | Measure | None = None
    entry: Decimal | Measure | None = None
    ref_price: Decimal | None = None
    sl: Measure | Literal["breakeven"] | None = None
    sl_limit: Decimal | None = None
    sl_type: str = ""
    tp: Measure | tuple[Target, ...] | None = None
    trail: Trailing | None = None
    breakeven: MoveToEntry | None = None
    target: Decimal | Held | Pending | None = None
    target_size: Decimal | None = None
    closes: Held | None = None
    position_effect: Effect | None = None
    reduce_only: bool | None = None
    cancel_open_orders: bool | None = None
    reverse_closes_opposite: bool | None = None
    tif: str = ""
    account: str = ""
    accounts: tuple[str, ...] = ()
    auth: str = ""
    strategy: str = ""
    strategy_id: str = ""
    atm_template: str = ""
    comment: str = ""
    order_id: str = ""
    client_order_id: str = ""
    signal_id: str = ""
    fired_at: Instant | None = None
    exchange: str = ""
    asset: str = ""
    contract_month: str = ""
    multiplier: Decimal | None = None
    leverage: Decimal | None = None
    max_spread_pips: Decimal | None = None
    max_lag_s: Decimal | None = None
    delay_s: Decimal | None = None
    seconds: Decimal | None = None
    price: Decimal | None = None
    sync: dict[str, str] | None = None
    scope: str = ""
    control: Literal["", "halt", "start", "resume"] = ""
    mode: str = ""
    event: str = ""
    text: str = ""
    legs: tuple["Instruction", ...] = ()
    unset: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    identity: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Direct(Struct, frozen=True, kw_only=True):
    """What the native dialect reads: intents in the model's own words, with nothing to map."""

    intents: tuple[Intent, ...]
    strategy: str = ""
    signal_id: str = ""
    fired_at: Instant | None = None
    max_age: int = 0
    notes: tuple[str, ...] = ()


class Rejection(Struct, frozen=True):
    """Why a message was not read or must not be acted on: a stable code and a plain sentence."""

    error: str
    why: str


Parsed = Instruction | tuple[Instruction, ...] | Direct | Rejection
"""What a dialect makes of a text. A tuple is a batch: ordered, all of it or none."""


class Refuse(Exception):
    """Ends the reading of one message from any depth of a dialect; never leaves ``parse``."""

    def __init__(self, error: str, why: str) -> None:
        super().__init__(why)
        self.rejection = Rejection(error, why)
