"""What was read from a cluster, with right values to which a test adds what it is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from batchpoint.api.conditions import Condition, ConditionStatus
from batchpoint.api.deployment import BatchDeployment, BatchDeploymentStatus
from batchpoint.api.endpoint import BatchEndpoint
from batchpoint.api.job import BatchJob
from batchpoint.api.resource import Resource
from batchpoint.planning.admission import Scene
from batchpoint.planning.observed import JobRecord, RunnerJobFacts

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

_R = TypeVar("_R", bound=Resource)


def a_scene(*objects: BatchEndpoint | BatchDeployment | BatchJob, **more: Any) -> Scene:
    """Return a namespace with these objects and no others."""
    return Scene(
        endpoints={item.name: item for item in objects if isinstance(item, BatchEndpoint)},
        deployments={item.name: item for item in objects if isinstance(item, BatchDeployment)},
        jobs={item.name: item for item in objects if isinstance(item, BatchJob)},
        **more,
    )


def a_record(name: str = "first", *, minute: int = 0, **more: Any) -> JobRecord:
    """Return a job of ``digits`` and ``forest`` that was created so many minutes after noon."""
    values: dict[str, Any] = {
        "namespace": "default",
        "name": name,
        "uid": f"uid-of-{name}",
        "creation_time": NOON + timedelta(minutes=minute),
        "endpoint": "digits",
        "deployment": "forest",
    }
    return JobRecord(**(values | more))


def some_runner_job(job: str = "first", **more: Any) -> RunnerJobFacts:
    """Return the Job of the first attempt of a job, just created."""
    values: dict[str, Any] = {
        "namespace": "default",
        "name": f"{job}-1",
        "uid": f"uid-of-{job}-1",
        "owner": job,
        "owner_uid": f"uid-of-{job}",
        "creation_time": NOON,
    }
    return RunnerJobFacts(**(values | more))


def stored(resource: _R, *, status: Any = None, **metadata: Any) -> _R:
    """Return the object as the server gives it back: with a uid, a generation and a status."""
    given = {"uid": f"uid-of-{resource.name}", "generation": 1, "creation_timestamp": NOON}
    return resource.model_copy(
        update={
            "metadata": resource.metadata.model_copy(update=given | metadata),
            "status": status,
        }
    )


def said_ready(
    deployment: BatchDeployment,
    *,
    ready: bool = True,
    reason: str = "Available",
    message: str = "So it is.",
) -> BatchDeployment:
    """Return the deployment as one that was looked at, with this as its condition Ready."""
    condition = Condition(
        type="Ready",
        status=ConditionStatus.TRUE if ready else ConditionStatus.FALSE,
        reason=reason,
        message=message,
        last_transition_time=NOON,
    )
    return stored(deployment, status=BatchDeploymentStatus(conditions=(condition,)))
