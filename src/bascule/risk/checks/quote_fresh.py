"""How old the last quote of the contract may be when an entry is sent."""

from decimal import Decimal

from bascule.model.event import Verdict
from bascule.model.values import MILLISECOND
from bascule.risk.proposal import Check, Proposal, refuse

CODE = "stale_quote"


def run(proposal: Proposal) -> Verdict | None:
    """Refuse an entry while the account's last quote of the contract is too old, or there is none.

    ``used`` and ``limit`` are milliseconds: the quote's age, and the oldest that is allowed.
    """
    limit = proposal.limits.max_quote_age_ns
    if limit is None:
        return None
    symbol, allowed = proposal.listing.symbol, limit // MILLISECOND
    quote = proposal.around.quote
    if quote is None:
        return refuse(
            CODE,
            f"no quote of {symbol} has come on account {proposal.spec.id}",
            f"the same order within {allowed} ms of a quote",
            limit=allowed,
        )
    age = proposal.at - quote.at
    if age <= limit:
        return Verdict(CODE, True, Decimal(age // MILLISECOND), Decimal(allowed))
    return refuse(
        CODE,
        f"the last quote of {symbol} on account {proposal.spec.id} is {age // MILLISECOND} ms old, "
        f"the limit is {allowed} ms",
        f"the same order within {allowed} ms of a quote",
        age // MILLISECOND,
        allowed,
    )


CHECK = Check(CODE, 845, "entry", run, needs=("max_quote_age_ns",))
