"""Heals lost events, and says when the process should be started anew.

Streams have been silent and events lost over the years, in every client. So once a minute a list of what
is unfinished is compared with the mirror: what it shows is taken in and woken, and a watch that keeps
silent about it for a further minute is dead. At rest that is one request with an empty answer.

No watch tells of what was deleted while it was away, or between the lists at start and its own. So whenever
one has listed anew, everything is compared, and once an hour besides.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
from collections.abc import Callable, Iterable, Sequence

from batchpoint.api.job import FINAL_PHASES
from batchpoint.api.meta import JOB_LABEL
from batchpoint.cluster.client import Client
from batchpoint.cluster.mirror import Mirror
from batchpoint.cluster.resources import (
    DEPLOYMENTS,
    ENDPOINTS,
    JOBS,
    RUNNER_JOBS,
    Key,
    Manifest,
    ResourceKind,
)
from batchpoint.errors import ClusterError
from batchpoint.handlers import concerns
from batchpoint.handlers.wakeups import Subject

logger = logging.getLogger(__name__)

UNFINISHED = ",".join(f"status.phase!={phase}" for phase in FINAL_PHASES)
"""A job that nobody has looked at yet has no phase, and is among them."""
EVERYTHING_EVERY = 60
"""Comparisons: 10,000 jobs are 50 pages, and a second or two of processor time."""
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
        wake: Called with each object that wants to be looked at, and after how many seconds.
        stalled_seconds: For how long objects have been due with none of them done.
        namespaces: To look at; empty: all.
        every_seconds: Between two comparisons, up to a tenth more or less.
    """

    def __init__(
        self,
        client: Client,
        mirror: Mirror,
        *,
        wake: Callable[[Subject, float], None],
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
        self._may_lack_deletions = True

    def heard(self, kind: ResourceKind, *, listed: bool) -> None:
        """Note that the watch of a kind is alive.

        Args:
            kind: What it watches.
            listed: It has begun anew, with a list, and cannot tell what was deleted before.
        """
        self._untold.pop(kind, None)
        self._may_lack_deletions |= listed

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
        for turn in itertools.count(1):
            await asyncio.sleep(self._every_seconds * random.uniform(0.9, 1.1))
            everything = self._may_lack_deletions or turn % EVERYTHING_EVERY == 0
            self._may_lack_deletions = False  # what is listed meanwhile is for the next comparison
            try:
                await self.compare(everything=everything)
            except ClusterError as exc:
                self._may_lack_deletions |= everything
                logger.warning("Comparison with lists failed", extra={"cause": exc.message})

    async def compare(self, *, everything: bool = False) -> None:
        """Take in what lists show, and wake whom it concerns.

        Args:
            everything: Of jobs also those that have ended, and endpoints and deployments. Else only
                unfinished jobs and their runner Jobs.
        """
        for namespace in self._namespaces:
            if everything:
                for kind in (ENDPOINTS, DEPLOYMENTS, JOBS):
                    await self._compare(kind, self._mirror.keys(kind, namespace), namespace)
            else:
                known = self._unfinished(namespace)
                await self._compare(JOBS, known, namespace, fields=UNFINISHED)
            await self._compare_runner_jobs(namespace)

    async def _compare_runner_jobs(self, namespace: str) -> None:
        # Those that wait for a slot have none, and there may be thousands.
        jobs = [job for job in self._unfinished(namespace) if self._mirror.runner_jobs(job)]
        for first in range(0, len(jobs), NAMES_PER_LIST):
            some = jobs[first : first + NAMES_PER_LIST]
            known = [
                Key(found.namespace, found.name)
                for job in some
                for found in self._mirror.runner_jobs(job)
            ]
            names = ",".join(sorted({job.name for job in some}))
            labels = f"{RUNNER_JOBS.labels},{JOB_LABEL} in ({names})"
            await self._compare(RUNNER_JOBS, known, namespace, labels=labels)

    def _unfinished(self, namespace: str) -> list[Key]:
        return [key for key in self._mirror.unfinished() if namespace in ("", key.namespace)]

    async def _compare(
        self,
        kind: ResourceKind,
        known: Iterable[Key],
        namespace: str,
        *,
        labels: str = "",
        fields: str = "",
    ) -> None:
        left = set(known)
        async for page in self._client.pages(kind, namespace, labels=labels, fields=fields):
            for manifest in page:
                left.discard(Key(manifest["metadata"]["namespace"], manifest["metadata"]["name"]))
                self._take_in(kind, manifest)
        for key in left:  # gone or ended, or it was created after the list
            found = await self._client.get(kind, *key)
            if found is not None:
                self._take_in(kind, found)
            elif (last := self._mirror.outline(kind, key)) is not None:
                # No sign of silence: a watch that has to begin anew lists what there is then.
                self._mirror.forget(kind, key)
                self._tell(kind, last)

    def _take_in(self, kind: ResourceKind, manifest: Manifest) -> None:
        if self._mirror.put(kind, manifest):
            if kind.is_watched(manifest):
                self._untold.setdefault(kind, _now())
            self._tell(kind, manifest)

    def _tell(self, kind: ResourceKind, manifest: Manifest) -> None:
        key = Key(manifest["metadata"]["namespace"], manifest["metadata"]["name"])
        logger.info("Lost event found", extra={"kind": kind.kind, "object": str(key)})
        for subject, seconds in concerns.of_event(self._mirror, kind, manifest):
            self._wake(subject, seconds)


def _now() -> float:
    return asyncio.get_running_loop().time()
