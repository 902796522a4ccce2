"""What is known of one sender. Secrets arrive here as values; the settings name them elsewhere."""

import ipaddress
import re
from pathlib import Path

from msgspec import Struct

from bascule.model.errors import ConfigError
from bascule.model.values import Duration
from bascule.signals import dialects
from bascule.signals.intake.certificate import FORMS
from bascule.signals.intake.fix_terms import FixTerms
from bascule.signals.intake.senders import addresses, senders, wanted_certificate
from bascule.signals.message_map import MessageMap
from bascule.signals.profile import Profile
from bascule.signals.reading import Reader
from bascule.signals.strike import Finder

SECRET_CHARACTER = r"[!#-&(-+\-./0-:<-@A-Z^_a-z~]"
"""What a secret in a body may be made of: nothing that JSON or a text dialect gives a meaning."""

FIRST_WORD = "@first"
"""As a body field: the secret is the first word of the body, as in ``SECRET, buy, ES``."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_PATH_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,200}")
_BODY_SECRET = re.compile(rf"{SECRET_CHARACTER}{{8,200}}")
_SECRET_MIN = 16

BODY_FIELDS = (
    "secret", "passphrase", "password", "token", "key", "apikey", "api_key", "auth_key",
)  # fmt: skip
"""Where a secret in the body is looked for unless the source says otherwise."""


class Rate(Struct, frozen=True):
    """How many signals a source may send: ``burst`` at once, refilled at ``per_minute``."""

    per_minute: int = 60
    burst: int = 20


class Source(Struct, frozen=True, kw_only=True):
    """One sender: how it proves who it is, how its messages are read, and how many it may send.

    Each way to authenticate that is set must be passed: ``path_token`` in the URL, ``body_secret``
    in one of ``body_fields``, one of ``hmac_secrets`` as the key of a Standard Webhooks signature;
    ``bearer`` is for ``/v1/intents`` alone. ``dialect`` empty means: find it by content.
    ``mapping`` describes the messages for the dialect of that name, and no other needs one.
    ``allow_from`` are addresses, networks or names of known senders, and empty allows any.
    ``client_certificate`` is what a trusted proxy must have verified, as ``senders`` reads it.
    ``folder`` is watched for files instead, and then who may write in it is the only proof.
    ``fix`` is a FIX session instead, whose password is its proof.
    """

    name: str
    path_token: str = ""
    body_secret: str = ""
    body_fields: tuple[str, ...] = BODY_FIELDS
    hmac_secrets: tuple[str, ...] = ()
    bearer: str = ""
    dialect: str = ""
    strategy: str = ""
    max_age_ns: Duration = Duration(0)
    rate: Rate = Rate()
    profile: Profile = Profile()
    mapping: MessageMap | None = None
    allow_from: tuple[str, ...] = ()
    client_certificate: str = ""
    folder: Path | None = None
    fix: FixTerms | None = None

    @property
    def over_http(self) -> bool:
        """Whether it posts: neither files nor FIX."""
        return self.folder is None and self.fix is None

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every secret of this source, longest first, so that striking one spoils no other."""
        held = {self.path_token, self.body_secret, self.bearer, *self.hmac_secrets} - {""}
        if self.fix is not None:
            held.add(self.fix.password)
        return tuple(sorted(held, key=len, reverse=True))

    def reader(self, dialect: str | None = None) -> Reader:
        """Give the reader of this source's messages, in another dialect when one is named."""
        return Reader(
            source=self.name,
            dialect=self.dialect if dialect is None else dialect,
            auth=self._auth,
            strategy=self.strategy,
            max_age_ns=self.max_age_ns,
            profile=self.profile,
            mapping=self.mapping,
            secrets=self.secrets,
            finder=Finder(self.body_fields),
        )

    @property
    def _auth(self) -> str:
        if self.folder is not None:
            return "folder"
        return "hmac" if self.hmac_secrets else "url_path" if self.path_token else "header"

    def check(self) -> None:
        """Hold the settings to what is safe.

        Raises:
            ConfigError: the message says what is wrong and what is allowed, and shows no secret.
        """
        for wrong, text in self._faults():
            if wrong:
                raise ConfigError(f"source {self.name!r}: {text}")

    def _faults(self) -> list[tuple[bool, str]]:
        watched = self.folder is not None
        return [
            *(self.fix.faults() if self.fix is not None else []),
            (
                self.fix is not None and not self.strategy and self.fix.role == "orders",
                "a FIX client's orders name no strategy; set the strategy they belong to",
            ),
            (not _NAME.fullmatch(self.name), "a name is lower-case letters, digits, - and _"),
            (
                watched and bool(self.secrets or self.allow_from or self.client_certificate),
                "who may write in its folder is its only proof; it has no secret and no address",
            ),
            (
                not watched and not self.secrets,
                "it has no way to authenticate; set a path token, a body secret, an HMAC secret "
                "or a bearer token",
            ),
            (
                bool(self.path_token) and not _PATH_TOKEN.fullmatch(self.path_token),
                "a path token is 16 to 200 letters, digits, - and _",
            ),
            (
                bool(self.body_secret) and not _BODY_SECRET.fullmatch(self.body_secret),
                "a body secret is 8 to 200 printable characters without spaces, quotes, commas, "
                "semicolons, brackets, braces, bars and backslashes",
            ),
            (bool(self.body_secret) and not self.body_fields, "a body secret needs its fields"),
            (
                any(len(one) < _SECRET_MIN for one in self.hmac_secrets)
                or 0 < len(self.bearer) < _SECRET_MIN,
                f"HMAC secrets and bearer tokens have at least {_SECRET_MIN} characters",
            ),
            (
                bool(self.dialect) and self.dialect not in dialects.names(),
                f"there is no dialect {self.dialect!r}; there are {', '.join(dialects.names())}",
            ),
            (
                (self.dialect == "mapping") is (self.mapping is None),
                "the dialect 'mapping' and a mapping go together",
            ),
            (self.rate.per_minute < 1 or self.rate.burst < 1, "a rate is at least 1"),
            (
                not _are_networks(self.allow_from),
                f"allow_from holds addresses, networks, or {', '.join(senders())}",
            ),
            (
                not _is_certificate(self.client_certificate),
                f"client_certificate is {FORMS}, or {', '.join(senders())}",
            ),
        ]


def _are_networks(texts: tuple[str, ...]) -> bool:
    try:
        for text in addresses(texts):
            ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _is_certificate(text: str) -> bool:
    try:
        return not text or bool(wanted_certificate(text))
    except ValueError:
        return False
