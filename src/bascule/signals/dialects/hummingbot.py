"""Hummingbot's MQTT commands: they control a bot and carry no orders.

A stop acts. A start is kept on record and refused: nothing is armed from afar. The topic may stand
in front of the body, as ``hbot/<id>/stop {...}``. Not affiliated with Hummingbot; checked
2026-11-21 against its public documents; verify.
"""

import re

from msgspec import structs

from bascule.signals.instruction import Hints, Instruction, Parsed, Refuse
from bascule.signals.members import Members, mentions, noting, read_object

NAME = "hummingbot"
JSON_MARKS = ("skip_order_cancellation", "is_quickstart", "script")

_TOPIC = re.compile(r"\s*hbot/(?P<bot>[^/\s{}]+)/(?P<command>[a-z_/]+)\s*(?P<rest>.*)\Z", re.DOTALL)
_FIELDS = {
    "start": ("log_level", "restore", "script", "conf", "is_quickstart", "async_backend"),
    "stop": ("skip_order_cancellation", "async_backend"),
    "import": ("strategy",),
    "config": ("params",),
    "status": ("async_backend",),
    "history": ("days", "verbose", "precision", "async_backend"),
}
_REPORTS = frozenset({"status", "history", "balance", "balance/paper", "balance/limit"})


def detect(text: str) -> int:
    """Claim a topic of Hummingbot, or JSON with the names of its start and stop."""
    if mentions(text, "skip_order_cancellation") or mentions(text, "is_quickstart"):
        return 85
    if mentions(text, "script", "log_level"):
        return 80
    return 90 if text.lstrip().startswith("hbot/") else 0


def parse(text: str, hints: Hints) -> Parsed:
    """Read one command."""
    try:
        match = _TOPIC.match(text)
        command, body = (match["command"], match["rest"]) if match else ("", text)
        members = read_object(body) if body.strip() or not match else Members({})
        inner = members.inner("data") if "header" in members.values else members
        read = _read(command or _command(inner or Members({})), inner or Members({}))
        return noting(structs.replace(read, auth=hints.auth), members.repairs)
    except Refuse as refused:
        return refused.rejection


def _command(members: Members) -> str:
    """Tell the command by the fields of its body, where the topic is not given."""
    if "skip_order_cancellation" in members.values:
        return "stop"
    if "is_quickstart" in members.values or "script" in members.values:
        return "start"
    raise Refuse("invalid_action", "without its topic the body does not say what to do")


def _read(command: str, members: Members) -> Instruction:
    if command in _FIELDS:
        members.only(_FIELDS[command])
    if command == "start":
        return Instruction(intent="control", control="start")
    if command == "stop":
        return Instruction(
            intent="control",
            control="halt",
            cancel_open_orders=not members.flag("skip_order_cancellation"),
        )
    if command in _REPORTS:
        return Instruction(intent="notify", event=command)
    raise Refuse(
        "invalid_action", f"{command!r} changes a bot's settings, which none may from here"
    )
