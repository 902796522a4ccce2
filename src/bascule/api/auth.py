"""Who may operate: whoever holds the operator token, compared in constant time.

The token is made at the first start and kept in a file that only its owner may read. Every answer
to a request without it is the same, whatever path it asked for.
"""

import hmac
import secrets
from pathlib import Path

from bascule.config.private import read_private, write_private

TOKEN_FILE = "operator.token"
_TOKEN_BYTES = 32


def operator_token(path: Path) -> str:
    """Give the operator token, making it when there is none.

    Raises:
        SecretError: the file cannot be written, or others may read it.
    """
    found = known_token(path)
    if found:
        return found
    made = secrets.token_urlsafe(_TOKEN_BYTES)
    write_private(path, f"{made}\n".encode())
    return made


def known_token(path: Path) -> str:
    """Give the operator token, or '' when there is none.

    Raises:
        SecretError: the file cannot be read, or others may read it.
    """
    found = read_private(path)
    return found.decode("utf-8", "replace").strip() if found else ""


class TokenCheck:
    """Tells whether a request bears the token."""

    def __init__(self, token: str) -> None:
        self._expected = token.encode()

    def passes(self, headers: list[tuple[bytes, bytes]]) -> bool:
        """Compare in constant time; a request with two such headers bears none."""
        given = [value for key, value in headers if key == b"authorization"]
        scheme, _, token = (given[0] if len(given) == 1 else b"").partition(b" ")
        right = hmac.compare_digest(token.strip(), self._expected)
        return right and scheme.lower() == b"bearer"
