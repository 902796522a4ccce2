"""What a guardian is started with; made from the user's configuration by whoever starts it."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Literal

from msgspec import Struct, field

from bascule.config.second_factor import SecondFactor
from bascule.model.account import AccountSpec
from bascule.model.enums import AccountMode
from bascule.model.ids import VenueId
from bascule.model.values import MINUTE, SECOND
from bascule.venues.kit.contract import Venue, VenueContext


class GuardedVenue(Struct, frozen=True, kw_only=True):
    """One venue: its kind, its settings, and its secrets, the guardian's own where it has some."""

    id: VenueId
    kind: str
    settings: Mapping[str, object]
    secrets: Mapping[str, str]
    one_session: bool = False
    """The venue allows one session: the guardian logs on only once it has to act."""
    countdown: bool = False
    """The venue cancels entries by itself when nobody asks it not to."""

    def __repr__(self) -> str:
        return f"GuardedVenue(id={self.id!r}, kind={self.kind!r}, ...)"


OnTrip = Literal["flatten", "halt", "alert"]
"""What an automatic trigger does."""


class Options(Struct, frozen=True, kw_only=True):
    """What may be set under ``[guardian]``. Times are nanoseconds.

    ``floors`` are loss lines of the user's own by account, in its currency. ``runaway_orders`` is
    how many orders a minute an account may send before it counts as a runaway. The ``link_*``
    times are how long an account's connection may be down before its entries are halted, before it
    is told, and before a position without a stop at the venue is closed on reconnect.
    """

    stalled_ns: int = 5 * SECOND
    kill_stalled: bool = True
    on_stall: OnTrip = "alert"
    sweep_ns: int = SECOND // 4
    watch_ns: int = 5 * SECOND
    money_ns: int = 5 * SECOND
    link_halt_ns: int = 5 * SECOND
    link_alert_ns: int = 30 * SECOND
    link_flatten_ns: int = MINUTE
    runaway_orders: int = 120
    on_runaway: OnTrip = "halt"
    floors: Mapping[str, Decimal] = field(default_factory=dict)
    countdown_s: int = 60


class GuardianSetup(Struct, frozen=True, kw_only=True):
    """A guardian of one mode's accounts. ``mode_dir`` is that mode's own data directory.

    ``second_factor`` judges the codes that arming asks for, where they are set up. ``config`` is
    the hash of the configuration that this comes from. ``links`` are factories that stand in for a
    kind's own, by venue.
    """

    mode_dir: Path
    mode: AccountMode
    accounts: tuple[AccountSpec, ...]
    venues: tuple[GuardedVenue, ...]
    options: Options = Options()
    second_factor: SecondFactor | None = None
    config: str = ""
    links: Mapping[VenueId, Callable[[VenueContext], Venue]] = field(default_factory=dict)

    def __repr__(self) -> str:
        names = ", ".join(spec.id for spec in self.accounts)
        return f"GuardianSetup(mode={self.mode.value}, accounts={names})"
