"""What FIX clients are told of what happens: the fold from events to reports, in both roles."""

from decimal import Decimal
from typing import Any

from bascule.fix.config import version_named
from bascule.model import event as ev
from bascule.model.enums import OrdStatus, OrdType, Side
from bascule.model.ids import AccountId, ClOrdID, ExecID, SignalId, StrategyId, Symbol, VenueSymbol
from bascule.model.values import Currency, Instant
from bascule.signals.intake.fix_book import FixBook
from bascule.signals.intake.fix_line import ChangeReject, Report, Told
from bascule.signals.intake.fix_reports import message_of

AT = Instant(1_795_000_000_000_000_000)
TWO = ("one", "two")


class Story:
    """A book, and the events of a small engine for it."""

    def __init__(self, accounts: frozenset[str] | None = None) -> None:
        self.book = FixBook("desk", accounts)

    def signal(self, number: int, raw: str) -> SignalId:
        """Have a signal of the source taken in."""
        signal = SignalId(f"s-{number}")
        self.book.take(
            ev.SignalAccepted(
                at=AT,
                signal=signal,
                source="desk",
                dialect="fix",
                strategy=StrategyId("fx"),
                key="",
                body_hash="",
                received_at=AT,
                raw=raw,
                intents=(),
            )
        )
        return signal

    def order(self, *accounts: str) -> None:
        """Have an order for 1 taken in, which becomes one for 1 on each account."""
        signal = self.signal(1, "35=D|11=a1|38=1|40=2|44=10|54=1|55=ES")
        for account in accounts:
            self.request(account, "e", signal=signal)

    def request(self, account: str, leg: str, *, signal: str = "s-1", parent: str = "") -> None:
        """Have an order of an account asked for."""
        self.book.take(
            ev.OrderRequested(
                at=AT,
                cl_ord_id=name(account, leg),
                signal=SignalId(signal),
                intent=0,
                account=AccountId(account),
                strategy=StrategyId("fx"),
                leg=leg,
                symbol=Symbol("ESZ2026"),
                venue_symbol=VenueSymbol("ES"),
                side=Side.BUY,
                quantity=Decimal(1),
                ord_type=OrdType.LIMIT,
                price=Decimal(10),
                parent=ClOrdID(parent) if parent else None,
            )
        )

    def fill(
        self, account: str, quantity: str, price: str, status: OrdStatus, leg: str = "e"
    ) -> None:
        """Have an order fill."""
        self.book.take(
            ev.OrderFilled(
                at=AT,
                account=AccountId(account),
                cl_ord_id=name(account, leg),
                exec_id=ExecID(f"f{quantity}@{price}"),
                side=Side.BUY,
                quantity=Decimal(quantity),
                price=Decimal(price),
                status=status,
                traded_at=AT,
                currency=Currency("USD"),
            )
        )

    def take(self, kind: Any, account: str, leg: str = "e", **more: Any) -> None:
        """Have something else happen to an order."""
        mine: dict[str, Any] = {
            "at": AT,
            "account": AccountId(account),
            "cl_ord_id": name(account, leg),
        }
        mine |= {"leg": leg} if kind is ev.OrderRefused else {}
        self.book.take(kind(**mine | more))

    def told(self) -> list[Told]:
        """Settle, and give what is told."""
        self.book.settle()
        return self.book.told()

    def reports(self) -> list[tuple[str, str, str, str]]:
        """Settle, and give kind, status, filled and left of the reports that are told."""
        return [
            (one.kind, one.status, str(one.cum), str(one.leaves))
            for one in self.told()
            if isinstance(one, Report)
        ]


def name(account: str, leg: str) -> ClOrdID:
    """Name an order."""
    return ClOrdID(f"{account}-{leg}")


def test_quantities_are_sums_over_the_children() -> None:
    """A parent is partly filled until the last child has filled; the average weighs all fills."""
    story = Story()
    story.order(*TWO)
    story.take(ev.OrderAcknowledged, "one", status=OrdStatus.WORKING)
    story.take(ev.OrderAcknowledged, "two", status=OrdStatus.WORKING)
    assert story.reports() == [("pending_new", "A", "0", "2"), ("new", "0", "0", "2")]
    story.fill("one", "1", "10", OrdStatus.FILLED)
    story.fill("two", "0.5", "12", OrdStatus.PARTIALLY_FILLED)
    story.fill("two", "0.5", "16", OrdStatus.FILLED)
    told = story.told()
    assert [(one.status, str(one.cum)) for one in told if isinstance(one, Report)] == [
        ("1", "1"),
        ("1", "1.5"),
        ("2", "2.0"),
    ]
    last = told[-1]
    assert isinstance(last, Report)
    assert (last.avg, last.leaves, last.account) == (Decimal(12), 0, "two")
    assert last.exec_id == "two.f0.5@16"


def test_an_order_of_which_no_account_made_anything_is_rejected_once() -> None:
    """The reasons of all accounts are in the text."""
    story = Story()
    story.order()
    for account in TWO:
        story.book.take(
            ev.IntentRefused(
                at=AT,
                signal=SignalId("s-1"),
                intent=0,
                code="halted",
                text="no entries",
                account=AccountId(account),
            )
        )
    (told,) = story.told()
    assert isinstance(told, Report)
    assert (told.kind, told.status) == ("rejected", "8")
    assert told.text == "one: halted: no entries; two: halted: no entries"
    assert story.told() == []


def test_a_fill_that_races_a_cancel_counts_and_the_cancel_says_so() -> None:
    """One child is canceled, the other filled first: the cancel is rejected, the end is told."""
    story = Story()
    story.order(*TWO)
    cancel = story.signal(2, "35=F|11=a2|41=a1|54=1|55=ES")
    for account in TWO:
        story.take(
            ev.CancelRequested, account, request_id=f"{account}.c", reason="signal", signal=cancel
        )
    assert story.reports()[-1][:2] == ("pending_cancel", "6")
    story.fill("two", "1", "10", OrdStatus.FILLED)
    story.take(ev.OrderEnded, "one", status=OrdStatus.CANCELED, reason="canceled")
    trade, reject, end = story.told()
    assert isinstance(trade, Report) and isinstance(end, Report)
    assert (trade.kind, trade.status) == ("trade", "6")
    assert isinstance(reject, ChangeReject)
    assert (reject.cl_ord_id, reject.orig_cl_ord_id, reject.text) == (
        "a2",
        "a1",
        "two: it is filled",
    )
    assert (end.kind, end.status, end.cum, end.leaves) == ("canceled", "4", 1, 0)
    assert (end.cl_ord_id, end.orig_cl_ord_id) == ("a2", "a1")


def test_a_replace_waits_for_every_venue_and_renames_the_order() -> None:
    """It is done where one account did it, and the text names who did not."""
    story = Story()
    story.order(*TWO)
    story.told()
    change = story.signal(2, "35=G|11=a2|41=a1|38=3|40=2|44=11|54=1|55=ES")
    for account in TWO:
        story.take(
            ev.ReplaceRequested, account, request_id=f"{account}.r", reason="signal", signal=change
        )
    story.take(
        ev.OrderReplaced, "one", request_id="one.r", status=OrdStatus.WORKING, quantity=Decimal(3)
    )
    assert [one[0] for one in story.reports()] == ["pending_replace"]
    story.take(ev.ChangeRejected, "two", request_id="two.r", reason="too late")
    (told,) = story.told()
    assert isinstance(told, Report)
    assert (told.kind, told.cl_ord_id, told.orig_cl_ord_id) == ("replaced", "a2", "a1")
    assert (told.terms[38], told.terms[44], told.leaves) == ("3", "11", 4)
    assert told.text == "two: too late"
    assert story.book.root("a2") == "a1"
    assert story.book.status("a1", AT, {}).cl_ord_id == "a2"


def test_a_cancel_of_an_unknown_order_is_rejected() -> None:
    """102=1, with NONE for an OrderID."""
    story = Story()
    story.signal(2, "35=F|11=a2|41=zz|54=1|55=ES")
    (told,) = story.told()
    assert isinstance(told, ChangeReject)
    assert (told.reason, told.order_id, told.status) == ("1", "NONE", "8")


def test_a_busted_fill_is_taken_back() -> None:
    """The order works again where its status says so."""
    story = Story()
    story.order("one")
    story.fill("one", "1", "10", OrdStatus.FILLED)
    story.told()
    story.take(
        ev.FillBusted,
        "one",
        exec_id=ExecID("b"),
        ref_exec_id=ExecID("f1@10"),
        status=OrdStatus.WORKING,
    )
    (told,) = story.told()
    assert isinstance(told, Report)
    assert (told.kind, told.cum, told.leaves, told.status) == ("bust", 0, 1, "0")
    assert told.ref_exec_id == "one.f1@10"


def test_a_stop_of_the_order_is_an_order_of_its_own() -> None:
    """It bears the engine's name, and names the client's order as its link."""
    story = Story()
    story.order("one")
    story.fill("one", "1", "10", OrdStatus.FILLED)
    story.request("one", "s", parent="one-e")
    stop = story.told()[-1]
    assert isinstance(stop, Report)
    assert (stop.cl_ord_id, stop.link, stop.terms[1]) == ("one-s", "a1", "one")


def test_a_drop_copy_tells_the_orders_of_its_accounts_alone() -> None:
    """Whoever asked for them, one by one, refused ones too."""
    story = Story(frozenset({"one"}))
    for account in TWO:
        story.request(account, "e", signal="x-9")
    story.fill("one", "1", "10", OrdStatus.FILLED)
    story.fill("two", "1", "10", OrdStatus.FILLED)
    story.take(
        ev.OrderRefused,
        "one",
        "x",
        signal=SignalId("x-9"),
        intent=0,
        strategy=StrategyId("fx"),
        symbol=Symbol("ESZ2026"),
        side=Side.SELL,
        quantity=Decimal(9),
        code="max_order_qty",
        text="too much",
    )
    told = story.told()
    assert [(one.kind, one.order_id) for one in told if isinstance(one, Report)] == [
        ("pending_new", "one-e"),
        ("trade", "one-e"),
        ("rejected", "one-x"),
    ]
    assert story.signal(1, "35=D|11=a1") and story.told() == []


def test_each_version_has_its_own_words() -> None:
    """FIX.4.2 has ExecTransType, and fills as ExecType 1 and 2; FIX.4.4 has F and H."""
    story = Story()
    story.order("one")
    story.fill("one", "1", "10", OrdStatus.FILLED)
    story.take(
        ev.FillBusted,
        "one",
        exec_id=ExecID("b"),
        ref_exec_id=ExecID("f1@10"),
        status=OrdStatus.WORKING,
    )
    _, trade, bust = story.told()
    early, late = version_named("FIX.4.2"), version_named("FIX.4.4")
    assert [message_of(trade, early).get(tag) for tag in (150, 20)] == [b"2", b"0"]
    assert [message_of(trade, late).get(tag) for tag in (150, 20)] == [b"F", None]
    assert [message_of(bust, early).get(tag) for tag in (150, 20, 19)] == [b"0", b"1", b"one.f1@10"]
    assert message_of(bust, late).get(150) == b"H"
    assert message_of(trade, late).get(31) == b"10"


def test_reports_are_valid_in_every_version() -> None:
    """Each kind of report passes the dictionary of its version."""
    from bascule.fix.dictionary import load
    from bascule.fix.message import Message
    from bascule.fix.validation import validate

    story = Story()
    story.order(*TWO)
    story.fill("one", "0.5", "10", OrdStatus.PARTIALLY_FILLED)
    story.take(ev.OrderEnded, "one", status=OrdStatus.CANCELED, reason="canceled")
    story.take(ev.OrderEnded, "two", status=OrdStatus.REJECTED, reason="venue_refused")
    story.signal(2, "35=F|11=a2|41=zz|54=1|55=ES")
    told = story.told()
    assert len(told) >= 5
    head = [(49, b"B"), (56, b"D"), (34, b"2"), (52, b"20261121-10:00:00.000")]
    for name in ("FIX.4.2", "FIX.4.4", "FIX.5.0SP2"):
        version = version_named(name)
        session, app = load(version.begin_string.decode()), load(name)
        for one in told:
            made = message_of(one, version)
            whole = Message(made.msg_type, [*head, *made.fields], version.begin_string)
            assert validate(whole, session, app) is None, (name, whole)


def test_a_cancel_that_is_asked_and_answered_at_once_is_told_once() -> None:
    """Nothing was settled between the client's request and the venue's answer."""
    story = Story()
    story.order("one")
    cancel = story.signal(2, "35=F|11=a2|41=a1|54=1|55=ES")
    story.take(ev.CancelRequested, "one", request_id="one.c", reason="signal", signal=cancel)
    story.take(ev.OrderEnded, "one", status=OrdStatus.CANCELED, reason="canceled")
    assert [one[0] for one in story.reports()] == ["pending_new", "pending_cancel", "canceled"]
    assert story.told() == []
