"""``halt``, ``freeze``, ``arm``, ``cancel``, ``flatten``, ``resolve``, ``resume`` and the like."""

import getpass
import sys
import time
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bascule.cli.common import ConfigOption, JsonOption, print_table
from bascule.cli.exits import EngineUnreachable, Exit, explain
from bascule.model.errors import BasculeError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from bascule.api.actions import Swept

HEARD_S = 30.0
"""How long an engine may take to hear what was done at the guardian."""

ScopeOption = Annotated[
    str,
    typer.Option("--scope", help="all, account:NAME, strategy:NAME, venue:NAME or firm:NAME."),
]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; it is journaled.")]
ByOption = Annotated[
    str, typer.Option("--by", help="Who asks; else the user's name.", show_default=False)
]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (halt, freeze, arm, cancel, flatten, resolve, resume, reconcile):
        app.command(command.__name__)(command)


def halt(
    scope: ScopeOption = "all",
    reason: ReasonOption = "by hand",
    by: ByOption = "",
    until: Annotated[
        str, typer.Option("--until", help="Lock for so long, such as 2h: no arming before.")
    ] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let nothing pass that adds risk. Exits, protection and flatten still pass."""
    _stop("halt", scope, reason, by, until, config, as_json)


def freeze(
    scope: ScopeOption = "all",
    reason: ReasonOption = "by hand",
    by: ByOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let nothing pass at all, exits and protection included."""
    _stop("freeze", scope, reason, by, "", config, as_json)


def _stop(
    what: str, scope: str, reason: str, by: str, until: str, config: ConfigOption, as_json: bool
) -> None:
    body: dict[str, object] = {"scope": scope, "reason": reason, "by": by or user()}
    if until:
        body["until"] = until_of(until)
    _do(f"/v1/{what}", body, config, as_json)


def until_of(span: str) -> int:
    """Give the time that is so long from now.

    Raises:
        UsageError: it is no duration, or longer than a lock may be.
    """
    from bascule.config.durations import LOCK_MAX, parse_duration
    from bascule.engine.clock import SystemClock

    try:
        length = parse_duration(span)
    except ValueError as error:
        raise UsageError(f"--until {span!r} {error}. Nothing was done.", code="usage") from error
    if length > LOCK_MAX:
        raise UsageError(
            f"--until {span} is longer than 366 days. Nothing was done.",
            code="until_too_far",
            hint="Nobody can lift a lock before its time; without --until it stands until armed.",
        )
    return SystemClock().now() + length


def arm(
    scope: ScopeOption = "all",
    reason: ReasonOption = "by hand",
    by: ByOption = "",
    typed: Annotated[
        str, typer.Option("--typed", help="The scope's name; else asked.", show_default=False)
    ] = "",
    code: Annotated[
        str,
        typer.Option("--code", help="Of the second factor; else asked if set.", show_default=False),
    ] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Lift a stop, the engine's or the guardian's.

    The scope's name must be typed, and the second factor's code if one is set.
    """
    name = scope.split(":", 1)[-1]
    if not typed:
        if not sys.stdin.isatty():
            raise UsageError(
                "There is nobody to type the scope's name. Nothing was armed.",
                code="nobody_to_ask",
                hint=f"Give it by --typed: `bascule arm --scope {scope} --typed {name}`.",
            )
        typed = typer.prompt(f"Type {name!r} to arm {scope}", err=True)
    typed = typed.strip()
    try:
        _lift(scope, reason, by, typed, code, config, as_json)
    except BasculeError as error:
        if error.code != "guardian_holds":
            raise
        from bascule.cli.kill_cmd import kill

        kill("arm", scope, reason, by, "", typed, code, False, config, as_json)
        _wait_until_heard(scope, config)


def _wait_until_heard(scope: str, config: "Path | None") -> None:
    """Wait a moment until the engine has heard that the guardian is armed; it says the rest."""
    from bascule.api.status import StatusView
    from bascule.cli.remote import engine

    deadline = time.monotonic() + HEARD_S
    while time.monotonic() < deadline:
        stops = engine(config).read(StatusView, "/v1/status").stops
        if all(stop.scope != scope for stop in stops):
            return
        time.sleep(0.1)


def _lift(
    scope: str, reason: str, by: str, typed: str, code: str, config: "Path | None", as_json: bool
) -> None:
    """Lift a stop of the engine's; where a code is wanted and somebody can be asked, ask."""
    body = {"scope": scope, "reason": reason, "by": by or user(), "typed": typed}
    try:
        _do("/v1/arm", {**body, "code": code}, config, as_json)
    except BasculeError as error:
        if error.code != "arm_needs_code" or not sys.stdin.isatty():
            raise
        code = typer.prompt("Code of your second factor", err=True)
        _do("/v1/arm", {**body, "code": code}, config, as_json)


def cancel(
    scope: ScopeOption = "all",
    reason: ReasonOption = "by hand",
    by: ByOption = "",
    preview: Annotated[bool, typer.Option("--preview", help="Only say what it touches.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Cancel every entry in a scope; protection stays."""
    _sweep("cancel", scope, reason, by, preview, config, as_json)


def flatten(
    scope: ScopeOption = "all",
    reason: ReasonOption = "by hand",
    by: ByOption = "",
    preview: Annotated[bool, typer.Option("--preview", help="Only say what it touches.")] = False,
    yes: YesOption = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Cancel every entry and close every position.

    Positions in the scope are closed at the market. In a terminal it shows what it touches and
    asks; elsewhere it acts at once.
    """
    if not preview and not yes and sys.stdin.isatty():
        _sweep("flatten", scope, reason, by, True, config, False)
        if not typer.confirm("Go on?", err=True):
            raise typer.Exit(Exit.NO)
    _sweep("flatten", scope, reason, by, preview, config, as_json)


def _sweep(
    what: str,
    scope: str,
    reason: str,
    by: str,
    preview: bool,
    config: ConfigOption,
    as_json: bool,
) -> None:
    import msgspec

    from bascule.api.actions import Swept
    from bascule.cli.remote import engine, print_raw

    body = {"scope": scope, "reason": reason, "by": by or user(), "preview": preview}
    answer = engine(config).post(f"/v1/{what}", body)
    swept = msgspec.json.decode(answer, type=Swept)
    if as_json:
        print_raw(answer)
    else:
        _print_swept(swept)
    if swept.refused:
        raise typer.Exit(Exit.NO)


def _print_swept(swept: "Swept") -> None:
    from bascule.execution.story.words import number

    rows = [
        (
            one.account, one.strategy, one.symbol, one.side, number(one.quantity), one.order,
            one.what,
        )
        for one in (*swept.canceled, *swept.closed, *swept.refused)
    ]  # fmt: skip
    if rows:
        print_table(("account", "strategy", "symbol", "side", "quantity", "order", "what"), rows)
    typer.echo(f"{swept.text}.")
    if swept.signal:
        typer.echo(f"`bascule explain {swept.signal}` tells what came of it.")


def resolve(
    order: Annotated[str, typer.Argument(help="The order in doubt.")],
    outcome: Annotated[
        Literal["filled", "absent"],
        typer.Option("--as", help="filled: the venue has it; absent: it never did."),
    ],
    evidence: Annotated[str, typer.Option("--evidence", help="What you saw, and where.")],
    by: ByOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Settle an order in doubt by your word.

    The journal keeps it with your evidence.
    """
    body = {"order": order, "outcome": outcome, "evidence": evidence, "by": by or user()}
    _do("/v1/resolve", body, config, as_json)


def resume(
    venue: Annotated[str, typer.Argument(help="The venue; `bascule status` names it.")],
    reason: Annotated[
        str, typer.Option("--reason", help="What was settled; it goes to the log.")
    ] = "by hand",
    by: ByOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Try a venue again that stopped trying and waits for you.

    So it is after a Logon was refused, or when sequence numbers differ: settle that first, since
    some venues lock accounts after a few tries. Ends with 1 unless it is connected then.
    """
    from bascule.cli.remote import quoted

    body = {"by": by or user(), "reason": reason}
    if _do(f"/v1/venues/{quoted(venue)}/resume", body, config, as_json) != "resumed":
        raise typer.Exit(Exit.NO)


def reconcile(
    name: Annotated[str, typer.Argument(help="The account; all where none is named.")] = "",
    account: Annotated[
        str, typer.Option("--account", help="The same, as an option.", show_default=False)
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what a look would change.")
    ] = False,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="Take over the positions that the venue shows.")
    ] = False,
    reason: Annotated[
        str, typer.Option("--reason", help="Why they are taken over; it is journaled.")
    ] = "",
    by: ByOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask an account's venue for everything now.

    Ends with 1 unless orders, positions and fills agree.
    """
    if adopt and (dry_run or not (name or account) or not reason):
        raise UsageError(
            "--adopt needs one account and a --reason, and is no dry run. Nothing was done.",
            code="usage",
        )
    if name and account and name != account:
        raise UsageError(
            f"{name} and --account {account} are two accounts. Nothing was done.", code="usage"
        )
    named = name or account
    agreed = True
    for one in [named] if named else _accounts(config):
        path = f"/v1/reconcile/{_reconcile_path(one, dry_run, adopt, by, reason)}"
        try:
            agreed &= _do(path, None, config, as_json) in ("reconciled", "agrees")
        except EngineUnreachable:
            raise
        except BasculeError as error:  # a venue that cannot be asked keeps no other from it
            if named:
                raise
            explain(error)
            agreed = False
    if not agreed:
        raise typer.Exit(Exit.NO)


def _reconcile_path(account: str, dry_run: bool, adopt: bool, by: str, reason: str) -> str:
    from bascule.cli.remote import quoted

    path = quoted(account)
    if dry_run:
        return f"{path}?which=preview"
    if adopt:
        return f"{path}?which=adopt&by={quoted(by or user())}&reason={quoted(reason)}"
    return path


def _accounts(config: ConfigOption) -> list[str]:
    from bascule.api.status import StatusView
    from bascule.cli.remote import engine

    return [one.id for one in engine(config).read(StatusView, "/v1/status").accounts]


def _do(path: str, body: object, config: ConfigOption, as_json: bool) -> str:
    import msgspec

    from bascule.api.actions import Done
    from bascule.cli.remote import engine, print_raw

    answer = engine(config).post(path, body)
    done = msgspec.json.decode(answer, type=Done)
    if as_json:
        print_raw(answer)
    else:
        typer.echo(f"{done.text}.")
        if done.next:
            typer.echo(f"Next: {done.next}")
    return done.status


def user() -> str:
    """Name who runs this; in a container it may be a user without a name."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "operator"
