"""What every store must do, as one suite: subclass it and give it a fixture ``store``.

Everything happens below a folder that is new for each test, so that one server serves them all.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from batchpoint_runner.errors import AlreadyExists, ObjectChanged, ObjectNotFound, StorageError
from batchpoint_runner.storage.base import Store
from batchpoint_runner.storage.probing import probe

STRANGE_NAMES = (
    "a b.txt",
    "hash#tag.txt",
    "100%.txt",
    "a%20b.txt",
    "question?.txt",
    "größe/ünïcode ☃.txt",
    "plus+and&.txt",
    "quote'\".txt",
    ".hidden",
    "star*[x].txt",
)
WRITERS = 16
RACED_KEYS = 50
BIG_BYTES = 20 * 1024 * 1024 + 7


@pytest.fixture
def folder() -> str:
    """A folder of the store that no other test uses."""
    return f"test-{uuid.uuid4().hex}"


class StoreContract:
    """Tests of the verbs in `storage.base`, one behaviour each."""

    def test_content_comes_back_as_it_was_written(self, store: Store, folder: str) -> None:
        """`read` returns what `create` was given, every byte value included."""
        data = bytes(range(256)) * 40
        store.create(f"{folder}/x/y.bin", data)
        assert data == store.read(f"{folder}/x/y.bin")

    def test_an_empty_object_is_an_object(self, store: Store, folder: str) -> None:
        """Nothing is content too: found, listed, read and downloaded."""
        store.create(f"{folder}/empty", b"")
        found = store.find(f"{folder}/empty")
        assert found is not None
        assert 0 == found.size
        assert b"" == store.read(f"{folder}/empty")
        assert [f"{folder}/empty"] == [stored.path for stored in store.list(folder)]

    @pytest.mark.parametrize(
        ("start", "length", "expected"),
        [
            pytest.param(2, 3, b"234", id="middle"),
            pytest.param(7, None, b"789", id="to-the-end"),
            pytest.param(8, 99, b"89", id="cut-at-the-end"),
            pytest.param(10, None, b"", id="begins-at-the-end"),
            pytest.param(11, 4, b"", id="begins-beyond-the-end"),
            pytest.param(3, 0, b"", id="no-length"),
        ],
    )
    def test_ranges(
        self, store: Store, folder: str, start: int, length: int | None, expected: bytes
    ) -> None:
        """A range beyond the end is cut, one that begins there is empty."""
        store.create(f"{folder}/digits", b"0123456789")
        assert expected == store.read(f"{folder}/digits", start=start, length=length)

    def test_what_is_absent_is_not_found(self, store: Store, folder: str, tmp_path: Path) -> None:
        """`find` says None, reading raises, deleting and listing do nothing."""
        store.create(f"{folder}/there/x", b"1")
        for path in (f"{folder}/nope", f"{folder}/there", f"{folder}/there/x/y"):
            assert store.find(path) is None
            with pytest.raises(ObjectNotFound):
                store.read(path)
            with pytest.raises(ObjectNotFound):
                store.read(path, start=0, length=0)
            with pytest.raises(ObjectNotFound):
                store.download(path, tmp_path / "target")
        store.delete(f"{folder}/nope")
        assert [] == list(store.list(f"{folder}/nope"))

    def test_create_refuses_what_is_there(self, store: Store, folder: str) -> None:
        """The second creator learns it, and the first content stands."""
        store.create(f"{folder}/x", b"first")
        with pytest.raises(AlreadyExists) as caught:
            store.create(f"{folder}/x", b"second")
        assert (f"{folder}/x", "create") == (caught.value.path, caught.value.operation)
        assert b"first" == store.read(f"{folder}/x")

    def test_one_of_many_creators_wins(self, store: Store, folder: str) -> None:
        """16 threads race for each of 50 names: one winner, and its content whole."""
        gate = threading.Barrier(WRITERS)

        def race(writer: int) -> list[int]:
            gate.wait()
            won = []
            for key in range(RACED_KEYS):
                try:
                    store.create(f"{folder}/race/{key}", f"{writer:02d}".encode() * 5000)
                except AlreadyExists:
                    continue
                won.append(key)
            return won

        with ThreadPoolExecutor(WRITERS) as pool:
            wins = list(pool.map(race, range(WRITERS)))
        assert list(range(RACED_KEYS)) == sorted(key for won in wins for key in won)
        for writer, won in enumerate(wins):
            for key in won:
                assert f"{writer:02d}".encode() * 5000 == store.read(f"{folder}/race/{key}")

    def test_replace_writes_and_changes_the_etag(self, store: Store, folder: str) -> None:
        """Whether or not it was there; the etag tells one content from the next."""
        store.replace(f"{folder}/x", b"one")
        before = store.find(f"{folder}/x")
        store.replace(f"{folder}/x", b"three")
        after = store.find(f"{folder}/x")
        assert before is not None
        assert after is not None
        assert b"three" == store.read(f"{folder}/x")
        assert before.etag != after.etag
        assert 5 == after.size

    def test_listing_agrees_with_finding(self, store: Store, folder: str) -> None:
        """Paths, sizes and etags of `list` are those of `find`."""
        for name in ("b", "a/1", "a/2/3"):
            store.create(f"{folder}/{name}", name.encode())
        listed = sorted(store.list(folder), key=lambda stored: stored.path)
        assert [f"{folder}/{name}" for name in ("a/1", "a/2/3", "b")] == [s.path for s in listed]
        assert listed == [store.find(stored.path) for stored in listed]

    def test_a_folder_is_no_prefix_of_a_name(self, store: Store, folder: str) -> None:
        """`ab` does not match `abc/x` nor `abc`."""
        store.create(f"{folder}/ab/1", b"")
        store.create(f"{folder}/abc/2", b"")
        store.create(f"{folder}/abd", b"")
        assert [f"{folder}/ab/1"] == [stored.path for stored in store.list(f"{folder}/ab")]

    @pytest.mark.parametrize("name", STRANGE_NAMES)
    def test_names_are_literal(self, store: Store, folder: str, name: str, tmp_path: Path) -> None:
        """What URLs and shells give a meaning to stands for itself."""
        path = f"{folder}/{name}"
        store.create(path, name.encode())
        assert [path] == [stored.path for stored in store.list(folder)]
        assert name.encode() == store.read(path)
        store.download(path, tmp_path / "target")
        assert name.encode() == (tmp_path / "target").read_bytes()
        store.delete(path)
        assert store.find(path) is None

    def test_download_checks_the_etag(self, store: Store, folder: str, tmp_path: Path) -> None:
        """The planned content comes; after a change it is refused."""
        store.replace(f"{folder}/x", b"planned")
        planned = store.find(f"{folder}/x")
        assert planned is not None
        store.download(f"{folder}/x", tmp_path / "one", etag=planned.etag)
        assert b"planned" == (tmp_path / "one").read_bytes()
        store.replace(f"{folder}/x", b"changed!")
        with pytest.raises(ObjectChanged):
            store.download(f"{folder}/x", tmp_path / "two", etag=planned.etag)

    def test_a_large_object_comes_whole(self, store: Store, folder: str, tmp_path: Path) -> None:
        """Objects that are fetched in parts arrive as they were written."""
        data = b"0123456789abcdef" * (BIG_BYTES // 16) + b"tail"
        store.replace(f"{folder}/big", data)
        planned = store.find(f"{folder}/big")
        assert planned is not None
        store.download(f"{folder}/big", tmp_path / "big", etag=planned.etag)
        assert data == (tmp_path / "big").read_bytes()

    def test_streamed_creation_is_a_creation(self, store: Store, folder: str) -> None:
        """Parts become one object; a second one is refused and the first stands."""
        store.create_streamed(f"{folder}/s", iter([b"one ", b"", b"two"]))
        assert b"one two" == store.read(f"{folder}/s")
        with pytest.raises(AlreadyExists):
            store.create_streamed(f"{folder}/s", iter([b"three"]))
        assert b"one two" == store.read(f"{folder}/s")

    def test_a_stream_larger_than_one_put(self, store: Store, folder: str) -> None:
        """Beyond the limit of a single request the content is still whole, and refused if there."""
        part = bytes(range(256)) * 4096
        store.create_streamed(f"{folder}/s", (part for _ in range(70)))
        found = store.find(f"{folder}/s")
        assert found is not None
        assert 70 * len(part) == found.size
        assert part[:1000] == store.read(f"{folder}/s", start=69 * len(part), length=1000)
        with pytest.raises(AlreadyExists):
            store.create_streamed(f"{folder}/s", (part for _ in range(70)))

    def test_a_stream_that_fails_leaves_nothing(self, store: Store, folder: str) -> None:
        """The error of the parts reaches the caller, and no object appears."""

        def parts() -> Iterator[bytes]:
            for _ in range(66):
                yield bytes(1024 * 1024)
            raise KeyError("source broke")

        with pytest.raises(KeyError):
            store.create_streamed(f"{folder}/s", parts())
        assert store.find(f"{folder}/s") is None
        assert [] == list(store.list(folder))

    def test_paths_do_not_leave_the_store(self, store: Store, folder: str) -> None:
        """A path with `..` is refused in words, or names nothing."""
        with pytest.raises(StorageError):
            store.read(f"{folder}/../x")

    def test_the_probe_accepts_it(self, store: Store, folder: str) -> None:
        """Create-if-absent holds, and the probe leaves nothing behind, also when several run."""
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: probe(store, folder), range(4)))
        assert [] == list(store.list(folder))
