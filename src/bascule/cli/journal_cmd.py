"""``bascule journal``: read, verify, copy and restore the journal. None of it needs an engine."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bascule.cli.common import ConfigOption, JsonOption, configured, print_json, print_table
from bascule.cli.exits import Exit
from bascule.model.errors import JournalCorrupt, UsageError

if TYPE_CHECKING:
    from bascule.journal.follower import Follower
    from bascule.journal.store import Row

JournalOption = Annotated[
    Path | None,
    typer.Option("--journal", help="The file; else the configuration's.", show_default=False),
]
_SHOWN = 90
"""Characters of an event in a table."""
_MANY = 1_000_000_000_000


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Read, verify, back up and restore the journal.")
    for command in (show, verify, backup, restore):
        group.command(command.__name__)(command)
    app.add_typer(group, name="journal")


def show(
    config: ConfigOption = None,
    journal: JournalOption = None,
    after: Annotated[
        int, typer.Option("--after", min=0, max=_MANY, help="Only events after this number.")
    ] = 0,
    limit: Annotated[
        int, typer.Option("--limit", min=0, max=_MANY, help="How many, the newest; 0 for all.")
    ] = 50,
    kind: Annotated[str, typer.Option("--kind", help="Only this kind of event.")] = "",
    account: Annotated[str, typer.Option("--account", help="Only of this account.")] = "",
    signal: Annotated[str, typer.Option("--signal", help="Only what came of this signal.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Show events, oldest first. With --json each is one line, data included, for other tools."""
    from collections import deque

    from bascule.journal.follower import Follower
    from bascule.signals.freshness import iso

    with Follower(_path(config, journal)) as follower:
        if limit and not (kind or account or signal):
            after = max(after, follower.head().seq - limit)
        found = follower.of_signal(signal, after) if signal else _all(follower, after)
        kept = deque(
            (row for row in found if kind in ("", row.kind) and account in ("", row.account)),
            maxlen=limit or None,
        )
    if as_json:
        for row in kept:
            typer.echo(json.dumps({"seq": row.seq} | _members(row), ensure_ascii=False))
        return
    if not kept:
        typer.echo("No such events; --kind, --account and --signal take names as they stand here.")
        return
    print_table(
        ("seq", "time (UTC)", "event", "account", "signal", "data"),
        [
            (str(row.seq), iso(row.at), row.kind, row.account, row.signal, _short(row.data))
            for row in kept
        ],
    )


def verify(
    config: ConfigOption = None, journal: JournalOption = None, as_json: JsonOption = False
) -> None:
    """Check every event against the hash chain. Changes nothing; an engine may be running.

    Ends with 5 when something is wrong.
    """
    from bascule.config.paths import JOURNAL_NAME
    from bascule.journal.verify import verify as verify_journal

    path = _path(config, journal)
    # The progress record is the engine's journal's; a backup that lies beside it may well be older.
    report = verify_journal(path, with_progress=path.name == JOURNAL_NAME)
    if as_json:
        print_json(
            {
                "ok": report.ok,
                "journal": str(path),
                "events": report.head.seq,
                "hash": report.head.hash.hex(),
                "kinds": report.kinds,
                "problem": report.problem or None,
                "bad_seq": report.bad_seq or None,
            }
        )
    elif report.ok:
        typer.echo(f"{path}: {report.head.seq} events, all as they were written.")
        typer.echo(f"Head {report.head.hash.hex()}")
    else:
        typer.echo(f"{path}: {report.problem}", err=True)
        if report.head.seq:
            typer.echo(f"Events 1 to {report.head.seq} are as they were written.", err=True)
        typer.echo(f"To do: {report.to_do}", err=True)
    if not report.ok:
        raise typer.Exit(Exit.JOURNAL)


def backup(
    target: Annotated[Path, typer.Argument(help="The copy; it must not exist yet.")],
    config: ConfigOption = None,
    journal: JournalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Copy the journal as it is now, and verify the copy. An engine may be running."""
    from bascule.journal.backup import backup as copy

    report = copy(_path(config, journal), target)
    if as_json:
        head = report.head
        print_json({"backup": str(target), "events": head.seq, "hash": head.hash.hex()})
    else:
        typer.echo(f"Wrote {target}: {report.head.seq} events, verified.")


def restore(
    source: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A backup.")],
    config: ConfigOption = None,
    journal: JournalOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Put a backup in the journal's place. The next start is reduce-only until it is armed."""
    from bascule.journal.backup import restore as put_back

    path = _path(config, journal)
    if not yes and not typer.confirm(f"Put {source} in the place of {path}?", err=True):
        raise typer.Exit(Exit.NO)
    report = put_back(source, path)
    typer.echo(f"{path} now ends at event {report.head.seq}. What was there is kept beside it.")
    typer.echo("The next start begins a new epoch and only reduces until you arm it.")


def _all(follower: "Follower", after: int) -> Iterator["Row"]:
    while rows := follower.rows(after):
        yield from rows
        after = rows[-1].seq


def _members(row: "Row") -> dict[str, Any]:
    """Read an event's data as plain JSON, which an older version may do with a newer one's.

    Raises:
        JournalCorrupt: it is not what was written.
    """
    try:
        members: dict[str, Any] = json.loads(row.data)
    except ValueError as error:
        raise JournalCorrupt(
            f"Journal row {row.seq} is not what was written: {error}.",
            code="journal_row_unreadable",
            hint="`bascule journal verify` tells what is whole; restore a backup.",
        ) from error
    return members


def _path(config: Path | None, journal: Path | None) -> Path:
    if config is not None and journal is not None:
        raise UsageError("--config and --journal both name a journal; give one of them.")
    return journal if journal is not None else configured(config).data.journal


def _short(data: str) -> str:
    return data if len(data) <= _SHOWN else f"{data[:_SHOWN]}..."
