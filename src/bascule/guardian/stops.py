"""The stops in force: how one meets another, what they mean for an account, and their file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
from msgspec import Struct

from bascule.config.files import FILES, Files
from bascule.config.handover import replace_file
from bascule.config.latch import LatchMode
from bascule.guardian.words import Command, StopView, scopes_of
from bascule.model.account import AccountSpec
from bascule.model.errors import ConfigError
from bascule.model.values import Instant

StopAction = Literal["halt", "lock", "cancel", "flatten", "freeze"]
_STRENGTH: dict[StopAction, int] = {"halt": 0, "lock": 0, "cancel": 1, "flatten": 2}


class Stop(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A stop that somebody set and nobody lifted yet."""

    scope: str
    action: StopAction
    by: str
    reason: str
    at: Instant
    until: Instant | None = None

    @property
    def latch(self) -> LatchMode:
        """What the engine is held to: while the guardian closes, the engine sends nothing."""
        whole = self.action == "flatten" and not self.scope.startswith("strategy:")
        return "freeze" if whole or self.action == "freeze" else "halt"

    def view(self) -> StopView:
        """Show it."""
        return StopView(self.scope, self.action, self.by, self.reason, self.at, self.until)


class Goal(NamedTuple):
    """What is to be done on an account now.

    ``only`` names the strategies that it is for; empty means the whole account. ``stop`` is the
    one that asks for the most.
    """

    action: StopAction | None
    stop: Stop | None = None
    only: frozenset[str] = frozenset()

    @property
    def sweeps(self) -> bool:
        """Whether the venue is to be asked for anything."""
        return self.action in ("cancel", "flatten")


NOTHING = Goal(None)


def merged(old: Stop | None, command: Command, now: Instant) -> Stop:
    """Give the stop that a scope has after a command; only arming ever loosens one.

    A person's freeze holds a sweep up, and a person's later flatten goes on; nothing automatic
    changes a freeze. Of the others the stronger stays, with the later hour.
    """
    asked: StopAction = "halt" if command.action == "arm" else command.action
    new = Stop(
        scope=command.scope,
        action=asked,
        by=command.by,
        reason=command.reason,
        at=now,
        until=command.until,
    )
    if old is None:
        return new
    until = max(old.until or Instant(0), new.until or Instant(0)) or None
    person = command.via != "auto"
    if old.action == "freeze":
        wins = person and new.action == "flatten"
    elif new.action == "freeze":
        wins = person
    else:
        wins = _STRENGTH[new.action] > _STRENGTH[old.action]
    return msgspec.structs.replace(new if wins else old, until=until)


class Stops:
    """The stops of one guardian, kept in a file across its restarts.

    Raises:
        ConfigError: the file is there and cannot be read: what was stopped is not known.
    """

    def __init__(self, path: Path, files: Files = FILES) -> None:
        self._path = path
        self._files = files
        self.unsaved = False
        """Whether the disk refused what is in force; ``save`` tries again."""
        self._held: dict[str, Stop] = {}
        try:
            kept = msgspec.json.decode(files.read(path), type=list[Stop])
        except FileNotFoundError:
            return
        except (OSError, msgspec.DecodeError) as error:
            raise ConfigError(
                f"{path} cannot be read ({error}), so it is not known what was stopped.",
                code="stops_unreadable",
                hint="Everything stays latched as it is. Look at the accounts, move the file away,"
                " and set anew what should be stopped.",
            ) from error
        self._held = {stop.scope: stop for stop in kept}

    def __iter__(self) -> Iterator[Stop]:
        """Give every stop, oldest first."""
        return iter(list(self._held.values()))

    def get(self, scope: str) -> Stop | None:
        """Give the stop of exactly this scope."""
        return self._held.get(scope)

    def put(self, stop: Stop) -> None:
        """Keep a stop in place of the one that its scope had.

        Raises:
            OSError: the disk did not take it; it holds all the same until this process ends.
        """
        self._held[stop.scope] = stop
        self.save()

    def drop(self, scope: str) -> None:
        """Forget a scope's stop.

        Raises:
            OSError: the disk did not take it; it would be back after a restart.
        """
        self._held.pop(scope, None)
        self.save()

    def save(self) -> None:
        """Keep what is in force.

        Raises:
            OSError: the disk did not take it.
        """
        self.unsaved = True
        content = msgspec.json.encode(list(self._held.values()))
        replace_file(self._path, content, files=self._files)
        self.unsaved = False

    def goal(self, spec: AccountSpec) -> Goal:
        """Say what is to be done on an account."""
        mine = [self._held[scope] for scope in scopes_of(spec) if scope in self._held]
        frozen = [stop for stop in mine if stop.action == "freeze"]
        others = [stop for stop in mine if stop.action != "freeze"]
        best = max(others, key=lambda stop: (_STRENGTH[stop.action], stop.at), default=None)
        if frozen:
            last = max(frozen, key=lambda stop: stop.at)
            if best is None or best.action != "flatten" or best.at < last.at:
                return Goal("freeze", last)
        if best is not None and best.action in ("cancel", "flatten"):
            return Goal(best.action, best)
        partly = self._partly()
        return partly if partly.sweeps else Goal(best.action if best else None, best)

    def _partly(self) -> Goal:
        """Say what is to be done for single strategies."""
        asked = [
            stop
            for stop in self._held.values()
            if stop.scope.startswith("strategy:") and stop.action in ("cancel", "flatten")
        ]
        best = max(asked, key=lambda stop: (_STRENGTH[stop.action], stop.at), default=None)
        if best is None:
            return NOTHING
        names = {stop.scope.partition(":")[2] for stop in asked if stop.action == best.action}
        return Goal(best.action, best, frozenset(names))
