"""Stops that follow the price: trailing stops, and moves to break-even.

A quote only moves a peak; what is asked of the venue is coalesced: the latest level wins, at
least one interval and one tick (or the trail's own step) apart.
"""

from decimal import Decimal

import msgspec

from bascule.execution.firm import requested_today
from bascule.execution.guards import tend
from bascule.execution.levels import away_from
from bascule.execution.planning import may_change
from bascule.execution.state import KNOWN, AccountState, Guard, Order
from bascule.execution.stops import is_frozen
from bascule.execution.turn import Turn
from bascule.model.enums import Side
from bascule.model.event import Bracket, ProtectionChanged, ReplaceRequested
from bascule.model.ids import VenueSymbol
from bascule.model.instrument import Listing, Quote

_THRIFT_MAX = 10
"""Doublings of the pause between two moves with which a day's requests are used up."""


def follow(turn: Turn, account: AccountState, venue_symbol: VenueSymbol) -> None:
    """Look again at everything of an account that follows the price of one symbol."""
    ids = account.watched.get(venue_symbol)
    if not ids:
        return
    quote = turn.market.quote(account.id, venue_symbol)
    if quote is None:
        return
    for name in list(ids):
        guard = account.guards.get(name)
        if guard is not None:
            _follow_guard(turn, account, guard, quote)
        order = account.orders.get(name)
        if order is not None and order.trail_distance is not None:
            _follow_order(turn, account, order, quote)


def follow_all(turn: Turn) -> None:
    """Look again at everything that follows a price: coalesced changes fall due with time."""
    for account in turn.accounts():
        for venue_symbol in list(account.watched):
            follow(turn, account, venue_symbol)
    if turn.market.peaks:
        _forget_peaks(turn)


def _forget_peaks(turn: Turn) -> None:
    """Keep the peaks of what still follows a price, and no others."""
    watched = {
        name for account in turn.accounts() for names in account.watched.values() for name in names
    }
    for name in [name for name in turn.market.peaks if name not in watched]:
        del turn.market.peaks[name]


def _follow_guard(turn: Turn, account: AccountState, guard: Guard, quote: Quote) -> None:
    if guard.held <= 0:
        return
    listing = turn.listing(account.id, guard.symbol)
    if listing is None:
        return
    bracket = guard.bracket
    price = quote.bid if guard.side is Side.BUY else quote.ask
    sign = guard.side.sign
    _break_even(turn, account, guard, price, listing)
    bracket = guard.bracket
    if bracket.trail_distance is None:
        tend(turn, account, guard)
        return
    peak = turn.market.peaks.get(guard.cl_ord_id)
    if peak is None or (price - peak) * sign > 0:
        peak = turn.market.peaks[guard.cl_ord_id] = price
    gain = (peak - guard.entry_price) * sign
    if bracket.trail_trigger is not None and gain < bracket.trail_trigger:
        return
    level = _behind(peak, bracket.trail_distance, guard.side, listing)
    child = _stop_of(account, guard)
    step = bracket.trail_step or listing.tick_size
    if _better(level, bracket.stop_loss, sign, step) and (child is None or _may_move(turn, child)):
        _set_stop(turn, account, guard, level, "trail")
    tend(turn, account, guard)


def _break_even(
    turn: Turn, account: AccountState, guard: Guard, price: Decimal, listing: Listing
) -> None:
    bracket = guard.bracket
    trigger = bracket.break_even_trigger
    if trigger is None or guard.moved:
        return
    sign = guard.side.sign
    if (price - guard.entry_price) * sign < trigger:
        return
    wanted = guard.entry_price + bracket.break_even_offset * sign
    level = _behind(wanted, Decimal(0), guard.side, listing)
    if _better(level, bracket.stop_loss, sign, listing.tick_size):
        _set_stop(turn, account, guard, level, "break_even")


def _set_stop(turn: Turn, account: AccountState, guard: Guard, level: Decimal, reason: str) -> None:
    bracket: Bracket = msgspec.structs.replace(guard.bracket, stop_loss=level)
    turn.emit(
        ProtectionChanged(
            at=turn.at,
            account=account.id,
            cl_ord_id=guard.cl_ord_id,
            bracket=bracket,
            reason=reason,
        )
    )


def _follow_order(turn: Turn, account: AccountState, order: Order, quote: Quote) -> None:
    """Trail a working trailing-stop order where the venue cannot."""
    capabilities = turn.settings.capabilities.get(account.id)
    listing = turn.listing(account.id, order.symbol)
    distance = order.trail_distance
    if listing is None or distance is None or capabilities is None:
        return
    spec = turn.settings.accounts[account.id]
    if capabilities.native_trailing or order.cum_qty:
        return
    if is_frozen(turn.state, spec, order.strategy):
        return
    # A sell stop trails below a rising bid, a buy stop above a falling ask.
    held = order.side.opposite
    price = quote.bid if held is Side.BUY else quote.ask
    peak = turn.market.peaks.get(order.cl_ord_id)
    if peak is None or (price - peak) * held.sign > 0:
        peak = turn.market.peaks[order.cl_ord_id] = price
    level = _behind(peak, distance, held, listing)
    better = _better(level, order.stop_price, held.sign, listing.tick_size)
    if not better or not _may_move(turn, order):
        return
    turn.emit(
        ReplaceRequested(
            at=turn.at,
            account=account.id,
            cl_ord_id=order.cl_ord_id,
            request_id=f"{order.cl_ord_id}.r{order.changes + 1}",
            reason="trail",
            stop_price=level,
        )
    )


def _stop_of(account: AccountState, guard: Guard) -> Order | None:
    for name in guard.children:
        child = account.orders.get(name)
        if child is not None and child.leg == "s":
            return child
    return None


def _may_move(turn: Turn, order: Order) -> bool:
    """Whether the venue has the order, no change of it is in flight, and its pace allows one."""
    if order.status not in KNOWN or order.pending or not may_change(turn, order):
        return False
    doubled = _thrift(turn, order)
    if doubled >= _THRIFT_MAX:
        return False
    pause = turn.settings.change_interval_ns << doubled
    return turn.at >= max(order.changed_at, order.requested_at) + pause


def _thrift(turn: Turn, order: Order) -> int:
    """Give how often the pause between two moves doubles, where the firm counts requests.

    Once for each tenth that is used of what the day has beside the reserve; once all of it is used
    nothing moves before the reset. So a trail grows coarser, and leaves exits what they need.
    """
    programme = turn.settings.accounts[order.account].programme
    most = programme.conduct.max_requests_per_day if programme is not None else None
    if programme is None or most is None:
        return 0
    usual = max(most - programme.guard.request_reserve, 1)
    used = requested_today(turn.state.accounts[order.account], programme, turn.at)
    return _THRIFT_MAX * used // usual


def _behind(peak: Decimal, distance: Decimal, held: Side, listing: Listing) -> Decimal:
    return away_from(peak - distance * held.sign, held, listing.tick_size)


def _better(level: Decimal, now: Decimal | None, sign: int, step: Decimal) -> bool:
    return now is None or (level - now) * sign >= step
