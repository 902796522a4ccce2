"""What the risk chain costs an order with every limit set, by the number of accounts."""

import time
from decimal import Decimal
from pathlib import Path

from msgspec.structs import replace

from bascule.config.programmes import checked, find
from bascule.execution.decide import decide
from bascule.execution.inputs import (
    EngineBegan,
    Input,
    Looked,
    MoneyReceived,
    QuoteReceived,
    SignalReceived,
)
from bascule.execution.placing import Draft, propose
from bascule.execution.state import State
from bascule.execution.turn import Market, Settings, Turn
from bascule.model.account import (
    AccountSpec,
    Capabilities,
    RiskLimits,
    Route,
    RouteLeg,
    SizingRule,
)
from bascule.model.enums import AccountMode, InstrumentKind, OrdType, Side
from bascule.model.event import Bracket
from bascule.model.ids import AccountId, RouteId, SignalId, StrategyId, Symbol, VenueId, VenueSymbol
from bascule.model.instrument import Listing, Quote
from bascule.model.intent import Amount, Level, PlaceOrder, Protection, Signal
from bascule.model.order import AccountSnapshot
from bascule.model.values import SECOND, Currency, Instant
from bascule.risk.chain import judge
from bascule.risk.limits import LOOSEST

_MANY = Decimal(10**12)
_COUNT = 10**9
_SYMBOLS = ("EURUSD", "GBPUSD", "AUDUSD", "EURJPY", "USDJPY")
_ALL_SET = RiskLimits(
    instruments=_SYMBOLS, max_order_qty=_MANY, max_book_qty=_MANY, max_position_qty=_MANY,
    max_account_qty=_MANY, max_order_value=_MANY, max_notional=_MANY, max_margin=_MANY,
    margin_percent=Decimal(1), max_quote_age_ns=10**18, price_collar_percent=Decimal(90),
    max_order_loss=_MANY, max_order_loss_percent=Decimal(90), max_open_orders=_COUNT,
    orders_per_second=_COUNT, orders_per_minute=_COUNT, orders_per_hour=_COUNT,
    orders_per_day=_COUNT, messages_per_day=_COUNT, order_to_fill_max=_COUNT,
    short_interval_value=_MANY, duplicate_window_ns=SECOND, repeated_executions=_COUNT,
    self_match="refuse", opposite_positions="refuse", probation_signals=1,
    runaway_per_minute=_COUNT,
)  # fmt: skip


def _listing(symbol: str) -> Listing:
    return Listing(
        Symbol(symbol), VenueSymbol(symbol), InstrumentKind.FX, Currency(symbol[3:]),
        Decimal("0.0001"), Decimal(100_000), Decimal("0.01"), Decimal("0.01"), Decimal(1000),
    )  # fmt: skip


def world(count: int, programme: str = "") -> tuple[State, Settings, Market, int]:
    """Give ``count`` accounts that wait in five contracts each, all quoted, and the time.

    ``programme`` names a firm's preset that all of them are under.
    """
    names = [AccountId(f"a{number}") for number in range(count)]
    rules = checked(find(programme, Path()), "", _MANY).programme if programme else None
    sizing = SizingRule(method="signal")
    settings = Settings(
        accounts={
            name: AccountSpec(
                id=name, venue=VenueId("v"), login=name, mode=AccountMode.PAPER,
                currency=Currency("USD"), limits=replace(_ALL_SET, probation_signals=0),
                programme=rules, firm=rules.firm if rules is not None else "",
                initial_balance=_MANY,
            )
            for name in names
        },
        routes=(
            Route(
                id=RouteId("r"), strategy=StrategyId("*"), pyramiding=10**6,
                legs=tuple(RouteLeg(account=name, sizing=sizing) for name in names),
            ),
        ),
        capabilities={name: Capabilities(reduce_only=True) for name in names},
        listings={name: {Symbol(one): _listing(one) for one in _SYMBOLS} for name in names},
        symbols={name: {VenueSymbol(one): Symbol(one) for one in _SYMBOLS} for name in names},
        limits={
            "all": replace(
                LOOSEST, max_position_qty=_MANY, max_notional=_MANY, max_margin=_MANY,
                margin_percent=Decimal(1),
            ),
            "strategy:s": replace(LOOSEST, messages_per_day=_COUNT, max_order_qty=_MANY),
            "venue:v": replace(LOOSEST, messages_per_day=_COUNT),
        },
        portfolio_currency=Currency("USD"),
    )  # fmt: skip
    state, market, at = State(), Market(), 1_795_000_000 * SECOND

    def give(given: Input) -> None:
        decide(state, settings, market, given)

    give(EngineBegan(Instant(at), 1, "0", "h", "c", "bnch", "first start"))
    for name in names:
        give(Looked(at=Instant(at), account=name, cause="", orders=(), positions=(), fills=()))
        told = AccountSnapshot(
            account=name, currency=Currency("USD"), balance=_MANY, equity=_MANY,
            margin_used=Decimal(1), free_margin=_MANY, at=Instant(at),
        )  # fmt: skip
        give(MoneyReceived(Instant(at), told))
        for symbol in _SYMBOLS:
            price = Decimal(150) if symbol.endswith("JPY") else Decimal("1.1")
            quote = Quote(VenueSymbol(symbol), price, price, Instant(at))
            give(QuoteReceived(Instant(at), name, quote))
    for number, symbol in enumerate(_SYMBOLS):
        stop = Level(Decimal(149) if symbol.endswith("JPY") else Decimal(1))
        intent = PlaceOrder(
            symbol=symbol, side=Side.BUY, quantity=Amount(Decimal(1)),
            protection=Protection(stop_loss=stop),
        )  # fmt: skip
        signal = Signal(
            source="b", dialect="native", received_at=Instant(at), raw="{}", body_hash="h",
            key=str(number), strategy="s", intents=(intent,),
        )  # fmt: skip
        give(SignalReceived(Instant(at), signal))
    return state, settings, market, at


def cost_of_chain(count: int, rounds: int, programme: str = "") -> str:
    """Give microseconds an order, the best of five runs, as in a fan-out: each touches the next.

    Raises:
        SystemExit: an order was refused, so that not the whole chain was run.
    """
    state, settings, market, at = world(count, programme)
    turn = Turn(state, settings, market, Instant(at + SECOND))
    drafts = [
        Draft(
            account=state.accounts[name], spec=spec,
            listing=settings.listings[name][Symbol("EURJPY")],
            signal=SignalId("x"), strategy=StrategyId("s"), leg="e", side=Side.BUY,
            quantity=Decimal(1), ord_type=OrdType.LIMIT, price=Decimal(150),
            bracket=Bracket(stop_loss=Decimal(149)),
        )
        for name, spec in settings.accounts.items()
    ]  # fmt: skip
    for draft in drafts:
        last = judge(propose(turn, draft))[-1]
        if not last.ok:
            raise SystemExit(f"{last.code}: {last.text}")
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        for number in range(rounds):
            draft = drafts[number % count]
            judge(propose(turn, draft))
            market.totals.touch(draft.account.id, None)
        best = min(best, (time.perf_counter() - began) / rounds * 1e6)
    return f"{best:.1f}"
