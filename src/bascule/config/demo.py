"""The demonstration: three paper accounts, three strategies, two senders, on one paper broker.

One definition serves `bascule demo`, the file that `bascule init` writes, and the paper broker's
own settings. Start prices are round figures of the right size and no market's.
"""

import os
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from secrets import token_urlsafe

import msgspec
from msgspec import Struct

from bascule.config.build import Config, VenueSpec
from bascule.config.load import read
from bascule.config.paths import CONFIG_NAME, HOME, DataDirectory, home
from bascule.config.secrets import Secrets
from bascule.config.template import BROKER_PORT, PORT, SAMPLES, Sample, template
from bascule.model.account import AccountSpec
from bascule.model.enums import AccountMode
from bascule.model.ids import VenueSymbol
from bascule.model.instrument import Instrument
from bascule.model.values import Instant
from bascule.reference.contracts import products
from bascule.reference.instruments import instruments
from bascule.venues.kit.terms import AccountTerms, InstrumentTerms

DIRECTORY = "demo"
"""Under the data directory: the demonstration never shares a journal with real paper trading."""
HERE = Path("data/run")
"""The data directory where ``BASCULE_HOME`` names none: the demonstration stays where it is run."""
SESSION = "simulated"
"""Made-up prices know no weekend; the engine must not hold them to a real market's hours."""

_MAX_QTY = Decimal(1_000)
_WALK_PER_SECOND = 4.0
_DEFAULT_BALANCE = Decimal(100_000)


class Market(Struct, frozen=True):
    """How one instrument behaves at the paper broker.

    ``name`` is our symbol, or the root of a future. ``volatility`` is the standard deviation of
    the price over one second and ``spread`` the distance of ask and bid, both in ticks.
    """

    name: str
    start: Decimal
    spread: int
    volatility: float


MARKETS = (
    Market("EURUSD", Decimal("1.16000"), 6, 2.0),
    Market("GBPUSD", Decimal("1.32000"), 9, 2.5),
    Market("USDJPY", Decimal("155.000"), 8, 3.0),
    Market("AUDUSD", Decimal("0.65000"), 8, 2.0),
    Market("USDCAD", Decimal("1.40000"), 9, 2.0),
    Market("XAUUSD", Decimal("4000.00"), 20, 8.0),
    Market("US500", Decimal("6700.0"), 5, 1.5),
    Market("US100", Decimal("24500.0"), 10, 8.0),
    Market("BTCUSD", Decimal("90000.00"), 1_000, 400.0),
    Market("ES", Decimal("6710.00"), 1, 0.6),
    Market("MES", Decimal("6710.00"), 1, 0.6),
    Market("NQ", Decimal("24540.00"), 1, 2.5),
    Market("MNQ", Decimal("24540.00"), 1, 2.5),
    Market("GC", Decimal("4010.0"), 1, 0.8),
    Market("MGC", Decimal("4010.0"), 1, 0.8),
    Market("CL", Decimal("60.00"), 1, 0.5),
)


class BrokerLaunch(Struct, frozen=True):
    """What a broker's process is started with: settings as JSON, tokens as environment."""

    settings: str
    environ: dict[str, str]
    module: str = "bascule.venues.paper.emulator"

    def __repr__(self) -> str:
        return f"BrokerLaunch(settings={self.settings!r}, environ=...)"


def demo(
    environ: Mapping[str, str] = os.environ, *, port: int = PORT, broker_port: int = BROKER_PORT
) -> Config:
    """Give the demonstration's configuration: its file once it was written, else the template.

    Raises:
        ConfigError: somebody edited the file and it is wrong now.
    """
    file = demo_file(environ)
    if file.is_file():
        config = read(file.read_text(encoding="utf-8"), file, {})
    else:
        config = read(written(port, broker_port), file, {})
    data = DataDirectory(file.parent, AccountMode.PAPER)
    return msgspec.structs.replace(config, data=data)


def demo_file(environ: Mapping[str, str] = os.environ) -> Path:
    """Name the file of the demonstration's configuration; its data lies beside it."""
    root = home(environ) / DIRECTORY if environ.get(HOME) else HERE.absolute()
    return root / CONFIG_NAME


def written(port: int = PORT, broker_port: int = BROKER_PORT) -> str:
    """Write the demonstration's configuration."""
    return template(AccountMode.PAPER, SAMPLES, port=port, broker_port=broker_port)


def provide_secrets(config: Config, secrets: Secrets) -> tuple[str, ...]:
    """Make up every secret that a paper configuration needs and does not have yet.

    Returns:
        the names of those that are new. In another mode none is ever made up.

    Raises:
        SecretError: the store cannot be read or written.
    """
    if config.mode is not AccountMode.PAPER:
        return ()
    fresh = tuple(name for name in config.secrets if secrets.find(name) is None)
    for name in fresh:
        secrets.set(name, token_urlsafe(24))
    return fresh


def paper_broker(config: Config, venue: VenueSpec, secrets: Secrets, now: Instant) -> BrokerLaunch:
    """Give what a paper broker needs to serve the accounts of one venue of a configuration.

    Each account finds every market under its own symbol map, and the futures under their
    contracts' names: the front month at ``now`` and the next.

    Raises:
        SecretError: an account's token is missing.
    """
    specs = [spec for spec in config.accounts if spec.venue == venue.id]
    tokens = {
        f"BASCULE_PAPER_TOKEN_{number}": secrets.get(venue.secrets.get(spec.login, ""))
        for number, spec in enumerate(specs)
    }
    ledger = config.data.path / "broker" / f"{venue.id}.db"
    settings = {
        "ledger": str(ledger),
        "host": venue.settings.get("host", "127.0.0.1"),
        "port": venue.settings.get("port", BROKER_PORT),
        "accounts": [
            msgspec.to_builtins(_terms(spec)) | {"token_env": variable}
            for spec, variable in zip(specs, tokens, strict=True)
        ],
        "instruments": msgspec.to_builtins(list(_listed(specs, now))),
        "feed": {"kind": "walk", "ticks_per_second": _WALK_PER_SECOND},
    }
    return BrokerLaunch(msgspec.json.encode(settings).decode(), tokens)


def _terms(spec: AccountSpec) -> AccountTerms:
    sample = _sample(spec)
    return AccountTerms(
        login=spec.login,
        currency=spec.currency,
        balance=spec.initial_balance or _DEFAULT_BALANCE,
        mode=spec.position_mode,
        commission_per_lot=sample.commission if sample else Decimal(0),
    )


def _listed(specs: list[AccountSpec], now: Instant) -> Iterator[InstrumentTerms]:
    """List each market once under each name that an account calls it by."""
    seen: set[str] = set()
    for spec in specs:
        sample = _sample(spec)
        for market in MARKETS:
            for instrument in _instruments(market.name, now):
                future = instrument.expiry is not None
                symbol = instrument.symbol
                name = symbol if future else spec.symbols.venue_symbol(symbol)
                continuous = name.endswith("!")
                wanted = sample is None or sample.futures == future
                if wanted and not continuous and name not in seen:
                    seen.add(name)
                    step = sample.lot_step if sample and not future else None
                    yield _market(market, instrument, name, step)


def _sample(spec: AccountSpec) -> Sample | None:
    return next((sample for sample in SAMPLES if sample.login == spec.login), None)


def _instruments(name: str, now: Instant) -> Iterator[Instrument]:
    product = products().get(name)
    if product is None:
        yield instruments()[name]
        return
    at = now
    for _ in range(2):
        contract = product.front(at)
        if contract is not None:
            yield contract.instrument
            at = contract.rolls


def _market(
    market: Market, instrument: Instrument, name: str, step: Decimal | None
) -> InstrumentTerms:
    return InstrumentTerms(
        venue_symbol=VenueSymbol(name),
        kind=instrument.kind,
        base=instrument.base,
        quote=instrument.quote,
        tick_size=instrument.tick_size,
        multiplier=instrument.multiplier,
        lot_step=step or instrument.lot_step,
        min_qty=step or instrument.min_qty,
        max_qty=_MAX_QTY,
        pip_size=instrument.pip_size,
        expiry=instrument.expiry,
        start_price=market.start,
        spread_ticks=market.spread,
        volatility_ticks=market.volatility,
        session=SESSION,
    )
