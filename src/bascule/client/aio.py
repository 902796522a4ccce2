"""The client. Every signal has one id and one body, and is sent unchanged until it is answered."""

import asyncio
import os
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any, Literal, Self, TypeVar
from urllib.parse import quote

import aiohttp
import msgspec

from bascule.client.instructions import Measure, Number, amount, maybe, protection
from bascule.client.told import (
    Account,
    ClientError,
    Event,
    Order,
    Position,
    Quote,
    Receipt,
    Refused,
    Unanswered,
)
from bascule.model.enums import Direction, OrdType, Side, TimeInForce
from bascule.model.intent import (
    CancelOrders,
    ClosePosition,
    Flatten,
    Intent,
    ModifyOrder,
    ModifyProtection,
    PlaceOrder,
    TargetPosition,
)

URL = "http://127.0.0.1:8420"
SILENCE_S = 45.0
"""A stream says something every 15 s; after three times that its connection is dead."""
_ANSWER_S = 5.0
_NO_ANSWER = (502, 503, 504)
"""From Bascule that it cannot take it now, from a proxy that nobody answered it."""
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0

T = TypeVar("T")


class _Orders(msgspec.Struct):
    orders: list[Order]


class _Positions(msgspec.Struct):
    books: list[Position]


class AsyncClient:
    """A strategy's way into Bascule, for one event loop. `disconnect` it, or use ``async with``.

    Args:
        url: where the engine listens; else BASCULE_URL, else this machine's port 8420.
        strategy: whose book the signals act on; without one, the source's own strategy.
        token: the bearer token of a source of kind ``intents``; else what ``token_file`` holds,
            else BASCULE_TOKEN.
        operator_token: what questions are asked with, where there is one (`explain` needs it);
            else what ``operator_token_file`` holds, else BASCULE_OPERATOR_TOKEN.
        token_file: a file that holds the token and nothing else.
        operator_token_file: likewise.
        patience_s: seconds for which something unanswered is sent again.

    Every method raises `Refused` when the engine says no, `Unanswered` when nothing answers, and
    `ClientError` when an argument is wrong (nothing was sent).
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
        self._url = (url or os.environ.get("BASCULE_URL") or URL).rstrip("/")
        self._strategy = strategy
        self._token = _token(token, token_file, "BASCULE_TOKEN")
        operator = _token(operator_token, operator_token_file, "BASCULE_OPERATOR_TOKEN")
        self._reading_token = operator or self._token
        self._patience_s = patience_s
        # tidy: allow banned_call - an id of this run, made outside the engine; it judges no time
        self._run = f"{time.time_ns():x}{secrets.token_hex(2)}"
        self._count = 0
        self._session: aiohttp.ClientSession | None = None

    async def place(
        self,
        symbol: str,
        side: Side | Literal["buy", "sell"],
        quantity: Measure | None = None,
        *,
        limit: Number | None = None,
        stop: Number | None = None,
        stop_loss: Measure | None = None,
        take_profit: Measure | None = None,
        trail: Measure | None = None,
        time_in_force: TimeInForce | Literal["day", "gtc", "ioc", "fok"] | None = None,
        reduce_only: bool = False,
        label: str = "",
        id: str = "",
    ) -> Receipt:
        """Open or add: at the market, or at ``limit``, or once ``stop`` is reached, or both.

        Args:
            symbol: our name of the contract.
            side: ``buy`` or ``sell``.
            quantity: unsigned, in the venue's units or as ``("0.5", "lots")``; None for what the
                route says.
            limit: the worst price.
            stop: the price that triggers it.
            stop_loss: a price, or as ``("20", "pips")``.
            take_profit: likewise; ``("3", "ratio")`` is three times the stop's distance.
            trail: how far behind a stop trails.
            time_in_force: how long it works; None for what the route says.
            reduce_only: whether it is an exit and may never open.
            label: your own name for the order, to cancel or modify it by.
            id: the idempotency id; made when there is none.
        """
        kinds = {
            (False, False): OrdType.MARKET,
            (True, False): OrdType.LIMIT,
            (False, True): OrdType.STOP,
            (True, True): OrdType.STOP_LIMIT,
        }
        intent = PlaceOrder(
            symbol=symbol,
            side=Side(side),
            quantity=amount(quantity),
            ord_type=kinds[limit is not None, stop is not None],
            price=maybe(limit),
            stop_price=maybe(stop),
            time_in_force=None if time_in_force is None else TimeInForce(time_in_force),
            protection=protection(stop_loss, take_profit, trail),
            reduce_only=reduce_only,
            label=label,
        )
        return await self._send(intent, id)

    async def target(
        self,
        symbol: str,
        direction: Direction | Literal["long", "short", "flat"],
        quantity: Measure | None = None,
        *,
        stop_loss: Measure | None = None,
        take_profit: Measure | None = None,
        trail: Measure | None = None,
        id: str = "",
    ) -> Receipt:
        """Be long, short or flat by this much; said again, it changes nothing."""
        intent = TargetPosition(
            symbol=symbol,
            direction=Direction(direction),
            quantity=amount(quantity),
            protection=protection(stop_loss, take_profit, trail),
        )
        return await self._send(intent, id)

    async def close(
        self,
        symbol: str,
        quantity: Measure | None = None,
        *,
        fraction: Number | None = None,
        id: str = "",
    ) -> Receipt:
        """Close what the strategy holds: all, a quantity, or a fraction (0 to 1)."""
        intent = ClosePosition(symbol=symbol, quantity=amount(quantity), fraction=maybe(fraction))
        return await self._send(intent, id)

    async def cancel(self, symbol: str = "", *, label: str = "", id: str = "") -> Receipt:
        """Cancel the strategy's working orders: all, of a symbol, or the one with a label."""
        return await self._send(CancelOrders(symbol=symbol, label=label), id)

    async def modify(
        self,
        symbol: str,
        *,
        label: str = "",
        limit: Number | None = None,
        stop: Number | None = None,
        quantity: Measure | None = None,
        id: str = "",
    ) -> Receipt:
        """Change a working order; ``quantity`` is its new total."""
        intent = ModifyOrder(
            symbol=symbol,
            label=label,
            price=maybe(limit),
            stop_price=maybe(stop),
            quantity=amount(quantity),
        )
        return await self._send(intent, id)

    async def protect(
        self,
        symbol: str,
        *,
        stop_loss: Measure | None = None,
        take_profit: Measure | None = None,
        trail: Measure | None = None,
        id: str = "",
    ) -> Receipt:
        """Change stop, target or trail of what the strategy holds."""
        made = protection(stop_loss, take_profit, trail)
        if made is None:
            raise ClientError(
                "No stop, target or trail was given. Nothing was sent.",
                code="bad_argument",
                hint="Give at least one of stop_loss, take_profit and trail.",
            )
        return await self._send(ModifyProtection(symbol=symbol, protection=made), id)

    async def flatten(self, symbol: str = "", *, id: str = "") -> Receipt:
        """Cancel entries and close all that the strategy owns, of a symbol or altogether."""
        return await self._send(Flatten(symbol=symbol), id)

    async def account(self, account: str) -> Account:
        """Give one account, by its name in the configuration."""
        return await self._ask(f"/v1/account/{quote(account, safe='')}", Account)

    async def positions(self, *, account: str = "", strategy: str = "") -> list[Position]:
        """Give every book that is not flat; by default of the client's own strategy."""
        asked = {"account": account, "strategy": strategy or self._strategy}
        return (await self._ask("/v1/positions", _Positions, asked)).books

    async def orders(
        self,
        *,
        account: str = "",
        strategy: str = "",
        which: Literal["live", "all"] = "live",
        limit: int = 200,
    ) -> list[Order]:
        """Give orders, the newest first; without ``strategy`` the client's own, if it has one."""
        asked = {
            "account": account,
            "strategy": strategy or self._strategy,
            "which": which,
            "limit": str(limit),
        }
        return (await self._ask("/v1/orders", _Orders, asked)).orders

    async def quotes(self, symbol: str = "", *, account: str = "") -> list[Quote]:
        """Give the last quote of each contract, by account."""
        return await self._ask("/v1/quotes", list[Quote], {"symbol": symbol, "account": account})

    async def explain(self, name: str) -> dict[str, Any]:
        """Tell the story of a signal, or of an order's signal. It needs the operator token."""
        return await self._ask(f"/v1/explain/{quote(name, safe='')}", dict[str, Any])

    async def events(
        self, *, after: int | None = None, kinds: str = ""
    ) -> AsyncGenerator[Event, None]:
        """Follow the journal for ever, through every reconnection: none missed, none twice.

        Args:
            after: the last ``seq`` that you have; None begins now.
            kinds: kinds with commas, or ``all``; empty for what a person follows. ``quote`` adds
                quotes, whose ``seq`` is 0: they are not journaled.

        Raises:
            Refused: the engine says no to the stream itself.
        """
        last = after
        pause = _FIRST_PAUSE_S
        while True:
            try:
                async for event_id, kind, data in self._connection(last, kinds):
                    pause = _FIRST_PAUSE_S
                    if event_id is None:
                        yield Event(0, kind, msgspec.json.decode(data))
                        continue
                    fresh = last is None or event_id > last
                    last = event_id if fresh else last
                    if fresh and kind:
                        yield Event(event_id, kind, msgspec.json.decode(data))
            except (aiohttp.ClientError, TimeoutError):
                pass  # the same as an end in good order: go on after the last id
            except Refused as refused:
                if refused.status < 500 and refused.code != "too_many_streams":
                    raise
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_S)

    async def disconnect(self) -> None:
        """Let go of the connections. May be called again."""
        if self._session is not None:
            await self._session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.disconnect()

    def __repr__(self) -> str:
        return f"AsyncClient({self._url!r}, strategy={self._strategy!r})"

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        return self._session

    async def _send(self, intent: Intent, given: str) -> Receipt:
        self._count += 1
        own = given or f"{self._run}-{self._count}"
        name = f"{self._strategy}:{own}" if self._strategy else own
        signal = {"id": name} | ({"strategy": self._strategy} if self._strategy else {})
        body = msgspec.json.encode({"signal": signal, "intents": [intent]})
        status, answer = await self._answered("POST", "/v1/intents", body=body, id=own)
        receipt = msgspec.structs.replace(_read(answer, Receipt), id=own)
        taken = receipt.status == "accepted" or (receipt.status == "duplicate" and not receipt.code)
        if status >= 400 or not taken:
            raise Refused(
                receipt.text or f"The signal was answered with {receipt.status}.",
                code=receipt.code or receipt.status,
                next=receipt.next,
                status=status,
                receipt=receipt,
            )
        return receipt

    async def _ask(self, path: str, kind: type[T], query: dict[str, str] | None = None) -> T:
        asked = {name: value for name, value in (query or {}).items() if value}
        status, answer = await self._answered("GET", path, query=asked)
        if status >= 400:
            raise _refusal(status, answer)
        return _read(answer, kind)

    async def _answered(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        query: dict[str, str] | None = None,
        id: str = "",
    ) -> tuple[int, bytes]:
        """Ask until there is an answer; the request is the same each time."""
        headers = _bearing(self._token if method == "POST" else self._reading_token)
        if body is not None:
            headers["content-type"] = "application/json"
        end = time.monotonic() + self._patience_s
        pause = _FIRST_PAUSE_S
        limit = aiohttp.ClientTimeout(total=_ANSWER_S)
        while True:
            try:
                async with self._http().request(
                    method, self._url + path, data=body, params=query, headers=headers,
                    timeout=limit, allow_redirects=False,
                ) as response:  # fmt: skip
                    answer = await response.read()
                    if response.status not in _NO_ANSWER:
                        return response.status, answer
                    why = f"{self._url} keeps answering that it cannot take it now"
            except (aiohttp.ClientError, TimeoutError):
                why = f"Nothing answers at {self._url}"
            if time.monotonic() + pause > end:
                again = f"Make the same call with id={id!r}: it is never done twice."
                raise Unanswered(
                    f"{why}." + (" Whether the signal was kept is not known." if id else ""),
                    next=again if id else "Is the engine running? `bascule status` tells.",
                    id=id,
                )
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_S)

    async def _connection(
        self, last: int | None, kinds: str
    ) -> AsyncIterator[tuple[int | None, str, str]]:
        """Give (id, kind, data) of one connection's messages.

        The id is None for a quote, and the kind is empty where there is nothing but an id.
        """
        headers = _bearing(self._reading_token)
        if last is not None:
            headers["last-event-id"] = str(last)
        query = {"kinds": kinds} if kinds else {}
        limit = aiohttp.ClientTimeout(total=None, sock_connect=_ANSWER_S, sock_read=SILENCE_S)
        async with self._http().get(
            f"{self._url}/v1/events", params=query, headers=headers, timeout=limit
        ) as response:
            if response.status != 200:
                raise _refusal(response.status, await response.read())
            fields: dict[str, str] = {}
            async for line in _lines(response.content):
                if line:
                    name, _, value = line.partition(":")
                    fields[name] = value.removeprefix(" ")
                    continue
                if fields.get("id", "").isdecimal():
                    yield int(fields["id"]), fields.get("event", ""), fields.get("data", "")
                elif fields.get("event") == "quote" and "data" in fields:
                    yield None, "quote", fields["data"]
                fields = {}


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[str]:
    """Give whole lines however long they are; half a line at a broken end is dropped."""
    rest = b""
    async for part in content.iter_any():
        *whole, rest = (rest + part).split(b"\n")
        for line in whole:
            yield line.rstrip(b"\r").decode()


def _token(given: str, file: str, variable: str) -> str:
    """Find a token: as given, else in a file, else in the environment, else ''."""
    if given or not file:
        return given or os.environ.get(variable, "")
    try:
        return Path(file).expanduser().read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ClientError(
            f"The token file cannot be read ({error.strerror}): {file}",
            code="token_file_unreadable",
            hint="Name a file that you may read.",
        ) from error


def _bearing(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"} if token else {}


def _refusal(status: int, answer: bytes) -> Refused:
    try:
        said = msgspec.json.decode(answer, type=dict[str, Any])
    except msgspec.DecodeError:
        said = {}  # a proxy's own page
    return Refused(
        str(said.get("text", f"The answer was HTTP {status}.")),
        code=str(said.get("code", f"http_{status}")),
        next=str(said.get("next", "")),
        status=status,
    )


def _read(answer: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(answer, type=kind)
    except msgspec.DecodeError as error:
        raise ClientError(
            "What answered is no Bascule, or one of another version.",
            code="unreadable_answer",
            hint="Check the URL.",
        ) from error
