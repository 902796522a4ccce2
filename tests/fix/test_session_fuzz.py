"""Whatever comes in, a session neither breaks, nor grows without bound, nor loses its numbers."""

from hypothesis import given, settings
from hypothesis import strategies as st

from bascule.fix.actions import Deliver, Disconnect, LoggedOn, Send
from bascule.fix.codec import Decoder, encode
from bascule.fix.config import SessionConfig
from bascule.fix.core import Phase
from bascule.fix.dictionary import load
from bascule.fix.gaps import HELD_MAX
from bascule.fix.message import Message, read_time
from bascule.fix.session import Session
from bascule.fix.store import MemoryStore
from bascule.fix.timestamp import write_time
from bascule.fix.validation import validate
from bascule.fix.validator import validator
from bascule.fix.version import VERSIONS
from bascule.model.values import SECOND, Instant
from tests.fix.clause import checks_of

START = Instant(read_time(b"20261123-15:00:00") or 0)
TAGS = st.sampled_from([7, 11, 16, 21, 36, 38, 40, 43, 45, 54, 55, 58, 60, 97, 108, 112, 122, 123])
VALUES = st.one_of(
    st.sampled_from([b"Y", b"N", b"0", b"1", b"2", b"5", b"999999", b"", b"-1", b"x"]),
    st.sampled_from([b"20261123-15:00:00.000", b"20261123-15:00:30", b"20200101-00:00:00"]),
    st.binary(max_size=6).map(lambda value: value.replace(b"\x01", b"")),
)
TYPES = st.sampled_from([b"0", b"1", b"2", b"3", b"4", b"5", b"A", b"D", b"8", b"*"])
NUMBERS = st.one_of(st.none(), st.integers(0, 12), st.integers(0, 1 << 70))
FIELDS = st.lists(st.tuples(TAGS, VALUES), max_size=6)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("message"), TYPES, NUMBERS, st.booleans(), FIELDS),
        st.tuples(st.just("bytes"), st.binary(max_size=60)),
        st.tuples(st.just("wait"), st.integers(0, 90)),
        st.tuples(st.just("send")),
        st.tuples(st.just("leave")),
        st.tuples(st.just("reset")),
        st.tuples(st.just("drop")),
    ),
    max_size=25,
)
ORDER = [(11, b"a"), (21, b"1"), (38, b"1"), (40, b"1"), (54, b"1"), (55, b"ES")]


class Play:
    """One session and what is done to it, with the rules that always hold checked at each step."""

    def __init__(self, version, role):
        self.now = START
        self.store = MemoryStore()
        config = SessionConfig(version=version, sender="US", target="PEER", role=role)
        self.session = Session(config, self.store, checks_of(version.name))
        self.version = version
        self.decoder = Decoder()
        self.numbers = set()
        self.delivered = 0

    def note(self, actions):
        """Check what the session wants: whole messages, new numbers, and nothing after the end."""
        ended = False
        for action in actions:
            if isinstance(action, LoggedOn) and action.reset:
                self.numbers.clear()
            if isinstance(action, Send):
                assert not ended, "bytes after the connection was given up"
                (message,) = Decoder().feed(action.data)
                assert isinstance(message, Message)
            ended = ended or isinstance(action, Disconnect)
            self.delivered += isinstance(action, Deliver)
        core = self.session._core
        assert len(core.gaps) <= HELD_MAX
        assert ended <= (core.phase is Phase.DOWN)
        if core.phase is Phase.DOWN:
            assert len(core.gaps) == 0 and core.gaps.request is None and not core.replay.running

    def message(self, kind, number, fresh, fields):
        """Have the peer send a message; ``fresh``: with the expected number and required fields."""
        body = dict(fields)
        header = {34: b"%d" % (self.store.next_in if number is None else number)}
        header |= {49: b"PEER", 52: write_time(self.now, 3), 56: b"US"}
        if fresh and kind == b"A":
            body |= {98: b"0", 108: b"30", 1137: self.version.default_appl_ver_id}
        if fresh and kind == b"D":
            body |= dict(ORDER) | {60: b"20261123-15:00:00"}
        moved = {tag: body.pop(tag) for tag in (43, 97, 122) if tag in body}
        every = {**header, **moved, **body}
        message = Message(
            kind, [(tag, value) for tag, value in every.items() if tag != 1137 or value]
        )
        self.bytes(encode(self.version.begin_string, message))

    def bytes(self, data):
        for item in self.decoder.feed(data):
            before = self.store.next_in, self.store.next_out
            garbled = not isinstance(item, Message)
            self.note(self.session.receive(item, self.now))
            if garbled:
                assert before == (self.store.next_in, self.store.next_out)

    def run(self, steps):
        """Do them all, connecting whenever the connection is down."""
        for verb, *arguments in steps:
            if not self.session.connected:
                self.decoder = Decoder()
                self.note(self.session.connect(self.now))
                self.message(b"A", None, True, [])
            match verb, arguments:
                case "message", (kind, number, fresh, fields):
                    self.message(kind, number, fresh, fields)
                case "bytes", (data,):
                    self.bytes(data)
                case "wait", (seconds,):
                    self.wait(seconds)
                case "send", _:
                    self.note(self.session.send(Message(b"D", ORDER), self.now, hold=True))
                case "leave", _:
                    self.note(self.session.logout(self.now))
                case "reset", _:
                    self.note(self.session.reset(self.now))
                case "drop", _:
                    self.note(self.session.disconnected(self.now))

    def wait(self, seconds):
        until = self.now + seconds * SECOND
        for _ in range(1000):
            due = self.session.due()
            if due is None or due > until:
                break
            self.now = Instant(max(self.now, due))
            self.note(self.session.tick(self.now))
        else:
            raise AssertionError("it never comes to rest")
        self.now = Instant(until)


@settings(max_examples=150, deadline=None)
@given(
    version=st.sampled_from(sorted(VERSIONS)),
    role=st.sampled_from(["acceptor", "initiator"]),
    steps=STEPS,
)
def test_anything_may_come(version, role, steps):
    """No input breaks a session or makes it say what is no message; garbage changes no number."""
    Play(VERSIONS[version], role).run(steps)


@settings(max_examples=60, deadline=None)
@given(data=st.lists(st.binary(max_size=200), max_size=10))
def test_garbage_changes_nothing(data):
    """Bytes that are no message change neither numbers nor what is held."""
    play = Play(VERSIONS["FIX.4.4"], "acceptor")
    play.run([("bytes", b"")])
    before = (play.store.next_in, play.store.next_out)
    for part in data:
        play.bytes(part.replace(b"8=FIX", b""))
    assert before == (play.store.next_in, play.store.next_out)


def test_a_flood_above_a_gap_is_bounded():
    """A peer that floods us above a gap is held up to the bound, and the session goes on."""
    play = Play(VERSIONS["FIX.4.4"], "acceptor")
    play.run([("bytes", b"")])
    for number in range(4, HELD_MAX + 500):
        play.message(b"0", number, True, [])
    play.message(b"4", 2, True, [(123, b"Y"), (36, b"4"), (43, b"Y"), (122, b"20261123-15:00:00")])
    assert play.store.next_in == HELD_MAX + 4
    assert play.session.connected


BASES = [
    (b"D", [*ORDER, (60, b"20261123-15:00:00")]),
    (b"0", [(112, b"x")]),
    (b"2", [(7, b"1"), (16, b"0")]),
    (
        b"D",
        [*ORDER, (60, b"20261123-15:00:00"), (453, b"1"), (448, b"a"), (447, b"D"), (452, b"1")],
    ),
]


@settings(max_examples=300, deadline=None)
@given(
    changes=st.lists(
        st.tuples(st.sampled_from(BASES), st.integers(0, 12), TAGS, VALUES, st.booleans()),
        min_size=1,
        max_size=6,
    )
)
def test_the_memory_of_a_validator_changes_no_verdict(changes):
    """A validator that has seen messages before says what a full look says."""
    version = VERSIONS["FIX.4.4"]
    remembering = validator(version)
    dictionary = load(version.name)
    for (kind, base), place, tag, value, replace in changes:
        header = [(34, b"5"), (49, b"P"), (52, b"20261123-15:00:00.000"), (56, b"U")]
        fields = [*header, *base]
        for message in (Message(kind, fields), _changed(kind, fields, place, tag, value, replace)):
            in_full = validate(message, dictionary)
            assert remembering(message) == in_full
            assert remembering(message) == in_full


def _changed(kind, fields, place, tag, value, replace):
    place %= len(fields)
    if replace:
        return Message(kind, [*fields[:place], (fields[place][0], value), *fields[place + 1 :]])
    return Message(kind, [*fields[:place], (tag, value), *fields[place:]])
