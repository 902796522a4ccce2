"""Ports for programs that a test starts and that must know their port beforehand."""

import os
import socket
from itertools import count

_FIRST, _COUNT = 15_000, 15_000
"""Below every platform's ephemeral range, so that no outgoing connection of another test can
take a port between the moment it is chosen and the moment it is used."""
_next = count(os.getpid() * 101)


def free_port() -> int:
    """Give a port of loopback that nobody listens on, and give none twice in this process."""
    for number in _next:
        port = _FIRST + number % _COUNT
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise AssertionError("unreachable: the count has no end")
