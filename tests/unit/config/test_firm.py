"""What the configuration says of firms: programmes, permissions, buffers, the news calendar."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from bascule.config.build import Config
from bascule.config.firm_remarks import firm_remarks
from bascule.config.load import read
from bascule.config.problems import ConfigProblems
from bascule.model.programme import Guard
from bascule.model.values import DAY, SECOND, Instant
from bascule.reference.localtime import local

TEXT = """\
mode = "live"
[venues.paper]
kind = "paper"
[accounts.a]
venue = "paper"
login = "1"
currency = "USD"
initial_balance = 100000
programme = "ftmo-2step-funded-standard"
phase = "funded"
owner = "me"
hosting = "own"
attended = true
[accounts.a.permission]
policy = "yes"
asked_on = "2026-06-01"
evidence = "their terms, section 5"
answered_by = "support"
how = "email"
phase = "funded"
"""


def config(text: str = TEXT, **changes: str) -> Config:
    """Read the text above with lines replaced: the key's line by the value."""
    for key, line in changes.items():
        old = next(one for one in text.splitlines() if one.startswith(f"{key} ="))
        text = text.replace(old, line)
    return read(text, Path("bascule.toml"), {})


def test_an_account_gets_its_programme_with_the_buffers_of_ours() -> None:
    """75 % blocks, 90 % flattens, thirty minutes before a close, one contract or 10 % below."""
    spec = config().accounts[0]
    assert spec.firm == "FTMO"
    assert spec.programme is not None
    assert spec.programme.id == "ftmo-2step-funded-standard"
    assert spec.programme.guard == Guard(Decimal(75), Decimal(90), Decimal(10), Decimal(10))
    assert spec.programme.flat is not None
    assert spec.programme.flat.buffer_min == 30
    assert (spec.hosting, spec.attended) == ("own", True)


def test_buffers_are_the_users_to_set() -> None:
    """Each replaces the default."""
    text = TEXT + (
        "[accounts.a.buffers]\nblock_at = 60\nflatten_at = 80\npretrade = 5\nsize_below = 2\n"
        'session_cutoff = "45m"\nslippage_factor = 1.5\nbefore_news = "flat"\n'
        'past_useful_profit = "refuse"\n'
    )
    programme = config(text).accounts[0].programme
    assert programme is not None
    guard = programme.guard
    assert (guard.block_at, guard.flatten_at, guard.size_below) == (60, 80, 2)
    assert guard.slippage_factor == Decimal("1.5")
    assert guard.flat_before_news
    assert guard.refuse_past_useful
    assert programme.flat is not None
    assert programme.flat.buffer_min == 45


def test_a_permission_ends_180_days_after_it_was_asked_for() -> None:
    """Through the whole of its last day, and never later; an earlier end is the user's word."""
    permission = config().accounts[0].permission
    assert permission is not None
    assert permission.expires - permission.asked == 181 * DAY
    assert local(Instant(permission.expires - SECOND), "UTC").date().isoformat() == "2026-11-28"
    sooner = config(TEXT + 'expires = "2026-07-01"\n').accounts[0].permission
    assert sooner is not None
    assert local(Instant(sooner.expires - SECOND), "UTC").date().isoformat() == "2026-07-01"


def test_what_a_programme_says_is_journaled_with_the_configuration() -> None:
    """The text that the engine journals holds the rules themselves, not their name alone."""
    assert '"daily_loss":{"limit":' in config().text
    other = config(programme='programme = "ftmo-2step-funded-swing"')
    assert config().hash != other.hash


WRONG: list[tuple[dict[str, str], str, str]] = [
    ({"programme": 'programme = "ftmo"'}, "accounts.a.programme", "no preset"),
    ({"programme": 'programme = "file:none.toml"'}, "accounts.a.programme", "cannot be read"),
    ({"initial_balance": ""}, "accounts.a.initial_balance", "is missing"),
    ({"owner": 'owner = "me"\nfirm = "Apex"'}, "accounts.a.firm", "another firm"),
    ({"phase": 'phase = "third"'}, "accounts.a.phase", "phase1, phase2"),
    ({"asked_on": 'asked_on = "June"'}, "accounts.a.permission.asked_on", "is not a day"),
    ({"how": 'how = "email"\nexpires = "2027-01-01"'}, "expires", "180 days after"),
    ({"policy": 'policy = "maybe"'}, "accounts.a.permission.policy", "silent"),
    ({"policy": 'policy = "no"\n[accounts.a.buffers]\nblock_at = 95\n[accounts.a.x]'},
     "buffers.block_at", "above flatten_at"),
    ({"policy": 'policy = "no"\n[accounts.a.buffers]\nrequest_reserve = 2000\n[accounts.a.x]'},
     "accounts.a.buffers.request_reserve", "no entry could ever leave"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "place", "said"), WRONG)
def test_what_is_wrong_is_named_with_its_key(
    changes: dict[str, Any], place: str, said: str
) -> None:
    """Every problem has its place and what would be right."""
    with pytest.raises(ConfigProblems) as caught:
        config(**changes)
    assert place in str(caught.value)
    assert said in str(caught.value)


def test_the_problems_of_a_programmes_own_file_name_that_file(tmp_path: Path) -> None:
    """They come with those of the configuration."""
    (tmp_path / "my.toml").write_text(
        'schema = "bascule-programme/1"\nfirm = "X"\nweekend = "maybe"\n', encoding="utf-8"
    )
    text = TEXT.replace('"ftmo-2step-funded-standard"', '"file:my.toml"')
    with pytest.raises(ConfigProblems, match=r"my\.toml:3  weekend"):
        read(text, tmp_path / "bascule.toml", {})


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('source = "http://x.example/c.ics"', "https://"),
        ('zone = "Prague"', "IANA"),
        ('refresh = "3d"', "grow stale"),
    ],
)
def test_a_calendar_that_could_not_work_is_refused(table: str, said: str) -> None:
    """Unencrypted, in no zone, or always too old."""
    with pytest.raises(ConfigProblems, match=said):
        config(f"{TEXT}[news]\n{table}\n")


def test_the_file_of_a_calendar_is_found_beside_the_configuration(tmp_path: Path) -> None:
    """An address is left as it is."""
    near = read(f'{TEXT}[news]\nsource = "c.csv"\n', tmp_path / "bascule.toml", {})
    assert near.news.source == str(tmp_path / "c.csv")
    far = config(f'{TEXT}[news]\nsource = "https://x.example/c.ics"\n')
    assert far.news.source == "https://x.example/c.ics"


SOURCES = """
[sources.mine]
kind = "intents"
bearer_secret = "mine"
[sources.tips]
kind = "intents"
bearer_secret = "tips"
owner = "Bob"
[routes.r]
strategy = "s"
sources = ["tips"]
[[routes.r.accounts]]
account = "a"
sizing = { method = "fixed", quantity = 1 }
"""


def copying(word: str, sources: str) -> Config:
    """Read the text above with sources, under a firm that permits, forbids or says nothing."""
    made = config(TEXT + SOURCES.replace('["tips"]', sources))
    spec = made.accounts[0]
    assert spec.programme is not None
    conduct = replace(spec.programme.conduct, copying_others=word)
    spec = replace(spec, programme=replace(spec.programme, conduct=conduct))
    return replace(made, accounts=(spec,))


def test_a_source_of_another_owner_is_known_to_each_account() -> None:
    """By its name; one that is the account owner's own, or names nobody, is not."""
    assert config(TEXT + SOURCES).accounts[0].others == {"tips": "Bob"}
    assert config(TEXT + SOURCES, owner='owner = "Bob"').accounts[0].others == {}


@pytest.mark.parametrize("sources", ['["tips"]', '["*"]'])
def test_a_route_that_carries_another_owners_signals_is_told_of(sources: str) -> None:
    """With the firm's own word, and that nothing passes where it is no permission."""
    at = Instant(1_780_000_000 * SECOND)
    told = [one for one in firm_remarks(copying("prohibited", sources), at) if "Bob" in one]
    assert told == [
        "Route r carries the signals of tips, which are Bob's, to account a; FTMO's word on"
        ' copying others is "prohibited"; no live entry passes (copies_others).'
    ]
    (allowed,) = [one for one in firm_remarks(copying("allowed", sources), at) if "Bob" in one]
    assert allowed.endswith('"allowed".')
    assert not [one for one in firm_remarks(copying("unknown", '["mine"]'), at) if "Bob" in one]
