"""What is known of the latest attempt."""

from __future__ import annotations

from dataclasses import replace

import pytest

from batchpoint.api.job import BatchJobStatus, RunnerJob
from batchpoint.planning import recording
from batchpoint.planning.observed import RunnerJobFacts
from support.observed import (
    START,
    a_live_job,
    a_progress,
    a_runner_job,
    at,
    decided,
    observed,
)

FIRST, SECOND = a_runner_job(1), a_runner_job(2)
FOREIGN = a_runner_job(owner_uid="uid-of-another")
RECORDED = BatchJobStatus(
    runner_job=RunnerJob(name=FIRST.name, uid=FIRST.uid), attempt=1, snapshot="first-1"
)


@pytest.mark.parametrize(
    ("status", "runner_job", "successor", "expected"),
    [
        pytest.param(BatchJobStatus(), None, None, None, id="none"),
        pytest.param(BatchJobStatus(), FIRST, None, FIRST, id="created-and-not-recorded"),
        pytest.param(BatchJobStatus(), FOREIGN, None, None, id="of-another-owner"),
        pytest.param(RECORDED, FIRST, None, FIRST, id="recorded"),
        pytest.param(RECORDED, None, None, None, id="gone"),
        pytest.param(RECORDED, replace(FIRST, uid="other"), None, None, id="namesake"),
        pytest.param(RECORDED, FIRST, SECOND, SECOND, id="further-attempt"),
        pytest.param(RECORDED, None, SECOND, SECOND, id="further-attempt-alone"),
        pytest.param(RECORDED, FIRST, FOREIGN, FIRST, id="foreign-successor"),
    ],
)
def test_the_latest_attempt_is_found(
    status: BatchJobStatus,
    runner_job: RunnerJobFacts | None,
    successor: RunnerJobFacts | None,
    expected: RunnerJobFacts | None,
) -> None:
    """By owner and uid, whether a crash left it unrecorded or not."""
    seen = observed(runner_job, successor=successor)
    assert expected == recording.present(a_live_job(), status, seen)


def test_facts_are_taken_down_once() -> None:
    """Acceptance and start keep their times; numbers are always the newest."""
    seen = observed(a_runner_job(ready=1), progress=a_progress())
    first = recording.facts(a_live_job(), BatchJobStatus(), seen, a_runner_job(ready=1), at(5))
    assert (START, at(5), START, "forest") == (
        first.accepted_time,
        first.start_time,
        first.active_since,
        first.deployment,
    )
    later = recording.facts(a_live_job(), first, seen, a_runner_job(ready=2), at(9))
    assert (START, at(5), START) == (later.accepted_time, later.start_time, later.active_since)
    assert later.instances is not None
    assert 2 == later.instances.active


def test_a_job_does_not_start_after_its_end() -> None:
    """Where the operator saw it only afterwards."""
    done = a_runner_job(succeeded=2, conditions=decided("Complete", seconds=60))
    assert (
        at(60)
        == recording.facts(a_live_job(), BatchJobStatus(), observed(done), done, at(600)).start_time
    )


def test_an_attempt_that_is_over_has_no_clock_while_suspended() -> None:
    """It waits for resume, not for its Job."""
    over = a_runner_job(conditions=decided("FailureTarget", "Failed", reason="FailedIndexes"))
    facts = recording.facts(
        a_live_job(suspend=True),
        RECORDED.model_copy(update={"active_since": START}),
        observed(over),
        over,
        at(70),
    )
    assert (70, None) == (facts.active_seconds, facts.active_since)
