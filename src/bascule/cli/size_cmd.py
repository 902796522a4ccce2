"""``bascule size`` and ``bascule calc``: written cases in, sizes and figures out."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from bascule.cli.common import json_object, lines_of_json, print_json, read_stdin
from bascule.cli.exits import Exit
from bascule.model.errors import UsageError

Jsonl = Annotated[
    bool, typer.Option("--jsonl", help="Read one case a line and answer each with one line.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("size")(size)
    app.command("calc")(calc)


def size(jsonl: Jsonl = False) -> None:
    """Size a position from a written case.

    Reads the case as JSON from standard input and prints lots and risk; docs/sizing.md describes
    a case. Ends with 0 when there is a size and with 1 when it is refused. With --jsonl a case
    that cannot be read is answered with an error, and the command ends with 0.
    """
    if jsonl:
        _answer_lines()
        return
    answer = _answer(_object(read_stdin()))
    print_json(answer)
    if "refused" in answer:
        raise typer.Exit(Exit.NO)


def calc(
    kind: Annotated[
        str, typer.Argument(help="The calculator, when the JSON holds its input alone.")
    ] = "",
    jsonl: Jsonl = False,
    kinds: Annotated[bool, typer.Option("--list", help="Print the calculators' names.")] = False,
) -> None:
    """Answer a calculator's question.

    Reads {"kind": ..., "input": ...} from standard input and prints the figures. With KIND,
    standard input holds the input alone: echo '{"drawdown_pct": "5"}' | bascule calc recovery.
    """
    if kinds:
        from bascule.sizing.questions import QUESTIONS

        typer.echo("\n".join(sorted(QUESTIONS)))
    elif jsonl:
        _answer_lines(kind)
    else:
        print_json(_answer(_question(kind, _object(read_stdin()))))


def _answer_lines(kind: str = "") -> None:
    for line in lines_of_json(read_stdin()):
        if not line.strip():
            continue
        try:
            answer = _answer(_question(kind, _object(line)))
        except UsageError as error:
            answer = {"error": error.code, "why": error.message}
        typer.echo(json.dumps(answer, ensure_ascii=False))


def _question(kind: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"kind": kind, "input": given} if kind else given


def _object(text: str) -> Mapping[str, Any]:
    return json_object(text, "docs/sizing.md shows a case.")


def _answer(case: Mapping[str, Any]) -> dict[str, object]:
    from bascule.sizing.cases import answer_case

    try:
        return answer_case(case)
    except ArithmeticError:
        raise UsageError(
            "A number in it is zero, or beyond all measure, where none can be: there is no answer.",
            code="bad_number",
            hint="docs/sizing.md shows a case.",
        ) from None
