"""What a told fact means for orders and fills: once, from whichever session it came.

No I/O but the blotter's rows, no clock. A fill counts when it is new under its order and key; the
same one from the drop copy, in a resend or after a restart changes nothing.
"""

from collections import OrderedDict
from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct, field
from msgspec.structs import replace as changed

from bascule.model.enums import ENDED, ExecType, OrdStatus
from bascule.model.ids import AccountId, ClOrdID, ExecID, PositionId, VenueOrderId
from bascule.model.order import (
    Accepted,
    ExecutionReport,
    Outcome,
    Refused,
    VenueOrder,
)
from bascule.model.values import ZERO, Instant, nearest_to, text
from bascule.venues.fix.blotter import Blotter, FillRow
from bascule.venues.fix.mapping import ChangeRefused, Told
from bascule.venues.fix.orders import Known, Orders
from bascule.venues.fix.profile import Profile

SEEN_MAX = 4096
"""Reports of no fill that are remembered, so that the drop copy's twin is not told again."""

DROP_COPY = "drop_copy"
_STATUS = "status"
"""The source of a fill that was worked out from an order's total."""
_FINEST = Decimal("0.00000001")
_CHANGED = (ExecType.CANCELED, ExecType.REPLACED, ExecType.PENDING_CANCEL, ExecType.PENDING_REPLACE)
_LIVE_KINDS = (ExecType.NEW, ExecType.PENDING_NEW, ExecType.TRIGGERED)


class Heard(Struct):
    """What follows from one message: reports to tell on, and outcomes of requests by their id."""

    reports: list[ExecutionReport] = field(default_factory=list)
    outcomes: list[tuple[str, Outcome]] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    """Orders whose total exceeds their known fills, in words."""


class Intake:
    """Takes in what the sessions of one venue tell.

    Args:
        orders: every order known.
        blotter: where fills are kept.
        profile: how the counterparty tells.
        accounts: by login.
    """

    def __init__(
        self,
        orders: Orders,
        blotter: Blotter,
        profile: Profile,
        accounts: Mapping[str, AccountId],
    ) -> None:
        self._orders = orders
        self._blotter = blotter
        self._profile = profile
        self._accounts = accounts
        self._seen: OrderedDict[tuple[str, str, ExecType], None] = OrderedDict()

    @property
    def account_ids(self) -> tuple[AccountId, ...]:
        """The accounts of the venue."""
        return tuple(self._accounts.values())

    def account_of(self, login: str) -> AccountId | None:
        """Find whose a message is: by its login, or the only account there is."""
        if login:
            return self._accounts.get(login)
        return next(iter(self._accounts.values())) if len(self._accounts) == 1 else None

    def find(self, told: Told) -> Known | None:
        """Find the order that a report speaks of."""
        account = self.account_of(told.login)
        if told.login and account is None:
            return None
        return self._orders.find(account, told.order_id, told.cl_ord_id, told.orig_cl_ord_id)

    # --- events ---------------------------------------------------------------------------------

    def take(self, told: Told, source: str) -> Heard:
        """Take in an event."""
        known, heard = self.find(told), Heard()
        if self._is_stale_reject(told, known):
            return heard
        if known is None:
            known = self.learn(told, foreign=source == DROP_COPY)
            if known is None:
                return heard
        if told.kind is ExecType.TRADE:
            self._trade(told, known, source, heard)
        elif told.kind in (ExecType.TRADE_CANCEL, ExecType.TRADE_CORRECT):
            self._amend(told, known, heard)
        elif self._is_new(told):
            self._event(told, known, heard)
        return heard

    def _is_stale_reject(self, told: Told, known: Known | None) -> bool:
        """A used id is refused for the second request; the order that has it is not touched."""
        if told.kind is not ExecType.REJECTED:
            return False
        if known is None:
            return True
        return told.reason == "duplicate_cl_ord_id" and bool(known.order_id)

    def _is_new(self, told: Told) -> bool:
        if told.exec_id in ("", "0"):
            return True
        key = told.order_id, told.exec_id, told.kind
        if key in self._seen:
            return False
        self._seen[key] = None
        if len(self._seen) > SEEN_MAX:
            self._seen.popitem(last=False)
        return True

    def _event(self, told: Told, known: Known, heard: Heard) -> None:
        kind = told.kind
        request = told.cl_ord_id if told.cl_ord_id in self._orders.changes else ""
        if kind is ExecType.REJECTED:
            self._rejected(told, known, request, heard)
            return
        self._bind(told, known)
        accepted = Accepted(VenueOrderId(told.order_id), told.at)
        if kind in _LIVE_KINDS:
            heard.outcomes.append((known.cl_ord_id, accepted))
        elif kind in _CHANGED and request:
            heard.outcomes.append((request, accepted))
        if kind is ExecType.REPLACED:
            if told.restated and not request and self._has_terms(told, known):
                return
            self._take_terms(told, known, request)
        elif kind is ExecType.CANCELED:
            self._orders.accepted(known, told.cl_ord_id)
        if kind in (ExecType.CANCELED, ExecType.EXPIRED):
            # Whatever else was asked of it came too late, and a submit was taken first.
            heard.outcomes.append((known.cl_ord_id, accepted))
            known.ended = True
            self._orders.touch(known)
        restated = told.restated and not request
        heard.reports.append(self._report(told, known, request or ("restated" if restated else "")))

    def _rejected(self, told: Told, known: Known, request: str, heard: Heard) -> None:
        refused = Refused(
            told.reason or "venue_refused", told.venue_code, told.text or told.reason, told.at
        )
        if request:
            self._orders.refused(request)
            heard.outcomes.append((request, refused))
            return
        if told.order_id:
            self._bind(told, known)
        known.ended = True
        self._orders.touch(known)
        heard.outcomes.append((known.cl_ord_id, refused))
        heard.reports.append(self._report(told, known, ""))

    def refuse(self, said: ChangeRefused, now: Instant) -> Heard:
        """Take in an OrderCancelReject."""
        heard = Heard()
        change = self._orders.changes.get(said.request_id)
        if change is None:
            return heard
        self._orders.refused(said.request_id)
        text = said.text or said.reason
        refused = Refused(said.reason, said.venue_code, text, now)
        heard.outcomes.append((said.request_id, refused))
        known = self._orders.find(None, said.order_id, change.order)
        if known is not None:
            known.ended = known.ended or known.cum_qty >= known.quantity
            replacing = change.replace is not None
            kind = ExecType.REPLACE_REJECTED if replacing else ExecType.CANCEL_REJECTED
            heard.reports.append(
                ExecutionReport(
                    account=known.account,
                    exec_id=ExecID(f"{known.order_id}/{said.request_id}"),
                    exec_type=kind,
                    venue_order_id=VenueOrderId(known.order_id),
                    venue_symbol=known.venue_symbol,
                    side=known.side,
                    at=now,
                    cl_ord_id=self._name(known),
                    request_id=said.request_id,
                    reason=said.reason,
                    text=text,
                )
            )
        return heard

    # --- fills ----------------------------------------------------------------------------------

    def _trade(self, told: Told, known: Known, source: str, heard: Heard) -> None:
        self._bind(told, known)
        heard.outcomes.append((known.cl_ord_id, Accepted(VenueOrderId(told.order_id), told.at)))
        covered = known.made_up and told.cum_qty is not None and told.cum_qty <= known.cum_qty
        if told.last_qty <= 0 or (covered and source != _STATUS):
            return
        price = told.last_price or _last_price(told, known)
        fill = FillRow(
            order_id=told.order_id,
            key=told.key,
            account=known.account,
            cl_ord_id=known.cl_ord_id,
            venue_symbol=known.venue_symbol,
            side=known.side,
            quantity=told.last_qty,
            price=price,
            at=told.at,
            exec_id=told.exec_id,
            position_id=told.position_id,
            source=source,
        )
        if not self._blotter.add(fill):
            return
        self._count(known, fill.quantity, fill.price)
        if told.status in ENDED:
            known.ended = True
        heard.reports.append(self._fill_report(fill, known, told))

    def _count(self, known: Known, quantity: Decimal, price: Decimal) -> None:
        known.count(quantity, price)
        self._orders.touch(known)

    def _amend(self, told: Told, known: Known, heard: Heard) -> None:
        """Take a fill back, or correct it; each once."""
        # One that names no fill could mean any.
        named = told.ref_exec_id
        fills = self._blotter.named(told.order_id, known, named) if named else []
        exec_id = "" if told.exec_id == "0" else told.exec_id
        if not fills or self._blotter.amended(fills[0].order_id, exec_id):
            return
        for place, fill in enumerate(fills):
            self._count(known, -fill.quantity, fill.price)
            if told.kind is ExecType.TRADE_CORRECT and place == 0:
                # What tells several fills in one report is corrected as one.
                quantity, price = told.last_qty, told.last_price or fill.price
                fill = changed(fill, quantity=quantity, price=price)
                self._count(known, quantity, price)
            else:
                fill = changed(fill, state="busted")
            self._blotter.amend(fill, exec_id)
            heard.reports.append(self._amendment(told, known, fill))
        known.ended = told.status in ENDED

    def _amendment(self, told: Told, known: Known, fill: FillRow) -> ExecutionReport:
        """Tell what became of a fill, by an id that says the same whenever it is told.

        A correction has the one that a look gives it which finds the fill corrected.
        """
        corrected = fill.state == "live"
        mark = f"{text(fill.quantity)}x{text(fill.price)}" if corrected else "busted"
        return changed(
            self._report(told, known, ""),
            exec_id=ExecID(f"{fill.name}~{mark}"),
            exec_type=ExecType.TRADE_CORRECT if corrected else ExecType.TRADE_CANCEL,
            ref_exec_id=ExecID(fill.name),
            last_qty=fill.quantity,
            last_price=fill.price,
        )

    def check_total(self, told: Told, known: Known) -> Heard:
        """Hold an order's total, as the counterparty shows it, against the fills that were told."""
        heard = Heard()
        missing = (told.cum_qty or ZERO) - known.cum_qty
        if missing <= 0:
            return heard
        if self._profile.lost_fills != "reconstruct":
            heard.lost.append(f"{known.cl_ord_id} ({missing} of {told.cum_qty})")
            return heard
        fill = changed(
            told,
            kind=ExecType.TRADE,
            last_qty=missing,
            last_price=ZERO,
            key=f"c{told.cum_qty}",
        )
        known.made_up += missing
        self._trade(fill, known, _STATUS, heard)
        return heard

    # --- answers --------------------------------------------------------------------------------

    def learn(self, told: Told, *, foreign: bool = False) -> Known | None:
        """Get to know an order that was never sent from here, or whose record is lost.

        ``foreign``: its ClOrdID need not be the one that it was sent under.
        """
        account = self.account_of(told.login)
        name = told.cl_ord_id or told.order_id
        if account is None or not name:
            return None
        known = Known(
            account=account,
            cl_ord_id=ClOrdID(name),
            venue_symbol=told.venue_symbol,
            side=told.side,
            quantity=told.quantity or told.last_qty,
            ord_type=told.ord_type,
            order_id=told.order_id,
            price=told.price,
            stop_price=told.stop_price,
            time_in_force=told.time_in_force,
            foreign=foreign or not told.cl_ord_id,
        )
        return self._orders.touch(self._orders.add(known))

    def shown(self, told: Told, known: Known) -> VenueOrder:
        """Give an order as an answer shows it."""
        self._bind(told, known)
        status = told.status or OrdStatus.WORKING
        known.ended = status in ENDED
        if told.quantity:
            known.quantity = told.quantity
        self._orders.touch(known)
        return changed(
            self.recorded(known, told.at, status, told.reason or told.text),
            cum_qty=told.cum_qty or ZERO,
            price=told.price or known.price,
            stop_price=told.stop_price or known.stop_price,
            position_id=PositionId(told.position_id) if told.position_id else None,
        )

    def recorded(
        self, known: Known, now: Instant, status: OrdStatus | None = None, reason: str = ""
    ) -> VenueOrder:
        """Give an order as all that was told of it leaves it, unless a status is given."""
        if status is None and known.ended:
            filled = known.cum_qty >= known.quantity
            status = OrdStatus.FILLED if filled else OrdStatus.CANCELED
        elif status is None:
            status = OrdStatus.PARTIALLY_FILLED if known.cum_qty else OrdStatus.WORKING
        return VenueOrder(
            account=known.account,
            venue_order_id=VenueOrderId(known.order_id),
            venue_symbol=known.venue_symbol,
            side=known.side,
            ord_type=known.ord_type,
            ord_status=status,
            quantity=known.quantity,
            cum_qty=known.cum_qty,
            at=now,
            cl_ord_id=self._name(known),
            price=known.price,
            stop_price=known.stop_price,
            reason=reason,
        )

    def fills(self, account: AccountId, since: Instant) -> tuple[ExecutionReport, ...]:
        """Give the fills of an account at or after an instant, oldest first."""
        found = []
        for fill in self._blotter.fills(account, since):
            known = self._orders.find(account, fill.order_id, fill.cl_ord_id)
            if known is not None:
                found.append(self._fill_report(fill, known, None))
        return tuple(found)

    # --- parts ----------------------------------------------------------------------------------

    def _bind(self, told: Told, known: Known) -> None:
        self._orders.bind(known, told.order_id)

    def _name(self, known: Known) -> ClOrdID | None:
        return None if known.foreign else known.cl_ord_id

    def _has_terms(self, told: Told, known: Known) -> bool:
        return told.quantity in (None, known.quantity) and (
            told.price in (None, known.price) and told.stop_price in (None, known.stop_price)
        )

    def _take_terms(self, told: Told, known: Known, request: str) -> None:
        change = self._orders.changes.get(request)
        asked = change.replace if change is not None else None
        known.quantity = told.quantity or (asked and asked.quantity) or known.quantity
        known.price = told.price or (asked and asked.price) or known.price
        known.stop_price = told.stop_price or (asked and asked.stop_price) or known.stop_price
        known.ended = known.cum_qty >= known.quantity
        self._orders.accepted(known, told.cl_ord_id)

    def _report(self, told: Told, known: Known, request: str) -> ExecutionReport:
        name = told.exec_id if told.exec_id not in ("", "0") else f"{told.kind}.{told.at}"
        return ExecutionReport(
            account=known.account,
            exec_id=ExecID(f"{told.order_id}/{name}"),
            exec_type=told.kind,
            venue_order_id=VenueOrderId(told.order_id),
            venue_symbol=known.venue_symbol,
            side=known.side,
            at=told.at,
            cl_ord_id=self._name(known),
            ord_status=told.status,
            last_price=told.last_price,
            order_qty=known.quantity if told.quantity is None else told.quantity,
            cum_qty=told.cum_qty,
            leaves_qty=told.leaves_qty,
            price=known.price,
            stop_price=known.stop_price,
            position_id=PositionId(told.position_id) if told.position_id else None,
            request_id=request,
            reason=told.reason,
            text=told.text,
        )

    def _fill_report(self, fill: FillRow, known: Known, told: Told | None) -> ExecutionReport:
        return ExecutionReport(
            account=fill.account,
            exec_id=ExecID(fill.name),
            exec_type=ExecType.TRADE,
            venue_order_id=VenueOrderId(fill.order_id),
            venue_symbol=fill.venue_symbol,
            side=fill.side,
            at=fill.at,
            cl_ord_id=self._name(known),
            ord_status=told.status if told is not None else None,
            last_qty=fill.quantity,
            last_price=fill.price,
            order_qty=known.quantity if told is not None else None,
            cum_qty=told.cum_qty if told is not None else None,
            leaves_qty=told.leaves_qty if told is not None else None,
            position_id=PositionId(fill.position_id) if fill.position_id else None,
        )


def _last_price(told: Told, known: Known) -> Decimal:
    """Work a fill's price out of the averages before and after it."""
    average, total = told.avg_price or ZERO, told.cum_qty or told.last_qty
    if not average or not told.last_qty:
        return average
    before = total - told.last_qty
    if before != known.cum_qty:
        return average
    # An average is cut somewhere: what is left of that is no price.
    return nearest_to((average * total - known.avg_price * before) / told.last_qty, _FINEST)
