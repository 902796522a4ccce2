"""What a command says when the engine does not answer: only what it can know."""

import json
import socket
import threading
from collections.abc import Iterator

import pytest

from bascule.cli.exits import EngineUnreachable, Exit, Unanswered, exit_code
from bascule.cli.remote import request
from bascule.cli.send_cmd import _addressed
from bascule.signals.intake.source import Source
from tests.waiting import PATIENCE_S


@pytest.fixture
def mute() -> Iterator[int]:
    """Listen on a port; take one request to its end and hang up without a word."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as asked:
            length = 0
            while (line := asked.readline().lower()) not in (b"\r\n", b""):
                length = int(line.partition(b":")[2]) if b"content-length" in line else length
            asked.read(length)

    serving = threading.Thread(target=serve)
    serving.start()
    try:
        yield listener.getsockname()[1]
    finally:
        serving.join(PATIENCE_S)
        listener.close()


def test_what_was_asked_and_not_answered_may_have_been_done(mute: int) -> None:
    """Whoever reads that nothing was done asks again, and has two orders."""
    with pytest.raises(Unanswered) as raised:
        request("127.0.0.1", mute, "POST", "/v1/flatten", b"{}", {}, PATIENCE_S)
    assert "Nothing was done" not in raised.value.message
    assert raised.value.code == "unanswered"
    assert exit_code(raised.value) is Exit.ENGINE_UNREACHABLE


def test_a_question_without_an_answer_has_changed_nothing(mute: int) -> None:
    """So the journal may be read instead."""
    with pytest.raises(EngineUnreachable) as raised:
        request("127.0.0.1", mute, "GET", "/v1/orders", None, {}, PATIENCE_S)
    assert raised.value.code == "engine_unreachable"


def test_where_nobody_listens_nothing_was_done() -> None:
    """No connection, no request."""
    with socket.socket() as held, pytest.raises(EngineUnreachable) as raised:
        held.bind(("127.0.0.1", 0))  # so that nobody else listens there meanwhile
        port = held.getsockname()[1]
        request("127.0.0.1", port, "POST", "/v1/flatten", b"{}", {}, PATIENCE_S)
    assert "Nothing was done" in raised.value.message
    assert raised.value.code == "engine_unreachable"


def test_two_messages_of_one_second_are_two_deliveries() -> None:
    """A delivery's id is a signal's key, so the second would be refused as a conflict."""
    source = Source(name="tv", hmac_secrets=("a" * 16,))
    ids = {_addressed(source, json.dumps({"n": n}), "")[1]["webhook-id"] for n in range(2)}
    assert len(ids) == 2
