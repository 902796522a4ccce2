"""The control API: what an operator sees and does, over HTTP, for the console and command line.

No signal passes here: ``dispatch.build_asgi`` sends those straight to the intake. Every answer
waits until what it shows is durable, so that nothing is told which a crash could take back.
"""

import asyncio
from functools import partial
from typing import Annotated, Any, Literal

from litestar import Litestar, Response
from litestar import get as _get
from litestar import post as _post
from litestar.datastructures import State as AppState
from litestar.exceptions import HTTPException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.params import FromPath, FromQuery, HeaderParameter, JSONBody, QueryParameter
from litestar.response import ServerSentEvent

from bascule import __version__
from bascule.api import actions, limiting, losing, reading, reconciling, resuming
from bascule.api.actions import (
    ArmRequest,
    Done,
    ResolveRequest,
    StopRequest,
    SweepRequest,
    Swept,
)
from bascule.api.faults import Fault, bascule_fault, http_fault
from bascule.api.limiting import AcceptRequest, ApproveRequest, LimitsView
from bascule.api.losing import CashFlowRequest, PhaseRequest, ScaleRequest
from bascule.api.metrics import TEXT, exposition
from bascule.api.pricing import Pricing
from bascule.api.quoted import Bar, Interval, Samples
from bascule.api.reading import SignalView
from bascule.api.resuming import ResumeRequest
from bascule.api.served import Served
from bascule.api.status import AccountView, StatusView, account_view
from bascule.api.stream import STREAMED
from bascule.api.views import (
    ListedView,
    OrdersPage,
    PositionsView,
    QuoteView,
    orders_page,
    positions_view,
)
from bascule.execution.story import Story
from bascule.model.enums import StopMode
from bascule.model.errors import BasculeError, UsageError

FAULTS = {
    status: ResponseSpec(Fault, generate_examples=False, description=description)
    for status, description in {
        400: "The request cannot be read, or asks for what makes no sense",
        401: "No operator token, or another one",
        404: "There is nothing of that name",
        409: "It does not go with how things stand",
        502: "The venue refused, or could not be asked",
        503: "Not now: the journal failed, or the engine is ending",
    }.items()
}
"""What any path may answer instead; ``faults`` decides which."""
get = partial(_get, responses=FAULTS)
post = partial(_post, responses=FAULTS)

Limit = Annotated[int, QueryParameter(ge=1, le=1_000)]
LAST_SEQ = 2**63 - 1
"""The largest sequence that a journal can number."""
LastEventId = Annotated[str, HeaderParameter(name="Last-Event-ID")]


def _served(state: AppState) -> Served:
    served: Served = state["served"]
    return served


@get("/v1/status", summary="The engine at a glance")
async def status(state: AppState) -> StatusView:
    """Mode, epoch, head, accounts, stops, what is in doubt, and the latch."""
    return await _served(state).status()


@get("/v1/orders", summary="Orders, the newest first")
async def orders(
    state: AppState,
    account: FromQuery[str] = "",
    strategy: FromQuery[str] = "",
    which: FromQuery[Literal["live", "all"]] = "live",
    limit: Limit = 200,
) -> OrdersPage:
    """Orders that may still trade, or all that are remembered."""
    served = _served(state)
    runtime = served.runtime
    page = orders_page(runtime.state, account=account, strategy=strategy, which=which, limit=limit)
    await served.settled()
    return page


@get("/v1/positions", summary="Books by strategy, and nets by account")
async def positions(
    state: AppState, account: FromQuery[str] = "", strategy: FromQuery[str] = ""
) -> PositionsView:
    """Every book and net that is not flat, valued at the last quotes."""
    served = _served(state)
    runtime = served.runtime
    pricing = Pricing(runtime.settings, runtime.market, runtime.clock.now())
    view = positions_view(runtime.state, pricing, account=account, strategy=strategy)
    await served.settled()
    return view


@get("/v1/signals", summary="Signals: the refused ones first, with the reason")
async def signals(
    state: AppState,
    which: FromQuery[Literal["refused", "all"]] = "all",
    strategy: FromQuery[str] = "",
    limit: Limit = 50,
) -> list[SignalView]:
    """The last signals, read from the journal."""
    return await asyncio.to_thread(
        reading.signals, _served(state).journal, which=which, strategy=strategy, limit=limit
    )


@get("/v1/explain/{name:str}", summary="The story of a signal, or of an order's signal")
async def explain(state: AppState, name: FromPath[str]) -> Story:
    """Timeline, verdicts, sizing, fills, protection, and one closing sentence."""
    story = await asyncio.to_thread(reading.story, _served(state).journal, name)
    if story is None:
        raise UsageError(
            f"The journal holds no signal and no order {name!r}.",
            code="unknown_signal",
            hint="`bascule signals` and `bascule orders --all` list their ids.",
        )
    return story


@get("/v1/account/{account:str}", summary="One account")
async def one_account(state: AppState, account: FromPath[str]) -> AccountView:
    """Link, reconciliation, money, open profit, stops."""
    served = _served(state)
    runtime = served.runtime
    spec = next((one for one in runtime.setup.accounts if one.id == account), None)
    if spec is None:
        known = ", ".join(str(one.id) for one in runtime.setup.accounts)
        raise UsageError(
            f"There is no account {account!r}.", code="unknown_account", hint=f"Known: {known}."
        )
    pricing = Pricing(runtime.settings, runtime.market, runtime.clock.now())
    view = account_view(runtime, spec, pricing, runtime.latch.scopes())
    await served.settled()
    return view


@get("/v1/quotes", summary="The last quotes")
async def quotes(
    state: AppState, account: FromQuery[str] = "", symbol: FromQuery[str] = ""
) -> list[QuoteView]:
    """The last quote of each contract, by account."""
    runtime = _served(state).runtime
    now = runtime.clock.now()
    found: list[QuoteView] = []
    for name, by_symbol in runtime.market.quotes.items():
        ours = runtime.settings.symbols.get(name, {})
        found += [
            QuoteView(name, ours[venue], venue, quote.bid, quote.ask, quote.at, now - quote.at)
            for venue, quote in by_symbol.items()
            if venue in ours
            and (not account or name == account)
            and (not symbol or symbol in (ours[venue], venue))
        ]
    return found


@get("/v1/listings", summary="What the venues list")
async def listings(
    state: AppState, account: FromQuery[str] = "", symbol: FromQuery[str] = ""
) -> list[ListedView]:
    """The contracts of each account with the venue's own figures: tick, multiplier, lots."""
    settings = _served(state).runtime.settings
    return [
        ListedView(name, listing)
        for name, by_symbol in settings.listings.items()
        for listing in by_symbol.values()
        if (not account or name == account)
        and (not symbol or symbol in (listing.symbol, listing.venue_symbol))
    ]


@get("/v1/bars", summary="Bars of the quotes since the start")
async def bars(
    state: AppState,
    symbol: FromQuery[str],
    interval: FromQuery[Interval] = "1m",
    account: FromQuery[str] = "",
    limit: Limit = 200,
) -> list[Bar]:
    """The last bars of a contract, the oldest first, account by account; the last is unfinished."""
    return _served(state).bars.last(symbol, account, interval, limit)


@post("/v1/halt", status_code=200, summary="Nothing that adds risk passes")
async def halt(state: AppState, data: JSONBody[StopRequest]) -> Done:
    """Put a halt in force; with ``until`` a lock."""
    return await actions.halt(_served(state).runtime, data, StopMode.HALT)


@post("/v1/freeze", status_code=200, summary="Nothing at all passes")
async def freeze(state: AppState, data: JSONBody[StopRequest]) -> Done:
    """Put a freeze in force: exits and protection are held back too."""
    return await actions.halt(_served(state).runtime, data, StopMode.FREEZE)


@post("/v1/arm", status_code=200, summary="Lift a stop")
async def arm(state: AppState, data: JSONBody[ArmRequest]) -> Done:
    """Lift a stop; ``typed`` must be the scope's name, whoever asks and from wherever.

    Where a second factor is set up, ``code`` must be its code of this moment.
    """
    served = _served(state)
    return await actions.arm(served.runtime, data, served.second_factor)


@post("/v1/cancel", status_code=200, summary="Cancel working entries")
async def cancel(state: AppState, data: JSONBody[SweepRequest]) -> Swept:
    """Cancel every working entry in a scope, and answer with what it touches."""
    return await actions.sweep(_served(state).runtime, data, close=False)


@post("/v1/flatten", status_code=200, summary="Cancel working entries and close every book")
async def flatten(state: AppState, data: JSONBody[SweepRequest]) -> Swept:
    """Cancel entries, close books at the market, and answer with what it touches."""
    return await actions.sweep(_served(state).runtime, data, close=True)


@post("/v1/resolve", status_code=200, summary="Settle an order in doubt by a person's word")
async def resolve(state: AppState, data: JSONBody[ResolveRequest]) -> Done:
    """Journal the word; ``absent`` ends the order, ``filled`` has the venue asked for its fill."""
    return await actions.resolve(_served(state).runtime, data)


@get("/v1/limits", summary="Limits in force, and what the configuration proposes")
async def limits(state: AppState) -> LimitsView:
    """Every scope with its limits in force, and what waits for a person or for its hour."""
    served = _served(state)
    view = limiting.limits_view(served.runtime)
    await served.settled()
    return view


@post("/v1/limits/accept", status_code=200, summary="Accept looser limits")
async def accept_limits(state: AppState, data: JSONBody[AcceptRequest]) -> Done:
    """Take what the configuration proposes: it is in force from each scope's next reset on.

    Where a second factor is set up, ``code`` must be its code of this moment.
    """
    served = _served(state)
    return await limiting.accept(served.runtime, data, served.second_factor)


@post("/v1/programme/cash", status_code=200, summary="Record a payout or other cash")
async def record_cash(state: AppState, data: JSONBody[CashFlowRequest]) -> Done:
    """Cash that the venue's balance shows and that is no trading result; journaled."""
    served = _served(state)
    return await losing.record_cash(served.runtime, data, served.second_factor)


@post("/v1/programme/phase", status_code=200, summary="Record a new phase")
async def record_phase(state: AppState, data: JSONBody[PhaseRequest]) -> Done:
    """The firm began a new phase: the account's ledger begins anew; journaled."""
    served = _served(state)
    return await losing.record_phase(served.runtime, data, served.second_factor)


@post("/v1/programme/scale", status_code=200, summary="Record a step of a scaling plan")
async def record_scale(state: AppState, data: JSONBody[ScaleRequest]) -> Done:
    """Sizes are multiplied, from the firm's next reset on; journaled."""
    served = _served(state)
    return await losing.record_scale(served.runtime, data, served.second_factor)


@post("/v1/approve", status_code=200, summary="End the probation of a strategy")
async def approve(state: AppState, data: JSONBody[ApproveRequest]) -> Done:
    """Let a new strategy trade as its route says."""
    served = _served(state)
    return await limiting.approve(served.runtime, data, served.second_factor)


@post("/v1/reconcile/{account:str}", status_code=200, summary="Look at an account now")
async def reconcile(
    state: AppState,
    account: FromPath[str],
    which: FromQuery[Literal["look", "preview", "adopt"]] = "look",
    by: FromQuery[str] = "",
    reason: FromQuery[str] = "",
) -> Done:
    """Ask the venue for orders, positions and fills, and say whether they agree.

    ``preview`` changes nothing; ``adopt`` takes over the positions that the venue shows, on the
    word of ``by`` and for ``reason``, which are journaled.
    """
    runtime = _served(state).runtime
    if which == "preview":
        return await reconciling.preview(runtime, account)
    if which == "adopt":
        return await reconciling.adopt(runtime, account, by, reason)
    return await reconciling.reconcile(runtime, account)


@post("/v1/venues/{venue:str}/resume", status_code=200, summary="Try a halted venue again")
async def resume(state: AppState, venue: FromPath[str], data: JSONBody[ResumeRequest]) -> Done:
    """Try again what stopped and waits for a person, such as a Logon that was refused."""
    return await resuming.resume(_served(state).runtime, venue, data)


@get("/v1/events", summary="Events as they become durable (server-sent events)")
async def events(
    state: AppState,
    after: Annotated[int | None, QueryParameter(ge=0, le=LAST_SEQ)] = None,
    kinds: FromQuery[str] = "",
    last_event_id: LastEventId = "",
) -> ServerSentEvent:
    """Follow the journal.

    Each message has the journal's sequence as its ``id``, the event's kind as its ``event``, and
    the event itself as its ``data``. It goes on after the header ``Last-Event-ID``, else after
    ``after``, else from now; from now too where the journal has no such event. ``kinds`` is a list
    of kinds with commas, or ``all``. The kind ``quote`` adds quotes, which are not journaled: they
    have no ``id``.
    """
    served = _served(state)
    served.streams.check_room()
    start = after if after is not None else served.runtime.head_seq
    if last_event_id.isdecimal() and len(last_event_id) < len(str(LAST_SEQ)):
        start = int(last_event_id)
    if start > served.runtime.last_seq:  # of a journal that a restored one has replaced
        start = served.runtime.head_seq
    wanted = frozenset(kinds.split(",")) if kinds else STREAMED
    samples = Samples(served.runtime) if "quote" in wanted else None
    follow = served.streams.follow(start, None if kinds == "all" else wanted, samples)
    return ServerSentEvent(follow)


@get("/metrics", summary="Numbers for Prometheus", media_type=TEXT)
async def metrics(state: AppState) -> Response[bytes]:
    """The engine and each account, as they stand."""
    served = _served(state)
    return Response(exposition(await served.status(), served.turned), media_type=TEXT)


@get("/healthz", summary="Whether the process serves at all (no token)")
async def healthz(state: AppState) -> Response[dict[str, str]]:
    """``ok`` while the loop runs and the journal takes events."""
    failed = _served(state).failed
    said = {"status": "failed" if failed else "ok"}
    return Response(said, status_code=503 if failed else 200)


@get("/readyz", summary="Whether every account may take entries")
async def readyz(state: AppState) -> Response[dict[str, Any]]:
    """503 with the reasons while an account is not connected, not reconciled, or has drifted."""
    found = await _served(state).status()
    waiting = {
        one.id: "link down" if not one.link_up else one.drift[0] if one.drift else "not reconciled"
        for one in found.accounts
        if not one.ready
    }
    said = {"status": "waiting" if waiting else "ready", "waiting_for": waiting}
    return Response(said, status_code=503 if waiting else 200)


def build_app(served: Served) -> Litestar:
    """Make the Litestar application over an engine. Authentication stands before it."""
    return Litestar(
        route_handlers=[
            status, orders, positions, signals, explain, one_account, quotes, listings, bars, halt,
            freeze, arm, cancel, flatten, resolve, reconcile, limits, accept_limits, record_cash,
            record_phase, record_scale, approve, resume,
            events, metrics, healthz, readyz,
        ],
        state=AppState({"served": served}),
        openapi_config=OpenAPIConfig(
            title="Bascule control API",
            version=__version__,
            path="/schema",
            render_plugins=[JsonRenderPlugin(path="/")],
        ),
        exception_handlers={BasculeError: bascule_fault, HTTPException: http_fault},
        logging_config=None,
    )  # fmt: skip
