"""What is seen from outside, and what must be true of it: the broker's ledger, the wire, the disk.

Invariants by number, as docs/reliability.md lists them: I1 no duplicate, I2 no lost fill, I3 no
phantom, I5 durable before visible, I6 replay gives the same state, I7 nothing leaves after the
latch, I8 everything comes to a known state, I9 doubt ends by evidence alone, I10 every
instruction is accounted for.
"""

import re
import sqlite3
from collections import Counter
from contextlib import closing
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from bascule.execution.evolve import evolve
from bascule.execution.state import State, dump
from bascule.journal.chain import decode
from bascule.journal.sqlite import SqliteStore
from bascule.journal.store import Row
from bascule.model.enums import OrdStatus
from bascule.model.event import ForeignFill, OrderEnded, OrderFilled
from bascule.model.ids import AccountId, ClOrdID, Symbol
from bascule.model.intent import Receipt
from bascule.model.values import ZERO
from bascule.sim.shell.chances import SYMBOL

if TYPE_CHECKING:
    from bascule.sim.shell.machine import Machine

_ENTRY = re.compile(r".*-[0-9a-z]+?e(\.\d+)?")
"""The names of entries: ``<signal>[.<intent>]-<account>e[.<attempt>]``."""
_COMMANDS = tuple(f'{{"type":"{kind}"'.encode() for kind in ("submit", "cancel", "replace"))
_AGAIN = re.compile(r"(.*-[0-9a-z][ex][0-9a-z]*)\.\d+")
"""The names of entries and exits that are attempted anew, and what they were named at first."""
PLATTER_CHECKS = 6
"""How often a run reads the platter itself when something becomes visible; it is slow."""
CHANGE_CHECKS = 2
"""How often it does so for a cancel or change."""


class Witness:
    """Watches one world. It believes the ledger and the bytes, never the engine."""

    def __init__(self, world: "Machine") -> None:
        self._world = world
        self._wrong: list[str] = []
        self._looks = PLATTER_CHECKS
        self._change_looks = CHANGE_CHECKS
        self.hand_traded = False
        self.submits: Counter[str] = Counter()
        self.answers: dict[str, str] = {}
        """The signal's id that each alert was answered with."""

    # --- as it happens --------------------------------------------------------------------------

    def on_wire(self, direction: str, subject: str, payload: bytes) -> None:
        """See a frame as the engine's own venue client writes it."""
        if direction != ">" or not payload.startswith(_COMMANDS):
            return
        world = self._world
        name = ClOrdID(subject)
        if b'"type":"submit"' not in payload:
            self._on_change(name, msgspec.json.decode(payload)["request"]["request_id"])
            return
        self.submits[name] += 1
        if self.submits[name] > 1:
            self._wrong.append(f"I1 order {name} was sent {self.submits[name]} times")
        runtime = world.runtime
        if runtime is None:
            return
        order = next(
            (one.orders[name] for one in runtime.state.accounts.values() if name in one.orders),
            None,
        )
        if order is None:
            self._wrong.append(f"I3 order {name} was sent and is not in the state")
            return
        spec = runtime.settings.accounts[order.account]
        mode = world.latch.mode(spec, order.strategy)
        if mode == "freeze" or (mode == "halt" and order.leg == "e"):
            self._wrong.append(f"I7 order {name} left although the latch says {mode}")
        self._on_platter(f"order {name}", "order_requested", "cl_ord_id", name)

    def _on_change(self, name: ClOrdID, request: str) -> None:
        """A freeze holds cancels and changes back too, and they are on the disk before."""
        world, runtime = self._world, self._world.runtime
        accounts = runtime.state.accounts.values() if runtime is not None else ()
        order = next((one.orders[name] for one in accounts if name in one.orders), None)
        if runtime is None or order is None:
            return
        spec = runtime.settings.accounts[order.account]
        if world.latch.mode(spec, order.strategy) == "freeze":
            self._wrong.append(f"I7 a change of {name} left although the latch says freeze")
        if self._change_looks > 0:
            self._change_looks -= 1
            self._must_be_kept(f"change {request}", "", "request_id", request)

    def on_answer(self, alert: str, receipt: Receipt) -> None:
        """See a sender being answered."""
        world = self._world
        world.acknowledged[alert] = receipt
        self._on_platter(f"the answer to {alert}", "", "signal", receipt.signal)
        if receipt.status not in ("accepted", "duplicate"):
            return
        first = self.answers.setdefault(alert, receipt.duplicate_of or receipt.signal)
        if (receipt.duplicate_of or receipt.signal) != first:
            self._wrong.append(f"I1 alert {alert} was acted on as {first} and as {receipt.signal}")

    def _on_platter(self, what: str, kind: str, field: str, wanted: str) -> None:
        """Hold that what becomes visible would survive a power cut at this instant."""
        if self._looks <= 0 or not self._world.looks():
            return
        self._looks -= 1
        self._must_be_kept(what, kind, field, wanted)

    def _must_be_kept(self, what: str, kind: str, field: str, wanted: str) -> None:
        rows = self.rows(platter=True)
        if not any(
            (not kind or row.kind == kind) and f'"{field}":"{wanted}"' in row.data for row in rows
        ):
            self._wrong.append(f"I5 {what} was visible before it was durable")

    # --- at the end -----------------------------------------------------------------------------

    def unsettled(self) -> list[str]:
        """Say what is not in a known state: in doubt, in flight, or other than the broker's."""
        runtime = self._world.runtime
        if runtime is None:
            return ["the engine is not running"]
        if runtime.owner.stopped:
            return ["the engine is ending"]
        wrong: list[str] = []
        for login in self._world.logins:
            account = runtime.state.accounts.get(AccountId(login))
            stale = self._world.faults.get("stale_positions_snapshot") and account
            shown = stale and bool(stale.drift)
            if account is None or not (account.reconciled or shown) or not account.link_up:
                wrong.append(f"I8 {login} is not reconciled")
                continue
            there = {
                str(row[0])
                for row in self.ledger(
                    "select venue_order_id from orders where login = ? and status in "
                    "('working', 'partially_filled')",
                    login,
                )
            }
            here = {order.venue_order_id for order in account.orders.values() if not order.waiting}
            wrong += [f"I8 {login}: order {one} is open there only" for one in there - here]
            wrong += [f"I8 {login}: order {one} is open here only" for one in here - there]
            wrong += [
                f"I8 {login}: {order.cl_ord_id} is {order.status.value}"
                for order in account.orders.values()
                if order.status in (OrdStatus.IN_DOUBT, OrdStatus.NEW_REQUESTED) or order.pending
                if not order.waiting
            ]
            theirs = sum(
                (
                    Decimal(str(row[0]))
                    for row in self.ledger("select quantity from positions where login = ?", login)
                ),
                ZERO,
            )
            exposure = account.exposure.get(Symbol(SYMBOL))
            ours = exposure.net if exposure is not None else ZERO
            # A venue that shows a stale answer twice can make us wrong, and that is shown.
            if ours != theirs and not account.drift:
                wrong.append(f"I8 {login} holds {theirs}, the engine says {ours}")
        return wrong

    def verdict(self) -> list[str]:
        """Say everything that was violated."""
        wrong = self._wrong + self.unsettled()
        rows = self.rows()
        state = State()
        try:
            for row in rows:
                evolve(state, decode(row.seq, row.data))
        except Exception as error:
            return [*wrong, f"I6 the journal cannot be replayed: {error!r}"]
        runtime = self._world.runtime
        if runtime is not None and not runtime.owner.stopped:
            behind = runtime.owner.state
            told = rows and rows[-1].seq == runtime.head_seq and runtime.owner.settled
            if told and dump(state) != dump(behind):
                wrong.append("I6 the replayed journal is another state than the lived one")
        return wrong + self._orders() + self._ends(rows) + self._fills(rows) + self._signals(rows)

    def _orders(self) -> list[str]:
        twice = self.ledger(
            "select cl_ord_id, count(*) from requests where op = 'submit' and cl_ord_id <> '' "
            "group by login, cl_ord_id having count(*) > 1"
        )
        wrong = [f"I1 order {name} reached the broker {count} times" for name, count in twice]
        causes = Counter(
            (login, _AGAIN.sub(r"\1", str(name)))
            for login, name in self.ledger(
                "select login, cl_ord_id from orders where cl_ord_id <> '' and status <> 'rejected'"
            )
        )
        return wrong + [
            f"I1 {name} lived as {count} orders" for (_, name), count in causes.items() if count > 1
        ]

    def _ends(self, rows: list[Row]) -> list[str]:
        """An order that the venue took is never called rejected or unsent."""
        taken = {
            str(row[0]): str(row[1])
            for row in self.ledger(
                "select cl_ord_id, status from orders where cl_ord_id <> '' "
                "and status <> 'rejected'"
            )
        }
        wrong = []
        for row in rows:
            if row.kind != "order_ended":
                continue
            event = decode(row.seq, row.data)
            if (
                isinstance(event, OrderEnded)
                and event.status in (OrdStatus.REJECTED, OrdStatus.EXPIRED_UNSENT)
                and event.cl_ord_id in taken
            ):
                wrong.append(
                    f"I9 {event.cl_ord_id} was called {event.status.value} ({event.reason}) and "
                    f"is {taken[event.cl_ord_id]} at the venue"
                )
        return wrong

    def _fills(self, rows: list[Row]) -> list[str]:
        # What was traded by hand before the first look is taken over as a position, not as fills.
        met: dict[str, int] = {}
        for row in rows:
            if row.kind == "reconcile_passed":
                met.setdefault(row.account, row.at)
        ledger = self.ledger(
            "select exec_id, login, at, (cl_ord_id <> '' or parent <> '') "
            "and cl_ord_id not like 'g%' from fills"
        )
        theirs = {str(row[0]) for row in ledger}
        due = {str(name) for name, login, at, ours in ledger if ours or int(at) > met.get(login, 0)}
        counted = [
            event
            for row in rows
            if row.kind in ("order_filled", "foreign_fill")
            if isinstance(event := decode(row.seq, row.data), OrderFilled | ForeignFill)
        ]
        ours = [str(event.exec_id) for event in counted]
        wrong = [f"I2 fill {one} is not in the journal" for one in due - set(ours)]
        wrong += [f"I3 fill {one} is in the journal only" for one in set(ours) - theirs]
        wrong += [
            f"I2 fill {one} was counted {n} times" for one, n in Counter(ours).items() if n > 1
        ]
        wrong += self._otherwise(counted)
        strangers = self.ledger(
            "select exec_id from fills where cl_ord_id = '' and parent = '' or cl_ord_id like 'g%'"
        )
        foreign = {str(event.exec_id) for event in counted if isinstance(event, ForeignFill)}
        astray = foreign - {str(row[0]) for row in strangers}
        return wrong + [f"I3 fill {one} of ours went to nobody" for one in astray]

    def _otherwise(self, counted: list[OrderFilled | ForeignFill]) -> list[str]:
        """Say which fills were counted otherwise than they stand in the ledger."""
        ledger = self.ledger("select exec_id, side, quantity, price, commission from fills")
        theirs = {
            str(name): (str(side), *(Decimal(str(number)) for number in numbers))
            for name, side, *numbers in ledger
        }
        wrong = []
        for one in counted:
            ours = (one.side.value, one.quantity, one.price, one.commission)
            there = theirs.get(one.exec_id, ours)
            if there != ours:
                words = [" ".join(map(str, side)) for side in (ours, there)]
                wrong.append(f"I3 fill {one.exec_id} was counted as {words[0]}, and is {words[1]}")
        return wrong

    def _signals(self, rows: list[Row]) -> list[str]:
        known = {row.signal for row in rows} | {row.cause for row in rows}
        wrong = [
            f"I5 alert {alert} was answered and is not in the journal"
            for alert, receipt in self._world.acknowledged.items()
            if receipt.signal not in known
        ]
        accepted = {row.signal for row in rows if row.kind == "signal_accepted"}
        followed = {row.signal for row in rows if row.kind != "signal_accepted"}
        followed |= {row.cause for row in rows}
        silent = accepted - followed
        operator = {
            row.signal for row in rows if row.kind == "signal_accepted" and '"operator"' in row.data
        }
        return wrong + [f"I10 nothing is said of signal {one}" for one in silent - operator]

    def entries(self) -> Counter[str]:
        """Count, by login, the entries of ours that the broker took and did not reject."""
        return Counter(
            str(login)
            for login, name in self.ledger(
                "select login, cl_ord_id from orders where cl_ord_id <> '' and status <> 'rejected'"
            )
            if _ENTRY.fullmatch(str(name))
        )

    def rows(self, *, platter: bool = False) -> list[Row]:
        """Read the journal's file as a stranger would, from a copy of the disk."""
        disk = self._world.disk.copy(f"look-{id(self)}", platter=platter)
        store = SqliteStore.open("/journal.db", vfs=disk.name, shared=False)
        try:
            return list(store.rows(0))
        finally:
            store.close()
            disk.unregister()

    def ledger(self, query: str, *values: object) -> list[tuple[str, ...]]:
        """Ask the broker's file, as a stranger would."""
        path = self._world.folder / "broker.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as ledger:
            return ledger.execute(query, values).fetchall()
