"""Client certificates as a proxy passes them on. The files are self-signed and prove nothing."""

import base64
import contextlib
import ssl
from pathlib import Path
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bascule.signals.intake.certificate import HEADER_MAX, Certificate, Wanted, read, read_header
from bascule.signals.intake.senders import addresses, senders, wanted_certificate

DATA = Path(__file__).resolve().parents[2] / "data/certificates"
FILES = sorted(path.stem for path in DATA.glob("*.pem"))


def pem(name: str) -> bytes:
    """Give a certificate's file."""
    return (DATA / f"{name}.pem").read_bytes()


def der(name: str) -> bytes:
    """Give a certificate without its armour."""
    return ssl.PEM_cert_to_DER_cert(pem(name).decode())


@pytest.mark.parametrize("name", FILES)
def test_every_form_that_proxies_write_reads_the_same(name: str) -> None:
    """Percent-encoded PEM, PEM on one line, base64 of the DER, and that between colons."""
    whole = read(der(name))
    plain = base64.b64encode(der(name))
    for header in (
        quote_from_bytes(pem(name), safe="").encode(),
        pem(name).replace(b"\n", b" "),
        plain,
        b":" + plain + b":",
    ):
        assert read_header(header) == whole


def test_subject_and_names_are_read() -> None:
    """In their order; an address among the alternative names is passed over."""
    assert read(der("two_names")) == Certificate(
        (("O", "Mine, Inc."), ("CN", "one"), ("CN", "two")),
        ("dns:Client.example.com", "uri:spiffe://me/a", "email:me@example.com"),
    )
    assert read(der("no_names")) == Certificate((("CN", "M\u00fcller"),), ())


@pytest.mark.parametrize(
    ("name", "met"),
    [
        ("tradingview", True), ("other_email", False), ("other_subject", False),
        ("two_names", False), ("no_names", False),
    ],
)  # fmt: skip
def test_tradingviews_certificate_is_told_by_subject_and_name(name: str, met: bool) -> None:
    """Either alone is not enough."""
    assert wanted_certificate("tradingview").met_by(read(der(name))) is met


@pytest.mark.parametrize(
    ("text", "met"),
    [
        ("dns:client.EXAMPLE.com", True),
        ("email:me@example.com", True),
        ("email:me@example.co", False),
        ("uri:spiffe://me/a", True),
        ("uri:spiffe://ME/a", False),
        (r"subject:O=Mine\, Inc.", True),
        ("subject:O=Mine", False),
        ("subject:CN=one", False),
        ("subject:L=Nowhere", False),
    ],
)
def test_a_user_names_what_a_certificate_must_say(text: str, met: bool) -> None:
    """An attribute that is there twice is none; case matters but in mail and host names."""
    assert Wanted.of(text).met_by(read(der("two_names"))) is met


def test_a_subject_has_several_attributes() -> None:
    """Each must be met, and commas in values are escaped."""
    assert Wanted.of(r"subject:CN=me, O=Mine\, Inc.,C=US").subject == {
        "CN": "me", "O": "Mine, Inc.", "C": "US",
    }  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["", "tradingview.com", "email:", "subject:", "subject:me", "subject:CN=a,CN=b", "subject:X=a",
     "subject:CN=a,,O=b", "ip:192.0.2.1"],
)  # fmt: skip
def test_what_names_no_certificate_is_refused(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match=r"none of|does not begin|no attribute"):
        Wanted.of(text)


@given(st.data())
def test_a_damaged_certificate_is_refused_or_says_what_it_says(data: st.DataObject) -> None:
    """No bytes raise anything but ValueError, and none that are cut short are read."""
    whole = der(data.draw(st.sampled_from(FILES)))
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(ValueError):
        read(whole[:cut])
    damaged = bytearray(whole)
    damaged[cut] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(ValueError):
        assert isinstance(read(bytes(damaged)), Certificate)


@given(st.binary(max_size=200))
def test_no_header_is_anything_but_read_or_refused(header: bytes) -> None:
    """Whatever a header holds, it ends as ValueError unless it is a certificate."""
    with pytest.raises(ValueError):
        read_header(header)


def test_two_certificates_in_one_header_are_none() -> None:
    """Which of them is the sender's cannot be told."""
    with pytest.raises(ValueError):
        read_header(base64.b64encode(der("tradingview") + der("no_names")))
    with pytest.raises(ValueError, match="too long"):
        read_header(b"A" * (HEADER_MAX + 1))


def test_known_senders_stand_for_their_addresses() -> None:
    """A name among addresses is replaced; every sender says when and where it was read."""
    assert addresses(["192.0.2.1", "tradingview"])[:2] == ("192.0.2.1", "52.89.214.238")
    assert len(addresses(["tradingview"])) == 4
    for sender in senders().values():
        assert sender.read.year >= 2026
        assert all(source.startswith("https://") for source in sender.sources)
        assert sender.certificate.subject and sender.certificate.names
