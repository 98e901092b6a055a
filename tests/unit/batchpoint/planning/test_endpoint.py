"""When an endpoint can be used, what it shows, and which finished jobs are too many."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchpoint.api import conditions
from batchpoint.api.conditions import ConditionStatus
from batchpoint.api.deployment import BatchDeployment
from batchpoint.api.endpoint import (
    MOST_DEPLOYMENTS,
    BatchEndpoint,
    BatchEndpointStatus,
    DeploymentReadiness,
    JobCounts,
)
from batchpoint.api.job import FINAL_PHASES, Phase
from batchpoint.api.reasons import Reason
from batchpoint.errors import SpecError
from batchpoint.planning import endpoint as planner
from batchpoint.planning.observed import EndpointObserved, JobRecord
from batchpoint.planning.plan import Plan
from support.records import NOON, a_record, a_scene, said_ready, stored
from support.resources import a_deployment, an_endpoint

UNKNOWN, TRUE, FALSE = ConditionStatus.UNKNOWN, ConditionStatus.TRUE, ConditionStatus.FALSE
SCHEDULES = [
    {
        "name": "nightly",
        "cron": "30 2 * * *",
        "jobTemplate": {"spec": {"input": {"uri": "datastore://lake/images"}}},
    }
]


def _plan(
    endpoint: BatchEndpoint,
    *deployments: BatchDeployment,
    jobs: Sequence[JobRecord] = (),
    now: datetime = NOON,
) -> Plan[BatchEndpointStatus]:
    observed = EndpointObserved(scene=a_scene(endpoint, *deployments), jobs=tuple(jobs))
    return planner.plan(endpoint, observed, now)


def _said(plan: Plan[BatchEndpointStatus], type_: str = "Ready") -> tuple[ConditionStatus, str]:
    found = conditions.find(plan.status.conditions, type_)
    assert found is not None
    return found.status, found.reason


NO_DEFAULT: dict[str, Any] = {"defaultDeployment": None}


@pytest.mark.parametrize(
    ("spec", "deployments", "status", "reason"),
    [
        ({}, (), FALSE, Reason.DEFAULT_DEPLOYMENT_MISSING),
        ({}, (a_deployment(endpoint="letters"),), FALSE, Reason.DEPLOYMENT_ELSEWHERE),
        ({}, (a_deployment(),), UNKNOWN, Reason.NOT_CHECKED),
        ({}, (said_ready(a_deployment()),), TRUE, Reason.AVAILABLE),
        (
            {},
            (said_ready(a_deployment(), ready=False), said_ready(a_deployment("tree"))),
            FALSE,
            Reason.DEPLOYMENT_NOT_READY,
        ),
        (NO_DEFAULT, (), FALSE, Reason.NO_DEPLOYMENTS),
        (NO_DEFAULT, (a_deployment(),), UNKNOWN, Reason.NOT_CHECKED),
        (
            NO_DEFAULT,
            (said_ready(a_deployment(), ready=False), said_ready(a_deployment("tree"))),
            TRUE,
            Reason.AVAILABLE,
        ),
        (
            NO_DEFAULT,
            (said_ready(a_deployment(), ready=False),),
            FALSE,
            Reason.DEPLOYMENT_NOT_READY,
        ),
        (
            NO_DEFAULT,
            (said_ready(a_deployment(endpoint="letters")),),
            FALSE,
            Reason.NO_DEPLOYMENTS,
        ),
    ],
    ids=[
        "default is missing",
        "default is elsewhere",
        "default is new",
        "default is ready",
        "default is not ready",
        "nothing there",
        "the only one is new",
        "one is ready",
        "none is ready",
        "others only",
    ],
)
def test_an_endpoint_is_ready_when_a_job_can_use_it(
    spec: dict[str, Any],
    deployments: tuple[BatchDeployment, ...],
    status: ConditionStatus,
    reason: Reason,
) -> None:
    """The default counts alone where there is one; else any deployment does."""
    plan = _plan(stored(an_endpoint(**spec)), *deployments)
    assert (status, reason) == _said(plan)
    assert plan.status.conditions[0].message.endswith(".")


def test_a_problem_of_the_default_is_told_in_its_own_words() -> None:
    """Nobody has to look at two objects."""
    broken = said_ready(
        a_deployment(), ready=False, reason="CodeMissing", message="ConfigMap is gone."
    )
    (ready,) = _plan(stored(an_endpoint()), broken).status.conditions
    assert (
        'BatchDeployment "forest" is not ready (CodeMissing): ConfigMap is gone.' == ready.message
    )


def test_deployments_are_shown_by_name() -> None:
    """Those of the endpoint alone, with their readiness."""
    status = _plan(
        stored(an_endpoint()),
        said_ready(a_deployment("tree"), ready=False, reason="CodeMissing"),
        said_ready(a_deployment()),
        a_deployment("new"),
        a_deployment("other", endpoint="letters"),
    ).status
    assert (
        DeploymentReadiness(name="forest", ready=True, reason="Available"),
        DeploymentReadiness(name="new", ready=False, reason="NotChecked"),
        DeploymentReadiness(name="tree", ready=False, reason="CodeMissing"),
    ) == status.deployments
    assert "forest" == status.default_deployment


def test_a_status_shows_no_more_deployments_than_it_can_hold() -> None:
    """A 51st still works."""
    many = [said_ready(a_deployment(f"d-{number:02}")) for number in range(60)]
    plan = _plan(stored(an_endpoint(defaultDeployment="d-59")), *many)
    assert MOST_DEPLOYMENTS == len(plan.status.deployments)
    assert (TRUE, Reason.AVAILABLE) == _said(plan)


def test_a_default_that_is_not_there_answers_nothing() -> None:
    """The status names what answers, not what is wanted."""
    assert not _plan(stored(an_endpoint())).status.default_deployment


def test_schedules_do_not_look_as_if_they_worked() -> None:
    """A condition of its own, and a word in Ready."""
    endpoint = stored(an_endpoint(schedules=SCHEDULES))
    plan = _plan(endpoint, said_ready(a_deployment()))
    assert (TRUE, Reason.AVAILABLE) == _said(plan)
    assert (FALSE, Reason.SCHEDULES_NOT_SERVED) == _said(plan, conditions.SCHEDULES_ACTIVE)
    assert plan.status.conditions[0].message.endswith("make no jobs in this version.")


def test_jobs_are_counted_by_what_they_do() -> None:
    """Each phase is in exactly one count."""
    jobs = [a_record(phase=phase) for phase in (None, *Phase)]
    status = _plan(stored(an_endpoint()), jobs=jobs).status
    # None, Pending, Queued, Suspended; Starting, Running, Finalizing, Cancelling
    assert JobCounts(queued=4, running=4, succeeded=2, failed=2) == status.jobs


def test_the_last_job_is_the_newest() -> None:
    """Whatever phase it is in."""
    jobs = [a_record("second", minute=1, message="It waits."), a_record()]
    last = _plan(stored(an_endpoint()), jobs=jobs).status.last_job
    assert last is not None
    assert ("second", "It waits.", NOON + timedelta(minutes=1)) == (
        last.name,
        last.message,
        last.creation_time,
    )


def _history(*phases: Phase, **more: Any) -> list[JobRecord]:
    """Return jobs of a schedule, the newest first, named from the oldest, ``j-0``."""
    values = {"origin": "Schedule"} | more
    return [
        a_record(f"j-{number}", minute=number, phase=phase, **values)
        for number, phase in reversed(list(enumerate(phases)))
    ]


def _deleted(jobs: Sequence[JobRecord], **limits: int) -> list[str]:
    endpoint = stored(an_endpoint(jobHistory=limits))
    return [getattr(action, "name", "") for action in _plan(endpoint, jobs=jobs).actions]


OK, BAD = Phase.SUCCEEDED, Phase.FAILED


@pytest.mark.parametrize(
    ("jobs", "limits", "names"),
    [
        (_history(OK, OK, OK), {"successfulLimit": 2}, ["j-0"]),
        (_history(OK, OK, OK), {"successfulLimit": 0}, ["j-0", "j-1", "j-2"]),
        (_history(OK, OK, OK), {"successfulLimit": -1}, []),
        (_history(OK, OK, OK), {"successfulLimit": 3}, []),
        (
            _history(Phase.CANCELLED, OK, BAD),
            {"failedLimit": 1},
            ["j-0"],
        ),
        (
            _history(OK, BAD, Phase.SUCCEEDED_WITH_FAILURES, BAD),
            {"successfulLimit": 1, "failedLimit": 1},
            ["j-0", "j-1"],
        ),
        (_history(Phase.RUNNING, Phase.QUEUED), {"successfulLimit": 0, "failedLimit": 0}, []),
        (_history(OK, OK, origin=""), {"successfulLimit": 0}, []),
        (_history(OK, OK, tracked=True), {"successfulLimit": 0}, []),
        (_history(OK, OK, origin="Gateway"), {"successfulLimit": 1}, ["j-0"]),
    ],
    ids=[
        "the oldest goes",
        "none is kept",
        "all are kept",
        "just enough",
        "cancelled counts as failed",
        "each outcome for itself",
        "unfinished stays",
        "applied by people stays",
        "held by a tool stays",
        "of the gateway",
    ],
)
def test_finished_jobs_beyond_the_limits_go(
    jobs: list[JobRecord], limits: dict[str, int], names: list[str]
) -> None:
    """Of those that nobody applied, the newest are kept."""
    assert names == _deleted(jobs, **limits)


def test_many_deletions_take_turns_with_other_work() -> None:
    """The oldest go first, and the rest when the watch has told that they are gone."""
    endpoint = stored(an_endpoint(jobHistory={"successfulLimit": 0}))
    jobs = _history(*[OK] * (planner.MOST_DELETIONS + 1))
    plan = _plan(endpoint, jobs=jobs)
    assert planner.MOST_DELETIONS == len(plan.actions)
    assert "j-0" == getattr(plan.actions[0], "name", "")
    assert planner.MORE_SECONDS == plan.requeue_after_seconds


def test_a_spec_that_breaks_a_rule_is_told() -> None:
    """What was seen before stays."""
    before = _plan(stored(an_endpoint()), said_ready(a_deployment()), jobs=[a_record()]).status
    error = SpecError(Reason.SPEC_INVALID, "spec.schedules", "must be unique.")
    status = planner.refused(before, error, generation=2, now=NOON)
    assert [(FALSE, Reason.SPEC_INVALID)] == [
        (item.status, item.reason) for item in status.conditions
    ]
    assert before.jobs == status.jobs


RECORDS = st.lists(
    st.builds(
        a_record,
        st.sampled_from(["a", "b", "c"]),
        minute=st.integers(0, 5),
        phase=st.sampled_from([None, *Phase]),
        origin=st.sampled_from(["", "Schedule", "Gateway"]),
        tracked=st.booleans(),
    ),
    max_size=12,
    unique_by=lambda job: (job.name, job.creation_time),
)


@given(jobs=RECORDS, limit=st.integers(-1, 3), waited=st.integers(0, 10**6), ready=st.booleans())
def test_a_plan_of_an_applied_plan_is_empty(
    *, jobs: list[JobRecord], limit: int, waited: int, ready: bool
) -> None:
    """Once jobs are deleted and the status is written, nothing is left, however late it is."""
    jobs = [
        a_record(
            f"j-{number}", minute=-number, phase=job.phase, origin=job.origin, tracked=job.tracked
        )
        for number, job in enumerate(jobs)
    ]
    endpoint = stored(an_endpoint(jobHistory={"successfulLimit": limit, "failedLimit": limit}))
    forest = said_ready(a_deployment(), ready=ready)
    gone = {action.uid for action in _plan(endpoint, forest, jobs=jobs).actions}
    kept = [job for job in jobs if job.uid not in gone]
    first = _plan(endpoint, forest, jobs=kept)
    again = _plan(
        stored(endpoint, status=first.status),
        forest,
        jobs=kept,
        now=NOON + timedelta(seconds=waited),
    )
    assert (first.status, (), ()) == (again.status, first.actions, again.actions)
    assert all(
        job.phase in FINAL_PHASES and job.origin and not job.tracked
        for job in jobs
        if job.uid in gone
    )
