"""Named secrets: where a value is looked for, and where a new one is kept.

Looked for in this order: the environment, then the one store that ``[secrets] store`` chooses (an
encrypted file, or the operating system's keyring). Each mode has names of its own, and none sees
another's. A value is never part of a configuration, a log, an error text or a command line.
"""

import os
import re
from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from bascule.model.enums import AccountMode
from bascule.model.errors import SecretError, UsageError

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
NAME_ALLOWED = "a lower-case letter, then up to 63 lower-case letters, digits and underscores"


class SecretStore(Protocol):
    """Where values of one mode are kept."""

    @property
    def place(self) -> str:
        """Say in words where this is, for an error or a list."""

    def read(self, name: str) -> str | None:
        """Give a value, or None when it holds none of that name."""

    def write(self, name: str, value: str) -> None:
        """Keep a value, in place of any before."""

    def delete(self, name: str) -> bool:
        """Forget a value; False when it held none of that name."""

    def names(self) -> tuple[str, ...]:
        """Name what it holds, sorted."""


class Found(Struct, frozen=True):
    """A value and where it came from. The value is left out when this is printed."""

    value: str
    place: str

    def __repr__(self) -> str:
        return f"Found(value=..., place={self.place!r})"


class Secrets:
    """The secrets of one mode."""

    def __init__(
        self, mode: AccountMode, store: SecretStore, environ: Mapping[str, str] = os.environ
    ) -> None:
        self.mode = mode
        self._store = store
        self._environ = environ

    def find(self, name: str) -> Found | None:
        """Look for a value.

        Raises:
            UsageError: it is no name of a secret.
            SecretError: a place could not be read.
        """
        variable = variable_of(self.mode, check_name(name))
        if value := self._environ.get(variable):
            return Found(value, f"environment variable {variable}")
        value = self._store.read(name)
        return None if value is None else Found(value, self._store.place)

    def kept(self, name: str) -> str | None:
        """Give what the store itself holds, whatever the environment says; None for nothing.

        Raises:
            SecretError: the store could not be read.
        """
        return self._store.read(check_name(name))

    def get(self, name: str) -> str:
        """Give a value.

        Raises:
            SecretError: it is in no place; the message lists the places and the hint tells the
                command that sets it.
        """
        found = self.find(name)
        if found is None:
            raise self._missing(name)
        return found.value

    def set(self, name: str, value: str) -> str:
        """Keep a value in the store.

        Returns:
            where it is kept now, in words.

        Raises:
            UsageError: it is no name, or the value is empty or has a line break.
            SecretError: the store could not keep it.
        """
        check_name(name)
        if not value or any(mark in value for mark in "\r\n\0"):
            raise UsageError(
                "A secret is one line of text and not empty. Nothing was changed.",
                code="secret_value",
            )
        self._store.write(name, value)
        return self._store.place

    def delete(self, name: str) -> None:
        """Forget a value in the store; the environment is not ours to change.

        Raises:
            SecretError: the store holds none of that name.
        """
        if not self._store.delete(check_name(name)):
            raise self._missing(name)

    def names(self) -> dict[str, str]:
        """Give every name that has a value, with the place the value would come from."""
        kept = dict.fromkeys(self._store.names(), self._store.place)
        prefix = variable_of(self.mode, "")
        for variable, value in self._environ.items():
            name = variable.removeprefix(prefix).lower()
            if variable.startswith(prefix) and value and NAME.fullmatch(name):
                kept[name] = f"environment variable {variable}"
        return dict(sorted(kept.items()))

    def _missing(self, name: str) -> SecretError:
        variable = variable_of(self.mode, name)
        looked = f"environment variable {variable}; {self._store.place}"
        others = [variable_of(mode, name) for mode in AccountMode if mode is not self.mode]
        elsewhere = next((f" {v} is set, and is for that mode only." for v in others if
                          self._environ.get(v)), "")  # fmt: skip
        return SecretError(
            f"The {self.mode.value} secret {name!r} was not found. Looked in: {looked}.{elsewhere}",
            hint=f"Run `bascule secrets set {name} --mode {self.mode.value}`; it asks for the"
            " value.",
        )


def variable_of(mode: AccountMode, name: str) -> str:
    """Name the environment variable of a secret: ``BASCULE_SECRET_LIVE_BROKER_TOKEN``."""
    return f"BASCULE_SECRET_{mode.value.upper()}_{name.upper()}"


def check_name(name: str) -> str:
    """Give the name back.

    Raises:
        UsageError: it is no name of a secret.
    """
    if not NAME.fullmatch(name):
        raise UsageError(
            f"That is no name of a secret. A name is {NAME_ALLOWED}.",
            code="secret_name",
            hint="Choose a name such as broker_token; the value is asked for separately.",
        )
    return name
