"""The firm's word on automated orders, and whether an account may send any by it.

A live account under a firm needs that word on record: *yes*, or *silent* with a written permission.
*No* is never overridden, and silence alone is not permission. Paper and shadow accounts send
nothing to a firm and need none.
"""

from typing import Literal

from msgspec import Struct

from bascule.model.account import AccountSpec
from bascule.model.enums import AccountMode
from bascule.model.values import DAY, HOUR, Instant

QUESTION = (
    "May I use automated order execution through an API on this account, in evaluation and when"
    " funded?"
)
"""What to ask a firm, in writing."""
PERMISSION_DAYS = 180
"""How long an answer counts; firms change their rules."""
EXPIRES_SOON = 14 * DAY
_AHEAD = 14 * HOUR
"""A day is read in UTC, and begins so much earlier for whoever lives farthest east."""


Refusal = Literal[
    "automation_prohibited", "policy_unknown", "evidence_missing", "written_permission_missing",
    "evidence_expired",
]  # fmt: skip
_SAID: dict[Refusal, str] = {
    "automation_prohibited": 'has "{}" on record as its firm\'s answer',
    "policy_unknown": 'has "{}" on record as its firm\'s answer',
    "evidence_missing": "has a permission on record without its text or file",
    "written_permission_missing": (
        "has a silent firm, and no record of who permitted it in writing, and how"
    ),
    "evidence_expired": "has a permission on record that has ended",
}


def refusal(policy: str, *, held: bool, written: bool, expired: bool) -> Refusal | None:
    """Say why a firm's word lets no live automated order go, or None when it does.

    Args:
        policy: the word: ``yes``, ``no``, ``silent`` or ``unknown``.
        held: the owner holds something that shows it.
        written: and what is held is somebody's written answer.
        expired: it is too old to count, or nobody knows how old.
    """
    if policy == "no":
        return "automation_prohibited"
    if policy not in ("yes", "silent"):
        return "policy_unknown"
    if policy == "silent" and not (held and written):
        return "written_permission_missing"
    if not held:
        return "evidence_missing"
    return "evidence_expired" if expired else None


class Stance(Struct, frozen=True):
    """Whether orders may go, and why; ``passes`` is what would have to be so."""

    ok: bool
    text: str
    passes: str = ""


def stance(spec: AccountSpec, at: Instant) -> Stance:
    """Say whether an account may send automated orders by what is on record at an instant."""
    programme = spec.programme
    if spec.mode is not AccountMode.LIVE:
        return Stance(True, f"a {spec.mode.value} account sends no firm an order")
    if programme is None and not spec.firm:
        return Stance(True, "the account is under no firm")
    if programme is not None and programme.automation.permitted == "no":
        return Stance(
            False,
            f"{programme.firm} does not permit automated orders ({programme.id}), and that is"
            " never overridden",
            "another account, or orders by hand",
        )
    refused = _by_permission(spec, at)
    if refused is None and programme is not None:
        refused = _by_conditions(spec)
    return refused or Stance(True, _on_record(spec))


def remarks(spec: AccountSpec, at: Instant) -> list[str]:
    """Tell what an owner should know of an account's standing though orders may go."""
    told = []
    programme, permission = spec.programme, spec.permission
    if permission is not None and 0 < permission.expires - at <= EXPIRES_SOON:
        days = -(-(permission.expires - at) // DAY)
        told.append(f"the permission ends in {days} days; ask again: {QUESTION}")
    if programme is None:
        return told
    told += [f"the firm's condition: {one}" for one in programme.automation.conditions]
    if programme.automation.permitted in ("silent", "unknown") and permission is None:
        told.append(f"ask the firm in writing: {QUESTION}")
    return told


def _by_permission(spec: AccountSpec, at: Instant) -> Stance | None:
    permission = spec.permission
    if permission is None:
        return _refused(spec, "has no permission of its firm on record")
    why = refusal(
        permission.policy,
        held=bool(permission.evidence),
        written=bool(permission.answered_by and permission.how),
        expired=at >= permission.expires,
    )
    if why is not None:
        return _refused(spec, _SAID[why].format(permission.policy))
    if at < permission.asked - _AHEAD:
        return _refused(spec, "has a permission on record of a day that has not come")
    if spec.programme is None or permission.phase in ("", spec.programme.phase):
        return None
    phase = spec.programme.phase or "no stated phase"
    return _refused(spec, f"is in {phase}, and the permission is for {permission.phase}")


def _refused(spec: AccountSpec, what: str) -> Stance:
    return Stance(
        False,
        f"live account {spec.id} {what}",
        f"a written answer in [accounts.{spec.id}.permission] to: {QUESTION}",
    )


def _by_conditions(spec: AccountSpec) -> Stance | None:
    """Hold what the owner declares against what the firm wants; nothing is masked."""
    programme = spec.programme
    assert programme is not None
    if programme.missing:
        return Stance(
            False,
            f"the programme {programme.id} lacks {', '.join(programme.missing)}: nobody found it",
            "a copy of it with the firm's answer filled in (`bascule programs copy`)",
        )
    if not spec.owner:
        return Stance(
            False,
            f"live account {spec.id} does not say whose it is",
            f"owner under [accounts.{spec.id}], the same as of every account here",
        )
    if programme.automation.vps == "prohibited" and spec.hosting != "own":
        declared = "is declared to run on a VPS" if spec.hosting else "does not say where it runs"
        return Stance(
            False,
            f"{programme.firm} bars rented servers, and account {spec.id} {declared}",
            'a machine of your own, and hosting = "own"',
        )
    if programme.automation.attended and not spec.attended:
        return Stance(
            False,
            f"{programme.firm} wants automation to be watched, and account {spec.id} is not",
            "somebody who watches it, and attended = true",
        )
    return None


def _on_record(spec: AccountSpec) -> str:
    permission = spec.permission
    assert permission is not None
    who = f" by {permission.answered_by}" if permission.answered_by else ""
    return f'the firm\'s answer "{permission.policy}"{who} is on record: {permission.evidence}'
