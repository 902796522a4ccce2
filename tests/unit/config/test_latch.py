"""The latch: names that say everything, and keepers that cannot lose each other's."""

from pathlib import Path

import pytest

from bascule.config.latch import CONDITIONS, GUARDIAN_KEEPERS, Entry, Latch, read_name
from bascule.model.account import AccountSpec
from bascule.model.enums import AccountMode
from bascule.model.ids import AccountId, VenueId
from bascule.model.values import Currency

ALPHA = AccountSpec(
    id=AccountId("alpha"), venue=VenueId("v"), login="1", mode=AccountMode.PAPER,
    currency=Currency("USD"), firm="acme",
)  # fmt: skip


@pytest.fixture
def latch(tmp_path: Path) -> Latch:
    """A latch that nobody has set."""
    return Latch(tmp_path / "latch")


def put(latch: Latch, scope: str, **more: str) -> None:
    """Set it."""
    latch.set(scope, by="me", reason="test", at=1, **more)  # type: ignore[arg-type]


def test_what_is_not_set_holds_nothing(latch: Latch) -> None:
    """Without the directory every send goes."""
    assert latch.mode(ALPHA, "ma") is None
    assert latch.entries() == ()
    assert latch.scopes() == {}


@pytest.mark.parametrize(
    "scope", ["all", "account:alpha", "venue:v", "firm:acme", "strategy:ma", "strategy:a/b é"]
)
def test_a_scope_covers_its_own(latch: Latch, scope: str) -> None:
    """An account, its venue, its firm, a strategy of any name, or everything."""
    put(latch, scope)
    strategy = scope.partition(":")[2] if scope.startswith("strategy") else "rsi"
    assert latch.mode(ALPHA, strategy) == "halt"
    assert latch.covers(ALPHA, strategy)


@pytest.mark.parametrize("scope", ["account:beta", "venue:w", "firm:other", "strategy:ma"])
def test_a_scope_covers_nobody_elses(latch: Latch, scope: str) -> None:
    """Another account's stop holds back nothing here."""
    put(latch, scope)
    assert latch.mode(ALPHA, "rsi") is None


def test_the_stricter_of_two_counts(latch: Latch) -> None:
    """A freeze by anybody holds back everything, whoever else only halts."""
    put(latch, "all")
    put(latch, "account:alpha", mode="freeze", keeper="guardian")
    assert latch.mode(ALPHA) == "freeze"
    assert latch.scopes()["account:alpha"]["mode"] == "freeze"


def test_a_keeper_changes_its_own_mode_and_nobody_elses(latch: Latch) -> None:
    """One file a keeper and scope: a freeze takes the place of its own halt."""
    put(latch, "all", keeper="guardian")
    put(latch, "all", keeper="key", mode="freeze")
    put(latch, "all", keeper="guardian", mode="freeze")
    assert latch.entries() == (Entry("freeze", "guardian", "all"), Entry("freeze", "key", "all"))
    put(latch, "all", keeper="guardian")
    assert latch.entries() == (Entry("freeze", "key", "all"), Entry("halt", "guardian", "all"))


def test_arming_at_the_engine_leaves_what_the_guardian_keeps(latch: Latch) -> None:
    """The engine clears its own and a key's; conditions go by themselves."""
    for keeper in ("engine", "key", "guardian", *CONDITIONS):
        put(latch, "all", keeper=keeper)
    put(latch, "account:alpha")
    latch.clear("all", keep=GUARDIAN_KEEPERS)
    assert {entry.keeper for entry in latch.entries() if entry.scope == "all"} == GUARDIAN_KEEPERS
    latch.clear("all", keep=CONDITIONS)
    for keeper in CONDITIONS:
        latch.release("all", keeper)
    latch.clear("account:alpha")
    assert not Path(latch.path).exists()


@pytest.mark.parametrize("name", ["Thumbs.db", "x", "open.engine.all", "halt.engine", "halt..all"])
def test_a_name_that_cannot_be_read_shuts_everything(latch: Latch, name: str) -> None:
    """When in doubt the gate is shut."""
    Path(latch.path).mkdir()
    (Path(latch.path) / name).touch()
    assert latch.mode(ALPHA) == "halt"
    assert [entry.scope for entry in latch.entries()] == ["all"]


def test_an_empty_directory_and_a_file_in_its_place_shut_everything(latch: Latch) -> None:
    """Half of a set or of a clear never lets an entry through."""
    Path(latch.path).mkdir()
    assert latch.mode(ALPHA) == "halt"
    assert latch.entries() == (Entry("halt", "unknown", "all"),)
    Path(latch.path).rmdir()
    Path(latch.path).touch()
    assert latch.mode(ALPHA) == "halt"


def test_a_file_that_is_being_written_counts_for_nothing_yet(latch: Latch) -> None:
    """It has a name with a dot until it is whole, and what it takes the place of still holds."""
    put(latch, "account:beta")
    (Path(latch.path) / ".77.guardian").write_text("{")
    assert latch.mode(ALPHA) is None
    assert read_name(".77.guardian") is None


def test_a_file_without_a_time_has_the_disks(latch: Latch) -> None:
    """The key's program reads no clock."""
    latch.set("all", by="key", reason="pressed", keeper="key")
    (Path(latch.path) / "halt.hand.firm%3Aacme").touch()
    shown = latch.scopes()
    assert isinstance(shown["all"]["at"], int)
    assert shown["all"]["by"] == "key"
    assert shown["firm:acme"]["keeper"] == "hand"
