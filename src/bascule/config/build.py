"""From settings that are proven well-formed to the frozen words that the engine is set up with."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from bascule.alerts.alert import AlertPlan, Shown
from bascule.config.firm import NewsSettings
from bascule.config.firm_terms import permission_of, programme_of
from bascule.config.guardian_settings import GuardianSettings
from bascule.config.limits import risk_limits, scope_limits
from bascule.config.paths import DataDirectory, home
from bascule.config.settings import (
    AccountSettings,
    RouteSettings,
    ServerSettings,
    Settings,
    SizingSettings,
    SourceSettings,
)
from bascule.config.watch_settings import HeartbeatSettings
from bascule.model.account import (
    AccountSpec,
    Pacing,
    RiskLimits,
    Route,
    RouteLeg,
    SizingRule,
    SymbolMap,
)
from bascule.model.enums import AccountMode, TimeInForce
from bascule.model.ids import AccountId, RouteId, SourceId, StrategyId, VenueId
from bascule.model.values import ONE, ZERO, Currency, Duration
from bascule.signals.intake.fix_terms import FixTerms
from bascule.signals.intake.source import Rate, Source
from bascule.signals.profile import Profile
from bascule.signals.reading import Reader

Resolve = Callable[[str], str]
"""Gives the value of a named secret, or raises SecretError."""


class VenueSpec(Struct, frozen=True, kw_only=True):
    """A link to a venue. ``secrets`` maps what the venue asks for to the name of a secret.

    A venue asks for an account's secret by the account's login.
    """

    id: VenueId
    kind: str
    settings: dict[str, Any]
    secrets: dict[str, str]


class SourceSpec(Struct, frozen=True, kw_only=True):
    """A sender of signals whose secrets are still names; ``folder`` is one that is watched.

    Files that it names are relative to ``beside``.
    """

    id: SourceId
    kind: str
    settings: SourceSettings
    folder: Path | None = None
    beside: Path = Path()

    @property
    def secrets(self) -> tuple[str, ...]:
        """Name every secret it needs."""
        own = self.settings
        named = [own.path_secret, own.body_secret, *own.hmac_secrets, own.bearer_secret]
        named += [own.fix.password_secret] if own.fix is not None else []
        return tuple(name for name in named if name)

    def source(self, resolve: Resolve) -> Source:
        """Give the source with its secrets in place.

        Raises:
            SecretError: one is missing.
            ConfigError: one is too short, or of letters that its place cannot carry.
        """
        source = self._source(resolve)
        source.check()
        return source

    def reader(self) -> Reader:
        """Give the reader of its messages, for which no secret is needed and none is known."""
        source = self._source(lambda name: name)
        dialect = "native" if self.kind == "intents" else self.settings.dialect
        return msgspec.structs.replace(source.reader(dialect), secrets=())

    def _source(self, resolve: Resolve) -> Source:
        own = self.settings

        def value(name: str) -> str:
            return resolve(name) if name else ""

        return Source(
            name=self.id,
            path_token=value(own.path_secret),
            body_secret=value(own.body_secret),
            body_fields=own.body_fields,
            hmac_secrets=tuple(map(value, own.hmac_secrets)),
            bearer=value(own.bearer_secret),
            dialect=own.dialect,
            strategy=own.strategy or "",
            max_age_ns=Duration(own.max_age),
            rate=Rate(own.rate.per_minute, own.rate.burst),
            profile=Profile(**dict(own.profile)),
            mapping=own.mapping.map() if own.mapping is not None else None,
            allow_from=own.allow_from,
            client_certificate=own.client_certificate,
            folder=self.folder,
            fix=self._fix(value),
        )

    def _fix(self, value: Resolve) -> FixTerms | None:
        own = self.settings.fix
        if own is None:
            return None
        return FixTerms(
            version=own.begin_string,
            host=own.host,
            port=own.port,
            sender=own.sender,
            target=own.target,
            role=own.role,
            username=own.username,
            password=value(own.password_secret),
            accounts=own.accounts,
            reset_on_logon=own.reset_on_logon,
            schedule=own.schedule.schedule() if own.schedule is not None else None,
            certificate=self.beside / own.certificate if own.certificate else None,
            key=self.beside / own.key if own.key else None,
        )


class Config(Struct, frozen=True, kw_only=True):
    """Everything that the user set up. It holds names of secrets and never a value.

    ``text`` is the whole of it in one canonical form, defaults included, for the journal;
    ``hash`` is its SHA-256 in hex. ``limits`` are those of strategies, venues and all accounts, by
    scope; an account has its own. ``file`` is None for a configuration that was never a file.
    """

    mode: AccountMode
    data: DataDirectory
    server: ServerSettings
    secret_store: str
    max_signal_age_ns: int
    venues: tuple[VenueSpec, ...]
    accounts: tuple[AccountSpec, ...]
    sources: tuple[SourceSpec, ...]
    routes: tuple[Route, ...]
    limits: dict[str, RiskLimits]
    portfolio_currency: Currency
    alerts: AlertPlan
    news: NewsSettings
    heartbeat: HeartbeatSettings
    guardian: GuardianSettings
    text: str
    hash: str
    file: Path | None = None

    @property
    def secrets(self) -> dict[str, tuple[str, ...]]:
        """Name every secret that is needed, and say what for."""
        needed: dict[str, tuple[str, ...]] = {}
        for venue in self.venues:
            for what, name in venue.secrets.items():
                needed[name] = (*needed.get(name, ()), f"venue {venue.id}: {what}")
        for source in self.sources:
            for name in source.secrets:
                needed[name] = (*needed.get(name, ()), f"source {source.id}")
        for name in self.alerts.channels:
            needed[name] = (*needed.get(name, ()), "alerts")
        if name := self.heartbeat.engine_secret:
            needed[name] = (*needed.get(name, ()), "heartbeat of the engine")
        if name := self.heartbeat.guardian_secret:
            needed[name] = (*needed.get(name, ()), "heartbeat of the guardian")
        if name := self.guardian.telegram.token_secret:
            needed[name] = (*needed.get(name, ()), "the guardian's bot")
        return needed

    @property
    def guardian_secrets(self) -> tuple[str, ...]:
        """Name every secret that the guardian has for itself; the engine needs none of them."""
        own = self.guardian.secrets.values()
        return tuple(dict.fromkeys(name for named in own for name in named.values()))


def build(settings: Settings, file: Path | None, environ: Mapping[str, str]) -> Config:
    """Make the configuration of settings that were checked."""
    settings = _with_common_limits(settings)
    beside = _beside(file, "")
    accounts = tuple(
        _account(name, account, settings, beside) for name, account in settings.accounts.items()
    )
    text = canonical(settings, accounts)
    return Config(
        mode=settings.mode,
        data=DataDirectory(_root(settings, file, environ), settings.mode),
        server=settings.server,
        secret_store=settings.secrets.store,
        max_signal_age_ns=settings.max_signal_age,
        venues=tuple(_venue(name, settings) for name in settings.venues),
        accounts=accounts,
        sources=tuple(
            SourceSpec(
                id=SourceId(name),
                kind=source.kind,
                settings=source,
                folder=_beside(file, source.folder) if source.folder else None,
                beside=beside,
            )
            for name, source in settings.sources.items()
        ),
        routes=tuple(_route(name, route) for name, route in settings.routes.items()),
        limits=scope_limits(settings.strategies, settings.portfolio),
        portfolio_currency=Currency(settings.portfolio.currency or ""),
        alerts=settings.alerts.plan(_shown(settings)),
        news=_news(settings.news, file),
        heartbeat=settings.heartbeat,
        guardian=settings.guardian,
        text=text,
        hash=sha256(text.encode()).hexdigest(),
        file=file,
    )


def canonical(settings: Settings, accounts: Iterable[AccountSpec] = ()) -> str:
    """Write settings in the one form that the same settings always have.

    What the programmes of ``accounts`` say is written too: the settings hold only their names.
    """
    plain = settings.model_dump(mode="json")
    programmes = {
        spec.id: msgspec.to_builtins(spec.programme, builtin_types=(Decimal,))
        for spec in accounts
        if spec.programme is not None
    }
    if programmes:
        plain["programmes"] = programmes
    return msgspec.json.encode(plain, order="sorted").decode()


def _with_common_limits(settings: Settings) -> Settings:
    """Fill in each account's limits: its own where it sets one, else those of ``[risk]``."""

    def filled(account: AccountSettings) -> AccountSettings:
        own = account.limits
        set_here = {key: getattr(own, key) for key in own.model_fields_set}
        return account.model_copy(update={"limits": settings.risk.model_copy(update=set_here)})

    accounts = {name: filled(account) for name, account in settings.accounts.items()}
    return settings.model_copy(update={"accounts": accounts})


def _news(news: NewsSettings, file: Path | None) -> NewsSettings:
    """Give the settings of the calendar with the path of its file in full."""
    if not news.source or news.source.startswith("https://"):
        return news
    return news.model_copy(update={"source": str(_beside(file, news.source))})


def _root(settings: Settings, file: Path | None, environ: Mapping[str, str]) -> Path:
    if not settings.journal.directory:
        return home(environ)
    return _beside(file, settings.journal.directory)


def _beside(file: Path | None, named: str) -> Path:
    """Give a path that is named relative to the configuration's file."""
    beside = file.parent if file is not None else Path.cwd()
    return (beside / Path(named).expanduser()).resolve()


def _venue(name: str, settings: Settings) -> VenueSpec:
    venue = settings.venues[name]
    of_accounts = {
        account.login: account.secret
        for account in settings.accounts.values()
        if account.venue == name and account.secret
    }
    return VenueSpec(
        id=VenueId(name), kind=venue.kind, settings=venue.own, secrets=venue.secrets | of_accounts
    )


def _account(name: str, account: AccountSettings, settings: Settings, beside: Path) -> AccountSpec:
    programme = programme_of(account, beside)
    owners = {source: told.owner for source, told in settings.sources.items()}
    return AccountSpec(
        id=AccountId(name),
        venue=VenueId(account.venue),
        login=account.login,
        mode=settings.mode,
        currency=Currency(account.currency),
        position_mode=account.position_mode,
        firm=account.firm or (programme.firm if programme is not None else ""),
        owner=account.owner,
        initial_balance=account.initial_balance,
        symbols=SymbolMap(**dict(account.symbols)),
        limits=risk_limits(account.limits),
        pacing=Pacing(
            requests_per_second=float(account.pacing.requests_per_second),
            burst=account.pacing.burst,
            reserve=account.pacing.reserve,
        ),
        programme=programme,
        permission=permission_of(account.permission),
        hosting=account.hosting,
        attended=account.attended,
        comment=account.comment,
        others={one: whose for one, whose in owners.items() if whose not in ("", account.owner)},
    )


def _shown(settings: Settings) -> dict[AccountId, Shown]:
    """Say by account how its money is told of without telling how much it is."""
    return {
        AccountId(name): Shown(currency=account.currency, basis=account.initial_balance)
        for name, account in settings.accounts.items()
    }


def _route(name: str, route: RouteSettings) -> Route:
    return Route(
        id=RouteId(name),
        strategy=StrategyId(route.strategy),
        legs=tuple(
            RouteLeg(
                account=AccountId(leg.account), sizing=_sizing(leg.sizing), stagger_ns=leg.stagger
            )
            for leg in route.accounts
        ),
        sources=route.sources,
        symbols=route.symbols,
        allowed_sides=route.allowed_sides,
        reverse=route.reverse,
        pyramiding=route.pyramiding,
        on_refusal=route.on_refusal,
        flat_cancels=route.flat_cancels,
        max_age_ns=route.max_age,
        default_tif=TimeInForce(route.default_tif),
        engine_stops=route.engine_stops,
        unpriced_max_qty=route.unpriced_max_qty,
    )


def _sizing(rule: SizingSettings) -> SizingRule:
    return SizingRule(
        method=rule.method,
        quantity=rule.quantity or ZERO,
        factor=rule.factor or ONE,
        percent=rule.percent or ZERO,
        basis=rule.basis,
        max_qty=rule.max_qty,
        slippage_ticks=rule.slippage_ticks,
        commission_per_lot=rule.commission_per_lot,
    )
