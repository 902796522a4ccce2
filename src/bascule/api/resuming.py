"""Trying a venue again that waits for a person: a Logon that was refused, numbers that differ."""

import asyncio
from typing import TYPE_CHECKING

import structlog
from msgspec import Struct

from bascule.api.actions import Done, said
from bascule.model.errors import UsageError
from bascule.model.ids import VenueId

if TYPE_CHECKING:
    from bascule.engine.runtime import Runtime

PATIENCE_S = 10.0
"""How long is waited for what comes of it, before it is said that nothing has come yet."""
_POLL_S = 0.1

log = structlog.get_logger("bascule.api")


class ResumeRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Have a venue tried again; ``reason`` says what was settled."""

    by: str
    reason: str


async def resume(runtime: "Runtime", name: str, asked: ResumeRequest) -> Done:
    """Try again what waits for a person at a venue, and say what came of it.

    Raises:
        UsageError: there is no such venue, or nothing of it waits.
    """
    said(asked.by, asked.reason)
    venue = VenueId(name)
    if venue not in runtime.links:
        raise UsageError(
            f"There is no venue {name!r}. Nothing was done.",
            code="unknown_venue",
            hint=f"Known here: {', '.join(runtime.links)}.",
        )
    if not runtime.halted(venue):
        raise UsageError(
            f"Nothing of {name} waits for a person. Nothing was done.",
            code="not_halted",
            hint="While its link is down Bascule goes on trying by itself; `bascule status` tells.",
        )
    log.warning("venue_resumed", venue=name, by=asked.by, reason=asked.reason)
    runtime.resume(venue)
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    while not (_up(runtime, venue) or runtime.halted(venue)):
        if asyncio.get_running_loop().time() > deadline:
            return Done("trying", f"{name} is being tried again; no answer yet", "bascule status")
        await asyncio.sleep(_POLL_S)
    waits = [f"{code}: {text}" for code, text in runtime.halted(venue).values()]
    if waits:
        return Done("halted", f"{name} was tried and waits again: {'; '.join(waits)}")
    return Done("resumed", f"{name} is connected", "bascule status")


def _up(runtime: "Runtime", venue: VenueId) -> bool:
    """Whether every account of a venue has its link."""
    states = [runtime.state.accounts.get(s.id) for s in runtime.setup.accounts if s.venue == venue]
    return all(state is not None and state.link_up for state in states)
