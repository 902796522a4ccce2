"""QR codes: what a reader needs is in its place, and errors can be corrected."""

from hashlib import sha256

import pytest

from bascule.cli.qr import BYTES_MAX, SIZE, codewords, in_terminal, qr, times

ADDRESS = "otpauth://totp/Bascule:live?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Bascule"
READ_BY_ZBAR = "ba146107c19c74a61ef4c729706e7dde114259d9aac8359563cc763bb9269fa1"
"""Of the modules as `zbarimg` (zbar 0.23) read them back to the address above."""


def test_the_code_is_the_one_that_a_reader_read() -> None:
    """Module by module, as checked once with a program that is not ours."""
    drawn = "\n".join("".join("#" if dark else "." for dark in row) for row in qr(ADDRESS))
    assert sha256(drawn.encode()).hexdigest() == READ_BY_ZBAR


@pytest.mark.parametrize("text", ["", "a", ADDRESS, "x" * BYTES_MAX])
def test_the_check_words_make_a_whole_code(text: str) -> None:
    """Every root of the generator is a root of the words: that is what a reader corrects by."""
    words = codewords(text.encode())
    assert len(words) == 134
    root = 1
    for _ in range(26):
        value = 0
        for word in words:
            value = times(value, root) ^ word
        assert value == 0
        root = times(root, 2)


def test_the_field_is_one() -> None:
    """255 steps of the generator lead back to one, and no fewer."""
    value, steps = 2, 1
    while value != 1:
        value, steps = times(value, 2), steps + 1
    assert steps == 255


def test_too_long_a_text_is_refused() -> None:
    """There is no half of a code."""
    with pytest.raises(ValueError, match="107 bytes"):
        qr("x" * (BYTES_MAX + 1))


def test_it_is_drawn_with_its_quiet_zone() -> None:
    """Two rows a line, four light modules on each side, black on white."""
    lines = in_terminal(qr(ADDRESS)).splitlines()
    bare = [line.removeprefix("\x1b[30;107m").removesuffix("\x1b[0m") for line in lines]
    assert len(lines) == (SIZE + 9) // 2 and {len(line) for line in bare} == {SIZE + 8}
    assert bare[0].strip() == bare[1].strip() == "" and all(line[:4] == "    " for line in bare)
