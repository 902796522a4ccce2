import pytest

from bascule.fix.codec import DATA_TAGS
from bascule.fix.dictionary import ANY_VALUE, APPL_VERSIONS, VERSIONS, FieldDef, load
from bascule.fix.message import Message
from bascule.fix.tree import HEADER_TAGS, TRAILER_TAGS, grow
from bascule.model.errors import ConfigError

SESSION_TYPES = {b"0", b"1", b"2", b"3", b"4", b"5", b"A"}
SIZES = {
    "FIX.4.0": (138, 27),
    "FIX.4.1": (206, 28),
    "FIX.4.2": (405, 46),
    "FIX.4.3": (635, 68),
    "FIX.4.4": (912, 93),
    "FIXT.1.1": (71, 8),
    "FIX.5.0": (1090, 93),
    "FIX.5.0SP1": (1373, 105),
    "FIX.5.0SP2": (6028, 156),
}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_is_whole(version: str) -> None:
    """Each has its fields and messages, and every message unfolds to fields that are defined."""
    dictionary = load(version)
    fields = [tag for tag in range(1, 60_000) if dictionary.field(tag)]
    assert (len(fields), len(dictionary.msg_types())) == SIZES[version]
    for msg_type in dictionary.msg_types()[:: 1 + len(fields) // 200]:
        message = dictionary.message(msg_type)
        assert message is not None
        assert (message.admin, dictionary.knows(msg_type)) == (
            msg_type in SESSION_TYPES or message.name == "XMLnonFIX",
            True,
        )
        assert all(dictionary.field(tag) for tag in message.body.tags)
        for group in message.body.groups.values():
            assert group.first in group.tags
    assert {*dictionary.header.fields} <= HEADER_TAGS
    assert {*dictionary.trailer.fields} <= TRAILER_TAGS


@pytest.mark.parametrize("version", VERSIONS)
def test_the_codec_knows_every_data_field(version: str) -> None:
    """Each field of type DATA follows a length field in the codec's table."""
    dictionary = load(version)
    fields = [field for tag in range(1, 60_000) if (field := dictionary.field(tag))]
    data = {field.tag for field in fields if field.type in ("DATA", "XMLDATA")}
    known = {tag for length, tag in DATA_TAGS.items() if dictionary.field(length)}
    assert known == data


def test_a_field_has_its_name_type_and_values() -> None:
    """Names and values read as published; a tag or a name that does not exist reads as None."""
    dictionary = load("FIX.4.4")
    side = dictionary.field(54)
    assert side is not None
    assert (side.name, side.type, side.values[b"2"]) == ("Side", "CHAR", "SELL")
    assert (dictionary.tag("Side"), dictionary.tag("Sides"), dictionary.field(999)) == (
        54,
        None,
        None,
    )
    settle = load("FIX.4.2").field(166)
    assert settle is not None
    assert ANY_VALUE in settle.values


def test_components_are_unfolded_with_what_they_require() -> None:
    """What is required is so through components too; a group's members keep their order."""
    order = load("FIX.4.4").message(b"D")
    assert order is not None
    assert order.body.required == (11, 40, 54, 60)
    parties = load("FIX.4.4").group(b"D", 453)
    assert parties is not None
    assert [*parties.fields] == [448, 447, 452, 802]
    assert parties.tags == {448, 447, 452, 802, 523, 803}
    assert load("FIX.4.4").group(b"D", 55) is None
    hops = load("FIXT.1.1").group(b"0", 627)
    assert hops is not None
    assert hops.first == 628


def test_begin_strings_and_application_versions() -> None:
    """All of FIX 5 goes by FIXT.1.1, and each ApplVerID names a version that exists."""
    assert [load(version).begin_string for version in APPL_VERSIONS.values()] == [
        b"FIX.4.0", b"FIX.4.1", b"FIX.4.2", b"FIX.4.3", b"FIX.4.4",
        b"FIXT.1.1", b"FIXT.1.1", b"FIXT.1.1",
    ]  # fmt: skip
    with pytest.raises(ConfigError, match=r"no FIX version 'FIX\.9\.9'") as caught:
        load("FIX.9.9")
    assert caught.value.code == "fix_version_unknown"


OVERLAY = """
header = "5001"
[fields]
5001 = "DeskFlag CHAR A=ALPHA B=BETA"
40 = "OrdType CHAR W=VENUE_STOP"
[messages]
D = "5001! 60 453{ 448! 5001 }"
U1 = "app DeskReport 11! 453!{ 448! 447 } Instrument"
"""


def test_own_tags_are_laid_over_a_version() -> None:
    """Fields, values, flags and messages are added; the version itself stays as it was."""
    base = load("FIX.4.4")
    laid = base.overlaid(OVERLAY)
    assert laid.field(5001) == FieldDef(5001, "DeskFlag", "CHAR", {b"A": "ALPHA", b"B": "BETA"})
    kind = laid.field(40)
    assert kind is not None
    assert (kind.values[b"W"], kind.values[b"2"]) == ("VENUE_STOP", "LIMIT")
    order, report = laid.message(b"D"), laid.message(b"U1")
    assert order is not None
    assert report is not None
    assert order.body.required == (11, 40, 54, 5001)
    assert [*order.body.groups[453].fields] == [448, 5001]
    assert (report.name, report.admin, report.body.required) == ("DeskReport", False, (11, 453))
    assert 5001 in laid.header.fields
    assert (base.field(5001), base.knows(b"U1"), 5001 in base.header.fields) == (None, False, False)


@pytest.mark.parametrize(
    ("toml", "why"),
    [
        ("x", "not TOML"),
        ("a = 1", "'a' is none of"),
        ("fields = 3", "fields is no table"),
        ("header = 3", "header is no text"),
        ('[fields]\nx = "A INT"', "'x' is no tag number"),
        ('[fields]\n5001 = "A"', "field 5001 is not a name, a type"),
        ("[fields]\n5001 = 5", "fields.5001 is no text"),
        ('[messages]\nD = "77777"', "'77777' is no field"),
        ('[messages]\nD = "Nothing"', "'Nothing' is no field or component"),
        ('[messages]\nD = "453{ 448"', "not closed"),
        ('[messages]\nD = "453{ }"', "empty"),
        ('[messages]\nD = "}"', "closed and not open"),
        ('[messages]\nU1 = "11"', "needs app or admin"),
    ],
)
def test_an_overlay_that_is_wrong_is_refused_by_name(toml: str, why: str) -> None:
    """The error says which line is wrong and how."""
    with pytest.raises(ConfigError, match=why) as caught:
        load("FIX.4.4").overlaid(toml)
    assert caught.value.code == "fix_dictionary_invalid"


def test_fields_grow_into_parts_by_tag_with_groups_whole() -> None:
    """Header and body each ascend; members stay behind their count; what is misplaced is named."""
    dictionary = load("FIX.4.4")
    message = Message.of(
        b"D", (55, b"ES"), (453, b"1"), (448, b"a"), (452, b"1"), (11, b"x"), (56, b"T"), (10, b"")
    )  # fmt: skip
    tree = grow(message, dictionary, dictionary)
    assert [node.tag for node in tree.header] == [56]
    assert [node.tag for node in tree.body] == [11, 55, 453]
    assert [node.tag for node in tree.trailer] == [10]
    assert [[node.tag for node in instance] for instance in tree.body[2].instances] == [[448, 452]]
    assert tree.misplaced == 56
