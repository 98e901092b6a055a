"""What the watch says, in memory: filled by lists of our own, fed by events and by our own writes.

A restart reads everything again. Finished jobs are kept as records of a few hundred bytes, all else as
manifests and parsed objects. Nothing here waits: it is used from one event loop and answers at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from batchpoint.api.deployment import BatchDeployment
from batchpoint.api.endpoint import BatchEndpoint
from batchpoint.api.job import BatchJob
from batchpoint.cluster.client import Client
from batchpoint.cluster.resources import Key, Manifest, ResourceKind
from batchpoint.planning.observed import JobRecord, RunnerJobFacts


class Mirror:
    """The four watched kinds, by namespace and name."""

    async def fill(self, client: Client, namespaces: Sequence[str] = ()) -> None:
        """Read everything, and forget what is gone. No namespaces: the whole cluster."""
        raise NotImplementedError

    def put(self, kind: ResourceKind, manifest: Manifest) -> bool:
        """Take in a newer version; an older one, or the same, changes nothing.

        Returns:
            Whether there is anything new that a plan could depend on.
        """
        raise NotImplementedError

    def remove(self, kind: ResourceKind, manifest: Manifest) -> bool:
        """Forget an object; a namesake with another uid stays. Returns whether it was there."""
        raise NotImplementedError

    def manifest(self, kind: ResourceKind, key: Key) -> Manifest | None:
        """Return an object of ours as it was read; None: not there, or a finished job."""
        raise NotImplementedError

    def endpoint(self, key: Key) -> BatchEndpoint | None:
        """Return the endpoint.

        Raises:
            SpecError: It breaks a rule that the schema cannot tell.
        """
        raise NotImplementedError

    def deployment(self, key: Key) -> BatchDeployment | None:
        """Return the deployment.

        Raises:
            SpecError: It breaks a rule that the schema cannot tell.
        """
        raise NotImplementedError

    def job(self, key: Key) -> BatchJob | None:
        """Return the job; None: not there, or finished with nothing left to do.

        Raises:
            SpecError: It breaks a rule that the schema cannot tell.
        """
        raise NotImplementedError

    def record(self, key: Key) -> JobRecord | None:
        """Return the short form of a job, finished or not."""
        raise NotImplementedError

    def endpoints(self, namespace: str) -> Mapping[str, BatchEndpoint]:
        """Return the endpoints of a namespace by name; those that break a rule are left out."""
        raise NotImplementedError

    def deployments(self, namespace: str) -> Mapping[str, BatchDeployment]:
        """Return the deployments of a namespace by name; those that break a rule are left out."""
        raise NotImplementedError

    def jobs_of_endpoint(self, key: Key) -> tuple[JobRecord, ...]:
        """Return the jobs of an endpoint, the newest first."""
        raise NotImplementedError

    def jobs_of_deployment(self, key: Key) -> tuple[JobRecord, ...]:
        """Return the jobs that were resolved to a deployment, the newest first."""
        raise NotImplementedError

    def records(self) -> Iterable[JobRecord]:
        """Yield every job, in no order."""
        raise NotImplementedError

    def unfinished(self) -> list[Key]:
        """Return the jobs with something left to do, in no order."""
        raise NotImplementedError

    def unfinished_of_endpoint(self, key: Key) -> list[Key]:
        """Return those that a change of the endpoint may concern."""
        raise NotImplementedError

    def slots(self, job: Key) -> tuple[int, int]:
        """Return how many jobs of the same endpoint hold a slot, and how many wait before this one."""
        raise NotImplementedError

    def first_waiting(self, endpoint: Key, count: int) -> list[Key]:
        """Return the jobs that a free slot goes to next: at most ``count``, the oldest first."""
        raise NotImplementedError

    def runner_jobs(self, job: Key) -> list[RunnerJobFacts]:
        """Return all Jobs that carry the job's name, whoever owns them; the latest attempt last."""
        raise NotImplementedError

    def runner_job(self, key: Key) -> RunnerJobFacts | None:
        """Return one Job by its own name."""
        raise NotImplementedError

    def owner_of(self, runner_job: Manifest) -> Key | None:
        """Return the BatchJob that a Job belongs to: the one to wake when it changes."""
        raise NotImplementedError

    def counts(self) -> Mapping[tuple[str, str], int]:
        """Return the number of jobs by namespace and phase, for metrics."""
        raise NotImplementedError
