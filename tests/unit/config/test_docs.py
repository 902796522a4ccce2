"""``docs/configuration.md`` has every key of every table, with its default, and no other."""

import json
import re
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from bascule.config import (
    faces_settings,
    firm,
    fix_settings,
    guardian_settings,
    mapping,
    settings,
    watch_settings,
)
from bascule.config.durations import format_duration

TEXT = (Path(__file__).resolve().parents[3] / "docs/configuration.md").read_text(encoding="utf-8")
TABLES = (
    settings.ServerSettings,
    settings.JournalSettings,
    settings.SecretSettings,
    watch_settings.AlertSettings,
    watch_settings.HeartbeatSettings,
    guardian_settings.GuardianSettings,
    faces_settings.PageSettings,
    faces_settings.TelegramSettings,
    faces_settings.PresenceSettings,
    settings.VenueSettings,
    settings.AccountSettings,
    settings.SymbolSettings,
    settings.PacingSettings,
    settings.LimitSettings,
    settings.PortfolioSettings,
    settings.StrategySettings,
    firm.PermissionSettings,
    firm.BufferSettings,
    firm.NewsSettings,
    settings.SourceSettings,
    settings.ProfileSettings,
    fix_settings.FixSettings,
    fix_settings.FixHours,
    mapping.MappingSettings,
    mapping.ConditionSettings,
    mapping.SizeSettings,
    settings.RouteSettings,
    settings.LegSettings,
    settings.SizingSettings,
)
DURATIONS = {
    "max_signal_age",
    "max_age",
    "duplicate_window",
    "stagger",
    "window",
    "timeout",
    "every",
    "link_lost_after",
    "session_cutoff",
    "refresh",
    "stalled_after",
    "link_halt_after",
    "link_alert_after",
    "link_flatten_after",
    "money_every",
    "drill_every",
    "warn",
    "short_interval",
    "repeated_window",
}


def rows() -> dict[str, list[str]]:
    """Give the defaults that the page states, by key."""
    found: dict[str, list[str]] = {}
    for key, default in re.findall(r"^\| `(\w+)` \|([^|]*)\|", TEXT, flags=re.MULTILINE):
        found.setdefault(key, []).append(default.strip().strip("`"))
    return found


def shown(key: str, default: Any) -> str:
    """Write a default as the page writes it; '' where a page may say it in words."""
    if default is PydanticUndefined:
        return "required"
    if default is None or isinstance(default, BaseModel):
        return ""
    if key in DURATIONS:
        return json.dumps(format_duration(default))
    if isinstance(default, StrEnum):
        return json.dumps(default.value)
    if isinstance(default, tuple):
        return json.dumps(list(default))
    if isinstance(default, bool | str | dict):
        return json.dumps(default)
    return str(default)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
def test_every_key_is_explained_with_its_default(table: type[BaseModel]) -> None:
    """A key without a row, or with another default than the code's, fails."""
    stated = rows()
    for key, field in table.model_fields.items():
        assert key in stated, key
        expected = shown(key, field.default)
        if key != "body_fields":
            assert expected in stated[key] or expected == "", (key, expected, stated[key])


def test_nothing_is_explained_that_is_not_there() -> None:
    """A row of a key that was removed fails."""
    known = {key for table in TABLES for key in table.model_fields}
    assert set(rows()) <= known | set(settings.Settings.model_fields)


def test_every_table_has_a_heading() -> None:
    """Each table of the file is explained under its own name."""
    for name, field in settings.Settings.model_fields.items():
        if name in ("mode", "max_signal_age"):
            assert f"| `{name}` |" in TEXT
        else:
            named = "NAME" in TEXT and str(field.annotation).startswith("dict")
            assert f"### `[{name}{'.NAME' if named else ''}]`" in TEXT, name
