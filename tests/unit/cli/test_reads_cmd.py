"""``bascule orders``, ``positions`` and ``signals`` of a journal in which nothing happened."""

import pytest

from tests.unit.cli.conftest import Bascule
from tests.unit.cli.test_journal_cmd import foreign as foreign
from tests.unit.cli.test_journal_cmd import journal as journal
from tests.unit.cli.test_journal_cmd import ready as ready


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("positions", "Flat: nothing is held on any account."),
        ("positions --account futures", "Nothing is held of account futures."),
        ("positions --strategy fx", "Nothing is held of strategy fx."),
        ("orders --account futures", "No open orders of account futures; --all lists"),
        ("orders --all --strategy fx", "No orders of strategy fx."),
        ("signals --refused", "No refused signals yet."),
        ("signals --strategy fx", "No signals of strategy fx yet."),
    ],
)
def test_nothing_is_said_of_what_was_asked_alone(ready: Bascule, arguments: str, said: str) -> None:
    """Other accounts may hold something, so an answer about one never says that all are flat."""
    done = ready(*arguments.split())
    assert done.code == 0
    assert done.out.startswith(said)
    assert "There is no account" not in done.err


@pytest.mark.parametrize("command", ["orders", "positions"])
def test_a_misspelt_account_is_told(ready: Bascule, command: str) -> None:
    """An empty answer about an account that is none is no comfort."""
    done = ready(command, "--account", "futurs")
    assert "There is no account 'futurs'; configured: fx_pro, fx_raw, futures." in done.err


def test_what_works_at_a_venue_and_is_not_ours_is_listed(foreign: Bascule) -> None:
    """By what it is, and with what to do; of another account or a strategy there is none."""
    done = foreign("orders")
    assert done.code == 0
    for word in ("V77", "fx_pro", "sell", "EURUSD.x", "1.25", "cancel them on the venue's own"):
        assert word in done.out
    for other in (("--account", "futures"), ("--strategy", "fx")):
        assert "V77" not in foreign("orders", *other).out
