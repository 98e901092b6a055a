"""What `batchpoint run` says when a job has ended: a few aligned lines for people, one object for programs.

Pure: a `JobResult` in, text out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from batchpoint.cli import progress as progress_texts
from batchpoint_runner.contract import (
    FAILURES,
    ExitCode,
    OutputAction,
    Progress,
    RunConfig,
    Verdict,
)

LEFT_EARLY = "LeftEarly"
"""Reason of an instance that leaves because others will surely finish."""

MOST_ERROR_CHARACTERS = 300
"""Of a first error's message; all of it is in the failures file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult:
    """How one job ended, as far as this process knows."""

    config: RunConfig
    output_folder: str
    """URI of the results, without a trailing slash, its datastore resolved."""
    code: ExitCode
    verdict: Verdict | None
    """None when no runner left one, as after a crash or a second Ctrl-C."""
    progress: Progress
    """The last one seen."""
    seconds: float
    """Wall clock, start of processes included."""
    instances: int
    log_tail: str = ""
    """The last lines of runner and host after a crash."""
    logs: str = ""
    """URI of the folder with what user code printed; empty where there is none."""
    did_nothing: bool = False
    """The job had succeeded before; nothing was scored."""

    @property
    def counts(self) -> Progress:
        """The verdict's counts, or where it has none the last progress seen."""
        if self.verdict and self.verdict.counts.files.total:
            return self.verdict.counts
        return self.progress


def as_text(result: JobResult, here: Path) -> str:
    """Return the closing lines, the first of them a sentence.

    Args:
        result: What to tell.
        here: The current folder; paths below it are shown relative to it.
    """
    facts = _facts(result, here)
    width = max((len(name) for name, _ in facts), default=0)
    lines = [_headline(result), *(f"  {name:<{width}}  {text}" for name, text in facts)]
    if result.verdict and result.verdict.traceback:
        lines += [f"  {line}" for line in result.verdict.traceback.rstrip("\n").splitlines()]
    return "\n".join([*lines, result.log_tail] if result.log_tail else lines)


def as_json(result: JobResult) -> str:
    """Return one line of JSON: the verdict's fields, and what only this process knows."""
    verdict = result.verdict
    document = {
        "job": result.config.job.name,
        "code": int(result.code),
        "reason": verdict.reason if verdict else result.code.name.title().replace("_", ""),
        "message": verdict.message if verdict else _headline(result),
        "alreadyDone": result.did_nothing,
        "traceback": verdict.traceback if verdict else None,
        "firstError": verdict.first_error.model_dump(by_alias=True)
        if verdict and verdict.first_error
        else None,
        "counts": result.counts.model_dump(by_alias=True),
        "output": output_uri(result) if result.code is ExitCode.SUCCEEDED else None,
        "failures": failures_uri(result) if result.counts.files.failed else None,
        "logs": result.logs or None,
        "warnings": list(verdict.warnings) if verdict else [],
        "seconds": round(result.seconds, 3),
        "instances": result.instances,
        "workersPerInstance": result.config.workers.count,
    }
    return json.dumps(document, ensure_ascii=False)


def output_uri(result: JobResult) -> str:
    """Return where the rows are, or the output folder of a job that leaves none."""
    output = result.config.output
    if output.action is OutputAction.SUMMARY_ONLY:
        return result.output_folder
    return f"{result.output_folder}/{output.file_name}"


def failures_uri(result: JobResult) -> str:
    """Return where the list of failures is."""
    return f"{result.output_folder}/{FAILURES}"


def shown(uri: str, here: Path) -> str:
    """Return a URI as people like to see it: local files as paths, relative where they lie below."""
    parts = urlsplit(uri)
    if parts.scheme not in ("file", ""):
        return uri
    path = Path(unquote(parts.path))
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _headline(result: JobResult) -> str:
    job, failed = result.config.job.name, result.counts.files.failed
    if result.did_nothing:
        return f"{job} has succeeded before; there is nothing to do."
    if result.verdict and result.verdict.reason == LEFT_EARLY:
        return f"{job} is being finished by another command; nothing is left to do here."
    if result.code is ExitCode.SUCCEEDED:
        failures = "failure" if failed == 1 else "failures"
        return f"{job} succeeded with {failed:,} {failures}." if failed else f"{job} succeeded."
    if result.code is ExitCode.DRAINED:
        return f"{job} was stopped. Nothing is lost: the same command goes on from here."
    why = result.verdict.message if result.verdict else "its processes crashed again and again."
    return f"{job} failed: {why}"


def _facts(result: JobResult, here: Path) -> list[tuple[str, str]]:
    counts = result.counts
    facts: list[tuple[str, str]] = []
    if counts.files.done or (result.code is ExitCode.SUCCEEDED and counts.files.total):
        failed = f"{counts.files.failed:,} failed" if counts.files.failed else "none failed"
        facts.append(("files", f"{counts.files.done:,} of {counts.files.total:,}, {failed}"))
        facts.append(("rows", f"{counts.rows:,}"))
    if result.verdict and (error := result.verdict.first_error) and not _is_told(result.verdict):
        message = " ".join(error.message.split())[:MOST_ERROR_CHARACTERS]
        facts.append(("first error", f"{error.item}: {error.type}: {message}"))
    if counts.files.failed:
        facts.append(("failures", shown(failures_uri(result), here)))
    if result.code is ExitCode.SUCCEEDED:
        facts.append(("output", shown(output_uri(result), here)))
    if result.verdict:
        facts += [("note", " ".join(warning.split())) for warning in result.verdict.warnings]
    if result.logs:
        facts.append(("logs", shown(result.logs, here)))
    if not result.did_nothing:
        facts.append(("took", _took(result)))
    return facts


def _is_told(verdict: Verdict) -> bool:
    """Whether the sentence holds the first error already, so that nobody has to read it twice."""
    error = verdict.first_error
    return error is not None and f"{error.item} with {error.type}" in verdict.message


def _took(result: JobResult) -> str:
    workers = result.config.workers.count
    facts = [f"{result.seconds:.1f} s"]
    if result.counts.rows and result.seconds:
        facts.append(progress_texts.rate(result.counts.rows / result.seconds))
    facts.append(f"{_counted(result.instances, 'instance')} of {_counted(workers, 'worker')}")
    return ", ".join(facts)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
