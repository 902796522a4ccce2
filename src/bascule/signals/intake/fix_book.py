"""What FIX clients are told, folded from the journal's durable events. Pure.

A book of ``orders`` keeps what one source sent: each order with its children on all accounts, and
with the protective orders that the engine keeps for them. A book of a drop copy keeps every order
of its accounts, whoever asked for it. ``take`` folds one event, ``settle`` says that all are taken
that are durable for now, and ``told`` gives what is to be said since the last time.
"""

from collections.abc import Callable
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from bascule.model import event as ev
from bascule.model.enums import ENDED, OrdStatus, OrdType, TimeInForce
from bascule.model.ids import AccountId, ClOrdID, SignalId
from bascule.model.values import Instant, text
from bascule.signals.intake import fix_line as fl
from bascule.signals.intake.fix_line import Change, ChangeReject, Child, Kind, Line, Report, Told
from bascule.signals.intake.fix_words import DIALECT, TERMS, terms_of

LINES_MAX = 20_000
"""Orders that are remembered; beyond it those that are over are forgotten, the oldest first."""

_MAIN_LEGS = ("e", "x")
_ORD_TYPES = {
    OrdType.MARKET: "1",
    OrdType.LIMIT: "2",
    OrdType.STOP: "3",
    OrdType.STOP_LIMIT: "4",
    OrdType.TRAILING_STOP: "P",
}
_TIMES_IN_FORCE = {
    TimeInForce.DAY: "0",
    TimeInForce.GTC: "1",
    TimeInForce.IOC: "3",
    TimeInForce.FOK: "4",
    TimeInForce.GTD: "6",
}
_REASONS = {
    "key_conflict": fl.DUPLICATE_ORDER,
    "stale": fl.STALE_ORDER,
    "unknown_account": fl.UNKNOWN_ACCOUNT,
}
_CHANGED = (15, 38, 40, 44, 59, 99)


class FixBook:
    """The orders of one session.

    Args:
        source: whose signals are its orders.
        accounts: of a drop copy, whose orders are told; None for a client of orders.
    """

    def __init__(self, source: str, accounts: frozenset[str] | None = None) -> None:
        self._source = source
        self._accounts = accounts
        self._told: list[Told] = []
        self._lines: dict[str, Line] = {}
        self._of_child: dict[ClOrdID, Line] = {}
        self._roots: dict[str, str] = {}
        self._by_name: dict[str, Line] = {}
        self._changes: dict[SignalId, Change] = {}
        self._requests: dict[str, Change] = {}
        self._fresh: dict[SignalId, Instant] = {}

    # --- names ------------------------------------------------------------------------------------

    def root(self, cl_ord_id: str) -> str:
        """Give the first ClOrdID of the order that a ClOrdID names; itself when it is unknown."""
        return self._roots.get(cl_ord_id, cl_ord_id)

    def rename(self, cl_ord_id: str, orig_cl_ord_id: str) -> str:
        """Take in that a replace calls an order by another ClOrdID; give the order's first one."""
        root = self.root(orig_cl_ord_id)
        self._roots.setdefault(cl_ord_id, root)
        line = self._by_name.get(root)
        if line is not None and cl_ord_id not in line.names:
            line.names.append(cl_ord_id)
        return root

    def status(
        self,
        cl_ord_id: str,
        at: Instant,
        asked: dict[int, str],
        also: tuple[tuple[int, str], ...] = (),
    ) -> Report:
        """Tell where an order stands; of one that nobody knows, in the words that asked, so."""
        line = self._by_name.get(self.root(cl_ord_id))
        if line is None:
            kept = _kept(asked)
            unknown = Line(order_id="NONE", cl_ord_id=cl_ord_id, terms=kept, refused=True)
            said = "this order is unknown"
            return unknown.report("status", at, exec_id="0", text=said, also=also)
        return line.report("status", at, exec_id="0", also=also)

    def working(self) -> list[str]:
        """Name the orders that are not over, oldest first."""
        return [root for root, line in self._by_name.items() if not line.over]

    def told(self) -> list[Told]:
        """Give what is to be said since the last time, in order."""
        told, self._told = self._told, []
        return told

    # --- the fold ---------------------------------------------------------------------------------

    def take(self, event: ev.Event) -> None:
        """Fold one event."""
        handler = _HANDLERS.get(type(event))
        if handler is not None:
            handler(self, event)

    def settle(self) -> None:
        """Take in that a decision is never cut in two here: orders without a child are refused."""
        fresh, self._fresh = self._fresh, {}
        for signal, at in fresh.items():
            if change := self._changes.get(signal):
                self._settle_change(change, at)
                continue
            line = self._lines.get(signal)
            if line is None:  # a change that was answered already
                continue
            if line.children:
                self._open(line, at)
                for said in line.refusals:
                    self._say(line.report("status", at, text=said))
            elif not line.over:
                line.refused = True
                why = "; ".join(line.refusals) or "no account made an order of it"
                self._say(line.report("rejected", at, text=why))
        while len(self._lines) > LINES_MAX and self._forget_one():
            continue

    def _forget_one(self) -> bool:
        key = next((key for key, line in self._lines.items() if line.over), None)
        if key is None:
            return False
        line = self._lines.pop(key)
        for child in line.children:
            self._of_child.pop(child, None)
        for name in (self.root(line.cl_ord_id), *line.names):
            self._roots.pop(name, None)
            if self._by_name.get(name) is line:
                del self._by_name[name]
        return True

    def _say(self, told: Told) -> None:
        self._told.append(told)

    def _open(self, line: Line, at: Instant) -> None:
        if not line.opened:
            line.opened = True
            shown = replace(line.report("pending_new", at), status=fl.PENDING_NEW)
            self._say(shown)

    # --- what the client sent ---------------------------------------------------------------------

    def _accepted(self, event: ev.SignalAccepted) -> None:
        if event.source != self._source or event.dialect != DIALECT or self._accounts is not None:
            return
        terms = terms_of(event.raw)
        name = terms.get(11, "")
        self._fresh[event.signal] = event.at
        if terms.get(35) == "D":
            line = Line(order_id=event.signal, cl_ord_id=name, terms=_kept(terms))
            self._lines[event.signal] = self._by_name[name] = line
            self._roots[name] = name
            return
        orig = terms.get(41, "")
        change = self._change(event.signal, terms)
        if change.replace:
            self.rename(name, orig)
        self._changes[event.signal] = change

    def _change(self, signal: SignalId, terms: dict[int, str]) -> Change:
        orig = terms.get(41, "")
        return Change(
            signal=signal,
            line=self._by_name.get(self.root(orig)),
            cl_ord_id=terms.get(11, ""),
            orig_cl_ord_id=orig,
            replace=terms.get(35) == "G",
            terms={tag: terms[tag] for tag in _CHANGED if tag in terms},
        )

    def _refused(self, event: ev.SignalRefused) -> None:
        if event.source != self._source or event.dialect != DIALECT or self._accounts is not None:
            return
        terms = terms_of(event.raw)
        said = f"{event.code}: {event.text}"
        if terms.get(35) != "D":
            self._reject(self._change(event.signal, terms), event.at, [said])
            return
        name = terms.get(11, "")
        line = Line(order_id=event.signal, cl_ord_id=name, terms=_kept(terms), refused=True)
        if name not in self._by_name:
            self._lines[event.signal] = self._by_name[name] = line
        reason = _REASONS.get(event.code, "0")
        self._say(line.report("rejected", event.at, text=said, reason=reason))

    def _held_back(self, event: ev.IntentRefused) -> None:
        who = f"{event.account}: " if event.account else ""
        self._note(event.signal, f"{who}{event.code}: {event.text}")

    def _idle(self, event: ev.IntentIdle) -> None:
        self._note(event.signal, f"{event.account}: {event.text}")

    def _note(self, signal: SignalId, said: str) -> None:
        if line := self._lines.get(signal):
            line.refusals.append(said)
        elif change := self._changes.get(signal):
            change.texts.append(said)

    def _order_refused(self, event: ev.OrderRefused) -> None:
        said = f"{event.account}: {event.code}: {event.text}"
        if self._accounts is None:
            if event.leg in _MAIN_LEGS:
                self._note(event.signal, said)
            return
        if event.account in self._accounts:
            terms = {1: str(event.account), 38: text(event.quantity)}
            terms |= {54: "1" if event.side.sign > 0 else "2", 55: str(event.symbol)}
            line = Line(order_id=event.cl_ord_id, cl_ord_id=event.cl_ord_id, terms=terms)
            line.refused = True
            self._say(line.report("rejected", event.at, text=said, reason="0"))

    # --- orders -----------------------------------------------------------------------------------

    def _requested(self, event: ev.OrderRequested | ev.ChildReported) -> None:
        """Give an order its line: a client's own, or one of itself."""
        child = Child(event.account, event.quantity)
        parent = self._of_child.get(event.parent) if event.parent else None
        if self._accounts is None:
            line = self._lines.get(event.signal)
            if line is not None and event.leg in _MAIN_LEGS:
                line.children[event.cl_ord_id] = child
                self._of_child[event.cl_ord_id] = line
                return
            if line is None and parent is None:
                return
            parent = line or parent
        elif event.account not in self._accounts:
            return
        own = Line(
            order_id=event.cl_ord_id,
            cl_ord_id=event.cl_ord_id,
            terms=_terms(event),
            single=True,
            link=parent.cl_ord_id if parent else "",
            children={event.cl_ord_id: child},
        )
        self._lines[event.cl_ord_id] = self._by_name[event.cl_ord_id] = own
        self._of_child[event.cl_ord_id] = own
        self._open(own, event.at)
        if isinstance(event, ev.ChildReported):
            self._shown(own, child, event.at)

    def _released(self, event: ev.OrderReleased) -> None:
        if line := self._of_child.get(event.cl_ord_id):
            line.children[event.cl_ord_id].quantity = event.quantity

    def _acknowledged(self, event: ev.OrderAcknowledged) -> None:
        if line := self._of_child.get(event.cl_ord_id):
            self._shown(line, line.children[event.cl_ord_id], event.at)

    def _shown(self, line: Line, child: Child, at: Instant) -> None:
        self._open(line, at)
        child.acknowledged = True
        if not line.shown_new and not line.over and not line.cum:
            line.shown_new = True
            self._say(line.report("new", at, child=child if line.single else None))

    def _filled(self, event: ev.OrderFilled) -> None:
        line = self._of_child.get(event.cl_ord_id)
        if line is None:
            return
        self._open(line, event.at)
        child = line.children[event.cl_ord_id]
        fill = event.quantity, event.price
        child.fills[event.exec_id] = fill
        child.acknowledged = True
        if event.status is OrdStatus.FILLED:
            child.ended = OrdStatus.FILLED
            self._no_longer(line, event.cl_ord_id, event.at, event.status)
        exec_id = _exec_id(event.account, event.exec_id)
        self._say(line.report("trade", event.at, exec_id=exec_id, child=child, fill=fill))

    def _busted(self, event: ev.FillBusted) -> None:
        self._amend(event, "bust")

    def _corrected(self, event: ev.FillCorrected) -> None:
        self._amend(event, "correct")

    def _amend(self, event: ev.FillBusted | ev.FillCorrected, kind: Kind) -> None:
        line = self._of_child.get(event.cl_ord_id)
        if line is None:
            return
        child = line.children[event.cl_ord_id]
        fill = child.fills.pop(event.ref_exec_id, None)
        if isinstance(event, ev.FillCorrected):
            fill = child.fills[event.exec_id] = event.quantity, event.price
        child.ended = event.status if event.status in ENDED else None
        self._say(
            line.report(
                kind,
                event.at,
                exec_id=_exec_id(event.account, event.exec_id),
                ref_exec_id=_exec_id(event.account, event.ref_exec_id),
                child=child,
                fill=fill,
            )
        )

    def _ended(self, event: ev.OrderEnded) -> None:
        line = self._of_child.get(event.cl_ord_id)
        if line is None:
            return
        self._open(line, event.at)
        child = line.children[event.cl_ord_id]
        if child.ended is OrdStatus.FILLED:
            return
        child.ended = event.status
        if change := self._changes.get(event.signal) if event.signal else None:
            change.asked += 1
            change.done += 1
            line.ended_by = change
        self._no_longer(line, event.cl_ord_id, event.at, event.status)
        said = f"{event.reason}: {event.text}" if event.text else event.reason
        if line.over:
            by = None if line.single else line.ended_by
            kind = fl.ENDS.get(line.status, "status")
            self._say(line.report(kind, event.at, change=by, child=child, text=said))
        else:
            told = f"{event.cl_ord_id} {event.status.value}: {said}"
            self._say(line.report("status", event.at, child=child, text=told))

    def _doubted(self, event: ev.OrderDoubted) -> None:
        if line := self._of_child.get(event.cl_ord_id):
            child = line.children[event.cl_ord_id]
            said = f"{event.cl_ord_id} is in doubt ({event.cause}); it is being looked up"
            self._open(line, event.at)
            self._say(line.report("status", event.at, child=child, text=said))

    # --- changes ----------------------------------------------------------------------------------

    def _cancel_asked(self, event: ev.CancelRequested) -> None:
        self._asked(event, "pending_cancel", fl.PENDING_CANCEL)

    def _replace_asked(self, event: ev.ReplaceRequested) -> None:
        self._asked(event, "pending_replace", fl.PENDING_REPLACE)

    def _asked(
        self, event: ev.CancelRequested | ev.ReplaceRequested, kind: Kind, status: str
    ) -> None:
        line = self._of_child.get(event.cl_ord_id)
        change = self._changes.get(event.signal) if event.signal else None
        if line is None or (change is None and not line.single):
            return
        self._open(line, event.at)
        first = line.pending != status
        line.pending = status
        if change is not None:
            change.waiting[event.request_id] = event.cl_ord_id
            change.asked += 1
            self._requests[event.request_id] = change
        if first:
            child = line.children[event.cl_ord_id] if line.single else None
            self._say(line.report(kind, event.at, change=change, child=child))

    def _replaced(self, event: ev.OrderReplaced) -> None:
        line = self._of_child.get(event.cl_ord_id)
        if line is None:
            return
        child = line.children[event.cl_ord_id]
        if event.quantity is not None:
            child.quantity = event.quantity
        if change := self._requests.pop(event.request_id, None):
            change.waiting.pop(event.request_id, None)
            change.done += 1
            self._finish(change, event.at)
        elif line.single:
            line.pending = ""
            news = {38: event.quantity, 44: event.price, 99: event.stop_price}
            set_now = {tag: text(value) for tag, value in news.items() if value is not None}
            line.terms = line.terms | set_now
            self._say(line.report("replaced", event.at, child=child))

    def _change_rejected(self, event: ev.ChangeRejected) -> None:
        line = self._of_child.get(event.cl_ord_id)
        if line is None:
            return
        if change := self._requests.pop(event.request_id, None):
            change.waiting.pop(event.request_id, None)
            change.texts.append(f"{event.account}: {event.reason}")
            self._finish(change, event.at)
        elif line.single:
            line.pending = ""
            child = line.children[event.cl_ord_id]
            said = f"a change was refused: {event.reason}"
            self._say(line.report("status", event.at, child=child, text=said))

    def _no_longer(self, line: Line, cl_ord_id: ClOrdID, at: Instant, status: OrdStatus) -> None:
        """Settle the changes that an order's end answers."""
        for request_id, change in list(self._requests.items()):
            if change.waiting.get(request_id) != cl_ord_id:
                continue
            del self._requests[request_id], change.waiting[request_id]
            if status is OrdStatus.CANCELED and not change.replace:
                change.done += 1
                line.ended_by = change
            else:
                change.texts.append(f"{line.children[cl_ord_id].account}: it is {status.value}")
            self._finish(change, at)

    def _settle_change(self, change: Change, at: Instant) -> None:
        if change.asked:
            self._finish(change, at)
            return
        self._changes.pop(change.signal, None)
        self._reject(change, at, change.texts or ["no working order matches"])

    def _finish(self, change: Change, at: Instant) -> None:
        """Tell of a change once nothing of it is on its way any more."""
        line = change.line
        if change.waiting or line is None or change.signal not in self._changes:
            return
        line.pending = ""
        del self._changes[change.signal]
        if change.replace and change.done:
            line.terms = line.terms | change.terms
            said = "; ".join(change.texts)
            self._say(line.report("replaced", at, change=change, text=said))
            line.cl_ord_id = change.cl_ord_id
        elif change.texts:
            self._reject(change, at, change.texts)

    def _reject(self, change: Change, at: Instant, texts: list[str]) -> None:
        line = change.line
        over = line is not None and line.over
        reason = fl.UNKNOWN_ORDER if line is None else fl.TOO_LATE if over else fl.BROKER
        self._say(
            ChangeReject(
                order_id=line.order_id if line else "NONE",
                cl_ord_id=change.cl_ord_id,
                orig_cl_ord_id=change.orig_cl_ord_id,
                status=line.status if line else fl.REJECTED,
                replace=change.replace,
                reason=reason,
                text="; ".join(texts),
                at=at,
            )
        )


def _exec_id(account: AccountId, exec_id: str) -> str:
    """Name a fill for a session: a venue's exec id is unique within its account alone."""
    return f"{account}.{exec_id}"


def _kept(terms: dict[int, str]) -> dict[int, str]:
    """Keep what reports repeat of an order's own words."""
    return {tag: terms[tag] for tag in TERMS if tag in terms and tag not in (11, 18, 41, 152)}


def _terms(event: ev.OrderRequested | ev.ChildReported) -> dict[int, str]:
    """Write an order of the engine in FIX's words."""
    terms = {1: str(event.account), 38: text(event.quantity), 55: str(event.symbol)}
    terms[54] = "1" if event.side.sign > 0 else "2"
    if isinstance(event, ev.OrderRequested):
        terms[40] = _ORD_TYPES[event.ord_type]
        terms[59] = _TIMES_IN_FORCE[event.time_in_force]
    else:
        terms[40] = "2" if event.price is not None else "3"
    if event.price is not None:
        terms[44] = text(event.price)
    if event.stop_price is not None:
        terms[99] = text(event.stop_price)
    return terms


_HANDLERS: dict[type[Struct], Callable[[FixBook, Any], None]] = {
    ev.SignalAccepted: FixBook._accepted,
    ev.SignalRefused: FixBook._refused,
    ev.IntentRefused: FixBook._held_back,
    ev.IntentIdle: FixBook._idle,
    ev.OrderRefused: FixBook._order_refused,
    ev.OrderRequested: FixBook._requested,
    ev.ChildReported: FixBook._requested,
    ev.OrderReleased: FixBook._released,
    ev.OrderAcknowledged: FixBook._acknowledged,
    ev.OrderFilled: FixBook._filled,
    ev.FillBusted: FixBook._busted,
    ev.FillCorrected: FixBook._corrected,
    ev.OrderEnded: FixBook._ended,
    ev.OrderDoubted: FixBook._doubted,
    ev.CancelRequested: FixBook._cancel_asked,
    ev.ReplaceRequested: FixBook._replace_asked,
    ev.OrderReplaced: FixBook._replaced,
    ev.ChangeRejected: FixBook._change_rejected,
}

KINDS = frozenset(str(kind.__struct_config__.tag) for kind in _HANDLERS)
"""The events that a book folds, as the journal names them."""
