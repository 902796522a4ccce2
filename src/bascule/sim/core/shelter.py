"""What each strategy holds at the venue, and the stops that work there for it.

Reckoned from the venue's trades and from whose order each was, so it shares nothing with the
engine's books and guards. A venue that nets knows no strategies: of two that stand against each
other it keeps the sum, and makes or ends brackets by that.
"""

from collections.abc import Callable, Container, Iterator, Mapping
from decimal import Decimal

from bascule.execution.turn import Settings
from bascule.model import event as ev
from bascule.model.enums import AccountMode, Side
from bascule.model.event import Bracket
from bascule.model.ids import AccountId, ClOrdID, ExecID, PositionId, VenueSymbol
from bascule.model.order import ExecutionReport
from bascule.model.values import ZERO
from bascule.sim.core.ledger import Broken, Kept
from bascule.sim.core.venue import Venue
from bascule.sim.core.world import TICK

Key = tuple[AccountId, VenueSymbol, str, PositionId]
"""An account's contract, whose it is, and which position where each entry is one of its own."""


class Shelter:
    """The holdings of one run, and what is to protect them."""

    def __init__(self, settings: Settings, requested: Mapping[ClOrdID, ev.OrderRequested]) -> None:
        self._settings = settings
        self._requested = requested
        self.venue: Venue
        self.holdings: dict[Key, Decimal] = {}
        """What each strategy holds, signed."""
        self.counted: Container[tuple[AccountId, ExecID]] = ()
        """The fills that the journal counts."""
        self._changed: list[tuple[int, ClOrdID, Bracket]] = []
        self._denied: list[tuple[int, AccountId, str]] = []

    def crashed(self, rows: int) -> None:
        """Only so many rows of the journal are left."""
        self._changed = [one for one in self._changed if one[0] < rows]
        self._denied = [one for one in self._denied if one[0] < rows]

    def changed(self, event: ev.ProtectionChanged, row: int, price: Decimal | None) -> None:
        """An entry is to be protected otherwise, and the engine knows the bid, or does not.

        No signal may move the stop of what is held to where the market is: that would be a close.
        """
        name, stop = event.cl_ord_id, event.bracket.stop_loss
        entry = self.venue.by_name.get((event.account, name))
        if event.reason == "signal" and None not in (price, entry, stop):
            assert price is not None and entry is not None and stop is not None
            before = self._brackets().get(name)
            beyond = stop >= price if entry.side is Side.BUY else stop <= price + TICK
            moved = before is None or before.stop_loss != stop
            if beyond and moved and self._is_counted(entry) and self._holds(event, entry):
                raise Broken("I4", f"the stop of {name} was moved to {stop}, the bid is {price}")
        self._changed.append((row, name, event.bracket))

    def _is_counted(self, entry: Kept) -> bool:
        """Whether the journal knows of a fill of an entry."""
        trades = (self.venue.trades[entry.account, name] for name in entry.fills)
        return any((one.account, one.shown_id) in self.counted for one in trades)

    def denied(self, event: ev.OrderRefused, row: int) -> None:
        """A check refused an order; a stop that is refused protects nothing."""
        if event.leg == "s":
            self._denied.append((row, event.account, event.strategy))

    # --- the venue ------------------------------------------------------------------------------

    def owner(self, order: Kept) -> str:
        """Name the strategy whose order this is; '' for nobody's."""
        name = order.cl_ord_id if order.parent is None else order.parent.cl_ord_id
        asked = self._requested.get(name) if name is not None else None
        return asked.strategy if asked is not None else ""

    def key(self, order: Kept) -> Key:
        """Say which holding an order moves."""
        position = order.position or PositionId("")
        return order.account, order.venue_symbol, self.owner(order), position

    def traded(self, report: ExecutionReport, order: Kept) -> None:
        """Book a trade."""
        key = self.key(order)
        signed = report.last_qty * report.side.sign
        self.holdings[key] = self.holdings.get(key, ZERO) + signed

    def _holds(self, event: ev.ProtectionChanged, entry: Kept) -> bool:
        """Whether anything is surely held that the stop is to close: fills may be taken back."""
        if self.venue.amended.get(event.account):
            return False
        strategy = self._requested[event.cl_ord_id].strategy
        return self.held(event.account, entry.venue_symbol, strategy) * entry.side.sign > 0

    def held(self, account: AccountId, symbol: VenueSymbol, strategy: str) -> Decimal:
        """Give what a strategy holds of a contract in all, signed."""
        return sum(
            (
                quantity
                for (owner, name, whose, _), quantity in self.holdings.items()
                if (owner, name, whose) == (account, symbol, strategy)
            ),
            ZERO,
        )

    # --- the end --------------------------------------------------------------------------------

    def settled(self) -> None:
        """Faults have stopped: stops work for all that is to have one, and for nothing else."""
        brackets = self._brackets()
        denied = {(account, strategy) for _, account, strategy in self._denied}
        for key in self._keys():
            account, symbol, strategy, _ = key
            if self._settings.accounts[account].mode is AccountMode.SHADOW:
                continue
            if not strategy or self.venue.meddled.get((account, symbol)):
                continue
            held = self.holdings.get(key, ZERO)
            stops = [order for order in self._stops() if self.key(order) == key]
            covered = sum((order.leaves * -order.side.sign for order in stops), ZERO)
            if covered == held:
                self._levels(stops, brackets)
                continue
            if self._harmless(key, stops, covered, held):
                continue
            less = abs(covered) < abs(held) and covered * held >= 0
            excused = (account, strategy) in denied or self._bare(key, held, brackets)
            if less and excused:
                continue
            raise Broken(
                "I8",
                f"{strategy} holds {held} {symbol} on {account}, and the stops that work "
                f"there for it close {covered}",
            )

    def trailed(self, spared: Callable[[AccountId, ClOrdID], bool]) -> None:
        """Faults have stopped: a trailing entry works no further from the market than its trail.

        But for one that is ``spared`` for the sake of its firm's requests.
        """
        for (account, name), order in self.venue.by_name.items():
            asked = self._requested.get(name)
            if asked is None or asked.leg != "e" or asked.trail_distance is None or not order.live:
                continue
            if order.fills or order.triggered or order.stop_price is None:
                continue  # what has traded, though that was taken back, was met
            bid = self.venue.price[order.venue_symbol]
            market = bid + TICK if order.side is Side.BUY else bid
            away = (order.stop_price - market) * order.side.sign
            if away > asked.trail_distance + TICK and not spared(account, name):
                raise Broken(
                    "I8",
                    f"{name} on {account} trails by {asked.trail_distance} and works {away} away",
                )

    def _bare(self, key: Key, held: Decimal, brackets: Mapping[ClOrdID, Bracket]) -> bool:
        """Whether what is held, or a part of it, was entered without a stop.

        All entries on that side count: of those told late nobody knows which of them still stand.
        """
        account, symbol, strategy, _ = key
        for name, asked in self._requested.items():
            same = (asked.account, asked.venue_symbol, asked.strategy) == (
                account,
                symbol,
                strategy,
            )
            if same and asked.leg == "e" and asked.side.sign * held > 0:
                order = self.venue.by_name.get((account, name))
                found = brackets.get(name)
                if order is not None and order.cum and (not found or found.stop_loss is None):
                    return True
        return False

    def _harmless(
        self, key: Key, stops: list[Kept], covered: Decimal, held: Decimal
    ) -> bool:  # fmt: skip
        """Whether stops that are too large can close nothing but what they are for.

        The venue lets those of its own brackets close no more than the account holds. Where it
        cannot be asked to resize one, that will do as long as it is no more than is to be closed.
        """
        account, symbol, strategy, _ = key
        others = any(
            quantity
            for (owner, name, whose, _), quantity in self.holdings.items()
            if (owner, name) == (account, symbol) and whose != strategy
        )
        cannot = not self._settings.capabilities[account].replace
        net = self.venue.net.get((account, symbol), ZERO)
        return (
            covered * held > 0
            and abs(covered) > abs(held)
            and all(order.origin == "bracket" for order in stops)
            and (not others or (cannot and net * held <= held * held))
        )

    def _keys(self) -> dict[Key, None]:
        stops = dict.fromkeys(self.key(order) for order in self._stops())
        return {**dict.fromkeys(self.holdings), **stops}

    def _brackets(self) -> dict[ClOrdID, Bracket]:
        found = {
            name: asked.bracket
            for name, asked in self._requested.items()
            if asked.bracket is not None
        }
        return found | {name: bracket for _, name, bracket in self._changed}

    def _stops(self) -> Iterator[Kept]:
        for order in self.venue.working.values():
            if order.origin == "bracket":
                if order.leg == "s":
                    yield order
            elif order.cl_ord_id is not None:
                asked = self._requested.get(order.cl_ord_id)
                if asked is not None and asked.leg == "s":
                    yield order

    def _levels(self, stops: list[Kept], brackets: Mapping[ClOrdID, Bracket]) -> None:
        for order in stops:
            asked = self._requested.get(order.cl_ord_id) if order.cl_ord_id is not None else None
            entry = order.parent.cl_ord_id if order.parent is not None else None
            entry = asked.parent if asked is not None else entry
            wanted = brackets.get(entry) if entry is not None else None
            if wanted is not None and wanted.stop_loss != order.stop_price:
                raise Broken(
                    "I8",
                    f"the stop of {entry} works at {order.stop_price}, and is to be at "
                    f"{wanted.stop_loss}",
                )
