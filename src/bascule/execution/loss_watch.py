"""The loss watch: acts on an account before the firm does, and keeps its ledger.

At the share that blocks nothing is done here: the checks refuse. At the share that flattens, or
when a line is crossed after all, the account is locked until the firm's next reset, its entries
are asked back and its books closed. The ledger is looked at with every price and fill of what is
held, and twice a second.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from bascule.execution import inputs as inp
from bascule.execution import limits
from bascule.execution.loss import ask_again, mark, take_snapshot, watch_of
from bascule.execution.loss_state import Watch
from bascule.execution.plan_exit import on_both_sides
from bascule.execution.state import AccountState, Book, Stop
from bascule.execution.stops import set_stop
from bascule.execution.sweeping import announce, clear
from bascule.execution.turn import Turn
from bascule.model.enums import StopMode
from bascule.model.event import (
    CashFlowRecorded,
    GuardTripped,
    LedgerBreached,
    LedgerMoved,
    OrderFilled,
    PhaseRecorded,
    ScaleRecorded,
)
from bascule.model.ids import AccountId
from bascule.model.ledger import Day, LedgerState
from bascule.model.order import AccountSnapshot
from bascule.model.values import MILLISECOND, MINUTE, ONE, SECOND, ZERO, Instant
from bascule.risk.loss import LOCK_FOR
from bascule.risk.programmes.ledger import (
    RESET,
    Broke,
    Flowed,
    GuardReached,
    Happened,
    LedgerEvent,
    Locked,
    Moved,
    Passed,
    WasReset,
    calm,
    next_reset,
    open_ledger,
    rooms,
    step,
    unseen,
)
from bascule.risk.proposal import cents

CODE = "loss_limit"
"""What a lock of the watch is named by."""
INTERVAL = 500 * MILLISECOND
UNSEEN_AFTER = 5 * SECOND
"""A reset was not seen where nobody had looked for so long before it."""
LEAD = 10 * MINUTE
"""How long before a reset its floor is looked at."""
AGAIN_AFTER = 5 * SECOND
"""How long after a close that left something the next is tried; twice as long after each more."""
_DOUBLINGS = 6
_HIGH_INTERVAL = 1 * SECOND
_HUNDRED = Decimal(100)
_OURS = "loss watch"
_NAMES = {"daily_loss": "the day's loss", "max_loss": "the largest loss"}


def _quoted(turn: Turn, given: inp.QuoteReceived) -> None:
    watch = turn.market.watches.get(given.account)
    if watch is not None:
        _on_quote(turn, given, watch)


def _ticked(turn: Turn, given: inp.Ticked) -> None:
    if turn.at >= turn.market.watched_at + INTERVAL:
        watch_all(turn)


def _told(turn: Turn, given: inp.MoneyReceived) -> None:
    _on_account(turn, given.snapshot.account, given.snapshot)


def _looked(turn: Turn, given: inp.Looked) -> None:
    _on_account(turn, given.account, given.money, given)


def _reported(turn: Turn, given: inp.ReportReceived) -> None:
    _on_account(turn, given.report.account)


LOOKS: dict[type, Callable[[Turn, Any], None]] = {
    inp.QuoteReceived: _quoted,
    inp.Ticked: _ticked,
    inp.MoneyReceived: _told,
    inp.Looked: _looked,
    inp.ReportReceived: _reported,
}
"""How to look, once it is decided, at the accounts whose money an input may have moved."""


def before_signal(turn: Turn) -> None:
    """Let resets that are due pass before anything is planned by yesterday's floors."""
    for name, watch in list(turn.market.watches.items()):
        ledger = watch.ledger
        if ledger is not None and ledger.due is not None and ledger.due <= turn.at:
            _on_account(turn, name)


def watch_all(turn: Turn) -> None:
    """Look at every account that has a limit on its loss."""
    turn.market.watched_at = turn.at
    for account in turn.accounts():
        watch = watch_of(turn, account, turn.settings.accounts[account.id])
        if watch is not None:
            ask_again(turn, watch)
            _look(turn, account, watch)
            _close_again(turn, account, watch)


def on_flow(turn: Turn, given: inp.CashFlowTold) -> None:
    """Take cash that the venue's balance already shows out of the day's result, and move floors."""
    account = turn.state.accounts.get(given.account)
    spec = turn.settings.accounts.get(given.account)
    if account is None or spec is None:
        return
    watch = watch_of(turn, account, spec)
    turn.emit(
        CashFlowRecorded(
            at=turn.at,
            account=account.id,
            flow=given.flow,
            amount=given.amount,
            by=given.by,
            note=given.note,
        )
    )
    ledger = watch.ledger if watch is not None else None
    if watch is not None and ledger is not None:
        flowed = Flowed(
            at=turn.at,
            kind=given.flow,
            amount=given.amount,
            balance=ledger.balance,
            equity=ledger.equity,
        )
        _take(turn, account, watch, ledger, flowed, cause=given.flow)


def on_phase(turn: Turn, given: inp.PhaseTold) -> None:
    """Begin the ledger anew."""
    account = turn.state.accounts.get(given.account)
    spec = turn.settings.accounts.get(given.account)
    if account is None or spec is None:
        return
    turn.emit(
        PhaseRecorded(
            at=turn.at, account=account.id, phase=given.phase, by=given.by, note=given.note
        )
    )
    watch = watch_of(turn, account, spec)
    if watch is not None:
        watch.ledger = watch.calm = None
        _look(turn, account, watch)


def on_scale(turn: Turn, given: inp.ScaleTold) -> None:
    """Let sizes grow from the firm's next reset on, or shrink at once."""
    account = turn.state.accounts.get(given.account)
    spec = turn.settings.accounts.get(given.account)
    if account is None or spec is None:
        return
    before = account.scale.at(turn.at) if account.scale is not None else ONE
    grows = given.factor > before
    since = limits.next_reset(turn, f"account:{account.id}") if grows else turn.at
    turn.emit(
        ScaleRecorded(
            at=turn.at,
            account=account.id,
            before=before,
            after=given.factor,
            effective_at=since,
            by=given.by,
            note=given.note,
        )
    )


# --- looking --------------------------------------------------------------------------------------


def _on_quote(turn: Turn, given: inp.QuoteReceived, watch: Watch) -> None:
    name = given.account
    account = turn.state.accounts.get(name)
    if account is None:
        return
    symbol = turn.settings.symbols.get(name, {}).get(given.quote.venue_symbol)
    if any(book.symbol == symbol and _holds(book) for book in account.books.values()):
        _look(turn, account, watch, by_price=True)


def _on_account(
    turn: Turn,
    name: AccountId,
    money: AccountSnapshot | None = None,
    look: inp.Looked | None = None,
) -> None:
    account, spec = turn.state.accounts.get(name), turn.settings.accounts.get(name)
    if account is None or spec is None:
        return
    watch = watch_of(turn, account, spec)
    if watch is None:
        return
    if money is not None:
        take_snapshot(turn, account, watch, money, look)
    _look(turn, account, watch)


def _look(turn: Turn, account: AccountState, watch: Watch, *, by_price: bool = False) -> None:
    """Bring the ledger to this moment, and act on what happened.

    A price alone that leaves equity between all lines is left for the next look.
    """
    marked = mark(turn, account, watch)
    if marked is None:
        return
    ledger, calm_between = watch.ledger, watch.calm
    seen_at, watch.looked_at = watch.looked_at, turn.at
    if by_price and ledger is not None and calm_between is not None:
        low, high = calm_between
        is_due = ledger.due is not None and ledger.due - LEAD <= turn.at
        if not is_due and marked.balance == ledger.balance and low < marked.equity <= high:
            return
    if ledger is None or ledger.rules != watch.key:
        watch.ledger = _begin(turn, watch, ledger, marked.balance, marked.equity)
        _keep(turn, account, watch, "opened" if ledger is None else "rules")
        ledger = watch.ledger
    opened = bool(turn.events) and _has_opened(turn, account)
    is_due = ledger.due is not None and ledger.due <= turn.at
    moved = (marked.balance, marked.equity) != (ledger.balance, ledger.equity)
    # By limits that it was not held against yet, a loss that stands still may be too large.
    if moved or opened or is_due or calm_between is None:
        event: LedgerEvent = Moved(
            at=turn.at, balance=marked.balance, equity=marked.equity, opened=opened
        )
        due = ledger.due if is_due else None
        unseen_at = due if due is not None and due - seen_at > UNSEEN_AFTER else None
        _take(turn, account, watch, ledger, event, unseen_at=unseen_at)
    else:
        _keep(turn, account, watch, "high")
    _before_reset(turn, account, watch)


def _begin(
    turn: Turn, watch: Watch, old: LedgerState | None, balance: Decimal, equity: Decimal
) -> LedgerState:
    """Open a ledger, or carry one over to rules that were changed: never to a firm's lower floor.

    Where the whole is limited by the owner alone, what was accepted is the floor, and ends nothing.
    """
    stated = watch.spec.initial_balance
    same = old is not None and old.rules.partition("#")[0] == watch.key.partition("#")[0]
    initial = stated if stated is not None else old.initial if old and same else balance
    if old is None or not same:
        fresh = open_ledger(
            watch.rules, turn.at, initial, balance, equity, high=max(initial, balance)
        )
        return replace(fresh, rules=watch.key)
    # From where the old rules left it: a reset that has come due since is still to be crossed.
    fresh = open_ledger(watch.rules, old.at, initial, old.balance, old.equity, high=old.high)
    firm, floor, failed = watch.spec.programme, fresh.floor, old.failed
    if firm is None or firm.max_loss is None:
        failed = tuple(rule for rule in failed if rule != "max_loss")
    elif floor is not None and old.floor is not None:
        floor = max(floor, old.floor)
    return replace(
        fresh,
        days=_carried(old.days, fresh.days),
        floor=floor,
        fixed=old.fixed,
        shifted=old.shifted,
        failed=failed,
        guards=old.guards,
        eod=old.eod,
        day=old.day,
        profit=old.profit,
        traded=old.traded,
        rules=watch.key,
    )


def _carried(old: tuple[Day, ...], fresh: tuple[Day, ...]) -> tuple[Day, ...]:
    """Carry a day over: each clock's as it stood, or to other clocks the one with most used."""
    if not old or len(old) == len(fresh):
        return old or fresh
    paused = any(day.paused for day in old)
    highest = max(day.reference for day in old)
    return tuple(replace(day, reference=highest, paused=paused) for day in fresh)


def _has_opened(turn: Turn, account: AccountState) -> bool:
    for event in turn.events:
        if isinstance(event, OrderFilled) and event.account == account.id:
            order = account.order(event.cl_ord_id)
            if order is not None and order.leg == "e":
                return True
    return False


def _take(
    turn: Turn,
    account: AccountState,
    watch: Watch,
    ledger: LedgerState,
    event: LedgerEvent,
    *,
    cause: str = "",
    unseen_at: Instant | None = None,
) -> None:
    """Take an event in, keep what lasts of it, and act; ``unseen_at`` is a reset that none saw."""
    watch.ledger, happened = step(watch.rules, ledger, event, watch.levels)
    if unseen_at is not None:
        watch.ledger = unseen(watch.rules, watch.ledger, unseen_at)
    watch.calm = calm(watch.rules, watch.ledger, watch.levels)
    _keep(turn, account, watch, cause or _cause(happened))
    for one in happened:
        _act(turn, account, watch, one)


def _cause(happened: tuple[Happened, ...]) -> str:
    words = {WasReset: "reset", Broke: "breach", Locked: "lock", GuardReached: "guard"}
    return ", ".join(dict.fromkeys(words[type(one)] for one in happened)) or "moved"


def _keep(turn: Turn, account: AccountState, watch: Watch, cause: str) -> None:
    """Journal the ledger when something that lasts has changed; a high at most once a second."""
    ledger, known = watch.ledger, account.ledger
    if ledger is None or ledger is known:
        return
    if known is not None and _bare(known) == _bare(ledger):
        rose = (known.high, known.floor, known.days) != (ledger.high, ledger.floor, ledger.days)
        if not rose or turn.at < known.at + _HIGH_INTERVAL:
            return
        cause = "high"
    turn.emit(LedgerMoved(at=turn.at, account=account.id, ledger=ledger, cause=cause))


def _bare(ledger: LedgerState) -> LedgerState:
    """Leave out what a mark alone moves; that the day is paused stays in."""
    return replace(
        ledger,
        at=Instant(0),
        equity=ZERO,
        high=ZERO,
        floor=None,
        days=tuple(replace(day, reference=ZERO) for day in ledger.days),
    )


# --- acting ---------------------------------------------------------------------------------------


def _act(turn: Turn, account: AccountState, watch: Watch, one: Happened) -> None:
    currency = watch.spec.currency
    if isinstance(one, Broke):
        lines = " and ".join(
            f"{_NAMES[rule]} at {cents(floor)}" for rule, floor in one.floors.items()
        )
        fate = "the account pauses until the reset" if one.soft else "the firm may end the account"
        what, worth = "equity", one.equity
        if watch.ledger is not None and worth > max(one.floors.values()):
            what, worth = "balance", watch.ledger.balance
        text = (
            f"{what} {cents(worth)} {currency} has crossed {lines}"
            f"{' with the reset' if one.by_reset else ''}; {fate}"
        )
        turn.emit(
            LedgerBreached(
                at=turn.at,
                account=account.id,
                rules=one.rules,
                soft=one.soft,
                equity=one.equity,
                floors={str(rule): floor for rule, floor in one.floors.items()},
                text=text,
            )
        )
        _lock(turn, account, watch, text)
    elif isinstance(one, GuardReached):
        share = dict(watch.levels.at)[one.action]
        text = (
            f"{cents(one.used)} {currency} of {_NAMES[one.rule]} are used up, {share} % of what "
            f"is allowed is {cents(one.threshold)}"
        )
        turn.emit(
            GuardTripped(
                at=turn.at,
                account=account.id,
                action=one.action,
                rule=one.rule,
                used=one.used,
                threshold=one.threshold,
                text=text,
            )
        )
        if one.action == "flatten" and not (one.by_reset and _is_flat(account)):
            _lock(turn, account, watch, text)


def _lock(turn: Turn, account: AccountState, watch: Watch, reason: str) -> None:
    """Lock an account until the firm's next reset, ask its entries back and close its books."""
    until = next_reset(watch.rules, turn.at) or Instant(turn.at + LOCK_FOR)
    scope = f"account:{account.id}"
    set_stop(turn, scope, StopMode.LOCK, "bascule", reason, until, code=CODE)
    watch.sweeps = 0
    _close(turn, account, watch, reason)


def _close(turn: Turn, account: AccountState, watch: Watch, reason: str) -> None:
    watch.swept_at = turn.at
    if _is_flat(account):
        return
    name = announce(turn, _OURS, f"flatten account:{account.id} by bascule: {reason}")
    clear(turn, account, name, reason, close=True, sizing="closed by the loss watch")


def _is_flat(account: AccountState) -> bool:
    return not any(_holds(b) or b.open_buy or b.open_sell for b in account.books.values())


def _holds(book: Book) -> bool:
    """Whether a book holds anything: positions on both sides may add up to nothing."""
    return bool(book.quantity) or on_both_sides(book)


def _close_again(turn: Turn, account: AccountState, watch: Watch) -> None:
    """Close what the venue did not close, as long as the watch holds the account."""
    stop = turn.state.stops.get(f"account:{account.id}") if turn.state.stops else None
    if stop is None or not (stop.code == CODE or _locks(stop, watch)):
        return
    if turn.at < watch.swept_at + (AGAIN_AFTER << min(watch.sweeps, _DOUBLINGS)):
        return
    if all(book.exiting or not _holds(book) for book in account.books.values()):
        return
    watch.sweeps += 1
    _close(turn, account, watch, "it is still open under a lock of the loss watch")


def _locks(stop: Stop, watch: Watch) -> bool:
    """Whether another's longer lock stands where the watch's own would.

    An account that has failed stays so; a lock that came long after has other reasons.
    """
    ledger = watch.ledger
    if stop.mode is not StopMode.LOCK or ledger is None:
        return False
    if "flatten" in ledger.guards or ledger.paused:
        return True
    return bool(ledger.failed) and watch.swept_at >= stop.at


def _before_reset(turn: Turn, account: AccountState, watch: Watch) -> None:
    """Close what the coming boundary would put below its new floor, or too near to it."""
    ledger = watch.ledger
    if ledger is None or ledger.due is None or ledger.due - turn.at > LEAD:
        return
    if ledger is watch.eased or RESET in ledger.guards or ledger.failed or _is_flat(account):
        return
    then, _ = step(watch.rules, ledger, Passed(ledger.due))
    now = {room.rule: room for room in rooms(watch.rules, ledger, watch.levels.caps)}
    for room in rooms(watch.rules, then, watch.levels.caps):
        kept = room.allowance * watch.rules.guard.reset_buffer_pct / _HUNDRED
        if room.room >= kept or room.room >= now[room.rule].room:
            continue
        text = (
            f"the coming reset would put the floor of {_NAMES[room.rule]} at {cents(room.floor)}, "
            f"and {cents(room.room)} {watch.spec.currency} would be left; {cents(kept)} are kept"
        )
        watch.ledger = replace(ledger, guards=(*ledger.guards, RESET))
        turn.emit(
            GuardTripped(
                at=turn.at,
                account=account.id,
                action=RESET,
                rule=room.rule,
                used=room.used,
                threshold=room.allowance - kept,
                text=text,
            )
        )
        _keep(turn, account, watch, "guard")
        _close(turn, account, watch, text)
        return
    watch.eased = ledger
