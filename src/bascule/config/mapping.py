"""The shape of ``[sources.NAME.mapping]``: a message format of the user's own, word by word."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, model_validator

from bascule.config.fields import Positive
from bascule.config.table import Table, wrong
from bascule.signals.message_map import (
    ActionWord,
    Condition,
    MessageMap,
    OrderWord,
    Rule,
    SizeUnit,
    StopUnit,
    TargetUnit,
    TimeWord,
    TrailUnit,
)

_PART = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|[()]|[*+]|\{\d*,?\d*\}", re.DOTALL)
"""What matters of a pattern: escapes and classes as wholes, brackets, and repetitions."""
_PARTS_MAX = 20


def _path(value: object) -> object:
    return tuple(value.split(".")) if isinstance(value, str) and value else value


def _parts(value: tuple[str, ...]) -> tuple[str, ...]:
    if not all(value) or len(value) > _PARTS_MAX:
        raise ValueError('is no path; write one such as "order.legs.0.size"')
    return value


def _lowered(value: object) -> object:
    """Put the words of senders in lower case, as they are compared."""
    if isinstance(value, dict):
        lowered = {str(key).strip().lower(): word for key, word in value.items()}
        if len(lowered) < len(value):
            raise ValueError("has one word twice: words are compared without case")
        return lowered
    if isinstance(value, list | tuple):
        return tuple(str(word).strip().lower() for word in value)
    return value


def _compiled(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from None
    if _repeats_within_repeats(value):
        raise ValueError("repeats a group that repeats within, which can take for ever; write it"
                         " without the inner or the outer repetition")  # fmt: skip
    return value


def _repeats_within_repeats(pattern: str) -> bool:
    """Find a repeated group that repeats within: its time can double with each character."""
    repeats = [False]
    closed = False
    end = 0
    for part in _PART.finditer(pattern):
        repeated = part[0][0] in "*+{"
        if repeated and closed and part.start() == end:
            return True
        repeats[-1] = repeats[-1] or repeated
        closed, end = False, part.end()
        if part[0] == "(":
            repeats.append(False)
        elif part[0] == ")" and len(repeats) > 1:
            closed = repeats.pop()
            repeats[-1] = repeats[-1] or closed
    return False


Path = Annotated[
    tuple[str, ...],
    BeforeValidator(_path),
    AfterValidator(_parts),
    PlainSerializer(list, when_used="json"),
]
"""Keys and list places into JSON: dotted text, or a list where a key has a dot in it."""
Pattern = Annotated[str, AfterValidator(_compiled)]
OneOf = Annotated[tuple[str, ...], BeforeValidator(_lowered), Field(min_length=1)]


class PlaceSettings(Table):
    """A place in the message."""

    path: Path = ()
    group: str = ""

    @property
    def given(self) -> tuple[str, ...]:
        """Name the ways in which the place is given."""
        return tuple(key for key in ("path", "group") if getattr(self, key))


class ConditionSettings(PlaceSettings):
    """What must stand at a place for the message to be an order."""

    one_of: OneOf

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if len(self.given) != 1:
            raise wrong("path", "one place is needed", "path (JSON) or group (pattern)")
        return self


class TextSettings(PlaceSettings):
    """A word of an order: where it stands, or what it always is."""

    value: str | None = None
    values: Annotated[Mapping[str, str], BeforeValidator(_lowered)] = {}
    required: bool = False

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        given = (*self.given, *(("value",) if self.value is not None else ()))
        if len(given) != 1:
            raise wrong(
                given[1] if given else "path",
                f"it comes from {' and '.join(given) or 'nowhere'}",
                "one of path (JSON), group (pattern), value (always the same)",
            )
        if self.value is not None and (self.values or self.required):
            raise wrong("values" if self.values else "required", "does nothing beside value")
        return self

    def rule(self) -> Rule:
        """Give it as the dialect reads it."""
        return Rule(
            path=self.path, group=self.group, value=self.value, values=dict(self.values),
            required=self.required, unit=getattr(self, "unit", ""),
        )  # fmt: skip


class ActionSettings(TextSettings):
    """What is to be done."""

    value: ActionWord | None = None
    values: Annotated[Mapping[str, ActionWord], BeforeValidator(_lowered)] = {}


class SideSettings(TextSettings):
    """The side of an ``open``."""

    value: Literal["buy", "sell"] | None = None
    values: Annotated[Mapping[str, Literal["buy", "sell"]], BeforeValidator(_lowered)] = {}


class OrderTypeSettings(TextSettings):
    """The order's type."""

    value: OrderWord | None = None
    values: Annotated[Mapping[str, OrderWord], BeforeValidator(_lowered)] = {}


class TimeSettings(TextSettings):
    """The order's time in force."""

    value: TimeWord | None = None
    values: Annotated[Mapping[str, TimeWord], BeforeValidator(_lowered)] = {}


class NumberSettings(TextSettings):
    """A number; what it counts is in ``unit`` and must be said."""

    value: Positive | None = None  # type: ignore[assignment]
    values: Annotated[Mapping[str, str], Field(max_length=0)] = {}


class SizeSettings(NumberSettings):
    """How much."""

    unit: SizeUnit


class TargetPositionSettings(NumberSettings):
    """The signed position that is wanted."""

    unit: Literal["units"]


class PriceSettings(NumberSettings):
    """A price."""

    unit: Literal["price"]


class StopSettings(NumberSettings):
    """A stop."""

    unit: StopUnit


class TakeProfitSettings(NumberSettings):
    """A profit target."""

    unit: TargetUnit


class TrailSettings(NumberSettings):
    """How far a trailing stop stays behind."""

    unit: TrailUnit


class MappingSettings(Table):
    """A message format of the user's own."""

    action: ActionSettings
    side: SideSettings | None = None
    symbol: TextSettings | None = None
    qty: SizeSettings | None = None
    target: TargetPositionSettings | None = None
    order_type: OrderTypeSettings | None = None
    limit: PriceSettings | None = None
    stop: PriceSettings | None = None
    entry: PriceSettings | None = None
    ref_price: PriceSettings | None = None
    sl: StopSettings | None = None
    tp: TakeProfitSettings | None = None
    trail: TrailSettings | None = None
    tif: TimeSettings | None = None
    strategy: TextSettings | None = None
    comment: TextSettings | None = None
    order_id: TextSettings | None = None
    signal_id: TextSettings | None = None
    fired_at: TextSettings | None = None
    only_if: tuple[ConditionSettings, ...] = ()
    pattern: Pattern = ""

    @model_validator(mode="after")
    def _places_are_there(self) -> Self:
        groups = sorted(re.compile(self.pattern).groupindex) if self.pattern else []
        for key, place in self._places():
            if place.path and self.pattern:
                raise wrong(key, "a message with a pattern is text and has no path",
                            f"group = one of {', '.join(groups)}")  # fmt: skip
            if place.group and place.group not in groups:
                what = f'the pattern has no group "{place.group}"' if groups else "has a group"
                raise wrong(
                    key, what, ", ".join(groups) or "a pattern with named groups, or a path"
                )
        asked = {self.action.value, *self.action.values.values()}
        for action, word in (("open", "side"), ("target", "target")):
            if action in asked and getattr(self, word) is None:
                raise wrong(word, f'the action "{action}" needs it')
        return self

    def _places(self) -> Iterator[tuple[str, PlaceSettings]]:
        yield from self._words()
        for condition in self.only_if:
            yield "only_if", condition

    def _words(self) -> Iterator[tuple[str, TextSettings]]:
        for key in type(self).model_fields:
            if isinstance(word := getattr(self, key), TextSettings):
                yield key, word

    def map(self) -> MessageMap:
        """Give it as the dialect reads it."""
        return MessageMap(
            rules={key: word.rule() for key, word in self._words()},
            only_if=tuple(
                Condition(path=one.path, group=one.group, one_of=one.one_of) for one in self.only_if
            ),
            pattern=self.pattern,
        )
