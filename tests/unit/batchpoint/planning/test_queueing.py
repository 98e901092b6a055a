"""Who may start on an endpoint with a limit."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchpoint.api.job import Phase
from batchpoint.planning import queueing
from batchpoint.planning.observed import Capacity, JobRecord, RunnerJobFacts
from support.observed import a_record, a_runner_job, at, decided

RUNNING = (a_record("running", phase=Phase.RUNNING), a_runner_job())


def a_line(jobs: Iterable[tuple[JobRecord, RunnerJobFacts | None]]) -> queueing.Line:
    """Return the line of these jobs."""
    line = queueing.Line()
    for job, runner_job in jobs:
        line.put(job, runner_job)
    return line


def test_jobs_without_a_limit_always_have_room() -> None:
    """However many run."""
    assert queueing.has_room(Capacity(limit=None, active=1000, ahead=1000))


@pytest.mark.parametrize(
    ("active", "ahead", "room"), [(1, 0, True), (1, 1, False), (2, 0, False), (0, 1, True)]
)
def test_a_slot_is_kept_for_all_who_came_before(active: int, ahead: int, room: bool) -> None:
    """With a limit of 2, active and ahead together must leave one."""
    assert room == queueing.has_room(Capacity(limit=2, active=active, ahead=ahead))


@pytest.mark.parametrize(
    ("record", "runner_job", "holds"),
    [
        pytest.param(a_record("x"), None, False, id="never-launched"),
        pytest.param(a_record("x"), a_runner_job(), True, id="launched-and-not-yet-recorded"),
        pytest.param(*RUNNING, True, id="running"),
        pytest.param(
            a_record("x", phase=Phase.SUSPENDED),
            a_runner_job(suspended=True),
            False,
            id="suspended",
        ),
        pytest.param(
            a_record("x", phase=Phase.QUEUED),
            a_runner_job(suspended=True, queue_name="gpus"),
            True,
            id="waits-in-kueue",
        ),
        pytest.param(
            a_record("x", phase=Phase.RUNNING),
            a_runner_job(conditions=decided("Failed")),
            True,
            id="between-two-attempts",
        ),
        pytest.param(a_record("x", phase=Phase.FAILED), a_runner_job(), False, id="final"),
    ],
)
def test_who_holds_a_slot(
    record: JobRecord, runner_job: RunnerJobFacts | None, holds: bool
) -> None:
    """From the first Job to the outcome, except while suspended."""
    assert holds == queueing.holds_slot(record, runner_job)


def test_the_line_is_first_come_first_served() -> None:
    """By creation, then by name; those with a problem or suspended are not in it."""
    jobs = [
        (a_record("c", creation_time=at(1)), None),
        (a_record("b", phase=Phase.QUEUED), None),
        (a_record("a"), None),
        (a_record("refused", phase=Phase.PENDING), None),
        (a_record("paused", suspended=True), None),
        RUNNING,
    ]
    assert ["a", "b", "c"] == a_line(jobs).first(9)
    assert ["a"] == a_line(jobs).first(1)


def test_a_resumed_job_stands_in_line_again() -> None:
    """Where its creation puts it."""
    resumed = (a_record("old", phase=Phase.QUEUED), a_runner_job(suspended=True))
    young = a_record("young", creation_time=at(5))
    line = a_line([resumed, (young, None)])
    assert Capacity(limit=1, active=0, ahead=1) == line.capacity(young, limit=1)


def test_a_job_does_not_wait_for_itself() -> None:
    """Neither for the slot that it holds, nor for its own place in the line."""
    record, _ = RUNNING
    assert Capacity(limit=1, active=0, ahead=0) == a_line([RUNNING]).capacity(record, limit=1)
    waiting = a_record("a")
    assert Capacity(limit=1, active=0, ahead=0) == a_line([(waiting, None)]).capacity(
        waiting, limit=1
    )


def test_a_line_without_jobs_is_empty() -> None:
    """Whatever they were when they left; one that was never there may leave too."""
    waiting = a_record("a")
    line = a_line([RUNNING, (waiting, None)])
    line.put(waiting, a_runner_job())
    assert [] == line.first(9)
    for name in ("running", "a", "nobody"):
        line.drop(name)
    assert not line


@given(
    limit=st.integers(min_value=1, max_value=5),
    ages=st.lists(st.integers(min_value=0, max_value=9), min_size=1, max_size=12),
)
def test_the_limit_is_used_up_and_never_passed(limit: int, ages: list[int]) -> None:
    """Whoever asks in whatever order: as many start as there are slots, the oldest ones."""
    jobs: dict[str, tuple[JobRecord, RunnerJobFacts | None]] = {
        f"job-{number:02}": (a_record(f"job-{number:02}", creation_time=at(age)), None)
        for number, age in enumerate(ages)
    }
    line = a_line(jobs.values())
    names = line.first(len(jobs))
    for name in sorted(jobs):
        record, _ = jobs[name]
        if queueing.has_room(line.capacity(record, limit=limit)):
            jobs[name] = (record, a_runner_job())
            line.put(*jobs[name])
    started = [name for name in names if jobs[name][1] is not None]
    assert names[:limit] == started
    assert names[limit:] == line.first(len(jobs))


def test_a_line_knows_who_holds_a_slot() -> None:
    """Neither who waits nor who is not in it."""
    line = a_line([RUNNING, (a_record("waits", phase=Phase.QUEUED), None)])
    assert [True, False, False] == [line.has_slot(name) for name in ("running", "waits", "other")]
