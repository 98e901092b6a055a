"""The three reports for people beside the output, and the sentences of a verdict (AZURE.md §8).

Texts are pure functions of records. Times are RFC 3339 in UTC, from a clock that is passed. For machines
there are `failures.jsonl`, `manifest.json` and the job's status.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from batchpoint_runner import threshold
from batchpoint_runner.contract import (
    FAILURES,
    REPORT_ERRORS,
    REPORT_PROGRESS,
    REPORT_RESULT,
    Counts,
    ExitCode,
    FirstError,
    OutputAction,
    Progress,
    RunConfig,
    Verdict,
)
from batchpoint_runner.errors import ObjectNotFound
from batchpoint_runner.grouping import ErrorGroup
from batchpoint_runner.ledger import Ledger
from batchpoint_runner.merging.merged import Merged

PROGRESS_SECONDS = 10.0
"""Between two lines of progress, at least."""

PROGRESS_BYTES = 256 * 1024
"""For each of these that the report has grown to, lines come `PROGRESS_SECONDS` less often, because the
whole report is written each time."""

WARNINGS = 5
"""Told with the verdict; the manifest has more of them."""

NO_ERRORS = "No errors.\n"

SUCCEEDED = "Succeeded"
"""Every file has its result."""
SUCCEEDED_WITH_FAILURES = "SucceededWithFailures"
"""Some files failed, no more than errorThreshold tolerates."""
THRESHOLD_PASSED = "ThresholdPassed"
"""More files failed than errorThreshold tolerates."""
NOTHING_SUCCEEDED = "NothingSucceeded"
"""Not one file has a result: a failure whatever errorThreshold says."""


def verdict_of(merged: Merged, config: RunConfig) -> Verdict:
    """Decide how a job ended whose chunks are all final and merged."""
    code, reason, message = _decision(merged, config)
    return Verdict(
        code=code,
        reason=reason,
        message=message,
        first_error=merged.first_error,
        counts=counts_of(merged),
        output=output_uri(config) if merged.output is not None else None,
        warnings=merged.warnings[:WARNINGS],
    )


def counts_of(merged: Merged) -> Progress:
    """Return the totals of a job that is over."""
    batches = merged.mini_batches
    return Progress(
        mini_batches=Counts(total=batches, done=batches, retried=merged.retried),
        files=Counts(total=merged.files, done=merged.files, failed=merged.failed),
        rows=merged.rows,
        eta_seconds=0,
        display=f"{batches}/{batches}",
        phase="Finished",
    )


def output_uri(config: RunConfig) -> str:
    """Return where the merged rows are."""
    return f"{config.output.uri.rstrip('/')}/{config.output.file_name}"


def rerun_of(config: RunConfig) -> str:
    """Return the line of a manifest that makes a new job score again what failed in this one."""
    return f"`rerun: {{job: {config.job.name}, only: Failed}}`"


def _decision(merged: Merged, config: RunConfig) -> tuple[ExitCode, str, str]:
    failed, files, allowed = merged.failed, merged.files, config.error_threshold
    look = f"See {FAILURES} and {REPORT_ERRORS} beside the output"
    again = f"a job with {rerun_of(config)} scores"
    if threshold.nothing_succeeded(files, failed):
        which = "The only file" if files == 1 else f"All {files:,} files"
        message = (
            f"{which} failed{_first(merged.first_error)} {look}. This job does not score them again; "
            f"after the repair {again} them."
        )
        return ExitCode.THRESHOLD_PASSED, NOTHING_SUCCEEDED, message
    if threshold.is_passed(failed, allowed):
        message = (
            f"{_counted(failed, 'file')} of {files:,} failed and errorThreshold tolerates {allowed:,}. "
            f"{look}. After the repair {again} only those."
        )
        return ExitCode.THRESHOLD_PASSED, THRESHOLD_PASSED, message
    if failed:
        message = (
            f"The job succeeded with {_counted(failed, 'failure')}: {merged.succeeded:,} of {files:,} "
            f"files gave {_counted(merged.rows, 'row')}. {look}; {again} only the failed ones."
        )
        return ExitCode.SUCCEEDED, SUCCEEDED_WITH_FAILURES, message
    which = "its only file" if files == 1 else f"all {files:,} files"
    message = f"The job succeeded: {which} gave {_counted(merged.rows, 'row')}."
    return ExitCode.SUCCEEDED, SUCCEEDED, message


# -- job_error.txt -------------------------------------------------------------------------------------


def errors_text(
    errors: Iterable[ErrorGroup], *, others: int = 0, unusable: Verdict | None = None
) -> str:
    """Return the text of `job_error.txt`: a block for each distinct error.

    Args:
        errors: Most frequent first.
        others: Failures that are in none of them.
        unusable: The verdict, if user code could not start: its error comes first.
    """
    blocks = [_block(error) for error in errors]
    if unusable is not None and unusable.traceback:
        traceback = unusable.traceback.rstrip("\n")
        blocks.insert(0, f"{_one_line(unusable.message)}\n{traceback}\n")
    if others:
        blocks.append(f"{_counted(others, 'more failure')} with further errors. See {FAILURES}.\n")
    return "\n".join(blocks) if blocks else NO_ERRORS


def _block(error: ErrorGroup) -> str:
    first = error.first
    lines = [
        f"{_counted(error.count, 'failure')}: {first.type}: {first.message}",
        f"First file: {first.item}",
        f"Attempts: {first.attempts}",
    ]
    if first.candidates:
        lines.append(f"One of {len(first.candidates)} files: {', '.join(first.candidates[:10])}")
    if first.traceback:
        lines.append(first.traceback.rstrip("\n"))
    return "\n".join(lines) + "\n"


# -- job_result.txt ------------------------------------------------------------------------------------


def result_text(
    config: RunConfig,
    verdict: Verdict,
    merged: Merged | None,
    *,
    started: datetime | None,
    finished: datetime,
) -> str:
    """Return the text of `job_result.txt`: the verdict in a sentence, then ``key: value`` lines.

    Args:
        config: Of the job.
        verdict: How it ended.
        merged: What it came to; None when it ended before there was a plan. Its numbers are left out
            when no file came to an end.
        started: None when it is not known.
        finished: When the verdict was made.
    """
    facts: dict[str, object] = {
        "job": config.job.name,
        "endpoint": config.job.endpoint,
        "deployment": config.job.deployment,
        "started": "unknown" if started is None else time_text(started),
        "finished": time_text(finished),
    }
    # Of a job that could not start the numbers would all be 0, as if its input were empty.
    if merged is not None and merged.files:
        facts |= {
            "instances": merged.instances,
            "mini-batches": merged.mini_batches,
            "files": merged.files,
            "succeeded": merged.succeeded,
            "failed": merged.failed,
            "retried": merged.retried,
            "rows": merged.rows,
        }
    folder = config.output.uri.rstrip("/")
    facts["output"] = _output_text(config, verdict)
    facts["failures file"] = (
        f"{folder}/{FAILURES}" if merged is not None and merged.failed else "none"
    )
    error = verdict.first_error
    facts["first error"] = (
        "none" if error is None else _one_line(f"{error.item}: {error.type}: {error.message}")
    )
    facts["what to do"] = what_to_do(config, verdict)
    lines = [_one_line(verdict.message), *(f"{key}: {value}" for key, value in facts.items())]
    lines += [f"warning: {_one_line(warning)}" for warning in verdict.warnings]
    return "\n".join(lines) + "\n"


def what_to_do(config: RunConfig, verdict: Verdict) -> str:
    """Return the advice that goes with a verdict."""
    rerun = f"then create a job with {rerun_of(config)}, which scores only what failed"
    match verdict.code:
        case ExitCode.SUCCEEDED if verdict.reason == SUCCEEDED_WITH_FAILURES:
            return f"read {FAILURES}, repair the files or the script, {rerun}"
        case ExitCode.SUCCEEDED:
            return "nothing"
        case ExitCode.THRESHOLD_PASSED:
            advice = f"read {REPORT_ERRORS}, repair the files or the script, {rerun}"
            is_tolerable = verdict.reason == THRESHOLD_PASSED
            return f"{advice}; or raise errorThreshold" if is_tolerable else advice
        case ExitCode.CANNOT_START:
            return "repair the model or the script, then run the job again"
        case ExitCode.OUTPUT_TAKEN:
            return "give the job another output folder or file name, or move away what is there"
        case ExitCode.INPUT_INVALID:
            return (
                "correct the input's URI, its patterns or its credentials, then run the job again"
            )
        case ExitCode.WRONG_CONFIGURATION:
            return "correct the deployment as the first line says, then run the job again"
        case ExitCode.DRAINED:
            return "nothing: the job goes on where it was stopped"
        case ExitCode.CRASHED:
            return "read the first line and the runner's log; run the job again to go on where it stopped"


def _output_text(config: RunConfig, verdict: Verdict) -> str:
    if verdict.output is not None:
        return verdict.output
    is_summary = config.output.action is OutputAction.SUMMARY_ONLY
    return config.output.uri if is_summary and verdict.code == ExitCode.SUCCEEDED else "none"


# -- job_progress_overview.txt -------------------------------------------------------------------------


def begun_sentence(progress: Progress) -> str:
    """Return what a process tells when it has a plan: its first words, or that an earlier one got further."""
    if progress.files.done:
        done, files = progress.files.done, progress.files.total
        return f"Going on: {done:,} of {_counted(files, 'file')} are done."
    batches, files = progress.mini_batches.total, progress.files.total
    return f"Scheduling is done: {_counted(batches, 'mini-batch')} of {_counted(files, 'file')}."


def progress_sentence(progress: Progress, elapsed_seconds: float) -> str:
    """Return one line of progress."""
    batches, files = progress.mini_batches, progress.files
    if progress.phase == "Preparing" or not batches.total:
        return "The input is being listed."
    if progress.phase == "Finalizing":
        text = "All mini-batches are processed; their rows are put together"
    elif not batches.done:
        text = f"None of {_counted(batches.total, 'mini-batch')} is processed yet"
    else:
        text = (
            f"{batches.done:,} of {_counted(batches.total, 'mini-batch')} processed in "
            f"{duration_text(elapsed_seconds)}"
        )
        if progress.eta_seconds is not None:
            text += f", about {duration_text(progress.eta_seconds)} left"
    return (
        f"{text}; {files.done:,} of {_counted(files.total, 'file')}, "
        f"{_counted(progress.rows, 'row')}, {files.failed:,} failed, {batches.retried:,} retried."
    )


class ProgressReport:
    """Writes `job_progress_overview.txt`. One instance of a job writes it; one thread at a time.

    A new process goes on with the lines that are there.

    Args:
        ledger: Of the job.
        now: The time of day, in UTC.
        monotonic: Seconds, for waits.
    """

    def __init__(
        self, ledger: Ledger, *, now: Callable[[], datetime], monotonic: Callable[[], float]
    ) -> None:
        self._ledger = ledger
        self._path = ledger.at(REPORT_PROGRESS)
        self._now = now
        self._monotonic = monotonic
        self._text = self._read()
        self._last = float("-inf")
        self.started = started_of(self._text)
        """When the first line was written, by whichever process; None before."""

    def note(self, sentence: str) -> None:
        """Add a line at once."""
        now = self._now()
        self.started = self.started or now
        self._text += f"{time_text(now)} {_one_line(sentence)}\n"
        self._last = self._monotonic()
        self._ledger.store.replace(self._path, self._text.encode("utf-8", "backslashreplace"))

    def show(self, progress: Progress) -> bool:
        """Add a line of progress, unless one was added a moment ago; say whether it was."""
        wait = PROGRESS_SECONDS * (1 + len(self._text) // PROGRESS_BYTES)
        if self._monotonic() - self._last < wait:
            return False
        began = self.started or self._now()
        elapsed = max(0.0, (self._now() - began).total_seconds())
        self.note(progress_sentence(progress, elapsed))
        return True

    def _read(self) -> str:
        try:
            return self._ledger.store.read(self._path).decode("utf-8", "replace")
        except ObjectNotFound:
            return ""


def started_of(report: str) -> datetime | None:
    """Return the time of a progress report's first line; None if it has none."""
    try:
        return datetime.strptime(report[:20], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def write_reports(
    ledger: Ledger,
    config: RunConfig,
    verdict: Verdict,
    merged: Merged | None,
    *,
    started: datetime | None,
    finished: datetime,
) -> None:
    """Write `job_error.txt` and `job_result.txt` of a job that is over. May be repeated."""
    errors = merged.errors if merged is not None else ()
    others = merged.other_errors if merged is not None else 0
    result = result_text(config, verdict, merged, started=started, finished=finished)
    for name, text in (
        (REPORT_ERRORS, errors_text(errors, others=others, unusable=verdict)),
        (REPORT_RESULT, result),
    ):
        ledger.store.replace(ledger.at(name), text.encode("utf-8", "backslashreplace"))


# -- words ---------------------------------------------------------------------------------------------


def time_text(moment: datetime) -> str:
    """Return RFC 3339 in UTC, whole seconds."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def duration_text(seconds: float) -> str:
    """Return ``h:mm:ss``; fractions are cut off."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def _counted(count: int, noun: str) -> str:
    """Return ``1 row``, ``2 rows``, ``1,797 mini-batches``."""
    plural = f"{noun}es" if noun.endswith("ch") else f"{noun}s"
    return f"{count:,} {noun if count == 1 else plural}"


def _first(error: FirstError | None) -> str:
    if error is None:
        return "."
    return f"; first {error.item} with {error.type}: {error.message.rstrip('.')}."


def _one_line(text: str) -> str:
    return " ".join(text.split())
