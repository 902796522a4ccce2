"""What must hold of money and of firms' rules. The truth is the venue's bank and the firm's office.

An engine knows only what it was told, so most is held against it where it had been told all
(``informed``): every fill of the account, the prices of what it holds, its fees. What a firm counts
by a moment, a day's reference or a peak, is held against it once it was informed at that moment
and has lived on long enough to have written it down.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal

from msgspec import Struct, field

from bascule.execution.inputs import Looked
from bascule.execution.loss_watch import CODE
from bascule.execution.state import AccountState
from bascule.execution.turn import Settings
from bascule.model import event as ev
from bascule.model.account import AccountSpec, RiskLimits
from bascule.model.enums import AccountMode
from bascule.model.ids import AccountId, ClOrdID, ExecID, VenueSymbol
from bascule.model.order import VenuePosition
from bascule.model.programme import Clock, FlatRule, Guard, Programme
from bascule.model.values import DAY, MILLISECOND, MINUTE, SECOND, ZERO, Instant
from bascule.reference.releases import News
from bascule.sim.core.bank import Bank
from bascule.sim.core.clockwork import Clockwork
from bascule.sim.core.ledger import Broken, Trade
from bascule.sim.core.office import Line, Office, meanings, own_rules, strike_after

_TOLD = 60 * MILLISECOND
"""So long after a change at the venue every report and quote of it has arrived."""
_KEPT = 6 * SECOND
"""So long after a moment what was counted by it is in the journal, and durable."""
_CAUSE = 90 * SECOND
"""So long ago a loss may have been that an account is locked for."""
_CLOSED_WITHIN = 75 * SECOND
_MOVED_WITHIN = 10 * SECOND
"""So long after a trail may be moved again it is, and the venue has heard of it."""
_CENT = Decimal("0.01")
_HUNDRED = Decimal(100)
_ASKS = (ev.OrderRequested, ev.CancelRequested, ev.ReplaceRequested)


class Sight(Struct, frozen=True):
    """What is seen of the engine: its positions, of when its last price is, its reckoning."""

    account: Callable[[AccountId], AccountState | None]
    priced: Callable[[AccountId, VenueSymbol], Instant | None]
    equity: Callable[[AccountId], Decimal | None]
    awake: Callable[[AccountId], bool]
    run: Callable[[], int]


class Desk(Struct):
    """One account under rules about its loss: its firm's office, and what the engine knows of it.

    ``changed`` is when the account's worth last changed, ``traded`` and ``charged`` when it
    last filled and paid a fee, ``told`` of when its money was last shown to the engine's life
    ``run``, in a look after all fills. ``misled``: a price was set between a fill, or a fee, and
    the news of it, so that it moved what was held no more, and a peak may stand that never was:
    an engine that waited for such news would miss peaks that are. ``unheard`` are its fills that
    the journal does not count, and when they were made; ``word`` of when its money was told
    last. ``mixed``: a fill from before such a word was counted when another from after it was
    there, or a look told positions of before; what it is all worth shows in the next look.
    ``reference`` and ``floor`` the last that the engine is bound to know. ``used`` is the worst
    share of an allowance, in percent, that the account had from an instant on, ``sent`` when
    requests left, ``seen`` what the account was last looked at by. ``own_day``: its owner limits a
    day's loss, so that it has days though its firm has none.
    """

    spec: AccountSpec
    office: Office
    block: Decimal
    flatten: Decimal
    own_day: bool = False
    changed: int = 0
    traded: int = 0
    charged: int = 0
    told: int = 0
    run: int = 0
    misled: bool = False
    seen: tuple[object, ...] = ()
    unheard: dict[ExecID, int] = field(default_factory=dict)
    word: int = 0
    mixed: int = 0
    reference: Decimal | None = None
    floor: Decimal | None = None
    used: list[tuple[int, Decimal]] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)


class Desks:
    """All accounts under rules, watched over one run. ``stops`` are those that the journal has."""

    def __init__(
        self,
        settings: Settings,
        clock: Clockwork,
        bank: Bank,
        offices: Mapping[AccountId, Office],
        stops: Mapping[str, ev.StopSet],
        sight: Sight,
    ) -> None:
        self._clock = clock
        self._bank = bank
        self._stops = stops
        self._news = settings.news
        self._pause = settings.change_interval_ns
        self._names = {
            name: {one.symbol: one.venue_symbol for one in listings.values()}
            for name, listings in settings.listings.items()
        }
        self.sight = sight
        self.amended: Mapping[AccountId, int] = {}
        """Fills of an account that were taken back or corrected: its money follows no rule."""
        self.desks = {
            name: _desk(settings.accounts[name], office) for name, office in offices.items()
        }
        for name, desk in self.desks.items():
            desk.office.start(bank.worth(name)[0])
            self._note(desk, clock.now)
            self._learn(name, desk, clock.now, quiet=True)
            self._wait(name, desk)

    def limited(self, account: AccountId, limits: RiskLimits) -> None:
        """An account's own limits are others from now on; what it had before still counts."""
        desk = self.desks.get(account)
        if desk is None:
            return
        desk.block, desk.flatten = _shares(desk.spec.programme, limits)
        desk.own_day = _has_days(limits)
        if desk.spec.programme is None:
            known = desk.floor == desk.office.floor
            desk.office.ruled(*own_rules(limits))
            desk.floor = desk.office.floor if known else None
        self._note(desk, self._clock.now)

    # --- the venue ------------------------------------------------------------------------------

    def moved(
        self, account: AccountId, trade: Trade | None = None, *, charged: bool = False
    ) -> None:
        """An account's worth changed at the venue: by a price, a fill, or a fee."""
        desk = self.desks.get(account)
        if desk is None:
            return
        now, office = self._clock.now, desk.office
        desk.changed = now
        if trade is not None:
            desk.traded = now
            desk.unheard[trade.shown_id] = now
        elif charged:
            desk.charged = now
        elif desk.told < desk.charged:
            desk.misled = True
        before = (office.reference, office.floor)
        office.see(now, *self._bank.worth(account))
        self._note(desk, now)
        if trade is not None:
            # A fill away from the price says that the market was there, if for a moment.
            self._note(desk, now, self._bank.worth(account, trade)[1])
        if (office.reference, office.floor) != before:
            self._learn(account, desk, now, quiet=True)

    def _note(self, desk: Desk, at: int, equity: Decimal | None = None) -> None:
        shares = [_share(line) for one in desk.office.all() for line in one.lines(equity)]
        desk.used.append((at, max(shares, default=ZERO)))

    def _wait(self, account: AccountId, desk: Desk) -> None:
        """Look at the account when its next clock has struck."""
        due = desk.office.due
        if due is None or due > self._clock.now + DAY // 4:
            return

        def struck() -> None:
            desk.office.pass_to(self._clock.now)
            self._note(desk, due)
            self._learn(account, desk, due, quiet=desk.changed < due - _TOLD)
            self._wait(account, desk)

        self._clock.after(due - self._clock.now, struck)

    def _learn(self, account: AccountId, desk: Desk, at: int, *, quiet: bool) -> None:
        """A reference or floor is new: is the engine informed just now, and does it live on?"""
        office = desk.office
        if office.struck == at:
            desk.reference = None
        reference, floor = office.reference, office.floor

        def told() -> None:
            settled = quiet and desk.changed <= at
            if settled and self.informed(account, balance=_by_balance(office)):
                run = self.sight.run()
                self._clock.after(_KEPT, lambda: kept(run))
            elif not desk.traded and office.struck is None:
                self._clock.after(SECOND, told)  # the engine has yet to open its books

        def kept(run: int) -> None:
            if self.sight.run() == run and self.sight.awake(account):
                desk.reference, desk.floor = reference, floor

        self._clock.after(_TOLD, told)

    # --- what the engine knows ------------------------------------------------------------------

    def counted(self, account: AccountId, exec_id: ExecID) -> None:
        """The engine has counted a fill."""
        desk = self.desks.get(account)
        traded = desk.unheard.pop(exec_id, None) if desk is not None else None
        if desk is None or traded is None:
            return
        if traded <= desk.word < desk.traded:
            desk.mixed = self._clock.now
        if any(at > traded for at in self._bank.priced.values()):
            desk.misled = True

    def uncounted(self, account: AccountId, exec_id: ExecID) -> None:
        """A fill that the engine had counted is lost with what was not durable."""
        desk = self.desks.get(account)
        if desk is not None:
            desk.unheard[exec_id] = self._clock.now

    def touched(self, account: AccountId, at: Instant) -> None:
        """The engine was told an account's money as it was at an instant."""
        desk = self.desks.get(account)
        if desk is not None:
            desk.seen = ()
            desk.word = max(desk.word, at)

    def shown(self, look: Looked, held: Callable[[AccountId], tuple[VenuePosition, ...]]) -> None:
        """A whole look shows the engine an account's money, and what is ``held``.

        Where its positions are those of before, it is a word on money and no more: what such a
        balance is made of nobody can tell, of a position that the venue nets, say.
        """
        desk, money = self.desks.get(look.account), look.money
        if desk is None or money is None or money.at < desk.traded:
            return
        if look.positions == held(look.account):
            desk.told, desk.run, desk.seen = money.at, self.sight.run(), ()
        else:
            self.touched(look.account, money.at)
            desk.mixed = self._clock.now

    def informed(self, account: AccountId, *, balance: bool = False) -> bool:
        """Whether the engine was told all that an account's worth follows from.

        ``balance``: its venue's word on closed results too, which no engine can reckon where
        several strategies share a position.
        """
        desk, sight = self.desks[account], self.sight
        known = sight.account(account)
        if known is None or not known.reconciled or known.drift or self.amended.get(account):
            return False
        if desk.unheard or desk.run != sight.run() or not sight.awake(account):
            return False
        if desk.told < max(desk.charged, desk.mixed) or (balance and desk.told < desk.traded):
            return False
        held: dict[VenueSymbol, Decimal] = {}
        for (symbol, _), lot in self._bank.purses[account].lots.items():
            held[symbol] = held.get(symbol, ZERO) + lot.quantity
            if not self._is_priced(account, symbol):
                return False
        for book in known.books.values():
            if book.quantity:
                symbol = self._names[account].get(book.symbol, book.venue_symbol)
                if not self._is_priced(account, symbol):
                    return False
                held[symbol] = held.get(symbol, ZERO) - book.quantity
        return not any(held.values())

    def _is_priced(self, account: AccountId, symbol: VenueSymbol) -> bool:
        """Whether the engine's last price is the venue's: an old one may be the same by chance."""
        at = self.sight.priced(account, symbol)
        return at is not None and at == self._bank.priced.get(symbol)

    def _lines(self, desk: Desk) -> list[Line]:
        """Give the firm's lines that the engine is bound to know."""
        office = desk.office
        office.pass_to(self._clock.now)
        known = {
            "daily_loss": desk.reference == office.reference,
            "max_loss": desk.floor == office.floor,
        }
        return [line for line in office.lines() if known[line.rule]]

    # --- what the engine does -------------------------------------------------------------------

    def requested(self, event: ev.OrderRequested) -> None:
        """An entry was let through: no line had been reached at which entries stop."""
        desk = self.desks.get(event.account)
        if desk is None:
            return
        self._hours(desk, event)
        if not self.informed(event.account):
            return
        for line in self._lines(desk):
            if _share(line) >= desk.block:
                raise Broken(
                    "I4",
                    f"{event.cl_ord_id} was let through with {line.worst:.2f} of "
                    f"{line.allowance:.2f} used of {line.rule}",
                )

    def _hours(self, desk: Desk, event: ev.OrderRequested) -> None:
        """Nor does its firm forbid entries at this hour, nor for what was asked of the venue."""
        programme, now = desk.spec.programme, self._clock.now
        if programme is None:
            return
        rule = programme.news
        if rule is not None:
            released = _release(self._news, event.symbol, now, rule.before_s, rule.after_s)
            if released:
                raise Broken("I4", f"{event.cl_ord_id} was let through round {released}")
        if programme.flat is not None and _flat(programme.flat, now):
            raise Broken("I4", f"{event.cl_ord_id} was let through when all must be flat")
        cap = programme.conduct.max_requests_per_day
        if cap is not None and desk.office.day is not None:
            began = desk.office.day_began(now)
            sent = sum(1 for at in desk.sent if at >= began)
            if sent + 1 > cap - programme.guard.request_reserve:
                raise Broken("I4", f"{event.cl_ord_id} is request {sent + 1} of {cap} of the day")

    def sent(self, account: AccountId) -> None:
        """A request was written to the account's venue."""
        desk = self.desks.get(account)
        if desk is not None:
            desk.sent.append(self._clock.now)

    def spares(self, account: AccountId, name: ClOrdID, rows: list[ev.Event]) -> bool:
        """Whether a trail stands still, so that what its firm lets be asked in a day lasts.

        With each tenth of it that was asked for, whether or not it left, the pause after a change
        is twice as long, and with all of it as long as the day; what exits may need is kept.
        """
        desk = self.desks.get(account)
        programme = desk.spec.programme if desk is not None else None
        cap = programme.conduct.max_requests_per_day if programme is not None else None
        if desk is None or programme is None or cap is None:
            return False
        now = self._clock.now
        began = desk.office.day_began(now)
        asked = [row for row in rows if isinstance(row, _ASKS) and row.account == account]
        tenths = 10 * sum(1 for row in asked if row.at >= began)
        tenths //= max(cap - programme.guard.request_reserve, 1)
        last = max((row.at for row in asked if row.cl_ord_id == name), default=0)
        return tenths >= 10 or now < last + (self._pause << tenths) + _MOVED_WITHIN

    def ticked(self) -> None:
        """The engine has looked at its accounts: none is left over the line that flattens."""
        now = self._clock.now
        for name, desk in self.desks.items():
            since = (desk.changed, desk.told, len(desk.unheard), desk.office.due, len(self._stops))
            if since == desk.seen or now < desk.changed + _TOLD:
                continue
            if not self.informed(name):
                continue
            desk.seen = since
            lines = self._lines(desk)
            ours = self.sight.equity(name)
            if ours is not None and ours > desk.office.equity + _CENT:
                raise Broken("I4", f"{name} is worth {desk.office.equity}, the engine says {ours}")
            if not self._bank.purses[name].lots or f"account:{name}" in self._stops:
                continue
            if desk.office.failed:
                continue  # its firm has ended it; it was locked once, and a person armed it again
            for line in lines:
                if line.used * _HUNDRED / line.allowance >= desk.flatten or line.is_passed:
                    raise Broken(
                        "I4",
                        f"{name} holds on with {line.worst:.2f} of {line.allowance:.2f} used of "
                        f"{line.rule}",
                    )

    def stopped(self, event: ev.StopSet, before: ev.StopSet | None) -> None:
        """A stop was set: a lock of the loss watch has a cause, and ends at the firm's hour."""
        if event.code != CODE or event.loosens:
            return
        name = AccountId(event.scope.partition(":")[2])
        desk = self.desks.get(name)
        if desk is None:
            raise Broken("I4", f"{event.scope} was locked for a loss that no rule speaks of")
        now = self._clock.now
        known = before.until if before is not None else None
        own = strike_after(("00:00", "UTC"), now) if desk.own_day else None
        ends = desk.office.day_ends(now) or own or Instant(now + DAY)
        wanted = max(ends, known or Instant(0))
        until = event.until or Instant(0)
        if until < wanted or (until > wanted and not desk.office.unsure):
            raise Broken("I4", f"{event.scope} is locked until {until}, its day ends at {wanted}")
        self._cause(name, desk)

    def _cause(self, name: AccountId, desk: Desk) -> None:
        """A lock without a loss costs its owner a day."""
        if not self.informed(name) or len(self._lines(desk)) < len(desk.office.lines()):
            return
        if desk.misled and _follows_peaks(desk.office):
            return
        self._note(desk, self._clock.now)
        since = self._clock.now - _CAUSE
        shares = [share for at, share in desk.used if at >= since]
        older = [share for at, share in desk.used if at < since]
        if max(shares + older[-1:]) < desk.flatten:
            raise Broken(
                "I4", f"{name} was locked for a loss, and used {max(shares):.1f} % at the most"
            )

    def armed(self, event: ev.StopCleared, known: ev.StopSet | None) -> None:
        """A stop was lifted: not before its hour."""
        if known is not None and known.until is not None and event.at < known.until:
            raise Broken("I4", f"{event.scope} was armed before its hour, {known.until}")

    def not_armed(self, event: ev.ArmRefused, known: ev.StopSet | None) -> None:
        """Arming was refused: for the hour only while that is to come."""
        until = known.until if known is not None else None
        if event.code == "locked" and (until is None or event.at >= until):
            raise Broken("I4", f"{event.scope} is still locked, and its hour was {until}")

    # --- the end --------------------------------------------------------------------------------

    def settled(self) -> None:
        """Faults have stopped and time has passed: what is locked or must be flat is flat."""
        now = self._clock.now
        for name, desk in self.desks.items():
            if desk.spec.mode is AccountMode.SHADOW or not self._bank.purses[name].lots:
                continue
            programme = desk.spec.programme
            rule = programme.flat if programme is not None else None
            if rule is not None and _flat(rule, now) and _flat(rule, now - _CLOSED_WITHIN):
                raise Broken("I4", f"{name} holds a position when all must be flat")


def _desk(spec: AccountSpec, office: Office) -> Desk:
    return Desk(spec, office, *_shares(spec.programme, spec.limits), _has_days(spec.limits))


def _has_days(limits: RiskLimits) -> bool:
    return limits.max_daily_loss is not None or limits.max_daily_loss_percent is not None


def _shares(programme: Programme | None, limits: RiskLimits) -> tuple[Decimal, Decimal]:
    """Give the shares of an allowance, in percent, that block and that flatten."""
    guard = programme.guard if programme is not None else Guard()
    return (
        min(limits.loss_block_percent, guard.block_at),
        min(limits.loss_flatten_percent, guard.flatten_at),
    )


def _share(line: Line) -> Decimal:
    return line.worst * _HUNDRED / line.allowance


def _follows_peaks(office: Office) -> bool:
    """Whether a moment's gain raises a line for good."""
    if office.daily is not None and office.daily.reference == "day_peak_equity":
        return True
    return office.whole is not None and office.whole.kind == "trailing"


def _by_balance(office: Office) -> bool:
    """Whether a firm counts by closed results."""
    daily, whole = office.daily, office.whole
    if daily is not None and daily.reference in ("balance", "higher"):
        return True
    return whole is not None and whole.trail is not None and whole.trail.on == "balance"


def _release(news: News | None, symbol: str, at: int, before: int, after: int) -> str:
    """Name the release in whose window an instant is for a pair of currencies; '' for none."""
    if news is None or news.calendar is None:
        return "releases that nobody knows"
    for one in news.calendar.releases:
        ours = one.currency in (symbol[:3], symbol[3:])
        if ours and one.at - before * SECOND <= at <= one.at + after * SECOND:
            return one.title
    return ""


def _flat(rule: FlatRule, at: int) -> bool:
    """Whether an instant is within the daily hours in which nothing may be held."""
    starts = (rule.time, rule.tz)
    ends = strike_after(meanings(Clock(rule.reopen, rule.tz))[0], at)
    began = strike_after(starts, ends - DAY)
    return began - rule.buffer_min * MINUTE <= at < ends and ends - began < DAY // 2
