"""Where the pods of a deployment run: a named profile, or what Kubernetes calls these things itself."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from batchpoint.api.base import ApiModel, Rule, refusal
from batchpoint.api.fields import Name, ObjectName, Text

LabelText = Annotated[str, Text(longest=317, shortest=0)]


class TolerationOperator(StrEnum):
    """How the key of a taint is compared."""

    EXISTS = "Exists"
    EQUAL = "Equal"


class TaintEffect(StrEnum):
    """What a taint does to pods that do not tolerate it."""

    NO_SCHEDULE = "NoSchedule"
    PREFER_NO_SCHEDULE = "PreferNoSchedule"
    NO_EXECUTE = "NoExecute"


class Toleration(ApiModel):
    """Lets pods onto nodes that keep others away; as in Kubernetes."""

    key: LabelText = ""
    """Of the taint. Empty, with operator Exists: every taint."""
    operator: TolerationOperator = TolerationOperator.EQUAL
    """Equal: key and value match. Exists: the key matches, whatever its value."""
    value: LabelText = ""
    """Of the taint."""
    effect: TaintEffect | None = None
    """Of the taint. Absent: every effect."""
    toleration_seconds: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    """For effect NoExecute: seconds that a pod stays after the taint appears. Absent: for ever."""


class Compute(ApiModel):
    """Where pods run: a named profile, or the settings themselves."""

    profile: Name | None = None
    """A compute profile that the platform team configured. Excludes nodeSelector, tolerations,
    priorityClassName and runtimeClassName."""
    node_selector: Annotated[dict[str, LabelText], Field(max_length=16)] = Field(
        default_factory=dict
    )
    """Labels that a node must have."""
    tolerations: Annotated[tuple[Toleration, ...], Field(max_length=16)] = ()
    """Taints that pods tolerate."""
    priority_class_name: ObjectName | None = None
    """PriorityClass of the pods. Absent: the cluster's default."""
    queue_name: ObjectName | None = None
    """LocalQueue of Kueue that admits the jobs. Absent: jobs start at once."""
    runtime_class_name: ObjectName | None = None
    """RuntimeClass of the pods. Absent: the cluster's default."""

    rules = (
        Rule(
            cel="!has(self.profile) || !(has(self.nodeSelector) || has(self.tolerations)"
            " || has(self.priorityClassName) || has(self.runtimeClassName))",
            message="a profile brings its own placement: leave nodeSelector, tolerations,"
            " priorityClassName and runtimeClassName out, or leave profile out",
            field="profile",
        ),
    )

    @model_validator(mode="after")
    def _profile_stands_alone(self) -> Self:
        placement = {
            "nodeSelector": self.node_selector,
            "tolerations": self.tolerations,
            "priorityClassName": self.priority_class_name,
            "runtimeClassName": self.runtime_class_name,
        }
        given = [name for name, value in placement.items() if value]
        if self.profile and given:
            raise refusal(
                f"must not stand beside {' and '.join(given)}",
                found=f'"{self.profile}"',
                field="profile",
            )
        return self


class ComputeProfile(ApiModel):
    """A named kind of place to run, kept by the platform team in a ConfigMap of the operator's namespace."""

    description: Annotated[str, Text(longest=1024, shortest=0)] = ""
    """What it is for, for people."""
    node_selector: Annotated[dict[str, LabelText], Field(max_length=16)] = Field(
        default_factory=dict
    )
    """Labels that a node must have."""
    tolerations: Annotated[tuple[Toleration, ...], Field(max_length=16)] = ()
    """Taints that pods tolerate."""
    priority_class_name: ObjectName | None = None
    """PriorityClass of the pods. Absent: the cluster's default."""
    queue_name: ObjectName | None = None
    """LocalQueue of Kueue, where the deployment names none. Absent: jobs start at once."""
    runtime_class_name: ObjectName | None = None
    """RuntimeClass of the pods. Absent: the cluster's default."""
    max_instances: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Most instances that one job may have here. Absent: no limit."""
