"""The first messages of a connection: who may speak, and with which numbers both go on."""

import re
from hmac import compare_digest

from bascule.fix.actions import Halt, LoggedOn
from bascule.fix.core import Core, Phase
from bascule.fix.message import Field, Message, read_int
from bascule.fix.outbox import LOGON, LOGOUT, MSG_SEQ_NUM, POSS_DUP, REJECT, SENDING_TIME
from bascule.fix.timestamp import write_time
from bascule.model.values import SECOND, Duration, Instant

HEARTBEAT_MAX_S = 3600
"""An acceptor refuses a Logon that asks for heartbeats less often than this."""

CHECK_NUMBERS = (
    "Compare the numbers of both sides with the counterparty, then reset the session"
    " or set the numbers"
)
_ABOUT_NUMBERS = re.compile(r"seq", re.I)
_ABOUT_RIGHTS = re.compile(
    r"passw|credential|user|compid|authori|authenti|lock|expire|disabled|not allowed|encrypt", re.I
)


def ask(core: Core) -> None:
    """Send an initiator's Logon."""
    core.asked_reset = core.config.reset_on_logon
    if core.asked_reset:
        core.store.reset(core.now)
    core.heartbeat = Duration(core.config.heartbeat_s * SECOND)
    core.write(LOGON, *_fields(core, reset=core.asked_reset, expected=core.store.next_in))
    core.phase = Phase.ASKING
    core.deadline = Instant(core.now + core.config.logon_timeout)


def _fields(core: Core, *, reset: bool, expected: int) -> list[Field]:
    config, version = core.config, core.config.version
    proof = config.credentials
    fields: list[Field] = [(98, b"0"), (108, b"%d" % (core.heartbeat // SECOND))]
    asking = config.role == "initiator"
    raw = proof.raw_data
    if asking and proof.sign is not None:
        at = write_time(core.now, version.digits)
        raw = proof.sign(signed_text(core.sender, core.target, core.store.next_out, at))
    if asking and raw:
        fields += [(95, b"%d" % len(raw)), (96, raw)]
    if asking:
        fields += config.logon
    if reset:
        fields.append((141, b"Y"))
    if asking and proof.username and version.credentials:
        fields.append((553, proof.username.encode()))
    if asking and proof.password and version.credentials:
        fields.append((554, proof.password.encode()))
    if config.next_expected and version.expected_number:
        fields.append((789, b"%d" % expected))
    if version.default_appl_ver_id:
        fields.append((1137, version.default_appl_ver_id))
    # 95 and 96 stand together; all else is ascending.
    return sorted(fields)


def signed_text(sender: bytes, target: bytes, number: int, sending_time: bytes) -> bytes:
    """Give what a signed Logon's signature is over: 35, 49, 56, 34 and 52, parted by byte 1."""
    return b"\x01".join((LOGON, sender, target, b"%d" % number, sending_time))


def take_request(core: Core, message: Message) -> None:
    """Take the first message of an acceptor's connection.

    Who has not proved who it is gets no answer and changes nothing.
    """
    if why := _unfit(core, message) or _unproven(core, message):
        core.warn("fix_logon_refused", f"{core.config.name}: {why}. The connection was closed.")
        core.close(why)
        return
    number, wants_reset = _number(message), message.get(141) == b"Y"
    heartbeat_s = read_int(message.get(108) or b"")
    if message.get(98) != b"0":
        _turn_away(core, "EncryptMethod must be 0")
    elif heartbeat_s is None or not 0 <= heartbeat_s <= HEARTBEAT_MAX_S:
        _turn_away(core, f"HeartBtInt must be 0 to {HEARTBEAT_MAX_S}")
    elif wants_reset and number != 1:
        _turn_away(core, "MsgSeqNum must be 1 with ResetSeqNumFlag")
    else:
        if wants_reset or core.config.reset_on_logon:
            core.store.reset(core.now)
        core.heartbeat = Duration(heartbeat_s * SECOND)
        _answer(core, message, number, reset=wants_reset)


def _answer(core: Core, message: Message, number: int, *, reset: bool) -> None:
    expected, ours = core.store.next_in, core.store.next_out
    wanted = read_int(message.get(789) or b"")
    if number < expected and message.get(POSS_DUP) != b"Y":
        too_low(core, number)
        return
    if wanted is not None and wanted > ours:
        _expected_too_high(core, wanted, ours)
        return
    after = number + 1 if number == expected else expected
    core.write(LOGON, *_fields(core, reset=reset, expected=after))
    fresh = reset or core.config.reset_on_logon
    _up(core, number, reset=fresh, told=wanted is not None)
    if wanted is not None and wanted < ours:
        core.replay.serve(wanted, ours - 1, core.now)


def take_answer(core: Core, message: Message) -> None:
    """Take what came in answer to an initiator's Logon."""
    if message.msg_type in (LOGOUT, REJECT):
        _refused(core, message)
        return
    if why := _unfit(core, message):
        core.warn("fix_logon_unanswered", f"{core.config.name}: {why}. The connection was closed.")
        core.close(why)
        return
    number = _number(message)
    heartbeat_s = read_int(message.get(108) or b"")
    if heartbeat_s is not None and 0 <= heartbeat_s <= HEARTBEAT_MAX_S:
        core.heartbeat = Duration(heartbeat_s * SECOND)
    reset = message.get(141) == b"Y"
    if reset and not core.asked_reset:
        core.warn("fix_peer_reset", f"{core.config.name}: the peer began its numbers anew unasked.")
        core.store.reset(core.now)
        core.write(LOGON, *_fields(core, reset=True, expected=2))
    if number < core.store.next_in and message.get(POSS_DUP) != b"Y":
        too_low(core, number)
        return
    wanted, ours = read_int(message.get(789) or b""), core.store.next_out
    if wanted is not None and wanted > ours:
        _expected_too_high(core, wanted, ours)
        return
    _up(core, number, reset=reset or core.asked_reset, told=wanted is not None)
    if wanted is not None and wanted < ours:
        core.replay.serve(wanted, ours - 1, core.now)


def _up(core: Core, number: int, *, reset: bool, told: bool) -> None:
    """Begin to exchange messages; ``told``: the peer learns from our 789 what we miss."""
    core.phase = Phase.UP
    core.deadline = None
    core.asked_reset = False
    core.last_in = core.now
    core.add(LoggedOn(reset))
    if number == core.store.next_in:
        core.expect(number + 1)
    elif number > core.store.next_in:
        core.gaps.hold(number, None)
        core.ask_for_gap(number - 1, silently=told and core.config.next_expected)


def renew(core: Core) -> None:
    """Take a Logon with ResetSeqNumFlag inside a session: both begin at 1 again."""
    answered = core.resetting
    if not answered:
        core.store.reset(core.now)
    core.gaps.clear()
    core.replay.stop()
    core.resetting = False
    core.deadline = None
    if not answered:
        core.write(LOGON, *_fields(core, reset=True, expected=2))
    core.expect(2)
    core.add(LoggedOn(True))


def begin_renewal(core: Core) -> None:
    """Ask inside a session that both begin at 1 again."""
    core.store.reset(core.now)
    core.gaps.clear()
    core.replay.stop()
    core.resetting = True
    core.deadline = Instant(core.now + core.config.logon_timeout)
    core.write(LOGON, *_fields(core, reset=True, expected=1))


def too_low(core: Core, number: int) -> None:
    """End the session: the peer has used this number before, so one side has lost its count."""
    text = f"MsgSeqNum too low, expecting {core.store.next_in} but received {number}"
    core.fatal("fix_sequence_too_low", text, CHECK_NUMBERS)


def _expected_too_high(core: Core, wanted: int, ours: int) -> None:
    text = f"NextExpectedMsgSeqNum too high, expecting {ours} but received {wanted}"
    core.fatal("fix_expected_too_high", text, CHECK_NUMBERS)


def _turn_away(core: Core, text: str) -> None:
    core.warn("fix_logon_refused", f"{core.config.name}: {text}. The Logon was refused.")
    core.write(LOGOUT, (58, text.encode()))
    core.close(text)


def _refused(core: Core, message: Message) -> None:
    """Take a Logout or Reject in answer to our Logon; some of them must not be tried again."""
    said = message.get_text(58) or ""
    if core.comp_ids_fit(message) and _number(message) == core.store.next_in:
        core.expect(core.store.next_in + 1)
    told = f"The peer refused the Logon: {said or 'it gave no reason'}"
    if _ABOUT_NUMBERS.search(said):
        core.add(Halt("fix_sequence_too_low", f"{told}. {CHECK_NUMBERS}"))
    elif message.msg_type == REJECT or _ABOUT_RIGHTS.search(said):
        advice = "Check CompIDs, user name and password, and ask the counterparty"
        core.add(Halt("fix_logon_refused", f"{told}. {advice}"))
    core.close(told, said)


def _number(message: Message) -> int:
    number = read_int(message.get(MSG_SEQ_NUM) or b"")
    return -1 if number is None else number


def _unfit(core: Core, message: Message) -> str:
    """Say why this is no Logon of the peer, empty when it is one."""
    if message.msg_type != LOGON:
        return "the first message is no Logon"
    if message.begin_string != core.config.version.begin_string:
        return "the Logon has another BeginString"
    if not core.comp_ids_fit(message):
        return "the Logon has other CompIDs"
    if found := core.validate(message):
        return f"the Logon is not valid: {found.text}, field {found.tag}"
    if _number(message) < 1:
        return "the Logon has no MsgSeqNum"
    if not core.in_time(core.sent_at(message)):
        return "the Logon's SendingTime is too far from our clock"
    schedule = core.config.schedule
    if schedule and schedule.window(core.now) is None:
        return "the Logon came outside of the session's hours"
    return ""


def _unproven(core: Core, message: Message) -> str:
    proof, version = core.config.credentials, core.config.version
    given = (message.get(553) or b"", message.get(554) or b"", message.get(96) or b"")
    asked = (proof.username.encode(), proof.password.encode(), proof.raw_data)
    if not all(compare_digest(g, a) for g, a in zip(given, asked, strict=True) if a):
        return "the Logon's user name or password is not the one that was agreed"
    if proof.verify is not None:
        at = message.get(SENDING_TIME) or b""
        text = signed_text(core.target, core.sender, _number(message), at)
        if not proof.verify(text, given[2]):
            return "the Logon's signature is not that of the key that was agreed"
    if version.default_appl_ver_id not in (b"", message.get(1137)):
        return "the Logon's DefaultApplVerID is not the one that was agreed"
    return ""
