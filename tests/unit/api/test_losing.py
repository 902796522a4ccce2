"""Loss limits in the status, and a person's word on cash, phases and scaling."""

from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from bascule.config.second_factor import SecondFactor
from bascule.model.ids import AccountId
from bascule.model.programme import (
    CashFlow,
    Clock,
    DailyLoss,
    Inactivity,
    Limit,
    MaxLoss,
    Programme,
    Scaling,
)
from bascule.model.values import DAY

from .house import House

WHO = {"by": "anna", "reason": "a test", "account": "one", "typed": "one"}
RULES = Programme(
    id="firm",
    daily_loss=DailyLoss(
        Limit(pct=Decimal(5), of="initial"), "balance", "equity", "below", "fail", Clock()
    ),
    max_loss=MaxLoss(Limit(amount=Decimal(1_000)), "static", None, None, "equity", "below"),
    cashflow=CashFlow("shift", "keep"),
    scaling=Scaling(Decimal("1.25"), Decimal("1.5")),
)


async def under_rules(api: House) -> None:
    """Put account ``one`` under a programme, and let its venue tell its money."""
    settings, setup = api.runtime.settings, api.runtime.setup
    one = AccountId("one")
    spec = replace(settings.accounts[one], programme=RULES, initial_balance=Decimal(10_000))
    settings.accounts[one] = spec
    accounts = tuple(spec if old.id == one else old for old in setup.accounts)
    api.runtime.setup = replace(setup, accounts=accounts)
    await api.runtime.reconcile(one)


async def test_the_status_shows_each_floor_and_what_is_left(api: House) -> None:
    """Reference, floors, rooms in money and percent, the nearest rule and the next reset."""
    await under_rules(api)
    one, two = (await api.get("/v1/status"))["accounts"]
    assert "loss" not in two
    shown = one["loss"]
    assert (shown["programme"], shown["level"], shown["nearest"]) == ("firm", "open", "daily_loss")
    assert (shown["reference"], shown["daily_floor"], shown["daily_room"]) == (
        "10000.00", "9500.00", "500.00"
    )  # fmt: skip
    assert (shown["max_floor"], shown["max_room"], shown["max_room_percent"]) == (
        "9000.00", "1000.00", "100.00"
    )  # fmt: skip
    assert shown["next_reset"] > api.runtime.clock.now()
    assert shown["tomorrow"] == "9500.00"


async def test_the_status_says_when_a_firm_closes_an_account_that_does_not_trade(
    api: House,
) -> None:
    """Always when it would, and in words once that is near."""
    account = AccountId("one")
    settings, known = api.runtime.settings, api.runtime.state.accounts[account]
    for days, near in ((30, False), (5, True)):
        rules = replace(RULES, inactivity=Inactivity(days))
        settings.accounts[account] = spec = replace(settings.accounts[account], programme=rules)
        accounts = tuple(spec if old.id == account else old for old in api.runtime.setup.accounts)
        api.runtime.setup = replace(api.runtime.setup, accounts=accounts)
        one, two = (await api.get("/v1/status"))["accounts"]
        last = max(known.last_fill_at, known.opened_at)
        assert one["closes_idle_at"] == last + days * DAY
        assert ("the firm closes the account on" in one.get("idle", "")) is near
        assert "closes_idle_at" not in two


async def test_a_payout_is_told_before_and_recorded_once_typed(api: House) -> None:
    """A preview changes nothing; the wrong name or sign is refused; the right one moves floors."""
    await under_rules(api)
    asked = {**WHO, "flow": "payout", "amount": "-400"}
    preview = await api.call("POST", "/v1/programme/cash", {**asked, "preview": True})
    assert "max_loss: 600.00 above the floor at 9000.00" in preview.json()["text"]
    wrong = await api.call("POST", "/v1/programme/cash", {**asked, "typed": "on"})
    assert (wrong.status, wrong.json()["code"]) == (409, "not_confirmed")
    sign = await api.call("POST", "/v1/programme/cash", {**asked, "amount": "400"})
    assert sign.json()["code"] == "bad_request"
    done = await api.call("POST", "/v1/programme/cash", asked)
    assert (done.status, done.json()["status"]) == (200, "recorded")
    shown = (await api.get("/v1/status"))["accounts"][0]["loss"]
    assert (shown["reference"], shown["max_floor"]) == ("9600.00", "9000.00")


async def test_what_moves_floors_wants_the_second_factor(api: House, tmp_path: Path) -> None:
    """Where one is set up, cash, phases and scaling all want its code."""
    await under_rules(api)
    api.served.second_factor = SecondFactor(lambda: "JBSWY3DPEHPK3PXP" * 2, tmp_path / "factor")
    for path, more in (
        ("cash", {"flow": "refund", "amount": "1"}),
        ("phase", {"phase": "funded"}),
        ("scale", {}),
    ):
        answer = await api.call("POST", f"/v1/programme/{path}", {**WHO, **more})
        assert answer.json()["code"] == "arm_needs_code", path


async def test_a_new_phase_begins_the_ledger_anew(api: House) -> None:
    """The rooms are those of the first day again."""
    await under_rules(api)
    await api.call("POST", "/v1/programme/cash", {**WHO, "flow": "deposit", "amount": "300"})
    assert (await api.get("/v1/status"))["accounts"][0]["loss"]["reference"] == "10300.00"
    done = await api.call("POST", "/v1/programme/phase", {**WHO, "phase": "funded"})
    assert done.json()["text"] == "funded of one begins now"
    assert (await api.get("/v1/status"))["accounts"][0]["loss"]["reference"] == "10000.00"
    unnamed = await api.call("POST", "/v1/programme/phase", {**WHO, "phase": " "})
    assert unnamed.json()["code"] == "bad_request"


@pytest.mark.parametrize(
    ("factor", "code"), [("1.3", "bad_request"), ("0", "bad_request"), ("1.25", None), (None, None)]
)
async def test_a_scaling_step_goes_no_further_than_the_plan(
    api: House, factor: str | None, code: str | None
) -> None:
    """One step at a time, never beyond the cap, and only where the programme has a plan."""
    await under_rules(api)
    answer = await api.call("POST", "/v1/programme/scale", {**WHO, "factor": factor})
    assert answer.json().get("code") == code
    if code is None:
        assert "sizes times 1.25" in answer.json()["text"]
    other = await api.call("POST", "/v1/programme/scale", {**WHO, "account": "two", "typed": "two"})
    assert other.json()["code"] == "no_scaling_plan"


async def test_an_unknown_account_is_named(api: House) -> None:
    """The answer lists those that are known."""
    answer = await api.call(
        "POST", "/v1/programme/phase", {**WHO, "account": "three", "phase": "x"}
    )
    assert (answer.status, answer.json()["next"]) == (404, "Known here: one, two.")
