"""From what the guardian tells to alerts in the words of everybody's alerts."""

import re

from bascule.alerts.alert import Alert, AlertPlan, Severity
from bascule.alerts.kinds import alert
from bascule.alerts.masking import masked
from bascule.guardian.words import Alert as GuardianAlert
from bascule.guardian.words import Severity as GuardianSeverity

_KINDS = {
    "engine_stalled": "engine_down",
    "engine_dead": "engine_down",
    "engine_back": "engine_back",
    "link_down": "link_lost",
    "loss_line": "loss_level",
    "flat": "flat",
    "armed": "armed",
    "presence_due": "presence_due",
    "presence_missed": "presence_missed",
    "presence_back": "presence_back",
    "drill": "drill",
    "guardian_disk": "guardian_fault",
    "guardian_log": "guardian_fault",
    "guardian_fault": "guardian_fault",
    "guardian_helper": "guardian_fault",
    "venue_refused": "guardian_fault",
    "account_refused": "guardian_fault",
    "telegram_refused": "guardian_fault",
    "telegram_paired": "telegram_paired",
    "kill_file_stays": "guardian_fault",
}
"""Kinds of alert by the guardian's own codes; every other code is something that it does."""
_ACCOUNT = re.compile(r"\b[Aa]ccount ([a-z0-9_-]+)")
_SEVERITIES: dict[GuardianSeverity, Severity] = {
    "info": Severity.INFO,
    "warning": Severity.WARNING,
    "critical": Severity.CRITICAL,
}


def told(given: GuardianAlert, plan: AlertPlan) -> Alert:
    """Give the alert of what the guardian tells; money is told as the plan wants it."""
    account = _ACCOUNT.search(given.text)
    return alert(
        _KINDS.get(given.code, "guardian_acted"),
        "Guardian",
        masked(given.text, plan, account[1] if account else ""),
        key=f"guardian|{given.dedupe}",
        severity=_SEVERITIES[given.severity],
    )
