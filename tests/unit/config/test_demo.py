"""The demonstration, the file that init writes, and the paper broker's settings agree."""

from decimal import Decimal
from itertools import combinations
from pathlib import Path

import pytest

from bascule.config.demo import DIRECTORY, demo, paper_broker, provide_secrets
from bascule.config.load import read
from bascule.config.problems import ConfigProblems
from bascule.config.secret_file import SecretFile
from bascule.config.secrets import Secrets
from bascule.config.template import SAMPLES, samples_for, template
from bascule.model.enums import AccountMode, InstrumentKind, PositionMode
from bascule.model.errors import UsageError
from bascule.model.instrument import Instrument
from bascule.model.values import DAY, Instant
from bascule.reference.refusal import Refusal
from bascule.reference.resolver import own_name, resolve
from bascule.venues.paper.emulator_settings import PaperSettings, read_json

NOW = Instant(1_795_262_400_000_000_000)
"""2026-11-21 12:00 UTC."""
PAPER = AccountMode.PAPER


def secrets(folder: Path) -> Secrets:
    """Give an empty store of paper secrets."""
    store = SecretFile(folder / "secrets.age", folder / "paper.key", PAPER, environ={})
    return Secrets(PAPER, store, {})


@pytest.fixture
def broker(tmp_path: Path) -> PaperSettings:
    """Give the demonstration's broker, as the broker itself reads its settings."""
    config = demo({"BASCULE_HOME": str(tmp_path)})
    held = secrets(tmp_path)
    provide_secrets(config, held)
    return read_json(paper_broker(config, config.venues[0], held, NOW).settings)


def test_the_demonstration_is_three_different_accounts(tmp_path: Path) -> None:
    """Two FX accounts of other suffixes, sizes and position modes, and one for futures."""
    config = demo({"BASCULE_HOME": str(tmp_path)})
    assert [
        (spec.id, spec.initial_balance, spec.position_mode, spec.symbols.suffix)
        for spec in config.accounts
    ] == [
        ("fx_pro", Decimal(100_000), PositionMode.NETTING, ".pro"),
        ("fx_raw", Decimal(25_000), PositionMode.HEDGING, ".r"),
        ("futures", Decimal(50_000), PositionMode.NETTING, ""),
    ]
    followers = {route.id: [leg.account for leg in route.legs] for route in config.routes}
    assert followers == {
        "fx": ["fx_pro", "fx_raw"],
        "futures": ["futures"],
        "index": ["fx_pro", "fx_raw", "futures"],
    }
    assert config.data.path == tmp_path / DIRECTORY / "paper"


def test_one_name_is_another_on_each_account(tmp_path: Path) -> None:
    """The index strategy's symbol has each account's own name."""
    specs = demo({"BASCULE_HOME": str(tmp_path)}).accounts
    assert [spec.symbols.venue_symbol("US500") for spec in specs] == [
        "US500.pro", "US500.r", "MES1!",
    ]  # fmt: skip


def test_the_broker_takes_its_settings(broker: PaperSettings) -> None:
    """The broker's own reader accepts what is made for it, and each account is in it."""
    balances = {account.login: account.balance for account in broker.accounts}
    assert balances == {"1001": 100_000, "1002": 25_000, "2001": 50_000}
    steps = {item.venue_symbol: item.lot_step for item in broker.instruments}
    assert steps["EURUSD.pro"] == Decimal("0.01")
    assert steps["EURUSD.r"] == Decimal("0.1")
    assert steps["MESZ2026"] == 1


def test_the_broker_lists_what_its_accounts_call_by_our_names(broker: PaperSettings) -> None:
    """Every listed name resolves, by some account's symbol map, to an instrument that we know."""
    maps = [spec.symbols for spec in demo({"BASCULE_HOME": "x"}).accounts]
    for item in broker.instruments:
        found = [resolve(own_name(item.venue_symbol, symbols), NOW) for symbols in maps]
        known = [one.instrument for one in found if not isinstance(one, Refusal)]
        assert known, item.venue_symbol
        assert all(isinstance(one, Instrument) and one.kind is item.kind for one in known)
        assert item.start_price is not None
        assert item.start_price % item.tick_size == 0


@pytest.mark.parametrize("name", ["MES1!", "ES1!", "NQ1!", "GC1!", "CL1!"])
def test_futures_are_listed_up_to_and_past_the_next_roll(
    tmp_path: Path, name: str, broker: PaperSettings
) -> None:
    """The front month is there now and sixty days on, by which time each has rolled or not."""
    listed = {i.venue_symbol for i in broker.instruments if i.kind is InstrumentKind.FUTURE}
    for ahead in (0, 7, 30):
        front = resolve(name, Instant(NOW + ahead * DAY))
        assert not isinstance(front, Refusal)
        assert front.instrument.symbol in listed


def test_tokens_go_by_the_environment_alone(tmp_path: Path) -> None:
    """The broker's settings name variables; the values are beside them and are not printed."""
    config = demo({"BASCULE_HOME": str(tmp_path)})
    held = secrets(tmp_path)
    provide_secrets(config, held)
    launch = paper_broker(config, config.venues[0], held, NOW)
    token = held.get("paper_token")
    assert set(launch.environ.values()) == {token}
    assert token not in launch.settings + repr(launch)
    variables = {account.token_env for account in read_json(launch.settings).accounts}
    assert variables == set(launch.environ)


def test_missing_paper_secrets_are_made_up_once(tmp_path: Path) -> None:
    """The first start makes every secret, each another; the second makes none."""
    config, held = demo({"BASCULE_HOME": str(tmp_path)}), secrets(tmp_path)
    fresh = provide_secrets(config, held)
    assert set(fresh) == set(config.secrets) == {"paper_token", "tradingview_path", "scripts_token"}
    assert len({held.get(name) for name in fresh}) == 3
    for source in config.sources:
        source.source(held.get)
    assert provide_secrets(config, held) == ()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_any_choice_of_paper_accounts_makes_a_good_file(count: int) -> None:
    """Whatever accounts are chosen, the file that is written reads without a problem."""
    for chosen in combinations(SAMPLES, count):
        text = template(PAPER, chosen, port=1234, broker_port=4321)
        config = read(text, Path("bascule.toml"), {"BASCULE_HOME": "x"})
        assert [spec.id for spec in config.accounts] == [sample.name for sample in chosen]
        assert (config.server.port, config.venues[0].settings["port"]) == (1234, 4321)


@pytest.mark.parametrize("mode", [AccountMode.LIVE, AccountMode.SHADOW])
def test_a_file_for_real_money_waits_for_its_venue(mode: AccountMode) -> None:
    """All that is left to do in it is to name the kind of venue (and the logins)."""
    text = template(mode, samples_for(mode, ["a-b", "c"]))
    with pytest.raises(ConfigProblems) as caught:
        read(text, Path("bascule.toml"), {})
    assert {(p.code, p.key[-1]) for p in caught.value.problems} <= {
        ("unknown_name", "kind"), ("duplicate_account", "login"),
    }  # fmt: skip
    done = text.replace("CHANGE_ME", "1", 1).replace('"CHANGE_ME"', '"2"', 1)
    done = done.replace('kind = "1"', 'kind = "paper"')
    config = read(done.replace("CHANGE_ME", "3"), Path("bascule.toml"), {})
    assert {spec.mode for spec in config.accounts} == {mode}
    assert provide_secrets(config, secrets(Path("never"))) == ()


def test_an_unknown_paper_account_is_refused() -> None:
    """A misspelt name is told with the near one."""
    with pytest.raises(UsageError, match="did you mean"):
        samples_for(PAPER, ["fx_por"])
