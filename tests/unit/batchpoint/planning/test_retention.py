"""How long finished jobs stay, and what goes of those that a tool holds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from batchpoint.api.job import Phase
from batchpoint.planning import retention
from batchpoint.planning.observed import JobCondition, JobRecord
from batchpoint.planning.plan import DeleteJob, DeleteRunnerJob
from support.records import NOON, a_record, some_runner_job


def _finished(**more: Any) -> JobRecord:
    values = {"phase": Phase.SUCCEEDED, "completion_time": NOON, "ttl_seconds": 60}
    return a_record(**(values | more))


def _after(seconds: float) -> Any:
    return NOON + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("job", "after", "left"),
    [
        (_finished(), 0, 60.0),
        (_finished(), 59, 1.0),
        (_finished(), 60, 0.0),
        (_finished(), 1000, 0.0),
        (_finished(ttl_seconds=0), 0, 0.0),
        (_finished(ttl_seconds=None), 1000, None),
        (_finished(phase=Phase.RUNNING, completion_time=None), 1000, None),
        (_finished(phase=Phase.CANCELLED), 60, 0.0),
    ],
    ids=["all", "one second", "over", "long over", "at once", "kept", "runs", "cancelled"],
)
def test_the_time_begins_at_the_end_of_the_job(
    job: JobRecord, after: int, left: float | None
) -> None:
    """60 seconds of which some have passed."""
    assert left == retention.seconds_left(job, _after(after))


def test_nothing_goes_before_the_time() -> None:
    """Neither the job nor its pods."""
    ended = some_runner_job(conditions=(JobCondition(type="Complete"),))
    assert () == retention.due(_finished(), [ended], _after(59))
    assert () == retention.due(_finished(tracked=True), [ended], _after(59))
    assert () == retention.due(_finished(ttl_seconds=None), [ended], _after(10**6))


def test_a_job_that_still_runs_after_the_outcome_is_stopped_at_once() -> None:
    """Whoever wrote the outcome died before it could do so; nobody else would look."""
    found = retention.due(_finished(ttl_seconds=None), [some_runner_job()], _after(1))
    assert (DeleteRunnerJob(name="first-1", uid="uid-of-first-1"),) == found


def test_nothing_is_deleted_of_a_job_that_goes_on() -> None:
    """Its Jobs are the plan's matter."""
    going_on = _finished(phase=Phase.RUNNING, completion_time=None)
    assert () == retention.due(going_on, [some_runner_job()], _after(60))


def test_a_job_goes_with_all_that_it_owns() -> None:
    """Its Jobs and pods follow by themselves."""
    found = retention.due(_finished(), [some_runner_job()], _after(60))
    assert (DeleteJob(name="first", uid="uid-of-first"),) == found


def test_of_a_job_that_a_tool_holds_only_the_pods_go() -> None:
    """The job itself would come back and run again."""
    jobs = [
        some_runner_job(),
        some_runner_job(name="first-2", uid="uid-2", attempt=2),
        some_runner_job(name="first-3", uid="uid-3", owner_uid="of-a-namesake"),
        some_runner_job(name="first-4", uid="uid-4", deleting=True),
    ]
    found = retention.due(_finished(tracked=True), jobs, _after(60))
    assert (
        DeleteRunnerJob(name="first-1", uid="uid-of-first-1"),
        DeleteRunnerJob(name="first-2", uid="uid-2"),
    ) == found


def test_what_is_done_is_not_done_again() -> None:
    """When the Jobs are gone, a job that a tool holds needs nothing more."""
    assert () == retention.due(_finished(tracked=True), [], _after(60))


@pytest.mark.parametrize(
    ("labels", "annotations", "tracked"),
    [
        ({}, {}, False),
        ({"app": "digits"}, {"note": "x"}, False),
        ({"app.kubernetes.io/instance": "digits"}, {}, True),
        ({"argocd.argoproj.io/instance": "digits"}, {}, True),
        ({"app.kubernetes.io/instance": ""}, {}, False),
        ({}, {"argocd.argoproj.io/tracking-id": "digits:batchpoint.dev/BatchJob:a/b"}, True),
        ({"kustomize.toolkit.fluxcd.io/name": "digits"}, {}, True),
        ({"helm.toolkit.fluxcd.io/name": "digits"}, {}, True),
        ({}, {"meta.helm.sh/release-name": "digits"}, True),
    ],
)
def test_tools_are_known_by_their_marks(
    labels: dict[str, str], annotations: dict[str, str], tracked: bool
) -> None:
    """Argo CD by label or annotation, Flux by label, Helm by annotation."""
    assert tracked == retention.is_tracked(labels, annotations)
