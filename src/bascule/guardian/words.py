"""What the guardian is asked, what it answers, and what it shows of itself."""

from collections.abc import Callable
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from bascule.model.account import AccountSpec
from bascule.model.values import Instant

Action = Literal["halt", "freeze", "cancel", "flatten", "lock", "arm"]
"""``halt``: nothing that adds risk. ``freeze``: nothing at all, the guardian's own hands included.
``cancel``: halt, and every entry is taken back. ``flatten``: cancel, and every position is closed;
the engine sends nothing meanwhile. ``lock``: halt with an hour before which nobody can arm.
``arm`` lifts the stops of exactly this scope."""

Via = Literal["cli", "api", "page", "key", "file", "telegram", "webhook", "auto"]
"""Which way a command came. Arming never comes by ``telegram``, ``webhook``, ``file``, ``key``
or ``auto``."""

MAY_ARM: frozenset[Via] = frozenset({"cli", "api", "page"})


class Command(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that somebody or something asks for.

    ``scope`` is ``all``, ``account:x``, ``strategy:x``, ``firm:x`` or ``venue:x``. ``until`` makes
    a lock of any stop: it cannot be armed before. ``typed`` (the name after the colon, or ``all``)
    and ``code`` (the second factor, where one is set) are for ``arm`` only.
    """

    action: Action
    scope: str = "all"
    by: str = ""
    reason: str = ""
    until: Instant | None = None
    typed: str = ""
    code: str = ""
    via: Via = "api"


class CommandResult(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of a command, once the gate is shut and the order to sweep is given.

    ``status``: ``done``, or ``refused`` and then nothing was changed; ``code`` and ``text`` say
    why. ``accounts`` names those that it covers. ``gate_ns`` is how long it took from the command
    to the shut gate. A sweep goes on after this: ``Guardian.view`` tells how far it is.
    """

    status: Literal["done", "refused"]
    text: str
    code: str = ""
    accounts: tuple[str, ...] = ()
    at: Instant = Instant(0)
    gate_ns: int = 0


class StopView(Struct, frozen=True, omit_defaults=True):
    """A stop in force; ``until`` is the time before which it cannot be armed."""

    scope: str
    action: Action
    by: str
    reason: str
    at: Instant
    until: Instant | None = None


SweepState = Literal["idle", "sweeping", "flat", "blocked"]
"""``idle``: nothing to sweep. ``sweeping``: under way, the word flat is not given. ``flat``: the
venue showed neither order nor position after the longest send time-out; it is looked at again until
armed. ``blocked``: a person must act, the note says why."""


LineState = Literal["sent", "done", "refused", "unknown"]


class OrderLine(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One order of a sweep's report: ours that closes, or one that was canceled.

    ``done`` is the venue's word for a close, and for a cancel that the venue took it.
    """

    account: str
    what: Literal["cancel", "close"]
    order: str
    symbol: str
    side: str
    quantity: Decimal
    state: LineState
    at: Instant
    text: str = ""


class AccountView(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One account as the venue shows it to the guardian; None is "not known".

    Money is in ``currency``. ``floor`` is the loss line in force and ``room`` what is left above
    it. ``looked_at`` is when the venue last answered. ``flat_ns`` is how long the last sweep took.
    """

    account: str
    venue: str
    mode: str
    currency: str
    link_up: bool
    sweep: SweepState
    firm: str = ""
    positions: int | None = None
    working_orders: int | None = None
    equity: Decimal | None = None
    floor: Decimal | None = None
    room: Decimal | None = None
    stop: StopView | None = None
    note: str = ""
    looked_at: Instant | None = None
    flat_ns: int | None = None


class DrillView(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The last drill. Times to flat are nanoseconds from the key to the venue's flat ledger."""

    at: Instant
    passed: bool
    frozen_ns: int | None = None
    killed_ns: int | None = None
    text: str = ""


EngineState = Literal["alive", "stalled", "dead", "ended", "unknown"]
"""``dead`` without a word, ``ended`` because it was told to; ``unknown``: there never was one."""


class GuardianView(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The guardian at a glance. ``second_factor`` says whether arming wants a code.

    ``config`` is the hash of the configuration that it was started with.
    """

    mode: str
    version: str
    pid: int
    at: Instant
    started_at: Instant
    engine: EngineState
    accounts: tuple[AccountView, ...]
    stops: tuple[StopView, ...]
    engine_age_ns: int | None = None
    drill: DrillView | None = None
    second_factor: bool = False
    config: str = ""


Severity = Literal["info", "warning", "critical"]


class Alert(Struct, frozen=True, kw_only=True):
    """Something that a person should hear of. ``dedupe`` is the same while it is the same news."""

    severity: Severity
    code: str
    text: str
    dedupe: str
    at: Instant


AlertSink = Callable[[Alert], None]
"""Called on the loop's thread; returns at once and never raises."""


def scopes_of(spec: AccountSpec) -> tuple[str, ...]:
    """Name every scope that covers a whole account."""
    scopes = ("all", f"account:{spec.id}", f"venue:{spec.venue}")
    return (*scopes, f"firm:{spec.firm}") if spec.firm else scopes
