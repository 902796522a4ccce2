"""What one idea may lose by the account's firm: its parts, and quick re-entries, are one."""

from decimal import Decimal

from bascule.model.event import Verdict
from bascule.model.values import floor_to, text
from bascule.risk.proposal import Check, Proposal, cents, refuse

CODE = "risk_per_idea"


def run(proposal: Proposal) -> Verdict | None:
    """Refuse an entry whose idea could then lose more than the firm permits.

    An idea is what is held, waits and is wanted of one contract on one side, with what closed on it
    so shortly before that the firm counts it in. What it has lost already and what its stops would
    cost must stay within the firm's share of the initial balance; what it has won makes up for
    nothing. ``used`` and ``limit`` are in account currency.
    """
    programme = proposal.spec.programme
    rule = programme.idea if programme is not None else None
    if programme is None or rule is None:
        return None
    around, account = proposal.around, proposal.spec.id
    distance, rate = around.loss_per_unit, around.rate
    initial = proposal.spec.initial_balance
    if distance is None or rate is None or initial is None:
        return refuse(
            CODE,
            f"{programme.firm} limits what one idea may lose, and that cannot be measured on "
            f"account {account}: there is no stop, no price to measure from or no initial balance",
            "the same order with a stop loss, once a price is known",
        )
    limit = initial * rule.max_loss_pct / 100
    idea = around.firm.idea()
    if idea.amount is None:
        return refuse(
            CODE,
            f"what this idea may lose on account {account} has no bound: {idea.why}",
            "the same order once every part of it has a stop",
            limit=limit,
        )
    factor = programme.guard.slippage_factor
    unit = distance * proposal.listing.multiplier * rate * factor
    before = idea.lost + (idea.amount - idea.lost) * factor
    used = before + unit * proposal.quantity
    if used <= limit:
        return Verdict(CODE, True, used, limit, room=limit - before)
    gone = f", {cents(idea.lost)} of it lost already" if idea.lost else ""
    return refuse(
        CODE,
        f"the idea of a {proposal.side.value} in {proposal.listing.symbol} could lose "
        f"{cents(used)} {proposal.spec.currency} on account {account}{gone}, and "
        f"{programme.firm} permits {text(rule.max_loss_pct)} % of {text(initial)}, {cents(limit)}",
        _passes(proposal, limit - before, unit, rule.merge_s),
        used,
        limit,
        before,
    )


def _passes(proposal: Proposal, room: Decimal, unit: Decimal, merge_s: int) -> str:
    """Say what fits under the firm's line, which no limit of ours can move."""
    later = f"the same order more than {merge_s} s after the idea is closed"
    if room <= 0:
        return later
    fits = floor_to(room / unit, proposal.listing.lot_step) if unit else room
    if fits < proposal.listing.min_qty:
        return f"the same order with a nearer stop, or {later}"
    return f"a quantity of {text(fits)} or less, or a nearer stop"


CHECK = Check(CODE, 515, "entry", run, needs=("programme",), moved_stop=True)
