"""Runs an engine with its API in this process, from the first port to the last event.

`run` and `demo` both come through here. One loop, one process; every way out is the same: no more
requests, outcomes awaited for a while, the journal closed.
"""

import asyncio
import errno
import os
import socket
import sys
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress

import msgspec
from msgspec import Struct

from bascule.api.auth import operator_token
from bascule.api.dispatch import build_asgi
from bascule.api.served import Served
from bascule.cli.fix_feed import JournalFeed
from bascule.cli.guardian_child import GuardianBeside
from bascule.cli.http_server import Server, server_config
from bascule.cli.setup import Prepared, prepare
from bascule.cli.watching import Watching
from bascule.config.build import Config
from bascule.config.private import write_private
from bascule.config.secrets import Secrets
from bascule.config.stopping import stop_signals
from bascule.engine.clock import SystemClock
from bascule.engine.memory import settle
from bascule.engine.runtime import Runtime
from bascule.journal.wirelog import Direction, WireLog
from bascule.model.errors import ConfigError, invariant
from bascule.signals import dialects
from bascule.signals.intake.files import FileIntake, make_folders
from bascule.signals.intake.fix import FixIntake
from bascule.signals.intake.http import HttpIntake
from bascule.signals.intake.source import Source

FILES_WAIT_S = 10
"""How long files wait at the start for accounts that are not reconciled."""
BACKLOG = 2_048
MARKET_DATA = "quote"
"""The subject of frames that are not kept: they would push out what was said about orders."""


class Endpoint(Struct, frozen=True):
    """Where a running engine listens; kept in its data directory while it runs."""

    host: str
    port: int
    pid: int


class Running(Struct, frozen=True):
    """A started engine, for whoever wants to show it: `run` its report, `demo` its table."""

    config: Config
    runtime: Runtime
    served: Served
    sources: tuple[Source, ...]
    ended: asyncio.Event

    @property
    def url(self) -> str:
        """The root of everything it serves."""
        return url_of(self.config.server.host, self.config.server.port)


Show = Callable[[Running], Coroutine[None, None, None]]
"""Runs beside the engine; it returns by itself or is cancelled when the engine ends."""


def url_of(host: str, port: int) -> str:
    """Write the address of a listener as a URL; a listener on every interface is asked here."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)
    return f"http://{f'[{shown}]' if ':' in shown and shown[0] != '[' else shown}:{port}"


def bind(host: str, port: int) -> socket.socket:
    """Take the port.

    Raises:
        ConfigError: it is taken, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    if sys.platform != "win32":
        # There, the option would let two processes share one port.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        taken = error.errno == errno.EADDRINUSE
        why = "is in use by another program" if taken else f"cannot be used ({error.strerror})"
        raise ConfigError(
            f"{host}:{port} {why}. Nothing was started.",
            code="port_in_use" if taken else "address_unusable",
            hint="If it is another Bascule, `bascule status` shows it. Else stop that program, or"
            " choose another [server] port.",
        ) from error
    listener.setblocking(False)
    return listener


def run_engine(
    config: Config, secrets: Secrets, show: Show, guardian_words: Sequence[str] = ()
) -> None:
    """Serve until told to end.

    Args:
        config: what to run.
        secrets: where its secrets are.
        show: what to run beside it.
        guardian_words: more words of the guardian's command line.

    Raises:
        BasculeError: it could not be started, or it had to end; nothing more was sent.
    """
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(config, secrets, show, guardian_words))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Give uvloop's loop where it exists, else the platform's own."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


async def _serve(
    config: Config, secrets: Secrets, show: Show, guardian_words: Sequence[str]
) -> None:
    config.data.prepare()
    listener = bind(config.server.host, config.server.port)
    try:
        token = operator_token(config.data.operator_token)
        wire = WireLog(config.data.wire_log)
        try:
            await _with_wire_log(config, secrets, wire, token, listener, show, guardian_words)
        finally:
            wire.close()
    finally:
        listener.close()


async def _with_wire_log(
    config: Config,
    secrets: Secrets,
    wire: WireLog,
    token: str,
    listener: socket.socket,
    show: Show,
    guardian_words: Sequence[str],
) -> None:
    clock = SystemClock()
    runtime: Runtime | None = None

    def to_wire(direction: str, subject: str, payload: bytes) -> None:
        if subject != MARKET_DATA:
            way: Direction = "out" if direction == ">" else "in"
            head = runtime.head_seq if runtime is not None else 0
            wire.put(clock.now(), head, "", "", subject, way, payload)

    prepared = prepare(config, secrets, to_wire)
    for source in prepared.sources:
        make_folders(source)  # one that cannot be used is told before anything is started
    watching = Watching(config, secrets)
    with stop_signals() as ended:
        runtime = await Runtime.start(prepared.setup, clock)
        guardian: GuardianBeside | None = None
        reason = "ended by its own fault"
        try:
            guardian = GuardianBeside(config, secrets, guardian_words)
            await _serve_runtime(
                config, runtime, prepared, token, listener, show, ended, watching, guardian
            )
            reason = "asked to"
        finally:
            config.data.endpoint.unlink(missing_ok=True)
            told = ended.is_set() and not runtime.fatal.done()
            if told:
                runtime.guardian.farewell()
            await runtime.stop(reason)
            if guardian is not None and told:
                await asyncio.to_thread(guardian.end)
            await watching.farewell(
                reason, runtime.fatal.result() if runtime.fatal.done() else None
            )
        if runtime.fatal.done():
            raise runtime.fatal.result()


async def _serve_runtime(
    config: Config,
    runtime: Runtime,
    prepared: Prepared,
    token: str,
    listener: socket.socket,
    show: Show,
    ended: asyncio.Event,
    watching: Watching,
    guardian: GuardianBeside,
) -> None:
    served = Served(runtime, prepared.second_factor)
    dialects.detect("")  # loads every dialect, so that the first signal need not wait for it
    intake = HttpIntake(
        [source for source in prepared.sources if source.over_http],
        runtime,
        clock=runtime.clock.now,
        on_unauthenticated=served.turned.count,
        trusted_proxies=config.server.trusted_proxies,
    )
    watched = [
        FileIntake(source, runtime, clock=runtime.clock.now)
        for source in prepared.sources
        if source.folder is not None
    ]
    sessions = FixIntake(
        [source for source in prepared.sources if source.fix is not None],
        runtime,
        JournalFeed(runtime.owner, config.data.journal),
        directory=config.data.fix,
        clock=runtime.clock.now,
        on_unauthenticated=served.turned.count,
    )
    await sessions.start()
    app = build_asgi(served, intake, token, may_read=intake.bears)
    server = Server(server_config(app))
    settle()
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(server.serve(sockets=[listener]))
        at = Endpoint(config.server.host, config.server.port, os.getpid())
        write_private(config.data.endpoint, msgspec.json.encode(at))
        running = Running(config, runtime, served, prepared.sources, ended)
        shown = group.create_task(show(running))
        beside = [group.create_task(_watch(files, runtime)) for files in watched]
        beside.append(group.create_task(sessions.run()))
        beside.append(group.create_task(watching.run(runtime)))
        beside.append(group.create_task(guardian.keep()))
        stopped = group.create_task(ended.wait())
        await asyncio.wait((stopped, runtime.fatal, serving), return_when="FIRST_COMPLETED")
        served.streams.close()
        server.should_exit = True
        stopped.cancel()
        shown.cancel()
        for one in beside:
            one.cancel()
        invariant(
            ended.is_set() or runtime.fatal.done(), "the web server ends only when it is told to"
        )


async def _watch(files: FileIntake, runtime: Runtime) -> None:
    """Watch a folder. Files can wait, so they do until the accounts are known, for a while."""
    with suppress(TimeoutError):
        async with asyncio.timeout(FILES_WAIT_S):
            while not all(one.reconciled for one in runtime.state.accounts.values()):
                await asyncio.sleep(0.1)
    await files.run()
