"""What every table of the file is: frozen, with no key but its own, and errors that name a key."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

AT_KEY = "at_key"
"""Type of an error that a whole table raises about one of its keys; see ``wrong``."""


def wrong(key: str, what: str, allowed: str = "") -> PydanticCustomError:
    """Make the error of a table whose ``key`` does not go with the others."""
    return PydanticCustomError(AT_KEY, "{what}", {"key": key, "what": what, "allowed": allowed})


class Table(BaseModel):
    """A table of the file: frozen, and any key that is not listed is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _true_is_no_number(cls, given: object) -> object:
        """Refuse ``max_open_orders = true``, which would be read as 1."""
        for name, value in given.items() if isinstance(given, Mapping) else ():
            field = cls.model_fields.get(name)
            if isinstance(value, bool) and field is not None and field.annotation is not bool:
                raise wrong(name, f"{str(value).lower()} is yes or no, and this is neither")
        return given
