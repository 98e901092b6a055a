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
from datetime import UTC, datetime
from typing import Any, TypeVar

from kubernetes.aio.client import ApiException
from kubernetes.aio.leaderelection.electionconfig import Config
from kubernetes.aio.leaderelection.leaderelection import LeaderElection
from kubernetes.aio.leaderelection.leaderelectionrecord import LeaderElectionRecord
from kubernetes.aio.leaderelection.resourcelock.baselock import BaseLock

from batchpoint.cluster.client import Client
from batchpoint.cluster.resources import LEASES, Manifest
from batchpoint.errors import ClusterError

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
    lock = _Lock(client, candidate)
    election = LeaderElection(
        Config(lock, LEASE_SECONDS, RENEW_SECONDS, RETRY_SECONDS, _nothing, _nothing)
    )
    await election.acquire()
    logger.info("Lease acquired", extra={"lease": candidate.name, "identity": candidate.identity})
    work = asyncio.ensure_future(run())
    renewal = asyncio.create_task(election.renew_loop())
    # The loop above tries for ten seconds more when the process wakes from a freeze: others act by then.
    expiry = asyncio.create_task(lock.expire())
    try:
        await asyncio.wait({work, renewal, expiry}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            logger.error("Lease lost", extra={"lease": candidate.name})
            work.cancel()  # and not waited for: there is no time
            return False
        await work
        return True
    finally:
        is_held = not renewal.done() and not expiry.done()
        if is_held:
            await _cancelled(work)  # which may take its time, so the lease is renewed meanwhile
        await _cancelled(renewal)
        await _cancelled(expiry)
        if is_held:
            await lock.release()


class _Lock(BaseLock):
    """The Lease, as the election of the official client wants it: answers in time, never an exception.

    Its own `LeaseLock` cannot create a Lease in version 37, and waits five minutes for an answer.
    """

    def __init__(self, client: Client, candidate: Candidate) -> None:
        super().__init__(candidate.name, candidate.namespace, candidate.identity)
        self._client = client
        self._lease: Manifest = {}
        """As it was last read."""
        self._held_since: float | None = None
        """Second of the loop's clock from which the lease is ours, counted anew with each renewal."""

    async def get(
        self,
        name: str,  # noqa: ARG002  (the election calls it so)
        namespace: str,  # noqa: ARG002
    ) -> tuple[bool, LeaderElectionRecord] | tuple[bool, Exception] | tuple[bool, None]:
        """Return who holds the lease; one that is not there yet is made, with no holder."""
        try:
            self._lease = await self._in_time(self._read())
        except (ClusterError, TimeoutError) as exc:
            return False, ApiException(status=0, reason=str(exc) or "no answer in time")
        spec = self._lease.get("spec") or {}
        if not spec.get("holderIdentity"):
            return True, None
        return True, LeaderElectionRecord(
            spec["holderIdentity"],
            str(spec.get("leaseDurationSeconds")),
            spec.get("acquireTime"),
            spec.get("renewTime"),
        )

    async def create(
        self, name: str, namespace: str, election_record: LeaderElectionRecord
    ) -> bool:
        """Never called: `get` has made the Lease already."""
        raise NotImplementedError

    async def update(
        self,
        name: str,  # noqa: ARG002
        namespace: str,  # noqa: ARG002
        updated_record: LeaderElectionRecord,
    ) -> bool:
        """Write that the lease is ours from now on, unless somebody wrote since it was read."""
        spec = self._lease.get("spec") or {}
        is_new = spec.get("holderIdentity") != self.identity
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        begin = asyncio.get_running_loop().time()
        try:
            await self._in_time(
                self._write(
                    {
                        "holderIdentity": updated_record.holder_identity,
                        "leaseDurationSeconds": LEASE_SECONDS,
                        "acquireTime": now if is_new else spec.get("acquireTime"),
                        "renewTime": now,
                        "leaseTransitions": spec.get("leaseTransitions", 0) + is_new,
                    }
                )
            )
        except (ClusterError, TimeoutError) as exc:
            cause = str(exc) or "no answer in time"
            logger.warning("Lease not renewed", extra={"lease": self.name, "cause": cause})
            return False
        self._held_since = begin
        return True

    async def expire(self) -> None:
        """Return when the lease was not renewed for `RENEW_SECONDS`, however long the process stood still."""
        clock = asyncio.get_running_loop()
        while self._held_since is not None:
            left = self._held_since + RENEW_SECONDS - clock.time()
            if left <= 0:
                return
            await asyncio.sleep(left)

    async def release(self) -> None:
        """Let the next candidate have the lease at once."""
        self._held_since = None
        try:
            self._lease = await self._in_time(self._read())
            if (self._lease.get("spec") or {}).get("holderIdentity") == self.identity:
                await self._in_time(self._write(self._lease["spec"] | {"holderIdentity": ""}))
                logger.info("Lease released", extra={"lease": self.name})
        except (ClusterError, TimeoutError) as exc:
            logger.warning("Lease not released", extra={"lease": self.name, "cause": str(exc)})

    async def _read(self) -> Manifest:
        found = await self._client.get(LEASES, self.namespace, self.name)
        if found is not None:
            return found
        empty = {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": {"name": self.name, "namespace": self.namespace},
        }
        return await self._client.create(LEASES, self.namespace, empty)

    async def _write(self, spec: Manifest) -> None:
        changed = self._lease | {"spec": spec}
        self._lease = await self._client.replace(LEASES, self.namespace, self.name, changed)

    async def _in_time(self, request: Coroutine[Any, Any, _T]) -> _T:
        """Wait for an answer, but never longer than the lease may go without renewal."""
        deadline = asyncio.get_running_loop().time() + REQUEST_SECONDS
        if self._held_since is not None:
            deadline = min(deadline, self._held_since + RENEW_SECONDS)
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
