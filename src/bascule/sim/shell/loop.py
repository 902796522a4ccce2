"""An event loop whose time jumps: when nothing is ready, the clock goes to the next timer.

It runs one callback at a time, so that a crash or a freeze can come between any two. Each callback
belongs to an actor (a process of the simulated world), named by a context variable that tasks,
timers and transports inherit: a whole process can be frozen, thawed or killed without any code of
its own running, as ``SIGSTOP`` and ``kill -9`` do. Sockets, threads and signals do not exist here.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any

ACTOR: ContextVar[str] = ContextVar("actor", default="")
"""Which process of the simulated world a callback belongs to; '' is the world itself."""
STEPS_MAX = 3_000_000
"""A world that runs more callbacks than this turns in circles."""


class Stuck(AssertionError):
    """Nothing will ever happen again, or it never ends."""


class VirtualLoop(asyncio.BaseEventLoop):
    """The loop. ``before_step`` is called before each callback of an actor, which it may stop."""

    _ready: deque[asyncio.Handle]
    _scheduled: list[asyncio.TimerHandle]
    _stopping: bool

    def __init__(self) -> None:
        super().__init__()
        self._time = 0.0
        self._frozen: dict[str, deque[asyncio.Handle]] = {}
        self.dead: set[str] = set()
        self._tasks_of: dict[str, list[asyncio.Task[Any]]] = {}
        self.set_task_factory(self._make_task)
        self.steps = 0
        self.before_step: Callable[[str], None] | None = None
        self.net: Any = None
        """Makes connections: a ``Network``."""

    # --- actors ---------------------------------------------------------------------------------

    def freeze(self, actor: str) -> None:
        """Stop an actor's callbacks; what becomes due meanwhile waits."""
        self._frozen.setdefault(actor, deque())

    def thaw(self, actor: str) -> None:
        """Let an actor go on where it stood."""
        self._ready.extend(self._frozen.pop(actor, ()))

    def kill(self, actor: str) -> None:
        """End an actor: nothing of it runs any more, not even its clean-up."""
        self.dead.add(actor)
        self._frozen.pop(actor, None)
        for task in self._tasks_of.pop(actor, ()):
            task._log_destroy_pending = False  # type: ignore[attr-defined]

    def is_frozen(self, actor: str) -> bool:
        """Tell whether an actor is frozen."""
        return actor in self._frozen

    def context_of(self, actor: str) -> Context:
        """Give a context in which everything belongs to an actor."""
        context = copy_context()
        context.run(ACTOR.set, actor)
        return context

    def spawn(
        self, coroutine: Coroutine[Any, Any, Any], context: Context | None = None
    ) -> "asyncio.Task[Any]":
        """Run something as a part of the calling actor, or of the one that a context names.

        The actor is its parent: it dies with that.
        """
        return self._make_task(self, coroutine, context)

    def _make_task(
        self, loop: asyncio.AbstractEventLoop, coro: Any, context: Context | None = None
    ) -> "asyncio.Task[Any]":
        task = asyncio.Task(coro, loop=loop, context=context)
        actor = ACTOR.get() if context is None else context.get(ACTOR, "")
        if actor:
            kept = self._tasks_of.setdefault(actor, [])
            if len(kept) > 500:
                kept[:] = [one for one in kept if not one.done()]
            kept.append(task)
        return task

    # --- what BaseEventLoop asks for ------------------------------------------------------------

    def time(self) -> float:
        """Give the virtual time in seconds."""
        return self._time

    def _process_events(self, event_list: object) -> None:
        """There are no file descriptors."""

    def _write_to_self(self) -> None:
        """Nobody sleeps in a system call."""

    def _run_once(self) -> None:
        ready, scheduled = self._ready, self._scheduled
        while scheduled and scheduled[0]._cancelled:
            heapq.heappop(scheduled)._scheduled = False  # type: ignore[attr-defined]
        if not ready:
            if not scheduled:
                if self._stopping:
                    return
                raise Stuck("nothing is ready and no timer is set")
            self._time = max(self._time, scheduled[0].when())
        while scheduled and scheduled[0].when() <= self._time:
            timer = heapq.heappop(scheduled)
            timer._scheduled = False  # type: ignore[attr-defined]
            ready.append(timer)
        if ready:
            self._step(ready.popleft())

    def _step(self, handle: asyncio.Handle) -> None:
        if handle._cancelled:
            return
        actor = handle._context.get(ACTOR, "")  # type: ignore[attr-defined]
        if actor:
            if actor in self.dead:
                return
            waiting = self._frozen.get(actor)
            if waiting is None and self.before_step is not None:
                self.before_step(actor)
                if actor in self.dead:
                    return
                waiting = self._frozen.get(actor)
            if waiting is not None:
                waiting.append(handle)
                return
        self.steps += 1
        if self.steps > STEPS_MAX:
            raise Stuck(f"more than {STEPS_MAX} callbacks")
        handle._run()

    async def create_connection(
        self, protocol_factory: Any, host: Any = None, port: Any = None, **_: Any
    ) -> Any:
        """Connect through the simulated network."""
        return await self.net.connect(protocol_factory, port)

    async def getaddrinfo(self, *_: Any, **__: Any) -> Any:
        """There are no names."""
        raise OSError("the simulated world has no names")
