"""``docs/alerts.md`` has every kind of alert as it is, and no other."""

import re
from pathlib import Path

from bascule.alerts.kinds import KINDS

TEXT = (Path(__file__).resolve().parents[3] / "docs/alerts.md").read_text(encoding="utf-8")


def test_every_kind_has_its_row() -> None:
    """Name, severity and words are those of the table in the code."""
    rows = re.findall(r"^\| `(\w+)` \| (info|warning|critical) \| (.*) \|$", TEXT, re.MULTILINE)
    assert rows == [(name, kind.severity.value, kind.when) for name, kind in KINDS.items()]
