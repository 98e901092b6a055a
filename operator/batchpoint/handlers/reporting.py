"""Telling what is so: the one status write of a look, and what follows from it once it was accepted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from batchpoint.api.deployment import BatchDeploymentStatus
from batchpoint.api.endpoint import BatchEndpointStatus
from batchpoint.api.job import BatchJobStatus, Counts
from batchpoint.api.meta import Metadata
from batchpoint.cluster import status
from batchpoint.cluster.client import Client
from batchpoint.cluster.events import EventPoster
from batchpoint.cluster.mirror import Mirror
from batchpoint.cluster.resources import Key
from batchpoint.handlers import concerns
from batchpoint.handlers.wakeups import Subject
from batchpoint.metrics import Metrics
from batchpoint.planning import job_status, progress, readiness, transitions
from batchpoint.planning.plan import EventRecord
from batchpoint.rendering import event, patches

Status = BatchJobStatus | BatchDeploymentStatus | BatchEndpointStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An object as it was when its new status was made."""

    metadata: Metadata
    status: Status
    endpoint: str = ""
    """That a job or a deployment belongs to."""


class Reporter:
    """Writes a status where it differs, then tells events and metrics, and wakes whom it concerns."""

    def __init__(
        self,
        client: Client,
        mirror: Mirror,
        events: EventPoster,
        metrics: Metrics,
        *,
        wake: Callable[[Subject, float], None],
    ) -> None:
        self._client = client
        self._mirror = mirror
        self._events = events
        self._metrics = metrics
        self._wake = wake
        self._written: dict[Subject, float] = {}
        """When the status of an unfinished job was last written, on the clock of the loop."""

    async def report(self, subject: Subject, seen: Seen, new: Status, now: datetime) -> None:
        """Make ``new`` the status of an object.

        Args:
            subject: The object.
            seen: As it was when the status was made: whoever wrote since then wins.
            new: What shall be there.
            now: Time of events.

        Raises:
            Conflict: Somebody wrote since then.
        """
        if new == seen.status or self._may_wait(subject, seen.status, new, now):
            return
        manifest = self._mirror.manifest(subject.kind, subject.key) or {}
        patch = patches.status(
            manifest.get("status") or {},
            new.as_manifest(),
            uid=seen.metadata.uid,
            resource_version=seen.metadata.resource_version,
        )
        if patch is None:
            return
        await status.write(self._client, self._mirror, subject.kind, subject.key, patch)
        self._remember(subject, new)
        about = event.About(
            kind=subject.kind.kind,
            namespace=subject.key.namespace,
            name=subject.key.name,
            uid=seen.metadata.uid,
        )
        for record in _story(seen.status, new):
            self._events.post(event.render(record, about, now))
        self._count(subject, seen, new)
        for other, seconds in self._concerned(subject, seen, new):
            if other != subject:
                self._wake(other, seconds)

    def forget(self, subject: Subject) -> None:
        """Drop what is remembered of an object."""
        self._written.pop(subject, None)

    def _may_wait(self, subject: Subject, old: Status, new: Status, now: datetime) -> bool:
        """Say whether nothing but numbers changed so soon after the last write."""
        written = self._written.get(subject)
        return (
            written is not None
            and isinstance(old, BatchJobStatus)
            and isinstance(new, BatchJobStatus)
            and _now() - written < progress.write_pause_seconds(new, now)
            and progress.is_mere_progress(old, new)
        )

    def _remember(self, subject: Subject, new: Status) -> None:
        if isinstance(new, BatchJobStatus) and not job_status.is_final(new):
            self._written[subject] = _now()
        else:
            self.forget(subject)

    def _count(self, subject: Subject, seen: Seen, new: Status) -> None:
        """Count a job at the write that ends it: no other process can have made the same one."""
        old = seen.status
        if not isinstance(old, BatchJobStatus) or not isinstance(new, BatchJobStatus):
            return
        if job_status.is_final(old) or not job_status.is_final(new):
            return
        files = new.progress.files if new.progress else Counts()
        created, ended = seen.metadata.creation_timestamp, new.completion_time
        self._metrics.finished(
            of=(subject.key.namespace, seen.endpoint, new.deployment),
            outcome=str(new.phase),
            seconds=(ended - created).total_seconds() if created and ended else 0.0,
            files_succeeded=max(0, files.done - files.failed),
            files_failed=files.failed,
            rows=new.progress.rows if new.progress else 0,
        )

    def _concerned(self, subject: Subject, seen: Seen, new: Status) -> Iterable[concerns.Wake]:
        """Return whom an event of this object would have woken: our own write comes back as no news."""
        old, endpoint = seen.status, Key(subject.key.namespace, seen.endpoint)
        if isinstance(old, BatchJobStatus) and isinstance(new, BatchJobStatus):
            is_news = (old.phase, old.reason) != (new.phase, new.reason)
            return concerns.of_job(self._mirror, endpoint, new.deployment) if is_news else ()
        if isinstance(new, BatchDeploymentStatus) and old.conditions != new.conditions:
            return concerns.of_deployment(self._mirror, endpoint)
        return ()  # jobs and deployments read an endpoint's spec, never its status


def _story(old: Status, new: Status) -> tuple[EventRecord, ...]:
    if isinstance(old, BatchJobStatus) and isinstance(new, BatchJobStatus):
        return transitions.events(old, new)
    return readiness.events(old.conditions, new.conditions)


def _now() -> float:
    return asyncio.get_running_loop().time()
