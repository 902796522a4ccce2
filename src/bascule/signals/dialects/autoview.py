"""Autoview's commands of ``k=v`` words, with the symbol in them.

Not affiliated with Autoview; checked 2026-11-21 against its public syntax pages; verify.
"""

import re

from bascule.signals.command_words import KEYS, read_alert
from bascule.signals.instruction import Hints, Parsed, Refuse
from bascule.signals.members import is_json

NAME = "autoview"
JSON_MARKS = ()

_MARK = re.compile(
    r"(?:^|[\s|&])(?:b=(?:buy|sell|long|short)|c=(?:order|position))(?=$|[\s|&])", re.IGNORECASE
)
_OWN = re.compile(r"(?:^|[\s|&])[es]=", re.IGNORECASE)


def detect(text: str) -> int:
    """Claim words such as ``b=long`` and ``c=position`` where a symbol or exchange is named."""
    if "=" not in text or is_json(text) or not _MARK.search(text):
        return 0
    return 80 if _OWN.search(text) else 40


def parse(text: str, hints: Hints) -> Parsed:
    """Read one alert."""
    try:
        return read_alert(text, KEYS, hints.auth)
    except Refuse as refused:
        return refused.rejection
