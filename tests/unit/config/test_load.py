"""A configuration is read as a whole: into words, or into everything that is wrong with it."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bascule.config.build import Config
from bascule.config.load import load, read
from bascule.config.problems import ConfigProblems
from bascule.model.enums import AccountMode, PositionMode, QtyUnit
from bascule.model.errors import ConfigError
from bascule.model.values import MINUTE, SECOND

GOOD = """\
mode = "paper"

[venues.paper]
kind = "paper"
port = 9100
timeout_s = 2.5

[risk]
max_order_qty = 5
orders_per_minute = 30

[accounts.main]
venue = "paper"
login = "1001"
currency = "USD"
secret = "paper_token"
[accounts.main.symbols]
suffix = ".pro"
overrides = { US500 = "SPX.pro" }
[accounts.main.limits]
max_order_qty = 0.50
duplicate_window = "1m30s"

[sources.tv]
kind = "webhook"
path_secret = "hook_path"
profile = { volume = "lots" }

[routes.gold]
strategy = "gold"
sources = ["tv"]
accounts = [
  { account = "main", sizing = { method = "risk_percent", percent = 0.5 }, stagger = "250ms" },
]
"""

BAD = """\
mode = "papr"

[servr]
port = 1

[server]
port = 99999

[venues.paper]
kind = "papper"
password = "hunter2"

[accounts.main]
venue = "papr"
login = "1001"
currency = "usd"
positon_mode = "netting"
[accounts.main.limits]
max_order_qty = -1
duplicate_window = 60

[sources.tv]
kind = "webhook"
dialect = "nativ"
allow_from = ["localhost"]

[routes.gold]
strategy = "manual"
sources = ["tvv"]
accounts = [
  { account = "main", sizing = { method = "fixed", percent = 2 } },
  { account = "mian", sizing = { method = "fixd" } },
]
"""


def config(text: str = GOOD, **environ: str) -> Config:
    """Read a configuration from text."""
    return read(text, Path("dir/bascule.toml"), {"BASCULE_HOME": "home", **environ})


def refused(text: str, **environ: str) -> ConfigProblems:
    """Give the problems of a configuration."""
    with pytest.raises(ConfigProblems) as caught:
        config(text, **environ)
    return caught.value


def test_tables_become_the_model_s_words() -> None:
    """Accounts, limits, symbol maps, routes and sources come out as the engine takes them."""
    read_ = config()
    (account,) = read_.accounts
    (route,) = read_.routes
    (source,) = read_.sources
    (venue,) = read_.venues
    assert read_.mode is account.mode is AccountMode.PAPER
    assert account.position_mode is PositionMode.NETTING
    assert account.symbols.venue_symbol("EURUSD") == "EURUSD.pro"
    assert account.symbols.venue_symbol("US500") == "SPX.pro"
    assert route.legs[0].sizing.percent == Decimal("0.5")
    assert route.legs[0].stagger_ns == SECOND // 4
    assert source.settings.profile.volume is QtyUnit.LOTS
    assert venue.settings == {"port": 9100, "timeout_s": Decimal("2.5")}
    assert venue.secrets == {"1001": "paper_token"}
    assert set(read_.secrets) == {"paper_token", "hook_path"}


def test_an_account_s_limits_replace_the_common_ones_one_by_one() -> None:
    """What an account does not set is taken from [risk], and only that."""
    limits = config().accounts[0].limits
    assert limits.max_order_qty == Decimal("0.50")
    assert limits.duplicate_window_ns == 90 * SECOND
    assert limits.orders_per_minute == 30
    assert limits.orders_per_hour == 1_000


def test_every_problem_is_told_at_once_with_its_line() -> None:
    """Syntax aside, nothing hides anything else: each wrong line is named, in the file's order."""
    found = {(p.where, ".".join(map(str, p.key)), p.code) for p in refused(BAD).problems}
    assert found == {
        ("bascule.toml:1", "mode", "bad_value"),
        ("bascule.toml:3", "servr", "unknown_key"),
        ("bascule.toml:7", "server.port", "bad_value"),
        ("bascule.toml:10", "venues.paper.kind", "unknown_name"),
        ("bascule.toml:11", "venues.paper.password", "secret_in_config"),
        ("bascule.toml:14", "accounts.main.venue", "unknown_name"),
        ("bascule.toml:16", "accounts.main.currency", "bad_value"),
        ("bascule.toml:17", "accounts.main.positon_mode", "unknown_key"),
        ("bascule.toml:19", "accounts.main.limits.max_order_qty", "bad_value"),
        ("bascule.toml:20", "accounts.main.limits.duplicate_window", "bad_value"),
        ("bascule.toml:24", "sources.tv.dialect", "unknown_name"),
        ("bascule.toml:25", "sources.tv.allow_from.0", "bad_value"),
        ("bascule.toml:28", "routes.gold.strategy", "bad_value"),
        ("bascule.toml:29", "routes.gold.sources.0", "unknown_name"),
        ("bascule.toml:31", "routes.gold.accounts.0.sizing.quantity", "bad_value"),
        ("bascule.toml:32", "routes.gold.accounts.1.account", "unknown_name"),
        ("bascule.toml:32", "routes.gold.accounts.1.sizing.method", "bad_value"),
    }


@pytest.mark.parametrize(
    "words",
    [
        'did you mean "paper"?',
        'did you mean "server"?',
        'did you mean "position_mode"?',
        'did you mean "main"?',
        "99999 is above 65535",
        '"usd" is no currency',
        "60 is not a duration",
        "routes.gold.accounts[1].sizing.method",
        "allowed: fixed, multiplier, risk_percent, signal",
    ],
)
def test_a_problem_says_what_is_allowed(words: str) -> None:
    """Near words are offered, allowed ones listed, and the refused value shown."""
    assert words in refused(BAD).message


def test_a_signal_has_an_age_and_an_order_a_life() -> None:
    """No age at all would leave signals without a limit; "gtd" alone has no date to end at."""
    text = 'max_signal_age = "0s"\n' + GOOD.replace(
        'strategy = "gold"\n', 'strategy = "gold"\ndefault_tif = "gtd"\n'
    )
    found = [(".".join(map(str, p.key)), p.what) for p in refused(text).problems]
    assert found == [
        ("max_signal_age", '"0s" is not above 0'),
        ("routes.gold.default_tif", '"gtd" is not allowed here; did you mean "gtc"?'),
    ]


def test_a_refused_secret_is_never_shown() -> None:
    """Neither the message nor a traceback's text has the value."""
    error = refused(BAD)
    assert "hunter2" not in error.message + error.hint + repr(error) + repr(error.problems)


def test_text_that_is_not_toml_is_told_with_its_line() -> None:
    """A syntax error names file and line and starts nothing."""
    error = refused('mode = "paper"\n[server\nport = 1\n')
    assert [(p.code, p.where) for p in error.problems] == [("not_toml", "bascule.toml:2")]


def test_a_missing_key_is_told_at_its_table() -> None:
    """What is missing has the line of the table that lacks it."""
    error = refused(GOOD.replace('login = "1001"\n', ""))
    assert [(p.code, p.where, p.key[-1]) for p in error.problems] == [
        ("missing_key", "bascule.toml:12", "login")
    ]


def test_the_environment_replaces_keys_of_tables() -> None:
    """A variable with two underscores replaces one key and leaves its neighbours."""
    changed = config(
        BASCULE_SERVER__PORT="80",
        BASCULE_ACCOUNTS__MAIN__OWNER="me",
        BASCULE_ROUTES__GOLD__SYMBOLS='["XAUUSD"]',
    )
    assert changed.server.port == 80
    assert changed.accounts[0].owner == "me"
    assert changed.accounts[0].login == "1001"
    assert changed.routes[0].symbols == ("XAUUSD",)


@pytest.mark.parametrize(
    ("variable", "value", "code"),
    [
        ("BASCULE_SERVER__PORT", "eighty", "bad_value"),
        ("BASCULE_SERVR__PORT", "80", "unknown_key"),
        ("BASCULE_SERVER__PROT", "80", "unknown_key"),
        ("BASCULE_ROUTES__GOLD__SYMBOLS", "[XAUUSD", "bad_value"),
    ],
)
def test_a_wrong_variable_is_told_by_its_name(variable: str, value: str, code: str) -> None:
    """A problem from the environment names the variable and no line of the file."""
    (problem,) = refused(GOOD, **{variable: value}).problems
    assert (problem.where, problem.code) == (f"environment variable {variable}", code)


def test_the_mode_is_not_the_environment_s_to_choose() -> None:
    """A variable cannot turn paper into live."""
    assert config(BASCULE_MODE="live").mode is AccountMode.PAPER


def test_the_same_settings_have_the_same_hash() -> None:
    """Order, comments and spelling of numbers change nothing; a setting does."""
    tables = GOOD.split("\n\n")
    turned = "\n\n".join([tables[0], *reversed(tables[1:])]).replace("0.5 ", "0.500 ")
    assert config("# new\n" + turned).hash == config().hash
    assert config(GOOD.replace("percent = 0.5", "percent = 0.6")).hash != config().hash


def test_the_journal_s_text_holds_what_is_in_force() -> None:
    """Defaults, common limits and the environment are in it."""
    text = config(BASCULE_SERVER__PORT="80").text
    assert '"port":80' in text
    assert '"orders_per_minute":30,"orders_per_second":10' in text
    assert '"max_age":"1m"' in text


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    """A directory in the file is found from wherever the command is run."""
    file = tmp_path / "bascule.toml"
    file.write_text(GOOD + '\n[journal]\ndirectory = "data"\n', encoding="utf-8")
    assert load(file, {}).data.journal == tmp_path / "data" / "paper" / "journal.db"


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 are told as such."""
    file = tmp_path / "bascule.toml"
    file.write_bytes(b'mode = "p\xe4per"')
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(file, {})


def test_a_route_s_age_limit_is_kept_in_nanoseconds() -> None:
    """Durations of every table are counted alike."""
    assert config().routes[0].max_age_ns == MINUTE


SETTING = [n for n, line in enumerate(GOOD.splitlines()) if " = " in line and line[0] != " "]
ODD = ["1", "-1", "1.5", "true", '""', '"x"', '"*"', "[]", "{}", "[1]", "[{}]", "{ a = [] }",
       '["x"]', "1979-05-27", "inf", '"9f86d081884c7d659a2feaa0c55ad015"']  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from(SETTING), st.sampled_from(ODD)), min_size=1, max_size=4))
def test_odd_values_are_problems_and_never_crashes(changes: list[tuple[int, str]]) -> None:
    """Whatever stands behind an equals sign, the answer is a configuration or its problems."""
    lines = GOOD.splitlines()
    for number, value in changes:
        if lines[number].endswith("["):
            lines[number + 1 : number + 3] = ["", ""]
        lines[number] = f"{lines[number].split(' = ')[0]} = {value}"
    try:
        assert config("\n".join(lines)).hash
    except ConfigProblems as error:
        places = [problem.where for problem in error.problems]
        assert all(place.startswith("bascule.toml:") for place in places)
        assert "9f86d081" not in error.message
