"""An account that does not trade: when its firm closes it, and that this is told in time.

Nothing is ever traded to begin the days anew; that is the owner's to do.
"""

from msgspec import Struct

from bascule.execution.state import AccountState
from bascule.execution.turn import Turn
from bascule.model.account import AccountSpec
from bascule.model.event import AccountIdle
from bascule.model.values import DAY, Instant
from bascule.reference.localtime import local
from bascule.risk.programmes.kinds.inactivity import expires

TOLD_EVERY = DAY
"""How often it is said again until something trades."""


class Idle(Struct, frozen=True):
    """When a firm closes an account that does not trade, and from when on that is told.

    ``last_trade`` is the last fill, or when the account was first seen; ``days`` the firm's.
    """

    last_trade: Instant
    warns_at: Instant
    closes_at: Instant
    days: int

    def text(self, at: Instant) -> str:
        """Say it as it stands at an instant."""
        day = f"{local(self.closes_at, 'UTC'):%Y-%m-%d %H:%M} UTC"
        if at >= self.closes_at:
            return (
                f"nothing has traded for {self.days} days: by the firm's rule the account is "
                f"closed since {day}"
            )
        return (
            f"nothing has traded since {local(self.last_trade, 'UTC'):%Y-%m-%d}: the firm closes "
            f"the account on {day} unless something does"
        )


def idle_of(account: AccountState, spec: AccountSpec) -> Idle | None:
    """Give how an account stands to its firm's days without a trade; None without such a rule."""
    rule = spec.programme.inactivity if spec.programme is not None else None
    last = max(account.last_fill_at, account.opened_at)
    if rule is None or not last:
        return None
    closes = expires(last, rule.days)
    return Idle(last, Instant(closes - rule.warn_days * DAY), closes, rule.days)


def warn(turn: Turn, account: AccountState, spec: AccountSpec) -> None:
    """Say once a day that an account is about to be closed, as long as nothing trades there."""
    idle = idle_of(account, spec)
    if idle is None or turn.at < idle.warns_at:
        return
    if account.idle_told >= idle.warns_at and turn.at < account.idle_told + TOLD_EVERY:
        return
    turn.emit(
        AccountIdle(
            at=turn.at,
            account=account.id,
            last_trade=idle.last_trade,
            closes_at=idle.closes_at,
            text=idle.text(turn.at),
        )
    )
