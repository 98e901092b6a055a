"""Files of user code come to their place, and over nothing else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from batchpoint_runner.errors import StorageError
from batchpoint_runner.ledger import Ledger, Plan
from batchpoint_runner.merging import ahead, generations, user_files
from batchpoint_runner.storage.memory import MemoryStore
from support.builders import a_ledger, items_at, some_items
from support.published import Result, a_cut_plan, a_failure, a_source, publish

Outcome = tuple[dict[str, bytes], list[tuple[int, str, str]]]


def published(
    tmp_path: Path, *jobs: tuple[Ledger, Plan], output_name: str | None = "predictions.csv"
) -> Outcome:
    """Publish the files of jobs, newest first; return what stands beside the output, and failures."""
    target = jobs[0][0]
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(2))
        copiers = stack.enter_context(ThreadPoolExecutor(2))
        read = generations.read_all(stack, pool, tmp_path, jobs)
        found = user_files.publish(
            stack, pool, copiers, tmp_path, read, target=target, output_name=output_name
        )
        late = [(one.first, one.type, one.message) for one in found.late]
        assert len(found.spool) == found.files
    assert isinstance(target.store, MemoryStore)
    prefix = f"{target.folder}/"
    contents = target.store.contents().items()
    beside = {path.removeprefix(prefix): data for path, data in contents if path.startswith(prefix)}
    return {path: data for path, data in beside.items() if ".batchpoint/" not in path}, late


def a_job(ledger: Ledger, files: dict[tuple[int, str], bytes], items: int = 4) -> Plan:
    """Publish a job of one chunk that wrote these files, for mini-batches of one item."""
    plan = a_cut_plan(ledger, some_items(items), [items])
    results = [Result(first=at, rows=0) for at in range(items)]
    publish(ledger, "c000000", results, files=files)
    return plan


def test_files_come_to_their_place(tmp_path: Path) -> None:
    """Empty, small and large ones, in folders of their own."""
    ledger = a_ledger()
    large = b"x" * (ahead.PART_BYTES + 1)
    plan = a_job(ledger, {(0, "a.bin"): b"", (1, "deep/b.bin"): b"b", (2, "c.bin"): large})
    files, late = published(tmp_path, (ledger, plan))
    assert {"a.bin": b"", "deep/b.bin": b"b", "c.bin": large} == files
    assert [] == late


def test_the_first_of_two_files_of_one_name_counts(tmp_path: Path) -> None:
    """In input order; the message names both items."""
    ledger = a_ledger()
    plan = a_cut_plan(ledger, some_items(4), [2, 2])
    publish(ledger, "c000001", [Result(first=2, count=2)], files={(2, "out"): b"late"})
    publish(ledger, "c000000", [Result(first=0, count=2)], files={(1, "out"): b"early"})
    files, late = published(tmp_path, (ledger, plan))
    assert {"out": b"early"} == files
    ((ordinal, kind, message),) = late
    assert (2, "OutputFileExists") == (ordinal, kind)
    assert "begins with 0002.csv" in message
    assert "begins with 0001.csv" in message


@pytest.mark.parametrize(
    ("first", "second"), [("a", "a/b"), ("a/b", "a"), ("a/b/c", "a/b"), ("a", "a/b/c")]
)
def test_a_file_cannot_be_a_folder_of_another(first: str, second: str, tmp_path: Path) -> None:
    """Object stores would take both, disks would not: the answer is the same everywhere."""
    ledger = a_ledger()
    plan = a_job(ledger, {(0, first): b"1", (1, second): b"2"})
    files, late = published(tmp_path, (ledger, plan))
    assert {first: b"1"} == files
    assert [(1, "OutputFileExists")] == [one[:2] for one in late]


def test_folders_are_shared(tmp_path: Path) -> None:
    """Files of many mini-batches may lie in one folder."""
    ledger = a_ledger()
    plan = a_job(ledger, {(0, "a/b/1"): b"1", (1, "a/b/2"): b"2", (2, "a/3"): b"3"})
    files, late = published(tmp_path, (ledger, plan))
    assert 3 == len(files)
    assert [] == late


def test_a_foreign_file_stays(tmp_path: Path) -> None:
    """An equal one is as good as ours; another is a failure, and the other files are kept."""
    ledger = a_ledger()
    names = ("equal", "longer", "other", "free")
    plan = a_job(ledger, {(at, name): b"ours" for at, name in enumerate(names)})
    assert isinstance(ledger.store, MemoryStore)
    ledger.store.fill({"out/equal": b"ours", "out/longer": b"theirs", "out/other": b"OURS"})
    files, late = published(tmp_path, (ledger, plan))
    assert {"equal": b"ours", "longer": b"theirs", "other": b"OURS", "free": b"ours"} == files
    assert [(1, "OutputFileExists"), (2, "OutputFileExists")] == [one[:2] for one in late]
    assert "another file has that name in the output folder already" in late[0][2]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("ok.png", None),
        ("deep/manifest.json", None),
        ("predictions.csv.bak", None),
        (".hidden", None),
        ("/etc/passwd", "no path below the output folder"),
        ("a/../../b", "no path below the output folder"),
        ("a//b", "no path below the output folder"),
        ("./a", "no path below the output folder"),
        ("", "no path below the output folder"),
        ("manifest.json", "a name that Batchpoint itself writes"),
        ("manifest.json/x", "a name that Batchpoint itself writes"),
        (".batchpoint/uid-1/verdict-1.json", "a name that Batchpoint itself writes"),
        ("predictions.csv", "the name of the merged rows"),
        ("predictions.csv/x", "the name of the merged rows"),
        ("a\nb", "control characters"),
        ("half \udc80", "not UTF-8"),
        ("x" * 1025, "longer than 1024 bytes"),
    ],
)
def test_names_are_checked(path: str, expected: str | None) -> None:
    """What is wrong is said; everything else is permitted."""
    found = user_files.name_is_bad(path, "predictions.csv")
    assert (expected is None) == (found is None)
    assert expected is None or expected in str(found)


def test_the_folder_of_the_output_is_no_file() -> None:
    """The merged rows may lie in a folder."""
    assert "lie in a folder" in str(user_files.name_is_bad("day", "day/predictions.csv"))
    assert user_files.name_is_bad("day/plot.png", "day/predictions.csv") is None


def test_a_file_of_a_bad_name_is_a_failure(tmp_path: Path) -> None:
    """Nothing is written outside, and its neighbours are kept."""
    ledger = a_ledger()
    plan = a_job(ledger, {(0, "../x"): b"bad", (1, "good"): b"good"})
    files, late = published(tmp_path, (ledger, plan))
    assert {"good": b"good"} == files
    assert [(0, "OutputFileName")] == [one[:2] for one in late]


def test_damaged_files_end_the_merge(tmp_path: Path) -> None:
    """What is copied is what was published, or nothing."""
    ledger = a_ledger()
    plan = a_job(ledger, {(0, "a"): b"right"})
    assert isinstance(ledger.store, MemoryStore)
    key = next(path for path in ledger.store.contents() if path.endswith("files/000000"))
    ledger.store.fill({key: b"wrong"})
    with pytest.raises(StorageError, match="The file a of user code is damaged"):
        published(tmp_path, (ledger, plan))
    assert "out/a" not in ledger.store.contents()


def test_a_rerun_keeps_files_of_items_that_were_not_scored_again(tmp_path: Path) -> None:
    """Of a mini-batch whose first item failed alone, the files of the others are still wanted."""
    store = MemoryStore()
    first, second = Ledger(store, "a", "a"), a_ledger(store)
    plan_1 = a_cut_plan(first, some_items(4), [4])
    files = {(0, "1.txt"): b"first", (0, "2.txt"): b"first", (3, "3.txt"): b"first"}
    results = [Result(first=1), Result(first=2), Result(first=3)]
    publish(first, "c000000", results, failures=[a_failure(0)], files=files)
    plan_2 = a_cut_plan(second, items_at(0), [1], input_items=4, sources=(a_source(first),))
    again = {(0, "0.txt"): b"second", (0, "1.txt"): b"second"}
    publish(second, "c000000", [Result(first=0)], files=again)
    found, late = published(tmp_path, (second, plan_2), (first, plan_1))
    # The newer file replaces the older one of the same mini-batch, and that is no conflict.
    assert {"0.txt": b"second", "1.txt": b"second", "2.txt": b"first", "3.txt": b"first"} == found
    assert [] == late


def test_a_rerun_drops_files_of_mini_batches_that_were_scored_again(tmp_path: Path) -> None:
    """When all items of a mini-batch were scored again, only the new files count."""
    store = MemoryStore()
    first, second = Ledger(store, "a", "a"), a_ledger(store)
    plan_1 = a_cut_plan(first, some_items(2), [2])
    gap = a_failure(0, "ShortResult", candidates=("0000.csv", "0001.csv"))
    publish(first, "c000000", [Result(first=0, count=2)], failures=[gap], files={(0, "x"): b"1"})
    plan_2 = a_cut_plan(second, items_at(0, 1), [2], input_items=2, sources=(a_source(first),))
    publish(second, "c000000", [Result(first=0, count=2)], files={(0, "y"): b"2"})
    found, _ = published(tmp_path, (second, plan_2), (first, plan_1))
    assert {"y": b"2"} == found


def test_a_rerun_does_not_take_a_name_from_another_item(tmp_path: Path) -> None:
    """A file that is taken over and one of another item are a conflict, as in one job."""
    store = MemoryStore()
    first, second = Ledger(store, "a", "a"), a_ledger(store)
    plan_1 = a_cut_plan(first, some_items(2), [2])
    publish(
        first, "c000000", [Result(first=0)], failures=[a_failure(1)], files={(0, "out"): b"first"}
    )
    plan_2 = a_cut_plan(second, items_at(1), [1], input_items=2, sources=(a_source(first),))
    publish(second, "c000000", [Result(first=1)], files={(1, "out"): b"second"})
    found, late = published(tmp_path, (second, plan_2), (first, plan_1))
    assert {"out": b"first"} == found
    assert [(1, "OutputFileExists")] == [one[:2] for one in late]
