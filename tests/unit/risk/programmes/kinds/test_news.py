from typing import Any

import pytest

from bascule.risk.programmes.kinds.news import answer, currencies_of

RULE = {"before_s": 120, "after_s": 120, "scope": "open_or_close", "targets": []}


def ask(action: str, t: str, symbol: str = "EURUSD", **given: Any) -> dict[str, object]:
    """Ask about an action beside the US release of 12:30."""
    rule = {**RULE, **given.pop("rule", {})}
    asked = {"release": f"{DAY}12:30:00Z", "currency": "USD", "rule": rule, "action": action,
             "symbol": symbol, "t": DAY + t}  # fmt: skip
    return answer({**asked, **given}, [])


DAY = "2026-04-03T"
WINDOW = [("12:27:59Z", False), ("12:28:00Z", True), ("12:32:00Z", True), ("12:32:01Z", False)]


@pytest.mark.parametrize(("t", "broken"), WINDOW)
def test_both_ends_of_the_window_are_inside(t: str, broken: bool) -> None:
    """Two minutes each side, to the second."""
    assert ask("open", t)["violation"] is broken


SCOPES = [
    ("open", "open", True),
    ("open", "close", False),
    ("open", "stop_fill", False),
    ("open", "place_order", True),
    ("open", "place_stop", False),
    ("open", "pending_fill", True),
    ("open_or_close", "close", True),
    ("open_or_close", "stop_fill", True),
    ("open_or_close", "take_profit_filled", True),
    ("open_or_close", "hold", False),
    ("open_or_close", "modify_stop", False),
    ("flat", "hold", True),
    ("no_bracket_orders", "place_bracket", True),
    ("no_bracket_orders", "open", False),
    ("profit_removed", "close", False),
]


@pytest.mark.parametrize(("scope", "action", "broken"), SCOPES)
def test_a_scope_forbids_what_it_names(scope: str, action: str, broken: bool) -> None:
    """A stop or target that fills closes; holding breaks only a rule to be flat."""
    assert ask(action, "12:30:00Z", rule={"scope": scope})["violation"] is broken


def test_struck_profit_is_no_breach() -> None:
    """Where profit is removed the trade is told as struck, not as a violation."""
    told = ask("close", "12:30:00Z", rule={"effect": "profit_removed"})
    assert told == {"violation": False, "profit_removed": True}


SYMBOLS = [
    ("EURGBP", False),
    ("XAUUSD", True),
    ("US500", True),
    ("ESZ2026", True),
    ("6E", True),
    ("GER40", False),
    ("EURUSD.pro", True),
    ("SOMETHING", True),
]


@pytest.mark.parametrize(("symbol", "broken"), SYMBOLS)
def test_a_release_touches_the_symbols_of_its_currency(symbol: str, broken: bool) -> None:
    """Gold and US indices belong to the dollar; what nobody knows is touched."""
    assert ask("open", "12:30:00Z", symbol)["violation"] is broken


def test_targets_narrow_the_rule() -> None:
    """A list of instruments, of currencies or of releases spares the others."""
    at = "12:30:00Z"
    assert ask("open", at, rule={"targets": ["XAUUSD"]})["violation"] is False
    assert ask("open", at, rule={"targets": ["EUR"]})["violation"] is False
    assert ask("open", at, rule={"targets": ["USD"]})["violation"] is True
    assert ask("open", at, rule={"targets": ["NFP", "CPI"]}, event="NFP")["violation"] is True
    assert ask("open", at, rule={"targets": ["FOMC"]}, event="NFP")["violation"] is False


def test_overlapping_windows_are_one() -> None:
    """Releases within each other's windows give one span."""
    told = ask("open", "12:33:00Z", release=None, releases=[f"{DAY}12:30:00Z", f"{DAY}12:33:00Z"])
    assert told["windows"] == [[f"{DAY}12:28:00Z", f"{DAY}12:35:00Z"]]


def test_currencies_of_futures_on_currencies_are_two() -> None:
    """A euro future moves with releases of both sides."""
    assert currencies_of("6EH2027") == {"EUR", "USD"}
