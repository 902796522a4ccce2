"""``docs/programmes.md`` speaks of the presets, settings and checks that there are."""

import re
import tomllib

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
    assert named <= codes | {"only_targets"}
    assert QUESTION in TEXT.replace("\n> ", " ")
    assert "VERIFY WITH THE\nFIRM" in TEXT
