"""What the guardian tells, in the words of everybody's alerts."""

from decimal import Decimal

import pytest

from bascule.alerts.alert import AlertPlan, Severity, Shown
from bascule.guardian.telling import told
from bascule.guardian.words import Alert
from bascule.model.ids import AccountId

from .faces_house import START

PLAN = AlertPlan(accounts={AccountId("alpha"): Shown(currency="USD", basis=Decimal(10_000))})


@pytest.mark.parametrize(
    ("code", "name"),
    [("engine_dead", "engine_down"), ("flatten", "guardian_acted"), ("loss_line", "loss_level"),
     ("presence_missed", "presence_missed"), ("something_new", "guardian_acted")],
)  # fmt: skip
def test_every_code_has_a_kind(code: str, name: str) -> None:
    """What is not known yet is something that the guardian does, and keeps its severity."""
    given = Alert(severity="critical", code=code, text="x", dedupe="d", at=START)
    found = told(given, PLAN)
    assert (found.name, found.severity, found.title.partition(":")[0]) == (
        name,
        Severity.CRITICAL,
        "Guardian",
    )


def test_money_is_told_in_percent() -> None:
    """The loss line is said as a share of the account that the sentence names."""
    text = "Account alpha: equity 9400 USD reached the loss line 9500 USD (daily loss)."
    given = Alert(severity="critical", code="loss_line", text=text, dedupe="d", at=START)
    assert "equity 94.00 % reached the loss line 95.00 % (daily" in told(given, PLAN).text
