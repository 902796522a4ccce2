"""A QR code in a terminal, for one short address: version 5, level L, byte mode (ISO/IEC 18004).

That one shape has room for 106 bytes and needs a single block of error correction, so the whole of
it stays small. The mask is fixed, which the standard's readers take like any other.
"""

from collections.abc import Callable
from itertools import pairwise

BYTES_MAX = 106
SIZE = 37
QUIET = 4
_DATA, _CHECK = 108, 26
_FORMAT = 0b111011111000100
"""Level L and mask 0, with their own error correction."""
_ALIGNMENT = 30
_TIMING = 6

Put = Callable[[int, int, bool], None]
Grid = list[list[bool]]
"""Rows of modules; True is dark."""


def qr(text: str) -> Grid:
    """Give the modules of a text, without the quiet zone.

    Raises:
        ValueError: it is longer than 106 bytes.
    """
    grid, taken = _frame()
    words = codewords(text.encode())
    bits = [bool(word >> shift & 1) for word in words for shift in range(7, -1, -1)]
    for (row, column), bit in zip(_path(taken), [*bits, *([False] * 7)], strict=True):
        grid[row][column] = bit != ((row + column) % 2 == 0)
    return grid


def in_terminal(grid: Grid) -> str:
    """Draw it in half blocks, black on white whatever the terminal's own colours are."""
    wide = SIZE + 2 * QUIET
    blank = [[False] * wide for _ in range(QUIET)]
    side = [False] * QUIET
    rows = [*blank, *([*side, *row, *side] for row in grid), *blank, [False] * wide]
    half = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}
    lines = []
    for upper, lower in list(pairwise(rows))[::2]:
        drawn = "".join(half[pair] for pair in zip(upper, lower, strict=True))
        lines.append(f"\x1b[30;107m{drawn}\x1b[0m")
    return "\n".join(lines)


def codewords(data: bytes) -> list[int]:
    """Give the data with its length and padding, and its Reed-Solomon check words."""
    if len(data) > BYTES_MAX:
        raise ValueError(f"{len(data)} bytes, {BYTES_MAX} at most")
    bits = f"0100{len(data):08b}" + "".join(f"{byte:08b}" for byte in data) + "0000"
    words = [int(bits[at : at + 8].ljust(8, "0"), 2) for at in range(0, len(bits), 8)]
    words += [(0xEC, 0x11)[number % 2] for number in range(_DATA - len(words))]
    generator = [1]
    for power in range(_CHECK):
        root = _power(power)
        longer = [*generator, 0]
        for at, factor in enumerate(generator):
            longer[at + 1] ^= times(factor, root)
        generator = longer
    rest = [*words, *([0] * _CHECK)]
    for at in range(_DATA):
        lead = rest[at]
        for offset, factor in enumerate(generator):
            rest[at + offset] ^= times(factor, lead)
    return words + rest[_DATA:]


def times(a: int, b: int) -> int:
    """Multiply in the field of 256 that the standard names."""
    out = 0
    while b:
        out ^= a if b & 1 else 0
        a = a << 1 ^ (0x11D if a & 0x80 else 0)
        b >>= 1
    return out


def _power(exponent: int) -> int:
    out = 1
    for _ in range(exponent):
        out = times(out, 2)
    return out


def _frame() -> tuple[Grid, Grid]:
    """Draw what every code of this version has, and say which modules are taken by it."""
    grid = [[False] * SIZE for _ in range(SIZE)]
    taken = [[False] * SIZE for _ in range(SIZE)]

    def put(row: int, column: int, dark: bool) -> None:
        if 0 <= row < SIZE and 0 <= column < SIZE:
            grid[row][column], taken[row][column] = dark, True

    for at in range(SIZE):
        put(_TIMING, at, at % 2 == 0)
        put(at, _TIMING, at % 2 == 0)
    for row, column in ((3, 3), (3, SIZE - 4), (SIZE - 4, 3)):
        _rings(put, row, column, 4, (2, 4))
    _rings(put, _ALIGNMENT, _ALIGNMENT, 2, (1,))
    for number in range(15):
        dark = bool(_FORMAT >> number & 1)
        near = number if number < 6 else number + 1
        put(*((near, 8) if number < 8 else (8, (7, 5, 4, 3, 2, 1, 0)[number - 8])), dark)
        put(*((8, SIZE - 1 - number) if number < 8 else (SIZE - 15 + number, 8)), dark)
    put(SIZE - 8, 8, True)
    return grid, taken


def _rings(put: Put, row: int, column: int, reach: int, light: tuple[int, ...]) -> None:
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            ring = max(abs(down), abs(right))
            put(row + down, column + right, ring not in light)


def _path(taken: Grid) -> list[tuple[int, int]]:
    """Give the free modules in the order in which data fills them: up and down in pairs."""
    found = []
    upward = True
    for right in (*range(SIZE - 1, _TIMING, -2), *range(_TIMING - 1, 0, -2)):
        rows = range(SIZE - 1, -1, -1) if upward else range(SIZE)
        found += [
            (row, column) for row in rows for column in (right, right - 1) if not taken[row][column]
        ]
        upward = not upward
    return found
