"""If every open stop and this order's were hit, would a line of the firm be crossed?"""

from decimal import Decimal

from bascule.model.event import Verdict
from bascule.model.values import ZERO, floor_to, text
from bascule.risk.programmes.kinds.pretrade import fits
from bascule.risk.proposal import Check, Proposal, cents, refuse

CODE = "worst_loss"


def run(proposal: Proposal) -> Verdict | None:
    """Refuse an entry whose loss at the stop does not fit, beside all others, above the floors.

    Accounts with a programme only. What is lost from the present prices if every stop is hit, that
    of this order included, must stay within the smaller room less a buffer (10 %). A position, a
    waiting entry or an order without a stop has no bound, so nothing passes beside it. ``used``
    and ``limit`` are in account currency.
    """
    programme, loss = proposal.spec.programme, proposal.around.loss
    if programme is None or loss is None or not loss.rooms:
        return None
    account = proposal.spec.id
    nearest = min(loss.rooms, key=lambda room: room.room)
    guard = programme.guard
    limit = max(nearest.room, ZERO) * (100 - guard.pretrade_buffer_pct) / 100
    around = proposal.around
    standing = around.open_risk
    if standing.amount is None:
        return refuse(
            CODE,
            f"what account {account} may lose has no bound: {standing.why}",
            "the same order once everything that is open has a stop",
            limit=limit,
        )
    distance, rate = around.loss_from_here, around.rate
    if distance is None or rate is None:
        return refuse(
            CODE,
            f"the order has no stop, or no price to measure from, and account {account} must keep "
            f"{cents(limit)} {proposal.spec.currency} of room",
            "the same order with a stop loss, once a price is known",
            limit=limit,
        )
    unit, factor = distance * proposal.listing.multiplier * rate, guard.slippage_factor
    before = standing.amount * factor
    used = before + unit * proposal.quantity * factor
    if used <= limit and nearest.room >= 0:
        return Verdict(CODE, True, used, limit, room=limit - before)
    found = fits(
        nearest.room,
        guard.pretrade_buffer_pct,
        standing.amount,
        unit * proposal.quantity,
        factor=factor,
    )
    return refuse(
        CODE,
        f"if every stop were hit account {account} would lose {cents(used)} of the "
        f"{cents(limit)} {proposal.spec.currency} that may be risked above the floor at "
        f"{cents(nearest.floor)}",
        _passes(proposal, found.largest, unit),
        used,
        limit,
        before,
    )


def _passes(proposal: Proposal, room: Decimal, unit: Decimal) -> str:
    """Say what fits above the firm's line, which no limit of ours can move."""
    if room <= 0:
        return "an exit first"
    fits_too = floor_to(room / unit, proposal.listing.lot_step) if unit else ZERO
    if fits_too < proposal.listing.min_qty:
        return "the same order with a nearer stop, or after an exit"
    return f"a quantity of {text(fits_too)} or less, or a nearer stop"


CHECK = Check(CODE, 896, "entry", run, needs=("programme",), moved_stop=True)
