"""What may go now, where a stop or the latch came after the decision."""

from decimal import Decimal as D
from typing import Any

import pytest

from bascule.config.latch import LatchMode
from bascule.engine.lanes import Lanes
from bascule.execution.effects import Change
from bascule.model.enums import OrdType, Side
from bascule.model.event import ChangeRejected, ReplaceRequested
from bascule.model.intent import Amount, ModifyOrder, PlaceOrder
from bascule.model.values import Instant
from tests.unit.execution.harness import EURUSD, Bench, every, only


def resting() -> Bench:
    """Have an entry of five working at 1.0."""
    bench = Bench()
    words: dict[str, Any] = {"ord_type": OrdType.LIMIT, "price": D(1)}
    bench.say(PlaceOrder(symbol=EURUSD, side=Side.BUY, quantity=Amount(D(5)), **words))
    bench.settle()
    return bench


def pumped(bench: Bench, latched: LatchMode | None, **asked: Any) -> list[Any]:
    """Decide a change of the entry, and let it go under a latch; gives what leaves."""
    event = only(bench.say(ModifyOrder(symbol=EURUSD, **asked)), ReplaceRequested)
    lanes = Lanes(bench.state, bench.settings, lambda: lambda spec, strategy: latched, bench.feed)
    lanes.enqueue([Change(event.account, event.cl_ord_id, event)], Instant(bench.at))
    return list(lanes.pump(Instant(bench.at)).changes)


@pytest.mark.parametrize("asked", [{"quantity": Amount(D(9))}, {"price": D("1.01")}])
def test_a_halt_that_came_meanwhile_holds_back_what_makes_more_of_an_entry(
    asked: dict[str, Any],
) -> None:
    """The halt is on the disk and the engine has not heard of it yet; the order stays as it is.

    Before, a change was held back by a freeze alone: under a halt five could become nine.
    """
    bench = resting()
    assert pumped(bench, "halt", **asked) == []
    rejected = only(bench.events, ChangeRejected)
    assert "came before it was sent" in rejected.reason
    (entry,) = bench.orders("e")
    assert (entry.quantity, entry.leaves, entry.pending) == (5, 5, "")


def test_under_a_halt_an_entry_may_still_shrink() -> None:
    """A smaller order adds nothing; under a freeze nothing at all goes."""
    smaller = {"quantity": Amount(D(2))}
    bench = resting()
    assert len(pumped(bench, "halt", **smaller)) == 1
    bench = resting()
    assert pumped(bench, "freeze", **smaller) == []
    assert len(every(bench.events, ChangeRejected)) == 1
