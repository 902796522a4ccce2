"""Our initiator in a process of its own, to be killed at any moment.

    python -m tests.fix.our_side PORT STORE

It sends orders named after their numbers as fast as they are filled, until it is killed.
"""

import asyncio
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bascule.fix.config import SessionConfig, version_named
from bascule.fix.message import Message
from bascule.fix.session import Session
from bascule.fix.timestamp import write_time
from bascule.fix.validator import validator
from bascule.fixwire.initiator import Address, Initiator
from bascule.fixwire.link import Application, Link
from bascule.fixwire.store import FileStore
from bascule.model.values import Instant

IN_FLIGHT = 20


class Trader(Application):
    """Sends an order for each fill."""

    def logged_on(self, link: Link, reset: bool) -> None:
        """Begin."""
        for _ in range(IN_FLIGHT):
            self.order(link)

    def received(self, link: Link, message: Message, number: int, again: bool) -> None:
        """Go on."""
        if link.session.logged_on:
            self.order(link)

    def order(self, link: Link) -> None:
        """Send an order whose name says its number."""
        name = b"n%d" % link.session.store.next_out
        now = write_time(Instant(time.time_ns()), 3)
        fields = [(11, name), (21, b"1"), (38, b"1"), (40, b"1"), (54, b"1"), (55, b"ES")]
        link.send(Message(b"D", [*fields, (60, now)]))


async def main(port: int, path: Path) -> None:
    """Run until killed."""
    version = version_named("FIX.4.4")
    config = SessionConfig(version=version, sender="US", target="QF", role="initiator")
    store = FileStore(path)
    with ThreadPoolExecutor(1) as worker:

        def log(session: str, code: str, text: str) -> None:
            sys.stderr.write(f"{code} {text}\n")

        link = Link(Session(config, store, validator(version)), store, Trader(), worker, log=log)
        await Initiator(link, Address(host="127.0.0.1", port=port), log=log).run()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2])))
