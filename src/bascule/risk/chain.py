"""Runs the checks in their order. A new check is a new file in ``checks`` and nothing else."""

import importlib
import pkgutil
from collections.abc import Iterable

from msgspec import Struct

from bascule.model.account import AccountSpec, RiskLimits
from bascule.model.enums import AccountMode
from bascule.model.event import Verdict
from bascule.risk import checks
from bascule.risk.proposal import Check, Proposal


def _discover() -> tuple[Check, ...]:
    found: list[Check] = [
        importlib.import_module(f"{checks.__name__}.{module.name}").CHECK
        for module in pkgutil.iter_modules(checks.__path__)
    ]
    return tuple(sorted(found, key=lambda check: check.place))


CHECKS: tuple[Check, ...] = _discover()
"""Every check of this installation, in the order in which an entry meets them."""

_CLOSING = tuple(check for check in CHECKS if check.applies_to != "entry")
_REDUCING = tuple(check for check in CHECKS if check.applies_to == "any")


def judge(proposal: Proposal) -> tuple[Verdict, ...]:
    """Run the checks in order, and stop at the first refusal.

    An exception inside a check refuses an entry with the check's code and lets a proven reduction
    pass: a bug of ours must neither open risk nor keep it open.

    Returns:
        One verdict a check that had something to hold the order to; the order may go only if the
        last one is ``ok``.
    """
    if proposal.reducing or proposal.closing:
        met = _REDUCING if proposal.reducing else _CLOSING
    else:
        met = entry_checks(proposal.spec, proposal.limits, proposal.around.portfolio)
    return _run(met, proposal)


def judge_moved_stop(proposal: Proposal) -> tuple[Verdict, ...]:
    """Run the checks that a stop meets which is moved away, as an entry with that stop would.

    Args:
        proposal: an entry of what is held or waits behind the stop, with the new one.

    Returns:
        As ``judge``.
    """
    met = entry_checks(proposal.spec, proposal.limits, proposal.around.portfolio)
    return _run([check for check in met if check.moved_stop], proposal)


def _run(met: Iterable[Check], proposal: Proposal) -> tuple[Verdict, ...]:
    verdicts = []
    for check in met:
        try:
            verdict = check.run(proposal)
        except Exception as error:  # whatever it is, it must not decide over an exit
            verdict = _broken(check, proposal, error)
        if verdict is None:
            continue
        verdicts.append(verdict)
        if not verdict.ok:
            break
    return tuple(verdicts)


class _Armed(Struct, frozen=True):
    """The checks of entries under these very limits."""

    spec: AccountSpec
    limits: RiskLimits
    together: RiskLimits
    checks: tuple[Check, ...]


_ARMED: dict[tuple[int, int, int], _Armed] = {}
_ARMED_MAX = 10_000
_UNSET = RiskLimits()
_NEEDED = {name for check in CHECKS for name in check.needs}
_OWN = sorted(_NEEDED & set(RiskLimits.__struct_fields__))
_COMMON = sorted(name[4:] for name in _NEEDED if name.startswith("all."))


def entry_checks(spec: AccountSpec, limits: RiskLimits, together: RiskLimits) -> tuple[Check, ...]:
    """Give the checks that could say something; limits are few, and found again by identity."""
    key = id(spec), id(limits), id(together)
    known = _ARMED.get(key)
    # What is kept is kept alive, so no other object can have come to bear its number.
    if known is None:
        given = _given(spec, limits, together)
        found = tuple([one for one in CHECKS if not one.needs or not given.isdisjoint(one.needs)])
        if len(_ARMED) >= _ARMED_MAX:
            _ARMED.clear()
        known = _ARMED[key] = _Armed(spec, limits, together, found)
    return known.checks


def _given(spec: AccountSpec, limits: RiskLimits, together: RiskLimits) -> set[str]:
    """Name what is set of all that checks need."""
    given = {name for name in _OWN if getattr(limits, name) != getattr(_UNSET, name)}
    given |= {f"all.{name}" for name in _COMMON if getattr(together, name) != getattr(_UNSET, name)}
    if spec.programme is not None:
        given.add("programme")
    if spec.firm:
        given.add("firm")
    if spec.mode is AccountMode.LIVE:
        given.add("live")
    return given


def _broken(check: Check, proposal: Proposal, error: Exception) -> Verdict:
    what = f"the check itself failed ({type(error).__name__}: {error})"
    if proposal.reducing:
        return Verdict(check.code, True, None, None, what)
    return Verdict(
        check.code,
        False,
        None,
        None,
        f"{what}; an entry is refused when a check cannot be made",
        "a corrected configuration, or a bug report; exits still pass",
    )
