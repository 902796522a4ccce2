"""Sample alerts, shaped as TradingView sends them, and the sender that posts them by and by."""

import http.client
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import cycle
from urllib.parse import urlsplit

from bascule.model.instrument import Quote

PriceOf = Callable[[str], Quote | None]
"""The last quote of one of our symbols, on any account; None before there is one."""

_TIMEOUT_S = 5.0


def alerts(price_of: PriceOf, now: Callable[[], int]) -> Iterator[str]:
    """Give bodies, one after another and for ever, with prices and times as they are by then.

    Most trade; one cannot be read, as happens when a placeholder is misspelt, and one is sent
    twice, as happens when an answer is lost.
    """
    for make in cycle(_SEQUENCE):
        body = make(price_of)
        if body is None:
            continue
        stamp = datetime.fromtimestamp(now() / 1e9, UTC)
        body.setdefault("timenow", stamp.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z")
        text = json.dumps(body)
        yield text
        if body.get("comment") == "sent twice":
            yield text


Body = dict[str, object] | None


def _bracketed(
    strategy: str, symbol: str, action: str, stop: Decimal, target: Decimal, **more: object
) -> Callable[[PriceOf], Body]:
    """An entry with a stop and a target at shares of the price, as a Pine script works them out."""

    def make(price_of: PriceOf) -> Body:
        quote = price_of(symbol)
        if quote is None:
            return None
        sign = 1 if action == "buy" else -1
        price = quote.mid
        tick = Decimal(1).scaleb(quote.bid.as_tuple().exponent)  # type: ignore[arg-type]
        return {
            "strategy": strategy,
            "ticker": symbol,
            "action": action,
            "price": str(price.quantize(tick)),
            "stop_loss": str((price * (1 - sign * stop)).quantize(tick)),
            "take_profit": str((price * (1 + sign * target)).quantize(tick)),
            **more,
        }

    return make


def _order(position: str, action: str, size: int, before: str) -> Callable[[PriceOf], Body]:
    """A strategy's own order, with where the position stands after it."""

    def make(price_of: PriceOf) -> Body:
        return {
            "strategy": "futures",
            "ticker": "MNQ1!",
            "action": action,
            "contracts": "1",
            "market_position": position,
            "market_position_size": str(size),
            "prev_market_position": before,
            "order_id": "Long" if action == "buy" else "Close entry(s) order Long",
        }

    return make


def _close(strategy: str, symbol: str) -> Callable[[PriceOf], Body]:
    return lambda price_of: {"strategy": strategy, "ticker": symbol, "action": "close"}


def _misspelt(price_of: PriceOf) -> Body:
    return {"strategy": "fx", "ticker": "EURUSD", "action": "{{strategy.order.acton}}"}


_SEQUENCE = (
    _bracketed("index", "US500", "buy", Decimal("0.003"), Decimal("0.006")),
    _order("long", "buy", 1, "flat"),
    _bracketed("fx", "EURUSD", "sell", Decimal("0.002"), Decimal("0.004"), comment="sent twice"),
    _misspelt,
    _bracketed("fx", "XAUUSD", "buy", Decimal("0.005"), Decimal("0.01")),
    _order("flat", "sell", 0, "long"),
    _close("index", "US500"),
    _close("fx", "EURUSD"),
    _close("fx", "XAUUSD"),
)


def post(url: str, body: str) -> int:
    """Post one body; give the answer's status, 0 when there was none."""
    at = urlsplit(url)
    connection = http.client.HTTPConnection(at.hostname or "", at.port, timeout=_TIMEOUT_S)
    try:
        connection.request("POST", at.path, body.encode(), {"content-type": "application/json"})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()
