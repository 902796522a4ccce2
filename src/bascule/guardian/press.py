"""``bascule-kill``: the key. It imports only the standard library and what is as light as that.

    bascule-kill [--scope SCOPE] [--halt] [--data DIRECTORY]

It shuts the gate by writing the latch itself, which the engine reads before its next send and which
tells the guardian to flatten; then it pokes the guardian, so that it need not wait for its next
look. Neither engine nor guardian has to answer for the gate to be shut. Without ``--data`` it does
so for every installation that a guardian was ever started for.

Ends with 0 when the gate is shut everywhere and every guardian answered, with 1 when the gate is
shut and a guardian did not answer, with 2 when there was nothing to shut or it could not be.
"""

import json
import os
import socket
import sys

from bascule.config.latch import DIRECTORY, Latch, LatchMode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

POKE_S = 1.0
_ANSWER_MAX = 4_096
_SCOPES = ("account", "strategy", "firm", "venue")


def main() -> None:
    """Act, say what was done, and end the process."""
    sys.exit(press(sys.argv[1:]))


def press(words: "Sequence[str]") -> int:
    """Shut the gate and poke; gives the exit code."""
    scope, mode, named = "all", "freeze", ""
    given = list(words)
    while given:
        word = given.pop(0)
        if word == "--scope" and given:
            scope = given.pop(0)
        elif word == "--data" and given:
            named = given.pop(0)
        elif word == "--halt":
            mode = "halt"
        else:
            return _say(
                2, f"usage: bascule-kill [--scope SCOPE] [--halt] [--data DIRECTORY]; {word}?"
            )
    kind, _, name = scope.partition(":")
    if scope != "all" and (kind not in _SCOPES or not name):
        return _say(
            2, f"{scope} is no scope: all, account:NAME, strategy:NAME, firm:NAME, venue:NAME"
        )
    places = [named] if named else known_places()
    if not places:
        return _say(
            2, "No guardian was ever started here. Name the data directory: --data DIRECTORY"
        )
    shut = [
        place for place in places if _shut(place, scope, "halt" if mode == "halt" else "freeze")
    ]
    if len(shut) < len(places):
        return _say(2, "")
    silent = [place for place in shut if not poke(place)]
    for place in silent:
        _say(1, f"gate shut in {place}; no guardian answers: run `bascule kill`, or close by hand")
    return 1 if silent else 0


def _shut(place: str, scope: str, mode: LatchMode) -> bool:
    try:
        latch = Latch(os.path.join(place, DIRECTORY))
        latch.set(scope, by="key", reason="the key was pressed", mode=mode, keeper="key")
    except OSError as error:
        _say(2, f"NOT SHUT: {place}: {error}")
        return False
    _say(0, f"gate shut: {mode} on {scope} in {place}")
    return True


def known_places() -> list[str]:
    """Give the data directory of every guardian that was started by this user."""
    from bascule.config.home import guardians

    found = []
    try:
        folder = guardians()
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    for name in names:
        try:
            with open(folder / name, encoding="utf-8") as file:
                place = json.load(file)["data"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if os.path.isdir(place):
            found.append(place)
    return found


def poke(place: str) -> bool:
    """Have a guardian look at its latch now; False when none answers."""
    try:
        with open(os.path.join(place, "guardian", "endpoint.json"), encoding="utf-8") as file:
            endpoint = json.load(file)
        with open(os.path.join(place, "guardian", "token"), encoding="ascii") as file:
            token = file.read().strip()
        where = (str(endpoint["host"]), int(endpoint["port"]))
        from bascule.config.proof import PATH, proof, question

        asked = question()
        ask = f"GET {PATH}?of={asked} HTTP/1.1\r\nHost: {where[0]}\r\n\r\n"
        head = f"POST /poke HTTP/1.1\r\nHost: {where[0]}\r\nAuthorization: Bearer {token}\r\n"
        head += "Content-Length: 0\r\nConnection: close\r\n\r\n"
        with socket.create_connection(where, POKE_S) as link:
            link.sendall(ask.encode("ascii"))
            if not _proven(link, proof(token, where[1], asked).encode("ascii")):
                return False  # somebody else has its port now, and is shown no token
            link.sendall(head.encode("ascii"))
            return link.recv(64).startswith(b"HTTP/1.1 200")
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _proven(link: socket.socket, proof: bytes) -> bool:
    """Whether what is answered has the proof at its end, where a body stands."""
    answer = b""
    while len(answer) < _ANSWER_MAX:
        part = link.recv(_ANSWER_MAX)
        answer += part
        if not part or answer.endswith(b"}"):
            break
    return answer.startswith(b"HTTP/1.1 200") and answer.endswith(b'{"proof":"' + proof + b'"}')


def _say(code: int, words: str) -> int:
    if words:
        stream = sys.stderr if code else sys.stdout
        try:
            stream.write(words + "\n")
            stream.flush()
        except (OSError, AttributeError, ValueError):
            return code  # a key has no terminal, and that must not stop it
    return code
