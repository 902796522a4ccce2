from bascule.risk.programmes.kinds.inactivity import answer


def test_days_without_a_trade_are_whole_days() -> None:
    """Seven days after the last trade, also across a change of the clocks; then it is too late."""
    asked = {"last_trade": "2026-03-27T15:00:00Z", "rule": {"days": 7, "warn_days": 2}}
    told = answer({**asked, "now": "2026-04-01T15:00:00Z"}, [])
    assert told == {"expires": "2026-04-03T15:00:00Z", "warn": "2026-04-01T15:00:00Z",
                    "expired": False, "warning": True}  # fmt: skip
