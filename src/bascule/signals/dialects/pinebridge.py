"""Pinebridge's alerts: ``signal=long,symbol=EURUSD,qty=100000,...``, or the same keys as JSON.

Sizes in ``qty`` count units of the base currency, ``size`` counts lots. Keys that it does not know
are ignored, as Pinebridge does, unless they name a stop or are a known one misspelt. Not
affiliated with Pinebridge; read from its public repository as of November 2026, verify. See
docs/dialects.md.
"""

import re
from difflib import get_close_matches

from msgspec import structs

from bascule.model.enums import OrdType, Side
from bascule.signals import lenient_json
from bascule.signals.command_fields import (
    Fields,
    Given,
    Keys,
    auth_of,
    collect,
    guards_of,
    label_of,
    level,
    size_of,
    symbol_of,
)
from bascule.signals.commands import COMMANDS, closing, instruct, pairs_of, parts_of
from bascule.signals.freshness import read_time
from bascule.signals.instruction import Held, Hints, Instruction, Parsed, Refuse, Rejection
from bascule.signals.json_measures import check_sides
from bascule.signals.numbers import has_placeholder, shown
from bascule.signals.positions import long_of
from bascule.signals.words import boolean, fold

NAME = "pinebridge"
JSON_MARKS = ("signal",)

_KEYS: Keys = {
    "signal": ("signal", ""),
    "symbol": ("symbol", ""),
    "secret": ("secret", ""),
    "qty": ("qty", "base_units"),
    "size": ("volume", "lots"),
    "risklots": ("volume", "lots"),
    "entryprice": ("ref", "price"),
    "limitprice": ("entry", "price"),
    "slprice": ("sl", "price"),
    "slpips": ("sl", "pips"),
    "tpprice": ("tp", "price"),
    "tppips": ("tp", "pips"),
    "comment": ("comment", ""),
    "strategy": ("strategy", ""),
    "zoneid": ("zone_id", ""),
    "zonesrc": ("zone_src", ""),
    "dd": ("double_down", ""),
    "tvprice": ("tv_price", "price"),
    "tvtime": ("time", ""),
}
_STOP_WORDS = ("stop", "trail", "breakeven", "loss")
_TELEMETRY = frozenset({"slatr", "slippage"})
"""Names that look like a stop's and are not: scripts send along what they measured."""
_NEAR = 0.8
_NOTHING = ("", "0", 0)
_ENTRIES = {"long": Side.BUY, "buy": Side.BUY, "short": Side.SELL, "sell": Side.SELL}
_ARMS = {"armlong": Side.BUY, "armshort": Side.SELL}
_CANCELS = {"cancellong": "pending_long", "cancelshort": "pending_short"}
_CLOSES: dict[str, Held] = {
    **dict.fromkeys(("closelong", "closealllong", "exitlong"), "long"),
    **dict.fromkeys(("closeshort", "closeallshort", "exitshort"), "short"),
    **dict.fromkeys(("close", "closeall", "exit"), "both"),
}
_SIGNALS = _ENTRIES.keys() | _ARMS.keys() | _CANCELS.keys() | _CLOSES.keys() | {"modify"}
_MARK = re.compile(r"(?:^|,)\s*signal\s*=", re.IGNORECASE)
_OWN = frozenset({"entry_price", "sl_price", "tp_price", "limit_price", "zone_id"})
_MAX_LABEL = 64
_MOST_NAMED = 9
_MOST_OTHERS = 40
_LONGEST = 20


def detect(text: str) -> int:
    """Claim ``signal=`` among pairs between commas, or JSON of its own names."""
    start = text.strip("\ufeff\0 \t\r\n")
    if start[:1] == "{":
        return _detect_json(start) if '"signal"' in start else 0
    if "\n" in start or not _MARK.search(start):
        return 0
    return 80 if all("=" in part for part in start.split(",")) else 0


def _detect_json(text: str) -> int:
    read = lenient_json.decode(text)
    if isinstance(read, Rejection) or not isinstance(read.value, dict):
        return 0
    members = read.value
    known = all(fold(key) in _KEYS for key in members)
    signal = members.get("signal")
    ours = isinstance(signal, str) and signal.lower() in _SIGNALS
    return 60 if known and ours and not _OWN.isdisjoint(members) else 0


def parse(text: str, hints: Hints) -> Parsed:
    """Read one alert."""
    start = text.strip("\ufeff\0 \t\r\n")
    if not start:
        return Rejection("empty_body", "there is nothing in it")
    try:
        pairs = _pairs(start)
        fields = collect([pair for pair in pairs if fold(pair[0]) in _KEYS], _KEYS)
        others = [(key, value) for key, value in pairs if fold(key) not in _KEYS]
        return _noted(_read(fields, others, hints), others)
    except Refuse as refused:
        return refused.rejection


def _noted(read: Instruction, others: list[tuple[str, object]]) -> Instruction:
    """Name the keys that were not read."""
    if not others:
        return read
    names = ", ".join(shown(key)[1:-1] for key, _ in others[:_MOST_NAMED])
    return structs.replace(read, notes=(*read.notes, f"not read: {names}"))


def _check_others(others: list[tuple[str, object]]) -> None:
    """Refuse a key that names a stop in another way, or is a known one misspelt."""
    for key, value in others[:_MOST_OTHERS]:
        name = fold(key)
        if value in _NOTHING or name in _TELEMETRY:
            continue
        if name.startswith("sl") or any(word in name for word in _STOP_WORDS):
            raise Refuse("unknown_field", f"{shown(key)} names a stop; use sl_price or sl_pips")
        if near := get_close_matches(name[:_LONGEST], _KEYS, 1, _NEAR):
            raise Refuse("unknown_field", f"{shown(key)} may be meant for {near[0]}")
    if len(others) > _MOST_OTHERS:
        raise Refuse("malformed_command", f"more than {_MOST_OTHERS} keys that are not known")


def _pairs(text: str) -> list[tuple[str, object]]:
    if text[:2] == "{{" and has_placeholder(text):
        raise Refuse("unresolved_placeholder", f"it is {shown(text)}")
    if text[:1] != "{":
        if "=" not in text:
            raise Refuse("missing_field", "no signal= field: it is an alert of another kind")
        return pairs_of(parts_of(text))
    read = lenient_json.decode(text)
    if isinstance(read, Rejection):
        raise Refuse(read.error, read.why)
    if not isinstance(read.value, dict):
        raise Refuse("malformed_json", "a JSON object is expected")
    return [(key, value) for key, value in read.value.items() if value is not None]


def _read(fields: Fields, others: list[tuple[str, object]], hints: Hints) -> Instruction:
    signal = _signal(fields)
    if signal not in _CLOSES and signal not in _CANCELS:
        _check_others(others)
    auth = auth_of(fields, hints.auth)
    given = fields.get("symbol")
    symbol = symbol_of(given.value if given and isinstance(given.value, str) else "")
    if signal in _CLOSES:
        read = instruct(closing(_CLOSES[signal]), symbol, _without_size(fields), auth=auth)
    elif signal in _CANCELS:
        read = instruct(COMMANDS[f"cancel{signal[6:]}"], symbol, fields, auth=auth)
    elif signal == "modify":
        read = structs.replace(
            instruct(COMMANDS["newsltplong"], symbol, fields, auth=auth), target=None
        )
    else:
        read = _entry(signal, symbol, fields, auth)
    return _labelled(read, fields)


def _signal(fields: Fields) -> str:
    given = fields.get("signal")
    if given is None:
        raise Refuse("missing_field", "no signal= field")
    word = str(given.value).strip().lower()
    if word not in _SIGNALS:
        if has_placeholder(word):
            raise Refuse("unresolved_placeholder", f"signal is {shown(given.value)}")
        raise Refuse("invalid_action", f"signal: {shown(given.value)} is none that is known")
    return word


def _without_size(fields: Fields) -> Fields:
    """A close acts on the whole position, whatever size its template carries."""
    return {role: one for role, one in fields.items() if role not in ("qty", "volume")}


def _entry(signal: str, symbol: str, fields: Fields, auth: str) -> Instruction:
    armed = signal in _ARMS
    side = _ARMS[signal] if armed else _ENTRIES[signal]
    size, guards = size_of(fields), guards_of(fields)
    limit = level(fields, "entry") if armed else None
    if armed and limit is None:
        raise Refuse("missing_field", "a resting order without its limit_price")
    ref = level(fields, "ref") or level(fields, "tv_price")
    check_sides(side, limit.value if limit else ref.value if ref else None, guards)
    return Instruction(
        intent="replace_pending" if armed else "add" if _adds(fields) else "open",
        side=side,
        symbol=symbol,
        order_type=OrdType.LIMIT if armed else OrdType.MARKET,
        qty=size.qty,
        volume=size.volume,
        limit=limit.value if limit else None,
        ref_price=ref.value if ref else None,
        sl=guards.sl,
        tp=guards.tp,
        position_effect=long_of(side),
        auth=auth,
        unset=guards.unset,
        unreadable=guards.unreadable,
    )


def _adds(fields: Fields) -> bool:
    given = fields.get("double_down")
    if given is None:
        return False
    flag = boolean(given.value)
    if flag is None:
        raise Refuse("bad_enum", f"dd: {shown(given.value)} is neither true nor false")
    return flag


def _labelled(read: Instruction, fields: Fields) -> Instruction:
    more: dict[str, object] = {}
    notes = list(read.notes)
    for role in ("comment", "strategy"):
        more[role], left_out = label_of(fields, role)
        notes += left_out
    if zone := "-".join(_zone(fields)):
        more["order_id"] = zone
    if "time" in fields:
        more["fired_at"], note = read_time(fields["time"].value)
        notes += [note] if note else []
    return structs.replace(read, **more, notes=tuple(notes))


def _zone(fields: Fields) -> list[str]:
    """Name the zone that a resting order belongs to: a cancel takes back only that order."""
    given = [fields[role] for role in ("zone_src", "zone_id") if role in fields]
    return [_plain(one) for one in given]


def _plain(given: Given) -> str:
    text = str(given.value).strip()
    if has_placeholder(text):
        raise Refuse("unresolved_placeholder", f"{given.key} holds {shown(text)}")
    return text[:_MAX_LABEL]
