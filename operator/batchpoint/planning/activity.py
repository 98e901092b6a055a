"""A job's own clock: it runs while the job is let go, and stands while it waits in a queue or is suspended.

Both deadlines count on it: ``startDeadlineSeconds`` until the first instance has started,
``activeDeadlineSeconds`` until the end. The Job's own deadline would begin anew at each resume.
"""

from __future__ import annotations

from datetime import datetime

from batchpoint.api.job import BatchJobSpec, BatchJobStatus
from batchpoint.api.reasons import Reason


def seconds(status: BatchJobStatus, now: datetime) -> float:
    """Return for how many seconds the job has been active in all, pauses not counted."""
    since = status.active_since
    running = 0.0 if since is None else max(0.0, (now - since).total_seconds())
    return status.active_seconds + running


def counted(status: BatchJobStatus, *, since: datetime | None, now: datetime) -> BatchJobStatus:
    """Return the status with the clock running or standing, as it should.

    Args:
        status: As it was.
        since: Moment since which the job is active, if the clock was standing. None: it is not active.
        now: When it is looked at.
    """
    if since is None and status.active_since is not None:
        return status.model_copy(
            update={"active_since": None, "active_seconds": int(seconds(status, now))}
        )
    if since is not None and status.active_since is None:
        return status.model_copy(update={"active_since": since})
    return status


def passed(spec: BatchJobSpec, status: BatchJobStatus, now: datetime) -> Reason | None:
    """Return which deadline is over: of the start, of the whole, or None."""
    left = _left(spec, status, now)
    return next((reason for reason, seconds_left in left.items() if seconds_left <= 0), None)


def seconds_left(spec: BatchJobSpec, status: BatchJobStatus, now: datetime) -> float | None:
    """Return the seconds until a deadline is over; None: the clock stands, or there is no deadline."""
    if status.active_since is None:
        return None
    return min(_left(spec, status, now).values(), default=None)


def _left(spec: BatchJobSpec, status: BatchJobStatus, now: datetime) -> dict[Reason, float]:
    left = {}
    if spec.start_deadline_seconds is not None and status.start_time is None:
        left[Reason.START_DEADLINE_EXCEEDED] = spec.start_deadline_seconds - seconds(status, now)
    if spec.active_deadline_seconds is not None:
        left[Reason.DEADLINE_EXCEEDED] = spec.active_deadline_seconds - seconds(status, now)
    return left
