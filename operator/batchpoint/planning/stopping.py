"""Ends that no verdict tells: cancelled, too late, or the Job deleted by somebody; and their words."""

from __future__ import annotations

from datetime import datetime

from batchpoint.api import conditions
from batchpoint.api.job import BatchJob, BatchJobStatus
from batchpoint.api.reasons import Reason
from batchpoint.planning import activity, diagnosis, words
from batchpoint.planning.job_status import Outcome
from batchpoint.planning.observed import RunnerJobFacts
from batchpoint_runner.contract import ExitCode

DEADLINES = (Reason.START_DEADLINE_EXCEEDED, Reason.DEADLINE_EXCEEDED)
RERUN = "What is published stays; a job with `rerun` scores the rest."


def has_lost_its_pods(runner_job: RunnerJobFacts, now: datetime) -> bool:
    """Say whether a Job that is to have pods has none that runs or leaves, its first moments aside.

    So it is between a crash and the next try, and for ever in a namespace that is being deleted: the Job
    controller holds the last pod of an index until there is another one (``backoffLimitPerIndex``), no
    pod may be created there any more, and a namespace waits for its pods before it comes to its Jobs.
    """
    wants_pods = runner_job.succeeded < runner_job.instances
    has_pods = runner_job.active or runner_job.terminating or runner_job.ready
    is_held = runner_job.suspended or runner_job.deleting or runner_job.conditions
    is_young = diagnosis.age_seconds(runner_job, now) < diagnosis.LOOK_AFTER_SECONDS
    return wants_pods and not (has_pods or is_held or is_young)


def disappeared(job: BatchJob, status: BatchJobStatus, now: datetime) -> Outcome:
    """Say why a recorded Job is gone: because it was to be, or because somebody deleted it."""
    if job.spec.cancel:
        return cancelled(status)
    if reason := deadline(job, status, now):
        return too_late(job, status, reason)
    name = status.runner_job.name if status.runner_job else ""
    return Outcome(
        succeeded=False,
        reason=Reason.RUNNER_JOB_DELETED,
        message=f'Somebody deleted Job "{name}". {RERUN}',
        exit_code=ExitCode.CRASHED,
    )


def cancelled(status: BatchJobStatus) -> Outcome:
    """Return the end of a cancelled job, with how far it came."""
    files = status.progress.files if status.progress else None
    done = f" with {files.done:,} of {words.counted(files.total, 'file')} done" if files else ""
    return Outcome(
        succeeded=False, reason=Reason.CANCELLED, message=f"The job was cancelled{done}. {RERUN}"
    )


def deadline(job: BatchJob, status: BatchJobStatus, now: datetime) -> Reason | None:
    """Return the deadline that is over, by the status or by the clock."""
    outcome = conditions.find(status.conditions, conditions.SUCCEEDED)
    told = outcome.reason if outcome else ""
    recorded = next((reason for reason in DEADLINES if reason == told), None)
    return recorded or activity.passed(job.spec, status, now)


def too_late(job: BatchJob, status: BatchJobStatus, reason: Reason) -> Outcome:
    """Return the end of a job that is over a deadline."""
    return Outcome(
        succeeded=False,
        reason=reason,
        message=late_words(job, status, reason),
        exit_code=ExitCode.CRASHED,
    )


def late_words(job: BatchJob, status: BatchJobStatus, reason: Reason) -> str:
    """Return which deadline is over; of a job that never started also what was in the way.

    The cause is kept while the Job is being deleted, because pods and events go with it.
    """
    if status.reason == reason:
        return status.message
    if reason is Reason.DEADLINE_EXCEEDED:
        return f"The job was active for {job.spec.active_deadline_seconds:,} seconds. {RERUN}"
    cause = f" {status.message}" if status.reason in diagnosis.REASONS else ""
    return f"No instance started in {job.spec.start_deadline_seconds:,} seconds.{cause}"
