"""How far an order's price may be from the market, and that there is a market price at all."""

from decimal import Decimal

from bascule.model.enums import AccountMode, OrdType
from bascule.model.event import Verdict
from bascule.model.values import ONE, floor_to, text
from bascule.risk.proposal import Check, Proposal, Reference, fitting, refuse

CODE = "price_collar"
_PASS = Verdict(CODE, True)


def run(proposal: Proposal) -> Verdict | None:
    """Refuse an entry whose price is too far from the market, either way.

    The market is, in this order: the account's quote of the last 60 s (the ask for a buy, the bid
    for a sell), its last fill of the last 60 s, or the price in the signal where that is not the
    order's own price. Which of them was used is said, also when the order passes. The order's
    price is its limit, else its trigger; a market order is held to the price that its sender saw.

    On a live account an entry is refused while there is no such price, collar or not, unless its
    route lets one of that size go (``unpriced_max_qty``). ``used`` and ``limit`` are percents.
    """
    limit = proposal.limits.price_collar_percent
    if limit is None and proposal.spec.mode is not AccountMode.LIVE:
        return None
    reference = proposal.around.reference
    if reference is None:
        return _without_reference(proposal)
    if limit is None:
        return _PASS
    own = proposal.price if proposal.price is not None else proposal.stop_price
    if own is None:
        own = proposal.around.signal_price
    said = f"measured from {reference.source}, {text(reference.price)}"
    if own is None:
        return Verdict(CODE, True, None, limit, said)
    away = abs(own - reference.price) * 100 / reference.price
    if away <= limit:
        return Verdict(CODE, True, round(away, 3), limit, said)
    return _too_far(proposal, own, reference, away, limit)


def _too_far(
    proposal: Proposal, own: Decimal, reference: Reference, away: Decimal, limit: Decimal
) -> Verdict:
    tick = proposal.listing.tick_size
    reach = reference.price * limit / 100
    low = floor_to(reference.price - reach, tick)
    lowest = low if low >= reference.price - reach else low + tick
    highest = floor_to(reference.price + reach, tick)
    whose = "that its sender saw is" if proposal.ord_type is OrdType.MARKET else "of the order is"
    return refuse(
        CODE,
        f"the price {text(own)} {whose} {text(round(away, 3))} % from "
        f"{reference.source}, {text(reference.price)}; the limit is {text(limit)} %",
        f"a price from {text(lowest)} to {text(highest)}",
        round(away, 3),
        limit,
    )


def _without_reference(proposal: Proposal) -> Verdict:
    if proposal.spec.mode is not AccountMode.LIVE:
        return _PASS
    cap = proposal.around.unpriced_max_qty
    if cap is not None and proposal.quantity <= cap:
        said = f"no price to hold it against; its route lets {text(cap)} go without one"
        return Verdict(CODE, True, proposal.quantity, cap, said)
    passes = "the same order once a quote has come, or with the price that its sender sees"
    if cap is not None:
        passes += f", or {fitting(proposal, cap, ONE)}"
    return refuse(
        CODE,
        f"there is no price to hold an entry in {proposal.listing.symbol} against: no quote and no "
        "fill of the last 60 s, and none in the signal",
        passes,
        proposal.quantity if cap is not None else None,
        cap,
    )


CHECK = Check(CODE, 880, "entry", run, needs=("price_collar_percent", "live"))
