"""What is published of Bascule, whichever proxy does it."""

import ipaddress
import re
from collections.abc import Mapping

from msgspec import Struct

from bascule.cli.expose_choices import ClientCertificates
from bascule.model.errors import UsageError
from bascule.signals.intake.http import BODY_LIMIT
from bascule.signals.intake.senders import addresses

ANYBODY = "any"
BODY_LIMIT_KIB = BODY_LIMIT // 1024
"""Of a message: what the intake itself reads at most."""
CONNECT_MS = 1_000
ANSWER_MS = 2_500
"""How long Bascule may take to answer. TradingView gives up after three seconds in all."""
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
"""The public certificate authorities, where Debian and Ubuntu keep them."""

_HOST = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,62}")
_UPSTREAM = re.compile(r"(?:[a-z0-9.-]+|\[[0-9a-f:]+\]):[0-9]{1,5}")
_PATH = re.compile(r"[A-Za-z0-9_./:-]+")


class Site(Struct, frozen=True, kw_only=True):
    """A public name, and what stands behind it.

    ``allow`` are addresses, networks or names of known senders, or ``any``. Ports other than 80
    and 443 are never called by TradingView. Paths lie on the machine of the proxy.
    """

    host: str
    upstream: str = "127.0.0.1:8420"
    allow: tuple[str, ...] = ("tradingview",)
    certificates: ClientCertificates = ClientCertificates.OPTIONAL
    https_port: int = 443
    http_port: int = 80
    tls_certificate: str = ""
    tls_key: str = ""
    authorities: str = AUTHORITIES
    logs: str = ""
    answer_ms: int = ANSWER_MS

    @property
    def networks(self) -> tuple[str, ...]:
        """The addresses and networks that may send; empty for everybody."""
        return () if ANYBODY in self.allow else addresses(self.allow)

    @property
    def proxy_address(self) -> str:
        """The address from which a proxy on this machine connects to Bascule."""
        host = self.upstream.rpartition(":")[0].strip("[]")
        try:
            return str(ipaddress.ip_address(host))
        except ValueError:
            return "127.0.0.1"

    def check(self) -> None:
        """Hold it to what can stand in a configuration as it is.

        Raises:
            UsageError: something is not of its kind; nothing was written.
        """
        if not _HOST.fullmatch(self.host):
            raise UsageError(
                f"{self.host!r} is not the full name of a host. Nothing was written.",
                code="bad_host",
                hint="Give the name whose A record points here, such as hooks.example.com.",
            )
        for network in self.networks:
            try:
                ipaddress.ip_network(network, strict=False)
            except ValueError:
                raise UsageError(
                    f"{network!r} is no address, no network and no known sender. Nothing was"
                    " written.",
                    code="bad_address",
                    hint="Write 203.0.113.7, 10.0.0.0/8, tradingview or any.",
                ) from None
        paths = (self.tls_certificate, self.tls_key, self.authorities, self.logs)
        odd = [path for path in paths if path and not _PATH.fullmatch(path)]
        if odd or not _UPSTREAM.fullmatch(self.upstream):
            raise UsageError(
                f"{(odd or [self.upstream])[0]!r} has characters that a proxy's configuration"
                " would read as its own. Nothing was written.",
                code="bad_path",
                hint="Use letters, digits, and . _ - / : only.",
            )


def filled(template: str, values: Mapping[str, object]) -> str:
    """Put values in the place of their ``@NAME@``; a line whose value is None is left out."""
    lines = []
    for line in template.splitlines():
        for name in re.findall(r"@([A-Z_]+)@", line):
            value = values[name]
            if value is None:
                break
            line = line.replace(f"@{name}@", str(value))
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"


def listed(site: Site, line: str) -> str:
    """Write one line for each allowed network, with ``@`` in its place."""
    return "\n".join(line.replace("@", network) for network in site.networks)
