"""FIX 4.4, order state change matrices A.1 to D.2: each played line by line against the core.

The sender here is Bascule. ``PENDING_*`` lines carry no news for it: a change in flight is
``Order.pending``, and the status under it stays what the fills made of it. Chained requests
(D.2) are not in the sender's repertoire, since it has one change of an order in flight at a time;
those matrices are held to that, and to what comes back when a cancel follows a replace.
"""

from decimal import Decimal as D
from typing import Any

from bascule.execution import inputs as inp
from bascule.model.enums import ExecType, OrdStatus, OrdType, Side
from bascule.model.event import (
    CancelRequested,
    ChangeRejected,
    Event,
    IntentRefused,
    OrderFilled,
    OrderReplaced,
    OrderRequested,
    ReplaceRequested,
    ReportIgnored,
)
from bascule.model.intent import Amount, CancelOrders, ModifyOrder, PlaceOrder
from bascule.model.order import Accepted, Refused, Unknown
from bascule.model.values import Instant
from tests.unit.execution.harness import EURUSD, Bench, every, kinds, only

S, X = OrdStatus, ExecType


class Sheet:
    """One matrix: an order for 10000, and short words for its lines."""

    def __init__(self, quantity: int = 10_000) -> None:
        self.bench = Bench(contract={"max_qty": D(1_000_000)})
        events = self.bench.say(
            PlaceOrder(
                symbol=EURUSD,
                side=Side.BUY,
                quantity=Amount(D(quantity)),
                ord_type=OrdType.LIMIT,
                price=D("1.1"),
            )
        )
        self.name = only(events, OrderRequested).cl_ord_id
        self.bench.feed(inp.OrdersWritten(Instant(self.bench.at), ("a",), (self.name,)))

    @property
    def order(self) -> Any:
        return self.bench.order(self.name)

    def told(self, kind: ExecType, **more: Any) -> list[Event]:
        return self.bench.report(self.name, kind, **more)

    def working(self) -> "Sheet":
        self.told(X.NEW)
        return self

    def fill(self, quantity: int, **more: Any) -> list[Event]:
        return self.bench.traded(self.name, quantity, **more)

    def ask_cancel(self) -> str:
        return str(only(self.bench.say(CancelOrders(symbol=EURUSD)), CancelRequested).request_id)

    def ask_replace(self, quantity: int | None = None, price: str | None = None) -> str:
        events = self.bench.say(
            ModifyOrder(
                symbol=EURUSD,
                quantity=None if quantity is None else Amount(D(quantity)),
                price=None if price is None else D(price),
            )
        )
        return str(only(events, ReplaceRequested).request_id)

    def change_refused(self, request: str, reason: str = "too_late") -> list[Event]:
        outcome = Refused(reason, "0", reason, Instant(self.bench.at))
        return self.bench.feed(
            inp.ChangeAnswered(Instant(self.bench.at), "a", self.name, request, outcome)
        )

    def stands(self, status: OrdStatus, quantity: int, cum: int, pending: str = "") -> None:
        """Hold a line of the matrix: status, OrderQty, CumQty, and LeavesQty by them."""
        order = self.order
        assert (order.status, order.quantity, order.cum_qty) == (status, quantity, cum)
        assert order.pending == pending
        assert self.bench.book().quantity == cum
        open_qty = quantity - cum if order.live else 0
        if order.pending_qty is None:
            assert order.leaves == max(open_qty, 0)
            assert self.bench.book().open_buy == order.leaves


def test_a_1_a_filled_order() -> None:
    """A.1.a: acknowledged, filled in parts, filled; every fill and the average are kept."""
    sheet = Sheet()
    sheet.stands(S.SUBMITTED, 10_000, 0)
    sheet.told(X.PENDING_NEW)
    sheet.stands(S.ACKNOWLEDGED, 10_000, 0)
    sheet.told(X.NEW)
    sheet.stands(S.WORKING, 10_000, 0)
    sheet.fill(2_000, price="1.10")
    sheet.stands(S.PARTIALLY_FILLED, 10_000, 2_000)
    sheet.fill(1_000, price="1.13")
    sheet.stands(S.PARTIALLY_FILLED, 10_000, 3_000)
    sheet.fill(7_000, price="1.09")
    sheet.stands(S.FILLED, 10_000, 10_000)
    assert sheet.order.avg_price == D("1.096")
    assert [fill.quantity for fill in sheet.order.fills.values()] == [2_000, 1_000, 7_000]


def test_a_1_a_rejected_order() -> None:
    """A.1.a, first exit: a rejected order ends and counts for nothing."""
    sheet = Sheet()
    sheet.told(X.REJECTED)
    sheet.stands(S.REJECTED, 10_000, 0)


def test_a_1_b_part_filled_day_order_done_for_day() -> None:
    """A.1.b: what is left of a day order expires; what filled stays."""
    sheet = Sheet().working()
    sheet.fill(2_000)
    sheet.told(X.EXPIRED)
    sheet.stands(S.EXPIRED, 10_000, 2_000)


def test_b_1_a_cancel_of_a_zero_filled_order() -> None:
    """B.1.a: the cancel is in flight, then confirmed; nothing traded."""
    sheet = Sheet().working()
    request = sheet.ask_cancel()
    sheet.stands(S.WORKING, 10_000, 0, "cancel")
    sheet.told(X.PENDING_CANCEL, request_id=request)
    sheet.stands(S.WORKING, 10_000, 0, "cancel")
    sheet.told(X.CANCELED, request_id=request)
    sheet.stands(S.CANCELED, 10_000, 0)


def test_b_1_a_cancel_is_refused() -> None:
    """B.1.a, other exit: a refused cancel leaves the order as it was."""
    sheet = Sheet().working()
    request = sheet.ask_cancel()
    sheet.told(X.CANCEL_REJECTED, request_id=request)
    sheet.stands(S.WORKING, 10_000, 0)


def test_b_1_b_executions_occur_whilst_the_cancel_is_active() -> None:
    """B.1.b: fills between cancel request and confirmation count; the rest is canceled."""
    sheet = Sheet().working()
    sheet.fill(2_000)
    request = sheet.ask_cancel()
    sheet.fill(3_000)
    sheet.stands(S.PARTIALLY_FILLED, 10_000, 5_000, "cancel")
    sheet.told(X.PENDING_CANCEL, request_id=request)
    sheet.fill(1_000)
    sheet.told(X.CANCELED, request_id=request)
    sheet.stands(S.CANCELED, 10_000, 6_000)


def test_b_1_c_filled_before_the_cancel_can_be_accepted() -> None:
    """B.1.c: the fill wins; the cancel's refusal comes too late to say anything new."""
    sheet = Sheet().working()
    request = sheet.ask_cancel()
    sheet.fill(10_000)
    sheet.stands(S.FILLED, 10_000, 10_000)
    sheet.told(X.CANCEL_REJECTED, request_id=request)
    sheet.stands(S.FILLED, 10_000, 10_000)
    assert kinds(sheet.change_refused(request)) == []


def test_b_1_d_cancel_of_an_order_not_yet_acknowledged() -> None:
    """B.1.d: the order may be canceled without ever having been shown working."""
    sheet = Sheet()
    request = sheet.ask_cancel()
    sheet.stands(S.SUBMITTED, 10_000, 0, "cancel")
    sheet.told(X.CANCELED, request_id=request)
    sheet.stands(S.CANCELED, 10_000, 0)


def test_b_1_e_acknowledgement_and_cancel_cross() -> None:
    """B.1.e: a New that crosses the cancel moves the status and not the cancel in flight."""
    sheet = Sheet()
    request = sheet.ask_cancel()
    sheet.told(X.NEW)
    sheet.stands(S.WORKING, 10_000, 0, "cancel")
    sheet.told(X.CANCELED, request_id=request)
    sheet.stands(S.CANCELED, 10_000, 0)
    late = sheet.told(X.NEW)
    assert kinds(late) == ["report_ignored"]
    sheet.stands(S.CANCELED, 10_000, 0)


def test_b_1_f_cancel_of_an_order_the_venue_does_not_know() -> None:
    """B.1.f: "unknown order" proves nothing of an order in doubt; it stays in doubt."""
    sheet = Sheet()
    sheet.bench.answered(sheet.name, Unknown("timeout", Instant(sheet.bench.at)))
    request = sheet.ask_cancel()
    events = sheet.change_refused(request, "unknown_order")
    assert only(events, ChangeRejected).reason == "unknown_order"
    sheet.stands(S.IN_DOUBT, 10_000, 0)
    assert sheet.bench.market.looks


def test_c_1_a_increase_of_a_zero_filled_order() -> None:
    """C.1.a: both quantities count until the larger is granted."""
    sheet = Sheet().working()
    request = sheet.ask_replace(11_000)
    assert sheet.bench.book().open_buy == 11_000
    sheet.told(X.PENDING_REPLACE, request_id=request)
    sheet.told(X.REPLACED, request_id=request, order_qty=D(11_000))
    sheet.stands(S.WORKING, 11_000, 0)
    sheet.fill(1_000)
    sheet.fill(10_000)
    sheet.stands(S.FILLED, 11_000, 11_000)


def test_c_1_a_increase_is_refused() -> None:
    """C.1.a, other exit: the order stands with its old quantity, which alone counts again."""
    sheet = Sheet().working()
    request = sheet.ask_replace(11_000)
    sheet.told(X.REPLACE_REJECTED, request_id=request)
    sheet.stands(S.WORKING, 10_000, 0)


def test_c_1_b_execution_whilst_an_increase_is_pending() -> None:
    """C.1.b: a fill between request and grant counts against the new quantity."""
    sheet = Sheet().working()
    sheet.fill(1_000)
    request = sheet.ask_replace(12_000)
    sheet.fill(100)
    sheet.stands(S.PARTIALLY_FILLED, 10_000, 1_100, "replace")
    sheet.told(X.REPLACED, request_id=request, order_qty=D(12_000))
    sheet.stands(S.PARTIALLY_FILLED, 12_000, 1_100)
    sheet.fill(10_900)
    sheet.stands(S.FILLED, 12_000, 12_000)


def test_c_1_c_filled_order_is_increased() -> None:
    """C.1.c: an order that filled before its increase was granted is open again."""
    sheet = Sheet().working()
    request = sheet.ask_replace(12_000)
    sheet.fill(10_000, ord_status=S.FILLED)
    sheet.stands(S.FILLED, 10_000, 10_000)
    sheet.told(X.REPLACED, request_id=request, order_qty=D(12_000))
    sheet.stands(S.PARTIALLY_FILLED, 12_000, 10_000)
    sheet.fill(2_000)
    sheet.stands(S.FILLED, 12_000, 12_000)


def test_c_1_c_the_old_quantity_fills_while_more_is_asked_for() -> None:
    """C.1.c: what the increase may add counts until it is refused; then the order has filled."""
    sheet = Sheet().working()
    request = sheet.ask_replace(12_000)
    sheet.fill(10_000)
    sheet.stands(S.PARTIALLY_FILLED, 10_000, 10_000, "replace")
    assert sheet.bench.book().open_buy == 2_000
    sheet.told(X.REPLACE_REJECTED, request_id=request)
    sheet.stands(S.FILLED, 10_000, 10_000)
    assert sheet.bench.book().open_buy == 0


def test_c_2_a_replace_of_the_price_is_refused_as_the_order_filled() -> None:
    """C.2.a: the fill wins over a change of price; the refusal is kept and changes nothing."""
    sheet = Sheet().working()
    sheet.fill(1_000)
    request = sheet.ask_replace(price="1.2")
    sheet.fill(9_000)
    sheet.stands(S.FILLED, 10_000, 10_000)
    assert every(sheet.told(X.REPLACE_REJECTED, request_id=request), ReportIgnored)
    sheet.stands(S.FILLED, 10_000, 10_000)


def test_c_3_a_decrease_with_a_fill_on_its_way() -> None:
    """C.3.a: a decrease and a smaller fill cross; the new quantity holds, less what filled."""
    sheet = Sheet().working()
    request = sheet.ask_replace(8_000)
    assert sheet.bench.book().open_buy == 10_000
    sheet.fill(1_000)
    sheet.told(X.REPLACED, request_id=request, order_qty=D(8_000))
    sheet.stands(S.PARTIALLY_FILLED, 8_000, 1_000)
    sheet.fill(7_000)
    sheet.stands(S.FILLED, 8_000, 8_000)


def test_c_3_b_decrease_to_what_has_filled() -> None:
    """C.3.b: a quantity equal to what has filled leaves a filled order."""
    sheet = Sheet().working()
    request = sheet.ask_replace(7_000)
    sheet.fill(7_000)
    sheet.stands(S.PARTIALLY_FILLED, 10_000, 7_000, "replace")
    sheet.told(X.REPLACED, request_id=request, order_qty=D(7_000))
    sheet.stands(S.FILLED, 7_000, 7_000)


def test_c_3_c_decrease_below_what_has_filled() -> None:
    """C.3.c: the venue amends to what has filled; the order has filled."""
    sheet = Sheet().working()
    request = sheet.ask_replace(7_000)
    sheet.fill(8_000)
    sheet.told(X.REPLACED, request_id=request, order_qty=D(8_000))
    sheet.stands(S.FILLED, 8_000, 8_000)


def test_a_decrease_below_what_has_filled_is_never_asked_for() -> None:
    """Before C.3.c can begin: a quantity that has already traded is refused here, in words."""
    sheet = Sheet().working()
    sheet.fill(8_000)
    events = sheet.bench.say(ModifyOrder(symbol=EURUSD, quantity=Amount(D(7_000))))
    refusal = only(events, IntentRefused)
    assert refusal.code == "below_filled"
    assert "8000" in refusal.text


def test_d_1_a_two_replaces_one_after_the_other() -> None:
    """D.1.a: each is granted in turn; each order quantity holds from its grant on."""
    sheet = Sheet().working()
    sheet.fill(1_000)
    first = sheet.ask_replace(8_000)
    sheet.fill(500)
    sheet.told(X.REPLACED, request_id=first, order_qty=D(8_000))
    sheet.stands(S.PARTIALLY_FILLED, 8_000, 1_500)
    sheet.fill(2_000)
    second = sheet.ask_replace(6_000)
    sheet.told(X.REPLACED, request_id=second, order_qty=D(6_000))
    sheet.stands(S.PARTIALLY_FILLED, 6_000, 3_500)
    sheet.fill(2_500)
    sheet.stands(S.FILLED, 6_000, 6_000)
    assert first != second


def test_d_1_b_first_replace_refused_at_once_second_granted() -> None:
    """D.1.b: a refusal before Pending Replace clears the way for the next request."""
    sheet = Sheet().working()
    sheet.fill(1_000)
    first = sheet.ask_replace(8_000)
    sheet.change_refused(first, "busy")
    sheet.fill(1_500)
    second = sheet.ask_replace(6_000)
    sheet.told(X.REPLACED, request_id=second, order_qty=D(6_000))
    sheet.stands(S.PARTIALLY_FILLED, 6_000, 2_500)


def test_d_1_c_first_replace_refused_after_pending_second_granted() -> None:
    """D.1.c: the same when the venue first said Pending Replace."""
    sheet = Sheet().working()
    first = sheet.ask_replace(8_000)
    sheet.told(X.PENDING_REPLACE, request_id=first)
    sheet.told(X.REPLACE_REJECTED, request_id=first)
    second = sheet.ask_replace(6_000)
    sheet.told(X.REPLACED, request_id=second, order_qty=D(6_000))
    sheet.stands(S.WORKING, 6_000, 0)


def test_d_2_one_replace_in_flight_at_a_time() -> None:
    """D.2.a and b: a second replace is refused by name while the first is unanswered."""
    sheet = Sheet().working()
    sheet.ask_replace(8_000)
    events = sheet.bench.say(ModifyOrder(symbol=EURUSD, quantity=Amount(D(7_000))))
    assert only(events, IntentRefused).code == "change_in_flight"
    sheet.stands(S.WORKING, 10_000, 0, "replace")


def test_d_2_a_cancel_after_a_replace_processed_in_order() -> None:
    """D.2.a with a cancel second: the replace is granted under it, and then the cancel."""
    sheet = Sheet().working()
    first = sheet.ask_replace(12_000)
    second = sheet.ask_cancel()
    assert sheet.bench.book().open_buy == 12_000
    sheet.told(X.REPLACED, request_id=first, order_qty=D(12_000))
    sheet.stands(S.WORKING, 12_000, 0, "cancel")
    sheet.told(X.CANCELED, request_id=second)
    sheet.stands(S.CANCELED, 12_000, 0)


def test_d_2_a_a_grant_without_request_id_does_not_settle_the_cancel() -> None:
    """D.2.a where the venue echoes no request id: the cancel stays in flight."""
    sheet = Sheet().working()
    sheet.ask_replace(12_000)
    sheet.ask_cancel()
    events = sheet.told(X.REPLACED, order_qty=D(12_000))
    assert only(events, OrderReplaced).quantity == 12_000
    sheet.stands(S.WORKING, 12_000, 0, "cancel")


def test_d_2_c_both_are_refused() -> None:
    """D.2.c: a refused replace does not clear the cancel behind it; its own refusal does."""
    sheet = Sheet().working()
    sheet.ask_replace(12_000)
    second = sheet.ask_cancel()
    sheet.told(X.REPLACE_REJECTED)
    assert sheet.order.pending == "cancel"
    sheet.told(X.CANCEL_REJECTED, request_id=second)
    sheet.stands(S.WORKING, 10_000, 0)


def test_a_replaced_order_keeps_its_fills_under_a_new_venue_id() -> None:
    """D: a venue may give the order another id with a replace; late fills on either id count."""
    sheet = Sheet()
    sheet.bench.answered(sheet.name, Accepted("old", Instant(sheet.bench.at)))
    sheet.working()
    request = sheet.ask_replace(price="1.2")
    sheet.told(X.REPLACED, request_id=request, venue_order_id="new", price=D("1.2"))
    for venue_id in ("old", "new"):
        events = sheet.fill(1_000, cl_ord_id=None, venue_order_id=venue_id)
        assert only(events, OrderFilled).cl_ord_id == sheet.name
    sheet.stands(S.PARTIALLY_FILLED, 10_000, 2_000)
    assert sheet.order.price == D("1.2")
