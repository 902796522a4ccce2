"""A real nginx on loopback, with the configuration that `bascule expose nginx` writes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from bascule.cli.expose_nginx import nginx
from bascule.cli.expose_site import Site
from tests.integration.proxied import HOST, SENDER, Got, answering, send
from tests.ports import free_port
from tests.unit.signals.asgi import ALERT, TOKEN
from tools.system_packages import needed

MAIN = """\
pid {folder}/nginx.pid;
error_log {folder}/logs/main.log crit;
events {{ }}
http {{
    client_body_temp_path {folder}/tmp;
    proxy_temp_path {folder}/tmp;
    fastcgi_temp_path {folder}/tmp;
    uwsgi_temp_path {folder}/tmp;
    scgi_temp_path {folder}/tmp;
    include {folder}/bascule.conf;
}}
"""


class Proxy:
    """A running nginx: where it listens, and what stands behind it."""

    def __init__(self, folder: Path, site: Site) -> None:
        self.folder = folder
        self.site = site
        self.upstream = int(site.upstream.rpartition(":")[2])

    async def post(
        self, path: str, body: object = ALERT, certificate: str = "", **more: object
    ) -> Got:
        """Send over TLS, as TradingView would."""
        return await send(
            self.site.https_port, path, body, folder=self.folder, certificate=certificate, **more
        )  # type: ignore[arg-type]


@asynccontextmanager
async def running(
    folder: Path, *, edit: Callable[[str], str] = str, asked: bool = True, **changes: object
) -> AsyncIterator[Proxy]:
    """Run nginx with what is generated for a site; every log must be without the secret.

    ``edit`` spoils the configuration, for tests of what finds that out. ``asked`` is False where
    nobody gets as far as to ask for anything.
    """
    site = Site(
        host=HOST,
        **{
            "upstream": f"127.0.0.1:{free_port()}",
            "allow": (SENDER,),
            "http_port": free_port(),
            "https_port": free_port(),
            "tls_certificate": f"{folder}/server.pem",
            "tls_key": f"{folder}/server.key",
            "authorities": f"{folder}/ca.pem",
            "logs": f"{folder}/logs",
            "answer_ms": 60_000,
        }
        | changes,  # type: ignore[arg-type]
    )
    (folder / "bascule.conf").write_text(edit(nginx(site)), encoding="utf-8")
    (folder / "logs").mkdir(exist_ok=True)
    for earlier in (folder / "logs").iterdir():
        earlier.unlink()
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        *(needed("nginx"), "-p", str(folder), "-c", f"{folder}/nginx.conf"),
        *("-e", f"{folder}/logs/main.log", "-g", "daemon off;"),
    )
    try:
        await answering(site.https_port, process)
        yield Proxy(folder, site)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    logs = [path.read_text(encoding="utf-8") for path in (folder / "logs").iterdir()]
    assert any(" POST " in log for log in logs) is asked
    assert not any(TOKEN in log for log in logs)
