"""The words that `bascule expose` can be given."""

from enum import StrEnum


class By(StrEnum):
    """What stands between the internet and Bascule."""

    NGINX = "nginx"
    CADDY = "caddy"
    TUNNEL = "tunnel"


class ClientCertificates(StrEnum):
    """What the proxy does about a sender's certificate."""

    OFF = "off"
    """It asks for none."""
    OPTIONAL = "optional"
    """It verifies one that is given and tells Bascule, which decides source by source."""
    REQUIRED = "required"
    """It lets nobody in without one."""
