"""Reads what names, dates and accounts for a message out of collected JSON fields.

Labels may hold a placeholder that was never filled: it is left out and noted. The time of the
signal is the first of: the time the alert fired (``timenow``, ``fired_at``, ``timestamp``, ``ts``,
``date``), the bar's close, and last ``time``, which in TradingView's own words is the bar's open.
"""

from decimal import Decimal

from msgspec import structs

from bascule.signals.freshness import read_time
from bascule.signals.instruction import Instruction, Refuse
from bascule.signals.json_fields import Fields, text
from bascule.signals.json_measures import price
from bascule.signals.numbers import has_placeholder, shown
from bascule.signals.words import TIMES_IN_FORCE, fold

_MAX_LABEL = 128
_MAX_SYMBOL = 64
_LABELS = (
    "strategy", "comment", "order_id", "signal_id", "exchange", "account", "contract_month",
)  # fmt: skip
_SIZING_LABELS = frozenset({"account", "contract_month"})


def symbol(fields: Fields) -> str:
    """Read the symbol as sent.

    Raises:
        Refuse: ``missing_field`` when there is none, ``unresolved_placeholder``, ``conflict`` when
            a symbol and a ticker differ.
    """
    read = symbol_or_empty(fields)
    if not read:
        raise Refuse("missing_field", "no symbol")
    return read


def symbol_or_empty(fields: Fields) -> str:
    """Read the symbol as sent, or nothing.

    Raises:
        Refuse: as `symbol`, but for a missing one.
    """
    for role in ("symbol", "symbol2"):
        read = ""
        depth = 0
        for found in fields.get(role, ()):
            value = found.value
            if not isinstance(value, str) or not value.strip():
                continue
            if has_placeholder(value):
                raise Refuse("unresolved_placeholder", f"{found.key} holds {shown(value)}")
            name = value.strip()
            if not read:
                read, depth = _checked(name), found.depth
            elif role == "symbol" and found.depth == depth and _plain(name) != _plain(read):
                raise Refuse("conflict", f"two symbols: {shown(read)} and {shown(name)}")
        if read:
            return read
    return ""


def _plain(name: str) -> str:
    return name.rpartition(":")[2].upper()


def _checked(name: str) -> str:
    bare = name.rpartition(":")[2]
    if not bare.isalnum() and not any(one.isalnum() for one in bare):
        raise Refuse("missing_field", f"no symbol: {shown(name)} names none")
    if len(name) > _MAX_SYMBOL or not name.isascii() or not name.isprintable():
        raise Refuse("missing_field", f"no symbol: {shown(name)} cannot be one")
    return name


def label(instruction: Instruction, fields: Fields, identity: tuple[str, ...]) -> Instruction:
    """Add labels, times and the like to what was read.

    Raises:
        Refuse: ``bad_enum`` for a time in force that is none, ``unresolved_placeholder`` for an
            account or contract month, or for the order that is to be canceled.
    """
    more: dict[str, object] = {"identity": identity}
    notes = list(instruction.notes)
    for name in _LABELS:
        if name in fields and (read := text(fields, name)):
            if not has_placeholder(read):
                # An id that is cut could be another signal's, which would be lost as its resend.
                more[name] = read if name == "signal_id" else read[:_MAX_LABEL]
            elif name in _SIZING_LABELS or (name == "order_id" and instruction.intent == "cancel"):
                # Without the order's name every order would be canceled.
                raise Refuse("unresolved_placeholder", f"{name} holds {shown(read)}")
            else:
                notes.append(f"{name} holds {shown(read)}, which nothing filled; it was left out")
    if "time" in fields:
        _add_time(fields, more, notes)
    if "tif" in fields:
        _add_tif(fields, more)
    for name in ("leverage", "multiplier", "max_lag"):
        if name in fields:
            _add_number(fields, name, more, notes)
    if notes:
        more["notes"] = tuple(notes)
    return structs.replace(instruction, **more)


def _add_time(fields: Fields, more: dict[str, object], notes: list[str]) -> None:
    complaint = ""
    for found in fields["time"]:
        if found.value is None or found.value == "":
            continue
        at, note = read_time(found.value)
        if at is not None:
            more["fired_at"] = at
            if fold(found.key) == "time":
                note = note or "time may be the bar's open; send timenow to judge age by"
            if note:
                notes.append(note)
            return
        complaint = complaint or note
    if complaint:
        notes.append(complaint)


def _add_tif(fields: Fields, more: dict[str, object]) -> None:
    stated = text(fields, "tif")
    if stated:
        if fold(stated) not in TIMES_IN_FORCE:
            raise Refuse("bad_enum", f"{shown(stated)} is not a time in force")
        more["tif"] = TIMES_IN_FORCE[fold(stated)]


def _add_number(fields: Fields, name: str, more: dict[str, object], notes: list[str]) -> None:
    try:
        read: Decimal | None = price(fields, name)
    except Refuse as refused:
        notes.append(f"not used: {refused.rejection.why}")
        return
    if read is not None:
        more["max_lag_s" if name == "max_lag" else name] = read
