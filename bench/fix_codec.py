"""FIX messages read and written, against QuickFIX's Python binding and simplefix, in one run.

    python bench/fix_codec.py [ROUNDS]

Each engine does the same work on the same bytes: it checks length and sum of an execution report
and hands over the thirteen values that an order needs; and it builds an order of fifteen fields
and writes it. Reports differ as those of a session do: in number, times, ids and price. All are
measured in turn, round after round, so that the ratios hold on a machine whose speed wanders. Ends
with 1 when the engines do not agree.
"""

import statistics
import sys
import time
from collections.abc import Callable
from itertools import cycle

import simplefix
from common import table

from bascule.fix.codec import Decoder, encode
from bascule.fix.dictionary import load
from bascule.fix.message import Message
from bascule.fix.validation import validate

try:
    import quickfix
except ImportError:  # its wheels are for Linux on x86-64 and Python 3.11
    quickfix = None

COUNT = 2_000


def _report(at: int) -> Message:
    time_of = b"20260520-13:%02d:%02d.%03d" % (at // 60 % 60, at % 60, at * 7 % 1000)
    price = b"%d.%d" % (5300 + at % 37, at % 4 * 25)
    return Message.of(
        b"8", (34, b"%d" % (1089 + at)), (49, b"BROKER"), (52, time_of), (56, b"CLIENT"),
        (1, b"ACC-1"), (6, price), (11, b"bayx-%x-2e" % at), (14, b"2"), (17, b"E%d" % at),
        (31, price), (32, b"2"), (37, b"O-%d" % (998877 + at)), (38, b"2"), (39, b"2"),
        (40, b"2"), (44, b"5301"), (54, b"1"), (55, b"ESM6"), (59, b"0"), (60, time_of),
        (150, b"F"), (151, b"0"),
    )  # fmt: skip


REPORT = _report(0)
WIRES = [encode(b"FIX.4.4", _report(at)) for at in range(COUNT)]
_wires = cycle(WIRES)
_texts = cycle([wire.decode("ascii") for wire in WIRES])
HEADER_READ = (35, 34)
BODY_READ = (37, 11, 17, 150, 39, 32, 31, 14, 151, 6, 60)
HEADER = [(34, b"12"), (49, b"CLIENT"), (52, b"20260520-13:30:00.123"), (56, b"BROKER")]
BODY = [
    (1, b"ACC-1"), (11, b"bayx-1a-2e"), (38, b"2"), (40, b"2"), (44, b"5300.25"), (54, b"1"),
    (55, b"ESM6"), (59, b"0"), (60, b"20260520-13:30:00.123"), (77, b"O"), (167, b"FUT"),
]  # fmt: skip
HEADER_TEXT = [(tag, value.decode()) for tag, value in HEADER]
BODY_TEXT = [(tag, value.decode()) for tag, value in BODY]

_decoder = Decoder()
_fix44 = load("FIX.4.4")


def ours_read() -> list[bytes | None]:
    """Read with Bascule's decoder."""
    message = _decoder.feed(next(_wires))[0]
    assert isinstance(message, Message)
    get = message.get
    return [get(tag) for tag in (*HEADER_READ, *BODY_READ)]


def quickfix_read() -> list[str]:
    """Read with QuickFIX: its constructor checks length and sum, without a dictionary."""
    message = quickfix.Message(next(_texts), True)
    header = message.getHeader()
    return [header.getField(tag) for tag in HEADER_READ] + [
        message.getField(tag) for tag in BODY_READ
    ]


def simplefix_read() -> list[bytes]:
    """Read with simplefix, which checks neither length nor sum."""
    parser = simplefix.FixParser()
    parser.append_buffer(next(_wires))
    message = parser.get_message()
    return [message.get(tag) for tag in (*HEADER_READ, *BODY_READ)]


def ours_write() -> bytes:
    """Build and write with Bascule's encoder."""
    return encode(b"FIX.4.4", Message(b"D", HEADER + BODY))


def quickfix_write() -> bytes:
    """Build and write with QuickFIX."""
    message = quickfix.Message()
    header = message.getHeader()
    header.setField(8, "FIX.4.4")
    header.setField(35, "D")
    for tag, value in HEADER_TEXT:
        header.setField(tag, value)
    for tag, value in BODY_TEXT:
        message.setField(tag, value)
    text: str = message.toString()
    return text.encode("ascii")


def simplefix_write() -> bytes:
    """Build and write with simplefix."""
    message = simplefix.FixMessage()
    message.append_pair(8, b"FIX.4.4")
    message.append_pair(35, b"D")
    for tag, value in HEADER + BODY:
        message.append_pair(tag, value)
    encoded: bytes = message.encode()
    return encoded


def ours_frame() -> object:
    """Only frame and split: what a message costs before a value is asked for."""
    return _decoder.feed(next(_wires))


def quickfix_frame() -> object:
    """Only frame and split, in C++."""
    return quickfix.Message(next(_texts), True)


def ours_validate() -> object:
    """Hold the report against the FIX.4.4 dictionary."""
    return validate(REPORT, _fix44)


Work = dict[str, Callable[[], object]]
READERS: Work = {"Bascule": ours_read, "simplefix": simplefix_read}
WRITERS: Work = {"Bascule": ours_write, "simplefix": simplefix_write}
FRAMERS: Work = {"Bascule": ours_frame}
OTHER: Work = {"Bascule": ours_validate}
if quickfix is not None:
    READERS["QuickFIX"] = quickfix_read
    WRITERS["QuickFIX"] = quickfix_write
    FRAMERS["QuickFIX"] = quickfix_frame


def measure(work: Work, rounds: int) -> dict[str, float]:
    """Give the median microseconds of each, taken in turn."""
    taken: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds):
        for name, run in work.items():
            began = time.perf_counter_ns()
            for _ in range(COUNT):
                run()
            taken[name].append((time.perf_counter_ns() - began) / COUNT / 1e3)
    return {name: statistics.median(values) for name, values in taken.items()}


def agree() -> bool:
    """Tell whether all engines read the same values and write the same bytes."""
    for _ in range(2):
        ours = [value.decode() for value in ours_read() if value is not None]
        for _ in range(COUNT - 1):
            next(_wires)
        theirs = [value.decode() for value in simplefix_read()]
        if ours != theirs or (quickfix is not None and ours != quickfix_read()):
            return False
    if quickfix is not None and ours_write() != quickfix_write():
        return False
    return ours_write() == simplefix_write()


def main(rounds: int) -> int:
    """Measure and print; 1 when the engines do not agree."""
    if not agree():
        print("The engines do not read and write the same. Nothing was measured.")
        return 1
    rows = []
    for name, work in (
        ("read 13 of 24 fields", READERS),
        ("build and write 15 fields", WRITERS),
        ("frame only, no value read", FRAMERS),
        ("validate, FIX.4.4", OTHER),
    ):
        took = measure(work, rounds)
        ours = took["Bascule"]
        rows.append(
            [name, f"{ours:.2f}"]
            + [
                f"{took[other]:.2f} ({took[other] / ours:.1f} x)" if other in took else "-"
                for other in ("QuickFIX", "simplefix")
            ]
        )
    title = f"FIX codec: microseconds a message, median of {rounds} rounds of {COUNT}"
    table(title, ["work", "Bascule", "QuickFIX (C++)", "simplefix"], rows)
    print("\n(n x): the other takes n times as long. simplefix checks neither length nor sum.")
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 15))
