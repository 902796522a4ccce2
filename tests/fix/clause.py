"""Reads and runs clause scripts: one rule of the session layer each, on a virtual clock.

A script is lines. ``we`` are the session under test, ``peer`` is written by the script:

    rule 2b a message that comes too early is held, and what is missing is asked for
    for acceptor | initiator            only this role; both without it
    from 4.4 | until 4.1                only these versions
    config reset_on_logon=yes           how we are set up
    numbers in=5 out=7                  what our store begins with
    connect | drop                      the connection comes up, or is lost
    logon [tag=value ...]               connect, and log on in order; the peer's Logon has these
    peer Order [#5] [tag=value] [-tag]  the peer sends; its next number, unless one is given
    peer Order [+tag=value]             the same with a field at the very end
    garbled Order [#5]                  the same with a wrong CheckSum
    bytes 8=FIX.4.4|9=...               the peer sends these bytes, | is the separator
    ours Heartbeat [#5] [tag=value]     we sent this next; tag=* any value, -tag not there
    send Order 11=x                     our application sends; "hold Order": also while we are down
    leave | reset                       our application logs out, or asks for a reset
    wait 30s                            time passes
    delivered x | refused 5             our application was given an order 11=x, our message 5
    on | on reset | off | closed        logged on, logged out, we hung up
    halt code | warned code             a person is needed; a line for the log
    expect in=5 out=7                   our numbers now
    quiet                               nothing was sent since the last line

At the end of a script nothing may be left that it did not mention, warnings aside. Times are
``now``, ``now-121s``; ``inf`` is the version's EndSeqNo for everything.
"""

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from bascule.fix.actions import (
    Action,
    Deliver,
    Disconnect,
    Halt,
    LoggedOn,
    LoggedOut,
    Refused,
    Send,
    Warn,
)
from bascule.fix.codec import Decoder, encode
from bascule.fix.config import Credentials, SessionConfig
from bascule.fix.core import Validate
from bascule.fix.message import Message, read_time
from bascule.fix.session import NotLoggedOn, Session
from bascule.fix.store import MemoryStore
from bascule.fix.timestamp import write_time
from bascule.fix.validator import validator
from bascule.fix.version import VERSIONS, Version
from bascule.model.values import SECOND, Instant

CLAUSES = Path(__file__).parent / "clauses"
START = Instant(read_time(b"20261123-15:00:00") or 0)
TYPES = {
    "Heartbeat": b"0",
    "TestRequest": b"1",
    "ResendRequest": b"2",
    "Reject": b"3",
    "SequenceReset": b"4",
    "Logout": b"5",
    "Logon": b"A",
    "Order": b"D",
    "News": b"B",
    "BusinessReject": b"j",
}
_ORDER = {11: "a", 21: "1", 38: "100", 40: "1", 54: "1", 55: "ES"}
_NOW = re.compile(r"now(?:([+-]\d+)s)?(!?)")
_ABOUT_REJECTS = (371, 372, 373)


@dataclass
class Clause:
    """One script."""

    name: str
    rule: str = ""
    role: str = ""
    first: str = "4.0"
    last: str = "5.0SP2"
    steps: list[tuple[int, list[str]]] = field(default_factory=list)

    def fits(self, version: Version, role: str) -> bool:
        """Whether it is about this version and role."""
        number = version.name.removeprefix("FIX.")
        return self.first <= number <= self.last and self.role in ("", role)


def read(path: Path) -> Clause:
    """Read a script."""
    clause = Clause(path.stem)
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        words = line.split()
        match words:
            case [] | ["#", *_]:
                continue
            case ["rule", *text]:
                clause.rule = " ".join(text)
            case ["for", role]:
                clause.role = role
            case ["from", version]:
                clause.first = version
            case ["until", version]:
                clause.last = version
            case _:
                clause.steps.append((number, words))
    return clause


@cache
def checks_of(name: str) -> Validate:
    """Give a version's validator, made once."""
    return validator(VERSIONS[name])


class Stage:
    """One run of one script in one version and role."""

    def __init__(self, clause: Clause, version: Version, role: str) -> None:
        self.clause = clause
        self.version = version
        self.role = role
        self.now = START
        self.store = MemoryStore()
        self.store.created_ns = START
        self.options: dict[str, Any] = {}
        self.session: Session | None = None
        self.number = 1
        self.decoder = Decoder()
        self.sent: list[Message] = []
        self.told: list[Action] = []

    def run(self) -> None:
        """Run it; the first thing that is not as it says raises AssertionError."""
        for number, (verb, *words) in self.clause.steps:
            try:
                getattr(self, f"do_{verb}")(*words)
            except AssertionError as error:
                where = f"{self.clause.name} line {number}: {verb} {' '.join(words)}"
                raise AssertionError(
                    f"{where}\n{error}\nsent {self.sent}\ntold {self.told}"
                ) from error
        left = [told for told in self.told if not isinstance(told, Warn)]
        assert not self.sent and not left, f"{self.clause.name}: left {self.sent} {left}"

    @property
    def ours(self) -> Session:
        """The session under test, made when it is first needed."""
        if self.session is None:
            config = SessionConfig(
                version=self.version, sender="US", target="PEER", role=self.role, **self.options
            )
            self.session = Session(config, self.store, checks_of(self.version.name), _may_resend)
        return self.session

    def note(self, actions: list[Action]) -> None:
        """Sort what the session wants into messages and the rest."""
        for action in actions:
            if isinstance(action, Send):
                found = Decoder().feed(action.data)
                assert len(found) == 1 and isinstance(found[0], Message), found
                # On FIXT a BusinessMessageReject says one thing that is QuickFIX's own.
                odd = found[0].msg_type == b"j"
                problem = None if odd else checks_of(self.version.name)(found[0])
                assert problem is None, f"we sent what is not valid, {problem}: {found[0]}"
                self.sent.append(found[0])
            else:
                self.told.append(action)

    def value(self, text: str) -> bytes:
        """Fill in times and the version's infinity."""
        if text == "inf":
            return b"%d" % self.version.infinity
        if found := _NOW.fullmatch(text):
            at = Instant(self.now + int(found[1] or 0) * SECOND)
            return write_time(at, self.version.digits)
        return text.replace("_", " ").encode()

    def made(self, words: tuple[str, ...]) -> Message:
        """Make a message of the peer's."""
        name, *rest = words
        number = next((int(word[1:]) for word in rest if word.startswith("#")), None)
        body: dict[int, str] = {}
        if name == "Order":
            body = dict(_ORDER)
            if self.version.business_rejects:
                body[60] = "now"
        elif name == "Logon":
            body = {98: "0", 108: "30"}
            if self.version.default_appl_ver_id:
                body[1137] = self.version.default_appl_ver_id.decode()
        elif name == "News":
            body = {148: "head"}
        if number is None:
            number = self.number
            self.number += 1
        elif number >= self.number:
            self.number = number + 1
        header = {34: str(number), 49: "PEER", 52: "now", 56: "US"}
        begin = self.version.begin_string
        for word in rest:
            tag, _, text = word.partition("=")
            if word.startswith("+"):
                continue
            if word.startswith("-"):
                header.pop(int(word[1:]), None)
                body.pop(int(word[1:]), None)
            elif tag == "8":
                begin = text.encode()
            elif not word.startswith("#"):
                at = header if int(tag) in (34, 43, 49, 52, 56, 97, 115, 116, 122, 128) else body
                at[int(tag)] = text
        fields = [(tag, self.value(text)) for tag, text in [*header.items(), *body.items()]]
        for word in rest:
            if word.startswith("+"):
                tag, _, text = word[1:].partition("=")
                fields.append((int(tag), self.value(text)))
        kind = TYPES[name] if name in TYPES else name.encode()
        return Message(kind, fields, begin)

    def take(self, data: bytes) -> None:
        """Give bytes to the session, as a transport does."""
        for item in self.decoder.feed(data):
            self.note(self.ours.receive(item, self.now))

    def told_of(self, kind: type[Action]) -> Any:
        """Take the next thing of a kind that the session told."""
        found = next((told for told in self.told if isinstance(told, kind)), None)
        assert found is not None, f"no {kind.__name__}"
        self.told.remove(found)
        return found

    def do_config(self, *words: str) -> None:
        for word in words:
            key, _, text = word.partition("=")
            if key in ("username", "password", "raw_data"):
                known = self.options.get("credentials", Credentials())
                given = {k: getattr(known, k) for k in ("username", "password", "raw_data")}
                given[key] = text.encode() if key == "raw_data" else text
                self.options["credentials"] = Credentials(**given)
            elif text.endswith("s") and text[:-1].isdigit():
                self.options[key] = int(text[:-1]) * SECOND
            elif text in ("yes", "no"):
                self.options[key] = text == "yes"
            else:
                self.options[key] = int(text) if text.isdigit() else text

    def do_numbers(self, *words: str) -> None:
        for word in words:
            key, _, text = word.partition("=")
            setattr(self.store, f"next_{key}", int(text))
        self.number = self.store.next_in

    def do_connect(self) -> None:
        self.decoder = Decoder()
        self.note(self.ours.connect(self.now))

    def do_drop(self) -> None:
        self.note(self.ours.disconnected(self.now))

    def do_logon(self, *words: str) -> None:
        self.do_connect()
        if self.role == "initiator":
            self.do_ours("Logon")
        self.do_peer("Logon", *words)
        if self.role == "acceptor":
            self.do_ours("Logon")
        self.told_of(LoggedOn)

    def do_peer(self, *words: str) -> None:
        message = self.made(words)
        self.take(encode(message.begin_string, message))

    def do_garbled(self, *words: str) -> None:
        message = self.made(words)
        data = encode(message.begin_string, message)
        self.take(data[:-4] + (b"000\x01" if data[-4:-1] != b"000" else b"001\x01"))

    def do_bytes(self, *words: str) -> None:
        self.take(" ".join(words).replace("|", "\x01").encode())

    def do_ours(self, name: str, *words: str) -> None:
        assert self.sent, "nothing was sent"
        message = self.sent.pop(0)
        assert message.msg_type == TYPES[name], f"got {message}"
        for word in words:
            tag, _, text = word.partition("=")
            if word.startswith("#"):
                assert message.get(34) == word[1:].encode(), f"got {message}"
            elif word.startswith("-"):
                assert message.get(int(word[1:])) is None, f"got {message}"
            elif self._left_out(int(tag), text):
                assert message.get(int(tag)) is None, f"got {message}"
            else:
                got = message.get(int(tag))
                if text == "*":
                    assert got, f"got {message}"
                elif int(tag) == 58 and not self.version.business_rejects:
                    assert (got or b"").startswith(self.value(text)), f"got {message}"
                else:
                    assert got == self.value(text), f"got {message}"

    def _left_out(self, tag: int, text: str) -> bool:
        """Whether this version's rejects have no such field."""
        if tag not in _ABOUT_REJECTS:
            return False
        if not self.version.business_rejects:
            return True
        return self.version.name == "FIX.4.2" and tag == 373 and int(text) > 11

    def do_send(self, *words: str) -> None:
        self._send(words, hold=False)

    def do_hold(self, *words: str) -> None:
        self._send(words, hold=True)

    def _send(self, words: tuple[str, ...], *, hold: bool) -> None:
        fields = [
            field for field in self.made((*words, "#0")).fields if field[0] not in (34, 49, 52, 56)
        ]
        message = Message(TYPES[words[0]], fields)
        try:
            self.note(self.ours.send(message, self.now, hold=hold))
        except NotLoggedOn:
            self.told.append(Warn("not_logged_on", ""))

    def do_refuse(self, kind: str) -> None:
        given = self.told_of(Deliver)
        assert given.message.msg_type == TYPES[kind]
        self.note(self.ours.refuse(given.message, self.now))

    def do_leave(self, *text: str) -> None:
        self.note(self.ours.logout(self.now, " ".join(text)))

    def do_reset(self) -> None:
        self.note(self.ours.reset(self.now))

    def do_wait(self, text: str) -> None:
        until = Instant(self.now + round(float(text.removesuffix("s")) * SECOND))
        for _ in range(10_000):
            due = self.ours.due()
            if due is None or due > until:
                break
            self.now = max(self.now, due)
            self.note(self.ours.tick(self.now))
        else:
            raise AssertionError("the session never comes to rest")
        self.now = until
        self.note(self.ours.tick(self.now))

    def do_delivered(self, *names: str) -> None:
        for name in names:
            given = self.told_of(Deliver)
            assert given.message.get(11) == name.encode(), given

    def do_refused(self, number: str) -> None:
        assert self.told_of(Refused).number == int(number)

    def do_on(self, *words: str) -> None:
        assert self.told_of(LoggedOn).reset == (words == ("reset",))

    def do_off(self, *text: str) -> None:
        off = self.told_of(LoggedOut)
        assert not text or " ".join(text) in off.text, off

    def do_closed(self) -> None:
        self.told_of(Disconnect)

    def do_halt(self, code: str) -> None:
        assert self.told_of(Halt).code == code

    def do_warned(self, code: str) -> None:
        codes = [told.code for told in self.told if isinstance(told, Warn)]
        assert code in codes, codes

    def do_expect(self, *words: str) -> None:
        for word in words:
            key, _, text = word.partition("=")
            assert getattr(self.store, f"next_{key}") == int(text), vars(self.store)

    def do_quiet(self) -> None:
        assert not self.sent


def _may_resend(message: Message) -> bool:
    """Our application's hook: an order that says it is stale is not sent again."""
    return message.get(58) != b"stale"
