"""FIX sessions: orders and their execution reports, against QuickFIX in the same run.

    python bench/fix_session.py [--pairs 20000] [--rounds 5] [--cores apart]

Two processes on loopback, FIX 4.4, both validating against a dictionary: an initiator sends
NewOrderSingle, an acceptor answers each with one ExecutionReport. Ours writes every message before
its bytes leave, has its numbers reserved by an fsync ahead, and syncs the rest within milliseconds;
QuickFIX (its Python binding, with its file store) writes and never syncs. The rounds alternate, and
the ratios are those of the medians.

Left alone, the system now puts both processes on one core, which halves what either engine does
with many in flight, and now on two, which costs a wake-up with one in flight. So each has a core of
its own (``apart``), or both share one (``together``), in every round and for both engines alike;
``free`` leaves it to the system. The processor's time is told as well, since it depends less on
what else the machine does.
"""

import argparse
import asyncio
import importlib
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from common import child, fdatasync_p50_us, now, percentile, table

IN_FLIGHT = 100
ORDER_FIELDS = ((1, "A1"), (21, "1"), (38, "1"), (40, "2"), (44, "5000.25"), (54, "1"), (55, "ES"))
REPORT_FIELDS = ((6, "5000.25"), (14, "1"), (31, "5000.25"), (32, "1"), (39, "2"), (54, "1"))
REPORT_REST = ((55, "ES"), (150, "F"), (151, "0"))


class Course:
    """What the initiator measures: round trips one by one, then many at once."""

    def __init__(self, pairs: int) -> None:
        self.pairs = pairs
        self.sent = self.got = self.window = 0
        self.total = 0
        self.began = 0
        self.trips: list[int] = []
        self.work = self.work_end = 0.0

    def begin(self, window: int, total: int) -> None:
        """Start the clock: ``total`` orders, ``window`` in flight."""
        self.window, self.total = window, total
        self.sent = self.got = 0
        self.work = time.process_time()
        self.began = now()

    def next(self) -> int:
        """Give the number of the next order, 0 when all are sent."""
        if self.sent >= self.total:
            return 0
        self.sent += 1
        if self.window == 1:
            self.trip_began = now()
        return self.sent

    def answered(self) -> bool:
        """Count a report; True when it was the last."""
        self.got += 1
        if self.window == 1:
            self.trips.append(now() - self.trip_began)
        return self.got == self.total

    def rate(self) -> float:
        """Give pairs a second since the clock was started."""
        self.work_end = time.process_time()
        return self.got / ((now() - self.began) / 1e9)

    def say(self, rate: float) -> None:
        """Print the result for the parent process."""
        p50, p99 = percentile(self.trips, 0.5) / 1e3, percentile(self.trips, 0.99) / 1e3
        work = (self.work_end - self.work) / self.got * 1e6
        print(f"result {p50:.1f} {p99:.1f} {rate:.0f} {work:.1f}", flush=True)


class Effort:
    """What the acceptor measures: its processor time for the orders that are sent many at once."""

    def __init__(self, directory: Path, pairs: int) -> None:
        self.count = 0
        self._path = directory / "acceptor.work"
        self._first, self._last = pairs // 10 + 1, pairs // 10 + pairs
        self._began = 0.0

    def order(self) -> int:
        """Take in that an order came; give its number."""
        self.count += 1
        if self.count == self._first:
            self._began = time.process_time()
        elif self.count == self._last:
            work = (time.process_time() - self._began) / (self._last - self._first) * 1e6
            self._path.write_text(f"{work:.1f}")
        return self.count


def _sending_time() -> str:
    return time.strftime("%Y%m%d-%H:%M:%S", time.gmtime())


# Ours


def _ours(role: str, directory: Path, application: Any, worker: ThreadPoolExecutor) -> Any:
    from bascule.fix.config import SessionConfig, version_named
    from bascule.fix.session import Session
    from bascule.fix.validator import validator
    from bascule.fixwire.link import Link
    from bascule.fixwire.store import FileStore

    version = version_named("FIX.4.4")
    names = ("I", "A") if role == "initiator" else ("A", "I")
    config: Any = {"version": version, "sender": names[0], "target": names[1], "role": role}
    store = FileStore(directory / f"{role}.fix")
    session = Session(SessionConfig(**config), store, validator(version))
    return Link(session, store, application, worker, log=lambda *words: None)


def _fields(pairs: Sequence[tuple[int, str]]) -> list[tuple[int, bytes]]:
    return [(tag, value.encode()) for tag, value in pairs]


async def our_acceptor(directory: Path, pairs: int) -> None:
    """Answer orders until ended."""
    from bascule.fix.message import Message
    from bascule.fixwire.link import Application, Link
    from bascule.fixwire.server import Server

    head, tail = _fields(REPORT_FIELDS), _fields(REPORT_REST)
    effort = Effort(directory, pairs)

    class Filler(Application):
        def received(self, link: Link, message: Message, number: int, again: bool) -> None:
            name = b"%d" % effort.order()
            first = (6, b"5000.25"), (11, message.get(11) or b"")
            rest = (17, b"e" + name), *head[1:4], (37, b"o" + name), *head[4:], *tail
            link.send(Message(b"8", [*first, *rest]))

    with ThreadPoolExecutor(1) as worker:
        server = Server([_ours("acceptor", directory, Filler(), worker)], log=lambda *words: None)
        print(f"ready {await server.start('127.0.0.1', 0)}", flush=True)
        await asyncio.Event().wait()


async def our_initiator(directory: Path, port: int, pairs: int) -> None:
    """Send the orders and measure."""
    from bascule.fix.message import Message
    from bascule.fixwire.initiator import Address, Initiator
    from bascule.fixwire.link import Application, Link

    course, up, done = Course(pairs), asyncio.Event(), asyncio.Event()
    body = _fields(ORDER_FIELDS)

    def order(link: Link) -> None:
        if number := course.next():
            name = (11, b"bayx-%d-2e" % number)
            at = (60, _sending_time().encode())
            link.send(Message(b"D", [body[0], name, *body[1:], at]))

    class Trader(Application):
        def logged_on(self, link: Link, reset: bool) -> None:
            up.set()

        def received(self, link: Link, message: Message, number: int, again: bool) -> None:
            if course.answered():
                done.set()
            else:
                order(link)

    with ThreadPoolExecutor(1) as worker:
        link = _ours("initiator", directory, Trader(), worker)
        initiator = Initiator(link, Address(host="127.0.0.1", port=port), log=lambda *words: None)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(initiator.run())
            await up.wait()
            for window, total in ((1, pairs // 10), (IN_FLIGHT, pairs)):
                done.clear()
                course.begin(window, total)
                for _ in range(window):
                    order(link)
                await done.wait()
                rate = course.rate()
            course.say(rate)
            initiator.stop()


# QuickFIX


def _dictionary(path: Path) -> None:
    """Write our FIX 4.4 dictionary, as far as it is used here, in QuickFIX's form."""
    from bascule.fix.dictionary import load

    ours, tags, parts = load("FIX.4.4"), set(), []
    blocks = {"header": ours.header, "trailer": ours.trailer}

    def items(block: Any) -> str:
        tags.update(block.fields)
        return "".join(
            f"<field name='{ours.field(tag).name}' required='{'Y' if needed else 'N'}'/>"
            for tag, needed in block.fields.items()
            if tag not in block.groups
        )

    for name, block in blocks.items():
        parts.append(f"<{name}>{items(block)}</{name}>")
    parts.append("<messages>")
    for kind in b"0", b"1", b"2", b"3", b"4", b"5", b"A", b"D", b"8":
        message = ours.message(kind)
        category = "admin" if message.admin else "app"
        head = f"name='{message.name}' msgtype='{kind.decode()}' msgcat='{category}'"
        parts.append(f"<message {head}>{items(message.body)}</message>")
    parts.append("</messages><components/><fields>")
    for tag in sorted(tags):
        field = ours.field(tag)
        values = "".join(
            f"<value enum='{value.decode()}' description='{text}'/>"
            for value, text in field.values.items()
            if value != b"*"
        )
        parts.append(f"<field number='{tag}' name='{field.name}' type='{field.type}'>")
        parts.append(f"{values}</field>")
    parts.append("</fields>")
    whole = "".join(parts)
    path.write_text(f"<fix type='FIX' major='4' minor='4' servicepack='0'>{whole}</fix>")


def _settings(fix: Any, role: str, directory: Path, port: int) -> Any:
    names = ("I", "A") if role == "initiator" else ("A", "I")
    _dictionary(directory / f"{role}.xml")
    lines = {
        "ConnectionType": role,
        "StartTime": "00:00:00",
        "EndTime": "00:00:00",
        "HeartBtInt": "30",
        "ReconnectInterval": "1",
        "SocketConnectHost": "127.0.0.1",
        "SocketConnectPort": port,
        "SocketAcceptPort": port,
        "SocketNodelay": "Y",
        "FileStorePath": directory / role,
        "DataDictionary": directory / f"{role}.xml",
    }
    text = "[DEFAULT]\n" + "".join(f"{key}={value}\n" for key, value in lines.items())
    text += f"[SESSION]\nBeginString=FIX.4.4\nSenderCompID={names[0]}\nTargetCompID={names[1]}\n"
    path = directory / f"{role}.cfg"
    path.write_text(text)
    return fix.SessionSettings(str(path))


def _free_port() -> int:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    return int(importlib.import_module("tests.ports").free_port())


def quickfix_application(fix: Any, on_report: Any, up: threading.Event) -> Any:
    """Make what takes QuickFIX's messages."""

    class Application(fix.Application):  # type: ignore[misc,name-defined]
        def onCreate(self, session: Any) -> None:
            self.session = session

        def onLogon(self, session: Any) -> None:
            up.set()

        def onLogout(self, session: Any) -> None: ...

        def toAdmin(self, message: Any, session: Any) -> None: ...

        def fromAdmin(self, message: Any, session: Any) -> None: ...

        def toApp(self, message: Any, session: Any) -> None: ...

        def fromApp(self, message: Any, session: Any) -> None:
            on_report(message, session)

    return Application()


def quickfix_acceptor(directory: Path, pairs: int) -> None:
    """Answer orders until ended."""
    fix = importlib.import_module("quickfix")
    effort = Effort(directory, pairs)

    def fill(message: Any, session: Any) -> None:
        count = effort.order()
        report = fix.Message()
        report.getHeader().setField(35, "8")
        report.setField(11, message.getField(11))
        report.setField(17, f"e{count}")
        report.setField(37, f"o{count}")
        for tag, value in (*REPORT_FIELDS, *REPORT_REST):
            report.setField(tag, value)
        fix.Session.sendToTarget(report, session)

    application = quickfix_application(fix, fill, threading.Event())
    port = _free_port()
    settings = _settings(fix, "acceptor", directory, port)
    acceptor = fix.SocketAcceptor(application, fix.FileStoreFactory(settings), settings)
    acceptor.start()
    print(f"ready {port}", flush=True)
    threading.Event().wait()


def quickfix_initiator(directory: Path, port: int, pairs: int) -> None:
    """Send the orders and measure."""
    fix = importlib.import_module("quickfix")
    course, up, done = Course(pairs), threading.Event(), threading.Event()

    def order() -> None:
        if number := course.next():
            message = fix.Message()
            message.getHeader().setField(35, "D")
            message.setField(11, f"bayx-{number}-2e")
            message.setField(60, _sending_time())
            for tag, value in ORDER_FIELDS:
                message.setField(tag, value)
            fix.Session.sendToTarget(message, application.session)

    def report(message: Any, session: Any) -> None:
        if course.answered():
            done.set()
        else:
            order()

    application = quickfix_application(fix, report, up)
    settings = _settings(fix, "initiator", directory, port)
    initiator = fix.SocketInitiator(application, fix.FileStoreFactory(settings), settings)
    initiator.start()
    up.wait(20)
    time.sleep(0.2)
    for window, total in ((1, pairs // 10), (IN_FLIGHT, pairs)):
        done.clear()
        course.begin(window, total)
        for _ in range(window):
            order()
        done.wait()
        rate = course.rate()
    course.say(rate)
    os._exit(0)


def _run(loop_main: Any) -> None:
    try:
        uvloop: Any = importlib.import_module("uvloop")
    except ImportError:
        asyncio.run(loop_main)
    else:
        uvloop.run(loop_main)


class Round(NamedTuple):
    """One round: microseconds, pairs a second, and processor microseconds a pair of each side."""

    p50: float
    p99: float
    rate: float
    initiator: float
    acceptor: float


def _take_core(role: str, cores: str) -> None:
    """Keep this process, with all its threads, to its core."""
    if cores == "free" or not hasattr(os, "sched_setaffinity"):
        return
    there = sorted(os.sched_getaffinity(0))
    first = cores == "together" or role.endswith("initiator")
    os.sched_setaffinity(0, {there[0] if first else there[-1]})


def measure(kind: str, directory: Path, pairs: int, cores: str) -> Round:
    """Run one round."""
    directory.mkdir()
    rest = str(pairs), cores
    with child(__file__, f"{kind}-acceptor", str(directory), "0", *rest) as port:
        arguments = [__file__, f"{kind}-initiator", str(directory), str(port), *rest]
        done = subprocess.run(
            [sys.executable, *arguments], capture_output=True, text=True, timeout=300, check=False
        )
        if done.returncode:
            raise SystemExit(f"{kind} gave no result:\n{done.stdout}\n{done.stderr}")
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("result ")]
    numbers = [float(word) for word in line.split()[1:]]
    return Round(*numbers, float((directory / "acceptor.work").read_text()))


def compare(pairs: int, rounds: int, cores: str) -> None:
    """Measure both in turn and print the table and the ratios."""
    found: dict[str, list[Round]] = {"ours": [], "quickfix": []}
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent) as top:
        disk = fdatasync_p50_us(Path(top))
        for turn in range(rounds):
            for kind, done in found.items():
                done.append(measure(kind, Path(top) / f"{kind}{turn}", pairs, cores))
                print(kind, *done[-1], flush=True)
    medians = {
        kind: Round(*[statistics.median(column) for column in zip(*done, strict=True)])
        for kind, done in found.items()
    }
    table(
        f"Order to execution report, medians of {rounds} rounds, cores {cores};"
        f" one fsync here: {disk:.0f} us",
        ("", "p50 us, 1 in flight", "p99 us", f"pairs/s, {IN_FLIGHT} in flight", "processor us"),
        [
            (
                kind,
                f"{of.p50:.0f}",
                f"{of.p99:.0f}",
                f"{of.rate:.0f}",
                f"{of.initiator:.0f} + {of.acceptor:.0f}",
            )
            for kind, of in medians.items()
        ],
    )
    ours, theirs = medians["ours"], medians["quickfix"]
    work = (ours.initiator + ours.acceptor) / (theirs.initiator + theirs.acceptor)
    print(
        f"\nours / QuickFIX: p50 {ours.p50 / theirs.p50:.2f},"
        f" pairs/s {ours.rate / theirs.rate:.2f}, processor time {work:.2f}"
    )


def main() -> None:
    """Compare, or be one of the processes."""
    if len(sys.argv) == 6 and not sys.argv[1].startswith("--"):
        directory, port, pairs = Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
        _take_core(sys.argv[1], sys.argv[5])
        match sys.argv[1]:
            case "ours-acceptor":
                _run(our_acceptor(directory, pairs))
            case "ours-initiator":
                _run(our_initiator(directory, port, pairs))
            case "quickfix-acceptor":
                quickfix_acceptor(directory, pairs)
            case "quickfix-initiator":
                quickfix_initiator(directory, port, pairs)
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cores", choices=("apart", "together", "free"), default="apart")
    arguments = parser.parse_args()
    compare(arguments.pairs, arguments.rounds, arguments.cores)


if __name__ == "__main__":
    main()
