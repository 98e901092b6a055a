"""Writes that plans ask for. Each is safe to repeat, and its answer is in the mirror before it returns."""

from __future__ import annotations

from batchpoint.cluster.client import Client
from batchpoint.cluster.mirror import Mirror
from batchpoint.cluster.resources import Key, Manifest


class Applier:
    """Creates, suspends and deletes; never touches what is not ours."""

    def __init__(self, client: Client, mirror: Mirror) -> None:
        raise NotImplementedError

    async def create_runner_job(self, manifest: Manifest) -> bool:
        """Create the Job of an attempt, or adopt the one of that name if its controller is the same.

        Returns:
            Whether the Job of that name is ours now. False: somebody else's has the name, and the next
            observation says so.
        """
        raise NotImplementedError

    async def suspend_runner_job(self, key: Key, uid: str, *, suspend: bool) -> None:
        """Set ``spec.suspend``; a Job that is gone stays gone."""
        raise NotImplementedError

    async def delete_runner_job(self, key: Key, uid: str) -> None:
        """Delete a Job in the foreground: its pods drain first, and then it disappears."""
        raise NotImplementedError

    async def delete_job(self, key: Key, uid: str) -> None:
        """Delete a BatchJob and, in the background, what it owns; never its outputs."""
        raise NotImplementedError

    async def own_deployment(self, key: Key, uid: str, *, endpoint: str, endpoint_uid: str) -> None:
        """Add the owner reference from a deployment to its endpoint."""
        raise NotImplementedError
