"""Prices on tick, quantity on lot step and within the venue's smallest and largest order."""

from bascule.model.event import Verdict
from bascule.model.values import floor_to, text
from bascule.risk.proposal import Check, Proposal

CODE = "tick_or_lot"


def run(proposal: Proposal) -> Verdict:
    """Refuse an order that the venue would have to round or reject.

    ``used`` is the quantity and ``limit`` the contract's lot step.
    """
    listing = proposal.listing
    quantity = proposal.quantity
    if quantity < listing.min_qty:
        return _refuse(
            proposal,
            f"quantity {text(quantity)} is below the smallest order {text(listing.min_qty)}",
            f"a quantity of {text(listing.min_qty)} or more",
        )
    if quantity % listing.lot_step:
        down = text(floor_to(quantity, listing.lot_step))
        return _refuse(
            proposal,
            f"quantity {text(quantity)} is not a multiple of {text(listing.lot_step)}",
            f"a quantity of {down}",
        )
    if quantity > listing.max_qty and listing.max_qty > 0:
        return _refuse(
            proposal,
            f"quantity {text(quantity)} is above the venue's largest order {text(listing.max_qty)}",
            f"a quantity of {text(listing.max_qty)} or less"
            + ("" if proposal.closing else ', or on_oversize = "split"'),
        )
    for price in (proposal.price, proposal.stop_price):
        if price is not None and price % listing.tick_size:
            return _refuse(
                proposal,
                f"price {text(price)} is not a multiple of the tick {text(listing.tick_size)}",
                f"a price of {text(floor_to(price, listing.tick_size))}",
            )
    return Verdict(CODE, True, quantity, listing.lot_step)


def _refuse(proposal: Proposal, sentence: str, passes: str) -> Verdict:
    return Verdict(CODE, False, proposal.quantity, proposal.listing.lot_step, sentence, passes)


CHECK = Check(CODE, 600, "any", run)
