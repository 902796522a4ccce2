"""What every table of the file is: frozen, with no key but its own, and errors that name a key."""

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError

AT_KEY = "at_key"
"""Type of an error that a whole table raises about one of its keys; see ``wrong``."""


def wrong(key: str, what: str, allowed: str = "") -> PydanticCustomError:
    """Make the error of a table whose ``key`` does not go with the others."""
    return PydanticCustomError(AT_KEY, "{what}", {"key": key, "what": what, "allowed": allowed})


class Table(BaseModel):
    """A table of the file: frozen, and any key that is not listed is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)
