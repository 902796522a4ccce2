"""Alerts and heartbeats over real sockets: a channel that works, fails, hangs, or was mistyped."""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import structlog.testing

from bascule.alerts.alert import Alert, AlertPlan
from bascule.alerts.channel import Channel, ThreadChannel, apprise_channel
from bascule.alerts.heartbeat import Heartbeat
from bascule.alerts.kinds import alert
from bascule.alerts.notifier import Notifier
from bascule.alerts.rules import Rules
from bascule.alerts.watch import Watch
from bascule.model import event as ev
from bascule.model.enums import StopMode
from bascule.model.errors import ConfigError
from bascule.model.ids import AccountId, ClOrdID
from bascule.model.values import SECOND, Instant
from tests.outside import Outside
from tests.unit.alerts.sink import Sink, sink
from tests.waiting import PATIENCE_S, until

HALTED = alert("halted", "main", "By anna: a test.")
PATH = "s3cretpath"


@asynccontextmanager
async def at_work(*channels: Channel, plan: AlertPlan | None = None) -> AsyncIterator[Notifier]:
    """Run a notifier beside the test."""
    notifier = Notifier(plan or AlertPlan(), channels)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(notifier.run())
        yield notifier
        running.cancel()


def channel(to: Sink, name: str = "first", timeout_s: float = PATIENCE_S) -> ThreadChannel:
    """Make a channel to a sink."""
    return apprise_channel(name, to.url(PATH), timeout_s)


def heart(url: str, well: Callable[[], Awaitable[bool]]) -> Heartbeat:
    """Make a heart that beats quickly, and waits for an answer as long as any."""
    made = Heartbeat("engine", url, 0.02, well)
    made._timeout_s = PATIENCE_S
    return made


async def test_an_alert_arrives_with_title_text_and_severity() -> None:
    """What the user set up is what is called."""
    async with sink() as one, at_work(channel(one)) as notifier:
        notifier.tell(HALTED)
        await one.until(1)
        await asyncio.sleep(0)
    assert one.paths == [f"/{PATH}"]
    (got,) = one.got
    assert (got["title"], got["message"], got["type"]) == ("main: halted", HALTED.text, "failure")


async def test_the_next_channel_takes_what_the_first_does_not() -> None:
    """A channel that answers 500 is passed over, and the log names it without its address."""
    with structlog.testing.capture_logs() as logs:
        async with sink() as bad, sink() as good:
            bad.status = 500
            async with at_work(channel(bad), channel(good, "second")) as notifier:
                notifier.tell(HALTED)
                await good.until(1)
    assert len(bad.paths) == 1 and len(good.got) == 1
    assert [one["channel"] for one in logs] == ["first"]
    assert PATH not in str(logs)


async def test_a_channel_that_hangs_is_left_and_holds_up_no_loop() -> None:
    """A server that takes the request and says nothing: after the time-out the next is called."""
    async with sink() as slow, sink() as good:
        slow.hang.clear()
        notifier = Notifier(AlertPlan(), [channel(slow, "slow", 0.3), channel(good, "second")])
        assert await notifier.send(HALTED)
        assert len(good.got) == 1
        # The sink is served by this very loop: it could take a request while the thread waited.
        await until(lambda: slow.paths, "the request that is not answered")
        assert len(slow.paths) == 1 and not slow.answered


async def test_a_call_that_never_ends_holds_one_thread_and_is_passed_over_at_once() -> None:
    """While the call is under way the channel fails without a wait; afterwards it works again."""
    free = threading.Event()
    calls = 0

    def deliver(given: Alert) -> bool:
        nonlocal calls
        calls += 1
        return free.wait(2 * PATIENCE_S)

    dead = ThreadChannel("dead", deliver, 0.1)
    assert not await dead.send(HALTED)
    await until(lambda: calls == 1, "the thread to call")
    dead._timeout_s = 2 * PATIENCE_S
    async with asyncio.timeout(PATIENCE_S):
        assert not await dead.send(HALTED)
        assert calls == 1
        free.set()
        while not await dead.send(HALTED):
            await asyncio.sleep(0.01)
    assert calls == 2


async def test_a_plugin_that_raises_is_a_failed_channel() -> None:
    """Whatever goes wrong in a plug-in, the next channel is tried."""

    def deliver(given: Alert) -> bool:
        raise ZeroDivisionError

    assert not await ThreadChannel("broken", deliver, 1.0).send(HALTED)


async def test_a_machine_without_a_thread_left_fails_the_channel_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is tried again like any failed one.

    Before, the alert was lost with the fault, and the channel counted as busy for good.
    """
    sent: list[Alert] = []
    short = ThreadChannel("short", lambda given: not sent.append(given), 1.0)

    def no_thread(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as without:
        without.setattr(threading.Thread, "start", no_thread)
        assert not await short.send(HALTED)
    assert await short.send(HALTED)
    assert sent == [HALTED]


async def test_a_critical_alert_goes_on_when_every_channel_fails_at_first() -> None:
    """The first pause is over, the channel is back, the alert arrives."""
    now = 0.0
    async with sink() as one:
        one.status = 503
        notifier = Notifier(AlertPlan(), [channel(one)], clock=lambda: now)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(notifier.run())
            notifier.tell(HALTED)
            await until(lambda: notifier._desk._retries, "the first failure")
            one.status, now = 200, 5.0
            notifier.tell(alert("test", "Bascule", "wakes it", key="wake"))
            await one.until(3)
            running.cancel()
    assert [got["title"] for got in one.got] == ["main: halted", "Bascule: test"]


async def test_without_channels_nothing_is_kept() -> None:
    """A user without alerts pays nothing for them."""
    notifier = Notifier(AlertPlan(), [])
    for _ in range(1_000):
        notifier.tell(HALTED)
    assert not await notifier.send(HALTED)


def test_an_address_that_apprise_does_not_know_is_told_by_its_name_only() -> None:
    """The value of the secret is in no error."""
    with pytest.raises(ConfigError) as caught:
        apprise_channel("alerts_phone", "nosuch:thing-with-a-token", 1.0)
    assert caught.value.code == "alert_address" and "alerts_phone" in caught.value.message
    assert "token" not in f"{caught.value.message}{caught.value.hint}"


async def test_a_failing_plugin_writes_its_address_into_no_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Apprise logs hosts and paths; none of it reaches our log, at any level."""
    caplog.set_level(logging.DEBUG)
    async with sink() as one:
        one.status = 500
        assert not await channel(one).send(HALTED)
    assert PATH not in caplog.text


async def test_events_are_told_in_their_own_task_and_a_broken_rule_ends_nothing() -> None:
    """The engine's turn only puts them aside; an event that cannot be worded is passed over."""

    def lookup(account: object, order: object) -> None:
        raise KeyError(account)

    kept: list[Alert] = []
    watch = Watch(Rules(AlertPlan(), lookup), kept.append, lambda: Instant(0))
    doubt = ev.OrderDoubted(
        at=Instant(0), account=AccountId("a"), cl_ord_id=ClOrdID("o"), cause="c"
    )
    stop = ev.StopSet(at=Instant(0), scope="all", mode=StopMode.HALT, by="anna", reason="r")
    with structlog.testing.capture_logs() as logs:
        watch.follow([doubt, stop])
        assert kept == []
        async with asyncio.TaskGroup() as group:
            running = group.create_task(watch.run())
            await until(lambda: kept, "the second event")
            running.cancel()
    assert [one.name for one in kept] == ["halted"]
    assert logs[0]["event"] == "alert_not_worded"


async def test_a_link_that_stays_down_is_told_by_the_clock() -> None:
    """No further event is needed."""
    kept: list[Alert] = []
    now = Instant(40 * SECOND)
    watch = Watch(Rules(AlertPlan(), lambda a, o: None), kept.append, lambda: now)
    watch.follow([ev.LinkChanged(at=Instant(0), account=AccountId("main"), up=False)])
    async with asyncio.TaskGroup() as group:
        running = group.create_task(watch.run())
        await until(lambda: kept, "the alert")
        running.cancel()
    assert [one.name for one in kept] == ["link_lost"]


async def test_heartbeats_go_on_while_all_is_well_and_stop_when_it_is_not() -> None:
    """A monitor hears silence when the journal has failed."""
    well, refused = True, 0

    async def asked() -> bool:
        nonlocal refused
        refused += not well
        return well

    async with sink() as one, asyncio.TaskGroup() as group:
        url = f"http://127.0.0.1:{one.port}/{PATH}"
        beating = group.create_task(heart(url, asked).run())
        await one.until(3)
        well = False
        await until(lambda: refused, "the beat that was on its way to be over")
        count = len(one.paths)
        await until(lambda: refused > 5, "five beats to be left out")
        assert len(one.paths) == count
        beating.cancel()


async def test_a_loop_that_stands_still_is_silent() -> None:
    """The monitor is outside, so it notices; when the loop turns again the beats go on."""
    heard: list[int] = []

    async def well() -> bool:
        if not heard and len(outside.beats) >= 2:  # between two beats: none is on its way
            heard.append(len(outside.beats))
            time.sleep(0.2)
            heard.append(len(outside.beats))
        return True

    with Outside() as outside:
        async with asyncio.TaskGroup() as group:
            beating = group.create_task(heart(f"http://{outside.host}/{PATH}", well).run())
            await until(lambda: heard, "the loop to have stood still")
            assert heard[0] == heard[1]
            await until(lambda: len(outside.beats) >= heard[1] + 2, "two more beats")
            beating.cancel()


async def test_a_monitor_that_refuses_is_logged_once_and_without_its_url() -> None:
    """One line when it begins to fail, one when it is taken again."""

    async def well() -> bool:
        return True

    with structlog.testing.capture_logs() as logs:
        async with sink() as one, asyncio.TaskGroup() as group:
            one.status = 404
            url = f"http://127.0.0.1:{one.port}/{PATH}"
            beating = group.create_task(heart(url, well).run())
            await one.until(3)
            one.status = 200
            await one.until(6)
            beating.cancel()
    assert [one["event"] for one in logs] == ["heartbeat_failed", "heartbeat_taken"]
    assert PATH not in str(logs)
