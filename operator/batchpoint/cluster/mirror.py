"""What the watch says, in memory: filled by lists of our own, fed by events and by our own writes.

A restart reads everything again. Finished jobs are kept as records of a few hundred bytes, others as text,
all else as manifests and parsed objects. Nothing here waits: it is used from one event loop and answers at once.
"""

from __future__ import annotations

import json
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, TypeVar, cast

from batchpoint.api import parsing
from batchpoint.api.deployment import BatchDeployment
from batchpoint.api.endpoint import BatchEndpoint
from batchpoint.api.job import BatchJob
from batchpoint.api.kinds import KINDS
from batchpoint.api.meta import JOB_LABEL
from batchpoint.api.resource import Resource
from batchpoint.cluster import facts
from batchpoint.cluster.client import Client
from batchpoint.cluster.resources import (
    DEPLOYMENTS,
    ENDPOINTS,
    JOBS,
    RUNNER_JOBS,
    WATCHED,
    Key,
    Manifest,
    ResourceKind,
)
from batchpoint.errors import SpecError
from batchpoint.planning.observed import JobRecord, Pinned, RunnerJobFacts
from batchpoint.planning.queueing import Line

_I = TypeVar("_I")

_REMEMBERED_REMOVALS = 10_000
_REMEMBERED_CREATIONS = 1000
"""As many as a burst may create before the first status is written."""


@dataclass(slots=True)
class _Object:
    """One of ours, parsed at most once per version."""

    manifest: Manifest
    parsed: Resource | SpecError | None = None

    def resource(self, kind: ResourceKind) -> Resource | SpecError:
        if self.parsed is None:
            try:
                self.parsed = parsing.from_cluster(KINDS[kind.kind], self.manifest)
            except SpecError as error:
                self.parsed = error
        return self.parsed


@dataclass(slots=True)
class _Text:
    """A job as text, parsed at each look: thousands may wait, and as objects take ten times as much."""

    text: str

    @property
    def manifest(self) -> Manifest:
        return cast(Manifest, json.loads(self.text))

    def resource(self, kind: ResourceKind) -> Resource | SpecError:
        return _Object(self.manifest).resource(kind)


@dataclass(slots=True)
class _Namespace:
    """What a namespace holds, by name."""

    endpoints: dict[str, BatchEndpoint] = field(default_factory=dict)
    deployments: dict[str, BatchDeployment] = field(default_factory=dict)
    jobs: dict[str, JobRecord] = field(default_factory=dict)


class Mirror:
    """The four watched kinds, by namespace and name."""

    def __init__(self) -> None:
        self._objects: dict[ResourceKind, dict[Key, _Object | _Text]] = {
            ENDPOINTS: {},
            DEPLOYMENTS: {},
            JOBS: {},
        }
        """Endpoints, deployments, and jobs that are not settled."""
        self._runner_jobs: dict[Key, RunnerJobFacts] = {}
        self._namespaces: dict[str, _Namespace] = defaultdict(_Namespace)
        self._by_endpoint: dict[Key, dict[str, JobRecord]] = {}
        self._by_deployment: dict[Key, dict[str, JobRecord]] = {}
        self._unfinished: dict[Key, dict[str, JobRecord]] = {}
        """By endpoint."""
        self._by_job: dict[Key, dict[str, RunnerJobFacts]] = {}
        self._lines: dict[Key, Line] = {}
        """By endpoint."""
        self._created: OrderedDict[str, Pinned] = OrderedDict()
        self._removed: OrderedDict[str, int] = OrderedDict()
        """Uid → version of the latest removals: the answer to an earlier request of ours, arriving late,
        must not bring back what is gone. What has that very version is there still: it lost its label."""

    # Filling

    async def fill(self, client: Client, namespaces: Sequence[str] = ()) -> None:
        """Read everything. No namespaces: the whole cluster."""
        for kind in WATCHED:
            for namespace in namespaces or ("",):
                async for page in client.pages(kind, namespace, labels=kind.labels):
                    for manifest in page:
                        self.put(kind, manifest)

    def put(self, kind: ResourceKind, manifest: Manifest) -> bool:
        """Take in a newer version; an older one, or the same, changes nothing.

        Returns:
            Whether there is anything new that a plan could depend on.
        """
        key, version = facts.key(manifest), facts.version(manifest)
        if version <= self._known(kind, key)[1] or version < self._removed.get(_uid(manifest), 0):
            return False
        if kind is RUNNER_JOBS:
            return self._put_runner_job(key, manifest)
        if kind is JOBS:
            is_settled = facts.is_settled(manifest)
            self._put_record(key, facts.job_record(manifest), is_settled=is_settled)
            if is_settled:
                self._objects[JOBS].pop(key, None)
                return True
        self._put_object(kind, key, manifest)
        if kind is JOBS:
            self._line_up(key)
        return True

    def remove(self, kind: ResourceKind, manifest: Manifest) -> bool:
        """Forget an object; a namesake with another uid stays. Returns whether it was there."""
        key, uid = facts.key(manifest), _uid(manifest)
        self._removed[uid] = facts.version(manifest)
        _bound(self._removed, _REMEMBERED_REMOVALS)
        if self._known(kind, key)[0] != uid:
            return False
        self.forget(kind, key)
        return True

    def forget(self, kind: ResourceKind, key: Key) -> None:
        """Forget an object that a read has shown to be gone."""
        if kind is RUNNER_JOBS:
            self._drop_runner_job(key)
            return
        self._objects[kind].pop(key, None)
        here = self._namespaces[key.namespace]
        if kind is JOBS:
            self._drop_record(key)
        elif kind is ENDPOINTS:
            here.endpoints.pop(key.name, None)
        else:
            here.deployments.pop(key.name, None)

    def put_created(self, runner_job: Manifest) -> None:
        """Take in a Job that we have just created; what it was created with is kept for `created`."""
        if (pinned := facts.pinned(runner_job)) is not None:
            self._created[_uid(runner_job)] = pinned
            _bound(self._created, _REMEMBERED_CREATIONS)
        self.put(RUNNER_JOBS, runner_job)

    # Looking up

    def created(self, uid: str) -> Pinned | None:
        """Return what a Job was created with a moment ago, once."""
        return self._created.pop(uid, None)

    def manifest(self, kind: ResourceKind, key: Key) -> Manifest | None:
        """Return an object of ours as it was read; None: not there, or a job with nothing left to do."""
        found = self._objects[kind].get(key)
        return found.manifest if found else None

    def outline(self, kind: ResourceKind, key: Key) -> Manifest | None:
        """Return as much of an object as says whom its end concerns; None: it is not there."""
        meta = {"namespace": key.namespace, "name": key.name}
        if kind is RUNNER_JOBS:
            job = self.runner_job(key)
            return {"metadata": meta | {"labels": {JOB_LABEL: job.owner}}} if job else None
        if kind is not JOBS:
            return self.manifest(kind, key)
        record = self.record(key)
        if record is None:
            return None
        spec, status = {"endpoint": record.endpoint}, {"deployment": record.deployment}
        return {"metadata": meta, "spec": spec, "status": status}

    def keys(self, kind: ResourceKind, namespace: str) -> list[Key]:
        """Return the objects of ours of a namespace, or of all if it is empty; jobs that have ended too."""
        if kind is JOBS:
            found = (Key(record.namespace, record.name) for record in self.records())
        else:
            found = (key for key in self._objects[kind])
        return [key for key in found if namespace in ("", key.namespace)]

    def endpoint(self, key: Key) -> BatchEndpoint | None:
        """Return the endpoint.

        Raises:
            SpecError: It breaks a rule that the schema cannot tell.
        """
        return cast("BatchEndpoint | None", self._resource(ENDPOINTS, key))

    def deployment(self, key: Key) -> BatchDeployment | None:
        """Return the deployment.

        Raises:
            SpecError: It breaks a rule that the schema cannot tell.
        """
        return cast("BatchDeployment | None", self._resource(DEPLOYMENTS, key))

    def job(self, key: Key) -> BatchJob | None:
        """Return the job; None: not there, or ended with nothing left to do.

        Raises:
            SpecError: It breaks a rule that the schema cannot tell.
        """
        return cast("BatchJob | None", self._resource(JOBS, key))

    def record(self, key: Key) -> JobRecord | None:
        """Return the short form of a job, ended or not."""
        return self._here(key.namespace).jobs.get(key.name)

    def endpoints(self, namespace: str) -> Mapping[str, BatchEndpoint]:
        """Return the endpoints of a namespace by name; those that break a rule are left out."""
        return MappingProxyType(self._here(namespace).endpoints)

    def deployments(self, namespace: str) -> Mapping[str, BatchDeployment]:
        """Return the deployments of a namespace by name; those that break a rule are left out."""
        return MappingProxyType(self._here(namespace).deployments)

    def job_names(self, namespace: str) -> Collection[str]:
        """Return the names of all jobs of a namespace."""
        return self._here(namespace).jobs.keys()

    def jobs_of_endpoint(self, key: Key) -> tuple[JobRecord, ...]:
        """Return the jobs of an endpoint, the newest first."""
        return _newest_first(self._by_endpoint.get(key, {}))

    def jobs_of_deployment(self, key: Key) -> tuple[JobRecord, ...]:
        """Return the jobs that were resolved to a deployment, the newest first."""
        return _newest_first(self._by_deployment.get(key, {}))

    def records(self) -> Iterator[JobRecord]:
        """Yield every job, in no order."""
        for namespace in self._namespaces.values():
            yield from namespace.jobs.values()

    def unfinished(self) -> list[Key]:
        """Return the jobs with something left to do, in no order."""
        return list(self._objects[JOBS])

    def unfinished_of_endpoint(self, endpoint: Key) -> list[Key]:
        """Return those that a change of the endpoint, or of its deployments, may concern."""
        return [Key(endpoint.namespace, name) for name in self._unfinished.get(endpoint, {})]

    def line(self, endpoint: Key) -> Line:
        """Return an endpoint's unfinished jobs: who holds slots, and who waits."""
        return self._lines.get(endpoint) or Line()

    def first_waiting(self, endpoint: Key, count: int) -> list[Key]:
        """Return the jobs that a free slot goes to next: at most ``count``, the oldest first."""
        found = self.endpoints(endpoint.namespace).get(endpoint.name)
        if found is None or found.spec.max_active_jobs is None:
            return []  # nobody ever waits
        return [Key(endpoint.namespace, name) for name in self.line(endpoint).first(count)]

    def runner_jobs(self, job: Key) -> list[RunnerJobFacts]:
        """Return the Jobs whose controller has the name of this BatchJob; the latest attempt last."""
        return sorted(self._by_job.get(job, {}).values(), key=lambda found: found.attempt)

    def runner_job(self, key: Key) -> RunnerJobFacts | None:
        """Return one Job by its own name."""
        return self._runner_jobs.get(key)

    def owner_of(self, runner_job: Manifest) -> Key | None:
        """Return the BatchJob to wake when a Job changes: its owner, or the one whose name it keeps taken."""
        meta = runner_job["metadata"]
        name = facts.controller(runner_job).get("name") or (meta.get("labels") or {}).get(JOB_LABEL)
        return Key(meta["namespace"], name) if name else None

    def counts(self) -> Mapping[tuple[str, str], int]:
        """Return the number of jobs by namespace and phase, for metrics."""
        return Counter(
            (record.namespace, str(record.phase or "Pending")) for record in self.records()
        )

    # Keeping

    def _known(self, kind: ResourceKind, key: Key) -> tuple[str, int]:
        """Return uid and version of what is known; nothing is older than everything."""
        found: JobRecord | RunnerJobFacts | None = None
        if kind is RUNNER_JOBS:
            found = self.runner_job(key)
        elif kind is JOBS:
            found = self.record(key)
        elif manifest := self.manifest(kind, key):
            return _uid(manifest), facts.version(manifest)
        return (found.uid, int(found.resource_version)) if found else ("", 0)

    def _latest(self, job: Key, uid: str) -> RunnerJobFacts | None:
        own = (found for found in self._by_job.get(job, {}).values() if found.owner_uid == uid)
        return max(own, key=lambda found: found.attempt, default=None)

    def _here(self, namespace: str) -> _Namespace:
        return self._namespaces.get(namespace) or _Namespace()

    def _resource(self, kind: ResourceKind, key: Key) -> Resource | None:
        found = self._objects[kind].get(key)
        resource = found.resource(kind) if found else None
        if isinstance(resource, SpecError):
            raise resource
        return resource

    def _put_object(self, kind: ResourceKind, key: Key, manifest: Manifest) -> None:
        slim = _slim(kind, manifest)
        if kind is JOBS:
            self._objects[kind][key] = _Text(json.dumps(slim, separators=(",", ":")))
            return
        found = self._objects[kind][key] = _Object(slim)
        here = self._namespaces[key.namespace]
        resource = found.resource(kind)
        if isinstance(resource, BatchEndpoint):
            here.endpoints[key.name] = resource
        elif isinstance(resource, BatchDeployment):
            here.deployments[key.name] = resource
        else:
            (here.endpoints if kind is ENDPOINTS else here.deployments).pop(key.name, None)

    def _put_record(self, key: Key, record: JobRecord, *, is_settled: bool) -> None:
        if latest := self._latest(key, record.uid):
            record = replace(record, image=latest.image)
        self._drop_record(key)
        self._namespaces[key.namespace].jobs[key.name] = record
        endpoint = Key(record.namespace, record.endpoint)
        self._by_endpoint.setdefault(endpoint, {})[key.name] = record
        if not is_settled:
            self._unfinished.setdefault(endpoint, {})[key.name] = record
        if record.deployment:
            deployment = Key(record.namespace, record.deployment)
            self._by_deployment.setdefault(deployment, {})[key.name] = record

    def _drop_record(self, key: Key) -> None:
        record = self._namespaces[key.namespace].jobs.pop(key.name, None)
        if record is not None:
            endpoint = Key(record.namespace, record.endpoint)
            _drop(self._by_endpoint, endpoint, key.name)
            _drop(self._unfinished, endpoint, key.name)
            _drop(self._by_deployment, Key(record.namespace, record.deployment), key.name)
            self._leave(Key(record.namespace, record.endpoint), key.name)

    def _put_runner_job(self, key: Key, manifest: Manifest) -> bool:
        before, after = self._runner_jobs.get(key), facts.runner_job(manifest)
        self._drop_runner_job(key)
        self._runner_jobs[key] = after
        owner = Key(key.namespace, after.owner)
        self._by_job.setdefault(owner, {})[key.name] = after
        self._learn_image(owner, after)
        self._line_up(owner)
        return before is None or replace(before, resource_version=after.resource_version) != after

    def _learn_image(self, job: Key, found: RunnerJobFacts) -> None:
        record = self.record(job)
        if record and record.uid == found.owner_uid and record.image != found.image:
            self._put_record(job, record, is_settled=job not in self._objects[JOBS])

    def _drop_runner_job(self, key: Key) -> None:
        found = self._runner_jobs.pop(key, None)
        if found is not None:
            owner = Key(key.namespace, found.owner)
            _drop(self._by_job, owner, key.name)
            self._line_up(owner)

    def _line_up(self, job: Key) -> None:
        """Have a job in its endpoint's line as it is now; one that has ended is in none."""
        record = self.record(job)
        if record is None or job not in self._objects[JOBS]:
            return
        endpoint = Key(record.namespace, record.endpoint)
        line = self._lines.setdefault(endpoint, Line())
        line.put(record, self._latest(job, record.uid))
        if not line:
            del self._lines[endpoint]

    def _leave(self, endpoint: Key, name: str) -> None:
        line = self._lines.get(endpoint)
        if line is not None:
            line.drop(name)
            if not line:
                del self._lines[endpoint]


def _drop(index: dict[Key, dict[str, _I]], key: Key, name: str) -> None:
    """Take an entry away, and its group with the last one."""
    group = index.get(key, {})
    group.pop(name, None)
    if not group:
        index.pop(key, None)


def _bound(remembered: OrderedDict[str, Any], most: int) -> None:
    while len(remembered) > most:
        remembered.popitem(last=False)


def _newest_first(records: Mapping[str, JobRecord]) -> tuple[JobRecord, ...]:
    return tuple(
        sorted(records.values(), key=lambda job: (job.creation_time, job.name), reverse=True)
    )


def _uid(manifest: Manifest) -> str:
    return cast(str, manifest["metadata"]["uid"])


def _slim(kind: ResourceKind, manifest: Manifest) -> Manifest:
    """Return the manifest with its kind, which lists omit, and without the history of its fields."""
    meta = {name: value for name, value in manifest["metadata"].items() if name != "managedFields"}
    return {**manifest, "apiVersion": kind.api_version, "kind": kind.kind, "metadata": meta}
