"""An acceptor that echoes, to hold the session layer against acceptance scripts of other engines.

    python -m bascule.fix.acceptor --config examples/fix-acceptance.toml

It sends NewOrderSingle and SecurityDefinition back as they came, body fields by ascending tag. A
NewOrderSingle that is marked as a possible resend (97=Y) is ignored when its ClOrdID was seen
since the last logon. Every other application message is refused as unsupported. It trades nothing
and knows nothing of the rest of Bascule.
"""

import argparse
import asyncio
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from bascule.fix.config import SessionConfig, version_named
from bascule.fix.dictionary import load
from bascule.fix.message import Field, Message
from bascule.fix.session import Session
from bascule.fix.tree import Node, grow
from bascule.fix.validation import DEFAULT
from bascule.fix.validator import validator
from bascule.fix.version import Version
from bascule.fixwire.link import Application, Link
from bascule.fixwire.server import Server
from bascule.fixwire.store import FileStore
from bascule.model.errors import ConfigError
from bascule.model.values import SECOND, Duration

ORDER, DEFINITION = b"D", b"d"
CL_ORD_ID, POSS_RESEND = 11, 97


class SessionTable(msgspec.Struct, forbid_unknown_fields=True):
    """One ``[[session]]`` of the configuration."""

    target: str
    version: str
    check_empty_values: bool = True


class Config(msgspec.Struct, forbid_unknown_fields=True):
    """The configuration of the acceptance program."""

    port: int
    sender: str
    session: list[SessionTable]
    host: str = "127.0.0.1"
    latency_s: int = 120
    reset_on_logon: bool = True
    test_request_id: str = ""
    store: str = ""


class Echo(Application):
    """Sends orders and definitions back."""

    def __init__(self, version: Version) -> None:
        self._session = load(version.begin_string.decode())
        self._application = load(version.name)
        self._seen: set[bytes] = set()

    def logged_on(self, link: Link, reset: bool) -> None:
        """Forget the orders of the last logon."""
        self._seen.clear()

    def received(self, link: Link, message: Message, number: int, again: bool) -> None:
        """Echo a message, or refuse it."""
        if message.msg_type not in (ORDER, DEFINITION):
            link.refuse(message)
            return
        if message.msg_type == ORDER:
            cl_ord_id = message.get(CL_ORD_ID) or b""
            if message.get(POSS_RESEND) == b"Y" and cl_ord_id in self._seen:
                return
            self._seen.add(cl_ord_id)
        tree = grow(message, self._session, self._application)
        link.send(Message(message.msg_type, _flat([*tree.header, *tree.body])))


def _flat(nodes: list[Node] | tuple[Node, ...]) -> list[Field]:
    fields: list[Field] = []
    for node in nodes:
        fields.append((node.tag, node.value))
        for instance in node.instances:
            fields += _flat(instance)
    return fields


def read_config(path: Path) -> Config:
    """Read the configuration.

    Raises:
        ConfigError: it is missing or wrong; the message says where.
    """
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Config)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"{path}: {error}.") from error


def make_links(config: Config, worker: ThreadPoolExecutor) -> list[Link]:
    """Make the configured sessions.

    Raises:
        ConfigError: a session names a version that does not exist.
        StoreError: a store cannot be used.
    """
    directory = Path(config.store or Path(tempfile.gettempdir()) / f"fix-acceptance-{config.port}")
    links = []
    for table in config.session:
        try:
            version = version_named(table.version)
        except ValueError as error:
            raise ConfigError(f"session {table.target}: {error}.") from error
        session_config = SessionConfig(
            version=version,
            sender=config.sender,
            target=table.target,
            role="acceptor",
            reset_on_logon=config.reset_on_logon,
            latency=Duration(config.latency_s * SECOND),
            test_request_id=config.test_request_id,
        )
        options = DEFAULT._replace(empty_values=table.check_empty_values)
        store = FileStore(directory / f"{session_config.name}.fix")
        session = Session(session_config, store, validator(version, options))
        links.append(Link(session, store, Echo(version), worker, log=log))
    return links


def log(session: str, code: str, text: str) -> None:
    """Write one line to standard error."""
    sys.stderr.write(f"{session} {code}: {text}\n")


async def serve(config: Config) -> None:
    """Listen until cancelled.

    Raises:
        ConfigError: the port cannot be had, or a session is wrong.
    """
    with ThreadPoolExecutor(1) as worker:
        server = Server(make_links(config, worker), log=log)
        try:
            port = await server.start(config.host, config.port)
        except OSError as error:
            raise ConfigError(
                f"Port {config.port} cannot be listened on: {error.strerror}."
            ) from error
        sys.stdout.write(f"ready {port}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(prog="python -m bascule.fix.acceptor", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="the TOML file")
    arguments = parser.parse_args()
    try:
        asyncio.run(serve(read_config(arguments.config)))
    except ConfigError as error:
        sys.exit(error.message)
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
