"""The module ``azureml_user.parallel_run`` for scripts that were written for Azure's engine.

Scripts import ``EntryScript`` from it for a logger and a few names (AZURE.md §4.1). It is offered only
where the image has no module of that name.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
import types

from batchpoint_worker import environment

_worker_number = [0]


def set_worker(number: int) -> None:
    """Say which worker this process is; shows in ``EntryScript().agent_name``."""
    _worker_number[0] = number


class EntryScript:
    """What scripts know as the engine's helper object."""

    @property
    def logger(self) -> logging.Logger:
        """A logger whose lines end in the worker's log."""
        return logging.getLogger("EntryScript")

    @property
    def agent_name(self) -> str:
        """``process000`` for the first worker."""
        return "process%03d" % _worker_number[0]

    @property
    def output_dir(self) -> str:
        """The folder whose files are published with the job's output."""
        return os.environ[environment.OUTPUT_VARIABLE]

    @property
    def working_dir(self) -> str:
        """The current directory, private to this worker."""
        return os.getcwd()

    @property
    def log_dir(self) -> str:
        """A private folder for files of the script's own logging. It exists."""
        folder = os.path.join(os.getcwd(), "logs")
        os.makedirs(folder, exist_ok=True)
        return folder


def offer() -> None:
    """Make ``azureml_user.parallel_run`` importable, unless the image has it."""
    try:
        if importlib.util.find_spec("azureml_user.parallel_run") is not None:
            return
    except (ImportError, ValueError):
        pass
    package = sys.modules.get("azureml_user")
    if package is None:
        package = types.ModuleType("azureml_user", "Stands in for Azure's package.")
        package.__path__ = []
        sys.modules["azureml_user"] = package
    module = types.ModuleType("azureml_user.parallel_run", "Stands in for Azure's helper module.")
    module.EntryScript = EntryScript  # type: ignore[attr-defined]
    package.parallel_run = module  # type: ignore[attr-defined]
    sys.modules[module.__name__] = module
