"""What differs between the protocol's versions at session level."""

from msgspec import Struct


class Version(Struct, frozen=True):
    """One version as a session speaks it.

    ``name`` is the version of the application messages (``FIX.4.4``, ``FIX.5.0SP2``), while
    ``begin_string`` is what stands in tag 8; they differ from FIX 5.0 on.
    """

    name: str
    begin_string: bytes
    digits: int
    """Digits after the second in the times that we write: 0 or 3."""
    infinity: int
    """EndSeqNo that asks for everything."""
    business_rejects: bool
    """There is a BusinessMessageReject (j)."""
    default_appl_ver_id: bytes = b""
    """Value of 1137 in a Logon; empty before FIXT."""
    expected_number: bool = False
    """A Logon may carry NextExpectedMsgSeqNum (789)."""
    credentials: bool = False
    """A Logon may carry Username (553) and Password (554)."""


def _version(name: str) -> Version:
    early = name < "FIX.4.2"
    return Version(
        name,
        name.encode(),
        digits=0 if early else 3,
        infinity=999_999 if early else 0,
        business_rejects=not early,
        expected_number=name >= "FIX.4.4",
        credentials=name >= "FIX.4.3",
    )


def _fixt(name: str, appl_ver_id: bytes) -> Version:
    return Version(name, b"FIXT.1.1", 3, 0, True, appl_ver_id, True, True)


VERSIONS = {
    version.name: version
    for version in (
        _version("FIX.4.0"),
        _version("FIX.4.1"),
        _version("FIX.4.2"),
        _version("FIX.4.3"),
        _version("FIX.4.4"),
        _fixt("FIX.5.0", b"7"),
        _fixt("FIX.5.0SP1", b"8"),
        _fixt("FIX.5.0SP2", b"9"),
    )
}
"""Every version that a session can speak, by name."""
