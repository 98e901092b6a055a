"""The parts of an operator joined around the stand-in API server: everything real but the watches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from batchpoint.api.deployment import BatchDeployment
from batchpoint.api.meta import API_VERSION, JOB_LABEL, MANAGED_BY, MANAGER
from batchpoint.api.resource import Resource
from batchpoint.cluster.apply import Applier
from batchpoint.cluster.events import EventPoster
from batchpoint.cluster.mirror import Mirror
from batchpoint.cluster.observe import Observer
from batchpoint.cluster.resources import (
    DEPLOYMENTS,
    ENDPOINTS,
    EVENTS,
    JOBS,
    RUNNER_JOBS,
    Key,
    Manifest,
    ResourceKind,
)
from batchpoint.cluster.runners import Runners
from batchpoint.handlers.acting import Actor
from batchpoint.handlers.deciding import Decider
from batchpoint.handlers.reconcile import Reconciler
from batchpoint.handlers.reporting import Reporter
from batchpoint.handlers.wakeups import Patience, Subject
from batchpoint.metrics import Metrics
from batchpoint.rendering.options import RenderOptions
from support.api_server import ApiServer
from support.manifests import READY

NAMESPACE = "scoring"
OPTIONS = RenderOptions(runner_image="runner:1", default_scorer_image="scorer:1")

KINDS: dict[str, ResourceKind] = {kind.kind: kind for kind in (ENDPOINTS, DEPLOYMENTS, JOBS)}


def subject(kind: ResourceKind, name: str) -> Subject:
    """Return what a wake-up names."""
    return Subject(kind, Key(NAMESPACE, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """One operator, and the server that it talks to."""

    server: ApiServer
    mirror: Mirror
    metrics: Metrics
    events: EventPoster
    actor: Actor
    decider: Decider
    reporter: Reporter
    look: Reconciler
    woken: list[tuple[Subject, float]] = field(default_factory=list)

    def have(self, resource: Resource, **metadata: object) -> Manifest:
        """Have an object in the server and, as if its event had come, in the mirror.

        A deployment was found ready, unless it says otherwise itself.
        """
        manifest = resource.as_manifest()
        if isinstance(resource, BatchDeployment):
            manifest.setdefault("status", {"conditions": [READY]})
        given = {name: value for name, value in manifest["metadata"].items() if value}
        manifest["metadata"] = given | {"namespace": NAMESPACE, **metadata}
        kind = KINDS[resource.kind]
        made = self.server.put(kind, manifest)
        self.mirror.put(kind, made)
        return made

    def have_runner_job(self, name: str, owner: Manifest | None) -> Manifest:
        """Have a Job in the server and in the mirror; None: nobody of ours owns it."""
        meta: Manifest = {
            "name": name,
            "namespace": NAMESPACE,
            "labels": {MANAGED_BY: MANAGER},
        }
        if owner is not None:
            meta["labels"][JOB_LABEL] = owner["metadata"]["name"]
            meta["ownerReferences"] = [
                {
                    "apiVersion": API_VERSION,
                    "kind": "BatchJob",
                    "name": owner["metadata"]["name"],
                    "uid": owner["metadata"]["uid"],
                    "controller": True,
                }
            ]
        spec: Manifest = {"template": {"spec": {"containers": []}}}
        made = self.server.put(RUNNER_JOBS, {"metadata": meta, "spec": spec, "status": {}})
        self.mirror.put(RUNNER_JOBS, made)
        return made

    async def reconcile(self, subject: Subject) -> float | None:
        """Look at an object as a worker does that has nothing else to do."""
        again = await self.look(subject)
        return await self.look(subject) if isinstance(again, Patience) else again

    def status(self, kind: ResourceKind, name: str) -> Manifest:
        """Return the status that the server has."""
        found = self.server.get(kind, NAMESPACE, name)
        return {} if found is None else dict(found.get("status", {}))

    async def told(self) -> list[str]:
        """Return the reasons of all events so far, in order."""
        await self.events.drain(5)
        found = zip(self.server.requests, self.server.bodies, strict=True)
        path = EVENTS.path(NAMESPACE)
        return [body["reason"] for asked, body in found if asked == ("POST", path)]


@asynccontextmanager
async def joined() -> AsyncIterator[Parts]:
    """Join an operator around an empty server; events are posted while the block runs."""
    server, mirror, metrics = ApiServer(), Mirror(), Metrics()
    woken: list[tuple[Subject, float]] = []
    async with server.client() as client:
        runners, events = Runners(client), EventPoster(client)
        observer = Observer(client, mirror, runners, operator_namespace="batchpoint")
        actor = Actor(Applier(client, mirror), observer, OPTIONS)
        decider = Decider(mirror, observer, OPTIONS)
        reporter = Reporter(client, mirror, events, metrics, wake=lambda *wake: woken.append(wake))
        posting = asyncio.create_task(events.run())
        yield Parts(
            server=server,
            mirror=mirror,
            metrics=metrics,
            events=events,
            actor=actor,
            decider=decider,
            reporter=reporter,
            look=Reconciler(mirror, decider, actor, reporter, metrics),
            woken=woken,
        )
        await events.drain(5)
        posting.cancel()
        await asyncio.gather(posting, return_exceptions=True)
        await runners.close()
