"""``bascule kill``: the kill switch from a terminal. It needs no engine and no journal."""

import sys
import time
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from bascule.cli.common import ConfigOption, JsonOption, configured, print_table, secrets_of
from bascule.cli.exits import Exit
from bascule.model.errors import BasculeError, UsageError

if TYPE_CHECKING:
    from bascule.cli.guardian_remote import GuardianClient
    from bascule.config.build import Config
    from bascule.guardian.words import Command, CommandResult, GuardianView

WAIT_S = 120.0
"""How long it watches a sweep before it lets the guardian go on alone."""
POLL_S = 0.2


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("kill")(kill)


def kill(
    action: Annotated[
        str, typer.Argument(help="flatten, cancel, halt, freeze, lock, or arm.")
    ] = "flatten",
    scope: Annotated[
        str,
        typer.Option("--scope", help="all, account:NAME, strategy:NAME, venue:NAME or firm:NAME."),
    ] = "all",
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept.")] = "by hand",
    by: Annotated[
        str, typer.Option("--by", help="Who asks; else the user's name.", show_default=False)
    ] = "",
    until: Annotated[
        str, typer.Option("--until", help="Lock for so long, such as 2h: no arming before.")
    ] = "",
    typed: Annotated[
        str, typer.Option("--typed", help="To arm: the scope's name; else asked.")
    ] = "",
    code: Annotated[
        str, typer.Option("--code", help="To arm: of the second factor; else asked if set.")
    ] = "",
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Watch until it is done, and print the report.")
    ] = True,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Stop trading by the guardian: close everything, unless another action is named.

    It works while the engine is dead or frozen. The gate is shut first; where no guardian runs, one
    is started. Ends with 1 when it was refused, or is not done after two minutes.
    """
    settings = configured(config)
    command = _command(action, scope, reason, by, until, typed, code)
    _check(settings, command)
    client, result = _give(settings, command)
    if result.status == "refused":
        typer.secho(f"Refused: {result.text}.", fg="red", err=True)
        typer.echo(f"Code:  {result.code}", err=True)
        raise typer.Exit(Exit.NO)
    if not as_json:
        typer.secho(f"{result.text}.", bold=True)
    done = True
    if wait and action in ("flatten", "cancel"):
        done = _watch(client, result, quiet=as_json)
    if as_json or action in ("flatten", "cancel"):
        _report(client, result, as_json=as_json)
    if not done:
        raise typer.Exit(Exit.NO)


def _command(
    action: str, scope: str, reason: str, by: str, until: str, typed: str, code: str
) -> "Command":
    import msgspec

    from bascule.cli.operate_cmd import until_of, user
    from bascule.guardian.words import Action, Command

    if action not in get_args(Action):
        raise UsageError(
            f"There is no action {action!r}. Nothing was done.",
            hint=f"It is one of: {', '.join(get_args(Action))}.",
        )
    if action == "arm" and not typed:
        name = scope.partition(":")[2] or scope
        if not sys.stdin.isatty():
            raise UsageError(
                "There is nobody to type the scope's name. Nothing was armed.",
                code="nobody_to_ask",
                hint=f"Give it by --typed: `bascule kill arm --scope {scope} --typed {name}`.",
            )
        typed = typer.prompt(f"Type {name!r} to arm {scope}", err=True)
    asked = {
        "action": action,
        "scope": scope,
        "by": by or user(),
        "reason": reason,
        "until": until_of(until) if until else None,
        "typed": typed,
        "code": code,
        "via": "cli",
    }
    return msgspec.convert(asked, type=Command)


def _check(config: "Config", command: "Command") -> None:
    """Refuse what can mean nothing, before anything is written."""
    from bascule.config.clock import SystemClock
    from bascule.guardian.intake import refusal

    refused = refusal(command, config.accounts, SystemClock().now())
    if refused is not None:
        words = f"{refused.text[:1].upper()}{refused.text[1:]}. Nothing was done."
        raise UsageError(words, code=refused.code)


def _give(config: "Config", command: "Command") -> tuple["GuardianClient", "CommandResult"]:
    """Shut the gate, then hand the command over, to a guardian that is started where none is."""
    from bascule.cli.guardian_child import end_hung_guardian, start_guardian
    from bascule.cli.guardian_remote import GuardianUnreachable, guardian_client
    from bascule.config.handover import GuardianFiles

    files = GuardianFiles(config.data.path)
    if command.action != "arm":
        _shut(config, command)
    try:
        client = guardian_client(files)
        if client is not None:
            return client, _confirmed(client, command)
    except GuardianUnreachable:
        end_hung_guardian(files)
    typer.secho("No guardian answers; one is being started.", fg="yellow", err=True)
    words = ("--demo",) if _is_demo(config) else ()
    client = start_guardian(config, secrets_of(config), words) or guardian_client(files)
    if client is None:
        raise GuardianUnreachable(
            f"A process holds {files.lock} and answers nowhere.",
            hint="The gate is shut. End that process, and run this again.",
        )
    return client, _confirmed(client, command)


def _is_demo(config: "Config") -> bool:
    from bascule.config.demo import demo_file

    return config.file == demo_file()


def _confirmed(client: "GuardianClient", command: "Command") -> "CommandResult":
    """Give a command; where a code is wanted and somebody can be asked, ask."""
    import msgspec

    result = client.command(command)
    if result.code != "arm_needs_code" or not sys.stdin.isatty():
        return result
    code = typer.prompt("Code of your second factor", err=True)
    return client.command(msgspec.structs.replace(command, code=code))


def _shut(config: "Config", command: "Command") -> None:
    from bascule.config.latch import DIRECTORY, Latch

    mode = "freeze" if command.action in ("flatten", "freeze") else "halt"
    try:
        Latch(config.data.path / DIRECTORY).set(
            command.scope,
            by=command.by,
            reason=command.reason,
            mode="freeze" if mode == "freeze" else "halt",
            keeper="key" if command.action == "flatten" else "hand",
        )
    except OSError as error:
        typer.secho(f"The latch could not be written: {error.strerror}.", fg="red", err=True)


def _watch(client: "GuardianClient", result: "CommandResult", *, quiet: bool) -> bool:
    """Follow the sweep; False when it is not done in time."""
    deadline = time.monotonic() + WAIT_S
    said: dict[str, str] = {}
    while time.monotonic() < deadline:
        try:
            view = client.view()
        except BasculeError:
            time.sleep(POLL_S)
            continue
        waiting = [one for one in view.accounts if one.account in result.accounts]
        for one in waiting:
            words = f"{one.sweep}{f': {one.note}' if one.note else ''}"
            if said.get(one.account) != words and not quiet:
                typer.echo(f"  {one.account}  {words}")
                said[one.account] = words
        if all(one.sweep in ("flat", "idle") for one in waiting):
            return True
        time.sleep(POLL_S)
    if not quiet:
        typer.secho("Not done yet; the guardian goes on.", fg="yellow", err=True)
    return False


def _report(client: "GuardianClient", result: "CommandResult", *, as_json: bool) -> None:
    import msgspec

    from bascule.cli.remote import print_raw

    lines = [line for line in client.report() if line.account in result.accounts]
    view = client.view()
    if as_json:
        shown = {"result": result, "accounts": view.accounts, "orders": lines}
        print_raw(msgspec.json.encode(shown))
        return
    if lines:
        from bascule.execution.story.words import number

        print_table(
            ("account", "what", "order", "symbol", "side", "quantity", "state", "why"),
            [
                (one.account, one.what, one.order, one.symbol, one.side, number(one.quantity),
                 one.state, one.text)
                for one in lines
            ],
        )  # fmt: skip
    _print_flat(view, result)


def _print_flat(view: "GuardianView", result: "CommandResult") -> None:
    for one in view.accounts:
        if one.account in result.accounts and one.sweep == "flat" and one.flat_ns is not None:
            words = f"{one.account} is flat by its venue's word, {one.flat_ns / 1e9:.1f} s after"
            typer.secho(f"{words} the command.", fg="green")
