"""Reads what to do out of collected JSON fields: the verb, the side, the position spoken of.

``action`` decides. ``side`` and ``direction`` complete it. ``event``, ``type`` and ``signal`` carry
orders in some messages and reports in others (``TP1_HIT`` with ``side: long`` must open nothing),
so a word there that is not in the table is harmless only next to an ``action`` that says it all.
"""

from msgspec import Struct

from bascule.model.enums import Side
from bascule.signals.instruction import Held, Refuse
from bascule.signals.json_fields import Fields, Found
from bascule.signals.numbers import has_placeholder, shown
from bascule.signals.positions import short_of, side_closing
from bascule.signals.words import ACTIONS, ORDER_TYPES, Verb, Word, fold

_CAUTIOUS = ("event", "type", "signal")
_ENDS_A_TRADE = (
    "tp", "sl", "stop", "target", "exit", "clos", "partial", "trail", "hit", "breakeven", "profit",
    "setup", "warn", "invalid", "expire",
)  # fmt: skip


class Asked(Struct, frozen=True, gc=False):
    """What a message asks to do. ``verb`` is empty when no field says it.

    ``held`` is the position that a close speaks of, as far as the words tell.
    """

    verb: Verb | str = ""
    side: Side | None = None
    held: Held | None = None
    word: str = ""


class _Said(Struct, frozen=True, gc=False):
    role: str
    raw: str
    word: Word


def read_action(fields: Fields) -> Asked:
    """Read the verb and the side.

    Raises:
        Refuse: ``invalid_action`` for a word that is none, ``missing_field`` for an entry without
            a side, ``conflict`` where fields contradict each other, ``unresolved_placeholder``.
    """
    said, unknown = _gather(fields)
    if len(said) == 1 and not unknown and said[0].word.verb == "open" and said[0].word.side:
        # What most alerts say, and what the rest of this would come to.
        return Asked("open", said[0].word.side, word=said[0].raw)
    decided = any(
        one.role == "action" and (one.word.side or one.word.verb not in ("open", "neutral"))
        for one in said
    )
    if not decided:
        _refuse_unknown(said, unknown)
    verbs = list(dict.fromkeys(one.word.verb for one in said))
    if "notify" in verbs:
        return Asked("notify", word=said[0].raw)
    specific = [verb for verb in verbs if verb not in ("open", "neutral")]
    if len(specific) > 1:
        raise Refuse("conflict", f"it asks to {specific[0]} and to {specific[1]}")
    entry = next((one for one in said if one.word.verb == "open" and one.word.side is None), None)
    verb = specific[0] if specific else "open" if "open" in verbs else ""
    raw = said[0].raw if said else ""
    if verb in ("close", "reduce"):
        if entry is not None:
            raise Refuse("conflict", f"it asks to {verb} and to {entry.raw}")
        return _closing(verb, said, raw)
    if verb in ("open", "add", "reverse"):
        return _opening(verb, said, raw)
    about = _closing("close", said, raw) if verb in ("cancel", "modify", "breakeven") else Asked()
    side = (
        next((one.word.side for one in said if one.word.side), None) if verb == "cancel" else None
    )
    return Asked(verb, side, about.held, raw)


def _gather(fields: Fields) -> tuple[list[_Said], list[_Said]]:
    said: list[_Said] = []
    unknown: list[_Said] = []
    for role in ("action", *_CAUTIOUS, "side"):
        for found in fields.get(role, ()):
            raw = _raw(found, role)
            if raw is None or (role == "type" and fold(raw) in ORDER_TYPES):
                continue
            word = ACTIONS.get(fold(raw))
            if word is not None:
                said.append(_Said(role, raw, word))
            elif role == "action":
                raise Refuse("invalid_action", f"{found.key}: {shown(raw)} is not an action")
            else:
                unknown.append(_Said(role, raw, Word("neutral")))
    return said, unknown


def _raw(found: Found, role: str) -> str | None:
    value = found.value
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if fold(found.key) == "order" and (not isinstance(value, str) or value.lstrip()[0] == "["):
        raise Refuse("malformed_json", f"{found.key}: one order is expected, as a JSON object")
    if not isinstance(value, str):
        if role in ("action", "side"):
            raise Refuse("invalid_action", f"{found.key}: {shown(value)} is not an action")
        return None
    if has_placeholder(value) and role in ("action", "side"):
        raise Refuse("unresolved_placeholder", f"{found.key} holds {shown(value)}")
    return value.strip()


def _refuse_unknown(said: list[_Said], unknown: list[_Said]) -> None:
    """Refuse an unknown word that may say that this is no order, or on which side one is."""
    settled = any(one.word.verb not in ("neutral",) and one.role in _CAUTIOUS for one in said)
    trades = any(one.word.side is not None for one in said)
    for one in unknown:
        if one.role == "side":
            if not settled or not trades:
                raise Refuse("invalid_action", f"{shown(one.raw)} is not a side")
        elif settled or not trades:
            continue
        elif one.role != "signal" or any(word in one.raw.lower() for word in _ENDS_A_TRADE):
            raise Refuse("invalid_action", f"{one.role} {shown(one.raw)} is not an action")


def _opening(verb: str, said: list[_Said], raw: str) -> Asked:
    sides = {one.word.side: one.raw for one in said if one.word.side is not None}
    if len(sides) > 1:
        one, other = list(sides.values())[:2]
        raise Refuse("conflict", f"it says {shown(one)} and {shown(other)}")
    if not sides:
        raise Refuse("missing_field", "no side: it does not say whether to buy or to sell")
    return Asked(verb, next(iter(sides)), word=raw)


def _closing(verb: str, said: list[_Said], raw: str) -> Asked:
    """Find the position to close.

    A bare buy or sell in a side field may mean the order or the position, and is left aside:
    nothing that closes can open.
    """
    held: set[Held] = {one.word.held for one in said if one.word.held is not None}
    if not held:
        held = {
            short_of(one.word.side)
            for one in said
            if one.word.side is not None and one.role != "side" and one.word.verb == "open"
        }
    if len(held) > 1:
        raise Refuse("conflict", "it asks to close a long and a short position")
    which = next(iter(held), None)
    side = side_closing(which) if which in ("long", "short") else None
    return Asked(verb, side, which, raw)
