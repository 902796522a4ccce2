"""The chain: its order, whom each check meets, and what a bug in a check may do."""

from decimal import Decimal as D
from typing import Any

import pytest
from msgspec import structs

from bascule.model.account import RiskLimits
from bascule.model.enums import AccountMode
from bascule.model.event import Verdict
from bascule.model.programme import Programme
from bascule.risk import chain
from bascule.risk.limits import LOOSEST
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


EVERY_LIMIT = {
    "instruments": ("-",), "max_order_qty": D(0), "max_order_qty_by_symbol": {"EURUSD": D(0)},
    "max_book_qty": D(0), "max_book_qty_by_symbol": {"EURUSD": D(0)}, "max_position_qty": D(0),
    "max_position_qty_by_symbol": {"EURUSD": D(0)}, "max_account_qty": D(0),
    "max_order_value": D(0), "max_notional": D(0), "max_margin": D(0), "max_quote_age_ns": 0,
    "price_collar_percent": D(0), "max_order_loss": D(0), "max_order_loss_percent": D(0),
    "max_daily_loss": D(0), "max_daily_loss_percent": D(0), "max_drawdown": D(0),
    "max_drawdown_percent": D(0), "messages_per_day": 0, "order_to_fill_warn": 0,
    "order_to_fill_max": 0, "short_interval_value": D(0), "repeated_executions": 0,
    "self_match": "refuse", "opposite_positions": "refuse", "probation_signals": 9,
    "probation": "approval", "require_stop": True,
}  # fmt: skip
"""The tightest of every limit."""


def without(names: set[str]) -> RiskLimits:
    """Give the tightest limits there can be, but for some that are not set."""
    return RiskLimits(**{name: one for name, one in EVERY_LIMIT.items() if name not in names})


@pytest.mark.parametrize(
    "check", [one for one in chain.CHECKS if one.needs], ids=lambda one: one.code
)
def test_a_check_that_is_passed_over_had_nothing_to_say(check: Check) -> None:
    """While nothing that it needs is set, whatever else is, a check says nothing of an entry."""
    own = {name for name in check.needs if not name.startswith("all.")}
    together = {name.removeprefix("all.") for name in check.needs if name not in own}
    order = proposal(
        limits=without(own),
        portfolio=without(together),
        crosses="somebody",
        opposes="somebody",
        sent_per_fill=(10_000, 0),
        mode=AccountMode.PAPER if "live" in own else AccountMode.LIVE,
    )
    assert check.run(order) is None


@pytest.mark.parametrize("check", chain.CHECKS, ids=lambda one: one.code)
def test_each_thing_that_a_check_needs_brings_it_into_the_chain(check: Check) -> None:
    """An entry meets a check as soon as one of what it needs is set, and always where none is."""
    for name in check.needs or ("",):
        limits = RiskLimits(**{name: EVERY_LIMIT[name]}) if name in EVERY_LIMIT else RiskLimits()
        whole = name.removeprefix("all.")
        order = proposal(
            limits=limits,
            portfolio=RiskLimits(**{whole: EVERY_LIMIT[whole]}) if whole != name else LOOSEST,
        )
        spec = structs.replace(
            order.spec,
            firm="x" if name == "firm" else "",
            programme=Programme(id="p") if name == "programme" else None,
            mode=AccountMode.LIVE if name == "live" else AccountMode.PAPER,
        )
        assert check in chain.entry_checks(spec, limits, order.around.portfolio)
