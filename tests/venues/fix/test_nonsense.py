"""A counterparty that tells what cannot be: it costs what it is about, and nothing else."""

import asyncio
from typing import Any

import pytest

from bascule.fix.message import Field, Fields, Message
from bascule.model.errors import VenueTransient
from bascule.model.ids import VenueSymbol
from bascule.model.values import Instant
from bascule.venues.fix.answers import Answers
from bascule.venues.fix.instruments import Names
from tests.venues.client import MAIN

EURUSD = VenueSymbol("EURUSD")


@pytest.mark.parametrize(
    "tick", [(969, b"1E-5"), (969, b"nan"), (1008, b"999999999999999999"), (1008, b"x")]
)
def test_an_instrument_with_a_number_that_is_none_is_not_listed(tick: Field) -> None:
    """It is left out like one of which too little is told."""
    assert Names(()).listing(EURUSD, Fields([(55, b"EURUSD"), (15, b"USD"), tick])) is None
    good = Names(()).listing(EURUSD, Fields([(55, b"EURUSD"), (15, b"USD"), (1008, b"5")]))
    assert good is not None
    assert str(good.tick_size) == "0.00001"


class Counterparty:
    """Answers a question about the money with the fields it is given."""

    def __init__(self, *fields: Field) -> None:
        self.plan = self.writer = self.settings = self
        self.answer_timeout_s = 1.0
        self.answers: Answers
        self.fields = list(fields)

    def now(self) -> Instant:
        """The time."""
        return Instant(1)

    def login(self, account: str) -> str:
        """Its name."""
        return account

    def money(self, question: str, login: str) -> str:
        """The question's id is all of it that matters."""
        return question

    def ask(self, message: str, question: str) -> None:
        """Answer soon."""
        told = Message(b"BA", [(909, question.encode()), *self.fields])
        asyncio.get_running_loop().call_soon(self.answers.other, told)


async def money(*fields: Field) -> Any:
    """Ask a counterparty that tells these fields."""
    there: Any = Counterparty(*fields)
    there.answers = Answers(there)
    return await there.answers.money(MAIN, "USD")


async def test_a_report_that_names_no_money_is_not_taken_for_none() -> None:
    """An equity of nothing would have the loss line close the account."""
    with pytest.raises(VenueTransient, match="neither"):
        await money((899, b"100"))
    with pytest.raises(VenueTransient, match="cannot be read"):
        await money((900, b"1.0e6"))


async def test_what_of_the_money_is_told_is_taken() -> None:
    """The one stands for the other."""
    assert (await money((901, b"50"))).equity == 50
    assert (await money((900, b"60"))).balance == 60
    told = await money((901, b"50"), (900, b"40"))
    assert (told.balance, told.equity) == (50, 40)
