"""The one way to an order: a draft goes through the risk chain and becomes an event."""

from decimal import Decimal

from msgspec import Struct

from bascule.execution.around import Surroundings
from bascule.execution.fold_orders import denied_key, same_key
from bascule.execution.foreign import NOTHING, exposures
from bascule.execution.limits import limits_for
from bascule.execution.runaway import after_request
from bascule.execution.state import AccountState, Exposure, Guard, Order
from bascule.execution.stops import set_stop, stop_in_force
from bascule.execution.turn import Turn
from bascule.model.account import AccountSpec
from bascule.model.enums import (
    AccountMode,
    OrdStatus,
    OrdType,
    PositionMode,
    Side,
    StopMode,
    TimeInForce,
)
from bascule.model.event import Bracket, OrderRefused, OrderRequested, Verdict
from bascule.model.ids import ClOrdID, PositionId, SignalId, StrategyId, cl_ord_id
from bascule.model.instrument import Listing
from bascule.model.values import ZERO, Instant, text
from bascule.risk.chain import judge
from bascule.risk.proposal import Proposal

_NO_EXPOSURE = Exposure()
_LATCHES = ("repeated_execution",)
"""Refusals that halt the strategy until a person arms it."""


class Draft(Struct, kw_only=True):
    """A child order that the plan wants; see ``OrderRequested`` for its fields.

    ``signal_price`` is the price that the sender saw; ``unpriced_max_qty`` is the route's.
    ``split_of`` is the quantity of the entry that it is a part of, where that is split.

    ``slot`` tells legs of one kind apart within a signal and account: the entry's index for
    splits, a letter for targets. ``reducing`` marks an order that the plan means as a reduction;
    the proof is made here.
    """

    account: AccountState
    spec: AccountSpec
    listing: Listing
    signal: SignalId
    strategy: StrategyId
    leg: str
    side: Side
    quantity: Decimal
    ord_type: OrdType = OrdType.MARKET
    intent: int = 0
    slot: str = ""
    attempt: int = 0
    price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_distance: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    expire_at: Instant | None = None
    reducing: bool = False
    position_id: PositionId | None = None
    bracket: Bracket | None = None
    parent: ClOrdID | None = None
    after: ClOrdID | None = None
    label: str = ""
    sizing: str = ""
    reference: str = ""
    not_before: Instant | None = None
    expires_unsent: Instant | None = None
    target: Decimal | None = None
    signal_price: Decimal | None = None
    unpriced_max_qty: Decimal | None = None
    split_of: Decimal | None = None

    def name(self) -> ClOrdID:
        """Its ClOrdID, from its cause."""
        return cl_ord_id(
            self.signal,
            self.intent,
            self.account.number,
            f"{self.leg}{self.slot}",
            self.attempt,
        )


def proven_to_reduce(turn: Turn, draft: Draft) -> bool:
    """Whether filling the draft in full can only bring the account's position nearer to flat.

    Exits already in flight are counted as filled, and so are entries in doubt on the draft's side
    unless the venue itself holds the order to reduce-only. On a hedging account an order that
    addresses a position and is no larger than it reduces.
    """
    account = draft.account
    if not draft.reducing:
        return False
    if draft.spec.position_mode is PositionMode.HEDGING and draft.position_id is not None:
        book = account.book(draft.strategy, draft.listing.symbol)
        held = book.lots.get(draft.position_id) if book is not None else None
        return held is not None and held * draft.side.sign < 0 and abs(held) >= draft.quantity
    exposure = account.exposure.get(draft.listing.symbol, _NO_EXPOSURE)
    held = -exposure.net * draft.side.sign
    if draft.leg == "x":
        for book in account.books.values():
            if book.symbol == draft.listing.symbol and book.quantity * draft.side.sign < 0:
                held -= book.leaving(draft.side.opposite)
    if held < draft.quantity:
        return False
    same_side = exposure.open_buy if draft.side is Side.BUY else exposure.open_sell
    if not same_side or turn.settings.capabilities[account.id].reduce_only:
        return True
    return held - _in_doubt(draft) >= draft.quantity


def _in_doubt(draft: Draft) -> Decimal:
    """Sum what entries in doubt on the draft's side may have traded already."""
    return sum(
        (
            order.leaves
            for order in draft.account.orders.values()
            if order.status is OrdStatus.IN_DOUBT
            and order.leg == "e"
            and order.symbol == draft.listing.symbol
            and order.side is draft.side
        ),
        ZERO,
    )


def _flattens(draft: Draft) -> bool:
    """Whether the draft is part of a sweep that closes books which stand against each other."""
    return (
        draft.leg == "x"
        and _stood_against(draft)
        and not _in_doubt(draft)
        and all(
            book.closing == draft.signal
            for book in draft.account.books.values()
            if book.symbol == draft.listing.symbol and book.quantity
        )
    )


def _stood_against(draft: Draft) -> bool:
    """Whether another book of the contract stands against the one that the draft closes."""
    return draft.position_id is None and any(
        book.symbol == draft.listing.symbol and book.quantity * draft.side.sign > 0
        for book in draft.account.books.values()
    )


def _past_flat(draft: Draft) -> Decimal:
    """How much exits under way on the draft's side may open beyond what they are to close.

    Something else has closed it meanwhile, and their own news is still on its way. A reduce-only
    one opens nothing, yet it may have filled before what closed the rest: both count then.
    """
    account, side = draft.account, draft.side
    past = ZERO
    for book in account.books.values():
        if book.symbol != draft.listing.symbol or not book.exiting:
            continue
        leaving = sum(
            (
                order.leaves
                for order in account.orders.values()
                if order.leg == "x"
                and order.side is side
                and (order.strategy, order.symbol) == (book.strategy, book.symbol)
                and order.position_id is None
            ),
            ZERO,
        )
        past += max(leaving - max(-book.quantity * side.sign, ZERO), ZERO)
    return past


def judge_draft(turn: Turn, draft: Draft) -> tuple[Verdict, ...]:
    """Run the risk chain over a draft; see ``propose``."""
    return judge(propose(turn, draft))


def propose(
    turn: Turn, draft: Draft, *, replacing: Order | None = None, guard: Guard | None = None
) -> Proposal:
    """Give a draft as the checks see it, with the account as it stands in this decision.

    Args:
        turn: the decision that this is part of.
        draft: the order; for new terms of a working one, the order as it would then be.
        replacing: the working order whose terms these would be, and which counts no more then.
        guard: for a stop that is moved, what guards the draft, and counts no more then.
    """
    account = draft.account
    listing = draft.listing
    foreign = turn.foreign(account)
    exposure = exposures(account, foreign).get(listing.symbol, _NO_EXPOSURE)
    beside = foreign.by_symbol.get(listing.symbol, NOTHING)
    book = account.book(draft.strategy, listing.symbol)
    is_buy = draft.side is Side.BUY
    counted = replacing.quantity if replacing is not None else ZERO
    reducing = proven_to_reduce(turn, draft)
    # A proven reduction is held to no limit, so none is even worked out for it.
    limits = draft.spec.limits if reducing else limits_for(turn, draft.spec, draft.strategy)
    last = account.same.get(same_key(listing.symbol, draft.side, draft.quantity))
    past = _past_flat(draft) if draft.leg == "e" else ZERO
    return Proposal(
        at=turn.at,
        signal=draft.signal,
        spec=draft.spec,
        listing=listing,
        side=draft.side,
        quantity=draft.quantity,
        split_of=draft.split_of,
        ord_type=draft.ord_type,
        reducing=reducing,
        closing=draft.leg != "e",
        net=exposure.net,
        book=book.quantity if book is not None else ZERO,
        long=exposure.long,
        short=exposure.short,
        open_buy=exposure.open_buy - counted + past if is_buy else exposure.open_buy,
        open_sell=exposure.open_sell if is_buy else exposure.open_sell - counted + past,
        open_orders=len(account.orders) - (replacing is not None) + foreign.orders,
        foreign_orders=foreign.orders,
        foreign=beside.buy if is_buy else beside.sell,
        rates=account.rates,
        limits=limits,
        around=Surroundings(turn, draft, limits, counted, replacing, guard),
        strategy=draft.strategy,
        stop=stop_in_force(turn.state, draft.spec, draft.strategy),
        price=draft.price,
        stop_price=draft.stop_price,
        has_stop_loss=draft.bracket is not None and draft.bracket.stop_loss is not None,
        reconciled=account.reconciled,
        flattening=not reducing and _flattens(draft),
        drift=account.drift.get(listing.symbol) or next(iter(account.drift.values()), ""),
        last_same_signal=last.signal if last is not None else "",
        last_same_at=last.at if last is not None else Instant(0),
    )


def place(turn: Turn, draft: Draft) -> ClOrdID | None:
    """Judge a draft and emit what became of it.

    Returns:
        The ClOrdID when the order is requested, None when it was refused (the event says why;
        for an order of a guard that goes on being refused for one reason, it says so once).
    """
    proposal = propose(turn, draft)
    verdicts = judge(proposal)
    name = draft.name()
    longest = turn.settings.capabilities[draft.account.id].client_order_id_max
    if len(name) > longest:
        said = f"its id {name} is longer than the {longest} characters that the venue keeps"
        passes = "an id that fits; please report this"
        verdicts += (Verdict("id_too_long", False, None, None, said, passes),)
    last = verdicts[-1]
    if not last.ok or draft.spec.mode is AccountMode.SHADOW:
        guard = draft.account.guards.get(draft.parent) if draft.parent is not None else None
        if guard is None or guard.denied.get(denied_key(draft.leg, name)) != last.code:
            _refuse(turn, draft, name, verdicts)
        if last.code in _LATCHES and not last.ok:
            scope = f"strategy:{draft.strategy}"
            set_stop(turn, scope, StopMode.HALT, "bascule", last.text, code=last.code)
        return None
    requested = _requested(turn, draft, proposal, verdicts)
    turn.emit(requested)
    after_request(turn, draft.account, requested)
    return name


def _requested(
    turn: Turn, draft: Draft, proposal: Proposal, verdicts: tuple[Verdict, ...]
) -> OrderRequested:
    counts_value = proposal.limits.short_interval_value is not None and draft.leg == "e"
    return OrderRequested(
        at=turn.at,
        cl_ord_id=draft.name(),
        signal=draft.signal,
        intent=draft.intent,
        account=draft.account.id,
        strategy=draft.strategy,
        leg=draft.leg,
        symbol=draft.listing.symbol,
        venue_symbol=draft.listing.venue_symbol,
        side=draft.side,
        quantity=draft.quantity,
        ord_type=draft.ord_type,
        attempt=draft.attempt,
        price=draft.price,
        stop_price=draft.stop_price,
        trail_distance=draft.trail_distance,
        time_in_force=draft.time_in_force,
        expire_at=draft.expire_at,
        # Two books may stand against each other in one account: then a close of one may not reduce
        # the account by the time it arrives, and a venue would end it as reduce-only.
        reduce_only=proposal.reducing and not _stood_against(draft),
        position_id=draft.position_id,
        bracket=draft.bracket,
        parent=draft.parent,
        after=draft.after,
        label=draft.label,
        comment=draft.spec.comment,
        sizing=draft.sizing,
        reference=draft.reference,
        not_before=draft.not_before,
        expires_unsent=draft.expires_unsent,
        target=draft.target,
        value=proposal.around.value if counts_value else None,
        verdicts=verdicts,
    )


def _refuse(turn: Turn, draft: Draft, name: ClOrdID, verdicts: tuple[Verdict, ...]) -> None:
    last = verdicts[-1]
    if last.ok:
        code = "shadow_mode"
        sentence = (
            f"shadow account: {draft.side.value} {text(draft.quantity)} "
            f"{draft.listing.venue_symbol} passed every check and was not sent"
        )
    else:
        code = last.code
        sentence = f"{last.text}. Would pass: {last.passes}" if last.passes else last.text
    turn.emit(
        OrderRefused(
            at=turn.at,
            cl_ord_id=name,
            signal=draft.signal,
            intent=draft.intent,
            account=draft.account.id,
            strategy=draft.strategy,
            leg=draft.leg,
            symbol=draft.listing.symbol,
            side=draft.side,
            quantity=draft.quantity,
            code=code,
            text=sentence,
            verdicts=verdicts,
            sizing=draft.sizing,
            parent=draft.parent,
        )
    )
