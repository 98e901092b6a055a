"""One chunk in hand, driven by hand: exact sequences of calls and exact accounting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchpoint_runner import results
from batchpoint_runner.contract import RetryPolicy
from batchpoint_runner.records import Failure, Item
from batchpoint_runner.results import TaskResult
from batchpoint_runner.tasks import MAX_HOST_LOSSES, ChunkRun, Task
from support import builders


class ListSpool:
    """Keeps rows in memory; refuses those of tasks in ``refused``."""

    def __init__(self) -> None:
        self.rows = b""
        self.refused: set[str] = set()

    def add(self, result: TaskResult, body: bytes) -> int | None:
        """Keep them."""
        if result.task in self.refused:
            return None
        self.rows += body
        return len(self.rows) - len(body)


class Driver:
    """A chunk run whose attempts are answered by a function, one at a time."""

    def __init__(
        self,
        items: Sequence[Item],
        *,
        size: int = 10,
        max_retries: int = 0,
        first: int = 0,
        is_fetched: bool = True,
    ) -> None:
        self.spool = ListSpool()
        self.run = ChunkRun(
            builders.a_chunk(items, first=first),
            items,
            execution="e",
            mini_batch_size=size,
            policy=RetryPolicy(max_retries=max_retries, timeout_seconds=7),
            spool=self.spool,
        )
        self.calls: list[list[str]] = []
        if is_fetched:
            for item in items:
                self.run.fetched(item.ordinal, Path("/in") / item.path)

    def take(self) -> Task:
        """Take the next attempt, which must be there."""
        task = self.run.take()
        assert task is not None, "an attempt is ready"
        self.calls.append([name for _, name in task.items])
        return task

    def answer(self, task: Task, head: dict[str, Any], body: bytes = b"") -> None:
        """Answer an attempt."""
        self.run.ended(results.parse(head, items=len(task.items), body_bytes=len(body)), body)

    def succeed(self, task: Task) -> None:
        """Answer with one row per item."""
        rows = [f"{name}\n".encode() for _, name in task.items]
        self.answer(task, builders.success_head(task.id, rows), b"".join(rows))

    def play(self, is_bad: Callable[[Task], bool], outcome: str = "Failed") -> None:
        """Answer until the chunk is complete."""
        while not self.run.is_complete:
            task = self.take()
            if is_bad(task):
                self.answer(task, builders.failure_head(task.id, outcome=outcome))
            else:
                self.succeed(task)

    def rows_by_ordinal(self) -> list[str]:
        """Return the rows in order of segments, as text."""
        return [
            self.spool.rows[s.offset : s.offset + s.length].decode()
            for s in self.run.result().segments
        ]


def has(*culprits: int) -> Callable[[Task], bool]:
    """Whether one of these items is in a task."""
    names = {item.path for item in builders.items_at(*culprits)}
    return lambda task: bool(names & {name for _, name in task.items})


def names(*ordinals: int) -> list[str]:
    """Names of items."""
    return [item.path for item in builders.items_at(*ordinals)]


def failures_of(driver: Driver) -> list[tuple[int, int, str]]:
    """Ordinal, attempts and type of each failure."""
    return [(one.ordinal, one.attempts, one.type) for one in driver.run.result().failures]


def test_a_task_holds_local_paths_and_names() -> None:
    """What the worker gets: where the file is, and how the input calls it."""
    driver = Driver(builders.some_items(2), size=2)
    assert (
        Task(
            id="e-1",
            mini_batch=0,
            attempt=1,
            timeout_seconds=7,
            items=(("/in/0000.csv", "0000.csv"), ("/in/0001.csv", "0001.csv")),
        )
        == driver.take()
    )


def test_mini_batches_are_numbered_within_the_job() -> None:
    """A chunk that begins at item 20 with ten per mini-batch begins with mini-batch 2."""
    items = builders.some_items(15, first=20)
    driver = Driver(items, first=20)
    assert [2, 3] == [driver.take().mini_batch, driver.take().mini_batch]


def test_a_mini_batch_waits_for_all_of_its_files() -> None:
    """An attempt is there only when the last file is, and the chunk is not complete before."""
    items = builders.some_items(3)
    driver = Driver(items, size=2, is_fetched=False)
    driver.run.fetched(0, Path("/in/0"))
    assert driver.run.take() is None
    driver.run.fetched(2, Path("/in/2"))
    assert names(2) == [name for _, name in driver.take().items]
    assert (1, False) == (driver.run.waiting, driver.run.is_complete)
    driver.run.fetched(1, Path("/in/1"))
    assert names(0, 1) == [name for _, name in driver.take().items]


@pytest.mark.parametrize("outcome", ["Failed", "TimedOut", "Died", "OutOfMemory", "DiskFull"])
def test_ten_files_with_one_culprit_cost_exactly_these_calls(outcome: str) -> None:
    """Four attempts of all, halves, and four attempts of the culprit; a timeout is like an error."""
    driver = Driver(builders.some_items(10), max_retries=3)
    driver.play(has(3), outcome)
    expected = [names(*range(10))] * 4
    expected += [names(0, 1, 2, 3, 4), names(0, 1), names(2, 3, 4), names(2), names(3, 4)]
    expected += [names(3)] * 4 + [names(4), names(5, 6, 7, 8, 9)]
    assert expected == driver.calls
    # Attempts that the culprit took part in: 4 of ten, 1 of five, 1 of three, 1 of two, 4 alone.
    assert [(3, 11, "ValueError")] == failures_of(driver)
    assert [f"{name}\n" for name in names(0, 1, 2, 4, 5, 6, 7, 8, 9)] == driver.rows_by_ordinal()


@pytest.mark.parametrize("max_retries", [0, 1, 3])
def test_a_lone_file_is_tried_once_and_max_retries_times(max_retries: int) -> None:
    """Mini-batches of one: 1 + maxRetries attempts, numbered from 1."""
    driver = Driver(builders.some_items(1), size=1, max_retries=max_retries)
    driver.play(has(0))
    assert 1 + max_retries == len(driver.calls)
    assert [(0, 1 + max_retries, "ValueError")] == failures_of(driver)
    assert max_retries == driver.run.result().retried


def test_attempts_are_numbered_from_one() -> None:
    """A retry is attempt 2 and later; a half begins at 1 again."""
    driver = Driver(builders.some_items(2), size=2, max_retries=1)
    attempts = []
    while not driver.run.is_complete:
        task = driver.take()
        attempts.append(task.attempt)
        driver.answer(task, builders.failure_head(task.id))
    assert [1, 2, 1, 2, 1, 2] == attempts


@pytest.mark.parametrize(
    ("rows", "failed"),
    [
        pytest.param(10, 0, id="10-elements"),
        pytest.param(1000, 0, id="1000-rows"),
        pytest.param(7, 3, id="7-elements-3-failed"),
        pytest.param(0, 10, id="empty-list-all-failed"),
        pytest.param(100, 0, id="100-rows-of-one-file-hidden-loss"),
    ],
)
def test_a_short_result_counts_its_gaps_and_is_not_retried(rows: int, failed: int) -> None:
    """Succeeded = min(rows, files); the rows are kept, and each gap names all candidates."""
    driver = Driver(builders.some_items(10), max_retries=3)
    task, body = driver.take(), b"r\n" * rows
    segment = {"first": 0, "count": 10, "rows": rows, "length": len(body)}
    driver.answer(
        task,
        {
            "task": task.id,
            "outcome": "Succeeded",
            "segments": [segment],
            "short": failed,
            "body": "Inline" if body else "None",
        },
        body,
    )
    result = driver.run.result()
    assert (True, 1, rows, failed) == (
        driver.run.is_complete,
        len(driver.calls),
        result.rows,
        len(result.failures),
    )
    assert body == b"".join(text.encode() for text in driver.rows_by_ordinal())
    assert [(at, "ShortResult") for at in range(failed)] == [
        (one.ordinal, one.type) for one in result.failures
    ]
    assert {tuple(names(*range(10)))} >= {one.candidates for one in result.failures}
    assert (10, failed) == (driver.run.done_files, driver.run.failed)


def test_a_dict_fails_items_by_themselves_without_a_retry() -> None:
    """Item 1 failed, items 0 and 2 keep their rows, each with a segment of its own."""
    driver = Driver(builders.some_items(3), max_retries=3)
    task = driver.take()
    head = {
        "task": task.id,
        "outcome": "Succeeded",
        "segments": [
            {"first": 0, "count": 1, "rows": 1, "length": 2},
            {"first": 2, "count": 1, "rows": 0, "length": 0},
        ],
        "failed": [{"index": 1, "type": "KeyError", "message": "gone", "traceback": "tb"}],
        "columns": ["a"],
        "body": "Inline",
    }
    driver.answer(task, head, b"1\n")
    result = driver.run.result()
    assert [(0, 1, 0), (2, 0, None)] == [(s.first, s.rows, s.columns) for s in result.segments]
    expected = Failure(
        ordinal=1, item="0001.csv", attempts=1, type="KeyError", message="gone", traceback="tb"
    )
    assert (expected,) == result.failures
    assert (("a",),) == result.columns


def test_segments_of_several_tasks_keep_their_own_columns() -> None:
    """Column lists are kept once each, and segments point at theirs."""
    driver = Driver(builders.some_items(3), size=1)
    for columns in (["a"], ["b"], ["a"]):
        task = driver.take()
        head = builders.success_head(task.id, [b"1\n"], columns=columns)
        driver.answer(task, head, b"1\n")
    result = driver.run.result()
    assert (("a",), ("b",)) == result.columns
    assert [0, 1, 0] == [segment.columns for segment in result.segments]


def test_a_result_without_segments_covers_all_items_with_no_rows() -> None:
    """As where rows are only counted: every item succeeded, nothing is to be written."""
    driver = Driver(builders.some_items(3))
    task = driver.take()
    driver.answer(task, {"task": task.id, "outcome": "Succeeded"})
    assert [(0, 3, 0)] == [(s.first, s.count, s.rows) for s in driver.run.result().segments]


def test_an_unreadable_item_fails_without_an_attempt_and_splits_its_mini_batch() -> None:
    """Its neighbours run on either side of the gap, with all their attempts."""
    items = builders.some_items(5)
    driver = Driver(items, size=5, is_fetched=False)
    driver.run.unreadable(2, "InputUnreadable", "not there")
    for ordinal in (0, 1, 3, 4):
        driver.run.fetched(ordinal, Path("/in") / items[ordinal].path)
    driver.play(has())
    assert [names(0, 1), names(3, 4)] == driver.calls
    assert [(2, 0, "InputUnreadable")] == failures_of(driver)
    assert (1, 1, 5) == (
        driver.run.mini_batches,
        driver.run.done_mini_batches,
        driver.run.done_files,
    )


def test_a_chunk_of_unreadable_items_is_complete_without_any_attempt() -> None:
    """Nothing is left to run."""
    driver = Driver(builders.some_items(2), size=2, is_fetched=False)
    driver.run.unreadable(0, "InputUnreadable", "no")
    driver.run.unreadable(1, "InputUnreadable", "no")
    assert (True, 1, 2) == (
        driver.run.is_complete,
        driver.run.done_mini_batches,
        driver.run.failed,
    )


def test_rows_that_the_spool_refuses_are_a_failed_attempt() -> None:
    """A rows file that is a link or too short: as malformed as any other answer."""
    driver = Driver(builders.some_items(1))
    driver.spool.refused.add("e-1")
    driver.play(has())
    assert [(0, 1, "MalformedResult")] == failures_of(driver)


def test_a_lost_host_costs_no_attempt() -> None:
    """The mini-batch runs again as the same attempt, under another task id."""
    driver = Driver(builders.some_items(1), max_retries=0)
    driver.run.put_back(driver.take().id)
    again = driver.take()
    assert ("e-2", 1) == (again.id, again.attempt)
    driver.succeed(again)
    assert (0, ()) == (driver.run.result().retried, driver.run.result().failures)


def test_a_mini_batch_that_loses_the_host_again_and_again_has_failed() -> None:
    """Three losses are one failed attempt; so user code cannot kill its parent for ever."""
    driver = Driver(builders.some_items(1), size=1, max_retries=1)
    for _ in range(2 * MAX_HOST_LOSSES):
        driver.run.put_back(driver.take().id)
    assert driver.run.is_complete
    assert [(0, 2, "HostLost")] == failures_of(driver)
    assert tuple(f"e-{number}" for number in range(1, 7)) == driver.run.tasks


def test_files_of_user_code_belong_to_the_successful_attempt_alone() -> None:
    """In input order, with the task whose folder holds them."""
    driver = Driver(builders.some_items(2), size=1, max_retries=1)
    first, second = driver.take(), driver.take()
    files = [{"path": "b", "size": 2}, {"path": "a", "size": 1}]
    driver.answer(second, builders.success_head(second.id, [b""], files=files))
    driver.answer(first, builders.failure_head(first.id) | {"files": files})
    again = driver.take()
    driver.answer(again, builders.success_head(again.id, [b""], files=[{"path": "z", "size": 3}]))
    assert [(0, "z", "e-3"), (1, "a", "e-2"), (1, "b", "e-2")] == [
        (held.ordinal, held.path, held.task) for held in driver.run.result().held_files
    ]


def test_warnings_are_kept_once_each() -> None:
    """In the order of their first appearance."""
    driver = Driver(builders.some_items(2), size=1)
    for warnings in (["w1", "w2"], ["w2"]):
        task = driver.take()
        driver.answer(task, builders.success_head(task.id, [b"x"], warnings=warnings), b"x")
    assert ("w1", "w2") == driver.run.result().warnings


@settings(deadline=None)
@given(
    count=st.integers(1, 14),
    size=st.integers(1, 6),
    max_retries=st.integers(0, 2),
    unreadable=st.sets(st.integers(0, 13)),
    data=st.data(),
)
def test_every_item_ends_with_rows_or_one_failure_whatever_happens(
    count: int, size: int, max_retries: int, unreadable: set[int], data: st.DataObject
) -> None:
    """Random answers, losses of the host and items that cannot be had, in any order."""
    items = builders.some_items(count)
    driver = Driver(items, size=size, max_retries=max_retries, is_fetched=False)
    todo = list(items)
    in_hand: list[Task] = []
    for _ in range(5000):
        if driver.run.is_complete:
            break
        choices = ["fetch"] * bool(todo) + ["end", "lose"] * bool(in_hand) + ["take"]
        match data.draw(st.sampled_from(choices)) if len(in_hand) < 3 else "end":
            case "fetch":
                item = todo.pop()
                if item.ordinal in unreadable:
                    driver.run.unreadable(item.ordinal, "InputUnreadable", "no")
                else:
                    driver.run.fetched(item.ordinal, Path(item.path))
            case "take":
                if (task := driver.run.take()) is not None:
                    in_hand.append(task)
            case "lose":
                driver.run.put_back(in_hand.pop(0).id)
            case _:
                task = in_hand.pop(0)
                answer = data.draw(st.sampled_from(["rows", "error", "item"]))
                if answer == "rows":
                    driver.succeed(task)
                elif answer == "error" or len(task.items) == 1:
                    driver.answer(task, builders.failure_head(task.id))
                else:
                    rest = {"first": 1, "count": len(task.items) - 1, "rows": 1, "length": 1}
                    alone = {"index": 0, "type": "E", "message": "m"}
                    head = {"task": task.id, "outcome": "Succeeded", "body": "Inline"}
                    driver.answer(task, head | {"segments": [rest], "failed": [alone]}, b"x")
    result = driver.run.result()
    covered = [at for s in result.segments for at in range(s.first, s.first + s.count)]
    assert sorted(covered + [one.ordinal for one in result.failures]) == list(range(count))
    assert (count, result.mini_batches) == (driver.run.done_files, driver.run.done_mini_batches)
    assert covered == sorted(covered)
