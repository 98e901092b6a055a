"""What the end of an attempt means: the end of the job, a further attempt, or a moment's patience."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from batchpoint.api.reasons import Reason
from batchpoint.planning import diagnosis, verdicts, words
from batchpoint.planning.diagnosis import Diagnosis
from batchpoint.planning.job_status import Outcome
from batchpoint.planning.observed import JobCondition, PodFacts, RunnerJobFacts
from batchpoint_runner.contract import FAILURES, REPORT_ERRORS, ExitCode, Verdict

MOST_ATTEMPTS = 2
"""Of a job as a whole. The second one goes on from what the first one published."""

_EARLY = {"SuccessCriteriaMet": True, "FailureTarget": False}
_LATE = {"Complete": True, "Failed": False}

_BY_CRASHES = {"FailedIndexes", "MaxFailedIndexesExceeded", "BackoffLimitExceeded"}
"""Reasons of a Job whose pods failed one by one, none with a code that decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crashed:
    """The attempt ended by crashes; what is published stays, and another attempt may go on."""

    sentence: str
    """The last crash, without a full stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Undecided:
    """The Job is decided but its last pods have not left; they may hold the verdict still."""

    succeeded: bool


def of_hopeless(found: Diagnosis, *, time: datetime | None = None) -> Outcome:
    """Return the end of a job that can never start: the code that its runner would have given."""
    return Outcome(
        succeeded=False,
        reason=found.reason,
        message=found.message,
        exit_code=ExitCode.WRONG_CONFIGURATION,
        time=time,
    )


def is_decided(runner_job: RunnerJobFacts) -> bool:
    """Say whether the Job will not come to another end."""
    return _decision(runner_job) is not None


def is_over(runner_job: RunnerJobFacts) -> bool:
    """Say whether the last pod of the Job has left."""
    return any(condition.type in _LATE for condition in runner_job.conditions)


def of_attempt(
    runner_job: RunnerJobFacts, pods: Sequence[PodFacts]
) -> Outcome | Crashed | Undecided:
    """Return what the end of a decided Job means.

    A verdict decides, as soon as it can be read: also one of success in a Job that failed, because
    then one instance crashed after another had published everything. Without any, the Job's own words
    do, but only when no pod can bring one any more.
    """
    decision = _decision(runner_job)
    assert decision is not None, "asked only for a Job that is decided"
    succeeded, condition = decision
    verdict = verdicts.decisive(pods)
    if verdict is not None:
        return _of_verdict(verdict, condition)
    if not is_over(runner_job):
        return Undecided(succeeded=succeeded)
    if succeeded:
        return Outcome(
            succeeded=True,
            reason=Reason.COMPLETED,
            message="All instances left with success. Their counts could not be read any more; "
            "job_result.txt beside the output has them.",
            exit_code=ExitCode.SUCCEEDED,
            time=condition.time,
        )
    return _failure(runner_job, condition, pods)


def _decision(runner_job: RunnerJobFacts) -> tuple[bool, JobCondition] | None:
    for kinds in (_LATE, _EARLY):
        for condition in runner_job.conditions:
            if condition.type in kinds:
                return kinds[condition.type], condition
    return None


def _of_verdict(verdict: Verdict, condition: JobCondition) -> Outcome:
    succeeded = verdict.code is ExitCode.SUCCEEDED
    reason = verdict.reason
    if succeeded:
        with_failures = verdict.reason == Reason.SUCCEEDED_WITH_FAILURES
        reason = Reason.SUCCEEDED_WITH_FAILURES if with_failures else Reason.COMPLETED
    return Outcome(
        succeeded=succeeded,
        reason=reason,
        message=verdict.message,
        exit_code=verdict.code,
        verdict=verdict,
        time=condition.time,
    )


def _failure(
    runner_job: RunnerJobFacts, condition: JobCondition, pods: Sequence[PodFacts]
) -> Outcome | Crashed:
    code = verdicts.deciding_code(pods, runner_job.conditions)
    if code is not None:
        reason = verdicts.REASONS[code]
        return Outcome(
            succeeded=False,
            reason=reason,
            message=f"{reason.explanation} The verdict itself could not be read any more; see "
            f"{REPORT_ERRORS} and {FAILURES} beside the output.",
            exit_code=code,
            time=condition.time,
        )
    if found := diagnosis.hopeless(runner_job, pods):
        return of_hopeless(found, time=condition.time)
    crash = verdicts.last_crash(pods)
    if condition.reason in _BY_CRASHES:
        said = words.foreign(condition.message) or condition.reason
        return Crashed(sentence=crash.sentence if crash else f"the Job says: {said}")
    is_deadline = condition.reason == "DeadlineExceeded"
    said = words.foreign(condition.message) or condition.reason or "nothing"
    return Outcome(
        succeeded=False,
        reason=Reason.DEADLINE_EXCEEDED if is_deadline else Reason.RUNNER_FAILED,
        message=f'Job "{runner_job.name}" failed ({condition.reason or "no reason"}): {said}. What is '
        "published stays; a rerun scores the rest.",
        exit_code=ExitCode.CRASHED,
        time=condition.time,
    )
