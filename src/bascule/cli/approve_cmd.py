"""``bascule approve``: end the probation of a strategy."""

from typing import Annotated

import typer

from bascule.cli.common import ConfigOption, JsonOption
from bascule.cli.limits_cmd import ByOption, CodeOption, ReasonOption, confirm


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("approve")(approve)


def approve(
    strategy: Annotated[str, typer.Argument(help="The strategy, as signals name it.")],
    by: ByOption = "",
    reason: ReasonOption = "by hand",
    code: CodeOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a strategy that is on probation trade as its route says."""
    from bascule.cli.operate_cmd import user

    body = {"strategy": strategy, "by": by or user(), "reason": reason}
    confirm("/v1/approve", body, code, config, as_json)
