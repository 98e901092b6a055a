"""A small API server in this process: real HTTP on loopback, objects in memory.

It keeps what clients rely on: versions that only grow, uids, 404, 409 of taken names, of stale versions and
of other uids, label selectors, pages, merge patches, and status apart from spec. It knows no schema, no
admission, no watch and no controllers; what depends on those is proven against a real cluster.
"""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from kubernetes.aio.client import Configuration

from batchpoint.cluster.client import Client, OnRequest
from batchpoint.cluster.resources import Manifest, ResourceKind

TIME = "2026-01-01T00:00:00Z"


class ApiServer:
    """The objects, what was asked, and what goes wrong on purpose."""

    def __init__(self) -> None:
        self.objects: dict[str, Manifest] = {}
        """By path."""
        self.requests: list[tuple[str, str]] = []
        """Method and path with query, in order."""
        self.headers: list[Mapping[str, str]] = []
        """Of the requests, in order."""
        self.bodies: list[Any] = []
        """Of the requests, in order; None where there was none."""
        self.fail_next: list[web.Response] = []
        """Answers that the next requests get, whatever they ask."""
        self.unanswered: asyncio.Event | None = None
        """While set to an event, requests wait for it."""
        self.denied: set[tuple[str, str]] = set()
        """Verbs and resources that nobody has a right to, for access reviews."""
        self._version = 100

    def put(self, kind: ResourceKind, manifest: Manifest) -> Manifest:
        """Have an object, as if it had been created; return it with uid, version and time."""
        meta = manifest["metadata"]
        path = kind.path(meta.get("namespace", ""), meta["name"])
        self._version += 1
        known = {"uid": f"uid-{self._version}", "creationTimestamp": TIME, "generation": 1}
        made = copy.deepcopy(manifest)
        made["metadata"] = known | made["metadata"] | {"resourceVersion": str(self._version)}
        self.objects[path] = made
        return copy.deepcopy(made)

    def get(self, kind: ResourceKind, namespace: str, name: str) -> Manifest | None:
        """Return an object as it is now."""
        return copy.deepcopy(self.objects.get(kind.path(namespace, name)))

    def count(self, method: str, part: str) -> int:
        """Return how many requests had this method and this in their path or query."""
        return sum(method == asked and part in path for asked, path in self.requests)

    @asynccontextmanager
    async def client(
        self, *, timeout_seconds: float = 5.0, on_request: OnRequest | None = None
    ) -> AsyncIterator[Client]:
        """Serve, and give a client that talks to this server."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        configuration = Configuration(host=f"http://127.0.0.1:{port}")
        client = Client(configuration, timeout_seconds=timeout_seconds, on_request=on_request)
        try:
            yield client
        finally:
            await client.close()
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        text = await request.text()
        body = json.loads(text) if text else None
        self.requests.append((request.method, str(request.rel_url)))
        self.headers.append(request.headers)
        self.bodies.append(body)
        if self.unanswered is not None:
            await self.unanswered.wait()
        if self.fail_next:
            return self.fail_next.pop(0)
        answer: dict[str, Callable[[web.Request, Any], Awaitable[web.Response]]] = {
            "GET": self._read,
            "POST": self._create,
            "PUT": self._replace,
            "PATCH": self._patch,
            "DELETE": self._delete,
        }
        return await answer[request.method](request, body)

    async def _read(self, request: web.Request, _: Any) -> web.Response:
        if request.path in self.objects:
            return web.json_response(self.objects[request.path])
        plural = request.path.rsplit("/", 1)[-1]
        prefix, namespaced = request.path.removesuffix(plural), f"/{plural}/"
        found = [
            each
            for path, each in self.objects.items()
            if namespaced in path and path.startswith(prefix) and _selected(each, request)
        ]
        if not found and not plural.endswith("s"):
            return failure(404, "NotFound", f'"{plural}" not found')
        begin = int(request.query.get("continue", 0))
        end = begin + int(request.query.get("limit", len(found) or 1))
        meta = {"resourceVersion": str(self._version)}
        if end < len(found):
            meta["continue"] = str(end)
        return web.json_response({"metadata": meta, "items": found[begin:end]})

    async def _create(self, request: web.Request, body: Manifest) -> web.Response:
        if body.get("kind") == "SelfSubjectAccessReview":
            asked = body["spec"]["resourceAttributes"]
            allowed = (asked["verb"], asked["resource"]) not in self.denied
            return web.json_response(body | {"status": {"allowed": allowed}}, status=201)
        path = f"{request.path}/{body['metadata']['name']}"
        if path in self.objects:
            return failure(409, "AlreadyExists", f'"{body["metadata"]["name"]}" already exists')
        return web.json_response(self._store(path, body), status=201)

    async def _replace(self, request: web.Request, body: Manifest) -> web.Response:
        return self._change(request.path, body, lambda _: body)

    async def _patch(self, request: web.Request, body: Manifest) -> web.Response:
        path = request.path.removesuffix("/status")
        is_status = path != request.path

        def changed(old: Manifest) -> Manifest:
            new: Manifest = merged(old, body)
            kept = old if is_status else new
            return kept | {"metadata": old["metadata"] | _own(new)} | _part(new, old, is_status)

        return self._change(path, body, changed)

    async def _delete(self, request: web.Request, body: Any) -> web.Response:
        old = self.objects.get(request.path)
        if old is None:
            return failure(404, "NotFound", f'"{request.path}" not found')
        wanted = ((body or {}).get("preconditions") or {}).get("uid")
        if wanted not in (None, old["metadata"]["uid"]):
            return failure(409, "Conflict", "Precondition failed: UID in precondition")
        del self.objects[request.path]
        return web.json_response(old)

    def _change(
        self, path: str, asked: Manifest, change: Callable[[Manifest], Manifest]
    ) -> web.Response:
        old = self.objects.get(path)
        if old is None:
            return failure(404, "NotFound", f'"{path}" not found')
        wanted, meta = asked.get("metadata") or {}, old["metadata"]
        if wanted.get("resourceVersion", meta["resourceVersion"]) != meta["resourceVersion"]:
            return failure(409, "Conflict", "the object has been modified")
        if wanted.get("uid", meta["uid"]) != meta["uid"]:
            return failure(422, "Invalid", 'metadata.uid: Invalid value: "x": field is immutable')
        return web.json_response(self._store(path, change(old)))

    def _store(self, path: str, manifest: Manifest) -> Manifest:
        self._version += 1
        known = {"uid": f"uid-{self._version}", "creationTimestamp": TIME, "generation": 1}
        meta = known | manifest["metadata"] | {"resourceVersion": str(self._version)}
        self.objects[path] = manifest | {"metadata": meta}
        return self.objects[path]


def failure(
    code: int, reason: str, message: str, headers: dict[str, str] | None = None
) -> web.Response:
    """Return an error as the API server sends it."""
    status = {"kind": "Status", "reason": reason, "message": message, "code": code}
    return web.json_response(status, status=code, headers=headers)


def merged(old: Any, patch: Any) -> Any:
    """Return what a JSON merge patch makes (RFC 7386)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(old) if isinstance(old, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def _own(new: Manifest) -> Manifest:
    """Return the metadata that a client may set."""
    fields = ("labels", "annotations", "ownerReferences")
    return {name: new["metadata"][name] for name in fields if name in new["metadata"]}


def _part(new: Manifest, old: Manifest, is_status: bool) -> Manifest:
    """Return the status of a write to the subresource; else the status as it was."""
    source = new if is_status else old
    return {"status": source["status"]} if "status" in source else {}


def _selected(manifest: Manifest, request: web.Request) -> bool:
    labels = manifest["metadata"].get("labels") or {}
    selector = request.query.get("labelSelector", "")
    terms = [term.partition("=") for term in selector.split(",") if term]
    return all(
        labels.get(name) == value if equals else name in labels for name, equals, value in terms
    )
