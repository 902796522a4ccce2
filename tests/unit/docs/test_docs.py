"""Every page speaks of what is there: links, headings, commands, make targets, sample messages."""

import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest
from typer.testing import CliRunner

from bascule.cli.main import app
from bascule.config.settings import LimitSettings
from bascule.model.account import RiskLimits
from bascule.signals.describe import parse_text
from tools import make_risk_docs

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
TEXTS = {page.relative_to(ROOT).as_posix(): page.read_text(encoding="utf-8") for page in PAGES}

FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
QUOTED = re.compile(r"`([^`]+)`")
ENDS = {"|", "<", ">", ";", "&&", "||", "&"}


@cache
def anchors(page: Path) -> set[str]:
    """Give the anchors of a page's headings, as GitHub makes them."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ +(.+)$", text, flags=re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.strip().replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", TEXTS)
def test_every_link_leads_somewhere(page: str) -> None:
    """A relative link names a file that is there and, with an anchor, a heading in it."""
    dead = []
    for link in LINK.findall(FENCE.sub("", TEXTS[page])):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert not dead


def code_lines(text: str) -> Iterator[str]:
    """Give the lines of code: fenced or indented, with those that a backslash joins as one."""
    fenced = False
    joined = ""
    for line in text.splitlines():
        if line.startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            joined += line.removesuffix("\\")
            if not line.endswith("\\"):
                yield joined
                joined = ""


def words_of(line: str) -> list[str]:
    """Split a shell line; a line that is no shell, such as one of some output, has no words."""
    split = shlex.shlex(line, posix=True, punctuation_chars=True)
    split.whitespace_split = True
    try:
        return list(split)
    except ValueError:
        return []


def commands_in(words: list[str]) -> Iterator[list[str]]:
    """Give the arguments of each ``bascule`` that a shell line calls."""
    starts = True
    for index, word in enumerate(words):
        name = word.rpartition("/")[2]
        module = words[index - 2 : index] if index > 1 else []
        called = (starts and name == "bascule") or (
            word == "bascule" and "python" in "".join(module[:1]) and module[1:] == ["-m"]
        )
        if called:
            rest = words[index + 1 :]
            end = next((at for at, one in enumerate(rest) if one in ENDS), len(rest))
            yield [one for one in rest[:end] if one != "..."]
        starts = word in ENDS or word == "$"


def commands(text: str) -> list[list[str]]:
    """Give every ``bascule`` command that a page shows, in its code and between backticks."""
    lines = [*code_lines(text), *QUOTED.findall(FENCE.sub("", text))]
    return [arguments for line in lines for arguments in commands_in(words_of(line))]


@pytest.mark.parametrize("page", [page for page in TEXTS if commands(TEXTS[page])])
def test_every_command_is_one(page: str) -> None:
    """Each command exists, and takes the options that the page gives it."""
    runner = CliRunner()
    wrong = {
        " ".join(arguments): result.output
        for arguments in commands(TEXTS[page])
        if (result := runner.invoke(app, [*arguments, "--help"])).exit_code
    }
    assert not wrong


def test_commands_are_found() -> None:
    """The reader of pages sees a command behind a prompt, in a pipe, by its path, as a module."""
    lines = (
        "$ bascule halt --scope all",
        "echo '{}' | bascule parse > out",
        ".venv/bin/bascule status; bascule orders --all",
        r".venv\Scripts\python -m bascule demo",
        "It's Bascule that bascule orders come from",
    )
    assert [list(commands_in(words_of(line))) for line in lines] == [
        [["halt", "--scope", "all"]],
        [["parse"]],
        [["status"], ["orders", "--all"]],
        [["demo"]],
        [],
    ]


def test_every_make_target_is_one() -> None:
    """A page names no target that the Makefile lacks."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
    named = {
        match
        for text in TEXTS.values()
        for code in [*code_lines(text), *QUOTED.findall(text)]
        for match in re.findall(r"^\s*(?:\$ )?make ([a-z-]+)", code)
    }
    assert {"run", "test"} <= named <= targets


SAMPLES = [
    (page, body)
    for page in ("README.md", "docs/quickstart.md")
    for body in re.findall(r"'(\{.*\})'", TEXTS[page])
]


@pytest.mark.parametrize(("page", "body"), SAMPLES)
def test_every_sample_message_is_read(page: str, body: str) -> None:
    """A message that a reader is told to send is an instruction, but for the one that shows off."""
    assert json.loads(body)
    read = parse_text(body, None, None, "url_path")
    assert read.get("error") == ("bad_number" if '"1,5"' in body else None)


def test_the_risk_pages_are_up_to_date() -> None:
    """They say what the checks say; else run ``python tools/make_risk_docs.py``."""
    pages = make_risk_docs.pages()
    assert len(pages) > 40
    for name, text in pages.items():
        assert (make_risk_docs.FOLDER / name).read_text(encoding="utf-8") == text, name


def test_no_page_of_a_check_that_is_gone_stays() -> None:
    """Each page of the folder is written from a check, or named as written by hand."""
    there = {page.name for page in make_risk_docs.FOLDER.glob("*.md")}
    assert there == {*make_risk_docs.pages(), *make_risk_docs.BY_HAND}


def test_the_risk_pages_name_keys_that_exist() -> None:
    """Each limit that a check reads is a key of the configuration, and each is read by one."""
    named = {key for check in make_risk_docs.CHECKS for key in make_risk_docs.limits(check)}
    assert named <= set(LimitSettings.model_fields)
    read = {name.removesuffix("_ns") for name in RiskLimits.__struct_fields__}
    elsewhere = {"on_oversize", *(key for key in read if key.startswith("runaway_"))}
    elsewhere.add("loss_flatten_percent")
    assert read - named == elsewhere, "a split is made before the checks; what acts is after them"


def test_the_glossary_has_each_word_once_and_in_order() -> None:
    """A word that is defined twice has two meanings."""
    terms = re.findall(r"^\*\*([^*]+)\*\*:", TEXTS["docs/glossary.md"], flags=re.MULTILINE)
    assert terms == sorted(set(terms), key=str.lower)


def test_every_decision_is_listed() -> None:
    """The index of decisions names each file, by its own title, in order."""
    listed = re.findall(r"^\d+\. \[(.+)\]\((.+)\)$", TEXTS["docs/decisions/README.md"], re.M)
    files = sorted((ROOT / "docs/decisions").glob("0*.md"))
    titles = [TEXTS[file.relative_to(ROOT).as_posix()].splitlines()[0][7:] for file in files]
    assert listed == [(title, file.name) for title, file in zip(titles, files, strict=True)]


def test_the_package_shows_the_readme() -> None:
    """What is installed is described by the first page that people read."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["readme"] == "README.md"
