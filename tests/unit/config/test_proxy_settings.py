"""The settings of proxies, address lists and client certificates."""

import pytest
from pydantic import ValidationError

from bascule.config.settings import ServerSettings, SourceSettings


@pytest.mark.parametrize("url", ["https://hooks.example.com", "https://hooks.example.com:8443"])
def test_a_public_url_is_scheme_and_host(url: str) -> None:
    """With a port where it is another than 443."""
    assert ServerSettings(public_url=url).public_url == url


@pytest.mark.parametrize(
    "url", ["http://hooks.example.com", "https://hooks.example.com/", "hooks.example.com"]
)
def test_anything_else_is_no_public_url(url: str) -> None:
    """A path would be taken for a part of the secret, and plain HTTP for safe."""
    with pytest.raises(ValidationError, match="is not the root of a public URL"):
        ServerSettings(public_url=url)


def test_a_trusted_proxy_is_an_address_and_never_a_sender() -> None:
    """TradingView's machines are nobody's proxy."""
    assert ServerSettings(trusted_proxies=("127.0.0.1", "10.0.0.0/8")).trusted_proxies
    with pytest.raises(ValidationError, match="is no address or network"):
        ServerSettings(trusted_proxies=("tradingview",))


def test_a_source_names_known_senders() -> None:
    """Beside addresses, and as a certificate."""
    source = SourceSettings(
        kind="webhook",
        path_secret="tv_path",
        allow_from=("192.0.2.1", "tradingview"),
        client_certificate="tradingview",
    )
    assert source.allow_from == ("192.0.2.1", "tradingview")


@pytest.mark.parametrize(
    ("key", "value"),
    [("allow_from", ("trading_view",)), ("client_certificate", "CN=TradingView Webhooks")],
)
def test_an_unknown_sender_is_refused_with_the_known_ones(key: str, value: object) -> None:
    """The message names them."""
    settings = {"kind": "webhook", "path_secret": "tv_path", key: value}
    with pytest.raises(ValidationError, match=r"known sender.*tradingview"):
        SourceSettings(**settings)  # type: ignore[arg-type]
