"""From an action of a plan to the write that does it: each is rendered here and applied by `cluster`."""

from __future__ import annotations

import logging
from typing import assert_never

from batchpoint.api.job import BatchJob
from batchpoint.api.resource import Resource
from batchpoint.cluster.apply import Applier
from batchpoint.cluster.observe import Observer
from batchpoint.cluster.resources import Key
from batchpoint.errors import NotReady
from batchpoint.planning.plan import (
    Action,
    ContinueRunnerJob,
    CreateRunnerJob,
    DeleteJob,
    DeleteRunnerJob,
    OwnDeployment,
    SuspendRunnerJob,
)
from batchpoint.rendering import Manifest, patches, runner_job
from batchpoint.rendering.options import RenderOptions

logger = logging.getLogger(__name__)


class Actor:
    """Does what plans ask for."""

    def __init__(self, applier: Applier, observer: Observer, options: RenderOptions) -> None:
        self._applier = applier
        self._observer = observer
        self._options = options

    async def act(self, action: Action, namespace: str, owner: Resource | None = None) -> None:
        """Apply an action.

        Args:
            action: What to do.
            namespace: Of the object that it is about.
            owner: The object that was planned for; None: one that has ended and of which little is kept.

        Raises:
            ClusterError: The write failed.
        """
        logger.info(
            "Action applied",
            extra={"action": type(action).__name__, "object": f"{namespace}/{action.name}"},
        )
        key = Key(namespace, action.name)
        match action:
            case CreateRunnerJob():
                assert isinstance(owner, BatchJob)
                manifest = runner_job.render(action, owner, self._options)
                await self._applier.create_runner_job(manifest)
            case ContinueRunnerJob():
                previous = await self._previous(Key(namespace, action.previous), action)
                manifest = runner_job.next_attempt(previous, action.attempt)
                await self._applier.create_runner_job(manifest)
            case SuspendRunnerJob():
                await self._applier.suspend_runner_job(key, patches.suspend(action))
            case DeleteRunnerJob(uid=uid):
                await self._applier.delete_runner_job(key, uid)
            case DeleteJob(uid=uid):
                await self._applier.delete_job(key, uid)
            case OwnDeployment():
                await self._applier.own_deployment(key, patches.owner(action, namespace))
            case _:
                assert_never(action)

    async def _previous(self, key: Key, action: ContinueRunnerJob) -> Manifest:
        found = await self._observer.runner_job(key)
        if found is None or found["metadata"]["uid"] != action.previous_uid:
            # The next observation misses it as well, and the plan says what that means.
            raise NotReady(f"Job {key} of the attempt before is gone.", after_seconds=1.0)
        return found
