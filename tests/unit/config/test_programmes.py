"""Presets hold every fact of the stored table, and files of one programme are read strictly."""

import copy
import json
import tomllib
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bascule.config.problems import ConfigProblems
from bascule.config.programmes import Reading, checked, find, presets, read, read_file
from bascule.model.errors import ConfigError
from bascule.model.programme import (
    SERVER_GMT2_GMT3,
    Clock,
    Consistency,
    DailyLoss,
    FlatRule,
    HoldTime,
    Limit,
    NewsRule,
    SizeTier,
    Trail,
)

FACTS = json.loads(
    (Path(__file__).resolve().parents[2] / "data/firm-rules.json").read_text("utf-8")
)
PROGRAMS: dict[str, dict[str, Any]] = {one["id"]: one for one in FACTS["programs"]}
OWN_KEYS = {"vps", "attended", "same_strategy_elsewhere"}
"""What the stored table says only within its conditions, and a preset in keys of its own."""


def resolved(name: str) -> dict[str, Any]:
    """Give a programme of the table with what it extends, each key replaced as a whole."""
    own = PROGRAMS[name]
    return (resolved(own["extends"]) | own) if "extends" in own else own


def plain(value: Any, key: str = "") -> Any:
    """Write a value of a preset as the table does."""
    if value == "not found" or (key == "lock" and value == "never"):
        return None
    if isinstance(value, dict):
        return {name: plain(one, name) for name, one in value.items() if name not in OWN_KEYS}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return str(value) if isinstance(value, Decimal) else value


def rules(name: str, phase: Any = "", initial: int | None = 100_000) -> Reading:
    """Read a preset, which has no problem."""
    return checked(presets()[name], phase, None if initial is None else Decimal(initial))


def test_the_presets_are_those_of_the_table() -> None:
    """No programme is left out, and none is made up."""
    assert set(presets()) == set(PROGRAMS)


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_field_of_the_table_is_in_its_preset_with_its_value(name: str) -> None:
    """Null stays "not found", unknown stays unknown, and a conflict stays as it was told."""
    facts, source = presets()[name], resolved(name)
    found = {key: plain(value, key) for key, value in facts.table.items()}
    assert found.pop("verify") == "VERIFY WITH THE FIRM"
    assert found.pop("title") == source["program"]
    told = {"id", "firm", "program", "extends", "verify_with_firm"}
    assert found == {key: value for key, value in source.items() if key not in told}
    assert (facts.firm, facts.read_on) == (source["firm"], FACTS["read_on"])


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_preset_has_its_sources_and_says_that_it_must_be_verified(name: str) -> None:
    """Each source has its address, its kind and the day that it speaks of."""
    facts, source = presets()[name], resolved(name)
    cited = {*source["sources"], *source.get("automation", {}).get("source", ())}
    assert {key: plain(one) for key, one in facts.sources.items()} == {
        key: FACTS["sources"][key] for key in cited
    }
    assert facts.sources
    assert facts.label == f"not affiliated with {facts.firm}, read on 2026-11-21, " + (
        "VERIFY WITH THE FIRM"
    )


def test_every_source_of_the_table_is_in_some_preset_file() -> None:
    """None is lost, not even one that is cited for a permission alone."""
    folder = files("bascule.risk") / "programmes" / "presets"
    documents = [tomllib.loads(file.read_text("utf-8")) for file in folder.iterdir()]
    assert {name for one in documents for name in one["sources"]} == set(FACTS["sources"])
    assert all("not affiliated" in file.read_text("utf-8") for file in folder.iterdir())


@pytest.mark.parametrize("phase", ["", "phase1", "phase2", "phase3", "funded"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_every_preset_is_read_without_a_problem_in_every_phase(name: str, phase: Any) -> None:
    """No key of a preset is unknown to the reader of rules."""
    assert read(presets()[name], phase, Decimal(100_000)).problems == ()


MISSING = {
    "alpha-three": ["daily_loss"],
    "apex-intraday-50k": ["max_loss.limit.amount"],
    "apex-eod-50k": ["daily_loss.limit.amount", "max_loss.limit.amount"],
    "blueguardian-2step": ["daily_loss.reset"],
    "blueguardian-1step": ["daily_loss.reset"],
    "blueguardian-instant": ["daily_loss.reset"],
    "fundednext-stellar-2step": ["daily_loss.reset.tz"],
    "fundednext-stellar-1step": ["daily_loss.reset.tz"],
    "fundednext-stellar-lite": ["daily_loss.reset.tz"],
    "maven-2step": ["daily_loss"],
    "maven-1step": ["daily_loss"],
    "maven-3step": ["daily_loss"],
    "seacrest-2step": ["daily_loss.reset"],
}


def test_a_preset_that_lacks_what_matters_is_not_tradable() -> None:
    """A null amount, a daily loss that nobody tells of, a reset whose zone nobody knows."""
    found = {name: list(rules(name).programme.missing) for name in PROGRAMS}
    assert {name: keys for name, keys in found.items() if keys} == MISSING
    assert all(rules(name).tradable is (name not in MISSING) for name in PROGRAMS)


@pytest.mark.parametrize("name", MISSING)
def test_what_is_missing_comes_with_the_question_for_the_firm(name: str) -> None:
    """The owner is told what to ask."""
    reading = rules(name)
    needed = [one for one in reading.questions if one.needed]
    assert [one.key for one in needed] == MISSING[name]
    assert all(one.text.endswith("?") for one in needed)


def test_unknown_values_are_questions_with_the_stricter_reading() -> None:
    """What is not known but can be read strictly does not keep an account from trading."""
    reading = rules("fxify-2phase")
    by_key = {one.key: one for one in reading.questions}
    assert reading.tradable
    assert by_key["daily_loss.limit.of"].reading == "the smaller of both"
    assert by_key["max_loss.trail.when"].reading == "at once"
    assert by_key["weekend"].reading == "they may not"


def test_the_losses_of_a_preset_become_rules() -> None:
    """Amounts, percents, references, resets and trails arrive as the table has them."""
    ftmo, topstep = rules("ftmo-1step").programme, rules("topstep-xfa-50k", "funded").programme
    assert ftmo.daily_loss == DailyLoss(
        limit=Limit(pct=Decimal(3), of="initial"),
        reference="balance",
        measured_on="equity",
        trigger="below",
        on_breach="fail",
        reset=Clock("00:00", "Europe/Prague"),
    )
    assert ftmo.max_loss is not None
    assert ftmo.max_loss.trail == Trail("balance", "eod", Clock("00:00", "Europe/Prague"))
    assert ftmo.max_loss.lock is None
    assert topstep.cashflow.max_loss_floor == "set_initial"
    assert topstep.max_size is not None
    assert topstep.max_size.tiers == (
        SizeTier(None, Decimal(2)),
        SizeTier(Decimal(1500), Decimal(3)),
        SizeTier(Decimal(2000), Decimal(5)),
    )


def test_a_phase_chooses_among_rules_that_differ() -> None:
    """In evaluation FTMO's 1-Step has no news rule; funded, and where no phase is said, it has."""
    assert rules("ftmo-1step", "phase1").programme.news is None
    assert rules("ftmo-1step", "phase1").programme.flat is None
    for phase in ("funded", ""):
        programme = rules("ftmo-1step", phase).programme
        assert programme.news == NewsRule(120, 120, "open_or_close")
        assert programme.flat == FlatRule(overnight="allowed", weekend="prohibited")


@pytest.mark.parametrize(("phase", "pct"), [("", 10), ("phase1", 10), ("phase2", 5)])
def test_a_phase_has_its_own_target(phase: str, pct: int) -> None:
    """The first where none is said; a funded account has none."""
    target = rules("ftmo-2step-challenge", phase).programme.target
    assert target is not None
    assert target.pct == pct
    assert rules("ftmo-2step-challenge", "funded").programme.target is None


@pytest.mark.parametrize(
    ("initial", "lots"),
    [(None, None), (5000, "2.5"), (60_000, 20), (100_000, 40), (400_000, 120), (1000, "2.5")],
)
def test_lots_go_by_the_size_of_the_account(initial: int | None, lots: Any) -> None:
    """An account between two sizes has the smaller's."""
    size = rules("alpha-one", "", initial).programme.max_size
    assert size is not None
    assert size.lots == (None if lots is None else Decimal(lots))


def test_conduct_and_consistency_become_rules() -> None:
    """Hold times and best days are told in several forms."""
    assert rules("maven-2step").programme.hold_time == HoldTime(
        max_share_under_pct=Decimal(50), over_s=Decimal(60)
    )
    assert rules("tradeify-growth-50k").programme.hold_time == HoldTime(
        min_share_over_pct=Decimal(50), over_s=Decimal(10)
    )
    audacity = rules("audacity-ability-one").programme
    assert audacity.consistency == Consistency(pass_at=Decimal(70), review_at=Decimal(50))
    assert audacity.hold_time == HoldTime(min_hold_s=Decimal(120))
    ftmo = rules("ftmo-2step-challenge").programme
    assert ftmo.flat == FlatRule(overnight="allowed", weekend="allowed", no_entry_min=120)
    assert rules("topstep-combine-50k").programme.automation.vps == "prohibited"


FILE = """\
schema = "bascule-programme/1"
preset = "fundednext-stellar-2step"
firm = "FundedNext"
verified_on = "2026-11-20"
title = "Mine"
overnight = "allowed"
weekend = "allowed"
news = { policy = "allowed" }
min_days = "none"
profit_target = { phase1_pct = 8 }
consistency = "none"
automation = { permitted = "yes" }
[daily_loss]
limit = { pct = 5, of = "initial" }
reference = "balance"
measured_on = "equity"
trigger = "below"
on_breach = "fail"
reset = { time = "00:00", tz = "Europe/Athens" }
[max_loss]
limit = { pct = 10, of = "initial" }
kind = "static"
measured_on = "equity"
trigger = "below"
on_breach = "fail"
"""


def write(folder: Path, *changes: tuple[str, str]) -> Path:
    """Write the file above with lines replaced."""
    text = FILE
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    path = folder / "my.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_of_ones_own_fills_in_what_a_preset_lacks(tmp_path: Path) -> None:
    """It is found beside the configuration, and its word is the user's."""
    write(tmp_path)
    facts = find("file:my.toml", tmp_path)
    reading = checked(facts)
    assert reading.tradable
    assert reading.questions == ()
    assert facts.label == "compared with the firm by you on 2026-11-20"
    assert reading.programme.id == "file:my.toml"


def test_the_stricter_reading_of_a_servers_zone_can_be_accepted(tmp_path: Path) -> None:
    """Both dates of the change are then obeyed; without that word no live order goes."""
    unknown = ("Europe/Athens", SERVER_GMT2_GMT3)
    accepted = ('title = "Mine"', 'title = "Mine"\naccept_stricter = ["daily_loss.reset.tz"]')
    assert not checked(read_file(write(tmp_path, unknown))).tradable
    assert checked(read_file(write(tmp_path, unknown, accepted))).tradable


WRONG = [
    ('tz = "Europe/Athens"', 'tz = "Athens"', "my.toml:19  daily_loss.reset.tz", "IANA"),
    ('reference = "balance"', 'reference = "ballance"', "daily_loss.reference", "balance, equity"),
    ('trigger = "below"\non_breach = "fail"\nreset', 'triger = "below"\non_breach = "fail"\nreset',
     "daily_loss.triger", "trigger"),
    ("pct = 10", "pct = -10", "max_loss.limit.pct", "zero or more"),
    ("pct = 10", "pct = nan", "max_loss.limit.pct", "zero or more"),
    ("pct = 10", "pct = inf", "max_loss.limit.pct", "zero or more"),
    ("pct = 10", 'pct = "ten"', "max_loss.limit.pct", "zero or more"),
    ("pct = 10, ", "pct = 10, amount = 3, ", "max_loss.limit.amount", "one of both"),
    ('weekend = "allowed"', 'weekend = "maybe"', "my.toml:7  weekend", "prohibited, flat"),
    ('title = "Mine"', 'titel = "Mine"', "my.toml:5  titel", "title"),
    ('consistency = "none"', 'consistency = "off"', "consistency", '"none"'),
    ('time = "00:00"', 'time = "midnight"', "daily_loss.reset.time", "HH:MM"),
    ('permitted = "yes"', "permitted = true", "automation.permitted", "yes, no, silent"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "place", "said"), WRONG)
def test_what_is_wrong_is_named_with_its_file_line_key_and_what_is_allowed(
    tmp_path: Path, before: str, after: str, place: str, said: str
) -> None:
    """A programme with a mistake is refused as a whole."""
    with pytest.raises(ConfigProblems) as caught:
        checked(read_file(write(tmp_path, (before, after))))
    assert place in str(caught.value)
    assert said in str(caught.value)


def test_a_name_that_stands_for_nothing_is_refused_with_what_there_is(tmp_path: Path) -> None:
    """A near preset is proposed; a missing or foreign file is named."""
    with pytest.raises(ConfigError, match='did you mean "ftmo-1step"'):
        find("ftmo-1stepp", tmp_path)
    with pytest.raises(ConfigError, match="cannot be read"):
        find("file:none.toml", tmp_path)
    (tmp_path / "other.toml").write_text("a = 1", encoding="utf-8")
    with pytest.raises(ConfigError, match="not the file of one programme"):
        find("file:other.toml", tmp_path)
    (tmp_path / "bad.toml").write_text("a =", encoding="utf-8")
    with pytest.raises(ConfigError, match="not TOML"):
        find("file:bad.toml", tmp_path)


JUNK = st.recursive(
    st.sampled_from(["not found", "unknown", "none", "never", "", "allowed", "-inf"])
    | st.integers(-3, 10_000)
    | st.decimals(-3, 100, allow_nan=False, places=2)
    | st.booleans(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(
        ["pct", "amount", "of", "time", "tz", "on", "when", "limit", "from", "contracts", "x"]
    ), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip


def paths(table: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Give the way to every value of a table, tables included."""
    if not isinstance(table, dict):
        return [above]
    return [above, *(path for key, one in table.items() for path in paths(one, (*above, key)))]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(PROGRAMS)), st.data())
def test_whatever_a_file_holds_is_read_or_refused(name: str, data: st.DataObject) -> None:
    """A value of any kind in any place is a rule or a problem with its key, and never a crash."""
    facts = presets()[name]
    table = copy.deepcopy(facts.table)
    path = data.draw(st.sampled_from([path for path in paths(table) if path]))
    inside = table
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = data.draw(JUNK)
    changed = msgspec.structs.replace(facts, table=table)
    for phase in ("", "funded"):
        reading = read(changed, phase, Decimal(100_000))
        assert all(problem.key[:2] == ("programmes", name) for problem in reading.problems)
