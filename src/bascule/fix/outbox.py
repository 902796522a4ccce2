"""The way out of a session: numbers, stamps and records each message, then has it sent."""

from collections.abc import Iterable
from operator import itemgetter

from bascule.fix.actions import Action, Send
from bascule.fix.codec import SOH, encode, framed
from bascule.fix.config import SessionConfig
from bascule.fix.message import Field, Message
from bascule.fix.store import Store
from bascule.fix.timestamp import write_time
from bascule.fix.tree import ADMIN_TYPES, HEADER_TAGS
from bascule.model.values import MILLISECOND, Instant

LOGON, HEARTBEAT, TEST_REQUEST, RESEND_REQUEST = b"A", b"0", b"1", b"2"
REJECT, SEQUENCE_RESET, LOGOUT, BUSINESS_REJECT = b"3", b"4", b"5", b"j"

MSG_SEQ_NUM, POSS_DUP, SENDER, SENDING_TIME, TARGET, ORIG_SENDING_TIME = 34, 43, 49, 52, 56, 122
_OURS = frozenset({8, 9, 10, 34, 35, 43, 49, 52, 56, 122})
_HEADER = HEADER_TAGS | {628, 629, 630}
_MAY_STAND_IN_FIELDS = _HEADER - {8, 9, 35}
_HOPS = 627
_tag_of, _value_of = itemgetter(0), itemgetter(1)
FORMS_MAX = 256
"""How many kinds of messages are remembered, by their types and tags."""
_SENT_AGAIN = frozenset({POSS_DUP, SENDING_TIME, ORIG_SENDING_TIME})


class Outbox:
    """Collects what is to be done, and writes messages whose header is the session's.

    ``last`` is when something was last sent.
    """

    def __init__(self, config: SessionConfig, store: Store) -> None:
        self.last = Instant(0)
        self._store = store
        self._begin = config.version.begin_string
        self._digits = config.version.digits
        self._actions: list[Action] = []
        sender, target = config.sender.encode(), config.target.encode()
        fixed = sorted([(SENDER, sender), (TARGET, target), *config.header])
        self._before = [field for field in fixed if field[0] < SENDING_TIME]
        self._after = [field for field in fixed if field[0] > SENDING_TIME]
        encode(self._begin, Message(HEARTBEAT, fixed))  # refuses what would end a field early
        self._written = tuple(
            _literal(b"".join([b"%d=%b\x01" % field for field in part]))
            for part in (self._before, self._after)
        )
        self._forms: dict[tuple[bytes, tuple[int, ...]], bytes] = {}
        self._millisecond, self._time = -1, b""

    def add(self, action: Action) -> None:
        """Have something done after what was added before."""
        self._actions.append(action)

    def take(self) -> list[Action]:
        """Give what is to be done, in order, and begin anew."""
        actions, self._actions = self._actions, []
        return actions

    def write(self, message: Message, now: Instant, *, hold: bool = False) -> None:
        """Number a message, record it, and have it sent unless it is to be held.

        Header fields among the message's own are kept, but for those that are the session's.
        One that is held goes out when the peer asks for its number after its next logon.
        """
        data = self._encode(message, self._store.next_out, now)
        self._store.sent(b"" if message.msg_type in ADMIN_TYPES else data)
        if not hold:
            self._send(data, now)

    def repeat(self, number: int, message: Message, now: Instant) -> None:
        """Send a stored message again under its number, marked as a possible duplicate."""
        at = write_time(now, self._digits)
        original = message.get(SENDING_TIME) or at
        # Our clock may have been set back since, and nobody takes a copy older than its original.
        at = max(at, original)
        marks = [(POSS_DUP, b"Y"), (SENDING_TIME, at), (ORIG_SENDING_TIME, original)]
        fields = [field for field in message.fields if field[0] not in _SENT_AGAIN]
        split = next((i for i, f in enumerate(fields) if f[0] not in _HEADER), len(fields))
        header = sorted([*fields[:split], *marks], key=_place)
        self._send(encode(self._begin, message.with_fields([*header, *fields[split:]])), now)

    def fill(self, first: int, new: int, now: Instant) -> None:
        """Tell the peer that numbers ``first`` up to and without ``new`` will not come."""
        at = write_time(now, self._digits)
        marks = [(POSS_DUP, b"Y"), (SENDING_TIME, at), (ORIG_SENDING_TIME, at)]
        header = [(MSG_SEQ_NUM, b"%d" % first), *self._before, *self._after, *marks]
        body = [(36, b"%d" % new), (123, b"Y")]
        self._send(encode(self._begin, Message(SEQUENCE_RESET, [*sorted(header), *body])), now)

    def _encode(self, message: Message, number: int, now: Instant) -> bytes:
        millisecond = now // MILLISECOND
        if millisecond != self._millisecond:
            self._millisecond, self._time = millisecond, write_time(now, self._digits)
        at, fields = self._time, message.fields
        tags = tuple(map(_tag_of, fields))
        form = self._forms.get((message.msg_type, tags)) or self._form(message.msg_type, tags)
        if form:
            body = form % (number, at, *map(_value_of, fields))
            if body.count(SOH) == form.count(SOH):
                return framed(self._begin, body)
        fixed = [*self._before, (SENDING_TIME, at), *self._after]
        front = [(MSG_SEQ_NUM, b"%d" % number), *fixed, *_own_header(fields)]
        own = [field for field in fields if field[0] not in _HEADER]
        return encode(self._begin, Message(message.msg_type, [*sorted(front, key=_place), *own]))

    def _form(self, msg_type: bytes, tags: tuple[int, ...]) -> bytes:
        """Give what stands around the values of such messages; empty when it is not always so."""
        if SOH in msg_type or not _MAY_STAND_IN_FIELDS.isdisjoint(tags):
            return b""
        before, after = self._written
        body = b"".join([b"%d=%%b\x01" % tag for tag in tags])
        form = b"35=%b\x0134=%%d\x01%b52=%%b\x01%b%b" % (_literal(msg_type), before, after, body)
        if len(self._forms) < FORMS_MAX:
            self._forms[msg_type, tags] = form
        return form

    def _send(self, data: bytes, now: Instant) -> None:
        self.last = now
        self._actions.append(Send(data))


def _literal(text: bytes) -> bytes:
    return text.replace(b"%", b"%%")


def _place(field: Field) -> int:
    """Headers are written by ascending tag; hops are a group and stay in order behind."""
    return min(field[0], _HOPS)


def _own_header(fields: Iterable[Field]) -> list[Field]:
    return [field for field in fields if field[0] in _HEADER and field[0] not in _OURS]
