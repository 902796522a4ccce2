"""House rules that no other checker holds. Prints each breach and ends with 1 when there is one.

    python tools/tidy.py        check the tree that this file is in

One breach in ``src`` is waived where it stands, by a comment on its line or on the line above:

    # tidy: allow <rule> - <reason>

and a rule is waived for a whole file by a line in ``tools/tidy_waivers.txt``. That file also
states how many comment waivers there are: one more or one less without a change there fails.
"""

import ast
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

LINES_MAX = 700
COLUMNS_MAX = 100
FUNCTION_LINES_MAX = 60

ROOTS = ("src", "tests", "tools", "bench")
TEXT_SUFFIXES = frozenset({".py", ".js", ".css", ".html", ".sql", ".sh"})
WAIVERS_FILE = "tools/tidy_waivers.txt"
VENUE_WORDS_FILE = "tools/venue_words.txt"

PURE = tuple(
    f"src/bascule/{folder}/"
    for folder in (
        "model",
        "reference",
        "sizing",
        "risk",
        "execution",
        "fix",
        "signals/dialects",
    )
)
KNOWS_VENUES = ("src/bascule/venues/", "src/bascule/signals/dialects/")
MAY_PRINT = ("src/bascule/cli/",)

BANNED_CALLS = {
    "time.time": "take the time from the clock you are given",
    "time.time_ns": "take the time from the clock you are given",
    "datetime.datetime.now": "take the time from the clock you are given",
    "datetime.datetime.today": "take the time from the clock you are given",
    "datetime.datetime.utcnow": "take the time from the clock you are given",
    "datetime.date.today": "take the time from the clock you are given",
    "uuid.uuid1": "make ids from their cause, so that a replay makes the same ones",
    "uuid.uuid4": "make ids from their cause, so that a replay makes the same ones",
}
BARE_TASKS = frozenset({"asyncio.create_task", "asyncio.ensure_future"})
UNIX_ONLY = frozenset(
    {"fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty", "uvloop"}
)
UNFINISHED = re.compile(r"\b(TODO|FIXME|NotImplementedError)\b|pragma: no cover")
WAIVER = re.compile(r"tidy: allow (?P<rule>[a-z_]+)(?: - (?P<reason>\S.*))?")


class Breach(NamedTuple):
    """One broken rule; ``path`` is relative to the root, with forward slashes."""

    path: str
    line: int
    rule: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.text}"


class Module(NamedTuple):
    """One parsed Python file, and what its imported names stand for (``dt`` -> ``datetime``)."""

    path: str
    tree: ast.Module
    aliases: dict[str, str]

    def calls(self) -> Iterator[tuple[ast.Call, str]]:
        """Give each call with the full dotted name of what it calls, aliases resolved."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and (name := self._dotted(node.func)):
                yield node, name

    def _dotted(self, node: ast.expr) -> str:
        if isinstance(node, ast.Name):
            return self.aliases.get(node.id, node.id)
        if isinstance(node, ast.Attribute) and (head := self._dotted(node.value)):
            return f"{head}.{node.attr}"
        return ""


def parse(path: str, source: str) -> Module:
    """Parse one file.

    Raises:
        SyntaxError: it is not Python.
    """
    tree = ast.parse(source, filename=path)
    aliases: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                aliases[name.asname or name.name.split(".")[0]] = (
                    name.name if name.asname else name.name.split(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for name in node.names:
                aliases[name.asname or name.name] = f"{node.module}.{name.name}"
    return Module(path, tree, aliases)


def banned_calls(module: Module) -> Iterator[Breach]:
    """Find clocks, chance and tasks without an owner."""
    for node, name in module.calls():
        if why := BANNED_CALLS.get(name):
            yield Breach(module.path, node.lineno, "banned_call", f"{name}(): {why}")
        elif name.startswith("random.") and not (name == "random.Random" and node.args):
            text = f"{name}(): use random.Random(seed), so that a run can be repeated"
            yield Breach(module.path, node.lineno, "banned_call", text)
        elif name in BARE_TASKS or name.endswith("loop.create_task"):
            text = f"{name}(): every task has a parent; use a TaskGroup"
            yield Breach(module.path, node.lineno, "bare_task", text)


def prints(module: Module) -> Iterator[Breach]:
    """Find output that passes the log by."""
    if not module.path.startswith(MAY_PRINT):
        for node, name in module.calls():
            if name == "print":
                yield Breach(module.path, node.lineno, "print", "only the cli prints; log it")


def floats(module: Module) -> Iterator[Breach]:
    """Find numbers made inexact in a pure folder."""
    if module.path.startswith(PURE):
        for node, name in module.calls():
            if name == "float":
                text = "float() in a pure folder: numbers are Decimal"
                yield Breach(module.path, node.lineno, "float", text)


def _imported(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.Import):
        return [name.name.split(".")[0] for name in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [node.module.split(".")[0]]
    return []


def pure_imports(module: Module) -> Iterator[Breach]:
    """Find third parties in a pure folder. The impure standard library is import-linter's."""
    if not module.path.startswith(PURE):
        return
    known = sys.stdlib_module_names | {"bascule", "msgspec"}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.stmt):
            for name in _imported(node):
                if name not in known:
                    text = f"{name}: a pure folder has the standard library and msgspec"
                    yield Breach(module.path, node.lineno, "pure_import", text)


def unix_imports(module: Module) -> Iterator[Breach]:
    """Find what Windows lacks, imported with the module and without a way round."""
    for node in _unguarded(module.tree.body):
        for name in _imported(node):
            if name in UNIX_ONLY:
                text = f"{name} is not on Windows: guard it by try/except ImportError"
                yield Breach(module.path, node.lineno, "unix_import", text)


def _unguarded(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Give the statements that run on import, but for those that a guard stands before."""
    for node in body:
        yield node
        if isinstance(node, ast.If):
            if not re.search(r"sys\.platform|os\.name|TYPE_CHECKING", ast.unparse(node.test)):
                yield from _unguarded(node.body)
                yield from _unguarded(node.orelse)
        elif isinstance(node, ast.Try):
            caught = " ".join(ast.unparse(h.type) for h in node.handlers if h.type)
            if "ImportError" not in caught and "ModuleNotFoundError" not in caught:
                yield from _unguarded(node.body)
            for handler in node.handlers:
                yield from _unguarded(handler.body)
            yield from _unguarded(node.orelse + node.finalbody)
        elif isinstance(node, ast.With | ast.ClassDef):
            yield from _unguarded(node.body)


def long_functions(module: Module) -> Iterator[Breach]:
    """Find functions that do not fit on a screen."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                text = f"{node.name} has {lines} lines, {FUNCTION_LINES_MAX} at most"
                yield Breach(module.path, node.lineno, "long_function", text)


RULES = (banned_calls, prints, floats, pure_imports, unix_imports, long_functions)


def venue_names(words: Iterable[str]) -> Callable[[Module], Iterator[Breach]]:
    """Make the rule that finds code which names a venue. Docstrings and comments may."""
    pattern = re.compile(rf"(?<![a-z0-9])({'|'.join(map(re.escape, words))})(?![a-z0-9])")

    def rule(module: Module) -> Iterator[Breach]:
        if module.path.startswith(KNOWS_VENUES):
            return
        for line, text in _words_of_code(module.tree):
            split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text).lower()
            if found := pattern.search(text.lower()) or pattern.search(split):
                what = f"{found[1]!r} is a venue's name: ask its manifest instead"
                yield Breach(module.path, line, "venue_name", what)

    return rule


def _words_of_code(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Give every name and every string that is not a docstring, with its line."""
    prose = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute):
            yield node.lineno, node.attr
        elif isinstance(node, ast.arg | ast.keyword):
            yield node.lineno, node.arg or ""
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            for name in node.names:
                yield node.lineno, f"{getattr(node, 'module', '')} {name.name} {name.asname}"
        elif (
            isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose
        ):
            yield node.lineno, node.value


def sizes(path: str, lines: list[str]) -> Iterator[Breach]:
    """Find files and lines that are too long to read."""
    if len(lines) > LINES_MAX:
        text = f"{len(lines)} lines, {LINES_MAX} at most: split it"
        yield Breach(path, LINES_MAX + 1, "long_file", text)
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS_MAX:
            text = f"{len(line)} columns, {COLUMNS_MAX} at most"
            yield Breach(path, number, "long_line", text)


def unfinished(path: str, lines: list[str]) -> Iterator[Breach]:
    """Find work left for later."""
    for number, line in enumerate(lines, 1):
        if found := UNFINISHED.search(line):
            yield Breach(path, number, "unfinished", f"{found[0]}: finish it or delete it")


class Waivers(NamedTuple):
    """What ``tidy_waivers.txt`` says: the count of comment waivers, and whole files by rule."""

    comments: int
    files: dict[tuple[str, str], str]


def read_waivers(text: str) -> Waivers:
    """Read ``count <n>`` and ``<rule> <path> - <reason>`` lines.

    Raises:
        ValueError: a line is neither; the message holds it.
    """
    comments, files = 0, {}
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if found := re.fullmatch(r"count (\d+)", line):
            comments = int(found[1])
        elif found := re.fullmatch(r"([a-z_]+) (\S+) - (\S.*)", line):
            files[found[1], found[2]] = found[3]
        else:
            raise ValueError(f"{WAIVERS_FILE} has a line that is no waiver: {line!r}")
    return Waivers(comments, files)


def check_file(path: str, source: str, words: Iterable[str]) -> tuple[list[Breach], int]:
    """Check one file.

    Returns:
        the breaches that no comment waives, and the number of waiver comments.
    """
    lines = source.splitlines()
    breaches = list(sizes(path, lines))
    if not path.startswith("src/"):
        return breaches, 0
    if path.endswith(".py"):
        breaches += unfinished(path, lines)
        try:
            module = parse(path, source)
        except SyntaxError as error:
            breaches.append(Breach(path, error.lineno or 1, "syntax", error.msg))
        else:
            for rule in (*RULES, venue_names(words)):
                breaches += rule(module)
    return _less_waived(path, lines, breaches)


def _less_waived(path: str, lines: list[str], breaches: list[Breach]) -> tuple[list[Breach], int]:
    waived: set[tuple[str, int]] = set()
    left: list[Breach] = []
    comments = 0
    for number, line in enumerate(lines, 1):
        if found := WAIVER.search(line):
            comments += 1
            covers = {(found["rule"], number), (found["rule"], number + 1)}
            waived |= covers
            if not found["reason"]:
                left.append(Breach(path, number, "waiver", "a waiver ends with ' - <reason>'"))
            elif not any((b.rule, b.line) in covers for b in breaches):
                left.append(Breach(path, number, "waiver", "it waives nothing: delete it"))
    left += [b for b in breaches if (b.rule, b.line) not in waived]
    return left, comments


def check(root: Path) -> list[Breach]:
    """Check a whole tree; the breaches come sorted by place."""
    waivers = read_waivers((root / WAIVERS_FILE).read_text(encoding="utf-8"))
    words = (root / VENUE_WORDS_FILE).read_text(encoding="utf-8").split()
    found: list[Breach] = []
    comments = 0
    for file in sorted(f for top in ROOTS for f in (root / top).rglob("*")):
        if file.suffix in TEXT_SUFFIXES:
            path = file.relative_to(root).as_posix()
            breaches, waived = check_file(path, file.read_text(encoding="utf-8"), words)
            found += breaches
            comments += waived
    used = {(b.rule, b.path) for b in found}
    left = [b for b in found if (b.rule, b.path) not in waivers.files]
    for rule, path in waivers.files:
        if (rule, path) not in used:
            text = f"{rule} is waived for {path}, which does not break it: delete the line"
            left.append(Breach(WAIVERS_FILE, 1, "waiver", text))
    if comments != waivers.comments:
        text = f"the tree has {comments} waiver comments and this file says {waivers.comments}"
        left.append(Breach(WAIVERS_FILE, 1, "waiver", text))
    return sorted(set(left))


def main() -> int:
    """Check the tree that this file is in; 0 when it is tidy."""
    breaches = check(Path(__file__).resolve().parent.parent)
    for breach in breaches:
        print(breach)
    print(f"tidy: {len(breaches)} breaches" if breaches else "tidy: all rules hold")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
