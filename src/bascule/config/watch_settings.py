"""Tables of the configuration that say who is told what, and who listens for signs of life."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from bascule.alerts.alert import AlertPlan, Severity, Shown
from bascule.alerts.kinds import KINDS
from bascule.config.fields import Count, DurationNs, SecretName
from bascule.config.problems import did_you_mean
from bascule.config.table import Table, wrong
from bascule.model.ids import AccountId
from bascule.model.values import MINUTE, SECOND


def _kind(value: str) -> str:
    if value not in KINDS:
        raise ValueError(f"is no kind of alert{did_you_mean(value, KINDS)}; see docs/alerts.md")
    return value


AlertName = Annotated[str, AfterValidator(_kind)]


class AlertSettings(Table):
    """Whom to tell, of what, and in how much detail. Channels are tried in their order."""

    url_secrets: tuple[Annotated[SecretName, Field(min_length=1)], ...] = ()
    minimum: Severity = Severity.INFO
    mute: tuple[AlertName, ...] = ()
    detail: Literal["percent", "full"] = "percent"
    window: DurationNs = 5 * MINUTE
    per_minute: Count = 10
    timeout: DurationNs = 10 * SECOND
    link_lost_after: DurationNs = 30 * SECOND

    def plan(self, accounts: dict[AccountId, Shown]) -> AlertPlan:
        """Give it in the words of the alerts."""
        return AlertPlan(
            channels=self.url_secrets,
            minimum=self.minimum,
            mute=self.mute,
            detail=self.detail,
            window_ns=self.window,
            per_minute=self.per_minute,
            timeout_ns=self.timeout,
            link_lost_after_ns=self.link_lost_after,
            accounts=accounts,
        )


class HeartbeatSettings(Table):
    """Which monitor outside is asked for its URL, by whom, and how often."""

    engine_secret: SecretName = ""
    guardian_secret: SecretName = ""
    every: DurationNs = 1 * MINUTE

    @model_validator(mode="after")
    def _not_too_often(self) -> "HeartbeatSettings":
        if self.every < SECOND:
            raise wrong("every", "is less than a second; a monitor is asked now and then")
        return self
