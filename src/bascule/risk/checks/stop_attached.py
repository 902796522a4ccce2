"""The account's firm wants a stop with each entry, and limits what it may lose."""

from bascule.model.event import Verdict
from bascule.model.values import text
from bascule.risk.proposal import Check, Proposal, cents, fitting, refuse

CODE = "stop_attached"
_PASS = Verdict(CODE, True)


def run(proposal: Proposal) -> Verdict | None:
    """Refuse an entry without its stop, or whose stop risks more than the firm permits.

    The stop goes with the entry, so that no hour for setting it ever runs. ``used`` and ``limit``
    are the loss at the stop (of a split entry as a whole) and the firm's share of the initial
    balance, in account currency.
    """
    programme = proposal.spec.programme
    rule = programme.stop_loss if programme is not None else None
    if programme is None or rule is None:
        return None
    if rule.required and not proposal.has_stop_loss:
        return refuse(
            CODE,
            f"{programme.firm} wants a stop loss with every entry, and this has none",
            "the same order with a stop loss",
        )
    if rule.max_risk_pct is None:
        return _PASS
    distance, rate = proposal.around.loss_per_unit, proposal.around.rate
    initial = proposal.spec.initial_balance
    if distance is None or rate is None or initial is None:
        return refuse(
            CODE,
            f"{programme.firm} limits what an order may lose at its stop, and that cannot be "
            "measured: there is no stop, or no price to measure from",
            "the same order with a stop loss, once a price is known",
        )
    limit = initial * rule.max_risk_pct / 100
    unit = distance * proposal.listing.multiplier * rate * programme.guard.slippage_factor
    loss = unit * proposal.whole
    if loss <= limit:
        return Verdict(CODE, True, loss, limit)
    return refuse(
        CODE,
        f"it would lose {cents(loss)} {proposal.spec.currency} at its stop, and {programme.firm} "
        f"permits {text(rule.max_risk_pct)} % of {text(initial)}, {cents(limit)}",
        f"{fitting(proposal, limit, unit)}, or a nearer stop",
        loss,
        limit,
    )


CHECK = Check(CODE, 510, "entry", run, needs=("programme",), moved_stop=True)
