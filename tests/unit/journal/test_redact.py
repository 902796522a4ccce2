"""Secrets do not reach the wire log, by whatever name and in whatever dress they come."""

import json
import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bascule.journal.redact import redact

NAMES = st.sampled_from(
    [
        *("token", "access_token", "refreshToken", "password", "Passwd", "pwd", "newPassword"),
        *("passphrase", "secret", "client_secret", "api_key", "apiKey", "API-KEY", "accessKey"),
        *("privateKey", "authorization", "Authorization", "signature", "X-MBX-SIGNATURE", "otp"),
        *("session_id", "sessionId", "cookie", "Set-Cookie", "key", "sign", "pin", "credentials"),
    ]
)
SECRET = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=6, max_size=20).map(
    lambda text: f"S3{text}"
)
ANY_TEXT = st.text(max_size=20)


@given(name=NAMES, secret=SECRET, noise=ANY_TEXT, indent=st.sampled_from([None, 2]))
def test_json_members(name: str, secret: str, noise: str, indent: int | None) -> None:
    """A member with a telling name loses its value, however the JSON is laid out or nested."""
    for value in (secret, noise + '"' + secret, [secret], {"value": secret}):
        plain = json.dumps({"a": noise, name: value, "qty": "0.10"}, indent=indent)
        for payload in (plain, json.dumps({"body": plain})):
            out = redact(payload)
            assert secret not in out
            assert "0.10" in out


@given(name=NAMES, secret=SECRET, noise=ANY_TEXT)
def test_lists_and_objects_to_where_they_close(name: str, secret: str, noise: str) -> None:
    """However deep, and whatever brackets and quotes stand in them."""
    for value in (
        [[noise], secret],
        {"a": {"b": noise + "]}"}, "c": secret},
        ["x" * 5_000, secret],
    ):
        plain = json.dumps({name: value, "qty": "0.10"}, ensure_ascii=False)
        for payload in (plain, json.dumps({"body": plain}, ensure_ascii=False)):
            out = redact(payload)
            assert secret not in out


def escaped(text: str, at: int) -> str:
    """Spell one letter of a text as JSON may."""
    return f"{text[:at]}\\u{ord(text[at]):04x}{text[at + 1 :]}"


@given(name=NAMES, secret=SECRET, at=st.integers(0, 2))
def test_names_behind_escapes(name: str, secret: str, at: int) -> None:
    """A name that is spelled with escapes is the same name to whoever reads the log."""
    hidden = escaped(name, at)
    percent = f"{name[:at]}%{ord(name[at]):02X}{name[at + 1 :]}"
    for payload in (
        f'{{"{hidden}": "{secret}", "qty": "0.10"}}',
        f'{{"{hidden}": "a\\u0022{secret}", "qty": "0.10"}}',
        json.dumps({"body": f'{{"{hidden}": "{secret}", "qty": "0.10"}}'}),
        f"qty=0.10&{percent}={secret}",
        "body=" + quote(json.dumps({name: secret, "qty": "0.10"})),
        "url=" + quote(f"https://venue.example/?qty=0.10&{name}={secret}", safe=""),
    ):
        out = redact(payload)
        assert secret not in out, payload
        assert "0.10" in out


@given(name=NAMES, secret=SECRET)
def test_forms_queries_and_headers(name: str, secret: str) -> None:
    """Fields of a form, a query or a header lose their values, and the others keep theirs."""
    for payload in (
        f"{name}={secret}&side=buy",
        f"https://venue.example/v1/order?side=buy&{name}={secret}",
        f"POST /v1/order HTTP/1.1\r\n{name}: {secret}\r\nX-Side: buy\r\n\r\n",
    ):
        out = redact(payload)
        assert secret not in out
        assert "buy" in out


@pytest.mark.parametrize(
    ("payload", "meant"),
    [
        ("8=FIX.4.4\x0135=A\x01553=me\x01554=pw\x01925=new\x0110=1\x01",
         "8=FIX.4.4\x0135=A\x01553=me\x01554=***\x01925=***\x0110=1\x01"),
        ("35=A|554=pw|96=raw|1402=e|1404=f|10=1", "35=A|554=***|96=***|1402=***|1404=***|10=1"),
        ("35=D|1554=7|54=1|10=1", "35=D|1554=7|54=1|10=1"),
        ("Bearer abcdefghij.k-l_m", "Bearer ***"),
        ("wss://user:pw@host/path", "wss://***@host/path"),
        ('{"token": 12345, "n": 1}', '{"token": "***", "n": 1}'),
    ],
)  # fmt: skip
def test_other_places(payload: str, meant: str) -> None:
    """FIX tags, bearer credentials, logins in URLs, and numbers are struck out too."""
    assert redact(payload) == meant


@pytest.mark.parametrize(
    "payload",
    [
        '{"kind":"order","cl_ord_id":"a1-4-3e","signal":"a1-4","price":"1.0873"}',
        "35=8\x0111=a1-4-3e\x0137=9\x0139=2\x0154=1\x0110=7\x01",
        "",
    ],
)
def test_what_is_no_secret_stays(payload: str) -> None:
    """An ordinary order keeps every byte, since the log is evidence."""
    assert redact(payload) == payload


@given(st.text())
def test_struck_out_once_is_struck_out(payload: str) -> None:
    """Redacting twice changes nothing more."""
    once = redact(payload)
    assert redact(once) == once


@pytest.mark.parametrize(
    "part",
    [
        "key",
        '"',
        '"key":"',
        "\\",
        '"key":[',
        '"key":{',
        "\\u0022",
        "%22",
        '\\"key',
        "token ",
        "\nkey   ",
        "://a",
        " =",
    ],
)
def test_hostile_payloads_are_cheap(part: str) -> None:
    """No repetition makes the patterns run away: they hold the interpreter while they run."""
    start = time.process_time()
    redact(part * (65_536 // len(part)))
    assert time.process_time() - start < 1
