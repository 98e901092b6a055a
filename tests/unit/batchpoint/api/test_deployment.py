"""BatchDeployment: defaults are those of Azure, or said to differ."""

from __future__ import annotations

from batchpoint.api.deployment import DEFAULT_FILE_NAMES, Settings
from batchpoint_runner.contract import (
    LoggingLevel,
    OutputAction,
    OutputFormat,
    RetryPolicy,
    WorkerSpec,
)
from support.resources import a_deployment


def test_defaults_are_those_of_azure() -> None:
    """As in AZURE.md §3.1."""
    settings = a_deployment().spec.settings
    assert {
        "instance_count": 1,
        "max_concurrency_per_instance": 1,
        "mini_batch_size": 10,
        "output_action": OutputAction.APPEND_ROW,
        "output_format": OutputFormat.CSV,
        "max_retries": 3,
        "timeout_seconds": 30,
        "error_threshold": -1,
        "logging_level": LoggingLevel.INFO,
    } == {
        "instance_count": a_deployment().spec.resources.instance_count,
        "max_concurrency_per_instance": settings.max_concurrency_per_instance,
        "mini_batch_size": settings.mini_batch_size,
        "output_action": settings.output_action,
        "output_format": settings.output_format,
        "max_retries": settings.retry_settings.max_retries,
        "timeout_seconds": settings.retry_settings.timeout_seconds,
        "error_threshold": settings.error_threshold,
        "logging_level": settings.logging_level,
    }


def test_defaults_are_those_of_the_runner() -> None:
    """A knob that is not turned means the same on both sides of the contract."""
    settings, workers, retry = Settings(), WorkerSpec(), RetryPolicy()
    assert workers == WorkerSpec(
        count=settings.max_concurrency_per_instance,
        threads_each=settings.threads_per_worker,
        memory_bytes=settings.memory_bytes_per_worker,
        disk_bytes=settings.disk_bytes_per_worker,
        init_mode=settings.init_mode,
        init_timeout_seconds=settings.init_timeout_seconds,
        row_batch_rows=settings.row_batch_rows,
        log_bytes_per_task=settings.log_bytes_per_attempt,
    )
    assert (retry.max_retries, retry.timeout_seconds) == (
        settings.retry_settings.max_retries,
        settings.retry_settings.timeout_seconds,
    )


def test_every_format_has_a_file_name() -> None:
    """The space-separated form keeps the name that Azure gives it."""
    assert set(OutputFormat) == set(DEFAULT_FILE_NAMES)
    assert "predictions.csv" == DEFAULT_FILE_NAMES[OutputFormat.AZURE_ROWS]


def test_a_script_alone_may_score() -> None:
    """A deployment without a model brings what it needs in its code."""
    deployment = a_deployment(
        model=None,
        codeConfiguration={"code": {"configMap": "code"}, "scoringScript": "score.py"},
    )
    assert deployment.spec.model is None


def test_everything_can_be_set() -> None:
    """All sections together make a right deployment."""
    deployment = a_deployment(
        environment={
            "image": "registry.example/digits:3",
            "pullPolicy": "IfNotPresent",
            "pullSecrets": ["registry"],
            "pip": ["pandas==2.2.3"],
            "python": "/opt/venv/bin/python",
            "runAsUser": 1000,
            "writableRootFilesystem": True,
        },
        compute={
            "nodeSelector": {"pool": "batch"},
            "tolerations": [{"key": "spot", "operator": "Exists", "effect": "NoSchedule"}],
            "priorityClassName": "low",
            "runtimeClassName": "nvidia",
        },
        resources={
            "instanceCount": 4,
            "requests": {"cpu": 2, "memory": "4Gi"},
            "limits": {"cpu": "2", "memory": "4Gi", "nvidia.com/gpu": 1},
        },
        storage={"credentialsSecret": "lake-keys", "allowedDatastores": ["lake"]},
        serviceAccountName="scorer",
    )
    assert {"cpu": "2", "memory": "4Gi"} == deployment.spec.resources.requests
    assert "1" == deployment.spec.resources.limits["nvidia.com/gpu"]
