"""Faults, manifests and trading hours."""

import random
from collections.abc import Mapping

import pytest

from bascule.model.enums import InstrumentKind, OrdType
from bascule.model.errors import ConfigError, UsageError
from bascule.model.values import HOUR, MINUTE, SECOND, Instant
from bascule.venues.kit import manifest
from bascule.venues.kit.faults import Fault, Faults
from bascule.venues.kit.terms import TradingHours, next_time_of_day
from tests.unit.venues.house import START

KNOWN: Mapping[str, str] = {"a": "breaks a", "b": "breaks b"}


def faults() -> Faults:
    """Two known faults and a seeded generator."""
    return Faults(KNOWN, random.Random(1))


def strikes(board: Faults, calls: int, login: str = "") -> list[bool]:
    """Give for each of several calls whether fault a fired."""
    return [board.fires("a", login) is not None for _ in range(calls)]


def test_a_fault_that_is_not_armed_never_fires() -> None:
    """Nothing goes wrong by itself."""
    assert strikes(faults(), 3) == [False, False, False]


def test_armed_disarmed_and_all_disarmed() -> None:
    """An armed fault fires at every call until it is disarmed."""
    board = faults()
    board.arm(Fault(name="a"))
    board.arm(Fault(name="b"))
    assert strikes(board, 2) == [True, True]
    board.disarm("a")
    assert strikes(board, 1) == [False]
    assert board.fires("b") is not None
    board.disarm()
    assert board.armed() == ()


def test_nth_fires_once_and_times_fires_so_often() -> None:
    """The counts are those since arming; arming anew begins anew."""
    board = faults()
    board.arm(Fault(name="a", nth=2))
    assert strikes(board, 4) == [False, True, False, False]
    (state,) = board.armed()
    assert (state.calls, state.fired) == (4, 1)
    board.arm(Fault(name="a", times=2))
    assert strikes(board, 4) == [True, True, False, False]


def test_probability_is_that_of_a_call_and_repeats_with_the_seed() -> None:
    """Half is about half, and the same seed gives the same calls."""
    runs = []
    for _ in range(2):
        board = faults()
        board.arm(Fault(name="a", probability=0.5))
        runs.append(strikes(board, 200))
    assert runs[0] == runs[1]
    assert 70 < sum(runs[0]) < 130


def test_login_narrows_a_fault() -> None:
    """Calls of other logins neither fire nor count."""
    board = faults()
    board.arm(Fault(name="a", login="P1", nth=1))
    assert strikes(board, 1, "P2") == [False]
    assert strikes(board, 1, "P1") == [True]


@pytest.mark.parametrize(
    "fault",
    [
        Fault(name="zzz"),
        Fault(name="a", probability=1.5),
        Fault(name="a", share=0),
        Fault(name="a", seconds=-1),
    ],
)
def test_faults_that_make_no_sense_are_refused(fault: Fault) -> None:
    """An unknown name lists the known ones; numbers have their ranges."""
    with pytest.raises(UsageError, match="fault"):
        faults().arm(fault)


# --- hours ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shift", "is_open"),
    [
        ("always", 0, True),
        ("never", 0, False),
        ("mon 08:00-08:01", 0, True),
        ("mon 08:00-08:01", MINUTE, False),
        ("tue-fri 00:00-24:00", 0, False),
        ("tue-fri 00:00-24:00", 16 * HOUR, True),
        ("sun 22:00-24:00, mon-fri 00:00-21:00", 0, True),
        ("sun 22:00-24:00, mon-fri 00:00-21:00", 6 * 24 * HOUR, False),
        ("sun 22:00-24:00, mon-fri 00:00-21:00", 6 * 24 * HOUR + 14 * HOUR, True),
    ],
)
def test_hours_are_utc_windows_of_a_week(text: str, shift: int, is_open: bool) -> None:
    """START is a Monday, 08:00 UTC; a window's end is outside it."""
    assert TradingHours.parse(text).open_at(Instant(START + shift)) is is_open


@pytest.mark.parametrize(
    "text", ["", "mon", "mon 9-17", "fri-mon 08:00-09:00", "mon 10:00-09:00", "mon 08:00-25:00"]
)
def test_hours_that_cannot_be_read_are_refused(text: str) -> None:
    """The message shows what may be written."""
    with pytest.raises(ConfigError, match="windows such as"):
        TradingHours.parse(text)


def test_next_time_of_day_is_always_later() -> None:
    """At the very moment, the next is tomorrow's."""
    assert next_time_of_day("08:00", START) == START + 24 * HOUR
    assert next_time_of_day("08:00", Instant(START - SECOND)) == START


# --- manifests ------------------------------------------------------------------------------------

SMALL = """
[venue]
id = "x"
name = "X"
transport = "smoke signals"
api_docs_checked = 2026-11-21

[capabilities.order]
market = { support = "native" }
limit = { support = "emulated" }
stop = { support = "unverified" }

[capabilities.time_in_force]
gtc = { support = "native" }

[capabilities.kind]
fx = { support = "native" }
option = { support = "absent" }

[capabilities.protection]
bracket = { support = "emulated" }

[capabilities.safety]
replace = { support = "absent" }

[capabilities.client_order_id]
support = "native"
max_length = 12
unique_for = "session"

[capabilities.absence_proof]
by = "never"

[limits]
submit_timeout_s = 2.5
"""


def test_only_what_is_native_is_a_capability() -> None:
    """Emulated, absent and unverified things are none."""
    native = manifest.parse(SMALL).capabilities_native()
    assert native.ord_types == (OrdType.MARKET,)
    assert native.kinds == (InstrumentKind.FX,)
    assert not (native.native_bracket or native.native_trailing or native.replace)
    assert (native.client_order_id_max, native.absence_proof) == (12, "never")
    assert native.submit_timeout_ns == 2_500_000_000


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"native"', '"yes"'),
        ("market =", "telepathy ="),
        ("[limits]", "[limit]"),
        ("max_length = 12", ""),
        ('by = "never"', 'by = "hope"'),
        ("[venue]", "[venue"),
    ],
)
def test_manifests_that_are_wrong_are_refused(old: str, new: str) -> None:
    """A word that is not one of the four, an unknown key, a missing key: each is an error."""
    with pytest.raises(ConfigError):
        manifest.parse(SMALL.replace(old, new))


def test_a_folder_without_a_manifest_is_named() -> None:
    """The message says which folder."""
    with pytest.raises(ConfigError, match=r"bascule\.model has no"):
        manifest.load("bascule.model")
