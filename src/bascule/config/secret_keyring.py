"""Secrets in the operating system's keyring, one service name a mode.

A keyring cannot list what it holds, so the names are kept in one more entry.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from bascule.model.enums import AccountMode
from bascule.model.errors import SecretError

_NAMES = "names of all secrets"
"""No secret can have this name: it has spaces."""

T = TypeVar("T")


class KeyringStore:
    """The keyring entries of one mode. ``backend`` is the ``keyring`` module, or a double of it."""

    def __init__(self, mode: AccountMode, backend: Any = None) -> None:
        self._service = f"bascule/{mode.value}"
        self._backend = backend

    @property
    def place(self) -> str:
        """Say where this is."""
        return f"keyring service {self._service}"

    def read(self, name: str) -> str | None:
        """Give a value, or None."""
        value: str | None = self._do(lambda ring: ring.get_password(self._service, name))
        return value

    def write(self, name: str, value: str) -> None:
        """Keep a value."""
        self._do(lambda ring: ring.set_password(self._service, name, value))
        self._list({*self.names(), name})

    def delete(self, name: str) -> bool:
        """Forget a value."""
        if self.read(name) is None:
            return False
        self._do(lambda ring: ring.delete_password(self._service, name))
        self._list({*self.names()} - {name})
        return True

    def names(self) -> tuple[str, ...]:
        """Name what it holds."""
        listed = self.read(_NAMES)
        return tuple(msgspec.json.decode(listed, type=list[str])) if listed else ()

    def _list(self, names: set[str]) -> None:
        written = msgspec.json.encode(sorted(names)).decode()
        self._do(lambda ring: ring.set_password(self._service, _NAMES, written))

    def _do(self, action: Callable[[Any], T]) -> T:
        from keyring.errors import KeyringError

        if self._backend is None:
            import keyring

            self._backend = keyring
        try:
            return action(self._backend)
        except KeyringError as error:
            raise SecretError(
                f"The operating system's keyring cannot be used: {type(error).__name__}.",
                code="keyring_unavailable",
                hint='Unlock it, or keep secrets in the encrypted file: [secrets] store = "file".',
            ) from error
