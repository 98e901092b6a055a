"""Items come in one stable order, in flat memory, and what is wrong with an input is said in words."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchpoint_runner import listing
from batchpoint_runner.contract import InputSpec, InputType
from batchpoint_runner.errors import AccessDenied, InputInvalid, StorageUnavailable
from batchpoint_runner.storage.base import Stored
from batchpoint_runner.storage.local import LocalStore
from batchpoint_runner.storage.memory import MemoryStore
from batchpoint_runner.storage.urls import Location

NAMES = ("b.csv", "a/2.csv", "a/10.csv", "a-b.csv", "Z.csv", "ä.csv", "a.csv")


def _at(store: object, path: str = "in") -> Location:
    return Location(store=store, path=path, uri=f"memory://test/{path}")  # type: ignore[arg-type]


def _memory(*names: str) -> Location:
    store = MemoryStore()
    store.fill({f"in/{name}": name.encode() for name in names})
    return _at(store)


def _spec(**values: object) -> InputSpec:
    return InputSpec.model_validate({"uri": "memory://test/in", **values})


def _paths(location: Location, **values: object) -> list[str]:
    return [item.path for item in listing.list_items(location, _spec(**values))]


def test_order_is_that_of_utf8_bytes() -> None:
    """Whatever order the store lists in: capitals, then `-`, `.`, `/`, then letters beyond ASCII."""
    expected = ["Z.csv", "a-b.csv", "a.csv", "a/10.csv", "a/2.csv", "b.csv", "ä.csv"]
    assert expected == _paths(_memory(*NAMES))
    assert expected == _paths(_memory(*reversed(NAMES)))


@given(names=st.sets(st.text("ab-.é", min_size=1, max_size=6), min_size=1), run=st.integers(1, 5))
def test_spilling_changes_nothing(names: set[str], run: int) -> None:
    """Runs of any length give the same items in the same order."""
    names -= {".", ".."}
    if not names:
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listing, "RUN_ENTRIES", run)
        assert sorted(names, key=str.encode) == _paths(_memory(*names))


def test_sizes_etags_and_sums_are_those_of_the_store() -> None:
    """An item carries what was listed; the listing knows how many and how much."""
    location = _memory("a", "bcd")
    found = listing.list_items(location, _spec())
    expected = [
        Stored(path=s.path.removeprefix("in/"), size=s.size, etag=s.etag)
        for s in location.store.list("in")
    ]
    assert (2, 4, {}) == (found.count, found.size, found.left_out)
    assert expected == list(found)


def test_what_is_left_out_is_counted_by_rule() -> None:
    """Each file is counted under the first rule that leaves it out."""
    location = _memory("a.csv", "b.txt", "c.csv", "sub/d.csv", "old/.batchpoint/u/plan.json")
    spec = _spec(include=["**/*.csv"], exclude=["c*"], recursive=False)
    found = listing.list_items(location, spec)
    assert {"include": 1, "exclude": 1, "recursive": 1, "ledger": 1} == found.left_out
    assert ["a.csv"] == [item.path for item in found]


def test_folder_placeholders_are_no_items() -> None:
    """Empty objects that end in a slash, or bear the name of a folder that is there."""
    store = MemoryStore()
    store.fill({"in/sub/": b"", "in/other": b"", "in/other/x": b"1", "in/empty.csv": b""})
    found = listing.list_items(_at(store), _spec())
    assert {"placeholder": 2} == found.left_out
    assert ["empty.csv", "other/x"] == [item.path for item in found]


def test_a_file_listed_twice_is_one_item() -> None:
    """Stores may repeat an entry at the border of two pages."""

    class Stuttering(MemoryStore):
        def list(self, prefix: str) -> Iterator[Stored]:
            yield from super().list(prefix)
            yield from super().list(prefix)

    store = Stuttering()
    store.fill({"in/a": b"1", "in/b": b"2"})
    found = listing.list_items(_at(store), _spec())
    assert 2 == found.count
    assert ["a", "b"] == [item.path for item in found]


def test_a_file_that_is_also_a_folder_is_named() -> None:
    """Object stores can hold both, a disk cannot; the user may exclude one."""
    location = _memory("a", "a-b", "a/x")
    with pytest.raises(InputInvalid, match=r"'a' is a file and also the folder of 'a/x'"):
        listing.list_items(location, _spec())
    assert ["a-b", "a/x"] == _paths(location, exclude=["a"])


def test_a_name_that_leads_elsewhere_is_refused() -> None:
    """An object may be called `..`, a prefetched file must not be."""
    with pytest.raises(InputInvalid, match="cannot be a file"):
        listing.list_items(_memory("x/../../y"), _spec())


def test_a_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    """A plan is UTF-8; the message shows the bytes."""
    (tmp_path / os.fsdecode(b"caf\xe9.csv")).write_text("1")
    with pytest.raises(InputInvalid, match=r"not UTF-8: 'caf\\udce9.csv'"):
        listing.list_items(_at(LocalStore(tmp_path), ""), _spec())


def test_one_file_is_one_item() -> None:
    """Under UriFile the item is called by the file's own name, and filters do not apply."""
    location = _at(_memory("sub/a.csv").store, "in/sub/a.csv")
    assert ["a.csv"] == _paths(location, type=InputType.FILE, include=["*.png"])


def _folder_with(tmp_path: Path, *names: str) -> LocalStore:
    for name in names:
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("1")
    return LocalStore(tmp_path)


def test_a_missing_folder_says_what_is_there(tmp_path: Path) -> None:
    """The names most like it come first, which helps to see the slip of the pen."""
    store = _folder_with(tmp_path, "a.csv", "b.csv", "c.csv", "images/a.png")
    with pytest.raises(InputInvalid) as caught:
        listing.list_items(_at(store, "imagse"), _spec())
    assert caught.value.message == (
        "The input folder memory://test/imagse does not exist. Beside it there is: images/, a.csv, b.csv "
        "and others."
    )
    assert "InputNotFound" == caught.value.reason


def test_an_empty_folder_is_told_from_a_missing_one(tmp_path: Path) -> None:
    """Where folders exist by themselves."""
    (tmp_path / "in").mkdir()
    with pytest.raises(InputInvalid, match="is empty") as caught:
        listing.list_items(_at(LocalStore(tmp_path)), _spec())
    assert "InputEmpty" == caught.value.reason


def test_no_match_shows_an_example_and_the_pattern_that_would_match() -> None:
    """The commonest slip is a pattern without `**/`."""
    with pytest.raises(InputInvalid) as caught:
        listing.list_items(_memory("sub/a.png", "sub/b.png"), _spec(include=["*.png"]))
    assert caught.value.message == (
        "No file of the input memory://test/in is left to score: of 2 files all were left out (2 by "
        "`include`). There is, for example: sub/a.png, sub/b.png. To look into sub-folders, write "
        "`**/*.png`."
    )
    assert "InputMatchesNothing" == caught.value.reason


@pytest.mark.parametrize(
    ("path", "input_type", "reason"),
    [
        pytest.param("in/a.csv", InputType.FOLDER, "InputIsFile", id="file-as-folder"),
        pytest.param("in", InputType.FILE, "InputIsFolder", id="folder-as-file"),
        pytest.param("in/b.csv", InputType.FILE, "InputNotFound", id="missing-file"),
    ],
)
def test_the_wrong_type_is_named(path: str, input_type: InputType, reason: str) -> None:
    """The message says which type to set, or what is there."""
    location = _at(_memory("a.csv").store, path)
    with pytest.raises(InputInvalid) as caught:
        listing.list_items(location, _spec(type=input_type))
    assert reason == caught.value.reason


def test_an_input_that_may_not_be_read_is_invalid_and_a_silent_store_is_not() -> None:
    """The first ends the job in words; the second is tried again."""

    def deny(verb: str, path: str) -> None:
        raise AccessDenied("No right to it.", store="s", path=path, operation=verb)

    store = MemoryStore(before=deny)
    with pytest.raises(InputInvalid, match="cannot be read"):
        listing.list_items(_at(store), _spec())
    store = MemoryStore()
    store.fail("list")
    with pytest.raises(StorageUnavailable):
        listing.list_items(_at(store), _spec())


def test_temporary_files_go_with_the_listing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spilled runs have no names on disk, so nothing is left whatever happens."""
    monkeypatch.setattr(listing, "RUN_ENTRIES", 2)
    found = listing.list_items(_memory(*NAMES), _spec(), spill_directory=tmp_path)
    assert [] == list(tmp_path.iterdir())
    assert len(NAMES) == len(list(found))


_MEASURE = """
import resource, sys
from batchpoint_runner import listing
from batchpoint_runner.contract import InputSpec
from batchpoint_runner.storage.base import Stored
from batchpoint_runner.storage.urls import Location

class Endless:
    def __init__(self, count): self.count = count
    def list(self, prefix):
        for n in range(self.count):
            yield Stored(path=f"in/{(n * 7919) % self.count:09d}/file.csv", size=1, etag="0123456789abcdef")

def run(count):
    location = Location(store=Endless(count), path="in", uri="x")
    found = listing.list_items(location, InputSpec(uri="x"))
    assert count == found.count == sum(1 for _ in found)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

small = run(100_000)
print(small, run(1_000_000))
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_files() -> None:
    """A million keys need as much memory as a hundred thousand: at most 15 MB more."""
    result = subprocess.run(
        [sys.executable, "-c", _MEASURE],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": "runner-image"},
        cwd=Path(__file__).parents[3],
    )
    small, large = map(int, result.stdout.split())
    assert large - small < 15 * 1024, f"{small} kB for 100,000 keys, {large} kB for 1,000,000"
