"""How instruments are named on the wire: one name here, several tags there. Pure.

A venue's symbol is one word in Bascule. On the wire it may be Symbol alone, an id with its source,
or root, month and exchange together. The settings say which where the counterparty's list does not.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from msgspec import Struct, field

from bascule.fix.message import BadField, Field, Fields
from bascule.model.enums import InstrumentKind
from bascule.model.ids import Symbol, VenueSymbol
from bascule.model.instrument import Listing
from bascule.model.values import ONE, Currency, Instant

SYMBOL, SECURITY_ID, ID_SOURCE = 55, 48, 22
SECURITY_TYPE, MATURITY, EXCHANGE = 167, 200, 207
_FUTURE = "FUT"
DIGITS_MAX = 18
"""More digits behind the point than this are no price's."""


class InstrumentSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One instrument as the user states it.

    ``fields`` are its tags and values on the wire, Symbol (55) at least. The numbers hold where the
    counterparty's list has none, and go before it.
    """

    name: VenueSymbol
    fields: dict[str, str] = field(default_factory=dict)
    kind: InstrumentKind | None = None
    quote: Currency | None = None
    tick_size: Decimal | None = None
    multiplier: Decimal | None = None
    lot_step: Decimal | None = None
    min_qty: Decimal | None = None
    max_qty: Decimal | None = None
    session: str = ""
    """The calendar that says when it trades; empty: the reference's for such an instrument."""
    expiry: Instant | None = None


class Names:
    """Both ways between our names of instruments and their tags."""

    def __init__(self, stated: Iterable[InstrumentSettings]) -> None:
        self._stated = {item.name: item for item in stated}
        self._fields: dict[VenueSymbol, list[Field]] = {}
        self._names: dict[tuple[bytes | None, ...], VenueSymbol] = {}
        for item in self._stated.values():
            if not item.fields:
                continue  # the counterparty's list says how it is named, or its name is all
            fields = {55: str(item.name), **{int(tag): text for tag, text in item.fields.items()}}
            self._bind(item.name, sorted((tag, text.encode()) for tag, text in fields.items()))

    def fields(self, name: VenueSymbol) -> list[Field]:
        """Give the tags that name an instrument, ascending."""
        return self._fields.get(name) or [(SYMBOL, name.encode())]

    def name(self, told: Fields) -> VenueSymbol:
        """Give our name of the instrument that a message or a group's instance speaks of."""
        for key in _keys(told.get):
            found = self._names.get(key)
            if found is not None:
                return found
        return VenueSymbol(told.get_text(SYMBOL) or told.get_text(SECURITY_ID) or "")

    def learn(self, told: Fields) -> VenueSymbol:
        """Take an entry of a SecurityList; give the name it goes by from now on."""
        name = self.name(told)
        label = told.get_text(1007)
        if label and name not in self._fields:
            # A number stands for the symbol on the wire, and a name beside it for people.
            name = VenueSymbol(label)
        if name not in self._fields:
            wanted = (ID_SOURCE, SECURITY_ID, SYMBOL, SECURITY_TYPE, MATURITY, EXCHANGE)
            self._bind(name, sorted((t, v) for t in wanted if (v := told.get(t)) is not None))
        return name

    def stated(self) -> tuple[VenueSymbol, ...]:
        """Give the instruments of the settings."""
        return tuple(self._stated)

    def listing(self, name: VenueSymbol, told: Fields) -> Listing | None:
        """Make a listing of what the counterparty and the settings say; None if too little.

        The settings go first. A tick size and a quote currency must come from one of the two. An
        entry with a number that cannot be read says too little: it must not cost all the others.
        """
        try:
            return self._listing(name, told)
        except BadField:
            return None

    def _listing(self, name: VenueSymbol, told: Fields) -> Listing | None:
        own = self._stated.get(name) or InstrumentSettings(name=name)
        tick = own.tick_size or told.get_decimal(969) or _tick_of_digits(told)
        quote = own.quote or told.get_text(15)
        if tick is None or not quote:
            return None
        security = told.get_text(SECURITY_TYPE) or own.fields.get(str(SECURITY_TYPE))
        step = own.lot_step or told.get_decimal(561) or ONE
        return Listing(
            symbol=Symbol(name),
            venue_symbol=name,
            kind=own.kind or _KINDS.get(security or "", InstrumentKind.CFD),
            quote=Currency(quote),
            tick_size=tick,
            multiplier=own.multiplier or told.get_decimal(231) or ONE,
            lot_step=step,
            min_qty=own.min_qty or told.get_decimal(562) or step,
            max_qty=own.max_qty or told.get_decimal(1140) or Decimal(1_000_000),
            session=own.session,
            expiry=own.expiry,
        )

    def _bind(self, name: VenueSymbol, fields: list[Field]) -> None:
        self._fields[name] = fields
        known = dict(fields)
        for key in _keys(known.get):
            self._names.setdefault(key, name)


_KINDS: Mapping[str, InstrumentKind] = {
    _FUTURE: InstrumentKind.FUTURE,
    "FXSPOT": InstrumentKind.FX,
    "FOR": InstrumentKind.FX,
    "CS": InstrumentKind.EQUITY,
    "OPT": InstrumentKind.OPTION,
}


def _keys(get: Callable[[int], bytes | None]) -> list[tuple[bytes | None, ...]]:
    """Give what may name an instrument, the surest first."""
    keys: list[tuple[bytes | None, ...]] = []
    if get(SECURITY_ID) is not None:
        keys.append((b"id", get(SECURITY_ID)))
    if get(MATURITY) is not None:
        keys.append((b"month", get(SYMBOL), get(MATURITY), get(EXCHANGE)))
        keys.append((b"month", get(SYMBOL), get(MATURITY), None))
    elif get(SYMBOL) is not None:
        keys.append((b"symbol", get(SYMBOL)))
    return keys


def _tick_of_digits(told: Fields) -> Decimal | None:
    digits = told.get_int(1008)
    return None if digits is None or abs(digits) > DIGITS_MAX else Decimal(1).scaleb(-digits)
