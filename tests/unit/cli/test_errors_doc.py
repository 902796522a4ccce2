"""``docs/errors.md`` has every code that the program uses, and no other."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from bascule.cli.exits import Exit

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
SOURCES = sorted((ROOT / "src/bascule").rglob("*.py"))
OURS = [path for path in SOURCES if "venues" not in path.relative_to(ROOT).parts]
"""A venue's refusals are its own words; each venue's page has them."""

WORD = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
REFUSALS = {
    "Refusal", "Rejection", "Refuse", "SizeRefused", "LevelRefused", "RefusalLine", "refuse",
    "_refuse", "Refused",
}  # fmt: skip
KEYWORDS = {"code", "refused_code"}


def documented() -> set[str]:
    """Give the codes that have a row."""
    return set(re.findall(r"^\| `([a-z0-9_]+)` \|", TEXT, flags=re.MULTILINE))


def word(node: ast.expr | None) -> Iterator[str]:
    """Give what a node says when it is one lower-case word."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        if WORD.fullmatch(node.value):
            yield node.value
    elif isinstance(node, ast.IfExp):
        yield from word(node.body)
        yield from word(node.orelse)


def of_call(call: ast.Call) -> Iterator[str]:
    """Give the codes in a call: a keyword named code, or the word before a refusal's sentence."""
    for keyword in call.keywords:
        if keyword.arg in KEYWORDS:
            yield from word(keyword.value)
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    if name in REFUSALS:
        yield from next(([said] for node in call.args[:-1] for said in word(node)), [])


def of_why(node: ast.expr | None) -> Iterator[str]:
    """Give the code of a pair such as ``"no_route", f"no route follows {strategy}"``."""
    if isinstance(node, ast.Tuple) and len(node.elts) == 2:
        code, text = node.elts
        sentence = isinstance(text, ast.JoinedStr) or (
            isinstance(text, ast.Constant) and isinstance(text.value, str) and " " in text.value
        )
        if sentence:
            yield from word(code)


def codes(path: Path) -> Iterator[str]:
    """Give every code that a file uses."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield from of_call(node)
        elif isinstance(node, ast.Return):
            yield from of_why(node.value)
        elif isinstance(node, ast.Assign) and any(map(_is_code, node.targets)):
            yield from word(node.value)
            yield from of_why(node.value)


def _is_code(target: ast.expr) -> bool:
    """Tell ``code = ...``, ``CODE = ...`` and ``code, text = ...``."""
    first = target.elts[0] if isinstance(target, ast.Tuple) else target
    return getattr(first, "id", "").lower() == "code"


def test_every_code_has_a_row() -> None:
    """A code that a user can meet is explained, or this fails with its file."""
    known = documented()
    unknown = {
        f"{code} ({path.name})" for path in OURS for code in codes(path) if code not in known
    }
    assert not unknown


def test_every_row_has_a_code() -> None:
    """A row of a code that is gone fails."""
    source = "".join(path.read_text(encoding="utf-8") for path in SOURCES)
    used = set(re.findall(r'"([a-z][a-z0-9_]*)"', source)) | {"unexpected"}
    assert documented() <= used


def test_no_code_has_two_rows() -> None:
    """One code, one meaning, one place."""
    rows = re.findall(r"^\| `([a-z0-9_]+)` \|", TEXT, flags=re.MULTILINE)
    assert len(rows) == len(set(rows))


def test_every_exit_code_has_a_row() -> None:
    """Scripts that read exit codes find each of them explained."""
    rows = re.findall(r"^\| (\d+) \|", TEXT, flags=re.MULTILINE)
    assert [int(row) for row in rows] == sorted(Exit)
