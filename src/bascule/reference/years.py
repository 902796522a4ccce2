"""Which year a contract code means, and whether that contract still trades."""

from bascule.model.values import Instant
from bascule.reference.calendars import LAST_YEAR
from bascule.reference.contracts import MONTH_LETTERS, Contract, Product
from bascule.reference.localtime import local
from bascule.reference.refusal import Refusal

_NEAR_YEARS = 5


def pick(product: Product, month: int, digits: str, now: Instant) -> Contract | Refusal:
    """Give the contract of a month and a year of one, two or four digits, unless it has expired.

    A one-digit year is the nearest contract that has not expired; where the next one with that
    digit is more than five years away, the one gone by is meant and refused.
    """
    letter = MONTH_LETTERS[month - 1]
    year = _year(product, month, digits, now)
    contract = product.contracts.get((year, month))
    if letter not in product.months:
        text = f"{product.root} has no {letter} contract; its months are {product.months}."
        return Refusal("not_listed", text, _instead(product, now))
    if contract is None and year > LAST_YEAR:
        text = (
            f"{product.root}{letter}{year} is past {LAST_YEAR}, where the table of exchange "
            "holidays ends, so its expiry is not known."
        )
        return Refusal("beyond_calendar", text, _instead(product, now))
    if contract is not None and now < contract.expires:
        return contract
    on = ""
    if contract is not None:
        on = f" on {local(contract.expires, product.exchange.zone):%Y-%m-%d}"
    text = (
        f"{product.root}{letter}{year} expired{on}. Send the contract that trades now, or "
        f"{product.root}1!."
    )
    return Refusal("expired_contract", text, _instead(product, now))


def _year(product: Product, month: int, digits: str, now: Instant) -> int:
    if len(digits) == 4:
        return int(digits)
    if len(digits) == 2:
        return 2000 + int(digits)
    this_year = local(now, "UTC").year
    year = this_year + (int(digits) - this_year) % 10
    earlier = product.contracts.get((year - 10, month))
    # A quarter can outlive its year: SR3Z6 of 2026 trades into March 2027.
    still_trades = earlier is not None and now < earlier.expires
    return year - 10 if still_trades or year - this_year > _NEAR_YEARS else year


def _instead(product: Product, now: Instant) -> tuple[str, ...]:
    front = product.front(now)
    return (front.symbol, f"{product.root}1!") if front else ()
