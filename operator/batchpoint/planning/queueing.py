"""Who may start on an endpoint with ``maxActiveJobs``: first come, first served.

Order is by creation, then by name. A job holds a slot from its first Job to its end, except while it is
suspended; one that waits in Kueue holds its slot, so that Kueue never sees more than ``maxActiveJobs``.
"""

from __future__ import annotations

import bisect
from datetime import datetime

from batchpoint.api.job import FINAL_PHASES, Phase
from batchpoint.planning.observed import Capacity, JobRecord, RunnerJobFacts

_Place = tuple[datetime, str]


class Line:
    """The jobs of one endpoint that hold a slot, and those that wait for one, in order.

    Kept up to date job by job, so that no step looks at all of them: thousands may wait.
    """

    def __init__(self) -> None:
        self._active: set[str] = set()
        self._waiting: list[_Place] = []
        """Sorted."""
        self._places: dict[str, _Place] = {}
        """Of those that wait, by name."""

    def put(self, job: JobRecord, runner_job: RunnerJobFacts | None) -> None:
        """Take in a job as it is now, with its latest Job if there is one."""
        self.drop(job.name)
        if holds_slot(job, runner_job):
            self._active.add(job.name)
        elif _waits(job):
            self._places[job.name] = _place(job)
            bisect.insort(self._waiting, _place(job))

    def drop(self, name: str) -> None:
        """Forget a job, which need not be here."""
        self._active.discard(name)
        place = self._places.pop(name, None)
        if place is not None:
            del self._waiting[bisect.bisect_left(self._waiting, place)]

    def has_slot(self, name: str) -> bool:
        """Say whether a job holds a slot."""
        return name in self._active

    def first(self, count: int) -> list[str]:
        """Return the names of those that wait, the next one first: whom to wake when a slot is free."""
        return [name for _, name in self._waiting[:count]]

    def capacity(self, job: JobRecord, *, limit: int) -> Capacity:
        """Return the room there is for a job, which may be in the line itself, among so many slots."""
        return Capacity(
            limit=limit,
            active=len(self._active) - self.has_slot(job.name),
            ahead=bisect.bisect_left(self._waiting, _place(job)),
        )

    def __bool__(self) -> bool:
        return bool(self._active or self._waiting)


def has_room(room: Capacity) -> bool:
    """Say whether a job may start now: a slot is left for it after all who came before."""
    return room.limit is None or room.active + room.ahead < room.limit


def holds_slot(job: JobRecord, runner_job: RunnerJobFacts | None) -> bool:
    """Say whether a job counts as active."""
    if runner_job is None or job.phase in FINAL_PHASES:
        return False
    return not runner_job.suspended or bool(runner_job.queue_name)


def _waits(job: JobRecord) -> bool:
    """Say whether a job stands in line: also one that nobody has looked at yet, but none with a problem."""
    return job.phase in (None, Phase.QUEUED) and not job.suspended


def _place(job: JobRecord) -> _Place:
    return job.creation_time, job.name
