"""``bascule send``: post a message to a running engine, as one of its own sources would."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bascule.cli.common import ConfigOption, JsonOption, configured, read_stdin, secrets_of
from bascule.cli.exits import Exit
from bascule.model.errors import UsageError

if TYPE_CHECKING:
    from bascule.config.build import Config
    from bascule.signals.intake.source import Source


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("send")(send)


def send(
    body: Annotated[
        str, typer.Argument(help="The message; - or nothing reads it from stdin.")
    ] = "-",
    source: Annotated[
        str, typer.Option("--source", help="As which source; else the first of kind intents.")
    ] = "",
    key: Annotated[str, typer.Option("--key", help="Idempotency key: safe to repeat.")] = "",
    file: Annotated[Path | None, typer.Option("--file", help="Read the message from here.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Post a message to the engine.

    A native intent, or with --source any text that this webhook may send. Ends with 1 if refused.

    Example: bascule send '{"strategy":"fx","intent":"close_position","symbol":"EURUSD"}'
    """
    import msgspec

    from bascule.cli.remote import address, operator_token, print_raw, request, stranger
    from bascule.signals.intake.answers import Answer

    if not (key.isascii() and key.isprintable()):
        raise UsageError(
            "A key is of plain letters, digits and signs (ASCII). Nothing was sent.", code="usage"
        )
    settings = configured(config)
    text = _message(body, file)
    chosen = _source(settings, source)
    path, headers = _addressed(chosen, text, key)
    host, port = address(settings)
    token = operator_token(settings)
    _status, answer = request(host, port, "POST", path, text.encode(), headers, knows=token)
    try:
        said = msgspec.json.decode(answer, type=Answer)
    except msgspec.DecodeError as error:
        raise stranger(host, port) from error
    if as_json:
        print_raw(answer)
    else:
        _print(said.status, said.signal, said.duplicate_of, said.text, said.code, said.next)
    if said.status not in ("accepted", "duplicate") or said.code:
        raise typer.Exit(Exit.NO)


def _print(status: str, signal: str, first: str, text: str, code: str, then: str) -> None:
    named = f" as {signal}" if signal else ""
    typer.echo(f"{status.capitalize()}{named}{f': {text} ({code})' if text else ''}")
    if first:
        typer.echo(f"It was answered before, as {first}.")
    if then:
        typer.echo(f"To do: {then}")
    if signal:
        typer.echo(f"`bascule explain {first or signal}` tells what came of it.")


def _message(body: str, file: Path | None) -> str:
    if file is not None:
        try:
            return file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{file} cannot be read as text: {error}.", code="usage") from error
    if body != "-":
        return body
    if sys.stdin.isatty():
        raise UsageError(
            "There is no message. Nothing was sent.",
            code="usage",
            hint="Give it as the argument, by --file, or on standard input.",
        )
    return read_stdin()


def _source(config: "Config", name: str) -> "Source":
    specs = {spec.id: spec for spec in config.sources}
    if name and name not in specs:
        raise UsageError(
            f"There is no source {name!r}. Nothing was sent.",
            code="unknown_source",
            hint=f"Configured: {', '.join(specs) or 'none'}.",
        )
    wanted = [spec for spec in config.sources if name in ("", spec.id)]
    spec = next((one for one in wanted if name or one.kind == "intents"), None)
    if spec is None:
        raise UsageError(
            "No source of kind intents is configured. Nothing was sent.",
            code="unknown_source",
            hint="Name a webhook's source by --source.",
        )
    if spec.folder is not None:
        raise UsageError(
            f"Source {spec.id!r} watches a folder. Nothing was sent.",
            hint=f"Put a file into {spec.folder}.",
        )
    if spec.kind == "fix":
        raise UsageError(
            f"Source {spec.id!r} is a FIX session. Nothing was sent.",
            hint="Connect with its client, or replay a log to it: `bascule fix replay`.",
        )
    return spec.source(secrets_of(config).get)


def _addressed(source: "Source", text: str, key: str) -> tuple[str, dict[str, str]]:
    """Give the path and the headers that prove the source; a secret in the body is the user's."""
    headers = {"content-type": "application/json"}
    if key:
        headers["idempotency-key"] = key
    if source.bearer:
        return "/v1/intents", headers | {"authorization": f"Bearer {source.bearer}"}
    if source.hmac_secrets:
        from bascule.engine.clock import SystemClock
        from bascule.model.values import SECOND
        from bascule.signals.intake.auth import sign

        now = SystemClock().now()
        at, delivery = now // SECOND, key or f"cli-{now}"
        headers |= {
            "webhook-id": delivery,
            "webhook-timestamp": str(at),
            "webhook-signature": sign(source.hmac_secrets[0], delivery, at, text.encode()),
        }
    token = f"/{source.path_token}" if source.path_token else ""
    return f"/hooks/{source.name}{token}", headers
