"""What must be read beside the mirror."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from batchpoint.api.job import BatchJobStatus, RunnerJob
from batchpoint.cluster import facts, needs
from batchpoint.planning.observed import PodFacts, RunnerJobFacts
from support import manifests
from support.observed import a_pod
from support.resources import a_job

NINE = datetime(2026, 11, 21, 9, tzinfo=UTC)
LATER = NINE + timedelta(seconds=11)


def a_runner_job(status: dict[str, Any] | None = None, **spec: Any) -> RunnerJobFacts:
    """Return a Job that was created at nine."""
    return facts.runner_job(manifests.runner_job(status=status, **spec))


RECORDED = BatchJobStatus(runner_job=RunnerJob(name="first-1", uid="uid-first-1"))
DECIDED = {"conditions": [manifests.condition("FailureTarget")]}


@pytest.mark.parametrize(
    ("job", "now", "expected"),
    [
        (a_runner_job(), NINE, (False, False)),
        (a_runner_job(), LATER, (True, True)),
        (a_runner_job({"ready": 1}), LATER, (False, False)),
        (a_runner_job(suspend=True), LATER, (False, False)),
        (a_runner_job({"succeeded": 1, "active": 1}), LATER, (False, False)),
        (a_runner_job({"succeeded": 2}), LATER, (False, False)),
        (a_runner_job({"succeeded": 1}), LATER, (True, False)),
        (a_runner_job(DECIDED), NINE, (True, False)),
        (a_runner_job(DECIDED), LATER, (True, False)),
    ],
)
def test_pods_are_read_for_the_verdict_and_for_what_does_not_start(
    job: RunnerJobFacts, now: datetime, expected: tuple[bool, bool]
) -> None:
    """And where they are, of a job that has lost them. Events only for what does not start."""
    assert expected == (needs.pods(RECORDED, job, now), needs.events(RECORDED, job, now))


def test_a_job_is_recorded_before_anybody_asks_why_it_does_not_start() -> None:
    """The verdict of one that has ended meanwhile is read all the same."""
    new = BatchJobStatus()
    assert not needs.pods(new, a_runner_job(), LATER)
    assert not needs.events(new, a_runner_job(), LATER)
    assert needs.pods(new, a_runner_job(DECIDED), LATER)


@pytest.mark.parametrize(
    ("status", "pods", "expected"),
    [
        ({}, (a_pod(deleting=True, phase="Failed"),), True),
        ({"succeeded": 1}, (a_pod(), a_pod(1, deleting=True)), True),
        ({}, (a_pod(phase="Failed"),), False),
        ({}, (), False),
        ({}, None, False),
        ({"active": 1}, (a_pod(deleting=True),), False),
        ({"terminating": 1}, (a_pod(deleting=True),), False),
        (DECIDED, (a_pod(deleting=True),), False),
    ],
)
def test_the_namespace_is_read_when_deleted_pods_are_not_replaced(
    status: dict[str, Any], pods: tuple[PodFacts, ...] | None, expected: bool
) -> None:
    """Not between a crash and the next try, and never while there are pods that run or leave."""
    assert expected is needs.namespace(a_runner_job(status), pods, LATER)


def test_the_snapshot_is_read_until_it_is_recorded_and_at_the_end() -> None:
    """A job that runs needs it not."""
    assert needs.pinned(BatchJobStatus(), a_runner_job())
    assert not needs.pinned(RECORDED, a_runner_job())
    assert needs.pinned(RECORDED, a_runner_job(DECIDED))


def test_only_a_running_instance_is_asked() -> None:
    """One that is ready, of a Job that is not decided."""
    assert needs.progress(a_runner_job({"ready": 1}))
    assert not needs.progress(a_runner_job())
    assert not needs.progress(a_runner_job({"ready": 1} | DECIDED))


def test_kueue_is_asked_about_what_it_may_hold() -> None:
    """Not about what the user suspended."""
    held = a_runner_job(suspend=True)
    assert needs.workload(a_job(), held)
    assert not needs.workload(a_job(suspend=True), held)
    assert not needs.workload(a_job(), a_runner_job())
