"""How much capital of one firm may follow one strategy."""

from bascule.model.event import Verdict
from bascule.risk.proposal import Check, Proposal, cents

CODE = "allocation"


def run(proposal: Proposal) -> Verdict | None:
    """Tell when the own accounts at a firm that follow the strategy pass the firm's cap.

    It never refuses: the accounts are there already, and the firm decides. ``used`` and ``limit``
    are initial balances.
    """
    programme = proposal.spec.programme
    limit = programme.conduct.max_allocation if programme is not None else None
    if programme is None or limit is None:
        return None
    used = proposal.around.firm.allocated()
    told = ""
    if used > limit:
        told = (
            f"{cents(used)} follow strategy {proposal.strategy} at {programme.firm}, which permits "
            f"{cents(limit)}: ask the firm"
        )
    return Verdict(CODE, True, used, limit, told)


CHECK = Check(CODE, 1320, "entry", run, needs=("programme",))
