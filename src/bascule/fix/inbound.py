"""What a message means in a session that is up."""

from bascule.fix import logon
from bascule.fix.actions import Deliver, Halt, Refused
from bascule.fix.core import ENDING, LEAVING, UP, Core
from bascule.fix.message import Message, read_int
from bascule.fix.outbox import (
    HEARTBEAT,
    LOGON,
    LOGOUT,
    MSG_SEQ_NUM,
    ORIG_SENDING_TIME,
    POSS_DUP,
    REJECT,
    RESEND_REQUEST,
    SENDER,
    SENDING_TIME,
    SEQUENCE_RESET,
    TARGET,
    TEST_REQUEST,
)
from bascule.fix.replay import stored
from bascule.fix.timestamp import read_sending_time
from bascule.fix.tree import ADMIN_TYPES
from bascule.fix.validation import (
    COMP_ID_PROBLEM,
    REQUIRED_TAG_MISSING,
    SENDING_TIME_PROBLEM,
    VALUE_INCORRECT,
    Reject,
)
from bascule.model.values import Instant

BEGIN_SEQ_NO, END_SEQ_NO, NEW_SEQ_NO, GAP_FILL, TEST_REQ_ID = 7, 16, 36, 123, 112
_DIGITS_MAX = 18


class Inbound:
    """Takes the peer's messages in order, holds those that come early, and answers them."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._asked = (0, 0)
        self._asked_times = 0
        self._handlers = {
            HEARTBEAT: self._heartbeat,
            TEST_REQUEST: self._test_request,
            RESEND_REQUEST: self._resend_request,
            REJECT: self._reject,
            SEQUENCE_RESET: self._sequence_reset,
            LOGOUT: self._logout,
            LOGON: self._logon,
        }

    def begin(self) -> None:
        """Forget how often the peer has asked for what: a connection begins."""
        self._asked, self._asked_times = (0, 0), 0

    def take(self, message: Message) -> None:
        """Take one message of a session that is up, leaving or ending."""
        core = self._core
        core.last_in = core.now
        core.test_sent = b""
        first = message.index()
        if core.phase is ENDING:
            self._while_ending(message)
        elif message.begin_string != core.begin_string:
            core.logout("Incorrect BeginString", ENDING)
        elif not (number := first.get(MSG_SEQ_NUM, b"")).isdigit() or len(number) > _DIGITS_MAX:
            core.logout("MsgSeqNum is missing or no number", ENDING)
        elif core.resetting and message.msg_type != LOGOUT and not _is_reset(message):
            core.warn("fix_message_dropped", "A message came while the numbers begin anew.")
        else:
            self._numbered(int(number), message, first)

    def _while_ending(self, message: Message) -> None:
        core = self._core
        if message.msg_type != LOGOUT:
            core.warn("fix_message_dropped", "A message came after our Logout for an error.")
            return
        if read_int(message.get(MSG_SEQ_NUM) or b"") == core.store.next_in:
            core.expect(core.store.next_in + 1)
        core.close("the peer answered our Logout", message.get_text(58) or "")

    def _numbered(self, number: int, message: Message, first: dict[int, bytes]) -> None:
        core = self._core
        expected = core.store.next_in
        counts = number == expected or _counts_anyhow(message)
        if counts and (found := core.validate(message)):
            core.refuse(message, number, found)
            if number == expected:
                core.expect(number + 1)
                self._held()
            return
        if not self._from_peer_and_now(number, message, first):
            return
        if counts:
            self._handlers.get(message.msg_type, self._deliver)(number, message)
            if core.gaps.request or core.gaps.held:
                self._held()
        elif number > expected:
            self._early(number, message)
        else:
            self._late(number, message)

    def _from_peer_and_now(self, number: int, message: Message, first: dict[int, bytes]) -> bool:
        """Check CompIDs and times; a message that fails ends the session.

        What a venue tells may be old only since we stood still: its number stays open, so that it
        comes again after the next logon, with a time of its own. An order of a client does not.
        """
        core = self._core
        if first.get(SENDER) != core.target or first.get(TARGET) != core.sender:
            reason = COMP_ID_PROBLEM
        else:
            sent_at = read_sending_time(first.get(SENDING_TIME, b""))
            again = first.get(POSS_DUP) == b"Y"
            if core.in_time(sent_at) and not (again and _older_than_original(message, sent_at)):
                return True
            reason = SENDING_TIME_PROBLEM
            told = core.config.role == "initiator" and message.msg_type not in ADMIN_TYPES
            if told and not again:
                core.logout(Reject(reason, None).text, ENDING)
                return False
        core.reject(message, number, reason)
        if number == core.store.next_in:
            core.expect(number + 1)
        core.logout("", ENDING)
        return False

    def _late(self, number: int, message: Message) -> None:
        core = self._core
        if message.get(POSS_DUP) != b"Y":
            logon.too_low(core, number)
        elif message.get(ORIG_SENDING_TIME) is None and message.msg_type != SEQUENCE_RESET:
            core.reject(message, number, REQUIRED_TAG_MISSING, ORIG_SENDING_TIME)

    def _early(self, number: int, message: Message) -> None:
        core = self._core
        if not core.gaps.hold(number, message):
            core.warn("fix_held_full", "Too many messages wait for a gap; the newest was dropped.")
        if core.gaps.request is None:
            core.ask_for_gap(number - 1)

    def _held(self) -> None:
        """Take what was held and is due now; ask for the next gap, if there is one."""
        core = self._core
        gaps, store = core.gaps, core.store
        while core.phase in (UP, LEAVING) and gaps.due(store.next_in):
            number = store.next_in
            message = gaps.take(number)
            if message is None:
                core.expect(number + 1)
            elif found := core.validate(message):
                core.refuse(message, number, found)
                core.expect(number + 1)
            else:
                self._handlers.get(message.msg_type, self._deliver)(number, message)
        request = gaps.request
        if request is None or core.phase not in (UP, LEAVING):
            return
        if store.next_in > request.upto:
            gaps.request = None
            if first := gaps.first():
                core.ask_for_gap(first - 1)
        elif store.next_in > request.asked:
            core.ask_for_gap(request.upto)

    def _deliver(self, number: int, message: Message) -> None:
        core = self._core
        core.outbox.add(Deliver(message, number))
        if core.config.keep_incoming:
            core.store.keep(number, message.raw)
        core.expect(number + 1)

    def _heartbeat(self, number: int, message: Message) -> None:
        self._core.expect(number + 1)

    def _test_request(self, number: int, message: Message) -> None:
        self._core.write(HEARTBEAT, (TEST_REQ_ID, message.get(TEST_REQ_ID) or b""))
        self._core.expect(number + 1)

    def _reject(self, number: int, message: Message) -> None:
        core = self._core
        refused = read_int(message.get(45) or b"") or 0
        original = next((stored(data) for _, data in core.store.messages(refused, refused)), None)
        core.add(Refused(refused, message, original))
        core.expect(number + 1)

    def _logon(self, number: int, message: Message) -> None:
        core = self._core
        if not _is_reset(message):
            core.warn("fix_second_logon", "The peer sent a Logon inside the session.")
            core.expect(number + 1)
        elif number != 1:
            core.reject(message, number, VALUE_INCORRECT, MSG_SEQ_NUM)
        else:
            logon.renew(core)

    def _logout(self, number: int, message: Message) -> None:
        core = self._core
        said = message.get_text(58) or ""
        if number == core.store.next_in:
            core.expect(number + 1)
        if core.phase is LEAVING:
            reason = "both sides logged out"
        else:
            reason = f"the peer logged out: {said}" if said else "the peer logged out"
            core.write(LOGOUT)
        if "seqnum too low" in said.lower():
            core.add(Halt("fix_sequence_too_low", f"The peer said: {said}. {logon.CHECK_NUMBERS}"))
        core.close(reason, said)
        if core.config.reset_on_logout:
            core.store.reset(core.now)

    def _sequence_reset(self, number: int, message: Message) -> None:
        core = self._core
        expected = core.store.next_in
        new = read_int(message.get(NEW_SEQ_NO) or b"")
        gap_fill = message.get(GAP_FILL) == b"Y"
        if new is None or new < expected or (gap_fill and new == expected):
            core.reject(message, number, VALUE_INCORRECT)
            if gap_fill:
                core.expect(number + 1)
        elif new > expected:
            core.gaps.drop_below(new)
            core.expect(new)
            if not gap_fill:
                core.warn("fix_sequence_reset", f"The peer skipped {expected} to {new - 1}.")
                core.gaps.request = None

    def _resend_request(self, number: int, message: Message) -> None:
        core = self._core
        expected = core.store.next_in
        if number < expected and message.get(POSS_DUP) == b"Y":
            return
        first = read_int(message.get(BEGIN_SEQ_NO) or b"") or 0
        end = read_int(message.get(END_SEQ_NO) or b"")
        sent = core.store.next_out - 1
        last = sent if end is None or end in (0, 999_999) or end > sent else end
        if not 1 <= first <= sent:
            core.reject(message, number, VALUE_INCORRECT, BEGIN_SEQ_NO)
        elif last < first:
            core.reject(message, number, VALUE_INCORRECT, END_SEQ_NO)
        elif self._too_often(first, end or 0):
            text = f"ResendRequest for {first} to {end or 'the end'} came too often"
            advice = "The peer cannot take what it asks for. " + logon.CHECK_NUMBERS
            core.fatal("fix_resend_storm", text, advice)
            return
        else:
            core.replay.serve(first, last, core.now)
        if number == expected:
            core.expect(number + 1)
        elif number > expected:
            core.gaps.hold(number, None)
            if core.gaps.request is None:
                core.ask_for_gap(number - 1)

    def _too_often(self, first: int, end: int) -> bool:
        if (first, end) != self._asked:
            self._asked, self._asked_times = (first, end), 0
        self._asked_times += 1
        return self._asked_times > self._core.config.same_request_max


def _counts_anyhow(message: Message) -> bool:
    """Whether it is taken though its number is not the expected one."""
    kind = message.msg_type
    if kind not in ADMIN_TYPES:
        return False
    if kind == SEQUENCE_RESET:
        return message.get(GAP_FILL) != b"Y"
    return kind in (LOGOUT, RESEND_REQUEST) or _is_reset(message)


def _is_reset(message: Message) -> bool:
    return message.msg_type == LOGON and message.get(141) == b"Y"


def _older_than_original(message: Message, sent_at: Instant | None) -> bool:
    """Whether a possible duplicate claims to have been sent before its original."""
    original = read_sending_time(message.get(ORIG_SENDING_TIME) or b"")
    return original is not None and sent_at is not None and original > sent_at
