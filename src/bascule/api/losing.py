"""How an account stands to its loss limits, and a person's word on cash and phases."""

from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from bascule.api.actions import Done, said
from bascule.api.limiting import second_factor_passes
from bascule.execution.loss import loss_of
from bascule.execution.state import AccountState
from bascule.execution.turn import Turn
from bascule.model.account import AccountSpec
from bascule.model.errors import UsageError
from bascule.model.ids import AccountId
from bascule.model.ledger import Rule
from bascule.model.values import ONE, Instant, text
from bascule.risk.loss import Loss
from bascule.risk.programmes.ledger import (
    Broke,
    Flowed,
    next_reset,
    rooms,
    step,
    today,
    tomorrow,
)
from bascule.signals.freshness import iso

if TYPE_CHECKING:
    # Commands read these structs too, and they start without an engine.
    from bascule.config.second_factor import SecondFactor
    from bascule.engine.runtime import Runtime

Flow = Literal["deposit", "withdrawal", "payout", "fee", "refund"]
_CENT = Decimal("0.01")
_HUNDRED = Decimal(100)


class LossView(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One account's loss limits, in its currency: the firm's, tightened by the owner's own.

    ``rooms_percent`` are of the allowance. ``nearest`` names the rule with the smaller share of
    room. ``level`` is ``open``, ``blocked`` (no entry passes), ``flattened`` (closed and locked),
    ``paused`` or ``failed`` by the firm, or ``unknown`` with the reason in ``unknown``.
    ``tomorrow`` is the floor that the next reset would set now.
    """

    programme: str
    level: str
    phase: str = ""
    equity: Decimal | None = None
    reference: Decimal | None = None
    daily_floor: Decimal | None = None
    daily_room: Decimal | None = None
    daily_room_percent: Decimal | None = None
    max_floor: Decimal | None = None
    max_room: Decimal | None = None
    max_room_percent: Decimal | None = None
    nearest: str = ""
    next_reset: Instant | None = None
    tomorrow: Decimal | None = None
    unknown: str = ""
    trading_days: int = 0
    day_profit: Decimal | None = None


class CashFlowRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Record cash that the venue's balance already shows; out is negative.

    ``typed`` is the account's name, as the person typed it; ``code`` the second factor's. With
    ``preview`` nothing is recorded, and what would be left is told.
    """

    account: str
    flow: Flow
    amount: Decimal
    by: str
    reason: str
    typed: str = ""
    code: str = ""
    preview: bool = False


class PhaseRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Record that the firm began a new phase: the account's ledger begins anew."""

    account: str
    phase: str
    by: str
    reason: str
    typed: str = ""
    code: str = ""


class ScaleRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Record a step of the firm's scaling plan: sizes are multiplied by ``factor``.

    None takes the plan's own next step. ``typed`` is the account's name.
    """

    account: str
    by: str
    reason: str
    factor: Decimal | None = None
    typed: str = ""
    code: str = ""


def loss_view(runtime: "Runtime", known: AccountState, spec: AccountSpec) -> LossView | None:
    """Show an account's loss limits; None where it has none."""
    now = runtime.clock.now()
    turn = Turn(runtime.state, runtime.settings, runtime.market, now)
    loss = loss_of(turn, known, spec)
    watch = runtime.market.watches.get(known.id)
    if loss is None or watch is None:
        return None
    ledger, rules = watch.ledger, watch.rules
    if ledger is None or not loss.rooms:
        return LossView(
            programme=rules.id, phase=rules.phase, level="unknown", unknown=loss.unknown
        )
    day, whole = loss.room("daily_loss"), loss.room("max_loss")
    shares = {
        room.rule: room.room * _HUNDRED / room.allowance for room in loss.rooms if room.allowance
    }
    result = known.results.get(ledger.day)
    ahead = tomorrow(rules, ledger)
    return LossView(
        programme=rules.id,
        phase=rules.phase,
        level=_level(loss, ledger.guards),
        equity=_cents(loss.equity),
        reference=_cents(today(rules, ledger).reference) if day is not None else None,
        daily_floor=_cents(day.floor) if day is not None else None,
        daily_room=_cents(day.room) if day is not None else None,
        daily_room_percent=_share(shares, "daily_loss"),
        max_floor=_cents(whole.floor) if whole is not None else None,
        max_room=_cents(whole.room) if whole is not None else None,
        max_room_percent=_share(shares, "max_loss"),
        nearest=min(shares, key=lambda rule: shares[rule], default=""),
        next_reset=next_reset(rules, now),
        tomorrow=_cents(ahead) if ahead is not None else None,
        unknown=loss.unknown,
        trading_days=sum(1 for one in known.results.values() if one.traded),
        day_profit=_cents(result.profit) if result is not None else None,
    )


def _level(loss: Loss, guards: tuple[str, ...]) -> str:
    if loss.failed:
        return "failed"
    if loss.paused:
        return "paused"
    if loss.unknown:
        return "unknown"
    if "flatten" in guards:
        return "flattened"
    over = any(room.used >= room.allowance * loss.blocks_at / _HUNDRED for room in loss.rooms)
    return "blocked" if over else "open"


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT)


def _share(shares: dict[Rule, Decimal], rule: Rule) -> Decimal | None:
    found = shares.get(rule)
    return None if found is None else _cents(found)


async def record_cash(
    runtime: "Runtime", asked: CashFlowRequest, factor: "SecondFactor | None"
) -> Done:
    """Record cash that came in or went out.

    Raises:
        UsageError: the account is not known or was not typed, the amount has the wrong sign, or
            the second factor's code is missing or wrong.
    """
    said(asked.by, asked.reason)
    account = _known(runtime, asked.account, asked.account if asked.preview else asked.typed)
    leaves = asked.flow in ("withdrawal", "payout", "fee")
    if not asked.amount.is_finite() or not asked.amount or (asked.amount < 0) is not leaves:
        sign = "below" if leaves else "above"
        raise UsageError(
            f"The amount of a {asked.flow} is {sign} zero. Nothing was recorded.",
            code="bad_request",
            hint="Cash out is negative, as the balance sees it.",
        )
    if asked.preview:
        return Done("preview", _left_after(runtime, account, asked))
    await second_factor_passes(factor, asked.code, runtime.clock.now())
    await runtime.record_cash(account, asked.flow, asked.amount, by=asked.by, note=asked.reason)
    return Done("recorded", f"{asked.flow} of {text(asked.amount)} on {account}", "bascule status")


async def record_phase(
    runtime: "Runtime", asked: PhaseRequest, factor: "SecondFactor | None"
) -> Done:
    """Record a new phase.

    Raises:
        UsageError: the account is not known or was not typed, the phase has no name, or the
            second factor's code is missing or wrong.
    """
    said(asked.by, asked.reason)
    account = _known(runtime, asked.account, asked.typed)
    if not asked.phase.strip():
        raise UsageError("A phase has a name. Nothing was recorded.", code="bad_request")
    await second_factor_passes(factor, asked.code, runtime.clock.now())
    await runtime.record_phase(account, asked.phase, by=asked.by, note=asked.reason)
    return Done("recorded", f"{asked.phase} of {account} begins now", "bascule status")


async def record_scale(
    runtime: "Runtime", asked: ScaleRequest, factor: "SecondFactor | None"
) -> Done:
    """Record a step of the firm's scaling plan; a larger one holds from the next reset on.

    Raises:
        UsageError: the account is not known or was not typed, its programme has no such plan, or
            the factor is beyond it; or the second factor's code is missing or wrong.
    """
    said(asked.by, asked.reason)
    account = _known(runtime, asked.account, asked.typed)
    programme = runtime.settings.accounts[account].programme
    plan = programme.scaling if programme is not None else None
    if plan is None:
        raise UsageError(
            f"The programme of {account} has no scaling plan. Nothing was recorded.",
            code="no_scaling_plan",
            hint="`scaling = { multiplier = 1.25, cap = 4 }` in the programme's own file.",
        )
    now = runtime.clock.now()
    scale = runtime.state.accounts[account].scale
    before = scale.at(now) if scale is not None else ONE
    most = before * plan.multiplier if plan.cap is None else min(before * plan.multiplier, plan.cap)
    wanted = most if asked.factor is None else asked.factor
    if not wanted.is_finite() or not 0 < wanted <= max(most, before):
        raise UsageError(
            f"{account} sizes times {text(before)}, and its plan's next step is {text(most)}. "
            "Nothing was recorded.",
            code="bad_request",
            hint=f"A factor above zero, and {text(most)} or less.",
        )
    await second_factor_passes(factor, asked.code, now)
    since = await runtime.record_scale(account, wanted, by=asked.by, note=asked.reason)
    words = f"{account} sizes times {text(wanted)} from {iso(since)} on"
    return Done("recorded", words, "bascule status")


def _known(runtime: "Runtime", name: str, typed: str) -> AccountId:
    if AccountId(name) not in runtime.settings.accounts:
        there = ", ".join(runtime.settings.accounts)
        raise UsageError(
            f"There is no account {name!r}. Nothing was recorded.",
            code="unknown_scope",
            hint=f"Known here: {there}.",
        )
    if typed != name:
        raise UsageError(f"Type {name!r} to confirm. Nothing was recorded.", code="not_confirmed")
    return AccountId(name)


def _left_after(runtime: "Runtime", account: AccountId, asked: CashFlowRequest) -> str:
    """Say which rooms cash would leave that the balance does not show yet."""
    watch = runtime.market.watches.get(account)
    if watch is None or watch.ledger is None:
        return f"{account} has no limit on its loss, or its money is not known yet"
    ledger = watch.ledger
    flowed = Flowed(
        at=runtime.clock.now(),
        kind=asked.flow,
        amount=asked.amount,
        balance=ledger.balance + asked.amount,
        equity=ledger.equity + asked.amount,
    )
    after, happened = step(watch.rules, ledger, flowed)
    left = "; ".join(
        f"{room.rule}: {_cents(room.room)} above the floor at {_cents(room.floor)}"
        for room in rooms(watch.rules, after, watch.levels.caps)
    )
    breaks = any(isinstance(one, Broke) for one in happened)
    return f"{'It would cross a line. ' if breaks else ''}After it, {left}"
