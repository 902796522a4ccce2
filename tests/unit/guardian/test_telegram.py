"""The bot: who is answered, what a chat may do, and updates that are lost, late or repeated."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog.testing

from bascule.guardian.pairing import CODE_NS, WRONG_MAX, Pairing
from bascule.guardian.telegram import Bot
from bascule.model.values import SECOND, Instant
from tests.waiting import PATIENCE_S, until

from .bot_api import TOKEN, BotApi, bot_api
from .faces_house import START, FakeGuardian, HandClock

NOW = START // SECOND
ME = 7


class House:
    """A bot, its guardian, and Telegram."""

    def __init__(self, folder: Path, api: BotApi) -> None:
        self.api = api
        self.clock = HandClock()
        self.guardian = FakeGuardian(folder, self.clock)
        self.present: list[tuple[str, Instant]] = []
        self.new_bot()

    def new_bot(self, token: str = TOKEN) -> None:
        """Start the guardian anew, as far as the bot is concerned."""
        self.bot = Bot(
            self.guardian,
            token,
            self.clock,
            api=self.api.url,
            poll_s=0,
            present=lambda by, at: self.present.append((by, at)),
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the bot."""
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.bot.run())
            yield
            task.cancel()

    def pair(self) -> None:
        """Pair the chat that tests write from."""
        now = self.clock.now()
        assert self.bot.pairing.take(ME, self.bot.pairing.offer(now), now)

    def write(self, text: str, *, ago: int = 0, chat: int = ME) -> int:
        """Write a message some seconds ago."""
        return self.api.write(text, date=self.clock.now() // SECOND - ago, chat=chat)

    async def said(self, count: int = 1) -> list[str]:
        """Wait for so many answers and take them."""
        await until(lambda: len(self.api.sent) >= count, f"{count} messages")
        found = [text for _, text in self.api.sent]
        self.api.sent.clear()
        return found

    async def done(self) -> None:
        """Wait until every update was told as done."""
        await until(lambda: not self.api.waiting, "every update taken")

    @property
    def did(self) -> list[tuple[str, str]]:
        """What the guardian was asked for."""
        return [(one.action, one.scope) for one in self.guardian.commands]


@asynccontextmanager
async def house(folder: Path, *, paired: bool = True) -> AsyncIterator[House]:
    """Give a bot that is not running yet."""
    async with bot_api() as api:
        one = House(folder, api)
        if paired:
            one.pair()
        yield one


async def test_a_chat_that_is_not_paired_meets_silence(tmp_path: Path) -> None:
    """No command, no question, no wrong code is answered, and nothing is done."""
    async with house(tmp_path, paired=False) as one, one.running():
        one.bot.pairing.offer(one.clock.now())
        for text in ("/halt", "/status", "/start", "/pair AAAA-AAAA", "hello"):
            one.write(text, chat=666)
        await one.done()
        assert one.api.sent == [] and one.did == []


async def test_a_code_pairs_one_chat_once(tmp_path: Path) -> None:
    """The code is shown on the machine; a second chat cannot use it, and people hear of it."""
    async with house(tmp_path, paired=False) as one, one.running():
        code = Pairing(one.guardian.files.path).offer(one.clock.now())
        one.write(f"/pair {code[:4].lower()}-{code[4:]}")
        assert "Paired" in (await one.said())[0]
        one.write(f"/pair {code}", chat=666)
        one.write("/halt", chat=666)
        one.write("/halt")
        await one.said()
        assert one.did == [("halt", "all")]
        assert one.guardian.told[0][1] == "telegram_paired"


async def test_a_group_is_no_chat_of_one_person(tmp_path: Path) -> None:
    """Whoever is in a group could stop trading, so groups are not heard."""
    async with house(tmp_path) as one, one.running():
        one.api.write("/halt", date=NOW, chat=ME, kind="group")
        await one.done()
        assert one.did == []


async def test_halt_and_cancel_act_at_once(tmp_path: Path) -> None:
    """A name alone is an account; a scope may be given in full; the engine is not needed."""
    async with house(tmp_path) as one, one.running():
        one.guardian.engine = "dead"
        for text in ("/halt", "/halt Alpha", "/halt@my_bot firm:acme", "/cancel beta"):
            one.write(text)
        await one.said(4)
        assert one.did == [
            ("halt", "all"),
            ("halt", "account:alpha"),
            ("halt", "firm:acme"),
            ("cancel", "account:beta"),
        ]
        assert {c.via for c in one.guardian.commands} == {"telegram"}


async def test_flatten_asks_for_a_yes_with_its_code(tmp_path: Path) -> None:
    """It says what it closes; a wrong code does nothing; the right one works once."""
    async with house(tmp_path) as one, one.running():
        one.write("/flatten alpha")
        (asked,) = await one.said()
        assert "alpha: 2 positions, 3 orders" in asked and "beta" not in asked
        one.write("yes 1")
        (again,) = await one.said()
        assert "not the code" in again and one.did == []
        code = again.partition("yes ")[2][:4]
        one.write(f"yes {code}")
        assert (await one.said())[0].startswith("Done")
        assert one.did == [("flatten", "account:alpha")]
        one.write(f"Yes {code}")
        assert "no question" in (await one.said())[0]


async def test_no_and_cancel_drop_the_question(tmp_path: Path) -> None:
    """While a flatten waits, /cancel means that flatten and takes no entry back."""
    async with house(tmp_path) as one, one.running():
        for word in ("no", "/cancel"):
            one.write("/flatten")
            code = (await one.said())[0].partition("yes ")[2][:4]
            one.write(word)
            assert "ropped" in (await one.said())[0]
            one.write(f"yes {code}")
            assert "no question" in (await one.said())[0]
        assert one.did == []


async def test_a_late_yes_asks_again(tmp_path: Path) -> None:
    """After a minute the counts may be others."""
    async with house(tmp_path) as one, one.running():
        one.write("/flatten")
        code = (await one.said())[0].partition("yes ")[2][:4]
        one.clock.add(61)
        one.write(f"yes {code}")
        assert "too late" in (await one.said())[0] and one.did == []


async def test_after_an_outage_halt_still_acts_and_flatten_asks(tmp_path: Path) -> None:
    """Messages of ten minutes ago: the stop counts, the answer says how late it was."""
    async with house(tmp_path) as one, one.running():
        one.write("/halt", ago=600)
        one.write("/flatten", ago=600)
        halted, asked = await one.said(2)
        assert "600 s late" in halted and "Done" in halted
        assert "600 s late" in asked and "Answer: yes" in asked
        assert one.did == [("halt", "all")]


async def test_a_yes_that_was_held_up_is_not_acted_on(tmp_path: Path) -> None:
    """Its own date says when it was written, however quickly it is read now."""
    async with house(tmp_path) as one, one.running():
        one.write("/flatten")
        code = (await one.said())[0].partition("yes ")[2][:4]
        one.write(f"yes {code}", ago=90)
        assert "too late" in (await one.said())[0] and one.did == []


async def test_a_chat_can_never_arm_and_is_told_why(tmp_path: Path) -> None:
    """The guardian hears of the try, so that its log has it."""
    async with house(tmp_path) as one, one.running():
        one.write("/arm all")
        assert "never arm" in (await one.said())[0]
        (command,) = one.guardian.commands
        assert (command.action, command.via, command.typed) == ("arm", "telegram", "")


async def test_a_lost_answer_comes_again_and_acts_once(tmp_path: Path) -> None:
    """The update was on its way when the gateway failed; the next poll has it."""
    async with house(tmp_path) as one, one.running():
        one.api.lose = 2
        one.write("/halt")
        await one.said()
        await one.done()
        assert one.did == [("halt", "all")]


async def test_a_repeated_update_acts_once_across_a_restart(tmp_path: Path) -> None:
    """An update that Telegram shows again, before or after a restart, is known."""
    async with house(tmp_path) as one:
        async with one.running():
            one.write("/halt")
            await one.said()
            await one.done()
        repeated = one.api.next_id
        one.new_bot()
        one.api.waiting = [
            {"update_id": repeated, "message": {
                "date": NOW, "chat": {"id": ME, "type": "private"}, "text": "/halt"}}
        ]  # fmt: skip
        async with one.running():
            one.write("/status")
            await one.said()
        assert one.did == [("halt", "all")]
        assert one.api.offsets[-1] is not None


async def test_the_place_is_kept_after_acting_so_a_crash_between_loses_nothing(
    tmp_path: Path,
) -> None:
    """A guardian that dies while it acts is asked again; a stop twice is a stop."""
    async with house(tmp_path) as one:
        seen: list[bool] = []
        command = one.guardian.command

        async def dying(given: object) -> object:
            seen.append((one.guardian.files.path / "telegram.json").exists())
            if len(seen) == 1:
                raise ZeroDivisionError
            return await command(given)  # type: ignore[arg-type]

        one.guardian.command = dying  # type: ignore[method-assign, assignment]
        one.write("/halt")
        with pytest.raises(ExceptionGroup):
            async with one.running():
                await asyncio.sleep(PATIENCE_S)
        one.new_bot()
        async with one.running():
            await one.said()
        assert seen == [False, False] and one.did == [("halt", "all")]


async def test_numbers_that_begin_anew_after_a_quiet_week_are_heard(tmp_path: Path) -> None:
    """Telegram may number lower then; the old offset is not sent."""
    async with house(tmp_path) as one:
        async with one.running():
            one.write("/halt")
            await one.said()
            await one.done()
        one.clock.add(7 * 86_400)
        one.api.next_id = 5
        one.new_bot()
        async with one.running():
            one.write("/halt beta")
            await one.said()
        assert one.did[-1] == ("halt", "account:beta")


@pytest.mark.parametrize("status", [429, 500, 502])
async def test_refusals_are_waited_out(tmp_path: Path, status: int) -> None:
    """429 is obeyed to the second; what fails without a word is asked again later and later."""
    async with house(tmp_path) as one:
        one.api.fail(status, parameters={"retry_after": 17} if status == 429 else {})
        one.write("/halt")
        async with one.running():
            await one.said()
        waited = (one.clock.now() - START) / SECOND
        assert waited == (17 if status == 429 else 1)
        assert one.did == [("halt", "all")]


async def test_a_webhook_that_somebody_set_is_removed(tmp_path: Path) -> None:
    """With one, no update could be asked for."""
    async with house(tmp_path) as one:
        one.api.webhook = True
        one.write("/halt")
        async with one.running():
            await one.said()
        assert one.did == [("halt", "all")]


async def test_a_wrong_token_is_told_once_and_never_shown(tmp_path: Path) -> None:
    """The guardian goes on; the token is in no alert and no log."""
    async with house(tmp_path) as one:
        one.new_bot("1:another-token")
        with structlog.testing.capture_logs() as logs:
            async with one.running():
                await until(lambda: one.clock.now() - START > 200 * SECOND, "time")
        assert len(one.guardian.told) == 1 and "not valid" in one.guardian.told[0][2]
        assert "another-token" not in f"{one.guardian.told}{logs}"


async def test_an_answer_that_hangs_delays_no_command(tmp_path: Path) -> None:
    """The second halt acts while the first one's answer is still on its way."""
    async with house(tmp_path) as one:
        one.api.hang_sends = True
        async with one.running():
            one.write("/halt")
            await until(lambda: len(one.did) == 1, "one command")
            one.write("/halt alpha")
            await until(lambda: len(one.did) == 2, "two commands")


async def test_here_counts_from_when_it_was_written(tmp_path: Path) -> None:
    """A message that was held up proves where its writer was then, not now."""
    async with house(tmp_path) as one, one.running():
        one.write("/here", ago=30)
        await one.said()
        assert one.present == [(f"telegram {ME}", Instant((NOW - 30) * SECOND))]


async def test_status_tells_accounts_and_stops(tmp_path: Path) -> None:
    """What is not known is a question mark, not a zero."""
    async with house(tmp_path) as one, one.running():
        one.guardian.change("beta", positions=None, link_up=False)
        one.write("/halt alpha")
        one.write("/status")
        text = (await one.said(2))[1]
        assert "beta: ? positions, 3 orders, no link" in text
        assert "STOP halt on account:alpha" in text


def test_a_code_runs_out_and_too_many_wrong_ones_void_it(tmp_path: Path) -> None:
    """Ten minutes, five guesses."""
    pairing = Pairing(tmp_path)
    old = pairing.offer(START)
    assert not pairing.take(ME, old, Instant(START + CODE_NS))
    code = pairing.offer(START)
    for _ in range(WRONG_MAX):
        assert not pairing.take(ME, "AAAAAAAA", START)
    assert not pairing.take(ME, code, START)
    assert pairing.take(ME, pairing.offer(START), START) and pairing.is_paired(ME)
    assert pairing.forget() == 1 and not pairing.is_paired(ME)
