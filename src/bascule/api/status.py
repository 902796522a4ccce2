"""The engine at a glance: who is connected, what is held back, and what needs a person."""

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec import Struct

from bascule import __version__
from bascule.api.losing import LossView, loss_view
from bascule.api.pricing import Pricing
from bascule.api.views import ForeignOrderView, foreign_orders, in_doubt
from bascule.execution.idle import idle_of
from bascule.execution.state import AccountState
from bascule.guardian.words import DrillView
from bascule.model.account import AccountSpec
from bascule.model.enums import OrdStatus
from bascule.model.values import ZERO, Instant

if TYPE_CHECKING:
    # Commands read these structs too, and they start without an engine.
    from bascule.engine.runtime import Runtime


FOREIGN_SHOWN = 20
"""Orders that Bascule did not send which the status of an account names; the orders name all."""


class StopView(Struct, frozen=True, omit_defaults=True):
    """A stop in force. ``until`` is the time before which a lock cannot be armed."""

    scope: str
    mode: str
    by: str
    reason: str
    at: Instant
    until: Instant | None = None


class AccountView(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One account. Money is the venue's last word, of ``money_at``, in ``currency``.

    ``open_pnl`` sums the books whose quote and rate are known; ``unpriced`` names the others.
    ``equity`` is ``balance`` plus ``open_pnl`` where it is ``valued`` here: all that is held has a
    price, agrees with the venue, and no fill is younger than the balance. Else it is
    ``venue_equity``, the venue's own.
    ``loss`` is how it stands to its loss limits, None where it has none. ``foreign_orders`` counts
    working orders that Bascule did not send, and ``foreign`` shows the first of them.
    """

    id: str
    venue: str
    login: str
    mode: str
    currency: str
    link_up: bool
    reconciled: bool
    latched: bool
    open_orders: int
    positions: int
    in_doubt: int
    balance: Decimal | None = None
    equity: Decimal | None = None
    venue_equity: Decimal | None = None
    valued: bool = False
    margin_used: Decimal | None = None
    free_margin: Decimal | None = None
    money_at: Instant | None = None
    open_pnl: Decimal | None = None
    unpriced: tuple[str, ...] = ()
    drift: tuple[str, ...] = ()
    stops: tuple[str, ...] = ()
    foreign_orders: int = 0
    foreign: tuple[ForeignOrderView, ...] = ()
    loss: LossView | None = None
    firm: str = ""
    owner: str = ""
    idle: str = ""
    closes_idle_at: Instant | None = None

    @property
    def ready(self) -> bool:
        """Whether entries may leave, as far as the link and the venue's word go."""
        return self.link_up and self.reconciled and not self.drift


class HaltedView(Struct, frozen=True):
    """A venue, or a ``session`` of it, that is not tried again before a person says so."""

    venue: str
    session: str
    code: str
    text: str


class StatusView(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The whole engine. ``head`` is the last durable event, ``uptime`` in nanoseconds.

    ``latch`` holds what the latch holds: by scope, who shut the gate and why. ``guardian`` says
    whether one is there, ``drill`` when the kill switch was last tried and what came of it.
    """

    mode: str
    version: str
    epoch: str
    head: int
    started_at: Instant
    uptime: int
    ready: bool
    accounts: list[AccountView]
    stops: list[StopView]
    latch: dict[str, dict[str, object]]
    in_doubt: list[str]
    open_orders: int
    signals: int
    refused_signals: int
    reduce_only: bool = False
    data_dir: str = ""
    guardian: bool = False
    drill: DrillView | None = None
    halted: list[HaltedView] = []


def status_view(
    runtime: "Runtime",
    started_at: Instant,
    latch: Mapping[str, Mapping[str, object]],
    drill: DrillView | None = None,
) -> StatusView:
    """Show the engine as it stands.

    Args:
        runtime: the engine.
        started_at: when this process began to serve.
        latch: the latch's scopes, read beforehand.
        drill: the last drill, read beforehand.
    """
    state = runtime.state
    now = runtime.clock.now()
    pricing = Pricing(runtime.settings, runtime.market, now)
    accounts = [account_view(runtime, spec, pricing, latch) for spec in runtime.setup.accounts]
    return StatusView(
        mode=runtime.setup.mode.value,
        version=__version__,
        epoch=state.epoch,
        head=runtime.head_seq,
        started_at=started_at,
        uptime=now - started_at,
        ready=all(one.ready for one in accounts),
        accounts=accounts,
        stops=stop_views(runtime),
        latch={scope: dict(said) for scope, said in latch.items()},
        in_doubt=[order.cl_ord_id for order in in_doubt(state)],
        open_orders=sum(one.open_orders for one in accounts),
        signals=state.signals,
        refused_signals=state.refused_signals,
        reduce_only=state.reduce_only,
        data_dir=str(runtime.setup.data_dir),
        guardian=bool(runtime.guardian.present),
        drill=drill,
        halted=[
            HaltedView(venue.id, session, code, text)
            for venue in runtime.setup.venues
            for session, (code, text) in runtime.halted(venue.id).items()
        ],
    )


def stop_views(runtime: "Runtime") -> list[StopView]:
    """Show every stop in force."""
    return [
        StopView(scope, stop.mode.value, stop.by, stop.reason, stop.at, stop.until)
        for scope, upper in runtime.state.stops.items()
        for stop in (upper, upper.under)
        if stop is not None
    ]


def account_view(
    runtime: "Runtime", spec: AccountSpec, pricing: Pricing, latch: Mapping[str, object]
) -> AccountView:
    """Show one account."""
    known = runtime.state.accounts.get(spec.id) or _unknown(spec)
    money = known.money
    told = money.equity if money is not None else None
    books = [book for book in known.books.values() if book.quantity]
    values = [(book.symbol, pricing.value(spec.id, book)) for book in books]
    gains = [v.open_pnl_account for _, v in values if v and v.open_pnl_account is not None]
    unpriced = [s for s, v in values if v is None or v.open_pnl_account is None]
    open_pnl = sum(gains, ZERO) if gains or not books else None
    live = None if unpriced else _live_equity(known, open_pnl)
    scopes = scopes_of(spec)
    idle, now = idle_of(known, spec), runtime.clock.now()
    foreign = foreign_orders(known)
    return AccountView(
        id=spec.id,
        venue=spec.venue,
        login=spec.login,
        mode=spec.mode.value,
        currency=spec.currency,
        link_up=known.link_up,
        reconciled=known.reconciled,
        latched=bool(scopes & latch.keys()),
        open_orders=len(known.orders),
        positions=sum(1 for exposure in known.exposure.values() if exposure.net),
        in_doubt=sum(1 for o in known.orders.values() if o.status is OrdStatus.IN_DOUBT),
        balance=money.balance if money is not None else None,
        equity=told if live is None else live,
        venue_equity=told,
        valued=live is not None,
        margin_used=money.margin_used if money is not None else None,
        free_margin=money.free_margin if money is not None else None,
        money_at=money.at if money is not None else None,
        open_pnl=open_pnl,
        unpriced=tuple(dict.fromkeys(unpriced)),
        drift=tuple(known.drift.values()),
        stops=tuple(scope for scope in runtime.state.stops if scope in scopes),
        foreign_orders=len(foreign),
        foreign=tuple(foreign[:FOREIGN_SHOWN]),
        loss=loss_view(runtime, known, spec),
        firm=spec.firm,
        owner=spec.owner,
        idle=idle.text(now) if idle is not None and now >= idle.warns_at else "",
        closes_idle_at=idle.closes_at if idle is not None else None,
    )


def _live_equity(known: AccountState, open_pnl: Decimal | None) -> Decimal | None:
    """Value an account now; None where its balance may lack a fill, or what is held differs."""
    money = known.money
    if money is None or open_pnl is None or known.drift or money.at < known.last_fill_at:
        return None
    return money.balance + open_pnl


def scopes_of(spec: AccountSpec) -> set[str]:
    """Name every scope that covers a whole account."""
    scopes = {"all", f"account:{spec.id}", f"venue:{spec.venue}"}
    return scopes | {f"firm:{spec.firm}"} if spec.firm else scopes


def _unknown(spec: AccountSpec) -> AccountState:
    return AccountState(id=spec.id, number=0, venue=spec.venue, login=spec.login, mode=spec.mode)
