"""Leader election by a Lease: one operator acts, the others wait (KUBERNETES.md §12).

Only the process's own clock is used to judge others. Two that act at once, because one was frozen for
longer than its lease, do no harm: every write carries names, uids and versions.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp
from kubernetes.aio.client import ApiException, V1Lease, V1ObjectMeta
from kubernetes.aio.leaderelection.electionconfig import Config
from kubernetes.aio.leaderelection.leaderelection import LeaderElection
from kubernetes.aio.leaderelection.leaderelectionrecord import LeaderElectionRecord
from kubernetes.aio.leaderelection.resourcelock.leaselock import LeaseLock

from batchpoint.cluster.client import Client

logger = logging.getLogger(__name__)

LEASE_SECONDS = 15
"""Others take over when the lease was not renewed for so long."""
RENEW_SECONDS = 10
"""The leader gives up when it could not renew for so long: before others take over."""
RETRY_SECONDS = 2
REQUEST_SECONDS = 5
"""Of one request about the lease."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Who stands for election, and where."""

    name: str
    """Of the Lease."""
    namespace: str
    identity: str
    """Unique among candidates: the name of the pod."""


async def lead(client: Client, candidate: Candidate, run: Callable[[], Awaitable[None]]) -> bool:
    """Wait for the lease, run while it is held, and release it when ``run`` has ended.

    A lease that was released is taken over within `RETRY_SECONDS`, also when this call is cancelled.

    Returns:
        True: ``run`` ended by itself. False: the lease was lost while it ran; it was cancelled, and the
        process must end at once, because another may act already.
    """
    lock = _Lock(candidate.name, candidate.namespace, candidate.identity, client.api)
    election = LeaderElection(
        Config(lock, LEASE_SECONDS, RENEW_SECONDS, RETRY_SECONDS, _nothing, _nothing)
    )
    await election.acquire()
    logger.info("Lease acquired", extra={"lease": candidate.name, "identity": candidate.identity})
    work = asyncio.ensure_future(run())
    renewal = asyncio.create_task(election.renew_loop())
    try:
        await asyncio.wait({work, renewal}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            logger.error("Lease lost", extra={"lease": candidate.name})
            work.cancel()  # and not waited for: there is no time
            return False
        await work
        return True
    finally:
        if not renewal.done():
            await _cancelled(work)
            await _cancelled(renewal)
            await lock.release()


class _Lock(LeaseLock):
    """The client's lock, which fails in time and never raises.

    Left alone it waits five minutes for an answer, while others take over, and a refused connection ends
    the election instead of being tried again.
    """

    _renewed: float | None = None
    """Second of the loop's clock at which the lease was last ours."""

    async def get(
        self, name: str, namespace: str
    ) -> tuple[bool, LeaderElectionRecord] | tuple[bool, Exception] | tuple[bool, None]:
        try:
            return await self._in_time(super().get(name, namespace))
        except (aiohttp.ClientError, OSError) as exc:
            return False, ApiException(status=0, reason=str(exc) or "no answer in time")

    async def create(
        self, name: str, namespace: str, election_record: LeaderElectionRecord
    ) -> bool:
        return await self._taken(self._create(name, namespace, election_record))

    async def update(self, name: str, namespace: str, updated_record: LeaderElectionRecord) -> bool:
        return await self._taken(super().update(name, namespace, updated_record))

    async def _create(
        self, name: str, namespace: str, election_record: LeaderElectionRecord
    ) -> bool:
        # The client's own passes a value that the client's own validation refuses.
        lease = V1Lease(metadata=V1ObjectMeta(name=name), spec=self.update_lease(election_record))
        try:
            await self.api_instance.create_namespaced_lease(namespace, lease)
        except ApiException as exc:
            logger.warning("Lease not created", extra={"lease": name, "cause": str(exc)})
            return False
        return True

    async def release(self) -> None:
        """Let the next candidate have the lease at once."""
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                await self._release()
        except (aiohttp.ClientError, OSError, ApiException) as exc:
            logger.warning("Lease not released", extra={"lease": self.name, "cause": str(exc)})

    async def _release(self) -> None:
        lease = await self.api_instance.read_namespaced_lease(self.name, self.namespace)
        if lease.spec is None or lease.spec.holder_identity != self.identity:
            return
        lease.spec.holder_identity = ""
        await self.api_instance.replace_namespaced_lease(self.name, self.namespace, lease)
        logger.info("Lease released", extra={"lease": self.name})

    async def _taken(self, request: Coroutine[Any, Any, bool]) -> bool:
        begin = asyncio.get_running_loop().time()
        try:
            taken = await self._in_time(request)
        except (aiohttp.ClientError, OSError) as exc:
            logger.warning("Lease not renewed", extra={"lease": self.name, "cause": str(exc)})
            return False
        if taken:
            self._renewed = begin
        return taken

    async def _in_time(self, request: Coroutine[Any, Any, _T]) -> _T:
        """Wait for an answer, but never longer than the lease may go without one."""
        deadline = asyncio.get_running_loop().time() + REQUEST_SECONDS
        if self._renewed is not None:
            deadline = min(deadline, self._renewed + RENEW_SECONDS)
        async with asyncio.timeout_at(deadline):
            return await request


async def _cancelled(task: asyncio.Future[None]) -> None:
    """Cancel a task and wait for its end."""
    if not task.done():
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _nothing() -> None:
    """Do nothing: the election's own callbacks are not used."""
