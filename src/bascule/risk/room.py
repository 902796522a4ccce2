"""The one way in which a loss limit lets an entry pass or refuses it."""

from bascule.model.event import Verdict
from bascule.model.ledger import Rule
from bascule.model.values import Instant
from bascule.reference.localtime import local
from bascule.risk.proposal import Proposal, cents, refuse

NEEDS = (
    "programme", "max_daily_loss", "max_daily_loss_percent", "max_drawdown",
    "max_drawdown_percent",
)  # fmt: skip
"""What one of must be set for an account to have a loss limit."""


def verdict(
    code: str, proposal: Proposal, rule: Rule, words: str, before: Rule | None = None
) -> Verdict | None:
    """Hold the room that is left of a loss limit against the share that blocks.

    Args:
        code: the check's.
        proposal: the entry.
        rule: which limit.
        words: what it is called in a sentence.
        before: the limit whose check has said already what holds for both.
    """
    loss = proposal.around.loss
    if loss is None or (not loss.unknown and loss.room(rule) is None):
        return None
    account, currency = proposal.spec.id, proposal.spec.currency
    if loss.unknown:
        if before is not None and loss.room(before) is not None:
            return None
        return refuse(
            code,
            f"{words} of account {account} is not known: {loss.unknown}",
            "the same order once prices and the account's money are known",
        )
    room = loss.room(rule)
    assert room is not None
    share = loss.blocks_at
    limit = room.allowance * share / 100
    if rule in loss.failed:
        return refuse(
            code,
            f"account {account} has crossed the firm's line of {words}",
            "nothing on this account, until a new phase is recorded",
            room.used,
            limit,
            room.used,
        )
    if rule == "daily_loss" and loss.paused:
        return refuse(
            code,
            f"account {account} is paused by {words}",
            f"an entry {_after(loss.reset)}",
            room.used,
            limit,
            room.used,
        )
    if room.used < limit:
        return Verdict(code, True, room.used, limit, room=limit - room.used)
    wider = ", halved since a price has grown old" if share < loss.block_percent else ""
    return refuse(
        code,
        f"{words} of account {account} is {cents(room.used)} of {cents(room.allowance)} "
        f"{currency}, and entries stop at {cents(limit)} ({share} %{wider}); equity is "
        f"{cents(loss.equity)}, the floor {cents(room.floor)}, {cents(room.room)} are left",
        f"an entry once less than {cents(limit)} is used, or {_after(loss.reset)}",
        room.used,
        limit,
        room.used,
    )


def _after(reset: Instant | None) -> str:
    """Say when the firm's day begins anew."""
    if reset is None:
        return "once the loss is smaller"
    return f"after the reset at {local(reset, 'UTC'):%Y-%m-%d %H:%M} UTC"
