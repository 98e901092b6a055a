"""How a status is put together, and that it stays small."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from batchpoint.api import conditions
from batchpoint.api.conditions import Condition
from batchpoint.api.job import (
    BatchJobStatus,
    InstanceCounts,
    JobOutput,
    Phase,
    RunnerJob,
)
from batchpoint.api.reasons import Reason
from batchpoint.planning import job_status, progress
from batchpoint.planning.job_status import Outcome, Standing
from batchpoint_runner.contract import Counts, ExitCode, FirstError, Progress, Verdict
from support.observed import START, a_verdict, at

BIG = 10**15


def _condition(status: BatchJobStatus, type_: str) -> Condition:
    found = conditions.find(status.conditions, type_)
    assert found is not None
    return found


def test_the_sentence_stands_at_the_first_condition_that_does_not_hold() -> None:
    """And for tools that wait; the others carry the reason alone."""
    standing = Standing(reason=Reason.STARTING, message="Pods are created.")
    known = BatchJobStatus(runner_job=RunnerJob(name="first-1", uid="u"))
    status = job_status.unfinished(known, standing, generation=3, now=START)
    assert [
        ("Accepted", "True", "Resolved", True),
        ("Started", "Unknown", "Starting", True),
        ("Succeeded", "Unknown", "Starting", False),
        ("Reconciling", "True", "Starting", True),
    ] == [(c.type, c.status, c.reason, bool(c.message)) for c in status.conditions]
    assert {3} == {c.observed_generation for c in status.conditions} | {status.observed_generation}
    assert ("Starting", "Pods are created.", Phase.STARTING) == (
        status.reason,
        status.message,
        status.phase,
    )


def test_times_of_transition_move_only_with_the_state() -> None:
    """Another reason is no transition; putting the same again changes nothing."""
    first = job_status.unfinished(
        BatchJobStatus(), Standing(reason=Reason.PENDING, message="a"), generation=1, now=START
    )
    again = job_status.unfinished(
        first, Standing(reason=Reason.PENDING, message="a"), generation=1, now=at(9)
    )
    assert first == again
    other = job_status.unfinished(
        first, Standing(reason=Reason.SUSPENDED, message="b"), generation=1, now=at(9)
    )
    assert START == _condition(other, conditions.SUCCEEDED).last_transition_time


def test_failure_is_stalled_and_cancel_is_not() -> None:
    """Tools that wait report the one, and take the other as what somebody wanted."""
    failed = Outcome(succeeded=False, reason="InputEmpty", message="Nothing there.", exit_code=13)
    status = job_status.final(BatchJobStatus(), failed, generation=1, now=START)
    assert conditions.is_true(status.conditions, conditions.STALLED)
    assert ("InputEmpty", "Nothing there.", Phase.FAILED, 13) == (
        status.reason,
        status.message,
        status.phase,
        status.exit_code,
    )
    cancelled = Outcome(succeeded=False, reason=Reason.CANCELLED, message="Cancelled.")
    status = job_status.final(BatchJobStatus(), cancelled, generation=1, now=START)
    assert conditions.find(status.conditions, conditions.STALLED) is None
    assert Phase.CANCELLED is status.phase


def test_final_is_what_has_an_outcome() -> None:
    """True or False; Unknown is open."""
    assert not job_status.is_final(BatchJobStatus())
    open_ = job_status.unfinished(
        BatchJobStatus(), Standing(reason=Reason.PENDING, message=""), generation=1, now=START
    )
    assert not job_status.is_final(open_)
    done = Outcome(succeeded=True, reason=Reason.COMPLETED, message="Done.")
    assert job_status.is_final(job_status.final(open_, done, generation=1, now=START))


def test_what_remains_is_named_where_it_lies() -> None:
    """File, failures, manifest, the first error and the counts."""
    known = BatchJobStatus(output=JobOutput(uri="s3://lake/out/"))
    verdict = a_verdict(
        reason="SucceededWithFailures",
        first_error=FirstError(item="7.png", type="ValueError", message="bad"),
        output="s3://lake/out/predictions.csv",
    )
    outcome = Outcome(succeeded=True, reason="SucceededWithFailures", message="", verdict=verdict)
    status = job_status.final(known, outcome, generation=1, now=START)
    assert status.output == JobOutput(
        uri="s3://lake/out/",
        file="s3://lake/out/predictions.csv",
        failures="s3://lake/out/failures.jsonl",
        manifest="s3://lake/out/manifest.json",
    )
    assert status.first_error is not None
    assert "7.png" == status.first_error.item
    assert Phase.SUCCEEDED_WITH_FAILURES is status.phase


def test_a_reason_that_is_none_is_replaced() -> None:
    """Whatever a runner of another release says."""
    odd = Outcome(succeeded=False, reason="not a reason!", message="")
    status = job_status.final(BatchJobStatus(), odd, generation=1, now=START)
    assert Reason.RUNNER_FAILED == status.reason


TEXTS = st.sampled_from(["", "x", "é" * 3000, "\U0001f9ea" * 3000, '"\\' * 2000, "a" * 5000])


@settings(deadline=None)
@given(message=TEXTS, item=TEXTS, kind=TEXTS, uri=TEXTS, succeeded=st.booleans())
def test_a_status_is_never_above_four_kilobytes(
    message: str, item: str, kind: str, uri: str, succeeded: bool
) -> None:
    """With every field as long as it can be; and what is cut once is not cut again."""
    counts = Counts(total=BIG, done=BIG, failed=BIG, retried=BIG)
    told = Progress(mini_batches=counts, files=counts, rows=BIG, eta_seconds=BIG, display="9" * 64)
    known = BatchJobStatus(
        runner_job=RunnerJob(name="x" * 63, uid="u" * 36),
        deployment="d" * 63,
        snapshot="x" * 63,
        attempt=2,
        output=JobOutput(uri=uri[:2048]),
        progress=progress.shown(told),
        instances=InstanceCounts(
            requested=1000, active=1000, finished=1000, replaced=BIG, display="1000/1000"
        ),
        accepted_time=START,
        start_time=START,
        active_since=START,
        active_seconds=BIG,
    )
    standing = Standing(reason=Reason.DEFAULT_DEPLOYMENT_MISSING, message=message)
    open_ = job_status.unfinished(known, standing, generation=1, now=START)
    verdict = Verdict(
        code=ExitCode.SUCCEEDED if succeeded else ExitCode.THRESHOLD_PASSED,
        reason="SucceededWithFailures",
        message=message,
        first_error=FirstError(item=item, type=kind, message=message),
        counts=told,
        output=f"{uri}/predictions.csv",
    )
    outcome = Outcome(
        succeeded=succeeded, reason=verdict.reason, message=message, exit_code=11, verdict=verdict
    )
    for status in (open_, job_status.final(open_, outcome, generation=1, now=START)):
        text = status.model_dump_json(by_alias=True, exclude_none=True)
        assert len(text.encode()) <= job_status.MOST_BYTES
        assert status == BatchJobStatus.model_validate_json(text)
        assert status == job_status.bounded(status)
