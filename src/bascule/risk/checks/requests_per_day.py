"""How many requests the account's firm lets be sent in a day, with a part kept for exits."""

from decimal import Decimal

from bascule.model.event import Verdict
from bascule.risk.programmes.kinds.requests import allowed
from bascule.risk.proposal import Check, Proposal, refuse

CODE = "requests_per_day"


def run(proposal: Proposal) -> Verdict | None:
    """Refuse an entry once the day's requests are used up to what is kept for closing and stops.

    Orders, cancels and changes count, from the firm's reset on. ``used`` and ``limit`` count
    requests, this one among them.
    """
    programme = proposal.spec.programme
    cap = programme.conduct.max_requests_per_day if programme is not None else None
    if programme is None or cap is None:
        return None
    kept, sent = programme.guard.request_reserve, proposal.around.firm.requests()
    if allowed(sent, cap, 1, protects=False, kept=kept):
        return Verdict(CODE, True, Decimal(sent + 1), Decimal(cap - kept))
    return refuse(
        CODE,
        f"account {proposal.spec.id} has sent {sent} requests since its firm's day began; "
        f"{programme.firm} permits {cap}, and {kept} are kept for closing and for stops",
        "the same order after the firm's reset; exits pass meanwhile",
        sent + 1,
        cap - kept,
        sent,
    )


CHECK = Check(CODE, 925, "entry", run, needs=("programme",))
