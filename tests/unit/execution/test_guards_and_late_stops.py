"""A stop that fills after its own position was closed takes from the guard of what it closed."""

from decimal import Decimal

from bascule.execution.positions import apply_fill
from bascule.execution.state import AccountState, Book, Guard, Order
from bascule.model.enums import OrdType, Side
from bascule.model.event import Bracket
from bascule.model.ids import AccountId, ClOrdID, SignalId, StrategyId, Symbol, VenueSymbol
from bascule.model.values import Instant

SYMBOL, LISTED, STRATEGY = Symbol("EURUSD"), VenueSymbol("EURUSD"), StrategyId("s")


def guard(name: str, held: str) -> Guard:
    """Make a guard of a long entry."""
    bracket = Bracket(stop_loss=Decimal("1.05"))
    signal = SignalId(name.rsplit("-", 1)[0])
    made = Guard(ClOrdID(name), signal, STRATEGY, SYMBOL, LISTED, Side.BUY, bracket)
    made.filled, made.held = Decimal("0.3"), Decimal(held)
    return made


def test_guards_never_hold_more_than_their_book() -> None:
    """Held sums to the book after a late stop, so no exit waits for a stop that guards nothing."""
    account = AccountState(id=AccountId("a"), number=1, venue="v", login="a", mode="paper")
    account.books[f"{STRATEGY}|{SYMBOL}"] = Book(STRATEGY, SYMBOL, LISTED, Decimal("0.3"))
    closed, open_ = guard("e-1-1e", "0"), guard("e-2-1e", "0.3")
    account.guards = {closed.cl_ord_id: closed, open_.cl_ord_id: open_}
    stop = Order(
        cl_ord_id=ClOrdID("e-1-1s"), signal=closed.signal, intent=0, account=account.id,
        strategy=STRATEGY, leg="s", symbol=SYMBOL, venue_symbol=LISTED, side=Side.SELL,
        quantity=Decimal("0.1"), ord_type=OrdType.STOP, requested_at=Instant(1),
        parent=closed.cl_ord_id,
    )  # fmt: skip
    apply_fill(account, stop, Decimal("-0.1"), Decimal("1.05"), None)
    assert closed.held == 0
    assert open_.held == Decimal("0.2") == account.books[f"{STRATEGY}|{SYMBOL}"].quantity
