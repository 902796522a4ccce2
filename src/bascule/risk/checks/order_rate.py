"""How many entries an account may send in a second, a minute, an hour and a day."""

from decimal import Decimal

from bascule.model.event import Verdict
from bascule.model.values import DAY, HOUR, MINUTE, SECOND
from bascule.risk.proposal import Check, Proposal

CODE = "order_rate"


def run(proposal: Proposal) -> Verdict:
    """Refuse an entry that would pass one of the account's four rates.

    ``used`` and ``limit`` count entries sent before this one: within the span that refuses, or
    within the minute when none does.
    """
    limits = proposal.limits
    rates, at = proposal.rates, proposal.at
    used = rates.within(at, SECOND)
    if used >= limits.orders_per_second:
        return _refuse(proposal, used, limits.orders_per_second, "second")
    minute = rates.within(at, MINUTE)
    if minute >= limits.orders_per_minute:
        return _refuse(proposal, minute, limits.orders_per_minute, "minute")
    # The hour and the day hold at least as many as the minute: most accounts never get near.
    if len(rates.times) >= limits.orders_per_hour or len(rates.times) >= limits.orders_per_day:
        hour = rates.within(at, HOUR)
        if hour >= limits.orders_per_hour:
            return _refuse(proposal, hour, limits.orders_per_hour, "hour")
        day = rates.within(at, DAY)
        if day >= limits.orders_per_day:
            return _refuse(proposal, day, limits.orders_per_day, "day")
    return Verdict(CODE, True, Decimal(minute), Decimal(limits.orders_per_minute))


def _refuse(proposal: Proposal, used: int, limit: int, span: str) -> Verdict:
    return Verdict(
        CODE,
        False,
        Decimal(used),
        Decimal(limit),
        f"account {proposal.spec.id} has sent {used} entries within the last {span}, "
        f"the limit is {limit}",
        f"the same order when fewer than {limit} were sent within a {span}",
    )


CHECK = Check(CODE, 900, "entry", run)
