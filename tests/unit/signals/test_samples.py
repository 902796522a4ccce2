"""The sample alerts are read as they promise."""

import pytest

from bascule.model.values import SECOND, Instant
from bascule.signals.reading import Reader
from bascule.signals.samples import SampleAlert, alert, alerts

NOW = Instant(1_795_262_400 * SECOND)
LONG = {
    "ticker": "EURUSD", "close": "1.16", "plot_0": "1.15", "plot_1": "1.18", "exchange": "FX",
    "interval": "5", "timenow": "2026-11-21T12:00:00Z", "time": "2026-11-21T11:55:00Z",
    "open": "1", "high": "2", "low": "1", "volume": "12345",
    "strategy.order.action": "buy", "strategy.order.contracts": "2", "strategy.order.id": "Long",
    "strategy.order.price": "1.16", "strategy.position_size": "2",
    "strategy.market_position": "long", "strategy.market_position_size": "2",
    "strategy.prev_market_position": "flat", "strategy.prev_market_position_size": "0",
}  # fmt: skip
SHORT = LONG | {"plot_0": "1.17", "plot_1": "1.13"}


@pytest.mark.parametrize("sample", alerts(), ids=lambda sample: sample.name)
def test_a_sample_is_accepted_or_refused_as_it_says(sample: SampleAlert) -> None:
    """Its strategy is in the message, and nothing of the bar sizes it."""
    values = SHORT if sample.name == "entry_short" else LONG
    read = Reader(source="demo", auth="url_path").read(sample.fill(values), NOW)
    assert (read.refused_code or "accepted") == sample.expects, read.refused_text
    if sample.expects == "accepted":
        assert read.strategy == sample.strategy
        assert read.fired_at == NOW
    assert "12345" not in repr(read.intents)


def test_a_placeholder_without_a_value_stays() -> None:
    """As TradingView leaves it."""
    assert "{{ticker}}" in alert("exit").fill({"close": "1"})
    with pytest.raises(KeyError):
        alert("none of this name")
