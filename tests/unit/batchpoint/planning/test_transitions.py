"""The story of a job."""

from __future__ import annotations

import pytest

from batchpoint.api.job import BatchJob, BatchJobStatus
from batchpoint.planning import job as planner
from batchpoint.planning import transitions
from batchpoint.planning.observed import Capacity, JobObserved
from support.observed import (
    a_live_job,
    a_pod,
    a_progress,
    a_runner_job,
    a_scene,
    a_verdict,
    at,
    decided,
    left_early,
    observed,
    with_status,
)
from support.resources import a_deployment

DONE = a_runner_job(succeeded=2, conditions=decided("SuccessCriteriaMet"))


def story(*steps: tuple[float, JobObserved], job: BatchJob | None = None) -> list[tuple[str, bool]]:
    """Return reason and warning of each event while a job is observed step by step."""
    job = job or a_live_job()
    told = []
    for seconds, seen in steps:
        status = planner.plan(job, seen, at(seconds)).status
        told += [
            (str(each.reason), each.warning) for each in transitions.events(job.status, status)
        ]
        job = with_status(job, status)
    return told


def test_a_job_that_goes_well_has_three_lines() -> None:
    """Created, started, succeeded; progress has none."""
    assert [("Resolved", False), ("Running", False), ("Completed", False)] == story(
        (0, observed(a_runner_job())),
        (5, observed(a_runner_job(ready=2), progress=a_progress())),
        (15, observed(a_runner_job(ready=2), progress=a_progress(99))),
        (20, observed(a_runner_job(ready=1), progress=a_progress(120, phase="Finalizing"))),
        (65, observed(DONE, pods=(a_pod(verdict=a_verdict()), a_pod(1, verdict=left_early())))),
        (99, observed()),
    )


def test_a_job_that_has_trouble_tells_each_once() -> None:
    """Refused, queued, created, unschedulable, started, a further attempt, failed."""
    unschedulable = a_pod(unschedulable="0/3 nodes are available")
    crashed = a_runner_job(conditions=decided("FailureTarget", "Failed", reason="FailedIndexes"))
    second = a_runner_job(2, ready=2)
    failed = a_runner_job(2, conditions=decided("FailureTarget", reason="PodFailurePolicy"))
    assert [
        ("EndpointMissing", True),
        ("WaitingForCapacity", False),
        ("Resolved", False),
        ("Unschedulable", True),
        ("Running", False),
        ("Retrying", True),
        ("ThresholdPassed", True),
    ] == story(
        (10, observed(scene=a_scene(a_deployment()))),
        (11, observed(scene=a_scene(a_deployment()))),
        (12, observed(capacity=Capacity(limit=1, active=1))),
        (13, observed(a_runner_job())),
        (24, observed(a_runner_job(), pods=(unschedulable,), events=())),
        (25, observed(a_runner_job())),
        (30, observed(a_runner_job(ready=2))),
        (60, observed(crashed, pods=())),
        (61, observed(crashed, successor=second)),
        (99, observed(failed, pods=(a_pod(verdict=a_verdict(11)),))),
    )


def test_success_names_the_output() -> None:
    """Counts and place in one line."""
    job = with_status(
        a_live_job(), planner.plan(a_live_job(), observed(a_runner_job()), at(0)).status
    )
    seen = observed(DONE, pods=(a_pod(verdict=a_verdict()),))
    *_, last = transitions.events(job.status, planner.plan(job, seen, at(65)).status)
    assert (
        "The job succeeded: all 120 files gave 1,200 rows. Output: "
        "datastore://lake/predictions/first/predictions.csv" == last.message
    )


def test_a_finer_reason_of_a_runner_is_told_as_that_of_its_code() -> None:
    """Conditions keep it; events have a closed set."""
    failed = a_runner_job(conditions=decided("FailureTarget", reason="PodFailurePolicy"))
    verdict = a_verdict(13, reason="InputMatchesNothing", message="No file matches **/*.png.")
    seen = observed(failed, pods=(a_pod(verdict=verdict),))
    status = planner.plan(a_live_job(), seen, at(65)).status
    assert "InputMatchesNothing" == status.reason
    *_, last = transitions.events(None, status)
    assert ("InputInvalid", True, "No file matches **/*.png.") == (
        last.reason,
        last.warning,
        last.message,
    )


def test_a_pause_has_two_lines() -> None:
    """Suspended, and going on."""
    job = a_live_job()
    job = with_status(job, planner.plan(job, observed(a_runner_job()), at(0)).status)
    paused = job.model_copy(update={"spec": job.spec.model_copy(update={"suspend": True})})
    held = planner.plan(paused, observed(a_runner_job(suspended=True)), at(30)).status
    assert ["Suspended"] == [each.reason for each in transitions.events(job.status, held)]
    going = planner.plan(with_status(job, held), observed(a_runner_job()), at(60)).status
    assert ["Starting"] == [each.reason for each in transitions.events(held, going)]


@pytest.mark.parametrize("seen", [observed(), observed(a_runner_job())])
def test_nothing_is_told_twice(seen: JobObserved) -> None:
    """The same status again has no events."""
    status: BatchJobStatus = planner.plan(a_live_job(), seen, at(0)).status
    assert () == transitions.events(status, status)
