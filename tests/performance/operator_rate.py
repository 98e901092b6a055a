"""How many BatchJobs become Jobs per second, beside JobSet and beside clients that need no operator.

All create the same Jobs on the same API server, in turn. No controller manager runs, so no Job gets pods
for anybody, and no garbage collector: what a round leaves is deleted before the next one.

A burst comes in one of two ways: one object after the other, as `kubectl apply -f` or a loop around the official
client sends them, or many at once, which no single user does but many may.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import controllers
import kubernetes
import yaml
from control_plane import ControlPlane
from kubernetes.aio import config
from kubernetes.aio.client import Configuration

from batchpoint.api.meta import API_VERSION
from batchpoint.cluster.client import Client
from batchpoint.cluster.resources import DEPLOYMENTS, ENDPOINTS, JOBS, RUNNER_JOBS, ResourceKind
from batchpoint.rendering import runner_job
from batchpoint.settings import Settings
from cluster import binaries

Manifest = dict[str, Any]
Objects = Sequence[tuple[ResourceKind, Manifest]]
Apply = Callable[[Objects], Awaitable[None]]
"""Creates objects."""
Requests = dict[tuple[str, str], int]
"""How many there were by verb and resource."""

NAMESPACE = "default"
ENDPOINT = "digits"
DEPLOYMENT = "digits-forest"
CONCURRENCY: int = Settings.model_fields["concurrency"].default
"""Requests at the same time where many are: as many as the operator has objects in hand."""
POLL_SECONDS = 0.05
PATIENCE_SECONDS = 300

DEFINITIONS = ResourceKind(
    group="apiextensions.k8s.io",
    plural="customresourcedefinitions",
    kind="CustomResourceDefinition",
)
NAMESPACES = ResourceKind(plural="namespaces", kind="Namespace")
SERVICES = ResourceKind(plural="services", kind="Service")
JOB_SETS = ResourceKind(
    group="jobset.x-k8s.io", version="v1alpha2", plural="jobsets", kind="JobSet"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """Seconds from the first request of a burst."""

    applied: float
    """Until the last object was applied."""
    created: float
    """Until the last Job was there."""
    reported: float
    """Until the last object had its status; of the bare client, which writes none, as ``created``."""


@asynccontextmanager
async def connected(plane: ControlPlane) -> AsyncIterator[Client]:
    """Connect as the operator does."""
    configuration = Configuration()
    await config.load_kube_config(
        config_file=str(plane.kubeconfig), client_configuration=configuration
    )
    client = Client(configuration, timeout_seconds=120)
    try:
        yield client
    finally:
        await client.close()


async def install(client: Client, root: Path) -> None:
    """Create the definitions of our kinds and of JobSet's, one endpoint and one deployment."""
    files = [*sorted((root / "crds").glob("*.yaml"))]
    files += (binaries.module(binaries.JOBSET) / "config/components/crd/bases").glob("*.yaml")
    for file in files:
        for document in yaml.safe_load_all(file.read_text()):
            await client.create(DEFINITIONS, "", document)
    for kind in (ENDPOINTS, JOB_SETS):
        await _until_served(client, kind)
    await until(lambda: _is_there(client, NAMESPACES, "", NAMESPACE))
    await client.create(ENDPOINTS, NAMESPACE, endpoint())
    await client.create(DEPLOYMENTS, NAMESPACE, deployment())


def endpoint(**spec: Any) -> Manifest:
    """Return the endpoint."""
    return document("BatchEndpoint", ENDPOINT, {"defaultDeployment": DEPLOYMENT, **spec})


def deployment() -> Manifest:
    """Return the deployment: a script with two instances, as of the first example."""
    spec = {
        "endpoint": ENDPOINT,
        "model": {"uri": "datastore://demo/models/digits-forest", "type": "Custom"},
        "codeConfiguration": {
            "code": {"uri": "datastore://demo/code"},
            "scoringScript": "score.py",
        },
        "output": {"uri": "datastore://demo/predictions"},
        "resources": {"instanceCount": 2},
        "settings": {"maxConcurrencyPerInstance": 2, "miniBatchSize": 10},
    }
    return document("BatchDeployment", DEPLOYMENT, spec)


def batch_job(name: str) -> Manifest:
    """Return a BatchJob."""
    source = {"uri": "datastore://demo/images", "type": "UriFolder", "include": ["**/*.png"]}
    return document("BatchJob", name, {"endpoint": ENDPOINT, "input": source})


def document(kind: str, name: str, spec: Manifest) -> Manifest:
    """Return an object of ours."""
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}


def one_by_one(plane: ControlPlane) -> Apply:
    """Return what a user's script does: the official client, in a loop."""

    def send(objects: Objects) -> None:
        with kubernetes.config.new_client_from_config(str(plane.kubeconfig)) as connection:
            custom = kubernetes.client.CustomObjectsApi(connection)
            jobs = kubernetes.client.BatchV1Api(connection)
            for kind, manifest in objects:
                if kind == RUNNER_JOBS:
                    jobs.create_namespaced_job(NAMESPACE, manifest)
                else:
                    place = (kind.group, kind.version, NAMESPACE, kind.plural)
                    custom.create_namespaced_custom_object(*place, manifest)

    return lambda objects: asyncio.to_thread(send, objects)


def many_at_once(client: Client) -> Apply:
    """Return what many users do together."""
    return lambda objects: together(
        client.create(kind, NAMESPACE, manifest) for kind, manifest in objects
    )


async def ours(plane: ControlPlane, client: Client, apply: Apply, names: Sequence[str]) -> Burst:
    """Measure a burst of BatchJobs."""
    before = plane.requests()
    with controllers.operator(plane) as operator:
        await until(lambda: _is_ready(client))
        objects = [(JOBS, batch_job(name)) for name in names]
        burst = await _burst(
            client, apply, objects, jobs=len(names), reported=lambda: unseen(client)
        )
        _compare(operator.requests(), before, plane.requests())
    found = await client.list(JOBS, NAMESPACE)
    if any("runnerJob" not in job["status"] for job in found):
        raise RuntimeError("some BatchJobs have no full status")
    return burst


def _compare(told: Requests, before: Requests, after: Requests) -> None:
    """See that the operator counts its writes as the API server does; of these, nobody else makes any.

    Raises:
        RuntimeError: It does not.
    """
    for verb, method, resource in (
        ("create", "POST", "jobs"),
        ("patch", "PATCH", "batchjobs/status"),
    ):
        counted = after[method, resource] - before.get((method, resource), 0)
        if counted != told[verb, resource]:
            raise RuntimeError(
                f"the API server counted {counted} times {method} {resource}, the operator "
                f"{told[verb, resource]} times {verb}"
            )


async def bare(client: Client, apply: Apply, template: Manifest, names: Sequence[str]) -> Burst:
    """Measure a burst of Jobs that nobody looks after."""
    objects = [_job(template, name) for name in names]
    return await _burst(client, apply, objects, jobs=len(names))


async def same_writes(
    client: Client, apply: Apply, template: Manifest, names: Sequence[str]
) -> Burst:
    """Measure a burst of BatchJobs and their Jobs, all from the client.

    It is what an operator that costs nothing would leave to do.
    """
    jobs = [(JOBS, batch_job(name)) for name in names]
    pairs = zip(jobs, (_job(template, name) for name in names), strict=True)
    objects = [each for pair in pairs for each in pair]
    return await _burst(client, apply, objects, jobs=len(names))


async def job_sets(
    plane: ControlPlane, client: Client, apply: Apply, template: Manifest, names: Sequence[str]
) -> Burst:
    """Measure a burst of JobSets, each with one Job of the same kind."""
    replicated = {
        "name": "runner",
        "replicas": 1,
        "groupName": "default",
        "template": {"spec": template["spec"]},
    }
    spec = {
        "replicatedJobs": [replicated],
        # What its webhook would fill in. Names of hosts are not needed, and spare it a Service for each.
        "network": {"enableDNSHostnames": False, "publishNotReadyAddresses": True},
        "startupPolicy": {"startupPolicyOrder": "AnyOrder"},
        "successPolicy": {"operator": "All"},
        "suspend": False,
    }
    head = {"apiVersion": JOB_SETS.api_version, "kind": JOB_SETS.kind, "spec": spec}
    objects = [
        (JOB_SETS, {**head, "metadata": {"name": name, "namespace": NAMESPACE}}) for name in names
    ]
    with controllers.jobset(plane, plane.kubeconfig.parent / "jobset"):
        return await _burst(client, apply, objects, jobs=len(names))


async def template_of(plane: ControlPlane, client: Client) -> Manifest:
    """Return the Job of a BatchJob, as a manifest that anybody could create."""
    await ours(plane, client, many_at_once(client), ["template"])
    found = await client.get(RUNNER_JOBS, NAMESPACE, "template-1")
    assert found is not None
    await clear(client)
    return runner_job.next_attempt(found, 2)


def named(template: Manifest, name: str) -> Manifest:
    """Return the manifest under another name."""
    return {**template, "metadata": {**template["metadata"], "name": name}}


def _job(template: Manifest, name: str) -> tuple[ResourceKind, Manifest]:
    return RUNNER_JOBS, named(template, f"{name}-1")


async def clear(client: Client) -> None:
    """Delete what bursts have created."""
    for kind in (JOBS, JOB_SETS, RUNNER_JOBS, SERVICES):
        found = [
            (item["metadata"]["name"], item["metadata"]["uid"])
            async for page in client.pages(kind, NAMESPACE)
            for item in page
            if item["metadata"]["name"] != "kubernetes"
        ]
        await together(
            client.delete(kind, NAMESPACE, name, uid=uid, propagation="Background")
            for name, uid in found
        )


async def _burst(
    client: Client,
    apply: Apply,
    objects: Objects,
    *,
    jobs: int,
    reported: Callable[[], Awaitable[bool]] | None = None,
) -> Burst:
    begin = time.perf_counter()

    async def applied() -> float:
        await apply(objects)
        return time.perf_counter() - begin

    applying = asyncio.create_task(applied())
    await until(lambda: _has(client, RUNNER_JOBS, jobs))
    created = time.perf_counter() - begin
    if reported is not None:
        await until(reported)
    end = time.perf_counter() - begin
    return Burst(applied=await applying, created=created, reported=end)


async def together(requests: Iterator[Any], concurrency: int = CONCURRENCY) -> None:
    """Await all of them, so many at the same time."""
    rest = iter(requests)

    async def work() -> None:
        for request in rest:
            await request

    await asyncio.gather(*(work() for _ in range(concurrency)))


async def until(is_so: Any) -> None:
    """Wait until a question, asked again and again, is answered with yes."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await is_so():
            await asyncio.sleep(POLL_SECONDS)


async def _has(client: Client, kind: ResourceKind, count: int) -> bool:
    """Say whether there are so many, by a list of one and the number of the rest."""
    answer = await client.api.call_api(
        "GET",
        f"{client.api.configuration.host}{kind.path(NAMESPACE)}?limit=1",
        {"Accept": "application/json"},
    )
    told = json.loads(await answer.read())
    found = len(told["items"] or []) + told["metadata"].get("remainingItemCount", 0)
    return bool(found >= count)


async def unseen(client: Client) -> bool:
    """Say whether no BatchJob is without a phase any more."""
    async for page in client.pages(JOBS, NAMESPACE, fields="status.phase="):
        return not page
    return True


async def _is_ready(client: Client) -> bool:
    found = await client.get(DEPLOYMENTS, NAMESPACE, DEPLOYMENT)
    conditions = (found or {}).get("status", {}).get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


async def _is_there(client: Client, kind: ResourceKind, namespace: str, name: str) -> bool:
    return await client.get(kind, namespace, name) is not None


async def _until_served(client: Client, kind: ResourceKind) -> None:
    async def is_served() -> bool:
        answer = await client.api.call_api(
            "GET", f"{client.api.configuration.host}{kind.path(NAMESPACE)}?limit=1"
        )
        await answer.read()
        return bool(answer.status == 200)

    await until(is_served)
