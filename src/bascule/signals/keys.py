"""Idempotency keys: what makes two deliveries one signal.

First that applies: an id that the sender gave the signal; the delivery id of a signed webhook; for
a strategy's fill, its order id with the alert's time, the action, the positions before and after
and the size. Without any of these there is no key, and the engine takes a byte-identical body from
the same source within 25 s for a resend, if the message bears a time.
"""

import hashlib
import json

from bascule.model.values import Instant
from bascule.signals.instruction import Direct, Instruction

_MAX_KEY = 200


def body_hash(struck: str) -> str:
    """Hash a body whose secrets are struck out: SHA-256, hexadecimal."""
    return hashlib.sha256(struck.encode("utf-8", "surrogatepass")).hexdigest()


def signal_key(source: str, parsed: tuple[Instruction, ...] | Direct, delivery: str = "") -> str:
    """Give the idempotency key of a message, scoped by its source; empty when it has none.

    Args:
        source: the source's name.
        parsed: what was read; of a batch only an id of the sender's own makes a key.
        delivery: the id that the transport gives each message and repeats on a resend.
    """
    given = parsed.signal_id if isinstance(parsed, Direct) else parsed[0].signal_id
    if given:
        return _scoped(source, "id", given)
    if delivery:
        return _scoped(source, "delivery", delivery)
    if isinstance(parsed, Direct) or len(parsed) > 1:
        return ""
    fill = parsed[0]
    if fill.order_id and fill.fired_at is not None and fill.identity:
        told = (fill.symbol, *fill.identity)
        return _fill_key(source, fill.order_id, fill.fired_at, told)
    return ""


def _fill_key(source: str, order_id: str, fired_at: Instant, rest: tuple[str, ...]) -> str:
    told = json.dumps([order_id, fired_at, *rest], ensure_ascii=True)
    return f"{source}/fill/{hashlib.sha256(told.encode()).hexdigest()[:32]}"


def _scoped(source: str, kind: str, given: str) -> str:
    key = f"{source}/{kind}/{given}"
    if len(key) <= _MAX_KEY:
        return key
    return f"{source}/{kind}/{hashlib.sha256(given.encode('utf-8', 'surrogatepass')).hexdigest()}"
