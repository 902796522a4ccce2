"""What a client is told, as messages of its session's version. Pure."""

from decimal import Decimal

from bascule.fix.message import Field, Message
from bascule.fix.timestamp import write_time
from bascule.fix.version import Version
from bascule.model.values import text
from bascule.signals.intake import fix_line as fl
from bascule.signals.intake.fix_line import ChangeReject, Report, Told

REPORT, CHANGE_REJECT = b"8", b"9"
REPORTS = frozenset({REPORT, CHANGE_REJECT})

_EXEC_TYPES: dict[str, str] = {
    "pending_new": "A",
    "new": "0",
    "trade": "F",
    "bust": "H",
    "correct": "G",
    "canceled": "4",
    "replaced": "5",
    "rejected": "8",
    "expired": "C",
    "pending_cancel": "6",
    "pending_replace": "E",
    "status": "I",
}
"""ExecType (150) from FIX 4.3 on."""
_TRANS_TYPES = {"bust": "1", "correct": "2", "status": "3"}
"""ExecTransType (20) of FIX 4.2; all else is 0, a new report."""

_TEXT_MAX = 400
_PLACES = 10
"""Digits after the point of an average."""
_OTHER = "0"
_ORDER_REASONS_4_2 = frozenset("012345678")
_CHANGE_REASONS_4_2 = frozenset("0123")
_OTHER_CHANGE = "2"


def message_of(told: Told, version: Version) -> Message:
    """Write what is told as an ExecutionReport (8) or an OrderCancelReject (9)."""
    return _report(told, version) if isinstance(told, Report) else _change_reject(told, version)


def _report(report: Report, version: Version) -> Message:
    early = version.name == "FIX.4.2"
    said: dict[int, str] = dict(report.terms)
    said |= {
        6: text(round(report.avg, _PLACES)),
        11: report.cl_ord_id,
        14: text(report.cum),
        17: report.exec_id,
        37: report.order_id,
        39: report.status,
        41: report.orig_cl_ord_id,
        58: report.text[:_TEXT_MAX],
        60: write_time(report.at, version.digits).decode(),
        150: _exec_type(report, early=early),
        151: text(report.leaves),
        19: report.ref_exec_id,
        31: _number(report.last_px),
        32: _number(report.last_qty),
    }
    if report.account:
        said[1] = report.account
    if early:
        said[20] = _TRANS_TYPES.get(report.kind, "0")
    elif report.link:
        said[583] = report.link
    if report.reason:
        known = not early or report.reason in _ORDER_REASONS_4_2
        said[103] = report.reason if known else _OTHER
    return Message(REPORT, _fields(said | dict(report.also)))


def _exec_type(report: Report, *, early: bool) -> str:
    if not early:
        return _EXEC_TYPES[report.kind]
    if report.kind == "trade":
        return fl.FILLED if report.status == fl.FILLED else fl.PARTIAL
    return report.status if report.kind in _TRANS_TYPES else _EXEC_TYPES[report.kind]


def _change_reject(told: ChangeReject, version: Version) -> Message:
    early = version.name == "FIX.4.2"
    known = not early or told.reason in _CHANGE_REASONS_4_2
    return Message(
        CHANGE_REJECT,
        _fields(
            {
                11: told.cl_ord_id,
                37: told.order_id,
                39: told.status,
                41: told.orig_cl_ord_id or "NONE",
                58: told.text[:_TEXT_MAX],
                60: write_time(told.at, version.digits).decode(),
                102: told.reason if known else _OTHER_CHANGE,
                434: "2" if told.replace else "1",
            }
        ),
    )


def _number(value: Decimal | None) -> str:
    return "" if value is None else text(value)


def _fields(said: dict[int, str]) -> list[Field]:
    """Give the fields that say something, by tag, without what would end one early."""
    return [(tag, _clean(value)) for tag, value in sorted(said.items()) if value]


def _clean(value: str) -> bytes:
    return "".join(sign if sign.isprintable() else " " for sign in value).encode()
