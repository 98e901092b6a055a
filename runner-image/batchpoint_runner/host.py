"""What the worker host is given: its archive in the shared folder, and the set-up of its workers."""

from __future__ import annotations

import importlib.util
import marshal
import os
import zipfile
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any

from batchpoint_runner.contract import ModelType, RunConfig
from batchpoint_worker import wire

ARCHIVE = "host.pyz"
SOCKET = "runner.sock"
_PACKAGE = "batchpoint_worker"


def write_archive(folder: Path) -> Path:
    """Write the worker host as one zip application into ``folder``, whole or not at all.

    User code runs `PYTHON host.pyz --socket runner.sock` in its own image, where nothing of ours is
    installed.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    assert spec is not None, f"{_PACKAGE} belongs to this distribution"
    assert spec.submodule_search_locations, f"{_PACKAGE} is a package"
    package = Path(spec.submodule_search_locations[0])
    target, unfinished = folder / ARCHIVE, folder / f".{ARCHIVE}"
    with zipfile.ZipFile(unfinished, "w") as archive:
        archive.write(package / "__main__.py", "__main__.py")
        for path in sorted(package.rglob("*.py")):
            name = path.relative_to(package.parent)
            archive.write(path, name)
            archive.writestr(f"{name}c", _byte_code(path, str(target / name)))
    unfinished.replace(target)
    return target


def _byte_code(path: Path, shown_as: str) -> bytes:
    """Return a module's byte code in the form that is used without a look at the source (PEP 552).

    It saves a user's Python of our own version 0.3 s at each start; any other takes the source.

    Args:
        path: Of the source.
        shown_as: Its name in tracebacks, from which the worker host takes out its own frames.
    """
    code = SourceFileLoader(path.stem, str(path)).get_code(path.stem)
    assert code is not None, f"{path} is a source file"
    unchecked_hash = (0b01).to_bytes(4, "little") + bytes(8)
    return importlib.util.MAGIC_NUMBER + unchecked_hash + marshal.dumps(_named(code, shown_as))


def _named(code: CodeType, name: str) -> CodeType:
    inner = (_named(one, name) if isinstance(one, CodeType) else one for one in code.co_consts)
    return code.replace(co_filename=name, co_consts=tuple(inner))


def setup(
    config: RunConfig, *, model_directory: Path | None, code_directory: Path | None, scratch: Path
) -> dict[str, Any]:
    """Return the set-up frame's content (`wire.SETUP_KEYS`).

    Args:
        config: Of the job.
        model_directory: The folder that holds the model as its one entry; None without a model.
        code_directory: Where the scoring script's folder lies for the scorer; None for MLflow.
        scratch: Writable for user code.
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
        "threads_per_worker": workers.threads_each or max(1, _processors() // workers.count),
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
