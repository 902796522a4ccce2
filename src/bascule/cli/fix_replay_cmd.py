"""``bascule fix replay``: what a log's messages would be to Bascule, or send them once more."""

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bascule.cli.common import JsonOption, print_json
from bascule.cli.exits import Exit
from bascule.model.errors import UsageError

if TYPE_CHECKING:
    import asyncio

    from bascule.fix.config import SessionConfig
    from bascule.fix.message import Message
    from bascule.fixwire.link import Application

PASSWORD = "BASCULE_FIX_PASSWORD"
LOOPBACK = "127.0.0.1"
LOGON_S = 10
_ADMIN = (b"0", b"1", b"2", b"3", b"4", b"5", b"A")
_READ = (b"D", b"F", b"G")


def replay(
    file: Annotated[Path, typer.Argument(help="A log.")],
    side: Annotated[str, typer.Option("--side", help="SenderCompID (49) of the one to replay.")],
    to_port: Annotated[
        int,
        typer.Option(
            "--to-port",
            help="Send them to the acceptor on this port of this machine.",
            show_default=False,
        ),
    ] = 0,
    wait_s: Annotated[
        float, typer.Option("--wait", help="Seconds to wait for answers after the last one.")
    ] = 2.0,
    as_json: JsonOption = False,
) -> None:
    """Read one side's application messages of a log as an intake would, and report.

    Each message is held against its dictionary, and orders, cancels and replaces are read into
    intents. With --to-port they are sent, in new numbers, to an acceptor on this machine's loopback
    and no other place: both sides begin at 1, so use a session that is there for tests. Its
    password is asked for, or taken from BASCULE_FIX_PASSWORD. Ends with 1 when a message is not
    sound or would be refused.
    """
    import asyncio

    from bascule.fix.names import find

    try:
        data = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from None
    found = [
        one
        for one in find(data)
        if one.message.get_text(49) == side and one.message.msg_type not in _ADMIN
    ]
    if not found:
        typer.echo(f"There is no application message of {side} in it.", err=True)
        raise typer.Exit(Exit.NO)
    if to_port:
        sound = [one.message for one in found if not one.problems]
        if broken := len(found) - len(sound):
            typer.echo(f"Not sent, since they are not sound: {broken} of {len(found)}.", err=True)
        if not sound:
            raise typer.Exit(Exit.NO)
        password = os.environ.get(PASSWORD) or typer.prompt("Password", hide_input=True, err=True)
        answers = asyncio.run(_send(sound, to_port, password, wait_s))
        for answer in answers:
            _tell(answer, as_json)
        if broken:
            raise typer.Exit(Exit.NO)
        return
    told = [_report(one.message, one.problems) for one in found]
    for one in told:
        _tell(one, as_json)
    if any(one["problems"] for one in told):
        raise typer.Exit(Exit.NO)


def _report(message: "Message", broken: tuple[str, ...]) -> dict[str, Any]:
    import msgspec

    from bascule.fix.names import dictionaries, printable, refusal
    from bascule.model.values import Instant
    from bascule.signals.intake.fix_words import Client, signal_of

    problems = list(broken)
    pair = dictionaries(message)
    if pair is not None and (why := refusal(message, *pair)):
        problems.append(why)
    intents: list[Any] = []
    if message.msg_type in _READ:
        client = Client(source="replay", strategy="replay", accounts=frozenset())
        name = message.get_text(41 if message.msg_type != b"D" else 11) or ""
        signal = signal_of(message, client, name, Instant(0))
        intents = [msgspec.to_builtins(intent) for intent in signal.intents]
        if signal.refused_code:
            problems.append(f"{signal.refused_code}: {signal.refused_text}")
    return {
        "msg_type": printable(message.msg_type),
        "cl_ord_id": printable(message.get(11) or b""),
        "intents": intents,
        "problems": problems,
    }


def _tell(told: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(told)
        return
    what = " ".join(f"{key}={value}" for key, value in told.items() if key != "problems" and value)
    typer.echo(what)
    for problem in told.get("problems", ()):
        typer.echo(f"  wrong: {problem}")


async def _send(
    messages: "list[Message]", port: int, password: str, wait_s: float
) -> list[dict[str, Any]]:
    """Send messages over a session that begins at 1; gives what came back.

    Raises:
        UsageError: nobody logged us on in time, or the version is unknown.
    """
    import asyncio
    import tempfile
    from concurrent.futures import ThreadPoolExecutor

    from bascule.fix.session import Session
    from bascule.fix.validator import validator
    from bascule.fixwire.initiator import Address, Initiator
    from bascule.fixwire.link import Link
    from bascule.fixwire.store import FileStore

    config = _session(messages[0], password)
    came: list[dict[str, Any]] = []
    up = asyncio.Event()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as worker:
        store = FileStore(Path(folder) / "replay.fix")
        session = Session(config, store, validator(config.version))
        link = Link(session, store, _listener(came, up), worker, log=_quiet)
        initiator = Initiator(link, Address(host=LOOPBACK, port=port), log=_quiet)
        async with asyncio.TaskGroup() as group:
            group.create_task(initiator.run())
            with suppress(TimeoutError):
                async with asyncio.timeout(LOGON_S):
                    await up.wait()
            if up.is_set():
                for message in messages:
                    link.send(_body(message))
                await asyncio.sleep(wait_s)
            initiator.stop()
        await link.close()
    if not up.is_set():
        raise UsageError(
            f"Nobody on {LOOPBACK}:{port} logged {config.sender} on. Nothing was sent.",
            code="fix_logon_refused",
            hint="Check port, CompIDs and password; the log of Bascule says why.",
        )
    return came


def _session(first: "Message", password: str) -> "SessionConfig":
    """Be the side that a log's first message is from.

    Raises:
        UsageError: Bascule does not speak its version.
    """
    from bascule.fix.config import Credentials, SessionConfig
    from bascule.fix.version import VERSIONS

    begin = first.begin_string
    version = next((one for one in reversed(VERSIONS.values()) if one.begin_string == begin), None)
    if version is None:
        raise UsageError(f"{begin.decode('latin-1')} is no version of FIX that Bascule speaks.")
    in_field = version.credentials
    return SessionConfig(
        version=version,
        sender=first.get_text(49) or "",
        target=first.get_text(56) or "",
        role="initiator",
        credentials=(
            Credentials(password=password) if in_field else Credentials(raw_data=password.encode())
        ),
        reset_on_logon=True,
    )


def _body(message: "Message") -> "Message":
    """Give a message without the header of its first journey."""
    from bascule.fix.message import Message
    from bascule.fix.tree import HEADER_TAGS, TRAILER_TAGS

    own = [field for field in message.fields if field[0] not in HEADER_TAGS | TRAILER_TAGS]
    return Message(message.msg_type, own)


def _listener(came: list[dict[str, Any]], up: "asyncio.Event") -> "Application":
    """Make what collects the answers into ``came`` and says when it is ``up``."""
    from bascule.fixwire.link import Application, Link

    class Listener(Application):
        def received(self, link: Link, message: "Message", number: int, again: bool) -> None:
            names = {11: "order", 39: "status", 150: "kind", 58: "text"}
            said = {word: message.get_text(tag) or "" for tag, word in names.items()}
            came.append({"msg_type": message.msg_type.decode("latin-1"), **said})

        def logged_on(self, link: Link, reset: bool) -> None:
            up.set()

    return Listener()


def _quiet(session: str, code: str, text: str) -> None:
    typer.echo(f"{code}: {text}", err=True)
