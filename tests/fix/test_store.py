"""What a session remembers, in memory and on disk, across ends, crashes and damage."""

import os
from io import FileIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bascule.fix.store import MemoryStore
from bascule.fixwire import store as store_module
from bascule.fixwire.errors import StoreError
from bascule.fixwire.store import FileStore


@pytest.fixture(params=["memory", "file"])
def store(request, tmp_path):
    """Each kind of store."""
    if request.param == "memory":
        yield MemoryStore()
        return
    made = FileStore(tmp_path / "session.fix")
    yield made
    made.close()


def state(store):
    """Give everything that a store says."""
    return (
        store.next_out,
        store.next_in,
        store.created_ns,
        list(store.messages(1, store.next_out)),
        store.kept(),
    )


def reopened(path):
    """Give the state on disk."""
    store = FileStore(path)
    try:
        return state(store)
    finally:
        store.close()


def test_numbers_begin_at_one(store):
    """A new store expects and gives out 1, and has no messages."""
    assert state(store) == (1, 1, 0, [], [])


def test_messages_by_number(store):
    """Messages are found by the number that they were given; those without content are left out."""
    for data in (b"", b"two", b"three", b"", b"five"):
        store.sent(data)
    assert store.next_out == 6
    assert list(store.messages(1, 4)) == [(2, b"two"), (3, b"three")]
    assert list(store.messages(4, 99)) == [(5, b"five")]


def test_reset(store):
    """A reset begins at 1 in both directions, forgets messages, and notes when it was."""
    store.sent(b"one")
    store.expect(9)
    store.reset(77)
    assert state(store) == (1, 1, 77, [], [])
    store.sent(b"new")
    assert list(store.messages(1, 1)) == [(1, b"new")]


def test_file_keeps_what_was_committed(tmp_path):
    """A store that is opened again says what it said after its last commit."""
    path = tmp_path / "session.fix"
    store = FileStore(path)
    store.reset(5)
    store.sent(b"one")
    store.expect(4)
    store.keep(3, b"taken")
    store.keep(4, b"incoming")
    store.taken(3)
    store.commit()
    expected = state(store)
    store.sent(b"a")
    store.close()
    assert expected[:3] == (2, 4, 5)
    assert expected[4] == [(4, b"incoming")]
    assert reopened(path) == (3, 4, 5, [(1, b"one"), (2, b"a")], [(4, b"incoming")])


def test_messages_are_read_before_they_are_on_disk(tmp_path):
    """A message that waits for its commit can be asked for."""
    store = FileStore(tmp_path / "session.fix")
    store.sent(b"one")
    assert list(store.messages(1, 1)) == [(1, b"one")]
    store.seal()
    store.sent(b"two")
    assert list(store.messages(1, 2)) == [(1, b"one"), (2, b"two")]
    store.close()
    assert reopened(tmp_path / "session.fix")[3] == [(1, b"one"), (2, b"two")]


def test_a_second_process_is_kept_off(tmp_path):
    """A store that is open cannot be opened again."""
    store = FileStore(tmp_path / "session.fix")
    with pytest.raises(StoreError) as refused:
        FileStore(tmp_path / "session.fix")
    assert refused.value.code == "fix_store_locked"
    store.close()


def _written(path):
    """Write three commits; give the states after the second and third, and the file after each."""
    store = FileStore(path)
    states, sizes = [], []
    for number in range(3):
        store.sent(b"message %d" % number)
        store.expect(number + 2)
        store.commit()
        states.append(state(store))
        sizes.append(store._end)
    whole = path.read_bytes()[: store._end]
    store.close()
    return states, sizes, whole


def test_every_torn_end_is_cut_off(tmp_path):
    """A crash inside a write leaves the store as it was after the commit before."""
    path = tmp_path / "session.fix"
    states, sizes, whole = _written(path)
    for end in range(sizes[1], sizes[2]):
        for tail in (b"", bytes(50)):
            torn = whole[:end] + tail
            path.write_bytes(torn)
            assert states[2 if torn.startswith(whole) else 1] == reopened(path)
    path.write_bytes(whole + bytes(5000))
    assert states[2] == reopened(path)


def test_every_damaged_byte_at_the_end_drops_the_last_commit(tmp_path):
    """Of a last frame that is not whole nothing had left."""
    path = tmp_path / "session.fix"
    states, sizes, whole = _written(path)
    for at in range(sizes[1], sizes[2]):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x40]) + whole[at + 1 :])
        assert states[1] == reopened(path)


def test_every_damaged_byte_before_is_refused(tmp_path):
    """Damage with whole frames behind it is not repaired in silence."""
    path = tmp_path / "session.fix"
    _, sizes, whole = _written(path)
    for at in range(sizes[1]):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x40]) + whole[at + 1 :])
        with pytest.raises(StoreError) as refused:
            FileStore(path)
        assert refused.value.code == "fix_store_corrupt"


def test_after_a_failed_sync_nothing_more_is_sealed(tmp_path):
    """A store whose disk refused stays refused; what was written may be found again."""
    path = tmp_path / "session.fix"
    store = FileStore(path)
    store.sent(b"one")
    store.commit()
    os.close(store._file.fileno())
    store.sent(b"two")
    for _ in range(2):
        with pytest.raises(StoreError) as refused:
            store.commit()
        assert refused.value.code == "fix_store_unwritable"
    os.close(store._lock)
    with pytest.raises(OSError):
        store._file.close()
    assert reopened(path)[3] == [(1, b"one"), (2, b"two")]


def test_a_full_disk_is_met_before_anything_is_written(tmp_path, monkeypatch):
    """What does not fit is not written in part, and what was there before is found again."""

    class Full(FileIO):
        def write(self, data):
            return super().write(data[:50])

    path = tmp_path / "session.fix"
    monkeypatch.setattr(store_module, "_AHEAD", 100)
    store = FileStore(path)
    store.sent(b"one")
    store.commit()
    store._file.close()
    store._file = Full(path, "r+")
    store.sent(b"x" * 200)
    for _ in range(2):
        with pytest.raises(StoreError) as refused:
            store.seal()
        assert refused.value.code == "fix_store_unwritable"
    store.close()
    assert reopened(path)[3] == [(1, b"one")]


def test_a_file_grows_with_what_is_in_it(tmp_path, monkeypatch):
    """Messages of any size are read back, whether the file had room for them or not."""
    monkeypatch.setattr(store_module, "_AHEAD", 64)
    path = tmp_path / "session.fix"
    store = FileStore(path)
    sent = [(number, bytes([number]) * (number * 7)) for number in range(1, 60)]
    for _, data in sent:
        store.sent(data)
        store.seal()
    assert list(store.messages(1, 99)) == sent
    assert path.stat().st_size >= store._end
    store.close()
    assert reopened(path)[3] == sent


def test_resets_give_room_back(tmp_path, monkeypatch):
    """What resets made void is left out of the file, and nothing else is lost."""
    monkeypatch.setattr(store_module, "ROTATE_BYTES", 1000)
    path = tmp_path / "session.fix"
    store = FileStore(path)
    store.keep(7, b"not taken yet")
    for number in range(40):
        store.sent(b"x" * 90)
        store.commit()
        if number == 30:
            store.reset(8)
    before = state(store)
    store.compact()
    assert before == state(store)
    store.sent(b"after")
    store.close()
    assert path.stat().st_size < 1500
    assert reopened(path)[0] == 11
    assert reopened(path)[4] == [(7, b"not taken yet")]


_OPS = st.one_of(
    st.tuples(st.just("sent"), st.sampled_from([b"", b"a", b"bb" * 40])),
    st.tuples(st.just("expect"), st.integers(1, 1 << 40)),
    st.tuples(st.just("keep"), st.integers(1, 9), st.binary(max_size=9)),
    st.tuples(st.just("taken"), st.integers(1, 9)),
    st.tuples(st.just("reset"), st.integers(1, 1 << 60)),
    st.tuples(st.just("commit")),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(_OPS, max_size=40))
def test_any_history(tmp_path_factory, history):
    """After any history, the disk says what the store said at the last commit."""
    path = tmp_path_factory.mktemp("store") / "session.fix"
    store = FileStore(path)
    committed = state(store)
    for name, *arguments in history:
        getattr(store, name)(*arguments)
        if name == "commit":
            committed = state(store)
    copy = path.with_name("copy.fix")
    copy.write_bytes(path.read_bytes())
    copy.with_name("copy.fix.lock").write_bytes(path.with_name("session.fix.lock").read_bytes())
    store.close()
    assert committed == reopened(copy)
