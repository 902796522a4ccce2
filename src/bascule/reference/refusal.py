"""How the reference tables say no."""

from msgspec import Struct


class Refusal(Struct, frozen=True):
    """A name that stands for nothing tradable, or for more than one thing.

    ``code`` is stable; ``text`` says what was found and what to send instead; ``candidates`` are
    names that would resolve. Bascule never picks one of them by itself.
    """

    code: str
    text: str
    candidates: tuple[str, ...] = ()
