"""No opposite exposure on the owner's accounts where a firm forbids it."""

from bascule.model.event import Verdict
from bascule.risk.proposal import Check, Proposal, refuse

CODE = "hedging"
_PASS = Verdict(CODE, True)


def run(proposal: Proposal) -> Verdict | None:
    """Refuse an entry that would stand against an own position or open entry.

    Across accounts, by what is traded: a micro stands against its mini; an account under no firm
    is held to that too, for the sake of the other. Within the account, by the contract. What
    nobody knows is read as forbidden across accounts, and as allowed within one, where firms
    differ.
    """
    programme = proposal.spec.programme
    if programme is None:
        against = proposal.around.opposed_firm
        return _refused(proposal, against, "that account's firm") if against else None
    firm = proposal.around.firm
    against = ""
    if programme.conduct.cross_account_hedge != "allowed":
        against = firm.opposite()
    if not against and programme.conduct.same_account_hedge == "prohibited":
        against = firm.opposite_here()
    return _refused(proposal, against, programme.firm) if against else _PASS


def _refused(proposal: Proposal, against: str, firm: str) -> Verdict:
    return refuse(
        CODE,
        f"a {proposal.side.value} of {proposal.listing.symbol} on account {proposal.spec.id} would "
        f"be a hedge, which {firm} does not permit: {against}",
        "the same order once the other side is closed",
    )


CHECK = Check(CODE, 1220, "entry", run)
