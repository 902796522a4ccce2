"""The packaged instrument table: FX, metals, index and coin CFDs, crypto spot and perpetuals.

Figures are conventions for planning and for the paper venue. An account always trades by the
``Listing`` that its own venue gives.
"""

from decimal import Decimal
from functools import cache

from bascule.model.enums import InstrumentKind
from bascule.model.ids import Symbol
from bascule.model.instrument import Instrument
from bascule.model.values import Currency
from bascule.reference.tables import rows


@cache
def instruments() -> dict[str, Instrument]:
    """Give the table by our symbol. Futures are in ``contracts.products``."""
    return {
        row["symbol"]: Instrument(
            symbol=Symbol(row["symbol"]),
            kind=InstrumentKind(row["kind"]),
            base=Currency(row["base"]),
            quote=Currency(row["quote"]),
            tick_size=Decimal(row["tick_size"]),
            multiplier=Decimal(row["multiplier"]),
            pip_size=Decimal(row["pip_size"]),
            lot_step=Decimal(row["lot_step"]),
            min_qty=Decimal(row["min_qty"]),
            session=row["session"],
            description=row["description"],
        )
        for row in rows("instruments.csv")
    }


@cache
def aliases() -> dict[str, str]:
    """Give the explicit aliases: a name in the wild to the name it stands for."""
    return {name: row["target"] for row in rows("aliases.csv") for name in row["aliases"].split()}
