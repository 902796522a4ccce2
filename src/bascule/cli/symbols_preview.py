"""What a name would become on an account: the rows of ``bascule symbols check``.

Nothing is read or sent here: the caller gives the venues' listings and quotes, or none.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal

from msgspec import Struct, field

from bascule.model.account import AccountSpec, Route, RouteLeg, SizingRule
from bascule.model.enums import InstrumentKind
from bascule.model.ids import AccountId, Symbol, VenueSymbol
from bascule.model.instrument import Instrument, Listing, Quote
from bascule.model.values import HOUR, ONE, ZERO, Instant
from bascule.reference import NoRate, Refusal, Resolution, products, rate, resolve, round_lot, state
from bascule.reference.localtime import local

QUOTE_AGE = HOUR
"""How old a quote may be that a preview converts by; it is for show, no order is sized with it."""
_DAY = 24 * HOUR


class Known(Struct):
    """What is known of the accounts now; an account without ``listings`` is shown by the table.

    ``quotes`` are by our symbol; ``bases`` are what a size by risk is a share of, in the account's
    currency.
    """

    listings: dict[AccountId, dict[Symbol, Listing]] = field(default_factory=dict)
    quotes: dict[AccountId, dict[str, Quote]] = field(default_factory=dict)
    bases: dict[AccountId, Decimal] = field(default_factory=dict)


class Sample(Struct, frozen=True, omit_defaults=True):
    """A size of the route's rule before and after the lot step; ``text`` says what it was."""

    text: str
    asked: Decimal | None = None
    rounded: Decimal | None = None
    lost: Decimal | None = None


class Preview(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One name on one account of one route.

    ``source`` is ``venue`` or ``reference``: whose figures they are. ``tick_value`` is in
    ``currency`` for one unit of quantity, ``account_tick_value`` in the account's currency, None
    where no rate is known. Days are whole days from now. With ``code`` an entry is refused.
    """

    route: str
    account: str
    name: str
    symbol: str = ""
    why: str = ""
    code: str = ""
    candidates: tuple[str, ...] = ()
    continuous: bool = False
    rolls: date | None = None
    days_to_roll: int | None = None
    expires: date | None = None
    days_to_expiry: int | None = None
    venue_symbol: str = ""
    source: str = ""
    tick_size: Decimal | None = None
    currency: str = ""
    tick_value: Decimal | None = None
    account_currency: str = ""
    account_tick_value: Decimal | None = None
    lot_step: Decimal | None = None
    min_qty: Decimal | None = None
    max_qty: Decimal | None = None
    sample: Sample | None = None
    session: str = ""
    phase: str = ""
    changes: Instant | None = None


def previews(
    routes: Iterable[Route],
    accounts: Mapping[AccountId, AccountSpec],
    names: tuple[str, ...],
    known: Known,
    now: Instant,
) -> list[Preview]:
    """Give a row for each name on each leg of each route.

    Args:
        routes: with only the legs that are wanted.
        accounts: by id, at least those of the legs.
        names: as a trader writes them; empty for each route's ``symbols`` or, where it has none,
            the names that its account's map overrides.
        known: what the venues say.
        now: decides front months, expiry and sessions.
    """
    return [
        _preview(route, leg, accounts[leg.account], name, known, now)
        for route in routes
        for leg in route.legs
        for name in names or route.symbols or tuple(accounts[leg.account].symbols.overrides)
    ]


def _preview(
    route: Route, leg: RouteLeg, spec: AccountSpec, name: str, known: Known, now: Instant
) -> Preview:
    row = Preview(route=route.id, account=spec.id, name=name, account_currency=spec.currency)
    listings = known.listings.get(spec.id)
    theirs = spec.symbols.overrides.get(name)
    listing = (listings or {}).get(Symbol(name)) if theirs else None
    found = _resolved(name, spec, now)
    if listing is not None:
        why = f"{name} is mapped to {theirs} by the account's overrides"
        row = _with(row, symbol=name, why=why)
    elif isinstance(found, Refusal):
        return _with(row, code=found.code, why=found.text, candidates=found.candidates)
    else:
        row = _with(row, symbol=found.instrument.symbol, why=found.why)
        listing = (
            _by_table(found.instrument, spec, name)
            if listings is None
            else listings.get(found.instrument.symbol)
        )
    if isinstance(found, Resolution):
        row = _dated(row, found, now)
    if route.symbols and row.symbol not in route.symbols and name not in route.symbols:
        text = f"route {route.id} trades {', '.join(route.symbols)}, not {row.symbol}"
        return _with(row, code="symbol_not_allowed", why=text)
    if listing is None:
        venue_symbol = spec.symbols.venue_symbol(row.symbol)
        why = f"the account's venue lists no {venue_symbol}: check the account's symbol map"
        return _with(row, code="unknown_symbol", why=why, venue_symbol=venue_symbol)
    row = _figures(row, listing, leg, known, now)
    return _with(row, source="reference" if listings is None else "venue")


def _resolved(name: str, spec: AccountSpec, now: Instant) -> Resolution | Refusal:
    """Resolve as an entry is: an override may name another of our names, such as ``MES1!``."""
    theirs = spec.symbols.overrides.get(name)
    if theirs is not None:
        other = resolve(theirs, now)
        if isinstance(other, Resolution):
            return other
    return resolve(name, now, symbols=None if theirs else spec.symbols)


def _by_table(instrument: Instrument, spec: AccountSpec, name: str) -> Listing:
    """Give a listing by the reference table, which knows no largest quantity."""
    symbol = name if name in spec.symbols.overrides else instrument.symbol
    return Listing(
        symbol=instrument.symbol,
        venue_symbol=VenueSymbol(_venue_symbol(instrument, spec, symbol)),
        kind=instrument.kind,
        quote=instrument.quote,
        tick_size=instrument.tick_size,
        multiplier=instrument.multiplier,
        lot_step=instrument.lot_step,
        min_qty=instrument.min_qty,
        max_qty=ZERO,
        session=instrument.session,
        expiry=instrument.expiry,
    )


def _venue_symbol(instrument: Instrument, spec: AccountSpec, name: str) -> str:
    theirs = spec.symbols.overrides.get(name)
    if theirs is not None and theirs.endswith("!"):
        return spec.symbols.venue_symbol(instrument.symbol)
    return theirs or spec.symbols.venue_symbol(instrument.symbol)


def _dated(row: Preview, found: Resolution, now: Instant) -> Preview:
    instrument = found.instrument
    if instrument.kind is not InstrumentKind.FUTURE or instrument.root not in products():
        return row
    product = products()[instrument.root]
    contract = product.by_symbol[instrument.symbol]
    zone = product.exchange.zone
    return _with(
        row,
        continuous=found.continuous,
        rolls=local(contract.rolls, zone).date(),
        days_to_roll=max(0, (contract.rolls - now) // _DAY),
        expires=local(contract.expires, zone).date(),
        days_to_expiry=max(0, (contract.expires - now) // _DAY),
    )


def _figures(row: Preview, listing: Listing, leg: RouteLeg, known: Known, now: Instant) -> Preview:
    account = AccountId(row.account)
    quotes = known.quotes.get(account, {})
    found = rate(listing.quote, row.account_currency, quotes, now, QUOTE_AGE)
    session = listing.session or "always"
    at = state(session, now)
    return _with(
        row,
        venue_symbol=listing.venue_symbol,
        tick_size=listing.tick_size,
        currency=listing.quote,
        tick_value=listing.tick_value,
        account_tick_value=(
            None if isinstance(found, NoRate) else listing.tick_value * found.value
        ),
        lot_step=listing.lot_step,
        min_qty=listing.min_qty,
        max_qty=listing.max_qty or None,
        sample=_sample(
            leg.sizing,
            listing,
            _by_risk(
                leg.sizing,
                listing,
                quotes.get(listing.symbol),
                known.bases.get(account),
                None if isinstance(found, NoRate) else found.value,
            ),
        ),
        session=session,
        phase=at.phase,
        changes=None if session in ("always", "simulated") else at.until,
    )


def _by_risk(
    rule: SizingRule,
    listing: Listing,
    quote: Quote | None,
    basis: Decimal | None,
    factor: Decimal | None,
) -> Decimal | None:
    """Size by risk with the stop 1 % away, before costs; None where price or money is unknown."""
    if quote is None or basis is None or factor is None or quote.mid <= 0:
        return None
    lost = quote.mid / 100 * listing.multiplier * factor
    return basis * rule.percent / 100 / lost


def _sample(rule: SizingRule, listing: Listing, by_risk: Decimal | None) -> Sample:
    """Size one signal by the rule and put it on the lot step."""
    if rule.method == "risk_percent" and by_risk is None:
        return Sample("by risk: needs a price and the account's money")
    asked, text = {
        "risk_percent": (by_risk or ZERO, "by risk, stop 1 % away, before costs"),
        "fixed": (rule.quantity, "fixed"),
        "multiplier": (ONE * rule.factor, "a signal for 1"),
        "signal": (ONE, "a signal for 1"),
    }[rule.method]
    if rule.max_qty is not None and asked > rule.max_qty:
        asked, text = rule.max_qty, f"{text}, held to max_qty"
    rounded = round_lot(asked, listing.lot_step)
    if rounded < listing.min_qty:
        rounded, text = ZERO, f"{text}: below the smallest order, refused"
    return Sample(text, round(asked, 8), rounded, round(asked - rounded, 8))


def _with(row: Preview, **changes: object) -> Preview:
    from msgspec.structs import replace

    return replace(row, **changes)
