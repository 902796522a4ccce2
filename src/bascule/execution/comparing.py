"""Our positions held against those that a venue shows: agreement, drift, or a taking over.

A difference is drift only when a second look shows the same and nothing has moved in between:
orders, fills and positions are three questions, and the market does not stand still between them.
Some venues also count a fill in their positions seconds after they have told it. A difference that
undoing the last fills explains is therefore left to a look that comes when they are older.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal

from bascule.execution.inputs import Looked
from bascule.execution.state import AccountState
from bascule.execution.turn import Suspect, Turn
from bascule.model.enums import PositionMode
from bascule.model.event import DriftFound, PositionAdopted
from bascule.model.ids import PositionId, Symbol
from bascule.model.order import ExecutionReport, VenuePosition
from bascule.model.values import SECOND, ZERO, text

MOVING_LOOKS = 5
"""A difference that stays the same while the position moves is drift after so many looks."""
LAG = 5 * SECOND
"""By how much positions may lag behind fills."""
LAGGED_MOST = 2 * LAG
"""A difference that has stood for so long is drift, though trade goes on that might explain it."""
_FIRST_SEEN = "held at the venue when the account was first seen"

_Lots = tuple[tuple[PositionId, Decimal], ...]


def compare_positions(turn: Turn, account: AccountState, look: Looked, *, first: bool) -> bool:
    """Hold our net positions against the venue's. True when they agree or are now adopted."""
    names = turn.settings.symbols.get(account.id, {})

    def named(one: VenuePosition | ExecutionReport) -> Symbol:
        return names.get(one.venue_symbol, Symbol(one.venue_symbol))

    def traded(symbol: Symbol) -> list[ExecutionReport]:
        return [fill for fill in look.fills if named(fill) == symbol]

    adopt, theirs = look.adopt, _shown_net(look, named)
    if look.positions_at is not None:
        newest = max((fill.at for fill in look.fills), default=look.positions_at)
        if account.last_fill_at > max(newest, look.positions_at):
            # A report has overtaken this answer: what differs may be just that. Look again.
            first, adopt = False, ""
    held = (s for s, e in account.exposure.items() if e.long or e.short)
    symbols = [*theirs, *(symbol for symbol in held if symbol not in theirs)]
    earlier = turn.market.suspects.get(account.id, {})
    spec = turn.settings.accounts.get(account.id)
    hedges = spec is not None and spec.position_mode is PositionMode.HEDGING
    suspects: dict[Symbol, Suspect] = {}
    for symbol in symbols:
        exposure = account.exposure.get(symbol)
        ours = exposure.net if exposure is not None else ZERO
        difference = theirs.get(symbol, ZERO) - ours
        shown = [p for p in look.positions if named(p) == symbol]
        lots: _Lots = ()
        if not difference:
            # Positions on both sides may net to what we have, and not be known all the same.
            lots = _other_lots(account, symbol, shown, traded(symbol), look) if hedges else ()
            if not lots:
                continue
        known = earlier.get(symbol)
        again = known is not None and (known.theirs - known.ours, known.lots) == (difference, lots)
        since = known.since if known is not None and again else turn.at
        lags = turn.at - since < LAGGED_MOST and _may_lag(traded(symbol), look, difference)
        # What a first look finds is taken over at once where it only adds to what was told; an
        # answer that takes some of that back may be stale, so a second one must say the same.
        adds = difference * ours >= 0
        if adopt or (first and (adds or (again and not lags))):
            _adopt(turn, account, symbol, difference, shown, adopt or _FIRST_SEEN)
            continue
        looks = known.looks + 1 if known is not None and again else 1
        suspects[symbol] = Suspect(ours, ours + difference, looks, lots, since, lags)
    turn.market.suspects[account.id] = suspects
    _declare_drift(turn, account, earlier, suspects)
    if any(symbol not in account.drift and not one.lags for symbol, one in suspects.items()):
        turn.market.looks.setdefault(account.id, "positions differ")
    return not suspects


def _shown_net(
    look: Looked, named: Callable[[VenuePosition | ExecutionReport], Symbol]
) -> dict[Symbol, Decimal]:
    """Give by contract what the venue shows to be held, with the fills since."""
    net: dict[Symbol, Decimal] = {}
    for position in look.positions:
        symbol = named(position)
        net[symbol] = net.get(symbol, ZERO) + position.quantity
    for fill in look.fills:
        if _after_positions(fill, look):
            symbol = named(fill)
            net[symbol] = net.get(symbol, ZERO) + fill.last_qty * fill.side.sign
    return net


def _after_positions(fill: ExecutionReport, look: Looked) -> bool:
    return look.positions_at is not None and fill.at > look.positions_at


def _may_lag(fills: list[ExecutionReport], look: Looked, difference: Decimal) -> bool:
    """Whether the venue shows a contract as it was before its last fills, all of the last seconds.

    ``fills`` are this contract's, oldest first.
    """
    undone = ZERO
    for fill in reversed(fills):
        if look.positions_at is not None and 0 <= look.positions_at - fill.at < LAG:
            undone += fill.last_qty * fill.side.sign
            if undone == -difference:
                return True
    return False


def _other_lots(
    account: AccountState,
    symbol: Symbol,
    positions: list[VenuePosition],
    fills: list[ExecutionReport],
    look: Looked,
) -> _Lots:
    """Give by position what the venue holds more than we, where only the sums agree.

    Nothing where a part bears no id: then it cannot be told one by one.
    """
    lots: dict[PositionId | None, Decimal] = {}
    for position in positions:
        lots[position.position_id] = lots.get(position.position_id, ZERO) + position.quantity
    for fill in fills:
        if _after_positions(fill, look):
            signed = fill.last_qty * fill.side.sign
            lots[fill.position_id] = lots.get(fill.position_id, ZERO) + signed
    for book in account.books.values():
        if book.symbol == symbol:
            for position_id, quantity in book.lots.items():
                lots[position_id] = lots.get(position_id, ZERO) - quantity
    if None in lots or sum(lots.values(), ZERO):
        return ()
    return tuple(
        sorted((name, quantity) for name, quantity in lots.items() if name is not None and quantity)
    )


def _declare_drift(
    turn: Turn,
    account: AccountState,
    earlier: Mapping[Symbol, Suspect],
    suspects: Mapping[Symbol, Suspect],
) -> None:
    """Halt the account over a difference that two looks show alike, or that stays as it moves.

    One that has become another since it was told is told anew.
    """
    for symbol, suspect in suspects.items():
        still = symbol in earlier and earlier[symbol].ours == suspect.ours and suspect.looks > 1
        told = _told(account, symbol, suspect)
        moving = symbol not in account.drift and suspect.looks >= MOVING_LOOKS
        if suspect.lags or account.drift.get(symbol) == told or not (still or moving):
            continue
        turn.emit(
            DriftFound(
                at=turn.at,
                account=account.id,
                symbol=symbol,
                ours=suspect.ours,
                theirs=suspect.theirs,
                text=told,
            )
        )


def _told(account: AccountState, symbol: Symbol, suspect: Suspect) -> str:
    """Tell a difference to a person."""
    words = f"holds {text(suspect.theirs)}, the journal {text(suspect.ours)}"
    if suspect.lots:
        more = ", ".join(f"{name} by {text(quantity)}" for name, quantity in suspect.lots)
        words = f"and the journal hold {text(suspect.ours)} in other positions ({more})"
    return f"{symbol} on {account.id}: the venue {words}; entries are refused until they agree"


def _adopt(
    turn: Turn,
    account: AccountState,
    symbol: Symbol,
    difference: Decimal,
    positions: list[VenuePosition],
    reason: str,
) -> None:
    """Take over what an account holds besides what Bascule knows of, one event a position."""
    for kept in (turn.market.duties, turn.market.tried):
        kept.pop(account.id, None)  # a firm's hours may want it closed at once
    price = positions[0].avg_price if positions else ZERO
    for position_id, quantity in _unknown_lots(account, symbol, difference, positions):
        known = (p.avg_price for p in positions if p.position_id == position_id)
        turn.emit(
            PositionAdopted(
                at=turn.at,
                account=account.id,
                symbol=symbol,
                quantity=quantity,
                price=next(known, price),
                reason=reason,
                position_id=position_id,
            )
        )


def _unknown_lots(
    account: AccountState, symbol: Symbol, difference: Decimal, positions: list[VenuePosition]
) -> list[tuple[PositionId | None, Decimal]]:
    """Share a difference among the positions that make it up; by none where they do not."""
    lots: dict[PositionId | None, Decimal] = {}
    for position in positions:
        lots[position.position_id] = lots.get(position.position_id, ZERO) + position.quantity
    for book in account.books.values():
        if book.symbol == symbol:
            for position_id, quantity in book.lots.items():
                lots[position_id] = lots.get(position_id, ZERO) - quantity
    shares = [(position_id, quantity) for position_id, quantity in lots.items() if quantity]
    if sum((quantity for _, quantity in shares), ZERO) != difference:
        return [(None, difference)] if difference else []
    return shares
