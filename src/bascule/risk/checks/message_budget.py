"""How many messages may be sent in 24 hours, with a reserve that entries leave alone."""

from decimal import Decimal

from bascule.model.event import Verdict
from bascule.risk.proposal import Check, Proposal, refuse

CODE = "message_budget"


def run(proposal: Proposal) -> Verdict | None:
    """Refuse an entry once a budget of messages is used up to its reserve.

    Orders, cancels and changes count, also those that never left; the account's, the strategy's
    and the venue's each over their own budget. The reserve is kept for exits and protection,
    which are never refused for it. ``used`` and ``limit`` count messages, this one among them.
    """
    last = None
    for one in proposal.around.messages:
        limit, used = max(one.limit - one.reserve, 0), one.used + 1
        if used > limit:
            return refuse(
                CODE,
                f"{one.scope} has sent {one.used} messages within 24 hours; entries may use "
                f"{limit} of {one.limit}, {one.reserve} are kept for exits and protection",
                "the same order once older messages are more than 24 hours ago"
                if limit
                else "one under a smaller message_reserve, or a larger messages_per_day",
                used,
                limit,
                one.used,
            )
        last = Verdict(CODE, True, Decimal(used), Decimal(limit))
    return last


CHECK = Check(CODE, 920, "entry", run)
