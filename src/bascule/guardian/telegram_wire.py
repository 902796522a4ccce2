"""Telegram's Bot API as far as it is needed: updates in, messages out. The token is in no error."""

from typing import Any

import aiohttp
import msgspec
from msgspec import Struct

API = "https://api.telegram.org"
POLL_S = 50
_SLACK_S = 10.0
_SEND_S = 10.0
_WAIT_MAX_S = 60.0


class Chat(Struct, frozen=True):
    """Where a message was written; a private chat has its person's own number."""

    id: int
    type: str = ""


class Message(Struct, frozen=True):
    """A message; ``date`` is when it was written, in UTC seconds, by Telegram's clock."""

    date: int
    chat: Chat
    text: str = ""


class Update(Struct, frozen=True):
    """Something that happened; of no concern unless it is a message."""

    update_id: int
    message: Message | None = None


class _Parameters(Struct, frozen=True):
    retry_after: int = 0


class _Answer(Struct, frozen=True):
    ok: bool
    result: msgspec.Raw = msgspec.Raw(b"null")
    error_code: int = 0
    parameters: _Parameters = _Parameters()


class TelegramError(Exception):
    """The Bot API could not be used. ``wait_s`` is how long it asks to be left alone.

    ``status`` is its HTTP status, 0 where there was no answer.
    """

    def __init__(self, status: int, wait_s: float = 0.0) -> None:
        super().__init__(f"status {status}")
        self.status = status
        self.wait_s = wait_s


class Wire:
    """One bot's connection. Use it as an asynchronous context."""

    def __init__(self, token: str, api: str = API) -> None:
        self._root = f"{api}/bot{token}"
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "Wire":
        """Begin."""
        self._session = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        """End."""
        if self._session is not None:
            await self._session.close()

    async def updates(self, offset: int | None, poll_s: int = POLL_S) -> list[Update]:
        """Wait for updates from ``offset`` on; those before it are told as done.

        Raises:
            TelegramError: there was no answer, or a refusal.
        """
        asked: dict[str, Any] = {"timeout": poll_s, "allowed_updates": ["message"]}
        if offset is not None:
            asked["offset"] = offset
        found = await self._call("getUpdates", asked, poll_s + _SLACK_S)
        try:
            return msgspec.json.decode(found, type=list[Update])
        except msgspec.DecodeError:
            raise TelegramError(0) from None

    async def send(self, chat: int, text: str) -> None:
        """Send plain text.

        Raises:
            TelegramError: it was not taken.
        """
        asked = {"chat_id": chat, "text": text, "disable_web_page_preview": True}
        await self._call("sendMessage", asked, _SEND_S)

    async def drop_webhook(self) -> None:
        """End a webhook that somebody set for this bot: with one, no update can be asked for.

        Raises:
            TelegramError: it was not taken.
        """
        await self._call("deleteWebhook", {}, _SEND_S)

    async def _call(self, method: str, asked: dict[str, Any], timeout_s: float) -> bytes:
        assert self._session is not None, "use it as a context"
        try:
            async with self._session.post(
                f"{self._root}/{method}",
                json=asked,
                timeout=aiohttp.ClientTimeout(total=timeout_s),
                allow_redirects=False,
            ) as response:
                status, body = response.status, await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError):
            # The original names the URL, and the URL holds the token.
            raise TelegramError(0) from None
        try:
            answer = msgspec.json.decode(body, type=_Answer)
        except msgspec.DecodeError:
            raise TelegramError(status) from None
        if not answer.ok:
            wait = min(float(answer.parameters.retry_after), _WAIT_MAX_S)
            raise TelegramError(answer.error_code or status, wait)
        return bytes(answer.result)
