"""What was read from the cluster, as frozen records: the only thing that plans are made from.

Made by `batchpoint.cluster`, so that no decision walks through raw manifests. ``None`` always means "was
not looked at or is not there"; an empty tuple means "was looked at, and there is nothing".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from batchpoint.api.job import Phase
from batchpoint.api.placement import ComputeProfile
from batchpoint.planning.admission import Scene
from batchpoint.planning.snapshot import EarlierJob
from batchpoint_runner.contract import Progress, RunConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCondition:
    """One condition of a Job that is True."""

    type: str
    """Such as ``Complete``, ``Failed``, ``FailureTarget``, ``SuccessCriteriaMet`` or ``Suspended``."""
    reason: str = ""
    message: str = ""
    time: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerJobFacts:
    """The Kubernetes Job of one attempt."""

    namespace: str
    name: str
    uid: str
    resource_version: str = ""
    owner: str = ""
    """Name of the BatchJob that controls it."""
    owner_uid: str = ""
    attempt: int = 1
    creation_time: datetime
    instances: int = 1
    """``completions``."""
    image: str = ""
    """The scorer's."""
    queue_name: str = ""
    """LocalQueue of Kueue, which then owns ``suspend``."""
    suspended: bool = False
    """``spec.suspend``."""
    deleting: bool = False
    active: int = 0
    ready: int = 0
    terminating: int = 0
    succeeded: int = 0
    failed: int = 0
    """Pods, not indexes."""
    conditions: tuple[JobCondition, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerFacts:
    """One container of a pod, as its status tells."""

    name: str
    image: str = ""
    restarts: int = 0
    running: bool = False
    waiting_reason: str = ""
    waiting_message: str = ""
    exit_code: int | None = None
    """Of the present state, or of the one before when the container waits for its restart."""
    exit_reason: str = ""
    exit_message: str = ""
    """The termination message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodFacts:
    """One pod of a runner Job."""

    name: str
    uid: str = ""
    index: int
    phase: str
    ip: str = ""
    creation_time: datetime
    deleting: bool = False
    disrupted: bool = False
    """Condition DisruptionTarget."""
    unschedulable: str = ""
    """What the scheduler says, while it finds no node."""
    reason: str = ""
    """Of the pod as a whole, such as Evicted."""
    message: str = ""
    runner: ContainerFacts | None = None
    scorer: ContainerFacts | None = None
    others: tuple[ContainerFacts, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFacts:
    """A warning that Kubernetes wrote about a Job or a pod."""

    kind: str
    name: str
    reason: str
    message: str
    time: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadFacts:
    """Kueue's view of a runner Job."""

    admitted: bool = False
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """A BatchJob in few bytes: what others need to know of it, and all that is kept of a finished one."""

    namespace: str
    name: str
    uid: str
    resource_version: str = ""
    creation_time: datetime
    endpoint: str
    deployment: str = ""
    """That was resolved; empty before."""
    phase: Phase | None = None
    reason: str = ""
    message: str = ""
    """As in the status."""
    accepted: bool = False
    """A runner Job was recorded."""
    suspended: bool = False
    image: str = ""
    """The scorer's image of the latest runner Job; empty: none was seen. A deployment learns from it
    whether an image can be pulled."""
    completion_time: datetime | None = None
    ttl_seconds: int | None = None
    origin: str = ""
    """``Schedule``, ``Gateway`` or empty."""
    schedule: str = ""
    tracked: bool = False
    """Held by a GitOps tool, which would create it again if it were deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """What a runner Job was created with."""

    config: RunConfig
    image: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """Room on an endpoint with ``maxActiveJobs``."""

    limit: int | None = None
    active: int = 0
    """Jobs that hold a slot: launched, neither suspended nor finished; this one not counted."""
    ahead: int = 0
    """Jobs without a slot that came before this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobObserved:
    """Everything that the plan of a BatchJob depends on."""

    scene: Scene
    runner_job: RunnerJobFacts | None = None
    """The one that the status records; else the one with the name of the first attempt, if it is ours.
    That a recorded one is gone must be certain (read, not remembered): it ends the BatchJob."""
    successor: RunnerJobFacts | None = None
    """The Job of the attempt after the recorded one, if it is there and ours: created, and not recorded
    before a crash."""
    name_taken: bool = False
    """A Job with the name of the next attempt is there and is not ours."""
    pinned: Pinned | None = None
    """Of ``runner_job`` or its successor, which were created with the same; read when one of them is
    not recorded yet, and when an attempt has ended."""
    pods: tuple[PodFacts, ...] | None = None
    """Of the latest attempt."""
    events: tuple[EventFacts, ...] | None = None
    namespace_ends: bool = False
    """The namespace is being deleted; read only when the latest attempt has lost all its pods."""
    progress: Progress | None = None
    workload: WorkloadFacts | None = None
    capacity: Capacity = field(default_factory=Capacity)
    profile: ComputeProfile | None = None
    earlier: EarlierJob | None = None
    earlier_unfinished: bool = False
    """The job that ``rerun`` names exists and has not ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentObserved:
    """Everything that the plan of a BatchDeployment depends on."""

    scene: Scene
    endpoint_uid: str = ""
    owned: bool = False
    """The owner reference to the endpoint of that uid is there."""
    jobs: tuple[JobRecord, ...] = ()
    """Of this deployment, the newest first."""
    profile: ComputeProfile | None = None
    code_keys: tuple[str, ...] | None = None
    """Keys of the ConfigMap that holds the code. None: it does not exist, or the code is elsewhere."""
    missing_secrets: tuple[str, ...] | None = None
    """Names; None: secrets are not looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointObserved:
    """Everything that the plan of a BatchEndpoint depends on."""

    scene: Scene
    jobs: tuple[JobRecord, ...] = ()
    """Of this endpoint, the newest first."""
