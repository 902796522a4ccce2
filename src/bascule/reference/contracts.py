"""Futures: products of the table, their contracts, expiry, and the front month by our roll rule."""

from bisect import bisect_right
from datetime import date, time
from decimal import Decimal
from functools import cache, cached_property

from msgspec import Struct

from bascule.model.enums import InstrumentKind
from bascule.model.ids import Symbol
from bascule.model.instrument import Instrument
from bascule.model.values import HOUR, Currency, Instant
from bascule.reference.calendars import FIRST_YEAR, LAST_YEAR, BusinessDays, business_days
from bascule.reference.expiry import RULES, first_notice
from bascule.reference.localtime import instant, parse_time
from bascule.reference.tables import rows

MONTH_LETTERS = "FGHJKMNQUVXZ"
"""Delivery months January to December."""


class Exchange(Struct, frozen=True):
    """A futures exchange. ``day_opens`` is the hour, from local midnight, that starts a trade date.

    ``prefixes`` are what chart sites put before a colon; ``names`` are other systems' names of the
    exchange, where they differ.
    """

    name: str
    mic: str
    zone: str
    day_opens: int
    day_ends: str
    calendar: str
    prefixes: frozenset[str]
    names: dict[str, str]


class OtherName(Struct, frozen=True):
    """What one system calls a product, where that differs from our root or was looked up.

    ``magnifier`` is how many of our price units one of theirs is (100 where they quote dollars
    and we quote cents). ``sure`` is False when it was not read on a public page.
    """

    name: str
    exchange: str
    magnifier: Decimal
    sure: bool


class Contract(Struct, frozen=True):
    """One month of one product.

    ``expires`` is when it last trades, ``rolls`` when an entry on the continuous name goes to the
    next contract, and ``notice`` when the first notice day begins: from then on whoever holds a
    contract that settles by delivery may be made to take it. None where no such day is known.
    """

    root: str
    year: int
    month: int
    symbol: Symbol
    expires: Instant
    rolls: Instant
    notice: Instant | None
    instrument: Instrument

    @property
    def letter(self) -> str:
        """The month's letter, F to Z."""
        return MONTH_LETTERS[self.month - 1]


class Product(Struct, frozen=True, dict=True):
    """A row of the futures table with its exchange, expiry rule, and other systems' names for it.

    ``months`` are the letters that exist, ``front_months`` those that a continuous name rolls
    through. ``source`` says where tick and multiplier are from.
    """

    root: str
    name: str
    exchange: Exchange
    currency: Currency
    tick_size: Decimal
    multiplier: Decimal
    months: str
    front_months: str
    rule: str
    last_time: str
    last_zone: str
    days: BusinessDays
    notice_rule: str
    roll_days: int
    session: str
    prefix: str
    source: str
    names: dict[str, OtherName]

    def name_in(self, system: str) -> str:
        """Give what a system calls the product; our root where the table says nothing else."""
        other = self.names.get(system)
        return other.name if other else self.root

    @cached_property
    def contracts(self) -> dict[tuple[int, int], Contract]:
        """Every contract of the years that the holiday table covers, by (year, month)."""
        return {
            (year, month): self._contract(year, month)
            for year in range(FIRST_YEAR, LAST_YEAR + 1)
            for month, letter in enumerate(MONTH_LETTERS, 1)
            if letter in self.months
        }

    @cached_property
    def by_symbol(self) -> dict[str, Contract]:
        """The same contracts by our symbol, ``ESZ2026``."""
        return {contract.symbol: contract for contract in self.contracts.values()}

    def front(self, now: Instant) -> Contract | None:
        """Give the contract that an entry on the continuous name goes to, None past the table."""
        cycle, rolls = self._cycle
        index = bisect_right(rolls, now)
        return cycle[index] if index < len(cycle) else None

    @cached_property
    def _cycle(self) -> tuple[tuple[Contract, ...], tuple[Instant, ...]]:
        cycle = [c for c in self.contracts.values() if c.letter in self.front_months]
        cycle.sort(key=lambda c: c.rolls)
        return tuple(cycle), tuple(c.rolls for c in cycle)

    def _contract(self, year: int, month: int) -> Contract:
        last_day = RULES[self.rule](self.days, year, month)
        notice = first_notice(self.notice_rule, self.days, year, month)
        anchor = min(last_day, notice) if notice else last_day
        roll_day = self.days.before(anchor, self.roll_days)
        expires = instant(last_day, parse_time(self.last_time), self.last_zone)
        symbol = Symbol(f"{self.root}{MONTH_LETTERS[month - 1]}{year}")
        return Contract(
            root=self.root,
            year=year,
            month=month,
            symbol=symbol,
            expires=expires,
            rolls=self._opening(roll_day),
            notice=self._opening(notice) if notice else None,
            instrument=Instrument(
                symbol=symbol,
                kind=InstrumentKind.FUTURE,
                quote=self.currency,
                tick_size=self.tick_size,
                multiplier=self.multiplier,
                session=self.session,
                root=self.root,
                expiry=expires,
                description=f"{self.name}, {MONTH_LETTERS[month - 1]} {year}",
            ),
        )

    def _opening(self, day: date) -> Instant:
        """Give when a trade date begins, which on most exchanges is the evening before."""
        midnight = instant(day, time(), self.exchange.zone)
        return Instant(midnight + self.exchange.day_opens * HOUR)


@cache
def exchanges() -> dict[str, Exchange]:
    """Give the exchanges of the table by name."""
    names: dict[str, dict[str, str]] = {}
    for row in rows("exchange_names.csv"):
        names.setdefault(row["exchange"], {})[row["system"]] = row["name"]
    return {
        row["exchange"]: Exchange(
            name=row["exchange"],
            mic=row["mic"],
            zone=row["zone"],
            day_opens=int(row["day_opens"]),
            day_ends=row["day_ends"],
            calendar=row["calendar"],
            prefixes=frozenset(row["prefixes"].split()),
            names=names.get(row["exchange"], {}),
        )
        for row in rows("exchanges.csv")
    }


@cache
def products() -> dict[str, Product]:
    """Give the products of the table by our root."""
    rules = {row["rule"]: row for row in rows("expiry_rules.csv")}
    rolls = {row["root"]: row for row in rows("futures_rolls.csv")}
    names: dict[str, dict[str, OtherName]] = {root: {} for root in rolls}
    for row in rows("futures_names.csv"):
        names[row["root"]][row["system"]] = OtherName(
            row["name"], row["exchange"], Decimal(row["magnifier"]), row["sure"] == "yes"
        )
    return {
        row["root"]: _product(
            row, rolls[row["root"]], rules[row["expiry_rule"]], names[row["root"]]
        )
        for row in rows("futures.csv")
    }


def _product(
    row: dict[str, str], roll: dict[str, str], rule: dict[str, str], names: dict[str, OtherName]
) -> Product:
    exchange = exchanges()[row["exchange"]]
    months = row["months"]
    if months.endswith("+serial") or " " in months:
        months = MONTH_LETTERS
    return Product(
        root=row["root"],
        name=row["name"],
        exchange=exchange,
        currency=Currency(row["currency"]),
        tick_size=Decimal(row["tick_size"]),
        multiplier=Decimal(row["multiplier"]),
        months=months,
        front_months=roll["front_months"] or months,
        rule=row["expiry_rule"],
        last_time=roll["last_time"] or rule["last_time"] or exchange.day_ends,
        last_zone=rule["zone"] or exchange.zone,
        days=business_days(rule["calendar"] or exchange.calendar),
        notice_rule=rule["first_notice"],
        roll_days=int(roll["roll_days"]),
        session=roll["session"],
        prefix=row["tradingview_prefix"],
        source=row["source"],
        names=names,
    )
