import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bascule.fix.codec import (
    DATA_TAGS,
    KEPT_BYTES,
    Decoder,
    Garbled,
    Unencodable,
    byte_sum,
    encode,
)
from bascule.fix.message import Field, Message

BEGIN_STRINGS = [b"FIX.4.0", b"FIX.4.1", b"FIX.4.2", b"FIX.4.3", b"FIX.4.4", b"FIXT.1.1"]
HEARTBEAT = encode(b"FIX.4.4", Message.of(b"0", (34, b"2"), (49, b"A"), (56, b"B")))


def _soh(text: str) -> bytes:
    return text.replace("|", "\x01").encode("latin-1")


def _framed(body: str) -> bytes:
    data = b"8=FIX.4.4\x019=%d\x01%b" % (len(body), _soh(body))
    return data + b"10=%03d\x01" % (sum(data) % 256)


def _decode(data: bytes, **limits: int) -> list[Message | Garbled]:
    return Decoder(**limits).feed(data)


plain = st.tuples(
    st.integers(1, 20000).filter(lambda tag: tag not in DATA_TAGS and tag not in (8, 9, 10, 35)),
    st.binary(min_size=1, max_size=12).map(lambda value: value.replace(b"\x01", b"=")),
).map(lambda field: [field])
data = st.tuples(st.sampled_from(sorted(DATA_TAGS)), st.binary(max_size=12)).map(
    lambda pair: [(pair[0], b"%d" % len(pair[1])), (DATA_TAGS[pair[0]], pair[1])]
)
messages = st.builds(
    lambda kind, parts: Message(kind, [field for part in parts for field in part]),
    st.sampled_from([b"0", b"A", b"D", b"8", b"AE", b"U1"]),
    st.lists(st.one_of(plain, data), max_size=12),
)


def test_a_message_of_the_specification_has_its_length_and_sum() -> None:
    """A Logon as published for FIX 4.2 encodes to those bytes, and reads back."""
    wire = _soh(
        "8=FIX.4.2|9=65|35=A|49=SERVER|56=CLIENT|34=177|52=20090107-18:15:16|98=0|108=30|10=062|"
    )
    message = _decode(wire)[0]
    assert isinstance(message, Message)
    assert (message.begin_string, message.msg_type, message.raw) == (b"FIX.4.2", b"A", wire)
    assert message.get(108) == b"30"
    assert encode(b"FIX.4.2", Message(b"A", message.fields)) == wire


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(BEGIN_STRINGS), messages)
@example(b"FIX.4.0", Message.of(b"0"))
@example(b"FIX.4.4", Message.of(b"D", (95, b"3"), (96, b"\x018=")))
def test_what_is_encoded_reads_back_the_same(begin: bytes, message: Message) -> None:
    """Any message of plain and data fields comes back with its fields in their order."""
    wire = encode(begin, message)
    (found,) = _decode(wire)
    assert found == message
    assert isinstance(found, Message)
    assert (found.begin_string, found.raw) == (begin, wire)


@given(st.binary(max_size=2000))
def test_byte_sum_is_exact(data: bytes) -> None:
    """The fast sum equals the plain one, also for the largest bytes."""
    assert byte_sum(data) == sum(data)
    assert byte_sum(b"\xff" * len(data)) == 255 * len(data)


STREAM = b"".join(
    (
        b"\r\nnoise",
        HEARTBEAT,
        encode(b"FIX.4.4", Message.of(b"B", (95, b"9"), (96, b"\x0110=000\x018"), (58, b"x"))),
        HEARTBEAT.replace(b"49=A", b"49=Z"),  # a wrong sum
        _soh("58=FIX is not 8=FIX|"),
        HEARTBEAT.replace(b"9=20", b"9=12"),
        HEARTBEAT,
        HEARTBEAT.replace(b"9=20", b"9=25"),
        HEARTBEAT,
        HEARTBEAT,
        _soh("8=FIX.4.4|35=0|8=FIX.4.4|9=5|34=1|10=0|"),
        encode(b"FIXT.1.1", Message.of(b"0")),
        b"8=FIX.4.4\x019=70\x0135=0",
    )
)


def test_a_stream_comes_out_the_same_however_it_is_cut() -> None:
    """Two pieces cut at any byte, and single bytes, give what one piece gives."""
    whole = _decode(STREAM)
    assert sum(isinstance(found, Message) for found in whole) == 5
    for cut in range(len(STREAM) + 1):
        decoder = Decoder()
        assert decoder.feed(STREAM[:cut]) + decoder.feed(STREAM[cut:]) == whole
    decoder = Decoder()
    assert [out for i in range(len(STREAM)) for out in decoder.feed(STREAM[i : i + 1])] == whole


@pytest.mark.parametrize(
    ("wire", "reason"),
    [
        (HEARTBEAT.replace(b"49=A", b"49=B"), "check_sum"),
        (HEARTBEAT[:-4] + b"256\x01", "check_sum"),
        (HEARTBEAT[:-4] + b"0\x01", "check_sum"),
        (HEARTBEAT.replace(b"9=20", b"9=10"), "body_length"),
        (_framed(""), "header"),
        (_framed("34=2|35=0|"), "header"),
        (_framed("35=0|garbled|"), "field"),
        (_framed("35=0|4bad9=X|"), "field"),
        (_framed("35=0|049=X|"), "field"),
        (_framed("35=0|=X|"), "field"),
        (_framed("35=0||"), "field"),
        (_framed("35=0|95=9|96=abc|"), "field"),
        (HEARTBEAT.replace(b"9=20", b"9=99999999"), "too_long"),
    ],
)
def test_garbled_input_is_named_and_the_next_message_is_read(wire: bytes, reason: str) -> None:
    """A bad frame yields its reason, never a message, and takes nothing behind it along."""
    found = _decode(wire + HEARTBEAT)
    assert [getattr(one, "reason", "message") for one in found] == [reason, "message"]


def test_a_length_that_is_too_long_takes_the_next_message_along() -> None:
    """Both are lost to one report, and the gap that they leave is the session's to close."""
    found = _decode(HEARTBEAT.replace(b"9=20", b"9=30") + HEARTBEAT + HEARTBEAT)
    assert [type(one) for one in found] == [Garbled, Message]
    assert isinstance(found[0], Garbled)
    assert found[0].size == 2 * len(HEARTBEAT)


def test_a_message_in_the_data_of_a_bad_frame_is_not_read() -> None:
    """A frame with a wrong sum is dropped whole, with a whole message in its data."""
    outer = encode(
        b"FIX.4.4", Message.of(b"B", (95, b"%d" % len(HEARTBEAT)), (96, HEARTBEAT), (58, b"a"))
    )
    (found,) = _decode(outer.replace(b"58=a", b"58=b"))
    assert isinstance(found, Garbled)
    assert isinstance(_decode(outer)[0], Message)


def test_tags_that_no_version_defines_are_read() -> None:
    """Zero, negative and large tag numbers parse: to refuse them with a reason is validation's."""
    (found,) = _decode(_framed("35=0|0=a|-1=b|123456789=c|"))
    assert isinstance(found, Message)
    assert found.fields == [(0, b"a"), (-1, b"b"), (123456789, b"c")]


@pytest.mark.parametrize(
    "fields",
    [
        [(58, b"a\x0110=000")],
        [(95, b"2"), (96, b"a\x01b")],
        [(95, b"3"), (58, b"a\x01b")],
        [(96, b"a\x01b")],
    ],
)
def test_a_value_cannot_smuggle_fields_into_a_message(fields: list[Field]) -> None:
    """A separator in a value is refused, but for data that follows its own length."""
    with pytest.raises(Unencodable, match="separator"):
        encode(b"FIX.4.4", Message(b"B", fields))
    with pytest.raises(Unencodable):
        encode(b"FIX.4.4", Message.of(b"B\x01"))


def test_limits_hold() -> None:
    """Long bodies, many fields and endless noise are refused, in bounded memory."""
    long = encode(b"FIX.4.4", Message.of(b"B", (58, b"x" * 300)))
    assert getattr(_decode(long, max_body=200)[0], "reason", "") == "too_long"
    many = encode(b"FIX.4.4", Message.of(b"B", *[(58, b"x")] * 50))
    assert getattr(_decode(many, max_fields=50)[0], "reason", "") == "too_many_fields"
    assert isinstance(_decode(many, max_fields=51)[0], Message)
    decoder = Decoder(max_body=1000)
    for _ in range(200):
        assert decoder.feed(b"GET / HTTP/1.1\r\n8=FIX") == []
        assert decoder.pending < 100
    assert decoder.skipped > 3000
    noise, message = decoder.feed(b"..................................." + HEARTBEAT)
    assert isinstance(noise, Garbled)
    assert (len(noise.raw), noise.size > 4000) == (KEPT_BYTES, True)
    assert isinstance(message, Message)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=30),
            st.sampled_from(
                [
                    b"8=FIX",
                    b"8=FIX.4.4\x01",
                    b"9=5\x01",
                    b"9=40\x01",
                    b"35=0\x01",
                    b"\x0110=",
                    b"000\x01",
                    HEARTBEAT,
                    b"95=4\x01",
                ]
            ),
        ),
        max_size=20,
    ),
    st.integers(1, 50),
)
def test_garbage_is_harmless(pieces: list[bytes], size: int) -> None:
    """No input raises; memory stays bounded; nothing that is no whole frame becomes a message."""
    stream = b"".join(pieces)
    decoder = Decoder(max_body=200)
    found: list[Message | Garbled] = []
    for at in range(0, len(stream), size):
        found += decoder.feed(stream[at : at + size])
        assert decoder.pending <= 200 + 64
    assert found == _decode(stream, max_body=200)
    for one in found:
        if isinstance(one, Message):
            assert sum(one.raw[:-7]) % 256 == int(one.raw[-4:-1])


def test_a_password_is_not_shown() -> None:
    """What is printed of a message or of garbled input holds no secret."""
    wire = encode(b"FIX.4.4", Message.of(b"A", (554, b"hunter2"), (553, b"me")))
    garbled = _decode(wire.replace(b"553", b"552"))
    assert "hunter2" not in repr(_decode(wire) + garbled)
    assert "553=me" in repr(_decode(wire))


def test_a_long_message_in_single_bytes_is_not_copied_again_and_again() -> None:
    """The decoder looks at what waits only once it may be whole."""
    wire = encode(b"FIX.4.4", Message.of(b"B", (58, b"x" * 20_000)))

    class Watched(Decoder):
        looks = 0

        def _next(self, data: bytes, at: int, found: list[Message | Garbled]) -> int:
            self.looks += 1
            return super()._next(data, at, found)

    decoder = Watched()
    found = [one for at in range(len(wire)) for one in decoder.feed(wire[at : at + 1])]
    assert [type(one) for one in found] == [Message]
    assert decoder.looks < 60
