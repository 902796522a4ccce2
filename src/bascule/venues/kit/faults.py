"""Named faults: what a double can be told to do wrong, when, and how often it did.

A fault is armed by name. Each time the code passes the place where it could go wrong, that is
one call; the fault fires with its probability, or at its n-th call only. The generator is given
in, so that a seed repeats a run.
"""

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from bascule.model.errors import UsageError
from bascule.model.values import Duration, seconds

SECONDS_MAX = 3600
"""The longest delay that a fault makes."""


class Rng(Protocol):
    """The part of ``random.Random`` that doubles draw on."""

    def random(self) -> float:
        """Give the next number in [0, 1)."""
        ...

    def gauss(self, mu: float, sigma: float) -> float:
        """Give the next number of a normal distribution."""
        ...


class Fault(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """How an armed fault behaves.

    ``probability`` is that of one call, 1 for always. ``nth`` > 0 fires at that call after
    arming and at no other. ``times`` > 0 lets it fire so often and then no more. ``login`` and
    ``symbol`` narrow it when set. ``seconds`` and ``share`` are for the faults that need a delay
    or a part of a quantity.
    """

    name: str
    probability: float = 1.0
    nth: int = 0
    times: int = 0
    login: str = ""
    symbol: str = ""
    seconds: float = 0.5
    share: float = 0.5

    @property
    def delay(self) -> Duration:
        """``seconds`` as a duration."""
        return seconds(self.seconds)


class FaultState(Struct, frozen=True):
    """An armed fault and how often its place was passed and it fired since arming."""

    fault: Fault
    calls: int
    fired: int


class Faults:
    """The faults of one double. Names it does not know are refused."""

    def __init__(self, known: Mapping[str, str], rng: Rng) -> None:
        self.known = known
        self._rng = rng
        self._armed: dict[str, FaultState] = {}

    def arm(self, fault: Fault) -> None:
        """Arm a fault, or arm it anew with its counts at zero.

        Raises:
            UsageError: this double has no such fault, or a number makes no sense.
        """
        if fault.name not in self.known:
            raise UsageError(
                f"there is no fault {fault.name!r}; there are: {', '.join(sorted(self.known))}",
                code="unknown_fault",
            )
        if not (
            0 <= fault.probability <= 1
            and 0 < fault.share <= 1
            and 0 <= fault.seconds <= SECONDS_MAX
        ):
            raise UsageError(
                f"fault {fault.name!r}: probability and share lie in 0 to 1, seconds in 0 to "
                f"{SECONDS_MAX}",
                code="fault_invalid",
            )
        self._armed[fault.name] = FaultState(fault, 0, 0)

    def disarm(self, name: str = "") -> None:
        """Disarm one fault, or all of them when no name is given."""
        if name:
            self._armed.pop(name, None)
        else:
            self._armed.clear()

    def armed(self) -> tuple[FaultState, ...]:
        """Give what is armed, with its counts."""
        return tuple(self._armed.values())

    def fires(self, name: str, login: str = "", symbol: str = "") -> Fault | None:
        """Count one call at a fault's place; give the fault when it strikes."""
        state = self._armed.get(name)
        if state is None:
            return None
        fault = state.fault
        if (fault.login and fault.login != login) or (fault.symbol and fault.symbol != symbol):
            return None
        calls = state.calls + 1
        struck = calls == fault.nth if fault.nth else True
        if fault.times and state.fired >= fault.times:
            struck = False
        if struck and fault.probability < 1:
            struck = self._rng.random() < fault.probability
        self._armed[name] = FaultState(fault, calls, state.fired + struck)
        return fault if struck else None
