"""What the emulators share: settings, the end of the process, prices kept between starts."""

import asyncio
import os
import signal
import tomllib
from collections.abc import Callable
from decimal import Decimal
from ipaddress import ip_address
from math import isnan
from pathlib import Path
from types import FrameType
from typing import TypeVar

import msgspec
from msgspec import Struct, field

from bascule.model.errors import ConfigError
from bascule.model.instrument import Quote
from bascule.model.values import MILLISECOND, Duration, Instant
from bascule.venues.kit.faults import Fault
from bascule.venues.kit.floor import Floor
from bascule.venues.kit.ledger_sqlite import SqliteLedger
from bascule.venues.kit.terms import (
    AccountTerms,
    BrokerTerms,
    InstrumentTerms,
    TradingHours,
    minutes,
)

FINEST = Decimal("0.000000000001")
"""The finest step; with the largest number (1e15) sums stay exact."""


_LARGEST = Decimal(10) ** 15
_ABOVE_ZERO = frozenset(
    {
        "heartbeat_s", "level_ticks", "levels", "leverage", "max_qty", "rates", "snapshot_s",
        "speed", "start_price", "ticks_per_second",
    }
)  # fmt: skip
_ZERO_OR_MORE = frozenset(
    {
        "balance", "cancel_delay_ms", "digits", "fill_delay_ms", "margin_per_unit",
        "min_stop_distance", "pip_size", "port", "reply_delay_ms", "slippage_ticks",
        "spread_ticks", "stop_out_percent", "touch_size", "volatility_ticks",
    }
)  # fmt: skip
"""Settings by what they must be at least; nothing but an instant is beyond ``_LARGEST``."""


class BrokerSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The broker behind an emulator, as its file describes it; ``BrokerTerms`` says the units."""

    accounts: tuple[AccountTerms, ...]
    instruments: tuple[InstrumentTerms, ...]
    host: str = "127.0.0.1"
    port: int = 0
    seed: int = 1
    rates: dict[str, Decimal] = field(default_factory=dict)
    rollover: str = "22:00"
    fill_delay_ms: int = 0
    cancel_delay_ms: int = 0
    admin_token_env: str = ""
    faults: tuple[Fault, ...] = ()

    def terms(self) -> BrokerTerms:
        """Give what the broker itself needs."""
        return BrokerTerms(
            accounts=self.accounts,
            instruments=self.instruments,
            rates=self.rates,
            rollover=self.rollover,
            fill_delay_ns=Duration(self.fill_delay_ms * MILLISECOND),
            cancel_delay_ns=Duration(self.cancel_delay_ms * MILLISECOND),
        )


S = TypeVar("S", bound=BrokerSettings)


def read_file(path: Path, checked: Callable[[object], S]) -> S:
    """Read settings from a TOML or JSON file; ``checked`` makes them from plain values.

    Raises:
        ConfigError: it is missing or wrong; the message names file and key.
    """
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".json":
            return read_json(text, checked)
        return checked(tomllib.loads(text, parse_float=Decimal))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from None
    except ConfigError as error:
        raise ConfigError(f"{path}: {error.message}") from None


def read_json(text: str, checked: Callable[[object], S]) -> S:
    """Read settings from JSON text.

    Raises:
        ConfigError: it is wrong; the message names the key.
    """
    try:
        raw = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise ConfigError(f"the settings are no JSON: {error}") from None
    return checked(raw)


def convert(raw: object, form: type[S]) -> S:
    """Read settings from plain values, and check what every emulator's have.

    Raises:
        ConfigError: they are wrong; the message names the key.
    """
    try:
        settings = msgspec.convert(raw, form)
        minutes(settings.rollover)
        loopback = ip_address(settings.host).is_loopback
    except (msgspec.ValidationError, ValueError) as error:
        raise ConfigError(str(error)) from None
    if not loopback:
        raise ConfigError(f"host {settings.host}: an emulator listens on loopback only")
    for names, what in (
        ([account.login for account in settings.accounts], "account"),
        ([item.venue_symbol for item in settings.instruments], "instrument"),
    ):
        if not names or len(set(names)) < len(names):
            raise ConfigError(f"there must be at least one {what}, and each named once")
    for item in settings.instruments:
        TradingHours.parse(item.hours)
        if min(item.tick_size, item.lot_step, item.multiplier, item.min_qty) < FINEST:
            raise ConfigError(
                f"{item.venue_symbol}: tick size, steps, sizes and multiplier are {FINEST} or more"
            )
    _hold_to_bounds("the broker", settings)
    for account in settings.accounts:
        _hold_to_bounds(f"account {account.login}", account)
    for item in settings.instruments:
        _hold_to_bounds(item.venue_symbol, item)
    return settings


def _hold_to_bounds(what: str, settings: Struct) -> None:
    for name in settings.__struct_fields__:
        value = getattr(settings, name)
        if isinstance(value, Struct):
            _hold_to_bounds(what, value)
        of_name = value.values() if isinstance(value, dict) else (value,)
        for number in (one for one in of_name if isinstance(one, int | float | Decimal)):
            if name in _ABOVE_ZERO and (isnan(number) or not 0 < number <= _LARGEST):
                raise ConfigError(f"{what}: {name} is above 0, not {number}")
            if name in _ZERO_OR_MORE and (isnan(number) or not 0 <= number <= _LARGEST):
                raise ConfigError(f"{what}: {name} is 0 or more, not {number}")


def told_to_end() -> asyncio.Event:
    """Give an event that Ctrl-C, SIGTERM and Ctrl-Break set; the loop must be running."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(ended.set)

    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), stop)
    return ended


def announce(ready_file: Path | None, where: str) -> None:
    """Write where the emulator listens to a file, whole or not at all; None: to none."""
    if ready_file is not None:
        fresh = ready_file.with_name(f"{ready_file.name}.new")
        fresh.write_text(where, encoding="ascii")
        os.replace(fresh, ready_file)


def keep_quotes(floor: Floor, ledger: SqliteLedger) -> None:
    """Keep the newest prices for the next start; durable at the ledger's next commit."""
    quotes = list(floor.quotes.values())
    ledger.put_meta("quotes", msgspec.json.encode(quotes).decode())


def recall_quotes(floor: Floor, ledger: SqliteLedger, now: Instant) -> None:
    """Take up the prices that were kept, and the first price of what has none."""
    kept = ledger.meta("quotes")
    quotes = msgspec.json.decode(kept, type=list[Quote]) if kept else []
    for item in floor.terms.instruments:
        if item.start_price is not None:
            ask = item.start_price + item.spread_ticks * item.tick_size
            quotes.insert(0, Quote(item.venue_symbol, item.start_price, ask, now))
    for quote in quotes:
        if quote.venue_symbol in floor.markets:
            floor.quotes[quote.venue_symbol] = quote
            floor.markets[quote.venue_symbol].set_quote(quote)
