"""Tables of alerts, heartbeats and the guardian's faces: what they refuse, and what they become."""

from datetime import time
from decimal import Decimal
from pathlib import Path

import pytest

from bascule.alerts.alert import Severity, Shown
from bascule.config.build import Config
from bascule.config.demo import written
from bascule.config.load import read
from bascule.config.problems import ConfigProblems
from bascule.model.ids import AccountId
from bascule.model.values import SECOND


def config(more: str) -> Config:
    """Read the sample configuration with more tables."""
    return read(f"{written()}\n{more}", Path("bascule.toml"), {})


def refused(more: str) -> str:
    """Give what is said of a configuration that is wrong."""
    with pytest.raises(ConfigProblems) as caught:
        config(more)
    return str(caught.value)


def test_channels_and_monitors_are_names_of_secrets() -> None:
    """They count among the secrets that are needed, and a URL in the file is refused unseen."""
    found = config(
        '[alerts]\nurl_secrets = ["phone", "mail"]\nminimum = "warning"\nwindow = "1m"\n'
        '[heartbeat]\nengine_secret = "m1"\nguardian_secret = "m2"\n'
        '[guardian.telegram]\ntoken_secret = "bot"\n'
    )
    assert {"phone", "mail", "m1", "m2", "bot"} <= set(found.secrets)
    assert found.alerts.channels == ("phone", "mail")
    assert (found.alerts.minimum, found.alerts.window_ns) == (Severity.WARNING, 60 * SECOND)
    said = refused('[alerts]\nurl_secrets = ["tgram://4711abc:def/9"]\n')
    assert "looks like a secret" in said and "4711abc" not in said


def test_money_is_told_in_percent_of_the_initial_balance() -> None:
    """Where an account has none, an amount is only called an amount."""
    shown = config("").alerts.accounts
    assert all(isinstance(one, Shown) for one in shown.values()) and AccountId("fx_raw") in shown
    assert {one.currency for one in shown.values()} == {"USD"}
    assert all(one.basis is None or one.basis > Decimal(0) for one in shown.values())


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('[alerts]\nmute = ["order_fild"]', 'did you mean "order_filled"?'),
        ('[alerts]\nurl_secrets = [""]', "url_secrets"),
        ('[heartbeat]\nevery = "100ms"', "less than a second"),
        ('[guardian.page]\nhost = "203.0.113.7"', "not a private address"),
        ('[guardian.page]\nhost = "0.0.0.0"', "not a private address"),
        ('[guardian.page]\nhost = "example.com"', "is no address"),
        ('[guardian.presence]\naccounts = ["nobody"]', 'there is no account "nobody"'),
        ('[guardian.presence]\nevery = "10s"', "less than a minute"),
        ('[guardian.presence]\nwarn = "2h"', 'is not below "every"'),
        ('[guardian.presence]\nstart = "25:00"', "no time of day"),
        ('[guardian.presence]\nzone = "Mars/Olympus"', "no time zone"),
        ('[guardian.presence]\ndays = ["someday"]', "days"),
    ],
)
def test_what_cannot_be_meant_is_refused(table: str, said: str) -> None:
    """Each with its key and in plain words."""
    assert said in refused(table)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "10.0.0.5", "192.168.1.9", "100.101.102.103", "fd00::5", ""]
)
def test_the_page_may_be_on_a_network_of_ones_own(host: str) -> None:
    """Home networks and mesh VPNs are private."""
    assert config(f'[guardian.page]\nhost = "{host}"').guardian.page.host == host


def test_hours_are_times_of_day() -> None:
    """As the watch over presence takes them."""
    found = config('[guardian.presence]\nstart = "08:30"\nend = "17:00"\naccounts = ["fx_raw"]')
    assert found.guardian.presence.hours == (time(8, 30), time(17))
