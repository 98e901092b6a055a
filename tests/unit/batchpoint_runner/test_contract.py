"""The models between operator and runner, and the ledger's names."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from batchpoint_runner.contract import (
    TERMINATION_MESSAGE_BYTES,
    Counts,
    ExitCode,
    FirstError,
    LedgerPaths,
    Progress,
    RunConfig,
    Verdict,
)
from support import builders

LEAST = {
    "job": {"name": "j", "uid": "u", "endpoint": "e", "deployment": "d"},
    "input": {"uri": "s3://in"},
    "output": {"uri": "s3://out", "fileName": "p.csv"},
}


def test_the_least_configuration_has_sensible_values() -> None:
    """What a deployment need not say."""
    config = RunConfig.model_validate(LEAST)
    assert (1, 1, 10, -1, 3, 30) == (
        config.attempt,
        config.instance_count,
        config.mini_batch_size,
        config.error_threshold,
        config.retry.max_retries,
        config.retry.timeout_seconds,
    )


def test_json_is_camel_case_and_comes_back() -> None:
    """The operator writes it, the runner reads it."""
    config = builders.a_config(error_threshold=5)
    text = config.model_dump_json(by_alias=True)
    assert '"miniBatchSize":1' in text
    assert '"timeoutSeconds":30' in text
    assert config == RunConfig.model_validate_json(text)


@pytest.mark.parametrize(
    "change",
    [
        {"surprise": 1},
        {"miniBatchSize": 0},
        {"errorThreshold": -2},
        {"instanceCount": 0},
        {"retry": {"maxRetries": -1}},
        {"retry": {"timeoutSeconds": 0}},
        {"job": {"name": "j", "uid": "../up", "endpoint": "e", "deployment": "d"}},
        {"job": {"name": "j", "uid": "", "endpoint": "e", "deployment": "d"}},
    ],
    ids=str,
)
def test_a_wrong_configuration_is_refused(change: dict[str, object]) -> None:
    """Unknown keys too: an older runner must not ignore what a newer operator asks for."""
    with pytest.raises(ValidationError):
        RunConfig.model_validate(LEAST | change)


def test_a_configuration_cannot_be_changed() -> None:
    """It is pinned."""
    with pytest.raises(ValidationError, match="frozen"):
        builders.a_config().mini_batch_size = 5  # type: ignore[misc]


def test_exit_codes_are_those_of_the_pod_failure_policy() -> None:
    """Written into Jobs that may outlive this version."""
    assert [0, 1, 10, 11, 12, 13, 14, 20] == [int(code) for code in ExitCode]


@settings(deadline=None)
@given(
    message=st.text(max_size=3000),
    item=st.text(max_size=3000),
    error=st.text(max_size=3000),
    repeat=st.integers(1, 20),
)
def test_a_termination_message_fits_and_is_whole_json(
    message: str, item: str, error: str, repeat: int
) -> None:
    """Whatever users call their files and errors; sentences are cut, fields never."""
    verdict = Verdict(
        code=ExitCode.THRESHOLD_PASSED,
        reason="ThresholdPassed",
        message=message * repeat,
        first_error=FirstError(item=item * repeat, type="ValueError", message=error * repeat),
        traceback=error * repeat,
        counts=Progress(files=Counts(total=10**12, done=10**12)),
        output="s3://bucket/" + "x" * 500,
    )
    text = verdict.as_termination_message()
    assert len(text.encode()) <= TERMINATION_MESSAGE_BYTES
    read = Verdict.model_validate(json.loads(text))
    assert (verdict.code, verdict.reason, verdict.counts, verdict.output) == (
        read.code,
        read.reason,
        read.counts,
        read.output,
    )
    assert read.first_error is not None


def test_a_short_termination_message_is_not_cut() -> None:
    """It is the verdict itself."""
    verdict = Verdict(code=ExitCode.SUCCEEDED, reason="Succeeded", message="Done.")
    assert verdict == Verdict.model_validate_json(verdict.as_termination_message())


def test_a_cut_sentence_says_that_it_is_cut() -> None:
    """With an ellipsis."""
    verdict = Verdict(code=ExitCode.CRASHED, reason="RunnerFailed", message="x" * 10_000)
    assert json.loads(verdict.as_termination_message())["message"].endswith("x…")


def test_ledger_paths_lie_below_the_jobs_folder() -> None:
    """One folder per job, so that jobs of one output folder cannot meet."""
    paths = LedgerPaths("u")
    assert ".batchpoint/u" == paths.root
    assert [
        ".batchpoint/u/plan.json",
        ".batchpoint/u/claims/c1",
        ".batchpoint/u/chunks/c1",
        ".batchpoint/u/instances/3.json",
        ".batchpoint/u/verdict-2.json",
    ] == [paths.plan, paths.claim("c1"), paths.commit("c1"), paths.instance(3), paths.verdict(2)]


def test_progress_is_read_past_what_it_does_not_know() -> None:
    """An instance tells the state of its workers as well, and a later one may tell more."""
    told = Progress(files=Counts(total=3, done=1), rows=7)
    answer = {**told.model_dump(by_alias=True), "workers": [{"state": "Ready"}]}
    assert told == Progress.read(json.dumps(answer).encode())


@pytest.mark.parametrize("answer", [b"", b"<html>", b"[]", b'{"rows": "many"}'])
def test_nonsense_is_no_progress(answer: bytes) -> None:
    """Whoever answers there now."""
    with pytest.raises(ValueError, match=r"\S"):
        Progress.read(answer)
