"""Failures that are one error are shown once."""

from __future__ import annotations

import pytest

from batchpoint_runner import grouping
from batchpoint_runner.grouping import GROUPS, ErrorGroup, ErrorGroups
from batchpoint_runner.records import Failure
from support.published import a_failure


def groups_of(*failures: Failure) -> ErrorGroups:
    """Collect failures."""
    groups = ErrorGroups()
    for failure in failures:
        groups.add(failure)
    return groups


def test_equal_failures_are_one_error_with_its_first_item() -> None:
    """Type, message and innermost frame are equal; the first in input order stands for all."""
    groups = groups_of(a_failure(0, "KeyError"), a_failure(1), a_failure(2), a_failure(3))
    assert (
        ErrorGroup(first=a_failure(1), count=3),
        ErrorGroup(first=a_failure(0, "KeyError"), count=1),
    ) == groups.by_count()
    assert (4, 0) == (groups.count, groups.others)
    assert a_failure(0, "KeyError") == groups.first


def test_the_line_that_raised_makes_a_difference() -> None:
    """The same message from two places is two errors."""
    places = [f"Raised at score.py, line {line}, in run\nTraceback" for line in (3, 3, 9)]
    failures = [a_failure(at, traceback=place) for at, place in enumerate(places)]
    assert [2, 1] == [group.count for group in groups_of(*failures).by_count()]


def test_a_message_that_names_its_item_is_the_same_error() -> None:
    """Otherwise each of a million files would be an error of its own."""
    failures = [a_failure(at, message=f"cannot read {at:04d}.csv") for at in range(5)]
    assert [5] == [group.count for group in groups_of(*failures).by_count()]


def test_the_number_of_errors_is_bounded() -> None:
    """Further ones are counted, and known ones go on being counted where they belong."""
    failures = [a_failure(at, message=str(at % (GROUPS + 20))) for at in range(2 * (GROUPS + 20))]
    groups = groups_of(*failures)
    assert [2] * GROUPS == [group.count for group in groups.by_count()]
    assert (40, len(failures)) == (groups.others, groups.count)


def test_there_may_be_none() -> None:
    """A good job."""
    assert ((), None, 0) == (groups_of().by_count(), groups_of().first, groups_of().count)


@pytest.mark.parametrize(
    ("traceback", "expected"),
    [
        ("", ""),
        ("Raised at score.py, line 3, in run\nTraceback …\n", "Raised at score.py, line 3, in run"),
        ('Traceback\n  File "a.py", line 1\n  File "b.py", line 2\n', 'File "b.py", line 2'),
        ("nothing of the kind", ""),
    ],
)
def test_the_innermost_frame_is_found(traceback: str, expected: str) -> None:
    """Of the worker's form, and of Python's own."""
    assert expected == grouping.innermost_frame(traceback)
