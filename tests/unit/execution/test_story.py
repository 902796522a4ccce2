from decimal import Decimal
from typing import Any

import msgspec

from bascule.execution.story import Story, root_signal, tell
from bascule.execution.story.words import number, span
from bascule.model import event as ev
from bascule.model.enums import ExecType, LevelUnit, OrdStatus, OrdType, QtyUnit, Side, StopMode
from bascule.model.ids import (
    AccountId,
    ClOrdID,
    ExecID,
    SignalId,
    StrategyId,
    Symbol,
    VenueOrderId,
    VenueSymbol,
)
from bascule.model.intent import Amount, Level, PlaceOrder, Protection, TakeProfit
from bascule.model.order import ExecutionReport
from bascule.model.values import MILLISECOND, Instant

BEGAN = 1_795_000_000_000_000_000
SIGNAL = SignalId("ab12-1")
ENTRY = ClOrdID("ab12-1-1e")
OTHER = ClOrdID("ab12-1-2e")
FX = AccountId("fx_pro")
RAW = AccountId("fx_raw")


def _at(ms: int) -> Instant:
    return Instant(BEGAN + ms * MILLISECOND)


def _accepted(signal: SignalId = SIGNAL) -> ev.SignalAccepted:
    return ev.SignalAccepted(
        at=_at(1),
        signal=signal,
        source="tradingview",
        dialect="tradingview_json",
        strategy=StrategyId("fx"),
        key="k",
        body_hash="h",
        received_at=_at(0),
        raw='{"ticker":"EURUSD"}',
        intents=(
            PlaceOrder(
                symbol="EURUSD",
                side=Side.BUY,
                quantity=Amount(Decimal("0.5"), QtyUnit.LOTS),
                protection=Protection(
                    stop_loss=Level(Decimal("1.15")),
                    take_profits=(TakeProfit(Level(Decimal(3), LevelUnit.RATIO)),),
                ),
            ),
        ),
    )


def _requested(name: ClOrdID = ENTRY, account: AccountId = FX, **more: Any) -> ev.OrderRequested:
    words: dict[str, Any] = {
        "at": _at(1),
        "cl_ord_id": name,
        "signal": SIGNAL,
        "intent": 0,
        "account": account,
        "strategy": StrategyId("fx"),
        "leg": "e",
        "symbol": Symbol("EURUSD"),
        "venue_symbol": VenueSymbol("EURUSD.pro"),
        "side": Side.BUY,
        "quantity": Decimal("0.5"),
        "ord_type": OrdType.MARKET,
        "sizing": "0.5 lots, as the signal says",
        "reference": "the venue's quote",
        "verdicts": (
            ev.Verdict("tick_or_lot", True, Decimal("0.5"), Decimal("0.01")),
            ev.Verdict("max_order_size", True, Decimal("0.5"), Decimal(10)),
        ),
    }
    return ev.OrderRequested(**words | more)


def _sent(*names: ClOrdID) -> ev.OrdersSent:
    return ev.OrdersSent(at=_at(3), orders=names, accounts=(FX, RAW)[: len(names)])


def _acknowledged(name: ClOrdID = ENTRY, account: AccountId = FX) -> ev.OrderAcknowledged:
    return ev.OrderAcknowledged(
        at=_at(5),
        account=account,
        cl_ord_id=name,
        status=OrdStatus.WORKING,
        venue_order_id=VenueOrderId("V1"),
    )


def _filled(
    quantity: str = "0.5",
    price: str = "1.16",
    *,
    name: ClOrdID = ENTRY,
    account: AccountId = FX,
    exec_id: str = "X1",
    status: OrdStatus = OrdStatus.FILLED,
    when: int = 7,
) -> ev.OrderFilled:
    return ev.OrderFilled(
        at=_at(when),
        account=account,
        cl_ord_id=name,
        exec_id=ExecID(exec_id),
        side=Side.BUY,
        quantity=Decimal(quantity),
        price=Decimal(price),
        status=status,
        traded_at=_at(6),
    )


def _ended(status: OrdStatus, reason: str, **more: Any) -> ev.OrderEnded:
    words: dict[str, Any] = {"cl_ord_id": ENTRY, "text": ""}
    return ev.OrderEnded(at=_at(9), account=FX, status=status, reason=reason, **words | more)


def _refused(
    account: AccountId, name: ClOrdID, text: str = "a halt is in force"
) -> ev.OrderRefused:
    return ev.OrderRefused(
        at=_at(1),
        cl_ord_id=name,
        signal=SIGNAL,
        intent=0,
        account=account,
        strategy=StrategyId("fx"),
        leg="e",
        symbol=Symbol("EURUSD"),
        side=Side.BUY,
        quantity=Decimal(1),
        code="halted",
        text=text,
        verdicts=(ev.Verdict("halted", False, None, None, text, "an exit"),),
    )


def _story_of(*events: ev.Event, signal: str = SIGNAL) -> Story:
    story = tell(signal, list(enumerate(events, 1)))
    assert story is not None
    return story


def test_a_filled_order_is_told_stage_by_stage() -> None:
    """The timeline runs from receipt to fill, each stage with its time since receipt."""
    story = _story_of(_accepted(), _requested(), _sent(ENTRY), _acknowledged(), _filled())
    names = [stage.name for stage in story.timeline]
    assert names == ["received", "accepted", "requested", "sent", "acknowledged", "filled"]
    assert [stage.after // MILLISECOND for stage in story.timeline] == [0, 1, 1, 3, 5, 7]
    assert [stage.step // MILLISECOND for stage in story.timeline] == [0, 1, 0, 2, 2, 2]
    assert story.outcome == "filled"
    assert story.closing == "Bought 0.5 EURUSD on fx_pro at 1.16; there is nothing to do."


def test_an_order_keeps_its_sizing_reference_venue_id_and_fills() -> None:
    """What a trader asks about an order stands on it, the average included."""
    half, rest = _filled("0.2", "1.16", status=OrdStatus.PARTIALLY_FILLED), _filled("0.3", "1.17")
    rest = msgspec.structs.replace(rest, exec_id=ExecID("X2"))
    order = _story_of(_accepted(), _requested(), _acknowledged(), half, rest).orders[0]
    assert (order.sizing, order.venue_order_id) == ("0.5 lots, as the signal says", "V1")
    assert order.reference == "the venue's quote"
    assert [fill.exec_id for fill in order.fills] == ["X1", "X2"]
    assert (order.filled, order.avg_price) == (Decimal("0.5"), Decimal("1.166"))


def test_a_check_has_room_only_where_its_limit_is_a_ceiling() -> None:
    """Room is limit less used; a lot step that more than itself has passed is no ceiling."""
    lot, size = _story_of(_accepted(), _requested()).orders[0].checks
    assert lot.room is None
    assert size.room == Decimal("9.5")


def test_what_was_asked_is_said_in_words() -> None:
    """The intent reads as a person would say it."""
    assert _story_of(_accepted()).asked == (
        "buy 0.5 lots EURUSD, market, stop loss at 1.15, take profit at 3 times the risk",
    )


def test_the_same_refusal_on_two_accounts_is_told_once() -> None:
    """The closing names the accounts together, says why, and what to do."""
    story = _story_of(_accepted(), _refused(FX, ENTRY), _refused(RAW, OTHER))
    assert story.outcome == "refused"
    assert story.closing == (
        "Nothing was sent: fx_pro and fx_raw: a halt is in force (halted). To do: arm the scope "
        "once the reason for the stop is gone."
    )
    assert story.orders[0].refused_by == "halted"
    assert not story.orders[0].checks[0].passed


def test_a_signal_that_was_refused_has_its_code_and_advice() -> None:
    """A refused signal's story ends with what to correct."""
    event = ev.SignalRefused(
        at=_at(1),
        signal=SIGNAL,
        source="tradingview",
        dialect="",
        received_at=_at(0),
        raw="?",
        code="no_route",
        text="no route follows strategy 'x'",
    )
    story = _story_of(event)
    assert story.outcome == "refused"
    assert "no route follows strategy 'x' (no_route)" in story.closing
    assert "add a route" in story.closing


def test_an_order_in_doubt_says_that_it_is_not_sent_again() -> None:
    """Doubt names the cause, the exposure, and the command that settles it."""
    doubt = ev.OrderDoubted(at=_at(9), account=FX, cl_ord_id=ENTRY, cause="timeout")
    story = _story_of(_accepted(), _requested(), _sent(ENTRY), doubt)
    assert story.outcome == "in_doubt"
    assert "is not sent again" in story.closing
    assert f"bascule resolve {ENTRY}" in story.closing


def test_doubt_ends_with_the_venues_word() -> None:
    """A fill that comes after the doubt makes the story a filled one."""
    doubt = ev.OrderDoubted(at=_at(5), account=FX, cl_ord_id=ENTRY, cause="timeout")
    story = _story_of(_accepted(), _requested(), doubt, _filled())
    assert (story.outcome, story.orders[0].doubt) == ("filled", "")


def test_a_rejection_by_the_venue_is_told_with_its_code_and_proof() -> None:
    """The venue's own code stands in the timeline, and the closing says that nothing was filled."""
    end = _ended(OrdStatus.REJECTED, "no_money", text="not enough margin", venue_code="10019")
    story = _story_of(_accepted(), _requested(), _sent(ENTRY), end)
    assert story.outcome == "rejected"
    assert "10019" in story.timeline[-1].text
    assert "was rejected (not enough margin)" in story.closing


def test_a_part_fill_that_was_canceled_says_how_much_was_bought() -> None:
    """Less than was asked for is said so, with the reason."""
    part = _filled("0.2", status=OrdStatus.PARTIALLY_FILLED)
    story = _story_of(_accepted(), _requested(), part, _ended(OrdStatus.CANCELED, "expired_ioc"))
    assert story.outcome == "partly_filled"
    assert "Bought 0.2 EURUSD on fx_pro at 1.16, which is less than was asked for" in story.closing
    assert "canceled: expired ioc" in story.closing


def test_one_account_filled_and_one_held_back() -> None:
    """The fill is told, and so is the part that was held back."""
    story = _story_of(_accepted(), _requested(), _refused(RAW, OTHER), _filled())
    assert story.outcome == "filled"
    assert "1 part of it was held back (fx_raw: a halt is in force)" in story.closing


def test_native_protection_is_told_on_its_entry() -> None:
    """A stop that the venue shows is named with its level."""
    bracket = ev.Bracket(stop_loss=Decimal("1.15"), native=True)
    child = ev.ChildReported(
        at=_at(8),
        account=FX,
        cl_ord_id=ClOrdID(f"{ENTRY}:s"),
        parent=ENTRY,
        leg="s",
        signal=SIGNAL,
        strategy=StrategyId("fx"),
        symbol=Symbol("EURUSD"),
        venue_symbol=VenueSymbol("EURUSD.pro"),
        venue_order_id=VenueOrderId("V2"),
        side=Side.SELL,
        quantity=Decimal("0.5"),
        stop_price=Decimal("1.15"),
    )
    before = _story_of(_accepted(), _requested(bracket=bracket), _filled())
    assert "not shown by the venue yet" in before.orders[0].protection
    after = _story_of(_accepted(), _requested(bracket=bracket), _filled(), child)
    assert after.orders[0].protection == "stop loss 1.15 stands at the venue"
    assert after.orders[1].role == "stop loss"


def test_a_refused_stop_is_the_thing_to_do() -> None:
    """A filled entry whose stop the venue refused needs a person now, and the closing says so."""
    stop = _requested(
        ClOrdID("ab12-1-1s"), leg="s", side=Side.SELL, parent=ENTRY, stop_price=Decimal("1.15")
    )
    end = _ended(OrdStatus.REJECTED, "bad_stop", cl_ord_id=ClOrdID("ab12-1-1s"), text="too close")
    bracket = ev.Bracket(stop_loss=Decimal("1.15"))
    story = _story_of(_accepted(), _requested(bracket=bracket), _filled(), stop, end)
    assert "look at that position now" in story.closing


def test_a_position_that_was_closed_since_its_stop_was_refused_needs_nobody() -> None:
    """What protects an entry has closed all of it; before, one was still sent to look at it."""
    bracket = ev.Bracket(stop_loss=Decimal("1.15"))
    orders = [_requested(bracket=bracket), _filled()]
    for leg in ("s", "x"):
        name = ClOrdID(f"ab12-1-1{leg}")
        orders.append(_requested(name, leg=leg, side=Side.SELL, parent=ENTRY))
    end = _ended(OrdStatus.REJECTED, "bad_stop", cl_ord_id=ClOrdID("ab12-1-1s"), text="too close")
    part = _filled("0.4", name=ClOrdID("ab12-1-1x"), status=OrdStatus.PARTIALLY_FILLED)
    rest = _filled("0.1", name=ClOrdID("ab12-1-1x"), exec_id="X2", when=8)
    assert "look at that position now" in _story_of(_accepted(), *orders, end, part).closing
    assert "there is nothing to do" in _story_of(_accepted(), *orders, end, part, rest).closing


def test_a_moved_stop_is_counted() -> None:
    """Each move of the guard is in the timeline, and the entry says how often it moved."""
    bracket = ev.Bracket(stop_loss=Decimal("1.15"), native=True)
    moved = ev.ProtectionChanged(
        at=_at(20),
        account=FX,
        cl_ord_id=ENTRY,
        bracket=ev.Bracket(stop_loss=Decimal("1.16"), native=True),
        reason="break-even",
    )
    story = _story_of(_accepted(), _requested(bracket=bracket), _filled(), moved)
    assert "moved once, last: break-even: stop loss 1.16" in story.orders[0].protection
    assert story.timeline[-1].name == "guard moved"


def _corrected(quantity: str, status: OrdStatus) -> ev.FillCorrected:
    """The first fill, told anew under a name of its own."""
    return ev.FillCorrected(
        at=_at(8),
        account=FX,
        cl_ord_id=ENTRY,
        exec_id=ExecID("X2"),
        ref_exec_id=ExecID("X1"),
        quantity=Decimal(quantity),
        price=Decimal("1.20"),
        status=status,
    )


def _busted(fill: str) -> ev.FillBusted:
    return ev.FillBusted(
        at=_at(9),
        account=FX,
        cl_ord_id=ENTRY,
        exec_id=ExecID("X3"),
        ref_exec_id=ExecID(fill),
        status=OrdStatus.WORKING,
    )


def test_a_fill_that_was_corrected_or_busted_is_counted_anew() -> None:
    """Averages follow the venue's corrections, and both facts stay in the timeline."""
    corrected = _corrected("0.5", OrdStatus.FILLED)
    story = _story_of(_accepted(), _requested(), _filled(), corrected)
    assert story.orders[0].avg_price == Decimal("1.2")
    story = _story_of(_accepted(), _requested(), _filled(), _busted("X1"))
    assert (story.orders[0].filled, story.outcome) == (Decimal(0), "working")


def test_a_corrected_fill_that_is_taken_back_is_told_no_more() -> None:
    """It bears the correction's name from then on, as in the state; before, it stayed filled."""
    corrected = _corrected("0.4", OrdStatus.PARTIALLY_FILLED)
    story = _story_of(_accepted(), _requested(), _filled(), corrected, _busted("X2"))
    assert (story.orders[0].filled, story.outcome) == (Decimal(0), "working")


def test_a_resend_points_at_the_first_answer_and_the_first_counts_its_resends() -> None:
    """Both stories know of each other."""
    again = ev.SignalDuplicate(
        at=_at(30),
        signal=SignalId("ab12-2"),
        source="tradingview",
        received_at=_at(29),
        duplicate_of=SIGNAL,
    )
    second = _story_of(again, signal="ab12-2")
    assert (second.outcome, second.duplicate_of) == ("duplicate", SIGNAL)
    assert f"bascule explain {SIGNAL}" in second.closing
    first = _story_of(_accepted(), _requested(), _filled(), again)
    assert first.duplicates == ("ab12-2",)


def test_what_a_signal_did_to_the_orders_of_another() -> None:
    """A signal that only cancels tells which order it asked back."""
    canceled = ev.CancelRequested(
        at=_at(2),
        account=FX,
        cl_ord_id=ClOrdID("ab12-0-1e"),
        request_id="r",
        reason="close",
        signal=SIGNAL,
    )
    story = _story_of(_accepted(), canceled)
    assert story.outcome == "done"
    assert story.touched == ("order ab12-0-1e on fx_pro asked back: close",)


def _canceled(order: str, account: AccountId = FX) -> ev.CancelRequested:
    return ev.CancelRequested(
        at=_at(2),
        account=account,
        cl_ord_id=ClOrdID(order),
        request_id=f"{order}.c1",
        reason="cancel",
        signal=SIGNAL,
    )


def test_what_was_done_on_one_account_is_told_beside_what_another_refused() -> None:
    """Before, the closing said that nothing was sent while orders had been asked back."""
    refused = ev.IntentRefused(
        at=_at(2), signal=SIGNAL, intent=0, code="unknown_symbol", text="not listed", account=RAW
    )
    story = _story_of(_accepted(), _canceled("ab12-0-1e"), refused)
    assert story.outcome == "done"
    assert story.closing == (
        "Done: order ab12-0-1e on fx_pro asked back: cancel; 1 part of it was held back (fx_raw: "
        "not listed): correct the symbol in the alert, or the account's symbol map."
    )


def test_a_change_that_the_venue_refused_is_told_where_it_was_asked() -> None:
    """The signal that asked knows that the order stands; an unknown outcome is only noted."""
    asked = _canceled("ab12-0-1e")
    answer = ev.ChangeRejected(
        at=_at(3), account=FX, cl_ord_id=asked.cl_ord_id, request_id=asked.request_id,
        reason="too_late",
    )  # fmt: skip
    story = _story_of(_accepted(), asked, answer)
    assert "did not take order ab12-0-1e back: too late" in story.closing
    assert story.timeline[-1].name == "change refused"
    doubted = msgspec.structs.replace(answer, unknown=True)
    assert not _story_of(_accepted(), asked, doubted).refusals
    other = msgspec.structs.replace(answer, request_id="r9")
    assert len(_story_of(_accepted(), asked, other).timeline) == 3


def test_many_changes_are_counted() -> None:
    """Three are named, the others are counted."""
    story = _story_of(_accepted(), *(_canceled(f"ab12-0-{i}e") for i in range(5)))
    assert "ab12-0-2e on fx_pro asked back: cancel and 2 more; there is nothing" in story.closing


def test_one_account_filled_while_another_still_works() -> None:
    """The fill is not lost from the sentence; before, only what was open stood in it."""
    events = (_accepted(), _requested(), _requested(OTHER, RAW), _filled())
    assert _story_of(*events).closing == (
        "Bought 0.5 EURUSD on fx_pro at 1.16; still open: buy 0.5 EURUSD on fx_raw (new "
        "requested); nothing has to be done."
    )


def test_all_that_ended_unfilled_is_counted() -> None:
    """One is told in full, the others are not passed over."""
    end = _ended(OrdStatus.REJECTED, "no_money", text="not enough margin")
    more = msgspec.structs.replace(end, cl_ord_id=OTHER, account=RAW)
    closing = _story_of(_accepted(), _requested(), _requested(OTHER, RAW), end, more).closing
    assert "was rejected (not enough margin), and 1 more ended unfilled; send" in closing


def test_new_levels_are_told_with_the_targets() -> None:
    """A signal that moved stop and target says both."""
    moved = ev.ProtectionChanged(
        at=_at(2), account=FX, cl_ord_id=ClOrdID("ab12-0-1e"), reason="signal", signal=SIGNAL,
        bracket=ev.Bracket(Decimal("1.15"), take_profits=((Decimal("1.18"), Decimal(1)),)),
    )  # fmt: skip
    assert _story_of(_accepted(), moved).touched == (
        "protection of ab12-0-1e on fx_pro: signal: stop loss 1.15 and take profit 1.18",
    )


def test_a_signal_that_halts_says_so() -> None:
    """The stop that a signal set is part of its story; another's is not."""
    stop = ev.StopSet(
        at=_at(2), scope="strategy:fx", mode=StopMode.HALT, by=f"signal {SIGNAL}", reason="asked"
    )
    foreign = msgspec.structs.replace(stop, by="signal ab12-9")
    assert _story_of(_accepted(), stop, foreign).touched == ("halt on strategy:fx",)


def test_nothing_to_do_is_no_fault() -> None:
    """An idle intent ends calmly."""
    idle = ev.IntentIdle(at=_at(1), signal=SIGNAL, intent=0, account=FX, text="already long EURUSD")
    story = _story_of(_accepted(), idle)
    assert story.outcome == "nothing_to_do"
    assert story.closing == "Nothing was sent, and nothing is wrong: already long EURUSD."


def test_what_was_taken_back_is_not_passed_over_where_nothing_else_was_done() -> None:
    """A close that finds nothing held still asks entries back; before, "nothing was sent"."""
    other = ClOrdID("ab12-0-1e")
    asked = ev.CancelRequested(
        at=_at(1), account=FX, cl_ord_id=other, request_id="c", reason="close", signal=SIGNAL
    )
    unsent = _ended(
        OrdStatus.EXPIRED_UNSENT, "taken_back", cl_ord_id=other, text="held back", signal=SIGNAL
    )
    idle = ev.IntentIdle(at=_at(1), signal=SIGNAL, intent=0, account=FX, text="nothing is held")
    held = ev.IntentRefused(
        at=_at(1), signal=SIGNAL, intent=0, account=FX, code="halted", text="a halt"
    )
    for back, words in ((asked, "asked back: close"), (unsent, "taken back: held back")):
        story = _story_of(_accepted(), back, idle)
        said = f"Done: order {other} on {FX} {words}; "
        assert (story.outcome, story.closing.startswith(said)) == ("done", True)
        refused = _story_of(_accepted(), back, held)
        assert refused.closing.startswith(f"{said}1 part of it was held back ({FX}: a halt)")


def test_an_ignored_report_is_kept_in_the_story() -> None:
    """A report that was not applied is told with the reason."""
    report = ExecutionReport(
        account=FX,
        exec_id=ExecID("X9"),
        exec_type=ExecType.NEW,
        venue_order_id=VenueOrderId("V1"),
        venue_symbol=VenueSymbol("EURUSD.pro"),
        side=Side.BUY,
        at=_at(9),
        cl_ord_id=ENTRY,
    )
    ignored = ev.ReportIgnored(at=_at(9), account=FX, why="late", report=report, cl_ord_id=ENTRY)
    assert _story_of(_accepted(), _requested(), _filled(), ignored).timeline[-1].name == "ignored"


def test_events_of_other_signals_are_passed_over() -> None:
    """Only what belongs to the signal is told; without any of it there is no story."""
    foreign = _requested(ClOrdID("ab12-7-1e"), signal=SignalId("ab12-7"))
    story = _story_of(_accepted(), foreign, _accepted(SignalId("ab12-7")), _requested())
    assert [order.cl_ord_id for order in story.orders] == [ENTRY]
    assert tell("ab12-8", [(1, _accepted())]) is None


def test_a_story_survives_the_way_through_json() -> None:
    """What the API answers is read back as the same story."""
    story = _story_of(_accepted(), _requested(), _refused(RAW, OTHER), _filled())
    assert msgspec.json.decode(msgspec.json.encode(story), type=Story) == story


def test_the_signal_of_an_id() -> None:
    """A signal's id is its own; an order's, a split's and a native child's lead to their signal."""
    for name in ("ab12-1", "ab12-1-1e", "ab12-1.2-1e0", "ab12-1-1s.1", "ab12-1-1e:s.2"):
        assert root_signal(name) == "ab12-1"


def test_numbers_and_spans_are_written_for_reading() -> None:
    """Thousands are apart, minus signs stay, spans take the unit that suits them."""
    assert number(Decimal("-1234567.50")) == "-1,234,567.5"
    assert number(Decimal("0.00012")) == "0.00012"
    spans = [span(ns) for ns in (412_000, 3_100_000, 2_400_000_000, 185_000_000_000, -5_000)]
    assert spans == ["412 µs", "3.1 ms", "2.40 s", "3 min 5 s", "-5 µs"]
