"""ProfitView's commands of ``k=v`` words; the symbol is often the chart's and not in the text.

A command without a symbol is read, and refused when it is mapped: Bascule has no chart. Not
affiliated with ProfitView; checked 2026-11-21 against public pages; verify.
"""

import re

from bascule.signals.command_words import KEYS, read_alert
from bascule.signals.instruction import Hints, Parsed, Refuse
from bascule.signals.members import is_json

NAME = "profitview"
JSON_MARKS = ()

_LONG_NAMES = {
    "ex": "e", "exchange": "e", "sym": "s", "symbol": "s", "acc": "a", "account": "a",
    "book": "b", "side": "b", "lev": "l", "leverage": "l",
}  # fmt: skip
_MARK = re.compile(
    r"(?:^|[\s|&])(?:(?:b|book|side)=(?:buy|sell|long|short)|c=(?:order|position))(?=$|[\s|&])",
    re.IGNORECASE,
)


def detect(text: str) -> int:
    """Claim words such as ``b=long`` and ``c=position``; Autoview's are surer of a symbol."""
    return 70 if "=" in text and not is_json(text) and _MARK.search(text) else 0


def parse(text: str, hints: Hints) -> Parsed:
    """Read one alert."""
    try:
        return read_alert(text, KEYS | _LONG_NAMES, hints.auth)
    except Refuse as refused:
        return refused.rejection
