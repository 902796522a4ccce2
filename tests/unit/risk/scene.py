"""One order before the checks: an account, a contract, and what stands around, each to be set."""

from dataclasses import dataclass, field
from decimal import Decimal as D
from types import SimpleNamespace
from typing import Any

from bascule.model.account import AccountSpec, RiskLimits
from bascule.model.enums import AccountMode, InstrumentKind, OrdType, Side
from bascule.model.event import Verdict
from bascule.model.instrument import Listing, Quote
from bascule.model.order import AccountSnapshot
from bascule.model.values import SECOND, Instant
from bascule.risk.chain import CHECKS
from bascule.risk.limits import LOOSEST
from bascule.risk.loss import Loss, OpenRisk
from bascule.risk.proposal import Messages, Proposal, Reference
from bascule.risk.rates import RateWindow

NOW = Instant(1_767_600_000 * SECOND)
LISTING = Listing(
    "EURUSD", "EURUSD.x", InstrumentKind.FX, "USD", D("0.0001"), D(100_000), D("0.01"),
    D("0.01"), D(1000), base="EUR",
)  # fmt: skip
CODES = {check.code: check for check in CHECKS}


@dataclass
class Around:
    """What stands around the order, as ``Around`` has it; plain values."""

    session: str = "open"
    quote: Quote | None = None
    reference: Reference | None = field(
        default_factory=lambda: Reference(D("1.1"), "the venue's quote")
    )
    signal_price: D | None = None
    price: D | None = D("1.1")
    rate: D | None = D(1)
    unit_value: D | None = D(110_000)
    value: D | None = D(110_000)
    loss_per_unit: D | None = None
    loss_from_here: D | None = None
    others_value: D | None = D(0)
    waiting_value: D | None = D(0)
    others_quantity: D = D(0)
    money: AccountSnapshot | None = None
    book_open: D = D(0)
    foreign_everywhere: int = 0
    portfolio: RiskLimits = LOOSEST
    elsewhere_quantity: D = D(0)
    elsewhere_value: D | None = D(0)
    portfolio_rate: D | None = D(1)
    portfolio_margin: D | None = D(0)
    messages: tuple[Messages, ...] = ()
    sent_per_fill: tuple[int, int] = (0, 0)
    value_lately: D = D(0)
    repeats: int = 0
    crosses: str = ""
    opposes: str = ""
    strategy_signals: int = 0
    approved: bool = False
    unpriced_max_qty: D | None = None
    firm: Any = field(default_factory=SimpleNamespace)
    opposed_firm: str = ""
    loss: Loss | None = None
    open_risk: OpenRisk = field(default_factory=lambda: OpenRisk(D(0)))


AROUND = set(Around.__dataclass_fields__)


def proposal(**words: Any) -> Proposal:
    """Give a buy of one lot EURUSD on account ``a``; words set the order, limits or around."""
    limits = words.pop("limits", None) or {}
    around = {name: words.pop(name) for name in list(words) if name in AROUND and name != "price"}
    if "reference_price" in words:
        around["price"] = words.pop("reference_price")
    mode = words.pop("mode", AccountMode.PAPER)
    chosen = limits if isinstance(limits, RiskLimits) else RiskLimits(**limits)
    plain: dict[str, Any] = {
        "at": NOW,
        "signal": "t-1",
        "spec": AccountSpec(id="a", venue="v", login="a", mode=mode, currency="USD", limits=chosen),
        "listing": LISTING,
        "side": Side.BUY,
        "quantity": D(1),
        "ord_type": OrdType.MARKET,
        "reducing": False,
        "net": D(0),
        "book": D(0),
        "open_buy": D(0),
        "open_sell": D(0),
        "open_orders": 0,
        "rates": RateWindow([]),
        "limits": chosen,
        "around": Around(**around),
        "strategy": "s",
    }
    return Proposal(**{**plain, **words})


def run(code: str, **words: Any) -> Verdict | None:
    """Put an order before one check."""
    return CODES[code].run(proposal(**words))


def passes(code: str, **words: Any) -> Verdict:
    """Hold that a check lets an order go, and give its verdict."""
    verdict = run(code, **words)
    assert verdict is not None and verdict.ok is True, verdict
    assert verdict.code == code
    assert (verdict.used is None) == (verdict.limit is None) or verdict.text, verdict
    assert not verdict.passes and verdict.room is None
    return verdict


def refuses(code: str, *said: str, **words: Any) -> Verdict:
    """Hold that a check refuses an order, says these words, and says what would pass."""
    verdict = run(code, **words)
    assert verdict is not None and verdict.ok is False, verdict
    assert verdict.code == code
    assert verdict.text and verdict.passes
    for part in said:
        assert part in f"{verdict.text}. Would pass: {verdict.passes}", (part, verdict)
    return verdict


def money(equity: Any = 10_000, margin: Any = 0) -> AccountSnapshot:
    """Give what a venue says of an account's money."""
    return AccountSnapshot(
        account="a",
        currency="USD",
        balance=D(equity),
        equity=D(equity),
        margin_used=D(margin),
        free_margin=D(equity) - D(margin),
        at=NOW,
    )
