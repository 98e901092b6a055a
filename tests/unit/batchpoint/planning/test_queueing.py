"""Who may start on an endpoint with a limit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchpoint.api.job import Phase
from batchpoint.planning import queueing
from batchpoint.planning.observed import Capacity, JobRecord, RunnerJobFacts
from support.observed import a_record, a_runner_job, at, decided

RUNNING = (a_record("running", phase=Phase.RUNNING), a_runner_job())


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
    assert ["a", "b", "c"] == [each.name for each in queueing.in_line(jobs)]


def test_a_resumed_job_stands_in_line_again() -> None:
    """Where its creation puts it."""
    resumed = (a_record("old", phase=Phase.QUEUED), a_runner_job(suspended=True))
    young = a_record("young", creation_time=at(5))
    assert Capacity(limit=1, active=0, ahead=1) == queueing.capacity(
        young, [resumed, (young, None)], limit=1
    )


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
    line = [each.name for each in queueing.in_line(jobs.values())]
    for name in sorted(jobs):
        record, _ = jobs[name]
        room = queueing.capacity(record, jobs.values(), limit=limit)
        if queueing.has_room(room):
            jobs[name] = (record, a_runner_job())
    started = [name for name in line if jobs[name][1] is not None]
    assert line[: min(limit, len(line))] == started
