"""Reference data: names to instruments, expiry and rolls, sessions, ticks and lots, currency."""

from bascule.reference.codes import (
    contract_code,
    contract_fields,
    is_sure,
    parse_code,
    parse_fields,
    systems,
)
from bascule.reference.contracts import Contract, Product, products
from bascule.reference.currency import NoRate, Rate, rate
from bascule.reference.instruments import instruments
from bascule.reference.refusal import Refusal
from bascule.reference.resolver import Resolution, Resolver, own_name, resolve
from bascule.reference.rounding import on_tick, round_lot, round_price
from bascule.reference.sessions import SessionState, session_names, state

__all__ = [
    "Contract",
    "NoRate",
    "Product",
    "Rate",
    "Refusal",
    "Resolution",
    "Resolver",
    "SessionState",
    "contract_code",
    "contract_fields",
    "instruments",
    "is_sure",
    "on_tick",
    "own_name",
    "parse_code",
    "parse_fields",
    "products",
    "rate",
    "resolve",
    "round_lot",
    "round_price",
    "session_names",
    "state",
    "systems",
]
