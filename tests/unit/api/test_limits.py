from decimal import Decimal
from pathlib import Path

from msgspec.structs import replace

from bascule.config.second_factor import SecondFactor
from bascule.model.account import RiskLimits
from bascule.model.ids import AccountId
from bascule.model.values import DAY

from .house import House, buy

WHO = {"by": "anna", "reason": "a test"}
ONE = AccountId("one")


def edit(api: House, limits: RiskLimits) -> None:
    """Have the configuration of account ``one`` propose other limits."""
    spec = api.runtime.settings.accounts[ONE]
    api.runtime.settings.accounts[ONE] = replace(spec, limits=limits)


async def test_limits_in_force_are_shown_and_what_is_proposed(api: House) -> None:
    """What has its default is left out; a looser proposal waits for a person."""
    found = await api.get("/v1/limits")
    assert found == {
        "scopes": [
            {"scope": f"account:{name}", "limits": {"duplicate_window": "0 s"}}
            for name in ("one", "two")
        ]
    }
    edit(api, RiskLimits(duplicate_window_ns=0, max_open_orders=200))
    [first, _] = (await api.get("/v1/limits"))["scopes"]
    assert first["changes"] == [
        {"name": "max_open_orders", "before": "100", "after": "200", "looser": True}
    ]
    assert "effective_at" not in first


async def test_looser_limits_are_accepted_once_and_wait_for_their_hour(api: House) -> None:
    """The answer says what changes and when; the second time there is nothing left to accept."""
    edit(api, RiskLimits(duplicate_window_ns=0, max_open_orders=200))
    before = api.runtime.clock.now()
    done = await api.call("POST", "/v1/limits/accept", WHO)
    assert done.status == 200
    assert done.json()["status"] == "accepted"
    assert "account:one: max_open_orders 100 -> 200 from " in done.json()["text"]
    [first, _] = (await api.get("/v1/limits"))["scopes"]
    after = api.runtime.clock.now()
    assert before < first["effective_at"] <= after + DAY and first["effective_at"] % DAY == 0
    again = await api.call("POST", "/v1/limits/accept", WHO)
    assert (again.status, again.json()["code"]) == (409, "nothing_to_accept")


async def test_accepting_and_approving_want_the_second_factor(api: House, tmp_path: Path) -> None:
    """Without its code nothing changes; a nameless approval is refused before that."""
    api.served.second_factor = SecondFactor(lambda: "JBSWY3DPEHPK3PXP" * 2, tmp_path / "factor")
    edit(api, RiskLimits(duplicate_window_ns=0, max_open_orders=200))
    for path, body in (("limits/accept", WHO), ("approve", {"strategy": "fx", **WHO})):
        answer = await api.call("POST", f"/v1/{path}", body)
        assert (answer.status, answer.json()["code"]) == (409, "arm_needs_code")
    assert "effective_at" not in (await api.get("/v1/limits"))["scopes"][0]
    assert not api.runtime.state.strategies
    answer = await api.call("POST", "/v1/approve", {"strategy": " ", **WHO})
    assert (answer.status, answer.json()["code"]) == (400, "bad_request")


async def test_a_strategy_that_no_route_follows_is_not_approved(api: House) -> None:
    """A misspelt name is told, since its approval would end no probation."""
    answer = await api.call("POST", "/v1/approve", {"strategy": "fxx", **WHO})
    assert (answer.status, answer.json()["code"]) == (404, "unknown_scope")
    assert not api.runtime.state.strategies


async def test_an_approval_lets_a_new_strategy_trade(api: House) -> None:
    """Before it the entry is refused on each account, after it both take it."""
    waits = RiskLimits(duplicate_window_ns=0, probation_signals=1, probation="approval")
    for name in ("one", "two"):
        api.runtime.state.limits[f"account:{name}"].now = waits
    api.runtime.state.limit_changes += 1
    await api.signal(buy())
    assert (await api.get("/v1/positions"))["books"] == []
    done = await api.call("POST", "/v1/approve", {"strategy": "fx", **WHO})
    assert done.json() == {"status": "approved", "text": "fx is on probation no more"}
    await api.signal(buy())
    books = (await api.get("/v1/positions"))["books"]
    assert [Decimal(book["quantity"]) for book in books] == [Decimal("0.1")] * 2


async def test_who_and_why_are_needed(api: House) -> None:
    """Both are journaled, so neither may be empty."""
    for path, body in (("limits/accept", {}), ("approve", {"strategy": "fx"})):
        answer = await api.call("POST", f"/v1/{path}", {**body, "by": "", "reason": "x"})
        assert (answer.status, answer.json()["code"]) == (400, "bad_request")
