"""Who may start on an endpoint with ``maxActiveJobs``: first come, first served.

Order is by creation, then by name. A job holds a slot from its first Job to its end, except while it is
suspended; one that waits in Kueue holds its slot, so that Kueue never sees more than ``maxActiveJobs``.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from batchpoint.api.job import FINAL_PHASES, Phase
from batchpoint.planning.observed import Capacity, JobRecord, RunnerJobFacts

OnEndpoint = Iterable[tuple[JobRecord, RunnerJobFacts | None]]
"""The unfinished jobs of one endpoint, each with its latest runner Job if there is one."""


def capacity(job: JobRecord, others: OnEndpoint, *, limit: int | None) -> Capacity:
    """Return the room there is for a job.

    Args:
        job: The one that wants to start.
        others: All jobs of the endpoint; ``job`` itself and finished ones may be among them.
        limit: ``maxActiveJobs``; None: none.
    """
    rest = [(record, runner_job) for record, runner_job in others if record.uid != job.uid]
    waiting = in_line(rest)
    return Capacity(
        limit=limit,
        active=sum(holds_slot(record, runner_job) for record, runner_job in rest),
        ahead=sum(_place(record) < _place(job) for record in waiting),
    )


def has_room(room: Capacity) -> bool:
    """Say whether a job may start now: a slot is left for it after all who came before."""
    return room.limit is None or room.active + room.ahead < room.limit


def holds_slot(job: JobRecord, runner_job: RunnerJobFacts | None) -> bool:
    """Say whether a job counts as active."""
    if runner_job is None or job.phase in FINAL_PHASES:
        return False
    return not runner_job.suspended or bool(runner_job.queue_name)


def in_line(jobs: OnEndpoint) -> list[JobRecord]:
    """Return the jobs that wait for a slot, the next one first: those to wake when a slot is free.

    A job that nobody has looked at yet stands in line; one with a problem, or suspended, does not.
    """
    waiting = [
        job
        for job, runner_job in jobs
        if job.phase in (None, Phase.QUEUED)
        and not job.suspended
        and not holds_slot(job, runner_job)
    ]
    return sorted(waiting, key=_place)


def _place(job: JobRecord) -> tuple[datetime, str]:
    return job.creation_time, job.name
