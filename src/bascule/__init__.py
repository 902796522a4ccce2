"""Bascule: a self-hosted trade-execution bridge.

Importing this package costs next to nothing: it pulls in no engine, venue or web code. The client
for strategies is loaded when it is first asked for.
"""

__version__ = "0.1.0"

TYPE_CHECKING = False  # typing's own would be an import; type checkers know this name too
if TYPE_CHECKING:
    from bascule.client import AsyncClient as AsyncClient
    from bascule.client import Client as Client


def __getattr__(name: str) -> object:
    if name in ("Client", "AsyncClient"):
        import bascule.client

        return getattr(bascule.client, name)
    raise AttributeError(f"module 'bascule' has no attribute {name!r}")
