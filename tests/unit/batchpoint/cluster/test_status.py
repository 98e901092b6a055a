"""The one write of a reconcile."""

from __future__ import annotations

import pytest

from batchpoint.api.job import BatchJobStatus, Phase
from batchpoint.cluster import status
from batchpoint.cluster.mirror import Mirror
from batchpoint.cluster.resources import JOBS, Key
from batchpoint.errors import Conflict
from support import manifests
from support.api_server import ApiServer

NS = manifests.NAMESPACE
FIRST = Key(NS, "first")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (None, BatchJobStatus()),
        ({"phase": "Running"}, BatchJobStatus(phase=Phase.RUNNING)),
        ({"phase": "Running", "novelty": 1}, BatchJobStatus(phase=Phase.RUNNING)),
        ({"phase": "Dreaming"}, BatchJobStatus()),
    ],
)
def test_a_status_is_read_as_far_as_it_is_known(
    raw: manifests.Manifest | None, expected: BatchJobStatus
) -> None:
    """Also that of an object whose spec breaks a rule."""
    mirror = Mirror()
    mirror.put(JOBS, manifests.job(status=raw, input=None))
    assert expected == status.current(mirror, JOBS, FIRST, BatchJobStatus)


@pytest.mark.asyncio
async def test_a_written_status_is_known_at_once() -> None:
    """And nothing but the status is written."""
    server, mirror = ApiServer(), Mirror()
    mirror.put(JOBS, server.put(JOBS, manifests.job()))
    patch = {"status": {"phase": "Running"}, "spec": {"cancel": True}}
    async with server.client() as api:
        await status.write(api, mirror, JOBS, FIRST, patch)
    manifest = mirror.manifest(JOBS, FIRST)
    assert manifest is not None
    assert {"phase": "Running"} == manifest["status"]
    assert "cancel" not in manifest["spec"]


@pytest.mark.asyncio
async def test_whoever_wrote_since_then_wins() -> None:
    """What was decided from an older version is not written."""
    server, mirror = ApiServer(), Mirror()
    old = server.put(JOBS, manifests.job())
    server.put(JOBS, manifests.job(cancel=True))
    patch = {
        "metadata": {"resourceVersion": old["metadata"]["resourceVersion"]},
        "status": {"phase": "Running"},
    }
    async with server.client() as api:
        with pytest.raises(Conflict):
            await status.write(api, mirror, JOBS, FIRST, patch)
    found = server.get(JOBS, *FIRST)
    assert found is not None
    assert "status" not in found


@pytest.mark.asyncio
async def test_an_object_that_is_gone_needs_no_status() -> None:
    """Somebody deleted it meanwhile."""
    server = ApiServer()
    async with server.client() as api:
        await status.write(api, Mirror(), JOBS, FIRST, {"status": {}})
    assert 1 == len(server.requests)
