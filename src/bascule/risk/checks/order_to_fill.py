"""How many messages an account may send for each fill within 24 hours."""

from decimal import Decimal

from bascule.model.event import Verdict
from bascule.risk.proposal import Check, Proposal, refuse

CODE = "order_to_fill"
_PASS = Verdict(CODE, True)
SAMPLE = 20
"""Messages below which a ratio says nothing: an account's first order has no fill yet."""


def run(proposal: Proposal) -> Verdict | None:
    """Refuse an entry while the account sends more messages for each fill than it may.

    From 20 messages in 24 hours on; no fill counts as one. Above ``order_to_fill_warn`` the order
    passes, and the verdict says so. ``used`` and ``limit`` are messages a fill.
    """
    warn, limit = proposal.limits.order_to_fill_warn, proposal.limits.order_to_fill_max
    if warn is None and limit is None:
        return None
    messages, fills = proposal.around.sent_per_fill
    if messages < SAMPLE:
        return _PASS
    ratio = Decimal(messages) / max(fills, 1)
    said = f"account {proposal.spec.id} has sent {messages} messages for {fills} fills in 24 hours"
    if limit is not None and ratio > limit:
        return refuse(
            CODE,
            f"{said}, {ratio:.1f} a fill; the limit is {limit}",
            f"the same order after {-(-messages // limit) - fills} more fills, or later",
            round(ratio, 1),
            limit,
        )
    if warn is not None and ratio > warn:
        return Verdict(CODE, True, round(ratio, 1), Decimal(warn), f"{said}, {ratio:.1f} a fill")
    return Verdict(CODE, True, round(ratio, 1), Decimal(limit if limit is not None else warn or 0))


CHECK = Check(CODE, 960, "entry", run, needs=("order_to_fill_warn", "order_to_fill_max"))
