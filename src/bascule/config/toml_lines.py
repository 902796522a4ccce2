"""Where each key of a TOML text stands, so that an error can name its line.

The standard parser gives values without places. This walks a text which that parser has already
accepted, and notes the line of every key; it reads no value.
"""

import re
import tomllib

Path = tuple[str | int, ...]
"""Keys and list indexes from the top: ``("routes", "gold", "accounts", 0, "sizing")``."""

_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY = re.compile(r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')""")
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"{1,2}(?!"))*"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'',
    re.DOTALL,
)
_BARE = re.compile(r"[^,\]}#\n]+")


def key_lines(text: str) -> dict[Path, int]:
    """Give the line (from 1) of every key and list item of a valid TOML text.

    A table that is only implied, such as ``a`` in ``[a.b]``, has the line where it is first named.
    """
    walker = _Walker(text)
    walker.document()
    return walker.lines


class _Walker:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.line = 1
        self.counted = 0
        self.lines: dict[Path, int] = {}

    def document(self) -> None:
        table: Path = ()
        counts: dict[Path, int] = {}
        self.skip(_SPACE)
        while self.at < len(self.text):
            if self.here("[["):
                table = self.resolve(self.header(2), counts)
                number = counts.get(table, 0)
                counts[table] = number + 1
                table = (*table, number)
                self.note(table)
            elif self.here("["):
                table = self.resolve(self.header(1), counts)
                self.note(table)
            else:
                self.pair(table)
            self.skip(_SPACE)

    def resolve(self, path: Path, counts: dict[Path, int]) -> Path:
        """Put the index of the newest item behind each array of tables that a header passes."""
        resolved: Path = ()
        for name in path[:-1]:
            resolved = (*resolved, name)
            if resolved in counts:
                resolved = (*resolved, counts[resolved] - 1)
        return (*resolved, path[-1])

    def header(self, brackets: int) -> Path:
        self.at += brackets
        path = self.key()
        self.at += brackets
        return path

    def pair(self, table: Path) -> None:
        path = (*table, *self.key())
        self.note(path)
        self.at += 1  # the equals sign
        self.value(path)

    def key(self) -> Path:
        parts: list[str | int] = []
        while True:
            self.skip(_SPACE)
            part = self.take(_KEY)
            quoted = part[:1] in "\"'"
            parts.append(tomllib.loads(f"v = {part}")["v"] if quoted else part)
            self.skip(_SPACE)
            if not self.here("."):
                return tuple(parts)
            self.at += 1

    def value(self, path: Path) -> None:
        self.skip(_SPACE)
        if self.here("["):
            self.items("]", path)
        elif self.here("{"):
            self.items("}", path)
        elif not self.skip(_STRING):
            self.skip(_BARE)

    def items(self, end: str, path: Path) -> None:
        self.at += 1
        number = 0
        self.skip(_SPACE)
        while not self.here(end):
            if end == "]":
                self.note((*path, number))
                self.value((*path, number))
                number += 1
            else:
                self.pair(path)
            self.skip(_SPACE)
            if self.here(","):
                self.at += 1
                self.skip(_SPACE)
        self.at += 1

    def note(self, path: Path) -> None:
        self.line += self.text.count("\n", self.counted, self.at)
        self.counted = self.at
        for length in range(1, len(path) + 1):
            self.lines.setdefault(path[:length], self.line)

    def here(self, mark: str) -> bool:
        return self.text.startswith(mark, self.at)

    def skip(self, pattern: re.Pattern[str]) -> bool:
        return bool(self.take(pattern))

    def take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        if found is None:
            return ""
        self.at = found.end()
        return found[0]
