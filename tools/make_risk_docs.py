"""Write ``docs/risk/README.md`` from the checks themselves; a test holds that it is up to date.

python tools/make_risk_docs.py
"""

import ast
import inspect
import sys
from pathlib import Path
from types import ModuleType

from bascule.model.account import RiskLimits
from bascule.risk.chain import CHECKS
from bascule.risk.proposal import Check

PAGE = Path(__file__).resolve().parents[1] / "docs/risk/README.md"
SOURCES = "../../src/bascule/risk/checks"
MEETS = {
    "entry": "what may add risk",
    "unproven": "what is not proven to reduce",
    "any": "every order",
}

HEAD = """\
# Risk checks

<!-- Written by tools/make_risk_docs.py from src/bascule/risk/checks. Edit the checks instead. -->

Every order meets these checks in this order, and the first that refuses ends it: nothing is sent,
and the journal keeps every verdict up to that one. `bascule explain` shows them with what was used,
the limit, and what would have passed.

An order that is proven to reduce the account's position meets only those marked "every order".
The proof counts exits that are already in flight as filled; a hedging account's exit must name its
position and be no larger than it. An exit can lack that proof where another book stands against
its own in one account: it then meets the checks marked "not proven to reduce" as well, but no limit
on new risk. A check that fails by a bug of its own refuses an entry and lets a proven reduction
pass.

The limits are keys of `[risk]` and of an account's `limits`, explained in
[configuration](../configuration.md#risk). A limit that is not set refuses nothing.
"""


def page() -> str:
    """Give the whole page as it should be."""
    rows = [
        f"| {check.place} | [`{check.code}`](#{check.code}) | {MEETS[check.applies_to]} "
        f"| {_listed(limits(check)) or 'none'} |"
        for check in CHECKS
    ]
    table = ["| place | check | met by | limits |", "| --- | --- | --- | --- |", *rows]
    sections = [section(check) for check in CHECKS]
    return "\n".join([HEAD, *table, "", "\n".join(sections)])


def section(check: Check) -> str:
    """Give what the page says of one check."""
    module = _module(check)
    name = module.__name__.rpartition(".")[2]
    lines = [f"## {check.code}", "", _text(module), "", _text(check.run), ""]
    return "\n".join([*lines, f"Source: [{name}.py]({SOURCES}/{name}.py)", ""])


def limits(check: Check) -> tuple[str, ...]:
    """Name the configuration keys that a check reads, in the order of the model."""
    tree = ast.parse(inspect.getsource(_module(check)))
    read = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return tuple(
        field.removesuffix("_ns") for field in RiskLimits.__struct_fields__ if field in read
    )


def _module(check: Check) -> ModuleType:
    return sys.modules[check.run.__module__]


def _text(documented: object) -> str:
    """Give a docstring as Markdown."""
    return (inspect.getdoc(documented) or "").replace("``", "`")


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
