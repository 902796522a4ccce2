"""The contract must be tradable at this venue and not expired."""

from bascule.model.event import Verdict
from bascule.risk.proposal import Check, Proposal

CODE = "contract_not_tradable"
_PASS = Verdict(CODE, True)


def run(proposal: Proposal) -> Verdict:
    """Refuse a contract that the venue lists as closed to trading, or that has expired."""
    listing = proposal.listing
    if not listing.tradable:
        return Verdict(
            CODE,
            False,
            None,
            None,
            f"{listing.venue_symbol} is listed by the venue but not open to trading",
            "a contract that the venue lists as tradable",
        )
    if listing.expiry is not None and listing.expiry <= proposal.at:
        return Verdict(
            CODE,
            False,
            None,
            None,
            f"{listing.venue_symbol} has expired",
            "the contract that is now in front",
        )
    return _PASS


CHECK = Check(CODE, 300, "unproven", run)
