"""What a BatchEndpoint can do, and which of its finished jobs are too many.

Schedules are kept and checked by the schema, but make no jobs yet: an endpoint that has some says so, and
shows no next time, since nothing would happen then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from batchpoint.api import conditions
from batchpoint.api.deployment import BatchDeployment
from batchpoint.api.endpoint import (
    MOST_DEPLOYMENTS,
    BatchEndpoint,
    BatchEndpointStatus,
    DeploymentReadiness,
    JobCounts,
    LastJob,
)
from batchpoint.api.job import ACTIVE_PHASES, Phase
from batchpoint.api.reasons import Reason
from batchpoint.errors import SpecError
from batchpoint.planning import admission, readiness
from batchpoint.planning.observed import EndpointObserved, JobRecord
from batchpoint.planning.plan import DeleteJob, Plan
from batchpoint.planning.readiness import Finding

MOST_DELETIONS = 50
"""Of jobs in one plan; the rest follows soon, with turns for other objects in between."""

MORE_SECONDS = 1.0
"""Until then the watch has told which are gone; one that somebody's finalizer holds is asked for again."""

_SUCCEEDED = (Phase.SUCCEEDED, Phase.SUCCEEDED_WITH_FAILURES)
_FAILED = (Phase.FAILED, Phase.CANCELLED)
_WITHOUT_SCHEDULES = " Its schedules make no jobs in this version."


def plan(
    endpoint: BatchEndpoint,
    observed: EndpointObserved,
    now: datetime,
    *,
    invoke_url: str = "",
) -> Plan[BatchEndpointStatus]:
    """Return whether jobs can use the endpoint, what is on it, and which old jobs shall go.

    Args:
        endpoint: As it is, with its status.
        observed: What it depends on.
        now: Moment of what changes; an endpoint of which nothing changes does not depend on it.
        invoke_url: Address for requests that create jobs. Empty: no gateway.
    """
    old = endpoint.status or BatchEndpointStatus()
    deployments = sorted(
        (
            item
            for item in observed.scene.deployments.values()
            if item.spec.endpoint == endpoint.name
        ),
        key=lambda item: item.name,
    )
    default = endpoint.spec.default_deployment or ""
    too_many = _too_many(endpoint, observed.jobs)
    status = BatchEndpointStatus(
        observed_generation=endpoint.metadata.generation,
        conditions=readiness.as_conditions(
            _findings(endpoint, deployments, observed),
            old.conditions,
            generation=endpoint.metadata.generation,
            now=now,
        ),
        deployments=tuple(_shown(item) for item in deployments[:MOST_DEPLOYMENTS]),
        default_deployment=default if any(item.name == default for item in deployments) else "",
        invoke_url=invoke_url,
        jobs=_counts(observed.jobs),
        last_job=_last_job(observed.jobs),
    )
    return Plan(
        status=status,
        actions=too_many[:MOST_DELETIONS],
        requeue_after_seconds=MORE_SECONDS if len(too_many) > MOST_DELETIONS else None,
    )


def refused(
    old: BatchEndpointStatus | None, error: SpecError, *, generation: int, now: datetime
) -> BatchEndpointStatus:
    """Return the status of an endpoint that breaks a rule which the schema cannot tell.

    Args:
        old: As it is published; what was learned before stays.
        error: What is wrong.
        generation: Of the spec that is wrong.
        now: Moment of the change, if it is one.
    """
    old = old or BatchEndpointStatus()
    found = readiness.as_conditions(
        [readiness.refused(error)], old.conditions, generation=generation, now=now
    )
    return old.model_copy(update={"observed_generation": generation, "conditions": found})


def _findings(
    endpoint: BatchEndpoint, deployments: Sequence[BatchDeployment], observed: EndpointObserved
) -> Iterable[Finding]:
    usable = _usable(endpoint, deployments, observed)
    if not endpoint.spec.schedules:
        return [usable]
    return [
        Finding(
            type=usable.type,
            status=usable.status,
            reason=usable.reason,
            message=usable.message + _WITHOUT_SCHEDULES,
        ),
        readiness.problem(
            conditions.SCHEDULES_ACTIVE,
            Reason.SCHEDULES_NOT_SERVED,
            "This version makes no jobs from schedules. Let a CronJob apply BatchJobs until it does.",
        ),
    ]


def _usable(
    endpoint: BatchEndpoint, deployments: Sequence[BatchDeployment], observed: EndpointObserved
) -> Finding:
    for check in (
        admission.default_deployment_is_missing,
        admission.default_deployment_is_elsewhere,
    ):
        if (found := check(endpoint, observed.scene)) is not None:
            return readiness.problem(conditions.READY, found.reason, found.message)
    default = endpoint.spec.default_deployment
    if default is not None:
        return _as_ready(
            [item for item in deployments if item.name == default],
            f'BatchDeployment "{default}" answers jobs that name none.',
        )
    if not deployments:
        return readiness.problem(
            conditions.READY,
            Reason.NO_DEPLOYMENTS,
            f'No BatchDeployment has spec.endpoint "{endpoint.name}". Apply one.',
        )
    ready = [item.name for item in deployments if _is_ready(item)]
    return _as_ready(
        deployments,
        f"There is no default: jobs must name a deployment. Ready: {readiness.quoted(ready)}.",
    )


def _as_ready(candidates: Sequence[BatchDeployment], message: str) -> Finding:
    """Return that one of them is ready, in these words; else what the first of them lacks."""
    if any(_is_ready(item) for item in candidates):
        return readiness.fine(conditions.READY, message)
    for item in candidates:
        found = conditions.find(_conditions(item), conditions.READY)
        if found is not None and conditions.is_false((found,), conditions.READY):
            return readiness.problem(
                conditions.READY,
                Reason.DEPLOYMENT_NOT_READY,
                f'BatchDeployment "{item.name}" is not ready ({found.reason}): {found.message}',
            )
    return readiness.open_(
        conditions.READY, f'BatchDeployment "{candidates[0].name}" has not been looked at yet.'
    )


def _shown(deployment: BatchDeployment) -> DeploymentReadiness:
    found = conditions.find(_conditions(deployment), conditions.READY)
    return DeploymentReadiness(
        name=deployment.name,
        ready=_is_ready(deployment),
        reason=found.reason if found is not None else Reason.NOT_CHECKED,
    )


def _is_ready(deployment: BatchDeployment) -> bool:
    return conditions.is_true(_conditions(deployment), conditions.READY)


def _conditions(deployment: BatchDeployment) -> tuple[conditions.Condition, ...]:
    return deployment.status.conditions if deployment.status is not None else ()


def _counts(jobs: Iterable[JobRecord]) -> JobCounts:
    by_phase = Counter(job.phase for job in jobs)
    finished = {phase: by_phase.pop(phase, 0) for phase in (*_SUCCEEDED, *_FAILED)}
    running = sum(by_phase.pop(phase, 0) for phase in ACTIVE_PHASES)
    return JobCounts(
        queued=by_phase.total(),
        running=running,
        succeeded=sum(finished[phase] for phase in _SUCCEEDED),
        failed=sum(finished[phase] for phase in _FAILED),
    )


def _last_job(jobs: Sequence[JobRecord]) -> LastJob | None:
    if not jobs:
        return None
    job = jobs[0]
    return LastJob(
        name=job.name, phase=job.phase, creation_time=job.creation_time, message=job.message
    )


def _too_many(endpoint: BatchEndpoint, jobs: Sequence[JobRecord]) -> tuple[DeleteJob, ...]:
    """Return the deletion of finished jobs beyond the limits of ``jobHistory``, the oldest first.

    Jobs that people apply are theirs, and jobs that a GitOps tool holds would come back and run again:
    neither counts.
    """
    ours = [job for job in jobs if job.origin and not job.tracked]
    history = endpoint.spec.job_history
    beyond = [
        *_beyond([job for job in ours if job.phase in _SUCCEEDED], history.successful_limit),
        *_beyond([job for job in ours if job.phase in _FAILED], history.failed_limit),
    ]
    beyond.sort(key=lambda job: (job.creation_time, job.name))
    return tuple(DeleteJob(name=job.name, uid=job.uid) for job in beyond)


def _beyond(newest_first: Sequence[JobRecord], limit: int) -> Sequence[JobRecord]:
    return () if limit < 0 else newest_first[limit:]
