import pytest

from bascule.risk.programmes.kinds.permission import answer

CASES = [
    ("yes", "terms", 180, None),
    ("yes", "terms", 181, "evidence_expired"),
    ("yes", None, None, "evidence_missing"),
    ("yes", "email", None, "evidence_expired"),
    ("silent", "email", 10, None),
    ("silent", "terms", 10, "written_permission_missing"),
    ("silent", None, None, "written_permission_missing"),
    ("no", "email", 10, "automation_prohibited"),
    ("unknown", "email", 10, "policy_unknown"),
]


@pytest.mark.parametrize(("policy", "evidence", "age", "reason"), CASES)
def test_silence_is_not_permission_and_no_is_no(
    policy: str, evidence: str | None, age: int | None, reason: str | None
) -> None:
    """Yes needs a record, silence a written one, neither older than 180 days."""
    asked = {"policy": policy, "evidence": evidence, "evidence_age_days": age,
             "rule": {"max_age_days": 180}}  # fmt: skip
    assert answer(asked, []) == {"live_automation_allowed": reason is None, "reason": reason}


def test_permission_for_another_phase_is_none() -> None:
    """What the firm said of the evaluation says nothing of the funded account."""
    asked = {"policy": "yes", "evidence": "email", "evidence_age_days": 1, "phase": "funded"}
    told = answer({**asked, "evidence_phase": "evaluation"}, [])
    assert told["reason"] == "evidence_of_another_phase"
    assert answer({**asked, "evidence_phase": "funded"}, [])["reason"] is None
