"""Signals of another owner, on an account whose firm permits no copying of others."""

from bascule.model.enums import AccountMode
from bascule.model.event import Verdict
from bascule.risk.proposal import Check, Proposal, refuse

CODE = "copies_others"
_PASS = Verdict(CODE, True)


def run(proposal: Proposal) -> Verdict | None:
    """Refuse a live entry on another owner's signal, unless the firm permits copying others.

    A source is another owner's when the configuration says so; what nobody knows of the firm is no
    permission. Paper and shadow accounts send no firm an order.
    """
    spec = proposal.spec
    if spec.mode is not AccountMode.LIVE or spec.programme is None or not spec.others:
        return None
    word = spec.programme.conduct.copying_others
    if word == "allowed":
        return _PASS
    whose = proposal.around.firm.copied_from()
    if not whose:
        return _PASS
    return refuse(
        CODE,
        f"the signal came from {whose}, and {spec.programme.firm}'s word on copying others is "
        f'"{word}" ({spec.programme.id})',
        "a signal of the account owner's own",
    )


CHECK = Check(CODE, 115, "entry", run, needs=("programme",))
