"""Whom a change concerns: which other objects want to be looked at when one has changed."""

from __future__ import annotations

from collections.abc import Iterator

from batchpoint.cluster.mirror import Mirror
from batchpoint.cluster.resources import (
    DEPLOYMENTS,
    ENDPOINTS,
    JOBS,
    RUNNER_JOBS,
    Key,
    Manifest,
    ResourceKind,
)
from batchpoint.handlers.wakeups import Subject

SUMMARY_SECONDS = 1.0
"""How long an endpoint waits before it looks at its deployments anew: a burst of changes is one look."""
COUNT_SECONDS = 5.0
"""How long an endpoint or a deployment waits before it sums up its jobs anew: a burst is one sum, and so are
the first steps of a single job."""

Wake = tuple[Subject, float]
"""Whom to look at, and after how many seconds at the latest."""


def of_event(mirror: Mirror, kind: ResourceKind, manifest: Manifest) -> Iterator[Wake]:
    """Yield what wants to be looked at because somebody created, changed or deleted an object.

    Args:
        mirror: Has taken in the event already.
        kind: Of the object.
        manifest: The object; the last that was seen of it if it is deleted.
    """
    metadata = manifest["metadata"]
    key = Key(metadata["namespace"], metadata["name"])
    endpoint = Key(key.namespace, manifest.get("spec", {}).get("endpoint", ""))
    if kind == RUNNER_JOBS:
        if owner := mirror.owner_of(manifest):
            yield Subject(JOBS, owner), 0.0
        return
    yield Subject(kind, key), SUMMARY_SECONDS if kind == ENDPOINTS else 0.0
    if kind == JOBS:
        deployment = (manifest.get("status") or {}).get("deployment", "")
        yield from of_job(mirror, endpoint, deployment)
    elif kind == DEPLOYMENTS:
        yield from of_deployment(mirror, endpoint)
    else:
        yield from _deployments(mirror, key)
        yield from _jobs(mirror, key)


def of_job(mirror: Mirror, endpoint: Key, deployment: str) -> Iterator[Wake]:
    """Yield what a change of a job concerns beside itself: who sums it up, and who waits for its slot."""
    yield Subject(ENDPOINTS, endpoint), COUNT_SECONDS
    if deployment:
        yield Subject(DEPLOYMENTS, Key(endpoint.namespace, deployment)), COUNT_SECONDS
    for waiting in mirror.first_waiting(endpoint, 1):
        yield Subject(JOBS, waiting), 0.0


def of_deployment(mirror: Mirror, endpoint: Key) -> Iterator[Wake]:
    """Yield what a change of a deployment concerns beside itself: the endpoint, and jobs that wait for it."""
    yield Subject(ENDPOINTS, endpoint), SUMMARY_SECONDS
    yield from _jobs(mirror, endpoint)


def _deployments(mirror: Mirror, endpoint: Key) -> Iterator[Wake]:
    for name, deployment in mirror.deployments(endpoint.namespace).items():
        if deployment.spec.endpoint == endpoint.name:
            yield Subject(DEPLOYMENTS, Key(endpoint.namespace, name)), 0.0


def _jobs(mirror: Mirror, endpoint: Key) -> Iterator[Wake]:
    for job in mirror.unfinished_of_endpoint(endpoint):
        yield Subject(JOBS, job), 0.0
