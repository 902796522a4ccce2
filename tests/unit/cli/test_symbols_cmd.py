"""``bascule symbols``: what names become on accounts, and maps from venues' lists."""

import json
import tomllib
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from bascule.cli.symbols_import import Record, as_toml, propose, read_records
from bascule.cli.symbols_preview import Known, Preview, previews
from bascule.model.account import AccountSpec, Route, RouteLeg, SizingRule, SymbolMap
from bascule.model.enums import AccountMode, InstrumentKind
from bascule.model.errors import UsageError
from bascule.model.ids import AccountId, RouteId, StrategyId, Symbol, VenueId, VenueSymbol
from bascule.model.instrument import Listing, Quote
from bascule.model.values import HOUR, SECOND, Currency, Instant
from bascule.reference import own_name
from tests.unit.cli.conftest import Bascule

A = AccountId("a")
NOW = Instant(int(datetime(2026, 11, 18, 15, tzinfo=UTC).timestamp()) * SECOND)  # a Wednesday
EUR_LISTING = Listing(
    symbol=Symbol("EURUSD"),
    venue_symbol=VenueSymbol("EURUSD.pro"),
    kind=InstrumentKind.FX,
    quote=Currency("USD"),
    tick_size=Decimal("0.00001"),
    multiplier=Decimal(100_000),
    lot_step=Decimal("0.1"),
    min_qty=Decimal("0.1"),
    max_qty=Decimal(50),
    session="fx",
)


def _rows(
    *names: str,
    symbols: SymbolMap | None = None,
    sizing: SizingRule | None = None,
    known: Known | None = None,
    allowed: tuple[str, ...] = (),
    currency: str = "EUR",
) -> list[Preview]:
    spec = AccountSpec(
        id=A,
        venue=VenueId("v"),
        login="1",
        mode=AccountMode.PAPER,
        currency=Currency(currency),
        symbols=symbols or SymbolMap(suffix=".pro"),
    )
    leg = RouteLeg(account=A, sizing=sizing or SizingRule(quantity=Decimal("1.25")))
    route = Route(id=RouteId("r"), strategy=StrategyId("s"), legs=(leg,), symbols=allowed)
    return previews([route], {A: spec}, names, known or Known(), NOW)


def test_a_continuous_name_shows_its_contract_roll_and_expiry() -> None:
    """Days are whole days until our roll, which is before the expiry."""
    (row,) = _rows("ES1!", symbols=SymbolMap(), currency="USD")
    assert (row.symbol, row.venue_symbol, row.source) == ("ESZ2026", "ESZ2026", "reference")
    assert (str(row.rolls), row.days_to_roll) == ("2026-12-13", 25)
    assert (str(row.expires), row.days_to_expiry) == ("2026-12-18", 29)
    assert row.continuous
    assert row.tick_value == row.account_tick_value == Decimal("12.5")


def test_a_session_shows_what_it_is_now_and_when_it_changes() -> None:
    """Wednesday at nine in Chicago is open until the daily break at 16:00."""
    (row,) = _rows("ES1!", symbols=SymbolMap())
    assert (row.session, row.phase, row.changes) == ("cme_equity", "open", NOW + 7 * HOUR)


def test_the_venues_own_figures_win() -> None:
    """What is listed is shown as listed, and a size loses what its lot step cuts off."""
    known = Known({A: {Symbol("EURUSD"): EUR_LISTING}})
    (row,) = _rows("OANDA:EURUSD", known=known)
    assert (row.venue_symbol, row.source) == ("EURUSD.pro", "venue")
    assert row.max_qty == 50
    assert row.sample is not None
    assert (row.sample.asked, row.sample.rounded) == (Decimal("1.25"), Decimal("1.2"))
    assert row.sample.lost == Decimal("0.05")


def test_a_tick_is_worth_what_the_quotes_make_of_it() -> None:
    """With a quote it is converted into the account's currency, without one it is not known."""
    (row,) = _rows("EURUSD")
    assert row.tick_value == 1
    assert row.account_tick_value is None
    quote = Quote(VenueSymbol("EURUSD.pro"), Decimal("1.25"), Decimal("1.26"), NOW)
    (row,) = _rows("EURUSD", known=Known(quotes={A: {"EURUSD": quote}}))
    assert row.account_tick_value == Decimal("0.8")


def test_a_symbol_that_the_venue_lacks_is_refused() -> None:
    """The row names the spelling that was looked for."""
    (row,) = _rows("GBPUSD", known=Known({A: {Symbol("EURUSD"): EUR_LISTING}}))
    assert (row.code, row.venue_symbol) == ("unknown_symbol", "GBPUSD.pro")


def test_a_name_outside_the_routes_symbols_is_refused() -> None:
    """As the planner refuses it; the route's own names are looked at when none is given."""
    (row,) = _rows("GBPUSD", allowed=("EURUSD",))
    assert row.code == "symbol_not_allowed"
    (row,) = _rows(allowed=("EURUSD",))
    assert (row.name, row.code) == ("EURUSD", "")


def test_an_override_to_a_continuous_name_rolls_as_that_does() -> None:
    """US500 mapped to MES1! is the micro contract of the front month."""
    (row,) = _rows(symbols=SymbolMap(overrides={"US500": "MES1!"}))
    assert (row.name, row.symbol, row.venue_symbol) == ("US500", "MESZ2026", "MESZ2026")


def test_an_override_to_a_venues_name_keeps_ours() -> None:
    """The venue's spelling is shown beside our name."""
    (row,) = _rows("US500", symbols=SymbolMap(suffix=".x", overrides={"US500": "SPX.c"}))
    assert (row.symbol, row.venue_symbol) == ("US500", "SPX.c")


@pytest.mark.parametrize(
    ("rule", "asked", "rounded"),
    [
        (SizingRule(method="multiplier", factor=Decimal("0.57")), "0.57", "0.5"),
        (SizingRule(method="signal"), "1", "1"),
        (SizingRule(quantity=Decimal(9), max_qty=Decimal("2.05")), "2.05", "2"),
        (SizingRule(quantity=Decimal("0.05")), "0.05", "0"),
    ],
)
def test_a_sample_follows_the_routes_rule(rule: SizingRule, asked: str, rounded: str) -> None:
    """A size below the smallest order becomes nothing and is never lifted."""
    (row,) = _rows("EURUSD", sizing=rule, known=Known({A: {Symbol("EURUSD"): EUR_LISTING}}))
    assert row.sample is not None
    assert (row.sample.asked, row.sample.rounded) == (Decimal(asked), Decimal(rounded))


def test_a_sample_by_risk_needs_price_and_money() -> None:
    """1 % of 50,000 EUR with the stop 1 % away: 500 EUR over 1,004 EUR a lot."""
    rule = SizingRule(method="risk_percent", percent=Decimal(1))
    quote = Quote(VenueSymbol("EURUSD.pro"), Decimal("1.25"), Decimal("1.26"), NOW)
    known = Known({A: {Symbol("EURUSD"): EUR_LISTING}}, {A: {"EURUSD": quote}})
    (row,) = _rows("EURUSD", sizing=rule, known=known)
    assert row.sample is not None
    assert row.sample.asked is None
    known.bases[A] = Decimal(50_000)
    (row,) = _rows("EURUSD", sizing=rule, known=known)
    assert row.sample is not None
    assert (row.sample.asked, row.sample.rounded) == (Decimal("0.49800797"), Decimal("0.4"))
    assert row.sample.lost == Decimal("0.09800797")


def test_offline_needs_no_venue(bascule: Bascule) -> None:
    """By the reference table alone; an unknown name ends with 1 and says why."""
    bascule("init", "--yes")
    done = bascule("symbols", "check", "ES1!", "--offline", "--account", "futures", "--json")
    told = json.loads(done.out)
    assert (done.code, told["ok"]) == (0, True)
    assert {row["account"] for row in told["symbols"]} == {"futures"}
    done = bascule("symbols", "check", "EURUSD", "nonsense", "--offline")
    assert done.code == 1
    assert "nonsense is not a known symbol" in done.out
    assert "EURUSD.pro" in done.out


def test_an_account_that_is_not_there_is_told(bascule: Bascule) -> None:
    """With the names of those that are."""
    bascule("init", "--yes")
    done = bascule("symbols", "check", "--offline", "--account", "nobody")
    assert done.code == 2
    assert "fx_pro" in done.err


METATRADER = """Symbol;Digits;Contract size;Currency profit
EURUSD.pro;5;100 000;USD
GBPUSD.pro;5;1000;USD
USDJPY.pro;3;100000;USD
NAS100.pro;1;1;USD
EURGBP;5;100000;GBP
#AAPL;2;1;USD
"""


def test_a_list_becomes_a_map_that_gives_our_names_back() -> None:
    """Common suffix, overrides for the rest; an odd currency or an unknown name is not mapped."""
    proposal = propose(read_records(METATRADER), NOW)
    written = tomllib.loads(as_toml("my account", proposal))["accounts"]["my account"]["symbols"]
    symbols = SymbolMap(**written)
    assert symbols == SymbolMap(
        suffix=".pro", overrides={"EURGBP": "EURGBP", "US100": "NAS100.pro"}
    )
    for ours in ("EURUSD", "GBPUSD", "EURGBP", "US100"):
        assert own_name(symbols.venue_symbol(ours), symbols) == ours
    assert proposal.mapped == 4
    assert [one.partition(":")[0] for one in proposal.unknown] == ["USDJPY.pro", "#AAPL"]
    assert [one.partition(":")[0] for one in proposal.differs] == ["GBPUSD.pro"]


def test_two_records_for_one_name_are_left_to_a_person() -> None:
    """The one that needs no override stays; the other is listed with the reason."""
    proposal = propose([Record("XAUUSD"), Record("EURUSD"), Record("GOLD")], NOW)
    assert proposal.symbols == SymbolMap()
    assert proposal.mapped == 2
    assert proposal.unknown == ("GOLD: it would be XAUUSD, as XAUUSD would",)


def test_records_as_bascule_writes_them_are_read() -> None:
    """JSON with a listing's fields: the venue's name counts, and a continuous one is none."""
    rows = [{"symbol": "X", "venue_symbol": "ESZ6", "quote": "USD", "multiplier": "50"}]
    proposal = propose([*read_records(json.dumps(rows)), Record("ES1!")], NOW)
    assert proposal.symbols.overrides == {"ESZ2026": "ESZ6"}
    assert proposal.unknown == ("ES1!: no table and no alias has it",)


def test_a_hostile_name_cannot_leave_its_line() -> None:
    """Quotes and line ends in a venue's names stay inside the string or comment."""
    proposal = propose([Record('EURUSD."\n[x]'), Record("Ö\n[y]")], NOW)
    assert list(tomllib.loads(as_toml("a", proposal))) == ["accounts"]


@pytest.mark.parametrize("content", ["", "a;b\n1;2\n", "[1]", "{", '{"symbols": {}}'])
def test_a_file_without_symbols_is_told(content: str) -> None:
    """It is an error of usage, never a traceback or an empty map."""
    with pytest.raises(UsageError):
        read_records(content)


def test_import_prints_and_changes_nothing(bascule: Bascule, tmp_path: Path) -> None:
    """UTF-16, as MetaTrader exports, is read; the configuration stays as it was."""
    bascule("init", "--yes")
    before = (tmp_path / "bascule.toml").read_bytes()
    (tmp_path / "symbols.csv").write_text(METATRADER, encoding="utf-16")
    done = bascule("symbols", "import", "symbols.csv", "--account", "fx_pro")
    assert done.code == 0
    assert 'suffix = ".pro"' in done.out
    assert "4 symbols are mapped, 2 are not" in done.err
    assert (tmp_path / "bascule.toml").read_bytes() == before
    assert bascule("symbols", "import", "gone.csv", "--account", "fx_pro").code == 2
