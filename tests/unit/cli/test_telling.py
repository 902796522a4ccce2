"""Facts of the engine, as commands say them in a line."""

from pathlib import Path

from bascule.cli.telling import latch_line
from bascule.config.latch import Latch


def test_what_the_latch_holds_is_told_with_what_ends_it(tmp_path: Path) -> None:
    """A person's stop is armed by a person; a condition ends by itself."""
    latch = Latch(tmp_path / "latch")
    latch.set("account:a", by="ada", reason="lunch")
    latch.set("venue:v", by="guardian", reason="the connection is down", keeper="link")
    assert [latch_line(scope, said) for scope, said in latch.scopes().items()] == [
        "account:a: lunch; no entry leaves until it is armed",
        "venue:v: the connection is down; no entry leaves until that is over",
    ]
