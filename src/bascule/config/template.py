"""The configuration that `bascule init` writes: complete, commented, and ready to be edited."""

from collections.abc import Sequence
from decimal import Decimal

from msgspec import Struct

from bascule.config.problems import did_you_mean
from bascule.model.enums import AccountMode, PositionMode
from bascule.model.errors import UsageError
from bascule.model.values import text

PORT = 8420
"""Where Bascule listens unless it is told otherwise."""
BROKER_PORT = 8421
"""Where the paper broker listens unless it is told otherwise."""


class Sample(Struct, frozen=True, kw_only=True):
    """An account to begin with, in USD. ``commission`` is account currency a lot and side.

    ``lot_step`` is what the paper broker makes of it for spot instruments; ``futures`` tells that
    it trades contracts and no spot.
    """

    name: str
    about: str
    login: str = "CHANGE_ME"
    balance: Decimal | None = None
    position_mode: PositionMode = PositionMode.NETTING
    suffix: str = ""
    overrides: tuple[tuple[str, str], ...] = ()
    max_order_qty: Decimal = Decimal(1)
    max_order_qty_by_symbol: tuple[tuple[str, Decimal], ...] = ()
    lot_step: Decimal = Decimal("0.01")
    commission: Decimal = Decimal(0)
    futures: bool = False


SAMPLES = (
    Sample(
        name="fx_pro",
        login="1001",
        about="FX and index CFDs, netting, lots in steps of 0.01.",
        balance=Decimal(100_000),
        suffix=".pro",
        max_order_qty=Decimal(10),
        max_order_qty_by_symbol=(("US500", Decimal(200)),),
    ),
    Sample(
        name="fx_raw",
        login="1002",
        about="FX and index CFDs, hedging, lots in steps of 0.1.",
        balance=Decimal(25_000),
        position_mode=PositionMode.HEDGING,
        suffix=".r",
        max_order_qty=Decimal(5),
        max_order_qty_by_symbol=(("US500", Decimal(50)),),
        lot_step=Decimal("0.1"),
    ),
    Sample(
        name="futures",
        login="2001",
        about="Index, metal and energy futures, netting. A signal on US500 trades MES here.",
        balance=Decimal(50_000),
        overrides=(("US500", "MES1!"),),
        max_order_qty=Decimal(5),
        commission=Decimal("0.62"),
        futures=True,
    ),
)
"""The paper accounts."""


def samples_for(mode: AccountMode, names: Sequence[str] = ()) -> tuple[Sample, ...]:
    """Give the accounts to begin with; without names all that there are.

    Raises:
        UsageError: on paper, a name is none of the paper accounts'; else, it is no name.
    """
    names = [name.strip() for name in names if name.strip()]
    if mode is not AccountMode.PAPER:
        about = "Check every line against what the venue says of the account."
        return tuple(Sample(name=name, about=about) for name in names or ("main",))
    known = {sample.name: sample for sample in SAMPLES}
    for name in names:
        if name not in known:
            raise UsageError(
                f"There is no paper account {name!r}{did_you_mean(name, known)}. Nothing was"
                " written.",
                code="unknown_name",
                hint=f"There are: {', '.join(known)}.",
            )
    return tuple(known[name] for name in dict.fromkeys(names or known))


def template(
    mode: AccountMode,
    samples: Sequence[Sample],
    *,
    port: int = PORT,
    broker_port: int = BROKER_PORT,
) -> str:
    """Write a configuration.

    On paper it runs as it is. In the other modes the kind of venue and the logins are left for
    the user to fill in, and a check says so until that is done.
    """
    paper = mode is AccountMode.PAPER
    parts = [_HEAD.format(mode=mode.value, port=port)]
    parts.append(_PAPER_VENUE.format(broker_port=broker_port) if paper else _OWN_VENUE)
    parts += [_account(sample, paper=paper) for sample in samples]
    parts.append(_SOURCES)
    parts += [_route(name, about, legs) for name, about, legs in _routes(samples, paper=paper)]
    return "\n".join(parts)


def _account(sample: Sample, *, paper: bool) -> str:
    limits = f"max_order_qty = {text(sample.max_order_qty)}"
    if sample.max_order_qty_by_symbol:
        limits += f", max_order_qty_by_symbol = {_pairs(sample.max_order_qty_by_symbol)}"
    venue = "paper" if paper else "my_venue"
    secret = "paper_token" if paper else f"key_{sample.name.replace('-', '_')}"
    lines = [
        f"# {sample.about}",
        f"[accounts.{sample.name}]",
        f'venue = "{venue}"',
        f'login = "{sample.login}"',
        'currency = "USD"',
        f'position_mode = "{sample.position_mode.value}"',
        f'secret = "{secret}"',
    ]
    if sample.balance is not None:
        lines.append(f"initial_balance = {text(sample.balance)}")
    if sample.suffix:
        lines.append(f'symbols = {{ suffix = "{sample.suffix}" }}')
    if sample.overrides:
        lines.append(f"symbols = {{ overrides = {_pairs(sample.overrides)} }}")
    lines.append(f"limits = {{ {limits} }}")
    return "\n".join(lines) + "\n"


def _pairs(pairs: Sequence[tuple[str, str | Decimal]]) -> str:
    inside = (
        f'{key} = "{value}"' if isinstance(value, str) else f"{key} = {text(value)}"
        for key, value in pairs
    )
    return f"{{ {', '.join(inside)} }}"


def _routes(samples: Sequence[Sample], *, paper: bool) -> list[tuple[str, str, list[str]]]:
    """Give name, comment and followers of each route that these accounts can follow."""
    spot = [sample for sample in samples if not sample.futures]
    futures = [sample for sample in samples if sample.futures]
    by_risk = [f'{{ account = "{sample.name}", sizing = {_BY_RISK} }}' for sample in spot]
    one_contract = [f'{{ account = "{sample.name}", sizing = {_ONE} }}' for sample in futures]
    half_a_percent = "Half a percent of each account is lost at the signal's stop."
    if not paper:
        return [("main", half_a_percent, by_risk)]
    routes = [
        ("fx", half_a_percent, by_risk),
        ("futures", "One contract, whatever the signal says.", one_contract),
        ("index", "One signal on US500, under each account's own name and size.",
         by_risk + one_contract),
    ]  # fmt: skip
    return [route for route in routes if route[2]]


def _route(name: str, about: str, legs: list[str]) -> str:
    followers = "".join(f"\n  {leg}," for leg in legs)
    return (
        f'# {about}\n[routes.{name}]\nstrategy = "{name}"\n'
        f'sources = ["tradingview", "scripts"]\naccounts = [{followers}\n]\n'
    )


_BY_RISK = '{ method = "risk_percent", percent = 0.5 }'
_ONE = '{ method = "fixed", quantity = 1 }'
_HEAD = """\
# Bascule's configuration. docs/configuration.md explains every key.
# It holds no secrets, only their names: keep the values with `bascule secrets set NAME`.
# Check it with `bascule check --config-only`.

# paper: nothing real. shadow: live accounts are read, and nothing is sent. live: orders are sent.
# Each mode has its own data directory and its own secrets.
mode = "{mode}"

[server]
host = "127.0.0.1"          # keep it; `bascule expose` writes a proxy that passes on /hooks/ alone
port = {port}

[secrets]
store = "file"              # an encrypted file; "keyring" is the operating system's own store

# Limits of every account; an account's own `limits` replace them one by one.
[risk]
max_open_orders = 50
orders_per_minute = 60
duplicate_window = "2s"     # the same order again within this time is refused
"""

_PAPER_VENUE = """\
# The paper broker: a process of its own on this machine, with its own ledger.
[venues.paper]
kind = "paper"
port = {broker_port}
"""

_OWN_VENUE = """\
# `bascule check --config-only` lists the kinds that there are; docs/ has each kind's settings.
[venues.my_venue]
kind = "CHANGE_ME"
"""

_SOURCES = """\
# Webhooks: POST /hooks/tradingview/<token>. The token is the secret tradingview_path.
[sources.tradingview]
kind = "webhook"
path_secret = "tradingview_path"
# allow_from = ["tradingview"]   # nobody else; behind a proxy it needs [server] trusted_proxies
rate = { per_minute = 60, burst = 20 }

# Your own programs: POST /v1/intents with the header "Authorization: Bearer <token>".
[sources.scripts]
kind = "intents"
bearer_secret = "scripts_token"
"""
