"""A proposal of an account with a programme, and what stands around it, for tests of checks."""

from collections.abc import Sequence
from decimal import Decimal as D
from typing import Any

from msgspec import Struct

from bascule.model.account import AccountSpec, RiskLimits
from bascule.model.enums import AccountMode, InstrumentKind, OrdType, Side
from bascule.model.instrument import Listing
from bascule.model.programme import Programme
from bascule.model.values import DAY, HOUR, Instant
from bascule.risk.firm import FlatSpan, Holding, Idea, NewsStanding, Profits, Size
from bascule.risk.proposal import Proposal
from bascule.risk.rates import RateWindow

NOON = Instant(20_000 * DAY + 12 * HOUR)


class Firm(Struct, kw_only=True):
    """What a test says of the firm's side; it answers as ``FirmAround`` does."""

    standing: NewsStanding = NewsStanding("clear")
    straddle: str = ""
    span: FlatSpan | None = None
    other: str = ""
    here: str = ""
    sent: int = 0
    filled: int = 0
    ahead: int = 0
    sized: Size = Size(D(0), D(1), True)
    days: Profits | None = None
    entered: Instant | None = None
    durations: Sequence[int] = ()
    capital: D = D(0)
    thought: Idea = Idea(D(0))
    copied: str = ""

    def news(self) -> NewsStanding:
        return self.standing

    def straddles(self, currencies: tuple[str, ...]) -> str:
        return self.straddle

    def flat(self) -> FlatSpan | None:
        return self.span

    def opposite(self) -> str:
        return self.other

    def opposite_here(self) -> str:
        return self.here

    def requests(self) -> int:
        return self.sent

    def fills(self) -> int:
        return self.filled

    def fills_ahead(self) -> int:
        return self.ahead

    def size(self) -> Size:
        return self.sized

    def profits(self) -> Profits | None:
        return self.days

    def holding(self) -> Holding:
        return Holding(self.entered, self.durations)

    def idea(self) -> Idea:
        return self.thought

    def copied_from(self) -> str:
        return self.copied

    def allocated(self) -> D:
        return self.capital


class World(Struct, kw_only=True):
    """What stands around the order, as far as checks of a firm's rules ask."""

    firm: Firm
    opposed_firm: str = ""
    loss_per_unit: D | None = D("0.0050")
    rate: D | None = D(1)


def spec(programme: Programme | None = None, **changes: Any) -> AccountSpec:
    """Give a live account of 100,000."""
    words: dict[str, Any] = {
        "id": "a", "venue": "v", "login": "1", "mode": AccountMode.LIVE, "currency": "USD",
        "owner": "me", "initial_balance": D(100_000), "programme": programme,
        "firm": programme.firm if programme is not None else "",
    }  # fmt: skip
    return AccountSpec(**(words | changes))


def proposal(
    programme: Programme | None = None,
    *,
    account: AccountSpec | None = None,
    loss: D | None = D("0.0050"),
    firm: dict[str, Any] | None = None,
    opposed: str = "",
    **changes: Any,
) -> Proposal:
    """Give an entry of one unit by market with a stop; ``firm`` is what the firm's side says."""
    told = Firm(**(firm or {}))
    kind = InstrumentKind.FUTURE if told.sized.in_contracts else InstrumentKind.FX
    words: dict[str, Any] = {
        "at": NOON,
        "signal": "s-1",
        "spec": account or spec(programme),
        "listing": Listing(
            "EURUSD", "EURUSD", kind, "USD", D("0.0001"), D(100_000), D("0.01"),
            D("0.01"), D(100),
        ),
        "side": Side.BUY,
        "quantity": D(1),
        "ord_type": OrdType.MARKET,
        "reducing": False,
        "net": D(0),
        "book": D(0),
        "open_buy": D(0),
        "open_sell": D(0),
        "open_orders": 0,
        "rates": RateWindow(),
        "limits": RiskLimits(),
        "around": World(firm=told, loss_per_unit=loss, opposed_firm=opposed),
        "has_stop_loss": True,
    }  # fmt: skip
    return Proposal(**(words | changes))  # type: ignore[arg-type]
