"""What one runner process is told by its environment: everything that differs between instances.

What is the same for all instances of a job is in `contract.RunConfig`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from batchpoint_runner.errors import ContractError

PREFIX = "BATCHPOINT_"


class Settings(BaseModel):
    """One frozen model, built once in `main` from ``BATCHPOINT_*`` variables."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    config: Path = Path("/etc/batchpoint/run/config.json")
    """The file that holds the job's `RunConfig`."""
    config_wait_seconds: Annotated[float, Field(ge=0)] = 0.0
    """How long to wait for that file to be there. 0: it is there, as in a pod. `batchpoint run` starts the
    runner while it still reads manifests."""
    instance_index: Annotated[int, Field(ge=0)] = 0
    """This instance's completion index, from 0. A replacement of the same index goes on with its
    claims. In a pod it comes from JOB_COMPLETION_INDEX."""
    shared_directory: Path = Path("/batchpoint")
    """The folder that runner and scorer share: socket, host archive, model, code, prefetched inputs."""
    datastores_directory: Path = Path("/etc/batchpoint/datastores")
    """One folder per datastore, as a mounted Secret gives it: a file ``uri`` and one file per credential."""
    processors: Annotated[int | None, Field(ge=1)] = None
    """What the workers of this instance share; sets their threads. In a pod it is the scorer's limit, which
    no process can see. None: all of this machine."""
    http_address: str = "0.0.0.0"  # a pod's own address; the CLI passes loopback
    """Where `/healthz`, `/progress` and `/metrics` are served."""
    http_port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """0: any free port. The one in use is written to ``<shared>/http_port``."""
    termination_message: Path | None = Path("/dev/termination-log")
    """Where the verdict goes for Kubernetes. None: nowhere."""
    prefetch_bytes: Annotated[int, Field(ge=1)] = 2 * 1024**3
    """Bound on input files kept on local disk. One chunk is always permitted, whatever its size."""
    stale_after_seconds: Annotated[float, Field(gt=0)] = 30.0
    """An instance that has shown no sign of life for this long of our own clock may have its chunks
    copied."""
    poll_seconds: Annotated[float, Field(gt=0)] = 1.0
    """How often an idle instance looks at the ledger, and how often the verdict and threshold of the
    whole job are looked at."""
    drain_seconds: Annotated[float, Field(gt=0)] = 20.0
    """After SIGTERM: how long the mini-batches in hand may still take before they are given up."""
    host_wait_seconds: Annotated[float, Field(gt=0)] = 120.0
    """How long to wait for a worker host to connect, at first and after a loss."""
    log_format: str = "auto"
    """``text``, ``json``, or ``auto``: text on a terminal, else JSON."""


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Build settings from ``BATCHPOINT_*`` variables; unknown ones are errors.

    Raises:
        ContractError: Names every faulty variable with its value and what is expected.
    """
    values = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environment.items()
        if name.startswith(PREFIX)
    }
    if "instance_index" not in values and "JOB_COMPLETION_INDEX" in environment:
        values["instance_index"] = environment["JOB_COMPLETION_INDEX"]
    if values.get("termination_message") == "":
        del values["termination_message"]
        return _build(values).model_copy(update={"termination_message": None})
    return _build(values)


def _build(values: Mapping[str, str]) -> Settings:
    try:
        return Settings.model_validate(values)
    except ValidationError as exc:
        faults = "; ".join(
            f"{PREFIX}{'_'.join(str(part) for part in fault['loc']).upper()}="
            f"{fault['input']!r}: {fault['msg']}"
            for fault in exc.errors()
        )
        raise ContractError(f"The runner's environment is wrong. {faults}.") from exc
