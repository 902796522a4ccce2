"""A moving-average cross on the paper venue, from end to end.

    export BASCULE_TOKEN=...            # the token of a source of kind "intents"
    python examples/ma_cross.py --symbol EURUSD --strategy fx --account fx_pro

It enters when the fast average crosses the slow one and nothing is held: stop 3 ATR away, target
three times as far. It risks 0.5 % of the account until a target was reached ("evaluation") and half
of that from then on ("reached"). The strategy's route must size by `method = "signal"`.

It is an example of the client, and no advice: a cross of averages earns nothing by itself.
"""

import argparse
import time
from collections import deque
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from typing import Literal

from bascule import Client
from bascule.client import ClientError, Order

RISK_PERCENT = Decimal("0.5")
STOP_ATR = 3
TARGET_RATIO = "3"
LEAST_SPREADS = 5
"""The stop stands at least this many spreads away: nearer, the spread alone would reach it."""


class Cross:
    """Two moving averages over the last prices, and the mean move from price to price."""

    def __init__(self, fast: int, slow: int) -> None:
        self._fast = fast
        self._prices: deque[Decimal] = deque(maxlen=slow)
        self._above: bool | None = None

    @property
    def atr(self) -> Decimal:
        """The mean absolute move between two prices; 0 until there are two."""
        prices = list(self._prices)
        moves = [abs(b - a) for a, b in pairwise(prices)]
        return sum(moves, Decimal(0)) / len(moves) if moves else Decimal(0)

    def feed(self, price: Decimal) -> Literal["buy", "sell"] | None:
        """Take the next price; give the side when the averages have just crossed."""
        self._prices.append(price)
        if len(self._prices) < (self._prices.maxlen or 0):
            return None
        prices = list(self._prices)
        gap = sum(prices[-self._fast :]) / self._fast - sum(prices) / len(prices)
        if not gap:
            return None
        before, self._above = self._above, gap > 0
        if before is None or before == self._above:
            return None
        return "buy" if self._above else "sell"


def phase(orders: list[Order]) -> tuple[str, Decimal]:
    """Name the phase, and the percent to risk in it: a target that filled halves the risk."""
    if any(one.role == "take_profit" and one.filled for one in orders):
        return "reached", RISK_PERCENT / 2
    return "evaluation", RISK_PERCENT


def trade(
    client: Client,
    symbol: str,
    account: str,
    *,
    cross: Cross,
    every_s: float,
    entries: int,
    say: Callable[[str], None] = print,
) -> None:
    """Trade until so many entries were made."""
    last = 0
    while entries:
        time.sleep(every_s)
        quotes = client.quotes(symbol, account=account)
        if not quotes or quotes[0].at == last:
            continue
        quote = quotes[0]
        last = quote.at
        side = cross.feed(quote.mid)
        if side is None or client.positions() or client.orders():
            continue
        named, risk = phase(client.orders(which="all", limit=1_000))
        distance = max(cross.atr * STOP_ATR, (quote.ask - quote.bid) * LEAST_SPREADS)
        try:
            receipt = client.place(
                symbol,
                side,
                (risk, "risk_percent"),
                stop_loss=(round(distance, 5), "distance"),
                take_profit=(TARGET_RATIO, "ratio"),
            )
        except ClientError as error:
            say(f"not entered: {error}")
            continue
        say(f"{named}: {side} {symbol} at risk of {risk} %: {receipt.status} {receipt.signal}")
        entries -= 1


def main() -> None:
    """Read the arguments and trade."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--symbol", default="EURUSD")
    words.add_argument("--strategy", default="fx")
    words.add_argument("--account", default="fx_pro", help="whose quotes to read")
    words.add_argument("--fast", type=int, default=10)
    words.add_argument("--slow", type=int, default=30)
    words.add_argument("--every", type=float, default=1.0, help="seconds between two looks")
    words.add_argument("--entries", type=int, default=1_000, help="stop after so many")
    given = words.parse_args()
    with Client(strategy=given.strategy) as client:
        cross = Cross(given.fast, given.slow)
        trade(
            client,
            given.symbol,
            given.account,
            cross=cross,
            every_s=given.every,
            entries=given.entries,
        )


if __name__ == "__main__":
    main()
