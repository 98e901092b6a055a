"""BatchJob."""

from __future__ import annotations

from batchpoint.api import job
from batchpoint.api.job import BatchJobSpec, BatchJobStatus, Counts, JobProgress
from batchpoint.api.reasons import Reason
from batchpoint_runner import contract
from support.resources import a_job


def test_a_job_is_neither_suspended_nor_cancelled_nor_limited() -> None:
    """Nothing ends it but its own end."""
    spec = a_job().spec
    assert (False, False) == (spec.suspend, spec.cancel)
    assert (None, None, None) == (
        spec.active_deadline_seconds,
        spec.start_deadline_seconds,
        spec.ttl_seconds_after_finished,
    )


def test_every_field_is_immutable_or_said_to_be_mutable() -> None:
    """A new field cannot be forgotten: its rule is missing then."""
    fields = {str(field.alias) for field in BatchJobSpec.model_fields.values()}
    guarded = {
        rule.field
        for rule in BatchJobSpec.rules
        if rule.message.endswith("use a new name or rerun")
    }
    assert fields == guarded | set(job.MUTABLE)


def test_progress_is_what_the_runner_reports() -> None:
    """Apart from the runner's own phase, every field of its report has a place in the status."""
    assert set(contract.Progress.model_fields) - {"phase"} == set(JobProgress.model_fields)
    assert set(contract.Counts.model_fields) == set(Counts.model_fields)


def test_final_phases_are_reasons_too() -> None:
    """A job that ended otherwise than simply well says so in both places."""
    assert {"SucceededWithFailures", "Cancelled"} == set(job.FINAL_PHASES) & set(Reason)


def test_a_full_status_stays_under_four_kibibytes() -> None:
    """With sentences of a usual length and eight conditions (DESIGN §3)."""
    condition = {
        "type": "Succeeded",
        "status": "False",
        "reason": "ThresholdPassed",
        "message": "x" * 160,
        "observedGeneration": 3,
        "lastTransitionTime": "2026-11-20T08:00:00Z",
    }
    counts = dict.fromkeys(("total", "done", "failed", "retried"), 1_000_000)
    uri = f"s3://bucket/{'x' * 80}"
    status = BatchJobStatus.model_validate(
        {
            "observedGeneration": 3,
            "conditions": [condition] * 6,
            "phase": "Failed",
            "reason": "ThresholdPassed",
            "message": "x" * 160,
            "progress": {
                "miniBatches": counts,
                "files": counts,
                "rows": 10**9,
                "display": "37/120",
            },
            "instances": {"requested": 10, "active": 4, "display": "4/10"},
            "output": dict.fromkeys(("uri", "file", "failures", "manifest"), uri),
            "firstError": {"item": "x" * 100, "type": "ValueError", "message": "x" * 200},
        }
    )
    assert len(status.model_dump_json(by_alias=True, exclude_none=True)) < 4096
