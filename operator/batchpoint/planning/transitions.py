"""The story of a job as events: what changed from one written status to the next, one line for each.

A job that goes well has three lines: created, started, succeeded. Nothing may depend on events; they
are for people, last an hour, and are told once.
"""

from __future__ import annotations

from collections.abc import Iterator

from batchpoint.api import conditions
from batchpoint.api.job import BatchJobStatus
from batchpoint.api.reasons import Reason
from batchpoint.planning import job_status, verdicts, words
from batchpoint.planning.plan import EventRecord
from batchpoint_runner.contract import ExitCode

LONGEST_MESSAGE = 1000
"""Characters; Kubernetes takes 1,024 bytes."""

_PAUSES = {Reason.WAITING_FOR_CAPACITY, Reason.WAITING_IN_QUEUE, Reason.SUSPENDED}
_NOTICES = _PAUSES | {Reason.CANCELLING}

_SILENT = {
    Reason.PENDING,
    Reason.STARTING,
    Reason.RUNNING,
    Reason.FINALIZING,
    Reason.RETRYING,
    Reason.DEADLINE_EXCEEDED,
    Reason.START_DEADLINE_EXCEEDED,
    Reason.RUNNER_JOB_DELETED,
}
"""While the outcome is open: told by another event, before or after."""


def events(before: BatchJobStatus | None, after: BatchJobStatus) -> tuple[EventRecord, ...]:
    """Return what is worth a line in the step from one status to the next; mere numbers are not.

    Args:
        before: As it was written before; None: never.
        after: As it is written now.
    """
    return tuple(_events(before or BatchJobStatus(), after))


def _events(before: BatchJobStatus, after: BatchJobStatus) -> Iterator[EventRecord]:
    if job_status.is_final(before):
        return
    if _became_true(before, after, conditions.ACCEPTED):
        yield EventRecord(reason=Reason.RESOLVED, message=_created(after))
    elif 0 < before.attempt < after.attempt:
        message = (
            f"Instances of attempt {before.attempt} crashed for good. Attempt {after.attempt} goes on "
            f'from what is published, as Job "{after.snapshot}".'
        )
        yield EventRecord(reason=Reason.RETRYING, message=message, warning=True)
    if _became_true(before, after, conditions.STARTED):
        yield EventRecord(reason=Reason.RUNNING, message="The first instance has begun to score.")
    if job_status.is_final(after):
        yield _outcome(after)
    elif after.reason != before.reason:
        yield from _standing(before, after)


def _created(after: BatchJobStatus) -> str:
    count = after.instances.requested if after.instances else 1
    return (
        f'Job "{after.snapshot}" with {words.counted(count, "instance")} was created from '
        f'BatchDeployment "{after.deployment}".'
    )


def _outcome(after: BatchJobStatus) -> EventRecord:
    reason = _known(after)
    place = (after.output.file or after.output.uri) if after.output else ""
    succeeded = conditions.is_true(after.conditions, conditions.SUCCEEDED)
    message = words.cut(after.message, LONGEST_MESSAGE)
    if succeeded and place:
        message = words.cut(f"{message} Output: {place}", LONGEST_MESSAGE)
    is_good = reason in {Reason.COMPLETED, Reason.CANCELLED}
    return EventRecord(reason=reason, message=message, warning=not is_good)


def _standing(before: BatchJobStatus, after: BatchJobStatus) -> Iterator[EventRecord]:
    reason = _known(after)
    if reason not in _SILENT:
        message = words.cut(after.message, LONGEST_MESSAGE)
        yield EventRecord(reason=reason, message=message, warning=reason not in _NOTICES)
    elif before.runner_job is not None and before.reason in _PAUSES:
        yield EventRecord(reason=Reason.STARTING, message="The job goes on after a pause.")


def _known(after: BatchJobStatus) -> Reason:
    """Return the reason; where the runner gave a finer one, that of its code."""
    if known := Reason.of(after.reason):
        return known
    codes = (code for code in ExitCode if code == after.exit_code)
    return verdicts.REASONS[next(codes, ExitCode.CRASHED)]


def _became_true(before: BatchJobStatus, after: BatchJobStatus, type_: str) -> bool:
    return conditions.is_true(after.conditions, type_) and not conditions.is_true(
        before.conditions, type_
    )
