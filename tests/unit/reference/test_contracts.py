from datetime import date, time
from decimal import Decimal

import pytest

from bascule.model.enums import InstrumentKind
from bascule.model.values import Instant
from bascule.reference import instruments, products, session_names
from bascule.reference.localtime import instant, local

NOON = time(12)


def at(day: str, zone: str = "America/Chicago") -> Instant:
    """Noon of a day."""
    return instant(date.fromisoformat(day), NOON, zone)


TICK_VALUES = {
    "ES": "12.5",
    "MES": "1.25",
    "NQ": "5",
    "MNQ": "0.5",
    "YM": "5",
    "RTY": "5",
    "CL": "10",
    "GC": "10",
    "MGC": "1",
    "6E": "6.25",
    "6J": "6.25",
    "ZB": "31.25",
    "ZN": "15.625",
}


@pytest.mark.parametrize(("root", "value"), TICK_VALUES.items())
def test_tick_value_of_common_futures(root: str, value: str) -> None:
    """Tick times multiplier is the tick value that the exchange publishes."""
    product = products()[root]
    assert product.tick_size * product.multiplier == Decimal(value)


FRONTS = [
    ("ES", "2026-11-21", "ESZ2026"),
    ("ES", "2026-12-11", "ESZ2026"),
    ("ES", "2026-12-14", "ESH2027"),  # Monday of the week of expiry
    ("6E", "2026-12-10", "6EZ2026"),
    ("6E", "2026-12-11", "6EH2027"),
    ("ZN", "2026-11-24", "ZNZ2026"),
    ("ZN", "2026-11-25", "ZNH2027"),  # two business days before first notice
    ("GC", "2026-11-30", "GCG2027"),  # F is thin and not in the cycle
    ("CL", "2026-12-11", "CLF2027"),
    ("CL", "2026-12-14", "CLG2027"),
]


@pytest.mark.parametrize(("root", "day", "symbol"), FRONTS)
def test_front_month_by_the_roll_rule(root: str, day: str, symbol: str) -> None:
    """The front month changes the stated number of business days before expiry or notice."""
    front = products()[root].front(at(day))
    assert front is not None
    assert front.symbol == symbol


def test_roll_takes_effect_with_the_trade_date() -> None:
    """The roll waits for 17:00 Chicago on the evening that opens the roll day's session."""
    es = products()["ES"]
    rolls = es.by_symbol["ESZ2026"].rolls
    assert f"{local(rolls, 'America/Chicago'):%a %Y-%m-%d %H:%M}" == "Sun 2026-12-13 17:00"
    assert es.front(Instant(rolls - 1)) is es.by_symbol["ESZ2026"]
    assert es.front(rolls) is es.by_symbol["ESH2027"]


def test_front_is_none_past_the_table() -> None:
    """Where the holiday table ends no front month is invented."""
    assert products()["ES"].front(at("2032-06-01")) is None


def test_delivery_contracts_roll_before_first_notice() -> None:
    """Nothing that settles by delivery is still the front month on its first notice day."""
    every = [one for product in products().values() for one in product.contracts.values()]
    notices = [(one, one.notice) for one in every if one.notice is not None]
    assert 0 < len(notices) < len(every)
    for contract in every:
        assert contract.rolls < contract.expires, contract.symbol
    for contract, notice in notices:
        assert contract.rolls < notice, contract.symbol


def test_a_contract_is_an_instrument() -> None:
    """A contract carries tick, multiplier, currency, session and expiry as an instrument."""
    instrument = products()["FDXM"].by_symbol["FDXMZ2026"].instrument
    assert instrument.kind is InstrumentKind.FUTURE
    assert (instrument.quote, instrument.root, instrument.session) == ("EUR", "FDXM", "eurex")
    assert (instrument.tick_size, instrument.multiplier) == (Decimal(1), Decimal(5))
    expiry = local(instrument.expiry or Instant(0), "Europe/Berlin")
    assert f"{expiry:%Y-%m-%d %H:%M}" == "2026-12-18 13:00"


def test_tables_name_only_sessions_that_exist() -> None:
    """Every instrument and product has hours, and every number of the table is positive."""
    names = session_names()
    for instrument in instruments().values():
        assert instrument.session in names, instrument.symbol
        assert min(instrument.tick_size, instrument.multiplier, instrument.lot_step) > 0
    for product in products().values():
        assert product.session in names, product.root
        assert min(product.tick_size, product.multiplier) > 0


def test_the_table_holds_the_28_pairs() -> None:
    """Every pair of the eight major currencies is there once."""
    pairs = {s for s, i in instruments().items() if i.kind is InstrumentKind.FX}
    majors = ("EUR", "GBP", "AUD", "NZD", "USD", "CAD", "CHF", "JPY")
    assert len(pairs) == 28
    assert {frozenset((s[:3], s[3:])) for s in pairs} == {
        frozenset((a, b)) for a in majors for b in majors if a != b
    }
    assert all(i.tick_size * 10 == i.pip_size for s, i in instruments().items() if s in pairs)


def test_sources_and_doubts_are_kept() -> None:
    """The table says where a figure is from, and which are from memory."""
    assert products()["ES"].source == "LEAN symbol-properties"
    assert products()["6A"].source.endswith("verify")
