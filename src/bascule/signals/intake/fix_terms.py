"""What is agreed with one FIX client, as its source carries it."""

import ipaddress
from pathlib import Path
from typing import Literal

from msgspec import Struct

from bascule.fix.schedule import Schedule

FixVersion = Literal["FIX.4.2", "FIX.4.4", "FIX.5.0SP2"]
FixRole = Literal["orders", "drop_copy"]
PASSWORD_MIN = 8


class FixTerms(Struct, frozen=True, kw_only=True):
    """One session in the acceptor's role. It holds the password, so ``repr`` shows none of it.

    ``sender`` is our CompID and ``target`` the client's. ``role``: a client of ``orders`` sends
    orders and hears of them; one of ``drop_copy`` only hears of every order of ``accounts``.
    ``accounts`` of a client of orders are what it may write into Account (1); empty: anything that
    is a configured account's name, or nothing. ``schedule`` are the session's
    hours, None for none. ``certificate`` and ``key`` turn on TLS.
    """

    version: FixVersion
    host: str
    port: int
    sender: str
    target: str
    role: FixRole
    username: str
    password: str
    accounts: tuple[str, ...] = ()
    reset_on_logon: bool = False
    schedule: Schedule | None = None
    certificate: Path | None = None
    key: Path | None = None

    def __repr__(self) -> str:
        return f"FixTerms({self.version} {self.sender} {self.target} port {self.port})"

    @property
    def name(self) -> str:
        """What the session is called in logs, and its store on disk."""
        return f"{self.version}-{self.sender}-{self.target}"

    def faults(self) -> list[tuple[bool, str]]:
        """Say what is not safe: whether it is so, and what is wrong then."""
        return [
            (
                len(self.password) < PASSWORD_MIN or not self.password.isprintable(),
                f"a password of a FIX session has at least {PASSWORD_MIN} printable characters",
            ),
            (
                self.certificate is None and not _is_loopback(self.host),
                "without TLS it may listen on loopback alone, since its password would be readable "
                "on the way; name a certificate and its key",
            ),
        ]


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
