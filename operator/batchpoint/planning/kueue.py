"""What Kueue says of a Job that it holds."""

from __future__ import annotations

from datetime import datetime

from batchpoint.api.reasons import Reason
from batchpoint.planning import diagnosis, words
from batchpoint.planning.diagnosis import Diagnosis
from batchpoint.planning.observed import RunnerJobFacts, WorkloadFacts

FIRST_LOOK_SECONDS = 6.0
"""Until Kueue has said something of a new Job, and longer than what was read is remembered; then after
pauses that double."""
LOOK_SECONDS = 60.0
"""Between two looks at what Kueue says; the admission itself is seen at once, on the Job."""


def explain(runner_job: RunnerJobFacts, workload: WorkloadFacts | None, now: datetime) -> Diagnosis:
    """Return why a suspended Job with a queue waits.

    Kueue makes its Workload within a moment; where there is none after `diagnosis.KUEUE_SECONDS` it is
    not there, or does not look after this namespace.
    """
    queue = runner_job.queue_name
    if workload is None:
        if diagnosis.age_seconds(runner_job, now) < diagnosis.KUEUE_SECONDS:
            return Diagnosis(
                reason=Reason.WAITING_IN_QUEUE, message=f'The job waits in queue "{queue}".'
            )
        return Diagnosis(
            reason=Reason.QUEUE_UNAVAILABLE,
            message=f'Nobody serves queue "{queue}": Kueue is not installed, or does not look after this '
            "namespace. Correct compute.queueName of the BatchDeployment, or install Kueue.",
        )
    said = words.foreign(workload.message)
    if workload.reason == "Inadmissible" and "exist" in workload.message:
        return Diagnosis(
            reason=Reason.QUEUE_UNAVAILABLE,
            message=f'Queue "{queue}" cannot admit the job: {said}. The job goes on by itself when the '
            "queue is there.",
        )
    return Diagnosis(
        reason=Reason.WAITING_IN_QUEUE,
        message=f'The job waits in queue "{queue}"' + (f": {said}." if said else "."),
    )


def next_look_seconds(
    runner_job: RunnerJobFacts, workload: WorkloadFacts | None, now: datetime
) -> float:
    """Return the seconds until Kueue's words are worth another read."""
    age = diagnosis.age_seconds(runner_job, now)
    if age >= diagnosis.KUEUE_SECONDS or (workload is not None and workload.message):
        return LOOK_SECONDS
    return min(max(FIRST_LOOK_SECONDS, age), diagnosis.KUEUE_SECONDS - age)
