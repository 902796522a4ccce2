"""The second factor of arming: a time-based code (RFC 6238), asked for once it is set up.

Engine and guardian both arm, so what was used is remembered in files that both see: a code counts
once, whoever it is shown to, and too many wrong ones close the door for a while. Whatever goes
wrong here refuses.
"""

import hmac
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from bascule.config.private import make_private_directory, read_private, write_private
from bascule.config.secrets import Secrets
from bascule.model.errors import SecretError
from bascule.model.values import MINUTE, SECOND, Instant

SECRET = "second_factor"
"""The name under which the secret store keeps it."""
STEP_S = 30
DRIFT_STEPS = 1
"""Steps that the phone's clock may be off, either way."""
WRONG_MAX = 5
WRONG_NS = 5 * MINUTE
"""So many wrong codes within this time, and every code is refused until it has passed."""


class Refusal(NamedTuple):
    """Why a code does not arm: a stable code, and a sentence."""

    code: str
    text: str


_NEEDED = Refusal("arm_needs_code", "a second factor is set up, and no code was given")
_WRONG = Refusal("arm_code_wrong", "the code is wrong, too old, or was used before")
_LIMITED = Refusal(
    "arm_code_limited", f"{WRONG_MAX} wrong codes came within 5 minutes; no code counts for a while"
)


class SecondFactor:
    """The codes of one mode."""

    def __init__(self, secret: Callable[[], str], memory: Path) -> None:
        """Hold the way to the secret, which may be set up while this process runs.

        Args:
            secret: gives the secret in base32, '' when none is set up.
            memory: the directory in which used codes are remembered.
        """
        self._secret = secret
        self._memory = memory

    @property
    def is_set(self) -> bool:
        """Whether a code is asked for.

        Raises:
            SecretError: the store cannot be read.
        """
        return bool(self._secret())

    def refusal(self, code: str, at: Instant) -> Refusal | None:
        """Judge a code, and use it up when it is right; None lets it pass.

        Raises:
            SecretError: the store or the memory cannot be used; nothing may be armed then.
        """
        secret = self._secret()
        if not secret:
            return None
        if not code.strip():
            return _NEEDED
        wrong = [one for one in self._wrong() if at - one < WRONG_NS]
        if len(wrong) >= WRONG_MAX:
            return _LIMITED
        if verify(secret, code, at, self._memory):
            return None
        write_private(self._memory / "wrong.json", msgspec.json.encode([*wrong, at]))
        return _WRONG

    def _wrong(self) -> list[int]:
        kept = read_private(self._memory / "wrong.json")
        try:
            return msgspec.json.decode(kept, type=list[int]) if kept else []
        except msgspec.DecodeError:
            return []


def verify(secret: str, code: str, at: Instant, memory: Path) -> bool:
    """Tell whether a code is right at this time and was not used before; it is used up then.

    Args:
        secret: in base32.
        code: six digits, spaces allowed.
        at: now.
        memory: the directory in which used codes are remembered.

    Raises:
        SecretError: the memory cannot be written; the code does not count.
    """
    step = _step_of(secret, code, at)
    return step is not None and _use_up(memory, step)


def right_code(secret: str, code: str, at: Instant) -> bool:
    """Tell whether a code is right, and leave it unused: for setting it up."""
    return _step_of(secret, code, at) is not None


def _step_of(secret: str, code: str, at: Instant) -> int | None:
    """Find the step whose code this is."""
    import pyotp

    now = at // SECOND // STEP_S
    steps = range(now - DRIFT_STEPS, now + DRIFT_STEPS + 1)
    try:
        codes = pyotp.TOTP(secret, interval=STEP_S)
        right = {step: codes.at(step * STEP_S).encode() for step in steps}
    except ValueError as error:  # not base32, or too short to be safe
        raise SecretError(
            f"The secret {SECRET!r} is none that makes codes. Nothing was armed.",
            code="second_factor_unusable",
            hint="Make a new one with `bascule secrets totp --replace`.",
        ) from error
    given = "".join(code.split()).encode()
    return next((step for step in steps if hmac.compare_digest(right[step], given)), None)


def _use_up(memory: Path, step: int) -> bool:
    """Claim a step and all before it; False when it was claimed, by whichever process."""
    try:
        make_private_directory(memory)
        used = {int(one.name[5:]): one for one in memory.glob("used-*") if one.name[5:].isdigit()}
        if used and max(used) >= step:
            return False
        try:
            # Only one of two processes can make the file: the other finds the code used.
            handle = os.open(memory / f"used-{step}", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except FileExistsError:
            return False
        os.fsync(handle)
        os.close(handle)
        for old in used.values():
            old.unlink(missing_ok=True)
    except OSError as error:
        raise SecretError(
            f"Bascule could not remember in {memory} that the code was used ({error.strerror}), so"
            " it does not count. Nothing was armed.",
            code="secret_file_unwritable",
            hint="Check that its directory is there and that this user may write to it.",
        ) from error
    return True


def second_factor(secrets: Secrets, memory: Path) -> SecondFactor:
    """Give the second factor of a mode's secrets."""

    def secret() -> str:
        # The store first: a process's environment is as old as the process, and a replaced secret
        # must not go on arming there. A locked store leaves the environment, or an error.
        with suppress(SecretError):
            if kept := secrets.kept(SECRET):
                return kept
        found = secrets.find(SECRET)
        return found.value if found else ""

    return SecondFactor(secret, memory)


def new_secret(mode: str) -> tuple[str, str]:
    """Make a secret, and the ``otpauth`` URI by which an authenticator app takes it in."""
    import pyotp

    secret = pyotp.random_base32()
    return secret, pyotp.TOTP(secret, interval=STEP_S).provisioning_uri(
        name=mode, issuer_name="Bascule"
    )
