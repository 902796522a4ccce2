"""Identities. Each is text on the wire; mixing two is a type error.

A client order id is a pure function of its cause, so that the same cause can never ask for two
different orders: ``<epoch>-<intent>-<account>-<leg><attempt>``, lower-case base 36, at most 20
characters for anything a person will live to see.
"""

import re
from typing import NewType

AccountId = NewType("AccountId", str)
VenueId = NewType("VenueId", str)
StrategyId = NewType("StrategyId", str)
RouteId = NewType("RouteId", str)
SourceId = NewType("SourceId", str)
SignalId = NewType("SignalId", str)
"""``<epoch>-<n>``: the n-th signal of this installation epoch, base 36."""
ClOrdID = NewType("ClOrdID", str)
VenueOrderId = NewType("VenueOrderId", str)
ExecID = NewType("ExecID", str)
PositionId = NewType("PositionId", str)
Symbol = NewType("Symbol", str)
"""Our own name of an instrument: ``EURUSD``, ``ESZ2026``, ``BTCUSDT``."""
VenueSymbol = NewType("VenueSymbol", str)
"""What one account's venue calls it: ``EURUSD.pro``."""

MANUAL_BOOK = StrategyId("manual")
"""The book that owns whatever no strategy owns."""

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def base36(number: int) -> str:
    """Write a non-negative integer in lower-case base 36."""
    if number < 36:
        return _DIGITS[number]
    out = ""
    while number:
        number, digit = divmod(number, 36)
        out = _DIGITS[digit] + out
    return out


def signal_id(epoch: str, number: int) -> SignalId:
    """Name the ``number``-th signal of an epoch."""
    return SignalId(f"{epoch}-{base36(number)}")


def guardian_epoch(started_ms: int) -> str:
    """Begin the names of the orders of a guardian that started at that millisecond.

    An engine's epoch has four characters and so never begins like this one.
    """
    return f"g{base36(started_ms)}"


def of_guardian(client_id: str) -> bool:
    """Tell whether an order is a guardian's own, by its name."""
    epoch, _, number = client_id.partition("-")
    return epoch[:1] == "g" and len(epoch) > 4 and bool(number)


_ENTRY = re.compile(r"[a-z0-9]{4}-[a-z0-9.]+-[0-9a-z]+e\d*")
_NO_ENTRY = re.compile(r".*-[0-9a-z]+(?:x\d*|xz[0-9a-z]*|s\d*|t[a-z]\d*)")


def names_entry(client_id: str) -> bool:
    """Tell whether an order is an entry of an engine, by its name.

    An account's number may end in a letter that names a leg; where that leaves two readings, no.
    """
    return bool(_ENTRY.fullmatch(client_id)) and not _NO_ENTRY.fullmatch(client_id)


def cl_ord_id(signal: SignalId, intent: int, account: int, leg: str, attempt: int = 0) -> ClOrdID:
    """Name an order by its cause.

    Args:
        signal: the signal that asked; it carries the installation epoch.
        intent: index of the intent within the signal.
        account: the account's number in this installation.
        leg: which part of the plan: ``e`` entry, ``x`` exit, ``s`` stop, ``t`` target, with an
            index where there are several.
        attempt: 0, or more after proof that the earlier attempt never lived.
    """
    part = (
        f"{signal}-{base36(account)}{leg}"
        if not intent
        else (f"{signal}.{base36(intent)}-{base36(account)}{leg}")
    )
    return ClOrdID(part if not attempt else f"{part}.{attempt}")
