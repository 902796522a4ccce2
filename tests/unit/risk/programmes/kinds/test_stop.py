import pytest

from bascule.risk.programmes.kinds.stop import answer

ORDER = {"initial": "100000", "max_risk_pct": "2", "pip_value_per_lot": "10", "stop_pips": "50",
         "lot_step": "0.01"}  # fmt: skip


@pytest.mark.parametrize(("lots", "allowed"), [("4.00", True), ("4.01", False)])
def test_risk_at_the_stop_is_capped(lots: str, allowed: bool) -> None:
    """2% of 100,000 is four lots at 50 pips, exactly that included."""
    told = answer({**ORDER, "order_lots": lots}, [])
    assert (told["allowed"], told["max_lots"]) == (allowed, "4.00")


def test_without_a_stop_nothing_fits() -> None:
    """A position without one may lose anything."""
    assert answer({**ORDER, "stop_pips": None, "order_lots": "0.01"}, [])["allowed"] is False


@pytest.mark.parametrize(
    ("stop_set", "ok"),
    [("2026-01-12T10:03:00Z", True), ("2026-01-12T10:03:01Z", False), (None, False)],
)
def test_a_stop_must_come_in_time(stop_set: str | None, ok: bool) -> None:
    """Three minutes after the entry, to the second."""
    asked = {"rule": {"within_s": 180}, "opened": "2026-01-12T10:00:00Z", "stop_set": stop_set}
    told = answer(asked, [])
    assert (told["ok"], told["deadline"]) == (ok, "2026-01-12T10:03:00Z")
