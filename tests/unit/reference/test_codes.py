from datetime import date, time

import pytest

from bascule.model.values import DAY, Instant
from bascule.reference import (
    Contract,
    Refusal,
    contract_code,
    contract_fields,
    is_sure,
    parse_code,
    parse_fields,
    products,
    systems,
)
from bascule.reference.localtime import instant

NOW = instant(date(2026, 1, 5), time(12), "UTC")
LATER = instant(date(2026, 11, 21), time(12), "UTC")
EVERY = [
    contract
    for product in products().values()
    for contract in product.contracts.values()
    if contract.year >= 2025
]

ES_JUNE = {
    "tradingview": "CME_MINI:ESM2026",
    "globex": "ESM6",
    "rithmic": "ESM6",
    "tradovate": "ESM6",
    "databento": "ESM6",
    "ibkr": "ESM6",
    "traderspost": "ESM2026",
    "ninjatrader": "ES 06-26",
    "cqg": "EPM26",
    "projectx": "CON.F.US.EP.M26",
    "tradestation": "ESM26",
    "tt": "ES Jun26",
    "sierra": "ESM26-CME",
}


@pytest.mark.parametrize(("system", "code"), ES_JUNE.items())
def test_one_contract_in_every_system(system: str, code: str) -> None:
    """E-mini S&P June 2026 is written as each system writes it."""
    instrument = products()["ES"].by_symbol["ESM2026"].instrument
    assert contract_code(instrument, system) == code


OTHERS = [
    ("cqg", "F.US.EPM26", "ESM2026"),
    ("ninjatrader", "ES JUN26", "ESM2026"),
    ("ninjatrader", "ESM6", "ESM2026"),
    ("traderspost", "ESM26", "ESM2026"),
    ("sierra", "ESM26", "ESM2026"),
    ("tradingview", "ESM2026", "ESM2026"),
    ("projectx", "CON.F.US.MNQ.H26", "MNQH2026"),
    ("rithmic", "FDAX0626", "FDAXM2026"),
    ("rithmic", "BRN  FMM0026!", "BRNM2026"),
    ("globex", "M6EH6", "M6EH2026"),
    ("globex", "SR3H6", "SR3H2026"),
    ("globex", "10YH6", "10YH2026"),
    ("tradestation", "ECH26", "6EH2026"),
    ("tradingview", "ICEEUR:ULSH2026", "GH2026"),
]


@pytest.mark.parametrize(("system", "code", "symbol"), OTHERS)
def test_other_spellings_are_read(system: str, code: str, symbol: str) -> None:
    """A system's further spellings, and roots with digits, are read from the right."""
    found = parse_code(code, system, NOW)
    assert isinstance(found, Contract), found
    assert found.symbol == symbol


@pytest.mark.parametrize("system", systems())
def test_round_trip_of_every_contract(system: str) -> None:
    """Every contract of 2025 to 2031 reads back from its code, on its last day and years before."""
    for contract in EVERY:
        code = contract_code(contract.instrument, system)
        for now in (contract.expires - 1, contract.expires - 1_400 * DAY):
            assert parse_code(code, system, Instant(now)) is contract, (system, code)


@pytest.mark.parametrize("system", ["ibkr", "fix"])
def test_round_trip_of_every_contract_by_fields(system: str) -> None:
    """Every contract reads back from the fields of a system that has no single code."""
    for contract in EVERY:
        fields = contract_fields(contract.instrument, system)
        assert parse_fields(fields, system, Instant(contract.expires - 1)) is contract


def test_fields_are_in_the_systems_own_words() -> None:
    """Symbols, exchanges and quoting units follow the system, not our table."""
    silver = contract_fields(products()["SIL"].by_symbol["SILH2027"].instrument, "ibkr")
    assert silver == {
        "secType": "FUT",
        "symbol": "SI",
        "exchange": "COMEX",
        "currency": "USD",
        "lastTradeDateOrContractMonth": "202703",
        "localSymbol": "SILH7",
        "tradingClass": "SIL",
        "multiplier": "1000",
    }
    corn = contract_fields(products()["ZC"].by_symbol["ZCH2027"].instrument, "ibkr")
    assert corn["multiplier"] == "5000"
    fix = contract_fields(products()["ES"].by_symbol["ESM2026"].instrument, "fix")
    assert fix == {"55": "ES", "167": "FUT", "200": "202606", "207": "XCME"}


ONE_DIGIT = [
    ("ESZ6", "ESZ2026"),
    ("ESH7", "ESH2027"),
    ("ESH1", "ESH2031"),
    ("NQZ5", "expired_contract"),
    ("ESM6", "expired_contract"),
    ("ESH5", "expired_contract"),
    ("ESX6", "not_listed"),
    ("ESZ2035", "unknown_symbol"),
]


@pytest.mark.parametrize(("code", "meaning"), ONE_DIGIT)
def test_one_digit_years(code: str, meaning: str) -> None:
    """A one-digit year is the nearest contract that trades; one that has expired is refused."""
    found = parse_code(code, "globex", LATER)
    assert (found.symbol if isinstance(found, Contract) else found.code) == meaning


def test_a_quarter_that_outlives_its_year_is_not_lost() -> None:
    """SR3Z6 still trades in January 2027 and is not taken for 2036."""
    january = instant(date(2027, 1, 15), time(12), "UTC")
    found = parse_code("SR3Z6", "globex", january)
    assert isinstance(found, Contract)
    assert found.symbol == "SR3Z2026"


def test_a_refusal_names_what_trades_now() -> None:
    """An expired contract is refused with its date and the contract that trades."""
    found = parse_code("ESM6", "globex", LATER)
    assert isinstance(found, Refusal)
    assert "2026-06-18" in found.text
    assert found.candidates == ("ESZ2026", "ES1!")


@pytest.mark.parametrize("code", ["", "ES", "XXM6", "ES 13-26", "ES FOO26", "ESM", "M6"])
def test_what_is_no_code_is_refused(code: str) -> None:
    """Text that is no contract code of the system is refused, not guessed."""
    found = parse_code(code, "ninjatrader", NOW)
    assert isinstance(found, Refusal)
    assert found.code == "unknown_symbol"


def test_fields_that_name_nothing_are_refused() -> None:
    """A product or a month that does not exist is refused."""
    for fields in ({"55": "QQ", "200": "202606"}, {"55": "ES", "200": "202613"}):
        found = parse_fields(fields, "fix", NOW)
        assert isinstance(found, Refusal)
        assert found.code == "unknown_symbol"


def test_names_from_memory_are_marked() -> None:
    """A name that was not read on a public page says so; our own root is always sure."""
    assert is_sure("ES", "projectx")
    assert not is_sure("ZC", "projectx")
    assert is_sure("SIL", "ibkr")
    assert not is_sure("FESX", "ibkr")
    assert is_sure("ZC", "globex")
