"""What a contract is a part of: a micro, its mini, and the CFD on the same thing move as one."""

import re
from functools import cache

from bascule.model.enums import Side
from bascule.reference.contracts import MONTH_LETTERS
from bascule.reference.instruments import aliases

_FUTURE = re.compile(rf"(?P<root>[A-Z0-9]{{1,4}})[{MONTH_LETTERS}]\d{{4}}")
MICROS = {
    "MES": "ES", "MNQ": "NQ", "M2K": "RTY", "MYM": "YM", "M6E": "6E", "M6B": "6B", "M6A": "6A",
    "MJY": "6J", "MCD": "6C", "MSF": "6S", "MCL": "CL", "MNG": "NG", "MGC": "GC", "SIL": "SI",
    "MHG": "HG", "MBT": "BTC", "MET": "ETH", "FDXS": "FDAX", "FSXE": "FESX",
}  # fmt: skip
"""From a micro's root to that of its full contract."""
_SMALLER = {"QM": "CL", "QG": "NG", "FDXM": "FDAX", "VXM": "VX"}
_CFDS = {
    "US500": "ES", "US100": "NQ", "US30": "YM", "US2000": "RTY", "GER40": "FDAX", "EU50": "FESX",
    "XAUUSD": "GC", "XAGUSD": "SI", "USOIL": "CL", "NATGAS": "NG", "EURUSD": "6E", "GBPUSD": "6B",
    "AUDUSD": "6A", "BTCUSD": "BTC", "ETHUSD": "ETH",
}  # fmt: skip


@cache
def root_of(symbol: str) -> str:
    """Give a future's root by our symbol; '' for anything else."""
    found = _FUTURE.fullmatch(symbol)
    return found["root"] if found is not None else ""


@cache
def underlying(symbol: str) -> str:
    """Name what a symbol of ours moves with."""
    root = root_of(symbol)
    if root:
        return MICROS.get(root) or _SMALLER.get(root) or root
    plain = aliases().get(symbol, symbol)
    return _CFDS.get(plain, plain)


@cache
def is_micro(symbol: str) -> bool:
    """Whether a symbol of ours is a micro contract."""
    return root_of(symbol) in MICROS


def signs(symbol: str, side: Side) -> dict[str, int]:
    """Give which way an order bets: on what it moves with, and for a pair on its two currencies."""
    bets = {underlying(symbol): side.sign}
    if len(symbol) == len("EURUSD") and symbol.isalpha():
        bets[symbol[:3]] = side.sign
        bets[symbol[3:]] = -side.sign
    return bets
