"""What deployments and jobs name and nobody watches."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from batchpoint.api.deployment import BatchDeployment
from batchpoint.api.job import BatchJob
from batchpoint.api.parsing import from_cluster
from batchpoint.cluster.references import References
from batchpoint.cluster.resources import CONFIG_MAPS, SECRETS
from support import manifests
from support.api_server import ApiServer

pytestmark = pytest.mark.asyncio

SCRIPT = {"code": {"configMap": "script"}, "scoringScript": "score.py"}


@asynccontextmanager
async def reading(server: ApiServer, *, check_secrets: bool = False) -> AsyncIterator[References]:
    """Give somebody who reads."""
    async with server.client() as api:
        yield References(api, operator_namespace="batchpoint", check_secrets=check_secrets)


def a_deployment(**spec: Any) -> BatchDeployment:
    """Return one as the server gives it."""
    return from_cluster(BatchDeployment, manifests.deployment(**spec))


async def test_what_is_not_named_is_not_read() -> None:
    """Most deployments need no request."""
    server = ApiServer()
    async with reading(server) as references:
        assert None is await references.profile(a_deployment())
        assert None is await references.code_keys(a_deployment())
        assert None is await references.missing_secrets(a_deployment())
        assert {} == await references.assets(from_cluster(BatchJob, manifests.job()))
    assert [] == server.requests


@pytest.mark.parametrize("data", [{}, {"profile.json": "{"}])
async def test_a_profile_that_is_missing_or_cannot_be_read_is_none(data: dict[str, str]) -> None:
    """The deployment says so, and the answer is kept too."""
    server = ApiServer()
    found = manifests.config_map("p", data, compute_profile="gpu")
    found["metadata"]["namespace"] = "batchpoint"
    server.put(CONFIG_MAPS, found)
    async with reading(server) as references:
        for _ in range(2):
            assert None is await references.profile(a_deployment(compute={"profile": "gpu"}))
    assert 1 == len(server.requests)


async def test_the_files_of_code_are_all_keys_of_its_config_map() -> None:
    """Those that are no text, too."""
    server = ApiServer()
    script = manifests.config_map("script", {"score.py": "…"}) | {"binaryData": {"a.bin": "AA=="}}
    server.put(CONFIG_MAPS, script)
    async with reading(server) as references:
        found = await references.code_keys(a_deployment(codeConfiguration=SCRIPT))
    assert ("score.py", "a.bin") == found


async def test_code_that_is_missing_is_none() -> None:
    """Not an empty folder."""
    async with reading(ApiServer()) as references:
        assert None is await references.code_keys(a_deployment(codeConfiguration=SCRIPT))


async def test_secrets_that_are_there_are_not_missing() -> None:
    """Their content is never asked for."""
    server = ApiServer()
    server.put(SECRETS, {"metadata": {"name": "registry", "namespace": manifests.NAMESPACE}})
    named = a_deployment(environment={"pullSecrets": ["registry"]})
    async with reading(server, check_secrets=True) as references:
        assert ("batchpoint-datastore-lake",) == await references.missing_secrets(named)
    assert all("PartialObjectMetadata" in each["Accept"] for each in server.headers)


async def test_the_latest_asset_is_the_one_of_this_very_moment() -> None:
    """A version that was applied since the last look counts, however short ago that was."""
    server = ApiServer()
    job = from_cluster(BatchJob, manifests.job(input={"uri": "asset://images/latest"}))
    async with reading(server) as references:
        seen = []
        for version in ("1", "2"):
            labels = {"asset": "images", "asset_version": version}
            data = {"uri": f"datastore://lake/{version}"}
            server.put(CONFIG_MAPS, manifests.config_map(f"images-{version}", data, **labels))
            seen.append(list((await references.assets(job))["images"]))
    assert [["1"], ["1", "2"]] == seen
