"""No entry while the account's firm wants it flat, nor shortly before."""

from bascule.model.event import Verdict
from bascule.reference.localtime import local
from bascule.risk.proposal import Check, Proposal, refuse

CODE = "flat_window"
_PASS = Verdict(CODE, True)


def run(proposal: Proposal) -> Verdict | None:
    """Refuse an entry from the buffer before a flat time until the market opens again.

    The times are the firm's by the day, the weekend and half days, and the contract's own closes.
    At the same instant the engine itself closes what the account holds.
    """
    programme = proposal.spec.programme
    if programme is None or programme.flat is None:
        return None
    span = proposal.around.firm.flat()
    if span is None:
        return _PASS
    return refuse(
        CODE,
        f"{span.why}, due {local(span.due, 'UTC'):%Y-%m-%d %H:%M} UTC, and entries end at "
        f"{local(span.since, 'UTC'):%H:%M} UTC",
        f"the same order from {local(span.until, 'UTC'):%Y-%m-%d %H:%M} UTC on",
    )


CHECK = Check(CODE, 420, "entry", run, needs=("programme",))
