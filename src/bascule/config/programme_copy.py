"""A programme's file as it is handed to a user, and how two programmes differ, field by field."""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from bascule.config.programme_fields import Question
from bascule.config.programmes import SCHEMA, Facts, Reading
from bascule.config.toml_text import assignment, key_text, toml, value

_HEAD = """\
# A programme: a firm's rules for an account, to be named in bascule.toml as
#
#     [accounts.NAME]
#     programme = "file:{file}"
#
# It was copied from the preset {preset}, which is what public pages told on {read_on}.
# Bascule is not affiliated with {firm}. Hold every line against the firm's own rules for your
# account, then write the day under verified_on. docs/programmes.md explains the keys.
#
# "none": there is no such rule. "not found": nobody says. "unknown": nobody says which.
# Words that the keys take:
#   daily_loss.reference         balance, equity, higher, initial, day_peak_equity
#   limit.of                     initial, reference
#   measured_on, trail.on        equity, balance
#   trigger                      below, at_or_below
#   on_breach                    fail, pause
#   max_loss.kind, .lock         static, trailing; "never", or {{ initial_plus = 100 }}
#   overnight, weekend           allowed, prohibited; or {{ evaluation = ..., funded = ... }}
#   news.policy, .scope          allowed, restricted; open, open_or_close, flat, profit_removed,
#                                no_bracket_orders
#   automation.permitted         yes, no, silent
#   accept_stricter              keys whose stricter reading you accept: ["daily_loss.reset.tz"]
"""
_ORDER = (
    "title", "market", "account", "confidence", "verify", "accept_stricter", "profit_target",
    "daily_loss", "daily_loss_note", "max_loss", "min_days", "consistency", "news", "overnight",
    "weekend", "flat", "max_size", "stop_loss", "risk_per_idea", "inactivity_days", "conduct",
    "automation", "payout", "extra",
)  # fmt: skip


class Difference(Struct, frozen=True):
    """One field that differs; None where one side does not have it."""

    key: str
    ours: str | None
    theirs: str | None


def copy_of(facts: Facts, reading: Reading, file: str) -> str:
    """Write a preset as a user's own file, with what is to be asked of the firm.

    Args:
        facts: the preset.
        reading: its rules, for the questions.
        file: the name under which the copy is kept.
    """
    head = _HEAD.format(file=file, preset=facts.preset, read_on=facts.read_on, firm=facts.firm)
    own = {
        "schema": SCHEMA,
        "preset": facts.preset,
        "firm": facts.firm,
        "read_on": facts.read_on,
        "verified_on": "",
    }
    lines = [assignment(key, value) for key, value in own.items()]
    table = {key: value for key, value in facts.table.items() if key not in ("sources", "verify")}
    ordered = {key: table.pop(key) for key in _ORDER if key in table} | table
    sources = "\n".join(
        ["[sources]", *(assignment(name, source) for name, source in facts.sources.items())]
    )
    parts = [head + questions_text(reading.questions), "\n".join(lines), toml(ordered), sources]
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def questions_text(questions: tuple[Question, ...]) -> str:
    """Write the questions for the firm as comments; '' where there are none."""
    if not questions:
        return ""
    lines = ["#", "# To ask the firm. Until a key is filled in, it is read as said in brackets:"]
    for one in questions:
        lines.append(f"#   {one.key}: {one.text}")
        lines.append(f"#       ({one.reading}{'; a live account waits' if one.needed else ''})")
    return "\n".join(lines)


def differences(ours: Facts, theirs: Facts) -> list[Difference]:
    """Give each field that differs, by its dotted key, in the order of the first."""
    one, two = dict(_flat(ours.table)), dict(_flat(theirs.table))
    return [
        Difference(key, one.get(key), two.get(key))
        for key in {**one, **two}
        if one.get(key) != two.get(key)
    ]


def _flat(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for key, one in table.items():
        if not above and key in ("sources", "verify"):
            continue
        name = f"{above}{key_text(key)}"
        if isinstance(one, Mapping):
            yield from _flat(one, f"{name}.")
        else:
            yield name, value(one)
