"""What becomes of a finished job, and of what it left behind. Outputs are never deleted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from batchpoint.api.job import FINAL_PHASES
from batchpoint.planning import ending
from batchpoint.planning.observed import JobRecord, RunnerJobFacts
from batchpoint.planning.plan import DeleteJob, DeleteRunnerJob

TRACKING_LABELS = (
    "app.kubernetes.io/instance",  # Argo CD's default
    "argocd.argoproj.io/instance",  # its usual other choice
    "kustomize.toolkit.fluxcd.io/name",
    "helm.toolkit.fluxcd.io/name",
)
TRACKING_ANNOTATIONS = (
    "argocd.argoproj.io/tracking-id",
    "meta.helm.sh/release-name",  # the next upgrade of the release creates what is missing
)


def is_tracked(labels: Mapping[str, str], annotations: Mapping[str, str]) -> bool:
    """Say whether a tool holds the object in Git or in a release.

    Deleting such a job would make the tool create it again, and it would run again.
    """
    return any(labels.get(name) for name in TRACKING_LABELS) or any(
        annotations.get(name) for name in TRACKING_ANNOTATIONS
    )


def seconds_left(job: JobRecord, now: datetime) -> float | None:
    """Return the seconds for which a job is still kept, at least 0; None: it is not finished, or kept."""
    if job.ttl_seconds is None or job.completion_time is None or job.phase not in FINAL_PHASES:
        return None
    return max(0.0, job.ttl_seconds - (now - job.completion_time).total_seconds())


def due(
    job: JobRecord, runner_jobs: Iterable[RunnerJobFacts], now: datetime
) -> tuple[DeleteJob | DeleteRunnerJob, ...]:
    """Return what to delete of a finished job now.

    Args:
        job: Finished or not; of one that goes on nothing is deleted.
        runner_jobs: Those of the job that are there; of others nothing is deleted.
        now: When it is looked at.

    Returns:
        Before its time is over: Jobs that still run, because whoever wrote the outcome died before it
        could stop them. Then: the job, and with it all that it owns. Of a job that a tool holds, only
        its Jobs, which takes their pods along and leaves the job as a record.
    """
    if job.phase not in FINAL_PHASES:
        return ()
    is_over = seconds_left(job, now) == 0
    if is_over and not job.tracked:
        return (DeleteJob(name=job.name, uid=job.uid),)
    return tuple(
        DeleteRunnerJob(name=runner_job.name, uid=runner_job.uid)
        for runner_job in runner_jobs
        if runner_job.owner_uid == job.uid
        and not runner_job.deleting
        and (is_over or not ending.is_decided(runner_job))
    )
