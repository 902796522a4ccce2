"""The chain: its order, whom each check meets, and what a bug in a check may do."""

from typing import Any

import pytest

from bascule.model.event import Verdict
from bascule.risk import chain
from bascule.risk.proposal import Check, Proposal
from tests.unit.risk.scene import proposal

FAULTS = (LookupError, ArithmeticError, TypeError, RuntimeError, AssertionError, RecursionError)


def replace_check(
    monkeypatch: pytest.MonkeyPatch, code: str, run: Any, applies: str | None = None
) -> None:
    """Put another function in the place of one check."""

    def swapped(checks: tuple[Check, ...]) -> tuple[Check, ...]:
        return tuple(
            Check(one.code, one.place, one.applies_to, run) if one.code == code else one
            for one in checks
        )

    for name in ("CHECKS", "_CLOSING", "_REDUCING"):
        monkeypatch.setattr(chain, name, swapped(getattr(chain, name)))


@pytest.mark.parametrize("code", [check.code for check in chain.CHECKS])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_bug_in_any_check_refuses_an_entry(
    monkeypatch: pytest.MonkeyPatch, code: str, fault: type[Exception]
) -> None:
    """Whichever check fails in whatever way, the entry is refused with its code and the reason."""

    def broken(order: Proposal) -> Verdict:
        raise fault("half of it")

    replace_check(monkeypatch, code, broken)
    verdicts = chain.judge(proposal())
    assert [one.ok for one in verdicts[:-1]] == [True] * (len(verdicts) - 1)
    last = verdicts[-1]
    assert (last.code, last.ok) == (code, False)
    assert "the check itself failed" in last.text and "half of it" in last.text
    assert last.text == (
        f"the check itself failed ({fault.__name__}: half of it); an entry is refused when a "
        "check cannot be made"
    )
    assert last.passes == "a corrected configuration, or a bug report; exits still pass"
    assert (last.used, last.limit) == (None, None)


@pytest.mark.parametrize("code", [check.code for check in chain.CHECKS])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_bug_in_any_check_lets_a_proven_reduction_pass(
    monkeypatch: pytest.MonkeyPatch, code: str, fault: type[Exception]
) -> None:
    """Nothing of ours may keep a position open; the verdict says what failed."""

    def broken(order: Proposal) -> Verdict:
        raise fault("half of it")

    replace_check(monkeypatch, code, broken)
    verdicts = chain.judge(proposal(reducing=True, closing=True))
    assert verdicts and all(one.ok for one in verdicts)
    said = [one.text for one in verdicts if one.code == code]
    met = next(check for check in chain.CHECKS if check.code == code).applies_to == "any"
    assert said == ([f"the check itself failed ({fault.__name__}: half of it)"] if met else [])


def test_a_proven_reduction_meets_stops_and_the_venues_sizes_only() -> None:
    """No limit, rate, quote or window is among what it meets."""
    met = [check.code for check in chain.CHECKS if check.applies_to == "any"]
    assert met == ["halted", "tick_or_lot", "min_hold"], "min_hold tells, and holds none back"
    verdicts = chain.judge(proposal(reducing=True, closing=True))
    assert [one.code for one in verdicts] == ["halted", "tick_or_lot"]


def test_a_close_without_proof_meets_no_limit_on_new_risk() -> None:
    """It meets what speaks of the account and the contract, and nothing else."""
    verdicts = chain.judge(proposal(closing=True))
    assert [one.code for one in verdicts] == [
        "halted", "account_not_ready", "contract_not_tradable", "session_closed", "tick_or_lot"
    ]  # fmt: skip


def test_the_first_refusal_ends_it() -> None:
    """What stands behind it is not asked, and the verdicts end with the refusal."""
    verdicts = chain.judge(proposal(reconciled=False, limits={"require_stop": True}))
    assert verdicts[-1].code == "account_not_ready"
    assert [one.ok for one in verdicts] == [True] * (len(verdicts) - 1) + [False]


def test_a_check_that_has_nothing_to_say_leaves_no_verdict() -> None:
    """An entry without limits has verdicts only of checks that looked at something."""
    codes = [one.code for one in chain.judge(proposal())]
    assert "order_value" not in codes and "order_rate" in codes


def test_checks_are_met_in_the_order_of_their_places() -> None:
    """Verdicts come in that order."""
    places = {check.code: check.place for check in chain.CHECKS}
    met = [places[one.code] for one in chain.judge(proposal(limits={"max_order_qty": 9}))]
    assert met == sorted(met)
