"""What a firm's rules make the engine do by itself: be flat in time, and rest no entry over news.

Looked at as time passes, on every account with a programme. Nothing is done on an account before
it agrees with its venue, and nothing that is under way is done twice. A protective stop is never
taken away to obey a rule: the position that it protects is closed. An account that its firm is
about to close since nothing trades there is told of, and no more.
"""

from msgspec import Struct

from bascule.execution.idle import warn
from bascule.execution.plan_exit import on_both_sides
from bascule.execution.planning import remaining
from bascule.execution.state import AccountState
from bascule.execution.stops import is_frozen
from bascule.execution.sweeping import announce, clear
from bascule.execution.turn import Settings, Tried, Turn
from bascule.model.account import AccountSpec
from bascule.model.enums import AccountMode
from bascule.model.ids import Symbol
from bascule.model.programme import SOURCE, Programme
from bascule.model.values import SECOND, Instant
from bascule.risk.programmes.spans import flat_span
from bascule.risk.programmes.standing import standing

LOOK_NS = SECOND
RETRY_NS = 30 * SECOND
"""A close that did not come about is tried again so much later."""
STEADY = 10
"""After so many such pauses each is twice the one before: a venue that only stumbles is asked in
time, while a market that is closed refuses until Monday, and a firm counts what is asked."""
_DOUBLINGS = 6
NEWS_LEAD_NS = 30 * SECOND
"""So long before a window what must be gone by then is closed."""


class Duty(Struct, frozen=True):
    """What must be done with one contract: entries go, and what is held too where it closes."""

    why: str
    closes: bool


def has_duties(settings: Settings) -> bool:
    """Whether any account is under rules that time alone brings to bear."""
    return any(
        spec.programme is not None
        and (spec.programme.flat or spec.programme.news or spec.programme.inactivity)
        for spec in settings.accounts.values()
    )


def fulfil(turn: Turn) -> None:
    """Do what is due on each account; costs a comparison where nothing is."""
    for account in turn.accounts():
        spec = turn.settings.accounts[account.id]
        programme = spec.programme
        if programme is None or turn.at < turn.market.duties.get(account.id, 0):
            continue
        turn.market.duties[account.id] = Instant(turn.at + LOOK_NS)
        if programme.inactivity is not None:
            warn(turn, account, spec)
        if programme.flat is None and programme.news is None:
            continue
        if spec.mode is AccountMode.SHADOW or not account.reconciled:
            continue
        if not is_frozen(turn.state, spec, ""):
            _on_account(turn, account, spec, programme)


def _on_account(turn: Turn, account: AccountState, spec: AccountSpec, programme: Programme) -> None:
    if turn.market.tried.get(account.id):
        _forget_done(turn, account)
    resting = {
        order.symbol: None
        for order in account.orders.values()
        if order.leg == "e" and order.pending != "cancel"
    }
    held = {
        book.symbol: None
        for book in account.books.values()
        if remaining(book) or on_both_sides(book)
    }
    due: dict[Symbol, Duty] = {}
    for symbol in {**held, **resting}:
        duty = duty_of(turn, account, programme, symbol)
        wanted = duty is not None and (symbol in resting or duty.closes)
        if duty is not None and wanted and _tries(turn, account, symbol):
            due[symbol] = duty
    if not due:
        return
    why = next(iter(due.values())).why
    listed = ", ".join(due)
    signal = announce(turn, SOURCE, f"{programme.firm} on {spec.id}: {why}; {listed} is cleared")
    clear(turn, account, signal, why, close=False, sizing="", symbols=lambda one: one in due)
    clear(
        turn,
        account,
        signal,
        why,
        close=True,
        sizing=f"closed by the rules of {programme.firm}",
        symbols=lambda one: one in due and due[one].closes,
    )


def _forget_done(turn: Turn, account: AccountState) -> None:
    """Forget what came about: what stands there next is no further try."""
    stands = {book.symbol for book in account.books.values() if book.quantity or book.lots}
    stands |= {order.symbol for order in account.orders.values()}
    tried = turn.market.tried[account.id]
    turn.market.tried[account.id] = {name: tried[name] for name in tried if name in stands}


def _tries(turn: Turn, account: AccountState, symbol: Symbol) -> bool:
    """Whether it is time to do what is due with a contract, and note that it is done."""
    tried = turn.market.tried.setdefault(account.id, {})
    last = tried.get(symbol)
    times = 0
    if last is not None:
        pause = RETRY_NS << min(max(0, last.times + 1 - STEADY), _DOUBLINGS)
        if turn.at < last.at + pause:
            return False
        # What comes much later is another day's duty.
        times = last.times + 1 if turn.at < last.at + 2 * pause else 0
    tried[symbol] = Tried(turn.at, times)
    return True


def duty_of(turn: Turn, account: AccountState, programme: Programme, symbol: Symbol) -> Duty | None:
    """Say what must be done with one contract of an account now; None for nothing."""
    listing = turn.listing(account.id, symbol)
    if listing is None:
        return None
    rule = programme.flat
    span = None
    if rule is not None:
        span = flat_span(rule, listing.session or "always", turn.at)
        if span is not None and span.holding:
            return Duty(span.why, True)
    news = programme.news
    if news is not None:
        found = standing(turn.settings.news, news, symbol, turn.at, NEWS_LEAD_NS)
        if found.state == "inside":
            closes = news.scope == "flat" or programme.guard.flat_before_news
            return Duty(f"the release of {found.text} is near", closes)
    return Duty(span.why, False) if span is not None else None
