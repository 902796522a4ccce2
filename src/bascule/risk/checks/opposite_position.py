"""Opposite positions in one contract on two accounts of the owner at one venue."""

from bascule.model.event import Verdict
from bascule.risk.proposal import Check, Proposal, refuse

CODE = "opposite_position"
_PASS = Verdict(CODE, True)


def run(proposal: Proposal) -> Verdict | None:
    """Refuse an entry while another account at the venue stands on the other side.

    Held positions count, and entries that are working, in flight or in doubt.
    """
    if proposal.limits.opposite_positions == "allow":
        return None
    opposes = proposal.around.opposes
    if not opposes:
        return _PASS
    return refuse(
        CODE,
        f"a {proposal.side.value} of {proposal.listing.symbol} on account {proposal.spec.id} would "
        f"stand against another account at {proposal.spec.venue}: {opposes}",
        "the same order once that account is flat there",
    )


CHECK = Check(CODE, 1210, "entry", run, needs=("opposite_positions",))
