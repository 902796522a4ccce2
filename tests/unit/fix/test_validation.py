import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bascule.fix.dictionary import Dictionary, load
from bascule.fix.message import Field, Message
from bascule.fix.validation import DEFAULT, Options, Reject, validate

TIME = b"20260520-13:30:00.123"
HEADER: list[Field] = [(34, b"2"), (49, b"A"), (52, TIME), (56, b"B")]
ORDER: list[Field] = [
    (11, b"x"), (21, b"1"), (38, b"2"), (40, b"2"), (44, b"5300.25"), (54, b"1"), (55, b"ES"),
    (60, TIME),
]  # fmt: skip
VERSIONS = (
    "FIX.4.0", "FIX.4.1", "FIX.4.2", "FIX.4.3", "FIX.4.4", "FIX.5.0", "FIX.5.0SP1", "FIX.5.0SP2",
)  # fmt: skip


def _dictionaries(version: str) -> tuple[Dictionary, Dictionary]:
    app = load(version)
    return load(app.begin_string.decode()), app


def _order(*more: Field, without: int = 0, version: str = "FIX.4.4") -> Message:
    fields = [field for field in (*HEADER, *ORDER) if field[0] != without]
    if version < "FIX.4.2":  # TransactTime came with 4.2
        fields = [field for field in fields if field[0] != 60]
    return Message(b"D", [*fields, *more])


def _check(message: Message, version: str = "FIX.4.4", **options: bool) -> Reject | None:
    return validate(message, *_dictionaries(version), DEFAULT._replace(**options))


@pytest.mark.parametrize("version", VERSIONS)
def test_sound_messages_pass(version: str) -> None:
    """A plain order and a heartbeat pass in every version."""
    assert _check(_order(version=version), version) is None
    assert _check(Message(b"0", [*HEADER, (112, b"T")]), version) is None


TEXTS = {
    0: "Invalid tag number",
    1: "Required tag missing",
    2: "Tag not defined for this message type",
    4: "Tag specified without a value",
    5: "Value is incorrect (out of range) for this tag",
    6: "Incorrect data format for value",
    11: "Invalid MsgType",
    13: "Tag appears more than once",
    14: "Tag specified out of required order",
    15: "Repeating group fields out of order",
    16: "Incorrect NumInGroup count for repeating group",
}

CASES: list[tuple[str, Message, int, int | None]] = [
    ("unknown", _order((999, b"x")), 0, 999),
    ("zero", _order((0, b"x")), 0, 0),
    ("negative", _order((-1, b"x")), 0, -1),
    ("user's own", _order((5000, b"x")), 0, 5000),
    ("in the header", Message(b"0", [*HEADER, (56, b"B"), (1, b"")]), 13, 56),
    ("no side", _order(without=54), 1, 54),
    ("no sender", _order(without=49), 1, 49),
    ("not in a heartbeat", Message(b"0", [*HEADER, (55, b"ES")]), 2, 55),
    ("empty", _order((1, b"")), 4, 1),
    ("unlisted", _order((59, b"z")), 5, 59),
    ("one unlisted of many", _order((18, b"G z")), 5, 18),
    ("plus sign", _order((99, b"+1")), 6, 99),
    ("exponent", _order((99, b"1e5")), 6, 99),
    ("two characters", _order((59, b"00")), 6, 59),
    ("bad time", _order((126, b"20261301-00:00:00")), 6, 126),
    ("bad flag", _order((114, b"y")), 6, 114),
    ("bad type", Message(b"*", HEADER), 11, None),
    ("twice", _order((40, b"2")), 13, 40),
    ("type twice", Message(b"0", [*HEADER, (35, b"0")]), 13, 35),
    ("header in body", _order((43, b"N")), 14, 43),
    ("body in trailer", Message(b"0", [*HEADER, (93, b"1"), (89, b"x"), (112, b"T")]), 14, 112),
    ("count too high", _order((386, b"3"), (336, b"1"), (336, b"2")), 16, 386),
    ("count too low", _order((386, b"1"), (336, b"1"), (336, b"2")), 16, 386),
    ("opened wrongly", _order((453, b"1"), (452, b"1"), (448, b"a")), 15, 452),
    ("member outside", _order((448, b"a")), 2, 448),
    ("nested count", _order((453, b"1"), (448, b"a"), (802, b"2"), (523, b"s")), 16, 802),
]  # fmt: skip


THOROUGH: list[tuple[str, Message, int, int | None]] = [
    ("bad date", _order((64, b"20260230")), 6, 64),
    ("bad month", _order((200, b"202613")), 6, 200),
    ("empty member", _order((453, b"1"), (448, b"")), 4, 448),
    ("bad member", _order((453, b"1"), (448, b"a"), (452, b"x")), 6, 452),
    ("unlisted member", _order((453, b"1"), (448, b"a"), (447, b"~")), 5, 447),
]  # fmt: skip


@pytest.mark.parametrize(
    ("message", "reason", "tag"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_each_breach_has_its_reason_tag_and_text(
    message: Message, reason: int, tag: int | None
) -> None:
    """Every reason is given with the tag that it is about and the text that peers compare."""
    reject = _check(message)
    assert reject == Reject(reason, tag)
    assert reject.text == TEXTS[reason]


@pytest.mark.parametrize(
    ("message", "reason", "tag"), [case[1:] for case in THOROUGH], ids=[c[0] for c in THOROUGH]
)
def test_what_quickfix_lets_pass_is_refused_when_asked_to(
    message: Message, reason: int, tag: int | None
) -> None:
    """Dates and values in groups are held to their form only by a thorough check."""
    assert _check(message) is None
    assert _check(message, thorough=True) == Reject(reason, tag)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_refuses_the_same_breaches(version: str) -> None:
    """Missing, unknown, empty, repeated, misplaced and malformed fields, in all eight versions."""
    for more, reason, tag in (
        ((4999, b"x"), 0, 4999),
        ((1, b""), 4, 1),
        ((54, b"1"), 13, 54),
        ((97, b"N"), 14, 97),
        ((99, b"1.x"), 6, 99),
        ((40, b"2"), 13, 40),
        ((112, b"T"), 2, 112),
    ):
        assert _check(_order(more, version=version), version) == Reject(reason, tag)
    assert _check(_order(without=54, version=version), version) == Reject(1, 54)
    assert _check(Message(b"??", HEADER), version) == Reject(11, None)


def test_the_first_breach_in_the_order_of_checks_is_given() -> None:
    """Order of parts, then type, then required fields, then fields by tag, header first."""
    broken = [*HEADER, (1, b""), (999, b"x"), (43, b"N")]
    assert _check(Message(b"D", broken)) == Reject(14, 43)
    assert _check(Message(b"D", broken), order=False) == Reject(1, 11)
    assert _check(_order((999, b"x"), (1, b""))) == Reject(4, 1)
    assert _check(Message(b"0", [(34, b"x"), *HEADER[1:], (1, b"")])) == Reject(6, 34)


def test_options_let_through_what_they_name() -> None:
    """Each switch lets its own breach pass, and no other."""
    assert _check(_order((1, b"")), empty_values=False) is None
    assert _check(_order((5001, b"x")), user_defined=False) is None
    assert _check(_order((999, b"x")), user_defined=False) == Reject(0, 999)
    assert _check(_order((999, b"x")), unknown_fields=True) is None
    assert _check(_order((5001, b"x")), unknown_fields=True) == Reject(0, 5001)
    assert _check(_order((59, b"z")), listed_values=False) is None
    assert _check(_order((43, b"N")), order=False) is None
    swapped = _order((453, b"1"), (448, b"a"), (452, b"1"), (447, b"D"))
    assert _check(swapped) is None
    assert _check(swapped, group_order=True) == Reject(15, 447)


def test_an_empty_group_and_a_group_in_the_header_pass() -> None:
    """A count of zero is legal on input; hops are instances of the header's own group."""
    assert _check(_order((453, b"0"))) is None
    hops = [*HEADER, (627, b"2"), (628, b"X"), (629, TIME), (628, b"Y")]
    assert _check(Message(b"0", hops)) is None
    assert _check(Message(b"0", hops[:-1])) == Reject(16, 627)


def test_a_required_group_requires_its_members() -> None:
    """A mass quote's sets need their ids; members of an optional group may be missing."""
    needed = load("FIX.4.4").overlaid('[messages]\nU1 = "app Own 453!{ 448! 447 452! }"')
    message = Message(b"U1", [*HEADER, (453, b"1"), (448, b"a")])
    assert validate(message, needed) == Reject(1, 452)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([b"D", b"8", b"A", b"0", b"??", b""]),
    st.lists(
        st.tuples(
            st.sampled_from(
                [0, -1, 1, 8, 9, 10, 34, 35, 49, 453, 448, 452, 802, 523, 627, 628, 999]
            ),
            st.binary(max_size=4),
        ),
        max_size=30,
    ),
    st.sampled_from(VERSIONS),
    st.builds(Options, *[st.booleans()] * 7),
)
def test_no_message_breaks_validation(
    msg_type: bytes, fields: list[Field], version: str, options: Options
) -> None:
    """Whatever the fields are, the answer is a known reason or none."""
    reject = validate(Message(msg_type, fields), *_dictionaries(version), options)
    assert reject is None or reject.text
