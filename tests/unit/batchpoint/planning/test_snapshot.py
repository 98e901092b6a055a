"""What a job comes to, once and for all."""

from __future__ import annotations

from typing import Any

import pytest

from batchpoint.api.reasons import Reason
from batchpoint.errors import SpecError
from batchpoint.planning import assets, snapshot
from batchpoint.planning.assets import Asset
from batchpoint.planning.snapshot import EarlierJob
from batchpoint_runner.contract import (
    CodeSpec,
    InitMode,
    InputSpec,
    InputType,
    JobIdentity,
    LoggingLevel,
    ModelSpec,
    ModelType,
    OutputAction,
    OutputFormat,
    OutputSpec,
    RerunSpec,
    RetryPolicy,
    RunConfig,
    WorkerSpec,
)
from support.resources import a_deployment, a_job, an_endpoint

EARLIER = EarlierJob(
    uid="u-0",
    output_uri="datastore://lake/predictions/zeroth/",
    input=InputSpec(uri="datastore://lake/images"),
)


def _resolve(
    job: dict[str, Any] | None = None, deployment: dict[str, Any] | None = None, **more: Any
) -> RunConfig:
    return snapshot.resolve(
        an_endpoint(), a_deployment(**deployment or {}), a_job(**job or {}), uid="u-1", **more
    )


def test_the_least_job_has_all_defaults() -> None:
    """The default deployment, its settings, and a folder of its own for the results."""
    assert (
        RunConfig(
            job=JobIdentity(name="first", uid="u-1", endpoint="digits", deployment="forest"),
            input=InputSpec(uri="datastore://lake/images"),
            output=OutputSpec(
                uri="datastore://lake/predictions/first/", file_name="predictions.csv"
            ),
            model=ModelSpec(uri="datastore://lake/models/forest", type=ModelType.MLFLOW),
        )
        == _resolve()
    )


def test_every_setting_reaches_the_runner() -> None:
    """Each has a value of its own, so that none can stand in for another."""
    config = _resolve(
        deployment={
            "resources": {"instanceCount": 2},
            "settings": {
                "maxConcurrencyPerInstance": 3,
                "miniBatchSize": 4,
                "outputAction": "SummaryOnly",
                "outputFormat": "Parquet",
                "retrySettings": {"maxRetries": 5, "timeoutSeconds": 6},
                "errorThreshold": 7,
                "loggingLevel": "Debug",
                "environmentVariables": {"A": "b"},
                "initMode": "Spawn",
                "initTimeoutSeconds": 8,
                "rowBatchRows": 9,
                "threadsPerWorker": 10,
                "memoryBytesPerWorker": 11,
                "diskBytesPerWorker": 12,
                "logBytesPerAttempt": 13,
            },
        },
        attempt=14,
    )
    assert (2, 4, 7, 14) == (
        config.instance_count,
        config.mini_batch_size,
        config.error_threshold,
        config.attempt,
    )
    assert RetryPolicy(max_retries=5, timeout_seconds=6) == config.retry
    assert (
        WorkerSpec(
            count=3,
            init_mode=InitMode.SPAWN,
            init_timeout_seconds=8,
            row_batch_rows=9,
            threads_each=10,
            memory_bytes=11,
            disk_bytes=12,
            log_bytes_per_task=13,
        )
        == config.workers
    )
    assert (LoggingLevel.DEBUG, {"A": "b"}) == (config.logging_level, config.environment)
    assert (OutputAction.SUMMARY_ONLY, OutputFormat.PARQUET) == (
        config.output.action,
        config.output.format,
    )


def test_overrides_win_field_by_field() -> None:
    """Zero is a value; what is not overridden stays, inside retrySettings too."""
    settings = {
        "retrySettings": {"maxRetries": 5, "timeoutSeconds": 60},
        "errorThreshold": 9,
        "miniBatchSize": 20,
        "loggingLevel": "Warning",
    }
    config = _resolve(
        {
            "overrides": {
                "instanceCount": 7,
                "maxConcurrencyPerInstance": 8,
                "retrySettings": {"maxRetries": 0},
                "errorThreshold": 0,
                "outputAction": "SummaryOnly",
            }
        },
        {"settings": settings},
    )
    assert RetryPolicy(max_retries=0, timeout_seconds=60) == config.retry
    assert (7, 8, 0, 20) == (
        config.instance_count,
        config.workers.count,
        config.error_threshold,
        config.mini_batch_size,
    )
    assert (OutputAction.SUMMARY_ONLY, LoggingLevel.WARNING) == (
        config.output.action,
        config.logging_level,
    )


@pytest.mark.parametrize(
    ("job", "deployment", "uri"),
    [
        ({}, {}, "datastore://lake/predictions/first/"),
        ({}, {"output": {"uri": "s3://b/out/"}}, "s3://b/out/first/"),
        ({"output": {"uri": "s3://b/r7"}}, {}, "s3://b/r7"),
        ({"output": {"uri": "s3://b/r7/"}}, {"output": None}, "s3://b/r7/"),
        ({"output": {"fileName": "a.csv"}}, {}, "datastore://lake/predictions/first/"),
    ],
)
def test_the_output_folder(job: dict[str, Any], deployment: dict[str, Any], uri: str) -> None:
    """The job's own, as written; else one named for the job below the deployment's."""
    assert uri == _resolve(job, deployment).output.uri


@pytest.mark.parametrize(
    ("job", "settings", "name"),
    [
        ({}, {}, "predictions.csv"),
        ({}, {"outputFormat": "JSONLines"}, "predictions.jsonl"),
        ({}, {"outputFormat": "Parquet"}, "predictions.parquet"),
        ({}, {"outputFormat": "AzureRows"}, "predictions.csv"),
        ({}, {"outputFormat": "Parquet", "outputFileName": "scores"}, "scores"),
        ({"output": {"fileName": "own.csv"}}, {"outputFileName": "scores.csv"}, "own.csv"),
    ],
)
def test_the_file_name(job: dict[str, Any], settings: dict[str, Any], name: str) -> None:
    """The job's, else the deployment's, else by format."""
    assert name == _resolve(job, {"settings": settings}).output.file_name


@pytest.mark.parametrize(
    ("code", "spec"),
    [
        ({"uri": "s3://b/code"}, {"uri": "s3://b/code"}),
        ({"imagePath": "/opt/code"}, {"path": "/opt/code"}),
        ({"configMap": "code"}, {"path": "/etc/batchpoint/code"}),
    ],
)
def test_where_code_lies(code: dict[str, str], spec: dict[str, str]) -> None:
    """A store is fetched; what is in the image or mounted is only found."""
    config = _resolve(
        deployment={
            "model": None,
            "codeConfiguration": {"code": code, "scoringScript": "score.py"},
        }
    )
    assert CodeSpec(scoring_script="score.py", **spec) == config.code
    assert config.model is None


def test_a_config_map_may_be_a_folder_elsewhere() -> None:
    """On a laptop it is written to one."""
    deployment = {"codeConfiguration": {"code": {"configMap": "code"}, "scoringScript": "score.py"}}
    code = _resolve(deployment=deployment, config_map_code="/scratch/code").code
    assert CodeSpec(path="/scratch/code", scoring_script="score.py") == code


def test_a_model_in_the_image_is_passed_on() -> None:
    """The host finds it there."""
    model = {"uri": "image:///opt/model", "type": "MLflow"}
    assert (
        ModelSpec(uri="image:///opt/model", type=ModelType.MLFLOW)
        == _resolve(deployment={"model": model}).model
    )


CATALOGUE = assets.catalogue(
    [
        Asset(name="new", version="9", uri="s3://b/9"),
        Asset(name="new", version="10", uri="s3://b/10.csv", type=InputType.FILE),
    ]
)


@pytest.mark.parametrize(
    ("uri", "resolved"),
    [
        ("asset://new/9", InputSpec(uri="s3://b/9")),
        ("asset://new/10", InputSpec(uri="s3://b/10.csv", type=InputType.FILE)),
        ("asset://new/latest", InputSpec(uri="s3://b/10.csv", type=InputType.FILE)),
    ],
)
def test_assets_are_resolved_and_pinned(uri: str, resolved: InputSpec) -> None:
    """A version that comes later does not change this job; the asset knows what it is."""
    assert resolved == _resolve({"input": {"uri": uri}}, assets=CATALOGUE).input


def test_a_rerun_takes_the_input_of_the_earlier_job() -> None:
    """And names its results, from which it takes everything but what failed."""
    config = _resolve({"input": None, "rerun": {"job": "zeroth"}}, earlier=EARLIER)
    assert EARLIER.input == config.input
    assert RerunSpec(output_uri=EARLIER.output_uri, uid="u-0") == config.rerun


@pytest.mark.parametrize(
    ("job", "deployment", "more", "reason", "field"),
    [
        ({"endpoint": "letters"}, {}, {}, Reason.ENDPOINT_MISSING, "spec.endpoint"),
        ({"deployment": "tree"}, {}, {}, Reason.DEPLOYMENT_MISSING, "spec.deployment"),
        ({}, {"endpoint": "letters"}, {}, Reason.DEPLOYMENT_ELSEWHERE, "spec.deployment"),
        ({}, {"output": None}, {}, Reason.OUTPUT_MISSING, "spec.output.uri"),
        ({"input": {"uri": "asset://new/1"}}, {}, {}, Reason.ASSET_MISSING, "spec.input.uri"),
        ({"rerun": {"job": "zeroth"}}, {}, {}, Reason.EARLIER_JOB_MISSING, "spec.rerun.job"),
        (
            {
                "rerun": {"job": "zeroth"},
                "output": {"uri": "datastore://lake/predictions/zeroth"},
            },
            {},
            {"earlier": EARLIER},
            Reason.OUTPUT_TAKEN,
            "spec.output.uri",
        ),
    ],
)
def test_what_does_not_fit_is_an_error_with_its_field(
    job: dict[str, Any],
    deployment: dict[str, Any],
    more: dict[str, Any],
    reason: Reason,
    field: str,
) -> None:
    """So that it can become a condition, or a line for a file."""
    with pytest.raises(SpecError) as raised:
        _resolve(job, deployment, **more)
    assert (reason, field) == (raised.value.reason, raised.value.field)


def test_a_missing_asset_is_answered_with_those_that_exist() -> None:
    """In the words of the catalogue."""
    with pytest.raises(SpecError, match=r'no version "1"; it has: 9, 10\.'):
        _resolve({"input": {"uri": "asset://new/1"}}, assets=CATALOGUE)


def test_no_default_and_no_name_is_an_error() -> None:
    """Nothing says which deployment answers."""
    with pytest.raises(SpecError) as raised:
        snapshot.resolve(an_endpoint(defaultDeployment=None), a_deployment(), a_job(), uid="u-1")
    assert Reason.NO_DEPLOYMENT_CHOSEN == raised.value.reason
