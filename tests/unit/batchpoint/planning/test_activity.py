"""A job's own clock."""

from __future__ import annotations

from batchpoint.api.job import BatchJobStatus
from batchpoint.api.reasons import Reason
from batchpoint.planning import activity
from support.observed import START, at
from support.resources import a_job


def test_pauses_are_not_counted() -> None:
    """30 seconds, a pause of 100, 20 seconds: 50."""
    status = activity.counted(BatchJobStatus(), since=START, now=START)
    status = activity.counted(status, since=None, now=at(30))
    assert (30, None) == (status.active_seconds, status.active_since)
    assert 30 == activity.seconds(status, at(130))
    status = activity.counted(status, since=at(130), now=at(131))
    assert 50 == activity.seconds(status, at(150))


def test_a_clock_that_runs_is_not_started_anew() -> None:
    """Only a pause ends it."""
    status = activity.counted(BatchJobStatus(), since=START, now=START)
    assert status == activity.counted(status, since=at(30), now=at(30))


def test_a_clock_that_is_set_back_takes_nothing_away() -> None:
    """Not even a second."""
    status = BatchJobStatus(active_seconds=10, active_since=START)
    assert 10 == activity.seconds(status, at(-60))


def test_the_start_deadline_ends_with_the_start() -> None:
    """It holds until an instance has started."""
    spec = a_job(startDeadlineSeconds=60).spec
    status = BatchJobStatus(active_since=START)
    assert activity.passed(spec, status, at(59)) is None
    assert Reason.START_DEADLINE_EXCEEDED is activity.passed(spec, status, at(60))
    started = status.model_copy(update={"start_time": at(50)})
    assert activity.passed(spec, started, at(600)) is None


def test_the_next_deadline_is_known_to_the_second() -> None:
    """The nearer one; none while the clock stands."""
    spec = a_job(startDeadlineSeconds=60, activeDeadlineSeconds=300).spec
    status = BatchJobStatus(active_seconds=20, active_since=START)
    assert 30 == activity.seconds_left(spec, status, at(10))
    assert activity.seconds_left(spec, BatchJobStatus(active_seconds=20), at(10)) is None
    assert activity.seconds_left(a_job().spec, status, at(10)) is None
