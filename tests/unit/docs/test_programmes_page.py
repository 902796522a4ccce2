"""``docs/programmes.md`` speaks of the presets, settings and checks that there are."""

import re
import tomllib
from collections.abc import Iterator
from typing import Any

from bascule.config.firm import NewsSettings, PermissionSettings
from bascule.config.programmes import presets
from bascule.config.settings import AccountSettings
from bascule.risk.chain import CHECKS
from bascule.risk.policy import QUESTION
from tools import make_programme_docs

TEXT = make_programme_docs.PAGE.read_text(encoding="utf-8")


def test_the_table_of_presets_is_up_to_date() -> None:
    """It says what the presets say; else run ``python tools/make_programme_docs.py``."""
    assert make_programme_docs.page() == TEXT
    assert {name for name in presets() if f"| `{name}`<br>" in TEXT} == set(presets())


def keys(table: Any) -> Iterator[str]:
    """Give every key of a programme's table, and of the tables within."""
    if isinstance(table, dict):
        yield from (key for key in table if not key.isdecimal())
        table = list(table.values())
    for one in table if isinstance(table, list) else ():
        yield from keys(one)


def test_every_key_of_a_preset_is_explained() -> None:
    """A key without its word on the page fails."""
    explained = set(re.findall(r"`([a-z0-9_]+)`", TEXT))
    used = {key for facts in presets().values() for key in keys(facts.table)}
    # These two stand in one example.
    assert used - explained == {"after_first_payout", "floor"}
    assert "after_first_payout = { floor" in TEXT


def test_the_examples_are_settings() -> None:
    """Each table of TOML on the page is read as the configuration reads it."""
    tables = [tomllib.loads(code) for code in re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)]
    account, news, permission = tables
    assert AccountSettings(**account["accounts"]["ftmo"]).phase == "phase1"
    assert NewsSettings(**news["news"]).refresh
    assert PermissionSettings(**permission["accounts"]["ftmo"]["permission"]).policy == "yes"


def test_the_page_names_checks_that_exist_and_the_question_as_it_is_asked() -> None:
    """A check that is gone, or another wording, fails."""
    named = set(re.findall(r"\(?`([a-z]+_[a-z_]+)`\)", TEXT))
    codes = {check.code for check in CHECKS}
    assert {"firm_policy", "flat_window", "news_blackout"} <= named
    assert named <= codes | {"only_targets", "min_profit_share_pct"}
    assert QUESTION in TEXT.replace("\n> ", " ")
    assert "VERIFY WITH THE\nFIRM" in TEXT
