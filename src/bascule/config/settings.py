"""The shape of the user's TOML, key by key. ``docs/configuration.md`` explains each.

These models check one value at a time; what must agree between tables is in ``references``.
Durations are nanoseconds here and ``"60s"`` in the file; numbers are exact.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from bascule.config.fields import (
    AllowedFrom,
    ClientCertificate,
    Comment,
    Count,
    CurrencyCode,
    DurationNs,
    Login,
    Name,
    Network,
    Number,
    Port,
    Positive,
    PublicUrl,
    SecretName,
    Strategy,
    WholeNumber,
)
from bascule.config.firm import BufferSettings, NewsSettings, PermissionSettings
from bascule.config.fix_settings import FixSettings
from bascule.config.guardian_settings import GuardianSettings
from bascule.config.limits import (
    LimitSettings,
    PortfolioSettings,
    StrategyName,
    StrategySettings,
)
from bascule.config.mapping import MappingSettings
from bascule.config.table import Table, wrong
from bascule.config.watch_settings import AlertSettings, HeartbeatSettings
from bascule.model.enums import (
    AccountMode,
    LevelUnit,
    PositionMode,
    QtyUnit,
    Side,
)
from bascule.model.values import SECOND, ZERO
from bascule.signals.intake.source import BODY_FIELDS


class ServerSettings(Table):
    """Where Bascule listens. One port serves the signal paths, the control API and the console."""

    host: str = "127.0.0.1"
    port: Port = 8420
    public_url: PublicUrl = ""
    trusted_proxies: tuple[Network, ...] = ()


class JournalSettings(Table):
    """Where each mode's own directory is made; empty for the platform's place for data."""

    directory: str = ""


class SecretSettings(Table):
    """Which store keeps secrets that are not in the environment."""

    store: Literal["file", "keyring"] = "file"


class VenueSettings(BaseModel):
    """A link to a venue. Every key but these two is the venue's own and is checked by it.

    ``secrets`` maps what the venue asks for to the name of a secret.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    kind: str
    secrets: dict[str, SecretName] = {}

    @property
    def own(self) -> dict[str, Any]:
        """The venue's own settings."""
        return dict(self.model_extra or {})


class SymbolSettings(Table):
    """From our names to the account's: an exact override first, else prefix + name + suffix."""

    prefix: str = ""
    suffix: str = ""
    overrides: Mapping[str, str] = {}


class PacingSettings(Table):
    """How fast an account may talk to its venue, in requests."""

    requests_per_second: Positive = Decimal(20)
    burst: Count = 40
    reserve: WholeNumber = 10

    @model_validator(mode="after")
    def _reserve_leaves_room(self) -> Self:
        if self.reserve >= self.burst:
            raise wrong(
                "reserve",
                f"{self.reserve} is not below burst ({self.burst}), so no entry could ever leave",
            )
        return self


class AccountSettings(Table):
    """One account at one venue. ``login`` is the venue's own name of it."""

    venue: str
    login: Login
    currency: CurrencyCode
    position_mode: PositionMode = PositionMode.NETTING
    owner: str = ""
    firm: str = ""
    programme: str = ""
    phase: Literal["", "phase1", "phase2", "phase3", "funded"] = ""
    hosting: Literal["", "own", "vps"] = ""
    attended: bool = False
    initial_balance: Number | None = None
    secret: SecretName = ""
    comment: Comment = "bascule"
    permission: PermissionSettings | None = None
    buffers: BufferSettings = BufferSettings()
    symbols: SymbolSettings = SymbolSettings()
    limits: LimitSettings = LimitSettings()
    pacing: PacingSettings = PacingSettings()


class RateSettings(Table):
    """How many signals a source may send."""

    per_minute: Count = 60
    burst: Count = 20


class ProfileSettings(Table):
    """What a source's numbers mean where its messages do not say; unset ones are refused."""

    volume: QtyUnit | None = None
    percent: QtyUnit | None = None
    lot_size: Positive | None = None
    stop: LevelUnit | None = None
    target: LevelUnit | None = None
    trail: LevelUnit | None = None
    entry: Literal["price"] | None = None
    bare_entry: Literal["reference", "limit"] = "reference"
    split_targets: Literal["refuse", "equal", "first", "last"] = "refuse"
    unreadable_stop: Literal["refuse", "ignore"] = "refuse"


class SourceSettings(Table):
    """One sender of signals: how it proves who it is, and how its messages are read."""

    kind: Literal["webhook", "intents", "files", "fix"]
    folder: str = ""
    dialect: str = ""
    path_secret: SecretName = ""
    body_secret: SecretName = ""
    body_fields: tuple[str, ...] = BODY_FIELDS
    hmac_secrets: tuple[SecretName, ...] = ()
    bearer_secret: SecretName = ""
    allow_from: tuple[AllowedFrom, ...] = ()
    client_certificate: ClientCertificate = ""
    strategy: Strategy | None = None
    owner: str = ""
    max_age: DurationNs = 0
    rate: RateSettings = RateSettings()
    profile: ProfileSettings = ProfileSettings()
    mapping: MappingSettings | None = None
    fix: FixSettings | None = None

    @model_validator(mode="after")
    def _mapping_goes_with_its_dialect(self) -> Self:
        if self.dialect == "mapping" and self.mapping is None:
            raise wrong("mapping", 'dialect = "mapping" needs it')
        if self.mapping is not None and self.dialect != "mapping":
            raise wrong("mapping", 'belongs to dialect = "mapping"')
        return self

    @model_validator(mode="after")
    def _has_its_own_proof(self) -> Self:
        of_webhook = {key for key in _WEBHOOK_PROOFS if getattr(self, key)}
        if self.kind == "fix":
            self._is_session()
            return self
        if self.fix is not None:
            raise wrong("fix", 'belongs to kind = "fix"')
        if self.kind == "files":
            for key in _PROOFS:
                if getattr(self, key):
                    raise wrong(key, 'does not go with kind = "files": whoever may write there may')
            if not self.folder:
                raise wrong("folder", 'kind = "files" needs it')
            return self
        if self.folder:
            raise wrong("folder", 'belongs to kind = "files"')
        if self.kind == "webhook":
            if self.bearer_secret:
                raise wrong("bearer_secret", 'belongs to kind = "intents"')
            if not of_webhook:
                raise wrong("kind", f"a webhook needs one of {', '.join(_WEBHOOK_PROOFS)}")
            return self
        for key in of_webhook | {key for key in ("dialect",) if getattr(self, key)}:
            raise wrong(key, 'belongs to kind = "webhook"')
        if not self.bearer_secret:
            raise wrong("bearer_secret", 'kind = "intents" needs it')
        return self

    def _is_session(self) -> None:
        if self.fix is None:
            raise wrong("fix", 'kind = "fix" needs it')
        for key in ("folder", "dialect", *_PROOFS):
            if key != "allow_from" and getattr(self, key):
                raise wrong(key, 'does not go with kind = "fix"')
        if self.fix.role == "orders" and self.strategy in (None, "*"):
            raise wrong("strategy", 'kind = "fix" needs the one that its orders belong to')


_WEBHOOK_PROOFS = ("path_secret", "body_secret", "hmac_secrets")
_PROOFS = (*_WEBHOOK_PROOFS, "bearer_secret", "allow_from", "client_certificate")


class SizingSettings(Table):
    """How an account sizes a route's entries; which number it needs depends on the method."""

    method: Literal["fixed", "multiplier", "risk_percent", "signal"]
    quantity: Positive | None = None
    factor: Positive | None = None
    percent: Positive | None = None
    basis: Literal["initial", "balance", "equity", "lower"] = "lower"
    max_qty: Positive | None = None
    slippage_ticks: Number = ZERO
    commission_per_lot: Number = ZERO

    @model_validator(mode="after")
    def _method_has_its_number(self) -> Self:
        needs = {"fixed": "quantity", "multiplier": "factor", "risk_percent": "percent"}
        wanted = needs.get(self.method)
        for method, key in needs.items():
            given = getattr(self, key) is not None
            if given and key != wanted:
                raise wrong(key, f'belongs to method = "{method}", not to "{self.method}"')
            if key == wanted and not given:
                raise wrong(key, f'method = "{self.method}" needs it')
        if self.percent is not None and self.percent > 100:
            raise wrong("percent", f"{self.percent} is above 100; 0.5 means half a percent")
        return self


class LegSettings(Table):
    """One account that follows a route."""

    account: str
    sizing: SizingSettings
    stagger: DurationNs = 0


class RouteSettings(Table):
    """Which accounts follow a strategy, and how."""

    strategy: Strategy
    accounts: tuple[LegSettings, ...] = Field(min_length=1)
    sources: tuple[str, ...] = ("*",)
    symbols: tuple[str, ...] = ()
    allowed_sides: Annotated[tuple[Side, ...], Field(min_length=1)] = (Side.BUY, Side.SELL)
    reverse: Literal["close_then_open", "close_only", "refuse"] = "close_then_open"
    pyramiding: Count = 1
    on_refusal: Literal["alone", "all"] = "alone"
    flat_cancels: bool = True
    max_age: DurationNs = 60 * SECOND
    default_tif: Literal["day", "gtc", "ioc", "fok"] = "gtc"
    engine_stops: Literal["refuse_live", "allow"] = "refuse_live"
    unpriced_max_qty: Positive | None = None


class Settings(BaseSettings):
    """The whole file."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        validate_default=False,
        env_prefix="BASCULE_",
        env_nested_delimiter="__",
    )

    mode: AccountMode
    max_signal_age: Annotated[DurationNs, Field(gt=0)] = 60 * SECOND
    server: ServerSettings = ServerSettings()
    journal: JournalSettings = JournalSettings()
    secrets: SecretSettings = SecretSettings()
    guardian: GuardianSettings = GuardianSettings()
    alerts: AlertSettings = AlertSettings()
    heartbeat: HeartbeatSettings = HeartbeatSettings()
    news: NewsSettings = NewsSettings()
    risk: LimitSettings = LimitSettings()
    portfolio: PortfolioSettings = PortfolioSettings()
    strategies: dict[StrategyName, StrategySettings] = {}
    venues: dict[Name, VenueSettings] = Field(min_length=1)
    accounts: dict[Name, AccountSettings] = Field(min_length=1)
    sources: dict[Name, SourceSettings] = {}
    routes: dict[Name, RouteSettings] = {}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what is given and nothing else: ``load`` has put file and environment together."""
        return (init_settings,)
