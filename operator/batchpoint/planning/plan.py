"""What shall happen next: a plan is a few actions, the status that holds without them, and when to look again.

The status says only what was observed, never what the actions will bring: once they are applied, the
world is observed and planned anew. So a plan of an applied plan is empty, whatever was interrupted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from batchpoint.api.deployment import BatchDeploymentSpec, BatchDeploymentStatus
from batchpoint.api.endpoint import BatchEndpointStatus
from batchpoint.api.job import BatchJobStatus
from batchpoint.api.placement import ComputeProfile
from batchpoint.api.reasons import Reason
from batchpoint_runner.contract import RunConfig

_Status = TypeVar("_Status", BatchJobStatus, BatchDeploymentStatus, BatchEndpointStatus)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateRunnerJob:
    """Start the first attempt: snapshot and Job come into being as one object."""

    name: str
    config: RunConfig
    deployment: BatchDeploymentSpec
    profile: ComputeProfile | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContinueRunnerJob:
    """Start a further attempt from what the Job before it was created with."""

    previous: str
    previous_uid: str
    name: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspendRunnerJob:
    """Drain all instances, or let them go on."""

    name: str
    uid: str
    suspend: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteRunnerJob:
    """Drain all instances and remove the Job; it is gone when the last pod is."""

    name: str
    uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteJob:
    """Remove a BatchJob, never its outputs."""

    name: str
    uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnDeployment:
    """Make the endpoint the owner of a deployment, so that it goes with it."""

    name: str
    uid: str
    endpoint: str
    endpoint_uid: str


Action = (
    CreateRunnerJob
    | ContinueRunnerJob
    | SuspendRunnerJob
    | DeleteRunnerJob
    | DeleteJob
    | OwnDeployment
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRecord:
    """One line of an object's story."""

    reason: Reason
    message: str
    warning: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(Generic[_Status]):
    """What to do about one object.

    ``requeue_after_seconds`` is when time alone will change the plan; None: only an event can.
    """

    status: _Status
    actions: tuple[Action, ...] = ()
    requeue_after_seconds: float | None = None
