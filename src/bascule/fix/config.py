"""What a session is told before it begins."""

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from bascule.fix.message import Field
from bascule.fix.schedule import Schedule
from bascule.fix.version import VERSIONS, Version
from bascule.model.values import SECOND, Duration


class Credentials(Struct, frozen=True):
    """What a Logon proves who it is with. Never shown: ``repr`` says only that there are some.

    An acceptor compares username and password with those of the Logon when they are set.
    ``raw_data`` goes into 95/96, where venues on FIX 4.2 want their password. With ``sign`` that is
    a signature over the Logon's own type, CompIDs, number and time instead; an acceptor with
    ``verify`` (text, signature) holds it against them.
    """

    username: str = ""
    password: str = ""
    raw_data: bytes = b""
    sign: Callable[[bytes], bytes] | None = None
    verify: Callable[[bytes, bytes], bool] | None = None

    def __repr__(self) -> str:
        return "Credentials(***)"


class SessionConfig(Struct, frozen=True, kw_only=True):
    """One session between two parties, as one of them sees it. Durations are nanoseconds."""

    version: Version
    sender: str
    """Our CompID."""
    target: str
    """The peer's CompID."""
    role: Literal["initiator", "acceptor"]
    heartbeat_s: int = 30
    """What an initiator asks for; an acceptor takes what the Logon says. 0: none."""
    credentials: Credentials = Credentials()
    header: tuple[Field, ...] = ()
    """Further header fields of every message, such as SenderSubID (50)."""
    logon: tuple[Field, ...] = ()
    """Further body fields of an initiator's Logon."""
    schedule: Schedule | None = None
    """None: the session never ends by the clock."""
    reset_on_logon: bool = False
    """Initiator: ask for a reset with each Logon. Acceptor: reset whenever one comes."""
    reset_on_logout: bool = False
    reset_on_disconnect: bool = False
    latency: Duration = Duration(120 * SECOND)
    """How far SendingTime may be from our clock; 0: it is not looked at."""
    logon_timeout: Duration = Duration(10 * SECOND)
    logout_timeout: Duration = Duration(5 * SECOND)
    next_expected: bool = False
    """Say NextExpectedMsgSeqNum (789) in the Logon and rely on it, where the version has it."""
    request_span: int = 0
    """How many messages to ask for at once; 0: everything that is missing."""
    request_timeout: Duration = Duration(30 * SECOND)
    """A gap that does not shrink for so long is asked for again, twice."""
    same_request_max: int = 5
    """How often the peer may ask for one range in one connection."""
    test_request_id: str = ""
    """What every TestRequest says; empty: each says something else."""
    keep_incoming: bool = False
    """Keep incoming application messages in the store until they are said to be taken."""

    @property
    def name(self) -> str:
        """The session's name in logs and of its store: version, sender, target."""
        return f"{self.version.name}-{self.sender}-{self.target}"


def version_named(name: str) -> Version:
    """Find a version.

    Raises:
        ValueError: there is none of this name; the message lists all.
    """
    if name not in VERSIONS:
        raise ValueError(f"{name!r} is no FIX version; these are: {', '.join(VERSIONS)}")
    return VERSIONS[name]
