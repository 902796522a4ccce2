"""What a session writes: header, values as they are, and nothing that would end a field early."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bascule.fix.codec import Decoder, Unencodable, encode
from bascule.fix.config import SessionConfig, version_named
from bascule.fix.message import Message, read_time
from bascule.fix.outbox import FORMS_MAX, Outbox
from bascule.fix.store import MemoryStore
from bascule.model.values import Instant

NOW = Instant(read_time(b"20261123-15:00:00.123"))
VALUES = st.binary(max_size=12).map(lambda value: value.replace(b"\x01", b"%d"))
BODIES = st.lists(st.tuples(st.sampled_from([11, 38, 40, 54, 55, 58, 5001]), VALUES), max_size=8)


def outbox(sender="A%s", target="%"):
    """Give the way out of a session whose names could be taken for a form's places."""
    version = version_named("FIX.4.4")
    config = SessionConfig(version=version, sender=sender, target=target, role="initiator")
    return Outbox(config, MemoryStore())


def written(out, message):
    """Give the bytes that a message became."""
    out.write(message, NOW)
    return out.take()[0].data


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([b"D", b"%b", b"U%%"]), BODIES), max_size=6))
def test_every_message_is_written_as_it_is(messages):
    """Also the second of its kind, and whatever its values look like."""
    out = outbox()
    for number, (msg_type, fields) in enumerate([*messages, *messages], 1):
        header = [(34, b"%d" % number), (49, b"A%s"), (52, b"20261123-15:00:00.123"), (56, b"%")]
        data = written(out, Message(msg_type, fields))
        assert data == encode(b"FIX.4.4", Message(msg_type, [*header, *fields]))
        assert Decoder().feed(data)[0].fields == [*header, *fields]


@pytest.mark.parametrize("times", [1, 2])
def test_no_value_ends_its_field_early(times):
    """Whether such a message was written before or not; data may hold any byte."""
    out = outbox()
    for _ in range(times):
        written(out, Message(b"D", [(95, b"1"), (96, b"x"), (58, b"x")]))
        data = [(95, b"3"), (96, b"a\x01b"), (58, b"x")]
        assert Decoder().feed(written(out, Message(b"D", data)))[0].fields[4:] == data
        with pytest.raises(Unencodable):
            written(out, Message(b"D", [(95, b"1"), (96, b"x"), (58, b"a\x01b")]))
        with pytest.raises(Unencodable):
            written(out, Message(b"D\x01", [(58, b"x")]))


def test_header_fields_of_a_message_stand_in_its_header():
    """They are put in their place among the session's own, which they cannot replace."""
    message = Message(b"D", [(11, b"x"), (97, b"Y"), (49, b"other")])
    for _ in range(2):
        fields = Decoder().feed(written(outbox("A", "B"), message))[0].fields
        assert [tag for tag, _ in fields] == [34, 49, 52, 56, 97, 11]
        assert fields[1] == (49, b"A")


def test_memory_is_bounded():
    """An application that sends ever new kinds of messages does not fill memory."""
    out = outbox()
    for tag in range(5000, 5000 + FORMS_MAX + 20):
        written(out, Message(b"D", [(tag, b"x")]))
    assert len(out._forms) == FORMS_MAX
