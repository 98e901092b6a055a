"""How a job is closed: the verdict last, reports always, and no rows for what is not tolerated."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from batchpoint_runner import closing
from batchpoint_runner.contract import ExitCode, Progress
from batchpoint_runner.errors import (
    Drained,
    OutputTaken,
    RunnerError,
    ScriptUnusable,
    StorageUnavailable,
    ThresholdPassed,
)
from batchpoint_runner.ledger import Ledger, Plan
from batchpoint_runner.reporting import ProgressReport
from batchpoint_runner.storage.memory import MemoryStore
from support.builders import a_config, a_ledger, some_items
from support.published import a_cut_plan, a_failure, csv_result, publish


def a_report(ledger: Ledger) -> ProgressReport:
    """Return a progress report of a still clock."""
    return ProgressReport(
        ledger, now=lambda: datetime(2026, 11, 1, tzinfo=UTC), monotonic=lambda: 0.0
    )


def a_scored_job(store: MemoryStore, *, failed: int = 0, files: int = 3) -> tuple[Ledger, Plan]:
    """Publish a job of one file a chunk, of which the last ``failed`` ones failed."""
    ledger = a_ledger(store)
    plan = a_cut_plan(ledger, some_items(files), [1] * files)
    for at in range(files):
        if at < files - failed:
            publish(ledger, f"c{at:06d}", [csv_result(at, [f"row {at}"])])
        else:
            publish(ledger, f"c{at:06d}", [], failures=[a_failure(at)])
    return ledger, plan


def texts(store: MemoryStore) -> dict[str, str]:
    """Return what lies beside the output, by name."""
    found = store.contents()
    return {
        path.removeprefix("out/"): data.decode()
        for path, data in found.items()
        if not path.startswith("out/.batchpoint")
    }


def finish(ledger: Ledger, plan: Plan, scratch: Path, threshold: int = -1) -> ExitCode:
    """Close a finished job; return its code."""
    return closing.finish(
        ledger,
        plan,
        a_config(error_threshold=threshold),
        sources=(),
        attempt=1,
        scratch=scratch,
        report=a_report(ledger),
    ).code


def after_fault(error: RunnerError, ledger: Ledger, plan: Plan | None, scratch: Path) -> ExitCode:
    """Close a job by a fault; return the code."""
    return closing.after_fault(
        error,
        ledger,
        plan,
        a_config(),
        attempt=1,
        scratch=scratch,
        report=lambda: a_report(ledger),
        progress=Progress(),
    ).code


def test_finished_job_has_output_reports_and_verdict(tmp_path: Path) -> None:
    """Everything that is promised beside the output is there."""
    store = MemoryStore()
    ledger, plan = a_scored_job(store)
    assert ExitCode.SUCCEEDED == finish(ledger, plan, tmp_path)
    assert {
        "predictions.csv",
        "failures.jsonl",
        "manifest.json",
        "job_error.txt",
        "job_progress_overview.txt",
        "job_result.txt",
    } == set(texts(store))


@pytest.mark.parametrize(
    ("failed", "threshold", "code"),
    [
        pytest.param(1, -1, ExitCode.SUCCEEDED, id="all-are-tolerated"),
        pytest.param(1, 1, ExitCode.SUCCEEDED, id="as-many-as-tolerated"),
        pytest.param(2, 1, ExitCode.THRESHOLD_PASSED, id="one-more"),
        pytest.param(3, -1, ExitCode.THRESHOLD_PASSED, id="nothing-succeeded"),
    ],
)
def test_rows_are_written_only_for_a_tolerated_job(
    failed: int, threshold: int, code: ExitCode, tmp_path: Path
) -> None:
    """A job that failed leaves its failures and reports, and no predictions file."""
    store = MemoryStore()
    ledger, plan = a_scored_job(store, failed=failed)
    assert code == finish(ledger, plan, tmp_path, threshold)
    assert (code == ExitCode.SUCCEEDED) == ("predictions.csv" in texts(store))
    assert failed == len(texts(store)["failures.jsonl"].splitlines())


def test_closing_again_after_a_crash_changes_nothing(tmp_path: Path) -> None:
    """Killed before any of its writes and done again, it leaves the same output."""
    undisturbed = MemoryStore()
    ledger, plan = a_scored_job(undisturbed)
    before = undisturbed.calls.total()
    finish(ledger, plan, tmp_path)
    expected = texts(undisturbed)["predictions.csv"]
    for broken in range(undisturbed.calls.total() - before):
        store = MemoryStore()
        ledger, plan = a_scored_job(store)
        last = store.calls.total() + broken

        def crash(verb: str, path: str, store: MemoryStore = store, last: int = last) -> None:
            if store.calls.total() > last:
                raise KeyboardInterrupt

        store.before = crash
        with suppress(KeyboardInterrupt):
            finish(ledger, plan, tmp_path)
        store.before = None
        assert ExitCode.SUCCEEDED == finish(ledger, plan, tmp_path)
        assert expected == texts(store)["predictions.csv"]


def test_fault_that_decides_is_told_and_kept(tmp_path: Path) -> None:
    """All instances must learn of it, and people read it beside the output."""
    store = MemoryStore()
    ledger, plan = a_scored_job(store, failed=1)
    error = ThresholdPassed("too many")
    assert ExitCode.THRESHOLD_PASSED == after_fault(error, ledger, plan, tmp_path)
    verdict = ledger.read_verdict(1)
    assert verdict is not None
    assert ("ThresholdPassed", "too many") == (verdict.reason, verdict.message)
    assert texts(store)["job_result.txt"].startswith("too many\n")
    assert verdict.first_error is not None


def test_fault_before_the_plan_is_told_too(tmp_path: Path) -> None:
    """There is nothing to sum up then."""
    store = MemoryStore()
    ledger = a_ledger(store)
    assert ExitCode.CANNOT_START == after_fault(ScriptUnusable("no"), ledger, None, tmp_path)
    assert "No errors.\n" == texts(store)["job_error.txt"]


@pytest.mark.parametrize("error", [Drained("told"), RunnerError("bug"), OutputTaken("another's")])
def test_fault_that_decides_nothing_leaves_the_job_alone(
    error: RunnerError, tmp_path: Path
) -> None:
    """After a drain or a crash the job goes on, and another's folder is not ours to write to."""
    store = MemoryStore()
    ledger, plan = a_scored_job(store)
    before = store.contents()
    assert error.code == after_fault(error, ledger, plan, tmp_path)
    assert before == store.contents()


def test_first_verdict_counts(tmp_path: Path) -> None:
    """Two instances may end the job at once; everybody obeys the first."""
    ledger, plan = a_scored_job(MemoryStore())
    finish(ledger, plan, tmp_path)
    assert ExitCode.SUCCEEDED == after_fault(ScriptUnusable("late"), ledger, plan, tmp_path)


def test_store_that_fails_does_not_hide_why_the_job_ended(tmp_path: Path) -> None:
    """The termination message still tells."""
    store = MemoryStore()
    ledger, plan = a_scored_job(store)

    def fail(verb: str, path: str) -> None:
        raise StorageUnavailable("down", store="memory", path=path, operation=verb)

    store.before = fail
    assert ExitCode.CANNOT_START == after_fault(ScriptUnusable("no"), ledger, plan, tmp_path)
