"""From an error to an answer: a status, a stable code, a sentence, and what to do next."""

from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from msgspec import Struct

from bascule.model.errors import (
    BasculeError,
    JournalError,
    UsageError,
    VenueError,
)

_NOT_FOUND = frozenset(
    {
        "unknown_order",
        "unknown_account",
        "unknown_scope",
        "unknown_signal",
        "unknown_venue",
        "journal_missing",
    }
)
_CONFLICT = frozenset(
    {
        "not_in_doubt",
        "not_stopped",
        "not_halted",
        "arm_not_confirmed",
        "not_confirmed",
        "arm_needs_code",
        "arm_code_wrong",
        "arm_code_limited",
        "locked",
        "link_down",
        "nothing_to_accept",
        "too_many_streams",
    }
)


class Fault(Struct, frozen=True, omit_defaults=True):
    """The body of every answer that is an error."""

    code: str
    text: str
    next: str = ""


def _status(error: BasculeError) -> int:
    if error.code in _NOT_FOUND:
        return 404
    if error.code in _CONFLICT:
        return 409
    if isinstance(error, UsageError):
        return 400
    if isinstance(error, VenueError):
        return 502
    return 503 if isinstance(error, JournalError) else 500


def bascule_fault(_request: Request, error: BasculeError) -> Response[Fault]:
    """Answer for one of our own errors."""
    return Response(Fault(error.code, error.message, error.hint), status_code=_status(error))


def http_fault(_request: Request, error: HTTPException) -> Response[Fault]:
    """Answer for what the framework refuses: no such path, a body that cannot be read."""
    text = error.detail
    if isinstance(error, ValidationException) and error.extra:
        said = [_line(extra) for extra in error.extra]
        text = f"the request cannot be read: {'; '.join(said)}"
    codes = {400: "bad_request", 404: "not_found", 405: "method_not_allowed"}
    code = codes.get(error.status_code, "request_refused")
    then = "GET /schema lists every path with its parameters."
    return Response(Fault(code, text, then), status_code=error.status_code, headers=error.headers)


def _line(extra: object) -> str:
    if isinstance(extra, dict):
        key, message = extra.get("key", ""), extra.get("message", "")
        return f"{key}: {message}" if key else str(message)
    return str(extra)
