"""``bascule secrets``."""

import json
import re
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Bascule


@pytest.fixture
def ready(bascule: Bascule) -> Bascule:
    """Give a directory with a configuration."""
    bascule("init", "--yes")
    return bascule


def test_a_value_comes_from_standard_input(ready: Bascule) -> None:
    """What is set is there to be revealed, and nothing else prints it."""
    told = ready("secrets", "set", "mine", stdin="hunter2\n")
    assert told.code == 0
    shown = ready("secrets", "get", "mine")
    revealed = ready("secrets", "get", "mine", "--reveal")
    assert "hunter2" not in told.out + told.err + shown.out + shown.err
    assert (revealed.code, revealed.out) == (0, "hunter2\n")
    assert (
        json.loads(ready("secrets", "get", "mine", "--reveal", "--json").out)["value"] == "hunter2"
    )
    assert "value" not in json.loads(ready("secrets", "get", "mine", "--json").out)


def test_a_value_is_never_an_argument(ready: Bascule) -> None:
    """A value on the command line, where others can read it, is refused."""
    assert ready("secrets", "set", "mine", "hunter2").code == 2
    assert ready("secrets", "get", "mine").code == 1


def test_a_missing_secret_is_a_no(ready: Bascule) -> None:
    """Asking is answered with 1, revealing with the error that lists the places."""
    assert ready("secrets", "get", "none").code == 1
    done = ready("secrets", "get", "none", "--reveal")
    assert done.code == 3
    assert "BASCULE_SECRET_PAPER_NONE" in done.err


def test_the_list_shows_names_places_and_needs(ready: Bascule) -> None:
    """Kept, needed and missing names are there; values are not."""
    ready("secrets", "set", "mine", stdin="hunter2\n")
    ready("secrets", "delete", "scripts_token")
    done = ready("secrets", "list", "--json")
    told = {row["name"]: row for row in json.loads(done.out)["secrets"]}
    assert set(told) == {"mine", "paper_token", "scripts_token", "tradingview_path"}
    assert told["scripts_token"]["place"] is None
    assert told["scripts_token"]["needed_by"] == ["source scripts"]
    assert "hunter2" not in done.out
    table = ready("secrets", "list").out
    assert "MISSING" in table
    assert "source tradingview" in table


def test_modes_are_apart(ready: Bascule, tmp_path: Path) -> None:
    """A live secret is kept in live's own file and not found on paper."""
    assert ready("secrets", "set", "mine", "--mode", "live", stdin="hunter2\n").code == 0
    assert (tmp_path / "home" / "live" / "secrets.age").exists()
    assert ready("secrets", "get", "mine").code == 1
    assert ready("secrets", "get", "mine", "--mode", "live", "--reveal").out == "hunter2\n"


def test_secrets_may_come_before_the_configuration(bascule: Bascule) -> None:
    """With --mode a secret can be kept while there is no bascule.toml yet; without, it is asked."""
    assert bascule("secrets", "set", "mine", stdin="x\n").code == 3
    assert bascule("secrets", "set", "mine", "--mode", "live", stdin="x\n").code == 0


def test_init_makes_the_file_once(bascule: Bascule) -> None:
    """A second init changes nothing."""
    done = bascule("secrets", "init", "--mode", "live")
    assert done.code == 0
    assert "live.key" in done.out
    assert "secret_file_exists" in bascule("secrets", "init", "--mode", "live").err


def test_a_locked_file_without_a_passphrase_is_told(bascule: Bascule) -> None:
    """With nobody to ask, the variable that holds it is named."""
    done = bascule("secrets", "init", "--mode", "live", "--passphrase")
    assert done.code == 3
    assert "BASCULE_SECRETS_PASSPHRASE" in done.err


@pytest.mark.parametrize("value", ["", "\n"])
def test_an_empty_value_is_refused(ready: Bascule, value: str) -> None:
    """Nothing on standard input keeps nothing."""
    assert ready("secrets", "set", "mine", stdin=value).code == 2
    assert ready("secrets", "get", "mine").code == 1


def test_a_value_that_is_no_text_is_refused(ready: Bascule) -> None:
    """A key in another encoding, or in binary, is told and not kept."""
    done = ready("secrets", "set", "mine", stdin=b"\xff\xfe\n")
    assert (done.code, "not UTF-8 text" in done.err) == (2, True)
    assert ready("secrets", "get", "mine").code == 1


def test_the_keyring_needs_no_file(ready: Bascule, tmp_path: Path) -> None:
    """With the keyring as store, init has nothing to make and says so."""
    file = tmp_path / "bascule.toml"
    text = file.read_text(encoding="utf-8").replace('store = "file"', 'store = "keyring"')
    file.write_text(text, encoding="utf-8")
    done = ready("secrets", "init")
    assert done.code == 2
    assert "secret_store" in done.err


def test_a_second_factor_is_set_up_once_and_its_address_shown_once(bascule: Bascule) -> None:
    """The kept secret is the one that the app was given; a second set-up needs --replace."""
    done = bascule("secrets", "totp", "--mode", "live")
    found = re.search(r"otpauth://totp/Bascule:live\?secret=(\w+)&issuer=Bascule", done.out)
    assert found, done.out
    kept = bascule("secrets", "get", "second_factor", "--mode", "live", "--reveal")
    assert kept.out.strip() == found[1]
    again = bascule("secrets", "totp", "--mode", "live")
    assert again.code == 2 and "second_factor_exists" in again.err and "otpauth" not in again.out
    replaced = bascule("secrets", "totp", "--mode", "live", "--replace")
    assert "otpauth" in replaced.out and found[1] not in replaced.out


def test_in_a_terminal_a_wrong_code_keeps_nothing(bascule: Bascule) -> None:
    """A secret that the app never took in would lock its owner out of arming."""
    done = bascule("secrets", "totp", "--mode", "live", stdin="123\n", typed=True)
    assert "Code:  arm_code_wrong" in done.err
    assert bascule("secrets", "get", "second_factor", "--mode", "live").code == 1
