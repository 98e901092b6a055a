"""The one path of every wake-up: observe → plan → act, until nothing is left to do, then report.

Creation, edits, timers, children's events and a restart all come here, and each look restores the whole.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import defaultdict
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import UTC, datetime
from weakref import WeakValueDictionary

from batchpoint.api.job import FINAL_PHASES
from batchpoint.cluster.mirror import Mirror
from batchpoint.cluster.resources import JOBS, Key
from batchpoint.errors import BatchpointError, Invalid, SpecError
from batchpoint.handlers import failures
from batchpoint.handlers.acting import Actor
from batchpoint.handlers.deciding import Decider, Decision
from batchpoint.handlers.reporting import Reporter
from batchpoint.handlers.wakeups import Patience, Subject
from batchpoint.metrics import Metrics
from batchpoint.planning import retention
from batchpoint.planning.plan import Action, CreateRunnerJob

logger = logging.getLogger(__name__)

LATEST_STATUS_SECONDS = 5.0
"""After a Job was created: until then the Jobs of other objects come first, and its status is written once
they are there."""
MOST_ROUNDS = 4
"""Of planning anew what was acted upon: more would mean that actions undo each other."""


class Reconciler:
    """Looks at one object, whichever it is. Called by `wakeups.Workers`."""

    def __init__(
        self, mirror: Mirror, decider: Decider, actor: Actor, reporter: Reporter, metrics: Metrics
    ) -> None:
        self._mirror = mirror
        self._decider = decider
        self._actor = actor
        self._reporter = reporter
        self._metrics = metrics
        self._failures: dict[Subject, int] = defaultdict(int)
        self._launched: set[Subject] = set()
        """Of which a Job was created at the last look, and the status is not written yet."""
        self._turns = WeakValueDictionary[Key, asyncio.Lock]()
        """By endpoint, while somebody uses it: who counts its free slots takes one before another counts."""

    async def __call__(self, subject: Subject) -> float | None:
        """Look at an object; return the seconds after which to look again. Never raises."""
        started, result = asyncio.get_running_loop().time(), "Done"
        try:
            async with self._turn(subject):
                again = await self._look(subject)
            self._failures.pop(subject, None)
        except Exception as exc:  # noqa: BLE001  (one object must not stop the others)
            result, again = type(exc).__name__, self._failed(subject, exc)
        seconds = asyncio.get_running_loop().time() - started
        self._metrics.reconciled(kind=subject.kind.kind, result=result, seconds=seconds)
        return again

    async def _look(self, subject: Subject) -> float | None:
        try:
            decision = await self._settle(subject)
        except (SpecError, Invalid) as exc:
            now = datetime.now(UTC)
            await self._reporter.report(subject, *self._decider.refused(subject, exc, now), now)
            raise
        if decision is None:
            return await self._retire(subject)
        plan = decision.plan
        if self._may_wait(subject, plan.actions):
            self._launched.add(subject)
            return Patience(LATEST_STATUS_SECONDS)
        self._launched.discard(subject)
        await self._reporter.report(subject, decision.seen, plan.status, datetime.now(UTC))
        # Our own write of the outcome comes back as no news: nobody else would look at what is left.
        has_ended = subject.kind == JOBS and self._mirror.manifest(JOBS, subject.key) is None
        return await self._retire(subject) if has_ended else plan.requeue_after_seconds

    async def _settle(self, subject: Subject) -> Decision | None:
        """Act until the plan has no actions, or the very ones that are done and not seen yet."""
        done: tuple[Action, ...] = ()
        for _ in range(MOST_ROUNDS):
            decision = await self._decider.decide(subject, datetime.now(UTC))
            if decision is None or not decision.plan.actions or decision.plan.actions == done:
                return decision
            done = decision.plan.actions
            for action in done:
                await self._actor.act(action, subject.key.namespace, decision.found)
            if self._may_wait(subject, done):
                return decision
        return decision

    def _may_wait(self, subject: Subject, actions: Sequence[Action]) -> bool:
        """Say whether an object waits with its status for others' Jobs, after these actions: only once."""
        launched = any(isinstance(action, CreateRunnerJob) for action in actions)
        return launched and subject not in self._launched

    async def _retire(self, subject: Subject) -> float | None:
        """Delete what is left of a job that has ended long enough ago; return when that will be."""
        self._reporter.forget(subject)
        self._launched.discard(subject)
        record = self._mirror.record(subject.key) if subject.kind == JOBS else None
        if record is None:
            return None
        now = datetime.now(UTC)
        for action in retention.due(record, self._mirror.runner_jobs(subject.key), now):
            await self._actor.act(action, subject.key.namespace)
        return retention.seconds_left(record, now) or None

    def _turn(self, subject: Subject) -> AbstractAsyncContextManager[object]:
        """Return the lock of the endpoint for a job that may take one of its slots: to start, or to go on."""
        record = self._mirror.record(subject.key) if subject.kind == JOBS else None
        if record is None or record.phase in FINAL_PHASES:
            return nullcontext()
        key = Key(subject.key.namespace, record.endpoint)
        endpoint = self._mirror.endpoints(key.namespace).get(key.name)
        if endpoint is None or endpoint.spec.max_active_jobs is None:
            return nullcontext()
        if self._mirror.line(key).has_slot(record.name):
            return nullcontext()
        return self._turns.setdefault(key, asyncio.Lock())

    def _failed(self, subject: Subject, error: Exception) -> float | None:
        self._failures[subject] += 1
        answer = failures.answer(error, self._failures[subject], random.random())
        logger.log(
            answer.level,
            "Look at object failed",
            extra={
                "kind": subject.kind.kind,
                "object": str(subject.key),
                "cause": error.message if isinstance(error, BatchpointError) else repr(error),
                "seconds": answer.after_seconds,
            },
            exc_info=error if answer.is_fault_of_ours else None,
        )
        return answer.after_seconds
