import pytest

from bascule.api.dispatch import build_asgi
from bascule.signals.intake.http import HttpIntake
from bascule.signals.intake.source import Source

from .house import House

BEARER = "the-token-of-a-script-0123456789"
READABLE = (
    "/v1/quotes",
    "/v1/bars?symbol=EURUSD",
    "/v1/orders",
    "/v1/positions",
    "/v1/account/one",
)


@pytest.fixture
def reader(api: House) -> House:
    """Give the engine with one source of kind ``intents`` before it."""
    source = Source(name="scripts", dialect="native", bearer=BEARER)
    intake = HttpIntake([source], api.runtime, clock=api.runtime.clock.now)
    api.app = build_asgi(api.served, intake, "operator", may_read=intake.bears)
    return api


@pytest.mark.parametrize("path", READABLE)
async def test_a_source_reads_what_a_strategy_needs(reader: House, path: str) -> None:
    """Its bearer token opens quotes, orders, positions and accounts; another opens nothing."""
    assert (await reader.call("GET", path, token=BEARER)).status == 200
    for token in ("another", None):
        assert (await reader.call("GET", path, token=token)).status == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/halt"),
        ("POST", "/v1/arm"),
        ("POST", "/v1/flatten"),
        ("POST", "/v1/reconcile/one"),
        ("POST", "/v1/orders"),
        ("GET", "/v1/status"),
        ("GET", "/v1/signals"),
        ("GET", "/v1/explain/a-1"),
        ("GET", "/v1/orders/more"),
        ("GET", "/metrics"),
    ],
)
async def test_a_source_operates_nothing(reader: House, method: str, path: str) -> None:
    """Everything else answers a source's token as it answers none."""
    assert (await reader.call(method, path, {}, token=BEARER)).status == 401
