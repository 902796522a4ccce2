"""The loss of an account between two words of its venue: equity from local marks, and the rooms.

    balance = the venue's + what was realised since its snapshot
    equity  = balance + sum of (mark - average price) x quantity x multiplier x rate

Where the venue's own equity was lower at its snapshot than ours at that moment, the difference is
kept: of two sources the stricter one counts. A price or rate that is missing is never made up.

A snapshot may overtake the report of a fill that is in it. Such a fill bears a time that is not
after the snapshot's: its gain is not counted again, and its loss only as far as the venue's balance
did not show it. So the room is never told larger than it is, nor a loss counted twice.
"""

from collections.abc import Iterable
from decimal import Decimal
from hashlib import sha256

import msgspec
from msgspec import Struct

from bascule.execution.inputs import Looked
from bascule.execution.limits import account_limits
from bascule.execution.loss_state import Booked, Watch
from bascule.execution.state import AccountState, Book
from bascule.execution.turn import Turn
from bascule.model.account import AccountSpec, RiskLimits
from bascule.model.enums import PositionMode
from bascule.model.event import ForeignFill, OrderFilled
from bascule.model.ids import PositionId, Symbol
from bascule.model.instrument import Listing, Quote
from bascule.model.order import AccountSnapshot
from bascule.model.programme import Clock, DailyLoss, Limit, MaxLoss, Programme, Trail
from bascule.model.values import MINUTE, ONE, SECOND, ZERO, Currency, Instant
from bascule.reference import sessions
from bascule.reference.currency import NoRate, rate
from bascule.risk.loss import STALE_AFTER, Loss
from bascule.risk.programmes.clock import UNKNOWN
from bascule.risk.programmes.ledger import Caps, Levels, Room, next_reset, rooms

RATE_MAX_AGE = 5 * MINUTE
"""An older quote converts nothing: the entry is refused."""
CONFIRM_AFTER = 2 * SECOND
"""How much later than a first word of no equity the look began that confirms it."""
_NOUGHT = "the venue told an equity of 0"
_OWN = "own limits"
_NOTHING = Booked(ZERO, ZERO)
_BOTH = 2


class Marked(Struct, frozen=True):
    """Balance and equity now, with the oldest price used of an open market and the newest of all.

    Both are None without positions. ``unknown`` says why nobody can tell, else it is empty.
    """

    balance: Decimal
    equity: Decimal
    oldest: Instant | None = None
    newest: Instant | None = None
    unknown: str = ""


def watch_of(turn: Turn, account: AccountState, spec: AccountSpec) -> Watch | None:
    """Give an account's watch, made anew when its limits changed; None where it has no limit."""
    limits = account_limits(turn, spec)
    known = turn.market.watches.get(account.id)
    if known is not None and known.spec is spec and known.limits is limits:
        return known
    if spec.programme is None and not limits_loss(limits):
        turn.market.watches.pop(account.id, None)
        return None
    fresh = make_watch(spec, limits)
    if known is None:
        fresh.ledger = account.ledger
    else:
        fresh.ledger, fresh.snapshot, fresh.offset = known.ledger, known.snapshot, known.offset
        fresh.gained, fresh.counted, fresh.told = known.gained, known.counted, known.told
        fresh.before, fresh.unheard = known.before, known.unheard
        fresh.basis, fresh.apart, fresh.aside = known.basis, known.apart, known.aside
        fresh.shared = known.shared
        fresh.looked_at = known.looked_at
        fresh.nought, fresh.asked_at = known.nought, known.asked_at
    turn.market.watches[account.id] = fresh
    return fresh


def limits_loss(limits: RiskLimits) -> bool:
    """Whether the owner limits an account's loss."""
    return (
        limits.max_daily_loss is not None
        or limits.max_drawdown is not None
        or limits.max_daily_loss_percent is not None
        or limits.max_drawdown_percent is not None
    )


def make_watch(spec: AccountSpec, limits: RiskLimits) -> Watch:
    """Make the rules of an account: its programme's, tightened by the owner's own limits."""
    firm = spec.programme
    own_day = _limit(limits.max_daily_loss, limits.max_daily_loss_percent)
    own_whole = _limit(limits.max_drawdown, limits.max_drawdown_percent)
    rules = firm if firm is not None else Programme(id=_OWN)
    caps = Caps()
    if rules.daily_loss is not None:
        caps = msgspec.structs.replace(caps, daily_loss=own_day)
        if rules.daily_loss.reset is None:
            day = msgspec.structs.replace(rules.daily_loss, reset=UNKNOWN)
            rules = msgspec.structs.replace(rules, daily_loss=day)
    elif own_day is not None:
        rules = msgspec.structs.replace(rules, daily_loss=_own_day(own_day))
    if rules.max_loss is not None:
        caps = msgspec.structs.replace(caps, max_loss=own_whole)
    elif own_whole is not None:
        rules = msgspec.structs.replace(rules, max_loss=_own_whole(own_whole))
    shares = (
        ("block", min(rules.guard.block_at, limits.loss_block_percent)),
        ("flatten", min(rules.guard.flatten_at, limits.loss_flatten_percent)),
    )
    levels = Levels(shares, ("daily_loss", "max_loss"), caps)
    return Watch(rules, levels, _key(rules), spec, limits)


def _limit(amount: Decimal | None, percent: Decimal | None) -> Limit | None:
    if amount is None and percent is None:
        return None
    return Limit(pct=percent, of="reference", amount=amount)


def _own_day(limit: Limit) -> DailyLoss:
    return DailyLoss(limit, "higher", "equity", "at_or_below", "pause", Clock())


def _own_whole(limit: Limit) -> MaxLoss:
    """It is no firm's, so that it ends nothing: it pauses the account, and may be changed."""
    trail = Trail("equity", "intraday")
    return MaxLoss(limit, "trailing", trail, None, "equity", "at_or_below", "pause")


def _key(rules: Programme) -> str:
    """Name the money rules: whose they are, and a hash of what they say."""
    said = msgspec.json.encode((rules.daily_loss, rules.max_loss, rules.cashflow))
    return f"{rules.id}/{rules.phase}#{sha256(said).hexdigest()[:12]}"


# --- marks ----------------------------------------------------------------------------------------


def take_snapshot(
    turn: Turn,
    account: AccountState,
    watch: Watch,
    snapshot: AccountSnapshot,
    look: Looked | None = None,
) -> None:
    """Start anew from the venue's word, unless a fill that we have counted is younger.

    A ``look`` has told every fill and position along with it, if they agree with each other; a
    word by itself may have overtaken a fill. A balance that no fill explains is asked after.
    """
    known = watch.snapshot
    if snapshot.at < account.last_fill_at or (known is not None and snapshot.at < known.at):
        return
    if _questions(turn, watch, snapshot, look):
        return
    lost = _lost(watch, snapshot)
    watch.unheard = ZERO
    agrees = _agrees(turn, account, watch, look)
    if known is not None and not agrees:
        expected = _by_prices(turn, account, watch, known)
        if not expected.unknown:
            watch.unheard = snapshot.balance - expected.balance
        elif watch.basis or _shared(account, watch):
            # Without a price nobody can tell what it has realised of that: the look will.
            turn.market.looks.setdefault(account.id, "money was told before any price")
            watch.aside = snapshot
            return
    if watch.unheard:
        turn.market.looks.setdefault(account.id, "the venue's balance is not what fills make it")
        before_fill = snapshot.at == account.last_fill_at and watch.unheard > 0
        by_fill = watch.unheard > 0 and _valued_by_fill(turn, account)
        if watch.basis or before_fill or by_fill or _shared(account, watch):
            # It reckons results of a shared position in its own way, or may be from just before
            # the loss of that very moment, or has realised what to us is open, and no price tells
            # how much that is: the look will tell.
            watch.aside = snapshot
            return
    watch.before = min(watch.offset, ZERO)
    watch.snapshot, watch.aside = snapshot, None
    watch.gained = watch.offset = ZERO
    watch.told = {name: _booked(book) for name, book in account.books.items()}
    watch.counted, watch.shared = dict(watch.told), set()
    ours = _by_prices(turn, account, watch, snapshot)
    if not ours.unknown:
        watch.offset = _apart(watch, snapshot, ours, known)
    if not agrees:
        watch.unheard += lost


def _lost(watch: Watch, snapshot: AccountSnapshot) -> Decimal:
    """Give what the balance lost before this word that no fill has explained: at most 0.

    Of what it was before the start the journal tells.
    """
    if watch.snapshot is None:
        ledger = watch.ledger
        return min(snapshot.balance - ledger.balance, ZERO) if ledger is not None else ZERO
    return min(watch.unheard, ZERO) if watch.aside is None else ZERO


def _questions(turn: Turn, watch: Watch, snapshot: AccountSnapshot, look: Looked | None) -> bool:
    """Whether a word of no equity at all is left aside until a later look has said the same.

    Some venues tell it in maintenance. Till then prices alone move equity, and no entry passes.
    """
    if snapshot.equity:
        watch.nought = None
        return False
    if watch.nought is None:
        watch.nought = turn.at
        ask_again(turn, watch)
    if look is None or not look.complete:
        return True
    return (look.began if look.began is not None else look.at) < watch.nought + CONFIRM_AFTER


def ask_again(turn: Turn, watch: Watch) -> None:
    """Ask after an equity of 0, at intervals, as long as it is a question."""
    if _is_open(watch) and turn.at >= watch.asked_at + CONFIRM_AFTER:
        watch.asked_at = turn.at
        turn.market.looks.setdefault(watch.spec.id, _NOUGHT)


def _is_open(watch: Watch) -> bool:
    """Whether the venue's last word was an equity of 0 that is not confirmed."""
    told = watch.snapshot
    return watch.nought is not None and (told is None or bool(told.equity))


def _agrees(turn: Turn, account: AccountState, watch: Watch, look: Looked | None) -> bool:
    """Whether a look is whole, and its positions follow from the fills; or never will."""
    if look is None or not look.complete:
        return False
    return _compare_costs(turn, account, watch, look) or bool(account.drift)


def _apart(
    watch: Watch, snapshot: AccountSnapshot, ours: Marked, known: AccountSnapshot | None
) -> Decimal:
    """Give what to add to our equity for what the venue knows beyond our prices.

    A result in its balance may be that of a position which to us is still open: not twice. Else it
    counts only as far as it is lower than ours, by prices of one instant or twice in a row: once
    it may just have heard of a price before us, and that move is not to be counted twice. Where no
    price of ours is younger than the word before, ``known``, what counted since that goes on to.
    """
    difference, before = snapshot.equity - ours.equity, watch.apart
    if known is not None and ours.newest is not None and ours.newest <= known.at:
        before = watch.before
    watch.apart = difference
    if watch.unheard:
        return min(max(difference, min(-watch.unheard, ZERO)), max(-watch.unheard, ZERO))
    if ours.newest is not None and ours.newest != snapshot.at:
        difference = max(difference, before)
    return min(difference, ZERO)


def _shared(account: AccountState, watch: Watch) -> bool:
    """Whether more than one book, or position, holds one contract, or has since the last word."""
    _note_shared(account, watch)
    books = account.books.values()
    held = [book.symbol for book in books if book.quantity or book.lots]
    return (
        len(set(held)) < len(held)
        or not watch.shared.isdisjoint(held)
        or any(len(book.lots) >= _BOTH for book in books)
    )


def _note_shared(account: AccountState, watch: Watch) -> None:
    """Keep in mind which contracts several books hold, or have traded since the last word.

    A venue that nets has made one price of them: what one has closed is in what is still held.
    """
    if len(account.books) < _BOTH or watch.spec.position_mode is PositionMode.HEDGING:
        return
    seen: set[Symbol] = set()
    for name, book in account.books.items():
        if book.quantity or _booked(book) != watch.told.get(name, _NOTHING):
            (watch.shared if book.symbol in seen else seen).add(book.symbol)


def _booked(book: Book) -> Booked:
    return Booked(book.realized, book.commission)


def _compare_costs(turn: Turn, account: AccountState, watch: Watch, look: Looked) -> bool:
    """Learn by how much the venue's costs of what is held differ from those of our books.

    Books of one contract have prices of their own, of which the venue that nets them makes one; so
    what is open to one is realised to the other. Their sum is the same, whatever the price.
    False where it shows other positions than follow from the fills: one of the two is stale.
    """
    names = turn.settings.symbols.get(account.id, {})
    costs: dict[Symbol, Decimal] = {}
    held: dict[tuple[Symbol, PositionId | None], Decimal] = {}
    for one in look.positions:
        symbol = names.get(one.venue_symbol)
        if symbol is None or not one.avg_price:
            return True
        costs[symbol] = costs.get(symbol, ZERO) - one.avg_price * one.quantity
        lot = (symbol, one.position_id)
        held[lot] = held.get(lot, ZERO) - one.quantity
    for book in account.books.values():
        costs[book.symbol] = costs.get(book.symbol, ZERO) + book.avg_price * book.quantity
        lots: Iterable[tuple[PositionId | None, Decimal]] = book.lots.items() or (
            (None, book.quantity),
        )
        for name, quantity in lots:
            held[book.symbol, name] = held.get((book.symbol, name), ZERO) + quantity
    if any(held.values()):
        return False
    basis = ZERO
    for symbol, cost in costs.items():
        unit = unit_of(turn, watch.spec, turn.listing(account.id, symbol)) if cost else ZERO
        if unit is None:
            return True
        basis += cost * unit
    watch.basis = basis
    return True


def mark(turn: Turn, account: AccountState, watch: Watch) -> Marked | None:
    """Value an account now; None before its venue has told its money since the start."""
    told = watch.snapshot
    if told is None:
        return None
    _note_shared(account, watch)
    ours = _by_prices(turn, account, watch, told)
    newest, aside, filled = ours.newest, watch.aside, account.last_fill_at
    # An opening realises nothing, and yet it costs the spread.
    if newest is not None and newest < told.at >= filled and watch.counted == watch.told:
        # Nothing has traded since, and the venue valued it later than any price that we have.
        oldest = told.at if ours.oldest is not None else None
        ours = Marked(ours.balance, told.equity, oldest)
    if aside is not None and aside.at >= filled and (newest is None or newest < aside.at):
        # Whatever that balance is made of, so much is what the venue says that it is all worth.
        equity = min(ours.equity, aside.equity)
        return Marked(ours.balance, equity, ours.oldest, unknown=ours.unknown)
    return ours


def _by_prices(turn: Turn, account: AccountState, watch: Watch, told: AccountSnapshot) -> Marked:
    floating, oldest, newest = ZERO, None, None
    late: list[Decimal] = []
    for name, book in account.books.items():
        before = watch.counted.get(name, _NOTHING)
        moved = book.realized != before.realized
        holds = bool(book.quantity or book.lots)
        if not holds and not moved:
            if book.commission != before.commission:
                late += _count(turn, watch, name, book, ZERO)
            continue
        listing = turn.listing(account.id, book.symbol)
        unit = unit_of(turn, watch.spec, listing)
        quote = turn.market.quote(account.id, listing.venue_symbol) if listing else None
        if listing is None or unit is None or (holds and quote is None):
            # The venue's own equity is what is left to go by; no entry passes meanwhile.
            why = f"{book.symbol} cannot be valued: a price or a rate is missing or old"
            return Marked(told.balance + watch.gained, told.equity + watch.gained, unknown=why)
        if moved or book.commission != before.commission:
            late += _count(turn, watch, name, book, (book.realized - before.realized) * unit)
        if holds and quote is not None:
            price = _mark(account, book, quote)
            floating += (price - book.avg_price) * book.quantity * unit
            floating -= (quote.ask - quote.bid) * _hedged(book) * unit
            newest = quote.at if newest is None else max(newest, quote.at)
            is_open = sessions.state(listing.session or "always", turn.at).is_open
            if is_open and (oldest is None or quote.at < oldest):
                oldest = quote.at
    if len(account.books) > 1 and watch.spec.position_mode is not PositionMode.HEDGING:
        floating += _netted(turn, account, watch)
    if late:
        # The difference at the snapshot was reckoned with what these fills have changed; what has
        # traded since is valued along with them, until a look tells one from the other.
        if account.last_fill_at > told.at:
            turn.market.looks.setdefault(account.id, "a fill was told after the money with it")
        apart = min(told.equity - told.balance - sum(late) - floating - watch.basis, ZERO)
        watch.offset = apart if newest is None else min(apart, watch.before)
    # Who holds nothing is worth no more than the balance, whatever a word once made of it.
    offset = watch.offset if newest is not None else min(watch.offset, ZERO)
    balance = told.balance + watch.gained
    return Marked(balance, balance + floating + watch.basis + offset, oldest, newest)


def _mark(account: AccountState, book: Book, quote: Quote) -> Decimal:
    """Give what a book could be closed at: no better than the last fill, where that is younger.

    A fill may be told before the price that it was made at: what an old price makes of it would
    be a gain that never was, and a peak that stays.
    """
    price = quote.bid if book.quantity > 0 else quote.ask
    last = account.prices.get(book.symbol)
    if last is None or last.at <= quote.at:
        return price
    return min(price, last.price) if book.quantity > 0 else max(price, last.price)


def _valued_by_fill(turn: Turn, account: AccountState) -> bool:
    """Whether what is held has no price yet that is younger than its last fill."""
    for book in account.books.values():
        listing = turn.listing(account.id, book.symbol) if book.quantity else None
        quote = turn.market.quote(account.id, listing.venue_symbol) if listing else None
        last = account.prices.get(book.symbol)
        if quote is not None and last is not None and last.at > quote.at:
            return True
    return False


def _hedged(book: Book) -> Decimal:
    """Give how much of a book stands on both sides: closing that costs its spread."""
    if len(book.lots) < _BOTH:
        return ZERO
    long = sum((lot for lot in book.lots.values() if lot > 0), ZERO)
    short = sum((-lot for lot in book.lots.values() if lot < 0), ZERO)
    return min(long, short)


def _netted(turn: Turn, account: AccountState, watch: Watch) -> Decimal:
    """Give the spread of what books hold against each other: where the venue nets it costs none."""
    found = ZERO
    for symbol, exposure in account.exposure.items():
        if not (exposure.long and exposure.short):
            continue
        listing = turn.listing(account.id, symbol)
        quote = turn.market.quote(account.id, listing.venue_symbol) if listing else None
        unit = unit_of(turn, watch.spec, listing)
        books = [one for one in account.books.values() if one.symbol == symbol and one.quantity]
        marks = {one.quantity > 0: _mark(account, one, quote) for one in books} if quote else {}
        if unit is not None and len(marks) == _BOTH:
            found += (marks[False] - marks[True]) * min(exposure.long, exposure.short) * unit
    return found


def _count(turn: Turn, watch: Watch, name: str, book: Book, made: Decimal) -> list[Decimal]:
    """Count what a book has realised and paid since, once, at the rate of this moment.

    Gives what was counted of it where the venue's snapshot had overtaken its fill.
    """
    before = watch.counted.get(name, _NOTHING)
    net = made - (book.commission - before.commission)
    now = watch.counted[name] = _booked(book)
    if not _overtaken(turn, watch):
        watch.gained += net
        return []
    if net > 0:
        watch.unheard -= min(net, max(watch.unheard, ZERO))
        net = ZERO
    else:
        shown = min(-net, max(-watch.unheard, ZERO))
        watch.unheard += shown
        net += shown
    watch.gained += net
    if not net:
        watch.told[name] = now
    return [net]


def _overtaken(turn: Turn, watch: Watch) -> bool:
    """Whether a fill that this decision heard of was made by the time of the snapshot."""
    told = watch.snapshot
    return told is not None and any(
        event.traded_at <= told.at
        for event in turn.events
        if isinstance(event, OrderFilled | ForeignFill) and event.account == watch.spec.id
    )


def unit_of(turn: Turn, spec: AccountSpec, listing: Listing | None) -> Decimal | None:
    """Give the account currency that a move of 1.0 in price is worth, for one unit of quantity."""
    if listing is None:
        return None
    factor = rate_to(turn, listing.quote, spec.currency)
    return None if factor is None else listing.multiplier * factor


def rate_to(turn: Turn, source: Currency, target: Currency) -> Decimal | None:
    """Give ``target`` for one unit of ``source`` from any fresh quote; None when unknown."""
    if source == target:
        return ONE
    known = turn.market.rates.get((source, target))
    if known is not None and known[0] == turn.at:
        return known[1]
    found = rate(source, target, turn.market.pool, turn.at, RATE_MAX_AGE)
    value = None if isinstance(found, NoRate) else found.value
    turn.market.rates[source, target] = (turn.at, value)
    return value


# --- what the checks see --------------------------------------------------------------------------


def loss_of(turn: Turn, account: AccountState, spec: AccountSpec) -> Loss | None:
    """Give how an account stands to its loss limits; None where it has none."""
    watch = watch_of(turn, account, spec)
    if watch is None:
        return None
    marked = mark(turn, account, watch)
    ledger = watch.ledger
    shares = dict(watch.levels.at)
    if marked is None or ledger is None:
        why = "the venue has not told the account's money since the start"
        return Loss(ZERO, (), shares["block"], shares["flatten"], unknown=why)
    age = turn.at - marked.oldest if marked.oldest is not None else 0
    unknown = marked.unknown
    if _is_open(watch):
        unknown = f"{_NOUGHT}, which is not believed before a second look shows it too"
    if age > STALE_AFTER:
        unknown = f"the last price of what is held is {age // 1_000_000_000} s old"
    if watch.floors is None or watch.floors[0] is not ledger:
        watch.floors = (ledger, rooms(watch.rules, ledger, watch.levels.caps))
    return Loss(
        equity=marked.equity,
        rooms=tuple(
            Room(one.rule, one.floor, one.allowance, _counted_by(watch, one, marked) - one.floor)
            for one in watch.floors[1]
        ),
        block_percent=shares["block"],
        flatten_percent=shares["flatten"],
        failed=ledger.failed if spec.programme is not None else (),
        paused=ledger.paused,
        mark_age=age,
        unknown=unknown,
        reset=next_reset(watch.rules, turn.at),
    )


def _counted_by(watch: Watch, room: Room, marked: Marked) -> Decimal:
    """Give what a room is left of: where a firm counts closed results, no open gain makes any."""
    rules = watch.rules
    rule = rules.daily_loss if room.rule == "daily_loss" else rules.max_loss
    if rule is not None and rule.measured_on == "balance":
        return min(marked.balance, marked.equity)
    return marked.equity
