"""The configuration that `bascule expose nginx` writes, run by nginx itself on loopback."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from bascule.cli.expose_choices import ClientCertificates
from bascule.signals.intake.source import Source
from tests.integration.nginx import running
from tests.integration.proxied import (
    CLIENTS,
    SENDER,
    certificates,
    published,
    send,
)
from tests.unit.signals.asgi import ALERT, TOKEN, Sender

OPEN = f"/hooks/open/{TOKEN}"
CERTIFIED = f"/hooks/tv/{TOKEN}"
LISTED = f"/hooks/listed/{TOKEN}"
HERE = f"/hooks/here/{TOKEN}"
SOURCES = (
    Source(name="open", path_token=TOKEN),
    Source(name="tv", path_token=TOKEN, client_certificate="tradingview"),
    Source(name="listed", path_token=TOKEN, allow_from=("tradingview",)),
    Source(name="here", path_token=TOKEN, allow_from=(SENDER,)),
)
FORGED = {
    "X-Forwarded-For": "52.89.214.238",
    "X-Real-IP": "52.89.214.238",
    "Forwarded": "for=52.89.214.238",
    "X-Client-Verify": "SUCCESS",
}
"""What somebody sends who wants to pass for TradingView; its certificate is no secret."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with an authority's certificates."""
    made = tmp_path_factory.mktemp("nginx")
    certificates(made)
    return made


@pytest.fixture
def sender() -> Sender:
    """Give an intake that trusts the proxy on this machine."""
    return Sender(SOURCES, trusted_proxies=["127.0.0.1"])


async def test_the_right_certificate_lets_an_alert_in(folder: Path, sender: Sender) -> None:
    """Verified by nginx, read by the intake; none or another's gets nowhere."""
    async with running(folder) as proxy, published(sender, proxy.upstream):
        assert (await proxy.post(CERTIFIED, certificate="right")).code == "accepted"
        assert len(sender.door.signals) == 1
        for certificate in ("", *(name for name in CLIENTS if name != "right")):
            got = await proxy.post(CERTIFIED, certificate=certificate)
            assert (got.status, got.code) == (404, "not_found"), certificate
            assert sender.strangers[-1][2] == "certificate"
    assert len(sender.door.signals) == 1


async def test_a_certificate_that_is_not_wanted_does_no_harm(folder: Path, sender: Sender) -> None:
    """A source without that demand takes an alert with any certificate, or none."""
    async with running(folder) as proxy, published(sender, proxy.upstream):
        for certificate in ("", *CLIENTS):
            assert (await proxy.post(OPEN, certificate=certificate)).status == 200, certificate


async def test_nginx_itself_can_demand_a_certificate(folder: Path, sender: Sender) -> None:
    """Then nothing without one reaches Bascule at all."""
    required = ClientCertificates.REQUIRED
    async with (
        running(folder, certificates=required) as proxy,
        published(sender, proxy.upstream),
    ):
        assert (await proxy.post(OPEN, certificate="right")).status == 200
        for certificate in ("", "other_authority"):
            got = await proxy.post(OPEN, certificate=certificate)
            assert (got.status, got.code) == (403, "")
    assert len(sender.door.signals) == 1


@pytest.mark.parametrize("certificates", list(ClientCertificates)[:2])
async def test_forged_headers_are_worth_nothing(
    folder: Path, sender: Sender, certificates: ClientCertificates
) -> None:
    """The address is the one that nginx saw, and the certificate the one it verified."""
    forged = FORGED | {"X-Client-Cert": quote((folder / "right.pem").read_text(), safe="")}
    async with (
        running(folder, certificates=certificates) as proxy,
        published(sender, proxy.upstream),
    ):
        for path, why in ((LISTED, "address"), (CERTIFIED, "certificate")):
            for name in (str.title, str.lower, lambda name: name.replace("-", "_")):
                headers = {name(key): value for key, value in forged.items()}
                assert (await proxy.post(path, headers=headers)).status == 404
                assert sender.strangers[-1][1:] == (SENDER, why)
        assert (await proxy.post(HERE, headers=forged)).status == 200
    assert len(sender.door.signals) == 1


async def test_an_address_that_is_not_listed_gets_nothing(folder: Path, sender: Sender) -> None:
    """Whatever it claims, and whatever its certificate."""
    async with (
        running(folder, allow=("tradingview",)) as proxy,
        published(sender, proxy.upstream),
    ):
        for headers in ({}, FORGED):
            got = await proxy.post(OPEN, certificate="right", headers=headers)
            assert (got.status, got.code) == (403, "")
    assert sender.door.signals == []


PATHS = (
    "/", "/v1/status", "/v1/intents", "/metrics", "/healthz", "/schema", "/console/", "/hooks",
    "/hooks/../v1/status", "/hooks/%2e%2e/v1/status", "/hooks/..%2fv1/status", "//v1/status",
    "/hooks/./../v1/status", "/HOOKS/../v1/status",
)  # fmt: skip


async def test_nothing_but_the_hooks_is_published(folder: Path, sender: Sender) -> None:
    """By no spelling of a path, by no method, and not over plain HTTP."""
    async with running(folder, allow=("any",)) as proxy, published(sender, proxy.upstream):
        for path in PATHS:
            for method in ("GET", "POST"):
                got = await proxy.post(path, b"", method=method)
                assert got.status in (404, 301), path
                assert b"leaked" not in got.body
        got = await proxy.post(f"/v1/../hooks/open/{TOKEN}")
        assert got.status == 200
        assert (await proxy.post(OPEN, b"", method="GET")).code == "method_not_allowed"
        plain = await send(proxy.site.http_port, OPEN, ALERT)
        assert (plain.status, plain.code) == (404, "")
    assert len(sender.door.signals) == 1


async def test_a_slow_answer_is_never_a_reason_to_send_again(folder: Path, sender: Sender) -> None:
    """504, since Bascule may have kept it; a refusal of Bascule's own comes through as it is."""
    late = asyncio.Event()
    async with running(folder, answer_ms=300) as proxy, published(sender, proxy.upstream):
        sender.door.wait = late.wait
        assert (await proxy.post(OPEN)).status == 504
        late.set()
    sender.door.broken = True
    async with running(folder) as proxy, published(sender, proxy.upstream):
        assert (await proxy.post(OPEN)).status == 503


async def _behind(port: int, reply: Callable[[], Awaitable[bytes]]) -> asyncio.Server:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(await reply())
        writer.close()

    return await asyncio.start_server(serve, "127.0.0.1", port)


async def test_only_what_never_reached_bascule_is_sent_again(folder: Path) -> None:
    """502 where nobody listens; 504 where the connection broke after the message had gone."""

    async def nothing() -> bytes:
        return b""

    async with running(folder) as proxy:
        assert (await proxy.post(OPEN)).status == 502
        async with await _behind(proxy.upstream, nothing):
            assert (await proxy.post(OPEN)).status == 504


async def test_a_large_message_is_refused_at_the_door(folder: Path, sender: Sender) -> None:
    """64 KiB pass, and one byte more does not."""
    async with running(folder) as proxy, published(sender, proxy.upstream):
        largest = await proxy.post(OPEN, b"x" * 64 * 1024)
        assert largest.status == 422
        got = await proxy.post(OPEN, b"x" * (64 * 1024 + 1))
        assert (got.status, got.code) == (413, "")
    assert len(sender.door.signals) == 1
