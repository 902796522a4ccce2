"""How commands speak with a running engine: over loopback HTTP, with the operator token."""

import http.client
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar
from urllib.parse import quote, urlencode

import msgspec
import typer

from bascule.cli.common import configured
from bascule.cli.exits import EngineUnreachable, Unanswered
from bascule.config.proof import PATH as PROOF
from bascule.config.proof import proves, question
from bascule.model.errors import BasculeError, UsageError

if TYPE_CHECKING:
    from bascule.config.build import Config

TIMEOUT_S = 30.0
_PROOF_MAX = 4_096

T = TypeVar("T")


class _Refused(msgspec.Struct):
    code: str = ""
    text: str = ""
    next: str = ""


class _Proof(msgspec.Struct):
    proof: str


class Engine:
    """A running engine. Every method raises EngineUnreachable when none answers."""

    def __init__(self, host: str, port: int, token: str) -> None:
        self._host = host
        self._port = port
        self._token = token

    def get(self, path: str, **query: object) -> bytes:
        """Ask for something; empty words of the query are left out.

        Raises:
            UsageError: it cannot be asked so.
            BasculeError: the engine's answer is no, in its own words.
        """
        asked = urlencode({name: value for name, value in query.items() if value not in ("", None)})
        return self._ask("GET", f"{path}?{asked}" if asked else path, None)

    def read(self, kind: type[T], path: str, **query: object) -> T:
        """Ask for something of a known shape."""
        return msgspec.json.decode(self.get(path, **query), type=kind)

    def post(self, path: str, body: object = None) -> bytes:
        """Ask for something to be done.

        Raises:
            UsageError: it cannot be asked so.
            BasculeError: the engine's answer is no, in its own words.
        """
        return self._ask("POST", path, msgspec.json.encode(body) if body is not None else b"{}")

    def _ask(self, method: str, path: str, body: bytes | None) -> bytes:
        headers = {"authorization": f"Bearer {self._token}", "content-type": "application/json"}
        status, answer = request(
            self._host, self._port, method, path, body, headers, knows=self._token
        )
        said = _said(answer)
        if said is None:
            raise stranger(self._host, self._port)
        if status < 400:
            return answer
        kind = UsageError if status == 400 else BasculeError
        raise kind(said.text, code=said.code or f"http_{status}", hint=said.next)


def _said(answer: bytes) -> _Refused | None:
    """Give what an answer says where it is a refusal; None where it is no JSON at all."""
    try:
        return msgspec.json.decode(answer, type=_Refused)
    except msgspec.ValidationError:
        return _Refused()
    except msgspec.DecodeError:
        return None


def stranger(host: str, port: int) -> EngineUnreachable:
    """Make the error of another program that answers in an engine's place."""
    return EngineUnreachable(
        f"What answers on {host}:{port} is no Bascule. Nothing was done.",
        code="unreadable_answer",
        hint="Start the engine, on another [server] port where that program is to stay.",
    )


def request(
    host: str,
    port: int,
    method: str,
    path: str,
    body: bytes | None,
    headers: dict[str, str],
    timeout_s: float = TIMEOUT_S,
    *,
    knows: str = "",
) -> tuple[int, bytes]:
    """Make one request and give status and body.

    Where ``knows`` is given, nothing of the request goes out before what listens there has proven,
    on the same connection, that it knows this token.

    Raises:
        EngineUnreachable: nothing answers there, or something else does.
        Unanswered: what was to be done was asked for, and no answer came.
    """
    connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
    connected = False
    try:
        connection.connect()
        if knows:
            _met(connection, knows)
        connected = True
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException) as error:
        if connected and method != "GET":
            raise Unanswered(
                f"What listens on {host}:{port} was asked and gave no answer. Whether it was done"
                " is not known.",
                hint="Before you ask again, look: `bascule status`, `bascule signals`, `bascule"
                " orders`. `bascule send` with the same --key does nothing twice. To stop trading"
                " meanwhile, use `bascule kill`.",
            ) from error
        _unreachable(host, port, error)
    finally:
        connection.close()


def _met(connection: http.client.HTTPConnection, token: str) -> None:
    """Have what listens prove that it knows a token; it is shown nothing before."""
    host, port = connection.host, connection.port
    connection.auto_open = 0  # another connection may be another's
    asked = question()
    connection.request("GET", f"{PROOF}?of={asked}")
    with connection.getresponse() as response:
        answer = response.read(_PROOF_MAX)
    try:
        given = msgspec.json.decode(answer, type=_Proof).proof
    except msgspec.ValidationError:
        given = ""
    except msgspec.DecodeError as error:
        raise stranger(host, port) from error
    if not proves(given, token, port, asked):
        raise _unproven(host, port, wrong=bool(given))
    if connection.sock is None:
        raise http.client.NotConnected  # it ends at this moment


def _unproven(host: str, port: int, *, wrong: bool) -> EngineUnreachable:
    """Make the error of who gave a wrong proof, or none at all: an old engine, or a stranger."""
    if wrong:
        said = "does not know the token of this data directory"
        hint = (
            "It is the engine of another data directory, or another user's program: name the right"
            " configuration by --config, or give this one another [server] port and start its"
            " engine. Where operator.token was changed or deleted while the engine ran, start the"
            " engine anew. Through a tunnel, the port must have the same number at both ends."
        )
    else:
        said = "gives no proof that it is the engine of this data directory"
        hint = (
            "Where Bascule was updated while its engine ran, that one is of the old version: end"
            " it, by Ctrl-C in its terminal or by your service manager, and start it anew by"
            " `bascule run`. Orders and positions stay as they are. Otherwise another program has"
            " the port: start the engine on another [server] port. `bascule kill` stops trading"
            " without it."
        )
    return EngineUnreachable(
        f"What answers on {host}:{port} {said}, so it was shown no token. Nothing was done.",
        code="not_proven",
        hint=hint,
    )


def _unreachable(host: str, port: int, error: Exception) -> NoReturn:
    raise EngineUnreachable(
        f"No engine answers on {host}:{port}. Nothing was done.",
        hint="Start it with `bascule run`, or `bascule demo`. To stop trading while no engine"
        " answers, use `bascule kill`.",
    ) from error


def address(config: "Config") -> tuple[str, int]:
    """Give where the engine of a configuration is to be asked."""
    from bascule.config.private import read_private

    noted = read_private(config.data.endpoint)
    if noted is not None:
        try:
            found = json.loads(noted)
            return _reachable(str(found["host"])), int(found["port"])
        except (ValueError, KeyError, TypeError):
            pass  # half a note is none: the configuration's own address is as good a guess
    return _reachable(config.server.host), config.server.port


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def engine(named: Path | None) -> Engine:
    """Give the running engine of a configuration.

    Raises:
        ConfigError: there is no configuration.
        EngineUnreachable: it was never started: there is no operator token yet.
    """
    return engine_of(configured(named))


def engine_of(config: "Config") -> Engine:
    """Give the running engine of a configuration.

    Raises:
        EngineUnreachable: it was never started: there is no operator token yet.
    """
    host, port = address(config)
    return Engine(host, port, operator_token(config))


def operator_token(config: "Config") -> str:
    """Give the operator token of a configuration's engine.

    Raises:
        EngineUnreachable: it was never started: there is no operator token yet.
    """
    from bascule.api.auth import known_token

    token = known_token(config.data.operator_token)
    if not token:
        raise EngineUnreachable(
            f"No engine was ever started with the data in {config.data.path}.",
            hint="Start it with `bascule run`, or `bascule demo`.",
        )
    return token


def say_from_journal() -> None:
    """Tell that no engine answers and that the journal was read instead."""
    typer.secho("The engine is not running: this is what its journal holds.", fg="yellow", err=True)


def quoted(word: str) -> str:
    """Write a word as one part of a path."""
    return quote(word, safe="")


def print_raw(answer: bytes) -> None:
    """Print an answer as JSON: as it came, or indented in a terminal."""
    import sys

    value: Any = json.loads(answer)
    typer.echo(json.dumps(value, indent=2 if sys.stdout.isatty() else None, ensure_ascii=False))
