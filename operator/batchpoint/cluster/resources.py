"""The kinds that the operator reads or writes, and where the API server keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from batchpoint.api.meta import GROUP, MANAGED_BY, MANAGER, VERSION

Manifest = dict[str, Any]
"""An object as JSON, just as the API server gives and takes it."""
Manifests = list[Manifest]


class Key(NamedTuple):
    """Which object of a kind."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceKind:
    """A kind and its address."""

    group: str = ""
    """Empty for the core group."""
    version: str = "v1"
    plural: str
    kind: str
    labels: str = ""
    """Selector of those that concern the operator; empty: all."""

    @property
    def api_version(self) -> str:
        """``apiVersion`` of a manifest."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def full_name(self) -> str:
        """As access rules and people name it: ``batchjobs.batchpoint.dev``, ``pods``."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def is_watched(self, manifest: Manifest) -> bool:
        """Say whether an object has the label without which the watch does not tell of it."""
        name, _, value = self.labels.partition("=")
        return not name or (manifest["metadata"].get("labels") or {}).get(name) == value

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Return the path of one object, of a namespace's objects, or of all: whatever is given."""
        parts = [f"/apis/{self.group}" if self.group else "/api", self.version]
        if namespace:
            parts += ["namespaces", namespace]
        parts += [self.plural, name, subresource]
        return "/".join(part for part in parts if part)


ENDPOINTS = ResourceKind(
    group=GROUP, version=VERSION, plural="batchendpoints", kind="BatchEndpoint"
)
DEPLOYMENTS = ResourceKind(
    group=GROUP, version=VERSION, plural="batchdeployments", kind="BatchDeployment"
)
JOBS = ResourceKind(group=GROUP, version=VERSION, plural="batchjobs", kind="BatchJob")
RUNNER_JOBS = ResourceKind(
    group="batch", plural="jobs", kind="Job", labels=f"{MANAGED_BY}={MANAGER}"
)
WATCHED = (ENDPOINTS, DEPLOYMENTS, JOBS, RUNNER_JOBS)
"""What is watched, and kept in the mirror. A job finds what it names when they are read in this order."""

CONFIG_MAPS = ResourceKind(plural="configmaps", kind="ConfigMap")
EVENTS = ResourceKind(plural="events", kind="Event")
LEASES = ResourceKind(group="coordination.k8s.io", plural="leases", kind="Lease")
NAMESPACES = ResourceKind(plural="namespaces", kind="Namespace")
PODS = ResourceKind(plural="pods", kind="Pod")
SECRETS = ResourceKind(plural="secrets", kind="Secret")
WORKLOADS = tuple(
    ResourceKind(group="kueue.x-k8s.io", version=version, plural="workloads", kind="Workload")
    for version in ("v1beta2", "v1beta1")
)
"""Kueue's, the newest first: the older goes away, and before Kueue 0.15 there is no other."""
ACCESS_REVIEWS = ResourceKind(
    group="authorization.k8s.io",
    plural="selfsubjectaccessreviews",
    kind="SelfSubjectAccessReview",
)
