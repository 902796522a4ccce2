from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from .house import House, house


@pytest_asyncio.fixture
async def api(tmp_path: Path) -> AsyncIterator[House]:
    """Give a running engine with two accounts, both reconciled."""
    async with house(tmp_path) as built:
        yield built
