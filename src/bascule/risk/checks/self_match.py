"""An order that could trade with a resting order of the same owner at the same venue."""

from bascule.model.event import Verdict
from bascule.risk.proposal import Check, Proposal, refuse

CODE = "self_match"
_PASS = Verdict(CODE, True)


def run(proposal: Proposal) -> Verdict | None:
    """Refuse an entry whose price reaches an own limit order on the other side.

    All other accounts at the venue count, targets among them. An order reaches as far as its
    limit, else its trigger; a market order as far as the quote, and anywhere without one.
    """
    if proposal.limits.self_match == "allow":
        return None
    crosses = proposal.around.crosses
    if not crosses:
        return _PASS
    return refuse(
        CODE,
        f"a {proposal.side.value} of {proposal.listing.symbol} could trade with ourselves: "
        f"{crosses}",
        "a price that does not reach it, or the same order once that one has ended",
    )


CHECK = Check(CODE, 1200, "entry", run)
