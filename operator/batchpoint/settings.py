"""What the operator is told by its environment: one frozen model, built once in `main` and passed down.

What belongs to one deployment or one endpoint is a field of that object, never a setting.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from batchpoint.errors import SettingsError

PREFIX = "BATCHPOINT_"

_SERVICE_LINK = re.compile(r"_SERVICE_HOST$|_SERVICE_PORT(_|$)|_PORT_\d+_(TCP|UDP|SCTP)(_|$)")
"""What kubelet sets in every pod for a Service whose name begins with ``batchpoint``."""


def _listed(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _loaded(value: object) -> object:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except json.JSONDecodeError as exc:
        raise ValueError(f"must be a JSON object such as {{}}; {exc}") from exc


def _not_root(user: int) -> int:
    if user == 0:
        raise ValueError("must not be root, which the restricted pod security standard refuses")
    return user


Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]
"""Separated by commas."""
Pairs = Annotated[dict[str, str], BeforeValidator(_loaded)]
"""A JSON object such as ``{"cpu": "100m", "memory": "256Mi"}``."""
Seconds = Annotated[float, Field(gt=0)]
Bytes = Annotated[int, Field(ge=1)]


class Settings(BaseModel):
    """One frozen model, built once in `main` from ``BATCHPOINT_*`` variables."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    namespaces: Names = ()
    """Where objects are looked after, separated by commas. Empty: in all namespaces."""
    operator_namespace: str = "batchpoint"
    """Where the operator itself lives: its Lease and the compute profiles."""
    identity: str | None = None
    """Unique among replicas: the name of the pod. None: the name of the host and the process id."""
    lease_name: str = "batchpoint-operator"
    """Of the Lease whose holder alone acts."""

    runner_image: str
    """Image of the runner, which every instance has beside the user's image."""
    scorer_image: str
    """Image that scores where a deployment names none: it has Python, MLflow and pandas."""
    pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None
    """Of both images above. None: Kubernetes' own rule, which asks the registry anew only for ``latest``."""
    pull_secrets: Names = ()
    """Names of Secrets in the namespace of the job, separated by commas, beside those of the deployment."""
    runner_requests: Pairs = {"cpu": "250m", "memory": "256Mi"}
    """What each runner asks of its node, beside what the scorer asks, as JSON."""
    runner_limits: Pairs = {"memory": "1Gi"}
    """What each runner may use at most, as JSON. No limit on processors: it idles, or the scorer waits."""
    run_as_user: Annotated[int, Field(ge=-1), AfterValidator(_not_root)] = 65532
    """User and group of both containers where a deployment names none. -1: left to the platform, as
    OpenShift wants it, which gives every namespace a user of its own."""
    shared_bytes: Bytes = 20 * 1024**3
    """Of the volume that holds model, code, fetched inputs and what user code writes. Above it the pod is
    evicted."""
    temporary_bytes: Bytes = 10 * 1024**3
    """Of each container's ``/tmp``. Above it the pod is evicted."""
    labels: Pairs = {}
    """Of Jobs and pods, as JSON, for cost allocation and network policies; ours cannot be replaced."""
    allowed_service_accounts: Names = ()
    """Service accounts that deployments may name, separated by commas. Empty: none, because an account
    may carry rights in a cloud; ``*``: any of the namespace."""
    check_secrets: bool = False
    """Whether deployments say that a Secret is missing before a job needs it. It takes the right to get
    secrets, of which only the metadata is read."""

    concurrency: Annotated[int, Field(ge=1)] = 8
    """Objects that are looked at together. More wait on the API server, not on a processor."""
    resync_seconds: Seconds = 60.0
    """How often unfinished jobs are compared with a list, in case a watch lost an event."""

    http_address: str = "0.0.0.0"  # a pod's own address
    """Where `/healthz`, `/readyz` and `/metrics` are served."""
    http_port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """0: any free port, which a log line then names."""
    log_format: Literal["auto", "text", "json"] = "auto"
    """``text``, ``json``, or ``auto``: text on a terminal, else JSON."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """The least important lines that are written."""


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Build settings from ``BATCHPOINT_*`` variables; empty ones count as absent, unknown ones are errors.

    Raises:
        SettingsError: Names every faulty variable with its value and what is expected.
    """
    values = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environment.items()
        if name.startswith(PREFIX) and value and not _is_service_link(name, value)
    }
    try:
        return Settings.model_validate(values)
    except ValidationError as exc:
        faults = "; ".join(_told(fault) for fault in exc.errors())
        raise SettingsError(f"The operator's environment is wrong. {faults}.") from exc


def _is_service_link(name: str, value: str) -> bool:
    return ("://" in value and name.endswith("_PORT")) or bool(_SERVICE_LINK.search(name))


def _told(fault: Mapping[str, Any]) -> str:
    name = f"{PREFIX}{str(fault['loc'][0]).upper()}"
    if fault["type"] == "missing":
        return f"{name} is missing"
    return f"{name}={fault['input']!r}: {fault['msg'].removeprefix('Value error, ')}"
