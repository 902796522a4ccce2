"""A strategy must not leave faster than the account's firm lets it."""

from decimal import Decimal

from bascule.model.event import Verdict
from bascule.model.values import SECOND, text
from bascule.risk.programmes.kinds.hold import held
from bascule.risk.proposal import Check, Proposal, refuse

CODE = "min_hold"
LEAST_TRADES = 10
"""A share of fewer trades says nothing."""


def run(proposal: Proposal) -> Verdict | None:
    """Refuse what breaks the firm's rule on holding times, and never an exit that reduces.

    An exit that is faster than the firm lets each trade be is told of; only one that is not proven
    to reduce is refused, unless all books of the contract are closed together. An entry is refused
    once too large a share of the strategy's last voluntary exits was too fast. Stops never count.
    ``used`` and ``limit`` are seconds for an exit, and percent of the trades for an entry.
    """
    programme = proposal.spec.programme
    rule = programme.hold_time if programme is not None else None
    if programme is None or rule is None:
        return None
    holding = proposal.around.firm.holding()
    if proposal.closing:
        least = rule.min_hold_s if rule.min_hold_s is not None else rule.over_s
        if holding.entered is None or least is None:
            return None
        seconds = Decimal((proposal.at - holding.entered) // SECOND)
        if seconds >= least:
            return Verdict(CODE, True, seconds, least)
        told = f"{programme.firm} wants trades held for {text(least)} seconds, this was {seconds}"
        if proposal.reducing or proposal.flattening or rule.min_hold_s is None:
            return Verdict(CODE, True, seconds, least, f"{told}; an exit is never held back")
        return refuse(CODE, told, f"the same exit {text(least - seconds)} seconds later",
                      seconds, least)  # fmt: skip
    if len(holding.durations) < LEAST_TRADES:
        return Verdict(CODE, True)
    found = held(rule, [Decimal(one) / SECOND for one in holding.durations])
    if found.ok or rule.min_hold_s is not None:
        return Verdict(CODE, True, found.share, None, _told(found.short, len(holding.durations)))
    return refuse(
        CODE,
        f"{found.short} of the last {len(holding.durations)} exits of this strategy were faster "
        f"than {programme.firm} permits",
        "a strategy that holds longer; exits pass meanwhile",
        found.share,
        rule.min_share_over_pct or rule.max_share_under_pct,
    )


def _told(short: int, count: int) -> str:
    return f"{short} of the last {count} exits were faster than the firm wants" if short else ""


CHECK = Check(CODE, 1300, "any", run, needs=("programme",))
