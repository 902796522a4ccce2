"""ModifyOrder and ModifyProtection."""

from decimal import Decimal as D
from typing import Any

import pytest
from msgspec.structs import replace

from bascule.execution import inputs as inp
from bascule.model.account import RiskLimits, SizingRule
from bascule.model.enums import (
    ExecType,
    LevelUnit,
    OrdStatus,
    OrdType,
    QtyUnit,
    Side,
    StopMode,
)
from bascule.model.event import (
    CancelRequested,
    ChildReported,
    Event,
    IntentIdle,
    IntentRefused,
    OrderRefused,
    OrderRequested,
    ProtectionChanged,
    ReplaceRequested,
)
from bascule.model.intent import (
    Amount,
    BreakEven,
    CancelOrders,
    Level,
    ModifyOrder,
    ModifyProtection,
    PlaceOrder,
    Protection,
    TakeProfit,
    Trail,
)
from bascule.model.order import Refused, Unknown
from bascule.model.values import SECOND, Currency, Instant
from bascule.risk.limits import LOOSEST
from tests.unit.execution.harness import EURUSD, ROOMY, Bench, every, only, protection


def resting(bench: Bench, quantity: Any = 5, **more: Any) -> str:
    """Have a limit entry working at 1.0."""
    words = {"ord_type": OrdType.LIMIT, "price": D(1), **more}
    order = PlaceOrder(symbol=EURUSD, side=Side.BUY, quantity=Amount(D(str(quantity))), **words)
    name = only(bench.say(order), OrderRequested).cl_ord_id
    bench.settle()
    return str(name)


def modify(**more: Any) -> ModifyOrder:
    """Change the working order."""
    return ModifyOrder(symbol=EURUSD, **more)


def guard(asked: Protection) -> ModifyProtection:
    """Change what guards the position."""
    return ModifyProtection(symbol=EURUSD, protection=asked)


def held(bench: Bench, asked: Protection | None = None, quantity: Any = 10) -> str:
    """Hold some at 1.1, guarded by a stop at 1.08 and a target at 1.15 unless told otherwise."""
    order = PlaceOrder(
        symbol=EURUSD,
        side=Side.BUY,
        quantity=Amount(D(str(quantity))),
        protection=protection("1.08", "1.15") if asked is None else asked,
        reference_price=D("1.1"),
    )
    name = only(bench.say(order), OrderRequested).cl_ord_id
    bench.settle()
    return str(name)


# --- orders ---------------------------------------------------------------------------------------


def test_an_order_is_found_by_its_label_alone() -> None:
    """Platforms that name the order to change name no instrument; which it is, the order knows."""
    bench = Bench(route={"pyramiding": 2})
    name = resting(bench, label="L1")
    resting(bench, label="L2")
    event = only(bench.say(ModifyOrder(label="L1", price=D("1.01"))), ReplaceRequested)
    assert (event.cl_ord_id, event.price) == (name, D("1.01"))
    refused = only(bench.say(ModifyOrder(label="L3", price=D("1.01"))), IntentRefused)
    assert refused.code == "order_not_found"
    assert only(bench.say(ModifyOrder(price=D(1))), IntentRefused).code == "unknown_symbol"


@pytest.mark.parametrize(
    ("change", "asked"),
    [
        ({"price": D("1.01")}, (None, D("1.01"), None)),
        ({"quantity": Amount(D(7))}, (D(7), None, None)),
        ({"quantity": Amount(D(2)), "price": D("0.99")}, (D(2), D("0.99"), None)),
    ],
)
def test_a_change_asks_the_venue_for_the_new_terms(
    change: dict[str, Any], asked: tuple[D | None, ...]
) -> None:
    """Only what changes is asked for, once, and confirmed by the venue's report."""
    bench = Bench()
    name = resting(bench)
    event = only(bench.say(modify(**change)), ReplaceRequested)
    assert (event.quantity, event.price, event.stop_price) == asked
    bench.settle()
    order, there = bench.order(name), bench.venue.orders[name]
    assert (order.quantity, order.price) == (there.quantity, there.price)
    assert order.pending == ""


def test_an_unknown_outcome_of_a_change_counts_both_terms_until_a_look() -> None:
    """The larger quantity counts; what the venue shows decides."""
    bench = Bench()
    name = resting(bench)
    request = only(bench.say(modify(quantity=Amount(D(8)))), ReplaceRequested)
    bench.wire.clear()
    bench.feed(
        inp.ChangeAnswered(
            Instant(bench.at), "a", name, request.request_id, Unknown("timeout", Instant(bench.at))
        )
    )
    assert (bench.order(name).pending, bench.book().open_buy) == ("replace", 8)
    bench.wait(4 * 10**9)
    bench.look()
    assert (bench.order(name).pending, bench.book().open_buy) == ("", 5)


def test_a_change_that_a_look_proves_is_taken() -> None:
    """The venue shows the new terms: they hold, though no answer came."""
    bench = Bench()
    name = resting(bench)
    bench.say(modify(quantity=Amount(D(8))))
    bench.carry()
    bench.post.clear()
    bench.look()
    order = bench.order(name)
    assert (order.quantity, order.pending, bench.book().open_buy) == (8, "", 8)


def growing(bench: Bench) -> tuple[str, str, str]:
    """Ask for five to become eight, and then for the order back: give its id and those of both."""
    name = resting(bench)
    change = only(bench.say(modify(quantity=Amount(D(8)))), ReplaceRequested)
    back = only(bench.say(CancelOrders(symbol=EURUSD)), CancelRequested)
    bench.wire.clear()
    return name, change.request_id, back.request_id


def told(bench: Bench, name: str, request: str) -> list[Event]:
    """Refuse a change."""
    at = Instant(bench.at)
    refused = Refused("pending_change", "1", "another change is in flight", at)
    return bench.feed(inp.ChangeAnswered(at, "a", name, request, refused))


def test_a_refused_cancel_leaves_the_change_before_it_in_flight() -> None:
    """A venue that is at work on a change takes no cancel; the larger order counts on.

    Before, five counted from there on, though the venue might make eight of them.
    """
    bench = Bench()
    name, change, back = growing(bench)
    told(bench, name, back)
    assert (bench.order(name).pending, bench.book().open_buy) == ("replace", 8)
    bench.report(name, ExecType.REPLACED, order_qty=D(8), request_id=change)
    assert (bench.order(name).pending, bench.book().open_buy) == ("", 8)


def test_a_refused_cancel_leaves_a_change_of_the_price_alone_in_flight() -> None:
    """What is confirmed or refused after that is the change, by its own id."""
    bench = Bench()
    name, _, _ = growing(bench)
    bench.wait(4 * 10**9)
    bench.look()
    change = only(bench.say(ModifyOrder(symbol=EURUSD, price=D("1.05"))), ReplaceRequested)
    back = only(bench.say(CancelOrders(symbol=EURUSD)), CancelRequested)
    told(bench, name, back.request_id)
    assert (bench.order(name).pending, bench.order(name).pending_id) == (
        "replace",
        change.request_id,
    )


def test_a_change_that_is_refused_under_a_cancel_counts_no_more() -> None:
    """By its outcome or by a report; the cancel is in flight as before."""
    for told_by_report in (False, True):
        bench = Bench()
        name, change, back = growing(bench)
        if told_by_report:
            bench.report(name, ExecType.REPLACE_REJECTED, request_id=change)
        else:
            told(bench, name, change)
        order = bench.order(name)
        assert (order.pending, order.pending_id, bench.book().open_buy) == ("cancel", back, 5)
        told(bench, name, back)
        assert (order.pending, bench.book().open_buy) == ("", 5)


def test_a_look_settles_a_cancel_and_the_change_before_it() -> None:
    """The venue shows the order as it was: neither of them has happened."""
    bench = Bench()
    name, _, _ = growing(bench)
    bench.wait(4 * 10**9)
    bench.look()
    assert (bench.order(name).pending, bench.book().open_buy) == ("", 5)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"label": "nobody", "price": D(1)}, "order_not_found"),
        ({"side": Side.SELL, "price": D(1)}, "order_not_found"),
        ({"quantity": Amount(D(0))}, "below_filled"),
        ({"stop_price": D(2), "quantity": Amount(D(7))}, "bad_price"),
        ({"quantity": Amount(D(5), QtyUnit.RISK_PERCENT)}, "quantity_unit_unsupported"),
    ],
)
def test_a_change_that_cannot_be_made_is_refused(change: dict[str, Any], code: str) -> None:
    """The order stands as it was."""
    bench = Bench()
    resting(bench)
    assert only(bench.say(modify(**change)), IntentRefused).code == code
    assert bench.wire == []


def test_a_change_needs_exactly_one_order() -> None:
    """Two match: neither is touched; the label tells them apart."""
    bench = Bench(route={"pyramiding": 9})
    resting(bench, label="one")
    name = resting(bench, label="two")
    refusal = only(bench.say(modify(price=D("1.01"))), IntentRefused)
    assert "2 working entries match" in refusal.text
    event = only(bench.say(modify(price=D("1.01"), label="two")), ReplaceRequested)
    assert event.cl_ord_id == name


def test_a_change_of_nothing_is_idle() -> None:
    """The terms are as asked already, or none was named."""
    bench = Bench()
    resting(bench)
    for change in ({}, {"price": D(1)}, {"quantity": Amount(D(5))}):
        assert only(bench.say(modify(**change)), IntentIdle)


def test_an_order_that_its_venue_has_not_shown_is_not_changed() -> None:
    """A change of an order in flight or in doubt would speak of nothing.

    Before, it was sent, refused as unknown, and the trader's new price was lost.
    """
    bench = Bench()
    bench.venue.times_out = lambda order: "before"
    order = PlaceOrder(
        symbol=EURUSD, side=Side.BUY, quantity=Amount(D(1)), ord_type=OrdType.LIMIT, price=D(1)
    )
    bench.say(order)
    for _ in range(2):
        events = bench.say(modify(price=D("1.01")))
        assert only(events, IntentRefused).code == "order_not_working"
        bench.settle()


def test_a_venue_without_changes_is_asked_for_none() -> None:
    """The refusal names what is missing."""
    bench = Bench(replace=False)
    resting(bench)
    assert only(bench.say(modify(price=D("1.01"))), IntentRefused).code == "capability_absent"


def test_an_account_of_its_own_size_takes_no_quantity_from_the_signal() -> None:
    """A new price passes; a new quantity is refused by name."""
    bench = Bench(sizing=SizingRule(quantity=D(1)))
    resting(bench)
    assert only(bench.say(modify(price=D("1.01"))), ReplaceRequested)
    bench.settle()
    refusal = only(bench.say(modify(quantity=Amount(D(9)))), IntentRefused)
    assert refusal.code == "quantity_unit_unsupported"


def test_a_new_quantity_is_capped_by_the_route_as_an_entry_is() -> None:
    """Seven are the most that the route lets an order be; before, a change took no notice."""
    bench = Bench(sizing=SizingRule(method="signal", max_qty=D(7)))
    resting(bench)
    assert only(bench.say(modify(quantity=Amount(D(9)))), ReplaceRequested).quantity == 7


def test_the_whole_new_order_is_held_to_the_limits() -> None:
    """Steps that are each small do not add up to more than one order may be.

    Before, only the addition was checked: 5 could grow to any size, 5 at a time.
    """
    bench = Bench(limits=replace(ROOMY, max_order_qty=D(7), max_position_qty=D(20)))
    resting(bench)
    bench.say(modify(quantity=Amount(D(7))))
    bench.settle()
    refusal = only(bench.say(modify(quantity=Amount(D(8)))), IntentRefused)
    assert refusal.code == "max_order_size"


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (replace(ROOMY, max_order_loss=D(1000)), "fat_finger"),
        (replace(ROOMY, max_order_value=D(560_000)), "order_value"),
        (replace(ROOMY, price_collar_percent=D("0.5")), "price_collar"),
    ],
)
def test_a_larger_order_is_measured_at_the_price_that_it_keeps(
    limits: RiskLimits, code: str
) -> None:
    """A buy stop 100 pips above the market loses 110 pips at its stop, not the market's ten.

    Before, an order of which only the quantity changes was measured from the market.
    """
    bench = Bench(limits=replace(limits, price_collar_percent=None))
    bench.quote("1.1000")
    bench.money(100_000)
    waits = {"ord_type": OrdType.STOP, "price": None, "stop_price": D("1.1100")}
    resting(bench, "0.5", **waits, protection=protection("1.0990"))
    bench.limit("a", limits)
    refusal = only(bench.say(modify(quantity=Amount(D("5.05")))), IntentRefused)
    assert refusal.code == code


def test_the_position_limit_counts_a_changed_order_once() -> None:
    """Five working become ten where ten are allowed, and not eleven."""
    bench = Bench(limits=replace(ROOMY, max_position_qty=D(10)))
    name = resting(bench)
    bench.venue.fill(name, 2)
    bench.settle()
    assert only(bench.say(modify(quantity=Amount(D(11)))), IntentRefused).code == "position_limit"
    assert only(bench.say(modify(quantity=Amount(D(10)))), ReplaceRequested)


@pytest.mark.parametrize(
    ("own", "together", "code"),
    [
        (replace(ROOMY, max_margin=D(700_000)), None, "margin_limit"),
        (ROOMY, replace(LOOSEST, max_margin=D(700_000)), "portfolio_margin_limit"),
    ],
)
def test_margin_is_counted_once_for_an_order_that_is_changed(
    own: RiskLimits, together: RiskLimits | None, code: str
) -> None:
    """Five lots at 1.0 have room to move to 1.01, and to become six; seven are too many.

    Before, the order was counted as it was and as it would be, and could not even be moved.
    """
    bench = Bench(limits=own)
    if together is not None:
        bench.settings.limits["all"] = together
        bench.settings.portfolio_currency = Currency("USD")
    bench.money(1_000_000)
    bench.quote("1.0")
    resting(bench)
    assert only(bench.say(modify(quantity=Amount(D(8)))), IntentRefused).code == code
    assert only(bench.say(modify(price=D("1.01"))), ReplaceRequested)
    bench.settle()
    assert only(bench.say(modify(quantity=Amount(D(6)))), ReplaceRequested)


def test_margin_over_all_accounts_counts_what_waits_in_full_without_a_percentage() -> None:
    """Five lots at 1.0 rest, and five more do not fit into 700,000.

    Before, only the new order counted in full; what rested or was held counted nothing.
    """
    bench = Bench(route={"pyramiding": 9})
    bench.settings.limits["all"] = replace(LOOSEST, max_margin=D(700_000))
    bench.settings.portfolio_currency = Currency("USD")
    bench.money(1_000_000)
    bench.quote("1.0")
    resting(bench)
    again = PlaceOrder(
        symbol=EURUSD, side=Side.BUY, quantity=Amount(D(5)), ord_type=OrdType.LIMIT, price=D(1)
    )
    assert only(bench.say(again), OrderRefused).code == "portfolio_margin_limit"


@pytest.mark.parametrize("price", [D(0), D(-1)])
def test_an_order_is_not_moved_to_a_price_that_no_entry_may_have(price: D) -> None:
    """A sell at zero would trade at any price; it was refused with an entry, and not later."""
    bench = Bench()
    name = resting(bench)
    assert only(bench.say(modify(price=price)), IntentRefused).code == "bad_price"
    assert bench.order(name).pending == ""


@pytest.mark.parametrize("mode", [StopMode.HALT, StopMode.FREEZE])
def test_under_a_stop_an_order_may_only_shrink(mode: StopMode) -> None:
    """Another price is another chance to fill: it is an entry. A smaller order is not.

    Before, a halted strategy could still move its order to where it would fill.
    """
    bench = Bench()
    resting(bench)
    bench.feed(inp.StopAsked(Instant(bench.at), "all", mode, "ada", "test"))
    assert only(bench.say(modify(price=D("1.09"))), IntentRefused).code == "halted"
    assert only(bench.say(modify(quantity=Amount(D(6)))), IntentRefused).code == "halted"
    assert only(bench.say(modify(quantity=Amount(D(4)))), ReplaceRequested)


# --- protection -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "stop", "target"),
    [
        (protection("1.09"), D("1.09"), D("1.15")),
        (protection("1.105"), D("1.105"), D("1.15")),
        (protection(None, "1.2"), D("1.08"), D("1.2")),
        (Protection(stop_loss=Level(D(50), LevelUnit.PIPS)), D("1.095"), D("1.15")),
    ],
)
def test_new_levels_reach_the_venue_at_once(asked: Protection, stop: D, target: D) -> None:
    """Stop and target move; what is not named stays. A stop may lie beyond the entry.

    Before, the new level waited for the next event of the position, up to a minute.
    """
    bench = Bench()
    held(bench)
    bench.wait(10**9)
    bench.say(guard(asked))
    bench.settle()
    assert [order.stop_price for order in bench.working("s")] == [stop]
    assert [order.price for order in bench.working("t")] == [target]


def test_moves_of_one_stop_are_coalesced() -> None:
    """Ten changes within an interval make two requests; the last level is the one that holds."""
    bench = Bench()
    held(bench)
    for pips in range(10):
        bench.say(guard(protection(D("1.09") + pips * D("0.0001"))))
        bench.settle()
    assert len(every(bench.events, ReplaceRequested)) <= 1
    bench.wait(5 * 10**8)
    bench.look()
    bench.settle()
    assert len(every(bench.events, ReplaceRequested)) <= 2
    assert bench.working("s")[0].stop_price == D("1.0909")


def test_a_stop_is_added_to_a_position_that_had_only_a_target() -> None:
    """What the engine runs can be completed later."""
    bench = Bench()
    held(bench, protection(None, "1.15"))
    bench.say(guard(protection("1.09")))
    bench.settle()
    assert [(o.stop_price, o.quantity) for o in bench.working("s")] == [(D("1.09"), 10)]


def test_a_trail_and_break_even_can_be_set_later() -> None:
    """Both act from then on; a new break-even acts even if an earlier one did."""
    bench = Bench()
    name = held(bench)
    even = BreakEven(Level(D("0.01"), LevelUnit.DISTANCE))
    bench.wait(10**9)
    bench.say(guard(Protection(break_even=even)))
    bench.quote("1.11")
    bench.settle()
    assert bench.working("s")[0].stop_price == D("1.1")
    higher = BreakEven(Level(D("0.02"), LevelUnit.DISTANCE), Level(D("0.01"), LevelUnit.DISTANCE))
    bench.wait(10**9)
    bench.say(guard(Protection(break_even=higher)))
    bench.wait(10**9)
    bench.quote("1.12")
    bench.settle()
    assert bench.working("s")[0].stop_price == D("1.11")
    bench.wait(10**9)
    bench.say(guard(Protection(trail=Trail(Level(D("0.005"), LevelUnit.DISTANCE)))))
    bench.quote("1.13")
    bench.wait(10**9)
    bench.settle()
    assert bench.working("s")[0].stop_price == D("1.125")
    assert bench.guard(name).moved


def test_protection_of_nothing_is_idle_and_of_a_bare_position_refused() -> None:
    """Without a position there is nothing to guard; without a bracket nothing to change."""
    bench = Bench()
    assert only(bench.say(guard(protection("1.0"))), IntentIdle)
    bench.say(PlaceOrder(symbol=EURUSD, side=Side.BUY, quantity=Amount(D(1))))
    bench.settle()
    refusal = only(bench.say(guard(protection("1.0"))), IntentRefused)
    assert refusal.code == "no_protection_to_change"


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (protection(None, "1.09"), "target_wrong_side"),
        (Protection(take_profits=(TakeProfit(Level(D(2), LevelUnit.RATIO)),)), "no_stop"),
    ],
)
def test_levels_that_make_no_sense_change_nothing(asked: Protection, code: str) -> None:
    """The protection that is there stays."""
    bench = Bench()
    held(bench)
    assert only(bench.say(guard(asked)), IntentRefused).code == code
    assert bench.working("s")[0].stop_price == D("1.08")


@pytest.mark.parametrize(
    ("stop", "taken"), [("1.2", False), ("1.12", False), ("1.1199", True), ("1.11", True)]
)
def test_a_stop_that_the_market_has_passed_is_refused(stop: str, taken: bool) -> None:
    """A typing error does not close the position; the old stop stays.

    Before, a stop of 1.2 under a long at 1.12 sold it at the market.
    """
    bench = Bench()
    held(bench)
    bench.wait(10**9)
    bench.quote("1.12", "1.1202")
    events = bench.say(guard(protection(stop)))
    bench.settle()
    assert [e.code for e in every(events, IntentRefused)] == ([] if taken else ["stop_wrong_side"])
    assert bench.working("s")[0].stop_price == (D(stop) if taken else D("1.08"))


def test_levels_of_an_entry_that_still_rests_are_measured_from_its_price() -> None:
    """A stop on its wrong side would close it as it fills; a distance has a price to be of."""
    bench = Bench()
    rests = PlaceOrder(
        symbol=EURUSD, side=Side.BUY, quantity=Amount(D(1)), ord_type=OrdType.LIMIT,
        price=D("1.05"), protection=protection("1.04"),
    )  # fmt: skip
    name = only(bench.say(rests), OrderRequested).cl_ord_id
    bench.settle()
    assert only(bench.say(guard(protection("1.06"))), IntentRefused).code == "stop_wrong_side"
    pips = Protection(stop_loss=Level(D(50), LevelUnit.PIPS))
    assert only(bench.say(guard(pips)), ProtectionChanged).bracket.stop_loss == D("1.045")
    bench.venue.fill(name)
    bench.settle()
    assert [order.stop_price for order in bench.working("s")] == [D("1.045")]


def test_levels_of_a_natively_run_bracket_move_by_its_own_orders() -> None:
    """The venue's stop and target, once it has shown them, are moved; one it lacks is refused."""
    bench = Bench(native_bracket=True)
    name = held(bench)
    child = {"parent": name, "cl_ord_id": None, "order_qty": D(10), "side": Side.SELL}
    events = bench.report(
        name, ExecType.NEW, venue_order_id="c1", leg="s", stop_price=D("1.08"), **child
    )
    stop = only(events, ChildReported).cl_ord_id
    bench.wait(10**9)
    event = only(bench.say(guard(protection("1.09"))), ReplaceRequested)
    assert (event.cl_ord_id, event.stop_price) == (stop, D("1.09"))
    refusal = only(bench.say(guard(protection(None, "1.2"))), IntentRefused)
    assert refusal.code == "capability_absent"
    bench.report(name, ExecType.NEW, venue_order_id="c2", leg="t", price=D("1.15"), **child)
    bench.wait(10**9)
    moved = only(bench.say(guard(protection(None, "1.3"))), ReplaceRequested)
    assert (moved.price, moved.stop_price, moved.quantity) == (D("1.3"), None, None)


def test_a_change_of_protection_is_a_fact_of_the_entry_too() -> None:
    """A guard that is made anew after a late fill has the levels as they were changed last."""
    bench = Bench()
    entry = PlaceOrder(
        symbol=EURUSD,
        side=Side.BUY,
        quantity=Amount(D(10)),
        ord_type=OrdType.LIMIT,
        price=D("1.1"),
        protection=protection("1.08"),
    )
    name = str(only(bench.say(entry), OrderRequested).cl_ord_id)
    bench.settle()
    assert only(bench.say(guard(protection("1.09"))), ProtectionChanged)
    bench.report(name, ExecType.CANCELED)
    stop = only(bench.traded(name, 4), OrderRequested)
    assert stop.stop_price == D("1.09")
    assert bench.order(name).status is OrdStatus.CANCELED


@pytest.mark.parametrize("moves", [True, False])
def test_a_stop_that_is_moved_twice_at_once_ends_where_the_last_word_has_it(moves: bool) -> None:
    """The second move comes too soon to be sent, and goes as soon as it may: no look is needed."""
    bench = Bench(replace=moves)
    held(bench)
    bench.wait(5 * SECOND)
    for level in ("1.085", "1.09"):
        bench.say(guard(protection(level)))
        bench.settle()
        bench.wait(SECOND // 10)
    for _ in range(3):
        bench.wait(SECOND)
        bench.settle()
    [stop] = bench.orders("s")
    assert (stop.stop_price, stop.leaves) == (D("1.09"), 10)
