"""What the replica that acts joins, and how it takes in events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from batchpoint.cluster.resources import ENDPOINTS, JOBS, RUNNER_JOBS, Manifest
from batchpoint.handlers import leading
from batchpoint.handlers.leading import Leader
from batchpoint.handlers.serving import Health
from batchpoint.metrics import Metrics
from batchpoint.settings import Settings
from support.api_server import ApiServer
from support.operator_parts import NAMESPACE
from support.resources import a_job

TOLD = Settings(runner_image="runner:1", scorer_image="scorer:1")


def the_job(version: int) -> Manifest:
    """Return a job as an event brings it."""
    manifest = a_job().as_manifest()
    manifest["metadata"] = {
        "name": "first",
        "namespace": NAMESPACE,
        "uid": "u",
        "resourceVersion": str(version),
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }
    return manifest


def depth_after(events: Callable[[Leader], None]) -> int:
    """Let events arrive at a leader that does not look yet; return how many objects are due at once."""

    async def main() -> int:
        async with ApiServer().client() as client:
            leader = Leader(client, TOLD, Health(), Metrics())
            events(leader)
            return leader.due()

    return asyncio.run(main())


def test_an_event_wakes_its_object_once() -> None:
    """The same version again is no news, and an older one neither."""

    def events(leader: Leader) -> None:
        for version in (5, 5, 4):
            leader.take_in(JOBS, the_job(version), "MODIFIED")

    assert 1 == depth_after(events)


@pytest.mark.parametrize(("what", "expected"), [(None, 1), ("MODIFIED", 0)])
def test_what_is_listed_is_looked_at_though_it_is_known(what: str | None, expected: int) -> None:
    """The mirror is filled before the watches begin; their first lists wake everything once."""

    async def main() -> int:
        async with ApiServer().client() as client:
            leader = Leader(client, TOLD, Health(), Metrics())
            leader.mirror.put(JOBS, the_job(5))
            leader.take_in(JOBS, the_job(5), what)
            return leader.due()

    assert expected == asyncio.run(main())


def test_a_deletion_wakes_as_well() -> None:
    """Nothing is left in the mirror, and the look sees that."""

    def events(leader: Leader) -> None:
        leader.mirror.put(JOBS, the_job(5))
        leader.take_in(JOBS, the_job(6), "DELETED")
        assert [] == leader.mirror.unfinished()

    assert 1 == depth_after(events)


def test_a_job_of_somebody_else_wakes_nobody() -> None:
    """Even if it carries our label."""

    def events(leader: Leader) -> None:
        metadata = {"name": "x", "namespace": NAMESPACE, "uid": "u", "resourceVersion": "5"}
        made = {"creationTimestamp": "2026-01-01T00:00:00Z"}
        spec = {"template": {"spec": {"containers": []}}}
        leader.take_in(RUNNER_JOBS, {"metadata": metadata | made, "spec": spec}, "ADDED")

    assert 0 == depth_after(events)


def test_settings_become_what_rendering_takes() -> None:
    """-1 means that the platform chooses the user."""
    told = TOLD.model_copy(update={"run_as_user": -1, "pull_secrets": ("s",), "labels": {"a": "b"}})
    options = leading.render_options(told)
    assert ("runner:1", "scorer:1", None, ("s",), {"a": "b"}) == (
        options.runner_image,
        options.default_scorer_image,
        options.run_as_user,
        options.pull_secrets,
        options.labels,
    )


def test_the_platform_decides_the_same_without_a_word() -> None:
    """Settings and options have one set of default values."""
    plain = leading.RenderOptions(runner_image="runner:1", default_scorer_image="scorer:1")
    assert plain == leading.render_options(TOLD)


def test_endpoints_wait_a_moment_before_they_sum_up() -> None:
    """So they are not due at once when they are applied together with what stands on them."""

    def events(leader: Leader) -> None:
        manifest = the_job(5) | {"kind": "BatchEndpoint", "spec": {}}
        leader.take_in(ENDPOINTS, manifest, "ADDED")

    assert 0 == depth_after(events)
