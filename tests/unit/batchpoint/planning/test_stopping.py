"""Ends that no verdict tells."""

from __future__ import annotations

from typing import Any

import pytest

from batchpoint.api.job import BatchJobStatus
from batchpoint.api.reasons import Reason
from batchpoint.planning import progress, stopping
from support.observed import START, a_live_job, a_progress, a_runner_job, at, decided

ACTIVE = BatchJobStatus(active_since=START)


@pytest.mark.parametrize(
    ("spec", "reason", "words"),
    [
        ({}, Reason.RUNNER_JOB_DELETED, "Somebody deleted Job"),
        ({"cancel": True}, Reason.CANCELLED, "The job was cancelled."),
        ({"activeDeadlineSeconds": 60}, Reason.DEADLINE_EXCEEDED, "was active for 60 seconds"),
        ({"startDeadlineSeconds": 60}, Reason.START_DEADLINE_EXCEEDED, "started in 60 seconds"),
        ({"activeDeadlineSeconds": 61}, Reason.RUNNER_JOB_DELETED, "Somebody deleted Job"),
    ],
)
def test_a_job_that_is_gone_was_to_go_or_was_deleted(
    spec: dict[str, Any], reason: Reason, words: str
) -> None:
    """By what the user asked for, and by the clock."""
    outcome = stopping.disappeared(a_live_job(**spec), ACTIVE, at(60))
    assert (False, reason) == (outcome.succeeded, outcome.reason)
    assert words in outcome.message


def test_a_cancelled_job_says_how_far_it_came() -> None:
    """As far as anybody knows."""
    known = BatchJobStatus(progress=progress.shown(a_progress(1_200, 9_000)))
    assert "cancelled with 1,200 of 9,000 files done." in stopping.cancelled(known).message
    assert "was cancelled. What" in stopping.cancelled(BatchJobStatus()).message


def test_the_cause_of_a_late_start_is_kept() -> None:
    """It is part of the sentence, and the sentence stays as it was told first."""
    job = a_live_job(startDeadlineSeconds=60)
    blocked = ACTIVE.model_copy(update={"reason": "Unschedulable", "message": "No node fits."})
    told = stopping.late_words(job, blocked, Reason.START_DEADLINE_EXCEEDED)
    assert "No instance started in 60 seconds. No node fits." == told
    later = ACTIVE.model_copy(update={"reason": "StartDeadlineExceeded", "message": told})
    assert told == stopping.late_words(job, later, Reason.START_DEADLINE_EXCEEDED)


@pytest.mark.parametrize(
    ("facts", "seconds", "expected"),
    [
        ({}, 10, True),
        ({}, 9, False),
        ({"succeeded": 1}, 10, True),
        ({"succeeded": 2}, 10, False),
        ({"active": 1}, 10, False),
        ({"terminating": 1}, 10, False),
        ({"ready": 1}, 10, False),
        ({"suspended": True}, 10, False),
        ({"deleting": True}, 10, False),
        ({"conditions": decided("Failed")}, 10, False),
    ],
)
def test_a_job_has_lost_its_pods_when_it_wants_some_and_none_runs_or_leaves(
    facts: dict[str, Any], seconds: float, expected: bool
) -> None:
    """Its first moments aside."""
    assert expected is stopping.has_lost_its_pods(a_runner_job(**facts), at(seconds))
