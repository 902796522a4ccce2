from decimal import Decimal
from typing import Any

import pytest

from bascule.risk.programmes.replay import answer_scenario

PRAGUE = {"time": "00:00", "tz": "Europe/Prague"}
CHICAGO = {"time": "17:00", "tz": "America/Chicago"}


def daily(**changes: Any) -> dict[str, Any]:
    """Make a daily rule: 5% of the start, from the balance, at midnight in Prague."""
    rule = {
        "limit": {"pct": 5, "of": "initial"},
        "reference": "balance",
        "measured_on": "equity",
        "trigger": "below",
        "on_breach": "fail",
        "reset": PRAGUE,
    }
    return {**rule, **changes}


def whole(kind: str = "static", **changes: Any) -> dict[str, Any]:
    """Make a maximum loss: 10% of the start, without a lock."""
    rule = {
        "limit": {"pct": 10, "of": "initial"},
        "kind": kind,
        "measured_on": "equity",
        "trigger": "below",
        "on_breach": "fail",
        "lock": None,
    }
    return {**rule, **changes}


def replay(
    *events: tuple[str, str, dict[str, Any]],
    start: str = "2026-01-12T08:00:00Z",
    initial: int = 100_000,
    **rules: Any,
) -> dict[str, Any]:
    """Replay events, each (time, type, fields)."""
    return answer_scenario(
        {
            "start": start,
            "account": {"currency": "USD", "initial": initial},
            "rules": rules,
            "events": [{"t": t, "type": kind, **fields} for t, kind, fields in events],
        }
    )


NIGHT = (
    ("2026-01-12T10:00:00Z", "close", {"gross": "2000"}),
    ("2026-01-12T22:00:00Z", "mark", {"float": "1500"}),
    ("2026-01-13T08:00:00Z", "mark", {"float": "1500"}),
)
VARIANTS = [
    ("balance", "initial", "102000.00", "97000.00"),
    ("balance", "reference", "102000.00", "96900.00"),
    ("higher", "initial", "103500.00", "98500.00"),
    ("higher", "reference", "103500.00", "98325.00"),
    ("unknown", "unknown", "103500.00", "98500.00"),
    ("equity", "initial", "103500.00", "98500.00"),
    ("initial", "initial", "100000.00", "95000.00"),
]


@pytest.mark.parametrize(("reference", "of", "measured", "floor"), VARIANTS)
def test_each_reference_sets_its_own_floor(
    reference: str, of: str, measured: str, floor: str
) -> None:
    """A day that began at balance 102,000 and equity 103,500 is measured as each firm measures."""
    rule = daily(reference=reference, limit={"pct": 5, "of": of})
    final = replay(*NIGHT, daily_loss=rule)["final"]
    assert (final["daily_reference"], final["daily_floor"]) == (measured, floor)


def test_a_floating_loss_narrows_the_day_only_where_balance_counts() -> None:
    """Balance 102,000 and equity 99,000 at the reset leave 2,000 or 5,000."""
    events = (NIGHT[0], ("2026-01-12T22:00:00Z", "mark", {"float": "-3000"}),
              ("2026-01-13T08:00:00Z", "mark", {"float": "-3000"}))  # fmt: skip
    left = {
        reference: replay(*events, daily_loss=daily(reference=reference))["final"][
            "daily_remaining"
        ]
        for reference in ("balance", "higher", "equity")
    }
    assert left == {"balance": "2000.00", "higher": "2000.00", "equity": "5000.00"}


@pytest.mark.parametrize(
    ("trail", "floor"),
    [
        ({"on": "equity", "when": "intraday"}, "48375.00"),
        ({"on": "balance", "when": "intraday"}, "47600.00"),
        ({"on": "unknown", "when": "unknown"}, "48375.00"),
    ],
)
def test_an_intraday_trail_follows_what_it_is_told_to(trail: dict[str, str], floor: str) -> None:
    """A float of 875 that is closed at 100 raises the floor by what the firm looks at."""
    events = (("2026-01-12T15:00:00Z", "mark", {"float": "875"}),
              ("2026-01-12T16:00:00Z", "close", {"gross": "100"}))  # fmt: skip
    rule = whole("trailing", limit={"amount": 2500}, trail=trail)
    final = replay(*events, initial=50_000, max_loss=rule)["final"]
    assert final["max_loss_floor"] == floor


@pytest.mark.parametrize(("on", "floor"), [("balance", "48000.00"), ("equity", "49500.00")])
def test_an_end_of_day_trail_moves_at_the_close_alone(on: str, floor: str) -> None:
    """The floor stays through the session and moves with the state just before the close."""
    trail = {"on": on, "when": "eod", "eod": CHICAGO}
    events = (("2026-01-12T15:00:00Z", "mark", {"float": "3000"}),
              ("2026-01-12T16:00:00Z", "close", {"gross": "500", "float": "1500"}),
              ("2026-01-12T22:59:59Z", "mark", {"float": "1500"}),
              ("2026-01-12T23:00:00Z", "mark", {"float": "1500"}))  # fmt: skip
    rule = whole("trailing", limit={"amount": 2500}, trail=trail)
    told = replay(*events, initial=50_000, max_loss=rule)
    assert [one["max_loss_floor"] for one in told["trace"]][:3] == ["47500.00"] * 3
    assert told["final"]["max_loss_floor"] == floor


def test_a_lock_holds_the_floor_for_good() -> None:
    """6% trailing on 100,000 stops at the start once the high is 106,000."""
    rule = whole("trailing", limit={"pct": 6, "of": "initial"}, lock={"initial_plus": 0},
                 trail={"on": "balance", "when": "intraday"})  # fmt: skip
    events = (("2026-01-12T15:00:00Z", "close", {"gross": "9000"}),
              ("2026-01-12T16:00:00Z", "close", {"gross": "-5000"}))  # fmt: skip
    assert replay(*events, max_loss=rule)["final"]["max_loss_floor"] == "100000.00"


def test_the_published_one_step_example() -> None:
    """Closes at 104,000 and 103,000 give floors of 90,000, 94,000 and 94,000."""
    rule = whole("trailing", trail={"on": "balance", "when": "eod", "eod": PRAGUE})
    events = (("2026-01-12T15:00:00Z", "close", {"gross": "4000"}),
              ("2026-01-13T15:00:00Z", "close", {"gross": "-1000"}),
              ("2026-01-14T15:00:00Z", "mark", {"float": "0"}))  # fmt: skip
    floors = [one["max_loss_floor"] for one in replay(*events, max_loss=rule)["trace"]]
    assert floors == ["90000.00", "94000.00", "94000.00"]


def test_a_pause_ends_with_the_reset_and_spares_nobody_from_the_floor() -> None:
    """A soft limit holds the day, is told once, and the maximum loss still fails the account."""
    rules = {"daily_loss": daily(on_breach="pause"), "max_loss": whole()}
    events = (("2026-01-12T10:00:00Z", "close", {"gross": "-5001"}),
              ("2026-01-12T11:00:00Z", "mark", {"float": "-100"}))  # fmt: skip
    held = replay(*events, **rules)
    assert (held["breach"], held["final"]["daily_paused"]) == (None, True)
    assert held["soft_breaches"] == [
        {"rules": ["daily_loss"], "at": "event", "i": 0, "t": "2026-01-12T10:00:00Z",
         "equity": "94999.00", "floors": {"daily_loss": "95000.00"}}
    ]  # fmt: skip
    over = replay(*events, ("2026-01-13T09:00:00Z", "mark", {"float": "0"}), **rules)
    assert over["final"]["daily_paused"] is False
    failed = replay(*events, ("2026-01-12T12:00:00Z", "mark", {"float": "-5000"}), **rules)
    assert failed["breach"]["rules"] == ["max_loss"]


@pytest.mark.parametrize(
    ("tz", "at", "is_new"),
    [
        ("Europe/Prague", "2026-01-12T22:59:59Z", False),
        ("Europe/Prague", "2026-01-12T23:00:00Z", True),
        ("Europe/Prague", "2026-07-12T22:00:00Z", True),
        ("Europe/Prague", "2026-07-12T21:59:59Z", False),
        ("Etc/GMT-3", "2026-01-12T21:00:00Z", True),
        ("Etc/GMT-2", "2026-07-12T21:59:59Z", False),
        ("UTC", "2026-07-12T23:59:59Z", False),
    ],
)
def test_a_day_ends_on_the_wall_of_its_zone(tz: str, at: str, is_new: bool) -> None:
    """An event exactly on the reset belongs to the new day, in winter and in summer."""
    day = at[:10]
    rule = daily(reset={"time": "00:00", "tz": tz})
    events = ((f"{day}T10:00:00Z", "close", {"gross": "1000"}), (at, "mark", {"float": "0"}))
    final = replay(*events, start=f"{day}T08:00:00Z", daily_loss=rule)["final"]
    assert (final["daily_reference"] == "101000.00") is is_new


def test_a_server_whose_calendar_nobody_states_keeps_both_floors() -> None:
    """Between two candidate resets the higher floor holds, and after both the higher of theirs."""
    rule = daily(reset={"time": "00:00", "tz": "server_gmt2_gmt3"})
    # 2026-03-10: New York is on summer time and closes at 21:00 UTC, Athens' midnight is 22:00.
    loss = (("2026-03-10T10:00:00Z", "close", {"gross": "-2000"}),
            ("2026-03-10T21:30:00Z", "mark", {"float": "-2900"}),
            ("2026-03-10T22:30:00Z", "mark", {"float": "-2900"}))  # fmt: skip
    told = replay(*loss, start="2026-03-10T08:00:00Z", daily_loss=rule)
    assert [one["daily_floor"] for one in told["trace"]] == ["95000.00", "95000.00", "93000.00"]


@pytest.mark.parametrize(
    ("treatment", "floor", "room"),
    [("keep", "90000.00", "12000.00"), ("shift", "80000.00", "22000.00")],
)
def test_a_payout_leaves_or_moves_the_floor(treatment: str, floor: str, room: str) -> None:
    """At 112,000 a payout of 10,000 leaves 12,000 of room, or 22,000 where the floor goes along."""
    events = (("2026-01-12T10:00:00Z", "close", {"gross": "12000"}),
              ("2026-01-13T10:00:00Z", "cashflow", {"kind": "payout", "amount": "-10000"}),
              )  # fmt: skip
    flow = {"daily_reference": "keep", "max_loss_floor": treatment}
    final = replay(*events, max_loss=whole(), cashflow=flow)["final"]
    assert (final["max_loss_floor"], final["max_loss_remaining"]) == (floor, room)


def test_an_unstated_treatment_is_the_stricter_one() -> None:
    """Cash out leaves the floors where they are, cash in raises them."""
    rules = {"daily_loss": daily(), "max_loss": whole()}
    out = replay(("2026-01-12T10:00:00Z", "cashflow", {"kind": "withdrawal", "amount": "-1000"}),
                 **rules)["final"]  # fmt: skip
    assert (out["daily_reference"], out["max_loss_floor"]) == ("100000.00", "90000.00")
    into = replay(("2026-01-12T10:00:00Z", "cashflow", {"kind": "deposit", "amount": "1000"}),
                  **rules)["final"]  # fmt: skip
    assert (into["daily_reference"], into["max_loss_floor"]) == ("101000.00", "91000.00")


def test_a_floor_fixed_by_a_payout_moves_no_more() -> None:
    """After the first payout neither a new high nor another payout moves the floor."""
    rule = whole("trailing", limit={"amount": 2000}, trail={"on": "equity", "when": "intraday"})
    events = (("2026-01-12T10:00:00Z", "close", {"gross": "4000"}),
              ("2026-01-12T11:00:00Z", "cashflow", {"kind": "payout", "amount": "-1000"}),
              ("2026-01-12T12:00:00Z", "mark", {"float": "9000"}),
              ("2026-01-12T13:00:00Z", "cashflow", {"kind": "payout", "amount": "-500"}),
              )  # fmt: skip
    flow = {"max_loss_floor": "set_initial"}
    final = replay(*events, initial=50_000, max_loss=rule, cashflow=flow)["final"]
    assert final["max_loss_floor"] == "50000.00"


def test_what_is_compared_is_never_rounded() -> None:
    """A floor that is met only in the printed figure is not met."""
    rule = daily(trigger="at_or_below")
    event = ("2026-01-12T10:00:00Z", "mark",
             {"float": "-5000.02", "ccy": "EUR", "fx": "0.9999999",
              "state_after": {"balance": "100000.00", "equity": "95000.00"}})  # fmt: skip
    near = replay(("2026-01-12T10:00:00Z", "mark", {"float": "-4999.996"}), daily_loss=rule)
    assert (near["breach"], near["final"]["equity"]) == (None, "95000.00")
    assert replay(event, daily_loss=rule)["breach"] is not None


def test_a_missing_rate_is_never_one() -> None:
    """A loss in another currency without its rate refuses the scenario."""
    from bascule.model.errors import UsageError

    with pytest.raises(UsageError, match="missing rate"):
        replay(("2026-01-12T10:00:00Z", "mark", {"float": "-1", "ccy": "EUR"}), daily_loss=daily())


def test_a_guard_acts_once_until_the_reset() -> None:
    """Blocking and flattening are told in their order, each once a day, then anew."""
    events = (("2026-01-12T10:00:00Z", "mark", {"float": "-4600"}),
              ("2026-01-12T11:00:00Z", "mark", {"float": "-4700"}),
              ("2026-01-13T09:00:00Z", "mark", {"float": "-3800"}))  # fmt: skip
    guard = {"flatten_at_used_pct": 90, "block_at_used_pct": "75"}
    told = replay(*events, daily_loss=daily(reference="equity"), guard=guard)["guard"]
    assert [(one["action"], one["at"]) for one in told] == [
        ("block", "event"),
        ("flatten", "event"),
    ]
    again = replay(*events, daily_loss=daily(), guard=guard)["guard"]
    assert [(one["action"], one["at"], one["used"]) for one in again] == [
        ("block", "event", "4600.00"),
        ("flatten", "event", "4600.00"),
        ("block", "reset", "4700.00"),
        ("flatten", "reset", "4700.00"),
    ]


def test_a_balance_rule_looks_at_closed_results_alone() -> None:
    """Where only balance is measured, an open loss below the floor breaks nothing."""
    rule = daily(measured_on="balance")
    told = replay(("2026-01-12T10:00:00Z", "mark", {"float": "-6000"}), daily_loss=rule)
    assert (told["breach"], told["final"]["daily_remaining"]) == (None, "-1000.00")


def test_a_restart_forgets_nothing() -> None:
    """A high-water mark of before the restart holds after it."""
    rule = whole("trailing", limit={"amount": 2500}, trail={"on": "equity", "when": "intraday"})
    events = (("2026-01-12T10:00:00Z", "mark", {"float": "2000"}),
              ("2026-01-12T11:00:00Z", "restart", {}),
              ("2026-01-12T12:00:00Z", "mark", {"float": "0"}))  # fmt: skip
    final = replay(*events, initial=50_000, max_loss=rule)["final"]
    assert (Decimal(final["max_loss_floor"]), final["max_loss_remaining"]) == (49_500, "500.00")


def test_a_close_of_which_nobody_knows_the_hour_is_every_moment() -> None:
    """An end-of-day trail without a clock raises the floor at once."""
    rule = whole("trailing", limit={"amount": 2500}, trail={"on": "balance", "when": "eod"})
    events = (("2026-01-12T15:00:00Z", "close", {"gross": "1000"}),)
    final = replay(*events, initial=50_000, max_loss=rule)["final"]
    assert final["max_loss_floor"] == "48500.00"
