from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

import bascule
from bascule.api.status import AccountView
from bascule.api.views import BookView, OrderView, QuoteView
from bascule.client import AsyncClient, Client, ClientError, Refused, Unanswered, told
from bascule.model.intent import (
    CancelOrders,
    ClosePosition,
    Flatten,
    ModifyOrder,
    ModifyProtection,
    PlaceOrder,
    TargetPosition,
)
from bascule.signals.dialects import native
from bascule.signals.instruction import Direct, Hints

from .engine import Engine, engine, in_thread

TOKEN = "a-token-of-the-test"


def _client_of(one: Engine, **words: Any) -> AsyncClient:
    return AsyncClient(one.url, **{"strategy": "fx", "token": TOKEN, "patience_s": 2.0} | words)


def _read(body: bytes) -> Direct:
    found = native.parse(body.decode(), Hints())
    assert isinstance(found, Direct), found
    return found


def test_the_package_gives_the_client_and_knows_nothing_else() -> None:
    """``from bascule import Client`` works; a wrong name fails as in any module."""
    assert bascule.Client is Client
    assert bascule.AsyncClient is AsyncClient
    with pytest.raises(AttributeError, match="no attribute 'Clint'"):
        bascule.Clint  # noqa: B018


async def test_every_instruction_is_read_as_it_was_meant() -> None:
    """The native dialect reads each call as the model's intent, units and all."""
    async with engine() as one, _client_of(one) as client:
        await client.place(
            "EURUSD", "buy", ("0.50", "lots"), limit="1.1", stop_loss=("20", "pips"),
            take_profit=("3", "ratio"), label="a",
        )  # fmt: skip
        await client.target("EURUSD", "short", 2, stop_loss=Decimal("1.2"))
        await client.close("EURUSD", fraction="0.5")
        await client.cancel(label="a")
        await client.modify("EURUSD", label="a", limit="1.15")
        await client.protect("EURUSD", trail=("10", "pips"))
        await client.flatten()
    kinds = [type(_read(body).intents[0]) for body in one.bodies]
    assert kinds == [
        PlaceOrder, TargetPosition, ClosePosition, CancelOrders, ModifyOrder, ModifyProtection,
        Flatten,
    ]  # fmt: skip
    placed = msgspec.to_builtins(_read(one.bodies[0]).intents[0])
    assert placed["quantity"] == {"value": "0.50", "unit": "lots"}
    assert (placed["ord_type"], placed["price"]) == ("limit", "1.1")
    assert placed["protection"]["stop_loss"] == {"value": "20", "unit": "pips"}
    assert placed["protection"]["take_profits"][0]["level"] == {"value": "3", "unit": "ratio"}
    assert {_read(body).strategy for body in one.bodies} == {"fx"}
    assert len({_read(body).signal_id for body in one.bodies}) == 7
    assert set(one.tokens) == {f"Bearer {TOKEN}"}


async def test_what_was_not_answered_is_sent_again_unchanged() -> None:
    """After a hang-up and a 503 the same bytes with the same id go out; one receipt comes back."""
    accepted = (200, {"status": "duplicate", "signal": "k-2", "duplicate_of": "k-1"})
    async with engine() as one, _client_of(one) as client:
        one.replies = [None, (503, {"status": "overloaded"}), accepted]
        receipt = await client.place("EURUSD", "buy", id="mine")
    assert len(one.bodies) == 3
    assert len(set(one.bodies)) == 1
    assert _read(one.bodies[0]).signal_id == "fx:mine"
    assert (receipt.status, receipt.duplicate_of, receipt.id) == ("duplicate", "k-1", "mine")


@pytest.mark.parametrize("status", [502, 504])
async def test_a_proxy_that_reaches_nobody_has_not_answered(status: int) -> None:
    """It may have handed the signal over, so the same one goes out again.

    Before, that was an error about another version, which named no id to ask again with.
    """
    accepted = (200, {"status": "accepted", "signal": "k-1"})
    async with engine() as one, _client_of(one) as client:
        one.replies = [(status, {}), accepted]
        receipt = await client.place("EURUSD", "buy")
    assert receipt.signal == "k-1"
    assert len(one.bodies) == 2 and len(set(one.bodies)) == 1


async def test_silence_ends_with_the_id_to_ask_again_with() -> None:
    """When patience ends the error names the id; the same call with it is the same signal."""
    async with engine() as one, _client_of(one, patience_s=0.3) as client:
        one.replies = [None]
        with pytest.raises(Unanswered) as silent:
            await client.place("EURUSD", "buy")
        one.replies = [(200, {"status": "accepted", "signal": "k-1"})]
        receipt = await client.place("EURUSD", "buy", id=silent.value.id)
    assert (silent.value.code, silent.value.id in silent.value.next) == ("unanswered", True)
    assert receipt.id == silent.value.id
    assert len(set(one.bodies)) == 1


@pytest.mark.parametrize(
    ("status", "word"),
    [(200, "refused"), (409, "conflict"), (401, "refused"), (200, "duplicate")],
)
async def test_a_refusal_is_raised_once_and_never_sent_again(status: int, word: str) -> None:
    """Whatever was answered with no is raised with code, text and what to do next."""
    said = {"status": word, "code": "stale", "text": "It is old.", "next": "Send it sooner."}
    async with engine() as one, _client_of(one) as client:
        one.replies = [(status, said)]
        with pytest.raises(Refused) as no:
            await client.flatten("EURUSD")
    error = no.value
    assert (error.code, error.text, error.next) == ("stale", "It is old.", "Send it sooner.")
    assert (error.status, len(one.bodies)) == (status, 1)
    assert error.receipt is not None
    assert error.receipt.status == word


@pytest.mark.parametrize("value", [0.1, True, "abc", "NaN", ("1", "furlongs")])
async def test_a_number_that_is_not_exact_is_not_sent(value: Any) -> None:
    """Floats, truth values, words and unknown units are refused before anything leaves."""
    async with engine() as one, _client_of(one) as client:
        with pytest.raises(ClientError) as wrong:
            await client.place("EURUSD", "buy", value)
    assert (wrong.value.code, one.bodies) == ("bad_argument", [])


async def test_questions_bear_the_operator_token_and_give_structs() -> None:
    """Reads go out with the operator token where there is one, and ask for the own strategy."""
    book = {
        "account": "one", "strategy": "fx", "symbol": "EURUSD", "quantity": "-0.1",
        "avg_price": "1.1", "more": 1,
    }  # fmt: skip
    async with engine() as one, _client_of(one, operator_token="op") as client:
        one.replies = [(200, {"books": [book], "nets": []}), (404, {"code": "unknown_account"})]
        (position,) = await client.positions()
        with pytest.raises(Refused) as no:
            await client.account("no such/one")
    assert position.quantity == Decimal("-0.1")
    assert one.asked == ["/v1/positions?strategy=fx", "/v1/account/no%20such%2Fone"]
    assert set(one.tokens) == {"Bearer op"}
    assert no.value.code == "unknown_account"


def test_tokens_are_found_and_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Argument, file, environment, in this order; none is in a repr or in an error's text."""
    file = tmp_path / "token"
    file.write_text("of-the-file\n", encoding="utf-8")
    monkeypatch.setenv("BASCULE_TOKEN", "of-the-environment")
    found = [AsyncClient(**words)._token for words in _ways(file)]
    assert found == ["given", "of-the-file", "of-the-environment"]
    shown = repr(AsyncClient(token=TOKEN, operator_token=TOKEN, strategy="fx"))
    assert shown == "AsyncClient('http://127.0.0.1:8420', strategy='fx')"
    with pytest.raises(ClientError) as missing:
        AsyncClient(token_file=str(tmp_path / "none"))
    assert missing.value.code == "token_file_unreadable"


def _ways(file: Path) -> list[dict[str, Any]]:
    return [{"token": "given", "token_file": str(file)}, {"token_file": str(file)}, {}]


def _message(seq: int) -> str:
    return f'id: {seq}\r\nevent: order_filled\r\ndata: {{"n":{seq}}}\r\n\r\n'


async def test_events_go_on_through_broken_connections() -> None:
    """Each comes once and in order: it asks for what follows the last, and drops what it has."""
    async with engine() as one, _client_of(one) as client:
        begin = ": from here\r\nid: 4\r\n\r\n"
        half = 'id: 9\r\nevent: order_filled\r\ndata: {"n":'
        one.streams = [begin, _message(5) + _message(7) + half, _message(7) + _message(9)]
        stream = client.events()
        found = [await anext(stream) for _ in range(3)]
        await stream.aclose()
    assert [(event.seq, event.data["n"]) for event in found] == [(5, 5), (7, 7), (9, 9)]
    assert one.resumed == ["", "4", "7"]


async def test_code_without_a_loop_has_the_same_client() -> None:
    """The waiting client gives receipts, raises errors and iterates over events."""

    def work(one: Engine) -> tuple[str, list[int], str]:
        with Client(one.url, strategy="fx", token=TOKEN) as client:
            receipt = client.place("EURUSD", "buy", "1")
            events = client.events(after=3)
            seqs = [next(events).seq for _ in range(2)]
            events.close()
            client.disconnect()
            return receipt.signal, seqs, repr(client)

    async with engine() as one:
        one.streams = [_message(4), _message(5)]
        signal, seqs, shown = await in_thread(work, one)
    assert (signal, seqs) == ("k-1", [4, 5])
    assert shown.startswith("Client(")
    assert TOKEN not in shown


async def test_quotes_come_among_events_and_move_no_place() -> None:
    """A quote has no id: its seq is 0, and the stream goes on after the last event all the same."""
    quote = 'event: quote\ndata: {"symbol":"EURUSD","bid":"1.1"}\n\n'
    async with engine() as one, _client_of(one) as client:
        one.streams = [_message(5) + quote, _message(6)]
        stream = client.events(kinds="order_filled,quote")
        found = [await anext(stream) for _ in range(3)]
        await stream.aclose()
    assert [(event.seq, event.kind) for event in found] == [
        (5, "order_filled"),
        (0, "quote"),
        (6, "order_filled"),
    ]
    assert one.resumed == ["", "5"]


SHOWN = [
    (told.Account, AccountView),
    (told.Order, OrderView),
    (told.Position, BookView),
    (told.Quote, QuoteView),
]


@pytest.mark.parametrize(("ours", "theirs"), SHOWN, ids=lambda one: one.__name__)
def test_what_the_client_reads_is_what_the_engine_tells(
    ours: type[msgspec.Struct], theirs: type[msgspec.Struct]
) -> None:
    """Each field is one of the API's, of its type; what the API may leave out has its default."""
    shown = {field.name: field for field in msgspec.structs.fields(theirs)}
    for field in msgspec.structs.fields(ours):
        there = shown[field.name]
        assert field.type == there.type, field.name
        if not there.required:
            assert field.default == there.default, field.name
