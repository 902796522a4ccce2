"""`bascule check --public` against a real nginx: what is well is ok, and what is not is found."""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from bascule.cli.check_public import Door, Finding, check_public, unsigned
from bascule.engine.clock import SystemClock
from bascule.model.values import SECOND
from bascule.signals.intake.certificate import read
from bascule.signals.intake.senders import wanted_certificate
from bascule.signals.intake.source import Source
from tests.integration.nginx import Proxy, running
from tests.integration.proxied import certificates, published
from tests.ports import free_port
from tests.unit.signals.asgi import TOKEN, Sender

SOURCES = (
    Source(name="tv", path_token=TOKEN, client_certificate="tradingview"),
    Source(name="listed", path_token=TOKEN, allow_from=("tradingview",)),
    Source(name="both", body_secret="x" * 16, allow_from=("tradingview",)),
)
NOW_S = SystemClock().now() // SECOND


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with an authority's certificates."""
    made = tmp_path_factory.mktemp("public")
    certificates(made)
    return made


async def look(proxy: Proxy, now_s: int = NOW_S, **changes: object) -> dict[str, Finding]:
    """Run the check from this machine; the name of it is localhost."""
    door = Door(
        "localhost",
        proxy.site.https_port,
        proxy.site.http_port,
        ssl.create_default_context(cafile=proxy.folder / "ca.pem"),
    )._replace(**changes)  # type: ignore[arg-type]
    found = await asyncio.to_thread(check_public, door, SOURCES, now_s)
    return {one.what: one for one in found if one.what not in ("port", "name localhost")}


@pytest.fixture
def sender() -> Sender:
    """Give an intake that trusts the proxy on this machine."""
    return Sender(SOURCES, trusted_proxies=["127.0.0.1"])


def problems(found: dict[str, Finding]) -> set[str]:
    """Give what is a problem."""
    return {what for what, one in found.items() if one.state == "problem"}


async def test_what_is_generated_is_in_order(folder: Path, sender: Sender) -> None:
    """Everything that can be seen from here is ok, and no signal comes of looking."""
    async with running(folder, allow=("any",)) as proxy, published(sender, proxy.upstream):
        found = await look(proxy)
    assert problems(found) == set()
    states = {what: one.state for what, one in found.items() if one.state == "ok"}
    assert {"/hooks/", "control API", f"port {proxy.site.http_port}"} <= set(states)
    for name in ("tv", "listed", "both"):
        assert found[f"forged headers, source {name}"].text == "refused, as without them"
    assert found["from outside"].state == "untested"
    assert sender.door.signals == []


async def test_a_proxy_that_refuses_this_machine_is_said_to_hide_the_rest(
    folder: Path, sender: Sender
) -> None:
    """What lies behind was not tested, and forged headers change nothing."""
    async with running(folder, allow=("tradingview",)) as proxy, published(sender, proxy.upstream):
        found = await look(proxy)
    assert found["/hooks/"].state == "untested"
    assert found["forged headers, source tv"].text == "the proxy refuses them itself (403)"
    assert problems(found) == set()


def without(*names: str) -> Callable[[str], str]:
    """Leave out the lines that set these headers."""
    return lambda text: "\n".join(
        line for line in text.splitlines() if not any(f"header {one}" in line for one in names)
    )


SPOILED = {
    "address": (without("X-Forwarded-For"), {"forged headers, source listed",
                                            "forged headers, source both"}),
    "certificate": (without("X-Client"), {"forged headers, source tv"}),
    "control API": (
        lambda text: text.replace(
            "\n\n    location / { return 404; }",
            "\n\n    location / { proxy_pass http://127.0.0.1:@; }",
        ),
        {"control API"},
    ),
    "hooks": (lambda text: text.replace("location /hooks/", "location /nothing/"), {"/hooks/"}),
}  # fmt: skip


@pytest.mark.parametrize("what", SPOILED)
async def test_a_spoiled_configuration_is_found(folder: Path, sender: Sender, what: str) -> None:
    """Headers that a sender may set, an API that is published, hooks that lead nowhere."""
    edit, expected = SPOILED[what]
    upstream = free_port()

    def spoil(text: str) -> str:
        return edit(text).replace("127.0.0.1:@", f"127.0.0.1:{upstream}")

    async with (
        running(folder, edit=spoil, allow=("any",), upstream=f"127.0.0.1:{upstream}") as proxy,
        published(sender, upstream),
    ):
        assert problems(await look(proxy)) == expected
    assert sender.door.signals == []


async def test_bascule_that_does_not_run_is_found(folder: Path) -> None:
    """The proxy stands, and nothing behind it."""
    async with running(folder, allow=("any",)) as proxy:
        found = await look(proxy)
    assert problems(found) == {"/hooks/"}
    assert "502" in found["/hooks/"].text


async def test_a_bad_certificate_is_found(folder: Path, sender: Sender) -> None:
    """One that ends soon, and one that no public authority signed; then it looks no further."""
    async with (
        running(folder, allow=("any",), asked=False) as proxy,
        published(sender, proxy.upstream),
    ):
        what = f"TLS on port {proxy.site.https_port}"
        late = await look(proxy, NOW_S + 50 * 86_400 + 3_600)
        assert problems(late) == {what}
        assert "ends in 9 days" in late[what].text
        unknown = await look(proxy, context=None)
        assert problems(unknown) == {what}
        assert "not valid" in unknown[what].text
        assert "/hooks/" not in unknown


async def test_plain_http_that_takes_signals_is_found(folder: Path, sender: Sender) -> None:
    """Then the URL's secret would travel in clear."""
    async with running(folder, allow=("any",)) as proxy, published(sender, proxy.upstream):
        found = await look(proxy, plain_port=proxy.upstream)
    assert problems(found) == {f"port {proxy.upstream}"}


def test_a_forgery_bears_the_names_that_are_wanted() -> None:
    """Else a forged certificate would be refused for another reason than the one looked at."""
    wanted = wanted_certificate("tradingview")
    assert wanted.met_by(read(unsigned(wanted)))
