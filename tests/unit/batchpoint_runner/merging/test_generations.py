"""What was published, of this job and of those that it takes rows from."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from batchpoint_runner.errors import ObjectNotFound
from batchpoint_runner.ledger import Ledger, Plan
from batchpoint_runner.merging import generations
from batchpoint_runner.merging.generations import Generation
from batchpoint_runner.storage.memory import MemoryStore
from support.builders import a_ledger, items_at, some_items
from support.published import Result, a_cut_plan, a_failure, csv_result, publish


@contextmanager
def read(
    tmp_path: Path, *jobs: tuple[Ledger, Plan], must_be_complete: bool = True
) -> Iterator[tuple[Generation, ...]]:
    """Read jobs, newest first."""
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(4))
        yield generations.read_all(stack, pool, tmp_path, jobs, must_be_complete=must_be_complete)


def test_each_commit_is_read_once_and_directly(tmp_path: Path) -> None:
    """One read per chunk, no listing, however often the heads are looked at."""
    store = MemoryStore()
    ledger = a_ledger(store)
    plan = a_cut_plan(ledger, some_items(3), [1, 1, 1])
    commits = [publish(ledger, f"c{at:06d}", [csv_result(at, "r")]) for at in range(3)]
    store.calls.clear()
    with read(tmp_path, (ledger, plan)) as (newest,):
        for _ in range(3):
            assert commits == [head.commit for head in newest.heads()]
    assert {"read": 3} == dict(store.calls)


def test_a_long_head_is_read_to_its_end(tmp_path: Path) -> None:
    """A commit with thousands of failures is longer than the first read."""
    ledger = a_ledger()
    plan = a_cut_plan(ledger, some_items(2000), [2000])
    commit = publish(
        ledger, "c000000", [], failures=[a_failure(at, traceback="x" * 100) for at in range(2000)]
    )
    with read(tmp_path, (ledger, plan)) as (newest,):
        assert [commit] == [head.commit for head in newest.heads()]


def test_a_missing_commit_is_named(tmp_path: Path) -> None:
    """The error names chunk, path and store."""
    store = MemoryStore()
    ledger = a_ledger(store)
    plan = a_cut_plan(ledger, some_items(1), [1])
    with pytest.raises(ObjectNotFound) as caught, read(tmp_path, (ledger, plan)):
        pass
    path = ledger.at(ledger.paths.commit("c000000"))
    assert (path, store.uri) == (caught.value.path, caught.value.store)
    assert f"its chunk c000000 is not final, there is no {path}" in caught.value.message


def test_a_stopped_job_may_lack_commits(tmp_path: Path) -> None:
    """Its other chunks are there."""
    ledger = a_ledger()
    plan = a_cut_plan(ledger, some_items(2), [1, 1])
    publish(ledger, "c000001", [csv_result(1, "r")])
    with read(tmp_path, (ledger, plan), must_be_complete=False) as (newest,):
        assert ["c000001"] == [head.commit.chunk for head in newest.heads()]


def test_what_was_scored_again_is_not_kept(tmp_path: Path) -> None:
    """Segments and failures of a generation count where no newer one has scored one of their items."""
    store = MemoryStore()
    first, second, third = Ledger(store, "a", "a"), Ledger(store, "b", "b"), a_ledger(store)
    plan_1 = a_cut_plan(first, some_items(6), [6])
    results = [Result(first=0, count=2), Result(first=2), Result(first=3, count=2)]
    publish(first, "c000000", results, failures=[a_failure(5)])
    plan_2 = a_cut_plan(second, items_at(1, 5), [2])
    publish(second, "c000000", [Result(first=1)], failures=[a_failure(5)])
    plan_3 = a_cut_plan(third, items_at(4), [1])
    publish(third, "c000000", [Result(first=4)])
    with read(tmp_path, (third, plan_3), (second, plan_2), (first, plan_1)) as found:
        assert [(1, 1), (2, 2), (4, 0)] == [
            (one.segment.first, one.generation.number) for one in generations.kept(found)
        ]
        assert [[], [5], []] == [[one.ordinal for one in each.failures()] for each in found]


def test_items_are_those_of_the_newest_generation_that_has_them(tmp_path: Path) -> None:
    """A repaired file has a new size."""
    store = MemoryStore()
    first, second = Ledger(store, "a", "a"), a_ledger(store)
    plan_1 = a_cut_plan(first, some_items(5), [5])
    publish(first, "c000000", [Result(first=0, count=5)])
    plan_2 = a_cut_plan(second, items_at(1, 4, size=7), [2])
    publish(second, "c000000", [Result(first=1), Result(first=4)])
    with read(tmp_path, (second, plan_2), (first, plan_1)) as found:
        sizes = [(item.ordinal, item.size) for _, item in generations.items(found)]
    assert [(0, 1000), (1, 7), (2, 1000), (3, 1000), (4, 7)] == sizes


def test_names_are_looked_up_by_page(tmp_path: Path) -> None:
    """Neighbours cost one read; a job of many pages does not stay in memory."""
    store = MemoryStore()
    ledger = a_ledger(store)
    plan = a_cut_plan(ledger, some_items(20), [20])
    publish(ledger, "c000000", [Result(first=0, count=20)])
    with read(tmp_path, (ledger, plan)) as (newest,):
        names = generations.Names(newest)
        store.calls.clear()
        assert ["0000.csv", "0002.csv", "0001.csv"] == [names[at] for at in (0, 2, 1)]
        assert 1 == store.calls["read"]
        assert [f"{at:04d}.csv" for at in range(20)] == [names[at] for at in range(20)]
        assert 7 == store.calls["read"]
        assert "0000.csv" == names[0]
        assert 8 == store.calls["read"]
