"""From a configuration and its secrets to what an engine and an intake are started with."""

from collections.abc import Callable
from typing import NamedTuple

from bascule.config.build import Config
from bascule.config.second_factor import SecondFactor, second_factor
from bascule.config.secrets import Secrets
from bascule.engine.runtime import Setup, VenueSetup
from bascule.model.enums import AccountMode
from bascule.model.errors import SecretError
from bascule.signals.intake.source import Source
from bascule.venues.kit.contract import WireLog


class Prepared(NamedTuple):
    """A configuration whose secrets are all there."""

    setup: Setup
    sources: tuple[Source, ...]
    second_factor: SecondFactor


def prepare(config: Config, secrets: Secrets, wire_log: WireLog | None = None) -> Prepared:
    """Put the secrets in their places.

    Raises:
        SecretError: some are missing; the message names them all.
        ConfigError: a source's secret cannot serve as one.
    """
    resolve = _resolver(config, secrets)
    sources = tuple(spec.source(resolve) for spec in config.sources)
    venues = tuple(
        VenueSetup(
            id=venue.id,
            kind=venue.kind,
            settings=venue.settings,
            secrets={what: resolve(name) for what, name in venue.secrets.items()},
        )
        for venue in config.venues
    )
    setup = Setup(
        data_dir=config.data.path,
        mode=config.mode,
        accounts=config.accounts,
        routes=config.routes,
        limits=config.limits,
        portfolio_currency=config.portfolio_currency,
        venues=venues,
        config_text=config.text,
        config_hash=config.hash,
        max_signal_age_ns=config.max_signal_age_ns,
        news=config.news if config.news.source else None,
        wire_log=wire_log,
        needs_guardian=config.mode is AccountMode.LIVE,
    )
    return Prepared(setup, sources, second_factor(secrets, config.data.second_factor))


def _resolver(config: Config, secrets: Secrets) -> Callable[[str], str]:
    """Look every secret up once, and tell of all that are missing at once."""
    values: dict[str, str] = {}
    missing: list[SecretError] = []
    for name in config.secrets:
        try:
            values[name] = secrets.get(name)
        except SecretError as error:
            missing.append(error)
    if missing:
        raise SecretError(
            "\n".join(dict.fromkeys(error.message for error in missing)) + "\nNothing was started.",
            code=missing[0].code,
            hint="\n       ".join(dict.fromkeys(error.hint for error in missing)),
        )
    return values.__getitem__
