"""One futures contract, many codes: write it as each system does, and read it back.

The forms are data: a system is one or more templates, used both to write and to read. Roots may
end in or hold digits (``6E``, ``M2K``, ``SR3``), so a code is matched as a whole against the
roots of the table. A system's own name for a product that was not read on a public page is marked
there; ``is_sure`` tells.
"""

import re
from functools import cache

from msgspec import Struct

from bascule.model.instrument import Instrument
from bascule.model.values import Instant, text
from bascule.reference.contracts import MONTH_LETTERS, Contract, Product, products
from bascule.reference.refusal import Refusal
from bascule.reference.tables import rows
from bascule.reference.years import pick

MONTH_NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
ANY = "any"
"""The forms that traders write, whatever the system."""

_PARTS = {
    "root": r"(?P<root>\S+?)",
    "root:<5": r"(?P<root>\S+?) *",
    "letter": rf"(?P<letter>[{MONTH_LETTERS}])",
    "mm": r"(?P<mm>\d\d)",
    "Mon": r"(?P<named>[A-Za-z]{3})",
    "MON": r"(?P<named>[A-Za-z]{3})",
    "y": r"(?P<year>\d)",
    "yy": r"(?P<year>\d\d)",
    "yyyy": r"(?P<year>\d\d\d\d)",
    "prefix": r"[A-Z_]+",
    "exchange": r"[A-Z]+",
}
_PART = re.compile(r"\{([^}]+)\}")


class _Form(Struct, frozen=True):
    """One template of a system; ``exchanges`` empty means all."""

    template: str
    pattern: re.Pattern[str]
    exchanges: frozenset[str]
    names: str
    writes: bool

    def serves(self, product: Product) -> bool:
        """Whether the form is used for this product."""
        return not self.exchanges or product.exchange.name in self.exchanges


def systems() -> tuple[str, ...]:
    """Give the systems whose codes are one text."""
    return tuple(_forms())


def contract_code(instrument: Instrument, system: str) -> str:
    """Write a futures instrument as a system does, for example ``CON.F.US.EP.M26``.

    Raises:
        KeyError: the system is not one of ``systems()``, or the instrument no future of the table.
    """
    product = products()[instrument.root]
    form = next(form for form in _forms()[system] if form.writes and form.serves(product))
    return form.template.format(**_values(instrument, product, system, form.names))


def parse_code(code: str, system: str, now: Instant) -> Contract | Refusal:
    """Read a system's code back. ``now`` decides one-digit years and what has expired.

    Raises:
        KeyError: the system is not one of ``systems()``.
    """
    return read_code(code.strip(), system, _roots(_forms()[system][0].names), now) or Refusal(
        "unknown_symbol", f"{code!r} is no {system} code of a contract in the futures table."
    )


def read_code(
    code: str, system: str, roots: dict[str, Product], now: Instant
) -> Contract | Refusal | None:
    """Read a code whose product is one of ``roots``; None when it has no form of the system."""
    for form in _forms()[system]:
        match = form.pattern.fullmatch(code)
        if match is None:
            continue
        found = match.groupdict()
        product = roots.get(found["root"])
        month = _month(found)
        if product is not None and month and form.serves(product):
            return pick(product, month, found["year"], now)
    return None


def is_sure(root: str, system: str) -> bool:
    """Tell whether the system's name for this product is ours or was read on a public page.

    Where it was not, compare the code with the venue's own contract list before using it live.
    """
    other = products()[root].names.get(_forms()[system][0].names or system)
    return other is None or other.sure


def contract_fields(instrument: Instrument, system: str) -> dict[str, str]:
    """Give a contract as the named fields of a system that has no single code, FIX for one.

    Raises:
        KeyError: the table has no fields for the system.
    """
    product = products()[instrument.root]
    values = _values(instrument, product, system, "")
    return {name: template.format(**values) for name, template in _fields()[system].items()}


def parse_fields(fields: dict[str, str], system: str, now: Instant) -> Contract | Refusal:
    """Read the fields of ``contract_fields`` back, by product and contract month.

    Raises:
        KeyError: the table has no fields for the system, or product or month is not among them.
    """
    forms = _fields()[system]
    root = next(fields[name] for name, template in forms.items() if template == "{root}")
    month = next(fields[name] for name, template in forms.items() if template == "{yyyy}{mm}")
    product = products().get(root)
    if product is None or not re.fullmatch(r"\d{4}(0[1-9]|1[0-2])", month[:6]):
        return Refusal("unknown_symbol", f"The futures table has no {root!r} of month {month!r}.")
    return pick(product, int(month[4:6]), month[:4], now)


def _values(instrument: Instrument, product: Product, system: str, names: str) -> dict[str, str]:
    letter, year = instrument.symbol[-5], instrument.symbol[-4:]
    month = MONTH_LETTERS.index(letter)
    exchange = product.exchange
    other = product.names.get(system)
    magnifier = other.magnifier if other else 1
    return {
        "root": product.name_in(names),
        "name": product.name_in(system),
        "letter": letter,
        "y": year[3:],
        "yy": year[2:],
        "yyyy": year,
        "mm": f"{month + 1:02}",
        "Mon": MONTH_NAMES[month].title(),
        "MON": MONTH_NAMES[month],
        "prefix": product.prefix,
        "exchange": (other and other.exchange) or exchange.names.get(system) or exchange.name,
        "mic": exchange.mic,
        "currency": product.currency,
        "multiplier": text(product.multiplier * magnifier),
    }


def _month(found: dict[str, str]) -> int:
    """Give the month 1 to 12 that a match names, 0 when it names none."""
    if "letter" in found:
        return MONTH_LETTERS.index(found["letter"]) + 1
    if "mm" in found:
        month = int(found["mm"])
        return month if month <= 12 else 0
    named = found["named"].upper()
    return MONTH_NAMES.index(named) + 1 if named in MONTH_NAMES else 0


def _pattern(template: str) -> re.Pattern[str]:
    pieces = _PART.split(template)
    return re.compile(
        "".join(
            _PARTS[piece] if index % 2 else re.escape(piece) for index, piece in enumerate(pieces)
        )
    )


@cache
def _forms() -> dict[str, tuple[_Form, ...]]:
    forms: dict[str, tuple[_Form, ...]] = {}
    for row in rows("systems.csv"):
        form = _Form(
            template=row["template"],
            pattern=_pattern(row["template"]),
            exchanges=frozenset(filter(None, row["exchanges"].split(";"))),
            names=row["names"],
            writes=row["use"] == "both",
        )
        forms[row["system"]] = (*forms.get(row["system"], ()), form)
    return forms


@cache
def _fields() -> dict[str, dict[str, str]]:
    fields: dict[str, dict[str, str]] = {}
    for row in rows("system_fields.csv"):
        fields.setdefault(row["system"], {})[row["field"]] = row["template"]
    return fields


@cache
def _roots(names: str) -> dict[str, Product]:
    return {product.name_in(names): product for product in products().values()}
