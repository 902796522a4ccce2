"""Named secrets: where they are found, where they are kept, and what keeps modes apart."""

import base64
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyrage
import pytest
from keyring.errors import NoKeyringError

from bascule.config.private import CHECKED, read_private, write_private
from bascule.config.secret_file import SecretFile
from bascule.config.secret_keyring import KeyringStore
from bascule.config.secrets import Secrets, SecretStore
from bascule.model.enums import AccountMode
from bascule.model.errors import SecretError, UsageError

LIVE, PAPER = AccountMode.LIVE, AccountMode.PAPER


class Ring:
    """A keyring in memory."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, name: str) -> str | None:
        return self.held.get((service, name))

    def set_password(self, service: str, name: str, value: str) -> None:
        self.held[service, name] = value

    def delete_password(self, service: str, name: str) -> None:
        del self.held[service, name]


class NoRing:
    """A machine without a keyring."""

    def __getattr__(self, name: str) -> Any:
        raise NoKeyringError(name)


def secret_file(folder: Path, mode: AccountMode = LIVE, **more: Any) -> SecretFile:
    """Give the file of a mode in a folder."""
    path, identity = folder / mode.value / "secrets.age", folder / "keys" / f"{mode.value}.key"
    return SecretFile(path, identity, mode, environ=more.pop("environ", {}), **more)


Make = Callable[[Path], SecretStore]
STORES: dict[str, Make] = {
    "file": lambda folder: secret_file(folder),
    "keyring": lambda folder: KeyringStore(LIVE, Ring()),
}


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> SecretStore:
    """Give each kind of store in turn."""
    return STORES[request.param](tmp_path)


def test_a_store_keeps_replaces_lists_and_forgets(store: SecretStore) -> None:
    """Every store does the same."""
    assert store.read("one") is None
    assert store.names() == ()
    store.write("two", "2")
    store.write("one", "1 and some")
    store.write("two", "two")
    assert (store.read("one"), store.read("two")) == ("1 and some", "two")
    assert store.names() == ("one", "two")
    assert store.delete("one")
    assert not store.delete("one")
    assert store.names() == ("two",)


def test_the_environment_comes_first_and_names_its_mode(store: SecretStore) -> None:
    """A variable of this mode wins over the store; another mode's is not seen."""
    environ = {"BASCULE_SECRET_LIVE_KEY": "from env", "BASCULE_SECRET_PAPER_OTHER": "paper's"}
    secrets = Secrets(LIVE, store, environ)
    secrets.set("key", "from store")
    assert secrets.get("key") == "from env"
    assert Secrets(LIVE, store, {}).get("key") == "from store"
    assert secrets.find("other") is None
    assert secrets.names() == {"key": "environment variable BASCULE_SECRET_LIVE_KEY"}


def test_a_missing_secret_says_where_it_was_looked_for(store: SecretStore) -> None:
    """The error lists both places, a variable of another mode, and the command that sets it."""
    secrets = Secrets(LIVE, store, {"BASCULE_SECRET_PAPER_KEY": "value of paper"})
    with pytest.raises(SecretError) as caught:
        secrets.get("key")
    error = caught.value
    assert error.code == "secret_missing"
    assert "BASCULE_SECRET_LIVE_KEY" in error.message
    assert store.place in error.message
    assert "BASCULE_SECRET_PAPER_KEY is set, and is for that mode only" in error.message
    assert "bascule secrets set key --mode live" in error.hint
    assert "value of paper" not in error.message


@pytest.mark.parametrize("name", ["", "A", "1a", "a-b", "a b", "a" * 65, "ключ"])
def test_a_name_is_plain(store: SecretStore, name: str) -> None:
    """What is no name is refused, and not repeated: it may be a value typed too early."""
    with pytest.raises(UsageError) as caught:
        Secrets(LIVE, store, {}).set(name, "value")
    assert caught.value.code == "secret_name"
    assert not name or f"'{name}'" not in caught.value.message


@pytest.mark.parametrize("value", ["", "two\nlines", "nul\0"])
def test_a_value_is_one_line(store: SecretStore, value: str) -> None:
    """An empty or broken value is refused and nothing is kept."""
    with pytest.raises(UsageError):
        Secrets(LIVE, store, {}).set("name", value)
    assert store.names() == ()


def test_a_found_value_is_not_printed(store: SecretStore) -> None:
    """A value that lands in a log by way of its holder stays out of it."""
    secrets = Secrets(LIVE, store, {})
    secrets.set("name", "hunter2")
    assert "hunter2" not in repr(secrets.find("name"))


def test_the_file_holds_no_plain_text(tmp_path: Path) -> None:
    """Names and values are encrypted, and nobody else may read file or identity."""
    kept = secret_file(tmp_path)
    kept.write("broker_name", "hunter2")
    for file in (tmp_path / "live" / "secrets.age", kept.identity):
        assert b"hunter2" not in file.read_bytes()
        assert b"broker_name" not in file.read_bytes()
        assert not CHECKED or file.stat().st_mode & 0o777 == 0o600


def test_another_mode_s_file_is_refused(tmp_path: Path) -> None:
    """A file moved to another mode's place is opened by nobody."""
    secret_file(tmp_path, PAPER).write("key", "paper's")
    (tmp_path / "live").mkdir()
    os.replace(tmp_path / "paper" / "secrets.age", tmp_path / "live" / "secrets.age")
    os.replace(tmp_path / "keys" / "paper.key", tmp_path / "keys" / "live.key")
    with pytest.raises(SecretError) as caught:
        secret_file(tmp_path, LIVE).read("key")
    assert caught.value.code == "secret_other_mode"


@pytest.mark.parametrize("which", ["secrets", "identity"])
def test_a_file_that_others_may_read_is_not_read(tmp_path: Path, which: str) -> None:
    """An open file is refused with the command that closes it (where modes are checked)."""
    kept = secret_file(tmp_path)
    kept.write("key", "value")
    file = kept.identity if which == "identity" else tmp_path / "live" / "secrets.age"
    file.chmod(0o644)
    if not CHECKED:
        assert secret_file(tmp_path).read("key") == "value"
        return
    with pytest.raises(SecretError) as caught:
        secret_file(tmp_path).read("key")
    assert caught.value.code == "secret_file_open"
    assert f"chmod 600 {file}" in caught.value.hint


def test_a_lost_identity_is_told_as_such(tmp_path: Path) -> None:
    """Without its identity the file is locked, and a new identity is not made over it."""
    kept = secret_file(tmp_path)
    kept.write("key", "value")
    kept.identity.unlink()
    fresh = secret_file(tmp_path)
    for action in (lambda: fresh.read("key"), lambda: fresh.write("key", "new")):
        with pytest.raises(SecretError) as caught:
            action()
        assert caught.value.code == "secret_file_locked"
    assert not kept.identity.exists()


def test_a_foreign_identity_does_not_open_it(tmp_path: Path) -> None:
    """Another key, or a file that is no key, is told apart from a lost one."""
    secret_file(tmp_path).write("key", "value")
    other = tmp_path / "other.key"
    write_private(other, f"# comment\n{pyrage.x25519.Identity.generate()}\n".encode())
    environ = {"BASCULE_SECRETS_IDENTITY": str(other)}
    with pytest.raises(SecretError, match="cannot be opened"):
        secret_file(tmp_path, environ=environ).read("key")
    write_private(other, b"nothing")
    with pytest.raises(SecretError, match="no age identity"):
        secret_file(tmp_path, environ=environ).read("key")


LOCKED = base64.b64decode(
    "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IHNjcnlwdCBhQTJPQnh1bjFYdE53NEpOKzR2STRnIDEwCnBNa3NSMEox"
    "Sk95Q3U3d2pjeUZjNWMrVUREUEFTMGhOWFZTSG5KOUNyNUUKLS0tIDNDQ3BSejVoS1B5R0hUVUdsTmhmOVlpRXJj"
    "Wkg1N0hkTkRmcXh2NEVYMkUKEgazTA2sOtkPOncExesqIE/Q0xZEfjdFWjnB+m80tbtY0Wc80hrlD7BM4BNpNupg"
    "Yk6qmWhpK8OGqCqgO6l1HrvCk1Rkgak6Pg=="
)
"""``{"key": "value"}`` of mode live, locked cheaply by the passphrase ``correct horse``."""


@pytest.mark.parametrize(
    ("environ", "typed", "outcome"),
    [
        ({"BASCULE_SECRETS_PASSPHRASE": "correct horse"}, "", "value"),
        ({}, "correct horse", "value"),
        ({}, "", "secret_passphrase"),
        ({}, "wrong horse", "secret_file_locked"),
    ],
)
def test_a_passphrase_opens_the_file(
    tmp_path: Path, environ: dict[str, str], typed: str, outcome: str
) -> None:
    """The environment or a person gives it; a wrong one and none are told apart."""
    write_private(tmp_path / "live" / "secrets.age", LOCKED)
    kept = secret_file(tmp_path, environ=environ, ask=lambda question: typed)
    try:
        found = kept.read("key")
    except SecretError as error:
        found = error.code
        assert "horse" not in error.message + error.hint
    assert found == outcome


def test_a_file_that_a_passphrase_locks_stays_so(tmp_path: Path) -> None:
    """Making and changing it needs no identity, and the passphrase is asked for once."""
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return "correct horse"

    kept = secret_file(tmp_path, ask=ask)
    kept.create(passphrase=True)
    assert kept.names() == ()
    assert b"-> scrypt " in (tmp_path / "live" / "secrets.age").read_bytes()
    assert not kept.identity.exists()
    assert len(asked) == 1


def test_a_file_is_made_once(tmp_path: Path) -> None:
    """Making it again is refused, so that nothing is lost by it."""
    kept = secret_file(tmp_path)
    kept.create()
    with pytest.raises(SecretError) as caught:
        kept.create()
    assert caught.value.code == "secret_file_exists"


def test_content_that_is_not_ours_is_told(tmp_path: Path) -> None:
    """An age file of something else is neither read nor written over."""
    kept = secret_file(tmp_path)
    kept.create()
    key = pyrage.x25519.Identity.from_str(kept.identity.read_text(encoding="utf-8").strip())
    file = tmp_path / "live" / "secrets.age"
    write_private(file, pyrage.encrypt(b"holiday.jpg", [key.to_public()]))
    with pytest.raises(SecretError) as caught:
        kept.write("key", "value")
    assert caught.value.code == "secret_file_unreadable"


def test_a_machine_without_a_keyring_says_so() -> None:
    """The error names the way out."""
    with pytest.raises(SecretError) as caught:
        KeyringStore(LIVE, NoRing()).read("key")
    assert caught.value.code == "keyring_unavailable"
    assert 'store = "file"' in caught.value.hint


def test_modes_share_no_keyring_entry() -> None:
    """What paper keeps in the keyring is not there for live."""
    ring = Ring()
    KeyringStore(PAPER, ring).write("key", "paper's")
    assert KeyringStore(LIVE, ring).read("key") is None


def test_a_private_file_that_is_not_there_is_none(tmp_path: Path) -> None:
    """No file is no error."""
    assert read_private(tmp_path / "none") is None


def test_a_private_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    """What a write that was cut short has left behind does not stand in the way."""
    file = tmp_path / "deep" / "file"
    write_private(file, b"one")
    file.with_name("file.new").write_bytes(b"left over")
    write_private(file, b"two")
    assert read_private(file) == b"two"
    assert list(file.parent.iterdir()) == [file]
