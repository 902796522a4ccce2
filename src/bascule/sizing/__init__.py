"""Position sizing and its calculators. All arithmetic is in decimals and rounds down only."""

from bascule.sizing.case import CODES, MarginRule, Sized, SizeRefused, SizingCase, basis_amount
from bascule.sizing.order import scaled, size_order
from bascule.sizing.size import size

__all__ = [
    "CODES",
    "MarginRule",
    "SizeRefused",
    "Sized",
    "SizingCase",
    "basis_amount",
    "scaled",
    "size",
    "size_order",
]
