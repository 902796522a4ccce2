import asyncio
from typing import Any

from bascule.api.stream import STREAMED, Streams
from tests.waiting import PATIENCE_S, until

from .house import TOKEN, House, buy, scope_of


class Listener:
    """A client of the event stream, as ASGI sees it."""

    def __init__(self, api: House, url: str, *headers: tuple[bytes, bytes]) -> None:
        self.status = 0
        self._text = ""
        self._gone = asyncio.Event()
        self._news = asyncio.Event()
        scope = scope_of("GET", url, TOKEN, headers)
        self.task = asyncio.ensure_future(api.app(scope, self._receive, self._send))
        self._asked = False

    async def _receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self._text += message.get("body", b"").decode()
            if not message.get("more_body", False):
                self._gone.set()  # a server tells of a whole answer as it does of a hang-up
        self._news.set()

    def events(self) -> list[tuple[int, str]]:
        """Give (id, kind) of every whole message so far."""
        found = []
        for block in self._text.replace("\r\n", "\n").split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
            if "event" in fields:
                found.append((int(fields["id"]), fields["event"]))
        return found

    async def until(self, kind: str, count: int = 1) -> list[tuple[int, str]]:
        """Wait until so many events of a kind have come."""
        async with asyncio.timeout(PATIENCE_S):
            while sum(one == kind for _, one in self.events()) < count:
                self._news.clear()
                await self._news.wait()
        return self.events()

    async def leave(self) -> None:
        """Hang up, and wait until the server has noticed."""
        self._gone.set()
        async with asyncio.timeout(PATIENCE_S):
            await self.task


async def test_events_come_as_they_become_durable(api: House) -> None:
    """A listener from now on hears the order, its fill, and their place in the journal."""
    listener = Listener(api, "/v1/events")
    await until(lambda: listener.status, "the listener to be heard")
    await api.signal(buy())
    heard = await listener.until("order_filled", 2)
    kinds = [kind for _, kind in heard]
    assert kinds.index("signal_accepted") < kinds.index("order_requested")
    assert kinds.count("order_requested") == 2
    assert [seq for seq, _ in heard] == sorted(seq for seq, _ in heard)
    await listener.leave()


async def test_a_listener_goes_on_after_its_last_id(api: House) -> None:
    """With ``Last-Event-ID`` nothing is missed and nothing comes twice."""
    await api.signal(buy())
    every = Listener(api, "/v1/events?after=0")
    heard = await every.until("order_filled", 2)
    await every.leave()
    middle = len(heard) // 2
    last = str(heard[middle - 1][0]).encode()
    again = Listener(api, "/v1/events", (b"last-event-id", last))
    assert await again.until("order_filled") == heard[middle:]
    await again.leave()


async def test_a_place_that_the_journal_does_not_have_is_now(api: House) -> None:
    """A listener may know more of the journal than a restored backup has.

    Before, it heard nothing until the new journal was as long as the old one.
    """
    listener = Listener(api, "/v1/events", (b"last-event-id", b"900000"))
    await until(lambda: listener.status, "the listener to be heard")
    await api.signal(buy())
    await listener.until("order_filled", 2)
    await listener.leave()


async def test_kinds_can_be_chosen(api: House) -> None:
    """A listener hears the kinds it asked for, or all, and by default no bookkeeping."""
    await api.signal(buy())
    only = Listener(api, "/v1/events?after=0&kinds=order_filled")
    assert {kind for _, kind in await only.until("order_filled", 2)} == {"order_filled"}
    await only.leave()
    every = Listener(api, "/v1/events?after=0&kinds=all")
    heard = {kind for _, kind in await every.until("order_filled", 2)}
    assert "engine_started" in heard - STREAMED
    await every.leave()


async def test_a_listener_that_left_is_forgotten(api: House) -> None:
    """Its room is free again, and so is its follower of the engine."""
    listener = Listener(api, "/v1/events?after=0")
    await listener.until("link_changed")
    assert len(api.served.streams._open) == 1
    await listener.leave()
    assert len(api.served.streams._open) == 0
    assert api.runtime.owner._followers == []


async def test_streams_end_with_the_engine_and_are_no_more_served(api: House) -> None:
    """Closing ends those that are open at once; a new one is refused with a code."""
    listener = Listener(api, "/v1/events?after=0")
    await listener.until("link_changed")
    streams: Streams = api.served.streams
    streams.close()
    async with asyncio.timeout(PATIENCE_S):
        await listener.task
    answer = await api.call("GET", "/v1/events")
    assert (answer.status, answer.json()["code"]) == (409, "too_many_streams")
