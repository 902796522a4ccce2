"""What the first look at each account found after a start: told once an account, in words."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import apsw

from bascule.api.reconciling import doubtful, said
from bascule.api.views import foreign_orders, foreign_words
from bascule.cli.common import FOREIGN_ADVICE
from bascule.journal.follower import Follower
from bascule.model.event import DriftFound, Event, ForeignOrderSeen, ReconcilePassed
from bascule.model.ids import AccountId

if TYPE_CHECKING:
    from bascule.engine.runtime import Runtime

PAUSE_S = 0.5
PATIENCE_S = 10.0
"""How long an account may be unknown before that is told."""
PAGE = 1_000
SHOWN_MAX = 20


async def tell_first_looks(runtime: "Runtime", say: Callable[[str], None]) -> None:
    """Tell of each account what its first look found, as soon as that is durable.

    It returns when all were told of.

    Raises:
        JournalError: the journal cannot be read.
    """
    reached = runtime.restart.head
    found: dict[AccountId, list[str]] = {spec.id: [] for spec in runtime.setup.accounts}
    tries = 0
    while found:
        events = await asyncio.to_thread(_read, runtime, reached)
        for seq, event in events:
            reached = seq
            name = getattr(event, "account", None)
            if name not in found:
                continue
            if isinstance(event, ReconcilePassed | DriftFound):
                for line in _lines(runtime, event, found.pop(name)):
                    say(line)
            elif not isinstance(event, ForeignOrderSeen) and (words := said(event)):
                found[name].append(words)
        if len(events) == PAGE:
            continue
        tries += 1
        if tries == PATIENCE_S / PAUSE_S:
            for name in found:
                say(f"{name}: not looked at yet, so no entry leaves: {_why(runtime, name)}")
        if found:
            await asyncio.sleep(PAUSE_S)


def _read(runtime: "Runtime", after_seq: int) -> list[tuple[int, Event]]:
    try:
        with Follower(runtime.setup.data_dir / "journal.db") as follower:
            return follower.poll(after_seq, PAGE)
    except apsw.Error:  # it is busy at this moment, and is asked again
        return []


def _lines(
    runtime: "Runtime", verdict: ReconcilePassed | DriftFound, found: list[str]
) -> list[str]:
    name = verdict.account
    if isinstance(verdict, DriftFound):
        lines = [
            f"{name} DIFFERS from its venue, so no entry leaves: {verdict.text}",
            "  compare the venue's own screen with `bascule positions`; if the venue is right:"
            f" `bascule reconcile {name} --adopt --reason ...`",
        ]
    else:
        news = "" if found else "; nothing had happened there meanwhile"
        lines = [
            f"{name} agrees with its venue (working orders: {verdict.orders}, positions:"
            f" {verdict.positions}){news}"
        ]
    lines += [f"  found: {one}" for one in found[:SHOWN_MAX]]
    if len(found) > SHOWN_MAX:
        lines.append(f"  and {len(found) - SHOWN_MAX} more; `bascule journal show` has all")
    lines += [f"  {one}; `bascule resolve` settles it" for one in doubtful(runtime, name)]
    foreign = foreign_orders(runtime.state.accounts[name])
    lines += [f"  not sent by Bascule: {foreign_words(one)}" for one in foreign[:SHOWN_MAX]]
    return lines + ([f"  {FOREIGN_ADVICE}"] if foreign else [])


def _why(runtime: "Runtime", name: AccountId) -> str:
    for code, text in runtime.halted(runtime.settings.accounts[name].venue).values():
        return f"{text} ({code})"
    if not runtime.state.accounts[name].link_up:
        return "its link is down; Bascule goes on trying"
    return "its venue has not shown the same twice, or not all; `bascule status` follows it"
