"""The environment in which user code wakes up: variables, thread limits, GPUs, arguments.

Everything here is in place before the first import of user code, because BLAS and OpenMP libraries
read their limits while they load (PERFORMANCE.md §2) and never again.
"""

from __future__ import annotations

import os
import re
from typing import Any, Dict, Iterator, List, Mapping, Optional

OUTPUT_VARIABLE = "AZUREML_BI_OUTPUT_PATH"
MODEL_VARIABLE = "AZUREML_MODEL_DIR"
GPU_COUNT_VARIABLE = "AZ_BATCHAI_GPU_COUNT_FOUND"
GPU_VARIABLE = "CUDA_VISIBLE_DEVICES"

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",  # OpenMP: scikit-learn, LightGBM, XGBoost; pyarrow's compute pool reads it too
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "POLARS_MAX_THREADS",
)

PRIVATE_PREFIX = "BATCHPOINT_"
"""Variables that are Batchpoint's own; user code must not come to depend on them."""

_GPU_DEVICE = re.compile(r"nvidia\d+$")


def gpus(inherited: Mapping[str, str], devices: str = "/dev") -> List[str]:
    """Return the GPU indices that workers may share out, as strings; empty when there is none.

    A CUDA_VISIBLE_DEVICES of the container is the list; else the devices are counted.
    """
    listed = inherited.get(GPU_VARIABLE)
    if listed is not None:
        return [part.strip() for part in listed.split(",") if part.strip() not in ("", "-1")]
    try:
        names = os.listdir(devices)
    except OSError:
        return []
    return [str(index) for index in range(sum(1 for name in names if _GPU_DEVICE.match(name)))]


def of_process(
    inherited: Mapping[str, str],
    setup: Mapping[str, Any],
    number: Optional[int],
    output: str,
) -> Dict[str, str]:
    """Return all variables of a process that runs user code.

    Args:
        inherited: The host's own variables, which are the image's and the pod's.
        setup: See `wire.SETUP_KEYS`.
        number: The worker's number from 0; None for the process that loads and forks.
        output: The worker's private folder, value of AZUREML_BI_OUTPUT_PATH.

    Returns:
        The inherited variables without Batchpoint's own, then thread limits, then the deployment's
        variables, then those that are set per worker. The deployment's thread limits win.
    """
    found = gpus(inherited)
    values = {k: v for k, v in inherited.items() if not k.startswith(PRIVATE_PREFIX)}
    limit = str(max(1, int(setup["threads_per_worker"])))
    values.update({name: limit for name in THREAD_VARIABLES})
    deployment = {str(k): str(v) for k, v in (setup["environment"] or {}).items()}
    values.update({k: v for k, v in deployment.items() if not k.startswith(PRIVATE_PREFIX)})
    if setup["model_directory"]:
        values[MODEL_VARIABLE] = setup["model_directory"]
    values.update(of_worker(found, deployment, number, output))
    return values


def of_worker(
    found: List[str], deployment: Mapping[str, str], number: Optional[int], output: str
) -> Dict[str, str]:
    """Return the variables in which workers of one instance differ.

    Worker *n* gets the n-th GPU; workers beyond the number of GPUs get none. A replacement has the
    number of the worker that it replaces, and so its GPU. Where there is no GPU, or the deployment
    sets the variable, it is left alone.
    """
    values: Dict[str, str] = {}
    if found and number is not None and GPU_VARIABLE not in deployment:
        values[GPU_VARIABLE] = found[number] if number < len(found) else ""
    values[GPU_COUNT_VARIABLE] = str(len(found))
    values[OUTPUT_VARIABLE] = output
    return values


def arguments(setup: Mapping[str, Any]) -> List[str]:
    """Return ``sys.argv`` of user code, as Azure's engine passes it (AZURE.md §4.1)."""
    return [setup["script"] or "mlflow", "--logging_level", str(setup["logging_level"]).upper()]


class OutputPathWatch:
    """Sees whether user code reads AZUREML_BI_OUTPUT_PATH while it is active.

    A copy of the whole environment (``dict(os.environ)``, as libraries make it for a child process)
    does not count: such a copy asks for every name in turn, so the read before is that of the
    variable that stands before it.
    """

    def __init__(self) -> None:
        self.was_read = False
        self._class: Any = None

    def __enter__(self) -> "OutputPathWatch":
        environ: Any = os.environ
        value = environ.pop(OUTPUT_VARIABLE, None)
        count = environ.pop(GPU_COUNT_VARIABLE, "0")
        environ[GPU_COUNT_VARIABLE] = count
        if value is not None:
            environ[OUTPUT_VARIABLE] = value
        self._class = environ.__class__
        environ.__class__ = self._watching()
        return self

    def __exit__(self, *exc: object) -> None:
        environ: Any = os.environ
        environ.__class__ = self._class

    def _watching(self) -> Any:
        watch = self
        before = [""]

        class WatchedEnviron(self._class):  # type: ignore[name-defined, misc]
            def __getitem__(self, key: str) -> Any:
                if key == OUTPUT_VARIABLE and before[0] != GPU_COUNT_VARIABLE:
                    watch.was_read = True
                before[0] = key
                return super().__getitem__(key)

            def __iter__(self) -> Iterator[Any]:
                return iter(list(super().__iter__()))

        return WatchedEnviron
