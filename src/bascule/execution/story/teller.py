"""Folds the journal's events about one signal into its story. Pure: events in, story out."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from bascule.execution.story.closing import CHANGE_REFUSED, close, outcome_of
from bascule.execution.story.guarding import guarded
from bascule.execution.story.parts import (
    CheckLine,
    FillLine,
    OrderStory,
    RefusalLine,
    Stage,
    Story,
)
from bascule.execution.story.words import ROLES, asked_words, average, listed, number
from bascule.model import event as ev
from bascule.model.enums import OrdStatus
from bascule.model.values import ZERO, Instant


def root_signal(name: str) -> str:
    """Give the signal that an order's id descends from; a signal's own id is given back."""
    order = name.partition(":")[0]
    return order.rpartition("-")[0].partition(".")[0] if order.count("-") > 1 else order


def tell(signal: str, events: Iterable[tuple[int, ev.Event]]) -> Story | None:
    """Tell the story of one signal.

    Args:
        signal: its id.
        events: (sequence, event) in the journal's order: at least every event of the signal, of
            its orders, and of what it did to others' orders. Events of other signals are passed
            over.

    Returns:
        the story, or None when no event is of this signal.
    """
    teller = _Teller(signal)
    for seq, event in events:
        handle = _HANDLERS.get(type(event))
        if handle is not None:
            handle(teller, seq, event)
    return teller.story()


class _Teller:
    def __init__(self, signal: str) -> None:
        self.signal = signal
        self.head: ev.SignalAccepted | ev.SignalRefused | ev.SignalDuplicate | None = None
        self.orders: dict[str, OrderStory] = {}
        self.brackets: dict[str, ev.Bracket] = {}
        self.moves: dict[str, list[str]] = {}
        self.stages: list[Stage] = []
        self.refusals: list[RefusalLine] = []
        self.idle: list[RefusalLine] = []
        self.touched: list[str] = []
        self.asked: dict[str, str] = {}
        self.duplicates: list[str] = []
        self.began = Instant(0)

    def note(
        self, seq: int, at: Instant, name: str, words: str, account: str = "", order: str = ""
    ) -> None:
        """Add a line to the timeline."""
        if not self.stages:
            self.began = at
        step = at - self.stages[-1].at if self.stages else 0
        self.stages.append(Stage(seq, at, name, words, at - self.began, step, account, order))

    def mine(self, event: Any) -> OrderStory | None:
        """Give the order of this signal that an event speaks of."""
        return self.orders.get(event.cl_ord_id or "")

    def story(self) -> Story | None:
        head = self.head
        if head is None:
            return None
        orders = tuple(
            guarded(order, self.brackets.get(name), self.orders, self.moves.get(name, []))
            for name, order in self.orders.items()
        )
        story = Story(
            signal=self.signal,
            source=head.source,
            outcome="",
            closing="",
            received_at=head.received_at,
            timeline=tuple(self.stages),
            orders=orders,
            refusals=tuple(self.refusals),
            idle=tuple(self.idle),
            touched=tuple(self.touched),
            duplicates=tuple(self.duplicates),
        )
        if isinstance(head, ev.SignalDuplicate):
            story.duplicate_of = head.duplicate_of
        else:
            story.dialect, story.key, story.raw = head.dialect, head.key, head.raw
            story.strategy, story.fired_at = head.strategy, head.fired_at
        if isinstance(head, ev.SignalAccepted):
            story.asked = tuple(asked_words(intent) for intent in head.intents)
            story.notes = head.notes
        story.outcome = outcome_of(story)
        story.closing = close(story)
        return story


# --- the signal itself --------------------------------------------------------------------------


def _accepted(teller: _Teller, seq: int, event: ev.SignalAccepted) -> None:
    if event.signal != teller.signal:
        return
    teller.head = event
    _received(teller, seq, event)
    asked = listed([asked_words(intent) for intent in event.intents])
    teller.note(seq, event.at, "accepted", f"read as {event.dialect}: {asked}")


def _received(teller: _Teller, seq: int, event: ev.SignalAccepted | ev.SignalRefused) -> None:
    said = f"from {event.source}"
    if event.fired_at is not None and event.fired_at != event.received_at:
        ms = (event.received_at - event.fired_at) // 1_000_000
        said += f", {number(Decimal(ms))} ms after its own time stamp"
    teller.note(seq, event.received_at, "received", said)


def _signal_refused(teller: _Teller, seq: int, event: ev.SignalRefused) -> None:
    if event.signal != teller.signal:
        return
    teller.head = event
    teller.refusals.append(RefusalLine(event.code, event.text))
    _received(teller, seq, event)
    teller.note(seq, event.at, "refused", f"{event.text} ({event.code})")


def _duplicate(teller: _Teller, seq: int, event: ev.SignalDuplicate) -> None:
    if event.signal == teller.signal:
        teller.head = event
        teller.note(seq, event.received_at, "received", f"from {event.source}")
        teller.note(seq, event.at, "duplicate", f"a resend of {event.duplicate_of}")
    elif event.duplicate_of == teller.signal:
        teller.duplicates.append(event.signal)
        teller.note(seq, event.at, "resent", f"{event.signal} was the same message again")


def _intent_refused(teller: _Teller, seq: int, event: ev.IntentRefused) -> None:
    if event.signal == teller.signal:
        teller.refusals.append(RefusalLine(event.code, event.text, event.account, event.symbol))
        words = f"{event.text} ({event.code})"
        teller.note(seq, event.at, "refused", words, event.account)


def _intent_idle(teller: _Teller, seq: int, event: ev.IntentIdle) -> None:
    if event.signal == teller.signal:
        teller.idle.append(RefusalLine("nothing_to_do", event.text, event.account, event.symbol))
        teller.note(seq, event.at, "nothing to do", event.text, event.account)


def _stop_set(teller: _Teller, seq: int, event: ev.StopSet) -> None:
    if event.by == f"signal {teller.signal}":
        words = f"{event.mode.value} on {event.scope}"
        teller.touched.append(words)
        teller.note(seq, event.at, "stopped", words)


# --- orders -------------------------------------------------------------------------------------


def _requested(teller: _Teller, seq: int, event: ev.OrderRequested) -> None:
    if event.signal != teller.signal:
        return
    teller.orders[event.cl_ord_id] = OrderStory(
        cl_ord_id=event.cl_ord_id,
        account=event.account,
        strategy=event.strategy,
        role=ROLES[event.leg],
        side=event.side,
        quantity=event.quantity,
        symbol=event.symbol,
        venue_symbol=event.venue_symbol,
        ord_type=event.ord_type,
        price=event.price,
        stop_price=event.stop_price,
        parent=event.parent or "",
        sizing=event.sizing,
        reference=event.reference,
        checks=_checks(event.verdicts),
    )
    if event.bracket is not None:
        teller.brackets[event.cl_ord_id] = event.bracket
    words = f"{ROLES[event.leg]}: {_order_words(event)}, {len(event.verdicts)} checks passed"
    if event.after is not None:
        words += f"; waits for {event.after}"
    if event.not_before is not None:
        words += f"; held {number(Decimal((event.not_before - event.at) // 1_000_000))} ms"
    teller.note(seq, event.at, "requested", words, event.account, event.cl_ord_id)


def _order_words(event: ev.OrderRequested) -> str:
    out = f"{event.side.value} {number(event.quantity)} {event.venue_symbol}"
    out += f" {event.ord_type.value.replace('_', ' ')}"
    if event.stop_price is not None:
        out += f" at {number(event.stop_price)}"
    if event.price is not None:
        out += f" limit {number(event.price)}"
    return out


def _checks(verdicts: tuple[ev.Verdict, ...]) -> tuple[CheckLine, ...]:
    return tuple(
        CheckLine(
            verdict.code,
            verdict.ok,
            verdict.used,
            verdict.limit,
            _room(verdict),
            verdict.text,
            verdict.passes,
        )
        for verdict in verdicts
    )


def _room(verdict: ev.Verdict) -> Decimal | None:
    """What was left before a refused order, else limit less used.

    None where the limit is no ceiling, since more than it has passed.
    """
    if verdict.room is not None:
        return verdict.room
    if verdict.limit is None or verdict.used is None:
        return None
    room = verdict.limit - verdict.used
    return None if verdict.ok and room < 0 else room


def _order_refused(teller: _Teller, seq: int, event: ev.OrderRefused) -> None:
    if event.signal != teller.signal:
        return
    teller.orders[event.cl_ord_id] = OrderStory(
        cl_ord_id=event.cl_ord_id,
        account=event.account,
        strategy=event.strategy,
        role=ROLES[event.leg],
        side=event.side,
        quantity=event.quantity,
        symbol=event.symbol,
        status=OrdStatus.REJECTED,
        refused_by=event.code,
        refused_text=event.text,
        parent=event.parent or "",
        sizing=event.sizing,
        checks=_checks(event.verdicts),
    )
    words = f"{ROLES[event.leg]} held back by {event.code}: {event.text}"
    teller.note(seq, event.at, "refused", words, event.account, event.cl_ord_id)


def _released(teller: _Teller, seq: int, event: ev.OrderReleased) -> None:
    order = teller.mine(event)
    if order is not None:
        order.quantity = event.quantity
        words = f"may go now, for {number(event.quantity)}"
        teller.note(seq, event.at, "released", words, event.account, event.cl_ord_id)


def _sent(teller: _Teller, seq: int, event: ev.OrdersSent) -> None:
    for account, name in zip(event.accounts, event.orders, strict=True):
        order = teller.orders.get(name)
        if order is not None:
            order.status = OrdStatus.SUBMITTED
            words = "written to the venue; the request was on disk before"
            teller.note(seq, event.at, "sent", words, account, name)


def _acknowledged(teller: _Teller, seq: int, event: ev.OrderAcknowledged) -> None:
    order = teller.mine(event)
    if order is None:
        return
    order.status = event.status
    order.doubt = ""
    order.venue_order_id = event.venue_order_id or order.venue_order_id
    named = f" as {event.venue_order_id}" if event.venue_order_id else ""
    taken = event.status is OrdStatus.ACKNOWLEDGED
    words = f"taken by the venue{named}" if taken else f"working at the venue{named}"
    teller.note(seq, event.at, "acknowledged", words, event.account, event.cl_ord_id)


def _filled(teller: _Teller, seq: int, event: ev.OrderFilled) -> None:
    order = teller.mine(event)
    if order is None:
        return
    order.status = event.status
    order.doubt = ""
    _count(order, [*order.fills, _fill_line(event)])
    words = f"{number(event.quantity)} at {number(event.price)} (fill {event.exec_id})"
    if event.commission:
        words += f", commission {number(event.commission)} {event.currency}"
    if event.note:
        words += f"; {event.note}"
    name = "filled" if event.status is OrdStatus.FILLED else "part fill"
    teller.note(seq, event.at, name, words, event.account, event.cl_ord_id)


def _fill_line(event: ev.OrderFilled) -> FillLine:
    return FillLine(
        event.exec_id, event.quantity, event.price, event.traded_at, event.commission,
        event.currency, event.note,
    )  # fmt: skip


def _count(order: OrderStory, fills: list[FillLine]) -> None:
    order.fills = tuple(fills)
    order.filled = sum((fill.quantity for fill in fills), ZERO)
    notional = sum((fill.quantity * fill.price for fill in fills), ZERO)
    order.avg_price = average(notional / order.filled) if order.filled else None


def _busted(teller: _Teller, seq: int, event: ev.FillBusted) -> None:
    order = teller.mine(event)
    if order is not None:
        order.status = event.status
        _count(order, [fill for fill in order.fills if fill.exec_id != event.ref_exec_id])
        words = f"the venue took fill {event.ref_exec_id} back"
        teller.note(seq, event.at, "fill busted", words, event.account, event.cl_ord_id)


def _corrected(teller: _Teller, seq: int, event: ev.FillCorrected) -> None:
    order = teller.mine(event)
    if order is not None:
        order.status = event.status
        _count(
            order,
            [
                replace(fill, exec_id=event.exec_id, quantity=event.quantity, price=event.price)
                if fill.exec_id == event.ref_exec_id
                else fill
                for fill in order.fills
            ],
        )
        words = (
            f"the venue corrected fill {event.ref_exec_id} to {number(event.quantity)} at "
            f"{number(event.price)}"
        )
        teller.note(seq, event.at, "fill corrected", words, event.account, event.cl_ord_id)


def _ended(teller: _Teller, seq: int, event: ev.OrderEnded) -> None:
    order = teller.mine(event)
    if order is None:
        if event.signal == teller.signal:
            words = f"order {event.cl_ord_id} on {event.account} taken back: {event.text}"
            teller.touched.append(words)
            teller.note(seq, event.at, "taken back", words, event.account, event.cl_ord_id)
        return
    order.status = event.status
    order.doubt = ""
    order.ended_code = event.reason
    order.ended = event.text or event.reason.replace("_", " ")
    words = f"{event.status.value.replace('_', ' ')}: {order.ended}"
    if event.venue_code:
        words += f" (the venue's code {event.venue_code})"
    if event.evidence:
        words += f"; proof: {event.evidence}"
    teller.note(seq, event.at, "ended", words, event.account, event.cl_ord_id)


def _doubted(teller: _Teller, seq: int, event: ev.OrderDoubted) -> None:
    order = teller.mine(event)
    if order is not None:
        order.status = OrdStatus.IN_DOUBT
        order.doubt = event.cause
        words = f"nobody knows yet whether the venue has it ({event.cause}); it was not sent again"
        teller.note(seq, event.at, "in doubt", words, event.account, event.cl_ord_id)


def _resolved(teller: _Teller, seq: int, event: ev.OrderResolved) -> None:
    if teller.mine(event) is not None:
        words = f"{event.by} settled it as {event.outcome}: {event.evidence}"
        teller.note(seq, event.at, "resolved", words, event.account, event.cl_ord_id)


def _cancel_requested(teller: _Teller, seq: int, event: ev.CancelRequested) -> None:
    if teller.mine(event) is not None:
        by = f", by signal {event.signal}" if _other(teller, event.signal) else ""
        words = f"asked back: {event.reason}{by}"
        teller.note(seq, event.at, "cancel asked", words, event.account, event.cl_ord_id)
    elif event.signal == teller.signal:
        words = f"order {event.cl_ord_id} on {event.account} asked back: {event.reason}"
        teller.touched.append(words)
        teller.asked[event.request_id] = f"take order {event.cl_ord_id} back"
        teller.note(seq, event.at, "cancel asked", words, event.account, event.cl_ord_id)


def _other(teller: _Teller, signal: str | None) -> bool:
    return bool(signal) and signal != teller.signal


def _terms(event: ev.ReplaceRequested | ev.OrderReplaced) -> str:
    told: list[tuple[str, Decimal | None]] = [
        ("quantity", event.quantity),
        ("price", event.price),
        ("stop price", event.stop_price),
        ("stop loss", event.stop_loss),
        ("take profit", event.take_profit),
    ]
    return listed([f"{name} {number(value)}" for name, value in told if value is not None])


def _replace_requested(teller: _Teller, seq: int, event: ev.ReplaceRequested) -> None:
    words = f"new terms asked for: {_terms(event) or 'protection taken off'} ({event.reason})"
    if teller.mine(event) is not None:
        teller.note(seq, event.at, "change asked", words, event.account, event.cl_ord_id)
    elif event.signal == teller.signal:
        teller.touched.append(f"order {event.cl_ord_id} on {event.account}: {words}")
        teller.asked[event.request_id] = f"change order {event.cl_ord_id}"
        teller.note(seq, event.at, "change asked", words, event.account, event.cl_ord_id)


def _replaced(teller: _Teller, seq: int, event: ev.OrderReplaced) -> None:
    order = teller.mine(event)
    words = f"the venue confirmed {_terms(event) or 'the change'}"
    if order is not None or event.request_id in teller.asked:
        teller.note(seq, event.at, "changed", words, event.account, event.cl_ord_id)
    if order is None:
        return
    order.status = event.status
    if event.quantity is not None:
        order.quantity = event.quantity
    if event.price is not None:
        order.price = event.price
    if event.stop_price is not None:
        order.stop_price = event.stop_price
    order.venue_order_id = event.venue_order_id or order.venue_order_id


def _change_rejected(teller: _Teller, seq: int, event: ev.ChangeRejected) -> None:
    if teller.mine(event) is not None or event.request_id in teller.asked:
        what = "it is not known whether the change was made" if event.unknown else "change refused"
        words = f"{what}: {event.reason}; the order stands"
        teller.note(seq, event.at, "change refused", words, event.account, event.cl_ord_id)
    asked = teller.asked.get(event.request_id)
    if asked is not None and not event.unknown:
        said = f"the venue did not {asked}: {event.reason.replace('_', ' ')}"
        teller.refusals.append(RefusalLine(CHANGE_REFUSED, said, event.account))


def _ignored(teller: _Teller, seq: int, event: ev.ReportIgnored) -> None:
    if teller.mine(event) is not None:
        words = f"a report ({event.report.exec_type.value}) was kept and not applied: {event.why}"
        teller.note(seq, event.at, "ignored", words, event.account, event.cl_ord_id or "")


def _child(teller: _Teller, seq: int, event: ev.ChildReported) -> None:
    if event.parent not in teller.orders:
        return
    teller.orders[event.cl_ord_id] = OrderStory(
        cl_ord_id=event.cl_ord_id,
        account=event.account,
        strategy=event.strategy,
        role=ROLES[event.leg[:1]],
        side=event.side,
        quantity=event.quantity,
        symbol=event.symbol,
        venue_symbol=event.venue_symbol,
        price=event.price,
        stop_price=event.stop_price,
        status=OrdStatus.WORKING,
        parent=event.parent,
        venue_order_id=event.venue_order_id,
        sizing="held by the venue itself",
    )
    level = event.stop_price if event.stop_price is not None else event.price
    at = f" at {number(level)}" if level is not None else ""
    words = f"{ROLES[event.leg[:1]]}{at} stands at the venue as {event.venue_order_id}"
    teller.note(seq, event.at, "protected", words, event.account, event.cl_ord_id)


def _protection_changed(teller: _Teller, seq: int, event: ev.ProtectionChanged) -> None:
    stop = event.bracket.stop_loss
    levels = [f"stop loss {number(stop)}"] if stop is not None else []
    if event.signal is not None:
        levels += [f"take profit {number(price)}" for price, _ in event.bracket.take_profits]
    words = f"{event.reason}: {listed(levels)}" if levels else event.reason
    if teller.mine(event) is not None:
        teller.brackets[event.cl_ord_id] = event.bracket
        teller.moves.setdefault(event.cl_ord_id, []).append(words)
        teller.note(seq, event.at, "guard moved", words, event.account, event.cl_ord_id)
    elif event.signal == teller.signal:
        teller.touched.append(f"protection of {event.cl_ord_id} on {event.account}: {words}")
        teller.note(seq, event.at, "guard moved", words, event.account, event.cl_ord_id)


_HANDLERS: dict[type, Callable[[_Teller, int, Any], None]] = {
    ev.SignalAccepted: _accepted,
    ev.SignalRefused: _signal_refused,
    ev.SignalDuplicate: _duplicate,
    ev.IntentRefused: _intent_refused,
    ev.IntentIdle: _intent_idle,
    ev.StopSet: _stop_set,
    ev.OrderRequested: _requested,
    ev.OrderRefused: _order_refused,
    ev.OrderReleased: _released,
    ev.OrdersSent: _sent,
    ev.OrderAcknowledged: _acknowledged,
    ev.OrderFilled: _filled,
    ev.FillBusted: _busted,
    ev.FillCorrected: _corrected,
    ev.OrderEnded: _ended,
    ev.OrderDoubted: _doubted,
    ev.OrderResolved: _resolved,
    ev.CancelRequested: _cancel_requested,
    ev.ReplaceRequested: _replace_requested,
    ev.OrderReplaced: _replaced,
    ev.ChangeRejected: _change_rejected,
    ev.ReportIgnored: _ignored,
    ev.ChildReported: _child,
    ev.ProtectionChanged: _protection_changed,
}
