"""The guardian's Telegram bot: it can stop, and it can never arm.

It asks for updates by long polling, so nothing listens. Only paired chats are answered, every
other one meets silence. An update is told as done after it was acted on: one that is lost comes
again, and one that comes again does what it did before, which for a stop is nothing new.
"""

import asyncio
import secrets
from collections.abc import Callable
from contextlib import suppress

import msgspec
import structlog
from msgspec import Struct

from bascule.config.clock import Clock
from bascule.config.handover import read_file, replace_file
from bascule.guardian.faces import Guarding
from bascule.guardian.page_html import covered
from bascule.guardian.pairing import Pairing
from bascule.guardian.telegram_wire import API, POLL_S, Message, TelegramError, Update, Wire
from bascule.guardian.words import AccountView, Action, Command
from bascule.model.values import DAY, MINUTE, SECOND, Instant

log = structlog.get_logger("bascule.guardian")

STALE_NS = 1 * MINUTE
"""A message that was written longer ago came late: a halt still acts, anything else asks anew."""
QUESTION_NS = 1 * MINUTE
"""How long a flatten waits for its yes."""
RECENT_MAX = 200
"""Updates remembered as acted on."""
FORGET_NS = 6 * DAY
"""After a week without news Telegram numbers anew, so an old number must not hide a new one."""
PAUSE_S, PAUSE_MAX_S, REFUSED_S = 1.0, 30.0, 60.0
OUT_MAX = 100

_HELP = """/status  what is held, and what is stopped
/halt [account]  nothing that adds risk passes
/cancel [account]  halt, and take entries back
/flatten [account]  close everything; asks for a yes
/here  I am present
A chat can stop and never arm. A scope may also be firm:NAME, venue:NAME or strategy:NAME."""


class _Kept(Struct, frozen=True):
    """What a restart must know; ``at`` is when the last update came."""

    offset: int | None = None
    at: Instant = Instant(0)
    recent: tuple[int, ...] = ()


class _Question(Struct, frozen=True):
    """A flatten that waits for its yes."""

    scope: str
    code: str
    until: Instant


class Bot:
    """The bot of one guardian."""

    def __init__(
        self,
        guardian: Guarding,
        token: str,
        clock: Clock,
        *,
        api: str = API,
        poll_s: int = POLL_S,
        present: Callable[[str, Instant], None] | None = None,
    ) -> None:
        """Read what a former bot kept.

        Args:
            guardian: whom it asks.
            token: of the bot, from its maker.
            clock: the time, and waiting.
            api: where the Bot API is.
            poll_s: how long an empty poll waits.
            present: confirms presence by a name, as of a time; None where nobody is asked for it.
        """
        self._guardian = guardian
        self._clock = clock
        self._wire = Wire(token, api)
        self._poll_s = poll_s
        self._present = present
        self._file = guardian.files.path / "telegram.json"
        self._kept = read_file(self._file, _Kept) or _Kept()
        self.pairing = Pairing(guardian.files.path)
        self._questions: dict[int, _Question] = {}
        self._out: asyncio.Queue[tuple[int, str]] = asyncio.Queue(OUT_MAX)
        self._told = 0

    async def run(self) -> None:
        """Ask for updates and act on them until cancelled."""
        async with self._wire, asyncio.TaskGroup() as group:
            group.create_task(self._send())
            pause = PAUSE_S
            while True:
                try:
                    updates = await self._wire.updates(self._offset(), self._poll_s)
                except TelegramError as error:
                    await self._failed(error, pause)
                    pause = min(pause * 2, PAUSE_MAX_S)
                    continue
                pause, self._told = PAUSE_S, 0
                for update in updates:
                    await self._take(update)

    async def _failed(self, error: TelegramError, pause: float) -> None:
        """Wait as asked for; a refusal that lasts is told once."""
        if error.status == 409:
            with suppress(TelegramError):  # the next poll tells whether it helped
                await self._wire.drop_webhook()
        if error.status in (401, 403, 404, 409):
            if self._told != error.status:
                self._told = error.status
                why = "another program reads its updates" if error.status == 409 else (
                    "its token is not valid")  # fmt: skip
                words = f"The Telegram bot does not work: {why} (status {error.status})."
                self._guardian.tell("warning", "telegram_refused", words, "telegram_refused")
            pause = REFUSED_S
        wait = max(error.wait_s, pause)
        if pause == PAUSE_S:  # said once an outage
            log.warning("telegram_failed", status=error.status, wait_s=wait)
        await self._clock.sleep(int(wait * SECOND))

    def _offset(self) -> int | None:
        quiet = self._clock.now() - self._kept.at > FORGET_NS
        return None if quiet else self._kept.offset

    async def _take(self, update: Update) -> None:
        """Act on an update that was not acted on yet, and only then remember it."""
        if update.update_id not in self._kept.recent:
            message = update.message
            if message is not None and message.chat.type == "private" and message.text:
                await self._act(message)
        recent = (*self._kept.recent, update.update_id)[-RECENT_MAX:]
        self._kept = _Kept(update.update_id + 1, self._clock.now(), recent)
        try:
            replace_file(self._file, msgspec.json.encode(self._kept))
        except OSError as error:
            log.error("telegram_not_kept", text=error.strerror)

    async def _act(self, message: Message) -> None:
        chat, words = message.chat.id, message.text.split()
        word = words[0].lower().partition("@")[0] if words else ""
        rest = " ".join(words[1:])
        if not self.pairing.is_paired(chat):
            named = word in ("/pair", "/start")
            if named and self.pairing.take(chat, rest, self._clock.now()):
                self._guardian.tell("warning", "telegram_paired", f"Chat {chat} was paired.")
                self._say(chat, f"Paired: this chat can stop trading.\n{_HELP}")
            return
        late = self._clock.now() - message.date * SECOND
        note = f"Your message came {late // SECOND} s late. " if late > STALE_NS else ""
        if word == "/halt":
            await self._stop(chat, "halt", rest, note)
        elif word == "/cancel":
            await self._cancel(chat, rest, note)
        elif word == "/flatten":
            self._ask(chat, _scope(rest), note)
        elif word in ("yes", "/yes"):
            await self._yes(chat, rest, note)
        elif word in ("no", "/no"):
            dropped = self._questions.pop(chat, None)
            self._say(chat, "Dropped." if dropped else "There was no question.")
        elif word == "/status":
            self._say(chat, note + self._status())
        elif word == "/here":
            self._here(chat, message)
        elif word == "/arm":
            await self._arm(chat, rest)
        else:
            self._say(chat, _HELP)

    async def _stop(self, chat: int, action: Action, rest: str, note: str) -> None:
        self._questions.pop(chat, None)
        result = await self._guardian.command(
            Command(
                action=action,
                scope=_scope(rest),
                by=f"telegram {chat}",
                reason="asked for in a chat",
                via="telegram",
            )
        )
        did = "Done" if result.status == "done" else "NOT done"
        self._say(chat, f"{note}{did}: {result.text}.")

    async def _cancel(self, chat: int, rest: str, note: str) -> None:
        """Take entries back; while a flatten waits for its yes, the word means that one."""
        if self._questions.pop(chat, None) is not None:
            self._say(chat, "The flatten is dropped. To take entries back, send /cancel again.")
        else:
            await self._stop(chat, "cancel", rest, note)

    def _ask(self, chat: int, scope: str, note: str) -> None:
        accounts = covered(self._guardian.view(), self._guardian.setup.accounts, scope)
        if not accounts:
            self._say(chat, f"{scope} names no account here. Nothing was done.")
            return
        code = f"{secrets.randbelow(9_000) + 1_000}"
        until = Instant(self._clock.now() + QUESTION_NS)
        self._questions[chat] = _Question(scope, code, until)
        lines = "\n".join(_line(one) for one in accounts)
        self._say(
            chat,
            f"{note}Flatten {scope} cancels every order and closes every position:\n{lines}\n"
            f"Answer: yes {code}   (within 60 s, or: no)",
        )

    async def _yes(self, chat: int, code: str, note: str) -> None:
        question = self._questions.pop(chat, None)
        if question is None:
            self._say(chat, f"{note}There is no question. Send /flatten first.")
        elif note or self._clock.now() >= question.until or code != question.code:
            why = "Your answer came too late" if code == question.code else "That is not the code"
            self._ask(chat, question.scope, f"{why}, so nothing was done. ")
        else:
            await self._stop(chat, "flatten", question.scope, "")

    async def _arm(self, chat: int, rest: str) -> None:
        """Refuse, and have the guardian's log say who asked."""
        await self._guardian.command(
            Command(action="arm", scope=_scope(rest), by=f"telegram {chat}", via="telegram")
        )
        self._say(
            chat,
            "A chat can stop and never arm: whoever holds your phone could start trading again."
            " Arm on the console, the emergency page or with `bascule arm`.",
        )

    def _here(self, chat: int, message: Message) -> None:
        if self._present is None:
            self._say(chat, "Nobody asks for your presence here.")
            return
        # The time is the message's own: one that was held up for an hour proves an hour ago.
        at = min(self._clock.now(), message.date * SECOND)
        self._present(f"telegram {chat}", Instant(at))
        self._say(chat, "Noted: you are here.")

    def _status(self) -> str:
        view = self._guardian.view()
        stops = "\n".join(f"STOP {one.action} on {one.scope}, by {one.by}" for one in view.stops)
        lines = "\n".join(_line(one) for one in view.accounts)
        return f"Bascule {view.mode}, engine {view.engine}\n{lines}\n{stops or 'No stop in force.'}"

    def _say(self, chat: int, text: str) -> None:
        """Queue an answer; no command waits for one to arrive."""
        if self._out.full():
            self._out.get_nowait()
        self._out.put_nowait((chat, text))

    async def _send(self) -> None:
        while True:
            chat, text = await self._out.get()
            for _ in range(3):
                try:
                    await self._wire.send(chat, text)
                    break
                except TelegramError as error:
                    if error.status in (400, 401, 403, 404):
                        break
                    await self._clock.sleep(int(max(error.wait_s, PAUSE_S) * SECOND))


def _scope(rest: str) -> str:
    word = rest.strip()
    if word in ("", "all"):
        return "all"
    return word if ":" in word else f"account:{word.lower()}"


def _line(one: AccountView) -> str:
    positions = "?" if one.positions is None else one.positions
    orders = "?" if one.working_orders is None else one.working_orders
    state = "" if one.link_up else ", no link"
    sweep = "" if one.sweep == "idle" else f", {one.sweep}"
    note = f" ({one.note})" if one.note else ""
    return f"{one.account}: {positions} positions, {orders} orders{state}{sweep}{note}"
