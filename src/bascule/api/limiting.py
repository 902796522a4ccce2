"""Limits over HTTP: what is in force, what is proposed, and a person's word on it."""

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from bascule.api.actions import Done, said
from bascule.api.scopes import check_scope
from bascule.execution.limits import Pending, pending
from bascule.model.account import RiskLimits
from bascule.model.errors import UsageError
from bascule.model.event import LimitsChanged
from bascule.model.ids import StrategyId
from bascule.model.values import SECOND, Instant
from bascule.risk.limits import LOOSEST, Difference, differences

if TYPE_CHECKING:
    from bascule.config.second_factor import SecondFactor
    from bascule.engine.runtime import Runtime


class AcceptRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Accept what the configuration proposes; ``code`` is the second factor's, where one is set."""

    by: str
    reason: str
    code: str = ""


class ApproveRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """End the probation of a strategy; ``code`` is the second factor's, where one is set up."""

    strategy: str
    by: str
    reason: str
    code: str = ""


class ScopeView(Struct, frozen=True, omit_defaults=True):
    """The limits of one scope. ``limits`` are those in force, in words, that are not the default.

    ``changes`` are what the configuration proposes and is not in force; ``effective_at`` is when
    it will be, 0 while it waits for a person.
    """

    scope: str
    limits: dict[str, str]
    changes: tuple[Difference, ...] = ()
    effective_at: Instant = Instant(0)


class LimitsView(Struct, frozen=True):
    """Every scope that has limits."""

    scopes: list[ScopeView]


def limits_view(runtime: "Runtime") -> LimitsView:
    """Show the limits in force and what is proposed."""
    now = runtime.clock.now()
    waiting = {one.scope: one for one in pending(runtime.state, runtime.settings, now)}
    return LimitsView(
        [
            _scope(name, known.at(now), waiting.get(name))
            for name, known in runtime.state.limits.items()
        ]
    )


def _scope(name: str, limits: RiskLimits, waiting: Pending | None) -> ScopeView:
    plain = RiskLimits() if name.startswith("account:") else LOOSEST
    shown = {one.name: one.after for one in differences(plain, limits)}
    if waiting is None:
        return ScopeView(name, shown)
    return ScopeView(name, shown, tuple(waiting.changes), waiting.since or Instant(0))


async def accept(runtime: "Runtime", asked: AcceptRequest, factor: "SecondFactor | None") -> Done:
    """Take the looser limits that wait.

    Raises:
        UsageError: none waits, or the second factor's code is missing or wrong.
        SecretError: the second factor cannot be judged; nothing was changed.
    """
    said(asked.by, asked.reason)
    now = runtime.clock.now()
    if not any(one.changes and one.since is None for one in pending_of(runtime)):
        raise UsageError(
            "No looser limit waits to be accepted. Nothing was changed.",
            code="nothing_to_accept",
            hint="`bascule limits diff` shows what the configuration proposes; the engine reads"
            " the file at its start.",
        )
    await second_factor_passes(factor, asked.code, now)
    changed = await runtime.accept_limits(by=asked.by, why=asked.reason)
    return Done("accepted", "; ".join(map(change_words, changed)), "bascule limits show")


def pending_of(runtime: "Runtime") -> list[Pending]:
    """Give what the configuration proposes and is not in force."""
    return pending(runtime.state, runtime.settings, runtime.clock.now())


async def approve(runtime: "Runtime", asked: ApproveRequest, factor: "SecondFactor | None") -> Done:
    """End the probation of a strategy.

    Raises:
        UsageError: there is no such strategy, or the second factor's code is not right.
        SecretError: the second factor cannot be judged; nothing was changed.
    """
    said(asked.by, asked.reason)
    if not asked.strategy.strip():
        raise UsageError(
            "A strategy has a name. Nothing was done.",
            code="bad_request",
            hint="`bascule signals` shows the names that signals bear.",
        )
    check_scope(runtime, f"strategy:{asked.strategy}")
    await second_factor_passes(factor, asked.code, runtime.clock.now())
    await runtime.approve(StrategyId(asked.strategy), by=asked.by, reason=asked.reason)
    return Done("approved", f"{asked.strategy} is on probation no more")


async def second_factor_passes(factor: "SecondFactor | None", code: str, now: Instant) -> None:
    """Hold a person to their second factor, where one is set up.

    Raises:
        UsageError: the code is missing or wrong.
    """
    barred = await asyncio.to_thread(factor.refusal, code, now) if factor is not None else None
    if barred is not None:
        raise UsageError(f"Nothing was changed: {barred.text}.", code=barred.code)


def change_words(event: LimitsChanged) -> str:
    """Say one change of limits, with the day from which it holds where that is later."""
    before = event.before if event.before is not None else RiskLimits()
    parts = [f"{one.name} {one.before} -> {one.after}" for one in differences(before, event.after)]
    when = f" from {_moment(event.effective_at)}" if event.effective_at > event.at else ""
    return f"{event.scope}: {', '.join(parts)}{when}"


def pending_lines(waiting: list[Pending]) -> list[str]:
    """Say what the configuration proposes and is not in force, a line a scope."""
    lines = []
    for one in waiting:
        if one.since is not None:
            ways = [(f"in force from {_moment(one.since)}", one.changes)]
        else:
            tighter = [each for each in one.changes if not each.looser]
            looser = [each for each in one.changes if each.looser]
            ways = [
                ("tighter, so in force with the next start", tighter),
                ("looser, so not in force: `bascule limits accept`", looser),
            ]
        for when, changes in ways:
            if changes:
                parts = [f"{each.name} {each.before} -> {each.after}" for each in changes]
                lines.append(f"{one.scope}: {', '.join(parts)} ({when})")
    return lines


def _moment(at: Instant) -> str:
    return f"{datetime.fromtimestamp(at // SECOND, UTC):%Y-%m-%d %H:%M} UTC"
