"""Reads what a plan depends on: the mirror, and only what is needed beyond it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from batchpoint.api import parsing
from batchpoint.api.deployment import BatchDeployment
from batchpoint.api.endpoint import BatchEndpoint
from batchpoint.api.job import BatchJob, BatchJobStatus
from batchpoint.api.meta import runner_job_name
from batchpoint.api.reasons import Reason
from batchpoint.cluster import facts, needs
from batchpoint.cluster.client import Client
from batchpoint.cluster.mirror import Mirror
from batchpoint.cluster.references import References
from batchpoint.cluster.remembered import Remembered
from batchpoint.cluster.resources import (
    EVENTS,
    JOBS,
    NAMESPACES,
    PODS,
    RUNNER_JOBS,
    WORKLOADS,
    Key,
    Manifest,
)
from batchpoint.cluster.runners import POD_OF_JOB, Runners
from batchpoint.errors import Forbidden, NotFound, SpecError
from batchpoint.planning import admission, snapshot
from batchpoint.planning.admission import Scene
from batchpoint.planning.assets import Catalogue
from batchpoint.planning.observed import (
    Capacity,
    DeploymentObserved,
    EndpointObserved,
    EventFacts,
    JobObserved,
    Pinned,
    PodFacts,
    RunnerJobFacts,
    WorkloadFacts,
)
from batchpoint.planning.snapshot import EarlierJob
from batchpoint_runner.contract import InputSpec, Progress

MOMENT_SECONDS = 5.0
"""Pods, events and workloads are read again after this time: one look at a job must not read them twice."""
MOST_NAMESPACES = 20
"""Whose warnings are remembered at the same time."""
JOB_UID_OF_WORKLOAD = "kueue.x-k8s.io/job-uid"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempts:
    """The Jobs of a BatchJob, as `JobObserved` tells of them."""

    runner_job: RunnerJobFacts | None
    successor: RunnerJobFacts | None = None
    name_taken: bool = False

    @property
    def latest(self) -> RunnerJobFacts | None:
        return self.successor or self.runner_job


class Observer:
    """Makes the records that plans are made from.

    Each method returns None where there is nothing to plan: the object is gone, or it is a job that has
    ended. Each raises `SpecError` where the object, or one that it stands on, breaks a rule that the
    schema cannot tell; its status must then say so, and only an edit helps.

    Args:
        client: Reads what is not watched.
        mirror: Has what is watched.
        runners: Know the progress.
        operator_namespace: Where compute profiles are.
        check_secrets: Whether to look for the Secrets that deployments name. Only their metadata is read.
    """

    def __init__(
        self,
        client: Client,
        mirror: Mirror,
        runners: Runners,
        *,
        operator_namespace: str,
        check_secrets: bool = False,
    ) -> None:
        self._client = client
        self._mirror = mirror
        self._runners = runners
        self._references = References(
            client, operator_namespace=operator_namespace, check_secrets=check_secrets
        )
        self._workloads = Remembered[str, WorkloadFacts | None](seconds=MOMENT_SECONDS)
        self._pods = Remembered[tuple[str, str], tuple[PodFacts, ...]](seconds=MOMENT_SECONDS)
        self._warnings = Remembered[str, Mapping[str, tuple[EventFacts, ...]]](
            seconds=MOMENT_SECONDS, capacity=MOST_NAMESPACES
        )
        """By namespace, and in it by the uid of what they are about."""
        self._pinned = Remembered[str, Pinned | None](seconds=math.inf)
        """By uid of the Job, which cannot change."""

    async def job(self, key: Key, now: datetime) -> tuple[BatchJob, JobObserved] | None:
        """Look at a job and everything that it depends on."""
        job = self._mirror.job(key)
        if job is None:
            return None
        status = job.status or BatchJobStatus()
        attempts = await self._attempts(job, status)
        latest = attempts.latest
        if latest is None and status.runner_job is None:
            return job, await self._before_launch(job, attempts)
        if latest is None:
            return job, JobObserved(scene=self._scene(key.namespace))
        pods = await self._pods_of(latest) if needs.pods(status, latest, now) else None
        return job, JobObserved(
            scene=self._scene(key.namespace),
            runner_job=attempts.runner_job,
            successor=attempts.successor,
            name_taken=attempts.name_taken,
            pinned=await self._pinned_of(latest) if needs.pinned(status, latest) else None,
            pods=pods,
            events=await self._events_of(latest) if needs.events(status, latest, now) else None,
            namespace_ends=needs.namespace(latest, pods, now) and await self._ends(key.namespace),
            progress=self._progress(latest),
            workload=await self._workload_of(latest) if needs.workload(job, latest) else None,
            capacity=self._capacity(job),
        )

    async def deployment(self, key: Key) -> tuple[BatchDeployment, DeploymentObserved] | None:
        """Look at a deployment and everything that it depends on."""
        found = self._mirror.deployment(key)
        if found is None:
            return None
        scene = self._scene(key.namespace)
        endpoint = scene.endpoints.get(found.spec.endpoint)
        uid = endpoint.metadata.uid if endpoint else ""
        return found, DeploymentObserved(
            scene=scene,
            endpoint_uid=uid,
            owned=any(owner.get("uid") == uid for owner in found.metadata.owner_references),
            jobs=self._mirror.jobs_of_deployment(key),
            profile=await self._references.profile(found),
            code_keys=await self._references.code_keys(found),
            missing_secrets=await self._references.missing_secrets(found),
        )

    async def endpoint(self, key: Key) -> tuple[BatchEndpoint, EndpointObserved] | None:
        """Look at an endpoint and everything that it depends on."""
        found = self._mirror.endpoint(key)
        if found is None:
            return None
        return found, EndpointObserved(
            scene=self._scene(key.namespace), jobs=self._mirror.jobs_of_endpoint(key)
        )

    async def runner_job(self, key: Key) -> Manifest | None:
        """Return a Job as it is now, for the next attempt to be made from."""
        return await self._client.get(RUNNER_JOBS, *key)

    # The Jobs of a BatchJob

    async def _attempts(self, job: BatchJob, status: BatchJobStatus) -> _Attempts:
        recorded = status.runner_job
        next_ = await self._named(job, status.attempt + 1 if recorded else 1)
        is_ours = next_ is not None and next_.owner_uid == job.metadata.uid
        ours, taken = (next_, False) if is_ours else (None, next_ is not None)
        if recorded is None:
            return _Attempts(runner_job=ours, name_taken=taken)
        found = self._mirror.runner_job(Key(job.namespace, recorded.name))
        if found is None or found.uid != recorded.uid:
            self._runners.forget(recorded.uid)
            found = await self._read_anew(Key(job.namespace, recorded.name))
        is_same = found is not None and found.uid == recorded.uid
        return _Attempts(runner_job=found if is_same else None, successor=ours, name_taken=taken)

    async def _named(self, job: BatchJob, attempt: int) -> RunnerJobFacts | None:
        """Return the Job with the name of an attempt, whoever owns it.

        That of a stranger is read anew: it may have no label of ours, and then no watch tells of its end.
        """
        key = Key(job.namespace, runner_job_name(job.name, attempt))
        found = self._mirror.runner_job(key)
        if found is None or found.owner_uid == job.metadata.uid:
            return found
        return await self._read_anew(key)

    async def _read_anew(self, key: Key) -> RunnerJobFacts | None:
        manifest = await self._client.get(RUNNER_JOBS, *key)
        if manifest is None:
            self._mirror.forget(RUNNER_JOBS, key)
            return None
        self._mirror.put(RUNNER_JOBS, manifest)
        return self._mirror.runner_job(key)

    # Before the launch

    async def _before_launch(self, job: BatchJob, attempts: _Attempts) -> JobObserved:
        name = self._deployment_of(job)
        found = self._mirror.deployments(job.namespace).get(name or "")
        earlier, unfinished = await self._earlier(job)
        return JobObserved(
            scene=self._scene(job.namespace, await self._references.assets(job)),
            name_taken=attempts.name_taken,
            capacity=self._capacity(job),
            profile=await self._references.profile(found) if found else None,
            earlier=earlier,
            earlier_unfinished=unfinished,
        )

    def _deployment_of(self, job: BatchJob) -> str | None:
        """Return the deployment's name, once it is certain that endpoint and deployment can be understood."""
        try:
            self._mirror.endpoint(Key(job.namespace, job.spec.endpoint))
        except SpecError as error:
            raise _stands_on(error, "spec.endpoint", "BatchEndpoint", job.spec.endpoint) from error
        name = admission.deployment_name(job, self._scene(job.namespace))
        try:
            self._mirror.deployment(Key(job.namespace, name or ""))
        except SpecError as error:
            raise _stands_on(error, "spec.deployment", "BatchDeployment", name) from error
        return name

    async def _earlier(self, job: BatchJob) -> tuple[EarlierJob | None, bool]:
        """Return what a rerun takes from the job before it, and whether that one has not ended."""
        if job.spec.rerun is None:
            return None, False
        key = Key(job.namespace, job.spec.rerun.job)
        manifest = self._mirror.manifest(JOBS, key) or await self._client.get(JOBS, *key)
        if manifest is None:
            return None, False
        earlier = parsing.from_cluster(BatchJob, manifest)
        if not facts.has_ended(manifest):
            return None, True
        status = earlier.status or BatchJobStatus()
        input_ = await self._input_of(earlier, status)
        if input_ is None or status.output is None:
            return None, False
        return (
            EarlierJob(uid=earlier.metadata.uid, output_uri=status.output.uri, input=input_),
            False,
        )

    async def _input_of(
        self, job: BatchJob, status: BatchJobStatus, *, seen: frozenset[str] = frozenset()
    ) -> InputSpec | None:
        """Return what an earlier job has scored: as it was pinned, else by its spec."""
        if status.runner_job is not None:
            manifest = await self._client.get(RUNNER_JOBS, job.namespace, status.runner_job.name)
            pinned = facts.pinned(manifest) if manifest else None
            if pinned is not None and pinned.config.job.uid == job.metadata.uid:
                return pinned.config.input
        given = job.spec.input
        if given is None:
            return await self._input_of_earlier(job, seen | {job.metadata.uid})
        try:
            return snapshot.input_of(given, await self._references.assets(job))
        except SpecError:
            return None

    async def _input_of_earlier(self, job: BatchJob, seen: frozenset[str]) -> InputSpec | None:
        """Return what a rerun whose Job is gone has scored: what its own source has."""
        name = job.spec.rerun.job if job.spec.rerun else ""
        manifest = await self._client.get(JOBS, job.namespace, name)
        if manifest is None:
            return None
        earlier = parsing.from_cluster(BatchJob, manifest)
        if earlier.metadata.uid in seen or not _came_first(earlier, job):
            return None  # a namesake of the source, made after that was deleted
        return await self._input_of(earlier, earlier.status or BatchJobStatus(), seen=seen)

    # What a Job has

    def _progress(self, job: RunnerJobFacts) -> Progress | None:
        if needs.progress(job):
            return self._runners.progress(job)
        self._runners.forget(job.uid)
        return None

    async def _pinned_of(self, job: RunnerJobFacts) -> Pinned | None:
        return await self._pinned.get(job.uid, lambda: self._read_pinned(job))

    async def _read_pinned(self, job: RunnerJobFacts) -> Pinned | None:
        if (known := self._mirror.created(job.uid)) is not None:
            return known
        manifest = await self.runner_job(Key(job.namespace, job.name))
        if manifest is None or manifest["metadata"]["uid"] != job.uid:
            return None
        return facts.pinned(manifest)

    async def _pods_of(self, job: RunnerJobFacts) -> tuple[PodFacts, ...]:
        version = job.uid, job.resource_version
        return await self._pods.get(version, lambda: self._read_pods(job))

    async def _read_pods(self, job: RunnerJobFacts) -> tuple[PodFacts, ...]:
        found = await self._client.list(PODS, job.namespace, labels=f"{POD_OF_JOB}={job.uid}")
        return tuple(map(facts.pod, found))

    async def _events_of(self, job: RunnerJobFacts) -> tuple[EventFacts, ...]:
        """Return what is told about the Job and about its first pod that waits; others wait alike."""
        told = await self._warnings.get(job.namespace, lambda: self._read_warnings(job.namespace))
        waiting = [pod for pod in await self._pods_of(job) if pod.phase == "Pending"]
        first = min(waiting, key=lambda pod: (pod.index, pod.name), default=None)
        about_pod = told.get(first.uid, ()) if first else ()
        return (*told.get(job.uid, ()), *about_pod)

    async def _read_warnings(self, namespace: str) -> Mapping[str, tuple[EventFacts, ...]]:
        """Read all warnings at once: a server looks through all of them even when it is asked about one."""
        return facts.events(await self._client.list(EVENTS, namespace, fields="type=Warning"))

    async def _ends(self, namespace: str) -> bool:
        found = await self._client.get(NAMESPACES, "", namespace)
        return found is not None and "deletionTimestamp" in found["metadata"]

    async def _workload_of(self, job: RunnerJobFacts) -> WorkloadFacts | None:
        return await self._workloads.get(job.uid, lambda: self._read_workload(job))

    async def _read_workload(self, job: RunnerJobFacts) -> WorkloadFacts | None:
        """Read Kueue's view; None too where Kueue is not installed, or the operator may not look."""
        selector = f"{JOB_UID_OF_WORKLOAD}={job.uid}"
        for kind in WORKLOADS:
            try:
                found = await self._client.list(kind, job.namespace, labels=selector)
            except NotFound:
                continue
            except Forbidden:
                return None
            return facts.workload(found[0]) if found else None
        return None

    # What is shared

    def _scene(self, namespace: str, known: Catalogue | None = None) -> Scene:
        return Scene(
            endpoints=self._mirror.endpoints(namespace),
            deployments=self._mirror.deployments(namespace),
            jobs=self._mirror.job_names(namespace),
            assets=known or {},
        )

    def _capacity(self, job: BatchJob) -> Capacity:
        key = Key(job.namespace, job.spec.endpoint)
        endpoint = self._mirror.endpoints(job.namespace).get(key.name)
        limit = endpoint.spec.max_active_jobs if endpoint else None
        record = self._mirror.record(Key(job.namespace, job.name))
        if limit is None or record is None:
            return Capacity()
        return self._mirror.line(key).capacity(record, limit=limit)


def _came_first(one: BatchJob, other: BatchJob) -> bool:
    """Say whether a job is not younger; times of creation are whole seconds."""
    created, later = one.metadata.creation_timestamp, other.metadata.creation_timestamp
    return created is not None and later is not None and created <= later


def _stands_on(error: SpecError, field: str, kind: str, name: str | None) -> SpecError:
    """Return what an object's fault means to a job that names it."""
    return SpecError(Reason.DEPLOYMENT_NOT_READY, field, f'{kind} "{name}" cannot be used. {error}')
