"""Codes that arm: right once, within their time, and only so many guesses."""

from collections.abc import Callable
from pathlib import Path

import pyotp
import pytest

from bascule.config.second_factor import (
    SECRET,
    STEP_S,
    WRONG_MAX,
    WRONG_NS,
    SecondFactor,
    new_secret,
    second_factor,
    verify,
)
from bascule.config.secrets import Secrets
from bascule.model.enums import AccountMode
from bascule.model.errors import SecretError
from bascule.model.values import SECOND, Instant

KEY = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
NOW = Instant(1_800_000_000 * SECOND)


def code(at: int = NOW, steps: int = 0) -> str:
    """Give the code that a phone shows."""
    return pyotp.TOTP(KEY).at(at // SECOND + steps * STEP_S)


def factor(folder: Path, secret: str = KEY) -> SecondFactor:
    """Give a factor with a memory; two of one folder are two processes."""
    return SecondFactor(lambda: secret, folder / "memory")


def refused(found: object) -> str:
    """Give the code of a refusal, '' for none."""
    return getattr(found, "code", "")


def test_a_code_counts_once_for_whichever_process(tmp_path: Path) -> None:
    """Engine and guardian remember in one place; a second showing is a replay."""
    engine, guardian = factor(tmp_path), factor(tmp_path)
    assert engine.refusal(code(), NOW) is None
    assert refused(guardian.refusal(code(), NOW)) == "arm_code_wrong"
    later = Instant(NOW + STEP_S * SECOND)
    assert guardian.refusal(code(later), later) is None


def test_a_code_before_the_last_used_one_is_refused(tmp_path: Path) -> None:
    """Somebody who saw an older code within the drift cannot use it afterwards."""
    one = factor(tmp_path)
    assert one.refusal(code(steps=1), NOW) is None
    assert refused(one.refusal(code(), NOW)) == "arm_code_wrong"


@pytest.mark.parametrize(
    ("steps", "right"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)]
)
def test_a_phone_may_be_off_by_one_step(tmp_path: Path, steps: int, right: bool) -> None:
    """Thirty seconds either way, not more."""
    assert (factor(tmp_path).refusal(code(steps=steps), NOW) is None) is right


def test_a_code_may_have_spaces(tmp_path: Path) -> None:
    """Apps show it in two groups."""
    shown = code()
    assert factor(tmp_path).refusal(f" {shown[:3]} {shown[3:]} ", NOW) is None


def test_without_a_secret_no_code_is_asked_for(tmp_path: Path) -> None:
    """Whoever did not set it up arms as before."""
    one = factor(tmp_path, "")
    assert not one.is_set and one.refusal("", NOW) is None


def test_a_missing_code_is_asked_for_and_is_no_guess(tmp_path: Path) -> None:
    """Asking without a code, as a script may, does not close the door."""
    one = factor(tmp_path)
    for _ in range(WRONG_MAX + 1):
        assert refused(one.refusal("  ", NOW)) == "arm_needs_code"
    assert one.refusal(code(), NOW) is None


def test_guessing_is_limited_across_processes(tmp_path: Path) -> None:
    """After five wrong codes even a right one is refused, until five minutes have passed."""
    one = factor(tmp_path)
    for _ in range(WRONG_MAX):
        assert refused(one.refusal("abcdef", NOW)) == "arm_code_wrong"
    other = factor(tmp_path)
    assert refused(other.refusal(code(), NOW)) == "arm_code_limited"
    later = Instant(NOW + WRONG_NS)
    assert other.refusal(code(later), later) is None


def test_what_cannot_be_remembered_does_not_count(tmp_path: Path) -> None:
    """A code that might be replayed arms nothing."""
    (tmp_path / "memory").write_text("a file in its place")
    with pytest.raises(SecretError):
        verify(KEY, code(), NOW, tmp_path / "memory")


def test_a_secret_that_makes_no_codes_is_told(tmp_path: Path) -> None:
    """One that was put into the environment by hand may be anything."""
    for broken in ("no base32!", "JBSWY3DP"):
        with pytest.raises(SecretError) as caught:
            factor(tmp_path, broken).refusal("123456", NOW)
        assert caught.value.code == "second_factor_unusable" and broken not in caught.value.message


class _Store:
    place = "memory"

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.read: Callable[[str], str | None] = self.kept.get

    def write(self, name: str, value: str) -> None:
        self.kept[name] = value

    def delete(self, name: str) -> bool:
        return self.kept.pop(name, None) is not None

    def names(self) -> tuple[str, ...]:
        return tuple(self.kept)


def test_it_is_in_force_from_the_moment_it_is_set_up(tmp_path: Path) -> None:
    """A running engine asks for a code as soon as the store holds a secret."""
    secrets = Secrets(AccountMode.LIVE, _Store(), {})
    one = second_factor(secrets, tmp_path)
    assert not one.is_set
    secret, uri = new_secret("live")
    secrets.set(SECRET, secret)
    assert one.is_set and refused(one.refusal("", NOW)) == "arm_needs_code"
    assert uri.startswith("otpauth://totp/Bascule:live?") and f"secret={secret}" in uri


def test_a_replaced_secret_counts_at_once_even_where_the_environment_is_older(
    tmp_path: Path,
) -> None:
    """A guardian has its secrets in its environment from when it was started."""
    old, new = new_secret("live")[0], new_secret("live")[0]
    environ = {"BASCULE_SECRET_LIVE_SECOND_FACTOR": old}
    secrets = Secrets(AccountMode.LIVE, _Store(), environ)
    one = second_factor(secrets, tmp_path)
    assert one.refusal(pyotp.TOTP(old).at(NOW // SECOND), NOW) is None
    secrets.set(SECRET, new)
    later = Instant(NOW + 10 * STEP_S * SECOND)
    assert refused(one.refusal(pyotp.TOTP(old).at(later // SECOND), later)) == "arm_code_wrong"
    assert one.refusal(pyotp.TOTP(new).at(later // SECOND), later) is None


def test_a_locked_store_leaves_the_environment_or_refuses(tmp_path: Path) -> None:
    """Where nobody can be asked for a passphrase, no arming slips through."""

    class Locked(_Store):
        def __init__(self) -> None:
            super().__init__()

            def locked(name: str) -> str | None:
                raise SecretError("locked", code="secret_passphrase")

            self.read = locked

    environ = {"BASCULE_SECRET_LIVE_SECOND_FACTOR": KEY}
    given = second_factor(Secrets(AccountMode.LIVE, Locked(), environ), tmp_path)
    assert given.refusal(code(), NOW) is None
    with pytest.raises(SecretError):
        second_factor(Secrets(AccountMode.LIVE, Locked(), {}), tmp_path).refusal(code(), NOW)
