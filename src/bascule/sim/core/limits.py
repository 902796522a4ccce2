"""Limits of size, counted at the venue, and which limits are in force.

Which are in force follows from what the owner wrote and accepted, and when; the engine's journal is
not asked. What is tighter holds from the start that reads it, what is looser from the reset after a
person accepted it.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from bascule.execution.turn import Settings
from bascule.model import event as ev
from bascule.model.account import AccountSpec, RiskLimits
from bascule.model.enums import Side
from bascule.model.ids import AccountId, ClOrdID, StrategyId, VenueOrderId, VenueSymbol
from bascule.model.order import NewOrder, ReplaceOrder
from bascule.model.values import ZERO, Instant
from bascule.sim.core.clockwork import Clockwork
from bascule.sim.core.ledger import Broken, Kept
from bascule.sim.core.office import meanings, strike_after
from bascule.sim.core.venue import Venue

CHANGING = (
    "max_position_qty",
    "max_order_qty",
    "max_daily_loss",
    "max_daily_loss_percent",
    "max_drawdown",
    "loss_block_percent",
    "loss_flatten_percent",
)
"""What an owner changes here: of each the lower is the tighter, and None is no limit."""


class _Force(Struct, frozen=True):
    """An account's limits in force: ``now``, and from ``since`` on ``then``."""

    now: RiskLimits
    then: RiskLimits | None = None
    since: Instant = Instant(0)

    def at(self, at: int) -> RiskLimits:
        return self.then if self.then is not None and at >= self.since else self.now


class Limits:
    """The limits of one run. ``in_flight`` gives what is on its way to the venue."""

    def __init__(
        self,
        settings: Settings,
        clock: Clockwork,
        requested: Mapping[ClOrdID, ev.OrderRequested],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._requested = requested
        self.venue: Venue
        self.in_flight: Callable[[], Iterable[NewOrder | ReplaceOrder]]
        self.changed: Callable[[AccountId, RiskLimits], None] = _nobody
        """Told that an account has other limits from now on."""
        self._force: dict[AccountId, _Force] = {}
        self._undo: list[tuple[int, AccountId, _Force | None]] = []
        self._told: dict[tuple[AccountId, VenueOrderId], tuple[int, ev.ForeignOrderSeen]] = {}

    # --- what is in force -----------------------------------------------------------------------

    def of(self, account: AccountId) -> RiskLimits:
        """Give an account's limits as they are in force."""
        return self._force[account].at(self._clock.now)

    def began(self, row: int) -> list[str]:
        """The engine starts with the configuration as it is; names what became of it."""
        became = []
        for name, spec in self._settings.accounts.items():
            known = self._force.get(name)
            if known is None:
                self._set(row, name, _Force(spec.limits))
                continue
            now = known.at(self._clock.now)
            tight = _tightest(now, spec.limits)
            then, since = known.then, known.since
            if then is not None and since > self._clock.now:
                self._set(row, name, _Force(tight, _tightest(then, spec.limits), since))
            else:
                self._set(row, name, _Force(tight))
            became += ["limits_tightened"] if tight != now else []
            became += ["limits_wait"] if _differ(tight, spec.limits) else []
        return became

    def accepted(self, row: int) -> None:
        """A person accepts what the configuration proposes."""
        now = self._clock.now
        for name, spec in self._settings.accounts.items():
            known = self._force[name]
            if not _differ(known.at(now), spec.limits):
                continue
            later = known.then if known.since > now else None
            if later is not None and not _differ(later, spec.limits):
                continue
            since = reset_of(spec, now)
            self._set(row, name, _Force(known.at(now), spec.limits, since))
            self._clock.after(since - now, lambda name=name: self._tell(name))  # type: ignore[misc]

    def crashed(self, rows: int) -> None:
        """Only so many rows of the journal are left: what was not durable never was in force."""
        self._told = {name: told for name, told in self._told.items() if told[0] < rows}
        while self._undo and self._undo[-1][0] >= rows:
            _, name, before = self._undo.pop()
            if before is not None:
                self._force[name] = before
                self._tell(name)

    def _set(self, row: int, name: AccountId, force: _Force) -> None:
        before = self._force.get(name)
        if before != force:
            self._undo.append((row, name, before))
            self._force[name] = force
            if before is not None:
                self._tell(name)

    def _tell(self, name: AccountId) -> None:
        self.changed(name, self.of(name))

    # --- what is counted ------------------------------------------------------------------------

    def foreign(self, event: ev.ForeignOrderSeen, row: int) -> None:
        """The engine has told of an order that somebody else has working."""
        self._told[event.account, event.venue_order_id] = row, event

    def _of_hand(self, order: Kept, sending: NewOrder | ReplaceOrder) -> Decimal:
        """Give what a hand's order may still trade that was told before an entry was judged."""
        _, told = self._told.get((order.account, order.venue_id), (0, None))
        if order.origin != "hand" or told is None or isinstance(sending, ReplaceOrder):
            return ZERO
        if not order.born <= told.at < self._requested[sending.cl_ord_id].at:
            return ZERO
        return max(min(order.quantity, told.quantity) - order.cum, ZERO)

    def order(self, request: NewOrder) -> None:
        """An entry is being written: no larger than an order may be, of a symbol on the list."""
        limits, name = self.of(request.account), request.cl_ord_id
        if limits.max_order_qty is not None and request.quantity > limits.max_order_qty:
            raise Broken("I4", f"{name} is larger than an order may be")
        symbol = self._requested[name].symbol
        if limits.instruments and symbol not in limits.instruments:
            raise Broken("I4", f"{name} opens {symbol}, which its account may not")

    def position(self, sending: NewOrder | ReplaceOrder) -> None:
        """Hold the worst case at the venue, with what is under way, against every limit of size."""
        account, symbol = sending.account, sending.venue_symbol
        limits, programme = self.of(account), self._settings.accounts[account].programme
        if limits.max_book_qty is not None:
            self._of_book(sending, limits.max_book_qty)
        own = limits.max_position_qty
        together = self._settings.limits.get("all")
        whole = together.max_position_qty if together is not None else None
        firm = programme.max_size if programme is not None else None
        lots = [most for most in (limits.max_account_qty, firm.lots if firm else None) if most]
        if own is None and whole is None and not lots:
            return
        worst = self._worst(account, symbol, sending)
        side = self._side(sending)
        # Of a position that was larger before its limit came down, the other side may be entered.
        self._within(f"{account} {symbol}", {side: worst[side]}, own, self._slack(account, symbol))
        if lots:
            self._of_account(sending, worst, min(lots))
        if whole is not None:
            every = {side: ZERO for side in Side}
            slack = ZERO
            for other in self._settings.accounts:
                for side, quantity in self._worst(other, symbol, sending).items():
                    every[side] += quantity
                slack += self._slack(other, symbol)
            self._within(f"all accounts {symbol}", every, whole, slack)

    def _of_account(
        self, sending: NewOrder | ReplaceOrder, worst: Mapping[Side, Decimal], limit: Decimal
    ) -> None:
        """Each contract counts with the larger of its two sides."""
        account = sending.account
        lots = slack = ZERO
        for name in self.venue.price:
            own = name == sending.venue_symbol
            sides = worst if own else self._worst(account, name, sending)
            lots += max(sides.values())
            slack += self._slack(account, name)
        self._within(f"{account} in all", {Side.BUY: lots}, limit, slack)

    def _of_book(self, sending: NewOrder | ReplaceOrder, limit: Decimal) -> None:
        """A strategy's open entries alone do not pass the limit of its book already."""
        asked = self._requested[sending.cl_ord_id]
        book = (asked.account, asked.strategy, asked.venue_symbol)
        open_now = self._open(asked.account, asked.venue_symbol, sending, asked.strategy)
        slack = self._slack(asked.account, asked.venue_symbol)
        self._within(" ".join(book), open_now, limit, slack)

    def _side(self, sending: NewOrder | ReplaceOrder) -> Side:
        if isinstance(sending, NewOrder):
            return sending.side
        return self._requested[sending.cl_ord_id].side

    def _slack(self, account: AccountId, symbol: VenueSymbol) -> Decimal:
        return self.venue.meddled.get((account, symbol), ZERO)

    def _within(
        self, what: str, worst: Mapping[Side, Decimal], limit: Decimal | None, slack: Decimal
    ) -> None:
        for side, quantity in worst.items():
            if limit is not None and quantity > limit + slack:
                raise Broken(
                    "I4", f"{what} may come to {quantity} {side.value}, its limit is {limit}"
                )

    def _worst(
        self, account: AccountId, symbol: VenueSymbol, sending: NewOrder | ReplaceOrder
    ) -> dict[Side, Decimal]:
        """Give what an account has of a contract on each side, once all that is open fills."""
        worst = self._open(account, symbol, sending)
        if self.venue.hedges(account):
            for (owner, name, _), lot in self.venue.lots.items():
                if owner == account and name == symbol:
                    worst[Side.BUY if lot > 0 else Side.SELL] += abs(lot)
        else:
            net = self.venue.net.get((account, symbol), ZERO)
            worst[Side.BUY if net > 0 else Side.SELL] += abs(net)
        return worst

    def _open(
        self,
        account: AccountId,
        symbol: VenueSymbol,
        sending: NewOrder | ReplaceOrder,
        strategy: StrategyId | None = None,
    ) -> dict[Side, Decimal]:
        """Give what entries, of one strategy or of all, may still trade on each side."""
        may = {Side.BUY: ZERO, Side.SELL: ZERO}
        under_way = [one for one in self.in_flight() if one is not sending]
        under_way.append(sending)
        grown = {
            one.cl_ord_id: one.quantity
            for one in under_way
            if isinstance(one, ReplaceOrder) and one.quantity is not None
        }
        for order in self.venue.working.values():
            here = (order.account, order.venue_symbol) == (account, symbol)
            if here and self._is_entry(order.cl_ord_id, strategy):
                asked = max(order.quantity, grown.get(order.cl_ord_id or ClOrdID(""), ZERO))
                may[order.side] += asked - order.cum
            elif here and strategy is None:
                may[order.side] += self._of_hand(order, sending)
        for new in under_way:
            here = (new.account, new.venue_symbol) == (account, symbol)
            if here and isinstance(new, NewOrder) and self._is_entry(new.cl_ord_id, strategy):
                may[new.side] += new.quantity
        return may

    def _is_entry(self, name: ClOrdID | None, strategy: StrategyId | None) -> bool:
        asked = self._requested.get(name) if name is not None else None
        if asked is None or asked.leg != "e":
            return False
        return strategy is None or asked.strategy == strategy


def _nobody(account: AccountId, limits: RiskLimits) -> None:
    """Where nobody keeps books by them."""


def _differ(one: RiskLimits, other: RiskLimits) -> bool:
    return any(getattr(one, name) != getattr(other, name) for name in CHANGING)


def _tightest(one: RiskLimits, other: RiskLimits) -> RiskLimits:
    found: dict[str, Any] = {}
    for name in CHANGING:
        given = [value for value in (getattr(one, name), getattr(other, name)) if value is not None]
        found[name] = min(given, default=None)
    return replace(one, **found)


def reset_of(spec: AccountSpec, now: Instant) -> Instant:
    """Give when an account's day is surely over: its firm's, or that of UTC."""
    daily = spec.programme.daily_loss if spec.programme is not None else None
    clocks = meanings(daily.reset) if daily is not None else (("00:00", "UTC"),)
    return max(strike_after(clock, now) for clock in clocks)
