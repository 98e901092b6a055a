"""Whom a change concerns."""

from __future__ import annotations

from typing import Any

import pytest

from batchpoint.api.meta import JOB_LABEL
from batchpoint.cluster.mirror import Mirror
from batchpoint.cluster.resources import DEPLOYMENTS, ENDPOINTS, JOBS, RUNNER_JOBS, Manifest
from batchpoint.handlers import concerns
from support.operator_parts import KINDS, NAMESPACE, subject
from support.resources import a_deployment, a_job, an_endpoint

DIGITS = subject(ENDPOINTS, "digits")
FOREST = subject(DEPLOYMENTS, "forest")
FIRST, SECOND = subject(JOBS, "first"), subject(JOBS, "second")
SOON, LATER = concerns.SUMMARY_SECONDS, concerns.COUNT_SECONDS


def seen(resource: Any, version: int) -> Manifest:
    """Return an object as an event brings it."""
    manifest: Manifest = resource.as_manifest()
    manifest["metadata"] = {
        "name": resource.name,
        "namespace": NAMESPACE,
        "uid": f"uid-{version}",
        "resourceVersion": str(version),
        "creationTimestamp": f"2026-01-01T00:00:{version:02d}Z",
    }
    return manifest


def a_mirror(*resources: Any) -> tuple[Mirror, list[Manifest]]:
    """Return a mirror that knows these objects, and the objects."""
    mirror = Mirror()
    manifests = [seen(resource, version) for version, resource in enumerate(resources, start=1)]
    for resource, manifest in zip(resources, manifests, strict=True):
        mirror.put(KINDS[resource.kind], manifest)
    return mirror, manifests


def test_an_endpoint_concerns_what_stands_on_it() -> None:
    """Its deployments and its unfinished jobs; not those of others."""
    mirror, (endpoint, *_) = a_mirror(
        an_endpoint(), a_deployment(), a_deployment("oak", endpoint="trees"), a_job()
    )
    found = list(concerns.of_event(mirror, ENDPOINTS, endpoint))
    assert [(DIGITS, SOON), (FOREST, 0.0), (FIRST, 0.0)] == found


def test_a_deployment_concerns_its_endpoint_and_jobs_that_may_wait_for_it() -> None:
    """The endpoint shows whether it is ready."""
    mirror, (_, deployment, _) = a_mirror(an_endpoint(), a_deployment(), a_job())
    found = list(concerns.of_event(mirror, DEPLOYMENTS, deployment))
    assert [(FOREST, 0.0), (DIGITS, SOON), (FIRST, 0.0)] == found


def test_a_job_concerns_its_endpoint() -> None:
    """Which counts it, a moment later, together with what else happens then."""
    mirror, (_, job) = a_mirror(an_endpoint(), a_job())
    found = list(concerns.of_event(mirror, JOBS, job))
    assert [(FIRST, 0.0), (DIGITS, LATER)] == found


def test_a_job_concerns_its_deployment_once_it_has_one() -> None:
    """Which counts it, and learns from it whether its image can be pulled."""
    mirror, (_, job) = a_mirror(an_endpoint(), a_job())
    job["status"] = {"deployment": "forest"}
    found = list(concerns.of_event(mirror, JOBS, job))
    assert [(FIRST, 0.0), (DIGITS, LATER), (FOREST, LATER)] == found


def test_a_job_that_is_gone_leaves_its_slot_to_the_next() -> None:
    """The oldest that waits is woken at once."""
    mirror, (_, first, _) = a_mirror(an_endpoint(maxActiveJobs=1), a_job(), a_job("second"))
    mirror.remove(JOBS, first)
    found = list(concerns.of_event(mirror, JOBS, first))
    assert [(FIRST, 0.0), (DIGITS, LATER), (SECOND, 0.0)] == found


@pytest.mark.parametrize(
    ("labels", "expected"),
    [({JOB_LABEL: "first"}, [(FIRST, 0.0)]), ({}, [])],
    ids=["ours", "nobodys"],
)
def test_a_runner_job_concerns_its_owner(labels: dict[str, str], expected: list[object]) -> None:
    """And nobody, where it has none."""
    metadata = {"name": "first-1", "namespace": NAMESPACE, "labels": labels}
    assert expected == list(concerns.of_event(Mirror(), RUNNER_JOBS, {"metadata": metadata}))
