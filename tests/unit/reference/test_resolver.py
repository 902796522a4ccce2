from datetime import date, time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bascule.model.account import SymbolMap
from bascule.model.enums import InstrumentKind
from bascule.model.ids import Symbol
from bascule.model.instrument import Instrument
from bascule.model.values import DAY, Currency, Instant
from bascule.reference import Refusal, Resolution, Resolver, own_name, products, resolve
from bascule.reference.localtime import instant

NOW = instant(date(2026, 11, 21), time(12), "UTC")
JANUARY = instant(date(2026, 1, 5), time(12), "UTC")

NAMES = {
    "EURUSD": "EURUSD",
    "OANDA:EURUSD": "EURUSD",
    "FX:EURUSD": "EURUSD",
    "EUR/USD": "EURUSD",
    "eur_usd": "EURUSD",
    " eurusd ": "EURUSD",
    "GOLD": "XAUUSD",
    "NAS100": "US100",
    "BTCUSDT": "BTCUSDT",
    "ETH/USDT": "ETHUSDT",
    "BTCUSDT.P": "BTCUSDT.P",
    "BINANCE:BTCUSDT.P": "BTCUSDT.P",
    "ESM2026": "ESM2026",
    "CME_MINI:ESM2026": "ESM2026",
    "CME_MINI_DL:ESM2026": "ESM2026",
    "ESM6": "ESM2026",
    "ESM26": "ESM2026",
    "ES 06-26": "ESM2026",
    "ES JUN26": "ESM2026",
    "ES Jun26": "ESM2026",
    "ES1!": "ESH2026",
    "CME_MINI:ES1!": "ESH2026",
    "M2K1!": "M2KH2026",
    "10Y1!": "10YF2026",
    "ICEEUR:ULS1!": "GG2026",
    "NQ!": "NQH2026",
    "@ES": "ESH2026",
    "/ES": "ESH2026",
    "ES=F": "ESH2026",
    "mes": "MESH2026",
}


@pytest.mark.parametrize(("name", "symbol"), NAMES.items())
def test_names_that_traders_use(name: str, symbol: str) -> None:
    """Chart names, contract codes and the explicit aliases stand for one instrument."""
    found = resolve(name, JANUARY)
    assert isinstance(found, Resolution), found
    assert found.instrument.symbol == symbol
    assert found.continuous is (name.endswith(("!", "@ES", "/ES", "=F")) or name == "mes")


REFUSED = {
    "EURUSD.pro": ("unknown_symbol", "EURUSD"),
    "EURUSDm": ("unknown_symbol", "EURUSD"),
    "ESM2025": ("expired_contract", "ESH2026"),
    "ESZ5": ("expired_contract", "ESH2026"),
    "ESM2016": ("expired_contract", "ESH2026"),
    "ESX6": ("not_listed", "ESH2026"),
    "ESZ2040": ("beyond_calendar", "ESH2026"),
    "ES2!": ("continuous_not_followed", "ES1!"),
    "GC": ("ambiguous_symbol", "GC1!"),
    "BTC": ("ambiguous_symbol", "BTCUSDT"),
    "DCE:I1!": ("unknown_symbol", "ICEEUR:I1!"),
    "MCX:SI1!": ("unknown_symbol", "COMEX:SI1!"),
    "QQQQ1!": ("unknown_symbol", None),
    "BTC-PERP": ("unknown_symbol", None),
    "": ("unknown_symbol", None),
    "X" * 65: ("unknown_symbol", None),
}


@pytest.mark.parametrize(("name", "code", "candidate"), [(n, *r) for n, r in REFUSED.items()])
def test_refusals_list_candidates(name: str, code: str, candidate: str | None) -> None:
    """What is expired, ambiguous or unknown is refused with candidates; none is picked."""
    found = resolve(name, JANUARY)
    assert isinstance(found, Refusal), found
    assert found.code == code
    assert candidate is None or candidate in found.candidates


def test_an_exit_on_a_continuous_name_goes_to_the_contract_held() -> None:
    """After the roll the held contract is meant by an exit, the front month by an entry."""
    rolled = Instant(products()["ES"].by_symbol["ESZ2026"].rolls + 1)
    entry = resolve("ES1!", rolled)
    leave = resolve("ES1!", rolled, held=("EURUSD", "ESZ2026"))
    assert isinstance(entry, Resolution)
    assert isinstance(leave, Resolution)
    assert entry.instrument.symbol == "ESH2027"
    assert leave.instrument.symbol == "ESZ2026"
    assert leave.front is entry.instrument
    assert leave.continuous


def test_held_contracts_of_other_roots_change_nothing() -> None:
    """A held MES is not the contract that ES1! means, nor is a held pair."""
    found = resolve("ES1!", NOW, held=("MESZ2026", "EURUSD"))
    assert isinstance(found, Resolution)
    assert found.instrument.symbol == "ESZ2026"


def test_two_held_contracts_are_ambiguous() -> None:
    """When two months are held the sender must name one."""
    found = resolve("ES1!", NOW, held=("ESZ2026", "ESH2027"))
    assert isinstance(found, Refusal)
    assert found.code == "ambiguous_symbol"
    assert found.candidates == ("ESZ2026", "ESH2027")


def test_a_held_contract_that_has_expired_is_refused() -> None:
    """A book that still holds an expired contract is not traded in another one."""
    found = resolve("ES1!", NOW, held=("ESU2026",))
    assert isinstance(found, Refusal)
    assert found.code == "expired_contract"


def test_a_kept_answer_ends_with_the_contract() -> None:
    """Asking again after expiry is refused, and asking about the past still answers."""
    resolver = Resolver()
    expires = products()["ES"].by_symbol["ESZ2026"].expires
    for _ in range(2):
        assert isinstance(resolver.resolve("ESZ6", Instant(expires - 1)), Resolution)
        assert isinstance(resolver.resolve("ESZ6", expires), Refusal)


@given(day=st.integers(0, 1_800), name=st.sampled_from(["ES1!", "CL1!", "ESZ6", "GC 02-27", "VX!"]))
def test_answers_do_not_depend_on_what_was_asked_before(day: int, name: str) -> None:
    """A resolver that was asked at other times answers as a fresh one does."""
    now = Instant(JANUARY + day * DAY)
    assert resolve(name, now) == Resolver().resolve(name, now)


def test_a_broker_spelling_needs_the_accounts_map() -> None:
    """Suffix, prefix and exact overrides are taken off only by an account's own map."""
    dotted = SymbolMap(suffix=".pro")
    found = resolve("EURUSD.pro", NOW, symbols=dotted)
    assert isinstance(found, Resolution)
    assert found.instrument.symbol == "EURUSD"
    assert own_name("mXAUUSD", SymbolMap(prefix="m")) == "XAUUSD"
    assert own_name("GOLD#", SymbolMap(overrides={"XAUUSD": "GOLD#"})) == "XAUUSD"
    assert own_name("EURUSD", dotted) == "EURUSD"


def test_a_continuous_name_is_itself_where_an_override_leads_to_it() -> None:
    """An account that trades MES for a signal on US500 takes one on MES1! as well.

    Before, MES1! was read back into US500, which its venue does not list.
    """
    mapped = SymbolMap(overrides={"US500": "MES1!"})
    found = resolve("MES1!", NOW, symbols=mapped)
    assert isinstance(found, Resolution)
    assert found.instrument.root == "MES"


def test_users_instruments_and_aliases_win() -> None:
    """What the user adds is found first, also where the packaged table knows the name."""
    stock = Instrument(
        symbol=Symbol("ES"),
        kind=InstrumentKind.EQUITY,
        quote=Currency("USD"),
        tick_size=Decimal("0.01"),
        multiplier=Decimal(1),
    )
    resolver = Resolver([stock], {"MINI": "ES1!"})
    found = resolver.resolve("ES", NOW)
    assert isinstance(found, Resolution)
    assert found.instrument is stock
    mini = resolver.resolve("MINI", NOW)
    assert isinstance(mini, Resolution)
    assert mini.instrument.symbol == "ESZ2026"


def test_the_memory_is_bounded() -> None:
    """Names from outside cannot fill the memory."""
    resolver = Resolver()
    for number in range(9_000):
        resolver.resolve(f"NAME{number}", NOW)
    assert len(resolver._kept) <= 4_096


def test_no_front_month_is_invented_past_the_table() -> None:
    """Where the holiday table ends a continuous name is refused."""
    found = resolve("ES1!", instant(date(2032, 6, 1), time(12), "UTC"))
    assert isinstance(found, Refusal)
    assert found.code == "beyond_calendar"
