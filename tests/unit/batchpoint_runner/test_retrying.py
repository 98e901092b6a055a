"""What follows a failed attempt."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchpoint_runner import retrying
from batchpoint_runner.contract import RetryPolicy
from batchpoint_runner.records import Item
from batchpoint_runner.retrying import GiveUp, Retry, Split
from support import builders


def calls(items: tuple[Item, ...], culprits: set[int], max_retries: int) -> list[list[int]]:
    """Play all attempts on a mini-batch with these culprits; return the ordinals of each call."""
    policy = RetryPolicy(max_retries=max_retries)
    made: list[list[int]] = []

    def play(part: tuple[Item, ...], attempt: int, is_half: bool) -> None:
        made.append([item.ordinal for item in part])
        if not culprits & {item.ordinal for item in part}:
            return
        match retrying.decide(part, attempt=attempt, is_half=is_half, policy=policy):
            case Retry():
                play(part, attempt + 1, is_half)
            case Split(left=left, right=right):
                play(left, 1, True)
                play(right, 1, True)
            case GiveUp():
                assert 1 == len(part)

    play(items, 1, False)
    return made


def test_ten_files_with_one_culprit_run_as_the_docstring_says() -> None:
    """4 attempts of all, halves down to the culprit at each level, and 4 attempts of it alone."""
    all_ten = list(range(10))
    halves = [[0, 1, 2, 3, 4], [0, 1], [2, 3, 4], [2], [3, 4], [3], [3], [3], [3], [4]]
    expected = [all_ten] * 4 + halves + [[5, 6, 7, 8, 9]]
    assert expected == calls(builders.some_items(10), {3}, 3)


@pytest.mark.parametrize("max_retries", [0, 1, 3])
def test_one_file_runs_once_and_as_often_as_there_are_retries(max_retries: int) -> None:
    """With mini-batches of one file: exactly 1 + maxRetries attempts."""
    assert [[0]] * (1 + max_retries) == calls(builders.some_items(1), {0}, max_retries)


def test_without_retries_a_mini_batch_is_halved_at_once() -> None:
    """No retries mean one attempt, at every level."""
    assert [[0, 1, 2], [0], [1, 2], [1], [2]] == calls(builders.some_items(3), {1}, 0)


def test_a_half_runs_once_before_it_is_halved_again() -> None:
    """Retries are for the whole and for an item alone, not for what lies between."""
    policy = RetryPolicy(max_retries=5)
    items = builders.some_items(4)
    split = retrying.decide(items, attempt=1, is_half=True, policy=policy)
    assert Split(left=items[:2], right=items[2:]) == split


def test_an_item_alone_after_a_split_has_all_attempts_again() -> None:
    """Its failures so far may have been a neighbour's."""
    policy = RetryPolicy(max_retries=2)
    decided = [
        retrying.decide(builders.some_items(1), attempt=attempt, is_half=True, policy=policy)
        for attempt in (1, 2, 3)
    ]
    assert [Retry(), Retry(), GiveUp()] == decided


@settings(deadline=None)
@given(st.integers(1, 33), st.sets(st.integers(0, 32)), st.integers(0, 4))
def test_all_culprits_stand_alone_in_the_end_and_neighbours_succeed(
    count: int, culprits: set[int], max_retries: int
) -> None:
    """The last call with an item is on it alone if it is a culprit, and without culprits if not."""
    last: dict[int, list[int]] = {}
    made = calls(builders.some_items(count), culprits, max_retries)
    for call in made:
        last.update(dict.fromkeys(call, call))
    for ordinal, call in last.items():
        assert (call == [ordinal]) if ordinal in culprits else not culprits & set(call)
    alone = [call[0] for call in made if len(call) == 1 and call[0] in culprits]
    assert all(alone.count(one) == 1 + max_retries for one in culprits if one < count)
