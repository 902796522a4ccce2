"""The planner's entry: one account's quantity for one order, by its route's rule."""

from decimal import Decimal

from msgspec.structs import replace

from bascule.model.account import SizingRule
from bascule.model.enums import InstrumentKind, QtyUnit, Side
from bascule.model.instrument import Listing
from bascule.model.intent import Amount
from bascule.model.order import AccountSnapshot
from bascule.model.values import floor_to, text
from bascule.sizing.case import (
    HUNDRED,
    Sized,
    SizeRefused,
    SizingCase,
    basis_amount,
    counted,
    short,
)
from bascule.sizing.size import below_minimum, size

FX_LOT = Decimal(100_000)
"""Base units of a standard FX lot, for venues that count units."""


def size_order(
    rule: SizingRule,
    listing: Listing,
    *,
    side: Side,
    entry: Decimal | None,
    stop: Decimal | None,
    signal_amount: Amount | None,
    account_money: AccountSnapshot | None,
    initial: Decimal | None,
    quote_to_account: Decimal | None,
    held: Decimal,
) -> Sized | SizeRefused:
    """Give the quantity of one entry, in the venue's unit, on its step and within the route's own.

    Rounds down only; what falls below the venue's minimum is refused, never lifted. What is asked
    for may be more than the venue takes in one order: whether that is refused or split is the
    account's setting. Only a size from risk is held to the venue's maximum, as its formula has it.

    Args:
        rule: how the route sizes for this account.
        listing: the venue's own record of the instrument.
        side: the order's side.
        entry: the worst price allowed; None when there is none to size from.
        stop: the stop that goes with the entry, in price.
        signal_amount: what the signal asked for, with its unit.
        account_money: the venue's latest word on balance and equity.
        initial: the account's initial balance, for that basis.
        quote_to_account: account units per unit of quote currency, None when missing or stale.
        held: what the strategy's book holds, signed.
    """
    if rule.method == "fixed":
        return _settled(rule.quantity, rule, listing, "the route's fixed quantity")
    given = _Given(listing, side, entry, stop, account_money, initial, quote_to_account, held)
    if rule.method == "risk_percent":
        return given.by_percent(rule, rule.percent)
    if signal_amount is None:
        return SizeRefused(
            "no_signal_quantity",
            "The signal states no quantity and the route sizes from the signal's. Send one, or "
            "give the route a fixed quantity or a risk percent.",
        )
    value = signal_amount.value
    if rule.method == "multiplier":
        value *= rule.factor
        asked = f"the signal's {text(signal_amount.value)} x {text(rule.factor)}"
    else:
        asked = f"the signal's {text(value)}"
    if signal_amount.unit is QtyUnit.UNITS:
        return _settled(value, rule, listing, asked)
    return given.by_unit(rule, value, signal_amount.unit, asked)


def scaled(rule: SizingRule, factor: Decimal) -> SizingRule:
    """Give a rule whose sizes are multiplied by a factor, the maximum left as it is."""
    return replace(
        rule,
        method="multiplier" if rule.method == "signal" else rule.method,
        quantity=rule.quantity * factor,
        factor=factor if rule.method == "signal" else rule.factor * factor,
        percent=rule.percent * factor,
    )


def _settled(raw: Decimal, rule: SizingRule, listing: Listing, why: str) -> Sized | SizeRefused:
    """Put a quantity on the step and under the route's maximum, and say so."""
    if raw <= 0:
        return SizeRefused("no_quantity", f"The quantity is {text(raw)}: {why}.", raw)
    lots = floor_to(raw, listing.lot_step)
    note = "" if lots == raw else f", rounded down from {short(raw)}"
    if rule.max_qty and rule.max_qty < lots:
        lots = floor_to(rule.max_qty, listing.lot_step)
        note = f", capped by the route's maximum, from {short(raw)}"
    if lots < listing.min_qty:
        return below_minimum(listing, raw, why)
    return Sized(lots, f"{counted(lots, listing)}: {why}{note}", raw)


class _Given:
    """The order's circumstances, for the units that need them."""

    __slots__ = ("entry", "held", "initial", "listing", "money", "rate", "side", "stop")

    def __init__(
        self,
        listing: Listing,
        side: Side,
        entry: Decimal | None,
        stop: Decimal | None,
        money: AccountSnapshot | None,
        initial: Decimal | None,
        rate: Decimal | None,
        held: Decimal,
    ) -> None:
        self.listing, self.side, self.entry, self.stop = listing, side, entry, stop
        self.money, self.initial, self.rate, self.held = money, initial, rate, held

    def by_unit(
        self, rule: SizingRule, value: Decimal, unit: QtyUnit, asked: str
    ) -> Sized | SizeRefused:
        """Size from an amount that is not simply what the venue counts."""
        if value <= 0:
            return SizeRefused("no_quantity", f"The quantity is {text(value)}: {asked}.", value)
        if unit is QtyUnit.LOTS:
            return self._by_lots(rule, value, asked)
        if unit is QtyUnit.CURRENCY:
            words = f"{asked} {self.listing.quote} of notional"
            return self._by_notional(rule, value, words)
        if unit is QtyUnit.RISK_CURRENCY:
            return self._by_risk(rule, value, f"{asked} of risk")
        if unit is QtyUnit.RISK_PERCENT:
            return self.by_percent(rule, value)
        if unit is QtyUnit.POSITION_PERCENT:
            if not self.held:
                return SizeRefused("nothing_held", f"{asked}% of a position of zero is nothing.")
            raw = abs(self.held) * value / HUNDRED
            return _settled(raw, rule, self.listing, f"{asked}% of {text(abs(self.held))} held")
        return self._by_money_percent(rule, value, unit, asked)

    def by_percent(self, rule: SizingRule, percent: Decimal) -> Sized | SizeRefused:
        """Size from a percent of the rule's basis, lost at the stop."""
        money = self.money
        if money is None:
            return _no_money()
        basis = basis_amount(
            rule.basis, balance=money.balance, equity=money.equity, initial=self.initial
        )
        if basis is None:
            return SizeRefused(
                "missing_basis",
                "The route sizes from the initial balance and the account states none. Set "
                "initial_balance on the account, or choose another basis.",
            )
        cash = basis * percent / HUNDRED
        name: str = rule.basis
        if rule.basis == "lower":
            name = "balance" if money.balance < money.equity else "equity"
        words = f"{text(percent)}% of {short(basis)} {money.currency} {name} = {cash:,.2f}"
        return self._by_risk(rule, cash, words)

    def _by_lots(self, rule: SizingRule, value: Decimal, asked: str) -> Sized | SizeRefused:
        kind = self.listing.kind
        if kind is InstrumentKind.FX:
            raw = value * FX_LOT / self.listing.multiplier
            return _settled(raw, rule, self.listing, f"{asked} lots of 100,000")
        if kind in (InstrumentKind.CFD, InstrumentKind.FUTURE, InstrumentKind.OPTION):
            return _settled(value, rule, self.listing, f"{asked} lots")
        return SizeRefused(
            "lots_undefined",
            f"{self.listing.venue_symbol} is {kind.replace('_', ' ')} and has no lot. Send units "
            "or a currency amount.",
        )

    def _by_notional(self, rule: SizingRule, notional: Decimal, why: str) -> Sized | SizeRefused:
        if self.entry is None or self.entry <= 0:
            return _no_price()
        raw = notional / (self.entry * self.listing.multiplier)
        return _settled(raw, rule, self.listing, f"{why} at {text(self.entry)}")

    def _by_money_percent(
        self, rule: SizingRule, percent: Decimal, unit: QtyUnit, asked: str
    ) -> Sized | SizeRefused:
        money = self.money
        if money is None:
            return _no_money()
        if money.equity <= 0:
            return SizeRefused(
                "not_positive_equity", f"Equity is {money.equity}; nothing is sized."
            )
        if self.rate is None:
            wanted = f"from {self.listing.quote} to {money.currency}"
            return SizeRefused("missing_fx_rate", f"There is no fresh rate {wanted}.")
        name = "balance" if unit is QtyUnit.BALANCE_PERCENT else "equity"
        amount = money.balance if unit is QtyUnit.BALANCE_PERCENT else money.equity
        words = f"{asked}% of {short(amount)} {money.currency} {name}"
        return self._by_notional(rule, amount * percent / HUNDRED / self.rate, words)

    def _by_risk(self, rule: SizingRule, cash: Decimal, words: str) -> Sized | SizeRefused:
        if self.money is None:
            return _no_money()
        if self.entry is None:
            return _no_price()
        listing = self.listing
        if rule.max_qty and (not listing.max_qty or rule.max_qty < listing.max_qty):
            listing = replace(listing, max_qty=rule.max_qty)
        return size(
            SizingCase(
                listing=listing,
                side=self.side,
                entry=self.entry,
                stop=self.stop,
                equity=self.money.equity,
                cash=cash,
                currency=self.money.currency,
                budget_words=words,
                quote_to_account=self.rate,
                slippage=rule.slippage_ticks * listing.tick_size,
                commission=rule.commission_per_lot,
            )
        )


def _no_money() -> SizeRefused:
    return SizeRefused(
        "no_account_money",
        "The venue has not yet told this account's balance and equity, from which it sizes.",
    )


def _no_price() -> SizeRefused:
    return SizeRefused(
        "no_price", "There is no price to size from. Send one, or wait for the venue's quote."
    )
