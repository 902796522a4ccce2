"""How many fills the account's firm lets a day have."""

from decimal import Decimal

from bascule.model.event import Verdict
from bascule.risk.proposal import Check, Proposal, refuse

CODE = "fills_per_day"
EXIT = 2
"""An entry takes one fill, and needs one more to be closed."""


def run(proposal: Proposal) -> Verdict | None:
    """Refuse an entry that would leave an exit without a fill of the day.

    Each fill counts, part of an order or not; so do those to come: one for each position that is
    held, two for each entry that is open. ``used`` and ``limit`` count fills, this entry's and its
    exit's among them.
    """
    programme = proposal.spec.programme
    cap = programme.conduct.max_executions_per_day if programme is not None else None
    if programme is None or cap is None:
        return None
    filled, ahead = proposal.around.firm.fills(), proposal.around.firm.fills_ahead()
    used = filled + ahead
    if used + EXIT <= cap:
        return Verdict(CODE, True, Decimal(used + EXIT), Decimal(cap))
    waits = f", what is held or open takes {ahead} more" if ahead else ""
    return refuse(
        CODE,
        f"account {proposal.spec.id} has {filled} fills since its firm's day began{waits}, and "
        f"{programme.firm} permits {cap}: an entry and its exit need {EXIT}",
        "the same order after the firm's reset; exits pass meanwhile",
        used + EXIT,
        cap,
        used,
    )


CHECK = Check(CODE, 927, "entry", run, needs=("programme",))
