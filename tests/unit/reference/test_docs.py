from pathlib import Path

from bascule.reference.expiry import RULES
from bascule.sizing import CODES

DOCS = Path(__file__).parents[3] / "docs"


def test_every_expiry_rule_is_explained() -> None:
    """The page on symbols has a line for each rule of the table."""
    page = (DOCS / "symbols.md").read_text("utf-8")
    assert [rule for rule in RULES if f"| `{rule}` |" not in page] == []


def test_every_refusal_of_a_size_is_explained() -> None:
    """The page on sizing lists the refusals in the order of the checks."""
    page = (DOCS / "sizing.md").read_text("utf-8")
    places = [page.index(f"| `{code}` |") for code in CODES]
    assert places == sorted(places)
