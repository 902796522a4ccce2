"""Runs the checks in their order. A new check is a new file in ``checks`` and nothing else."""

import importlib
import pkgutil

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
    met = CHECKS
    if proposal.reducing or proposal.closing:
        met = _REDUCING if proposal.reducing else _CLOSING
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
