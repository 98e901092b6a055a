"""Work ahead: in order, and never more than permitted."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

import pytest

from batchpoint_runner.merging import ahead


class AtOnce(Executor):
    """Runs work when it is submitted, and counts it."""

    def __init__(self) -> None:
        self.begun = 0

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run it."""
        self.begun += 1
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except ValueError as exc:
            future.set_exception(exc)
        return future


def test_results_come_in_order_whoever_is_quicker() -> None:
    """The first job ends last, and is handed out first."""
    second_is_done = threading.Event()

    def work(job: int) -> int:
        if job == 0:
            assert second_is_done.wait(10)
        if job == 1:
            second_is_done.set()
        return job * 10

    with ThreadPoolExecutor(2) as pool:
        found = list(ahead.in_order(pool, range(5), work))
    assert [(0, 0), (1, 10), (2, 20), (3, 30), (4, 40)] == found


@pytest.mark.parametrize(
    ("most", "most_bytes", "weight", "expected"),
    [(3, 1000, 1, 3), (32, 10, 4, 2), (32, 10, 50, 1)],
    ids=["by number", "by bytes", "one is always permitted"],
)
def test_no_more_is_begun_than_permitted(
    most: int, most_bytes: int, weight: int, expected: int
) -> None:
    """When the first result is handed out, no more than these have begun."""
    pool = AtOnce()
    found = ahead.in_order(
        pool,
        itertools.count(),
        lambda job: job,
        weigh=lambda _: weight,
        most=most,
        most_bytes=most_bytes,
    )
    assert (0, 0) == next(found)
    assert expected == pool.begun


def test_an_error_comes_in_its_turn() -> None:
    """Results before it are handed out first."""
    found = ahead.in_order(AtOnce(), ["1", "x", "3"], int)
    assert ("1", 1) == next(found)
    with pytest.raises(ValueError, match="invalid literal"):
        next(found)
