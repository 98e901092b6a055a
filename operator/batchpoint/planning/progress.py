"""What runners and Jobs tell of a job's progress, as the status shows it."""

from __future__ import annotations

from datetime import datetime

from batchpoint.api.job import BatchJobStatus, Counts, InstanceCounts, JobProgress
from batchpoint.planning.observed import RunnerJobFacts
from batchpoint_runner import contract

FIRST_LOOK_SECONDS = 2.5
"""From the first instance that is ready to the first look at its progress."""
LOOK_SECONDS = 5.0
"""Between two looks after that."""
FIRST_WRITE_SECONDS = 2.0
WRITE_SECONDS = 9.0
"""Between two writes of a status for nothing but progress, at least: of a job that has just begun, and of one
that runs for long. The latter is two looks, which may come a bit early."""


def shown(progress: contract.Progress) -> JobProgress:
    """Return what a runner said, in the form of the status."""
    return JobProgress(
        mini_batches=_counts(progress.mini_batches),
        files=_counts(progress.files),
        rows=max(0, progress.rows),
        rows_per_second=round(max(0.0, progress.rows_per_second), 1),
        eta_seconds=None if progress.eta_seconds is None else max(0, progress.eta_seconds),
        display=progress.display[:32],
    )


def latest(before: JobProgress | None, told: contract.Progress | None) -> JobProgress | None:
    """Return the progress to show: what was told, unless it knows less than what is shown already.

    An instance that has just come back has not read the ledger yet, and one that prepares the first run does
    not know how much there is to do.
    """
    if told is None or told.phase == "Preparing":
        return before
    after = shown(told)
    if before is not None and (
        after.files.total < before.files.total or after.files.done < before.files.done
    ):
        return before
    return after


def instances(runner_job: RunnerJobFacts) -> InstanceCounts:
    """Return the pods of a job, as its Job counts them."""
    active, requested = runner_job.ready, runner_job.instances
    return InstanceCounts(
        requested=requested,
        active=active,
        finished=runner_job.succeeded,
        replaced=runner_job.failed,
        display=f"{active}/{requested}",
    )


def next_look_seconds(status: BatchJobStatus, now: datetime) -> float:
    """Return the seconds until a running job is looked at again, also if other changes come in between."""
    is_young = _running_seconds(status, now) < FIRST_LOOK_SECONDS
    return FIRST_LOOK_SECONDS if is_young else LOOK_SECONDS


def write_pause_seconds(status: BatchJobStatus, now: datetime) -> float:
    """Return for how long mere progress waits after a write: less for a job that has only just begun.

    So even a job of a few seconds shows how far it is, and a long one costs no more.
    """
    return min(WRITE_SECONDS, max(FIRST_WRITE_SECONDS, _running_seconds(status, now) / 3))


def is_mere_progress(before: BatchJobStatus, after: BatchJobStatus) -> bool:
    """Say whether two states differ in numbers alone, so that writing may wait: `write_pause_seconds`.

    Plans always hold the newest numbers. Whoever writes them remembers when it last did, because a
    time of writing in the status would itself be a reason to write.
    """
    numbers = {"progress": None, "instances": None}
    return before != after and before.model_copy(update=numbers) == after.model_copy(update=numbers)


def _running_seconds(status: BatchJobStatus, now: datetime) -> float:
    return (now - status.start_time).total_seconds() if status.start_time else 0.0


def _counts(counts: contract.Counts) -> Counts:
    return Counts(
        total=max(0, counts.total),
        done=max(0, counts.done),
        failed=max(0, counts.failed),
        retried=max(0, counts.retried),
    )
