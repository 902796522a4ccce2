"""What an account is held to by its firm: programme, permission and buffers.

A programme only ever adds checks to the user's own limits: it can tighten one, and loosen none.
"""

from collections.abc import Iterator, Mapping
from datetime import date, time, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, get_args

import msgspec

from bascule.config.firm import BufferSettings, PermissionSettings
from bascule.config.problems import ConfigProblems, KeyPath, Problem
from bascule.config.programme_rules import Phase
from bascule.config.programmes import Reading, checked, find
from bascule.config.settings import AccountSettings
from bascule.model.errors import ConfigError
from bascule.model.programme import Guard, Permission, Programme
from bascule.model.values import MINUTE
from bascule.reference.localtime import instant


def programme_of(account: AccountSettings, beside: Path) -> Programme | None:
    """Give the rules that an account is under, with its own buffers; None without a programme.

    Args:
        account: its settings.
        beside: the directory against which the path of a programme's file is read.
    """
    if not account.programme:
        return None
    reading = reading_of(account, beside)
    buffers = account.buffers
    flat = reading.programme.flat
    if flat is not None:
        flat = msgspec.structs.replace(flat, buffer_min=buffers.session_cutoff // MINUTE)
    return msgspec.structs.replace(reading.programme, guard=guard_of(buffers), flat=flat)


def reading_of(account: AccountSettings, beside: Path) -> Reading:
    """Read the programme that an account names, for its phase and its initial balance."""
    return checked(find(account.programme, beside), account.phase, account.initial_balance)


def guard_of(buffers: BufferSettings) -> Guard:
    """Give the buffers as the ledger and the checks read them."""
    return Guard(
        block_at=buffers.block_at,
        flatten_at=buffers.flatten_at,
        reset_buffer_pct=buffers.reset,
        pretrade_buffer_pct=buffers.pretrade,
        size_below=buffers.size_below,
        size_below_pct=buffers.size_below_pct,
        slippage_factor=buffers.slippage_factor,
        request_reserve=buffers.request_reserve,
        flat_before_news=buffers.before_news == "flat",
        refuse_past_useful=buffers.past_useful_profit == "refuse",
    )


def permission_of(settings: PermissionSettings | None) -> Permission | None:
    """Give a firm's answer with its days as instants; it holds through the whole of its last."""
    if settings is None:
        return None
    asked = date.fromisoformat(settings.asked_on)
    return Permission(
        policy=settings.policy,
        asked=instant(asked, time(), "UTC"),
        expires=instant(settings.last_day + timedelta(days=1), time(), "UTC"),
        evidence=settings.evidence,
        answered_by=settings.answered_by,
        how=settings.how,
        phase=settings.phase,
        disclosed_on=settings.disclosed_on,
    )


def programme_problems(table: Mapping[str, Any], beside: Path) -> Iterator[Problem]:
    """Find what is wrong with the programmes that accounts name, and with what they need.

    Works on the plain tables, so that all problems of a file come at once.
    """
    accounts = table.get("accounts")
    for name, account in accounts.items() if isinstance(accounts, Mapping) else ():
        named = account.get("programme") if isinstance(account, Mapping) else None
        if not isinstance(named, str) or not named:
            continue
        key: KeyPath = ("accounts", name, "programme")
        balance = _number(account.get("initial_balance"))
        if balance is None:
            yield Problem(
                code="missing_key",
                key=("accounts", name, "initial_balance"),
                what="is missing, and the losses of a programme are measured from it",
                allowed="the balance that the account began this phase with",
            )
        phase: Any = account.get("phase", "")
        try:
            reading = checked(find(named, beside), phase if phase in get_args(Phase) else "",
                              balance)  # fmt: skip
        except ConfigProblems as error:
            yield from (msgspec.structs.replace(one, key=one.key or key) for one in error.problems)
            continue
        except ConfigError as error:
            yield Problem(code=error.code, key=key, what=error.message, allowed=error.hint)
            continue
        yield from _firm(name, account, reading)


def _firm(name: str, account: Mapping[str, Any], reading: Reading) -> Iterator[Problem]:
    firm = account.get("firm")
    if firm and reading.programme.firm and firm != reading.programme.firm:
        yield Problem(
            code="firm_mismatch",
            key=("accounts", name, "firm"),
            what=f'"{firm}" is another firm than that of the programme',
            allowed=f'"{reading.programme.firm}", or leave it out',
        )
    cap = reading.programme.conduct.max_requests_per_day
    buffers = account.get("buffers")
    kept = buffers.get("request_reserve") if isinstance(buffers, Mapping) else None
    reserve = kept if isinstance(kept, int) else BufferSettings().request_reserve
    if cap is not None and reserve >= cap:
        yield Problem(
            code="bad_value",
            key=("accounts", name, "buffers", "request_reserve"),
            what=f"{reserve} requests are kept of the {cap} that the firm permits a day, so no"
            " entry could ever leave",
            allowed=f"a number below {cap}",
        )


def _number(value: object) -> Decimal | None:
    try:
        return Decimal(value) if isinstance(value, int | str | Decimal) else None
    except InvalidOperation:
        return None
