"""The margin of an account at its worst, by its venue's word and by a percentage of notional."""

from decimal import Decimal

from bascule.model.event import Verdict
from bascule.risk.proposal import (
    Check,
    Proposal,
    by_others,
    cents,
    fitting,
    refuse,
    untold,
    unvalued,
)

CODE = "margin_limit"


def run(proposal: Proposal) -> Verdict | None:
    """Refuse an entry with which the account could use more margin than it may.

    Used is the higher of two: what the venue last said is used, plus ``margin_percent`` of all open
    entries and of this order; and ``margin_percent`` of the account's worst notional, since fills
    may be younger than the venue's word. ``used`` and ``limit`` are in account currency.
    """
    limits = proposal.limits
    limit = limits.max_margin
    if limit is None:
        return None
    around = proposal.around
    money, unit, others, waiting = (
        around.money, around.unit_value, around.others_value, around.waiting_value
    )  # fmt: skip
    if money is None:
        return untold(CODE, proposal, limit, "the margin used")
    if unit is None or others is None or waiting is None:
        return unvalued(CODE, proposal, limit, "what is held or on its way")
    share = (limits.margin_percent or Decimal(100)) / 100
    told = money.margin_used + waiting * share
    used = max(told + proposal.quantity * unit * share, (others + proposal.worst * unit) * share)
    if used <= limit:
        return Verdict(CODE, True, used, limit)
    before = max(told, (others + proposal.held * unit) * share)
    return refuse(
        CODE,
        f"account {proposal.spec.id} could come to use {cents(used)} {proposal.spec.currency} of "
        f"margin ({cents(money.margin_used)} by its venue's last word"
        f"{by_others(proposal.foreign_orders)}), the limit is "
        f"{cents(limit)}",
        fitting(proposal, limit - before, unit * share),
        used,
        limit,
        before,
    )


CHECK = Check(CODE, 870, "entry", run, needs=("max_margin",))
