"""What a strategy's fill means, read with the position before and after it.

``buy`` and ``sell`` alone say too little: a ``sell`` that leaves the strategy long is a partial
exit, and one that leaves it flat is a close. Neither may ever open a short.
"""

from decimal import Decimal
from typing import Literal

from msgspec import Struct

from bascule.model.enums import Side
from bascule.signals.instruction import Effect, Held, IntentWord, Refuse

State = Literal["long", "short", "flat"]


class Fill(Struct, frozen=True, gc=False):
    """What a fill asks for."""

    intent: IntentWord
    effect: Effect
    closes: Held | None = None


def long_of(side: Side) -> Literal["long", "short"]:
    """Give the position that an order of this side opens."""
    return "long" if side is Side.BUY else "short"


def short_of(side: Side) -> Literal["long", "short"]:
    """Give the position that an order of this side closes."""
    return "short" if side is Side.BUY else "long"


def side_opening(held: Literal["long", "short"]) -> Side:
    """Give the side of the order that opens a position."""
    return Side.BUY if held == "long" else Side.SELL


def side_closing(held: Literal["long", "short"]) -> Side:
    """Give the side of the order that closes a position."""
    return side_opening(held).opposite


def read_fill(side: Side, now: State | None, before: State | None) -> Fill:
    """Read one fill.

    Args:
        side: the side of the order that filled.
        now: the strategy's position after it; None when the message does not say.
        before: its position before it; None when the message does not say.

    Raises:
        Refuse: ``conflict`` when no fill of that side leads from one to the other, and
            ``missing_field`` when it may be an exit or a reversal and the message does not say.
    """
    opens, closes = long_of(side), short_of(side)
    if now == "flat":
        return Fill("close", "flat", before if before in ("long", "short") else closes)
    if now == closes:
        if before in ("flat", opens):
            raise Refuse("conflict", f"a {side.value} cannot lead from {before} to {now}")
        return Fill("reduce", "reduce", closes)
    if before == closes:
        if now is None:
            raise Refuse(
                "missing_field",
                f"a {side.value} out of a {before} position may be an exit or a reversal, "
                "and the position after it is not given",
            )
        return Fill("reverse", opens, closes)
    return Fill("add" if before == opens else "open", opens)


def signed(
    size: Decimal | None, absolute: Decimal | None, now: State | None
) -> tuple[Decimal | None, State | None]:
    """Put the position after a fill together from the ways in which it may be told.

    Args:
        size: a signed size; where a sender gives it unsigned, ``now`` tells its sign.
        absolute: a size that is always unsigned.
        now: long, short or flat.

    Returns:
        The signed size and the state, each None when nothing tells it.

    Raises:
        Refuse: ``conflict`` when they contradict each other, ``missing_field`` when a size has no
            direction.
    """
    if now == "flat":
        return Decimal(0), now
    if size is None and absolute is None:
        return None, now
    if size is not None and absolute is not None and abs(size) != absolute:
        raise Refuse("conflict", f"the position is given as {size} and as {absolute}")
    told = size if size is not None else absolute
    assert told is not None
    if size is None and now is None and told:
        raise Refuse("missing_field", "a position size without its direction")
    if now is None:
        return told, "flat" if not told else "long" if told > 0 else "short"
    if not told or (told < 0 and now == "long"):
        raise Refuse("conflict", f"a {now} position of size {told}")
    return (abs(told) if now == "long" else -abs(told)), now
