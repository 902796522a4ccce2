"""``bascule guardian page``, ``pair``, ``forget-chats``; ``bascule present``: no guardian there."""

import re
from pathlib import Path

from bascule.cli.common import configured
from bascule.config.handover import GuardianFiles
from bascule.guardian.page import TOKEN_FILE
from bascule.guardian.pairing import Pairing
from bascule.model.values import Instant

from .conftest import Bascule


def add(text: str) -> None:
    """Add tables to the configuration."""
    file = Path("bascule.toml")
    file.write_text(f"{file.read_text()}\n{text}\n")


def test_the_page_is_shown_with_the_token_that_it_keeps(bascule: Bascule) -> None:
    """The same one each time, until its file is deleted; with the network's address if set."""
    bascule("init", "--yes")
    first = bascule("guardian", "page").out
    token = first.split()[-1]
    assert re.fullmatch(r"(?:[a-z2-9]{5}-){3}[a-z2-9]{5}", token) and "set host under" in first
    add('[guardian.page]\nhost = "fd00::5"')
    again = bascule("guardian", "page").out
    assert again.split()[-1] == token and "http://[fd00::5]:8422/" in again
    (GuardianFiles(configured(None).data.path).path / TOKEN_FILE).unlink()
    assert bascule("guardian", "page").out.split()[-1] != token


def test_a_code_is_shown_only_where_there_is_a_bot(bascule: Bascule) -> None:
    """It pairs a chat; forgetting unpairs it."""
    bascule("init", "--yes")
    assert "Code:  no_bot" in bascule("guardian", "pair").err
    add('[guardian.telegram]\ntoken_secret = "bot"')
    code = re.search(r"/pair (\S+)", bascule("guardian", "pair").out)
    pairing = Pairing(GuardianFiles(configured(None).data.path).path)
    assert code and pairing.take(7, code[1], Instant(0))
    assert "Forgot 1 chat." in bascule("guardian", "forget-chats").out
    assert pairing.chats() == []


def test_presence_needs_an_attended_account_and_a_guardian(bascule: Bascule) -> None:
    """Each refusal says what to do."""
    bascule("init", "--yes")
    done = bascule("present")
    assert done.code == 2 and "Code:  presence_not_asked" in done.err
    add('[guardian.presence]\naccounts = ["fx_raw"]')
    assert "Code:  guardian_unreachable" in bascule("present").err
