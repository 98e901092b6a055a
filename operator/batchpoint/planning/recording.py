"""What is known of a job's latest attempt, as facts of its status, before anything is judged."""

from __future__ import annotations

from datetime import datetime

from batchpoint.api.job import BatchJob, BatchJobStatus, JobOutput, RunnerJob
from batchpoint.planning import activity, admission, ending, progress
from batchpoint.planning.observed import JobObserved, RunnerJobFacts


def present(job: BatchJob, status: BatchJobStatus, observed: JobObserved) -> RunnerJobFacts | None:
    """Return the Job of the latest attempt, recorded or not; one of another owner or uid is not ours."""
    found, successor = observed.runner_job, observed.successor
    if found is not None and found.owner_uid != job.metadata.uid:
        found = None
    recorded = status.runner_job
    if recorded is None:
        return found
    if successor is not None and successor.owner_uid == job.metadata.uid:
        return successor
    return found if found is not None and found.uid == recorded.uid else None


def facts(
    job: BatchJob,
    status: BatchJobStatus,
    observed: JobObserved,
    runner_job: RunnerJobFacts,
    written: datetime,
) -> BatchJobStatus:
    """Return the status with everything that is a fact, before anything is judged."""
    config = observed.pinned.config if observed.pinned else None
    is_new = status.runner_job is None or status.runner_job.uid != runner_job.uid
    begun = runner_job.ready or runner_job.succeeded
    facts = status.model_copy(
        update={
            "runner_job": RunnerJob(name=runner_job.name, uid=runner_job.uid),
            "snapshot": runner_job.name,
            "attempt": runner_job.attempt if is_new else status.attempt,
            "deployment": config.job.deployment if config else _deployment(job, status, observed),
            "output": status.output or (JobOutput(uri=config.output.uri) if config else None),
            "accepted_time": status.accepted_time or runner_job.creation_time,
            "start_time": status.start_time
            or (_decided_by(runner_job, written) if begun else None),
            "instances": progress.instances(runner_job),
            "progress": progress.latest(status.progress, observed.progress),
        }
    )
    return _clocked(job, facts, runner_job, written, is_first=status.runner_job is None)


def _deployment(job: BatchJob, status: BatchJobStatus, observed: JobObserved) -> str:
    return status.deployment or admission.deployment_name(job, observed.scene) or ""


def _decided_by(runner_job: RunnerJobFacts, written: datetime) -> datetime:
    """Return the present, or the Job's end where that came before: nothing starts after its end."""
    times = [condition.time for condition in runner_job.conditions if condition.time is not None]
    return min([written, *times]) if ending.is_decided(runner_job) else written


def _clocked(
    job: BatchJob,
    facts: BatchJobStatus,
    runner_job: RunnerJobFacts,
    written: datetime,
    *,
    is_first: bool,
) -> BatchJobStatus:
    is_paused = runner_job.suspended or (job.spec.suspend and ending.is_over(runner_job))
    since = runner_job.creation_time if is_first else written
    return activity.counted(facts, since=None if is_paused else since, now=written)
