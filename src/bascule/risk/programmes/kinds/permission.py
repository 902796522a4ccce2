"""Permission: may Bascule send automated orders to this firm at all?

*Yes* needs a record of it, *silent* a written permission; neither may be older than the limit.
*No* is never overridden, and what nobody asked is not a yes.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from bascule.risk.policy import PERMISSION_DAYS, refusal
from bascule.risk.programmes.written import Answer, part

MAX_AGE_DAYS = Decimal(PERMISSION_DAYS)
_WRITTEN = frozenset(
    {"email", "support_reply", "support_email", "reply", "letter", "chat", "ticket", "written",
     "written_permission", "permission", "contract"}
)  # fmt: skip
_NOTHING = frozenset({"", "none", "no", "verbal"})


class _Rule(Struct, frozen=True):
    max_age_days: Decimal = MAX_AGE_DAYS


class _Question(Struct, frozen=True):
    policy: Literal["yes", "no", "silent", "unknown"]
    evidence: str | None = None
    evidence_age_days: Decimal | None = None
    rule: Mapping[str, object] | None = None
    phase: str = ""
    evidence_phase: str = ""


def answer(given: Mapping[str, object], unread: list[str]) -> Answer:
    """Answer a written question: whether live automation is allowed, and if not, why."""
    asked = part(given, _Question, "input", unread, {"age_days": "evidence_age_days"})
    rule = part(asked.rule or {}, _Rule, "input.rule", unread)
    evidence, age = (asked.evidence or "").strip().lower(), asked.evidence_age_days
    why: str | None = refusal(
        asked.policy,
        held=evidence not in _NOTHING,
        written=evidence in _WRITTEN,
        expired=age is None or age > rule.max_age_days,
    )
    if why is None and asked.evidence_phase and asked.phase not in ("", asked.evidence_phase):
        why = "evidence_of_another_phase"
    return {"live_automation_allowed": why is None, "reason": why}
