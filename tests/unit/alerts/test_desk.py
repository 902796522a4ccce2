"""What is sent when: repeats, bursts, digests, and critical alerts that no channel took."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from bascule.alerts.alert import Alert, AlertPlan, Severity
from bascule.alerts.desk import RETRIES, WAITING_MAX, Desk
from bascule.alerts.kinds import alert

PLAN = AlertPlan(per_minute=3)
WINDOW = 300.0


def made(name: str = "order_filled", key: str = "", subject: str = "main", **more: object) -> Alert:
    """Make an alert."""
    return alert(name, subject, "text", key=key, **more)  # type: ignore[arg-type]


def drained(desk: Desk, now: float) -> list[str]:
    """Take everything that is to be sent now."""
    out = []
    while message := desk.take(now):
        out.append(message.alert.name)
    return out


def test_the_same_again_within_the_window_is_counted_and_told_in_a_digest() -> None:
    """Three times in five minutes: one message, and one digest that says twice more."""
    desk = Desk(PLAN)
    for now in (0.0, 1.0, 2.0):
        desk.put(made(key="same"), now)
    assert drained(desk, 2.0) == ["order_filled"]
    assert desk.due_in(2.0) == WINDOW - 1.0
    digest = desk.take(1.0 + WINDOW)
    assert digest and digest.alert.name == "held_back"
    assert "2 x main: order filled" in digest.alert.text
    desk.put(made(key="same"), 1.0 + WINDOW)
    assert drained(desk, 1.0 + WINDOW) == ["order_filled"]


def test_what_is_over_may_be_told_again_at_once() -> None:
    """Halt, arm, halt: all three."""
    desk = Desk(AlertPlan())
    halted = made("halted")
    for one in (halted, made("armed", clears=(halted.key,)), halted):
        desk.put(one, 0.0)
    assert sorted(drained(desk, 0.0)) == ["armed", "halted", "halted"]


def test_more_than_the_cap_goes_into_one_digest() -> None:
    """A storm of 50 fills is three messages and a digest with the other 47."""
    desk = Desk(PLAN)
    for number in range(50):
        desk.put(made(key=f"order {number}"), number / 10)
    assert drained(desk, 5.0) == ["order_filled"] * 3
    digest = desk.take(5.0 + WINDOW)
    assert digest and "47 x main: order filled" in digest.alert.text
    assert desk.take(1e6) is None


def test_critical_alerts_come_first_and_have_a_cap_of_their_own() -> None:
    """Fills cannot crowd out a halt, and a storm of halts is bounded too."""
    desk = Desk(PLAN)
    for number in range(9):
        desk.put(made(key=f"fill {number}"), 0.0)
    for number in range(9):
        desk.put(made("halted", key=f"halt {number}"), 0.0)
    assert drained(desk, 0.0) == ["halted"] * 3 + ["order_filled"] * 3
    digest = desk.take(WINDOW)
    assert digest and digest.alert.severity is Severity.WARNING
    assert "6 x main: halted" in digest.alert.text


def test_a_critical_alert_that_reached_nobody_is_tried_again_and_at_last_put_in_a_digest() -> None:
    """It is tried again with growing pauses, a bounded number of times, and never forgotten."""
    desk = Desk(PLAN)
    desk.put(made("halted"), 0.0)
    now, tries = 0.0, 0
    while (message := desk.take(now)) and message.alert.name == "halted":
        tries += 1
        desk.failed(message, now)
        due = desk.due_in(now)
        assert due is not None
        if tries <= len(RETRIES):
            assert due == RETRIES[tries - 1]
        now += due
    assert tries == len(RETRIES) + 1
    assert message is not None and "1 x main: halted" in message.alert.text


def test_a_digest_that_reached_nobody_keeps_its_counts() -> None:
    """After an outage of every channel the user still learns how much there was."""
    desk = Desk(PLAN)
    desk.put(made(), 0.0)
    first = desk.take(0.0)
    assert first is not None
    desk.failed(first, 0.0)
    assert desk.take(0.0) is None
    digest = desk.take(WINDOW)
    assert digest is not None
    desk.put(made(key="other"), WINDOW)
    desk.failed(digest, WINDOW)
    assert drained(desk, WINDOW) == ["order_filled"]
    again = desk.take(2 * WINDOW)
    assert again and again.alert.text == digest.alert.text


def test_muted_kinds_and_lesser_ones_are_dropped() -> None:
    """What the user does not want is not even counted."""
    desk = Desk(AlertPlan(mute=("halted",), minimum=Severity.WARNING))
    desk.put(made("halted"), 0.0)
    desk.put(made("order_filled"), 0.0)
    assert desk.take(0.0) is None and desk.due_in(0.0) is None


def test_a_slow_channel_lets_only_so_many_wait() -> None:
    """The queue has an end; what does not fit is counted."""
    desk = Desk(AlertPlan(per_minute=10_000))
    for number in range(WAITING_MAX + 5):
        desk.put(made(key=str(number)), 0.0)
    assert len(drained(desk, 0.0)) == WAITING_MAX
    digest = desk.take(WINDOW)
    assert digest and "5 x main" in digest.alert.text


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["put", "take", "fail", "wait"]),
            st.integers(0, 3),
            st.sampled_from(["order_filled", "halted"]),
        ),
        max_size=60,
    )
)
def test_every_alert_is_sent_or_counted(steps: list[tuple[str, int, str]]) -> None:
    """Whatever repeats, comes too fast or reaches nobody: nothing is lost, nothing told twice."""
    desk, now, put, told = Desk(PLAN), 0.0, 0, 0

    def take(*, fail: bool) -> None:
        nonlocal told
        message = desk.take(now)
        if message is None:
            return
        if fail:
            desk.failed(message, now)
        elif message.held:
            counted = re.findall(r"^(\d+) x ", message.alert.text, re.MULTILINE)
            told += sum(map(int, counted))
        else:
            told += 1

    for step, number, name in steps:
        if step == "put":
            desk.put(made(name, key=f"{name} {number}"), now)
            put += 1
        elif step == "wait":
            now += 7.0 * (number + 1) ** 3
        else:
            take(fail=step == "fail")
    while (due := desk.due_in(now)) is not None:
        now += due
        take(fail=False)
    assert told == put
