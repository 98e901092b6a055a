"""Conditions: what is so, since when and why; and the pure functions that read and change lists of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from batchpoint.api.base import ApiModel
from batchpoint.api.fields import Count, Text

MOST_CONDITIONS = 8

ConditionType = Annotated[str, Text(longest=63, pattern="[A-Z][A-Za-z]*")]
ReasonText = Annotated[str, Text(longest=63, pattern="[A-Z][A-Za-z0-9]*")]
Message = Annotated[str, Text(longest=1024, shortest=0)]

READY = "Ready"
"""Endpoints and deployments: jobs can use it."""
ENDPOINT_FOUND = "EndpointFound"
"""Deployments: the endpoint that they serve exists."""
SERVICE_ACCOUNT_ALLOWED = "ServiceAccountAllowed"
"""Deployments: the operator lets pods have the service account."""
STORAGE_USABLE = "StorageUsable"
"""Deployments: pods can come to where model and code lie and results go."""
CODE_FOUND = "CodeFound"
"""Deployments: the scoring script is there. Unknown where only a job can tell."""
SECRETS_FOUND = "SecretsFound"
"""Deployments: the Secrets exist that pods mount. Unknown where the operator may not look."""
COMPUTE_FOUND = "ComputeFound"
"""Deployments: the compute profile exists and permits so many instances."""
IMAGE_PULLABLE = "ImagePullable"
"""Deployments: what the latest job learned of the scorer's image. Unknown before the first."""
SCHEDULES_ACTIVE = "SchedulesActive"
"""Endpoints with schedules: whether they make jobs."""
ACCEPTED = "Accepted"
"""Jobs: endpoint and deployment are resolved, the snapshot is pinned."""
STARTED = "Started"
"""Jobs: an instance has begun to score."""
SUCCEEDED = "Succeeded"
"""Jobs: the outcome. Unknown while it is open; True or False is final."""
RECONCILING = "Reconciling"
"""For tools that wait: True while work goes on."""
STALLED = "Stalled"
"""For tools that wait: True when nothing will happen without an edit."""


class ConditionStatus(StrEnum):
    """Whether a condition holds."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(ApiModel):
    """One observation about an object."""

    type: ConditionType
    """Which fact, such as Ready or Succeeded."""
    status: ConditionStatus
    """True, False, or Unknown while it cannot be told yet."""
    reason: ReasonText
    """A CamelCase constant that says why, for programs."""
    message: Message = ""
    """A sentence for people: what is so, why, and what to do."""
    observed_generation: Count = 0
    """Generation of the spec that was looked at; behind metadata.generation means out of date."""
    last_transition_time: datetime
    """When status last changed; a new reason or message alone does not move it."""


Conditions = Annotated[
    tuple[Condition, ...],
    Field(
        max_length=MOST_CONDITIONS,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    ),
]


def find(conditions: Iterable[Condition], type_: str) -> Condition | None:
    """Return the condition of this type, or None."""
    return next((condition for condition in conditions if condition.type == type_), None)


def is_true(conditions: Iterable[Condition], type_: str) -> bool:
    """Say whether the condition is there and True."""
    condition = find(conditions, type_)
    return condition is not None and condition.status is ConditionStatus.TRUE


def is_false(conditions: Iterable[Condition], type_: str) -> bool:
    """Say whether the condition is there and False; Unknown and absent are not."""
    condition = find(conditions, type_)
    return condition is not None and condition.status is ConditionStatus.FALSE


def put(conditions: Sequence[Condition], new: Condition) -> tuple[Condition, ...]:
    """Return the list with ``new`` in the place of the one of its type, or at the end.

    The time of transition of the old one is kept when the status is the same, so that putting what is
    there already changes nothing.
    """
    old = find(conditions, new.type)
    if old is None:
        return (*conditions, new)
    if old.status is new.status:
        new = new.model_copy(update={"last_transition_time": old.last_transition_time})
    return tuple(new if condition is old else condition for condition in conditions)


def without(conditions: Iterable[Condition], type_: str) -> tuple[Condition, ...]:
    """Return the list without the condition of this type."""
    return tuple(condition for condition in conditions if condition.type != type_)
