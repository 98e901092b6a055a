"""Which mini-batches wait, and what is reported of each."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchpoint_worker.book import Attempt, Book, Task
from batchpoint_worker.probe import ForkProbe


class Desk:
    """A book and what it has sent."""

    def __init__(self, is_wanted: bool = True) -> None:
        self.sent: list[tuple[str, str]] = []
        self.book = Book(
            lambda head, body: self.sent.append((head["task"], head["outcome"])),
            ForkProbe(is_wanted),
        )

    def ended(self, name: str, outcome: str, is_fork: bool = True) -> Task | None:
        """End an attempt."""
        result = {"task": name, "outcome": outcome}
        return self.book.ended(Attempt(task(name), result, b"", is_fork))


def task(name: str) -> dict[str, Any]:
    """Return a mini-batch."""
    return {"task": name}


def test_mini_batches_leave_in_their_order() -> None:
    """First in, first out."""
    desk = Desk()
    for name in "abc":
        desk.book.add(task(name))
    assert [task("a"), task("b"), task("c"), None] == [desk.book.next() for _ in range(4)]


def test_time_out_of_a_fork_is_held_back_and_tried_again() -> None:
    """By a spawned worker."""
    desk = Desk()
    assert task("a") == desk.ended("a", "TimedOut")
    assert ([], ["a"]) == (desk.sent, desk.book.names())


def test_held_time_outs_run_again_when_forks_are_to_blame() -> None:
    """They were no attempts."""
    desk = Desk()
    desk.ended("a", "TimedOut")
    desk.ended("b", "TimedOut")
    desk.ended("a", "Succeeded", is_fork=False)
    assert ([("a", "Succeeded")], task("b"), None) == (
        desk.sent,
        desk.book.next(),
        desk.book.next(),
    )


@pytest.mark.parametrize("outcome", ["TimedOut", "Failed", "Died"])
def test_held_time_outs_are_reported_when_forks_are_not(outcome: str) -> None:
    """Each once; what the probe itself came to is not told."""
    desk = Desk()
    desk.ended("a", "TimedOut")
    desk.ended("b", "TimedOut")
    desk.ended("a", outcome, is_fork=False)
    assert [("a", "TimedOut"), ("b", "TimedOut")] == desk.sent


def test_abandoned_probe_lets_the_others_go() -> None:
    """Nothing is reported of what was abandoned."""
    desk = Desk()
    desk.ended("a", "TimedOut")
    desk.ended("b", "TimedOut")
    desk.book.abandon("a")
    assert ([("b", "TimedOut")], []) == (desk.sent, desk.book.names())


def test_abandoned_mini_batch_no_longer_waits() -> None:
    """Others keep their order."""
    desk = Desk()
    for name in "abc":
        desk.book.add(task(name))
    desk.book.abandon("b")
    assert ["a", "c"] == desk.book.names()


def test_innocent_mini_batch_is_excused_once() -> None:
    """The second time it may be the culprit."""
    desk = Desk()
    assert (True, False) == (desk.book.excuse(task("a")), desk.book.excuse(task("a")))
    assert ["a"] == desk.book.names()


@given(st.data())
def test_every_mini_batch_is_answered_once(data: st.DataObject) -> None:
    """Whatever comes to pass, and in whatever order attempts end."""
    desk = Desk()
    running: list[tuple[str, bool]] = []
    spawned: list[str] = []
    names = [f"t{number}" for number in range(6)]
    for name in names:
        desk.book.add(task(name))
    for _ in range(200):
        is_fork_mode = desk.book.forks.verdict.value != "Unsafe"
        while len(running) < 3 and (following := desk.book.next()) is not None:
            running.append((following["task"], is_fork_mode))
        pool = [*running, *((name, False) for name in spawned)]
        if not pool:
            break
        name, is_fork = data.draw(st.sampled_from(pool))
        if (name, is_fork) in running:
            running.remove((name, is_fork))
        else:
            spawned.remove(name)
        outcome = data.draw(st.sampled_from(["Succeeded", "Failed", "TimedOut", "Died"]))
        if desk.ended(name, outcome, is_fork) is not None:
            spawned.append(name)
    assert names == sorted(name for name, _ in desk.sent)
