"""Ed25519 signatures over a Logon, where a counterparty wants one instead of a password.

The package ``cryptography`` does the arithmetic. It is no dependency of Bascule's own: whoever
needs it installs the extra ``ed25519``, and whoever does not never imports it.
"""

import base64
import binascii
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bascule.model.errors import ConfigError, SecretError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

EXTRA = "ed25519"
_ONE_LINE = "tr -d '\\n' < key.pem | bascule secrets set NAME"


def signer(pem: str) -> Callable[[bytes], bytes]:
    """Give what signs a text; the signature is base64, as it stands in RawData (96).

    Args:
        pem: an Ed25519 private key, PKCS 8 without a passphrase. Line breaks may be missing.

    Raises:
        ConfigError: the extra is not installed.
        SecretError: it is no such key; the message shows nothing of it.
    """
    loading, curve = _package()
    try:
        key = loading.load_der_private_key(_der(pem, "PRIVATE KEY"), None)
    except (ValueError, TypeError, binascii.Error):
        key = None
    if not isinstance(key, curve.Ed25519PrivateKey):
        raise _no_key("private")
    return lambda text: base64.b64encode(key.sign(text))


def verifier(pem: str) -> Callable[[bytes, bytes], bool]:
    """Give what tells whether a base64 signature over a text was made with a public key's twin.

    Raises:
        ConfigError: the extra is not installed.
        SecretError: it is no Ed25519 public key.
    """
    loading, curve = _package()
    try:
        key = loading.load_der_public_key(_der(pem, "PUBLIC KEY"))
    except (ValueError, TypeError, binascii.Error):
        key = None
    if not isinstance(key, curve.Ed25519PublicKey):
        raise _no_key("public")
    return lambda text, signature: _verifies(key, text, signature)


def _verifies(key: "Ed25519PublicKey", text: bytes, signature: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(base64.b64decode(signature, validate=True), text)
    except (InvalidSignature, binascii.Error):
        return False
    return True


def _package() -> tuple[Any, Any]:
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError:
        raise ConfigError(
            "a signed FIX Logon needs the package cryptography, which is not installed",
            code="missing_extra",
            hint=f"Install Bascule with its extra: pip install 'bascule[{EXTRA}]'.",
        ) from None
    return serialization, ed25519


def _der(pem: str, what: str) -> bytes:
    """Give the bytes between a PEM's first and last line, however its lines are broken."""
    _, _, rest = pem.replace("\\n", " ").partition(f"-----BEGIN {what}-----")
    body, _, _ = rest.partition("-----END")
    return base64.b64decode("".join(body.split()), validate=True)


def _no_key(which: str) -> SecretError:
    return SecretError(
        f"what is kept there is no Ed25519 {which} key in PEM, without a passphrase",
        code="key_unusable",
        hint=f"A secret is one line; a PEM file is put on one by: {_ONE_LINE}",
    )
