"""The shape of ``[guardian]``. ``docs/configuration.md`` explains each key."""

from collections.abc import Mapping
from typing import Literal

from bascule.config.faces_settings import PageSettings, PresenceSettings, TelegramSettings
from bascule.config.fields import Count, DurationNs, Number, Port, SecretName
from bascule.config.table import Table
from bascule.model.values import MINUTE, SECOND


class GuardianSettings(Table):
    """The kill switch's own process. ``secrets`` are credentials of its own, by venue."""

    enabled: bool = True
    port: Port = 8423
    stalled_after: DurationNs = 5 * SECOND
    kill_stalled: bool = True
    on_stall: Literal["flatten", "halt", "alert"] = "alert"
    link_halt_after: DurationNs = 5 * SECOND
    link_alert_after: DurationNs = 30 * SECOND
    link_flatten_after: DurationNs = 1 * MINUTE
    money_every: DurationNs = 5 * SECOND
    runaway_orders: Count = 120
    on_runaway: Literal["flatten", "halt", "alert"] = "halt"
    floors: Mapping[str, Number] = {}
    drill_every: DurationNs = 0
    secrets: Mapping[str, Mapping[str, SecretName]] = {}
    kill_folder: str = ""
    page: PageSettings = PageSettings()
    telegram: TelegramSettings = TelegramSettings()
    presence: PresenceSettings = PresenceSettings()
