"""``bascule programs``: firms' programmes as presets, and files of one's own made of them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bascule.cli.common import JsonOption, print_json, print_table
from bascule.cli.exits import Exit
from bascule.cli.programs_event import event
from bascule.model.errors import UsageError

if TYPE_CHECKING:
    from bascule.config.programmes import Facts, Reading

NameArgument = Annotated[
    str, typer.Argument(help="A preset's name, or file: and the path of a file.")
]
PhaseOption = Annotated[
    str, typer.Option("--phase", help="phase1, phase2, phase3 or funded; else the strictest.")
]
_STATED = "VERIFY WITH THE FIRM: rules change, and nobody there has seen these."


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="See, copy and check firms' programmes.")
    group.command("list")(list_)
    for command in (show, copy, diff, check, event):
        group.command(command.__name__)(command)
    app.add_typer(group, name="programs")


def list_(as_json: JsonOption = False) -> None:
    """List the presets. A live account trades by none that lacks a number."""
    from bascule.config.programmes import presets, read

    found = [(facts, read(facts)) for facts in presets().values()]
    if as_json:
        print_json([_as_json(facts, reading) for facts, reading in found])
        return
    print_table(
        ("name", "firm", "programme", "tradable", "automation", "confidence", "read on"),
        [
            (
                facts.name,
                facts.firm,
                reading.programme.title,
                "yes" if reading.tradable else f"no: {', '.join(reading.programme.missing)}",
                reading.programme.automation.permitted,
                facts.table.get("confidence", ""),
                facts.read_on,
            )
            for facts, reading in found
        ],
    )
    typer.echo(f"Bascule is affiliated with none of these firms. {_STATED}")


def show(name: NameArgument, phase: PhaseOption = "", as_json: JsonOption = False) -> None:
    """Show a programme's rules as they are read, its sources, and what to ask the firm."""
    facts, reading = read_programme(name, phase)
    if as_json:
        print_json(_as_json(facts, reading, whole=True))
        return
    from bascule.config.toml_text import toml

    typer.echo(f"{facts.name}: {reading.programme.title} of {facts.firm}")
    typer.secho(facts.label, fg="yellow")
    typer.echo()
    table = {key: one for key, one in facts.table.items() if key not in ("sources", "verify")}
    typer.echo(toml(table))
    typer.echo()
    for source, told in facts.sources.items():
        typer.echo(f"{source:<20} {told.get('kind', '')}, {told.get('as_of', '')}: {told['url']}")
    _print_questions(reading)


def copy(
    name: NameArgument,
    file: Annotated[Path, typer.Argument(help="Where the copy goes; nothing is overwritten.")],
    as_json: JsonOption = False,
) -> None:
    """Write a preset as a file of your own, to be compared with the firm and edited.

    Name it in the configuration: programme = "file:my.toml".
    """
    from bascule.config.programme_copy import copy_of

    facts, reading = read_programme(name, "")
    try:
        with file.open("x", encoding="utf-8", newline="\n") as out:
            out.write(copy_of(facts, reading, file.name))
    except FileExistsError as error:
        raise UsageError(
            f"{file} is there already, and nothing was written.", code="file_exists",
            hint="Name another file.",
        ) from error  # fmt: skip
    except OSError as error:
        raise UsageError(
            f"{file} cannot be written: {error.strerror}.", code="file_unwritable"
        ) from error
    if as_json:
        print_json(_as_json(facts, reading, whole=True) | {"file": str(file)})
        return
    typer.echo(f"{file} is written. Compare every line with the firm's rules for your account,")
    typer.echo(f'write the day under verified_on, and name it: programme = "file:{file.name}"')
    _print_questions(reading)


def diff(
    name: NameArgument,
    file: Annotated[Path, typer.Argument(help="A file of your own.")],
    as_json: JsonOption = False,
) -> None:
    """Show field by field how your file differs from a preset. Ends with 1 when it does."""
    import msgspec

    from bascule.config.programme_copy import differences
    from bascule.config.programmes import read_file

    theirs, _ = read_programme(name, "")
    found = differences(read_file(file.resolve()), theirs)
    if as_json:
        print_json(msgspec.to_builtins(found))
    elif found:
        print_table(
            ("key", file.name, name),
            [(one.key, one.ours or "", one.theirs or "") for one in found],
        )
    else:
        typer.echo(f"{file.name} says what {name} says.")
    if found:
        raise typer.Exit(Exit.NO)


def check(
    file: Annotated[Path, typer.Argument(help="A file of your own.")],
    phase: PhaseOption = "",
    as_json: JsonOption = False,
) -> None:
    """Check a programme's file: every problem with its line, and what is still to be asked.

    Ends with 3 when it is wrong, and with 1 when a live account may not trade by it yet.
    """
    facts, reading = read_programme(f"file:{file.resolve()}", phase)
    if as_json:
        print_json(_as_json(facts, reading, whole=True))
    else:
        typer.echo(f"{file.name}: {reading.programme.title} of {facts.firm}, {facts.label}")
        _print_questions(reading)
    if not reading.tradable:
        raise typer.Exit(Exit.NO)


def read_programme(name: str, phase: Any) -> "tuple[Facts, Reading]":
    """Read a preset or a file for one phase.

    Raises:
        UsageError: there is no such phase or programme.
        ConfigError: the file is wrong.
    """
    from typing import get_args

    from bascule.config.programme_rules import Phase
    from bascule.config.programmes import checked, find

    phases = get_args(Phase)
    if phase not in phases:
        raise UsageError(
            f'There is no phase "{phase}".', code="unknown_phase",
            hint=f"Phases: {', '.join(phases[1:])}.",
        )  # fmt: skip
    facts = find(name, Path.cwd())
    return facts, checked(facts, phase)


def _print_questions(reading: "Reading") -> None:
    if not reading.questions:
        typer.echo("There is nothing that it does not say.")
    else:
        typer.echo("\nTo ask the firm, and how it is read until then:")
    for one in reading.questions:
        colour = "red" if one.needed else None
        typer.secho(f"  {one.key}: {one.text}", fg=colour)
        typer.echo(f"      {one.reading}")
    if not reading.tradable:
        missing = ", ".join(reading.programme.missing)
        typer.secho(f"Tradable: no. A live account waits for {missing}.", fg="red")
    typer.echo(_STATED)


def _as_json(facts: "Facts", reading: "Reading", *, whole: bool = False) -> dict[str, Any]:
    import msgspec

    said: dict[str, Any] = {
        "name": facts.name,
        "firm": facts.firm,
        "title": reading.programme.title,
        "label": facts.label,
        "read_on": facts.read_on,
        "verified_on": facts.verified_on or None,
        "confidence": facts.table.get("confidence"),
        "tradable": reading.tradable,
        "missing": reading.programme.missing,
        "automation": reading.programme.automation.permitted,
    }
    if whole:
        said["questions"] = msgspec.to_builtins(reading.questions)
        said["sources"] = facts.sources
        said["facts"] = facts.table
        said["rules"] = msgspec.to_builtins(reading.programme)
    return said
