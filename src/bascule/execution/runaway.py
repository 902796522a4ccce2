"""Runaway: the engine, a strategy or a venue loops. The account is halted, with a code of its own.

``runaway_submits``: one leg of one intent was sent more often in a row than it may be without the
venue taking it. ``runaway_rate``: more entries within a minute than are usual, by a floor and by
the trailing hour. ``runaway_rejects``: the venue rejected more orders in a row for one reason than
it may. Exits and protection go on; a person arms the account. Orders that wait for their turn are
held back by the same halt.
"""

from bascule.execution.fold_counts import submit_key
from bascule.execution.limits import account_limits
from bascule.execution.state import AccountState
from bascule.execution.stops import set_stop
from bascule.execution.turn import Turn
from bascule.model.enums import StopMode
from bascule.model.event import OrderRequested
from bascule.model.values import HOUR, MINUTE

_MINUTES = HOUR // MINUTE


def after_request(turn: Turn, account: AccountState, event: OrderRequested) -> None:
    """Look at the account once one more order is requested."""
    limits = account_limits(turn, turn.settings.accounts[account.id])
    submits = account.submits.get(submit_key(event))
    if submits is not None and submits.count > limits.runaway_submits:
        _halt(
            turn,
            account,
            "runaway_submits",
            f"one leg of signal {event.signal} was sent {submits.count} times and the venue took "
            f"none of them; the limit is {limits.runaway_submits}",
        )
    if event.leg != "e":
        return
    minute = account.rates.within(turn.at, MINUTE)
    if minute <= limits.runaway_per_minute:
        return
    hour = account.rates.within(turn.at, HOUR)
    if minute * _MINUTES > limits.runaway_factor * hour:
        _halt(
            turn,
            account,
            "runaway_rate",
            f"{minute} entries within a minute, more than {limits.runaway_per_minute} and more "
            f"than {limits.runaway_factor} times the rate of the last hour ({hour} entries)",
        )


def after_reject(turn: Turn, account: AccountState) -> None:
    """Look at the account once the venue has rejected one more order."""
    spec = turn.settings.accounts.get(account.id)
    rejects = account.rejects
    if spec is None or rejects is None:
        return
    limit = account_limits(turn, spec).runaway_rejects
    if rejects.count > limit:
        _halt(
            turn,
            account,
            "runaway_rejects",
            f"the venue has rejected {rejects.count} orders in a row for the same reason "
            f"({rejects.reason}); the limit is {limit}",
        )


def _halt(turn: Turn, account: AccountState, code: str, sentence: str) -> None:
    set_stop(turn, f"account:{account.id}", StopMode.HALT, "bascule", sentence, code=code)
