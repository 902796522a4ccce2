"""Any counterparty that speaks FIX 4.2 to 5.0 SP2, by a profile of how it does so."""

from bascule.venues.fix.client import FixVenue
from bascule.venues.kit.contract import VenueContext


def create(context: VenueContext) -> FixVenue:
    """Make a link to a FIX counterparty. Settings: docs/fix-venue.md. Secrets: the password.

    Raises:
        ConfigError: a setting is missing, unknown or wrong.
        SecretError: the password has no value.
    """
    return FixVenue(context)
