"""What must be true of a guardian: held against the broker's floor, the wire and the platter.

I7 in full: nothing of the engine leaves once *flat* was said; *flat* is said of an account that is,
and stays true of our own orders until somebody arms. And of the guardian itself (G): what it
acknowledged is durable and outlives it; it sends nothing unless a stop asks for it; its closes
never open the other side; stops at the venue stand while what they guard does; and the engine
comes to know every line of its log.
"""

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from bascule.config.guardian_log import Line, read_log
from bascule.config.handover import GuardianFiles
from bascule.config.latch import GUARDIAN_KEEPERS
from bascule.guardian.service import Guardian
from bascule.guardian.stops import NOTHING, Goal
from bascule.guardian.words import Alert, Command, CommandResult
from bascule.model.enums import OrdType
from bascule.model.values import SECOND, ZERO

if TYPE_CHECKING:
    from bascule.sim.shell.guarded import GuardedWorld

OWN = re.compile(r"g[0-9a-z]{6,}-[0-9a-z]+")
"""How the guardian names its orders."""
_COVERS = {
    "halt": {"halt", "lock", "cancel", "flatten"},
    "lock": {"halt", "lock", "cancel", "flatten"},
    "cancel": {"cancel", "flatten"},
    "flatten": {"flatten"},
    "freeze": {"freeze", "flatten"},
}
"""What a stop may have become without anybody's word."""
_STOPS = frozenset({OrdType.STOP, OrdType.STOP_LIMIT, OrdType.TRAILING_STOP})
NOTICED_NS = 3 * SECOND
"""So long after its time a stalled engine must have been noticed."""
RACE_NS = 3 * SECOND
"""So long before a close what it is based on may have been seen: others' fills race it."""
SETTLED_NS = 2 * SECOND
"""A position that is older than this was there when the guardian last looked."""
TIMEOUT_NS = 1 * SECOND
"""The venue's longest send time-out in these worlds."""


class _Flat(NamedTuple):
    """From when to when an account was said to be flat."""

    login: str
    since: int
    until: int


class Vigil:
    """Watches one machine's guardian."""

    def __init__(self, world: "GuardedWorld") -> None:
        self._world = world
        self._files = GuardianFiles(world.folder)
        self._wrong: list[str] = []
        self._held: dict[str, str] = {}
        """The stops that were acknowledged and not armed since: what each scope asks for."""
        self._flat: dict[str, int] = {}
        self._flats: list[_Flat] = []
        self._left: dict[tuple[str, str], int] = {}
        """When the bytes of each of the engine's orders were written."""
        self._looked: dict[str, int] = {}
        self._seen_alive = (0, 0)
        """Which engine was last seen to count as alive, and at which guardian."""
        self._lifted_at = self._saved_at = 0
        self._asked: Command | None = None
        self._unheard: set[str] = set()
        """Scopes whose command was lost with a guardian whose disk failed."""

    # --- as it happens --------------------------------------------------------------------------

    def began(self, guardian: Guardian) -> None:
        """See a guardian start: everything acknowledged must be in force again."""
        now = {stop.scope: stop.action for stop in guardian.view().stops}
        for scope, action in self._held.items():
            if now.get(scope) not in _COVERS[action]:
                self._wrong.append(
                    f"G the guardian forgot {action} on {scope}, it has {now.get(scope)}"
                )

    def ends(self, guardian: Guardian | None) -> None:
        """See it end. What its disk refused until then is lost, and it had said so."""
        if self._asked is not None and self._asked.action == "arm":
            self._held.pop(self._asked.scope, None)
            for login in list(self._flat):
                self._end_flat(login)
        self._asked = None
        if guardian is None or not guardian.unsaved:
            return
        kept = self._kept_scopes()
        self._unheard |= set(self._held)
        self._held = {scope: action for scope, action in self._held.items() if scope in kept}

    def _kept_scopes(self) -> set[str]:
        content = self._world.files.platter(self._files.stops) or b"[]"
        return {one["scope"] for one in msgspec.json.decode(content)}

    def asked(self, command: Command) -> None:
        """See the guardian begin with a command; if it dies in it, it may be done or not."""
        self._asked = command

    def answered(self, command: Command, result: CommandResult, guardian: Guardian) -> None:
        """See a command answered: it must be durable at this instant, and the gate shut."""
        self._asked = None
        if result.status != "done":
            return
        scope = command.scope
        stops = {stop.scope: stop for stop in guardian.view().stops}
        if command.action == "arm":
            self._held.pop(scope, None)
            self._lifted_at = self._world.clock.now()
            self._lift(guardian)
        elif scope in stops:
            self._held[scope] = stops[scope].action
        if guardian.unsaved or self._world.disk_fails:
            return
        self._on_platter(command.action, scope)
        if command.action == "arm":
            return
        for spec in self._world.specs():
            covered = scope in ("all", f"account:{spec.id}", f"venue:{spec.venue}")
            if covered and self._world.latch.mode(spec) is None:
                self._wrong.append(f"G {command.action} on {scope} was acknowledged, gate open")

    def _on_platter(self, action: str, scope: str) -> None:
        kind = "armed" if action == "arm" else "command"
        log = self._world.files.platter(self._files.log).splitlines()
        last = msgspec.json.decode(log[-1], type=Line) if log else None
        if last is None or (last.kind, last.facts.get("scope")) != (kind, scope):
            self._wrong.append(f"G {action} on {scope} was acknowledged before it was logged")
        if (scope in self._kept_scopes()) == (kind == "armed"):
            self._wrong.append(f"G {action} on {scope} was acknowledged before it was kept")

    def heard(self, alert: Alert, guardian: Guardian) -> None:
        """See it tell something: the word *flat* must be true."""
        if alert.code not in ("flat", "not_flat_again"):
            return
        login = next(name for name in self._world.logins if f"Account {name} " in alert.text)
        if alert.code == "flat":
            self._flat[login] = self._world.clock.now()
            self._judge_flat(login, guardian)
        else:
            self._end_flat(login)

    def _judge_flat(self, login: str, guardian: Guardian) -> None:
        world, floor = self._world, self._world.server.broker.floor
        now = world.clock.now()
        looked = next(a.looked_at for a in guardian.view().accounts if a.account == login) or 0
        held = {p.key: p for p in floor.accounts.by_login[login].positions.values() if p.quantity}
        working = [o for o in floor.orders.working(login=login) if not self._hidden(o, now)]
        ours = [o for o in working if o.origin != "hand" and o.created_at < looked]
        if ours:
            self._wrong.append(f"I7 {login} is called flat, {ours[0].cl_ord_id} works there")
        if not held or "stale_positions_snapshot" in world.faults:
            return
        by_hand = any(
            fill[0] == login and fill[1] == "hand" and fill[2] >= looked for fill in self._recent()
        )
        if not by_hand:
            names = ", ".join(f"{p.quantity} of {p.key}" for p in held.values())
            self._wrong.append(f"I7 {login} is called flat and holds {names}")

    def _hidden(self, order: Any, now: int) -> bool:
        """Whether the venue conceals an order that it has taken."""
        return order.venue_order_id in self._world.server.broker.answers._hidden

    def _recent(self) -> list[tuple[str, str, int]]:
        rows = self._world.witness.ledger("select login, origin, at from fills")
        return [(str(login), str(origin), int(at)) for login, origin, at in rows]

    def _lift(self, guardian: Guardian) -> None:
        """See stops lifted: an account that nothing flattens or freezes may trade again."""
        for spec in self._world.specs():
            if guardian.goal(spec).action not in ("flatten", "freeze"):
                self._end_flat(spec.login)

    def _end_flat(self, login: str) -> None:
        since = self._flat.pop(login, None)
        if since is not None:
            self._flats.append(_Flat(login, since, self._world.clock.now()))

    def look(self) -> None:
        """Look on twice a second, at what must come of itself within a bound."""
        world, guardian = self._world, self._world.warden.guardian
        if world.loop.is_frozen(world.warden.actor):
            guardian = None  # it cannot be asked for anything
        self._look_at_disk(guardian)
        self._look_at_engine(guardian)

    def _look_at_disk(self, guardian: Guardian | None) -> None:
        """What a disk refused must be kept soon after it takes writes again."""
        now = self._world.clock.now()
        if guardian is None or self._world.disk_fails or not guardian.unsaved:
            self._saved_at = now
        elif now - self._saved_at > NOTICED_NS:
            self._wrong.append("G the guardian has not kept what its disk once refused")
            self._saved_at = now

    def _look_at_engine(self, guardian: Guardian | None) -> None:
        """An engine that was alive and is gone must be noticed, and acted on."""
        world, now = self._world, self._world.clock.now()
        gone = now - world.engine_ran_at
        known = (world.generation, world.warden.generation)
        if guardian is None:
            self._seen_alive = (0, 0)
            return
        if gone < SECOND // 2:
            if guardian.view().engine == "alive":
                self._seen_alive = known
            return
        bound = world.warden.options.stalled_ns + NOTICED_NS
        if self._seen_alive != known or not bound <= gone < bound + SECOND // 2:
            return
        world.count("an engine that is gone was looked for")
        if guardian.view().engine not in ("stalled", "dead"):
            self._wrong.append("G the engine is gone, and nobody noticed")
        does = world.warden.options.on_stall
        if does != "alert" and self._lifted_at < world.engine_ran_at:
            stops = {stop.scope: stop.action for stop in guardian.view().stops}
            # A person's freeze stands before whatever is automatic.
            if stops.get("all") not in _COVERS[does] | {"freeze"}:
                self._wrong.append(f"G the engine is gone, and there is no {does}")

    # --- the wire -------------------------------------------------------------------------------

    def on_write(self, actor: str, data: bytes) -> None:
        """See bytes leave a process."""
        if b'"type":"submit"' not in data and b'"type":"cancel"' not in data:
            return
        guardian = actor == self._world.warden.actor
        if not guardian and actor != self._world.actor:
            return
        for line in data.splitlines():
            frame = msgspec.json.decode(line)
            if frame["type"] == "submit":
                order = frame["order"]
                login, name = order["account"], order["cl_ord_id"]
                if guardian:
                    self._acts(login, f"close {name}", ("flatten",))
                else:
                    self._engine_sent(login, name)
            elif frame["type"] == "cancel" and guardian:
                login = frame["request"]["account"]
                self._acts(login, "a cancel", ("flatten", "cancel"))
                if not self._goal_of(login).only:  # one strategy's stops guard no other's share
                    self._may_strip(login, frame["request"].get("venue_order_id", ""))

    def _engine_sent(self, login: str, name: str) -> None:
        now = self._world.clock.now()
        self._left[login, name] = now
        if login in self._flat:
            self._wrong.append(f"I7 the engine sent {name} after {login} was called flat")

    def _acts(self, login: str, what: str, allowed: tuple[str, ...]) -> None:
        """The guardian sends nothing that no stop asks for."""
        action = self._goal_of(login).action
        if action not in allowed:
            self._wrong.append(f"G the guardian sent {what} on {login} under {action}")

    def _goal_of(self, login: str) -> Goal:
        guardian = self._world.warden.guardian
        spec = next(one for one in self._world.specs() if one.login == login)
        return guardian.goal(spec) if guardian is not None else NOTHING

    def _may_strip(self, login: str, order_id: str) -> None:
        """A stop at the venue goes last, or when closes of what it guards were refused."""
        world = self._world
        floor, now = world.server.broker.floor, world.clock.now()
        order = floor.orders.by_id(order_id)
        if order is None or order.ord_type not in _STOPS or order.ended:
            return
        guarded = [
            held
            for held in floor.accounts.by_login[login].positions.values()
            if held.quantity
            and (held.quantity > 0) != (order.side.sign > 0)
            and held.venue_symbol == order.venue_symbol
            and (not order.position_key or order.position_key == held.key)
            and now - held.opened_at > SETTLED_NS
        ]
        if not guarded or "stale_positions_snapshot" in world.faults:
            return
        refused = world.witness.ledger(  # at once, or after it was taken
            "select cl_ord_id from requests where login = ?1 and op = 'submit' "
            "and outcome = 'refused' "
            "union select cl_ord_id from orders where login = ?1 and status = 'rejected'",
            login,
        )
        if sum(1 for (name,) in refused if OWN.fullmatch(str(name))) < 2:
            self._wrong.append(f"G stop {order_id} of {login} was taken back first")

    # --- at the end -----------------------------------------------------------------------------

    def unsettled(self) -> list[str]:
        """Say what a stop asks for and is not so."""
        world = self._world
        guardian = world.warden.guardian
        if guardian is None:
            return ["G the guardian is not running"]
        views = {view.account: view for view in guardian.view().accounts}
        wrong = []
        for spec in world.specs():
            goal = guardian.goal(spec)
            view = views[spec.id]
            if not view.link_up:
                wrong.append(f"G the guardian has no link for {spec.id}")
            if goal.action == "flatten" and not goal.only and view.sweep != "flat":
                wrong.append(f"G {spec.id} is not flat but {view.sweep}: {view.note}")
            if goal.action == "cancel" and not goal.only and view.sweep != "idle":
                wrong.append(f"G {spec.id} is not swept: {view.sweep}, {view.note}")
            floor = world.warden.options.floors.get(spec.id)
            book = world.server.broker.floor.accounts
            below = floor is not None and book.equity(book.by_login[spec.login]) <= floor
            if below and goal.action not in ("flatten", "freeze"):
                wrong.append(f"G {spec.id} is below its loss line and goes on")
        return wrong + self._unknown_lines()

    def _unknown_lines(self) -> list[str]:
        """Every line of the log must be in the journal, and every stop in force."""
        runtime = self._world.runtime
        if runtime is None or runtime.owner.stopped:
            return []
        wrong = []
        last = None
        for line, _ in read_log(self._files.log, files=self._world.files):
            last = line
        state = runtime.state
        if last is not None and (state.guardian_at, state.guardian_seq) < (last.at, last.seq):
            wrong.append(f"G the engine does not know line {last.seq}, {last.kind}")
        wrong += [
            f"G the engine does not know {action} on {scope}"
            for scope, action in self._held.items()
            if scope not in state.stops and scope not in self._unheard
        ]
        return wrong

    def still_shut(self) -> list[str]:
        """Say what holds the gate although everything was lifted and nothing new stops it."""
        guardian = self._world.warden.guardian
        stops = {stop.scope for stop in guardian.view().stops} if guardian is not None else set()
        return [
            f"G everything was armed, and {one.mode} by {one.keeper} stays on {one.scope}"
            for one in self._world.latch.entries()
            if one.keeper in GUARDIAN_KEEPERS and one.scope not in stops
        ]

    def verdict(self) -> list[str]:
        """Say everything that was violated."""
        for login in list(self._flat):
            self._end_flat(login)
        lines = [line for line, _ in read_log(self._files.log, files=self._world.files)]
        wrong = self._wrong + self._after_flat() + self._flips(lines)
        known = {
            msgspec.json.decode(row.data).get("line_hash")
            for row in self._world.witness.rows()
            if row.kind == "guardian_acted"
        }
        return wrong + [
            f"G line {line.seq}, {line.kind}, is not in the journal"
            for line in lines
            if line.hash not in known
        ]

    def _after_flat(self) -> list[str]:
        """No order of the engine's may reach the broker while its account is called flat."""
        wrong = []
        for login, name, at in self._world.witness.ledger(
            "select login, cl_ord_id, at from requests where op = 'submit' and outcome = 'accepted'"
        ):
            if OWN.fullmatch(str(name)):
                continue
            left = self._left.get((str(login), str(name)), 0)
            if int(at) - left > TIMEOUT_NS:
                continue  # the network held it for longer than anybody waits for it
            for flat in self._flats:
                if flat.login == login and flat.since <= int(at) < flat.until:
                    wrong.append(f"I7 {name} reached the broker while {login} was called flat")
        return wrong

    def _flips(self, lines: list[Any]) -> list[str]:
        """The guardian's own closes never open the other side."""
        if {"overfill", "stale_positions_snapshot"} & set(self._world.faults):
            return []  # what a venue fills too much, or lies about, nobody can know
        asked = {str(line.facts.get("order")): line.at for line in lines
                 if line.kind == "close_sent"}  # fmt: skip
        held: dict[tuple[str, str], Decimal] = {}
        others: dict[str, list[int]] = {}
        wrong = []
        for login, key, name, side, quantity, at in self._world.witness.ledger(
            "select login, position_key, cl_ord_id, side, quantity, at from fills "
            "order by cast(exec_id as integer)"
        ):
            before = held.get((login, key), ZERO)
            after = before + Decimal(quantity) * (1 if side == "buy" else -1)
            held[login, key] = after
            if not OWN.fullmatch(str(name)):
                others.setdefault(login, []).append(int(at))
                continue
            opens = abs(after) > abs(before) or (before and after and (before > 0) != (after > 0))
            since = asked.get(str(name), 0) - RACE_NS
            raced = any(since <= one <= int(at) for one in others.get(login, ()))
            if opens and not raced:
                wrong.append(f"G close {name} took {login} from {before} to {after}")
        return wrong
