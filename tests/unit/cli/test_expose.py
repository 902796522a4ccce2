"""``bascule expose``: what each configuration says, and that nothing foreign gets into one."""

import re
from pathlib import Path

import pytest

from bascule.cli.expose_caddy import caddy
from bascule.cli.expose_choices import ClientCertificates
from bascule.cli.expose_nginx import nginx
from bascule.cli.expose_site import ANYBODY, Site
from bascule.cli.expose_tunnel import tunnel
from bascule.model.errors import UsageError
from bascule.signals.intake.senders import senders
from tests.unit.cli.conftest import Bascule

PAGE = (Path(__file__).resolve().parents[3] / "docs/exposing.md").read_text(encoding="utf-8")
SITE = Site(host="hooks.example.com")
ADDRESSES = senders()["tradingview"].addresses
WRITERS = {"nginx": nginx, "caddy": caddy, "tunnel": tunnel}


def directives(text: str) -> str:
    """Give a configuration without its comments."""
    return "\n".join(line for line in text.splitlines() if not line.strip().startswith("#"))


@pytest.mark.parametrize("by", WRITERS)
def test_every_place_is_filled_and_only_the_hooks_are_passed_on(by: str) -> None:
    """No mark is left, and Bascule's address stands in one place, under /hooks/."""
    text = directives(WRITERS[by](SITE))
    assert not re.search(r"@[A-Z_]+@", text)
    assert text.count("127.0.0.1:8420") == 1
    assert "hooks.example.com" in text
    assert "/v1" not in text
    assert "/hooks/" in text


@pytest.mark.parametrize("by", ["nginx", "caddy"])
def test_the_address_list_is_what_is_allowed(by: str) -> None:
    """TradingView's by default, one's own besides, and none for anybody."""
    assert all(address in WRITERS[by](SITE) for address in ADDRESSES)
    own = WRITERS[by](Site(host="a.example.com", allow=("192.0.2.0/24", "tradingview")))
    assert "192.0.2.0/24" in own and ADDRESSES[0] in own
    anybody = directives(WRITERS[by](Site(host="a.example.com", allow=("tradingview", ANYBODY))))
    assert ADDRESSES[0] not in anybody
    assert "deny" not in anybody and "@stranger" not in anybody


@pytest.mark.parametrize("by", ["nginx", "caddy"])
def test_certificates_are_asked_for_as_wished(by: str) -> None:
    """Off asks for none and still removes what a sender claims; required lets nobody else in."""
    made = {
        wish: directives(WRITERS[by](Site(host="a.example.com", certificates=wish)))
        for wish in ClientCertificates
    }
    asks = {"nginx": "ssl_verify_client", "caddy": "client_auth"}[by]
    insists = {"nginx": "!= SUCCESS", "caddy": "require_and_verify"}[by]
    removes = {"nginx": 'X-Client-Cert ""', "caddy": "-X-Client-*"}[by]
    asked = {wish: asks in text for wish, text in made.items()}
    assert asked == {"off": False, "optional": True, "required": True}
    assert [insists in made[wish] for wish in ClientCertificates] == [False, False, True]
    assert removes in made[ClientCertificates.OFF]


def test_ports_and_files_are_the_callers() -> None:
    """For a machine where others hold 80 and 443."""
    site = Site(
        host="a.example.com", http_port=8080, https_port=8443, upstream="[::1]:9000",
        tls_certificate="/etc/a.pem", tls_key="/etc/a.key",
    )  # fmt: skip
    assert "listen 8443 ssl;" in nginx(site) and "listen 8080;" in nginx(site)
    assert "ssl_certificate_key /etc/a.key;" in nginx(site)
    assert 'trusted_proxies = ["::1"]' in nginx(site)
    assert "https_port 8443" in caddy(site) and "tls /etc/a.pem /etc/a.key" in caddy(site)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"host": "localhost"}, "bad_host"),
        ({"host": "192.0.2.1"}, "bad_host"),
        ({"host": "a.example.com; return 200"}, "bad_host"),
        ({"host": "a.example.com\n"}, "bad_host"),
        ({"allow": ("0.0.0.0/0; deny all",)}, "bad_address"),
        ({"allow": ("trading-view",)}, "bad_address"),
        ({"tls_certificate": "/etc/a.pem;", "tls_key": "/a"}, "bad_path"),
        ({"logs": "/var/log/x y"}, "bad_path"),
        ({"upstream": "127.0.0.1:8420/v1"}, "bad_path"),
    ],
)
@pytest.mark.parametrize("by", WRITERS)
def test_nothing_that_a_proxy_would_misread_is_written(
    by: str, changes: dict[str, object], code: str
) -> None:
    """It is refused with its own code."""
    site = Site(**({"host": "a.example.com"} | changes))  # type: ignore[arg-type]
    with pytest.raises(UsageError) as refused:
        WRITERS[by](site)
    assert refused.value.code == code


def test_it_is_printed_with_what_to_do_next(bascule: Bascule) -> None:
    """The configuration alone goes to standard output; the name is taken in any case."""
    done = bascule("expose", "nginx", "--host", "Hooks.Example.com.")
    assert done.code == 0
    assert done.out == nginx(SITE)
    assert 'public_url = "https://hooks.example.com"' in done.err
    assert 'trusted_proxies = ["127.0.0.1"]' in done.err


def test_it_follows_the_configuration_and_overwrites_nothing(
    bascule: Bascule, tmp_path: Path
) -> None:
    """Bascule's own port is read from there; a file that exists is left as it is."""
    bascule("init", "--yes")
    config = tmp_path / "bascule.toml"
    config.write_text(config.read_text().replace("port = 8420", "port = 8500"))
    arguments = ("expose", "caddy", "--host", "hooks.example.com", "--output", "Caddyfile")
    assert bascule(*arguments).code == 0
    assert "reverse_proxy 127.0.0.1:8500" in (tmp_path / "Caddyfile").read_text()
    again = bascule(*arguments)
    assert (again.code, "output_exists" in again.err) == (2, True)
    lost = bascule(*arguments[:-1], str(tmp_path / "nowhere/Caddyfile"))
    assert (lost.code, "output_unwritable" in lost.err) == (2, True)


def test_a_port_that_tradingview_does_not_call_is_said(bascule: Bascule) -> None:
    """And a certificate without its key is refused."""
    done = bascule("expose", "nginx", "--host", "hooks.example.com", "--port", "8443")
    assert "ports 80 and 443 only" in done.err
    assert 'public_url = "https://hooks.example.com:8443"' in done.err
    alone = bascule("expose", "nginx", "--host", "a.example.com", "--tls-key", "/etc/a.key")
    assert (alone.code, "certificate_without_key" in alone.err) == (2, True)


def test_the_public_check_needs_an_address(bascule: Bascule) -> None:
    """From the option or the settings; anything else than https and a host is refused."""
    bascule("init", "--yes")
    for url in ([], ["--url", "http://a.example.com"], ["--url", "https://a.example.com/hooks"]):
        done = bascule("check", "--public", *url)
        assert (done.code, "Code:  public_url" in done.err) == (2, True)


def test_the_public_check_says_what_is_wrong(bascule: Bascule) -> None:
    """A port that nobody listens on, on loopback: not in order, and told as JSON too."""
    bascule("init", "--yes")
    done = bascule("check", "--public", "--url", "https://localhost:1", "--json")
    assert done.code == 1
    assert '"ok": false' in done.out
    assert "TradingView calls ports 80 and 443 only" in done.out


def test_the_page_says_what_the_data_say() -> None:
    """When it was read, and whose certificate it is; every path and option in it exists."""
    sender = senders()["tradingview"]
    assert PAGE.count(str(sender.read)) == 2
    assert all(value in PAGE for value in sender.certificate.subject.values())
    assert all(name in PAGE for name in sender.certificate.names)
    assert "src/bascule/signals/intake/data/tradingview.toml" in PAGE
    assert "/var/www/html" in nginx(SITE) and "-w /var/www/html" in PAGE
    assert "/var/log/nginx/bascule.log" in nginx(SITE)
