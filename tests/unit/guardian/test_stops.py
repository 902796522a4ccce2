"""Stops: how one meets another, what they mean for an account, and who may lift one."""

from pathlib import Path

import msgspec
import pyotp
import pytest

from bascule.config.second_factor import SecondFactor
from bascule.guardian.arming import arm_refusal, wants_code
from bascule.guardian.stops import Stop, Stops, merged
from bascule.guardian.words import Command
from bascule.model.errors import ConfigError, SecretError
from bascule.model.values import SECOND, Instant
from tests.unit.guardian.house import START, spec

LATER = Instant(START + SECOND)
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def command(action: str, scope: str = "all", **more: object) -> Command:
    """Make a command."""
    return msgspec.convert({"action": action, "scope": scope, "via": "cli", **more}, type=Command)


def stop(action: str, scope: str = "all", at: int = START, **more: object) -> Stop:
    """Make a stop."""
    return msgspec.structs.replace(merged(None, command(action, scope, **more), Instant(at)))


@pytest.mark.parametrize(
    ("old", "new", "via", "action"),
    [
        ("halt", "flatten", "auto", "flatten"),
        ("flatten", "halt", "cli", "flatten"),
        ("flatten", "cancel", "cli", "flatten"),
        ("cancel", "flatten", "cli", "flatten"),
        ("halt", "lock", "cli", "halt"),
        ("flatten", "freeze", "cli", "freeze"),
        ("freeze", "flatten", "cli", "flatten"),
        ("freeze", "flatten", "auto", "freeze"),
        ("freeze", "halt", "cli", "freeze"),
    ],
)
def test_only_arming_loosens_a_stop(old: str, new: str, via: str, action: str) -> None:
    """The stronger stays; a person's freeze holds a sweep up, and their flatten goes on."""
    found = merged(stop(old), command(new, via=via), LATER)
    assert found.action == action


def test_the_later_hour_of_two_locks_holds() -> None:
    """A lock is never shortened by another stop of the same scope."""
    late = merged(stop("lock", until=START + 9), command("flatten", until=START + 5), LATER)
    assert late.until == START + 9
    assert late.action == "flatten"


@pytest.mark.parametrize(
    ("action", "scope", "latch"),
    [
        ("halt", "all", "halt"),
        ("lock", "all", "halt"),
        ("cancel", "all", "halt"),
        ("freeze", "all", "freeze"),
        ("flatten", "account:alpha", "freeze"),
        ("flatten", "strategy:ma", "halt"),
    ],
)
def test_what_the_engine_is_held_to(action: str, scope: str, latch: str) -> None:
    """While the guardian closes an account the engine sends nothing there, exits included."""
    assert stop(action, scope).latch == latch


def test_the_strongest_stop_that_covers_an_account_counts(tmp_path: Path) -> None:
    """Scopes of the account, its venue and its firm count, and no others."""
    stops = Stops(tmp_path / "stops.json")
    alpha, beta = spec("alpha", firm="acme"), spec("beta")
    assert stops.goal(alpha).action is None
    stops.put(stop("halt", "venue:fake"))
    stops.put(stop("cancel", "firm:acme"))
    stops.put(stop("flatten", "account:gamma"))
    assert (stops.goal(alpha).action, stops.goal(beta).action) == ("cancel", "halt")
    assert stops.goal(alpha).sweeps
    assert not stops.goal(beta).sweeps


def test_a_freeze_holds_an_older_flatten_up_and_a_newer_one_not(tmp_path: Path) -> None:
    """Freeze means nothing at all, the guardian's own sweep included, until somebody goes on."""
    stops = Stops(tmp_path / "stops.json")
    stops.put(stop("flatten", "all"))
    stops.put(stop("freeze", "account:alpha", at=LATER))
    assert stops.goal(spec("alpha")).action == "freeze"
    assert stops.goal(spec("beta")).action == "flatten"
    stops.put(stop("flatten", "venue:fake", at=LATER + 1))
    assert stops.goal(spec("alpha")).action == "flatten"


def test_strategies_are_swept_where_nothing_covers_the_account(tmp_path: Path) -> None:
    """A strategy's flatten names the strategies; one of the whole account stands before it."""
    stops = Stops(tmp_path / "stops.json")
    stops.put(stop("flatten", "strategy:ma"))
    stops.put(stop("cancel", "strategy:rsi"))
    assert stops.goal(spec()).only == {"ma"}
    stops.put(stop("flatten", "all"))
    assert stops.goal(spec()).only == frozenset()


def test_stops_outlive_the_process(tmp_path: Path) -> None:
    """Whoever starts anew finds every stop as it was, and a dropped one gone."""
    path = tmp_path / "stops.json"
    stops = Stops(path)
    stops.put(stop("flatten", "all", until=START + 7))
    stops.put(stop("halt", "account:alpha"))
    stops.drop("account:alpha")
    (kept,) = list(Stops(path))
    assert (kept.scope, kept.action, kept.until) == ("all", "flatten", START + 7)


def test_a_file_of_stops_that_cannot_be_read_starts_nothing(tmp_path: Path) -> None:
    """What was stopped is not known then, and a guess could let entries go."""
    (tmp_path / "stops.json").write_text("[{")
    with pytest.raises(ConfigError, match="not known what was stopped"):
        Stops(tmp_path / "stops.json")


# --- arming --------------------------------------------------------------------------------------


def refused(asked: Command, held: Stop | None, factor: SecondFactor | None = None) -> str:
    """Give the code of a refusal, '' when it may be armed."""
    found = arm_refusal(asked, held, factor, LATER)
    return found.code if found else ""


def test_arming_takes_the_typed_name() -> None:
    """The name after the colon, or ``all``; a stop that is not there cannot be lifted."""
    held = stop("flatten", "account:alpha")
    assert refused(command("arm", "account:alpha", typed="alpha"), held) == ""
    assert refused(command("arm", "account:alpha", typed="beta"), held) == "arm_not_confirmed"
    assert refused(command("arm", "account:alpha"), held) == "arm_not_confirmed"
    assert refused(command("arm", typed="all"), None) == "not_stopped"


@pytest.mark.parametrize("via", ["telegram", "webhook", "file", "key", "auto"])
def test_arming_never_comes_from_afar(via: str) -> None:
    """No chat, webhook, file or key arms, whatever it has typed."""
    asked = command("arm", typed="all", via=via)
    assert refused(asked, stop("halt")) == "arm_not_remote"


def test_a_lock_cannot_be_armed_before_its_hour() -> None:
    """The right name changes nothing before the time, and arms after it."""
    asked = command("arm", typed="all")
    assert refused(asked, stop("lock", until=LATER + 1)) == "locked"
    assert refused(asked, stop("lock", until=LATER)) == ""


def test_a_second_factor_is_asked_for_and_counts_once(tmp_path: Path) -> None:
    """Without a code, with a wrong one, and with one that was used, nothing is armed."""
    factor = SecondFactor(lambda: SECRET, tmp_path)
    code = pyotp.TOTP(SECRET).at(LATER // SECOND)
    held = stop("halt")
    assert wants_code(factor)
    assert refused(command("arm", typed="all"), held, factor) == "arm_needs_code"
    assert refused(command("arm", typed="all", code="000000"), held, factor) == "arm_code_wrong"
    assert refused(command("arm", typed="all", code=code), held, factor) == ""
    assert refused(command("arm", typed="all", code=code), held, factor) == "arm_code_wrong"


def test_a_code_is_not_used_up_by_a_wrong_name(tmp_path: Path) -> None:
    """Whoever mistypes the name can use the same code again."""
    factor = SecondFactor(lambda: SECRET, tmp_path)
    code = pyotp.TOTP(SECRET).at(LATER // SECOND)
    assert refused(command("arm", typed="al", code=code), stop("halt"), factor)
    assert refused(command("arm", typed="all", code=code), stop("halt"), factor) == ""


def test_a_store_that_cannot_be_read_arms_nothing(tmp_path: Path) -> None:
    """When it is not known whether a code is wanted, one is, and none is right."""

    def locked() -> str:
        raise SecretError("the store is locked", code="secret_passphrase")

    factor = SecondFactor(locked, tmp_path)
    assert wants_code(factor)
    assert refused(command("arm", typed="all"), stop("halt"), factor) == "secret_passphrase"
