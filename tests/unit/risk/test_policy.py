"""Whether a live account may send automated orders, by what is on record."""

from typing import Any

import pytest

from bascule.model.enums import AccountMode
from bascule.model.programme import Automation, Permission, Programme
from bascule.model.values import DAY, Instant
from bascule.risk.checks import policy
from bascule.risk.policy import QUESTION, remarks, stance
from tests.unit.risk.firm_bench import NOON, proposal, spec


def firm(**automation: Any) -> Programme:
    """Make a programme with a word on automation."""
    return Programme(id="p", firm="Firm", phase="funded", automation=Automation(**automation))


def permission(**changes: Any) -> Permission:
    """Give a good answer of a month ago."""
    words: dict[str, Any] = {
        "policy": "yes", "asked": Instant(NOON - 30 * DAY), "expires": Instant(NOON + 150 * DAY),
        "evidence": "mail.txt", "answered_by": "support", "how": "email", "phase": "funded",
    }  # fmt: skip
    return Permission(**(words | changes))


def ok(programme: Programme | None, answer: Permission | None, **changes: Any) -> bool:
    """Say whether orders may go."""
    return stance(spec(programme, permission=answer, **changes), NOON).ok


@pytest.mark.parametrize("mode", [AccountMode.PAPER, AccountMode.SHADOW])
def test_paper_and_shadow_need_no_permission(mode: AccountMode) -> None:
    """Nothing is sent to a firm, whatever it thinks of automation."""
    assert ok(firm(permitted="no"), None, mode=mode)


def test_an_account_under_no_firm_needs_none() -> None:
    """It is the owner's own; under a firm's name alone it needs one."""
    assert ok(None, None)
    assert not ok(None, None, firm="Firm")
    assert ok(None, permission(), firm="Firm")


def test_a_firms_no_is_never_overridden() -> None:
    """Not by any permission on record."""
    assert not ok(firm(permitted="no"), permission())
    assert ok(firm(permitted="yes"), permission())


@pytest.mark.parametrize(
    ("changes", "good"),
    [
        ({}, True),
        ({"policy": "no"}, False),
        ({"policy": "unknown"}, False),
        ({"asked": Instant(NOON + DAY)}, False),
        ({"evidence": ""}, False),
        ({"policy": "silent"}, True),
        ({"policy": "silent", "answered_by": ""}, False),
        ({"policy": "silent", "how": ""}, False),
        ({"answered_by": "", "how": ""}, True),
        ({"expires": Instant(NOON + 1)}, True),
        ({"expires": NOON}, False),
        ({"phase": ""}, True),
        ({"phase": "phase1"}, False),
    ],
)
def test_an_answer_must_be_whole_and_in_force(changes: dict[str, Any], good: bool) -> None:
    """*Silent* wants a permission in writing: who gave it, and how."""
    assert ok(firm(permitted="silent"), permission(**changes)) is good


def test_without_an_answer_the_owner_is_told_what_to_ask() -> None:
    """And where to write it down."""
    found = stance(spec(firm(permitted="yes")), NOON)
    assert not found.ok
    assert QUESTION in found.passes
    assert "[accounts.a.permission]" in found.passes


@pytest.mark.parametrize(
    ("programme", "changes", "good"),
    [
        (firm(vps="prohibited"), {"hosting": "vps"}, False),
        (firm(vps="prohibited"), {"hosting": ""}, False),
        (firm(vps="prohibited"), {"hosting": "own"}, True),
        (firm(vps="unknown"), {"hosting": "vps"}, True),
        (firm(attended=True), {"attended": False}, False),
        (firm(attended=True), {"attended": True}, True),
        (firm(), {"owner": ""}, False),
        (Programme(id="p", phase="funded", missing=("daily_loss",)), {}, False),
    ],
)
def test_what_the_firm_wants_must_be_so(
    programme: Programme, changes: dict[str, Any], good: bool
) -> None:
    """Its word on servers and on watching; an owner; and no number that nobody found."""
    assert ok(programme, permission(), **changes) is good


def test_the_check_refuses_entries_alone() -> None:
    """What the owner did not get permission for may still be closed."""
    refused = policy.run(proposal(firm(permitted="yes")))
    assert refused is not None
    assert not refused.ok
    allowed = policy.run(proposal(account=spec(firm(), permission=permission())))
    assert allowed is not None
    assert allowed.ok
    assert policy.CHECK.applies_to == "entry"
    assert policy.run(proposal(account=spec(firm(), mode=AccountMode.PAPER))) is None


def test_what_an_owner_should_know_is_told() -> None:
    """Conditions of the firm, and a permission that ends soon."""
    soon = permission(expires=Instant(NOON + 13 * DAY))
    told = remarks(spec(firm(conditions=("no HFT",)), permission=soon), NOON)
    assert told[0].startswith("the permission ends in 13 days")
    assert told[1] == "the firm's condition: no HFT"
    assert any(QUESTION in one for one in remarks(spec(firm(permitted="silent")), NOON))
    later = permission(expires=Instant(NOON + 15 * DAY))
    assert remarks(spec(firm(), permission=later), NOON) == []
