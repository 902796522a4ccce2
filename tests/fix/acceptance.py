"""Runs acceptance scripts in QuickFIX's line syntax against an acceptor that listens already.

The scripts are not part of this project. Name the folder that holds ``fix40`` to ``fix50sp2``:

    FIX_DEFINITIONS=.../test/definitions/server python -m tests.fix.acceptance --port 15501

A line is ``#`` comment, ``i[n,]CONNECT``, ``i[n,]DISCONNECT``, ``e[n,]DISCONNECT``,
``I[n,]message`` to send or ``E[n,]message`` to expect. BodyLength and CheckSum are put in where
they are missing. Messages are compared field by field in their order; times only by their form.
"""

import argparse
import asyncio
import os
import re
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

WAIT_S = 60
VERSIONS = (
    "fix40", "fix41", "fix42", "fix43", "fix44", "fix50", "fix50sp1", "fix50sp2", "validate"
)  # fmt: skip

_LINE = re.compile(rb"([IEie])(?:(\d),)?(.*)", re.S)
_TIME = re.compile(rb"<TIME(?:([+-])(\d+))?>")
_FORMS = {
    b"10": rb"\d{3}",
    b"52": rb"\d{8}-\d\d:\d\d:\d\d(\.\d{3})?",
    b"42": rb"\d{8}-\d\d:\d\d:\d\d",
    b"60": rb"\d{8}-\d\d:\d\d:\d\d.*",
    b"122": rb"\d{8}-\d\d:\d\d:\d\d.*",
}


class Mismatch(AssertionError):
    """The acceptor did something else than the script says."""


class Peer:
    """One connection of the tester."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def message(self) -> bytes:
        """Read one message."""
        head = await self.reader.readuntil(b"\x019=")
        length = await self.reader.readuntil(b"\x01")
        rest = await self.reader.readexactly(int(length[:-1]))
        return head + length + rest + await self.reader.readuntil(b"\x01")


def expand(message: bytes) -> bytes:
    """Put in times, BodyLength and CheckSum."""

    def moment(found: re.Match[bytes]) -> bytes:
        shift = timedelta(seconds=int((found[1] or b"+") + (found[2] or b"0")))
        return (datetime.now(UTC) + shift).strftime("%Y%m%d-%H:%M:%S").encode()

    message = _TIME.sub(moment, message)
    head = re.match(rb"8=[^\x01]*\x01", message)
    if head is None:
        return message
    tail = re.search(rb"\x0110=[^\x01]*\x01$", message)
    body = message[head.end() : tail.start() + 1 if tail else len(message)]
    if b"\x019=" not in message:
        body = b"9=%d\x01" % len(body) + body
    whole = head[0] + body
    return whole + (tail[0][1:] if tail else b"10=%03d\x01" % (sum(whole) % 256))


def compare(wanted: bytes, got: bytes) -> None:
    """Hold a message against the one that was expected."""
    left, right = (m.rstrip(b"\x01").split(b"\x01") for m in (wanted, got))
    if len(left) != len(right):
        raise Mismatch(f"other number of fields: {got!r}, wanted {wanted!r}")
    for a, b in zip(left, right, strict=True):
        tag, _, value = a.partition(b"=")
        found, _, other = b.partition(b"=")
        fits = re.fullmatch(_FORMS[tag], other) if tag in _FORMS else value == other
        if tag != found or not fits:
            raise Mismatch(f"wanted {a!r}, got {b!r} in {got!r}")


async def run_line(line: bytes, peers: dict[int, Peer], port: int) -> None:
    """Do or expect what one line says."""
    match = _LINE.fullmatch(line)
    assert match, f"no such line: {line!r}"
    kind, number, what = match[1], int(match[2] or 1), match[3]
    if kind == b"i" and what == b"CONNECT":
        peers[number] = Peer(*await asyncio.open_connection("127.0.0.1", port))
    elif kind == b"i":
        peers.pop(number).writer.close()
    elif kind == b"e":
        peer = peers.pop(number)
        async with asyncio.timeout(WAIT_S):
            if rest := await peer.reader.read():
                raise Mismatch(f"wanted the end of the connection, got {rest!r}")
        peer.writer.close()
    elif kind == b"I":
        peers[number].writer.write(expand(what))
    else:
        async with asyncio.timeout(WAIT_S):
            got = await peers[number].message()
        compare(expand(what), got)


async def run_script(path: Path, port: int) -> str:
    """Run one script; give what went wrong, empty when nothing did."""
    peers: dict[int, Peer] = {}
    number = 0
    try:
        for raw in path.read_bytes().split(b"\n"):
            number += 1
            line = raw.rstrip(b"\r")
            if line.strip() and not line.startswith(b"#"):
                await run_line(line, peers, port)
    except (Mismatch, TimeoutError, OSError, asyncio.IncompleteReadError) as error:
        return f"line {number}: {type(error).__name__} {error}"
    finally:
        for peer in peers.values():
            peer.writer.close()
    return ""


async def run_folder(folder: Path, port: int, only: str) -> tuple[int, int]:
    """Run the scripts of one version one after the other; give how many passed, of how many."""
    scripts = sorted(path for path in folder.glob("*.def") if only in path.name)
    passed, began = 0, time.monotonic()
    for script in scripts:
        problem = await run_script(script, port)
        passed += not problem
        if problem:
            print(f"{folder.name}/{script.name}: {problem}")
    print(f"{folder.name}: {passed} of {len(scripts)} in {time.monotonic() - began:.0f} s")
    return passed, len(scripts)


async def run(definitions: Path, port: int, versions: list[str], only: str) -> int:
    """Run every version at once; 0 when all scripts passed."""
    results = await asyncio.gather(
        *(run_folder(definitions / version, port, only) for version in versions)
    )
    passed, total = sum(p for p, _ in results), sum(t for _, t in results)
    print(f"all: {passed} of {total}")
    return 0 if passed == total and total else 1


def main() -> int:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--only", default="", help="run scripts whose name holds this")
    parser.add_argument("versions", nargs="*", default=list(VERSIONS))
    arguments = parser.parse_args()
    definitions = Path(os.environ["FIX_DEFINITIONS"])
    return asyncio.run(run(definitions, arguments.port, arguments.versions, arguments.only))


if __name__ == "__main__":
    sys.exit(main())
