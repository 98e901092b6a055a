"""Input files on local disk."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from batchpoint_runner.errors import AccessDenied, ObjectChanged, ObjectNotFound, StorageUnavailable
from batchpoint_runner.events import Crashed, Event, Fetched, Unreadable
from batchpoint_runner.prefetching import ATTEMPTS, Prefetcher
from batchpoint_runner.records import Item
from batchpoint_runner.storage.memory import MemoryStore
from support.engine import HeldExecutor, InlineExecutor


class Desk:
    """A prefetcher, what it posted and how long it waited."""

    def __init__(self, folder: Path, base: str = "in") -> None:
        self.store = MemoryStore()
        self.events: list[Event] = []
        self.waits: list[float] = []
        self.folder = folder / "input"
        self.prefetcher = Prefetcher(
            self.store,
            base,
            self.folder,
            executor=InlineExecutor(),
            post=self.events.append,
            sleep=self.waits.append,
        )


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """One with an input file ``sub/a.csv``."""
    one = Desk(tmp_path)
    one.store.fill({"in/sub/a.csv": b"content"})
    return one


A = Item(ordinal=3, path="sub/a.csv", size=7)


def test_a_file_lies_under_the_path_that_it_has_in_the_input(desk: Desk) -> None:
    """In the chunk's folder, so that user code sees base names and sub-folders as they are."""
    desk.prefetcher.fetch("c1", [A])
    target = desk.folder / "c1" / "sub" / "a.csv"
    assert [Fetched(chunk="c1", ordinal=3, path=target)] == desk.events
    assert b"content" == target.read_bytes()


def test_an_input_at_the_root_of_a_store_has_no_folder(tmp_path: Path) -> None:
    """The base is empty then."""
    desk = Desk(tmp_path, base="")
    desk.store.fill({"a.csv": b"content"})
    desk.prefetcher.fetch("c1", [Item(ordinal=0, path="a.csv", size=7)])
    assert b"content" == (desk.folder / "c1" / "a.csv").read_bytes()


def test_files_of_a_dropped_chunk_are_removed(desk: Desk) -> None:
    """All of the chunk and nothing of another; a chunk that was never there is no matter."""
    desk.prefetcher.fetch("c1", [A])
    desk.prefetcher.fetch("c2", [A])
    desk.prefetcher.drop("c1")
    desk.prefetcher.drop("c3")
    assert ["c2"] == [folder.name for folder in desk.folder.iterdir()]


def test_a_store_that_is_unavailable_is_asked_again(desk: Desk) -> None:
    """Waits are 1, 2, 4 and 8 seconds."""
    desk.store.fail("download", times=ATTEMPTS - 1)
    desk.prefetcher.fetch("c1", [A])
    assert [1.0, 2.0, 4.0, 8.0] == desk.waits
    assert ["Fetched"] == [type(event).__name__ for event in desk.events]


def test_a_store_that_stays_unavailable_ends_the_instance(desk: Desk) -> None:
    """The file is not to blame, so it is not a failed item."""
    desk.store.fail("download", times=ATTEMPTS)
    desk.prefetcher.fetch("c1", [A])
    (event,) = desk.events
    assert isinstance(event, Crashed)
    assert isinstance(event.error, StorageUnavailable)


def raises(error: Exception) -> Callable[[str, str], None]:
    """A hook that fails every operation."""

    def hook(verb: str, path: str) -> None:
        raise error

    return hook


PLACE = {"store": "memory://test", "path": "in/sub/a.csv", "operation": "download"}


@pytest.mark.parametrize(
    "error",
    [
        ObjectNotFound("It is gone.", **PLACE),
        ObjectChanged("It has changed.", **PLACE),
        AccessDenied("It may not be read.", **PLACE),
        OSError(errno.ENAMETOOLONG, "x"),
        NotADirectoryError(errno.ENOTDIR, "x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_file_that_cannot_be_had_is_a_failed_item(error: Exception, desk: Desk) -> None:
    """With a sentence of why; the instance goes on."""
    desk.store.before = raises(error)
    desk.prefetcher.fetch("c1", [A])
    (event,) = desk.events
    assert isinstance(event, Unreadable)
    assert ("c1", 3, "InputUnreadable") == (event.chunk, event.ordinal, event.type)
    assert getattr(error, "message", "sub/a.csv cannot be put on local disk") in event.message


def test_a_file_that_changed_since_the_plan_is_a_failed_item(desk: Desk) -> None:
    """Its etag differs."""
    desk.prefetcher.fetch("c1", [Item(ordinal=3, path="sub/a.csv", size=7, etag="old")])
    assert ["Unreadable"] == [type(event).__name__ for event in desk.events]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EMFILE])
def test_a_full_or_broken_disk_ends_the_instance(number: int, desk: Desk) -> None:
    """That is our fault and would fail every file."""
    desk.store.before = raises(OSError(number, "x"))
    desk.prefetcher.fetch("c1", [A])
    assert ["Crashed"] == [type(event).__name__ for event in desk.events]


def test_a_file_and_a_folder_of_one_name_cost_only_one_of_them(desk: Desk) -> None:
    """Object stores permit both, disks do not."""
    desk.store.fill({"in/x": b"file", "in/x/y": b"below"})
    items = [Item(ordinal=0, path="x", size=4), Item(ordinal=1, path="x/y", size=5)]
    desk.prefetcher.fetch("c1", items)
    assert ["Fetched", "Unreadable"] == [type(event).__name__ for event in desk.events]


def test_what_an_earlier_process_left_is_replaced(desk: Desk) -> None:
    """Never written into: on a store of the same disk it may be a hard link to the input itself."""
    target = desk.folder / "c1" / "sub" / "a.csv"
    target.parent.mkdir(parents=True)
    original = desk.folder / "original"
    original.write_bytes(b"con")
    target.hardlink_to(original)
    desk.prefetcher.fetch("c1", [A])
    assert (b"content", b"con") == (target.read_bytes(), original.read_bytes())


def test_fetching_returns_at_once(tmp_path: Path) -> None:
    """The engine's thread never waits for a download."""
    executor = HeldExecutor()
    store = MemoryStore()
    store.fill({"in/sub/a.csv": b"content"})
    events: list[Event] = []
    prefetcher = Prefetcher(
        store, "in", tmp_path, executor=executor, post=events.append, sleep=events.append
    )
    prefetcher.fetch("c1", [A])
    assert [] == events
    executor.release()
    assert 1 == len(events)
