"""What a sender is told: a status, a stable code, a sentence, and what to do next."""

from msgspec import Struct, json

from bascule.model.intent import Receipt, Signal
from bascule.signals.reading import UNREADABLE


class Answer(Struct, frozen=True, omit_defaults=True):
    """The body of every answer."""

    status: str
    signal: str = ""
    duplicate_of: str = ""
    code: str = ""
    text: str = ""
    next: str = ""


class Reply(Struct, frozen=True):
    """An HTTP answer. ``retry_after`` is in seconds, 0 for none."""

    status: int
    body: bytes
    retry_after: int = 0


_NEXT = {
    "accepted": "",
    "duplicate": "Nothing to do: this is the answer to the first delivery.",
    "conflict": "Give each signal its own id; this id was used for another message.",
    "overloaded": "Send it again: nothing was kept.",
    "unknown": "Send it again under the same id only; once the engine runs, `bascule signals`"
    " tells whether it was kept.",
}
_NEXT_BY_CODE = {
    "arm_not_remote": "Arm on the command line: `bascule arm`.",
    "not_an_order": "Nothing to do, unless you meant an order.",
    "unit_not_set": "Set it in the profile of this source, or send a unit with the number.",
    "stop_unreadable": "Find out why the sender had no number for its stop.",
    "missing_quantity": "Send a quantity, or the position that is to be left.",
    "timestamp_in_future": "Set the clock of the sender or of this machine.",
    "unresolved_placeholder": "Check the placeholder's name, and that the alert is a strategy's.",
    "unauthenticated": "Put the source's secret where its settings expect it.",
    "stale": "Send it when it fires, or raise the source's max_age.",
}
_NEXT_UNREADABLE = "Correct the message; `bascule parse` shows how it is read."
_NEXT_REFUSED = "`bascule explain` with the signal's id says what would have passed."


def _static(status: int, word: str, code: str, text: str, then: str, retry_after: int = 0) -> Reply:
    return Reply(status, json.encode(Answer(word, code=code, text=text, next=then)), retry_after)


NOT_FOUND = _static(404, "refused", "not_found", "There is nothing here.", "")
NOT_ALLOWED = _static(405, "refused", "method_not_allowed", "Only POST is served here.", "")
UNAUTHENTICATED = _static(
    401, "refused", "unauthenticated", "The request was not authenticated; nothing was read.",
    _NEXT_BY_CODE["unauthenticated"],
)  # fmt: skip
TOO_LARGE = _static(
    413, "refused", "body_too_large", "The body is larger than this source may send.", ""
)
ENCODED = _static(
    415, "refused", "content_encoded", "A compressed body is not read.", "Send it as it is."
)
TOO_SLOW = _static(
    408, "refused", "body_too_slow", "The body did not arrive in time; nothing was kept.",
    "Send it again.",
)  # fmt: skip
OVERLOADED = _static(
    503, "overloaded", "overloaded", "Bascule has too much to do; nothing was kept.",
    _NEXT["overloaded"], retry_after=1,
)  # fmt: skip

UNANSWERED = _static(
    504, "unknown", "outcome_unknown", "The engine ended before it answered; whether it was kept"
    " is not known.", _NEXT["unknown"],
)  # fmt: skip


def rate_limited(wait_seconds: int) -> Reply:
    """Tell a sender that it sends too much; nothing was kept."""
    return _static(
        429, "refused", "rate_limited", "This source sends more than its rate allows.",
        "Send less often, or raise the source's rate.", wait_seconds,
    )  # fmt: skip


def unavailable(code: str, text: str) -> Reply:
    """Tell a sender that the engine could not take it; nothing was kept."""
    return _static(503, "overloaded", code, text, _NEXT["overloaded"], retry_after=5)


def answer(signal: Signal, receipt: Receipt) -> Reply:
    """Turn the engine's receipt into an answer.

    200 for what is journaled (accepted, duplicate, refused), 422 where the message itself is at
    fault, 409 for a key used twice, 503 when nothing was kept, 504 when nobody knows.
    """
    unreadable = (
        receipt.status == "refused"
        and receipt.code in UNREADABLE
        and receipt.code == signal.refused_code
    )
    known = {"conflict": 409, "overloaded": 503, "unknown": 504}
    status = known.get(receipt.status, 422 if unreadable else 200)
    then = _NEXT.get(receipt.status)
    if then is None or (receipt.status == "duplicate" and receipt.code):
        default = _NEXT_UNREADABLE if unreadable else _NEXT_REFUSED
        then = _NEXT_BY_CODE.get(receipt.code, default)
    body = Answer(
        receipt.status, receipt.signal, receipt.duplicate_of, receipt.code, receipt.text, then
    )
    return Reply(status, json.encode(body), 1 if status == 503 else 0)
