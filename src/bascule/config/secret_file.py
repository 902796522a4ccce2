"""Secrets in one file, encrypted with age: opened by an identity (a key file) or a passphrase.

The file holds a JSON object ``{"mode": "live", "secrets": {"name": "value"}}``, so that a file
moved to another mode's directory is refused. Which of the two keys opens it stands in the file's
own first lines.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from bascule.config.private import read_private, write_private
from bascule.model.enums import AccountMode
from bascule.model.errors import SecretError

IDENTITY = "BASCULE_SECRETS_IDENTITY"
"""Environment variable: path of the identity file."""
PASSPHRASE = "BASCULE_SECRETS_PASSPHRASE"
"""Environment variable: the passphrase."""

_SCRYPT = b"\n-> scrypt "
_INIT = "Run `bascule secrets init --mode {mode}`."

Ask = Callable[[str], str]
"""Asks a person for the passphrase, given the question; '' when there is nobody to ask."""


class _Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    mode: str
    secrets: dict[str, str]


class SecretFile:
    """The encrypted file of one mode."""

    def __init__(
        self,
        path: Path,
        identity: Path,
        mode: AccountMode,
        *,
        ask: Ask = lambda question: "",
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._path = path
        self.identity = Path(environ.get(IDENTITY) or identity).expanduser()
        """The key file that opens it, unless a passphrase does."""
        self._mode = mode
        self._ask = ask
        self._given = environ.get(PASSPHRASE, "")
        self._opened: tuple[bytes, dict[str, str]] = (b"", {})

    @property
    def place(self) -> str:
        """Say where this is."""
        return f"encrypted file {self._path}"

    @property
    def exists(self) -> bool:
        """Whether the file was made."""
        return self._path.exists()

    def create(self, *, passphrase: bool = False) -> None:
        """Make an empty file, and the identity that opens it unless a passphrase is to.

        Raises:
            SecretError: there is one already, or it cannot be written.
        """
        if self.exists:
            raise SecretError(
                f"{self._path} is there already. Nothing was changed.",
                code="secret_file_exists",
                hint="Use it as it is: `bascule secrets list`.",
            )
        if passphrase:
            self._given = self._given or self._ask("New passphrase for the secrets file")
            if not self._given:
                raise SecretError(
                    "A passphrase was asked for and none was given. Nothing was made.",
                    code="secret_passphrase",
                    hint=f"Type one when asked, or set {PASSPHRASE}.",
                )
        elif read_private(self.identity) is None:
            from pyrage import x25519

            write_private(self.identity, f"{x25519.Identity.generate()}\n".encode())
        self._write({}, passphrase=passphrase)

    def read(self, name: str) -> str | None:
        """Give a value, or None."""
        return self._load()[0].get(name)

    def write(self, name: str, value: str) -> None:
        """Keep a value."""
        if not self.exists:
            self.create()
        secrets, passphrase = self._load()
        self._write({**secrets, name: value}, passphrase=passphrase)

    def delete(self, name: str) -> bool:
        """Forget a value."""
        secrets, passphrase = self._load()
        if name not in secrets:
            return False
        self._write({k: v for k, v in secrets.items() if k != name}, passphrase=passphrase)
        return True

    def names(self) -> tuple[str, ...]:
        """Name what it holds."""
        return tuple(sorted(self._load()[0]))

    def _load(self) -> tuple[dict[str, str], bool]:
        """Give the secrets, and whether a passphrase opens them.

        Raises:
            SecretError: it cannot be opened, is another mode's, or other users may read it.
        """
        sealed = read_private(self._path)
        if sealed is None:
            return {}, False
        passphrase = _SCRYPT in sealed[:100]
        if sealed == self._opened[0]:
            return self._opened[1], passphrase  # a passphrase takes a second to try
        try:
            content = msgspec.json.decode(self._open(sealed, passphrase), type=_Content)
        except msgspec.DecodeError as error:
            raise SecretError(
                f"{self._path} was opened and is no secrets file of Bascule.",
                code="secret_file_unreadable",
                hint=f"Move it away. {_INIT.format(mode=self._mode.value)}",
            ) from error
        if content.mode != self._mode.value:
            raise SecretError(
                f"{self._path} holds the secrets of mode {content.mode}, and this is mode"
                f" {self._mode.value}. None of them was used.",
                code="secret_other_mode",
                hint=f"Put the file back. {_INIT.format(mode=self._mode.value)}",
            )
        self._opened = (sealed, content.secrets)
        return content.secrets, passphrase

    def _open(self, sealed: bytes, passphrase: bool) -> bytes:
        import pyrage

        try:
            if passphrase:
                opened: bytes = pyrage.passphrase.decrypt(sealed, self._passphrase())
            else:
                opened = pyrage.decrypt(sealed, [self._key()])
        except pyrage.DecryptError as error:
            with_what = "this passphrase" if passphrase else f"the identity {self.identity}"
            raise SecretError(
                f"{self._path} cannot be opened with {with_what}.",
                code="secret_file_locked",
                hint=f"Name the right one with {PASSPHRASE if passphrase else IDENTITY}. Without"
                " it the file cannot be read by anybody: make a new one and set its secrets anew.",
            ) from error
        return opened

    def _write(self, secrets: dict[str, str], *, passphrase: bool) -> None:
        import pyrage

        content = msgspec.json.encode(_Content(self._mode.value, secrets))
        if passphrase:
            sealed = pyrage.passphrase.encrypt(content, self._passphrase())
        else:
            sealed = pyrage.encrypt(content, [self._key().to_public()])
        write_private(self._path, sealed)
        self._opened = (sealed, secrets)

    def _key(self) -> Any:
        from pyrage import IdentityError, x25519

        text = read_private(self.identity)
        if text is None:
            raise SecretError(
                f"The identity that opens {self._path} is not at {self.identity}.",
                code="secret_file_locked",
                hint=f"Bring it back, or name its place with {IDENTITY}.",
            )
        lines = [line for line in text.decode("utf-8", "replace").split() if line[:4] == "AGE-"]
        try:
            return x25519.Identity.from_str(lines[0] if lines else "")
        except IdentityError as error:
            raise SecretError(
                f"{self.identity} is no age identity.",
                code="secret_file_locked",
                hint=f"Name the right file with {IDENTITY}.",
            ) from error

    def _passphrase(self) -> str:
        if not self._given:
            self._given = self._ask(f"Passphrase of {self._path}")
        if not self._given:
            raise SecretError(
                f"{self._path} is locked by a passphrase and none was given.",
                code="secret_passphrase",
                hint=f"Set {PASSPHRASE}, or start Bascule in a terminal, where it asks.",
            )
        return self._given
