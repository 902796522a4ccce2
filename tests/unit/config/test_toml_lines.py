"""The line of every key, whatever a valid TOML text looks like."""

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bascule.config.toml_lines import key_lines

TEXT = r'''mode = "paper" # [not.a.table]
[server]
host="a]b=c"
port = 1

[a."b.c".d]
x = [1,
  {y = 1, z = "}"}, # , ]
  [ ],
]
s = """
fake = 1
"""
t = """ab\"""\""""
u.v = 2
[[list]]
k = 'it''s'
[[list]]
k = 1979-05-27 07:32:00
[list.sub]
w = {}
'''.replace("'it''s'", "'its'")


def paths(value: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Give every key and index of what the standard parser read."""
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in inside:
        yield (*at, key)
        if isinstance(one, dict | list):
            yield from paths(one, (*at, key))


@pytest.mark.parametrize(
    ("key", "line"),
    [
        (("mode",), 1),
        (("server",), 2),
        (("server", "port"), 4),
        (("a", "b.c"), 6),
        (("a", "b.c", "d", "x"), 7),
        (("a", "b.c", "d", "x", 1, "z"), 8),
        (("a", "b.c", "d", "x", 2), 9),
        (("a", "b.c", "d", "t"), 14),
        (("a", "b.c", "d", "u", "v"), 15),
        (("list", 0, "k"), 17),
        (("list", 1), 18),
        (("list", 1, "sub", "w"), 21),
    ],
)
def test_each_key_has_the_line_where_it_is_written(key: tuple[str | int, ...], line: int) -> None:
    """Tables, dotted and quoted keys, inline tables and lists are all found."""
    assert key_lines(TEXT)[key] == line


def test_strings_and_comments_hold_no_keys() -> None:
    """Exactly the keys that the standard parser reads are found, and no other."""
    assert set(key_lines(TEXT)) == set(paths(tomllib.loads(TEXT)))


scalars = st.sampled_from(
    [
        "1",
        "true",
        '"x # y"',
        "'[a]'",
        '"""\n[b]\nc = 1\n"""',
        "'''\nd = \\'\n'''",
        "1.5e3",
        "07:32:00",
    ]
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda xs: "[\n  " + ", # ]\n  ".join(xs) + "\n]"),
        st.lists(inner, max_size=3).map(
            lambda xs: "{" + ", ".join(f"k{n} = {x}" for n, x in enumerate(xs)) + "}"
        ),
    ),
    max_leaves=8,
)


@given(st.lists(values, max_size=5), st.lists(values, max_size=3))
def test_any_nesting_is_walked(top: list[str], table: list[str]) -> None:
    """However values nest, keys are found on lines that hold their names."""
    lines = [f"a{n} = {value}" for n, value in enumerate(top)]
    lines += ["[t.'q.q']", *(f'"b {n}" . c = {value}' for n, value in enumerate(table))]
    text = "\n".join(lines)
    try:
        expected = set(paths(tomllib.loads(text)))
    except tomllib.TOMLDecodeError:
        return  # a line break within an inline table: not ours to judge
    found = key_lines(text)
    assert set(found) == expected
    written = text.split("\n")
    for path, line in found.items():
        if isinstance(path[-1], str):
            assert path[-1] in written[line - 1]
