"""Size from risk: the lots that lose no more than the allowed cash at the stop."""

from decimal import ROUND_FLOOR, Decimal

from bascule.model.enums import InstrumentKind, Side
from bascule.model.instrument import Listing
from bascule.model.values import ONE, ZERO, ceil_to, floor_to, text
from bascule.sizing.case import (
    HUNDRED,
    MarginRule,
    Sized,
    SizeRefused,
    SizingCase,
    counted,
    short,
    unit_word,
)


def size(case: SizingCase) -> Sized | SizeRefused:
    """Give the lots of a case, or the first check that fails, in the order of ``CODES``.

    Rounds down only and never lifts to the minimum lot, since that would exceed the risk. The
    division is by the loss first and by the step last, in decimals.
    """
    if case.equity <= 0:
        return SizeRefused("not_positive_equity", f"Equity is {case.equity}; nothing is sized.")
    stop = checked_stop(case.listing, case.side, case.entry, case.stop)
    if isinstance(stop, SizeRefused):
        return stop
    if case.quote_to_account is None:
        wanted = f"from {case.listing.quote} to {case.currency or 'the account currency'}"
        return SizeRefused("missing_fx_rate", f"There is no fresh rate {wanted}.")
    risk_cash, cap_words = _capped(case)
    if risk_cash <= 0:
        return SizeRefused("no_risk_room", f"No risk is left to take: {risk_cash:.2f}{cap_words}.")
    distance = abs(case.entry - stop)
    loss = (
        distance + case.slippage
    ) * case.listing.multiplier * case.quote_to_account + case.commission
    lots = _lots(case, risk_cash, loss)
    if isinstance(lots, SizeRefused):
        return lots
    raw = risk_cash / loss
    margin = None
    if case.margin is not None:
        fitted = _with_margin(case, case.margin, lots)
        if isinstance(fitted, SizeRefused):
            return fitted
        lots, margin = fitted
    words = f"{case.budget_words or f'risk {case.cash:,.2f}'}{cap_words}; " + _loss_words(
        case, distance, loss, lots, raw
    )
    return Sized(lots, words, raw, risk_cash, loss, lots * loss, stop, margin)


def checked_stop(
    listing: Listing, side: Side, entry: Decimal, stop: Decimal | None
) -> Decimal | SizeRefused:
    """Give the stop on the tick, away from the entry; refuse one that is absent, wrong or close.

    ``side`` is the entry's. The side is judged as asked, the distance after rounding.
    """
    if stop is None:
        return SizeRefused("no_stop", "Risk is undefined without a stop. Send one with the entry.")
    if (entry - stop) * side.sign <= 0:
        where = "below" if side is Side.BUY else "above"
        return SizeRefused(
            "stop_wrong_side", f"The stop of a {side} at {entry} must be {where} it; it is {stop}."
        )
    if listing.tick_size:
        round_away = floor_to if side is Side.BUY else ceil_to
        stop = round_away(stop, listing.tick_size)
    if abs(entry - stop) < listing.min_stop_distance:
        return SizeRefused(
            "stop_too_close",
            f"The stop is {text(abs(entry - stop))} away; the broker asks for at least "
            f"{text(listing.min_stop_distance)}.",
        )
    return stop


def margin_per_lot(case: SizingCase, rule: MarginRule) -> Decimal:
    """Give the margin of one lot in account currency.

    A sum per contract as it is; FX by the base currency's rate (or the entry price where that is
    not given); everything else by price.
    """
    if rule.per_contract is not None:
        return rule.per_contract
    listing = case.listing
    if listing.kind is InstrumentKind.FX and case.base_to_account is not None:
        return listing.multiplier * case.base_to_account / rule.leverage
    rate = case.quote_to_account if case.quote_to_account is not None else ZERO
    return listing.multiplier * case.entry * rate / rule.leverage


def excess_after_fill(
    sized: Sized, case: SizingCase, fill: Decimal, tolerance: Decimal = ZERO
) -> Decimal:
    """Give the lots to take off after a fill, so that the risk is what was allowed.

    ``tolerance`` is a ratio of the risk cash: 0.1 lets the real risk be a tenth larger. Zero when
    the real risk is within it, or when the case sized nothing from a stop.
    """
    if sized.stop is None or sized.risk_cash is None or case.quote_to_account is None:
        return ZERO
    distance = max((fill - sized.stop) * case.side.sign, ZERO)
    loss = (
        distance + case.slippage
    ) * case.listing.multiplier * case.quote_to_account + case.commission
    if loss * sized.lots <= sized.risk_cash * (ONE + tolerance):
        return ZERO
    return sized.lots - floor_to(sized.risk_cash / loss, case.listing.lot_step)


def _capped(case: SizingCase) -> tuple[Decimal, str]:
    cash = case.cash * case.phase
    words = f" x {text(case.phase)} for the phase" if case.phase != ONE else ""
    for remaining, share, name in (
        (case.daily_remaining, case.daily_share, "the day's room"),
        (case.max_loss_remaining, case.max_loss_share, "the room to the floor"),
    ):
        if remaining is not None and remaining * share < cash:
            cash = remaining * share
            part = "" if share == ONE else f"{text(share * HUNDRED)}% of "
            words = f", capped at {cash:,.2f} by {part}{name}"
    return cash, words


def _lots(case: SizingCase, risk_cash: Decimal, loss: Decimal) -> Decimal | SizeRefused:
    listing = case.listing
    room = None if case.firm_cap is None else case.firm_cap - case.open_lots
    if room is not None and room < listing.min_qty:
        return SizeRefused(
            "size_limit",
            f"The firm's cap is {case.firm_cap} and {counted(case.open_lots, listing)} are open: "
            f"{room} left, less than the minimum of {listing.min_qty}.",
        )
    raw = risk_cash / loss
    lots = (raw / listing.lot_step).to_integral_value(ROUND_FLOOR) * listing.lot_step
    if listing.max_qty:
        lots = min(lots, floor_to(listing.max_qty, listing.lot_step))
    if room is not None:
        lots = min(lots, floor_to(room, listing.lot_step))
    if lots < listing.min_qty:
        return below_minimum(
            listing, raw, f"{risk_cash:,.2f} of risk / {loss:,.2f} a {unit_word(listing)}"
        )
    return lots


def below_minimum(listing: Listing, raw: Decimal, arithmetic: str) -> SizeRefused:
    """Refuse a quantity that rounds down below the venue's minimum."""
    return SizeRefused(
        "below_min_lot",
        f"{arithmetic} = {short(raw)}, below the venue's minimum of "
        f"{counted(listing.min_qty, listing)}. It is never lifted to the minimum.",
        raw,
    )


def _with_margin(
    case: SizingCase, rule: MarginRule, lots: Decimal
) -> tuple[Decimal, Decimal] | SizeRefused:
    per_lot = margin_per_lot(case, rule)
    needed = lots * per_lot
    available = case.free_margin * rule.max_use / HUNDRED
    if needed <= available:
        return lots, needed
    if rule.on_shortfall == "shrink" and available > 0:
        smaller = floor_to(available / per_lot, case.listing.lot_step)
        if smaller >= case.listing.min_qty:
            return smaller, smaller * per_lot
    return SizeRefused(
        "insufficient_margin",
        f"{counted(lots, case.listing)} need {needed:,.2f} of margin; "
        f"{available:,.2f} may be used.",
        needed=needed,
        available=available,
    )


def _loss_words(
    case: SizingCase, distance: Decimal, loss: Decimal, lots: Decimal, raw: Decimal
) -> str:
    listing = case.listing
    if listing.pip_size:
        step, name = listing.pip_size, "pips"
    elif listing.kind is InstrumentKind.FUTURE and listing.tick_size:
        step, name = listing.tick_size, "ticks"
    else:
        step, name = ONE, "in price"
    rate = case.quote_to_account if case.quote_to_account is not None else ZERO
    value = short(step * listing.multiplier * rate)
    count = short(distance / step)
    if case.slippage:
        count = f"({count} + {short(case.slippage / step)} slippage)"
    costs = f" + {short(case.commission)}" if case.commission else ""
    cut = floor_to(raw, listing.lot_step) > lots
    rounded = f", {'cut to the maximum' if cut else 'rounded down'} from {short(raw)}"
    if lots == raw:
        rounded = ""
    return (
        f"{count} {name} x {value}{costs} = {short(loss)} a {unit_word(listing)}; "
        f"{counted(lots, listing)}{rounded}"
    )
