"""The paper broker: Bascule's own, in a process of its own, spoken to like any venue."""

from bascule.venues.kit.contract import VenueContext
from bascule.venues.paper.client import PaperVenue


def create(context: VenueContext) -> PaperVenue:
    """Make a link to a paper broker.

    Settings: ``host`` (``127.0.0.1``), ``port``, ``timeout_s`` (5), and ``native_bracket``,
    ``native_trailing``, ``reduce_only`` (true) as the broker has them. Secrets: the token of each
    account by its login.

    Raises:
        ConfigError: a setting is missing, unknown or wrong.
        SecretError: an account has no token.
    """
    return PaperVenue(context)
