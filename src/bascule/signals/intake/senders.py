"""Senders of which something is publicly known: from where they send, and with which certificate.

One file a sender in ``data/``, found by being there. A source's settings use its name in place of
addresses (``allow_from``) and of a certificate (``client_certificate``).
"""

import tomllib
from collections.abc import Iterable
from datetime import date
from functools import cache
from importlib.resources import files

from msgspec import Struct, convert

from bascule.signals.intake.certificate import Wanted


class Sender(Struct, frozen=True, forbid_unknown_fields=True):
    """What a sender says of itself, when that was read, and where. It may have changed since."""

    read: date
    sources: tuple[str, ...]
    addresses: tuple[str, ...]
    certificate: Wanted


@cache
def senders() -> dict[str, Sender]:
    """Give every known sender by its name."""
    folder = files(__package__) / "data"
    return {
        file.name.removesuffix(".toml"): convert(tomllib.loads(file.read_text("utf-8")), Sender)
        for file in sorted(folder.iterdir(), key=lambda file: file.name)
        if file.name.endswith(".toml")
    }


def addresses(texts: Iterable[str]) -> tuple[str, ...]:
    """Put the addresses of known senders in place of their names; all else stays as it is."""
    known = senders()
    return tuple(
        address
        for text in texts
        for address in (known[text].addresses if text in known else (text,))
    )


def wanted_certificate(text: str) -> Wanted:
    """Read ``client_certificate``: a known sender's name, or what ``certificate.wanted`` reads.

    Raises:
        ValueError: it is neither.
    """
    known = senders()
    return known[text].certificate if text in known else Wanted.of(text)
