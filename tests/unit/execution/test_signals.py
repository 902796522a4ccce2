"""From a signal to its accounts: resends, staleness, routes, batches, stagger, all or none."""

from decimal import Decimal as D
from typing import Any

import pytest
from msgspec.structs import replace

from bascule.execution import inputs as inp
from bascule.execution.state import dump
from bascule.model.account import Route, RouteLeg, SizingRule
from bascule.model.enums import Direction, OrdStatus, OrdType, Side, StopMode
from bascule.model.event import (
    CancelRequested,
    Event,
    IntentIdle,
    IntentRefused,
    OrderEnded,
    OrderRefused,
    OrderRequested,
    SignalAccepted,
    SignalDuplicate,
    SignalRefused,
    StopSet,
)
from bascule.model.intent import (
    Amount,
    CancelOrders,
    ClosePosition,
    Intent,
    PlaceOrder,
    StopTrading,
    TargetPosition,
)
from bascule.model.values import SECOND, Instant
from tests.unit.execution.harness import EURUSD, ROOMY, Bench, every, kinds, only


def buy(quantity: Any = 1, symbol: str = EURUSD, **more: Any) -> PlaceOrder:
    """An entry; market unless told otherwise."""
    return PlaceOrder(symbol=symbol, side=Side.BUY, quantity=Amount(D(str(quantity))), **more)


def refused(events: list[Event]) -> str:
    """Give the code of the signal's refusal."""
    return str(only(events, SignalRefused).code)


# --- taking one in --------------------------------------------------------------------------------


def test_a_resend_answers_with_the_first_and_does_nothing() -> None:
    """Same key, same body: the sender learns which signal it was."""
    bench = Bench(route={"pyramiding": 9})
    first = only(bench.say(buy(), key="k", body_hash="h"), SignalAccepted)
    events = bench.say(buy(), key="k", body_hash="h")
    assert kinds(events) == ["signal_duplicate"]
    again = only(events, SignalDuplicate)
    assert (again.duplicate_of, again.code) == (first.signal, "")


def test_a_resend_of_what_was_refused_says_so() -> None:
    """A sender whose first answer was lost must not take it for accepted."""
    bench = Bench()
    words = {"fired_at": Instant(bench.at - 100 * SECOND), "body_hash": "h"}
    for key in ("k", ""):
        assert refused(bench.say(buy(), key=key, **words)) == "stale"
        assert only(bench.say(buy(), key=key, **words), SignalDuplicate).code == "stale"


def test_the_same_key_with_another_body_is_a_conflict() -> None:
    """Nothing is done, the first keeps the key, and a resend of the first is still known."""
    bench = Bench(route={"pyramiding": 9})
    bench.say(buy(), key="k", body_hash="h")
    conflict = only(bench.say(buy(2), key="k", body_hash="other"), SignalRefused)
    assert conflict.code == "key_conflict"
    assert kinds(bench.say(buy(), key="k", body_hash="h")) == ["signal_duplicate"]


def test_signals_without_a_key_stand_each_for_themselves() -> None:
    """Two alike are two."""
    bench = Bench(route={"pyramiding": 9})
    for _ in range(2):
        assert only(bench.say(buy(), body_hash="h"), OrderRequested)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ({"refused_code": "bad_side", "refused_text": "no side"}, "bad_side"),
        ({"intents": ()}, "no_intent"),
        ({"intents": (buy(),) * 51}, "too_many_intents"),
    ],
)
def test_a_signal_that_asks_for_nothing_sensible_is_refused(
    words: dict[str, Any], code: str
) -> None:
    """One refusal for the whole, and nothing planned."""
    events = Bench().say(**{"intents": (buy(),), **words})
    assert refused(events) == code
    assert kinds(events) == ["signal_refused"]


def test_a_signal_that_no_route_follows_is_refused() -> None:
    """The strategy or the source is not one that the user routed."""
    bench = Bench()
    route = replace(bench.settings.routes[0], strategy="known", sources=("tv",))
    bench.settings.routes = (route,)
    assert refused(bench.say(buy(), strategy="other", source="tv")) == "no_route"
    assert refused(bench.say(buy(), strategy="known", source="file")) == "no_route"
    assert only(bench.say(buy(), strategy="known", source="tv"), OrderRequested)


@pytest.mark.parametrize(
    ("route_s", "signal_s", "age_s", "taken"),
    [
        (60, 0, 59, True),
        (60, 0, 61, False),
        (10, 0, 11, False),
        (60, 5, 6, False),
        (0, 0, 59, True),
        (300, 200, 61, False),
    ],
)
def test_a_stale_signal_is_refused_with_its_age(
    route_s: int, signal_s: int, age_s: int, taken: bool
) -> None:
    """The strictest of route, signal and engine holds; the sentence has both numbers."""
    bench = Bench(route={"max_age_ns": route_s * SECOND})
    events = bench.say(
        buy(), fired_at=Instant(bench.at - age_s * SECOND), max_age=signal_s * SECOND
    )
    if taken:
        assert only(events, OrderRequested)
    else:
        assert only(events, SignalRefused).code == "stale"
        assert f"{age_s}.0 s old" in only(events, SignalRefused).text


def test_a_clock_that_runs_ahead_buys_no_time() -> None:
    """A signal "from tomorrow" may leave as long as one from now, and no longer.

    Before, its order could wait in a queue for a day and then still go.
    """
    bench = Bench()
    event = only(bench.say(buy(), fired_at=Instant(bench.at + 86_400 * SECOND)), OrderRequested)
    assert event.expires_unsent == bench.at + 60 * SECOND


def test_a_halt_needs_no_route_and_is_never_too_late() -> None:
    """Anyone may stop at once."""
    bench = Bench()
    bench.settings.routes = ()
    old = Instant(bench.at - 3_600 * SECOND)
    event = only(bench.say(StopTrading(), strategy="x", fired_at=old), StopSet)
    assert (event.scope, event.mode) == ("strategy:x", StopMode.HALT)
    assert only(bench.say(StopTrading(scope="all")), StopSet).scope == "all"


def test_a_halt_in_a_batch_holds_for_what_follows_it() -> None:
    """Intents are done in order: the exit before passes, the entry after is refused."""
    bench = Bench()
    bench.say(buy())
    bench.settle()
    events = bench.say(ClosePosition(symbol=EURUSD), StopTrading(), buy())
    assert only(events, OrderRequested).leg == "x"
    assert only(events, OrderRefused).code == "halted"


def test_a_halt_covers_its_scope_and_no_more() -> None:
    """Strategy, account, venue, all."""
    for scope, stopped in (
        ("strategy:s", {"s/a", "s/b"}),
        ("account:a", {"s/a", "t/a"}),
        ("venue:v", {"s/a", "s/b", "t/a", "t/b"}),
        ("firm:other", set()),
    ):
        bench = Bench("a", "b")
        bench.feed(inp.StopAsked(Instant(bench.at), scope, StopMode.HALT, "ada", "test"))
        found = set()
        for strategy in "st":
            events = every(bench.say(buy(), strategy=strategy), OrderRefused)
            found |= {f"{event.strategy}/{event.account}" for event in events}
        assert found == stopped, scope


# --- routes ---------------------------------------------------------------------------------------


def test_every_account_of_a_route_gets_its_own_order() -> None:
    """Sized by its own leg, under an id that carries its number."""
    bench = Bench("a", "b", "c")
    legs = tuple(
        RouteLeg(account=name, sizing=SizingRule(quantity=D(size)))
        for name, size in (("a", 1), ("b", 2), ("c", 3))
    )
    bench.settings.routes = (replace(bench.settings.routes[0], legs=legs),)
    orders = every(bench.say(buy()), OrderRequested)
    assert [(o.account, o.quantity) for o in orders] == [("a", 1), ("b", 2), ("c", 3)]
    assert len({o.cl_ord_id for o in orders}) == 3


def test_two_routes_to_one_account_give_one_order() -> None:
    """The first route acts, the second says that it does not.

    Before, both asked under one id, and the venue was sent the order twice.
    """
    bench = Bench("a", "b")
    one, two = (
        Route(
            id=name,
            strategy="*",
            legs=(RouteLeg(account=account, sizing=SizingRule(quantity=D(1))),),
        )
        for name, account in (("one", "a"), ("two", "a"))
    )
    bench.settings.routes = (one, replace(two, legs=(*two.legs, replace(two.legs[0], account="b"))))
    events = bench.say(buy())
    assert [event.account for event in every(events, OrderRequested)] == ["a", "b"]
    assert "route one acts on this account already" in only(events, IntentIdle).text
    bench.settle()
    assert (bench.net("a"), bench.net("b")) == (1, 1)


def test_a_route_to_an_account_that_is_not_configured_is_explained() -> None:
    """The others go."""
    bench = Bench("a")
    legs = (*bench.settings.routes[0].legs, replace(bench.settings.routes[0].legs[0], account="z"))
    bench.settings.routes = (replace(bench.settings.routes[0], legs=legs),)
    events = bench.say(buy())
    assert only(events, IntentRefused).code == "unknown_account"
    assert only(events, OrderRequested).account == "a"


def test_a_route_trades_only_its_symbols() -> None:
    """Also where the account's map names the symbol itself.

    Before, a symbol with an override of its own slipped past the route's list.
    """
    bench = Bench(symbols=("EURUSD", "GBPUSD"), route={"symbols": ("EURUSD",)})
    assert only(bench.say(buy(symbol="GBPUSD")), IntentRefused).code == "symbol_not_allowed"
    spec = bench.settings.accounts["a"]
    mapped = replace(spec.symbols, overrides={"GBPUSD": "GBPUSD.x"})
    bench.settings.accounts["a"] = replace(spec, symbols=mapped)
    assert only(bench.say(buy(symbol="GBPUSD")), IntentRefused).code == "symbol_not_allowed"
    assert only(bench.say(buy()), OrderRequested)


def test_what_a_route_has_in_a_symbol_that_it_trades_no_more_can_be_ended() -> None:
    """Its position is closed and its order canceled; there is no way back in.

    Before, whoever took a symbol off the list could not close it by a signal any more.
    """
    bench = Bench(symbols=("EURUSD", "GBPUSD"), route={"pyramiding": 9})
    bench.say(buy())
    bench.say(buy(symbol="GBPUSD", ord_type=OrdType.LIMIT, price=D(1)))
    bench.settle()
    route = replace(bench.settings.routes[0], symbols=("USDJPY",))
    bench.settings.routes = (route,)
    assert only(bench.say(buy()), IntentRefused).code == "symbol_not_allowed"
    assert only(bench.say(ClosePosition(symbol="EURUSD")), OrderRequested)
    assert only(bench.say(CancelOrders(symbol="GBPUSD")), CancelRequested)
    bench.settle()
    assert only(bench.say(ClosePosition(symbol="EURUSD")), IntentRefused).code == (
        "symbol_not_allowed"
    )


@pytest.mark.parametrize(
    ("rule", "left"), [("close_then_open", 0), ("close_only", 0), ("refuse", 1)]
)
@pytest.mark.parametrize("by_target", [False, True])
def test_a_long_only_route_closes_its_long_where_the_sender_turns_short(
    rule: str, left: int, by_target: bool
) -> None:
    """What the route allows to be opened does not hold back what closes.

    Before, the long stayed open while the sender stood short.
    """
    bench = Bench(route={"allowed_sides": (Side.BUY,), "reverse": rule})
    bench.say(buy())
    bench.settle()
    asked: Intent = PlaceOrder(symbol=EURUSD, side=Side.SELL, quantity=Amount(D(1)))
    if by_target:
        asked = TargetPosition(
            symbol=EURUSD, direction=Direction.SHORT, quantity=Amount(D(1)), side=Side.SELL
        )
    codes = [event.code for event in every(bench.say(asked), IntentRefused)]
    assert codes == ([] if rule == "close_only" else ["side_not_allowed"])
    bench.settle()
    assert bench.book().quantity == bench.venue.net["a", "EURUSD.x"] == left


def test_before_the_first_connection_no_symbol_is_called_unknown() -> None:
    """What the venue lists is not known yet, and the refusal says just that."""
    bench = Bench()
    bench.settings.listings.clear()
    refusal = only(bench.say(buy()), IntentRefused)
    assert refusal.code == "account_not_ready"
    assert "has not been connected yet" in refusal.text


def test_an_unknown_symbol_is_explained() -> None:
    """What the account would have traded it as is in the sentence."""
    events = Bench().say(buy(symbol="GBPUSD"))
    refusal = only(events, IntentRefused)
    assert refusal.code == "unknown_symbol"
    assert "GBPUSD" in refusal.text


def test_a_stagger_sets_when_each_entry_may_leave() -> None:
    """A fixed, logged delay an account; no entry leaves before, and no exit waits for it."""
    bench = Bench("a", "b")
    legs = tuple(
        replace(leg, stagger_ns=number * SECOND)
        for number, leg in enumerate(bench.settings.routes[0].legs)
    )
    bench.settings.routes = (replace(bench.settings.routes[0], legs=legs),)
    orders = every(bench.say(buy()), OrderRequested)
    assert [order.not_before for order in orders] == [None, bench.at + SECOND]
    bench.settle()
    assert (bench.net("a"), bench.net("b")) == (1, 0)
    bench.wait(SECOND)
    bench.settle()
    assert bench.net("b") == 1
    exits = every(bench.say(ClosePosition(symbol="EURUSD")), OrderRequested)
    assert [order.not_before for order in exits] == [None, None]


def all_or_none(bench: Bench, broken: str) -> Bench:
    """Have one account of an all-or-none route refuse, by a limit."""
    bench.limit(broken, replace(ROOMY, max_order_qty=D("0.5")))
    return bench


@pytest.mark.parametrize("broken", ["a", "b", "c"])
def test_with_all_one_refusal_withdraws_every_entry(broken: str) -> None:
    """Nothing leaves on any account, whichever refuses; who refused is said."""
    bench = all_or_none(Bench("a", "b", "c", route={"on_refusal": "all"}), broken)
    events = bench.say(buy())
    ended = every(events, OrderEnded)
    assert {event.status for event in ended} == {OrdStatus.EXPIRED_UNSENT}
    assert len(ended) == len(every(events, OrderRequested)) == 2
    assert all(f"account {broken} refused" in event.text for event in ended)
    bench.settle()
    assert bench.venue.submits == []
    for name in "abc":
        assert (bench.book(account=name).entries, bench.book(account=name).open_buy) == (0, 0)


def test_with_alone_each_account_stands_by_itself() -> None:
    """The others enter."""
    bench = all_or_none(Bench("a", "b", route={"on_refusal": "alone"}), "a")
    assert only(bench.say(buy()), OrderRequested).account == "b"


def test_with_all_an_exit_is_never_withdrawn() -> None:
    """All or none is for what opens: a close goes wherever it can."""
    bench = Bench("a", "b", route={"on_refusal": "all"})
    bench.say(buy())
    bench.settle()
    bench.feed(inp.StopAsked(Instant(bench.at), "account:a", StopMode.FREEZE, "ada", "test"))
    events = bench.say(TargetPosition(symbol=EURUSD, direction=Direction.FLAT))
    assert only(events, OrderRequested).account == "b"
    assert not every(events, OrderEnded)


@pytest.mark.parametrize("broken", ["a", "b"])
def test_with_all_a_refused_reversal_leaves_every_account_flat(broken: str) -> None:
    """No account stays in what the sender has left because another may not enter anew."""
    bench = Bench("a", "b", route={"on_refusal": "all"})
    bench.say(buy())
    bench.settle()
    all_or_none(bench, broken)
    events = bench.say(replace(buy(), side=Side.SELL))
    assert [(e.account, e.leg) for e in every(events, OrderRequested) if e.leg == "x"] == [
        ("a", "x"),
        ("b", "x"),
    ]
    withdrawn = only(events, OrderEnded)
    assert withdrawn.reason == "route_all_or_none"
    assert "closed all the same" in withdrawn.text
    bench.settle()
    assert (bench.net("a"), bench.net("b")) == (0, 0)


def test_what_was_withdrawn_is_no_duplicate_of_the_next_try() -> None:
    """The user mends the limit and sends again at once: nothing had been sent.

    Before, the accounts that had passed refused the second try as a duplicate of the first.
    """
    roomy = replace(ROOMY, duplicate_window_ns=SECOND)
    bench = Bench("a", "b", route={"on_refusal": "all"}, limits=roomy)
    bench.limit("b", replace(ROOMY, max_order_qty=D("0.5")))
    bench.say(buy())
    bench.limit("b", roomy)
    assert len(every(bench.say(buy()), OrderRequested)) == 2


def test_a_batch_is_done_in_order_and_all_of_it_is_explained() -> None:
    """Every intent of it shows in the events under its index."""
    bench = Bench(route={"pyramiding": 9})
    events = bench.say(
        CancelOrders(symbol=EURUSD), buy(), ClosePosition(symbol=EURUSD), buy(symbol="XYZ")
    )
    told = [
        (type(event).__name__, event.intent)
        for event in events
        if isinstance(event, OrderRequested | IntentIdle | IntentRefused)
    ]
    assert told == [
        ("IntentIdle", 0),
        ("OrderRequested", 1),
        ("IntentIdle", 2),
        ("IntentRefused", 3),
    ]


def test_orders_of_one_batch_have_ids_of_their_own() -> None:
    """The intent's index is part of the id."""
    bench = Bench(route={"pyramiding": 9})
    names = [e.cl_ord_id for e in every(bench.say(buy(), buy(2), buy(3)), OrderRequested)]
    assert len(set(names)) == 3


# --- money, ends and starts -----------------------------------------------------------------------


def test_money_is_journaled_when_it_changes_or_a_minute_has_passed() -> None:
    """Equity moves with every tick and is journaled once it has moved by a thousandth."""
    bench = Bench()
    assert kinds(bench.money(100)) == ["account_marked"]
    assert kinds(bench.money(100, equity="99.9")) == []
    assert kinds(bench.money(100, equity="99.89")) == ["account_marked"]
    assert kinds(bench.money(101)) == ["account_marked"]
    bench.at += 61 * SECOND
    assert kinds(bench.money(101)) == ["account_marked"]
    assert kinds(bench.money(1, account="nobody")) == []


def test_an_end_and_a_start_are_facts() -> None:
    """A new epoch starts the count of signals anew, so that no id is used twice."""
    bench = Bench()
    first = only(bench.say(buy()), SignalAccepted).signal
    bench.state.refused_signals = 1
    bench.feed(inp.EngineEnded(Instant(bench.at), "bye"))
    bench.begin(new_epoch="u", epoch_reason="restored", reduce_only=True)
    assert (bench.state.signals, bench.state.refused_signals) == (0, 0)
    bench.look()
    events = bench.say(buy(), strategy="t")
    assert only(events, SignalAccepted).signal == "u-1" != first
    assert only(events, OrderRefused).code == "halted"
    bench.feed(inp.ArmAsked(Instant(bench.at), "all", "ada", "checked", "all"))
    assert every(bench.say(buy(), strategy="t"), OrderRequested)


def test_unknown_names_in_inputs_change_nothing() -> None:
    """An input about an account or order that nobody knows is harmless."""
    bench = Bench()
    before = dump(bench.state)
    at = Instant(bench.at)
    for given in (
        inp.OrdersWritten(at, ("z",), ("nobody",)),
        inp.NeverSent(at, "a", "nobody", "?"),
        inp.LinkReported(at, "z", True, ""),
        inp.ResolveAsked(at, "nobody", "absent", "", "ada"),
        inp.Looked(at=at, account="z", cause="", orders=(), positions=(), fills=()),
    ):
        assert bench.feed(given) == []
    assert dump(bench.state) == before
