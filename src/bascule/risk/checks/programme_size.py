"""The largest size that the account's firm permits, and a little less."""

from decimal import Decimal

from bascule.model.enums import InstrumentKind
from bascule.model.event import Verdict
from bascule.model.programme import MaxSize, Programme
from bascule.model.values import ONE, ZERO, floor_to, text
from bascule.risk.firm import FirmAround, Profits, Size
from bascule.risk.programmes.kinds.size import cap
from bascule.risk.proposal import Check, Proposal, by_others, refuse

CODE = "programme_size"
_NO_PROFITS = Profits()


def run(proposal: Proposal) -> Verdict | None:
    """Refuse an entry beyond the firm's size: held, open and new together, each at its worst.

    Futures count in contracts over the whole account, micros at their part of one, and one
    contract is left free; the rest in lots, of which a tenth is. Tiers go by the firm's last close.
    ``used`` and ``limit`` are in that unit.
    """
    programme = proposal.spec.programme
    rule = programme.max_size if programme is not None else None
    if programme is None or rule is None:
        return None
    if proposal.listing.kind is not InstrumentKind.FUTURE:
        largest, quantity = rule.lots_per_order, proposal.quantity
        if largest is not None and quantity > largest:
            one = Size(ZERO, ONE, False)
            return _refused(proposal, programme, one, ZERO, quantity, largest, "in one order")
        if rule.lots is None:
            return None
    firm = proposal.around.firm
    size = firm.size()
    quantity = proposal.quantity * size.unit
    limit = _limit(programme, rule, size, firm)
    if limit is None:
        return None
    worst = size.held + quantity
    if worst <= limit:
        return Verdict(CODE, True, worst, limit)
    return _refused(proposal, programme, size, size.held, worst, limit, "at once")


def _limit(programme: Programme, rule: MaxSize, size: Size, firm: FirmAround) -> Decimal | None:
    """Give the firm's size less what is left free; a firm's last contract stays usable."""
    if not size.in_contracts:
        if rule.lots is None:
            return None
        return rule.lots * (100 - programme.guard.size_below_pct) / 100
    told = _NO_PROFITS
    if rule.tiers or rule.half_until_eod_balance is not None:
        told = firm.profits() or _NO_PROFITS
    permitted = cap(rule, eod_profit=told.eod_profit, eod_balance=told.eod_balance)
    if permitted is None:
        return None
    return max(permitted - programme.guard.size_below, min(permitted, ONE))


def _refused(
    proposal: Proposal,
    programme: Programme,
    size: Size,
    before: Decimal,
    used: Decimal,
    limit: Decimal,
    when: str,
) -> Verdict:
    unit = "contracts" if size.in_contracts else "lots"
    fits = floor_to(max(limit - before, ZERO) / size.unit, proposal.listing.lot_step)
    passes = "an exit first"
    if fits >= proposal.listing.min_qty:
        passes = f"a quantity of {text(fits)} or less"
    return refuse(
        CODE,
        f"{text(used)} {unit} {when}{by_others(proposal.foreign_orders)} are more than the "
        f"{text(limit)} that account {proposal.spec.id} may have under {programme.firm}'s rules, a "
        "part left free",
        passes,
        used,
        limit,
        before,
    )


CHECK = Check(CODE, 830, "entry", run, needs=("programme",))
