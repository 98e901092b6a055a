"""The one write of a reconcile: the status, if it differs from what is there."""

from __future__ import annotations

from pydantic import BaseModel

from batchpoint.cluster.client import Client
from batchpoint.cluster.mirror import Mirror
from batchpoint.cluster.resources import Key, Manifest, ResourceKind


def current(mirror: Mirror, kind: ResourceKind, key: Key, model: type[BaseModel]) -> BaseModel:
    """Return the status that is there, also of an object whose spec cannot be understood."""
    raise NotImplementedError


def patch(old: BaseModel, new: BaseModel) -> Manifest:
    """Return the JSON merge patch from one status to the other; removed keys are None."""
    raise NotImplementedError


async def write(
    client: Client, mirror: Mirror, kind: ResourceKind, key: Key, status: BaseModel
) -> bool:
    """Write the status if it differs; the answer is in the mirror before this returns.

    Returns:
        Whether anything was written. False also when the object is gone.

    Raises:
        Conflict: The object changed since it was observed: observe and plan again.
    """
    raise NotImplementedError
