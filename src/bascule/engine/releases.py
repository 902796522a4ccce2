"""Keeps the calendar of news releases fresh, off the hot path.

What could not be read leaves the last reading in place, which then grows stale: the checks that ask
for a calendar see its age, and the fault.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

from bascule.config.firm import NewsSettings
from bascule.engine.clock import Clock
from bascule.execution.turn import Settings
from bascule.model.values import MINUTE, Instant
from bascule.reference.releases import Calendar, CalendarError, News, calendar

log = structlog.get_logger("bascule.engine")

SIZE_MAX = 10_000_000
"""Bytes of a calendar; a year of releases has some 500,000."""
TIMEOUT_S = 30
RETRY_NS = 5 * MINUTE
"""After a reading that failed."""

Fetch = Callable[[str], Awaitable[bytes]]


class CalendarReader:
    """Reads a calendar now and again into ``settings.news``."""

    def __init__(
        self, source: NewsSettings, settings: Settings, clock: Clock, fetch: Fetch | None = None
    ) -> None:
        self._source = source
        self._settings = settings
        self._clock = clock
        self._fetch = fetch
        settings.news = News(None, source.impact, source.max_age)

    async def run(self) -> None:
        """Read, wait, and read again; ends when it is canceled."""
        while True:
            good = await self.read()
            await self._clock.sleep(self._source.refresh if good else RETRY_NS)

    async def read(self) -> bool:
        """Read once, and tell whether it could be."""
        found, fault = await releases(self._source, self._clock.now, self._fetch)
        known = self._settings.news
        kept = found or (known.calendar if known is not None else None)
        self._settings.news = News(kept, self._source.impact, self._source.max_age, fault)
        if fault:
            log.warning("calendar_unread", text=fault, kept=kept is not None)
        elif found is not None:
            log.info("calendar_read", releases=len(found.releases))
        return not fault


async def releases(
    source: NewsSettings, now: Callable[[], Instant], fetch: Fetch | None = None
) -> tuple[Calendar | None, str]:
    """Read a calendar once; gives it, or None and what is wrong with it."""
    try:
        content = await (fetch or fetched)(source.source)
        return calendar(content.decode("utf-8"), now(), source.format, source.zone), ""
    except CalendarError as error:
        return None, f"it cannot be read: {error}"
    except OSError as error:
        return None, f"it cannot be reached: {error.strerror or error}"
    except UnicodeDecodeError as error:
        return None, f"it is not UTF-8 text (byte {error.start})"


async def fetched(source: str) -> bytes:
    """Give the content of a file or of an ``https`` address, up to ``SIZE_MAX`` bytes.

    Raises:
        OSError: the file cannot be read, or the address does not answer as it should.
        CalendarError: there is too much of it.
    """
    if not source.startswith("https://"):
        return await asyncio.to_thread(_read, Path(source))
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(source, max_redirects=3, raise_for_status=True) as response,
        ):
            if response.url.scheme != "https":
                raise CalendarError("its address leads to one that is not encrypted")
            content = b""
            async for part in response.content.iter_chunked(65_536):
                content = _bounded(content + part)
            return content
    except aiohttp.ClientError as error:
        raise OSError(f"{type(error).__name__}: {error}") from error


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return _bounded(file.read(SIZE_MAX + 1))


def _bounded(content: bytes) -> bytes:
    if len(content) > SIZE_MAX:
        raise CalendarError(f"it is larger than {SIZE_MAX} bytes")
    return content
