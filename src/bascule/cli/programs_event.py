"""``bascule programs event``: a payout, a deposit, a new phase; recorded by a person."""

import sys
from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer

from bascule.cli.common import ConfigOption, JsonOption
from bascule.cli.limits_cmd import ByOption, CodeOption, ReasonOption, confirm
from bascule.model.errors import UsageError

_OUT = ("payout", "withdrawal", "fee")
_IN = ("deposit", "refund")


def event(
    account: Annotated[str, typer.Argument(help="The account, as the configuration names it.")],
    what: Annotated[
        str, typer.Argument(help="payout, withdrawal, fee, deposit, refund, phase or scale.")
    ],
    name: Annotated[
        str, typer.Argument(help="The phase's name; or a factor, else the plan's next step.")
    ] = "",
    amount: Annotated[
        str, typer.Option("--amount", help="How much, unsigned, in the account's currency.")
    ] = "",
    preview: Annotated[
        bool, typer.Option("--preview", help="Only say what would be left after it.")
    ] = False,
    reason: ReasonOption = "by hand",
    by: ByOption = "",
    typed: Annotated[
        str, typer.Option("--typed", help="The account's name; else asked.", show_default=False)
    ] = "",
    code: CodeOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Record a payout or other cash, a new phase, or a step of a scaling plan.

    Record cash once the venue's balance shows it: it is no result of the day, and moves the floors
    that the programme moves with it. A phase begins the account's ledger anew. A scale multiplies
    the account's sizes, from the firm's next reset on. The account's name must be typed.
    """
    from bascule.cli.operate_cmd import user

    body: dict[str, object] = {"account": account, "by": by or user(), "reason": reason}
    if what == "phase":
        path = "/v1/programme/phase"
        body["phase"] = name
    elif what == "scale":
        path = "/v1/programme/scale"
        body["factor"] = str(_amount(name)) if name else None
    elif what in (*_OUT, *_IN):
        path = "/v1/programme/cash"
        unsigned = _amount(amount)
        body |= {"flow": what, "amount": str(-unsigned if what in _OUT else unsigned)}
        body["preview"] = preview
    else:
        raise UsageError(
            f"There is no event {what!r}. Nothing was recorded.",
            code="usage",
            hint=f"Events: {', '.join((*_OUT, *_IN, 'phase', 'scale'))}.",
        )
    if not preview:
        body["typed"] = typed or _ask(account)
    confirm(path, body, code, config, as_json)


def _ask(account: str) -> str:
    if not sys.stdin.isatty():
        raise UsageError(
            "There is nobody to type the account's name. Nothing was recorded.",
            code="nobody_to_ask",
            hint=f"Give it by --typed {account}.",
        )
    answer: str = typer.prompt(f"Type {account!r} to confirm", err=True)
    return answer.strip()


def _amount(written: str) -> Decimal:
    try:
        amount = Decimal(written)
    except InvalidOperation:
        amount = Decimal(0)
    if not amount.is_finite() or amount <= 0:
        raise UsageError(
            f"{written!r} is no amount above zero. Nothing was recorded.", code="usage"
        )
    return amount
