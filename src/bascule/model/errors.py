"""What can go wrong, and who can mend it.

    BasculeError
      ConfigError         the user can fix it: the message names file, key and what is allowed
      SecretError         a secret is missing, locked or unreadable: the user can fix it
      JournalError
        JournalCorrupt    the chain or a row is broken: stop, never repair silently
        JournalUnwritable no space, or fsync failed: the process ends, the gate stays shut
        JournalLocked     another engine holds this journal
      VenueError
        VenueTransient    a read that may be asked again by the kit
        VenueTerminal     will not succeed unchanged (credentials, permission)
        VenueProtocol     we or they broke the contract; the payload is kept, redacted
      UsageError          a command or request cannot be carried out as asked
      InvariantBroken     our bug: the process ends and the journal is kept

Refusals of signals and orders are values and journal events, never exceptions.
"""


class BasculeError(Exception):
    """Base of all. ``message`` is for the operator and holds no secret; ``code`` is stable."""

    code = "error"

    def __init__(self, message: str, *, code: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if code:
            self.code = code


class ConfigError(BasculeError):
    """The user's configuration is wrong; nothing was started."""

    code = "config_invalid"


class SecretError(BasculeError):
    """A named secret could not be read; nothing was started."""

    code = "secret_missing"


class JournalError(BasculeError):
    """The journal cannot be used."""

    code = "journal_error"


class JournalCorrupt(JournalError):
    """A row or the chain is broken; Bascule refuses to start on it."""

    code = "journal_corrupt"


class JournalUnwritable(JournalError):
    """An append or its fsync failed; the process ends without sending anything more."""

    code = "journal_unwritable"


class JournalLocked(JournalError):
    """Another engine holds this journal."""

    code = "journal_locked"


class VenueError(BasculeError):
    """A venue could not be used as asked."""

    code = "venue_error"


class VenueTransient(VenueError):
    """A read failed in a way that may pass."""

    code = "venue_unreachable"


class VenueTerminal(VenueError):
    """It will not succeed unchanged."""

    code = "venue_refused"


class VenueProtocol(VenueError):
    """A message broke the contract."""

    code = "venue_protocol"


class UsageError(BasculeError):
    """What was asked for cannot be done as asked."""

    code = "usage"


class InvariantBroken(BasculeError):
    """Our own bug: the process ends, the journal is kept."""

    code = "invariant_broken"


def invariant(condition: object, sentence: str, **facts: object) -> None:
    """Hold the engine to ``sentence``; runs always, also under ``-O``.

    Raises:
        InvariantBroken: with the facts, when the condition is false.
    """
    if not condition:
        detail = ", ".join(f"{name}={value!r}" for name, value in facts.items())
        raise InvariantBroken(f"{sentence} ({detail})" if detail else sentence)
