"""The tidy check is code like any other: each rule finds its breach and spares its neighbour."""

from pathlib import Path

import pytest

from tools import tidy

WORDS = ("kraken", "mt5", "match_trader")
ROOT = Path(__file__).resolve().parents[3]


def rules(source: str, path: str = "src/bascule/engine/x.py") -> list[str]:
    """Give the names of the rules that one file breaks."""
    breaches, _ = tidy.check_file(path, source, WORDS)
    return [breach.rule for breach in breaches]


@pytest.mark.parametrize(
    "source",
    [
        "import time\nt = time.time()",
        "import time as clock\nt = clock.time_ns()",
        "from time import time\nt = time()",
        "from datetime import UTC, datetime\nt = datetime.now(UTC)",
        "import datetime as dt\nt = dt.datetime.utcnow()",
        "import datetime\nt = datetime.date.today()",
        "from uuid import uuid4\ni = uuid4()",
        "import random\nx = random.random()",
        "from random import choice as pick\nx = pick([1])",
        "import random\nr = random.Random()",
    ],
)
def test_clock_and_chance_are_banned_under_any_alias(source: str) -> None:
    """A clock or a draw is found however its import renames it."""
    assert rules(source) == ["banned_call"]


@pytest.mark.parametrize(
    "source",
    [
        "import time\nt = time.monotonic()",
        "import random\nr = random.Random(7)",
        "from datetime import UTC, datetime\nt = datetime.fromtimestamp(0, UTC)",
        "def f(clock):\n    return clock.time()",
    ],
)
def test_repeatable_calls_pass(source: str) -> None:
    """What gives the same answer in every replay, or only measures, is allowed."""
    assert rules(source) == []


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("asyncio.create_task(c)", ["bare_task"]),
        ("asyncio.ensure_future(c)", ["bare_task"]),
        ("self.loop.create_task(c)", ["bare_task"]),
        ("group.create_task(c)", []),
    ],
)
def test_a_task_needs_a_parent(call: str, expected: list[str]) -> None:
    """Only a task group may start a task."""
    assert rules(f"import asyncio\nasync def f(self, group, c):\n    {call}") == expected


def test_only_the_cli_prints() -> None:
    """Output outside the command line passes the log by."""
    assert rules("print('x')") == ["print"]
    assert rules("print('x')", "src/bascule/cli/x.py") == []


def test_pure_folders_have_no_float_and_no_third_party() -> None:
    """A pure folder keeps numbers exact and needs nothing but msgspec; the shell may do both."""
    source = "import aiohttp\nimport msgspec\nimport decimal\nx = float('1')"
    assert rules(source, "src/bascule/risk/x.py") == ["float", "pure_import"]
    assert rules(source) == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import fcntl", ["unix_import"]),
        ("from resource import getrusage", ["unix_import"]),
        ("if x:\n    import pwd", ["unix_import"]),
        ("try:\n    import grp\nexcept ValueError:\n    pass", ["unix_import"]),
        ("try:\n    pass\nexcept ImportError:\n    import termios", ["unix_import"]),
        ("class A:\n    import uvloop", ["unix_import"]),
        ("try:\n    import fcntl\nexcept ImportError:\n    fcntl = None", []),
        ("import sys\nif sys.platform != 'win32':\n    import fcntl", []),
        ("def f():\n    import fcntl", []),
    ],
)
def test_unix_only_modules_need_a_guard(source: str, expected: list[str]) -> None:
    """An import that fails on Windows may not run when the module is imported there."""
    assert rules(source) == expected


@pytest.mark.parametrize(
    "line",
    ["# TODO later", "# FIXME", "raise NotImplementedError", "x = 1  # pragma: no cover"],
)
def test_unfinished_work_is_found(line: str) -> None:
    """Work left for later does not land in the product, and tests may speak of it."""
    assert rules(line) == ["unfinished"]
    assert rules(line, "tests/unit/test_x.py") == []


def test_a_function_has_sixty_lines_at_most() -> None:
    """The sixtieth line is allowed and the next is not."""
    assert rules("def f():\n" + "    x = 1\n" * 59) == []
    assert rules("def f():\n" + "    x = 1\n" * 60) == ["long_function"]


def test_files_and_lines_have_a_limit_everywhere() -> None:
    """Seven hundred lines of a hundred columns fit, in tests and web files too."""
    assert rules("x = 1\n" * 700 + "y = 2", "tests/x.py") == ["long_file"]
    assert rules("x = 1\n" * 700, "tests/x.py") == []
    assert rules("/*" + "é" * 99 + "*/", "src/bascule/console/x.css") == ["long_line"]
    assert rules("/*" + "é" * 96 + "*/", "src/bascule/console/x.css") == []


@pytest.mark.parametrize(
    "source",
    [
        "if kind == 'kraken':\n    pass",
        "mt5_client = 1",
        "class KrakenThing:\n    pass",
        "from bascule.venues.kraken import client",
        "x = settings.match_trader",
        "MatchTrader = 1",
        "f(mt5=1)",
    ],
)
def test_code_does_not_name_a_venue(source: str) -> None:
    """Code outside the venue folders asks a manifest; it never tests a name."""
    assert rules(source) == ["venue_name"]
    assert rules(source, "src/bascule/venues/kraken/client.py") == []
    assert rules(source, "src/bascule/signals/dialects/x.py") == []


def test_prose_may_name_a_venue() -> None:
    """A docstring, a comment and a longer word are no branch on a venue."""
    assert rules('"""As kraken has it."""\n# mt5 too\nkrakenish = 1') == []


def test_a_waiver_covers_its_line_or_the_next() -> None:
    """A waiver with a reason silences one rule in one place and is counted."""
    above = "# tidy: allow print - the operator asked\nprint('x')"
    beside = "print('x')  # tidy: allow print - the operator asked"
    for source in (above, beside):
        assert tidy.check_file("src/bascule/engine/x.py", source, WORDS) == ([], 1)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("print('x')  # tidy: allow print", ["waiver"]),
        ("x = 1  # tidy: allow print - old", ["waiver"]),
        ("print('x')  # tidy: allow float - wrong rule", ["waiver", "print"]),
        ("# tidy: allow print - too far\n\nprint('x')", ["waiver", "print"]),
    ],
)
def test_an_idle_or_unexplained_waiver_is_a_breach(source: str, expected: list[str]) -> None:
    """A waiver must say why and must be needed where it stands."""
    assert rules(source) == expected


def test_a_file_that_is_not_python_is_named() -> None:
    """Broken syntax is reported with its line and does not stop the check of other files."""
    assert rules("x = 1\nx = = 2") == ["syntax"]


def tree(root: Path, waivers: str, source: str) -> list[str]:
    """Check a tree of one source file and give its breaches as ``rule:path``."""
    for name, text in {
        tidy.WAIVERS_FILE: waivers,
        tidy.VENUE_WORDS_FILE: "kraken\n",
        "src/bascule/engine/loop.py": source,
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return [f"{breach.rule}:{breach.path}" for breach in tidy.check(root)]


def test_the_count_of_waivers_is_held(tmp_path: Path) -> None:
    """One comment more or less than the committed count fails."""
    source = "print('x')  # tidy: allow print - the operator asked"
    complaint = [f"waiver:{tidy.WAIVERS_FILE}"]
    assert tree(tmp_path, "count 1", source) == []
    assert tree(tmp_path, "count 0", source) == complaint
    assert tree(tmp_path, "count 2", source) == complaint


def test_a_whole_file_is_waived_while_it_needs_it(tmp_path: Path) -> None:
    """The list of files lets one rule stand in one file, and complains once it is idle."""
    waivers = "# why\n\ncount 0\nbare_task src/bascule/engine/loop.py - the supervisor holds it\n"
    task = "import asyncio\nasyncio.create_task(c)"
    assert tree(tmp_path, waivers, task) == []
    assert tree(tmp_path, waivers, "x = 1") == [f"waiver:{tidy.WAIVERS_FILE}"]
    assert tree(tmp_path, "count 0", task) == ["bare_task:src/bascule/engine/loop.py"]


def test_a_waiver_line_without_a_reason_is_refused() -> None:
    """The file of waivers is read strictly."""
    with pytest.raises(ValueError, match="a line that is no waiver"):
        tidy.read_waivers("print src/x.py")


def test_the_venue_words_hold_every_venue_of_the_tree() -> None:
    """A new venue folder adds its name to the words.

    ``paper`` and ``kit`` aside, and ``fix``, which is a protocol and has folders of its own.
    """
    words = set((ROOT / tidy.VENUE_WORDS_FILE).read_text(encoding="utf-8").split())
    folders = {p.parent.name for p in (ROOT / "src/bascule/venues").glob("*/__init__.py")}
    assert folders - words <= {"paper", "kit", "fix"}
