"""Facts of the engine, as commands say them in a line."""

from decimal import Decimal
from pathlib import Path

import pytest

from bascule.cli.telling import date_time, event_line, latch_line
from bascule.config.latch import Latch
from bascule.model.enums import Side
from bascule.model.event import ForeignFill
from bascule.model.ids import AccountId, ExecID, Symbol, VenueOrderId, guardian_epoch
from bascule.model.values import Instant


def test_what_the_latch_holds_is_told_with_what_ends_it(tmp_path: Path) -> None:
    """A person's stop is armed by a person; a condition ends by itself."""
    latch = Latch(tmp_path / "latch")
    latch.set("account:a", by="ada", reason="lunch")
    latch.set("venue:v", by="guardian", reason="the connection is down", keeper="link")
    assert [latch_line(scope, said) for scope, said in latch.scopes().items()] == [
        "account:a: lunch; no entry leaves until it is armed",
        "venue:v: the connection is down; no entry leaves until that is over",
    ]


@pytest.mark.parametrize(
    ("client_id", "who"),
    [("", "by hand"), ("7a80-1-1e", "by hand"), (f"{guardian_epoch(1795280267867)}-2", "guardian")],
)
def test_a_fill_that_the_engine_did_not_ask_for_names_who_did(client_id: str, who: str) -> None:
    """What the guardian closed is not put on the person."""
    line = event_line(
        ForeignFill(
            at=Instant(1), account=AccountId("a"), exec_id=ExecID("x"),
            venue_order_id=VenueOrderId("7"), symbol=Symbol("EURUSD"), side=Side.SELL,
            quantity=Decimal(2), price=Decimal("1.16"), traded_at=Instant(1), client_id=client_id,
        )
    )  # fmt: skip
    assert who in line
    assert ("not sent by Bascule" in line) is (who == "by hand")


def test_a_time_beyond_the_calendar_is_told_as_its_last() -> None:
    """A journal of before may hold a lock until then; it is shown all the same."""
    assert date_time(10**23) == "9999-12-31 23:59:59"
    assert date_time(10**18) == "2001-09-09 01:46:40"
