"""TradersPost's JSON: ``{"ticker": "ES1!", "action": "sell", "sentiment": "flat"}``.

`bascule.signals.traders_json` reads it. Not affiliated with TradersPost; read from its public
webhook reference as of November 2026, verify. See docs/dialects.md.
"""

import re
from functools import lru_cache

from bascule.signals import lenient_json, traders_json
from bascule.signals.instruction import Hints, Parsed, Rejection
from bascule.signals.json_fields import collect
from bascule.signals.traders_json import ACTIONS, CONTRACT, KEYS

NAME = "traderspost"
JSON_MARKS = ("ticker",)

_COMMON = frozenset({"ticker", "action", "quantity", "price", "time", "interval"})
"""Keys of TradersPost's that free-form alerts use too."""
_CAMEL = re.compile(r"[a-z]+(?:[A-Z][a-z]+)*(?:Price|Percent|Amount|Type|Loss|Profit|Force|Hours)")
_OWN = KEYS - _COMMON
_OWN_ACTIONS = ACTIONS - {"buy", "sell"}
_SHAPES = 64
"""Sets of names whose verdict is remembered."""
_FOREIGN_ROLES = frozenset(
    {
        "credential", "now", "now_size", "before", "before_size", "target", "qty", "volume",
        "risk", "reduce_only", "side", "symbol", "order_type", "metrics", "status", "report",
    }
)  # fmt: skip
"""What other keys may not say: a message that says it is not only TradersPost's."""


def detect(text: str) -> int:
    """Claim JSON with a ticker and an action where keys or words of TradersPost's own show.

    Left to free-form alerts is what both read alike (a ticker, a side, a size), and whatever has a
    credential, a position or a size under a name that TradersPost ignores.
    """
    if text.lstrip("\ufeff \t\r\n")[:1] != "{" or '"ticker"' not in text:
        return 0
    read = lenient_json.decode(text)
    if isinstance(read, Rejection) or not isinstance(read.value, dict):
        return 0
    message = read.value
    action, ticker = message.get("action"), message.get("ticker")
    if not isinstance(action, str) or not isinstance(ticker, str):
        return 0
    own = _is_own(tuple(message))
    if not (own or action in _OWN_ACTIONS or CONTRACT.fullmatch(ticker)):
        return 0
    if _says_more(tuple([key for key, one in message.items() if not isinstance(one, dict | list)])):
        return 0
    return 70 if own else 60


@lru_cache(maxsize=_SHAPES)
def _is_own(keys: tuple[str, ...]) -> bool:
    """Whether one of the names is TradersPost's alone. A sender's messages have the same names."""
    return not _OWN.isdisjoint(keys) or any(map(_CAMEL.fullmatch, keys))


@lru_cache(maxsize=_SHAPES)
def _says_more(keys: tuple[str, ...]) -> bool:
    roles = collect({key: "1" for key in keys if key not in KEYS})
    return not _FOREIGN_ROLES.isdisjoint(roles)


def parse(text: str, hints: Hints) -> Parsed:
    """Read one message."""
    return traders_json.parse(text, hints)
