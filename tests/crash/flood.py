"""A flood: every alert delivered many times over, in any order, while the engine is killed."""

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field

import aiohttp

from tests.crash.engine_main import PATH_TOKEN
from tests.crash.storm import SYMBOL, Storm

CONNECTIONS = 8
KILLS = 2
RETRY_S = 0.05


@dataclass
class Flood:
    """So many alerts, each delivered so often; ``answers`` holds what each was told, by alert."""

    storm: Storm
    alerts: int
    deliveries: int
    answers: dict[str, Counter[tuple[str, str]]] = field(default_factory=dict)

    def bodies(self) -> list[tuple[str, str]]:
        """Give every delivery in a random order: the alert's name and its body."""
        dice = self.storm.dice
        every = []
        for number in range(self.alerts):
            name = f"flood-{number}"
            body = {"ticker": SYMBOL, "signal_id": name, "strategy": dice.choice(["ma", "rsi"])}
            body |= {"action": dice.choice(["buy", "sell"]), "price": "1.10000"}
            every += [(name, json.dumps(body))] * self.deliveries
        dice.shuffle(every)
        return every

    async def run(self) -> list[str]:
        """Deliver everything over several connections with kills in between, and compare."""
        storm = self.storm
        storm.start_broker()
        try:
            storm.start_engine()
            waiting = self.bodies()
            whole = len(waiting)
            senders = [asyncio.ensure_future(self._send(waiting)) for _ in range(CONNECTIONS)]
            for kill in range(1, KILLS + 1):
                while len(waiting) > whole * (KILLS + 1 - kill) // (KILLS + 1):
                    await asyncio.sleep(0.005)
                storm.kill_engine()
                storm.start_engine()
            await asyncio.gather(*senders)
            await storm.settle()
            return storm.differences() + self._differences()
        finally:
            storm.stop()

    async def _send(self, waiting: list[tuple[str, str]]) -> None:
        url = f"http://127.0.0.1:{self.storm.http_port}/hooks/storm/{PATH_TOKEN}"
        connection = aiohttp.TCPConnector(limit=1)
        timeout = aiohttp.ClientTimeout(total=5)
        async with aiohttp.ClientSession(timeout=timeout, connector=connection) as session:
            while waiting:
                name, body = waiting.pop()
                while not await self._deliver(session, url, name, body):
                    await asyncio.sleep(RETRY_S)

    async def _deliver(
        self, session: aiohttp.ClientSession, url: str, name: str, body: str
    ) -> bool:
        """Deliver once; unless it is known to be kept, it must be sent again."""
        try:
            async with session.post(url, data=body) as answer:
                told = await answer.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ConnectionError):
            return False
        if answer.status in (503, 504):
            return False
        self.storm.sent += 1
        first = told.get("duplicate_of") or told["signal"]
        self.answers.setdefault(name, Counter())[told["status"], first] += 1
        self.storm.acknowledged[name] = told["signal"]
        return True

    def _differences(self) -> list[str]:
        """Hold the answers to each other and to the journal: one alert, one signal, acted on."""
        accepted = dict(
            self.storm.journal(
                "select json_extract(data, '$.key'), signal from events"
                " where kind='signal_accepted'"
            )
        )
        wrong = []
        for name, answers in self.answers.items():
            firsts = {first for _, first in answers}
            if firsts != {accepted.get(f"storm/id/{name}")}:
                wrong.append(f"alert {name} is {firsts}, and the journal has another")
            if {status for status, _ in answers} - {"accepted", "duplicate"}:
                wrong.append(f"alert {name} was answered {dict(answers)}")
            if sum(n for (status, _), n in answers.items() if status == "accepted") > 1:
                wrong.append(f"alert {name} was accepted more than once")
        orders = self.storm.journal(
            "select json_extract(data, '$.signal') || ' ' || json_extract(data, '$.account'),"
            " count(*) from events where kind='order_requested'"
            " and json_extract(data, '$.leg') = 'e' group by 1"
        )
        wrong += [f"signal and account {on}: {count} entries" for on, count in orders if count > 1]
        if len(accepted) != self.alerts or not orders:
            wrong.append(f"{len(accepted)} of {self.alerts} alerts, {len(orders)} entries")
        return wrong
