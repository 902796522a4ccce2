"""``bascule drill``: does the kill switch work? On paper, with an engine that is made to fail."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bascule.cli.common import ConfigOption, JsonOption, configured
from bascule.cli.exits import Exit

if TYPE_CHECKING:
    from bascule.guardian.service import Guardian


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("drill")(drill)


def drill(
    on: Annotated[
        Literal["paper", "fix"], typer.Option("--on", help="The paper broker, or a FIX exchange.")
    ] = "paper",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hold a drill of the kill switch on accounts of its own that are not real.

    It opens positions and orders at a broker of ours, freezes the engine in one run and kills it in
    another, presses the key, and looks into the broker's ledger. `bascule status` shows when the
    last one was and what came of it. Ends with 1 when it was not passed.
    """
    from bascule.cli.common import print_json
    from bascule.cli.drill import hold_drill
    from bascule.config.private import make_private_directory

    settings = configured(config)
    settings.data.prepare()
    make_private_directory(settings.data.path / "guardian")
    say = typer.echo if not as_json else lambda words: None
    found = hold_drill(settings.data.path, say, on)
    if as_json:
        import msgspec

        print_json(msgspec.to_builtins(found))
    else:
        typer.secho("Passed." if found.passed else "FAILED.", fg="green" if found.passed else "red")
    if not found.passed:
        raise typer.Exit(Exit.NO)


class Schedule:
    """Holds a drill each time that one is due, beside a guardian that has nothing to do."""

    def __init__(self, words: tuple[str, ...], every_ns: int) -> None:
        self._words = words
        self._every_ns = every_ns

    async def __call__(self, guardian: "Guardian") -> None:
        """Look now and then whether one is due."""
        import asyncio
        import sys

        while self._every_ns:
            view = guardian.view()
            last = view.drill.at if view.drill is not None else 0
            if view.at - last >= self._every_ns and not view.stops:
                process = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "bascule", "drill", *self._words
                )
                if await process.wait():
                    words = "The kill switch's own drill was not passed: `bascule drill` says why."
                    guardian.tell("critical", "drill_failed", words)
            await asyncio.sleep(DRILL_LOOK_S)


DRILL_LOOK_S = 600.0
"""How often it is looked whether a drill is due; one that failed is tried again then."""
