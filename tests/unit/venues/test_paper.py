"""The paper venue's folder: mapping, settings, and documentation that matches the code."""

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec import Struct
from msgspec.structs import fields

from bascule.model.enums import InstrumentKind, OrdType
from bascule.model.errors import ConfigError, SecretError
from bascule.model.ids import AccountId
from bascule.model.order import Accepted, AccountSnapshot, Refused
from bascule.model.values import Currency, Instant
from bascule.venues.kit import manifest
from bascule.venues.kit.faults import Fault
from bascule.venues.kit.terms import InstrumentTerms
from bascule.venues.paper import emulator
from bascule.venues.paper import protocol as wire
from bascule.venues.paper.emulator_server import FAULTS
from bascule.venues.paper.emulator_settings import (
    FeedSettings,
    PaperAccount,
    PaperSettings,
    read_file,
    read_json,
    token,
)
from bascule.venues.paper.mapping import outcome, renamed

DOCS = Path("docs/paper.md")


def test_accounts_are_renamed_and_nothing_else() -> None:
    """The other side's name goes in; an account that is not on the link is an error."""
    snapshot = AccountSnapshot(
        account=AccountId("P1"), currency=Currency("USD"), balance=Decimal(1), equity=Decimal(2),
        margin_used=Decimal(3), free_margin=Decimal(4), at=Instant(5),
    )  # fmt: skip
    ours = renamed(snapshot, {AccountId("P1"): AccountId("main")})
    assert (ours.account, ours.balance, ours.at) == ("main", 1, 5)
    with pytest.raises(KeyError):
        renamed(snapshot, {})


def test_replies_prove_their_outcomes() -> None:
    """A refusal keeps the broker's own word."""
    assert outcome(wire.Taken(1, "7", Instant(5))) == Accepted("7", Instant(5))
    refused = outcome(wire.NotTaken(1, "off_tick", "no", Instant(5)))
    assert refused == Refused("off_tick", "off_tick", "no", Instant(5))


def test_lines_are_cut_wherever_they_break() -> None:
    """Bytes may come in any pieces; a line without end is an error."""
    lines = wire.Lines()
    assert lines.feed(b"one\ntw") == [b"one"]
    assert lines.feed(b"o") == []
    assert lines.feed(b"\n\nthree\n") == [b"two", b"", b"three"]
    with pytest.raises(ValueError, match="longer"):
        lines.feed(b"x" * (wire.LINE_MAX + 1))


def test_manifest_says_what_the_broker_does() -> None:
    """Everything but options is native, and absence takes two snapshots a second apart."""
    native = manifest.load("bascule.venues.paper").capabilities_native()
    assert native.ord_types == tuple(OrdType)
    assert InstrumentKind.OPTION not in native.kinds
    assert native.native_bracket
    assert native.native_trailing
    assert native.reduce_only
    assert (native.absence_snapshots, native.absence_after_ns) == (2, 1_000_000_000)
    assert native.client_order_id_max == 36


# --- settings -------------------------------------------------------------------------------------


def example() -> str:
    """Give the settings that the documentation shows."""
    found = re.search(r"```toml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


def test_the_example_of_the_docs_is_accepted(tmp_path: Path) -> None:
    """What can be copied works, decimals as they are written."""
    file = tmp_path / "paper.toml"
    file.write_text(example(), encoding="utf-8")
    settings = read_file(file)
    assert settings.instruments[0].tick_size == Decimal("0.00001")
    assert settings.accounts[0].commission_per_lot == Decimal("3.5")
    assert settings.rates == {"GBPUSD": Decimal("1.27")}


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('login = "P1"', "", "login"),
        ("leverage = 30", "leverage = 30\ncolour = 1", "colour"),
        ('mode = "hedging"', 'mode = "both"', "mode"),
        ("tick_size = 0.00001", "tick_size = 0", "tick size"),
        ('kind = "walk"', 'kind = "guess"', "guess"),
        ("seed = 7", 'host = "10.0.0.1"', "loopback"),
        ("seed = 7", 'rollover = "soon"', "soon"),
        ('kind = "fx"', 'kind = "fx"\nhours = "later"', "later"),
        ("seed = 7", "seed = ", "line 3"),
        ("ticks_per_second = 2", "ticks_per_second = 0", "the broker: ticks_per_second is above 0"),
        ("leverage = 30", "leverage = 0", "account P1: leverage is above 0"),
        ("spread_ticks = 8", "spread_ticks = -8", "EURUSD: spread_ticks is 0 or more"),
        ("GBPUSD = 1.27", "GBPUSD = 0", "the broker: rates is above 0"),
        ("start_price = 1.10000", "start_price = nan", "start_price"),
    ],
)
def test_wrong_settings_name_file_and_key(tmp_path: Path, old: str, new: str, says: str) -> None:
    """The message says where to look."""
    file = tmp_path / "paper.toml"
    file.write_text(example().replace(old, new), encoding="utf-8")
    with pytest.raises(ConfigError, match=re.escape(says)) as caught:
        read_file(file)
    assert str(file) in caught.value.message


def test_a_missing_file_and_bad_json_are_told(tmp_path: Path) -> None:
    """Neither is a traceback."""
    with pytest.raises(ConfigError, match="cannot be read"):
        read_file(tmp_path / "nothing.toml")
    with pytest.raises(ConfigError, match="no JSON"):
        read_json("{")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"binary\.toml"):
        read_file(tmp_path / "binary.toml")


def test_a_port_that_is_none_starts_no_broker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ends with 2 and a sentence, as for every wrong setting."""
    file = tmp_path / "paper.toml"
    text = example().replace('"paper.sqlite"', f"'{tmp_path / 'paper.sqlite'}'")
    file.write_text(text, encoding="utf-8")
    monkeypatch.setenv("PAPER_ADMIN_TOKEN", "a")
    monkeypatch.setenv("PAPER_P1_TOKEN", "b")
    assert emulator.main(["--config", str(file), "--port", "99999"]) == 2
    assert "port 99999" in capsys.readouterr().err


def test_tokens_come_from_the_environment_or_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A named place without a token is an error that names the place and not the token."""
    monkeypatch.setenv("SOME_TOKEN", "one")
    file = tmp_path / "token"
    file.write_text("two\n", encoding="utf-8")
    assert token("SOME_TOKEN", "", "account P1") == "one"
    assert token("", str(file), "account P1") == "two"
    for env, path in (("NO_SUCH_TOKEN", ""), ("", str(tmp_path / "none")), ("", "")):
        with pytest.raises(SecretError, match="account P1"):
            token(env, path, "account P1")


# --- documentation --------------------------------------------------------------------------------


def documented() -> set[str]:
    """Give every word that begins a table row of the docs."""
    words: set[str] = set()
    for line in DOCS.read_text(encoding="utf-8").splitlines():
        if line.startswith("| `"):
            words |= set(re.findall(r"`([a-z_]+)`", line.split(" | ")[0]))
    return words


def settings_keys() -> Iterator[str]:
    """Give every key of every settings struct."""
    structs: tuple[type[Struct], ...] = (
        PaperSettings, PaperAccount, FeedSettings, InstrumentTerms, Fault
    )  # fmt: skip
    for struct in structs:
        for field in fields(struct):
            if (struct, field.name) not in ((PaperSettings, "accounts"), (Fault, "name")):
                yield field.name


def test_every_setting_is_documented() -> None:
    """A parameter without a unit in the docs is a guess for its reader."""
    missing = {key for key in settings_keys() if key not in documented()} - {"instruments"}
    assert missing == set()


def test_every_fault_is_documented_as_it_is() -> None:
    """The docs' table of faults is the code's, word for word."""
    text = DOCS.read_text(encoding="utf-8")
    for name, what in FAULTS.items():
        assert f"| `{name}` | {what} |" in text


def test_every_refusal_is_documented() -> None:
    """Each reason that the kit can give has its place in the table."""
    kit = Path("src/bascule/venues/kit")
    sources = [kit / name for name in ("admission.py", "broker.py")]
    reasons = {
        reason
        for source in sources
        for reason in re.findall(r'Refusal\(\s*"([a-z_]+)"', source.read_text(encoding="utf-8"))
    }
    assert len(reasons) > 25
    assert reasons <= documented()
