"""The power is lost at any moment, and with it any part of what was not synced."""

import os
from itertools import combinations
from mmap import mmap
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bascule.fixwire import lock as lock_module
from bascule.fixwire import store as store_module
from bascule.fixwire.errors import StoreError
from bascule.fixwire.store import FileStore

SUBSETS_MAX = 5
"""Ways to lose unsynced writes that are tried at one moment, beside whole prefixes."""


class Disk:
    """What the disk holds, and the writes since the last fsync, which may or may not be on it."""

    def __init__(self, path, monkeypatch):
        self.path = path
        self.durable = bytearray(path.read_bytes() if path.exists() else b"")
        self.loose = []
        lengthen = store_module._lengthen

        class Noted(mmap):
            def __setitem__(content, where, data):
                super().__setitem__(where, data)
                if content[:] == path.read_bytes():
                    self.loose.append((where.start, data))

        def lengthened(file, size):
            at = os.fstat(file.fileno()).st_size
            lengthen(file, size)
            if os.fstat(file.fileno()).st_ino == path.stat().st_ino:
                self.loose.append((at, bytes(size - at)))

        def synced(handle):
            if os.fstat(handle).st_ino == path.stat().st_ino:
                self.durable = bytearray(path.read_bytes())
                self.loose.clear()

        monkeypatch.setattr(store_module, "_AHEAD", 300)
        monkeypatch.setattr(store_module, "mmap", Noted)
        monkeypatch.setattr(store_module, "_lengthen", lengthened)
        monkeypatch.setattr(store_module, "_sync", synced)

    def images(self, chance):
        """Give what may be found after the power was lost now."""
        loose = self.loose
        kept = [loose[:count] for count in range(len(loose) + 1)]
        subsets = [list(some) for count in range(len(loose)) for some in combinations(loose, count)]
        kept += subsets if len(subsets) <= SUBSETS_MAX else chance.sample(subsets, SUBSETS_MAX)
        for writes in kept:
            yield self._image(writes)
            if writes:
                (at, data), cut = writes[-1], chance.randrange(len(writes[-1][1]))
                yield self._image([*writes[:-1], (at, data[:cut])])
                yield self._image([*writes[:-1], (at, data[:cut] + bytes(len(data) - cut))])
                yield self._image([*writes[:-1], (at, bytes(cut) + data[cut:])])

    def _image(self, writes):
        image = bytearray(self.durable)
        for at, data in writes:
            image.extend(bytes(max(0, at + len(data) - len(image))))
            image[at : at + len(data)] = data
        return bytes(image)


class Seen:
    """What the world knows of a session: what has left it, and what it was told to expect."""

    def __init__(self):
        self.epoch = 0
        self.sent = {}
        self.ever = {}
        self.expected = 1
        self.mark = 0


def let_out(store, seen, turn):
    """End a turn as a link does; after this its bytes have left."""
    sync = store.seal()
    if sync is not None:
        sync()
        store.settle()
    seen.sent.update(turn)
    turn.clear()
    seen.expected, seen.mark = store.next_in, store.marked


def check(path, image, seen, reserve):
    """Start from what the disk held, in a new run of the machine."""
    path.write_bytes(image)
    path.with_name(path.name + ".lock").write_bytes(b"an earlier run")
    store = FileStore(path, reserve=reserve)
    try:
        used = max(seen.sent, default=0)
        assert store.created_ns == seen.epoch, "a reset was lost"
        assert store.next_out > used, "a number would be used twice"
        assert store.next_out <= max(used, 0) + 2 * reserve + 2 + len(seen.ever), "a wide jump"
        assert store.next_in <= seen.expected, "a message would be passed over"
        assert store.marked >= seen.mark, "what was told would be told again"
        for number, data in store.messages(1, store.next_out):
            assert seen.ever[seen.epoch, number] == data, "a number has other content"
        if store.left_out:
            assert store.left_out[1] + 1 == store.next_out
        ahead = store.next_out
    finally:
        store.close()
    again = FileStore(path, reserve=reserve)
    assert again.next_out == ahead and again.left_out is None, "it jumps only once"
    again.close()


MOMENTS = ("turn", "reset", "flush")
"""After which the disk, or what has left, is another."""
OPS = st.lists(
    st.sampled_from(["sent", "sent", "admin", "expect", "turn", "turn", "turn", "flush", "landed"])
    | st.sampled_from(["mark", "reset", "keep"]),
    min_size=3,
    max_size=24,
)


@settings(max_examples=25, deadline=None)
@given(OPS, st.sampled_from([0, 1, 4, 9]), st.integers(0, 1 << 30))
def test_no_number_is_used_twice(tmp_path_factory, history, reserve, seed):
    """Whatever was lost, the session goes on behind every number that left, and not far behind."""
    folder, chance, seen = tmp_path_factory.mktemp("power"), Random(seed), Seen()
    path, copy = folder / "s.fix", folder / "copy.fix"
    turn, epoch, flush = {}, 0, None
    with pytest.MonkeyPatch.context() as patch:
        store = FileStore(path, reserve=reserve)
        disk = Disk(path, patch)
        for step, name in enumerate(history, 1):
            if name in ("sent", "admin"):
                data = b"" if name == "admin" else b"message %d" % step
                turn[store.next_out] = seen.ever[epoch, store.next_out] = data
                store.sent(data)
            elif name == "expect":
                store.expect(store.next_in + 1)
            elif name == "keep":
                store.keep(store.next_in, b"theirs")
            elif name == "mark":
                store.mark(step)
            elif name == "reset":
                turn.clear()
                let_out(store, seen, turn)
                store.reset(step)
                let_out(store, seen, turn)
                seen.epoch = epoch = step
                seen.sent.clear()
                seen.expected = 1
            elif name == "flush" and flush is None:
                flush = store.flush()
                if flush is not None:
                    flush()
            elif name == "landed" and flush is not None:
                store.flushed()
                flush = None
            elif name == "turn":
                let_out(store, seen, turn)
            for image in disk.images(chance) if name in MOMENTS else ():
                check(copy, image, seen, reserve)
        store.close()


def test_a_sync_vouches_for_what_was_written_before_it(tmp_path, monkeypatch):
    """What is reserved while an fsync runs does not count as synced by it."""
    path, seen, turn = tmp_path / "s.fix", Seen(), {}
    store = FileStore(path, reserve=4)
    disk = Disk(path, monkeypatch)

    def send():
        turn[store.next_out] = seen.ever[0, store.next_out] = data = b"%d" % store.next_out
        store.sent(data)
        let_out(store, seen, turn)

    send()
    send()
    flush = store.flush()
    flush()
    send()
    store.flushed()
    for _ in range(3):
        send()
        check(tmp_path / "copy.fix", bytes(disk.durable), seen, 4)
    store.close()


def test_the_same_run_of_the_machine_forgets_nothing(tmp_path, monkeypatch):
    """After a kill everything that was written is there, and no number is left out."""
    path, copy = tmp_path / "s.fix", tmp_path / "copy.fix"
    store = FileStore(path)
    for number in range(5):
        store.sent(b"message %d" % number)
        store.seal()
    copy.write_bytes(path.read_bytes())
    copy.with_name("copy.fix.lock").write_bytes(path.with_name("s.fix.lock").read_bytes())
    again = FileStore(copy)
    assert (again.next_out, again.left_out) == (6, None)
    assert [number for number, _ in again.messages(1, 9)] == [1, 2, 3, 4, 5]
    again.close()
    image = path.read_bytes()
    store.close()
    monkeypatch.setattr(lock_module, "_BOOT", tmp_path / "none")
    path.write_bytes(image)
    unknown = FileStore(path)
    assert unknown.left_out == (6, 1001), "a system that does not tell its runs is not trusted"
    unknown.close()
    calm = FileStore(path)
    assert (calm.next_out, calm.left_out) == (1002, None)
    calm.close()


def test_damage_to_what_was_synced_is_refused(tmp_path):
    """A hole before a frame that says that it was synced is damage, also after a loss of power."""
    path = tmp_path / "s.fix"
    store = FileStore(path)
    ends = []
    for number in range(3):
        store.sent(b"message %d" % number)
        store.commit()
        ends.append(store._end)
    whole = path.read_bytes()
    store.close()
    for at in range(ends[1]):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x40]) + whole[at + 1 :])
        path.with_name("s.fix.lock").write_bytes(b"an earlier run")
        with pytest.raises(StoreError) as refused:
            FileStore(path)
        assert refused.value.code == "fix_store_corrupt"
