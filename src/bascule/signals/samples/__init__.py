"""TradingView alerts in the shapes that people use, with the placeholders still in them.

They are data for the demonstration's sender and for trying Bascule out. ``{{plot_0}}`` is the
stop's price and ``{{plot_1}}`` the target's; all other names are TradingView's own.
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources

import msgspec
from msgspec import Struct

_PLACEHOLDER = re.compile(r"\{\{([^{}]+)\}\}")


class SampleAlert(Struct, frozen=True):
    """One alert. ``expects`` is ``accepted`` or the code with which it is refused."""

    name: str
    about: str
    strategy: str
    expects: str
    template: str

    def fill(self, values: Mapping[str, str]) -> str:
        """Fill the placeholders as TradingView does: a name that has no value stays as it is.

        Args:
            values: by placeholder name without braces, as ``strategy.order.action``.
        """
        return _PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), self.template)


@cache
def alerts() -> tuple[SampleAlert, ...]:
    """Give every sample."""
    text = resources.files(__name__).joinpath("alerts.jsonl").read_text(encoding="utf-8")
    return tuple(msgspec.json.decode(line, type=SampleAlert) for line in text.splitlines())


def alert(name: str) -> SampleAlert:
    """Give one sample.

    Raises:
        KeyError: there is none of that name.
    """
    for one in alerts():
        if one.name == name:
            return one
    raise KeyError(name)
