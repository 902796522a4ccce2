"""A running engine keeps a firm's hours by itself: time alone makes them fall due."""

from decimal import Decimal
from pathlib import Path

import msgspec

from bascule.config.firm import NewsSettings
from bascule.engine.runtime import Setup
from bascule.model.enums import OrdStatus, OrdType, Side
from bascule.model.ids import AccountId
from bascule.model.intent import PlaceOrder
from bascule.model.programme import FlatRule, Programme
from tests.unit.engine.fakes import Installation
from tests.waiting import until

ROUND_THE_CLOCK = FlatRule(overnight="prohibited", time="00:00", reopen="23:59", buffer_min=1439)


class Bound(Installation):
    """The first account is under a firm that never lets anything be held."""

    def setup(self) -> Setup:
        """Describe it."""
        plain = super().setup()
        first, *others = plain.accounts
        bound = msgspec.structs.replace(
            first,
            programme=Programme(id="p", firm="Firm", flat=ROUND_THE_CLOCK),
            firm="Firm",
            initial_balance=Decimal(100_000),
        )
        news = NewsSettings(source=str(self.directory / "calendar.csv"))
        return msgspec.structs.replace(plain, accounts=(bound, *others), news=news)


async def test_an_order_that_rests_in_a_flat_span_is_asked_back(tmp_path: Path) -> None:
    """No signal and no price comes; the other account's order is left where it is."""
    free = Installation(tmp_path)
    async with free.running() as runtime:
        resting = PlaceOrder(
            symbol="BTCUSD", side=Side.BUY, ord_type=OrdType.LIMIT, price=Decimal(1)
        )
        await runtime.submit(free.signal(runtime, resting))
        await until(lambda: len(free.venue.seen) == 2, "both orders")
        for order in free.venue.seen:
            free.venue.show(order)
    place = Bound(tmp_path)
    place.venue = free.venue
    async with place.running() as runtime:
        await until(lambda: place.venue.cancels, "the sweep")
        assert [request.account for request in place.venue.cancels] == ["one"]
        for order in place.venue.seen:
            place.venue.show(order, OrdStatus.CANCELED)
        await runtime.reconcile(AccountId("one"))
        assert not runtime.state.accounts[AccountId("one")].orders


async def test_the_calendar_is_read_beside_the_engine(tmp_path: Path) -> None:
    """From the file that the configuration names, into what decisions see."""
    calendar = tmp_path / "calendar.csv"
    calendar.write_text("date,time,event\n2026-12-04,13:30,NFP\n", encoding="utf-8")
    async with Bound(tmp_path).running() as runtime:
        await until(
            lambda: runtime.settings.news is not None and runtime.settings.news.calendar,
            "the calendar",
        )
