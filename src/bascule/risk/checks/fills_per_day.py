"""How many fills the account's firm lets a day have."""

from decimal import Decimal

from bascule.model.event import Verdict
from bascule.risk.proposal import Check, Proposal, refuse

CODE = "fills_per_day"
EXIT = 2
"""An entry takes one fill, and needs one more to be closed."""


def run(proposal: Proposal) -> Verdict | None:
    """Refuse an entry that would leave no fill of the day for its exit.

    Each fill counts, part of an order or not. ``used`` and ``limit`` count fills, this entry's and
    its exit's among them.
    """
    programme = proposal.spec.programme
    cap = programme.conduct.max_executions_per_day if programme is not None else None
    if programme is None or cap is None:
        return None
    filled = proposal.around.firm.fills()
    if filled + EXIT <= cap:
        return Verdict(CODE, True, Decimal(filled + EXIT), Decimal(cap))
    return refuse(
        CODE,
        f"account {proposal.spec.id} has {filled} fills since its firm's day began, and "
        f"{programme.firm} permits {cap}: an entry and its exit need {EXIT}",
        "the same order after the firm's reset; exits pass meanwhile",
        filled + EXIT,
        cap,
        filled,
    )


CHECK = Check(CODE, 927, "entry", run, needs=("programme",))
