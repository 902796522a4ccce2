"""A stop in force: halt and lock let out what reduces or flattens, freeze lets out nothing."""

from bascule.model.enums import StopMode
from bascule.model.event import Verdict
from bascule.risk.proposal import Check, Proposal

CODE = "halted"
_PASS = Verdict(CODE, True)


def run(proposal: Proposal) -> Verdict:
    """Refuse when a stop covers the account, strategy, firm or venue.

    Under a halt or a lock passes what is proven to reduce, and what closes every book of the
    contract at once: of two books that stand against each other, no close reduces by itself.
    """
    stop = proposal.stop
    if stop is None:
        return _PASS
    if (proposal.reducing or proposal.flattening) and stop.mode is not StopMode.FREEZE:
        return _PASS
    return Verdict(
        CODE,
        False,
        None,
        None,
        f"a {stop.mode.value} on {stop.scope} is in force, set by {stop.by}: {stop.reason}",
        f"an exit under a halt, or any order after `bascule arm --scope {stop.scope}`",
    )


CHECK = Check(CODE, 100, "any", run)
