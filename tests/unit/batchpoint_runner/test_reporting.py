"""Reports for people: their sentences, and how the progress report grows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from batchpoint_runner import reporting
from batchpoint_runner.contract import (
    REPORT_ERRORS,
    REPORT_PROGRESS,
    REPORT_RESULT,
    Counts,
    ExitCode,
    FirstError,
    OutputAction,
    OutputSpec,
    Progress,
    Verdict,
)
from batchpoint_runner.grouping import ErrorGroup
from batchpoint_runner.reporting import PROGRESS_BYTES, ProgressReport
from batchpoint_runner.storage.memory import MemoryStore
from support.builders import a_config, a_ledger
from support.published import a_failure, a_merged

START = datetime(2026, 11, 21, 4, 31, 8, 999_999, tzinfo=UTC)
ERROR = FirstError(item="0001.csv", type="ValueError", message="bad value.")


@dataclass
class Clock:
    """Both clocks of a process, moved by hand."""

    seconds: float = 0.0

    def now(self) -> datetime:
        """Return the time of day."""
        return START + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        """Return seconds since some moment."""
        return self.seconds


# -- the verdict ---------------------------------------------------------------------------------------


def test_all_files_succeeded() -> None:
    """The plain success that a person hopes for."""
    found = reporting.verdict_of(a_merged(files=1797, rows=1797), a_config())
    assert (ExitCode.SUCCEEDED, "Succeeded") == (found.code, found.reason)
    assert "The job succeeded: all 1,797 files gave 1,797 rows." == found.message
    assert "memory://test/out/predictions.csv" == found.output
    assert found.first_error is None


def test_success_with_failures_says_so() -> None:
    """Never plain success; it says where to look, and what a rerun does."""
    merged = a_merged(failed=2, first_error=ERROR)
    found = reporting.verdict_of(merged, a_config())
    assert (ExitCode.SUCCEEDED, "SucceededWithFailures") == (found.code, found.reason)
    assert (
        "The job succeeded with 2 failures: 8 of 10 files gave 100 rows. See failures.jsonl and "
        "job_error.txt beside the output; a job with `rerun: {job: job, only: Failed}` scores only the "
        "failed ones."
    ) == found.message
    assert ERROR == found.first_error


@pytest.mark.parametrize(
    ("failed", "allowed", "expected"),
    [
        (0, 0, "Succeeded"),
        (2, -1, "SucceededWithFailures"),
        (2, 2, "SucceededWithFailures"),
        (3, 2, "ThresholdPassed"),
        (1, 0, "ThresholdPassed"),
        (10, -1, "NothingSucceeded"),
        (10, 20, "NothingSucceeded"),
        (10, 2, "NothingSucceeded"),
    ],
)
def test_the_threshold_decides(failed: int, allowed: int, expected: str) -> None:
    """-1 tolerates all but that nothing succeeds; k tolerates exactly k."""
    found = reporting.verdict_of(a_merged(failed=failed), a_config(error_threshold=allowed))
    assert expected == found.reason
    is_good = expected.startswith("Succeeded")
    assert (ExitCode.SUCCEEDED if is_good else ExitCode.THRESHOLD_PASSED) == found.code


def test_too_many_failures_are_counted_in_the_message() -> None:
    """With what is tolerated, and where to look."""
    found = reporting.verdict_of(a_merged(failed=3), a_config(error_threshold=2))
    assert found.message.startswith("3 files of 10 failed and errorThreshold tolerates 2. See ")


def test_when_nothing_succeeded_the_first_error_is_in_the_message() -> None:
    """Most likely it is the error of all."""
    found = reporting.verdict_of(a_merged(failed=10, first_error=ERROR), a_config())
    assert (
        "All 10 files failed; first 0001.csv with ValueError: bad value. See failures.jsonl and "
        "job_error.txt beside the output. This job does not score them again; after the repair a job "
        "with `rerun: {job: job, only: Failed}` scores them."
    ) == found.message


def test_the_verdict_holds_the_totals() -> None:
    """For the status of the job, when the pods are gone."""
    found = reporting.verdict_of(a_merged(failed=2, retried=4), a_config()).counts
    assert Counts(total=5, done=5, retried=4) == found.mini_batches
    assert Counts(total=10, done=10, failed=2) == found.files
    assert (100, "5/5", "Finished") == (found.rows, found.display, found.phase)


def test_without_rows_there_is_no_output() -> None:
    """Under SummaryOnly nothing is merged."""
    assert None is reporting.verdict_of(a_merged(output=None), a_config()).output


# -- job_error.txt -------------------------------------------------------------------------------------


def test_errors_are_blocks() -> None:
    """Count, first file, attempts, full traceback."""
    error = a_failure(1, attempts=4, traceback="Raised at score.py, line 3, in run\nTraceback\n")
    gap = a_failure(7, "ShortResult", candidates=("0007.csv", "0008.csv"))
    groups = [ErrorGroup(first=error, count=1200), ErrorGroup(first=gap, count=1)]
    assert (
        "1,200 failures: ValueError: bad value\n"
        "First file: 0001.csv\n"
        "Attempts: 4\n"
        "Raised at score.py, line 3, in run\n"
        "Traceback\n"
        "\n"
        "1 failure: ShortResult: bad value\n"
        "First file: 0007.csv\n"
        "Attempts: 1\n"
        "One of 2 files: 0007.csv, 0008.csv\n"
        "\n"
        "3 more failures with further errors. See failures.jsonl.\n"
    ) == reporting.errors_text(groups, others=3)


def test_no_errors_are_said_to_be_none() -> None:
    """An empty file would leave doubts."""
    assert "No errors.\n" == reporting.errors_text([])


# -- job_result.txt ------------------------------------------------------------------------------------


def result_of(verdict: Verdict, **changes: Any) -> list[str]:
    """Return the lines of the result."""
    values: dict[str, Any] = {
        "merged": a_merged(failed=1, retried=3),
        "started": START,
        "finished": START + timedelta(minutes=2),
    }
    config = changes.pop("config", a_config())
    values |= changes
    merged = values.pop("merged")
    return reporting.result_text(config, verdict, merged, **values).splitlines()


def test_the_result_is_the_verdict_and_facts() -> None:
    """First one sentence, then what a person asks next."""
    verdict = reporting.verdict_of(a_merged(failed=1, first_error=ERROR), a_config())
    assert [
        verdict.message,
        "job: job",
        "endpoint: endpoint",
        "deployment: deployment",
        "started: 2026-11-21T04:31:08Z",
        "finished: 2026-11-21T04:33:08Z",
        "instances: 2",
        "mini-batches: 5",
        "files: 10",
        "succeeded: 9",
        "failed: 1",
        "retried: 3",
        "rows: 100",
        "output: memory://test/out/predictions.csv",
        "failures file: memory://test/out/failures.jsonl",
        "first error: 0001.csv: ValueError: bad value.",
        "what to do: read failures.jsonl, repair the files or the script, then create a job with "
        "`rerun: {job: job, only: Failed}`, which scores only what failed",
    ] == result_of(verdict)


def test_a_job_that_ended_before_its_plan_has_a_result_too() -> None:
    """What is not known is not invented."""
    verdict = Verdict(code=ExitCode.INPUT_INVALID, reason="InputInvalid", message="Not\nfound.")
    found = result_of(verdict, merged=None, started=None)
    assert "Not found." == found[0]
    assert "started: unknown" in found
    assert "output: none" in found
    assert "failures file: none" in found
    assert "first error: none" in found
    assert not [line for line in found if line.startswith("rows:")]


def test_a_job_that_could_not_start_has_no_numbers() -> None:
    """Its input is not empty; nobody has looked at it."""
    verdict = Verdict(code=ExitCode.CANNOT_START, reason="ScriptUnusable", message="No.")
    found = result_of(verdict, merged=a_merged(files=0, mini_batches=0, rows=0))
    numbers = ("instances:", "mini-batches:", "files:", "succeeded:", "rows:")
    assert [] == [line for line in found if line.startswith(numbers)]


def test_the_output_of_a_summary_is_its_folder() -> None:
    """The files of user code are there."""
    action = OutputAction.SUMMARY_ONLY
    output = OutputSpec(uri="memory://test/out", file_name="f", action=action)
    config = a_config(output=output)
    verdict = reporting.verdict_of(a_merged(output=None), config)
    assert "output: memory://test/out" in result_of(verdict, config=config)


@pytest.mark.parametrize("code", list(ExitCode))
def test_every_end_comes_with_advice(code: ExitCode) -> None:
    """There is something to do, or it is said that there is not."""
    verdict = Verdict(code=code, reason="R", message="M.")
    assert reporting.what_to_do(a_config(), verdict)


@pytest.mark.parametrize(
    ("reason", "expected"), [("ThresholdPassed", True), ("NothingSucceeded", False)]
)
def test_a_higher_threshold_is_advised_only_where_it_helps(reason: str, expected: bool) -> None:
    """A job without a single result fails whatever is tolerated."""
    verdict = Verdict(code=ExitCode.THRESHOLD_PASSED, reason=reason, message="M.")
    advice = reporting.what_to_do(a_config(), verdict)
    assert expected == advice.endswith("; or raise errorThreshold")
    assert "a job with `rerun: {job: job, only: Failed}`" in advice


# -- job_progress_overview.txt -------------------------------------------------------------------------


def running(done: int, **changes: Any) -> Progress:
    """Return the progress of a job of 180 mini-batches."""
    values: dict[str, Any] = {
        "mini_batches": Counts(total=180, done=done, retried=2),
        "files": Counts(total=1797, done=10 * done, failed=1),
        "rows": 1000 * done,
        "eta_seconds": 121,
        "phase": "Running",
    }
    return Progress(**(values | changes))


@pytest.mark.parametrize(
    ("progress", "expected"),
    [
        (Progress(), "The input is being listed."),
        (
            running(0, eta_seconds=None),
            "None of 180 mini-batches is processed yet; 0 of 1,797 files, 0 rows, 1 failed, "
            "2 retried.",
        ),
        (
            running(63),
            "63 of 180 mini-batches processed in 1:01:05, about 0:02:01 left; 630 of 1,797 files, "
            "63,000 rows, 1 failed, 2 retried.",
        ),
        (
            running(63, eta_seconds=None),
            "63 of 180 mini-batches processed in 1:01:05; 630 of 1,797 files, 63,000 rows, 1 failed, "
            "2 retried.",
        ),
        (
            running(180, phase="Finalizing"),
            "All mini-batches are processed; their rows are put together; 1,800 of 1,797 files, "
            "180,000 rows, 1 failed, 2 retried.",
        ),
    ],
)
def test_progress_is_told_in_a_sentence(progress: Progress, expected: str) -> None:
    """As Azure's users know it, with files, rows, failures and retries."""
    assert expected == reporting.progress_sentence(progress, 3665.9)


def test_the_plan_is_told() -> None:
    """How much there is to do."""
    expected = "Scheduling is done: 180 mini-batches of 1,797 files."
    assert expected == reporting.begun_sentence(running(0))


def test_a_process_that_goes_on_says_from_where() -> None:
    """The plan was made by an earlier one, which told so."""
    progress = Progress(files=Counts(total=30, done=6))
    assert "Going on: 6 of 30 files are done." == reporting.begun_sentence(progress)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0:00:00"), (59.9, "0:00:59"), (3600, "1:00:00"), (90_061, "25:01:01")],
)
def test_durations_are_hours(seconds: float, expected: str) -> None:
    """Days are hours, too."""
    assert expected == reporting.duration_text(seconds)


def a_report(store: MemoryStore, clock: Clock) -> ProgressReport:
    """Return the report of a new process."""
    return ProgressReport(a_ledger(store), now=clock.now, monotonic=clock.monotonic)


def lines_of(store: MemoryStore) -> list[str]:
    """Return the lines of the progress report."""
    return store.contents()[f"out/{REPORT_PROGRESS}"].decode().splitlines()


def test_progress_comes_at_most_every_ten_seconds() -> None:
    """Notes come at once, and count as a line."""
    store, clock = MemoryStore(), Clock()
    report = a_report(store, clock)
    report.note("The job began.")
    shown = []
    for clock.seconds in (0.0, 9.9, 10.0, 15.0, 19.9, 20.0):
        shown.append(report.show(running(int(clock.seconds))))
    assert [False, False, True, False, False, True] == shown
    assert "2026-11-21T04:31:08Z The job began." == lines_of(store)[0]
    expected = "2026-11-21T04:31:18Z 10 of 180 mini-batches processed in 0:00:10, about"
    assert lines_of(store)[1].startswith(expected)
    assert 3 == len(lines_of(store))


def test_a_new_process_goes_on_with_the_lines_that_are_there() -> None:
    """Elapsed time counts from the first line, whichever process wrote it."""
    store, clock = MemoryStore(), Clock()
    a_report(store, clock).note("The job began.")
    clock.seconds = 3600
    report = a_report(store, clock)
    assert START.replace(microsecond=0) == report.started
    assert report.show(running(63))
    first, second = lines_of(store)
    assert first.endswith("The job began.")
    assert "processed in 1:00:00," in second


def test_a_long_report_grows_slower() -> None:
    """It is written as a whole each time; a week of lines must not become a load."""
    store, clock = MemoryStore(), Clock()
    store.fill({f"out/{REPORT_PROGRESS}": b"2026-11-21T04:31:08Z x\n" + b"y" * PROGRESS_BYTES})
    report = a_report(store, clock)
    report.note("Again.")
    clock.seconds = 19.9
    assert not report.show(running(1))
    clock.seconds = 20.0
    assert report.show(running(1))


def test_a_sentence_is_one_line() -> None:
    """Whatever is in a message of user code."""
    store, clock = MemoryStore(), Clock()
    a_report(store, clock).note("two\nlines \udc80")
    assert ["2026-11-21T04:31:08Z two lines \\udc80"] == lines_of(store)


@pytest.mark.parametrize("text", ["", "no time\n", "2026-13-99T04:31:08Z x\n"])
def test_a_report_without_times_has_no_start(text: str) -> None:
    """Somebody has edited it, perhaps."""
    assert None is reporting.started_of(text)


def test_reports_are_written_again_without_effect() -> None:
    """A crash between them is repaired by the next process."""
    ledger = a_ledger()
    assert isinstance(ledger.store, MemoryStore)
    group = ErrorGroup(first=a_failure(1), count=1)
    merged = a_merged(failed=1, errors=(group,), first_error=ERROR)
    verdict = reporting.verdict_of(merged, a_config())
    for _ in range(2):
        reporting.write_reports(ledger, a_config(), verdict, merged, started=START, finished=START)
        assert {f"out/{REPORT_ERRORS}", f"out/{REPORT_RESULT}"} == ledger.store.contents().keys()
    assert b"1 failure: ValueError" in ledger.store.contents()[f"out/{REPORT_ERRORS}"]
    assert b"succeeded: 9\n" in ledger.store.contents()[f"out/{REPORT_RESULT}"]
