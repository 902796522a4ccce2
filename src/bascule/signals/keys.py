"""Idempotency keys: what makes two deliveries one signal.

First that applies: an id that the sender gave the signal; the delivery id of a signed webhook; for
a strategy's fill, its order id with the alert's time, what names the strategy and the contract, the
action, the positions before and after and the size. Without any of these there is no key, and the
engine takes a byte-identical body from the same source within 25 s for a resend, if the message
bears a time.
"""

import hashlib

from bascule.model.values import Instant
from bascule.signals.instruction import Direct, Instruction

_MAX_KEY = 200
_SEPARATOR = "\x1f"


def body_hash(struck: str) -> str:
    """Hash a body whose secrets are struck out: SHA-256, hexadecimal."""
    return _sha256(struck)


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
        # Strategies that share a source fire on the same bar, and often under the same order id.
        told = (fill.strategy, fill.account, fill.exchange, fill.symbol, *fill.identity)
        return _fill_key(source, fill.order_id, fill.fired_at, told)
    return ""


def _fill_key(source: str, order_id: str, fired_at: Instant, rest: tuple[str, ...]) -> str:
    told = _SEPARATOR.join((order_id, str(fired_at), *rest))
    return f"{source}/fill/{_sha256(told)[:32]}"


def _scoped(source: str, kind: str, given: str) -> str:
    key = f"{source}/{kind}/{given}"
    if len(key) <= _MAX_KEY:
        return key
    return f"{source}/{kind}/{_sha256(given)}"


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
