"""What the end of an attempt means."""

from __future__ import annotations

import pytest

from batchpoint.api.reasons import Reason
from batchpoint.planning import ending
from batchpoint.planning.ending import Crashed, Undecided
from batchpoint.planning.job_status import Outcome
from batchpoint.planning.observed import RunnerJobFacts
from support.observed import a_pod, a_runner_job, a_verdict, at, decided, left_early


def _failed(reason: str, message: str = "", *, early: bool = False) -> RunnerJobFacts:
    kinds = ("FailureTarget",) if early else ("FailureTarget", "Failed")
    return a_runner_job(conditions=decided(*kinds, reason=reason, message=message))


def _outcome(runner_job: RunnerJobFacts, *pods: object) -> Outcome:
    found = ending.of_attempt(runner_job, pods)  # type: ignore[arg-type]
    assert isinstance(found, Outcome)
    return found


def test_a_failure_is_told_as_early_as_it_can_be_read() -> None:
    """Before the last pod has left."""
    verdict = a_verdict(11, message="4 of 120 files failed and errorThreshold tolerates 3.")
    outcome = _outcome(_failed("PodFailurePolicy", early=True), a_pod(verdict=verdict))
    assert (False, "ThresholdPassed", 11, verdict.message, at(60)) == (
        outcome.succeeded,
        outcome.reason,
        outcome.exit_code,
        outcome.message,
        outcome.time,
    )


def test_success_in_a_job_that_failed_is_success() -> None:
    """One instance crashed for good after another had merged."""
    outcome = _outcome(_failed("FailedIndexes", early=True), a_pod(verdict=a_verdict()))
    assert (True, Reason.COMPLETED) == (outcome.succeeded, outcome.reason)


def test_failures_that_are_tolerated_are_named() -> None:
    """Never plain success."""
    verdict = a_verdict(reason="SucceededWithFailures")
    job = a_runner_job(conditions=decided("SuccessCriteriaMet"))
    assert Reason.SUCCEEDED_WITH_FAILURES == _outcome(job, a_pod(verdict=verdict)).reason


@pytest.mark.parametrize(
    ("kind", "succeeded"), [("SuccessCriteriaMet", True), ("FailureTarget", False)]
)
def test_a_verdict_that_may_still_come_is_waited_for(kind: str, succeeded: bool) -> None:
    """As long as pods have not all left."""
    job = a_runner_job(conditions=decided(kind, reason="FailedIndexes"))
    pods = (a_pod(verdict=left_early()), a_pod(1))
    assert Undecided(succeeded=succeeded) == ending.of_attempt(job, pods)


def test_success_without_counts_is_success() -> None:
    """All instances left with 0, so everything is published; where the counts are is told."""
    outcome = _outcome(a_runner_job(conditions=decided("SuccessCriteriaMet", "Complete")))
    assert (True, Reason.COMPLETED, 0) == (outcome.succeeded, outcome.reason, outcome.exit_code)
    assert "job_result.txt" in outcome.message


def test_a_lost_verdict_of_failure_is_told_by_its_code() -> None:
    """From what the Job says."""
    job = _failed("PodFailurePolicy", "Container scorer failed with exit code 13 matching a rule")
    outcome = _outcome(job)
    assert (False, Reason.INPUT_INVALID, 13) == (
        outcome.succeeded,
        outcome.reason,
        outcome.exit_code,
    )


@pytest.mark.parametrize(
    "reason", ["FailedIndexes", "MaxFailedIndexesExceeded", "BackoffLimitExceeded"]
)
def test_crashes_alone_may_be_tried_again(reason: str) -> None:
    """With the last of them in words, else what the Job says."""
    pod = a_pod(scorer={"exit_code": 137, "exit_reason": "OOMKilled"})
    found = ending.of_attempt(_failed(reason), [pod])
    assert isinstance(found, Crashed)
    assert found.sentence.startswith("instance 0 ran out of memory")
    said = _failed(reason, "Job has failed indexes")
    assert Crashed(sentence="the Job says: Job has failed indexes") == ending.of_attempt(said, [])


@pytest.mark.parametrize(
    ("job_reason", "reason"),
    [
        ("DeadlineExceeded", "DeadlineExceeded"),
        ("PodFailurePolicy", "RunnerFailed"),
        ("", "RunnerFailed"),
    ],
)
def test_other_ends_are_told_in_the_jobs_own_words(job_reason: str, reason: str) -> None:
    """And are not tried again."""
    outcome = _outcome(_failed(job_reason, "Job was active too long."))
    assert (False, reason) == (outcome.succeeded, outcome.reason)
    assert "Job was active too long. What is published stays" in outcome.message


def test_decided_and_over_are_two_moments() -> None:
    """The early condition decides, the late one says that the last pod has left."""
    early = a_runner_job(conditions=decided("SuccessCriteriaMet"))
    late = a_runner_job(conditions=decided("SuccessCriteriaMet", "Complete"))
    held = a_runner_job(conditions=decided("Suspended"))
    assert [(False, False), (True, False), (True, True)] == [
        (ending.is_decided(each), ending.is_over(each)) for each in (held, early, late)
    ]


def test_an_image_without_python_is_not_tried_again() -> None:
    """Also where the Job gave up before anybody looked at its pods."""
    scorer = {
        "exit_code": 128,
        "exit_reason": "StartError",
        "exit_message": 'exec: "python3": executable file not found in $PATH',
    }
    outcome = _outcome(_failed("FailedIndexes"), a_pod(scorer=scorer))
    assert (False, Reason.WRONG_CONFIGURATION, 14) == (
        outcome.succeeded,
        outcome.reason,
        outcome.exit_code,
    )
