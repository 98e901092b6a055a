"""What the worker host is told: where to connect, and the set-up of its workers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from batchpoint_runner.contract import ModelType, RunConfig
from batchpoint_worker import wire

SOCKET = "runner.sock"


def setup(
    config: RunConfig,
    *,
    model_directory: Path | None,
    code_directory: Path | None,
    scratch: Path,
    processors: int | None = None,
) -> dict[str, Any]:
    """Return the set-up frame's content (`wire.SETUP_KEYS`).

    Args:
        config: Of the job.
        model_directory: The folder that holds the model as its one entry; None without a model.
        code_directory: Where the scoring script's folder lies for the scorer; None for MLflow.
        scratch: Writable for user code.
        processors: What all workers share. None: all of this machine.
    """
    workers = config.workers
    timeout = config.retry.timeout_seconds
    script = None
    if config.code is not None and code_directory is not None:
        script = str(code_directory / config.code.scoring_script)
    is_mlflow = config.model is not None and config.model.type is ModelType.MLFLOW
    return {
        "version": wire.VERSION,
        "driver": "MLflow" if is_mlflow and script is None else "Script",
        "script": script,
        "code_directory": None if code_directory is None else str(code_directory),
        "model_directory": None if model_directory is None else str(model_directory),
        "workers": workers.count,
        "threads_per_worker": workers.threads_each
        or max(1, (processors or _processors()) // workers.count),
        "init_mode": workers.init_mode.value,
        "init_timeout_seconds": workers.init_timeout_seconds or 3 * timeout + 120,
        "environment": config.environment,
        "logging_level": config.logging_level.value,
        "output_action": config.output.action.value,
        "output_format": config.output.format.value,
        "scratch_directory": str(scratch),
        "worker_memory_bytes": workers.memory_bytes,
        "worker_disk_bytes": workers.disk_bytes,
        "log_bytes_per_task": workers.log_bytes_per_task,
        "row_batch_rows": workers.row_batch_rows,
    }


def _processors() -> int:
    return len(os.sched_getaffinity(0))
