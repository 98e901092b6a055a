"""What the replica does that holds the Lease: joins the parts, and runs them until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import kopf

from batchpoint.cluster.apply import Applier
from batchpoint.cluster.client import Client
from batchpoint.cluster.events import EventPoster
from batchpoint.cluster.mirror import Mirror
from batchpoint.cluster.observe import Observer
from batchpoint.cluster.resources import Manifest, ResourceKind
from batchpoint.cluster.runners import Runners
from batchpoint.handlers import concerns, registry
from batchpoint.handlers.acting import Actor
from batchpoint.handlers.deciding import Decider
from batchpoint.handlers.reconcile import Reconciler
from batchpoint.handlers.reporting import Reporter
from batchpoint.handlers.serving import Health, State
from batchpoint.handlers.wakeups import Subject, Workers
from batchpoint.handlers.watchdog import Watchdog
from batchpoint.metrics import Metrics
from batchpoint.rendering.options import RenderOptions
from batchpoint.settings import Settings

logger = logging.getLogger(__name__)

DRAIN_SECONDS = 10.0
"""For what is in hand when the process is to stop; Kubernetes kills it after 30."""
POST_SECONDS = 2.0
"""For events that wait to be posted then."""


class Leader:
    """All parts of a replica that acts, joined once."""

    def __init__(self, client: Client, told: Settings, health: Health, metrics: Metrics) -> None:
        options = render_options(told)
        self._client = client
        self._told = told
        self._health = health
        self._metrics = metrics
        self.mirror = Mirror()
        self._runners = Runners(client)
        self._events = EventPoster(client, on_dropped=metrics.event_dropped)
        observer = Observer(
            client,
            self.mirror,
            self._runners,
            operator_namespace=told.operator_namespace,
            check_secrets=told.check_secrets,
        )
        self._workers = Workers(
            Reconciler(
                self.mirror,
                Decider(
                    self.mirror,
                    observer,
                    options,
                    allowed_service_accounts=told.allowed_service_accounts,
                ),
                Actor(Applier(client, self.mirror), observer, options),
                Reporter(client, self.mirror, self._events, metrics, wake=self._wake),
                metrics,
            ),
            concurrency=told.concurrency,
        )
        self._watchdog = Watchdog(
            client,
            self.mirror,
            wake=self._wake,
            stalled_seconds=self._workers.stalled_seconds,
            namespaces=told.namespaces,
            every_seconds=told.resync_seconds,
        )

    async def run(self, stop: asyncio.Event, *, started: Callable[[], None]) -> None:
        """Look after objects until ``stop`` is set; what is in hand then is finished first.

        Args:
            stop: Set from outside.
            started: Called once kopf runs: it has taken the signals of the process by then.

        Raises:
            Exception: A part ended that never should; the process must be started anew.
        """
        self._health.state = State.READING
        await self.mirror.fill(self._client, self._told.namespaces)
        looking = asyncio.create_task(self._workers.run(), name="workers")
        posting = asyncio.create_task(self._events.run(), name="events")
        guarding = asyncio.create_task(self._watchdog.run(), name="watchdog")
        told: asyncio.Task[object] = asyncio.create_task(stop.wait(), name="stop")
        # The last: when it ends, kopf cancels every task that is younger than itself.
        hearing = asyncio.create_task(self._hear(started), name="kopf")
        self._lead()
        tasks = (looking, posting, guarding, hearing, told)
        try:
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in ended - {told}:
                task.result()
                raise RuntimeError(f"Part of the operator ended by itself: {task.get_name()}")
            await self._drain(looking)
        finally:
            for task in tasks:
                task.cancel()
            await self._runners.close()

    def _lead(self) -> None:
        self._metrics.watch_queue(self.due, self._workers.oldest_seconds)
        self._metrics.watch_jobs(self.mirror.counts)
        self._metrics.leads(is_leader=True)
        self._health.faults = self._watchdog.faults
        self._health.state = State.LEADING

    async def _drain(self, looking: asyncio.Task[None]) -> None:
        self._health.state = State.STOPPING
        self._workers.stop()
        _, unfinished = await asyncio.wait({looking}, timeout=DRAIN_SECONDS)
        if unfinished:
            logger.warning("Objects left in hand")  # the next operator looks at them anew
        await self._events.drain(POST_SECONDS)

    async def _hear(self, started: Callable[[], None]) -> None:
        ready = asyncio.Event()
        watching = asyncio.create_task(
            kopf.operator(
                registry=registry.build(self.take_in),
                ready_flag=ready,
                standalone=True,
                # Unused, but else kopf asks for the user's name, which an id without an account has not.
                identity=self._told.lease_name,
                clusterwide=not self._told.namespaces,
                namespaces=self._told.namespaces,
            )
        )
        try:
            await asyncio.wait(
                {watching, asyncio.create_task(ready.wait())}, return_when=asyncio.FIRST_COMPLETED
            )
            started()
            await watching
        finally:
            watching.cancel()

    def take_in(self, kind: ResourceKind, manifest: Manifest, what: str | None) -> None:
        """Take an event into the mirror and wake whom it concerns. What is listed is always looked at."""
        self._watchdog.heard(kind, listed=what is None)
        if what == "DELETED":
            is_new = self.mirror.remove(kind, manifest)
        else:
            is_new = self.mirror.put(kind, manifest)
        if is_new or what is None:
            for subject, seconds in concerns.of_event(self.mirror, kind, manifest):
                self._wake(subject, seconds)

    def due(self) -> int:
        """Return how many objects wait to be looked at."""
        return self._workers.depth()

    def _wake(self, subject: Subject, after_seconds: float = 0.0) -> None:
        self._workers.wake(subject, after_seconds)


def render_options(told: Settings) -> RenderOptions:
    """Return the settings that concern instances, as rendering takes them."""
    return RenderOptions(
        runner_image=told.runner_image,
        default_scorer_image=told.scorer_image,
        pull_policy=told.pull_policy,
        runner_requests=told.runner_requests,
        runner_limits=told.runner_limits,
        run_as_user=None if told.run_as_user < 0 else told.run_as_user,
        shared_bytes=told.shared_bytes,
        temporary_bytes=told.temporary_bytes,
        pull_secrets=told.pull_secrets,
        labels=told.labels,
    )
