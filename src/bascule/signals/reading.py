"""From a text to a `Signal`: strike secrets, find the dialect, read, map, key. Pure."""

import re
from decimal import Decimal

from msgspec import Struct

from bascule.model.intent import Intent, Signal
from bascule.model.values import SECOND, Instant
from bascule.signals import dialects, lenient_json
from bascule.signals.freshness import check_not_ahead
from bascule.signals.instruction import Direct, Hints, Instruction, Parsed, Rejection
from bascule.signals.intents import to_intents
from bascule.signals.keys import body_hash, signal_key
from bascule.signals.message_map import MessageMap
from bascule.signals.profile import Profile
from bascule.signals.strike import Finder, Struck, strike

UNREADABLE = frozenset(
    {
        "empty_body", "malformed_json", "malformed_command", "unknown_format", "missing_field",
        "invalid_action", "bad_number", "bad_enum", "bad_encoding", "conflict", "unknown_field",
        "unresolved_placeholder", "unauthenticated",
    }
)  # fmt: skip
"""Codes that say the message itself is at fault. Resending it unchanged changes nothing."""


_HIGH, _LOW = r"\\u[dD][89abAB][0-9a-fA-F]{2}", r"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_HALF_CHARACTER = re.compile(rf"{_HIGH}(?!{_LOW})|(?<!{_HIGH}){_LOW}")


def parse(text: str, dialect: str = "", hints: Hints | None = None) -> tuple[str, Parsed]:
    """Read a text whose secrets are struck out.

    Args:
        text: the body.
        dialect: the dialect that the source speaks; empty to find it by content.
        hints: what is known besides.

    Returns:
        The dialect's name (empty when none was found) and what it made of the text.

    Raises:
        KeyError: there is no such dialect.
    """
    name = dialect or dialects.detect(text) or ""
    if not name:
        if not text.strip(" \t\r\n\0\ufeff"):
            return "", Rejection("empty_body", "there is nothing in it")
        if not isinstance(lenient_json.decode(text), Rejection):
            return "", Rejection("malformed_json", "a JSON object is expected, not a bare value")
        return "", Rejection("unknown_format", "no dialect knows it")
    if "\\u" in text and _HALF_CHARACTER.search(text):
        # It would be read into a text that no file, journal or venue can hold.
        return name, Rejection("bad_encoding", "it holds half a character (a lone surrogate)")
    return name, dialects.get(name).parse(text, hints or Hints())


class Reader(Struct, frozen=True, kw_only=True):
    """How the messages of one source are read.

    ``auth`` is how its messages are authenticated where the body does not show it. ``strategy``
    names the strategy of a message that names none. ``max_age_ns`` is 0 for the engine's default.
    """

    source: str
    dialect: str = ""
    auth: str = ""
    strategy: str = ""
    max_age_ns: int = 0
    profile: Profile = Profile()
    mapping: MessageMap | None = None
    secrets: tuple[str, ...] = ()
    finder: Finder = Finder()

    @property
    def hints(self) -> Hints:
        """What is known of every message of this source."""
        return Hints(self.auth, self.mapping)

    def strike(self, text: str) -> Struck:
        """Strike this source's secrets out of a body."""
        return strike(text, self.secrets, self.finder)

    def read(self, raw: str, received_at: Instant, delivery: str = "") -> Signal:
        """Make a signal of an authenticated body. Never raises: what cannot be read is refused.

        Args:
            raw: the body, its secrets struck out.
            received_at: when it arrived.
            delivery: the id that the transport gave it, the same on a resend.
        """
        name, parsed = parse(raw, self.dialect, self.hints)
        if isinstance(parsed, Rejection):
            return self._refused(raw, name, parsed, received_at)
        read = parsed if isinstance(parsed, (Direct, tuple)) else (parsed,)
        intents, facts = self._intents(read)
        refusal = check_not_ahead(facts.fired_at, received_at)
        if refusal is None and isinstance(intents, Rejection):
            refusal = intents
        accepted = () if refusal is not None or isinstance(intents, Rejection) else intents
        return Signal(
            source=self.source,
            dialect=name,
            received_at=received_at,
            body_hash=body_hash(raw),
            raw=raw,
            key=signal_key(self.source, read, delivery),
            fired_at=facts.fired_at,
            strategy=facts.strategy or self.strategy,
            intents=accepted,
            refused_code=refusal.error if refusal is not None else "",
            refused_text=refusal.why if refusal is not None else "",
            notes=facts.notes,
            max_age=min(filter(None, (facts.max_age, self.max_age_ns)), default=0),
        )

    def refuse(self, raw: str, rejection: Rejection, received_at: Instant) -> Signal:
        """Make a refused signal of an authenticated body that is not even text."""
        return self._refused(raw, self.dialect, rejection, received_at)

    def _refused(self, raw: str, dialect: str, why: Rejection, received_at: Instant) -> Signal:
        return Signal(
            source=self.source, dialect=dialect, received_at=received_at, body_hash=body_hash(raw),
            raw=raw, strategy=self.strategy, refused_code=why.error, refused_text=why.why,
        )  # fmt: skip

    def _intents(
        self, read: tuple[Instruction, ...] | Direct
    ) -> tuple[tuple[Intent, ...] | Rejection, "_Facts"]:
        if isinstance(read, Direct):
            facts = _Facts(read.strategy, read.fired_at, read.max_age, read.notes)
            return read.intents, facts
        facts = _facts(read)
        if any(leg.strategy != facts.strategy for leg in read):
            return Rejection("conflict", "the orders of a list name more than one strategy"), facts
        return to_intents(read, self.profile), facts


class _Facts(Struct, frozen=True):
    strategy: str
    fired_at: Instant | None
    max_age: int
    notes: tuple[str, ...]


def _facts(read: tuple[Instruction, ...]) -> _Facts:
    """Put together what holds for a whole message: the oldest time and the shortest age count."""
    fired_at: Instant | None = None
    lag: Decimal | None = None
    notes: list[str] = []
    for leg in read:
        if leg.fired_at is not None and (fired_at is None or leg.fired_at < fired_at):
            fired_at = leg.fired_at
        if leg.max_lag_s is not None and (lag is None or leg.max_lag_s < lag):
            lag = leg.max_lag_s
        notes += leg.notes
        _note_not_applied(leg, notes)
    max_age = int(lag * SECOND) if lag is not None else 0
    return _Facts(read[0].strategy, fired_at, max_age, tuple(dict.fromkeys(notes)))


def _note_not_applied(leg: Instruction, notes: list[str]) -> None:
    """Name what the message says and Bascule's own settings decide."""
    if leg.leverage is not None:
        notes.append(f"leverage {leg.leverage} is not applied: the account's own setting stands")
    if leg.account or leg.accounts:
        named = ", ".join((leg.account, *leg.accounts) if leg.account else leg.accounts)
        notes.append(f"account {named} is not applied: the route names the accounts")
    if leg.sl_limit is not None:
        notes.append("the stop's limit price is not applied: the stop is a stop market order")
    if leg.delay_s is not None:
        notes.append(f"a delay of {leg.delay_s} s is not waited for")
    if leg.max_spread_pips is not None:
        notes.append("the spread limit is not applied")
