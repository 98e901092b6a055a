"""How results come to their place."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import pytest

from batchpoint_runner.errors import OutputTaken, StorageError
from batchpoint_runner.merging import storing
from batchpoint_runner.merging.storing import Content
from batchpoint_runner.storage.memory import MemoryStore
from support.builders import a_ledger

LARGE = b"x" * (storing.REPLACED_BYTES + 1)


@pytest.fixture
def pool() -> Iterator[Executor]:
    """Return threads to read with."""
    with ThreadPoolExecutor(2) as executor:
        yield executor


def content(data: bytes) -> Content:
    """Return what identifies bytes."""
    return Content(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())


def test_an_output_is_created_and_measured(pool: Executor) -> None:
    """Parts go up one after the other."""
    store = MemoryStore()
    found = storing.create(pool, a_ledger(store), "f", iter([b"a", b"", b"bc"]))
    assert {"out/f": b"abc"} == store.contents()
    assert content(b"abc") == found


def test_an_equal_output_is_ours(pool: Executor) -> None:
    """It is from before a crash, or from another merger; it is not uploaded again."""
    store = MemoryStore()
    store.fill({"out/f": b"abc"})
    assert content(b"abc") == storing.create(pool, a_ledger(store), "f", [b"a", b"bc"])
    assert 0 == store.calls["create_streamed"]


def test_an_equal_output_that_appears_meanwhile_is_ours(pool: Executor) -> None:
    """Another merger was quicker; parts were consumed by then, perhaps."""
    store = MemoryStore()

    def appear(verb: str, path: str) -> None:
        if verb == "create_streamed":
            store.fill({path: b"abc"})

    store.before = appear
    assert content(b"abc") == storing.create(pool, a_ledger(store), "f", [b"a", b"bc"])


@pytest.mark.parametrize("there", [b"", b"abd", b"abcd"])
def test_another_output_is_left_alone(there: bytes, pool: Executor) -> None:
    """Whether size or only content differs."""
    store = MemoryStore()
    store.fill({"out/f": there})
    with pytest.raises(OutputTaken, match=f"{len(there)} bytes are there, 3 were to be written"):
        storing.create(pool, a_ledger(store), "f", [b"abc"])
    assert {"out/f": there} == store.contents()


def test_only_an_output_of_the_same_size_is_read_back(pool: Executor) -> None:
    """Ten gigabytes of something else need not be read to know that."""
    store = MemoryStore()
    store.fill({"f": b"abcd"})
    assert Content(bytes=4, sha256="") == storing.content_of(pool, store, "f", only_if_bytes=3)
    assert 0 == store.calls["read"]
    assert None is storing.content_of(pool, store, "absent")


def test_a_small_report_replaces_an_older_one(pool: Executor, tmp_path: Path) -> None:
    """An attempt that was stopped has left its own."""
    store = MemoryStore()
    store.fill({"out/r": b"older"})
    found = storing.publish_report(pool, a_ledger(store), "r", [b"new", b"er"], tmp_path)
    assert {"out/r": b"newer"} == store.contents()
    assert content(b"newer") == found


@pytest.mark.parametrize("there", [None, b"older", LARGE[:-1] + b"y"])
def test_a_large_report_takes_the_place_of_an_older_one(
    there: bytes | None, pool: Executor, tmp_path: Path
) -> None:
    """It can only be created, so what is there is deleted before."""
    store = MemoryStore()
    store.fill({} if there is None else {"out/r": there})
    storing.publish_report(pool, a_ledger(store), "r", [LARGE], tmp_path)
    assert {"out/r": LARGE} == store.contents()


def test_a_large_report_that_is_there_stays(pool: Executor, tmp_path: Path) -> None:
    """What another merger wrote is never deleted, not even for a moment."""
    store = MemoryStore()
    store.fill({"out/r": LARGE})
    storing.publish_report(pool, a_ledger(store), "r", [LARGE], tmp_path)
    assert (0, 0) == (store.calls["delete"], store.calls["create_streamed"])


def test_a_large_report_that_changed_while_it_was_compared_is_not_deleted(
    pool: Executor, tmp_path: Path
) -> None:
    """Another merger has just written the right one."""
    store = MemoryStore()
    store.fill({"out/r": LARGE[:-1] + b"y"})

    finds = 0

    def replaced(verb: str, path: str) -> None:
        nonlocal finds
        finds += verb == "find"
        if finds == 3:  # the one that comes after all has been read and found to differ
            store.before = None
            store.fill({path: LARGE})

    store.before = replaced
    storing.publish_report(pool, a_ledger(store), "r", [LARGE], tmp_path)
    assert 0 == store.calls["delete"]
    assert {"out/r": LARGE} == store.contents()


def test_a_report_that_others_keep_writing_is_an_error(pool: Executor, tmp_path: Path) -> None:
    """The merge does not try for ever."""
    store = MemoryStore()

    def foreign(verb: str, path: str) -> None:
        if verb == "create_streamed":
            store.fill({path: b"theirs"})

    store.before = foreign
    with pytest.raises(StorageError, match="something else keeps writing it"):
        storing.publish_report(pool, a_ledger(store), "r", [LARGE], tmp_path)
