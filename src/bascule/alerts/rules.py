"""From events of the journal to alerts: the one table that says which outcome is told, and how.

An account is named as the user named it, never by its login. Unless ``detail`` is ``full``, no
quantity and no price is told, and an amount of money is told in percent of the account.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from bascule.alerts.alert import Alert, AlertPlan, Severity, Shown
from bascule.alerts.kinds import alert, key_of
from bascule.alerts.masking import masked
from bascule.model import event as ev
from bascule.model.enums import OrdStatus, Side, StopMode
from bascule.model.ids import AccountId, ClOrdID, of_guardian
from bascule.model.programme import SOURCE
from bascule.model.values import DAY, SECOND, Instant, text

_LEGS = {"e": "entry", "x": "exit", "s": "stop loss", "t": "take profit"}
_PROTECTION = ("s", "t")
_STOPS = {
    StopMode.HALT: ("halted", "Nothing that adds risk passes; exits and protection do."),
    StopMode.FREEZE: ("frozen", "Nothing at all passes, exits and protection included."),
    StopMode.LOCK: ("locked", "Nothing that adds risk passes, and nobody can arm it before"),
}


class OrderFacts(NamedTuple):
    """What an event of an order does not say itself; ``filled`` is unsigned, as traded so far."""

    strategy: str
    symbol: str
    leg: str
    side: Side
    filled: Decimal


Lookup = Callable[[AccountId, ClOrdID], OrderFacts | None]
"""Finds an order; None when it is not remembered."""


class Rules:
    """Turns events into alerts; remembers which links are down and which accounts have drifted."""

    def __init__(self, plan: AlertPlan, lookup: Lookup) -> None:
        self._plan = plan
        self._lookup = lookup
        self._full = plan.detail == "full"
        self._down: dict[AccountId, Instant] = {}
        self._lost: set[AccountId] = set()
        self._drifted: set[AccountId] = set()

    def alerts_of(self, event: ev.Event) -> Iterator[Alert]:
        """Give what an event is told as: nothing, or one alert."""
        made: Alert | None = TABLE[type(event)](self, event) if type(event) in TABLE else None
        if made is not None:
            yield made

    def overdue(self, now: Instant) -> Iterator[Alert]:
        """Give an alert for each link that has now been down for too long."""
        for account, since in self._down.items():
            if account not in self._lost and now - since >= self._plan.link_lost_after_ns:
                self._lost.add(account)
                seconds = (now - since) // SECOND
                text = (
                    f"The link of {account} has been down for {seconds} s. Bascule goes on trying."
                )
                yield alert("link_lost", account, text)

    def begin(self, down: Iterable[AccountId], now: Instant) -> None:
        """Take up links that are down when the watch begins: they may never have been up."""
        for account in down:
            self._down.setdefault(account, now)

    @property
    def waits(self) -> bool:
        """Whether a link is down that is not told of yet, so that ``overdue`` must be asked."""
        return len(self._down) > len(self._lost)

    def masked(self, said: str, account: str = "") -> str:
        """Write free text so that no amount of money is in it, unless all detail is wanted."""
        return masked(said, self._plan, account)

    # --- one method an event ----------------------------------------------------------------------

    def _filled(self, event: ev.OrderFilled) -> Alert | None:
        if event.status is not OrdStatus.FILLED:
            return None
        return self._fill_of(event.account, event.cl_ord_id, f"at {text(event.price)}", event.side)

    def _fill_of(
        self, account: AccountId, order: ClOrdID, price: str, side: Side | None = None
    ) -> Alert:
        facts = self._lookup(account, order)
        if facts is None:
            return alert("order_filled", account, f"Order {order} is filled.", key=order)
        did = "Bought" if (side or facts.side) is Side.BUY else "Sold"
        size = f"{text(facts.filled)} " if self._full else ""
        where = f" {price}" if self._full and price else ""
        name = "protection_filled" if facts.leg in _PROTECTION else "order_filled"
        said = f"{did} {size}{facts.symbol}{where}: {self._order(order, facts)}."
        return alert(name, account, said, key=f"{name}|{order}")

    def _ended(self, event: ev.OrderEnded) -> Alert | None:
        facts = self._lookup(event.account, event.cl_ord_id)
        leg = facts.leg if facts else ""
        what = self._order(event.cl_ord_id, facts)
        if event.status is OrdStatus.REJECTED and not event.evidence.startswith("person"):
            name = "protection_rejected" if leg in _PROTECTION else "order_rejected"
            why = f": {event.text}" if self._full and event.text else f" ({event.reason})"
            said = f"The venue did not take {what}{why}."
            return alert(
                name, event.account, said, key=f"{name}|{event.account}|{event.reason}|{leg}"
            )
        if facts is not None and facts.filled and leg not in _PROTECTION:
            made = self._fill_of(event.account, event.cl_ord_id, "")
            rest = f" The rest was not: {event.status.value.replace('_', ' ')}."
            return alert("order_filled", event.account, made.text + rest, key=made.key)
        expired = event.status in (OrdStatus.EXPIRED, OrdStatus.EXPIRED_UNSENT)
        if expired and leg not in _PROTECTION:
            said = f"Expired without a fill: {what} ({event.reason})."
            key = f"order_expired|{event.account}|{event.reason}"
            return alert("order_expired", event.account, said, key=key)
        return None

    def _refused(self, event: ev.OrderRefused) -> Alert:
        what = f"{_LEGS.get(event.leg, 'order')} in {event.symbol} for {event.strategy}"
        said = f"Held back {what}{self._why(event.text, event.code, event.signal)}."
        return alert(
            "order_refused",
            event.account,
            said,
            key=f"order_refused|{event.account}|{event.symbol}|{event.code}",
            severity=Severity.CRITICAL if event.leg == "s" else None,
        )

    def _intent_refused(self, event: ev.IntentRefused) -> Alert:
        subject = event.account or "signal"
        said = f"A signal led to no order{self._why(event.text, event.code, event.signal)}."
        key = f"order_refused|{subject}|{event.symbol}|{event.code}"
        return alert("order_refused", subject, said, key=key)

    def _accepted(self, event: ev.SignalAccepted) -> Alert | None:
        """Tell what the engine did by itself for a firm's rule; other signals are not told."""
        if event.source != SOURCE:
            return None
        subject, _, why = event.raw.partition(": ")
        return alert("firm_rule", subject, f"{why}.", key=f"firm_rule|{event.raw}")

    def _signal_refused(self, event: ev.SignalRefused) -> Alert:
        said = f"A signal was refused{self._why(event.text, event.code, event.signal)}."
        return alert("signal_refused", event.source, said, key=f"{event.source}|{event.code}")

    def _doubted(self, event: ev.OrderDoubted) -> Alert:
        facts = self._lookup(event.account, event.cl_ord_id)
        what = self._order(event.cl_ord_id, facts)
        said = (
            f"Nobody knows whether the venue took {what} ({event.cause}). It counts in full and is"
            " not sent again; the venue is being asked."
        )
        return alert("in_doubt", event.account, said, key=f"in_doubt|{event.cl_ord_id}")

    def _resolved(self, event: ev.OrderResolved) -> Alert:
        said = f"{event.by} settled {event.cl_ord_id} as {event.outcome}."
        return alert("doubt_over", event.account, said, key=f"doubt_over|{event.cl_ord_id}")

    def _busted(self, event: ev.FillBusted | ev.FillCorrected) -> Alert:
        did = "took back" if isinstance(event, ev.FillBusted) else "corrected"
        what = self._order(event.cl_ord_id, self._lookup(event.account, event.cl_ord_id))
        said = f"The venue {did} a fill of {what}. Look at the position."
        return alert("fill_busted", event.account, said, key=f"fill_busted|{event.exec_id}")

    def _foreign(self, event: ev.ForeignFill) -> Alert | None:
        if of_guardian(event.client_id):
            return None  # the guardian tells of what it closes
        did = "bought" if event.side is Side.BUY else "sold"
        size = f"{text(event.quantity)} " if self._full else ""
        said = f"Somebody else {did} {size}{event.symbol}. It is in the manual book."
        return alert(
            "foreign_trade", event.account, said, key=f"foreign|{event.account}|{event.symbol}"
        )

    def _stopped(self, event: ev.StopSet) -> Alert:
        name, means = _STOPS[event.mode]
        if event.until is not None:
            hour = datetime.fromtimestamp(event.until / SECOND, UTC)
            means = f"{_STOPS[StopMode.LOCK][1]} {hour:%Y-%m-%d %H:%M} UTC."
        account = event.scope.partition(":")[2] if event.scope.startswith("account:") else ""
        said = f"By {event.by}: {self.masked(event.reason, account)}. {means}"
        return alert(name, subject_of(event.scope), said)

    def _armed(self, event: ev.StopCleared) -> Alert:
        subject = subject_of(event.scope)
        over = tuple(key_of(name, subject) for name in ("halted", "frozen", "locked"))
        said = f"Armed by {event.by}: {self.masked(event.reason)}."
        return alert("armed", subject, said, clears=over)

    def _arm_refused(self, event: ev.ArmRefused) -> Alert:
        subject = subject_of(event.scope)
        said = f"{event.by} asked to arm and may not: {event.text} ({event.code})."
        return alert("arm_refused", subject, said, key=f"arm_refused|{event.scope}|{event.code}")

    def _tripped(self, event: ev.GuardTripped) -> Alert:
        did = {
            "block": "New risk is blocked.",
            "flatten": "The account is closed and locked until the next reset.",
            "reset": "It is closed before the next reset, which would leave too little.",
        }.get(event.action, event.action)
        used = self._share(event.account, event.used, event.threshold)
        said = f"{event.rule.replace('_', ' ').capitalize()}: {used} used. {did}"
        severity = Severity.CRITICAL if event.action == "flatten" else None
        key = f"loss_level|{event.account}|{event.rule}|{event.action}"
        return alert("loss_level", event.account, said, key=key, severity=severity)

    def _idle(self, event: ev.AccountIdle) -> Alert:
        said = f"{event.text[0].upper()}{event.text[1:]}. Bascule trades nothing by itself."
        severity = Severity.CRITICAL if event.at >= event.closes_at else None
        key = f"account_idle|{event.account}|{event.at // DAY}"
        return alert("account_idle", event.account, said, key=key, severity=severity)

    def _breached(self, event: ev.LedgerBreached) -> Alert:
        rules = ", ".join(one.replace("_", " ") for one in event.rules)
        means = "It pauses until the reset." if event.soft else "The account has failed."
        why = f" {event.text}." if self._full else ""
        said = f"A line was crossed: {rules}. {means} It is closed and locked.{why}"
        key = f"loss_line|{event.account}|{rules}"
        return alert("loss_level", event.account, said, key=key, severity=Severity.CRITICAL)

    def _share(self, account: AccountId, amount: Decimal, whole: Decimal) -> str:
        """Say an amount as the user wants it said."""
        shown = self._plan.accounts.get(account, Shown(currency=""))
        if self._full:
            return f"{text(amount)} {shown.currency} of {text(whole)}".replace("  ", " ")
        if shown.basis:
            return f"{amount / shown.basis * 100:.2f} % of the account"
        return f"{amount / whole * 100:.0f} % of that level" if whole else "all of it is"

    def _limits(self, event: ev.LimitsChanged) -> Alert:
        said = f"The limits of {event.scope} change, by {event.by}: {self.masked(event.why)}."
        return alert("limits_changed", subject_of(event.scope), said)

    def _drift(self, event: ev.DriftFound) -> Alert:
        self._drifted.add(event.account)
        size = f": ours {text(event.ours)}, theirs {text(event.theirs)}" if self._full else ""
        said = (
            f"Our position in {event.symbol} and the venue's differ{size}. Entries on the account"
            " are held back until they agree."
        )
        return alert("drift", event.account, said, key=f"drift|{event.account}|{event.symbol}")

    def _agreed(self, event: ev.ReconcilePassed) -> Alert | None:
        if event.account not in self._drifted:
            return None
        self._drifted.discard(event.account)
        return alert("drift_over", event.account, "Our positions and the venue's agree again.")

    def _link(self, event: ev.LinkChanged) -> Alert | None:
        if not event.up:
            self._down.setdefault(event.account, event.at)
            return None
        self._down.pop(event.account, None)
        if event.account not in self._lost:
            return None
        self._lost.discard(event.account)
        over = (key_of("link_lost", event.account),)
        return alert("link_back", event.account, "The link is up again.", clears=over)

    def _why(self, said: str, code: str, signal: str) -> str:
        """Give a refusal's sentence, which may hold sizes and prices, or only its code."""
        if self._full:
            return f": {said} ({code})"
        return f" ({code}; `bascule explain {signal}`)"

    def _order(self, name: ClOrdID, facts: OrderFacts | None) -> str:
        if facts is None:
            return f"order {name}"
        leg = _LEGS.get(facts.leg[:1], "order")
        return f"the {leg} {name} in {facts.symbol} for {facts.strategy}"


def subject_of(scope: str) -> str:
    """Say a scope in words: ``all accounts``, or its name without its kind for an account."""
    kind, _, name = scope.partition(":")
    if not name:
        return "all accounts"
    return name if kind == "account" else f"{kind} {name}"


TABLE: dict[type, Callable[[Rules, Any], Alert | None]] = {
    ev.OrderFilled: Rules._filled,
    ev.OrderEnded: Rules._ended,
    ev.OrderRefused: Rules._refused,
    ev.IntentRefused: Rules._intent_refused,
    ev.SignalAccepted: Rules._accepted,
    ev.SignalRefused: Rules._signal_refused,
    ev.OrderDoubted: Rules._doubted,
    ev.OrderResolved: Rules._resolved,
    ev.FillBusted: Rules._busted,
    ev.FillCorrected: Rules._busted,
    ev.ForeignFill: Rules._foreign,
    ev.StopSet: Rules._stopped,
    ev.StopCleared: Rules._armed,
    ev.ArmRefused: Rules._arm_refused,
    ev.GuardTripped: Rules._tripped,
    ev.AccountIdle: Rules._idle,
    ev.LedgerBreached: Rules._breached,
    ev.LimitsChanged: Rules._limits,
    ev.DriftFound: Rules._drift,
    ev.ReconcilePassed: Rules._agreed,
    ev.LinkChanged: Rules._link,
}
"""Every event that is told, and what tells it. An event that is not here has no alert."""
