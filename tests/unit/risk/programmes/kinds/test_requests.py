from typing import Any

from bascule.risk.programmes.kinds.requests import answer

RESET = {"time": "00:00", "tz": "Europe/Prague"}


def sends(*counts: tuple[str, int, str], **given: Any) -> dict[str, object]:
    """Send requests, each (time, number, kind), under a cap of 2,000."""
    listed = [{"t": t, "n": n, "kind": kind} for t, n, kind in counts]
    return answer({"cap": 2000, "reset": RESET, "sends": listed, **given}, [])


def test_what_is_kept_is_for_closing() -> None:
    """Ordinary traffic stops at 1,900; a close goes on to 2,000, and a refused one counts not."""
    told = sends(
        ("2026-01-12T10:00:00Z", 1900, "open"),
        ("2026-01-12T10:01:00Z", 1, "modify"),
        ("2026-01-12T10:02:00Z", 100, "close"),
        ("2026-01-12T10:03:00Z", 1, "stop"),
        reserve=100,
    )
    assert told == {"used_after": 2000, "allowed": [True, False, True, False]}


def test_a_day_ends_on_the_rules_clock() -> None:
    """The count goes on until midnight in Prague, an hour before that of UTC in winter."""
    before = ("2026-01-12T22:59:59Z", 5, "")
    assert sends(before, ("2026-01-12T22:59:59Z", 5, ""))["used_after"] == 10
    assert sends(before, ("2026-01-12T23:00:00Z", 5, ""))["used_after"] == 5
