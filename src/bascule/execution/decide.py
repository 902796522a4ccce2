"""Say what happened because of an input. Never performs it."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from bascule.execution import inputs as inp
from bascule.execution import loss_watch
from bascule.execution.aftermath import aftermath
from bascule.execution.duties import fulfil
from bascule.execution.guarded import guardian_told
from bascule.execution.guards import mend
from bascule.execution.learning import learn
from bascule.execution.limits import accept, approve
from bascule.execution.operators import arm, begin, end, link, resolve, stop, sweep
from bascule.execution.order_table import Fact
from bascule.execution.planner import plan_signal
from bascule.execution.reconcile import on_look
from bascule.execution.reports import (
    on_change_outcome,
    on_report,
    on_submit_outcome,
)
from bascule.execution.state import AccountState, State
from bascule.execution.trailing import follow, follow_all
from bascule.execution.turn import Market, Settings, Turn
from bascule.model.enums import OrdStatus
from bascule.model.event import AccountMarked, Event, OrdersSent
from bascule.model.ids import AccountId
from bascule.model.order import AccountSnapshot
from bascule.model.values import SECOND

_MONEY_INTERVAL = 60 * SECOND
_EQUITY_SHARE = 1_000
"""Equity that moved by more than one part in so many of the balance is worth an event."""


def decide(state: State, settings: Settings, market: Market, given: inp.Input) -> list[Event]:
    """Turn one input into events.

    Total: every input gives events or none, bad ones a refusal. Deterministic: the same state,
    settings, market and input give the same events. The events are already folded into ``state``
    when this returns, in the order given.
    """
    turn = Turn(state, settings, market, given.at)
    kind = type(given)
    _DECIDERS[kind](turn, given)
    look = loss_watch.LOOKS.get(kind)
    if look is not None:
        look(turn, given)
    return turn.events


def awaits_time(state: State, market: Market) -> bool:
    """Whether time alone may make something due, besides a firm's hours (see ``has_duties``)."""
    if market.watches or market.peaks or market.put_off:
        return True
    return any(account.watched for account in state.accounts.values())


def _signal(turn: Turn, given: inp.SignalReceived) -> None:
    plan_signal(turn, given.signal)


def _written(turn: Turn, given: inp.OrdersWritten) -> None:
    accounts = turn.state.accounts
    fresh = []
    for owner, name in zip(given.accounts, given.orders, strict=True):
        account = accounts.get(owner)
        order = account.order(name) if account is not None else None
        if account is None or order is None:
            continue
        if order.status is OrdStatus.NEW_REQUESTED:
            fresh.append((owner, name))
        elif order.status is OrdStatus.EXPIRED_UNSENT:
            learn(turn, account, order, Fact.SENT, reason="sent_after_all")
    if fresh:
        names = tuple(account for account, _ in fresh)
        turn.emit(
            OrdersSent(
                at=turn.at,
                orders=tuple(name for _, name in fresh),
                accounts=names,
                account=names[0] if len(set(names)) == 1 else AccountId(""),
            )
        )


def _submitted(turn: Turn, given: inp.SubmitAnswered) -> None:
    on_submit_outcome(turn, given.account, given.cl_ord_id, given.outcome)


def _changed(turn: Turn, given: inp.ChangeAnswered) -> None:
    on_change_outcome(turn, given.account, given.cl_ord_id, given.request_id, given.outcome)


def _never_sent(turn: Turn, given: inp.NeverSent) -> None:
    account = turn.state.accounts.get(given.account)
    order = account.orders.get(given.cl_ord_id) if account is not None else None
    if account is None or order is None:
        return
    learn(turn, account, order, Fact.UNSENT, reason="never_sent", text=given.why)
    aftermath(turn, account, order)


def _report(turn: Turn, given: inp.ReportReceived) -> None:
    on_report(turn, given.report)


def _quote(turn: Turn, given: inp.QuoteReceived) -> None:
    quote = given.quote
    symbol = turn.settings.symbols.get(given.account, {}).get(quote.venue_symbol)
    if quote.at > turn.at:
        # A venue's clock that runs ahead must not keep its prices fresh.
        quote = replace(quote, at=turn.at)
    turn.market.keep(given.account, quote, symbol)
    account = turn.state.accounts.get(given.account)
    if account is not None and account.watched:
        follow(turn, account, given.quote.venue_symbol)


def _money(turn: Turn, given: inp.MoneyReceived) -> None:
    account = turn.state.accounts.get(given.snapshot.account)
    if account is None:
        return
    if account.money is None or _matters(account, account.money, given.snapshot):
        turn.emit(AccountMarked(at=turn.at, account=account.id, snapshot=given.snapshot))


def _matters(account: AccountState, known: AccountSnapshot, told: AccountSnapshot) -> bool:
    """Whether sizes and limits would be reckoned from old money without this word.

    A fill moves the margin even where it leaves the balance as it was.
    """
    return (
        known.balance != told.balance
        or known.at < account.last_fill_at <= told.at
        or abs(told.equity - known.equity) * _EQUITY_SHARE > abs(known.balance)
        or told.at - known.at > _MONEY_INTERVAL
    )


def _ticked(turn: Turn, given: inp.Ticked) -> None:
    """Time alone makes coalesced changes and a firm's hours fall due, and refusals be retried."""
    follow_all(turn)
    fulfil(turn)
    mend(turn)


_DECIDERS: dict[type, Callable[[Turn, Any], None]] = {
    inp.SignalReceived: _signal,
    inp.OrdersWritten: _written,
    inp.SubmitAnswered: _submitted,
    inp.ChangeAnswered: _changed,
    inp.NeverSent: _never_sent,
    inp.ReportReceived: _report,
    inp.QuoteReceived: _quote,
    inp.MoneyReceived: _money,
    inp.Ticked: _ticked,
    inp.Looked: on_look,
    inp.LinkReported: link,
    inp.EngineBegan: begin,
    inp.EngineEnded: end,
    inp.StopAsked: stop,
    inp.GuardianTold: guardian_told,
    inp.ArmAsked: arm,
    inp.SweepAsked: sweep,
    inp.CashFlowTold: loss_watch.on_flow,
    inp.PhaseTold: loss_watch.on_phase,
    inp.ScaleTold: loss_watch.on_scale,
    inp.ResolveAsked: resolve,
    inp.LimitsAccepted: accept,
    inp.StrategyApprovalGiven: approve,
}
