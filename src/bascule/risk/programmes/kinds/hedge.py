"""Hedging: no opposite direction in one symbol, across the owner's accounts or within one."""

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from bascule.model.enums import Side
from bascule.risk.programmes.written import Answer, part


class Held(Struct, frozen=True):
    """One side held, or wanted, on one account, by our own symbol."""

    account: str
    symbol: str
    side: Side


def opposed(
    wanted: Held, held: Sequence[Held], *, same_account: bool, cross_account: bool
) -> Held | None:
    """Give what an order would stand against where that is not allowed, or None."""
    for one in held:
        if one.symbol != wanted.symbol or one.side is wanted.side:
            continue
        if not (same_account if one.account == wanted.account else cross_account):
            return one
    return None


class _Policy(Struct, frozen=True):
    cross_account_hedge: Literal["allowed", "prohibited", "unknown"] = "unknown"
    same_account_hedge: Literal["allowed", "prohibited", "unknown"] = "unknown"


class _Held(Struct, frozen=True):
    account: str
    symbol: str
    side: Side
    reduces: bool = False


class _Question(Struct, frozen=True):
    policy: Mapping[str, object]
    positions: tuple[Mapping[str, object], ...]
    orders: tuple[Mapping[str, object], ...]
    symbol_map: dict[str, str] = {}


_NAMES = {"reduce_only": "reduces", "closing": "reduces", "closes": "reduces"}


def answer(given: Mapping[str, object], unread: list[str]) -> Answer:
    """Answer a written question: which of ``orders`` may go beside ``positions``.

    Each order is judged by itself; one that only reduces is always allowed. An unknown policy
    prohibits.
    """
    asked = part(given, _Question, "input", unread)
    policy = part(asked.policy, _Policy, "input.policy", unread)

    def ours(written: Mapping[str, object], where: str) -> tuple[Held, bool]:
        one = part(written, _Held, where, unread, _NAMES)
        symbol = asked.symbol_map.get(one.symbol, one.symbol)
        return Held(one.account, symbol, one.side), one.reduces

    held = [ours(one, "input.positions")[0] for one in asked.positions]
    allowed = []
    for written in asked.orders:
        order, reduces = ours(written, "input.orders")
        against = opposed(
            order,
            held,
            same_account=policy.same_account_hedge == "allowed",
            cross_account=policy.cross_account_hedge == "allowed",
        )
        allowed.append(reduces or against is None)
    return {"allowed": allowed}
