"""Secrets are found in a configuration, and words are left alone."""

from typing import Any

import pytest

from bascule.config.exposed import exposed, looks_random

SECRETS: list[tuple[str, Any]] = [
    ("password", "hunter2"),
    ("api_key", "abc"),
    ("token", "x"),
    ("token", 123456),
    ("pin", 1234),
    ("secret", "Not A Name!"),
    ("secret", "f3a9c07be11d4c2f8a66"),
    ("hmac_secrets", ["ok_name", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]),
    ("secrets", {"api": "kN8vQ2xL0pZr7TqW3bYd"}),
    ("url", "https://me:pass@broker.example/x"),
    ("url", "wss://broker.example/x?token=abc"),
    ("note", "-----BEGIN RSA PRIVATE KEY-----"),
    ("note", "AGE-SECRET-KEY-1QQQ"),
    ("note", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.sig"),
    ("anything", "9f86d081884c7d659a2feaa0c55ad015"),
    ("anything", "kN8vQ2xL0pZr7TqW3bYdS5mC"),
]
WORDS: list[tuple[str, Any]] = [
    ("secret", "paper_token"),
    ("hmac_secrets", ["one", "two_2026"]),
    ("secrets", {"api_key": "broker_key", "token": "broker_token"}),
    ("login", "0x71C7656EC7ab88b098defB751B7401B5f6d8976F"),
    ("strategy", "mean_reversion_eurusd_15m_v2"),
    ("account", "fx_pro"),
    ("url", "wss://stream.broker.example:443/v5/private"),
    ("host", "127.0.0.1"),
    ("symbols", ["EURUSD", "MESZ2026", "BTCUSDT.P"]),
    ("overrides", {"TOKEN": "TOKENUSD", "US500": "MES1!"}),
    ("directory", "/var/lib/bascule/2026-11-21T10-00-00"),
    ("body_fields", ["secret", "passphrase"]),
    ("password", ""),
    ("auth", True),
    ("port", 8420),
]


@pytest.mark.parametrize(("key", "value"), SECRETS)
def test_what_looks_like_a_secret_is_found(key: str, value: Any) -> None:
    """By its key, by its form, or by looking like chance; the value is not repeated."""
    (problem,) = exposed({"venues": {"v": {key: value}}})
    assert problem.code == "secret_in_config"
    assert problem.key[:3] == ("venues", "v", key)
    assert "bascule secrets set" in problem.allowed


@pytest.mark.parametrize(("key", "value"), WORDS)
def test_words_are_no_secrets(key: str, value: Any) -> None:
    """Names of secrets, symbols, addresses and strategies stay."""
    assert list(exposed({"venues": {"v": {key: value}}})) == []


def test_every_generated_token_looks_random() -> None:
    """Tokens as Python makes them are told from words, or their key tells them."""
    from secrets import token_hex

    assert all(looks_random(token_hex(32)) for _ in range(200))
