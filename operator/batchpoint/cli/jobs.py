"""Runs the jobs of manifests one after another, and shows how they go and how they ended."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from batchpoint.cli import output, preparing, running, summary, supervising
from batchpoint.cli.interruptions import Interruptions
from batchpoint.cli.pairs import Pair
from batchpoint.cli.places import Workplace
from batchpoint.cli.preparing import LocalJob, Request
from batchpoint.cli.progress import Bar, Display, Lines
from batchpoint.cli.summary import JobResult
from batchpoint_runner.contract import ExitCode


def run(
    request: Request,
    workplace: Workplace,
    interruptions: Interruptions,
    ahead: Pair,
    *,
    as_json: bool,
) -> int:
    """Run what is requested and report each result; return the exit code.

    Args:
        request: What the user has typed.
        workplace: With what.
        interruptions: Once asked to stop, the job in hand drains and no other is started.
        ahead: Processes that were started already; for the first job.
        as_json: How to report.

    Raises:
        ManifestsInvalid: Carries all faults of the manifests.
        CommandFailed: A job or datastore is unknown, or options do not fit.
    """
    prepared = preparing.prepare(request, workplace.directory)
    codes = []
    for number, job in enumerate(prepared, start=1):
        result = _run_one(job, workplace, interruptions, ahead if number == 1 else None)
        codes.append(result.code)
        _report(result, as_json)
        if interruptions.count and (waiting := prepared[number:]):
            names = ", ".join(other.config.job.name for other in waiting)
            output.tell(f"Not started: {names}.")
            codes.append(ExitCode.DRAINED)
            break
    return int(supervising.worst(codes))


def _run_one(
    job: LocalJob,
    workplace: Workplace,
    interruptions: Interruptions,
    ahead: Pair | None,
) -> JobResult:
    display = _display(job.config.job.name, plain=workplace.logs_to_stderr)
    try:
        return running.run(job, workplace, display, interruptions, ahead)
    finally:
        display.close()


def _display(job: str, *, plain: bool) -> Display:
    if sys.stderr.isatty() and not plain:
        return Bar(job)
    return Lines(job, output.tell, time.monotonic, lambda: datetime.now(UTC))


def _report(result: JobResult, as_json: bool) -> None:
    if as_json:
        output.answer(summary.as_json(result))
        if result.log_tail:
            output.tell(result.log_tail)
    elif result.code is ExitCode.SUCCEEDED:
        output.answer(summary.as_text(result, Path.cwd()))
    else:
        output.tell(summary.as_text(result, Path.cwd()))
