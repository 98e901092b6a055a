"""What Kueue says of a Job that it holds."""

from __future__ import annotations

import pytest

from batchpoint.api.reasons import Reason
from batchpoint.planning import kueue
from batchpoint.planning.observed import WorkloadFacts
from support.observed import a_runner_job, at

HELD = a_runner_job(suspended=True, queue_name="gpus")


@pytest.mark.parametrize(
    ("workload", "seconds", "reason", "words"),
    [
        (None, 29, Reason.WAITING_IN_QUEUE, 'waits in queue "gpus".'),
        (None, 30, Reason.QUEUE_UNAVAILABLE, "Kueue is not installed"),
        (WorkloadFacts(), 600, Reason.WAITING_IN_QUEUE, 'waits in queue "gpus".'),
        (
            WorkloadFacts(message="insufficient unused quota for cpu"),
            5,
            Reason.WAITING_IN_QUEUE,
            ": insufficient unused quota for cpu.",
        ),
        (
            WorkloadFacts(reason="Inadmissible", message="LocalQueue gpus doesn't exist"),
            5,
            Reason.QUEUE_UNAVAILABLE,
            "LocalQueue gpus doesn't exist",
        ),
    ],
)
def test_a_queue_that_cannot_work_is_told_from_one_that_is_full(
    workload: WorkloadFacts | None, seconds: float, reason: Reason, words: str
) -> None:
    """In Kueue's own words where there are any."""
    found = kueue.explain(HELD, workload, at(seconds))
    assert reason is found.reason
    assert words in found.message


SILENT = WorkloadFacts()
SPOKEN = WorkloadFacts(reason="Pending", message="insufficient unused quota for cpu")


@pytest.mark.parametrize(
    ("workload", "seconds", "expected"),
    [
        (None, 0, 6),
        (SILENT, 5, 6),
        (None, 12, 12),
        (None, 20, 10),
        (None, 30, 60),
        (SILENT, 900, 60),
        (SPOKEN, 0, 60),
        (SPOKEN, 900, 60),
    ],
)
def test_looks_become_rare(workload: WorkloadFacts | None, seconds: float, expected: float) -> None:
    """Soon until Kueue has spoken, at 30 seconds, when silence means something, then once a minute."""
    assert expected == kueue.next_look_seconds(HELD, workload, at(seconds))
