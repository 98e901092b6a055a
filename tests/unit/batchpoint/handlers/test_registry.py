"""What kopf asks of the cluster in our name, and whom it tells: the real loop against an emulated API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import kmock as emulated
import kopf
import pytest

from batchpoint.cluster.client import PAGE
from batchpoint.cluster.resources import JOBS, RUNNER_JOBS, WATCHED, Manifest, ResourceKind
from batchpoint.handlers import registry

NEEDED_BY_KOPF = ("v1/namespaces", "v1/events", "apiextensions.k8s.io/v1/customresourcedefinitions")
"""It looks them up even when it is told never to read them."""

VERBS = {"get", "list", "watch", "create", "patch", "delete"}


class Listener:
    """What the handlers were told."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, str | None]] = []
        self._changed = asyncio.Event()

    def hear(self, kind: ResourceKind, manifest: Manifest, what: str | None) -> None:
        """Take in one event."""
        self.heard.append((kind.kind, manifest["metadata"]["name"], what))
        self._changed.set()

    async def wait_for(self, event: tuple[str, str, str | None]) -> None:
        """Wait until something was told."""
        async with asyncio.timeout(10):
            while event not in self.heard:
                self._changed.clear()
                await self._changed.wait()


def resource(kind: ResourceKind) -> Any:
    """Return a kind as the emulator names it."""
    return emulated.resource(f"{kind.group}/{kind.version}/{kind.plural}")


def an_object(kind: ResourceKind, name: str) -> Manifest:
    """Return an object with nothing in it."""
    metadata = {"name": name, "namespace": "scoring", "uid": f"uid-{kind.plural}-{name}"}
    return {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": metadata | {"resourceVersion": "1"},
        "spec": {},
    }


Story = Callable[[Listener, Any], Awaitable[None]]


@pytest.fixture
def tell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Story], None]:
    """Return what runs kopf with one object of each kind in the cluster, and a story beside it."""

    async def main(story: Story) -> None:
        async with emulated.KubernetesEmulator() as cluster, emulated.Server(cluster):
            declare(cluster)
            kubeconfig = tmp_path / "kubeconfig"
            kubeconfig.write_text(json.dumps(kubeconfig_of(str(cluster.url))))
            monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
            told, stop = Listener(), asyncio.Event()
            watching = kopf.operator(
                registry=registry.build(told.hear),
                standalone=True,
                clusterwide=True,
                stop_flag=stop,
            )
            running = asyncio.create_task(watching)
            for kind in WATCHED:
                await told.wait_for((kind.kind, "first", None))
            await story(told, cluster)
            stop.set()
            await running

    return lambda story: asyncio.run(main(story))


def declare(cluster: Any) -> None:
    """Have our kinds and those that kopf looks up, and one object of each of ours."""
    for name in NEEDED_BY_KOPF:
        known = cluster.resources[emulated.resource(name)]
        known.namespaced, known.kind, known.verbs = False, name, VERBS
    for kind in WATCHED:
        known = cluster.resources[resource(kind)]
        known.namespaced, known.kind, known.verbs = True, kind.kind, VERBS
        cluster.objects[resource(kind), "scoring", "first"] = an_object(kind, "first")


def kubeconfig_of(server: str) -> Manifest:
    """Return a kubeconfig that leads to a server."""
    return {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
    }


def test_what_is_there_is_told_at_the_start(tell: Callable[[Story], None]) -> None:
    """As listed, of all four kinds; so that a restart looks at everything once."""

    async def story(told: Listener, _: Any) -> None:
        listed = {kind for kind, name, what in told.heard if (name, what) == ("first", None)}
        assert {kind.kind for kind in WATCHED} == listed

    tell(story)


def test_changes_are_told_as_they_happen(tell: Callable[[Story], None]) -> None:
    """Created and deleted, with the object itself."""

    async def story(told: Listener, cluster: Any) -> None:
        path = f"{cluster.url}{JOBS.path('scoring')}"
        async with aiohttp.ClientSession() as session:
            await session.post(path, json=an_object(JOBS, "second"))
            await told.wait_for(("BatchJob", "second", "ADDED"))
            await session.delete(f"{path}/second")
            await told.wait_for(("BatchJob", "second", "DELETED"))

    tell(story)


def test_kopf_writes_nothing(tell: Callable[[Story], None]) -> None:
    """No annotation, no finalizer, no event: objects look as people applied them."""

    async def story(_: Listener, cluster: Any) -> None:
        assert {"GET"} == {request.method.value for request in cluster}

    tell(story)


def test_only_jobs_of_ours_are_watched(tell: Callable[[Story], None]) -> None:
    """The API server leaves out all others; the cluster may have a hundred thousand."""

    async def story(_: Listener, cluster: Any) -> None:
        asked = [request.params for request in cluster if request.url.path.endswith("/jobs")]
        assert asked
        assert {RUNNER_JOBS.labels} == {params.get("labelSelector") for params in asked}

    tell(story)


def test_neither_namespaces_nor_definitions_are_read(tell: Callable[[Story], None]) -> None:
    """An operator for some namespaces has no right to."""

    async def story(_: Listener, cluster: Any) -> None:
        read = {request.url.path.rsplit("/", 1)[-1] for request in cluster}
        assert set() == read & {"namespaces", "customresourcedefinitions", "events"}

    tell(story)


def test_long_lists_are_read_in_pages(tell: Callable[[Story], None]) -> None:
    """Ten thousand objects at once would cost both sides their memory."""

    async def story(_: Listener, cluster: Any) -> None:
        lists = [request.params for request in cluster if "limit" in request.params]
        assert [str(PAGE)] * len(WATCHED) == [params["limit"] for params in lists]

    tell(story)
