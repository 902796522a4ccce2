"""Ports for programs that a test starts and that must know their port beforehand."""

import os
import socket
from itertools import count

_FIRST, _COUNT = 15_000, 15_000
"""Below every platform's ephemeral range, so that no outgoing connection of another test can
take a port between the moment it is chosen and the moment it is used."""
_next = count(os.getpid() * 101)
_claims: list[socket.socket] = []
"""UDP ports of the same numbers, held until this process ends: tests that run in another process
at the same time see by them which ports are spoken for, though nobody listens there yet."""


def free_port() -> int:
    """Give a port of loopback that nobody listens on, and that no other test was given."""
    for number in _next:
        port = _FIRST + number % _COUNT
        claim = socket.socket(type=socket.SOCK_DGRAM)
        try:
            claim.bind(("127.0.0.1", port))
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            claim.close()
            continue
        _claims.append(claim)
        return port
    raise AssertionError("unreachable: the count has no end")
