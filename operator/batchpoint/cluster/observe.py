"""Reads what a plan depends on: the mirror, and only what is needed beyond it."""

from __future__ import annotations

from datetime import datetime

from batchpoint.api.deployment import BatchDeployment
from batchpoint.api.endpoint import BatchEndpoint
from batchpoint.api.job import BatchJob
from batchpoint.cluster.client import Client
from batchpoint.cluster.mirror import Mirror
from batchpoint.cluster.resources import Key, Manifest
from batchpoint.cluster.runners import Runners
from batchpoint.planning.observed import DeploymentObserved, EndpointObserved, JobObserved


class Observer:
    """Makes the records that plans are made from.

    Each method returns None where there is nothing to plan: the object is gone, or it is a job that has
    ended. Each raises `SpecError` where the object, or one that it stands on, breaks a rule that the
    schema cannot tell; its status must then say so, and only an edit helps.
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
        raise NotImplementedError

    async def job(self, key: Key, now: datetime) -> tuple[BatchJob, JobObserved] | None:
        """Look at a job and everything that it depends on."""
        raise NotImplementedError

    async def deployment(
        self, key: Key, now: datetime
    ) -> tuple[BatchDeployment, DeploymentObserved] | None:
        """Look at a deployment and everything that it depends on."""
        raise NotImplementedError

    async def endpoint(self, key: Key) -> tuple[BatchEndpoint, EndpointObserved] | None:
        """Look at an endpoint and everything that it depends on."""
        raise NotImplementedError

    async def runner_job(self, key: Key) -> Manifest | None:
        """Return a Job as it is now, for the next attempt to be made from."""
        raise NotImplementedError
