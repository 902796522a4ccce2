"""Two of our sessions, and a network and a fate that do their worst: every message once, in order.

The network keeps order, as TCP does, but messages may arrive garbled, connections may be cut with
anything on its way, and either side may die after its store is durable and before anything left.
"""

from collections import deque

from hypothesis import given, settings
from hypothesis import strategies as st

from bascule.fix.actions import Deliver, Disconnect, Halt, Send
from bascule.fix.codec import Decoder
from bascule.fix.config import SessionConfig
from bascule.fix.message import Message, read_time
from bascule.fix.session import Session
from bascule.fix.store import MemoryStore
from bascule.fix.version import VERSIONS
from bascule.model.values import SECOND, Instant
from tests.fix.clause import checks_of

START = Instant(read_time(b"20261123-15:00:00") or 0)
ORDER = [(21, b"1"), (38, b"1"), (40, b"1"), (54, b"1"), (55, b"ES")]


class Side:
    """One session, what it was given, and what it sent."""

    def __init__(self, version, role, **options):
        names = ("I", "A") if role == "initiator" else ("A", "I")
        self.config = SessionConfig(
            version=version, sender=names[0], target=names[1], role=role, **options
        )
        self.store = MemoryStore()
        self.got, self.sent = [], []
        self.live()

    def live(self):
        """Start, or start again after a death, with nothing but the store."""
        self.session = Session(self.config, self.store, checks_of(self.config.version.name))
        self.decoder = Decoder()


class World:
    """Both sides and what is on its way between them."""

    def __init__(self, version, **options):
        self.now = START
        self.sides = [Side(version, "initiator", **options), Side(version, "acceptor", **options)]
        self.ways = [deque(), deque()]  # to each side
        self.up = False

    def act(self, at, actions):
        """Do what a side wants."""
        for action in actions:
            assert not isinstance(action, Halt), action
            if isinstance(action, Send):
                self.ways[1 - at].append(action.data)
            elif isinstance(action, Deliver):
                self.sides[at].got.append(action.message.get(11))
            elif isinstance(action, Disconnect):
                self.cut()

    def cut(self):
        """Lose the connection and all that is on its way."""
        if self.up:
            self.up = False
            for way in self.ways:
                way.clear()
            for at, side in enumerate(self.sides):
                self.act(at, side.session.disconnected(self.now))

    def connect(self):
        """Make a connection if there is none."""
        if not self.up:
            self.up = True
            for at in (1, 0):
                self.sides[at].decoder = Decoder()
                self.act(at, self.sides[at].session.connect(self.now))

    def order(self, at):
        """Have a side send an order, up or not."""
        side = self.sides[at]
        name = b"%d-%d" % (at, len(side.sent))
        side.sent.append(name)
        fields = [(11, name), *ORDER]
        if side.config.version.business_rejects:
            fields.append((60, b"20261123-15:00:00"))
        self.act(at, side.session.send(Message(b"D", fields), self.now, hold=True))

    def arrive(self, at, count, *, garbled=False, dies=False):
        """Let what is on its way arrive: whole, garbled, or as the last thing before a death."""
        for _ in range(count):
            if not self.ways[at]:
                return
            data = self.ways[at].popleft()
            if garbled:
                data = data[:-4] + b"%03d\x01" % ((int(data[-4:-1]) + 1) % 256)
            side = self.sides[at]
            for item in side.decoder.feed(data):
                actions = side.session.receive(item, self.now)
                if dies:
                    actions = [a for a in actions if isinstance(a, Deliver)]
                self.act(at, actions)
            if dies:
                side.live()
                self.cut()

    def wait(self, seconds):
        """Let time pass on both sides."""
        until = Instant(self.now + seconds * SECOND)
        for _ in range(500):
            dues = [side.session.due() for side in self.sides]
            due = min((due for due in dues if due is not None), default=None)
            if due is None or due > until:
                break
            self.now = max(self.now, due)
            for at, side in enumerate(self.sides):
                self.act(at, side.session.tick(self.now))
        self.now = until

    def settle(self):
        """Let everything come to rest on a good network."""
        for _ in range(60):
            self.connect()
            while any(self.ways):
                self.arrive(0, 1)
                self.arrive(1, 1)
            if self.is_settled():
                return
            self.wait(10)
        raise AssertionError(f"never at rest: {[vars(side.store) for side in self.sides]}")

    def is_settled(self):
        """Whether both have everything and agree on the numbers."""
        one, two = self.sides
        return (
            self.up
            and one.session.logged_on
            and two.session.logged_on
            and one.store.next_in == two.store.next_out
            and two.store.next_in == one.store.next_out
        )


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("order"), st.integers(0, 1)),
        st.tuples(st.just("arrive"), st.integers(0, 1), st.integers(1, 4)),
        st.tuples(st.just("garble"), st.integers(0, 1)),
        st.tuples(st.just("die"), st.integers(0, 1)),
        st.tuples(st.just("cut")),
        st.tuples(st.just("connect")),
        st.tuples(st.just("wait"), st.sampled_from([1, 40])),
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(
    version=st.sampled_from(sorted(VERSIONS)),
    next_expected=st.booleans(),
    request_span=st.sampled_from([0, 2]),
    steps=STEPS,
)
def test_every_message_once_and_in_order(version, next_expected, request_span, steps):
    """Whatever happened, once the network is good both sides have all messages, once, in order."""
    world = World(VERSIONS[version], next_expected=next_expected, request_span=request_span)
    world.connect()
    for verb, *arguments in steps:
        match verb, arguments:
            case "order", (at,):
                world.order(at)
            case "arrive", (at, count):
                world.arrive(at, count)
            case "garble", (at,):
                world.arrive(at, 1, garbled=True)
            case "die", (at,):
                world.arrive(at, 1, dies=True)
            case "cut", _:
                world.cut()
            case "connect", _:
                world.connect()
            case "wait", (seconds,):
                world.wait(seconds)
    world.settle()
    one, two = world.sides
    assert two.got == one.sent
    assert one.got == two.sent
