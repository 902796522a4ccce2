"""``bascule expose``: write the configuration of a proxy that publishes the webhooks alone."""

from pathlib import Path
from typing import Annotated

import typer

from bascule.cli.common import ConfigOption
from bascule.cli.expose_choices import By, ClientCertificates
from bascule.model.errors import ConfigError, UsageError

HTTPS = 443
PortOption = Annotated[
    int, typer.Option("--port", min=1, max=65_535, help="HTTPS; TradingView calls 443 only.")
]
AllowOption = Annotated[
    list[str] | None,
    typer.Option(
        "--allow",
        help="Who may send: an address, a network, tradingview, or any. Repeat it; without it"
        " tradingview.",
        show_default=False,
    ),
]
CertificateOption = Annotated[
    ClientCertificates,
    typer.Option("--certificate", help="What is done about a sender's client certificate."),
]
OutputOption = Annotated[
    Path | None,
    typer.Option("--output", help="Write it to a new file; else print it.", show_default=False),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("expose")(expose)


def expose(
    by: Annotated[By, typer.Argument(help="nginx, caddy, or tunnel (cloudflared).")],
    host: Annotated[str, typer.Option("--host", help="The public name, which points here.")],
    port: PortOption = HTTPS,
    allow: AllowOption = None,
    certificate: CertificateOption = ClientCertificates.OPTIONAL,
    tls_certificate: Annotated[
        str, typer.Option("--tls-certificate", help="The server's own, as PEM with its chain.")
    ] = "",
    tls_key: Annotated[str, typer.Option("--tls-key", help="Its private key.")] = "",
    output: OutputOption = None,
    config: ConfigOption = None,
) -> None:
    """Publish the webhooks behind nginx, Caddy, a tunnel.

    Writes the configuration of a proxy that publishes /hooks/ and nothing else. It is printed, or
    written to a new file; nothing else on this machine is changed. docs/exposing.md leads through
    the whole of it.
    """
    from bascule.cli.expose_caddy import caddy
    from bascule.cli.expose_nginx import nginx
    from bascule.cli.expose_site import Site
    from bascule.cli.expose_tunnel import tunnel

    if bool(tls_certificate) != bool(tls_key):
        raise UsageError(
            "A certificate and its key go together. Nothing was written.",
            code="certificate_without_key",
            hint="Give both --tls-certificate and --tls-key, or neither.",
        )
    site = Site(
        host=host.lower().rstrip("."),
        upstream=_upstream(config),
        allow=tuple(allow or ("tradingview",)),
        certificates=certificate,
        https_port=port,
        tls_certificate=tls_certificate,
        tls_key=tls_key,
    )
    written = {By.NGINX: nginx, By.CADDY: caddy, By.TUNNEL: tunnel}[by](site)
    if output is None:
        typer.echo(written, nl=False)
    else:
        _keep(output, written)
    if port != HTTPS and by is not By.TUNNEL:
        typer.echo("TradingView calls ports 80 and 443 only: it will not reach this.", err=True)
    typer.echo(
        f"""Now add this to bascule.toml, restart Bascule, and run `bascule check --public`:
    [server]
    public_url = "https://{site.host}{f":{port}" * (port != HTTPS)}"
    trusted_proxies = ["{site.proxy_address}"]""",
        err=True,
    )


def _upstream(named: Path | None) -> str:
    """Give where Bascule listens: as configured, or the default without a configuration."""
    from bascule.config.load import load
    from bascule.config.settings import ServerSettings

    try:
        server = load(named).server
    except ConfigError as error:
        if error.code != "config_not_found" or named is not None:
            raise
        server = ServerSettings()
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(server.host, server.host)
    return f"[{host}]:{server.port}" if ":" in host else f"{host}:{server.port}"


def _keep(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(
            f"{path} exists already. Nothing was written.",
            code="output_exists",
            hint="Name another file with --output, and compare the two.",
        ) from None
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}.",
            code="output_unwritable",
            hint="Name another file with --output, or print it and keep it yourself.",
        ) from error
    typer.echo(f"Wrote {path}.", err=True)
