"""Who may lift a stop: somebody who types its name and, where one is set, has the second factor."""

import hmac

import pyotp

from bascule.config.clock import Clock
from bascule.guardian.stops import Stop
from bascule.guardian.words import MAY_ARM, Command, CommandResult
from bascule.model.values import MINUTE, SECOND, Instant

TRIES = 5
"""Wrong codes within a minute; then none is looked at until the minute is over."""
_STEP_S = 30


class Arming:
    """Judges who wants to arm. ``secret`` is the base32 secret of the codes, '' for none."""

    def __init__(self, secret: str, clock: Clock) -> None:
        self._codes = pyotp.TOTP(secret, interval=_STEP_S) if secret else None
        self._clock = clock
        self._used = -1
        self._wrong: list[Instant] = []

    @property
    def wanted(self) -> bool:
        """Whether a code is asked for."""
        return self._codes is not None

    def refusal(self, command: Command, stop: Stop | None, now: Instant) -> CommandResult | None:
        """Give why a scope may not be armed; None when it may."""
        name = command.scope.partition(":")[2] or command.scope
        if command.via not in MAY_ARM:
            return _no(
                "arm_not_remote", "arming takes a person at the console or the terminal", now
            )
        if stop is None:
            return _no("not_stopped", f"the guardian has no stop on {command.scope}", now)
        if command.typed.strip() != name:
            return _no("arm_not_confirmed", f"type {name!r} to confirm; nothing was armed", now)
        if stop.until is not None and now < stop.until:
            return _no(
                "locked", f"{command.scope} is locked; it cannot be armed before its hour", now
            )
        return self._code_refusal(command.code.strip().replace(" ", ""), now)

    def _code_refusal(self, code: str, now: Instant) -> CommandResult | None:
        if self._codes is None:
            return None
        self._wrong = [at for at in self._wrong if now - at < MINUTE]
        if len(self._wrong) >= TRIES:
            return _no("too_many_tries", "too many wrong codes; wait a minute", now)
        if not code:
            return _no("second_factor", "give the code of your authenticator as well", now)
        step = now // SECOND // _STEP_S
        # One step to either side, for clocks that differ; each step's code is good for once.
        for one in (step, step - 1, step + 1):
            right = self._codes.generate_otp(one)
            if one > self._used and hmac.compare_digest(right.encode(), code.encode()):
                self._used = one
                return None
        self._wrong.append(now)
        return _no("second_factor", "the code is wrong, or it was used already", now)


def _no(code: str, words: str, now: Instant) -> CommandResult:
    return CommandResult(status="refused", code=code, text=words, at=now)
