import pytest
from hypothesis import given
from hypothesis import strategies as st

from bascule.fix.codec import encode
from bascule.fix.dictionary import load
from bascule.fix.message import Message
from bascule.fix.names import dictionaries, find, inspect, lines, printable, refusal

ORDER = Message.of(
    b"D", (34, b"2"), (49, b"A"), (52, b"20260520-13:30:00"), (56, b"B"), (453, b"1"),
    (448, b"p"), (802, b"1"), (523, b"s"), (11, b"x"), (18, b"G 6"), (55, b"ES"), (54, b"1"),
    (60, b"20260520-13:30:00"), (40, b"1"),
)  # fmt: skip
WIRE = encode(b"FIX.4.4", ORDER)


def test_fields_are_named_in_their_order_with_groups_indented() -> None:
    """Names, meanings and depths; a value of several parts has a meaning for each."""
    dictionary = load("FIX.4.4")
    shown = {line.tag: line for line in lines(ORDER, dictionary, dictionary)}
    assert [*shown] == [tag for tag, _ in ORDER.fields]
    assert (shown[54].name, shown[54].meaning) == ("Side", "BUY")
    assert shown[18].meaning == "ALL_OR_NONE PARTICIPATE_DO_NOT_INITIATE"
    assert [shown[tag].depth for tag in (453, 448, 523, 11)] == [0, 1, 2, 0]
    unknown = lines(Message.of(b"0", (7777, b"x"), (554, b"hunter2")), dictionary, dictionary)
    assert [(line.name, line.value) for line in unknown] == [("?", "x"), ("Password", "***")]


@pytest.mark.parametrize("separator", [b"\x01", b"|", b";", b"^A", b"<SOH>"])
def test_messages_are_found_in_logs_with_any_separator(separator: bytes) -> None:
    """What stands around and between them is passed over, and their frames are sound."""
    one = WIRE.replace(b"\x01", separator)
    log = b"13:30:00.1 IN  " + one + b"\n13:30:00.2 OUT [" + one + b"]\r\n" + one[: -len(separator)]
    found = list(find(log))
    assert [(each.message, each.problems) for each in found] == [(ORDER, ())] * 3


def test_data_may_hold_the_separator_and_the_next_message() -> None:
    """A sound message ends where its length says, whatever is in its data."""
    news = Message.of(b"B", (95, b"%d" % len(WIRE)), (96, WIRE), (58, b"x"))
    assert [each.message for each in find(encode(b"FIX.4.4", news) + WIRE)] == [news, ORDER]


def test_what_is_wrong_with_a_frame_is_said_with_both_figures() -> None:
    """A wrong length, a wrong sum, a field that is none and a missing end are each named."""
    cut = inspect(WIRE.replace(b"55=ES", b"55=ESZ6"))
    assert cut.problems[0].startswith("BodyLength says 114, it is 116")
    assert cut.problems[1].startswith("CheckSum says")
    assert cut.message.get(55) == b"ESZ6"
    garbled = inspect(WIRE.replace(b"55=ES", b"fifty"))
    assert garbled.problems[0] == "'fifty' is no field"
    assert inspect(WIRE[:-7]).problems == ("CheckSum (10) is not its last field",)
    assert inspect(b"8=FIX.4.4\x0135=0\x019=5\x0110=000\x01").problems[0] == (
        "it begins with tags 8, 35, 9 and not 8, 9, 35"
    )


def test_the_dictionaries_follow_the_message() -> None:
    """FIXT messages go by the version that they name, then by the one given; others by tag 8."""
    assert dictionaries(Message(b"D", [], b"FIX.4.2")) == (load("FIX.4.2"), load("FIX.4.2"))
    fixt = Message(b"D", [(1128, b"7")], b"FIXT.1.1")
    assert dictionaries(fixt) == (load("FIXT.1.1"), load("FIX.5.0"))
    other = Message(b"D", [], b"FIXT.1.1")
    assert dictionaries(other, "FIX.5.0SP1") == (load("FIXT.1.1"), load("FIX.5.0SP1"))
    assert dictionaries(Message(b"D", [], b"FIX.9.9")) is None


def test_a_refusal_names_the_field() -> None:
    """The reason, the tag and its name; nothing for a sound message."""
    dictionary = load("FIX.4.4")
    assert refusal(ORDER, dictionary, dictionary) == ""
    lacking = ORDER.with_fields(field for field in ORDER.fields if field[0] != 11)
    assert refusal(lacking, dictionary, dictionary) == (
        "Required tag missing (11 ClOrdID), reason 1"
    )
    assert refusal(Message(b"?", []), dictionary, dictionary) == "Invalid MsgType, reason 11"


def test_values_cannot_steer_a_terminal() -> None:
    """Control bytes and line ends are escaped; text of any encoding is readable."""
    assert printable(b"a\x1b[31m\r\n\x01") == "a\\x1b[31m\\r\\n\\x01"
    assert printable("é".encode()) == printable("é".encode("latin-1")) == "é"


@given(
    st.lists(
        st.sampled_from([b"8=FIX.4.4|", b"9=5|", b"10=", b"000|", b"35=0|", b"\n", b"x", WIRE])
    )
)
def test_no_log_breaks_the_search(pieces: list[bytes]) -> None:
    """Any mix of pieces is read to its end."""
    for found in find(b"".join(pieces)):
        pair = dictionaries(found.message)
        assert pair is not None
        assert len(lines(found.message, *pair)) == len(found.message.fields)
