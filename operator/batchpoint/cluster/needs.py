"""What must be read beside the mirror before a job can be planned: pure predicates, so that reads stay few."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from batchpoint.api.job import BatchJob, BatchJobStatus
from batchpoint.planning import diagnosis, ending, stopping
from batchpoint.planning.observed import PodFacts, RunnerJobFacts


def pods(status: BatchJobStatus, runner_job: RunnerJobFacts, now: datetime) -> bool:
    """Say whether pods are needed: for the verdict, or to tell why none starts or where they are."""
    if ending.is_decided(runner_job):
        return True
    if not _is_recorded(status, runner_job):
        # That there is a Job comes first: in a burst everybody else would wait for the reasons.
        return False
    return diagnosis.is_due(runner_job, now) or stopping.has_lost_its_pods(runner_job, now)


def events(status: BatchJobStatus, runner_job: RunnerJobFacts, now: datetime) -> bool:
    """Say whether events are needed: only to tell why no pod starts."""
    is_due = not ending.is_decided(runner_job) and diagnosis.is_due(runner_job, now)
    return is_due and _is_recorded(status, runner_job)


def namespace(runner_job: RunnerJobFacts, pods: Sequence[PodFacts] | None, now: datetime) -> bool:
    """Say whether to ask if the namespace is being deleted: somebody deleted pods, and none replaces them."""
    lost = stopping.has_lost_its_pods(runner_job, now)
    return lost and any(pod.deleting for pod in pods or ())


def pinned(status: BatchJobStatus, runner_job: RunnerJobFacts) -> bool:
    """Say whether it is needed what the Job was created with: it is not recorded yet, or has ended."""
    return not _is_recorded(status, runner_job) or ending.is_decided(runner_job)


def progress(runner_job: RunnerJobFacts) -> bool:
    """Say whether an instance can be asked how far it is."""
    return runner_job.ready > 0 and not ending.is_decided(runner_job)


def workload(job: BatchJob, runner_job: RunnerJobFacts) -> bool:
    """Say whether Kueue's view is needed: the Job is held, and not because the user suspended it.

    Also without a queue: Kueue can be told to hold all Jobs.
    """
    held = runner_job.suspended and not ending.is_decided(runner_job)
    return held and (bool(runner_job.queue_name) or not job.spec.suspend)


def _is_recorded(status: BatchJobStatus, runner_job: RunnerJobFacts) -> bool:
    return status.runner_job is not None and status.runner_job.uid == runner_job.uid
