import dataclasses
import json
from pathlib import Path

import pytest

from batchpoint.cli import summary
from batchpoint.cli.summary import JobResult
from batchpoint_runner.contract import (
    Counts,
    ExitCode,
    FirstError,
    InputSpec,
    JobIdentity,
    OutputAction,
    OutputSpec,
    Progress,
    RunConfig,
    Verdict,
    WorkerSpec,
)

HERE = Path("/home/me")


def a_config(action: OutputAction = OutputAction.APPEND_ROW) -> RunConfig:
    """Of a job that reads and writes below the current folder."""
    return RunConfig(
        job=JobIdentity(name="digits", uid="u", endpoint="e", deployment="d"),
        input=InputSpec(uri="file:///home/me/in"),
        output=OutputSpec(uri="datastore://mine/out", file_name="predictions.csv", action=action),
        workers=WorkerSpec(count=2),
    )


def a_result(code: ExitCode = ExitCode.SUCCEEDED, failed: int = 0, **changes: object) -> JobResult:
    """Of 1,797 files in 4 seconds."""
    counts = Progress(files=Counts(total=1797, done=1797, failed=failed), rows=1797 - failed)
    error = FirstError(item="a.png", type="ValueError", message="not\nan image") if failed else None
    verdict = Verdict(
        code=code,
        reason="Succeeded",
        message="All is well.",
        counts=counts,
        first_error=error,
        output="file:///home/me/out/predictions.csv" if code is ExitCode.SUCCEEDED else None,
    )
    fields: dict[str, object] = {
        "config": a_config(),
        "output_folder": "file:///home/me/out",
        "code": code,
        "verdict": verdict,
        "progress": Progress(),
        "seconds": 4.0,
        "instances": 2,
    }
    return JobResult(**(fields | changes))  # type: ignore[arg-type]


def test_a_success_tells_counts_output_and_pace() -> None:
    """Paths below the current folder are relative."""
    expected = "\n".join(
        [
            "digits succeeded.",
            "  files   1,797 of 1,797, none failed",
            "  rows    1,797",
            "  output  out/predictions.csv",
            "  took    4.0 s, 449 rows/s, 2 instances of 2 workers",
        ]
    )
    assert expected == summary.as_text(a_result(), HERE)


def test_tolerated_failures_are_never_plain_success() -> None:
    """The first error is one line, and the list of all is named."""
    lines = summary.as_text(a_result(failed=2), HERE).splitlines()
    expected = [
        "digits succeeded with 2 failures.",
        "  files        1,797 of 1,797, 2 failed",
        "  rows         1,795",
        "  first error  a.png: ValueError: not an image",
        "  failures     out/failures.jsonl",
    ]
    assert expected == lines[:5]


def test_a_stopped_job_says_how_to_go_on() -> None:
    """Whether or not a runner left a verdict."""
    text = summary.as_text(a_result(ExitCode.DRAINED, verdict=None), HERE)
    expected = "digits was stopped. Nothing is lost: the same command goes on from here."
    assert expected == text.splitlines()[0]


def test_a_failure_gives_the_verdict_in_its_own_words() -> None:
    """The sentence comes from the runner."""
    verdict = Verdict(
        code=ExitCode.INPUT_INVALID, reason="InputInvalid", message="No file matches."
    )
    text = summary.as_text(a_result(ExitCode.INPUT_INVALID, verdict=verdict), HERE)
    assert "digits failed: No file matches." == text.splitlines()[0]


def test_a_crash_shows_the_last_lines_of_the_processes() -> None:
    """Their logs are gone with the scratch folder."""
    result = a_result(ExitCode.CRASHED, verdict=None, log_tail="runner: Killed")
    assert "runner: Killed" == summary.as_text(result, HERE).splitlines()[-1]


def test_a_second_run_says_that_nothing_was_to_do() -> None:
    """And no pace, since nothing ran."""
    lines = summary.as_text(a_result(did_nothing=True), HERE).splitlines()
    assert "digits has succeeded before; there is nothing to do." == lines[0]
    assert "  output  out/predictions.csv" == lines[-1]


def test_instances_that_left_early_do_not_claim_the_job_done() -> None:
    """Another shell has the last chunk in hand."""
    verdict = Verdict(code=ExitCode.SUCCEEDED, reason="LeftEarly", message="Nothing is left.")
    expected = "digits is being finished by another command; nothing is left to do here."
    assert expected == summary.as_text(a_result(verdict=verdict), HERE).splitlines()[0]


def test_logs_are_named_where_there_are_some() -> None:
    """For people and for programs."""
    result = a_result(logs="file:///home/me/out/.batchpoint/u/logs")
    assert "  logs    out/.batchpoint/u/logs" in summary.as_text(result, HERE).splitlines()
    assert "file:///home/me/out/.batchpoint/u/logs" == json.loads(summary.as_json(result))["logs"]
    assert None is json.loads(summary.as_json(a_result()))["logs"]


def test_a_summary_job_points_to_its_folder() -> None:
    """There is no predictions file."""
    config = a_config(OutputAction.SUMMARY_ONLY)
    assert "file:///home/me/out" == summary.output_uri(a_result(config=config, verdict=None))


def test_json_holds_the_verdict_and_what_the_command_knows() -> None:
    """On one line."""
    text = summary.as_json(a_result(failed=1))
    document = json.loads(text)
    assert "\n" not in text
    assert ("digits", 0, 1797, 1) == (
        document["job"],
        document["code"],
        document["counts"]["files"]["total"],
        document["counts"]["files"]["failed"],
    )
    assert "file:///home/me/out/failures.jsonl" == document["failures"]
    assert (2, 2, 4.0, False) == (
        document["instances"],
        document["workersPerInstance"],
        document["seconds"],
        document["alreadyDone"],
    )


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("file:///home/me/a%20b", "a b"),
        ("file:///data/out", "/data/out"),
        ("s3://lake/out", "s3://lake/out"),
    ],
    ids=["below", "elsewhere", "a store"],
)
def test_uris_are_shown_as_people_write_them(uri: str, expected: str) -> None:
    """Local files as paths, stores as they are."""
    assert expected == summary.shown(uri, HERE)


def test_a_script_that_cannot_start_is_shown_with_its_traceback() -> None:
    """Below the sentence, line by line; programs get it as one text."""
    traceback = 'File "score.py", line 3, in init\nKeyError: 1\n'
    verdict = Verdict(
        code=ExitCode.CANNOT_START, reason="ScriptUnusable", message="No.", traceback=traceback
    )
    result = a_result(ExitCode.CANNOT_START, verdict=verdict)
    expected = ['  File "score.py", line 3, in init', "  KeyError: 1"]
    assert expected == summary.as_text(result, HERE).splitlines()[-2:]
    assert traceback == json.loads(summary.as_json(result))["traceback"]


def test_a_first_error_is_told_once() -> None:
    """Where the sentence holds it, no line repeats it."""
    error = FirstError(item="a.csv", type="KeyError", message="'x'")
    message = "All 3 files failed; first a.csv with KeyError: 'x'."
    verdict = Verdict(
        code=ExitCode.THRESHOLD_PASSED, reason="N", message=message, first_error=error
    )
    text = summary.as_text(a_result(ExitCode.THRESHOLD_PASSED, verdict=verdict), HERE)
    assert 1 == text.count("a.csv")


def test_a_job_that_scored_nothing_shows_no_empty_counts() -> None:
    """Zeros would hide the sentence that matters."""
    progress = Progress(files=Counts(total=3))
    verdict = Verdict(code=ExitCode.CANNOT_START, reason="R", message="No.", counts=progress)
    lines = summary.as_text(a_result(ExitCode.CANNOT_START, verdict=verdict), HERE).splitlines()
    assert ["digits failed: No."] == [line for line in lines if "took" not in line]
    assert "rows" not in lines[-1]


def test_what_is_worth_knowing_is_told_though_nothing_failed() -> None:
    """Other versions than the model asks for are the first suspect of odd predictions."""
    result = a_result()
    assert result.verdict is not None
    verdict = result.verdict.model_copy(update={"warnings": ("The image has pandas 3.",)})
    noted = dataclasses.replace(result, verdict=verdict)
    assert "note    The image has pandas 3." in " ".join(summary.as_text(noted, HERE).split("\n"))
    assert ["The image has pandas 3."] == json.loads(summary.as_json(noted))["warnings"]
