"""Limits on memory and disk."""

from __future__ import annotations

import pytest

from batchpoint_worker import watching

GB = 10**9


@pytest.mark.parametrize(
    ("wanted", "available", "workers", "shared", "expected"),
    [
        pytest.param(5 * GB, 10 * GB, 4, 2 * GB, (5 * GB, 0), id="the deployment's, all counts"),
        pytest.param(None, 10 * GB, 4, 0, (2_250_000_000, 0), id="0.9 x 10 / 4"),
        pytest.param(None, 10 * GB, 4, 2 * GB, (1_750_000_000, 2 * GB), id="(0.9 x 10 - 2) / 4"),
        pytest.param(None, 10 * GB, 4, 9 * GB, (200_000_000, 9 * GB), id="never below 2 %"),
        pytest.param(None, 0, 4, 0, (None, 0), id="unknown: none"),
    ],
)
def test_memory_limit_of_one_worker(
    wanted: int | None, available: int, workers: int, shared: int, expected: tuple[int | None, int]
) -> None:
    """Pages that all forks share are counted once."""
    assert expected == watching.memory_limit(wanted, available, workers, shared)


def test_looks_are_bounded_in_number() -> None:
    """Idle workers are looked at once a second, and soon after one begins to run."""
    watch = watching.Watch(None, None, 1)
    assert [] == list(watch.look([], 0, 100.0))
    assert 100.0 + watching.IDLE_SECONDS == watch.next_at
    watch.wake(100.5)
    assert 100.5 + watching.MEMORY_SECONDS == pytest.approx(watch.next_at)
