"""Writes that plans ask for."""

from __future__ import annotations

import pytest

from batchpoint.cluster.apply import Applier
from batchpoint.cluster.mirror import Mirror
from batchpoint.cluster.resources import DEPLOYMENTS, JOBS, RUNNER_JOBS, Key
from batchpoint.errors import Conflict
from support import manifests
from support.api_server import ApiServer

pytestmark = pytest.mark.asyncio

NS = manifests.NAMESPACE
FIRST_1 = Key(NS, "first-1")


async def test_a_created_job_is_known_at_once() -> None:
    """The next round of the same reconcile sees it, without a read."""
    server, mirror = ApiServer(), Mirror()
    async with server.client() as api:
        await Applier(api, mirror).create_runner_job(manifests.runner_job())
    found = mirror.runner_job(FIRST_1)
    assert found is not None
    assert None is not mirror.created(found.uid)
    assert 1 == len(server.requests)


async def test_a_job_that_is_there_is_taken_in() -> None:
    """Whoever made it: the next observation says whether it is ours."""
    server, mirror = ApiServer(), Mirror()
    server.put(RUNNER_JOBS, manifests.runner_job(owner_uid="somebody"))
    async with server.client() as api:
        await Applier(api, mirror).create_runner_job(manifests.runner_job())
    found = mirror.runner_job(FIRST_1)
    assert found is not None
    assert "somebody" == found.owner_uid


async def test_a_suspension_is_known_at_once() -> None:
    """The patch names the uid."""
    server, mirror = ApiServer(), Mirror()
    server.put(RUNNER_JOBS, manifests.runner_job())
    patch = {"metadata": {"uid": "uid-first-1"}, "spec": {"suspend": True}}
    async with server.client() as api:
        await Applier(api, mirror).suspend_runner_job(FIRST_1, patch)
    found = mirror.runner_job(FIRST_1)
    assert found is not None
    assert found.suspended


async def test_what_is_gone_needs_no_write() -> None:
    """Somebody was faster."""
    server = ApiServer()
    async with server.client() as api:
        applier = Applier(api, Mirror())
        await applier.suspend_runner_job(FIRST_1, {"spec": {"suspend": True}})
        await applier.delete_runner_job(FIRST_1, "uid-first-1")
        await applier.delete_job(Key(NS, "first"), "uid-first")
        await applier.own_deployment(Key(NS, "forest"), {"metadata": {}})
    assert {} == server.objects


async def test_pods_drain_before_their_job_disappears() -> None:
    """And the Job is deleted only if it is the one that was meant."""
    server = ApiServer()
    server.put(RUNNER_JOBS, manifests.runner_job())
    async with server.client() as api:
        await Applier(api, Mirror()).delete_runner_job(FIRST_1, "another")
        await Applier(api, Mirror()).delete_runner_job(FIRST_1, "uid-first-1")
    expected = {"preconditions": {"uid": "uid-first-1"}, "propagationPolicy": "Foreground"}
    assert expected == server.bodies[1]
    assert {} == server.objects


async def test_a_deleted_job_takes_its_children_along() -> None:
    """In the background."""
    server = ApiServer()
    server.put(JOBS, manifests.job())
    async with server.client() as api:
        await Applier(api, Mirror()).delete_job(Key(NS, "first"), "uid-first")
    assert "Background" == server.bodies[0]["propagationPolicy"]
    assert {} == server.objects


async def test_an_owner_is_added_by_a_field_manager_of_its_own() -> None:
    """The rest of the deployment stays its author's."""
    server, mirror = ApiServer(), Mirror()
    server.put(DEPLOYMENTS, manifests.deployment())
    owner = {"uid": "uid-digits", "kind": "BatchEndpoint", "name": "digits"}
    document = {"metadata": {"uid": "uid-forest", "ownerReferences": [owner]}}
    async with server.client() as api:
        await Applier(api, mirror).own_deployment(Key(NS, "forest"), document)
    assert 1 == server.count("PATCH", "fieldManager=batchpoint-owner")
    assert "application/apply-patch+yaml" == server.headers[0]["Content-Type"]
    found = mirror.deployment(Key(NS, "forest"))
    assert found is not None
    assert (owner,) == found.metadata.owner_references


async def test_a_namesake_is_not_suspended() -> None:
    """It is another object, and the plan was made for the first."""
    server = ApiServer()
    server.put(RUNNER_JOBS, manifests.runner_job())
    patch = {"metadata": {"uid": "another"}, "spec": {"suspend": True}}
    async with server.client() as api:
        with pytest.raises(Conflict):
            await Applier(api, Mirror()).suspend_runner_job(FIRST_1, patch)
