"""The same client for code without a loop: each call waits for its answer.

A thread of its own runs the loop, so it also works in a notebook, which has a loop already.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from bascule.client.aio import AsyncClient
from bascule.client.told import Event

P = ParamSpec("P")
R = TypeVar("R")


def _waiting(
    method: Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate["Client", P], R]:
    """Turn a method of the async client into one that waits."""

    @wraps(method)
    def call(self: "Client", *args: P.args, **kwargs: P.kwargs) -> R:
        return self._run(method(self._client, *args, **kwargs))

    return call


class Client:
    """A strategy's way into Bascule. `AsyncClient` tells the arguments and every method.

    `disconnect` it, or use it in a ``with``: it has a thread and a connection of its own.
    """

    def __init__(
        self,
        url: str = "",
        *,
        strategy: str = "",
        token: str = "",
        operator_token: str = "",
        token_file: str = "",
        operator_token_file: str = "",
        patience_s: float = 10.0,
    ) -> None:
        self._client = AsyncClient(
            url,
            strategy=strategy,
            token=token,
            operator_token=operator_token,
            token_file=token_file,
            operator_token_file=operator_token_file,
            patience_s=patience_s,
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="bascule-client", daemon=True
        )
        self._thread.start()

    place = _waiting(AsyncClient.place)
    target = _waiting(AsyncClient.target)
    close = _waiting(AsyncClient.close)
    cancel = _waiting(AsyncClient.cancel)
    modify = _waiting(AsyncClient.modify)
    protect = _waiting(AsyncClient.protect)
    flatten = _waiting(AsyncClient.flatten)
    account = _waiting(AsyncClient.account)
    positions = _waiting(AsyncClient.positions)
    orders = _waiting(AsyncClient.orders)
    quotes = _waiting(AsyncClient.quotes)
    explain = _waiting(AsyncClient.explain)

    def events(self, *, after: int | None = None, kinds: str = "") -> Iterator[Event]:
        """Follow the journal; see `AsyncClient.events`."""
        stream = self._client.events(after=after, kinds=kinds)
        try:
            while (event := self._run(_next(stream))) is not None:
                yield event
        finally:
            if not self._loop.is_closed():
                self._run(stream.aclose())

    def disconnect(self) -> None:
        """Let go of the connection and the thread. May be called again."""
        if self._loop.is_closed():
            return
        self._run(self._client.disconnect())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.disconnect()

    def __repr__(self) -> str:
        return repr(self._client).replace("AsyncClient", "Client", 1)

    def _run(self, work: Coroutine[Any, Any, R]) -> R:
        waited = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return waited.result()
        except BaseException:
            waited.cancel()  # Ctrl-C: what was under way must not go on behind the caller's back
            raise


async def _next(stream: AsyncIterator[Event]) -> Event | None:
    return await anext(stream, None)
