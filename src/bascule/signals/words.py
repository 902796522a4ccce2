"""The words senders use for what to do, and what each means. A closed table: no stemming, no guess.

A word is compared without case, spaces, hyphens, underscores and dots, so that ``Close-All``,
``close_all`` and ``closeAll`` are one.
"""

from typing import Literal

from msgspec import Struct

from bascule.model.enums import OrdType, Side
from bascule.signals.instruction import Held

Verb = Literal[
    "open", "add", "close", "reduce", "reverse", "cancel", "modify", "breakeven", "flatten_all",
    "halt", "resume", "notify", "neutral",
]  # fmt: skip


class Word(Struct, frozen=True, gc=False):
    """What one word says.

    ``side`` is the side of the order that it asks for. ``held`` is the position it speaks of:
    ``long`` says both "buy" and "the long position", ``buy`` says only the first.
    """

    verb: Verb
    side: Side | None = None
    held: Held | None = None


_STRIP = str.maketrans("", "", " \t\r\n-_.")


def fold(text: str) -> str:
    """Reduce a word to what is compared."""
    return text.translate(_STRIP).lower()


def _table(rows: tuple[tuple[Word, str], ...]) -> dict[str, Word]:
    return {word: meaning for meaning, words in rows for word in words.split()}


_BUY, _SELL = Side.BUY, Side.SELL

ACTIONS: dict[str, Word] = _table(
    (
        (Word("open", _BUY), "buy buysignal buytoopen bto buyorder buymarket marketbuy"),
        (Word("open", _SELL), "sell sellsignal selltoopen sto sellorder sellmarket marketsell"),
        (
            Word("open", _BUY, "long"),
            "long bull bullish enterlong entrylong longentry longenter openlong longopen golong "
            "buylong longbuy startlong strategyentrylong strategylong",
        ),
        (
            Word("open", _SELL, "short"),
            "short bear bearish entershort entryshort shortentry shortenter openshort shortopen "
            "goshort sellshort shortsell startshort strategyentryshort strategyshort",
        ),
        (Word("open"), "open enter entry openposition enterposition newposition newtrade"),
        (Word("add"), "add addposition scalein increase pyramid"),
        (Word("add", _BUY, "long"), "addlong addtolong increaselong scaleinlong"),
        (Word("add", _SELL, "short"), "addshort addtoshort increaseshort scaleinshort"),
        (
            Word("close"),
            "close exit flat flatten closeposition exitposition closetrade exittrade "
            "flattenposition liquidate squareoff strategyclose strategyexit",
        ),
        (
            Word("close", _SELL, "long"),
            "closelong exitlong longexit longclose longflat closebuy exitbuy flattenlong "
            "closelongposition exitlongposition selltoclose stc strategyexitlong "
            "strategycloselong",
        ),
        (
            Word("close", _BUY, "short"),
            "closeshort exitshort shortexit shortclose shortflat closesell exitsell flattenshort "
            "closeshortposition exitshortposition buytoclose buytocover strategyexitshort "
            "strategycloseshort",
        ),
        (
            Word("close", None, "both"),
            "closelongshort closeboth exitboth",
        ),
        (
            Word("flatten_all"),
            "closeall exitall flattenall liquidateall closeallpositions exitallpositions "
            "closeeverything flatteneverything flattenallpositions strategycloseall closealltrades",
        ),
        (
            Word("reduce"),
            "reduce partial partialclose partialexit closepartial exitpartial takepartial "
            "reduceposition decrease scaleout trim",
        ),
        (Word("reduce", _SELL, "long"), "reducelong partialcloselong partialexitlong trimlong"),
        (Word("reduce", _BUY, "short"), "reduceshort partialcloseshort partialexitshort trimshort"),
        (Word("reverse"), "reverse flip reverseposition flipposition closeandreverse"),
        (Word("reverse", _BUY, "long"), "reverselong reversetolong fliplong fliptolong"),
        (Word("reverse", _SELL, "short"), "reverseshort reversetoshort flipshort fliptoshort"),
        (
            Word("cancel"),
            "cancel cancelorder cancelorders cancelall cancelallorders cancelpending "
            "strategycancel strategycancelall",
        ),
        (
            Word("modify"),
            "modify modifyposition modifysl modifystop modifytp modifysltp updatesl updatestop "
            "updatestoploss updatetp updatetakeprofit updatesltp movesl movestop movestoploss "
            "movetp setsl setstop setstoploss settp settakeprofit",
        ),
        (Word("breakeven"), "breakeven movetobreakeven movesltobreakeven slbe sltobe movetobe"),
        (Word("halt"), "halt pause disable killswitch stoptrading stopbot pausetrading eaoff"),
        (
            Word("resume"),
            "resume unpause enable arm unhalt starttrading startbot resumetrading eaon",
        ),
        (
            Word("notify"),
            "heartbeat ping alive notify notification info status setup watch warning test report",
        ),
        (
            Word("neutral"),
            "signal alert strategy order trade webhook tradingview indicator orderfill fill",
        ),
    )
)
"""Words of an action, side or direction field, folded."""

ORDER_TYPES: dict[str, tuple[OrdType, bool]] = {
    "market": (OrdType.MARKET, False),
    "mkt": (OrdType.MARKET, False),
    "limit": (OrdType.LIMIT, False),
    "lmt": (OrdType.LIMIT, False),
    "stop": (OrdType.STOP, False),
    "stp": (OrdType.STOP, False),
    "stopmarket": (OrdType.STOP, False),
    "stopmkt": (OrdType.STOP, False),
    "stoplimit": (OrdType.STOP_LIMIT, False),
    "stplmt": (OrdType.STOP_LIMIT, False),
    "trailingstop": (OrdType.TRAILING_STOP, False),
    "trailingstopmarket": (OrdType.TRAILING_STOP, False),
    "stoploss": (OrdType.STOP, True),
    "stoplossmarket": (OrdType.STOP, True),
    "stoplosslimit": (OrdType.STOP_LIMIT, True),
    "takeprofit": (OrdType.LIMIT, True),
    "takeprofitlimit": (OrdType.LIMIT, True),
}
"""Names of order types, folded; True where the name says that the order only protects."""

POSITIONS: dict[str, Literal["long", "short", "flat"]] = {
    "long": "long",
    "bullish": "long",
    "bull": "long",
    "short": "short",
    "bearish": "short",
    "bear": "short",
    "flat": "flat",
}
"""States of a position, folded."""

TIMES_IN_FORCE: dict[str, str] = {
    "day": "day",
    "gtc": "gtc",
    "goodtillcancel": "gtc",
    "goodtillcanceled": "gtc",
    "goodtilcanceled": "gtc",
    "gtd": "gtd",
    "ioc": "ioc",
    "immediateorcancel": "ioc",
    "fok": "fok",
    "fillorkill": "fok",
    "opg": "opg",
    "cls": "cls",
}
"""Times in force, folded."""

_TRUE = frozenset({"true", "yes", "1", "on"})
_FALSE = frozenset({"false", "no", "0", "off", "", "none", "null"})


def boolean(value: object) -> bool | None:
    """Read a flag: a JSON boolean, 0 or 1, or a word for them. None when it is none of these."""
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in _TRUE:
        return True
    return False if word in _FALSE else None
