"""Heals lost events, and says when the process should be started anew.

Streams have been silent and events lost over the years, in every client. So once a minute a list of what
is unfinished is compared with the mirror: what it shows is taken in and woken, and a watch that keeps
silent about it for a further minute is dead. At rest that is one request with an empty answer.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence

from batchpoint.api.job import FINAL_PHASES
from batchpoint.api.meta import JOB_LABEL
from batchpoint.cluster.client import Client
from batchpoint.cluster.mirror import Mirror
from batchpoint.cluster.resources import JOBS, RUNNER_JOBS, Key, ResourceKind
from batchpoint.errors import ClusterError
from batchpoint.handlers.wakeups import Subject

logger = logging.getLogger(__name__)

UNFINISHED = ",".join(f"status.phase!={phase}" for phase in FINAL_PHASES)
"""A job that nobody has looked at yet has no phase, and is among them."""
NAMES_PER_LIST = 50
"""Jobs that one label selector names: 50 of the longest names are 3 KB of an address."""
SILENT_SECONDS = 60.0
"""A watch is dead that has not told anything for this long since a list showed what it had not."""
STALLED_SECONDS = 120.0
"""Workers are dead if something is due and nothing was done for this long; requests end after 30."""


class Watchdog:
    """Compares lists with the mirror.

    Args:
        client: Lists.
        mirror: Is repaired.
        wake: Called with each job that the mirror did not know as it is.
        stalled_seconds: For how long objects have been due with none of them done.
        namespaces: To look at; empty: all.
        every_seconds: Between two comparisons, up to a tenth more or less.
    """

    def __init__(
        self,
        client: Client,
        mirror: Mirror,
        *,
        wake: Callable[[Subject], None],
        stalled_seconds: Callable[[], float],
        namespaces: Sequence[str] = (),
        every_seconds: float = 60.0,
    ) -> None:
        self._client = client
        self._mirror = mirror
        self._wake = wake
        self._stalled_seconds = stalled_seconds
        self._namespaces = namespaces or ("",)
        self._every_seconds = every_seconds
        self._untold: dict[ResourceKind, float] = {}
        """When a list first showed what the watch of that kind had not told, if it is silent since."""

    def heard(self, kind: ResourceKind) -> None:
        """Note that the watch of a kind is alive."""
        self._untold.pop(kind, None)

    def faults(self) -> list[str]:
        """Return why the process should be started anew, in sentences; empty: it is well."""
        now = _now()
        told = [
            f"The watch of {kind.full_name} is silent about changes for {now - since:.0f} seconds."
            for kind, since in self._untold.items()
            if now - since > SILENT_SECONDS
        ]
        if (stalled := self._stalled_seconds()) > STALLED_SECONDS:
            told.append(f"Objects are due, and none was looked at for {stalled:.0f} seconds.")
        return told

    async def run(self) -> None:
        """Compare until cancelled. A comparison that fails is left to the next one."""
        while True:
            await asyncio.sleep(self._every_seconds * random.uniform(0.9, 1.1))
            try:
                await self.compare()
            except ClusterError as exc:
                logger.warning("Comparison with lists failed", extra={"cause": exc.message})

    async def compare(self) -> None:
        """Take in what lists show of unfinished jobs and their runner Jobs, and wake whom it concerns."""
        for namespace in self._namespaces:
            await self._compare_jobs(namespace)
            await self._compare_runner_jobs(namespace)

    async def _compare_jobs(self, namespace: str) -> None:
        known = set(self._unfinished(namespace))
        for key in await self._compare(JOBS, known, namespace, fields=UNFINISHED):
            self._wake(Subject(JOBS, key))

    async def _compare_runner_jobs(self, namespace: str) -> None:
        # Those that wait for a slot have none, and there may be thousands.
        jobs = [job for job in self._unfinished(namespace) if self._mirror.runner_jobs(job)]
        for first in range(0, len(jobs), NAMES_PER_LIST):
            some = jobs[first : first + NAMES_PER_LIST]
            owners = {
                Key(found.namespace, found.name): job
                for job in some
                for found in self._mirror.runner_jobs(job)
            }
            names = ",".join(sorted({job.name for job in some}))
            labels = f"{RUNNER_JOBS.labels},{JOB_LABEL} in ({names})"
            for key in await self._compare(RUNNER_JOBS, set(owners), namespace, labels=labels):
                found = self._mirror.runner_job(key)
                owner = Key(found.namespace, found.owner) if found else owners[key]
                self._wake(Subject(JOBS, owner))

    def _unfinished(self, namespace: str) -> list[Key]:
        return [key for key in self._mirror.unfinished() if namespace in ("", key.namespace)]

    async def _compare(
        self,
        kind: ResourceKind,
        known: set[Key],
        namespace: str,
        *,
        labels: str = "",
        fields: str = "",
    ) -> list[Key]:
        """Return the objects of which a list shows another version than the mirror had.

        The watch should have told of them, except of what has lost the label by which it selects.
        """
        changed = []
        async for page in self._client.pages(kind, namespace, labels=labels, fields=fields):
            for manifest in page:
                key = Key(manifest["metadata"]["namespace"], manifest["metadata"]["name"])
                known.discard(key)
                if self._mirror.put(kind, manifest):
                    self._found(kind, key)
                    changed.append(key)
        for key in known:  # gone or ended, or it was created after the list
            found = await self._client.get(kind, *key)
            # What the watch has told of since the list is no news.
            is_new = self._mirror.put(kind, found) if found else self._mirror.forget(kind, key)
            if is_new:
                changed.append(key)
                if found is None or kind.is_watched(found):
                    self._found(kind, key)
        return changed

    def _found(self, kind: ResourceKind, key: Key) -> None:
        logger.info("Lost event found", extra={"kind": kind.kind, "object": str(key)})
        self._untold.setdefault(kind, _now())


def _now() -> float:
    return asyncio.get_running_loop().time()
