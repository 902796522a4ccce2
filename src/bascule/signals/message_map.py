"""What a user says of a message format of their own: where each word of an order stands in it.

Made from ``[sources.NAME.mapping]`` and read by the dialect ``mapping``. A table of words that the
user writes ends in the words below; every number has its unit here, for nowhere else can say it.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal, get_args

from msgspec import Struct

from bascule.model.enums import LevelUnit

ActionWord = Literal[
    "buy", "sell", "open", "close", "close_long", "close_short",
    "reduce", "reduce_long", "reduce_short", "target",
    "modify", "cancel", "cancel_all", "flatten_all", "halt", "ignore",
]  # fmt: skip
"""What a message may ask for. ``open`` has its side in ``side``, ``target`` the signed position
wanted in ``target``; ``ignore`` asks for nothing."""

OrderWord = Literal["market", "limit", "stop", "stop_limit"]
TimeWord = Literal["day", "gtc", "ioc", "fok"]

SizeUnit = Literal[
    "units", "lots", "currency", "risk_currency", "risk_percent", "equity_percent",
    "balance_percent", "position_percent",
]  # fmt: skip
"""Units of a size; the same words as in native JSON."""

StopUnit = Literal["price", "distance", "ticks", "pips", "points", "percent", "cash"]
TargetUnit = Literal["price", "distance", "ticks", "pips", "points", "percent", "cash", "ratio"]
TrailUnit = Literal["distance", "ticks", "pips", "points", "percent"]

SIZES: Mapping[str, tuple[Literal["qty", "risk"], str]] = {
    "units": ("qty", "units"),
    "lots": ("qty", "lots"),
    "currency": ("qty", "quote"),
    "equity_percent": ("qty", "percent_of_equity"),
    "balance_percent": ("qty", "percent_of_balance"),
    "position_percent": ("qty", "percent_of_position"),
    "risk_currency": ("risk", "amount"),
    "risk_percent": ("risk", "percent_equity"),
}
"""The field of an instruction that a size fills, and the unit's name there."""

LEVELS = {word: LevelUnit(word) for word in get_args(TargetUnit)}
"""The model's unit of a stop or target."""

LONGEST_TEXT = 500
"""Characters of a text that a pattern is held against: a pattern's time grows with its text."""


class Rule(Struct, frozen=True, kw_only=True):
    """Where one word's value comes from: a path into JSON, a group of the pattern, or a constant.

    ``values`` turns what senders write, in lower case, into what is meant; where it is empty the
    value stands for itself.
    """

    path: tuple[str, ...] = ()
    group: str = ""
    value: str | Decimal | None = None
    values: Mapping[str, str] = {}
    unit: str = ""
    required: bool = False

    @property
    def place(self) -> str:
        """Name the place in the message, for a person."""
        return ".".join(self.path) or self.group


class Condition(Struct, frozen=True, kw_only=True):
    """What must stand at a place, in lower case, for the message to be an order."""

    path: tuple[str, ...] = ()
    group: str = ""
    one_of: tuple[str, ...]

    @property
    def place(self) -> str:
        """Name the place in the message, for a person."""
        return ".".join(self.path) or self.group


class MessageMap(Struct, frozen=True, kw_only=True):
    """A message format: the rule of each word, and the pattern where it is text and not JSON."""

    rules: Mapping[str, Rule]
    only_if: tuple[Condition, ...] = ()
    pattern: str = ""
