"""How a server of ours proves who it is before anybody shows it a token.

A process that ended leaves its port to whoever takes it, also to another user's program. So a
caller first asks ``GET /proof?of=QUESTION``, which needs no token, and sends the rest over the same
connection only if the answer could be made by nobody without the token. The port is in it, so that
a stranger on one port cannot have it answered by the true server on another.

Commands and servers of all versions meet here, since an update leaves the old engine running: so
path, question, answer (``{"proof": "..."}`` and no other field) and what is signed stay as they are
for good. Another kind of proof takes another path.
"""

import hmac
import os
from hashlib import sha256

PATH = "/proof"
QUESTION_MAX = 64


def question() -> str:
    """Give a question that was never asked before."""
    return os.urandom(16).hex()


def proof(token: str, port: int, asked: str) -> str:
    """Give the answer of a server on ``port`` that knows ``token``."""
    said = f"bascule-proof\n{port}\n{asked}"
    return hmac.new(token.encode(), said.encode(), sha256).hexdigest()


def proves(given: str, token: str, port: int, asked: str) -> bool:
    """Whether an answer proves that its server knows the token."""
    return hmac.compare_digest(given.encode(), proof(token, port, asked).encode())
