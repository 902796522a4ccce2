"""Fuzz the FIX codec, validation and log reader: part of ``make soak``. Bounded, no network.

    python bench/fuzz_fix.py [SECONDS]      default 60

Where atheris is installed it steers by coverage; elsewhere mutations are drawn from a fixed seed.
Ends with 1, and leaves the input in ``fuzz-fix-crash``, when an input raises or breaks one of:

- what comes out of a stream does not depend on how it was cut;
- what waits is bounded by the decoder's limit;
- a message encodes to the bytes that it was read from;
- validation, the log reader and the decoder raise on nothing.
"""

import random
import sys
import tempfile
import time
from pathlib import Path

try:
    import atheris
except ImportError:
    atheris = None

from bascule.fix.codec import Decoder, encode
from bascule.fix.dictionary import load
from bascule.fix.message import Message
from bascule.fix.names import dictionaries, find, lines
from bascule.fix.validation import Options, validate

MAX_BODY = 512
HEADER = [(34, b"2"), (49, b"A"), (52, b"20260520-13:30:00"), (56, b"B")]
SEEDS = [
    encode(b"FIX.4.4", Message(b"0", HEADER)),
    encode(b"FIX.4.2", Message(b"D", [*HEADER, (11, b"x"), (54, b"1"), (78, b"1"), (79, b"a")])),
    encode(b"FIXT.1.1", Message(b"A", [*HEADER, (95, b"3"), (96, b"\x0110"), (1137, b"9")])),
    encode(
        b"FIX.4.4",
        Message(b"D", [*HEADER, (453, b"1"), (448, b"p"), (802, b"1"), (523, b"s"), (60, b"x")]),
    ),
    b"8=FIX.4.4|9=5|35=0|10=163|\n8=FIX.4.4^A9=5^A35=0^A10=163^A",
    b"8=FIX.4.4\x019=99\x0135=0\x0110=1\x01",
]
PARTS = [
    b"8=FIX.4.4\x01",
    b"9=5\x01",
    b"35=0\x01",
    b"\x0110=",
    b"000\x01",
    b"95=4\x01",
    b"\x01",
    b"=",
]
LENIENT = Options(False, False, False, True, False, True, True)


def check(data: bytes) -> None:
    """Hold one input against the promises; the first byte says where it is cut."""
    whole = Decoder(max_body=MAX_BODY).feed(data)
    step = 1 + (data[0] if data else 0) % 64
    decoder = Decoder(max_body=MAX_BODY)
    cut = []
    for at in range(0, len(data), step):
        cut += decoder.feed(data[at : at + step])
        assert decoder.pending <= MAX_BODY + 64, "too much is kept"
    assert cut == whole, "the cut changes what comes out"
    for message in whole:
        if not isinstance(message, Message):
            continue
        head = b"8=%b\x019=" % message.begin_string
        again = encode(message.begin_string, message)
        stated = message.raw[len(head) : message.raw.index(b"\x01", len(head))]
        if not stated.startswith(b"0"):
            assert again == message.raw, "it does not encode to what it was read from"
        pair = dictionaries(message) or (load("FIX.4.4"),) * 2
        validate(message, *pair)
        validate(message, *pair, Options(thorough=True))
        validate(message, *pair, LENIENT)
        assert len(lines(message, *pair)) == len(message.fields)
    for found in find(data):
        if pair := dictionaries(found.message):
            lines(found.message, *pair)


def _mutated(chance: random.Random) -> bytes:
    data = bytearray(b"".join(chance.choices(SEEDS + PARTS, k=chance.randint(1, 5))))
    for _ in range(chance.randint(0, 6)):
        at = chance.randrange(len(data))
        kind = chance.randrange(3)
        if kind == 0:
            data[at] = chance.randrange(256)
        elif kind == 1:
            del data[at : at + chance.randint(1, 9)]
        else:
            data[at:at] = chance.choice(PARTS)
        if not data:
            break
    return bytes(data)


def plain(seconds: float) -> None:
    """Fuzz by seeded mutations until the time is over."""
    chance = random.Random(1)
    ends = time.monotonic() + seconds
    count = 0
    while time.monotonic() < ends:
        data = _mutated(chance)
        try:
            check(data)
        except Exception:
            Path("fuzz-fix-crash").write_bytes(data)
            raise
        count += 1
    print(f"{count} inputs, nothing found")


def guided(seconds: int) -> None:
    """Fuzz by coverage until the time is over; ends the process."""
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(SEEDS):
            (Path(corpus) / str(number)).write_bytes(seed)
        atheris.instrument_all()
        atheris.Setup(
            [
                sys.argv[0],
                f"-max_total_time={seconds}",
                "-max_len=2048",
                "-rss_limit_mb=1024",
                "-exact_artifact_path=fuzz-fix-crash",
                "-verbosity=0",
                "-print_final_stats=1",
                corpus,
            ],
            check,
        )
        atheris.Fuzz()


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    plain(wanted / 4)
    if atheris is not None:
        guided(wanted - wanted // 4)
