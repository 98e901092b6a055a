"""Where the instances of a job live on this machine, and what their processes see.

The standard library only, like all that is imported before the first processes run.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from batchpoint.cli import processes
from batchpoint_runner import archive

RUNNER_ROOT = Path(archive.__file__).resolve().parents[1]
"""Of the very runner that belongs to this program, wherever it was started from."""

OWN_ROOTS = (RUNNER_ROOT, Path(__file__).resolve().parents[2])

STALE_AFTER_SECONDS = "10"
"""After which a silent instance is taken for gone. All are on this machine, so that a loaded disk is the
only reason for silence."""

LEDGER_POLL_SECONDS = "0.2"
"""How often an idle runner looks at the ledger here, where looking costs nothing."""

PASSED_ON = tuple(
    f"BATCHPOINT_{name}"
    for name in (
        "DRAIN_SECONDS",
        "HOST_WAIT_SECONDS",
        "LOG_FORMAT",
        "POLL_SECONDS",
        "PREFETCH_BYTES",
        "STALE_AFTER_SECONDS",
    )
)
"""Settings of the runner that people may give in their shell; it refuses others."""

CONFIG_WAIT_SECONDS = "600"
"""For a runner that is started ahead of its configuration; it is ended sooner if none comes."""

SOCKET_PATH_BYTES = 100
"""Linux permits 107 for the path of a Unix socket, macOS 103."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """What the instances of a job are started with."""

    directory: Path
    """Scratch, removed by the caller."""
    datastores: Path
    """One folder per datastore, each with a file ``uri`` and credentials."""
    python: Path
    """The interpreter of user code."""
    locks: Path
    """Of instance indexes."""
    environment: Mapping[str, str]
    """Of this process."""
    logs_to_stderr: bool = False

    @property
    def config(self) -> Path:
        """The file that tells the runners what to do."""
        return self.directory / "config.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an instance lives and with what it is started; the same for each of its lives."""

    index: int
    directory: Path
    """Its own; holds the folder that runner and host share, logs and the termination message."""
    python: Path
    """The interpreter of user code."""
    runner_environment: Mapping[str, str]
    host_environment: Mapping[str, str]
    logs_to_stderr: bool = False
    """What user code prints included."""

    @property
    def shared(self) -> Path:
        """The shared directory."""
        return self.directory / "shared"

    @property
    def socket(self) -> Path:
        """Where the runner waits for the host."""
        return self.shared / "runner.sock"

    @property
    def http_port(self) -> Path:
        """The file in which the runner says where it answers."""
        return self.shared / "http_port"

    @property
    def message(self) -> Path:
        """The runner's termination message."""
        return self.directory / "termination-message"

    def log(self, name: str) -> Path | None:
        """Where a process writes; None: to our stderr."""
        return None if self.logs_to_stderr else self.directory / f"{name}.log"


def socket_path_is_too_long(directory: Path) -> bool:
    """Whether the sockets of instances below a scratch folder would get names the system refuses."""
    return len(os.fsencode(directory / "000" / "shared" / "runner.sock")) > SOCKET_PATH_BYTES


def prepare(workplace: Workplace, index: int) -> Place:
    """Return the place of an instance, whose folder is made anew."""
    directory = workplace.directory / str(index)
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return Place(
        index=index,
        directory=directory,
        python=workplace.python,
        runner_environment=runner_environment(workplace, index, RUNNER_ROOT),
        host_environment=processes.scorer_environment(workplace.environment, OWN_ROOTS),
        logs_to_stderr=workplace.logs_to_stderr,
    )


def runner_environment(workplace: Workplace, index: int, package_root: Path) -> dict[str, str]:
    """Return this process's environment, credentials included, with the settings of one runner."""
    directory = workplace.directory / str(index)
    given = workplace.environment
    environment = {
        name: value
        for name, value in given.items()
        if name in PASSED_ON or not name.startswith("BATCHPOINT_")
    }
    paths = [str(package_root), *given.get("PYTHONPATH", "").split(os.pathsep)]
    return {
        "BATCHPOINT_POLL_SECONDS": LEDGER_POLL_SECONDS,
        "BATCHPOINT_STALE_AFTER_SECONDS": STALE_AFTER_SECONDS,
        "BATCHPOINT_LOG_FORMAT": "text",
        **environment,
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "BATCHPOINT_CONFIG": str(workplace.config),
        "BATCHPOINT_CONFIG_WAIT_SECONDS": CONFIG_WAIT_SECONDS,
        "BATCHPOINT_INSTANCE_INDEX": str(index),
        "BATCHPOINT_SHARED_DIRECTORY": str(directory / "shared"),
        "BATCHPOINT_DATASTORES_DIRECTORY": str(workplace.datastores),
        "BATCHPOINT_HTTP_ADDRESS": "127.0.0.1",
        "BATCHPOINT_HTTP_PORT": "0",
        "BATCHPOINT_TERMINATION_MESSAGE": str(directory / "termination-message"),
    }
