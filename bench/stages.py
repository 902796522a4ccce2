"""What each stage of a signal's way costs by itself, in microseconds of one busy core.

python bench/stages.py [ROUNDS]
"""

import sys
import time
from collections.abc import Callable
from decimal import Decimal

from chain import cost_of_chain
from common import table
from engine_process import TOKEN
from recovery import Trader
from signal_to_wire import bascule_alert

from bascule.execution.around import Surroundings
from bascule.execution.decide import decide
from bascule.execution.evolve import evolve
from bascule.execution.inputs import SignalReceived
from bascule.execution.placing import Draft
from bascule.execution.state import State, load
from bascule.execution.state import dump as dump_state
from bascule.execution.turn import Market, Turn
from bascule.journal.chain import GENESIS, encode
from bascule.model.enums import OrdType, Side
from bascule.model.event import OrderRequested
from bascule.model.ids import SignalId, StrategyId, Symbol
from bascule.model.intent import PlaceOrder, Signal
from bascule.model.values import SECOND, Instant
from bascule.reference import resolve
from bascule.risk.chain import CHECKS, judge
from bascule.risk.proposal import Proposal
from bascule.risk.rates import RateWindow
from bascule.signals.intake.source import Source


def cost(work: Callable[[int], object], rounds: int) -> str:
    """Give microseconds a call, the best of five runs."""
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        for number in range(rounds):
            work(number)
        best = min(best, (time.perf_counter() - began) / rounds * 1e6)
    return f"{best:.1f}"


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    reader = Source(name="bench", path_token=TOKEN, strategy="ma").reader()
    bodies = [bascule_alert(number)[1].decode() for number in range(rounds)]
    at = Instant(1_795_000_000 * SECOND)
    trader = Trader()
    events = trader.start()
    made = trader.round_trip()
    listing = next(iter(trader.settings.listings.values()))[Symbol("BTCUSDT")]
    spec = next(iter(trader.settings.accounts.values()))
    turn = Turn(trader.state, trader.settings, trader.market, at)
    draft = Draft(
        account=next(iter(trader.state.accounts.values())), spec=spec, listing=listing,
        signal=SignalId("x"), strategy=StrategyId("ma"), leg="e", side=Side.BUY,
        quantity=Decimal(1),
    )  # fmt: skip
    proposal = Proposal(
        at=at, signal="x", spec=spec, listing=listing, side=Side.BUY, quantity=Decimal(1),
        ord_type=OrdType.MARKET, reducing=False, net=Decimal(0), book=Decimal(0),
        open_buy=Decimal(0), open_sell=Decimal(0), open_orders=3, rates=RateWindow(),
        limits=spec.limits, around=Surroundings(turn, draft, spec.limits),
    )  # fmt: skip
    frozen = dump_state(trader.state)

    def plan_all(rounds: int) -> float:
        """Plan fresh signals on three accounts, from a state that does not grow between runs."""
        best = float("inf")
        for run in range(5):
            state, market = load(frozen), Market()
            given = []
            for number in range(rounds):
                moment = Instant(trader.at + number * 3 * SECOND)
                signal = Signal(
                    source="b",
                    dialect="native",
                    received_at=moment,
                    raw="{}",
                    body_hash="h",
                    key=f"{run}-{number}",
                    strategy=f"s{number}",
                    intents=(PlaceOrder(symbol="BTCUSDT", side=Side.BUY),),
                )
                given.append(SignalReceived(moment, signal))
            began = time.perf_counter()
            made = [decide(state, trader.settings, market, one) for one in given]
            best = min(best, (time.perf_counter() - began) / rounds / 3 * 1e6)
            orders = sum(isinstance(event, OrderRequested) for events in made for event in events)
            if orders != rounds * 3:
                raise SystemExit(f"{orders} orders instead of {rounds * 3}")
        return best

    replayed = [*events, *made]

    def replay(_: int) -> None:
        state = State()
        for event in replayed:
            evolve(state, event)

    rows = [
        ("read a TradingView alert (repairs, numbers, key, intents)",
         cost(lambda n: reader.read(bodies[n], at), rounds)),
        ("resolve a known contract", cost(lambda n: resolve("ES1!", at), rounds)),
        (f"the chain of {len(CHECKS)} checks, the usual limits",
         cost(lambda n: judge(proposal), rounds)),
        *((f"propose and judge one order, every limit set, {count} accounts",
           cost_of_chain(count, rounds)) for count in (1, 10, 100)),
        ("the same under FTMO's rules, 10 accounts",
         cost_of_chain(10, rounds, "ftmo-2step-challenge")),
        ("plan, size, check and fold one order", f"{plan_all(min(rounds, 500)):.1f}"),
        ("encode and chain one event",
         f"{float(cost(lambda n: encode(made, GENESIS, []), 200)) / len(made):.1f}"),
        ("fold one event", f"{float(cost(replay, 200)) / len(replayed):.1f}"),
    ]  # fmt: skip
    table("Stages, microseconds", ("stage", "cost"), rows)


if __name__ == "__main__":
    main()
