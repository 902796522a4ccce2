"""Large requests are served a batch at a time."""

from itertools import chain

import pytest

from bascule.fix.actions import Send
from bascule.fix.codec import encode
from bascule.fix.config import SessionConfig, version_named
from bascule.fix.message import Message, read_time
from bascule.fix.replay import BATCH, WAITING_MAX, stored
from bascule.fix.session import Session
from bascule.fix.store import MemoryStore
from tests.fix.clause import checks_of

NOW = read_time(b"20261123-15:00:00")
COUNT = 2 * BATCH + 50
ORDER = [(11, b"a"), (21, b"1"), (38, b"1"), (40, b"1"), (54, b"1"), (55, b"ES")]


@pytest.fixture
def session():
    """Give a session that is up and has sent many orders."""
    config = SessionConfig(
        version=version_named("FIX.4.4"), sender="US", target="PEER", role="acceptor"
    )
    made = Session(config, MemoryStore(), checks_of("FIX.4.4"))
    made.connect(NOW)
    take(made, b"A", 1, (98, b"0"), (108, b"0"))
    for _ in range(COUNT):
        made.send(Message(b"D", ORDER), NOW)
    return made


def take(session, kind, number, *body):
    """Have the peer send a message; give what we sent because of it, by number."""
    header = [(34, b"%d" % number), (49, b"PEER"), (52, b"20261123-15:00:00"), (56, b"US")]
    return numbers(session.receive(Message(kind, [*header, *body], b"FIX.4.4"), NOW))


def numbers(actions):
    """Give type and number of what is sent."""
    sent = [stored(action.data) for action in actions if isinstance(action, Send)]
    return [(message.msg_type, message.get_int(34)) for message in sent]


def rest(session):
    """Tick until nothing more is due at once."""
    batches = []
    while session.due() == NOW:
        batches.append(numbers(session.tick(NOW)))
    return batches


def test_in_batches(session):
    """One turn sends one batch; the next ticks send the others, in order."""
    first = take(session, b"2", 2, (7, b"2"), (16, b"0"))
    assert len(first) == BATCH
    batches = rest(session)
    assert max(map(len, batches)) <= BATCH
    sent = [*first, *chain(*batches)]
    assert sent == [(b"D", number) for number in range(2, COUNT + 2)]


def test_what_is_asked_meanwhile_waits(session):
    """A request that comes while another is served is served after it; orders go out between."""
    take(session, b"2", 2, (7, b"2"), (16, b"0"))
    assert take(session, b"2", 3, (7, b"1"), (16, b"1")) == []
    assert numbers(session.send(Message(b"D", ORDER), NOW)) == [(b"D", COUNT + 2)]
    assert rest(session)[-1][-1] == (b"4", 1)


def test_a_lost_connection_ends_it(session):
    """Nothing of a request is sent on the next connection unless it is asked for again."""
    take(session, b"2", 2, (7, b"2"), (16, b"0"))
    session.disconnected(NOW)
    assert session.due() is None
    session.connect(NOW)
    assert take(session, b"A", 3, (98, b"0"), (108, b"0")) == [(b"A", COUNT + 2)]
    assert session.due() is None


def test_a_heap_of_requests_is_bounded(session):
    """Of many requests at once the last ones are served, so that a peer cannot fill memory."""
    for number in range(2, 2 + 3 * WAITING_MAX):
        take(session, b"2", number, (7, b"2"), (16, b"%d" % (COUNT - number)))
    sent = [*chain(*rest(session))]
    assert len(sent) <= (WAITING_MAX + 1) * COUNT


def test_a_store_that_holds_no_message():
    """What is stored and cannot be read is an error, never skipped."""
    with pytest.raises(ValueError, match="no FIX message"):
        stored(b"8=FIX.4.4\x019=5\x01")


def test_a_kept_message_of_any_size_is_read_again() -> None:
    """One that was taken in once must not keep the session from starting."""
    many = Message(b"y", [(55, b"SYMBOL-%d" % number) for number in range(100_000)])
    assert stored(encode(b"FIX.4.4", many)) == many
