"""What runners and Jobs tell of a job's progress, as the status shows it."""

from __future__ import annotations

from batchpoint.api.job import BatchJobStatus, Counts, InstanceCounts, JobProgress
from batchpoint.planning.observed import RunnerJobFacts
from batchpoint_runner import contract

LOOK_SECONDS = 5.0
"""Between two looks at the progress of a running job."""

WRITE_SECONDS = 10.0
"""Between two writes of a status for nothing but progress, at least."""


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

    An instance that has just come back has not read the ledger yet.
    """
    if told is None:
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


def is_mere_progress(before: BatchJobStatus, after: BatchJobStatus) -> bool:
    """Say whether two states differ in numbers alone, so that writing may wait for `WRITE_SECONDS`.

    Plans always hold the newest numbers. Whoever writes them remembers when it last did, because a
    time of writing in the status would itself be a reason to write.
    """
    numbers = {"progress": None, "instances": None}
    return before != after and before.model_copy(update=numbers) == after.model_copy(update=numbers)


def _counts(counts: contract.Counts) -> Counts:
    return Counts(
        total=max(0, counts.total),
        done=max(0, counts.done),
        failed=max(0, counts.failed),
        retried=max(0, counts.retried),
    )
