"""Who may use the emergency page: whoever once typed its token. A signed cookie remembers it.

The cookie needs no memory on this side, so a guardian that was started anew in an emergency knows
its owner still. A new token file logs everybody out.
"""

import hmac
import secrets
from collections import deque
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from aiohttp import web

from bascule.config.private import read_private, write_private

COOKIE = "bascule_guardian"
DAYS = 30
_DAY_S = 86_400
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without those that a person takes for one another."""
_GROUPS, _GROUP = 4, 5
_MAC_LETTERS = 32
TRIES, ALL_TRIES, TRIES_S = 5, 100, 300.0
"""Wrong tokens from one address, and from all, within so many seconds."""


def page_token(path: Path) -> str:
    """Give the page's token, about 99 bits in letters that can be typed, made when there is none.

    Raises:
        SecretError: the file cannot be written, or others may read it.
    """
    found = read_private(path)
    if found:
        return found.decode("utf-8", "replace").strip()
    groups = ("".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS))
    made = "-".join(groups)
    write_private(path, f"{made}\n".encode())
    return made


class Access:
    """Judges logins, cookies, and whether a form came from our own page."""

    def __init__(self, token: str, clock: Callable[[], float]) -> None:
        """``clock`` gives UTC seconds."""
        self._token = _plain(token)
        self._key = sha256(b"bascule page\n" + self._token).digest()
        self._clock = clock
        self._wrong: deque[tuple[float, str]] = deque(maxlen=ALL_TRIES)

    def limited(self, address: str) -> bool:
        """Whether this address, or all together, guessed too often lately."""
        now = self._clock()
        while self._wrong and now - self._wrong[0][0] >= TRIES_S:
            self._wrong.popleft()
        return len(self._wrong) >= ALL_TRIES or (
            sum(1 for _, one in self._wrong if one == address) >= TRIES
        )

    def cookie_for(self, token: str, address: str) -> str:
        """Give the cookie that a right token earns, '' for a wrong one, which is counted."""
        if not hmac.compare_digest(_plain(token), self._token):
            self._wrong.append((self._clock(), address))
            return ""
        until = str(int(self._clock()) + DAYS * _DAY_S)
        return f"{until}.{self._mac('cookie', until)}"

    def known(self, cookie: str) -> bool:
        """Whether a cookie is ours and has not run out."""
        until, _, mac = cookie.partition(".")
        right = hmac.compare_digest(mac.encode(), self._mac("cookie", until).encode())
        return right and until.isdecimal() and self._clock() < int(until)

    def form_mark(self, cookie: str, what: str = "") -> str:
        """Give what a form of ours carries, so that no other site can send it."""
        return self._mac("form", cookie, what)

    def is_ours(self, cookie: str, mark: str, what: str = "") -> bool:
        """Whether a form came from a page that we gave to this cookie."""
        return hmac.compare_digest(mark.encode(), self.form_mark(cookie, what).encode())

    def _mac(self, *words: str) -> str:
        return hmac.new(self._key, "\n".join(words).encode(), sha256).hexdigest()[:_MAC_LETTERS]


def from_elsewhere(request: web.Request) -> bool:
    """Whether the browser says that another site sent a request."""
    return request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin")


def _plain(token: str) -> bytes:
    """Take a token as a person types it: capitals, spaces and dashes do not matter."""
    return "".join(token.lower().replace("-", "").split()).encode()
