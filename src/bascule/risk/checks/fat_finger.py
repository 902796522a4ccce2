"""What one order loses if its stop is hit, against a cap in money or a share of equity."""

from bascule.model.event import Verdict
from bascule.model.values import ZERO, text
from bascule.risk.proposal import Check, Proposal, cents, fitting, refuse, untold

CODE = "fat_finger"


def run(proposal: Proposal) -> Verdict | None:
    """Refuse an entry that would lose more at its stop than one order may.

    The loss is quantity x multiplier x the distance from its entry price to its stop; one that is
    split counts as a whole. Without a
    stop it has no bound, and is refused. The limit is the lower of ``max_order_loss`` and
    ``max_order_loss_percent`` of the equity that the venue last told. ``used`` and ``limit`` are in
    account currency.
    """
    limits = proposal.limits
    limit, percent = limits.max_order_loss, limits.max_order_loss_percent
    if limit is None and percent is None:
        return None
    around = proposal.around
    if percent is not None:
        if around.money is None:
            return untold(CODE, proposal, percent, "the equity")
        share = max(around.money.equity, ZERO) * percent / 100
        limit = share if limit is None else min(limit, share)
    assert limit is not None
    distance, rate = around.loss_per_unit, around.rate
    if distance is None or rate is None:
        return refuse(
            CODE,
            "its loss has no bound that could be held to a limit of "
            f"{cents(limit)} {proposal.spec.currency}: it has no stop, or no price to measure "
            "from",
            "the same order with a stop loss, once a price is known",
            limit=limit,
        )
    unit = distance * proposal.listing.multiplier * rate
    loss = unit * proposal.whole
    if loss <= limit:
        return Verdict(CODE, True, loss, limit)
    return refuse(
        CODE,
        f"{text(proposal.whole)} {proposal.listing.symbol} with the stop {text(distance)} away "
        f"would lose {cents(loss)} {proposal.spec.currency}, and one order on account "
        f"{proposal.spec.id} may lose {cents(limit)}",
        f"{fitting(proposal, limit, unit)}, or a nearer stop",
        loss,
        limit,
        ZERO,
    )


CHECK = Check(
    CODE,
    890,
    "entry",
    run,
    needs=("max_order_loss", "max_order_loss_percent"),
    moved_stop=True,
)
