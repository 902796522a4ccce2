"""Who may lift a stop: somebody who types its name and, where one is set, has the second factor."""

from bascule.config.second_factor import SecondFactor
from bascule.guardian.stops import Stop
from bascule.guardian.words import MAY_ARM, Command, CommandResult
from bascule.model.errors import SecretError
from bascule.model.values import Instant


def arm_refusal(
    command: Command, stop: Stop | None, factor: SecondFactor | None, now: Instant
) -> CommandResult | None:
    """Give why a scope may not be armed; None when it may, and then the code is used up."""
    name = command.scope.partition(":")[2] or command.scope
    if command.via not in MAY_ARM:
        return _no("arm_not_remote", "arming takes a person at the console or a terminal", now)
    if stop is None:
        return _no("not_stopped", f"the guardian has no stop on {command.scope}", now)
    if command.typed.strip() != name:
        return _no("arm_not_confirmed", f"type {name!r} to confirm; nothing was armed", now)
    if stop.until is not None and now < stop.until:
        return _no("locked", f"{command.scope} is locked; it cannot be armed before its time", now)
    if factor is None:
        return None
    try:
        barred = factor.refusal(command.code, now)
    except SecretError as error:
        return _no(error.code, error.message, now)
    return _no(barred.code, barred.text, now) if barred is not None else None


def wants_code(factor: SecondFactor | None) -> bool:
    """Whether arming asks for a code; what cannot be read asks for one, since arming is refused."""
    try:
        return factor is not None and factor.is_set
    except SecretError:
        return True


def _no(code: str, words: str, now: Instant) -> CommandResult:
    return CommandResult(status="refused", code=code, text=words, at=now)
