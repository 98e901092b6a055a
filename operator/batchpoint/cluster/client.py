"""The one HTTP client: JSON in and out, bounded, timed, counted; failures become `ClusterError`s.

Built on the connection, TLS and credentials of the official client, without its models: they would drop
fields that they do not know, and cost more than the request itself.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, Protocol, TypedDict
from urllib.parse import urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration

from batchpoint.cluster.resources import Manifest, Manifests, ResourceKind
from batchpoint.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    SettingsError,
    Unavailable,
)

Propagation = Literal["Background", "Foreground", "Orphan"]

USER_AGENT = "batchpoint-operator"
PAGE = 200
"""Objects per answer of a list: of 500 Jobs one takes 30 MB for a moment."""
WORDS = 1024
"""Characters of the API server's words that are kept."""

_JSON = "application/json"
_METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
_MERGE = "application/merge-patch+json"
_APPLY = "application/apply-patch+yaml"
_MISSING_RULE = re.compile(r'cannot (?P<verb>\S+) resource "(?P<resource>\S+)"')

_OTHER_UID = "metadata.uid: Invalid value"
"""A patch that names a uid met a namesake."""


class OnRequest(Protocol):
    """Told about every answer. ``code`` is the HTTP status, or 0 where none came."""

    def __call__(self, *, verb: str, resource: str, code: int, seconds: float) -> None:
        """Take note of one answer."""


class _About(TypedDict):
    """Fields of every `ClusterError`."""

    verb: str
    kind: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """What is asked, in the words of access rules and of people."""

    verb: str
    kind: ResourceKind
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @property
    def path(self) -> str:
        name = "" if self.verb == "create" else self.name
        return self.kind.path(self.namespace, name, self.subresource)

    @property
    def resource(self) -> str:
        return "/".join(part for part in (self.kind.plural, self.subresource) if part)

    @property
    def about(self) -> _About:
        name = "/".join(part for part in (self.namespace, self.name) if part)
        return {"verb": self.verb, "kind": self.kind.kind, "name": name}

    def __str__(self) -> str:
        return " ".join(part for part in (self.verb, self.kind.kind, self.about["name"]) if part)


class Client:
    """Requests to one API server. Safe to use from many tasks of one event loop.

    Every method raises `Forbidden`, `Invalid`, `Unavailable` and, where it says so, `NotFound`,
    `Conflict` or `AlreadyExists`.

    Args:
        configuration: Address and credentials.
        timeout_seconds: Of one request, the wait for a connection included.
        concurrency: Requests at the same time; others wait their turn.
        on_request: Told about every answer.
    """

    def __init__(
        self,
        configuration: Configuration,
        *,
        timeout_seconds: float = 30.0,
        concurrency: int = 32,
        on_request: OnRequest | None = None,
    ) -> None:
        configuration.connection_pool_maxsize = concurrency
        # Looked up once: aiohttp would ask the environment in a thread, before each request.
        configuration.proxy = configuration.proxy or _proxy(configuration.host)
        configuration.client_session_kwargs = {"trust_env": False}
        self.api = ApiClient(configuration)
        """For the parts of the official client that take one."""
        self.api.user_agent = USER_AGENT
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._turns = asyncio.Semaphore(concurrency)
        self._on_request = on_request

    async def close(self) -> None:
        """Close all connections."""
        await self.api.close()

    async def get(
        self, kind: ResourceKind, namespace: str, name: str, *, metadata_only: bool = False
    ) -> Manifest | None:
        """Return one object; None: it is not there, in the API server's own words."""
        call = _Call(verb="get", kind=kind, namespace=namespace, name=name)
        try:
            return await self._send(call, accept=_METADATA_ONLY if metadata_only else _JSON)
        except NotFound:
            return None

    async def list(
        self, kind: ResourceKind, namespace: str = "", *, labels: str = "", fields: str = ""
    ) -> Manifests:
        """Return all objects that match. No namespace: of the whole cluster.

        Raises:
            NotFound: The kind is not installed.
        """
        found = self.pages(kind, namespace, labels=labels, fields=fields)
        return [item async for page in found for item in page]

    async def pages(
        self, kind: ResourceKind, namespace: str = "", *, labels: str = "", fields: str = ""
    ) -> AsyncIterator[Manifests]:
        """Yield what matches, `PAGE` at a time, so that a large list is never in memory at once.

        Raises:
            NotFound: The kind is not installed.
        """
        call = _Call(verb="list", kind=kind, namespace=namespace)
        query = {"limit": str(PAGE), "labelSelector": labels, "fieldSelector": fields}
        query = {name: value for name, value in query.items() if value}
        while True:
            answer = await self._send(call, query=query)
            yield answer["items"] or []
            if not (rest := answer["metadata"].get("continue")):
                return
            query["continue"] = rest

    async def create(self, kind: ResourceKind, namespace: str, manifest: Manifest) -> Manifest:
        """Create an object and return what became of it.

        Raises:
            AlreadyExists: The name is taken.
            NotFound: The namespace or the kind is not there.
        """
        name = manifest["metadata"].get("name", "")
        call = _Call(verb="create", kind=kind, namespace=namespace, name=name)
        return await self._send(call, "POST", manifest)

    async def replace(
        self, kind: ResourceKind, namespace: str, name: str, manifest: Manifest
    ) -> Manifest:
        """Write a whole object that was read before.

        Raises:
            Conflict: Somebody wrote since then.
            NotFound: The object is gone.
        """
        call = _Call(verb="update", kind=kind, namespace=namespace, name=name)
        return await self._send(call, "PUT", manifest)

    async def merge(
        self,
        kind: ResourceKind,
        namespace: str,
        name: str,
        patch: Manifest,
        *,
        subresource: str = "",
    ) -> Manifest:
        """Send a JSON merge patch. With ``metadata.resourceVersion`` in it, it only meets that version.

        Raises:
            Conflict: The version or uid is another one.
            NotFound: The object is gone.
        """
        call = _Call(
            verb="patch", kind=kind, namespace=namespace, name=name, subresource=subresource
        )
        return await self._send(call, "PATCH", patch, content=_MERGE)

    async def apply(
        self,
        kind: ResourceKind,
        namespace: str,
        name: str,
        manifest: Manifest,
        *,
        field_manager: str,
    ) -> Manifest:
        """Send a server-side apply. With ``metadata.uid`` in it, it never creates.

        Raises:
            Conflict: Another field manager holds one of the fields, or the uid is another one.
        """
        call = _Call(verb="patch", kind=kind, namespace=namespace, name=name)
        query = {"fieldManager": field_manager}
        return await self._send(call, "PATCH", manifest, content=_APPLY, query=query)

    async def delete(
        self, kind: ResourceKind, namespace: str, name: str, *, uid: str, propagation: Propagation
    ) -> bool:
        """Delete the object of that uid. False: it was gone already, or a namesake has its place."""
        call = _Call(verb="delete", kind=kind, namespace=namespace, name=name)
        options = {"preconditions": {"uid": uid}, "propagationPolicy": propagation}
        try:
            await self._send(call, "DELETE", options)
        except (NotFound, Conflict):
            return False
        return True

    async def _send(
        self,
        call: _Call,
        method: str = "GET",
        body: Manifest | None = None,
        *,
        content: str = _JSON,
        accept: str = _JSON,
        query: Mapping[str, str] | None = None,
    ) -> Manifest:
        configuration = self.api.configuration
        url = f"{configuration.host}{call.path}{f'?{urlencode(query)}' if query else ''}"
        async with self._turns:
            begin, code = time.monotonic(), 0
            try:
                # Asked each time: a service account's token is replaced every hour.
                token = await configuration.get_api_key_with_prefix(
                    "BearerToken", alias="authorization"
                )
                headers = {"Accept": accept, "Content-Type": content, **self.api.default_headers}
                if token:
                    headers["Authorization"] = token
                response = await self.api.call_api(
                    method, url, headers, body, _request_timeout=self._timeout
                )
                code, text = response.status, await response.read()
            except (aiohttp.ClientError, OSError) as exc:
                # TimeoutError is an OSError, and says nothing.
                cause = str(exc) or f"no answer in {self._timeout.total:g} seconds"
                raise Unavailable(
                    f"Could not {call}: {cause}. It is tried again.", **call.about
                ) from exc
            finally:
                if self._on_request:
                    seconds = time.monotonic() - begin
                    self._on_request(
                        verb=call.verb, resource=call.resource, code=code, seconds=seconds
                    )
        if not 200 <= code <= 299:
            _refuse(call, code, text, response.headers)
        answer: Manifest = json.loads(text)
        return answer


async def connect(
    *, timeout_seconds: float = 30.0, concurrency: int = 32, on_request: OnRequest | None = None
) -> Client:
    """Return a client for the cluster that the process runs in, else for that of the kubeconfig.

    Raises:
        SettingsError: There is neither.
    """
    configuration = Configuration()
    try:
        config.load_incluster_config(client_configuration=configuration)
    except config.ConfigException:
        try:
            await config.load_kube_config(client_configuration=configuration)
        except config.ConfigException as exc:
            raise SettingsError(
                f"There is no cluster to talk to: not running in a pod, and no kubeconfig ({exc}). "
                "Set KUBECONFIG."
            ) from exc
    return Client(
        configuration,
        timeout_seconds=timeout_seconds,
        concurrency=concurrency,
        on_request=on_request,
    )


def _proxy(host: str) -> str | None:
    """Return the proxy that the environment names for an address."""
    address = urlsplit(host)
    if proxy_bypass(address.netloc):
        return None
    return getproxies().get(address.scheme)


def _refuse(call: _Call, code: int, text: bytes, headers: Mapping[str, str]) -> NoReturn:
    """Raise the error that an answer means."""
    said = _status(text)
    words = str(said.get("message") or text.decode(errors="replace"))[:WORDS].rstrip(".")
    failed = f"Could not {call}: {words or f'HTTP {code}'}."
    match code:
        case 403 if _MISSING_RULE.search(words):
            where = f'namespace "{call.namespace}"' if call.namespace else "the whole cluster"
            raise Forbidden(
                f"Could not {call}: the service account lacks a right. Add verb {call.verb} on "
                f'{call.resource} of API group "{call.kind.group}" in {where} to its role.',
                **call.about,
            )
        case 404 if said.get("kind") == "Status" or call.verb == "list":
            # Without a Status: of a kind that is not installed; else something in between has answered,
            # and to believe it would end jobs whose Job is there.
            raise NotFound(failed, **call.about)
        case 409 if said.get("reason") == "AlreadyExists":
            raise AlreadyExists(failed, **call.about)
        case 409:
            raise Conflict(failed, **call.about)
        case 422 if _OTHER_UID in words:
            raise Conflict(failed, **call.about)
        case 400 | 403 | 405 | 413 | 415 | 422:
            raise Invalid(failed, **call.about)
        case _:
            after = headers.get("Retry-After", "")
            raise Unavailable(
                f"{failed} It is tried again.",
                **call.about,
                after_seconds=float(after) if after.isdigit() else None,
            )


def _status(text: bytes) -> dict[str, Any]:
    """Return the Status that an error comes with; what stands before an API server may send no JSON."""
    try:
        status = json.loads(text)
    except ValueError:
        return {}
    return status if isinstance(status, dict) else {}
