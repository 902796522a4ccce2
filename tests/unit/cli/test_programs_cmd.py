"""``bascule programs``, and what ``bascule check`` tells of firms."""

import json
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bascule.config.programmes import presets
from tests.unit.cli.conftest import Bascule

CONFIG = """\
mode = "{mode}"
[venues.paper]
kind = "paper"
{accounts}
[routes.r]
strategy = "trend"
accounts = [{legs}]
"""
ACCOUNT = """\
[accounts.{name}]
venue = "paper"
login = "{name}"
currency = "USD"
owner = "me"
initial_balance = 50000
programme = "{programme}"
"""


def write(mode: str, *programmes: str, more: str = "") -> None:
    """Write a configuration of one account a programme, all on one route."""
    names = [f"a{number}" for number in range(len(programmes))]
    accounts = "".join(
        ACCOUNT.format(name=name, programme=programme)
        for name, programme in zip(names, programmes, strict=True)
    )
    sizing = '{ method = "fixed", quantity = 1 }'
    legs = ", ".join(f'{{ account = "{name}", sizing = {sizing} }}' for name in names)
    text = CONFIG.format(mode=mode, accounts=accounts + more, legs=legs)
    Path("bascule.toml").write_text(text, encoding="utf-8")


def notes(bascule: Bascule) -> tuple[list[dict[str, object]], str]:
    """Give what the check tells of firms."""
    told = json.loads(bascule("check", "--config-only", "--json").out)
    return told["permits"], "\n".join(told["notes"])


def test_every_preset_is_listed_with_what_it_is_worth(bascule: Bascule) -> None:
    """Its name, whether it is tradable, and that it must be verified."""
    done = bascule("programs", "list")
    assert done.code == 0
    assert all(name in done.out for name in presets())
    assert "VERIFY WITH THE FIRM" in done.out
    assert "no: max_loss.limit.amount" in done.out
    listed = json.loads(bascule("programs", "list", "--json").out)
    assert {one["name"] for one in listed} == set(presets())
    assert all("VERIFY WITH THE FIRM" in one["label"] for one in listed)


def test_a_preset_is_shown_with_sources_and_questions(bascule: Bascule) -> None:
    """Everything that it says, where from, and what it does not say."""
    done = bascule("programs", "show", "fundednext-stellar-2step")
    assert "not affiliated with FundedNext, read on 2026-11-21, VERIFY WITH THE FIRM" in done.out
    assert "https://help.fundednext.com" in done.out
    assert "Tradable: no. A live account waits for daily_loss.reset.tz." in done.out
    told = json.loads(bascule("programs", "show", "ftmo-1step", "--json").out)
    assert told["facts"]["daily_loss"]["limit"] == {"pct": 3, "of": "initial"}
    assert told["rules"]["news"]["before_s"] == 120
    funded = bascule("programs", "show", "ftmo-1step", "--phase", "phase1", "--json")
    assert json.loads(funded.out)["rules"]["news"] is None


@pytest.mark.parametrize("name", ["alpha-one", "topstep-xfa-50k", "ftmo-1step", "apex-eod-50k"])
def test_a_copy_says_what_its_preset_says(bascule: Bascule, name: str) -> None:
    """It is TOML, with comments, and no field is lost or made up."""
    assert bascule("programs", "copy", name, "my.toml").code == 0
    text = Path("my.toml").read_text(encoding="utf-8")
    assert text.startswith("#")
    assert tomllib.loads(text)["preset"] == name
    same = bascule("programs", "diff", name, "my.toml")
    assert (same.code, same.out) == (0, f"my.toml says what {name} says.\n")
    missing = not json.loads(bascule("programs", "show", name, "--json").out)["tradable"]
    assert bascule("programs", "check", "my.toml").code == int(missing)


def test_nothing_is_overwritten(bascule: Bascule) -> None:
    """Somebody's answers may be in it."""
    Path("my.toml").write_text("mine", encoding="utf-8")
    done = bascule("programs", "copy", "ftmo-1step", "my.toml")
    assert done.code == 2
    assert "is there already" in done.err
    other = json.loads(bascule("programs", "copy", "ftmo-1step", "other.toml", "--json").out)
    assert (other["file"], other["tradable"]) == ("other.toml", True)
    assert Path("my.toml").read_text(encoding="utf-8") == "mine"


def edited(bascule: Bascule, name: str, before: str, after: str) -> None:
    """Copy a preset, and change a line of the copy."""
    bascule("programs", "copy", name, "my.toml")
    path = Path("my.toml")
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")


def test_a_difference_is_shown_by_its_field(bascule: Bascule) -> None:
    """Both values, under the dotted key; what only one has is empty for the other."""
    edited(bascule, "ftmo-1step", "pct = 3, ", "pct = 2, ")
    done = bascule("programs", "diff", "ftmo-1step", "my.toml", "--json")
    assert done.code == 1
    assert json.loads(done.out) == [{"key": "daily_loss.limit.pct", "ours": "2", "theirs": "3"}]
    assert "daily_loss.limit.pct" in bascule("programs", "diff", "ftmo-1step", "my.toml").out


def test_a_mistake_in_a_copy_is_named_with_its_line(bascule: Bascule) -> None:
    """And with what would be allowed."""
    edited(bascule, "ftmo-1step", 'overnight = "allowed"', 'overnight = "perhaps"')
    done = bascule("programs", "check", "my.toml")
    assert done.code == 3
    assert "overnight" in done.err
    assert "allowed: prohibited, flat, restricted, unknown, allowed" in done.err


def test_what_a_preset_lacks_can_be_filled_in(bascule: Bascule) -> None:
    """Then a live account may trade by the copy."""
    edited(bascule, "apex-intraday-50k", 'amount = "not found"', "amount = 2000")
    assert bascule("programs", "check", "my.toml").code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "ftmo"), "no preset"),
        (("show", "ftmo-1step", "--phase", "phase9"), "Phases: phase1"),
        (("check", "none.toml"), "cannot be read"),
        (("copy", "ftmo-1step", "no/such/folder.toml"), "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_said(
    bascule: Bascule, arguments: tuple[str, ...], said: str
) -> None:
    """Each with what to do instead."""
    done = bascule("programs", *arguments)
    assert done.code in (2, 3)
    assert said in done.err


def test_the_check_tells_how_each_account_stands_with_its_firm(bascule: Bascule) -> None:
    """And the question to ask where nothing is on record."""
    write("live", "ftmo-1step")
    ((permit,), told) = notes(bascule)
    assert permit["ok"] is False
    assert "has no permission of its firm on record" in str(permit["text"])
    assert "May I use automated order execution through an API" in str(permit["to_do"])
    assert "verify with the firm" in told
    assert "Firm           a0: no live order goes" in bascule("check", "--config-only").out
    today = datetime.now(UTC).date()
    ends = today + timedelta(days=180)
    write(
        "live", "ftmo-1step",
        more=f'[accounts.a0.permission]\npolicy = "yes"\nasked_on = {today}\n'
        'evidence = "mail.txt"\n',
    )  # fmt: skip
    ((permit,), _) = notes(bascule)
    assert permit["ok"] is True
    assert permit["ends"] == str(ends)
    assert f"a0: permitted, until {ends}" in bascule("check", "--config-only").out
    assert "evidence mail.txt is not there" in notes(bascule)[1]
    Path("mail.txt").write_text("Yes, you may.", encoding="utf-8")
    assert "is not there" not in notes(bascule)[1]


def test_paper_is_free_and_told_what_live_will_want(bascule: Bascule) -> None:
    """No record is needed to try."""
    write("paper", "ftmo-1step")
    ((permit,), told) = notes(bascule)
    assert permit["ok"] is True
    assert "before it is live, ask FTMO" in told


def test_conditions_of_firms_are_told_and_never_masked(bascule: Bascule) -> None:
    """Servers, watching, one strategy on several accounts, and a firm that wants sole use."""
    write("paper", "topstep-combine-50k", "topstep-combine-50k", "tradeify-growth-50k")
    _, told = notes(bascule)
    assert "Topstep bars rented servers, and hosting is not declared" in told
    assert "Topstep wants automation to be watched, and attended is not set" in told
    assert "Strategy trend follows on 2 accounts at Topstep (a0, a1)" in told
    assert "Strategy trend follows on Tradeify, which wants it used nowhere else" in told


def test_a_cap_on_capital_is_told(bascule: Bascule) -> None:
    """Alpha permits 300,000 for one strategy."""
    write("paper", *["alpha-pro-10"] * 7)
    assert "follows with 350000 at Alpha Capital Group, which permits 300000" in notes(bascule)[1]


def test_a_missing_calendar_is_told(bascule: Bascule) -> None:
    """It keeps every entry back where the firm restricts trading round releases."""
    write("paper", "ftmo-2step-funded-standard")
    assert "[news] names no source" in notes(bascule)[1]
    write("paper", "ftmo-2step-challenge")
    assert "[news] names no source" not in notes(bascule)[1]
