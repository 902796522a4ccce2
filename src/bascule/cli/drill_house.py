"""What a drill is held on: a broker in a process of its own, and a configuration of accounts there.

One on the paper broker, which is what the user's own paper trading stands on, and one on a FIX
exchange, whose single session the guardian has to take from the engine before it can act.
"""

import json
import socket
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from secrets import randbelow
from typing import Any

from msgspec import Struct

from bascule.config.build import Config
from bascule.config.clock import SystemClock
from bascule.config.demo import SESSION, BrokerLaunch, paper_broker, provide_secrets, written
from bascule.config.home import HOME
from bascule.config.load import read
from bascule.config.private import make_private_directory
from bascule.config.secret_file import SecretFile
from bascule.config.secrets import Secrets

Intents = tuple[Mapping[str, object], ...]

_PAPER: Intents = (
    {"strategy": "fx", "intent": "place_order", "symbol": "EURUSD", "side": "buy"},
    {"strategy": "index", "intent": "place_order", "symbol": "US500", "side": "sell"},
    {"strategy": "futures", "intent": "place_order", "symbol": "MNQ1!", "side": "buy"},
    {
        "strategy": "fx",
        "intent": "place_order",
        "symbol": "GBPUSD",
        "side": "buy",
        "ord_type": "limit",
        "price": "1.31000",
    },
)
_FIX: Intents = tuple(
    {"strategy": "drill", "intent": "place_order", **words}
    for words in (
        {"symbol": "EURUSD", "side": "buy"},
        {"symbol": "GBPUSD", "side": "sell"},
        {"symbol": "XAUUSD", "side": "buy"},
        {"symbol": "AUDUSD", "side": "buy", "ord_type": "limit", "price": "0.64000"},
    )
)


class House(Struct, frozen=True, kw_only=True):
    """A configuration, its secrets, the broker that it needs, and what to send it.

    ``orders`` is how many must work before the key is pressed. ``waits`` tells that the guardian
    logs on only once it has to act.
    """

    config: Config
    secrets: Secrets
    launch: BrokerLaunch
    ledger: Path
    intents: Intents
    orders: int
    waits: bool = False


Build = Callable[[Path], House]


def on_paper(directory: Path) -> House:
    """Make the paper broker's: three accounts, whose stops the broker keeps."""
    config, secrets = _written(directory, written(*_free_ports(2)))
    return House(
        config=config,
        secrets=secrets,
        launch=paper_broker(config, config.venues[0], secrets, SystemClock().now()),
        ledger=config.data.path / "broker" / f"{config.venues[0].id}.db",
        intents=_PAPER,
        orders=2,
    )


def on_fix(directory: Path) -> House:
    """Make the FIX exchange's: one account on one session, whose stops are orders of their own."""
    server, port = _free_ports(2)
    text = _FIX_CONFIG.format(
        server=server, port=port, store=json.dumps(str(directory / "fix")), session=SESSION
    )
    config, secrets = _written(directory, text)
    store = directory / "exchange"
    settings = {
        "store": str(store),
        "port": port,
        "sessions": [{"target": "DRILL", "password_env": _PASSWORD}],
        "accounts": [{"login": "D1", "currency": "USD", "balance": "1000000"}],
        "instruments": [_listed(*one) for one in _LISTED],
    }
    password = secrets.get("fix_password")
    return House(
        config=config,
        secrets=secrets,
        launch=BrokerLaunch(
            json.dumps(settings), {_PASSWORD: password}, "bascule.venues.fix.emulator"
        ),
        ledger=store / "exchange.sqlite",
        intents=_FIX,
        orders=4,  # three stops, and the entry that rests
        waits=True,
    )


HOUSES: Mapping[str, Build] = {"paper": on_paper, "fix": on_fix}
"""What a drill can be held on."""


def _written(directory: Path, text: str) -> tuple[Config, Secrets]:
    make_private_directory(directory)
    file = directory / "bascule.toml"
    file.write_text(text, encoding="utf-8", newline="\n")
    config = read(text, file, {HOME: str(directory)})
    config.data.prepare()
    store = SecretFile(config.data.secrets, config.data.identity, config.mode)
    secrets = Secrets(config.mode, store, {})
    provide_secrets(config, secrets)
    return config, secrets


def _listed(name: str, tick: str, multiplier: str, start: str) -> dict[str, Any]:
    return {
        "venue_symbol": name,
        "kind": "fx",
        "quote": "USD",
        "tick_size": tick,
        "multiplier": multiplier,
        "lot_step": "0.01",
        "min_qty": "0.01",
        "max_qty": "100",
        "start_price": start,
        "spread_ticks": 2,
    }


def _free_ports(count: int) -> list[int]:
    """Choose ports that are still free when a process that is yet to start listens there."""
    found: list[int] = []
    with ExitStack() as held:
        while len(found) < count:
            probe = held.enter_context(socket.socket())
            port = randbelow(5_000) + 10_000  # systems give outgoing connections higher ones
            with suppress(OSError):
                probe.bind(("127.0.0.1", port))
                found.append(port)
    return found


_PASSWORD = "BASCULE_DRILL_FIX_PASSWORD"
_LISTED = (
    ("EURUSD", "0.00001", "100000", "1.16000"),
    ("GBPUSD", "0.00001", "100000", "1.32000"),
    ("AUDUSD", "0.00001", "100000", "0.65000"),
    ("XAUUSD", "0.01", "100", "4000.00"),
)
_FIX_CONFIG = """\
mode = "paper"

[server]
host = "127.0.0.1"
port = {server}

[secrets]
store = "file"

[venues.fix]
kind = "fix"
host = "127.0.0.1"
port = {port}
sender_comp_id = "DRILL"
target_comp_id = "EMULATOR"
store = {store}
tls = false
# The exchange keeps every order that it took, so that one which it does not know never lived.
override.absence_proof = "snapshots"
override.absence_apart_s = 0.5
override.mass_cancel = "all"
override.submit_timeout_s = 2.0
instruments = [
  {{ name = "EURUSD", session = "{session}" }},
  {{ name = "GBPUSD", session = "{session}" }},
  {{ name = "AUDUSD", session = "{session}" }},
  {{ name = "XAUUSD", session = "{session}" }},
]

[venues.fix.secrets]
password = "fix_password"

[accounts.drill]
venue = "fix"
login = "D1"
currency = "USD"
initial_balance = 1000000
limits = {{ max_order_qty = 1 }}

[sources.scripts]
kind = "intents"
bearer_secret = "scripts_token"

[routes.drill]
strategy = "drill"
sources = ["scripts"]
accounts = [{{ account = "drill", sizing = {{ method = "fixed", quantity = 0.1 }} }}]
"""
