import json
from decimal import Decimal

from bascule.api.quoted import BARS_MAX, Samples
from bascule.model.ids import AccountId, VenueSymbol
from bascule.model.instrument import Quote
from bascule.model.values import MINUTE, Instant

from .house import House


def _quote(api: House, bid: str, at: int) -> None:
    price = Decimal(bid)
    api.served.bars.add(AccountId("one"), Quote(VenueSymbol("EURUSD"), price, price, Instant(at)))


async def test_bars_are_built_of_bids_and_widened(api: House) -> None:
    """A bar has first, highest, lowest and last bid of its interval; gaps have none."""
    hour = 500_000 * 60 * MINUTE
    for bid, minute in (("5", 0), ("7", 0), ("4", 0), ("6", 1), ("8", 5), ("1", 0)):
        _quote(api, bid, hour + minute * MINUTE + 1)
    told = await api.call("GET", "/v1/bars?symbol=EURUSD&account=one")
    bars = [one for one in json.loads(told.body) if hour <= one["start"]]
    shown = [(one["open"], one["high"], one["low"], one["close"], one["quotes"]) for one in bars]
    assert shown[-3:] == [("5", "7", "4", "4", 3), ("6", "6", "6", "6", 1), ("8", "8", "8", "8", 1)]
    wide = json.loads((await api.call("GET", "/v1/bars?symbol=EURUSD&interval=5m&limit=2")).body)
    assert [(one["open"], one["close"]) for one in wide if one["account"] == "one"][-2:] == [
        ("5", "6"),
        ("8", "8"),
    ]


async def test_bars_are_bounded(api: House) -> None:
    """However long the engine runs, so many minutes are kept and no more."""
    for minute in range(BARS_MAX + 5):
        _quote(api, "5", 500_000 * 60 * MINUTE + minute * MINUTE)
    assert len(api.served.bars.last("EURUSD", "one", "1m", 10 * BARS_MAX)) == BARS_MAX


async def test_samples_are_the_newest_and_not_too_many(api: House) -> None:
    """Of many quotes at once the newest is told, and the next not before its time."""
    samples = Samples(api.runtime)
    tell = api.runtime._on_quote
    now = api.runtime.clock.now()
    for bid in ("5", "6", "7"):
        quote = Quote(VenueSymbol("EURUSD"), Decimal(bid), Decimal(bid), now)
        tell(now, AccountId("one"), quote)
    assert [(one.symbol, one.bid) for one in samples.take()] == [("EURUSD", Decimal(7))]
    tell(now, AccountId("one"), quote)
    assert samples.take() == []
    samples.close()


async def test_a_stream_tells_quotes_without_an_id(api: House) -> None:
    """A stream that asks for quotes gets one, and its place in the journal does not move."""
    samples = Samples(api.runtime)
    now = api.runtime.clock.now()
    quote = Quote(VenueSymbol("EURUSD"), Decimal(5), Decimal(6), now)
    api.runtime._on_quote(now, AccountId("one"), quote)
    stream = api.served.streams.follow(10**9, frozenset({"quote"}), samples)
    first, second = await anext(stream), await anext(stream)
    await stream.aclose()
    assert (first.id, first.data) == (str(10**9), "")
    assert (second.id, second.event) == (None, "quote")
    assert json.loads(second.data)["bid"] == "5"
