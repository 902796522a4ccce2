"""Write ``docs/risk`` from the checks themselves, a page each; a test holds it up to date.

python tools/make_risk_docs.py
"""

import ast
import inspect
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

from bascule.config.limits import LimitSettings
from bascule.execution import runaway
from bascule.model.account import RiskLimits
from bascule.risk.chain import CHECKS
from bascule.risk.proposal import Check

FOLDER = Path(__file__).resolve().parents[1] / "docs/risk"
BY_HAND = ("mutation.md",)
"""Pages in the folder that are not written here."""
CHECKS_FOLDER = "../../src/bascule/risk/checks"
MEETS = {
    "entry": "what may add risk",
    "unproven": "what is not proven to reduce",
    "any": "every order",
}
LOSS_LIMITS = {
    "daily_loss": {"max_daily_loss", "max_daily_loss_percent", "loss_block_percent"},
    "max_drawdown": {"max_drawdown", "max_drawdown_percent", "loss_block_percent"},
}
"""Limits that become an account's ledger (``execution/loss.py``), and so the checks' rooms."""
NOTE = "<!-- Written by tools/make_risk_docs.py from src/bascule/risk. Edit the checks instead. -->"

HEAD = f"""\
# Risk checks

{NOTE}

Every order meets these checks in this order, and the first that refuses ends it: nothing is sent,
and the journal keeps every verdict up to that one. `bascule explain` shows them with what was used,
the limit, the room, and what would have passed. A check without a limit says nothing.

An order that is proven to reduce the account's position meets only those marked "every order". No
limit, no missing rate, no stale quote, no news window and no bug in a check holds it back. The
proof counts exits that are already in flight as filled; a hedging account's exit must name its
position and be no larger than it. An exit can lack that proof where another book stands against
its own in one account: it then meets the checks marked "not proven to reduce" as well, but no limit
on new risk. A check that fails by a bug of its own refuses an entry and lets a proven reduction
pass.

Everything counts at its worst: what is held, and what orders that are working, in flight or in
doubt can still fill; a change of an order counts old and new until one is proven. So does what
others have working at the venue, as each look shows it, as if it were an order of no strategy: in
size, value, margin, number of open orders, and by the side that it may come to stand on. One that
can only close what is held is an open order and nothing else. Orders of a strategy meet the tighter
of its own limits and the account's.

A stop that a signal moves away, so that more is lost at it, meets the checks on loss as an entry
with that stop would: for what is held behind it and what its entry may still fill. One that is
refused changes nothing: the old stop stays in force, and the answer says so with the check's code.
What moves a stop nearer is never refused, whatever room is left; trails and moves to break-even
only ever do. Levels that a hand moves at the venue are taken over as they are.

A shadow account's orders meet every check and are then not sent (`shadow_mode`), whatever the
checks say.

## Limits

The limits are keys of `[risk]`, of an account's `limits`, of `[strategies.NAME.limits]` and of
`[portfolio]`, explained in [configuration](../configuration.md#risk). What the file says is a
proposal. The journal holds what is in force, as `limits_changed` events with the limits before and
after, who, why, and from when:

- At a start, what is tighter than the journal's is in force at once, and the difference is printed.
- What is looser is printed, and is not in force: `bascule limits diff` shows it, and
  `bascule limits accept` takes it, with the second factor where one is set up.
- What was accepted is in force from the next reset of the account's programme on, else from the
  next 00:00 UTC. A tighter file in between holds that back too.

## Runaway

"""


@cache
def pages() -> dict[str, str]:
    """Give every page as it should be, by file name."""
    return {"README.md": index()} | {f"{check.code}.md": page(check) for check in CHECKS}


def index() -> str:
    """Give the page that lists the checks."""
    rows = [
        f"| {check.place} | [`{check.code}`]({check.code}.md) | {_first(_module(check))} "
        f"| {meets(check)} |"
        for check in CHECKS
    ]
    table = ["| place | check | what it is about | met by |", "| --- | --- | --- | --- |", *rows]
    return HEAD + _text(runaway) + "\n\n## The checks\n\n" + "\n".join([*table, ""])


def meets(check: Check) -> str:
    """Say who meets a check."""
    moved = ", and a stop that is moved away" if check.moved_stop else ""
    return f"{MEETS[check.applies_to]}{moved}"


def page(check: Check) -> str:
    """Give the page of one check."""
    module = _module(check)
    name = module.__name__.rpartition(".")[2]
    lines = [f"# {check.code}", "", NOTE, "", _text(module), "", _text(check.run), ""]
    lines += [f"- **Met by:** {meets(check)}.", f"- **Place:** {check.place}."]
    lines += ["", "Limits:", ""] if limits(check) else []
    if limits(check):
        lines += ["| key | default |", "| --- | --- |"]
        lines += [
            f"| [`{key}`](../configuration.md#risk) | {_default(key)} |" for key in limits(check)
        ]
    source = f"[{name}.py]({CHECKS_FOLDER}/{name}.py)"
    return "\n".join([*lines, "", f"Source: {source}. All checks: [README](README.md).", ""])


def limits(check: Check) -> tuple[str, ...]:
    """Name the configuration keys that a check reads, in the order of the model."""
    tree = ast.parse(inspect.getsource(_module(check)))
    read = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        # ``quantity(limits, "max_order_qty", symbol)`` reads the field and its table by symbol.
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            read |= {node.value, f"{node.value}_by_symbol"}
    read |= {"short_interval_ns"} if "value_lately" in read else set()
    read |= {"message_reserve", "messages_per_day"} if "messages" in read else set()
    read |= LOSS_LIMITS.get(check.code, set())
    return tuple(
        field.removesuffix("_ns") for field in RiskLimits.__struct_fields__ if field in read
    )


def _default(key: str) -> str:
    shown = LimitSettings().model_dump(mode="json")[key]
    return "none" if shown in (None, {}, []) else f"`{str(shown).lower()}`"


def _module(check: Check) -> ModuleType:
    return sys.modules[check.run.__module__]


def _first(module: ModuleType) -> str:
    return _text(module).split("\n\n")[0].replace("\n", " ").replace("|", "\\|")


def _text(documented: object) -> str:
    """Give a docstring as Markdown."""
    return (inspect.getdoc(documented) or "").replace("``", "`")


def write() -> None:
    """Write all pages, and remove those of checks that are gone."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8", newline="\n")
    for kept in FOLDER.glob("*.md"):
        if kept.name not in pages() and kept.name not in BY_HAND:
            kept.unlink()


if __name__ == "__main__":
    write()
