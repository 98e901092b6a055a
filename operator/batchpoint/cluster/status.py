"""The one write of a reconcile: the status, if it differs from what is there.

The patch itself is made by `batchpoint.rendering.patches`.
"""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from batchpoint.cluster.client import Client
from batchpoint.cluster.mirror import Mirror
from batchpoint.cluster.resources import Key, Manifest, ResourceKind
from batchpoint.errors import NotFound

_M = TypeVar("_M", bound=BaseModel)


def current(mirror: Mirror, kind: ResourceKind, key: Key, model: type[_M]) -> _M:
    """Return the status that is there, also of an object whose spec cannot be understood.

    Fields of a newer operator are ignored; a status that cannot be read at all counts as empty.
    """
    manifest = mirror.manifest(kind, key) or {}
    try:
        return model.model_validate(manifest.get("status") or {}, extra="ignore")
    except ValidationError:
        return model()


async def write(
    client: Client, mirror: Mirror, kind: ResourceKind, key: Key, patch: Manifest
) -> None:
    """Send a patch of the status; the answer is in the mirror before this returns.

    An object that is gone needs no status.

    Raises:
        Conflict: The object changed since it was observed: observe and plan again.
    """
    try:
        answer = await client.merge(kind, *key, patch, subresource="status")
    except NotFound:
        return
    mirror.put(kind, answer)
