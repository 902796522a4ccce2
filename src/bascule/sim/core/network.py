"""What lies between the engine and its venues: delays, losses, doubles, and links that drop."""

from collections.abc import Callable

from bascule.execution.inputs import (
    ChangeAnswered,
    Input,
    MoneyReceived,
    ReportReceived,
    SubmitAnswered,
)
from bascule.execution.turn import Settings
from bascule.model.ids import AccountId, VenueId
from bascule.model.order import (
    AccountSnapshot,
    CancelOrder,
    ExecutionReport,
    NewOrder,
    Outcome,
    Refused,
    ReplaceOrder,
    Unknown,
)
from bascule.model.values import SECOND
from bascule.sim.core.clockwork import Clockwork
from bascule.sim.core.distributions import Chances
from bascule.sim.core.venue import Venue

Request = NewOrder | CancelOrder | ReplaceOrder


class _Call:
    """A request under way; it gets one outcome."""

    __slots__ = ("answered", "run", "venue", "what")

    def __init__(self, what: Request, venue: VenueId, run: int) -> None:
        self.what = what
        self.venue = venue
        self.run = run
        self.answered = False


class Network:
    """The links of one engine to all its venues.

    ``feed`` takes what reaches the engine. ``run`` counts the engine's starts: what was under way
    to an engine that has died reaches nobody.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clockwork,
        chances: Chances,
        feed: Callable[[Input], object],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._chances = chances
        self._feed = feed
        self.venue: Venue
        self.run = 0
        self.up: dict[VenueId, bool] = {}
        self.deaf_until: dict[VenueId, int] = {}
        """Until when a venue has forgotten whom it tells of what."""
        self.in_flight: dict[str, NewOrder | ReplaceOrder] = {}
        """Orders and changes on their way to the venue, by name."""
        self.amends_heard: dict[AccountId, set[str]] = {}
        """The busts and corrections that reached this run of the engine, or one before that lived
        on long enough to keep them."""
        self._calls: dict[int, _Call] = {}
        self._last_word: dict[VenueId, int] = {}
        self._count = 0

    def venue_of(self, account: AccountId) -> VenueId:
        """Name an account's venue."""
        return self._settings.accounts[account].venue

    @property
    def is_busy(self) -> bool:
        """Whether a request waits for its answer, or reports are on their way to the engine."""
        return bool(self._calls) or any(at > self._clock.now for at in self._last_word.values())

    # --- requests -------------------------------------------------------------------------------

    def send(self, request: Request) -> None:
        """Write one request to its venue; its outcome comes back as an input."""
        venue = self.venue_of(request.account)
        call = _Call(request, venue, self.run)
        if not self.up.get(venue):
            gone = Refused("not_connected", "", "the link is down", self._clock.now)
            self._clock.after(0, lambda: self._answer(call, gone), host=True)
            return
        self._count += 1
        number = self._count
        self._calls[number] = call
        name = _name(request)
        timeout = self._settings.capabilities[request.account].submit_timeout_ns
        self._clock.after(timeout, lambda: self._time_out(number), host=True)
        if not isinstance(request, CancelOrder):
            self.in_flight[name] = request
        if self._chances.strikes("lose_request", name):
            self.in_flight.pop(name, None)
            return
        self._clock.after(self._chances.request(name), lambda: self._arrive(number, call))
        if self._chances.strikes("double_request", name):
            # The same bytes again, a moment later: over a proxy that repeats, or a retried write.
            delay = self._chances.request(name) + self._chances.reply(f"again {name}")
            self._clock.after(delay, lambda: self._arrive(number, call))

    def _arrive(self, number: int, call: _Call) -> None:
        request, venue = call.what, self.venue
        venue.at = self._clock.now
        name = _name(request)
        self.in_flight.pop(name, None)
        if isinstance(request, NewOrder):
            outcome = venue.submit(request)
        elif isinstance(request, CancelOrder):
            outcome = venue.cancel(request)
        else:
            outcome = venue.replace(request)
        if self._chances.strikes("lose_reply", name):
            return
        delay = self._chances.reply(name)
        self._clock.after(delay, lambda: self._settle(number, call, outcome), host=True)

    def _settle(self, number: int, call: _Call, outcome: Outcome) -> None:
        if self._calls.pop(number, None) is not None:
            self._answer(call, outcome)

    def _time_out(self, number: int) -> None:
        call = self._calls.pop(number, None)
        if call is not None:
            self._answer(call, Unknown("timeout", self._clock.now))

    def _answer(self, call: _Call, outcome: Outcome) -> None:
        if call.run != self.run or call.answered:
            return
        call.answered = True
        request, now = call.what, self._clock.now
        if isinstance(request, NewOrder):
            self._feed(SubmitAnswered(now, request.account, request.cl_ord_id, outcome))
        else:
            self._feed(
                ChangeAnswered(now, request.account, request.cl_ord_id, request.request_id, outcome)
            )

    # --- reports --------------------------------------------------------------------------------

    def tell(self, report: ExecutionReport) -> None:
        """Carry a report to the engine, if anything listens."""
        venue = self.venue_of(report.account)
        now = self._clock.now
        if not self.up.get(venue) or now < self.deaf_until.get(venue, 0):
            return
        # A name of its own for each fact, and the same in each run of the scenario.
        name = f"{report.exec_id}{report.exec_type}{report.venue_order_id}{report.at}"
        chances = self._chances
        if chances.strikes("lose_report", name):
            return
        delay = chances.reply(name)
        if chances.strikes("late_report", name):
            delay = chances.late(name)
        elif not chances.strikes("swap_reports", name):
            delay = max(delay, self._last_word.get(venue, 0) - now)
            self._last_word[venue] = now + delay
        run = self.run
        self._clock.after(delay, lambda: self._hear(report, venue, run), host=True)
        if chances.strikes("double_report", name):
            again = delay + chances.reply(f"again {name}")
            self._clock.after(again, lambda: self._hear(report, venue, run), host=True)

    def _hear(self, report: ExecutionReport, venue: VenueId, run: int) -> None:
        if run == self.run and self.up.get(venue):
            if report.ref_exec_id is not None:
                self.amends_heard.setdefault(report.account, set()).add(report.exec_id)
            self._feed(ReportReceived(self._clock.now, report))

    def tell_money(self, snapshot: AccountSnapshot, name: str) -> None:
        """Carry a venue's word on an account's money to the engine."""
        venue = self.venue_of(snapshot.account)
        if not self.up.get(venue):
            return
        chances, run = self._chances, self.run
        late = chances.strikes("late_money", name)
        delay = chances.late(name) if late else chances.reply(name)

        def hear() -> None:
            if run == self.run and self.up.get(venue):
                self._feed(MoneyReceived(self._clock.now, snapshot))

        self._clock.after(delay, hear, host=True)

    # --- links ----------------------------------------------------------------------------------

    def drop(self, venue: VenueId) -> None:
        """Lose a link: what is under way on it has no outcome."""
        self.up[venue] = False
        for number, call in list(self._calls.items()):
            if call.venue == venue:
                del self._calls[number]
                self._answer(call, Unknown("disconnected", self._clock.now))

    def die(self) -> None:
        """The engine has died: nothing on its way to it arrives. Requests travel on."""
        self.run += 1
        self._calls.clear()
        self.amends_heard.clear()  # they may not have been durable
        for venue in self.up:
            self.up[venue] = False

    def forget(self, venue: VenueId, reason: str) -> None:
        """The venue tells nothing for a while, though the link looks whole."""
        self.deaf_until[venue] = self._clock.now + self._chances.between(SECOND, 8 * SECOND, reason)


def _name(request: Request) -> str:
    return request.cl_ord_id if isinstance(request, NewOrder) else request.request_id
