"""The list of instruments that an account or a strategy may open positions in."""

from bascule.model.event import Verdict
from bascule.risk.limits import is_contract_of
from bascule.risk.proposal import Check, Proposal, refuse

CODE = "instrument_not_allowed"
_PASS = Verdict(CODE, True)


def run(proposal: Proposal) -> Verdict | None:
    """Refuse an entry in a contract that is not on the list.

    A name on the list is a symbol of ours (``EURUSD``, ``ESZ2026``), the venue's name, or the root
    of a future (``ES``). An empty list allows every contract.
    """
    allowed = proposal.limits.instruments
    if not allowed:
        return None
    listing = proposal.listing
    symbol = listing.symbol
    for name in allowed:
        if name in (symbol, listing.venue_symbol) or is_contract_of(symbol, name):
            return _PASS
    return refuse(
        CODE,
        f"{symbol} is not among the instruments that account {proposal.spec.id} may open: "
        f"{', '.join(allowed)}",
        "an instrument on that list",
    )


CHECK = Check(CODE, 320, "entry", run, needs=("instruments",))
