"""What an intake is given: where to put a signal, and whom to tell of a stranger."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from bascule.model.intent import Receipt, Signal


class SubmitPort(Protocol):
    """The engine's door."""

    def submit(self, signal: Signal) -> Awaitable[Receipt]:
        """Take a signal in, refused ones too; the receipt comes once it is durable.

        Raises:
            BasculeError: nothing was kept; the sender may send again.
        """


OnUnauthenticated = Callable[[str, str, str], None]
"""(source name or "" when there is none of that name, peer address, why). Called for every request
that is turned away; ``why`` is ``token``, ``address``, ``certificate``, ``secret``, ``signature``
or ``bearer``. It counts, and never waits."""
