"""One paper broker for a file of tests; each test gets a link of its own and an empty floor."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bascule.venues.paper.control import Control, PaperProcess
from tests.venues.paper.desk import SETTINGS, Trader, process_of


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PaperProcess]:
    """A running broker, shared by the tests of a module."""
    with PaperProcess(SETTINGS, tmp_path_factory.mktemp("paper")) as process:
        yield process


@pytest.fixture
def own(tmp_path: Path) -> Iterator[PaperProcess]:
    """A running broker for a test that kills it."""
    with process_of(tmp_path) as process:
        yield process


@pytest.fixture
def control(broker: PaperProcess) -> Iterator[Control]:
    """The administrator's link to the shared broker, its price at 100/102 and no fault armed."""
    link = broker.control()
    link.disarm()
    link.hours("GOLD", "always")
    link.quote("GOLD", "100", "102")
    yield link
    link.disarm()
    link.close()


@pytest.fixture
async def trader(broker: PaperProcess, control: Control) -> AsyncIterator[Trader]:
    """A connected client of the shared broker."""
    client = Trader(broker)
    await client.venue.connect()
    yield client
    control.disarm()
    await client.until(lambda: client.links()[-1])
    await client.flat()
    await client.venue.disconnect()
