"""How a job is closed: merged and decided, or ended by a fault; either way with reports for people.

The verdict is written last, so whatever a crash leaves undone is done again by the next process, and
has no effect where it was done before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from batchpoint_runner import reporting, threshold
from batchpoint_runner.contract import ExitCode, Progress, RunConfig, Verdict
from batchpoint_runner.errors import RunnerError, StorageError
from batchpoint_runner.ledger import Ledger, Plan
from batchpoint_runner.merging.merge import merge, summarize
from batchpoint_runner.merging.merged import Merged
from batchpoint_runner.reporting import ProgressReport

_DECIDING = (
    ExitCode.CANNOT_START,
    ExitCode.THRESHOLD_PASSED,
    ExitCode.INPUT_INVALID,
    ExitCode.WRONG_CONFIGURATION,
)
"""Faults that end the job for all instances. An output that is taken is not ours to write to, and
after a drain or a crash the job goes on."""


def finish(
    ledger: Ledger,
    plan: Plan,
    config: RunConfig,
    *,
    sources: Sequence[tuple[Ledger, Plan]],
    attempt: int,
    scratch: Path,
    report: ProgressReport,
) -> Verdict:
    """Merge a job whose chunks are all final, decide it, and tell; return the verdict that counts."""

    def is_tolerated(failed: int) -> bool:
        is_passed = threshold.is_passed(failed, config.error_threshold)
        return not is_passed and not threshold.nothing_succeeded(plan.input_items, failed)

    merged = merge(ledger, plan, config, sources, scratch, is_tolerated=is_tolerated)
    verdict = reporting.verdict_of(merged, config)
    _tell(ledger, config, verdict, merged, report)
    return ledger.create_verdict(attempt, verdict)


def after_fault(
    error: RunnerError,
    ledger: Ledger,
    plan: Plan | None,
    config: RunConfig,
    *,
    attempt: int,
    scratch: Path,
    report: Callable[[], ProgressReport],
    progress: Progress,
) -> Verdict:
    """End a job, or this instance of it, by a fault; return the verdict that counts.

    Args:
        error: Why.
        ledger: Of the job, in an output folder that is the job's.
        plan: None when there was none yet.
        config: Of the job.
        attempt: Of the job as a whole.
        scratch: Local and private.
        report: Opens that of the progress.
        progress: As far as it is known here.
    """
    if error.code not in _DECIDING:
        return verdict_of(error, progress)
    # A store that fails now must not hide why the job ended.
    with suppress(StorageError):
        merged = None if plan is None else summarize(ledger, plan, config, scratch)
        verdict = verdict_of(error, progress)
        if merged is not None:
            counts = progress.model_copy(update={"rows": merged.rows})
            verdict = verdict.model_copy(
                update={"first_error": merged.first_error, "counts": counts}
            )
        _tell(ledger, config, verdict, merged, report())
        return ledger.create_verdict(attempt, verdict)
    return verdict_of(error, progress)


def verdict_of(error: RunnerError, progress: Progress | None = None) -> Verdict:
    """Return what an error means for whoever reads the termination message."""
    return Verdict(
        code=error.code,
        reason=error.reason,
        message=error.message,
        traceback=error.traceback or None,
        counts=progress or Progress(),
    )


def _tell(
    ledger: Ledger,
    config: RunConfig,
    verdict: Verdict,
    merged: Merged | None,
    report: ProgressReport,
) -> None:
    report.note(verdict.message)
    reporting.write_reports(
        ledger, config, verdict, merged, started=report.started, finished=datetime.now(UTC)
    )
