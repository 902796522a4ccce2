"""A channel: one apprise URL. A call runs in a thread of its own and is waited for only so long."""

import asyncio
import logging
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from bascule.alerts.alert import Alert, AlertPlan, Severity
from bascule.model.errors import ConfigError
from bascule.model.values import SECOND

_QUIET = ("apprise", "urllib3", "requests")
"""Loggers that may write a URL, and with it a token, into a log."""
_TYPES = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "failure"}
"""Apprise's words for how much a message matters."""


class Channel(Protocol):
    """Where an alert can be sent."""

    @property
    def name(self) -> str:
        """What the user calls it; it holds no secret."""

    async def send(self, given: Alert) -> bool:
        """Send, and tell whether it was taken. It never raises and it ends within its time-out."""


class ThreadChannel:
    """A channel whose way of delivery blocks, or may never end.

    A thread cannot be stopped, so a call that outlives its time-out is left to itself; until it
    ends, the channel counts as failed at once. So there is never more than one thread a channel.
    """

    def __init__(self, name: str, deliver: Callable[[Alert], bool], timeout_s: float) -> None:
        """``deliver`` is called in a thread; what it raises is a failure."""
        self.name = name
        self._deliver = deliver
        self._timeout_s = timeout_s
        self._busy = False

    async def send(self, given: Alert) -> bool:
        """Send in a thread."""
        if self._busy:
            return False
        self._busy = True
        loop = asyncio.get_running_loop()
        done: asyncio.Future[bool] = loop.create_future()

        def settle(sent: bool) -> None:
            if not done.done():
                done.set_result(sent)

        def work() -> None:
            try:
                sent = self._deliver(given)
            except Exception:  # a plug-in's own fault, of any kind, is a failed channel
                sent = False
            self._busy = False
            with suppress(RuntimeError):  # the loop was closed meanwhile
                loop.call_soon_threadsafe(settle, sent)

        # A daemon, so that a dead channel does not hold up the end of the process.
        try:
            threading.Thread(target=work, name=f"alert {self.name}", daemon=True).start()
        except RuntimeError:  # the machine has no thread left for it
            self._busy = False
            return False
        try:
            async with asyncio.timeout(self._timeout_s):
                return await done
        except TimeoutError:
            return False


def apprise_channel(name: str, url: str, timeout_s: float) -> ThreadChannel:
    """Make the channel of an apprise URL; this loads apprise, which takes a moment.

    Raises:
        ConfigError: apprise knows no such address. The message holds the name only.
    """
    service = _service(name, url, timeout_s)

    def deliver(given: Alert) -> bool:
        kind = _TYPES[given.severity]
        return bool(service.notify(body=given.text, title=given.title, notify_type=kind))

    return ThreadChannel(name, deliver, timeout_s)


def channels_of(plan: AlertPlan, resolve: Callable[[str], str]) -> tuple[ThreadChannel, ...]:
    """Make every channel that the user set up, in their order.

    Args:
        plan: names the secrets.
        resolve: gives a secret's value.

    Raises:
        ConfigError: apprise does not know an address.
        SecretError: a secret is missing.
    """
    timeout_s = plan.timeout_ns / SECOND
    return tuple(apprise_channel(name, resolve(name), timeout_s) for name in plan.channels)


def _service(name: str, url: str, timeout_s: float) -> Any:
    for quiet in _QUIET:
        logging.getLogger(quiet).setLevel(logging.CRITICAL + 1)
    with warnings.catch_warnings():
        # What its plug-ins import that is going out of use is its own affair.
        warnings.simplefilter("ignore", DeprecationWarning)
        import apprise

        service = apprise.Apprise.instantiate(url)
    if service is None:
        raise ConfigError(
            f"The secret {name!r} holds no address that apprise knows. No alert goes there.",
            code="alert_address",
            hint=f"Run `bascule secrets set {name}` with one such as ntfys://TOPIC; docs/alerts.md"
            " has more.",
        )
    service.socket_connect_timeout = service.socket_read_timeout = timeout_s
    return service
