"""What a key of the file has as its default, the model has too: one written twice, held as one."""

from typing import Any

import msgspec
import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from bascule.config.settings import (
    AccountSettings,
    PacingSettings,
    ProfileSettings,
    RateSettings,
    RouteSettings,
    SymbolSettings,
)
from bascule.model.account import AccountSpec, Pacing, Route, SymbolMap
from bascule.signals.intake.source import Rate
from bascule.signals.profile import Profile

MIRRORED = [
    (AccountSettings, AccountSpec),
    (PacingSettings, Pacing),
    (ProfileSettings, Profile),
    (RateSettings, Rate),
    (RouteSettings, Route),
    (SymbolSettings, SymbolMap),
]


@pytest.mark.parametrize(("table", "model"), MIRRORED, ids=lambda one: one.__name__)
def test_a_key_that_is_not_set_means_what_the_model_means(
    table: type[BaseModel], model: type[msgspec.Struct]
) -> None:
    """Each default of the file is the model's; durations of the model end in ``_ns``."""
    of_model = {field.name.removesuffix("_ns"): field for field in msgspec.structs.fields(model)}
    held = set()
    for key, field in table.model_fields.items():
        if key in of_model and not isinstance(field.default, BaseModel):
            meant = _default(of_model[key])
            if PydanticUndefined is not field.default and meant is not msgspec.NODEFAULT:
                assert (field.default or None) == (meant or None), key
                held.add(key)
    assert len(held) >= 2


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default
