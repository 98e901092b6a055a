"""Observing and planning, kind by kind: the only place where the three kinds differ on the path."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from batchpoint.api.deployment import BatchDeploymentStatus
from batchpoint.api.endpoint import BatchEndpointStatus
from batchpoint.api.job import BatchJobStatus
from batchpoint.api.meta import Metadata
from batchpoint.api.reasons import Reason
from batchpoint.api.resource import Resource
from batchpoint.cluster import status
from batchpoint.cluster.mirror import Mirror
from batchpoint.cluster.observe import Observer
from batchpoint.cluster.resources import DEPLOYMENTS, ENDPOINTS, JOBS, Key, ResourceKind
from batchpoint.errors import Invalid, SpecError
from batchpoint.handlers.reporting import Seen, Status
from batchpoint.handlers.wakeups import Subject
from batchpoint.planning import deployment, diagnosis, endpoint, job
from batchpoint.planning.plan import Plan
from batchpoint.rendering.options import RenderOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What shall happen with an object, and what that was decided from."""

    found: Resource
    seen: Seen
    plan: Plan[Any]


class Decider:
    """Reads what a plan needs, and makes it.

    Args:
        mirror: Where objects are that cannot be understood.
        observer: Reads.
        options: What the platform decides about instances; deployments show some of it.
        allowed_service_accounts: Those that deployments may name; empty: none.
    """

    def __init__(
        self,
        mirror: Mirror,
        observer: Observer,
        options: RenderOptions,
        *,
        allowed_service_accounts: Sequence[str] = (),
    ) -> None:
        self._mirror = mirror
        self._observer = observer
        self._options = options
        self._allowed_service_accounts = allowed_service_accounts

    async def decide(self, subject: Subject, now: datetime) -> Decision | None:
        """Observe and plan; None: the object is gone, or is a job that has ended.

        Raises:
            SpecError: The object breaks a rule that the schema cannot tell; see `refused`.
            ClusterError: It could not be observed.
        """
        if subject.kind == JOBS:
            return await self._job(subject.key, now)
        if subject.kind == DEPLOYMENTS:
            return await self._deployment(subject.key, now)
        return await self._endpoint(subject.key, now)

    def refused(
        self, subject: Subject, error: SpecError | Invalid, now: datetime
    ) -> tuple[Seen, Status]:
        """Return an object that cannot be helped, as far as it is understood, and its new status.

        Args:
            subject: The object.
            error: What is wrong with it, or why the API server refuses what is to be made for it.
            now: Moment of the change.
        """
        if isinstance(error, Invalid):
            found = diagnosis.refusal(error.message)
            error = (
                SpecError(found.reason, "", found.message)
                if found
                else SpecError(Reason.POD_REFUSED, "", error.message)
            )
        manifest = self._mirror.manifest(subject.kind, subject.key) or {}
        metadata = Metadata.model_validate(manifest.get("metadata") or {}, extra="ignore")
        model, refuse = _REFUSALS[subject.kind]
        old = status.current(self._mirror, subject.kind, subject.key, model)
        name = str((manifest.get("spec") or {}).get("endpoint", ""))
        seen = Seen(metadata=metadata, status=old, endpoint=name)
        return seen, refuse(old, error, generation=metadata.generation, now=now)

    async def _job(self, key: Key, now: datetime) -> Decision | None:
        found = await self._observer.job(key, now)
        if found is None:
            return None
        seen = Seen(
            metadata=found[0].metadata,
            status=found[0].status or BatchJobStatus(),
            endpoint=found[0].spec.endpoint,
        )
        return Decision(found=found[0], seen=seen, plan=job.plan(*found, now))

    async def _deployment(self, key: Key, now: datetime) -> Decision | None:
        found = await self._observer.deployment(key)
        if found is None:
            return None
        seen = Seen(
            metadata=found[0].metadata,
            status=found[0].status or BatchDeploymentStatus(),
            endpoint=found[0].spec.endpoint,
        )
        plan = deployment.plan(
            *found,
            now,
            default_image=self._options.default_scorer_image,
            allowed_service_accounts=self._allowed_service_accounts,
            runner_requests=self._options.runner_requests,
        )
        return Decision(found=found[0], seen=seen, plan=plan)

    async def _endpoint(self, key: Key, now: datetime) -> Decision | None:
        found = await self._observer.endpoint(key)
        if found is None:
            return None
        seen = Seen(metadata=found[0].metadata, status=found[0].status or BatchEndpointStatus())
        return Decision(found=found[0], seen=seen, plan=endpoint.plan(*found, now))


_REFUSALS: dict[ResourceKind, tuple[type[Any], Callable[..., Status]]] = {
    JOBS: (BatchJobStatus, job.refused),
    DEPLOYMENTS: (BatchDeploymentStatus, deployment.refused),
    ENDPOINTS: (BatchEndpointStatus, endpoint.refused),
}
"""By kind: the model of its status, and what makes the one of an object that breaks a rule."""
