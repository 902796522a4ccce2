"""Links: nothing leaves before it is durable, and connections come and go."""

import asyncio
import random
import ssl
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from bascule.fix.codec import Decoder, encode
from bascule.fix.config import SessionConfig, version_named
from bascule.fix.message import Message, read_time
from bascule.fix.session import NotLoggedOn, Session
from bascule.fixwire import link as link_module
from bascule.fixwire import store as store_module
from bascule.fixwire import wire as wire_module
from bascule.fixwire.errors import StoreError
from bascule.fixwire.initiator import Address, Initiator, Proxy
from bascule.fixwire.link import Application, Link
from bascule.fixwire.server import Server
from bascule.fixwire.store import FileStore
from bascule.model.values import SECOND
from tests.fix.clause import checks_of
from tests.integration.proxied import certificates
from tests.waiting import PATIENCE_S

NOW = read_time(b"20261123-15:00:00")
ORDER = [(11, b"a"), (21, b"1"), (38, b"1"), (40, b"1"), (54, b"1"), (55, b"ES")]
ORDER.append((60, b"20261123-15:00:00"))


class Noted(Application):
    """Notes what it is told; echoes orders when it is asked to."""

    def __init__(self, *, echo=False):
        self.echo = echo
        self.got, self.again, self.told, self.codes = [], [], [], []
        self.changed = asyncio.Event()

    def log(self, session, code, text):
        self.codes.append(code)

    def note(self, what):
        self.told.append(what)
        self.changed.set()

    def received(self, link, message, number, again):
        (self.again if again else self.got).append(message.get(11))
        if self.echo:
            link.send(Message(b"D", ORDER))
        self.note("received")

    def logged_on(self, link, reset):
        self.note("on")

    def logged_out(self, link, text):
        self.note("off")

    def halted(self, link, code, text):
        self.note(code)

    def settled(self, link):
        self.note("settled")

    async def until(self, what, times=1):
        async with asyncio.timeout(PATIENCE_S):
            while self.told.count(what) < times:
                self.changed.clear()
                await self.changed.wait()


class Wireless:
    """A connection that only notes what is written, and what the disk holds by then."""

    def __init__(self, path):
        self.path, self.events, self.closed = path, [], False

    def write(self, data):
        on_disk = self.path.read_bytes()
        for message in Decoder().feed(data):
            admin = message.msg_type in (b"A", b"0", b"5")
            self.events.append((message.msg_type, admin or message.raw in on_disk))

    def hang_up(self):
        self.closed = True

    def hold_reading(self, held):
        self.events.append(("hold", held)) if held else None

    def clogged(self):
        return False


def make(path, application, worker, role="acceptor", reserve=store_module.RESERVE, **options):
    """Make a link with its store."""
    names = {"sender": "A", "target": "I"} if role == "acceptor" else {"sender": "I", "target": "A"}
    config = SessionConfig(version=version_named("FIX.4.4"), role=role, **names, **options)
    store = FileStore(path, reserve=reserve)
    session = Session(config, store, checks_of("FIX.4.4"))
    return Link(session, store, application, worker, log=application.log)


def from_peer(kind, number, *body):
    """Give a message of the peer's."""
    stamp = (52, time.strftime("%Y%m%d-%H:%M:%S", time.gmtime()).encode())
    header = [(34, b"%d" % number), (49, b"I"), stamp, (56, b"A")]
    data = encode(b"FIX.4.4", Message(kind, [*header, *body]))
    return Decoder().feed(data)[0]


@pytest.fixture
def worker():
    """The thread for slow disks."""
    with ThreadPoolExecutor(1) as made:
        yield made


@pytest.mark.parametrize("quick", [True, False])
async def test_nothing_leaves_before_it_is_written(tmp_path, worker, monkeypatch, quick):
    """Bytes leave once they are in the file; the first numbers, and a logon, once it is synced."""
    synced = []
    real = store_module._sync
    path = tmp_path / "s.fix"
    wire = Wireless(path)

    def sync(handle):
        real(handle)
        synced.append(len(wire.events))

    monkeypatch.setattr(store_module, "_sync", sync)
    monkeypatch.setattr(link_module, "QUICK", SECOND if quick else -1)
    application = Noted(echo=True)
    link = make(path, application, worker)
    link.attach(wire)
    link.receive([from_peer(b"A", 1, (98, b"0"), (108, b"0"))])
    link.receive([from_peer(b"D", 2, *ORDER), from_peer(b"D", 3, *ORDER)])
    assert quick == bool(wire.events)
    await application.until("settled")
    assert wire.events == [(b"A", True), (b"D", True), (b"D", True)]
    assert synced[1:].count(0) >= 1
    link.detach(wire)
    await link.close()


class Disk:
    """Notes how often the store syncs, and how many messages had left by then."""

    def __init__(self, monkeypatch, wire):
        self.wire, self.synced = wire, []
        self._real = store_module._sync
        monkeypatch.setattr(store_module, "_sync", self._sync)

    def _sync(self, handle):
        self._real(handle)
        self.synced.append(len(self.wire.events))


async def until(condition):
    """Wait for something that another thread does."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.001)


async def test_a_turn_waits_for_no_fsync(tmp_path, worker, monkeypatch):
    """Answers leave before they are synced, and one fsync soon after serves many turns."""
    monkeypatch.setattr(link_module, "QUICK", SECOND)
    monkeypatch.setattr(link_module, "FLUSH_S", 0.3)
    wire = Wireless(tmp_path / "s.fix")
    link = make(tmp_path / "s.fix", Noted(echo=True), worker)
    link.attach(wire)
    link.receive([from_peer(b"A", 1, (98, b"0"), (108, b"0"))])
    disk = Disk(monkeypatch, wire)
    link.receive([from_peer(b"D", number, *ORDER) for number in range(2, 50)])
    await until(lambda: disk.synced)
    assert disk.synced == [49]
    link.detach(wire)
    await link.close()


@pytest.mark.parametrize("reserve", [0, 10])
async def test_numbers_that_are_not_reserved_wait(tmp_path, worker, monkeypatch, reserve):
    """A number that may be forgotten leaves after an fsync; without reservation all of them do."""
    monkeypatch.setattr(link_module, "QUICK", SECOND)
    monkeypatch.setattr(link_module, "FLUSH_S", 100)
    wire = Wireless(tmp_path / "s.fix")
    link = make(tmp_path / "s.fix", Noted(echo=True), worker, reserve=reserve)
    link.attach(wire)
    link.receive([from_peer(b"A", 1, (98, b"0"), (108, b"0"))])
    disk = Disk(monkeypatch, wire)
    for number in range(2, 14):
        link.receive([from_peer(b"D", number, *ORDER)])
    assert disk.synced == [*range(1, 13)] if reserve == 0 else [10]
    link.receive([from_peer(b"D", number, *ORDER) for number in range(14, 64)])
    await until(lambda: len(wire.events) == 63)
    assert len(disk.synced) == (13 if reserve == 0 else 4)
    link.detach(wire)
    await link.close()


async def test_marks_and_resets_are_synced_before_anything_leaves(tmp_path, worker, monkeypatch):
    """What an application tells once, and new numbers, must outlive a loss of power."""
    monkeypatch.setattr(link_module, "QUICK", SECOND)
    monkeypatch.setattr(link_module, "FLUSH_S", 100)
    wire = Wireless(tmp_path / "s.fix")
    link = make(tmp_path / "s.fix", Noted(), worker)
    link.attach(wire)
    link.receive([from_peer(b"A", 1, (98, b"0"), (108, b"0"))])
    disk = Disk(monkeypatch, wire)
    link.send(Message(b"D", ORDER))
    await until(lambda: len(wire.events) == 2)
    assert disk.synced == []
    link.send(Message(b"D", ORDER))
    link.mark(7)
    await until(lambda: len(wire.events) == 3)
    assert disk.synced == [2]
    link.reset()
    assert disk.synced == [2, 3]
    link.detach(wire)
    await link.close()


async def test_an_fsync_that_fails_stops_the_session(tmp_path, worker, monkeypatch):
    """The line is cut, sending is refused, and numbers that were used are left out at the start."""
    monkeypatch.setattr(link_module, "QUICK", SECOND)
    application = Noted(echo=True)
    wire = Wireless(tmp_path / "s.fix")
    link = make(tmp_path / "s.fix", application, worker)
    link.attach(wire)
    link.receive([from_peer(b"A", 1, (98, b"0"), (108, b"0"))])
    real = store_module._sync

    def fail(handle):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(store_module, "_sync", fail)
    link.receive([from_peer(b"D", 2, *ORDER)])
    await application.until("fix_store_unwritable")
    assert wire.closed
    used = link.session.store.next_out - 1
    with pytest.raises(StoreError):
        link.send(Message(b"D", ORDER))
    monkeypatch.setattr(store_module, "_sync", real)
    link.detach(wire)
    await link.close()
    again = FileStore(tmp_path / "s.fix")
    assert again.left_out is not None and again.next_out > used
    again.close()


async def test_numbers_that_were_left_out_are_told(tmp_path, worker):
    """After a loss of power it is logged, and the peer is told to pass over what is lost."""
    path = tmp_path / "s.fix"
    first = make(path, Noted(), worker, reserve=20)
    wire = Wireless(path)
    first.attach(wire)
    first.receive([from_peer(b"A", 1, (98, b"0"), (108, b"0"))])
    first.send(Message(b"D", ORDER))
    await until(lambda: len(wire.events) == 2)
    image = path.read_bytes()
    first.detach(wire)
    await first.close()
    path.write_bytes(image)
    path.with_name("s.fix.lock").write_bytes(b"an earlier run of the machine")
    application = Noted()
    link = make(path, application, worker, reserve=20)
    assert (link.session.store.left_out, link.session.store.next_out) == ((3, 20), 21)
    wire = Wireless(path)
    sent = []
    wire.write = lambda data: sent.extend(Decoder().feed(data))
    link.attach(wire)
    link.receive([from_peer(b"A", 2, (98, b"0"), (108, b"0"))])
    link.receive([from_peer(b"2", 3, (7, b"2"), (16, b"0"))])
    assert "fix_numbers_left_out" in application.codes
    kinds = [(m.msg_type, m.get_int(34), m.get_int(36), m.get(43)) for m in sent]
    assert kinds == [(b"A", 21, None, None), (b"D", 2, None, b"Y"), (b"4", 3, 22, b"Y")]
    link.detach(wire)
    await link.close()


async def test_a_full_disk_stops_the_session(tmp_path, worker, monkeypatch):
    """Where there is no room nothing of the turn leaves, the line is cut, sending is refused."""
    monkeypatch.setattr(link_module, "QUICK", SECOND)
    monkeypatch.setattr(store_module, "_AHEAD", 0)
    application = Noted(echo=True)
    link = make(tmp_path / "s.fix", application, worker)
    wire = Wireless(tmp_path / "s.fix")
    link.attach(wire)
    link.receive([from_peer(b"A", 1, (98, b"0"), (108, b"0"))])

    def fail(file, size):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store_module, "_lengthen", fail)
    link.receive([from_peer(b"D", 2, *ORDER)])
    await application.until("fix_store_unwritable")
    assert wire.events == [(b"A", True)]
    assert wire.closed
    with pytest.raises(StoreError):
        link.send(Message(b"D", ORDER))
    link.receive([from_peer(b"D", 3, *ORDER)])
    assert len(application.got) == 1
    link.detach(wire)
    await link.close()


async def test_what_was_not_taken_is_delivered_again(tmp_path, worker):
    """After a restart the application gets what it was given and did not say to have taken."""
    first = Noted()
    link = make(tmp_path / "s.fix", first, worker, keep_incoming=True)
    wire = Wireless(tmp_path / "s.fix")
    link.attach(wire)
    link.receive([from_peer(b"A", 1, (98, b"0"), (108, b"0"))])
    for number, name in ((2, b"x"), (3, b"y"), (4, b"z")):
        link.receive([from_peer(b"D", number, (11, name), *ORDER[1:])])
    link.taken(2)
    link.detach(wire)
    await link.close()
    second = Noted()
    link = make(tmp_path / "s.fix", second, worker, keep_incoming=True)
    link.start()
    assert second.again == [b"y", b"z"]
    assert link.session.store.next_in == 5
    await link.close()


async def test_sending_needs_a_logon_or_patience(tmp_path, worker):
    """A message for a session that is down is refused, or held until the peer asks for it."""
    link = make(tmp_path / "s.fix", Noted(), worker)
    with pytest.raises(NotLoggedOn):
        link.send(Message(b"D", ORDER))
    link.send(Message(b"D", ORDER), hold=True)
    await asyncio.sleep(0)
    assert link.session.store.next_out == 2
    await link.close()


class Both:
    """Our initiator and our acceptor over loopback."""

    def __init__(self, tmp_path, worker, **options):
        self.theirs, self.ours = Noted(), Noted()
        self.acceptor = make(tmp_path / "a.fix", self.theirs, worker)
        self.initiator = make(tmp_path / "i.fix", self.ours, worker, "initiator", **options)
        self.server = Server([self.acceptor], log=self.theirs.log)

    async def run(self, use, *, tls=(None, None), host="127.0.0.1", proxy=None):
        port = await self.server.start("127.0.0.1", 0, tls[0])
        address = Address(host=host, port=port, tls=tls[1], proxy=proxy and await proxy(port))
        keeper = Initiator(self.initiator, address, log=self.ours.log, chance=random.Random(1))
        try:
            async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
                tasks.create_task(keeper.run())
                await use(keeper)
                keeper.stop()
        finally:
            await self.server.stop()
            await self.initiator.close()
            await self.acceptor.close()


async def test_orders_and_a_goodbye(tmp_path, worker):
    """Two of ours log on, exchange, and say goodbye; their numbers agree."""
    both = Both(tmp_path, worker)

    async def use(keeper):
        await both.ours.until("on")
        both.initiator.send(Message(b"D", ORDER))
        await both.theirs.until("received")

    await both.run(use)
    assert "off" in both.ours.told and "off" in both.theirs.told
    ends = [link.session.store for link in (both.initiator, both.acceptor)]
    assert (ends[0].next_in, ends[0].next_out) == (ends[1].next_out, ends[1].next_in) == (3, 4)


async def test_tls(tmp_path, worker):
    """A session runs over TLS, with the acceptor's certificate checked."""
    certificates(tmp_path)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    trusting = ssl.create_default_context(cafile=tmp_path / "ca.pem")
    both = Both(tmp_path, worker)

    async def use(keeper):
        await both.ours.until("on")

    await both.run(use, tls=(serving, trusting), host="localhost")


@pytest.mark.parametrize("kind", ["socks5", "http"])
async def test_through_a_proxy(tmp_path, worker, kind):
    """A session runs through a proxy that wants a name and a password."""
    both, asked = Both(tmp_path, worker), []

    async def pump(reader, writer):
        while data := await reader.read(4096):
            writer.write(data)
        writer.close()

    async def serve(reader, writer):
        if kind == "http":
            head = await reader.readuntil(b"\r\n\r\n")
            asked.append(b"Basic dTpw" in head)
            target = int(head.split(b" ")[1].rpartition(b":")[2])
            writer.write(b"HTTP/1.1 200 ok\r\n\r\n")
        else:
            await reader.readexactly(2 + (await reader.readexactly(2))[1] - 2)
            writer.write(b"\x05\x02")
            asked.append(await reader.readexactly(5) == b"\x01\x01u\x01p")
            writer.write(b"\x01\x00")
            head = await reader.readexactly(5)
            name = await reader.readexactly(head[4] + 2 if head[3] == 3 else 5)
            target = int.from_bytes(name[-2:], "big")
            writer.write(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")
        there, back = await asyncio.open_connection("127.0.0.1", target)
        await asyncio.gather(pump(reader, back), pump(there, writer))

    servers = []

    async def proxy(port):
        servers.append(await asyncio.start_server(serve, "127.0.0.1", 0))
        at = servers[0].sockets[0].getsockname()[1]
        return Proxy(kind=kind, host="127.0.0.1", port=at, username="u", password="p")

    async def use(keeper):
        await both.ours.until("on")

    await both.run(use, proxy=proxy)
    servers[0].close()
    assert asked == [True]
    shown = repr(Proxy(kind="http", host="h", port=1, username="me", password="sesame"))
    assert "sesame" not in shown


async def test_reconnects_after_each_loss(tmp_path, worker):
    """A lost connection is made again, with the numbers that both had."""
    both = Both(tmp_path, worker)

    async def use(keeper):
        for times in (1, 2, 3):
            await both.ours.until("on", times)
            await both.theirs.until("on", times)
            if times < 3:
                both.initiator.peer.hang_up()

    await both.run(use)
    assert "fix_sequence_too_low" not in both.ours.told


async def test_a_refused_logon_is_not_repeated_for_ever(tmp_path, worker, monkeypatch):
    """After five connections without a logon a person is asked, and their answer is waited for."""
    monkeypatch.setattr("bascule.fixwire.initiator.PAUSE_MAX_S", 0.01)
    connections = []

    async def refuse(reader, writer):
        connections.append(1)
        await reader.read(10)
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    application = Noted()
    link = make(tmp_path / "i.fix", application, worker, "initiator")
    port = server.sockets[0].getsockname()[1]
    keeper = Initiator(link, Address(host="127.0.0.1", port=port), log=application.log)
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
        tasks.create_task(keeper.run())
        await application.until("fix_logon_refused")
        assert len(connections) == 5
        keeper.go_on()
        await application.until("fix_logon_refused", 2)
        assert len(connections) == 10
        keeper.stop()
    server.close()
    await link.close()


async def test_a_peer_that_cannot_be_reached(tmp_path, worker, monkeypatch):
    """A peer that is not there is tried again, and no person is asked."""
    monkeypatch.setattr("bascule.fixwire.initiator.PAUSE_MAX_S", 0.01)
    application = Noted()
    link = make(tmp_path / "i.fix", application, worker, "initiator")
    keeper = Initiator(link, Address(host="127.0.0.1", port=9), log=application.log)
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
        tasks.create_task(keeper.run())
        while len(application.codes) < 8:
            await asyncio.sleep(0.01)
        keeper.stop()
    assert {"fix_unreachable"} == set(application.codes)
    await link.close()


async def test_a_proxy_that_answers_nonsense_is_asked_again(tmp_path, worker, monkeypatch):
    """What no library can read is a connection that failed: the session goes on trying."""
    monkeypatch.setattr("bascule.fixwire.initiator.PAUSE_MAX_S", 0)
    asked = []

    async def nonsense(reader, writer):
        asked.append(await reader.read(64))
        writer.write(b"\5\0\5\0\0\3\xff" + b"\xff" * 300)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(nonsense, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    application = Noted()
    link = make(tmp_path / "store", application, worker, role="initiator")
    proxy = Proxy(kind="socks5", host="127.0.0.1", port=port)
    initiator = Initiator(
        link, Address(host="example.com", port=1, proxy=proxy), log=application.log
    )
    running = asyncio.create_task(initiator.run())
    async with asyncio.timeout(PATIENCE_S):
        while len(asked) < 2 and not running.done():
            await asyncio.sleep(0.01)
    assert not running.done()
    assert "fix_unreachable" in application.codes
    initiator.stop()
    await running
    await link.close()
    server.close()


async def test_a_second_connection_is_turned_away(tmp_path, worker):
    """A session that is connected takes no second connection, and strangers get no answer."""
    application = Noted()
    link = make(tmp_path / "a.fix", application, worker)
    server = Server([link], log=application.log)
    port = await server.start("127.0.0.1", 0)
    logon = from_peer(b"A", 1, (98, b"0"), (108, b"30")).raw
    first, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(logon)
    await first.readuntil(b"\x0110=")
    stranger = logon.replace(b"49=I", b"49=X")
    for data in (logon, b"GET / HTTP/1.1\r\n\r\n8=FIX", encode(b"FIX.4.4", Message(b"A", []))):
        reader, other = await asyncio.open_connection("127.0.0.1", port)
        other.write(data + stranger)
        async with asyncio.timeout(PATIENCE_S):
            assert await reader.read() == b""
        other.close()
    assert link.session.logged_on
    writer.close()
    await application.until("off")
    await server.stop()
    await link.close()


async def test_a_peer_that_leaves_too_much_unread(tmp_path, worker, monkeypatch):
    """A peer that leaves too much unread is cut off; what it missed is served later."""
    monkeypatch.setattr(wire_module, "BUFFER_MAX", 1 << 16)
    application = Noted()
    link = make(tmp_path / "a.fix", application, worker)
    server = Server([link], log=application.log)
    port = await server.start("127.0.0.1", 0)
    _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 12)
    writer.write(from_peer(b"A", 1, (98, b"0"), (108, b"30")).raw)
    await application.until("on")
    text = (58, b"x" * 4000)
    async with asyncio.timeout(PATIENCE_S):
        while "off" not in application.told:
            link.send(Message(b"D", [*ORDER[:-2], text, *ORDER[-1:]]), hold=True)
            await asyncio.sleep(0)
    assert link.peer is None
    assert len(list(link.session.store.messages(2, 9))) == 8
    writer.close()
    await server.stop()
    await link.close()


async def test_a_closed_connection_is_not_waited_for(tmp_path, worker, monkeypatch):
    """A connection that we gave up ends soon, though the peer takes nothing of what is left."""
    monkeypatch.setattr(wire_module, "CLOSE_S", 0.1)
    application = Noted()
    link = make(tmp_path / "a.fix", application, worker, logout_timeout=SECOND // 10)
    server = Server([link], log=application.log)
    port = await server.start("127.0.0.1", 0)
    _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 12)
    writer.write(from_peer(b"A", 1, (98, b"0"), (108, b"30")).raw)
    await application.until("on")
    text = (58, b"x" * 4000)
    while not link.peer.clogged():
        link.send(Message(b"D", [*ORDER[:-2], text, *ORDER[-1:]]))
        await asyncio.sleep(0)
    async with asyncio.timeout(PATIENCE_S):
        await server.stop()
    assert link.peer is None
    writer.close()
    await link.close()


async def test_a_disk_that_falls_behind_stops_the_reading(tmp_path, worker, monkeypatch):
    """While the disk is behind, nothing more is read; when it has caught up, reading goes on."""
    monkeypatch.setattr(link_module, "TURN_MAX", 100)
    monkeypatch.setattr(link_module, "QUICK", -1)
    monkeypatch.setattr(link_module, "WAITING_MAX", 10)
    application = Noted(echo=True)
    link = make(tmp_path / "a.fix", application, worker)
    wire = Wireless(tmp_path / "a.fix")
    link.attach(wire)
    link.receive([from_peer(b"A", 1, (98, b"0"), (108, b"0"))])
    link.receive([from_peer(b"D", number, *ORDER) for number in range(2, 30)])
    assert ("hold", True) in wire.events
    await application.until("settled")
    assert len(wire.events) == 1 + 1 + 28
    link.detach(wire)
    await link.close()


async def test_a_reject_names_our_message(tmp_path, worker):
    """The application is told which message of its own the peer rejected."""
    refused = []

    class Asked(Noted):
        def refused(self, link, told):
            refused.append((told.number, told.original.get(11)))

    link = make(tmp_path / "a.fix", Asked(), worker)
    wire = Wireless(tmp_path / "a.fix")
    link.attach(wire)
    link.receive([from_peer(b"A", 1, (98, b"0"), (108, b"0"))])
    link.send(Message(b"D", ORDER))
    await asyncio.sleep(0.05)
    link.receive([from_peer(b"3", 2, (45, b"2"), (58, b"no"))])
    assert refused == [(2, b"a")]
    link.detach(wire)
    await link.close()


async def test_a_peer_that_does_not_read(tmp_path, worker):
    """A peer that reads nothing is asked for nothing more, and gets all once it reads."""
    application = Noted()
    link = make(tmp_path / "a.fix", application, worker)
    server = Server([link], log=application.log)
    port = await server.start("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 16)
    writer.write(from_peer(b"A", 1, (98, b"0"), (108, b"30")).raw)
    await application.until("on")
    text = (58, b"x" * 2000)
    async with asyncio.timeout(PATIENCE_S):
        while not link.peer.clogged():
            link.send(Message(b"D", [*ORDER[:-2], text, *ORDER[-1:]]))
            await asyncio.sleep(0)
    assert link.peer.clogged()
    wanted, seen, decoder = link.session.store.next_out - 1, 0, Decoder()
    async with asyncio.timeout(PATIENCE_S):
        while seen < wanted:
            seen += len(decoder.feed(await reader.read(1 << 16)))
    assert not link.peer.clogged()
    writer.close()
    await application.until("off")
    await server.stop()
    await link.close()
