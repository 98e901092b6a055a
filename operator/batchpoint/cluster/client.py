"""The one HTTP client: JSON in and out, bounded, timed, counted; failures become `ClusterError`s.

Built on the connection, TLS and credentials of the official client, without its models: they would drop
fields that they do not know, and cost more than the request itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal, Protocol

from batchpoint.cluster.resources import Manifest, ResourceKind

Propagation = Literal["Background", "Foreground", "Orphan"]


class OnRequest(Protocol):
    """Told about every answer. ``code`` is the HTTP status, or 0 where none came."""

    def __call__(self, *, verb: str, resource: str, code: int, seconds: float) -> None: ...


class Client:
    """Requests to one API server. Safe to use from many tasks of one event loop.

    Every method raises `Forbidden`, `Invalid`, `Unavailable` or, where it says so, `NotFound`,
    `Conflict` or `AlreadyExists`.
    """

    async def close(self) -> None:
        """Close all connections."""
        raise NotImplementedError

    async def get(
        self, kind: ResourceKind, namespace: str, name: str, *, metadata_only: bool = False
    ) -> Manifest | None:
        """Return one object; None: it is not there, or its kind is not installed."""
        raise NotImplementedError

    async def list(
        self, kind: ResourceKind, namespace: str = "", *, labels: str = "", fields: str = ""
    ) -> list[Manifest]:
        """Return all objects that match, page by page. No namespace: of the whole cluster."""
        raise NotImplementedError

    def pages(
        self, kind: ResourceKind, namespace: str = "", *, labels: str = "", fields: str = ""
    ) -> AsyncIterator[list[Manifest]]:
        """Yield what matches, up to 500 at a time, so that a large list is never in memory at once."""
        raise NotImplementedError

    async def create(self, kind: ResourceKind, namespace: str, manifest: Manifest) -> Manifest:
        """Create an object and return what became of it.

        Raises:
            AlreadyExists: The name is taken.
        """
        raise NotImplementedError

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
        raise NotImplementedError

    async def apply(
        self,
        kind: ResourceKind,
        namespace: str,
        name: str,
        manifest: Manifest,
        *,
        field_manager: str,
        force: bool = False,
    ) -> Manifest:
        """Send a server-side apply. With ``metadata.uid`` in it, it never creates.

        Raises:
            Conflict: Another field manager holds one of the fields.
        """
        raise NotImplementedError

    async def delete(
        self, kind: ResourceKind, namespace: str, name: str, *, uid: str, propagation: Propagation
    ) -> bool:
        """Delete the object of that uid. False: it was gone already, or a namesake has its place."""
        raise NotImplementedError


async def connect(
    *, timeout_seconds: float = 30.0, concurrency: int = 32, on_request: OnRequest | None = None
) -> Client:
    """Return a client for the cluster that the process runs in, else for that of the kubeconfig."""
    raise NotImplementedError
