"""One futures contract, many codes: write it as each system does, and read it back.

Roots may end in or hold digits (``6E``, ``M2K``, ``SR3``), so codes are read from the right. A
system's own root that was not read on a public page is marked in the table; ``is_sure`` tells.
"""

import re
from collections.abc import Callable
from functools import cache

from bascule.model.instrument import Instrument
from bascule.model.values import Instant
from bascule.reference.calendars import FIRST_YEAR, LAST_YEAR
from bascule.reference.contracts import MONTH_LETTERS, Contract, Product, products
from bascule.reference.localtime import local
from bascule.reference.refusal import Refusal

MONTH_NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_NEAR_YEARS = 5
_ROOT_OF = {"cqg": "cqg", "projectx": "cqg", "tradestation": "tradestation"}
_LETTER_CODE = re.compile(rf"(.+?)([{MONTH_LETTERS}])(\d\d\d\d|\d\d|\d)")
_MONTH_YEAR = re.compile(r"(\S+) (\d\d)-(\d\d)")
_NAMED_MONTH = re.compile(r"(\S+) ([A-Z]{3})(\d\d)")
_RITHMIC_EUREX = re.compile(r"(\S+)(\d\d)(\d\d)")
_RITHMIC_ICE = re.compile(rf"(\S+) *FM([{MONTH_LETTERS}])00(\d\d)!")


def _one_digit(product: Product, root: str, letter: str, year: int) -> str:
    return f"{root}{letter}{year % 10}"


def _two_digits(product: Product, root: str, letter: str, year: int) -> str:
    return f"{root}{letter}{year % 100}"


def _four_digits(product: Product, root: str, letter: str, year: int) -> str:
    return f"{root}{letter}{year}"


def _tradingview(product: Product, root: str, letter: str, year: int) -> str:
    return f"{product.prefix}:{product.roots['tradingview']}{letter}{year}"


def _rithmic(product: Product, root: str, letter: str, year: int) -> str:
    if product.exchange.name == "EUREX":
        return f"{root}{MONTH_LETTERS.index(letter) + 1:02}{year % 100}"
    if product.exchange.name.startswith("ICE"):
        return f"{root:<5}FM{letter}00{year % 100}!"
    return _one_digit(product, root, letter, year)


def _ninjatrader(product: Product, root: str, letter: str, year: int) -> str:
    return f"{root} {MONTH_LETTERS.index(letter) + 1:02}-{year % 100}"


def _tt(product: Product, root: str, letter: str, year: int) -> str:
    return f"{root} {MONTH_NAMES[MONTH_LETTERS.index(letter)].title()}{year % 100}"


def _sierra(product: Product, root: str, letter: str, year: int) -> str:
    return f"{root}{letter}{year % 100}-{product.exchange.sierra}"


def _projectx(product: Product, root: str, letter: str, year: int) -> str:
    return f"CON.F.US.{root}.{letter}{year % 100}"


_WRITERS: dict[str, Callable[[Product, str, str, int], str]] = {
    "tradingview": _tradingview,
    "globex": _one_digit,
    "tradovate": _one_digit,
    "databento": _one_digit,
    "ibkr": _one_digit,
    "rithmic": _rithmic,
    "traderspost": _four_digits,
    "ninjatrader": _ninjatrader,
    "cqg": _two_digits,
    "tradestation": _two_digits,
    "tt": _tt,
    "sierra": _sierra,
    "projectx": _projectx,
}
SYSTEMS = tuple(_WRITERS)
"""Systems whose contract codes are one text. ``ibkr`` is its localSymbol."""


def contract_code(instrument: Instrument, system: str) -> str:
    """Write a futures instrument as a system does, for example ``CON.F.US.EP.M26``.

    Raises:
        KeyError: the system is not one of ``SYSTEMS``, or the instrument is no future of the table.
    """
    product = products()[instrument.root]
    letter, year = instrument.symbol[-5], int(instrument.symbol[-4:])
    return _WRITERS[system](product, _root_in(product, system), letter, year)


def parse_code(code: str, system: str, now: Instant) -> Contract | Refusal:
    """Read a system's code back. ``now`` decides one-digit years and what has expired.

    Raises:
        KeyError: the system is not one of ``SYSTEMS``.
    """
    roots = _roots(system)
    text = code.strip()
    if system == "tradingview":
        text = text.partition(":")[2] or text
    elif system == "sierra":
        text = text.partition("-")[0]
    elif system in ("cqg", "projectx"):
        text = text.removeprefix("CON.").removeprefix("F.US.").replace(".", "")
    found = read_contract(text, roots, now)
    if found is None and system == "rithmic":
        found = _read_rithmic(text, roots, now)
    return found or Refusal(
        "unknown_symbol", f"{code!r} is no {system} code of a contract in the futures table."
    )


def is_sure(root: str, system: str) -> bool:
    """Tell whether the system's root for this product was read on a public page.

    Where it was not, compare the code with the venue's own contract list before using it live.
    """
    named = "ibkr" if system == "ibkr" else _ROOT_OF.get(system, "")
    return named not in products()[root].unsure


def ibkr_fields(instrument: Instrument) -> dict[str, str]:
    """Give IBKR's contract fields. The multiplier is in IBKR's own quoting unit."""
    product = products()[instrument.root]
    letter, year = instrument.symbol[-5], instrument.symbol[-4:]
    return {
        "secType": "FUT",
        "symbol": product.roots["ibkr"],
        "exchange": product.ibkr_exchange,
        "currency": product.currency,
        "lastTradeDateOrContractMonth": f"{year}{MONTH_LETTERS.index(letter) + 1:02}",
        "localSymbol": contract_code(instrument, "ibkr"),
        "tradingClass": product.root,
        "multiplier": format(product.ibkr_multiplier.normalize(), "f"),
    }


def from_ibkr_fields(fields: dict[str, str], now: Instant) -> Contract | Refusal:
    """Read IBKR's contract fields back, by trading class and contract month."""
    return _by_month(fields["tradingClass"], fields["lastTradeDateOrContractMonth"], now)


def fix_fields(instrument: Instrument) -> dict[int, str]:
    """Give FIX tags 55 (symbol), 167 (security type), 200 (maturity month) and 207 (exchange)."""
    product = products()[instrument.root]
    month = MONTH_LETTERS.index(instrument.symbol[-5]) + 1
    return {
        55: product.root,
        167: "FUT",
        200: f"{instrument.symbol[-4:]}{month:02}",
        207: product.exchange.mic,
    }


def from_fix_fields(fields: dict[int, str], now: Instant) -> Contract | Refusal:
    """Read FIX tags 55 and 200 back."""
    return _by_month(fields[55], fields[200], now)


def _by_month(root: str, year_month: str, now: Instant) -> Contract | Refusal:
    product = products().get(root)
    if product is None:
        return Refusal("unknown_symbol", f"The futures table has no product {root!r}.")
    return pick(product, int(year_month[4:6]), year_month[:4], now)


def read_contract(text: str, roots: dict[str, Product], now: Instant) -> Contract | Refusal | None:
    """Read ``ESM6``, ``ESM26``, ``ESM2026``, ``ES 06-26`` or ``ES JUN26``; None for other forms.

    Upper case but for the name of the month.
    """
    if match := _LETTER_CODE.fullmatch(text):
        product = roots.get(match[1])
        if product is not None:
            return pick(product, MONTH_LETTERS.index(match[2]) + 1, match[3], now)
    if match := _MONTH_YEAR.fullmatch(text):
        product = roots.get(match[1])
        if product is not None and 1 <= int(match[2]) <= 12:
            return pick(product, int(match[2]), match[3], now)
    if match := _NAMED_MONTH.fullmatch(text.upper()):
        product = roots.get(match[1])
        if product is not None and match[2] in MONTH_NAMES:
            return pick(product, MONTH_NAMES.index(match[2]) + 1, match[3], now)
    return None


def _read_rithmic(text: str, roots: dict[str, Product], now: Instant) -> Contract | Refusal | None:
    if match := _RITHMIC_ICE.fullmatch(text):
        product, month = roots.get(match[1]), MONTH_LETTERS.index(match[2]) + 1
    elif match := _RITHMIC_EUREX.fullmatch(text):
        product, month = roots.get(match[1]), int(match[2])
    else:
        return None
    return pick(product, month, match[3], now) if product and 1 <= month <= 12 else None


def pick(product: Product, month: int, year_digits: str, now: Instant) -> Contract | Refusal:
    """Give the contract of a month and a year of one, two or four digits, unless it has expired.

    A one-digit year is the nearest contract that has not expired; where the next one with that
    digit is more than five years away, the one gone by is meant and refused.
    """
    contract = _of_year(product, month, year_digits, now)
    letter = MONTH_LETTERS[month - 1]
    if isinstance(contract, int):
        if letter not in product.months:
            text = f"{product.root} has no {letter} contract; its months are {product.months}."
            return Refusal("not_listed", text, _front_names(product, now))
        if contract < FIRST_YEAR:
            return _expired(product, f"{product.root}{letter}{contract}", "", now)
        text = (
            f"{product.root}{letter}{contract} is past {LAST_YEAR}, where the table of exchange "
            "holidays ends, so its expiry is not known."
        )
        return Refusal("beyond_calendar", text, _front_names(product, now))
    if now >= contract.expires:
        on = f" on {local(contract.expires, product.exchange.zone):%Y-%m-%d}"
        return _expired(product, contract.symbol, on, now)
    return contract


def _of_year(product: Product, month: int, digits: str, now: Instant) -> Contract | int:
    """Give the contract, or the year meant when the table has no such contract."""
    contracts = product.contracts
    if len(digits) > 1:
        year = int(digits) if len(digits) == 4 else 2000 + int(digits)
        return contracts.get((year, month), year)
    this_year = local(now, "UTC").year
    year = this_year + (int(digits) - this_year) % 10
    earlier = contracts.get((year - 10, month))
    if year - this_year > _NEAR_YEARS or (earlier is not None and now < earlier.expires):
        year -= 10
    return contracts.get((year, month), year)


def _expired(product: Product, symbol: str, on: str, now: Instant) -> Refusal:
    text = f"{symbol} expired{on}. Send the contract that trades now, or {product.root}1!."
    return Refusal("expired_contract", text, _front_names(product, now))


def _front_names(product: Product, now: Instant) -> tuple[str, ...]:
    front = product.front(now)
    return (front.symbol, f"{product.root}1!") if front else ()


def _root_in(product: Product, system: str) -> str:
    named = _ROOT_OF.get(system)
    return product.roots[named] if named else product.root


@cache
def _roots(system: str) -> dict[str, Product]:
    if system == "tradingview":
        return {product.roots["tradingview"]: product for product in products().values()}
    if system not in _WRITERS:
        raise KeyError(system)
    return {_root_in(product, system): product for product in products().values()}
