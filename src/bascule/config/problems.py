"""What is wrong with a configuration: every problem at once, each with its place."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from msgspec import Struct

from bascule.model.errors import ConfigError

KeyPath = tuple[str | int, ...]
"""Keys and list indexes from the top of the configuration."""

ALLOWED_SHOWN_MAX = 30
"""A longer list of allowed words is cut: the message must stay readable."""


class Problem(Struct, frozen=True, kw_only=True):
    """One thing that is wrong: what, at which key, and what would be right.

    ``where`` is a file with its line or an environment variable, '' until it is known.
    """

    code: str
    key: KeyPath
    what: str
    allowed: str = ""
    where: str = ""

    def __str__(self) -> str:
        place = f"{self.where}  {dotted(self.key)}".strip()
        lines = [place, f"    {self.what}"]
        if self.allowed:
            lines.append(f"    allowed: {self.allowed}")
        return "\n".join(lines)


class ConfigProblems(ConfigError):
    """A configuration that is refused; ``problems`` holds all that is wrong with it."""

    def __init__(self, subject: str, problems: Sequence[Problem]) -> None:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        listed = "\n".join(str(problem) for problem in problems)
        super().__init__(
            f"{subject} has {count}; nothing was started.\n{listed}",
            hint="Mend them and run `bascule check --config-only`; docs/configuration.md explains"
            " every key.",
        )
        self.problems = tuple(problems)


def dotted(key: KeyPath) -> str:
    """Write a key as a person would: ``routes.gold.accounts[0].sizing``."""
    out = ""
    for part in key:
        if isinstance(part, int):
            out += f"[{part}]"
        else:
            out += f".{part}" if out else part
    return out


def listed(words: Iterable[str]) -> str:
    """Write allowed words as a list, cut where it would be too long."""
    words = list(words)
    more = len(words) - ALLOWED_SHOWN_MAX
    return ", ".join(words[:ALLOWED_SHOWN_MAX]) + (f" and {more} more" if more > 0 else "")


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """Give ``; did you mean "x"?`` where a known word is near, else ''."""
    near = get_close_matches(word.lower(), list(words), n=1, cutoff=0.6)
    return f'; did you mean "{near[0]}"?' if near else ""
