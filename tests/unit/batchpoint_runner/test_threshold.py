"""When too many items have failed (AZURE.md §6)."""

from __future__ import annotations

import pytest

from batchpoint_runner import threshold


@pytest.mark.parametrize(
    ("failed", "allowed", "passed"),
    [
        pytest.param(0, 0, False, id="none-failed-none-tolerated"),
        pytest.param(1, 0, True, id="the-first-failure-is-one-too-many"),
        pytest.param(3, 3, False, id="k-failures-are-tolerated"),
        pytest.param(4, 3, True, id="k-plus-one-are-not"),
        pytest.param(10**9, -1, False, id="minus-one-tolerates-all"),
    ],
)
def test_threshold(failed: int, allowed: int, passed: bool) -> None:
    """It is passed when more items have failed than are tolerated."""
    assert passed is threshold.is_passed(failed, allowed)


@pytest.mark.parametrize(
    ("files", "failed", "expected"),
    [(0, 0, False), (3, 2, False), (3, 3, True), (3, 4, True)],
)
def test_nothing_succeeded(files: int, failed: int, expected: bool) -> None:
    """A job of which every item failed is a failure; a job without items is another matter."""
    assert expected is threshold.nothing_succeeded(files, failed)
