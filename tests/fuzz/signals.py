"""Coverage-guided fuzzing of everything that reads a signal: dialects, repairs, intents, keys.

    python tests/fuzz/signals.py [SECONDS]       default 60; ends with 77 when something broke

The first byte picks the dialect (or detection), the rest is the body. What breaks is written to a
file named crash-... in the working directory; give it as argument to see it again.
"""

import json
import sys
import tempfile
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

with atheris.instrument_imports(include=["bascule.signals"]):
    from bascule.signals import dialects
    from bascule.signals.reading import Reader

from bascule.config.mapping import MappingSettings
from bascule.model.values import Instant
from bascule.signals.instruction import Rejection
from tests.unit.signals.asked import hold
from tests.unit.signals.test_fuzz import MAPPING, PINNED, WORDS

ARRIVED = Instant(1_795_000_000_000_000_000)
MAP = MappingSettings(**MAPPING).map()  # type: ignore[arg-type]
READERS = [
    Reader(source="fuzz", dialect=name, mapping=MAP if name == "mapping" else None)
    for name in PINNED
]
CORPUS = Path(__file__).parents[1] / "data" / "corpus" / "webhooks.jsonl"


def one(data: bytes) -> None:
    """Read one body; whatever is wrong with it is a refusal and no exception."""
    reader = READERS[data[0] % len(READERS)] if data else READERS[0]
    body = data[1:]
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        refused = reader.refuse("", Rejection("bad_encoding", "it is not UTF-8 text"), ARRIVED)
        assert refused.refused_code
        return
    struck = reader.strike(text)
    hold(reader.read(struck.text, ARRIVED))


def main() -> None:
    """Fuzz for a bounded time, from samples of every dialect."""
    dialects.detect("")  # loads every dialect
    given = sys.argv[1] if len(sys.argv) > 1 else "60"
    with tempfile.TemporaryDirectory(prefix="bascule-fuzz-") as folder:
        words = Path(folder) / "words.dict"
        quoted = (word.encode("unicode_escape").decode() for word in WORDS if word.strip())
        lines = (f'"{"".join(f"{chr(92)}x{b:02x}" for b in word.encode())}"' for word in quoted)
        words.write_text("\n".join(lines), "utf-8")
        seeds = Path(folder) / "seeds"
        seeds.mkdir()
        for number, line in enumerate(CORPUS.read_text("utf-8").splitlines()):
            sample = json.loads(line)
            by_name = PINNED.index(sample["dialect"]) if sample["dialect"] in PINNED else 0
            for reader in {0, by_name}:
                (seeds / f"{number}-{reader}").write_bytes(
                    bytes([reader]) + sample["body"].encode("utf-8", "replace")
                )
        options = (
            [f"-max_total_time={given}", f"-dict={words}", "-max_len=400", str(seeds)]
            if given.isdigit()
            else [given]
        )
        atheris.Setup([sys.argv[0], *options], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
