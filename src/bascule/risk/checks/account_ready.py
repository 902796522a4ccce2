"""No entry before the account's first reconciliation, none while its position has drifted."""

from bascule.model.event import Verdict
from bascule.risk.proposal import Check, Proposal

CODE = "account_not_ready"
_PASS = Verdict(CODE, True)


def run(proposal: Proposal) -> Verdict:
    """Refuse an entry on an account whose state is not confirmed by its venue."""
    if proposal.drift:
        return Verdict(
            CODE, False, None, None, proposal.drift, "an entry once `bascule reconcile` agrees"
        )
    if proposal.reconciled:
        return _PASS
    return Verdict(
        CODE,
        False,
        None,
        None,
        f"account {proposal.spec.id} has not been reconciled with its venue since the start",
        "the same order after the first reconciliation has passed",
    )


CHECK = Check(CODE, 200, "unproven", run)
