"""How credentials hide from whoever looks for their names: behind escapes, and within brackets."""

import re

_ESCAPE = re.compile(r"""\\u([0-9a-fA-F]{4})|%([0-9a-fA-F]{2})|\\(["\\/])""")
_WORD = re.compile(r"\\{1,8}u([0-9a-fA-F]{4})|%([0-9a-fA-F]{2})")
_BRACKET = re.compile(r"""\\*["']|[\[\]{}]""")
_ROUNDS = 3
"""So many layers of JSON in JSON, or of forms in forms, are looked through."""


class Plain:
    """A text with its escapes undone; ``at`` says where a place of it was in the text as given."""

    def __init__(self, text: str, starts: list[int] | None = None) -> None:
        self.text = text
        self._starts = starts if starts is not None else list(range(len(text) + 1))

    def at(self, place: int) -> int:
        """Give where the character at a place began before."""
        return self._starts[place]

    def undone(self, escape: re.Pattern[str], *, words: bool = False) -> "Plain":
        """Undo one layer of escapes; with ``words`` only those of what names are made of."""
        parts: list[str] = []
        starts: list[int] = []
        kept = 0
        for found in escape.finditer(self.text):
            code = found[1] or found[2]
            char = chr(int(code, 16)) if code else found[3]
            if words and not (char.isascii() and (char.isalnum() or char in "_-")):
                continue
            parts += (self.text[kept : found.start()], char)
            starts += self._starts[kept : found.start() + 1]
            kept = found.end()
        parts.append(self.text[kept:])
        starts += self._starts[kept:]
        return Plain("".join(parts), starts)


def plains(text: str) -> list[Plain]:
    """Give what a text reads like without its escapes, in every way that may matter; often none.

    First with names alone made plain, since an escaped quote must not end the value that it is in;
    then layer by layer.
    """
    if not ("%" in text or "\\" in text) or _ESCAPE.search(text) is None:
        return []
    whole = Plain(text)
    ways = [whole.undone(_WORD, words=True)]
    for _ in range(_ROUNDS):
        whole = (before := whole).undone(_ESCAPE)
        if whole.text == before.text:
            break
        ways.append(whole)
    return [way for way in ways if way.text != text]


def bracketed(text: str, start: int) -> int:
    """Give where the bracket that opens at ``start`` has closed; the end of the text if nowhere.

    Strings are passed over: they are quoted like the first of them, however deep that is escaped.
    """
    quote, inside, depth = "", False, 0
    for found in _BRACKET.finditer(text, start):
        mark = found[0]
        if mark[-1] in "\"'":
            quote = quote or mark
            inside ^= mark == quote
        elif not inside:
            depth += 1 if mark in "[{" else -1
            if depth == 0:
                return found.end()
    return len(text)
