"""A new strategy trades the smallest size, or waits for a person, until it has proven itself."""

from bascule.model.event import Verdict
from bascule.model.values import ZERO, text
from bascule.risk.proposal import Check, Proposal, refuse

CODE = "probation"
_PASS = Verdict(CODE, True)


def run(proposal: Proposal) -> Verdict | None:
    """Refuse what a strategy on probation may not do.

    It is on probation for its first signals that become entries, on whatever account, until a
    person approves it. With ``probation = "min_size"`` its entries are cut to the contract's
    smallest order before they come here, and nothing larger passes; with ``"approval"`` none does.
    ``used`` and ``limit`` are quantities.
    """
    if not proposal.limits.probation_signals:
        return None
    around = proposal.around
    if around.approved:
        return _PASS
    smallest = proposal.listing.min_qty
    approve = f"`bascule approve {proposal.strategy}`"
    if proposal.limits.probation == "approval":
        return refuse(
            CODE,
            f"the strategy {proposal.strategy} is new, and account {proposal.spec.id} wants a "
            "person to approve it first",
            f"the same order after {approve}",
            proposal.quantity,
            ZERO,
            ZERO,
        )
    signals = around.strategy_signals
    if signals >= proposal.limits.probation_signals:
        return _PASS
    if proposal.quantity <= smallest:
        return Verdict(CODE, True, proposal.quantity, smallest)
    return refuse(
        CODE,
        f"the strategy {proposal.strategy} is on probation: this is its signal {signals + 1} of "
        f"{proposal.limits.probation_signals} that trade the smallest order, {text(smallest)}",
        f"a quantity of {text(smallest)}, or the same order after {approve}",
        proposal.quantity,
        smallest,
        ZERO,
    )


CHECK = Check(CODE, 1400, "entry", run, needs=("probation_signals",))
