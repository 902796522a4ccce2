"""A certificate authority, an intake behind a real server, and a sender with a certificate."""

import asyncio
import json
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from msgspec import Struct

from tests.unit.signals.asgi import Sender
from tests.waiting import PATIENCE_S
from tools.system_packages import needed

HOST = "hooks.example.test"
SENDER = "127.0.0.2"
"""The address of whoever sends; the proxy connects to the intake from 127.0.0.1."""
_NEW_KEY = ("-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
_TRADINGVIEW = "/C=US/ST=Ohio/L=Westerville/O=TradingView, Inc./CN=TradingView Webhooks"
_MAIL = "email:webhook-server@tradingview.com"
CLIENTS = {
    "right": (_TRADINGVIEW, _MAIL, "ca"),
    "wrong_mail": (_TRADINGVIEW, "email:webhook-server@example.com", "ca"),
    "wrong_subject": ("/O=Somebody Else/CN=TradingView Webhooks", _MAIL, "ca"),
    "other_authority": (_TRADINGVIEW, _MAIL, "other_ca"),
}


def certificates(folder: Path) -> None:
    """Make two authorities, the server's certificate and the clients', each with its key."""
    for name in ("ca", "other_ca"):
        _openssl(
            *("req", "-x509", "-days", "60", *_NEW_KEY),
            *("-subj", f"/CN=Test {name}", "-keyout", f"{folder}/{name}.key"),
            *("-addext", "keyUsage=critical,keyCertSign", "-out", f"{folder}/{name}.pem"),
        )
    # Python 3.13 wants to be told which key signed a certificate, and that it may.
    named = folder / "signed.ext"
    named.write_text("authorityKeyIdentifier=keyid\n", encoding="utf-8")
    wanted = {"server": (f"/CN={HOST}", f"DNS:{HOST},DNS:localhost", "ca")} | CLIENTS
    for name, (subject, alternative, authority) in wanted.items():
        _openssl(
            *("req", "-new", *_NEW_KEY),
            *("-subj", subject, "-addext", f"subjectAltName={alternative}"),
            *("-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.csr"),
        )
        _openssl(
            *("x509", "-req", "-in", f"{folder}/{name}.csr", "-copy_extensions", "copyall"),
            *("-CA", f"{folder}/{authority}.pem", "-CAkey", f"{folder}/{authority}.key"),
            *("-days", "60", "-extfile", str(named), "-out", f"{folder}/{name}.pem"),
        )


def _openssl(*arguments: str) -> None:
    subprocess.run(
        [needed("openssl"), *arguments], check=True, capture_output=True, timeout=PATIENCE_S
    )


@asynccontextmanager
async def published(sender: Sender, port: int) -> AsyncIterator[None]:
    """Serve the intake; whatever else is asked for is answered with 200, so that a leak shows."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan" or scope["path"].startswith("/hooks/"):
            await sender.app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"leaked"})

    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, log_config=None, access_log=False, proxy_headers=False
    )
    server = uvicorn.Server(config)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.005)
        try:
            yield
        finally:
            server.should_exit = True
            await running


async def answering(port: int, process: asyncio.subprocess.Process) -> None:
    """Wait until a proxy takes connections; a proxy that ends first fails the test."""
    async with asyncio.timeout(PATIENCE_S):
        while process.returncode is None:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.01)
            else:
                writer.close()
                return
    raise AssertionError(f"the proxy ended with {process.returncode}")


class Got(Struct):
    """An answer."""

    status: int
    body: bytes

    @property
    def code(self) -> str:
        """Bascule's code; '' where the proxy answered."""
        try:
            read: dict[str, str] = json.loads(self.body)
        except ValueError:
            return ""
        return read.get("code", read.get("status", ""))


async def send(
    port: int,
    path: str,
    body: object = b"",
    *,
    folder: Path | None = None,
    certificate: str = "",
    headers: dict[str, str] | None = None,
    method: str = "POST",
) -> Got:
    """Send one request; over TLS where the folder of the certificates is given."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    stated = {"Host": HOST, "Content-Length": str(len(data)), "Connection": "close"}
    lines = [f"{method} {path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in (stated | (headers or {})).items()]
    context = None
    if folder is not None:
        context = ssl.create_default_context(cafile=folder / "ca.pem")
        if certificate:
            context.load_cert_chain(folder / f"{certificate}.pem", folder / f"{certificate}.key")
    async with asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1",
            port,
            ssl=context,
            server_hostname=HOST if context else None,
            local_addr=(SENDER, 0),
        )
        try:
            writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
            head = await reader.readuntil(b"\r\n\r\n")
            return Got(int(head.split(b" ")[1]), await reader.read())
        finally:
            writer.close()
