"""From a model's refusal of a value to a sentence for the person who wrote it."""

import json
from decimal import Decimal
from enum import StrEnum
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bascule.config.problems import KeyPath, Problem, did_you_mean, listed
from bascule.config.settings import Settings
from bascule.config.table import AT_KEY
from bascule.model.values import text

_SHOWN_MAX = 60
_SENTENCES = {
    "string_type": "is not text; put it in quotes",
    "string_too_short": "is empty",
    "string_too_long": "is longer than {max_length} characters",
    "int_type": "is not a whole number",
    "int_parsing": "is not a whole number",
    "int_from_float": "is not a whole number",
    "bool_type": "is neither true nor false",
    "bool_parsing": "is neither true nor false",
    "greater_than": "is not above {gt}",
    "greater_than_equal": "is below {ge}",
    "less_than_equal": "is above {le}",
    "tuple_type": "is not a list; put it in square brackets",
    "model_type": "is not a table",
    "dict_type": "is not a table",
    "too_short": "is empty; it needs at least one entry",
}


def problems_of(error: ValidationError) -> list[Problem]:
    """Give each thing that the models refused, in the order of the file's shape."""
    details = error.errors(include_url=False)
    places = [detail["loc"] for detail in details]
    return [
        _problem(detail)
        for detail in details
        # A list whose entries were refused is also "too short": that says nothing new.
        if not (detail["type"] == "too_short" and _has_inner(detail["loc"], places))
    ]


def _has_inner(place: KeyPath, places: list[KeyPath]) -> bool:
    return any(len(one) > len(place) and one[: len(place)] == place for one in places)


def _problem(detail: ErrorDetails) -> Problem:
    key = tuple(part for part in detail["loc"] if part != "[key]")
    kind = detail["type"]
    if kind == "missing":
        return Problem(code="missing_key", key=key, what="is missing", allowed=_allowed(key))
    if kind == "extra_forbidden":
        known = sorted(_keys_beside(key))
        near = did_you_mean(str(key[-1]), known)
        return Problem(
            code="unknown_key", key=key, what=f"there is no such key{near}", allowed=listed(known)
        )
    context = detail.get("ctx", {})
    if kind == AT_KEY:
        return Problem(
            code="bad_value",
            key=(*key, context["key"]),
            what=context["what"],
            allowed=context["allowed"],
        )
    shown = _shown(detail["input"])
    if kind in ("enum", "literal_error"):
        words = [word.strip("'") for word in context["expected"].replace(" or ", ", ").split(", ")]
        near = did_you_mean(str(detail["input"]), words)
        return Problem(
            code="bad_value", key=key, what=f"{shown} is not allowed here{near}",
            allowed=listed(words),
        )  # fmt: skip
    if kind == "value_error":
        sentence = str(context["error"])
    else:
        sentence = _SENTENCES.get(kind, detail["msg"]).format(**context)
    return Problem(code="bad_value", key=key, what=f"{shown} {sentence}")


def _shown(value: object) -> str:
    """Write a refused value, cut short; secrets were taken out before."""
    if isinstance(value, Decimal):
        return text(value)
    if isinstance(value, str | int | float):
        written = json.dumps(value, ensure_ascii=False)
        return written if len(written) <= _SHOWN_MAX else f"{written[:_SHOWN_MAX]}..."
    return "this"


def _allowed(key: KeyPath) -> str:
    """List what a missing key may be, where that is a list of words."""
    kind = _inner(_table_of(key), key[-1])
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return listed(kind)
    return listed(get_args(kind)) if get_origin(kind) is Literal else ""


def _keys_beside(key: KeyPath) -> set[str]:
    """Give the keys that the table of this key may have."""
    model = _model(_table_of(key))
    return set(model.model_fields) if model else set()


def _table_of(key: KeyPath) -> Any:
    kind: Any = Settings
    for part in key[:-1]:
        kind = _inner(kind, part)
    return kind


def _inner(kind: Any, part: int | str) -> Any:
    model = _model(kind)
    if model is not None:
        field = model.model_fields.get(str(part))
        return field.annotation if field else None
    arguments = get_args(kind)
    if get_origin(kind) is dict:
        return arguments[1]
    return arguments[0] if arguments else None


def _model(kind: Any) -> type[BaseModel] | None:
    if get_origin(kind) in (Annotated, Union, UnionType):
        return next((found for one in get_args(kind) if (found := _model(one))), None)
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None
