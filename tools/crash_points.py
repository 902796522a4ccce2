"""Lists every point at which the engine's loop can stop, and what crashes or tests it there.

    python tools/crash_points.py            measure again and write tests/sim/crash_points.csv
    python tools/crash_points.py TEST ...   measure these tests only, for what is not reached yet
    python tools/crash_points.py --check    compare the list with the source, and measure nothing

A point is an ``await``, an ``async with`` or an ``async for`` in the engine, the journal, the
guardian, the intake, the FIX session or a venue's client. It is named by file, function and its
place among the function's points, so that moving lines changes nothing. ``by`` is the scenario of
the crash schedule that reaches it, else the range of simulated seeds, else the test file; measured
with coverage. A point that nothing reaches needs a ``reason``, which is kept when measuring again.
"""

import ast
import csv
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from coverage import CoverageData

ROOT = Path(__file__).resolve().parent.parent
MANIFEST = ROOT / "tests" / "sim" / "crash_points.csv"
WATCHED = ("engine", "journal", "guardian", "signals/intake", "fixwire", "venues")
SEEDS = (*range(1, 41), 305)
SEEDS_NAME = "seeds 1 to 40, 305"
CRASH_EVERY = 12
TESTS = (
    "tests/unit/engine", "tests/unit/guardian", "tests/unit/signals", "tests/unit/api",
    "tests/unit/cli", "tests/unit/venues", "tests/venues", "tests/fix",
)  # fmt: skip
"""Where to look for what no simulated world reaches."""
TO_DO = (
    "Each is to be reached by a simulated world or a test: write one that does, then measure anew "
    "with `python tools/crash_points.py`, or for one test `python tools/crash_points.py tests/...`."
)
_KINDS = {ast.Await: "await", ast.AsyncWith: "async with", ast.AsyncFor: "async for"}


class Point(NamedTuple):
    """One place, as the manifest names it."""

    file: str
    function: str
    ordinal: int
    kind: str


class Entry(NamedTuple):
    """A point of the manifest and what reaches it."""

    point: Point
    by: str
    reason: str


def points() -> dict[Point, range]:
    """Walk the source; gives every point and the lines on which it stands."""
    found: dict[Point, range] = {}
    for folder in WATCHED:
        for path in sorted((ROOT / "src/bascule" / folder).rglob("*.py")):
            if not path.name.startswith("emulator"):
                name = path.relative_to(ROOT).as_posix()
                tree = ast.parse(path.read_text(encoding="utf-8"))
                found.update(of_scope(name, "", tree))
    return found


def of_scope(file: str, scope: str, node: ast.AST) -> Iterator[tuple[Point, range]]:
    """Give the points of a scope and of all within it, and the lines on which each stands."""
    count = 0
    for inner in _within(node):
        kind = _kind(inner)
        if kind:
            count += 1
            yield Point(file, scope, count, kind), _lines(inner)
    for named in _scopes(node):
        name = f"{scope}.{named.name}" if scope else named.name
        yield from of_scope(file, name, named)


def _kind(node: ast.AST) -> str:
    if isinstance(node, ast.comprehension) and node.is_async:
        return "async for"
    return _KINDS.get(type(node), "")


_Named = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def _within(node: ast.AST) -> Iterator[ast.AST]:
    """Give what stands in a scope itself, in the order of the text."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, _Named):
            yield child
            yield from _within(child)


def _scopes(node: ast.AST) -> Iterator[_Named]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _Named):
            yield child
        else:
            yield from _scopes(child)


def _lines(node: ast.AST) -> range:
    if isinstance(node, ast.AsyncWith | ast.AsyncFor):
        return range(node.lineno, node.body[0].lineno)
    if isinstance(node, ast.comprehension):
        return range(node.target.lineno, (node.iter.end_lineno or node.iter.lineno) + 1)
    assert isinstance(node, ast.expr)
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def read_manifest() -> list[Entry]:
    """Read the committed list."""
    with MANIFEST.open(encoding="utf-8", newline="") as file:
        return [
            Entry(
                Point(row["file"], row["function"], int(row["ordinal"]), row["kind"]),
                row["by"],
                row["reason"],
            )
            for row in csv.DictReader(file)
        ]


def problems() -> list[str]:
    """Say how the manifest and the source differ, and which point nothing accounts for."""
    entries = read_manifest()
    listed, there = {entry.point for entry in entries}, set(points())
    wrong = [f"not in the manifest: {_told(point)}" for point in sorted(there - listed)]
    wrong += [f"no longer in the source: {_told(point)}" for point in sorted(listed - there)]
    wrong += [
        f"reached by nothing, and no reason given: {_told(entry.point)}"
        for entry in entries
        if not entry.by and not entry.reason
    ]
    wrong += [
        f"{_told(entry.point)} names {entry.by}, which is not there"
        for entry in entries
        if entry.by.startswith("tests/") and not (ROOT / entry.by).is_file()
    ]
    return wrong


def _told(point: Point) -> str:
    return f"{point.file}: {point.function}, {point.kind} {point.ordinal}"


# --- measuring ------------------------------------------------------------------------------


def measure(tests: Sequence[str]) -> dict[tuple[str, int], str]:
    """Run these tests, or the simulations and all tests; gives what first reached each line."""
    first: dict[tuple[str, int], str] = {}
    with tempfile.TemporaryDirectory() as folder:
        if not tests:
            _simulate(first)
        _test(Path(folder), tests or TESTS, first)
    return first


def _simulate(first: dict[tuple[str, int], str]) -> None:
    import structlog
    from coverage import Coverage

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    cover = Coverage(data_file=None, source=[str(ROOT / "src/bascule")], config_file=False)
    cover.start()
    from bascule.sim.shell.run import run_seed
    from bascule.sim.shell.scenarios import SCENARIOS
    from bascule.sim.shell.schedule import Bench
    from bascule.sim.shell.script import WAYS, Crash

    with Bench() as bench:
        for script in SCENARIOS:
            cover.switch_context(script.name)
            count = len(bench.run(script).steps)
            for step in range(1, count + 1, CRASH_EVERY):
                for way in WAYS:
                    bench.run(script, [Crash(step, way)])
    cover.switch_context(SEEDS_NAME)
    for seed in SEEDS:
        run_seed(seed)
    cover.stop()
    _keep(cover.get_data(), [*(script.name for script in SCENARIOS), SEEDS_NAME], first)


def _test(folder: Path, tests: Sequence[str], first: dict[tuple[str, int], str]) -> None:
    from coverage import CoverageData

    data, settings = folder / "data", folder / "coveragerc"
    settings.write_text(
        f"[run]\ndata_file = {data}\nsource = {ROOT / 'src/bascule'}\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "coverage", "run", f"--rcfile={settings}", "-m", "pytest"]
    subprocess.run(
        [*command, "-q", "-p", "no:xdist", "-p", "tools.crash_points", *tests],
        cwd=ROOT,
        check=False,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"},
    )
    tested = CoverageData(str(data))
    tested.read()
    _keep(tested, sorted(tested.measured_contexts()), first)


def pytest_runtest_setup(item: Any) -> None:
    """Have what the next test reaches told under its file's name; this module is a plugin too."""
    from coverage import Coverage

    running = Coverage.current()
    if running is not None:
        running.switch_context(item.location[0].replace(os.sep, "/"))


def _keep(data: "CoverageData", names: list[str], first: dict[tuple[str, int], str]) -> None:
    order = {name: place for place, name in enumerate(names)}
    for path in data.measured_files():
        file = Path(path).relative_to(ROOT).as_posix()
        for line, contexts in data.contexts_by_lineno(path).items():
            known = [name for name in contexts if name and name in order]
            if known:
                first.setdefault((file, line), min(known, key=order.__getitem__))


def write_manifest(tests: Sequence[str]) -> None:
    """Measure, and write the list; reasons stay, and with ``tests`` also what was known before."""
    known = {entry.point: entry for entry in read_manifest()} if MANIFEST.exists() else {}
    first = measure(tests)
    with MANIFEST.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("file", "function", "ordinal", "kind", "by", "reason"))
        for point, lines in points().items():
            hits = (first.get((point.file, line), "") for line in lines)
            before = known.get(point, Entry(point, "", ""))
            by = (before.by if tests else "") or next(filter(None, hits), "")
            writer.writerow(chain(point, (by, "" if by else before.reason)))


def main() -> int:
    """Write the manifest, or with ``--check`` only compare it."""
    asked = sys.argv[1:]
    if "--check" not in asked:
        write_manifest(asked)
    wrong = problems()
    for line in wrong:
        print(line)
    if wrong:
        print(TO_DO)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
