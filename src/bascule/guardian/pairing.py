"""Which chats may stop trading: those that once gave a code shown on the machine itself."""

import hmac
import secrets
from hashlib import sha256
from pathlib import Path

import msgspec
from msgspec import Struct

from bascule.config.handover import read_file, replace_file
from bascule.model.values import MINUTE, Instant

CODE_NS = 10 * MINUTE
"""How long a pairing code is good."""
WRONG_MAX = 5
"""After so many wrong codes the right one is void."""
CHATS_MAX = 20
_LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
_LENGTH = 8


class PairedChat(Struct, frozen=True):
    """One chat, and since when."""

    id: int
    at: Instant


class _Offer(Struct, frozen=True):
    hash: str
    until: Instant
    wrong: int = 0


class Pairing:
    """The chats that are paired, and the code that is open; in files that the command line shares.

    Every question reads the files, so that a chat that is forgotten is silenced at once.
    """

    def __init__(self, folder: Path) -> None:
        self._chats = folder / "telegram-chats.json"
        self._offer = folder / "telegram-pairing.json"

    def offer(self, now: Instant) -> str:
        """Make a code that pairs one chat, once, for ten minutes; any before it is void.

        Raises:
            OSError: it could not be kept.
        """
        code = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
        made = _Offer(_hashed(code), Instant(now + CODE_NS))
        replace_file(self._offer, msgspec.json.encode(made))
        return code

    def take(self, chat: int, code: str, now: Instant) -> bool:
        """Pair a chat by a code, which is used up; False when it is not the code.

        Raises:
            OSError: it could not be kept.
        """
        offer = read_file(self._offer, _Offer)
        if offer is None or now >= offer.until:
            return False
        if not hmac.compare_digest(_hashed(code), offer.hash):
            wrong = offer.wrong + 1
            if wrong >= WRONG_MAX:
                self._offer.unlink(missing_ok=True)
            else:
                kept = _Offer(offer.hash, offer.until, wrong)
                replace_file(self._offer, msgspec.json.encode(kept))
            return False
        self._offer.unlink(missing_ok=True)
        others = [one for one in self.chats() if one.id != chat]
        self._keep([*others[-CHATS_MAX + 1 :], PairedChat(chat, now)])
        return True

    def chats(self) -> list[PairedChat]:
        """Give the chats that are paired."""
        return read_file(self._chats, list[PairedChat]) or []

    def is_paired(self, chat: int) -> bool:
        """Whether a chat may stop trading."""
        return any(one.id == chat for one in self.chats())

    def forget(self) -> int:
        """Forget every chat, and the open code; gives how many there were.

        Raises:
            OSError: it could not be kept.
        """
        count = len(self.chats())
        self._offer.unlink(missing_ok=True)
        self._keep([])
        return count

    def _keep(self, chats: list[PairedChat]) -> None:
        replace_file(self._chats, msgspec.json.encode(chats))


def _hashed(code: str) -> str:
    plain = "".join(letter for letter in code.upper() if letter.isalnum())
    return sha256(plain.encode()).hexdigest()
