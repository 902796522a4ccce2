"""From a configuration and its secrets to what a guardian is started with."""

from collections.abc import Mapping

from bascule.config.build import Config
from bascule.config.second_factor import second_factor
from bascule.config.secrets import Secrets
from bascule.guardian.setup import GuardedVenue, GuardianSetup, Options
from bascule.venues.kit.manifest import Manifest, load
from bascule.venues.kit.registry import ROOT


def guardian_setup(config: Config, secrets: Secrets) -> GuardianSetup:
    """Put the secrets in their places, the guardian's own before the engine's.

    Raises:
        SecretError: one is missing.
        ConfigError: a venue's manifest cannot be read.
    """
    own = config.guardian
    return GuardianSetup(
        mode_dir=config.data.path,
        mode=config.mode,
        accounts=config.accounts,
        venues=tuple(
            GuardedVenue(
                id=venue.id,
                kind=venue.kind,
                settings=venue.settings,
                secrets=_values({**venue.secrets, **own.secrets.get(venue.id, {})}, secrets),
                one_session=_manifest(venue.kind).venue.sessions == 1,
                countdown=_manifest(venue.kind).has("countdown"),
            )
            for venue in config.venues
        ),
        options=Options(
            stalled_ns=own.stalled_after,
            kill_stalled=own.kill_stalled,
            on_stall=own.on_stall,
            money_ns=own.money_every,
            link_halt_ns=own.link_halt_after,
            link_alert_ns=own.link_alert_after,
            link_flatten_ns=own.link_flatten_after,
            runaway_orders=own.runaway_orders,
            on_runaway=own.on_runaway,
            floors=dict(own.floors),
        ),
        second_factor=second_factor(secrets, config.data.second_factor),
        config=config.hash,
    )


def _manifest(kind: str) -> Manifest:
    return load(f"{ROOT}.{kind}")


def _values(named: Mapping[str, str], secrets: Secrets) -> dict[str, str]:
    return {what: secrets.get(name) for what, name in named.items()}
