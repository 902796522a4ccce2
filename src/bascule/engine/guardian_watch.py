"""The engine's eye on the guardian, and what the two hand each other.

Each second: what the guardian did is taken into the journal; who owns what is left for it; and
where it must be there and is not, entries are held back by the latch until it is.
"""

from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec
import structlog

from bascule.config.guardian_log import Line, read_log
from bascule.config.handover import (
    Books,
    Floor,
    GuardianFiles,
    Heartbeat,
    OwnedBook,
    Ownership,
    read_file,
    replace_file,
    write_floors,
)
from bascule.execution.inputs import GuardianTold
from bascule.execution.loss import loss_of
from bascule.execution.state import AccountState
from bascule.execution.turn import Turn
from bascule.model.errors import JournalCorrupt
from bascule.model.values import SECOND, Instant
from bascule.risk.loss import Loss
from bascule.risk.programmes.ledger import Room

if TYPE_CHECKING:
    from bascule.engine.runtime import Runtime

log = structlog.get_logger("bascule.engine")

EVERY_NS = 1 * SECOND
GONE_NS = 5 * SECOND
"""A guardian without a sign of life for so long is gone."""
KEEPER = "unguarded"
"""Who keeps the latch while there is no guardian."""


class GuardianWatch:
    """Watches the guardian of a running engine.

    ``needed`` says whether entries wait for a guardian, as they do on live accounts.
    """

    def __init__(self, runtime: "Runtime", *, needed: bool) -> None:
        self._runtime = runtime
        self._files = GuardianFiles(runtime.setup.data_dir)
        self._disk = runtime.setup.files
        self._processes = runtime.setup.processes
        self._needed = needed
        self._offset = 0
        self._broken = ""
        self._books = b""
        self._floors: dict[str, Floor] = {}
        self.present: bool | None = None
        """Whether a guardian was there at the last look."""

    async def run(self) -> None:
        """Watch for as long as the engine runs."""
        while True:
            self.take_in()
            self.look()
            if self._disk.is_folder(self._files.path):  # else there was never a guardian here
                self._hand_over_books()
                self._hand_over_floors()
            await self._runtime.clock.sleep(EVERY_NS)

    def take_in(self) -> None:
        """Journal what the guardian's log has that the journal does not have yet."""
        try:
            for line, end in read_log(self._files.log, offset=self._start(), files=self._disk):
                self._runtime.owner.feed(_told(line, self._runtime.clock.now()))
                self._offset = end
        except (JournalCorrupt, OSError) as error:
            if str(error) != self._broken:
                self._broken = str(error)
                log.error("guardian_log_unreadable", text=str(error))

    def _start(self) -> int:
        """Give where to read on; a log that is shorter than it was is another one."""
        try:
            size = self._disk.size(self._files.log)
        except OSError:
            size = 0
        if size < self._offset:
            self._offset = 0
        return self._offset

    def farewell(self) -> None:
        """Say that the engine was told to end, so that its end is not taken for its death."""
        if not self._disk.is_folder(self._files.path):
            return
        pid, started = self._processes.own()
        last = msgspec.json.encode(
            Heartbeat(at=self._runtime.clock.now(), pid=pid, started=started)
        )
        with suppress(OSError):  # the guardian then says that it died, which costs an alert
            replace_file(self._files.engine_ended, last, files=self._disk)

    def look(self) -> None:
        """Look for the guardian, and hold entries back while it must be there and is not."""
        present = self._is_present(self._runtime.clock.now())
        if present == self.present:
            return
        if not self._needed:
            self.present = present
            return
        latch = self._runtime.latch
        if present:
            try:
                latch.release("all", KEEPER)
            except OSError as error:  # whoever reads it holds it on Windows; it is tried again
                log.warning("latch_not_released", text=str(error))
                return
            if self.present is not None:
                log.info("guardian_back", text="the guardian is there again; entries may leave")
            self.present = True
            return
        self.present = False
        reason = "no guardian runs, and live entries leave only while one does"
        latch.set("all", by="engine", reason=reason, at=self._runtime.clock.now(), keeper=KEEPER)
        log.error("guardian_gone", text=reason)

    def _is_present(self, now: Instant) -> bool:
        beat = read_file(self._files.progress, Heartbeat, self._disk)
        if beat is None or now - beat.at > GONE_NS:
            return False
        return not beat.started or self._processes.runs(beat.pid, beat.started)

    def _hand_over_books(self) -> None:
        """Leave who owns what, so that one strategy can be closed without the engine."""
        settings, accounts = self._runtime.settings, dict[str, Ownership]()
        for account in self._runtime.state.accounts.values():
            listings = settings.listings.get(account.id)
            if listings is None:
                # Under our own names nobody would find it: the last word on it stands.
                accounts |= {k: v for k, v in self._left().items() if k == account.id}
                continue
            names = {symbol: listing.venue_symbol for symbol, listing in listings.items()}
            accounts[str(account.id)] = _owned(account, {str(k): str(v) for k, v in names.items()})
        content = msgspec.json.encode(accounts)
        if content == self._books:
            return
        books = msgspec.json.encode(Books(at=self._runtime.clock.now(), accounts=accounts))
        try:
            replace_file(self._files.books, books, durable=False, files=self._disk)
        except OSError as error:
            log.warning("books_not_handed_over", text=str(error))
            return
        self._books = content

    def _left(self) -> dict[str, Ownership]:
        """Give who owned what when an engine last said so."""
        known = read_file(self._files.books, Books, self._disk)
        return known.accounts if known is not None else {}

    def _hand_over_floors(self) -> None:
        """Leave the loss line of each account, so that it holds without the engine."""
        run = self._runtime
        turn = Turn(run.state, run.settings, run.market, run.clock.now())
        floors = {}
        for account in run.state.accounts.values():
            spec = run.settings.accounts.get(account.id)
            loss = loss_of(turn, account, spec) if spec is not None else None
            if loss is not None and loss.rooms and not loss.unknown:
                floors[str(account.id)] = floor_of(loss)
        for name, floor in self._floors.items():
            floors.setdefault(name, floor)  # what is not known now was known a moment ago
        if floors == self._floors:
            return
        try:
            write_floors(self._files.floors, floors, self._disk)
        except OSError as error:
            log.warning("floors_not_handed_over", text=str(error))
            return
        self._floors = floors


def floor_of(loss: Loss) -> Floor:
    """Give the loss line of an account: where Bascule closes it, by the rule that is met first."""

    def level(room: Room, percent: Decimal) -> Decimal:
        return room.floor + room.allowance * (100 - percent) / 100

    first = max(loss.rooms, key=lambda room: level(room, loss.flatten_percent))
    half_way = (loss.flatten_percent + 100) / 2
    return Floor(
        level=level(first, loss.flatten_percent),
        late=level(first, half_way),
        until=loss.reset,
        rule=first.rule,
    )


def _owned(account: AccountState, names: dict[str, str]) -> Ownership:
    books = []
    for book in account.books.values():
        name = names.get(book.symbol, book.symbol)
        lots = {str(lot): held for lot, held in book.lots.items()} or {"": book.quantity}
        books += [
            OwnedBook(strategy=book.strategy, venue_symbol=name, quantity=held, position_id=lot)
            for lot, held in lots.items()
            if held
        ]
    orders = {str(o.cl_ord_id): str(o.strategy) for o in account.orders.values()}
    return Ownership(orders=orders, books=tuple(books))


def _told(line: Line, now: Instant) -> GuardianTold:
    said = line.facts
    until = said.get("until")
    return GuardianTold(
        at=now,
        seq=line.seq,
        done_at=line.at,
        what=line.kind,
        facts=msgspec.json.encode(said).decode(),
        line_hash=line.hash,
        action=str(said.get("action") or ""),
        scope=str(said.get("scope") or ""),
        by=str(said.get("by") or ""),
        reason=str(said.get("reason") or ""),
        until=Instant(until) if isinstance(until, int) else None,
    )
