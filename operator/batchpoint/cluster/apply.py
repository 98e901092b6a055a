"""Writes that plans ask for. Each is safe to repeat, and its answer is in the mirror before it returns."""

from __future__ import annotations

from batchpoint.api.meta import MANAGER
from batchpoint.cluster.client import Client
from batchpoint.cluster.mirror import Mirror
from batchpoint.cluster.resources import DEPLOYMENTS, JOBS, RUNNER_JOBS, Key, Manifest
from batchpoint.errors import AlreadyExists, NotFound

OWNER_FIELD_MANAGER = f"{MANAGER}-owner"


class Applier:
    """Creates, suspends and deletes; never touches what is not ours.

    Documents come from `batchpoint.rendering`. Each method raises the errors of `Client`; a thing that is
    gone already is none.
    """

    def __init__(self, client: Client, mirror: Mirror) -> None:
        self._client = client
        self._mirror = mirror

    async def create_runner_job(self, manifest: Manifest) -> None:
        """Create the Job of an attempt; if the name is taken, by whomever, take in what is there.

        The next observation then adopts it, or says that the name is somebody else's.
        """
        namespace, name = manifest["metadata"]["namespace"], manifest["metadata"]["name"]
        try:
            self._mirror.put_created(await self._client.create(RUNNER_JOBS, namespace, manifest))
        except AlreadyExists:
            found = await self._client.get(RUNNER_JOBS, namespace, name)
            if found is not None:
                self._mirror.put(RUNNER_JOBS, found)

    async def suspend_runner_job(self, key: Key, patch: Manifest) -> None:
        """Send the patch that drains a Job or lets it go on."""
        try:
            found = await self._client.merge(RUNNER_JOBS, *key, patch)
        except NotFound:
            return
        self._mirror.put(RUNNER_JOBS, found)

    async def delete_runner_job(self, key: Key, uid: str) -> None:
        """Delete a Job in the foreground: its pods drain first, and then it disappears."""
        await self._client.delete(RUNNER_JOBS, *key, uid=uid, propagation="Foreground")

    async def delete_job(self, key: Key, uid: str) -> None:
        """Delete a BatchJob and, in the background, what it owns; never its outputs."""
        await self._client.delete(JOBS, *key, uid=uid, propagation="Background")

    async def own_deployment(self, key: Key, document: Manifest) -> None:
        """Apply the owner reference from a deployment to its endpoint."""
        try:
            found = await self._client.apply(
                DEPLOYMENTS, *key, document, field_manager=OWNER_FIELD_MANAGER
            )
        except NotFound:
            return
        self._mirror.put(DEPLOYMENTS, found)
