"""The project's own files agree with each other."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tools import tidy

ROOT = Path(__file__).resolve().parents[3]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def named(requirements: list[str]) -> set[str]:
    """Give the names of requirements, without versions and markers."""
    return {re.split(r"[^A-Za-z0-9-]", line)[0] for line in requirements}


def contract(name: str) -> dict[str, Any]:
    """Give one import contract by its id."""
    contracts = PROJECT["tool"]["importlinter"]["contracts"]
    return next(c for c in contracts if c["id"] == name)


def test_one_list_of_pure_folders() -> None:
    """Tidy, the import contract and strict typing speak of the same pure folders."""
    pure = {folder.replace("/", ".")[4:].strip(".") for folder in tidy.PURE}
    assert {m.removesuffix(".**") for m in contract("pure")["source_modules"]} == pure
    strict = PROJECT["tool"]["mypy"]["overrides"][0]["module"]
    assert {f"{folder}.*" for folder in pure} <= set(strict)


def test_every_runtime_dependency_is_explained() -> None:
    """``docs/dependencies.md`` has one row for each runtime dependency and for nothing else."""
    text = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z0-9-]+)` \|", text, flags=re.MULTILINE)
    assert sorted(rows) == sorted(named(PROJECT["project"]["dependencies"]))


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_holds_versions_and_hashes_only(lock: str) -> None:
    """A lock pins every dependency with hashes and names no host and no folder."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    entries = text.replace("\\\n", " ").splitlines()
    for entry in entries:
        assert re.fullmatch(r"[a-z0-9-]+==\S+( ; [^#]+?)?( +--hash=sha256:[0-9a-f]{64})+", entry)
    wanted = named(PROJECT["project"]["dependencies"])
    if lock == "requirements-dev.lock":
        wanted |= set().union(*(named(g) for g in PROJECT["dependency-groups"].values()))
    assert wanted <= {entry.split("==")[0] for entry in entries}


def test_both_locks_pin_the_same_versions() -> None:
    """What is tested is what runs."""
    versions = [
        set(re.findall(r"^[a-z0-9-]+==\S+", (ROOT / lock).read_text(encoding="utf-8"), re.M))
        for lock in ("requirements.lock", "requirements-dev.lock")
    ]
    assert versions[0] <= versions[1]


SKIPS = {
    "in a test": "import pytest\ndef test_x():\n    pytest.skip('no reason')\n",
    "by a mark": "import pytest\n@pytest.mark.skip(reason='no reason')\ndef test_x(): pass\n",
    "of a module": "import pytest\npytest.skip('no reason', allow_module_level=True)\n",
}


@pytest.mark.parametrize("how", SKIPS)
def test_a_skipped_test_fails_the_run(how: str, tmp_path: Path) -> None:
    """However a test is skipped, the run is red and says which test it was."""
    conftest = (ROOT / "tests/conftest.py").read_text(encoding="utf-8")
    (tmp_path / "conftest.py").write_text(conftest, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (tmp_path / "test_skipped.py").write_text(SKIPS[how], encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode not in (0, 5), done.stdout
    assert "was skipped, and a skip proves nothing" in done.stdout
