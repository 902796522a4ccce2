"""A limit in money needs the rate to the account's currency. A missing rate is never taken as 1."""

from bascule.model.event import Verdict
from bascule.risk.proposal import Check, Proposal, refuse

CODE = "missing_fx_rate"
_PASS = Verdict(CODE, True)


def run(proposal: Proposal) -> Verdict | None:
    """Refuse an entry that a limit in money applies to while the rate is missing or stale.

    A rate comes from quotes of at most five minutes: the pair itself, its inverse, or one cross.
    Limits over all accounts need the rate to the portfolio's currency as well.
    """
    limits, together = proposal.limits, proposal.around.portfolio
    own = (
        limits.max_order_value is not None
        or limits.max_notional is not None
        or limits.max_margin is not None
        or limits.max_order_loss is not None
        or limits.max_order_loss_percent is not None
        or limits.short_interval_value is not None
    )
    common = together.max_notional is not None or together.max_margin is not None
    if own and proposal.around.rate is None:
        return _refuse(proposal, f"account {proposal.spec.id}'s currency, {proposal.spec.currency}")
    if common and proposal.around.portfolio_rate is None:
        return _refuse(proposal, "the portfolio's currency")
    return _PASS if own or common else None


def _refuse(proposal: Proposal, target: str) -> Verdict:
    quote = proposal.listing.quote
    return refuse(
        CODE,
        f"there is no fresh rate from {quote} to {target}, so {proposal.listing.symbol} cannot be "
        "held to limits in money",
        f"the same order once a quote of {quote} against it has come",
    )


CHECK = Check(
    CODE,
    840,
    "entry",
    run,
    needs=(
        "max_order_value",
        "max_notional",
        "max_margin",
        "max_order_loss",
        "max_order_loss_percent",
        "short_interval_value",
        "all.max_notional",
        "all.max_margin",
    ),
)
