"""Profit beyond which today helps no more, by the firm's rule on the best day."""

from bascule.model.event import Verdict
from bascule.risk.programmes.kinds.consistency import useful_today
from bascule.risk.proposal import Check, Proposal, cents, refuse

CODE = "consistency"


def run(proposal: Proposal) -> Verdict | None:
    """Tell, or refuse where the owner says so, that today has made all the profit that counts.

    On the first profitable day there is nothing to compare it with, and it passes. ``used`` and
    ``limit`` are today's closed profit and what the other days let count of it.
    """
    programme = proposal.spec.programme
    rule = programme.consistency if programme is not None else None
    if programme is None or rule is None or rule.max_best_day_pct is None:
        return None
    profits = proposal.around.firm.profits()
    if profits is None or profits.others <= 0:
        return None
    useful = useful_today(rule.max_best_day_pct, profits.others)
    if useful is None:
        return None
    if profits.today < useful:
        return Verdict(CODE, True, profits.today, useful)
    told = (
        f"today has made {cents(profits.today)} {proposal.spec.currency}, and by "
        f"{programme.firm}'s rule on the best day no more than {cents(useful)} of it counts"
    )
    if not programme.guard.refuse_past_useful:
        return Verdict(CODE, True, profits.today, useful, told)
    return refuse(CODE, told, "the same order on another day", profits.today, useful)


CHECK = Check(CODE, 1310, "entry", run, needs=("programme",))
