"""What must hold at every instant and at the end of a run. The venue's ledger is the truth.

I1   no duplicate: an order is written once, and an entry lives once at its venue
I2   no lost fill
I3   no phantom: what is counted is in the ledger, once, as it stands there
I4   no limit of size, money or hours is overshot, counted at the venue; no close opens a side
I5   durable before visible
I6   the journal, folded, gives the same state
I7   no entry is sent once the latch is shut
I8   after the faults stop, every order comes to a known state, and work goes on
I9   doubt, and any order, ends only as the venue's truth has it
I10  what was refused, dropped or expired is accounted for, with a reason
"""

import hashlib
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from bascule.config.latch import LatchMode
from bascule.execution import inputs as inp
from bascule.execution.evolve import evolve
from bascule.execution.state import AccountState, Guard, State, dump
from bascule.execution.turn import Settings
from bascule.model import event as ev
from bascule.model.enums import ENDED, AccountMode, OrdStatus, PositionMode, Side
from bascule.model.ids import AccountId, ClOrdID, ExecID, Symbol, VenueSymbol
from bascule.model.intent import Receipt, Signal, StopTrading
from bascule.model.order import CancelOrder, ExecutionReport, NewOrder, ReplaceOrder
from bascule.model.values import MINUTE, SECOND, ZERO
from bascule.sim.core.clockwork import Clockwork
from bascule.sim.core.desk import Desks
from bascule.sim.core.ledger import Broken, Kept
from bascule.sim.core.limits import Limits
from bascule.sim.core.shelter import Shelter
from bascule.sim.core.situations import Situations
from bascule.sim.core.sizes import Sizes
from bascule.sim.core.venue import Venue

_encode = msgspec.json.Encoder().encode
# A struct's type is compared by identity: isinstance costs several times as much.
_ANSWERS = frozenset(
    {
        ev.OrderRequested,
        ev.OrderRefused,
        ev.IntentRefused,
        ev.IntentIdle,
        ev.CancelRequested,
        ev.ReplaceRequested,
        ev.ProtectionChanged,
        ev.StopSet,
        ev.OrderEnded,
    }
)


_FILLS: dict[type, Callable[[Any], tuple[AccountId, ExecID]]] = {
    ev.OrderFilled: lambda event: (event.account, event.exec_id),
    ev.ForeignFill: lambda event: (event.account, event.exec_id),
    # Before the first look at an account: it is in the position that was taken over.
    ev.ReportIgnored: lambda event: (event.account, event.report.exec_id),
}


class Watch:
    """Follows one run, and raises ``Broken`` the moment that something is wrong.

    ``rows`` and ``durable`` look into the disk's model; ``latched`` says what the kill switch
    forbids an account's strategy.
    """

    def __init__(self, settings: Settings, clock: Clockwork) -> None:
        self.settings = settings
        self.clock = clock
        self.venue: Venue
        self.durable: Callable[[], int]
        self.latched: Callable[[AccountId, str], LatchMode | None]
        self.state = State()
        self.trace: list[str] | None = None
        self.requested: dict[ClOrdID, ev.OrderRequested] = {}
        self.shelter = Shelter(settings, self.requested)
        self.limits = Limits(settings, clock, self.requested)
        self.sizes = Sizes(settings, clock, self.requested, self.shelter)
        self.situations = Situations(settings, self.requested, self.shelter)
        self.verdicts: dict[str, int] = {}
        self._row: dict[str, int] = {}
        self._next_row = 0
        self._keys: dict[str, int] = {}
        self._counted: dict[tuple[AccountId, ExecID], int] = {}
        self._sent: dict[str, int] = {}
        self._causes: dict[str, ClOrdID] = {}
        self._over: dict[ClOrdID, int] = {}
        self.sizes.counted = self.shelter.counted = self._counted
        self.stops: dict[str, ev.StopSet] = {}
        self._stop_log: list[tuple[int, ev.StopSet | ev.StopCleared]] = []
        self.desks: Desks
        self._hash = hashlib.sha256()
        self.sends = 0

    # --- what the engine does -------------------------------------------------------------------

    def began(self, state: State) -> None:
        """A process has started on a state that it recovered."""
        self.state = state
        for what in self.limits.began(self._next_row):
            self.situations.count(what)
        self.note(f"ENGINE STARTS, {self._next_row} events recovered")

    def accepted(self) -> None:
        """A person is about to accept the limits that the configuration proposes."""
        self.limits.accepted(self._next_row)

    def crashed(self, rows: int) -> None:
        """A process has died; only so many rows are left."""
        self.note(f"ENGINE DIES, {self._next_row - rows} events lost")
        self._next_row = rows
        for index in (self._row, self._keys, self._counted, self._over):
            for name in [name for name, row in index.items() if row >= rows]:
                del index[name]  # type: ignore[arg-type]
                if index is self._counted:
                    self.desks.uncounted(*name)
        for judge in (self.shelter, self.limits, self.sizes):
            judge.crashed(rows)
        self._stop_log = [(row, event) for row, event in self._stop_log if row < rows]
        self.stops.clear()
        for _, event in self._stop_log:
            self._stop(event)

    def given(self, given: inp.Input) -> None:
        """An input is about to be decided."""
        if type(given) is inp.Looked:
            if given.complete and given.money is not None:
                self.desks.shown(given, self.venue.positions)
        elif type(given) is inp.MoneyReceived:
            self.desks.touched(given.snapshot.account, given.snapshot.at)
        if self.trace is not None and type(given) is not inp.Ticked:
            self.note(f"  in  {told(given)}")

    def decided(self, event: ev.Event) -> None:
        """An event was decided; it is not durable yet."""
        row, self._next_row = self._next_row, self._next_row + 1
        if self.trace is not None:
            self.note(f"  ev  {told(event)}")
        look = _LOOKS.get(type(event))
        if look is not None:
            look(self, event, row)
        self.situations.decided(event)

    def _signal(self, event: ev.SignalAccepted, row: int) -> None:
        self._row[event.signal] = row
        self.sizes.accepted(event, row)
        if event.key:
            if event.key in self._keys:
                raise Broken("I1", f"key {event.key} was acted on twice, now by {event.signal}")
            self._keys[event.key] = row

    def _answered(self, event: ev.SignalRefused | ev.SignalDuplicate, row: int) -> None:
        self._row[event.signal] = row
        if isinstance(event, ev.SignalRefused) and not (event.code and event.text):
            raise Broken("I10", f"signal {event.signal} was refused without a reason")

    def _intent(self, event: ev.IntentRefused | ev.IntentIdle, row: int) -> None:
        if not event.text or (isinstance(event, ev.IntentRefused) and not event.code):
            raise Broken("I10", f"intent {event.intent} of {event.signal} has no reason")

    def _requested(self, event: ev.OrderRequested, row: int) -> None:
        if event.cl_ord_id in self._row:
            raise Broken("I1", f"{event.cl_ord_id} was requested twice")
        self._row[event.cl_ord_id] = row
        self.requested[event.cl_ord_id] = event
        self._verdicts(event.verdicts)
        self.sizes.requested(event, row)
        if event.leg == "e":
            self._no_stop(event, "let through")
            self.desks.requested(event)

    def _no_stop(self, asked: ev.OrderRequested, what: str) -> None:
        if not self.stops:
            return
        spec = self.settings.accounts[asked.account]
        for scope in (
            "all",
            f"account:{spec.id}",
            f"venue:{spec.venue}",
            f"firm:{spec.firm}",
            f"strategy:{asked.strategy}",
        ):
            if scope in self.stops:
                raise Broken("I7", f"{asked.cl_ord_id} was {what} while {scope} is stopped")

    def _stop(self, event: ev.StopSet | ev.StopCleared) -> None:
        if isinstance(event, ev.StopSet):
            self.stops[event.scope] = event
        else:
            self.stops.pop(event.scope, None)

    def _stopped(self, event: ev.StopSet, row: int) -> None:
        self.desks.stopped(event, self.stops.get(event.scope))
        self._stop_log.append((row, event))
        self._stop(event)

    def _armed(self, event: ev.StopCleared, row: int) -> None:
        self.desks.armed(event, self.stops.get(event.scope))
        self._stop_log.append((row, event))
        self._stop(event)

    def _not_armed(self, event: ev.ArmRefused, row: int) -> None:
        self.desks.not_armed(event, self.stops.get(event.scope))

    def ticked(self) -> None:
        """The engine has looked at what time alone brings about."""
        if self.desks.desks:
            self.desks.ticked()

    def _released(self, event: ev.OrderReleased, row: int) -> None:
        self._row[event.cl_ord_id] = row

    def _foreign(self, event: ev.ForeignOrderSeen, row: int) -> None:
        self.limits.foreign(event, row)

    def _change(self, event: ev.CancelRequested | ev.ReplaceRequested, row: int) -> None:
        self._row[event.request_id] = row
        if type(event) is ev.CancelRequested:
            self.sizes.taken_back(event, row)

    def _refused(self, event: ev.OrderRefused, row: int) -> None:
        if not event.code or not event.text:
            raise Broken("I10", f"{event.cl_ord_id} was refused without a reason")
        self._verdicts(event.verdicts)
        self.shelter.denied(event, row)

    def _protection(self, event: ev.ProtectionChanged, row: int) -> None:
        entry = self.requested.get(event.cl_ord_id)
        symbol = entry.venue_symbol if entry is not None else VenueSymbol("")
        set_at = self.venue.bank.priced.get(symbol, 0)
        fresh = set_at and self.clock.now - set_at < MINUTE
        known = fresh and self.desks.sight.priced(event.account, symbol) == set_at
        self.shelter.changed(event, row, self.venue.price[symbol] if known else None)

    def _scaled(self, event: ev.ScaleRecorded, row: int) -> None:
        self.sizes.scaled(event, row)

    def _verdicts(self, verdicts: tuple[ev.Verdict, ...]) -> None:
        counts = self.verdicts
        for verdict in verdicts:
            word = verdict.code if verdict.ok else f"{verdict.code} refuses"
            counts[word] = counts.get(word, 0) + 1

    def _filled(self, event: ev.OrderFilled | ev.ForeignFill, row: int) -> None:
        key = (event.account, event.exec_id)
        if key in self._counted:
            raise Broken("I3", f"fill {event.exec_id} of {event.account} was counted twice")
        self._counted[key] = row
        self.desks.counted(*key)
        undoes = event.undoes if isinstance(event, ev.ForeignFill) else None
        told_as = self._told(event.account, undoes or event.exec_id)
        if told_as is None:
            raise Broken("I3", f"fill {event.exec_id} of {event.account} is in no ledger")
        side = event.side.opposite if undoes else event.side
        if (event.quantity, side, event.price) not in told_as:
            counted = f"{event.side.value} {event.quantity} at {event.price}"
            raise Broken("I3", f"fill {event.exec_id} was counted as {counted}")
        if isinstance(event, ev.OrderFilled) and event.status is OrdStatus.FILLED:
            self._over[event.cl_ord_id] = row

    def _told(self, account: AccountId, name: ExecID) -> list[tuple[Decimal, Side, Decimal]] | None:
        """Give what was ever told of a fill; what corrects one bears its name and a mark."""
        told_as = self.venue.told.get((account, name))
        while told_as is None and "~" in name[1:]:
            name = ExecID(name.rsplit("~", 1)[0])
            told_as = self.venue.told.get((account, name))
        return told_as

    def _acknowledged(self, event: ev.OrderAcknowledged, row: int) -> None:
        if event.cl_ord_id in self._over and not event.evidence and event.status not in ENDED:
            raise Broken("I9", f"a late word woke {event.cl_ord_id}, which had ended")

    def _reopened(
        self, event: ev.OrderReplaced | ev.FillBusted | ev.FillCorrected, row: int
    ) -> None:
        if event.status not in ENDED:
            self._over.pop(event.cl_ord_id, None)

    def _ended(self, event: ev.OrderEnded, row: int) -> None:
        name = event.cl_ord_id
        self.sizes.ended(event, row)
        if event.status in (OrdStatus.CANCELED, OrdStatus.EXPIRED):
            self._over[name] = row
        if not event.reason:
            raise Broken("I10", f"{name} ended without a reason")
        if event.status is OrdStatus.EXPIRED_UNSENT:
            if name in self._sent:
                raise Broken("I9", f"{name} ended as unsent, and was sent")
            return
        if any(
            isinstance(one, NewOrder) and one.cl_ord_id == name for one in self.limits.in_flight()
        ):
            raise Broken("I9", f"{name} ended as {event.reason} while its request travels")
        order = self.venue.by_name.get((event.account, name))
        if order is None:
            order = self._child(event.account, name)
        if order is None or name in self.venue.lied:
            return
        if order.live:
            raise Broken("I9", f"{name} ended as {event.reason}, and lives at the venue")
        is_there = order.status.value
        by_hand = event.reason == "resolved_by_hand" and not order.cum  # a person saw no fill
        if event.status is OrdStatus.REJECTED is not order.status and not by_hand:
            raise Broken("I9", f"{name} ended as {event.reason}, and is {is_there} at the venue")

    def _child(self, account: AccountId, name: ClOrdID) -> Kept | None:
        """Find a stop or target that the venue runs itself."""
        known = self.state.accounts[account].order(name)
        if known is None or not known.native_child:
            return None
        for kept in self.venue.working.values():
            same = kept.venue_id == known.venue_order_id and kept.account == account
            if same and kept.parent is not None and kept.parent.cl_ord_id == known.parent:
                return kept
        return None

    def planned(self, signal: Signal, events: list[ev.Event]) -> None:
        """A signal was decided: every account of every route that follows it has an answer."""
        first = events[0] if events else None
        if first is None:
            raise Broken("I10", f"signal {signal.key} was taken in and nothing says so")
        self.situations.count(self.sizes.planned(events))
        if not isinstance(first, ev.SignalAccepted):
            return
        answered = {
            (getattr(event, "intent", None), getattr(event, "account", ""))
            for event in events
            if type(event) in _ANSWERS
        }
        touched = {account for _, account in answered}
        for index, intent in enumerate(first.intents):
            if isinstance(intent, StopTrading):
                continue
            for route in self.settings.routes:
                if route.strategy not in ("*", first.strategy):
                    continue
                for leg in route.legs:
                    if (index, leg.account) in answered:
                        continue
                    # A cancel or change names its order, not the intent.
                    if leg.account not in touched:
                        raise Broken(
                            "I10",
                            f"intent {index} of {first.signal} has no answer on {leg.account}",
                        )

    def acknowledged(self, receipt: Receipt, signal: Signal) -> None:
        """A sender was given an answer."""
        self.note(f"REPLY {receipt.signal} {receipt.status} {receipt.code}")
        row = self._row.get(receipt.signal)
        if row is None or row >= self.durable():
            raise Broken("I5", f"signal {receipt.signal} was answered before it was durable")

    def sent(self, request: NewOrder | CancelOrder | ReplaceOrder) -> None:
        """A request is being written to a venue."""
        self.sends += 1
        self._hash.update(_encode(request))
        if self.trace is not None:
            self.note(f"SEND {told(request)}")
        new = isinstance(request, NewOrder)
        name = request.cl_ord_id if new else request.request_id  # type: ignore[union-attr]
        row = self._row.get(name)
        if row is None or row >= self.durable():
            raise Broken("I5", f"{name} was sent before it was durable")
        if name in self._sent:
            raise Broken("I1", f"{name} was sent twice")
        self._sent[name] = row
        self._latch(request)
        self.desks.sent(request.account)
        if not isinstance(request, NewOrder):
            if isinstance(request, ReplaceOrder) and self._grows(request):
                self.limits.position(request)
            return
        asked = self.requested[request.cl_ord_id]
        self._once(asked)
        if asked.leg == "e":
            if asked.expires_unsent is not None and self.clock.now > asked.expires_unsent:
                raise Broken("I10", f"{name} was sent after its signal had gone stale")
            self._no_stop(asked, "sent")
            self.situations.count(self.sizes.sent(request))
            self.limits.order(request)
            self.limits.position(request)

    def _grows(self, request: ReplaceOrder) -> bool:
        """Whether a change makes an entry larger than it works at its venue."""
        asked = self.requested.get(request.cl_ord_id)
        if request.quantity is None or asked is None or asked.leg != "e":
            return False
        kept = self.venue.by_name.get((request.account, request.cl_ord_id))
        return kept is None or request.quantity > kept.quantity

    def _once(self, asked: ev.OrderRequested) -> None:
        """One cause, one order: of an entry or exit there is no second attempt."""
        name = asked.cl_ord_id
        before = self._causes.setdefault(name.removesuffix(f".{asked.attempt}"), name)
        if before != name and asked.leg in ("e", "x"):
            raise Broken("I1", f"{name} was sent for what {before} had been sent for")

    def _latch(self, request: NewOrder | CancelOrder | ReplaceOrder) -> None:
        """Nothing leaves that the latch on the disk forbids at this instant."""
        order = self.state.accounts[request.account].order(request.cl_ord_id)
        mode = self.latched(request.account, order.strategy if order is not None else "")
        adds = isinstance(request, NewOrder) and self.requested[request.cl_ord_id].leg == "e"
        if mode == "freeze" or (mode is not None and adds):
            raise Broken("I7", f"{request.cl_ord_id} was sent while the latch said {mode}")

    # --- the venue ------------------------------------------------------------------------------

    def traded(self, report: ExecutionReport, order: Kept, before: Decimal) -> None:
        """A fill happened at the venue: an exit must not have opened the other side.

        A stop and its target may both fill where nothing at the venue ties them, and so may a
        stop that the venue runs and an exit, where the venue knows no reduce-only. And an exit
        may pass an entry on its own side on the way.
        """
        self._hash.update(_encode(report))
        self.shelter.traded(report, order)
        asked = self.requested.get(order.cl_ord_id) if order.cl_ord_id is not None else None
        if asked is None or asked.leg == "e":
            return
        key = (order.account, order.venue_symbol)
        after = before + report.last_qty * report.side.sign
        opened = min(max(after * report.side.sign, ZERO), report.last_qty)
        able = self.settings.capabilities[order.account]
        races = able.native_bracket if asked.leg == "x" else self._both(asked)
        if races and not able.reduce_only:
            # What each such race opens is nobody's entry, and no limit was asked about it.
            self.venue.meddled[key] = self.venue.meddled.get(key, ZERO) + opened
            return
        if asked.leg != "x" or self.venue.meddled.get(key) or self._crossed(key, order.side):
            return
        if self.settings.accounts[order.account].position_mode is not PositionMode.HEDGING:
            books = {
                one.strategy
                for one in self.requested.values()
                if (one.account, one.venue_symbol) == key
            }
            if len(books) > 1:
                return
        if before * report.side.sign >= 0 or after * before < 0:
            raise Broken(
                "I4",
                f"{order.cl_ord_id or order.venue_id} closes, and took {key} from {before} "
                f"to {after}",
            )

    def _both(self, asked: ev.OrderRequested) -> bool:
        """Whether the target of a stop, or the stop of a target, has traded as well."""
        return any(
            one.parent == asked.parent
            and {one.leg, asked.leg} == {"s", "t"}
            and self.venue.by_name[one.account, name].cum > 0
            for name, one in self.requested.items()
            if (one.account, name) in self.venue.by_name
        )

    def _crossed(self, key: tuple[AccountId, VenueSymbol], side: Side) -> bool:
        """Whether entries on a side have traded, or both a stop and a target of one entry."""
        legs: dict[ClOrdID, set[str]] = {}
        for name, asked in self.requested.items():
            order = self.venue.by_name.get((asked.account, name))
            if order is None or not order.cum or (order.account, order.venue_symbol) != key:
                continue
            if asked.leg == "e" and asked.side is side:
                return True
            if asked.parent is not None:
                legs.setdefault(asked.parent, set()).add(asked.leg)
        return any({"s", "t"} <= found for found in legs.values())

    # --- the end --------------------------------------------------------------------------------

    def settled(self, state: State, rows: list[ev.Event]) -> None:
        """All faults have stopped and time has passed: everything agrees."""
        self.heard(rows)
        self.desks.settled()
        self.shelter.settled()
        self.shelter.trailed(lambda account, name: self.desks.spares(account, name, rows))
        for account in state.accounts.values():
            self._positions(state, account.id)
            self._orders(state, account.id)
            self._sums(account)
            for guard in account.guards.values():
                self._protected(account, guard)

    def heard(self, rows: list[ev.Event]) -> None:
        """Every fill of the ledger is counted."""
        counted = {fill(event) for event in rows if (fill := _FILLS.get(type(event))) is not None}
        for trade in self.venue.trades.values():
            if not trade.busted and (trade.account, trade.shown_id) not in counted:
                raise Broken("I2", f"fill {trade.exec_id} of {trade.account} was lost")

    def _positions(self, state: State, name: AccountId) -> None:
        account = state.accounts[name]
        for venue_symbol in self.venue.price:
            symbol = self.settings.symbols[name][venue_symbol]
            theirs = self.venue.net.get((name, venue_symbol), ZERO)
            exposure = account.exposure.get(symbol)
            ours = exposure.net if exposure is not None else ZERO
            books = sum(
                (book.quantity for book in account.books.values() if book.symbol == symbol), ZERO
            )
            if not theirs == ours == books:
                raise Broken(
                    "I2",
                    f"{name} holds {theirs} {symbol}, the journal says {ours}, its books {books}",
                )
            if self.venue.hedges(name):
                self._lots(state, name, symbol, venue_symbol)
        if account.drift:
            raise Broken("I8", f"drift on {name} was not lifted: {account.drift}")

    def _lots(
        self, state: State, name: AccountId, symbol: Symbol, venue_symbol: VenueSymbol
    ) -> None:
        ours: dict[str, Decimal] = {}
        for book in state.accounts[name].books.values():
            if book.symbol == symbol:
                for position, lot in book.lots.items():
                    ours[position] = ours.get(position, ZERO) + lot
        theirs = {
            position: lot
            for (owner, at, position), lot in self.venue.lots.items()
            if owner == name and at == venue_symbol and lot
        }
        if {key: lot for key, lot in ours.items() if lot} != theirs:
            raise Broken("I2", f"{name} has positions {theirs}, the books say {ours}")

    def _orders(self, state: State, name: AccountId) -> None:
        account = state.accounts[name]
        proof = self.settings.capabilities[name].absence_proof
        for order in account.orders.values():
            there = self.venue.by_name.get((name, order.cl_ord_id))
            if order.status is OrdStatus.IN_DOUBT and proof == "never" and there is None:
                continue  # it waits for a person, and is shown first
            before = account.orders.get(order.after) if order.after is not None else None
            if order.waiting and order.leg == "e" and before is not None and before.leg == "e":
                continue  # a later part of a split entry whose first part rests
            if order.status in (OrdStatus.NEW_REQUESTED, OrdStatus.SUBMITTED, OrdStatus.IN_DOUBT):
                raise Broken("I8", f"{order.cl_ord_id} still stands at {order.status.value}")
            if order.waiting or order.pending:
                what = order.pending or f"waits for {order.after}"
                raise Broken("I8", f"{order.cl_ord_id} still hangs: {what}")
            if not order.native_child and (there is None or not there.live):
                raise Broken("I8", f"{order.cl_ord_id} is open here only")
        for kept in self.venue.working.values():
            if kept.account != name or kept.origin == "hand":
                continue
            if kept.origin == "bracket":
                mine = account.by_venue_id.get(kept.venue_id)
                found = account.orders.get(mine) if mine is not None else None
            else:
                found = account.orders.get(kept.cl_ord_id or ClOrdID(""))
            if found is None:
                raise Broken("I8", f"order {kept.cl_ord_id or kept.venue_id} is open there only")
            amended = self.venue.amended.get(name)
            if (found.quantity, found.price, found.stop_price) != (
                kept.quantity,
                kept.price,
                kept.stop_price,
            ) or (found.cum_qty != kept.cum and not amended):
                raise Broken("I8", f"{found.cl_ord_id} has other terms there than here")

    def _sums(self, account: AccountState) -> None:
        """The running sums of a book are what its open orders add up to."""
        for book in account.books.values():
            exits = entries = ZERO
            for order in account.orders.values():
                if (order.strategy, order.symbol) == (book.strategy, book.symbol):
                    exits += order.leaves if order.leg == "x" else ZERO
                    entries += order.leaves if order.leg == "e" else ZERO
            if (exits, entries) != (book.exiting, book.open_buy + book.open_sell):
                raise Broken(
                    "I6",
                    f"{account.id} {book.strategy} {book.symbol}: orders may close {exits} and "
                    f"add {entries}, the book says {book.exiting} and "
                    f"{book.open_buy + book.open_sell}",
                )

    def _protected(self, account: AccountState, guard: Guard) -> None:
        """What is held behind a stop has it, unless the venue or a check refuses to have one."""
        wanted = guard.held if guard.bracket.stop_loss is not None else ZERO
        if wanted <= 0 or guard.bracket.native or guard.refused or guard.denied:
            return
        stops = [account.orders[name] for name in guard.children if name in account.orders]
        covered = sum((order.leaves for order in stops if order.leg == "s"), ZERO)
        if covered != wanted:
            raise Broken(
                "I8", f"{guard.cl_ord_id} holds {wanted} and its stops cover {covered} of it"
            )

    def replayed(self, state: State, rows: list[ev.Event]) -> None:
        """The journal, folded, is the state that was lived."""
        again = State()
        for event in rows:
            evolve(again, event)
        if dump(again) != dump(state):
            raise Broken("I6", "the journal, folded, gives another state than the one lived")

    def flat(self, state: State, adopted: set[AccountId]) -> None:
        """Everything was told to be flat, and time has passed: it is.

        Where a person ``adopted`` a difference, two books may share a position, each a part.
        """
        for (account, symbol), net in self.venue.net.items():
            if self.settings.accounts[account].mode is AccountMode.SHADOW or account in adopted:
                continue  # nothing is ever sent there
            books = state.accounts[account].books.values()
            held = [
                f"{book.strategy} {book.quantity}"
                for book in books
                if book.venue_symbol == symbol and book.quantity
            ]
            if held or net:
                raise Broken("I8", f"{account} was flattened and holds {net} {symbol}: {held}")
        for order in self.venue.working.values():
            if order.origin != "hand":
                name = order.cl_ord_id or order.venue_id
                raise Broken("I8", f"{name} still works, and everything is flat")

    # --- the trace ------------------------------------------------------------------------------

    def note(self, line: str) -> None:
        """Write a line of the trace, where one is kept."""
        if self.trace is not None:
            self.trace.append(f"{(self.clock.now - self.clock.began) / SECOND:9.4f}  {line}")

    def digest(self, rows: list[ev.Event]) -> str:
        """Name the run by everything it decided, sent and traded (SHA-256, hex)."""
        whole = self._hash.copy()
        whole.update(_encode(rows))
        return whole.hexdigest()


def told(what: object) -> str:
    """Tell a struct in one line, without its time and what is empty."""
    name = type(what).__name__
    if isinstance(what, inp.Looked):
        positions = ", ".join(f"{one.quantity} {one.venue_symbol}" for one in what.positions)
        lookups = ", ".join(
            f"{order} {shown.ord_status.value if shown is not None else 'not shown'}"
            for order, shown in what.lookups.items()
        )
        return (
            f"Looked account={what.account} cause={what.cause} complete={what.complete} "
            f"orders={len(what.orders)} fills={len(what.fills)} positions=[{positions}] "
            f"lookups=[{lookups}] absent={list(what.absent)}"
        )
    words = []
    for field in getattr(what, "__struct_fields__", ()):
        value = getattr(what, field)
        if field in ("at", "verdicts", "raw", "body_hash", "config", "money") or value in (
            None, "", (), {},
        ):  # fmt: skip
            continue
        if isinstance(value, Decimal | str | int | bool):
            words.append(f"{field}={value}")
        elif isinstance(value, tuple):
            words.append(f"{field}=[{'; '.join(told(item) for item in value)}]")
        elif isinstance(value, dict):
            inside = "; ".join(f"{k}: {told(v)}" for k, v in value.items())
            words.append(f"{field}={{{inside}}}")
        else:
            words.append(f"{field}=({told(value)})")
    return f"{name} {' '.join(words)}" if hasattr(what, "__struct_fields__") else str(what)


_LOOKS: dict[type, Callable[[Watch, object, int], None]] = {
    ev.SignalAccepted: Watch._signal,  # type: ignore[dict-item]
    ev.SignalRefused: Watch._answered,  # type: ignore[dict-item]
    ev.SignalDuplicate: Watch._answered,  # type: ignore[dict-item]
    ev.OrderRequested: Watch._requested,  # type: ignore[dict-item]
    ev.StopSet: Watch._stopped,  # type: ignore[dict-item]
    ev.StopCleared: Watch._armed,  # type: ignore[dict-item]
    ev.ArmRefused: Watch._not_armed,  # type: ignore[dict-item]
    ev.OrderReleased: Watch._released,  # type: ignore[dict-item]
    ev.CancelRequested: Watch._change,  # type: ignore[dict-item]
    ev.ReplaceRequested: Watch._change,  # type: ignore[dict-item]
    ev.ScaleRecorded: Watch._scaled,  # type: ignore[dict-item]
    ev.ProtectionChanged: Watch._protection,  # type: ignore[dict-item]
    ev.OrderRefused: Watch._refused,  # type: ignore[dict-item]
    ev.IntentRefused: Watch._intent,  # type: ignore[dict-item]
    ev.IntentIdle: Watch._intent,  # type: ignore[dict-item]
    ev.OrderFilled: Watch._filled,  # type: ignore[dict-item]
    ev.ForeignFill: Watch._filled,  # type: ignore[dict-item]
    ev.ForeignOrderSeen: Watch._foreign,  # type: ignore[dict-item]
    ev.OrderAcknowledged: Watch._acknowledged,  # type: ignore[dict-item]
    ev.OrderReplaced: Watch._reopened,  # type: ignore[dict-item]
    ev.FillBusted: Watch._reopened,  # type: ignore[dict-item]
    ev.FillCorrected: Watch._reopened,  # type: ignore[dict-item]
    ev.OrderEnded: Watch._ended,  # type: ignore[dict-item]
}
