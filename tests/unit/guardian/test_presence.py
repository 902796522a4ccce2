"""Presence: asked for in the declared hours, told before it runs out, then a halt."""

from datetime import time
from pathlib import Path

import pytest

from bascule.guardian.presence import Hours, PresencePlan, PresenceWatch
from bascule.guardian.words import Command
from bascule.model.values import HOUR, MINUTE, SECOND, Instant
from bascule.reference.localtime import instant

from .faces_house import START, FakeGuardian, HandClock

PLAN = PresencePlan(accounts=("alpha",), every_ns=60 * MINUTE, warn_ns=5 * MINUTE)


def watch(folder: Path, plan: PresencePlan = PLAN) -> tuple[PresenceWatch, FakeGuardian, HandClock]:
    """Give a watch over a guardian of two accounts."""
    clock = HandClock()
    guardian = FakeGuardian(folder, clock)
    return PresenceWatch(guardian, plan, clock), guardian, clock


def did(guardian: FakeGuardian) -> list[tuple[str, str]]:
    """Give what the guardian was asked for."""
    return [(one.action, one.scope) for one in guardian.commands]


def told(guardian: FakeGuardian) -> list[str]:
    """Give the kinds of what people were told."""
    return [code for _, code, _ in guardian.told]


async def test_first_people_are_told_then_attended_accounts_are_halted(tmp_path: Path) -> None:
    """Once each; the account that is not attended goes on."""
    one, guardian, clock = watch(tmp_path)
    clock.add(54 * 60)
    await one.look()
    assert told(guardian) == [] and one.is_present()
    clock.add(60)
    for _ in range(3):
        await one.look()
    assert told(guardian) == ["presence_due"] and did(guardian) == []
    clock.add(5 * 60)
    for _ in range(3):
        await one.look()
    assert told(guardian) == ["presence_due", "presence_missed"]
    assert did(guardian) == [("halt", "account:alpha")] and not one.is_present()


async def test_confirming_in_time_starts_the_clock_anew(tmp_path: Path) -> None:
    """Nothing is halted as long as somebody is there."""
    one, guardian, clock = watch(tmp_path)
    for _ in range(5):
        clock.add(56 * 60)
        await one.look()
        one.confirm("page")
        await one.look()
    assert did(guardian) == []
    assert told(guardian) == ["presence_due", "presence_back"] * 5


async def test_presence_afterwards_lifts_nothing(tmp_path: Path) -> None:
    """The halt stays until somebody arms."""
    one, guardian, clock = watch(tmp_path)
    clock.add(61 * 60)
    await one.look()
    one.confirm("telegram 7")
    assert one.is_present() and "account:alpha" in guardian.stops
    assert "Still halted until armed: alpha" in guardian.told[-1][2]


async def test_arming_proves_presence(tmp_path: Path) -> None:
    """Whoever typed the account's name is there, so it is not halted again at once."""
    one, guardian, clock = watch(tmp_path)
    clock.add(61 * 60)
    await one.look()
    await guardian.command(Command(action="arm", scope="account:alpha", via="cli"))
    await one.look()
    assert one.is_present() and "account:alpha" not in guardian.stops
    clock.add(61 * 60)
    await one.look()
    assert did(guardian)[-1] == ("halt", "account:alpha")


async def test_a_word_that_was_held_up_counts_from_when_it_was_given(tmp_path: Path) -> None:
    """An older word than the last one changes nothing."""
    one, _, clock = watch(tmp_path)
    clock.add(3600 * 5)
    one.confirm("a", Instant(clock.now() - 50 * MINUTE))
    due = one.due()
    assert due and due.until == clock.now() + 10 * MINUTE
    one.confirm("b", Instant(clock.now() - 55 * MINUTE))
    assert one.due() == due


async def test_a_restart_remembers_who_was_there(tmp_path: Path) -> None:
    """A guardian that is started anew believes the last word for the rest of its time."""
    one, guardian, clock = watch(tmp_path)
    clock.add(600)
    one.confirm("page")
    again = PresenceWatch(guardian, PLAN, clock)
    due = again.due()
    assert due and due.until == clock.now() + HOUR


async def test_outside_of_the_hours_nobody_is_asked(tmp_path: Path) -> None:
    """The clock begins with the hours, not with the evening before."""
    hours = Hours(start=time(9), end=time(17), days=("fri",), zone="Europe/Prague")
    plan = PresencePlan(accounts=("alpha",), every_ns=HOUR, warn_ns=MINUTE, hours=hours)
    one, guardian, clock = watch(tmp_path, plan)
    friday = instant_of("2027-01-15", 9)
    assert friday == START  # 08:00 UTC on a Friday is nine in Prague
    clock.at = friday - SECOND
    assert one.due() is None and one.is_present()
    clock.at = friday
    due = one.due()
    assert due and due.until == friday + HOUR
    clock.at = instant_of("2027-01-15", 17)
    await one.look()
    assert one.due() is None and did(guardian) == []


def instant_of(day: str, hour: int) -> Instant:
    """Give an hour of a day in Prague."""
    from datetime import date

    return instant(date.fromisoformat(day), time(hour), "Europe/Prague")


@pytest.mark.parametrize(("hour", "inside"), [(21, False), (22, True), (23, True)])
def test_hours_may_go_over_midnight(hour: int, inside: bool) -> None:
    """They belong to the day on which they begin."""
    hours = Hours(start=time(22), end=time(4), days=("fri",), zone="Europe/Prague")
    assert (hours.opened(instant_of("2027-01-15", hour)) is not None) is inside
    assert hours.opened(instant_of("2027-01-16", 3)) == instant_of("2027-01-15", 22)
    assert hours.opened(instant_of("2027-01-15", 3)) is None
